"""USGS Mineral Commodity Summaries: production by country of the last two years -> `production`.

Payloads: the data release's wide file (MCS 2025: a column per year, whose header has a space in
`PROD_EST_ 2024`) and its long file (MCS 2026: a row per figure, Windows-1252). Both hold the
world tables of one edition: the year before, revised, and the last year, estimated. Which
table speaks for which mineral, and in which unit, stands in usgs_mcs_tables.csv; a table
without a mineral there is known and left out, one that is not listed is rejected.

An edition is one vintage: both years count from when its newer year is out, since the
revised figure of the year before was not known earlier. What a cell says:

- `—` is nil, a zero. In the wide file nil, withheld and unknown are all blank, so blank is unknown.
- `W` (withheld), `NA`, `XX` and blank give no row: not known is not zero.
- `s`, or the note "included with ilmenite", stands in another row of the same mineral.
- Footnotes behind a country ("Peru (exports)") or a statistic are its own figure and are kept.
- World totals and "Other countries" are never rows; totals are held against the sum of their countries.

Left out on purpose: boron (each country reports another product, the publisher gives no world
total), usable iron ore (the iron in it is taken), reserves, capacities, the United States' tables.
MCS 2025 names tonnes for titanium minerals where it means thousands, as MCS 2026 says: its figures are
multiplied, unless they grow past `MOST_IN_THOUSANDS`, which would mean that the unit was put right.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput, UnknownCode
from features.knowledge_time import Lag
from features.sources.spec import Harvest, Request, SourceSpec, read_table, reject_rows

__all__ = ["FILES", "SPEC", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="usgs_mcs",
    title="Mineral Commodity Summaries, data release",
    publisher="U.S. Geological Survey, National Minerals Information Center",
    address="https://www.usgs.gov/centers/national-minerals-information-center/mineral-commodity-summaries",
    licence="US public domain",
    citation="U.S. Geological Survey, Mineral Commodity Summaries, data release, https://doi.org/10.5066/P1WKQ63T",
    cadence="yearly, end of January; corrected in spring",
    lag=Lag(years=1, month=1, day=31),
    lag_rule="year t is available on 31 January of t+1, the revision of year t-1 with it",
    fills=("production",),
    takes="the data release's CSV: MCS2025_World_Data.csv (wide) or MCS2026_Commodities_Data.csv (long)",
    may_redistribute=True,
    endpoint="https://www.sciencebase.gov/catalog/file/get/696a75d5d4be0228872d3bf8?name=MCS2026_Commodities_Data.csv",
    hosts=("www.sciencebase.gov",),
)
FILES = ("MCS*_World_Data.csv", "MCS*_Commodities_Data.csv")

TABLES_FILE = Path(__file__).with_name("usgs_mcs_tables.csv")
LONG_COLUMNS = [
    *("MCS chapter", "Section", "Commodity", "Country", "Statistics", "Statistics_detail"),
    *("Unit", "Year", "Value", "Notes", "Is critical mineral 2025", "Other notes"),
]
WIDE_TEXTS = ["SOURCE", "COMMODITY", "COUNTRY", "TYPE", "UNIT_MEAS", "PROD_NOTES", "CAP_NOTES", "RESERVE_NOTES"]
RAW_COLUMNS = ["row", "layout", "kind", "commodity", "statistic", "unit", "country", "year", "text", "note"]
RAW_COLUMNS += ["is_estimated"]
# The publisher's own names of countries, where the catalogue has none like them.
COUNTRIES = {"Korea, North": "PRK", "Korea, Republic of": "KOR"}
PRODUCTION = "Production"
NO_COUNTRY = ("World total", "Other countries", "Other Countries")
UNKNOWN, NIL, ELSEWHERE = ("", "W", "NA", "XX"), "—", "s"
TONNES_PER_UNIT = {
    "metric tons": 1.0,
    "thousand metric tons": 1000.0,
    "thousand metric dry tons": 1000.0,
    "kilograms": 0.001,
    # Helium at 15 °C and 101.325 kPa, the publisher's reference: 4.0026 g in 23.645 litres.
    "million cubic meters": 169.3,
}
MOST_IN_THOUSANDS = 50_000.0
TOLERANCE_FRAC = 0.05


def _read_tables() -> Mapping[tuple[str, str, str, str], tuple[str, float]]:
    with TABLES_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = ("layout", "commodity", "statistic", "unit")
    return MappingProxyType(
        {
            (row[keys[0]], row[keys[1]], row[keys[2]], row[keys[3]]): (
                row["mineral"],
                float(row["tonnes_per_unit"] or "nan"),
            )
            for row in rows
        }
    )


TABLES = _read_tables()


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for one edition's file; `endpoint` moves with each edition, and its `name=` is kept as the file's name."""
    name = endpoint.rpartition("name=")[2] if "name=" in endpoint else f"MCS{now.year}_Commodities_Data.csv"
    return [Request(endpoint, name)]


