"""BACI: CEPII's harmonised yearly trade by HS6 product, exporter and importer -> `trade`.

Payload: CSV, or the publisher's zip of yearly CSVs in the revision HS92, read in pieces. Columns: t (year),
i (exporter), j (importer), k (HS6), v (thousand USD), q (tonnes, empty or NA where unknown);
the embedded Parquet has v_usd and q_kg instead of v and q. Country codes are
BACI's own and go through the catalogue. Codes of no catalogue mineral are left out
and counted. A missing quantity is imputed from the world unit value of the product
in that year and flagged. World totals are not in the payload and never made rows.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from pathlib import Path

import pandas as pd

from features.archives import open_zip
from features.catalog import Catalog, load_catalog
from features.errors import BadInput, UnknownCode
from features.knowledge_time import Lag
from features.sources.spec import Harvest, SourceSpec, moment_of_years, read_table, reject_rows

__all__ = ["SPEC", "harmonise", "impute_quantities", "parse"]

SPEC = SourceSpec(
    name="baci",
    title="BACI: International Trade Database at the Product-Level",
    publisher="CEPII",
    address="https://www.cepii.fr/CEPII/en/bdd_modele/bdd_modele_item.asp?id=37",
    licence="Etalab Open Licence 2.0",
    citation="Gaulier and Zignago (2010), BACI, CEPII Working Paper 2010-23",
    cadence="yearly, January or February",
    lag=Lag(years=2, month=2, day=1),
    lag_rule="year t is available on 1 February of t+2",
    fills=("trade",),
    takes="CSV t,i,j,k,v,q or a zip of such files",
    is_embedded=True,
    may_redistribute=True,
)

# A release holds tables of codes beside the years.
MEMBERS = "baci*_y[12][0-9][0-9][0-9]*.csv"
REVISION = "HS92"  # the only one that reaches back to 1995, and the one of the catalogue
CSV_COLUMNS = ("t", "i", "j", "k", "v", "q")
BUNDLE_COLUMNS = ("t", "i", "j", "k", "v_usd", "q_kg")


def parse(path: Path) -> pd.DataFrame:
    """Read a payload into row, t, i, j, k (whole numbers as floats, NaN if unreadable), value_usd, quantity_tonnes.

    Raises:
        BadInput: see `read_table`.
    """
    if path.suffix == ".zip" and path.exists():
        _check_revision(path)
    ours = {int(code) for code in load_catalog().used_hs_codes()["hs_code"]}

    def keep(piece: pd.DataFrame) -> pd.Series:
        # A code that can't be read is kept, to be rejected by name.
        code = pd.to_numeric(piece["k"], errors="coerce")
        return code.isin(ours) | code.isna()

    raw = read_table(path, [CSV_COLUMNS, BUNDLE_COLUMNS], members=MEMBERS, keep=keep)
    left_out = raw.attrs["left_out"]
    if "v_usd" in raw.columns:
        value, quantity = raw["v_usd"].astype("float64"), raw["q_kg"].astype("float64") / 1000
        keys = raw[["t", "i", "j", "k"]].astype("float64")
    else:
        text = raw["q"].str.strip()
        value = pd.to_numeric(raw["v"], errors="coerce").astype("float64") * 1000
        quantity = pd.to_numeric(text.mask(text.isin(["", "NA"])), errors="coerce").astype("float64")
        is_readable = quantity.abs().lt(float("inf")) | text.isin(["", "NA"])
        quantity = quantity.where(is_readable, -1.0)  # rejected below
        keys = raw[["t", "i", "j", "k"]].apply(pd.to_numeric, errors="coerce").astype("float64")
    table = keys.assign(row=raw["row"], value_usd=value, quantity_tonnes=quantity)
    table.attrs["left_out"] = left_out
    return table


def _check_revision(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return  # the reader says what is wrong with it
    with open_zip(path) as archive:
        found = {match for name in archive.namelist() for match in re.findall(r"BACI_(HS\d\d)_Y", name, re.IGNORECASE)}
    if found - {REVISION}:
        raise BadInput(
            where=str(path),
            expected=f"the release in {REVISION}",
            found=", ".join(sorted(found)),
            remedy=f"Download the file of {REVISION}: codes of other revisions mean other products.",
        )


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `trade`.

    Args:
        raw: what `parse` gave.
        lag: the publication lag to honour; a study may pass a shorter one.
        now: the moment of ingestion; a year that has not ended by then is refused.

    Returns:
        Rows of `trade`; rows with an unreadable key, a year in the future, an unknown country, a negative
        or missing value, or a flow that an earlier row has are in `rejected`.
    """
    wanted = {int(code) for code in catalog.used_hs_codes()["hs_code"]}
    is_ours = raw["k"].isin(wanted)
    countries = {code: _iso3(catalog, code) for code in pd.unique(raw[["i", "j"]].to_numpy().ravel())}
    supplier, importer = (raw[side].map(countries).astype("str") for side in ("i", "j"))
    checks = (
        ("t", raw["t"].isna() | (raw["t"] < 1962) | raw["t"].mod(1).ne(0), "not a year"),
        ("t", raw["t"] >= now.year, f"a year that has not ended by {now.date()}"),
        ("k", raw["k"].isna(), "not an HS code"),
        ("i", supplier.eq("?"), "an unknown country code"),
        ("j", importer.eq("?"), "an unknown country code"),
        ("k", is_ours & raw.duplicated(["t", "i", "j", "k"]), "a flow that stands in the file twice"),
        ("value_usd", raw["value_usd"].isna() | raw["value_usd"].abs().eq(float("inf")), "no readable value"),
        ("value_usd", raw["value_usd"] < 0, "a negative value"),
        ("quantity_tonnes", raw["quantity_tonnes"] < 0, "a negative or unreadable quantity"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    keep = is_ours & ~is_bad & supplier.ne("") & importer.ne("")
    rows = pd.DataFrame(
        {
            "year": raw.loc[keep, "t"].astype("int16"),
            "hs_code": raw.loc[keep, "k"].astype("int64").astype("str").str.zfill(6),
            "supplier": supplier[keep],
            "importer": importer[keep],
            "value_usd": raw.loc[keep, "value_usd"],
            "quantity_tonnes": raw.loc[keep, "quantity_tonnes"],
        }
    )
    rows = _merge_fixed_codes(rows)
    rows = impute_quantities(rows)
    rows = rows.assign(available_at=moment_of_years(rows["year"], lag), source=SPEC.name, is_retracted=False)
    others = int((~is_ours).sum()) + int(raw.attrs.get("left_out", 0))
    counts = {"other products": others, "no country": int((supplier.eq("") | importer.eq("")).sum())}
    return Harvest({"trade": rows}, rejected, counts)


def impute_quantities(rows: pd.DataFrame) -> pd.DataFrame:
    """Fill missing quantities with value / world unit value of the product in that year, and flag them.

    Where no row of the product has a quantity and a value that year, the unit value of the product over all years
    of the payload up to that one is used; rows that even this can't help are left at zero, flagged.
    """
    missing = rows["quantity_tonnes"].isna() | ((rows["quantity_tonnes"] <= 0) & (rows["value_usd"] > 0))
    known = rows[~missing].groupby(["hs_code", "year"])[["value_usd", "quantity_tonnes"]].sum()
    unit_value = (known["value_usd"] / known["quantity_tonnes"]).where(known["value_usd"] > 0)
    keys = pd.MultiIndex.from_frame(rows[["hs_code", "year"]])
    price = pd.Series(unit_value.reindex(keys).to_numpy(), index=rows.index)
    so_far = known.groupby(level="hs_code").cumsum()
    fallback = (so_far["value_usd"] / so_far["quantity_tonnes"]).where(so_far["value_usd"] > 0)
    fallback = fallback.rename("price").reset_index()
    if (missing & price.isna()).any():
        wanted = rows.loc[missing & price.isna(), ["hs_code", "year"]].reset_index().sort_values("year")
        found = pd.merge_asof(wanted, fallback.sort_values("year"), on="year", by="hs_code").set_index("index")
        price = price.fillna(found["price"])
    imputed = (rows["value_usd"] / price).fillna(0.0)
    return rows.assign(quantity_tonnes=rows["quantity_tonnes"].mask(missing, imputed), is_imputed=missing)


def _merge_fixed_codes(rows: pd.DataFrame) -> pd.DataFrame:
    # Two BACI codes may be one country (58 and 56): their rows of one key are one flow.
    key = ["year", "hs_code", "supplier", "importer"]
    if not rows.duplicated(key).any():
        return rows.reset_index(drop=True)
    total = rows.groupby(key, sort=False, as_index=False)
    return total.agg(value_usd=("value_usd", "sum"), quantity_tonnes=("quantity_tonnes", _sum_or_missing))


def _sum_or_missing(quantities: pd.Series) -> float:
    return float(quantities.sum(skipna=False))


def _iso3(catalog: Catalog, code: float) -> str:
    # "" stands for a code the catalogue knows and leaves out, "?" for one it does not know.
    if pd.isna(code) or code != int(code):
        return "?"
    try:
        return catalog.iso3_of_baci(int(code)) or ""
    except UnknownCode:
        return "?"