def parse(path: Path) -> pd.DataFrame:
    """Read either layout as rows of `RAW_COLUMNS`: one per figure; texts without odd blanks.

    `kind` is `PRODUCTION` for figures of the world tables of production, else "other".

    Raises:
        BadInput: the file is missing, damaged, or neither layout.
    """
    years = _wide_years(path)
    if years is None:
        return _long(read_table(path, [tuple(LONG_COLUMNS)], encoding="cp1252"))
    before, last = years
    columns = [*WIDE_TEXTS, f"RESERVES_{last}"]
    columns += [f"{kind}_{before}" for kind in ("PROD", "CAP")] + [f"PROD_EST_ {last}", f"CAP_EST_ {last}"]
    return _wide(read_table(path, [tuple(columns)], encoding="utf-8-sig"), before, last)


def _wide_years(path: Path) -> tuple[int, int] | None:
    # The header alone tells the layout; a file that cannot be read is the reader's to refuse.
    if not path.is_file():
        return None
    header = path.read_bytes()[:400].decode("utf-8", errors="replace").partition("\n")[0]
    last = header.partition("PROD_EST_")[2].strip()[:4]
    return (int(last) - 1, int(last)) if last.isdigit() else None


def _words(column: pd.Series) -> pd.Series:
    return column.str.split().str.join(" ")


def _wide(table: pd.DataFrame, before: int, last: int) -> pd.DataFrame:
    kind, note = _words(table["TYPE"]), _words(table["PROD_NOTES"])
    said = kind.str.contains("estimated") | note.str.lower().str.startswith("estimated")
    shared = {
        "row": table["row"],
        "layout": "wide",
        "commodity": _words(table["COMMODITY"]),
        "statistic": kind,
        "unit": _words(table["UNIT_MEAS"]),
        "country": _words(table["COUNTRY"]),
        "note": note,
    }
    columns = [(before, f"PROD_{before}", said), (last, f"PROD_EST_ {last}", True)]
    parts = [
        pd.DataFrame(
            shared | {"kind": PRODUCTION, "year": year, "text": _words(table[column]), "is_estimated": is_estimated}
        )
        for year, column, is_estimated in columns
    ]
    for year, column in ((before, f"CAP_{before}"), (last, f"CAP_EST_ {last}"), (last, f"RESERVES_{last}")):
        others = pd.DataFrame(shared | {"kind": "other", "year": year, "text": table[column], "is_estimated": False})
        parts.append(others[table[column].str.strip().ne("")])
    return pd.concat(parts, ignore_index=True)[RAW_COLUMNS]


def _long(table: pd.DataFrame) -> pd.DataFrame:
    is_world = table["Section"].str.startswith("World") & table["Statistics"].eq(PRODUCTION)
    rows = table
    year = pd.to_numeric(rows["Year"], errors="coerce")
    raw = {
        "row": rows["row"],
        "layout": "long",
        "kind": pd.Series("other", index=rows.index).mask(is_world, PRODUCTION),
        "commodity": _words(rows["Commodity"]),
        "statistic": _words(rows["Statistics_detail"]),
        "unit": _words(rows["Unit"]),
        "country": _words(rows["Country"]),
        "year": year,
        "text": _words(rows["Value"]),
        "note": _words(rows["Notes"]),
        "is_estimated": rows["Notes"].str.startswith("Estimated") | year.eq(year[is_world].max()),
    }
    if not is_world.any():
        raise BadInput(
            where="the long file, column Section",
            expected="world tables of production",
            found="none",
            remedy="Has the layout changed?",
        )
    return pd.DataFrame(raw)[RAW_COLUMNS].reset_index(drop=True)


def _iso3(name: str, catalog: Catalog) -> str:
    # A bracket is a footnote, except where it is part of the name: Congo (Kinshasa).
    for form in (name, name.partition(" (")[0]):
        if form in COUNTRIES:
            return COUNTRIES[form]
        try:
            return catalog.iso3_of_name(form)
        except UnknownCode:
            continue
    return ""


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `production`: tonnes by mineral, country and year, all from one edition."""
    others, raw = int(raw["kind"].ne(PRODUCTION).sum()), raw[raw["kind"].eq(PRODUCTION)]
    is_country = ~raw["country"].str.startswith(NO_COUNTRY)
    keys = list(zip(raw["layout"], raw["commodity"], raw["statistic"], raw["unit"], strict=True))
    mineral = pd.Series([TABLES.get(key, ("?", np.nan))[0] for key in keys], index=raw.index, dtype="str")
    factor = pd.Series([TABLES.get(key, ("?", np.nan))[1] for key in keys], index=raw.index, dtype="float64")
    names = {name: _iso3(name, catalog) for name in raw.loc[is_country & mineral.ne(""), "country"].unique()}
    text = raw["text"].mask(raw["text"].isin(UNKNOWN) & raw["note"].str.contains("included with"), ELSEWHERE)
    number = pd.to_numeric(text.str.replace(",", ""), errors="coerce").mask(text.isin([NIL, ELSEWHERE]), 0.0)
    rows = raw.assign(mineral=mineral, supplier=raw["country"].map(names), quantity=number, tonnes=number * factor)
    is_ours = is_country & mineral.ne("")
    is_repaired = factor.gt(raw["unit"].map(TONNES_PER_UNIT).fillna(1.0)) & number.gt(MOST_IN_THOUSANDS)
    checks = (
        ("commodity", is_country & mineral.eq("?"), "a table and unit that usgs_mcs_tables.csv does not list"),
        ("country", is_ours & rows["supplier"].eq(""), "an unknown country"),
        ("year", raw["year"].isna() | (raw["year"] >= now.year), f"not a year that has ended by {now.date()}"),
        ("text", is_ours & number.isna() & ~text.isin(UNKNOWN), "neither a figure nor a known sign"),
        ("text", is_ours & number.lt(0), "a figure below zero"),
        ("text", is_ours & is_repaired, "too large for thousands: has the publisher put the unit right?"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    known = rows[is_ours & ~is_bad & number.notna() & text.ne(ELSEWHERE)]
    counts = {
        "figures of reserves, capacities and the United States' own tables": others,
        "figures of other minerals": int((is_country & mineral.eq("")).sum()),
        "world totals and other countries": int((~is_country).sum()),
        "figures withheld or unknown": int((is_ours & text.isin(UNKNOWN)).sum()),
        "world totals off by more than 5 %": len(unbalanced(rows)),
    }
    return Harvest({"production": _facts(known, lag)}, rejected, counts)


def _facts(known: pd.DataFrame, lag: Lag) -> pd.DataFrame:
    # Ilmenite and rutile, or helium from gas and from store, are one country's figures of one mineral.
    key = ["year", "mineral", "supplier"]
    facts = known.groupby(key, as_index=False).agg(
        quantity_tonnes=("tonnes", "sum"), is_estimated=("is_estimated", "any")
    )
    edition = lag.available_at(int(facts["year"].max())) if len(facts) else None
    return facts.assign(
        year=facts["year"].astype("int16"),
        mineral=facts["mineral"].astype("str"),
        supplier=facts["supplier"].astype("str"),
        is_estimated=facts["is_estimated"].astype("bool"),
        available_at=pd.Series(edition, index=facts.index, dtype="datetime64[us, UTC]"),
        source=SPEC.name,
        is_retracted=False,
    )


def unbalanced(rows: pd.DataFrame) -> pd.DataFrame:
    """List the tables and years whose countries do not add up to the publisher's world total.

    Args:
        rows: raw rows with `mineral` and `quantity`, total rows among them.

    Returns:
        commodity, statistic, year, total, sum; those more than `TOLERANCE_FRAC` apart. Withheld figures are
        outside both.
    """
    key = ["commodity", "statistic", "year"]
    is_total = rows["country"].str.startswith("World total")
    # The long file words the statistic of a total "…: rounded" or "…, rounded".
    named = rows.assign(statistic=rows["statistic"].str.replace(r"[:,] rounded$", "", regex=True))
    total = named[is_total].drop_duplicates(key).set_index(key)["quantity"]
    # What follows a colon is part of the table's name if the total has it, else a country's footnote.
    is_footnote = ~named["statistic"].str.lower().isin(total.index.get_level_values("statistic").str.lower())
    named = named.assign(
        statistic=named["statistic"].mask(is_footnote, named["statistic"].str.partition(": ")[0]).str.lower()
    )
    total.index = total.index.set_levels(total.index.levels[1].str.lower(), level=1)
    parts = named[~is_total & rows["mineral"].ne("")].groupby(key)["quantity"].sum()
    both = pd.DataFrame({"total": total, "sum": parts}).dropna()
    off = (both["sum"] / both["total"] - 1).abs() > TOLERANCE_FRAC
    return both[off].reset_index()
