"""Eurostat Comext: the member states' monthly trade by partner and product -> `mirror_trade`.

- **SDMX-CSV** of DS-045409, a row per indicator: `QUANTITY_IN_100KG` (hundreds of kilograms, whatever the payload
  leaves unsaid), `VALUE_IN_EUROS`, and `SUPPLEMENTARY_QUANTITY`, which is not read. Asked for by HS6 code.
- **CSV of the bulk files** (`full_v2_YYYYMM`), unpacked: a row per customs procedure, which are summed. The files are
  7z archives, for which no reader is among the parts of this system; whoever brings them unpacks them first.

Values are euros and no rate is known: `value_usd` is missing, weights carry the signal. The importer is the member
state that declares. Between member states the partner is the country of dispatch and not of origin; such rows have a
member state on either side, so they never mix with imports from outside, and are counted. The Union's own rows
(EU27_2020 ...) and groups of partners are sums and left out. A product hidden behind X (28XXXXXX) or a figure flagged
as confidential is trade that is not shown: the first is counted, the second becomes a row without figures.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.customs_months import months_out, used_codes
from features.sources.customs_places import GEONOM, GEONOM_OUTSIDE, by_iso2
from features.sources.customs_rows import MASS, Office, harvest, raw_lines
from features.sources.spec import Harvest, Request, SourceSpec, reading

__all__ = ["FILES", "SPEC", "harmonise", "parse", "requests"]

LAG = MonthLag.after_end(60)
SPEC = SourceSpec(
    name="comext",
    title="Comext: EU trade by reporter, partner, product and month (DS-045409)",
    publisher="Eurostat",
    address="https://ec.europa.eu/eurostat/comext/newxtweb/",
    licence="see the publisher's terms (Eurostat allows reuse with the source named)",
    citation="Eurostat, Comext, EU trade since 1988 by HS2-4-6 and CN8 (DS-045409)",
    cadence="monthly",
    lag=LAG,
    lag_rule="month m is available on the 60th day after its end",
    fills=("mirror_trade",),
    takes="SDMX-CSV of DS-045409, or unpacked CSV of the bulk files full_v2_YYYYMM",
    endpoint="https://ec.europa.eu/eurostat/api/comext/dissemination/sdmx/2.1/data/DS-045409",
    hosts=("ec.europa.eu",),
    requests_per_minute=10,
    max_megabytes=500,
    stale_after_days=110,
    seen_live=False,
)
FILES = ("comext_*.csv", "full_v2_*.csv", "full_v2_*.dat")

CODES_PER_CALL, MONTHS_BACK = 4, 13
MEMBERS = ("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
           "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK")  # fmt: skip
FLOWS = {"1": "import", "2": "export"}
KEY = ["freq", "reporter", "partner", "product", "flow", "TIME_PERIOD"]
VALUE, WEIGHT, OTHER = "VALUE_IN_EUROS", "QUANTITY_IN_100KG", "SUPPLEMENTARY_QUANTITY"
BULK = ["REPORTER", "PARTNER", "PRODUCT_NC", "FLOW", "PERIOD", "VALUE_EUR", "QUANTITY_KG"]
# Groups of countries have more than two letters, but for the Union and the euro area.
UNIONS = ("EU", "EA")


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the newest thirteen months of all member states and partners, a few HS6 codes at a time."""
    out = months_out(LAG.available_at, now)
    months = [next(out) for _ in range(MONTHS_BACK)]
    first, last = (f"{year}-{month:02d}" for year, month in (months[-1], months[0]))
    codes = used_codes()
    chunks = [codes[at : at + CODES_PER_CALL] for at in range(0, len(codes), CODES_PER_CALL)]
    query = f"startPeriod={first}&endPeriod={last}&format=SDMX-CSV&compressed=false"
    return [
        Request(
            f"{endpoint}/M.{'+'.join(MEMBERS)}..{'+'.join(chunk)}.1+2.{VALUE}+{WEIGHT}?{query}",
            f"comext_{first}_{last}_{number:02d}.csv",
        )
        for number, chunk in enumerate(chunks)
    ]


def parse(path: Path) -> pd.DataFrame:
    """Read a payload into `customs_rows.RAW_COLUMNS`; the indicators of one flow are one row, that of the first.

    Raises:
        BadInput: missing, damaged, of another layout, without rows, an unknown indicator, or a figure twice.
    """
    remedy = "Is it whole, and unpacked? Else download it again."
    with reading(path, expected="a CSV file", remedy=remedy, also=(ValueError,)):
        table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    table = table.assign(row=range(1, len(table) + 1))
    if set(BULK) <= set(table.columns) and not table.empty:
        return _bulk(table)
    if not {*KEY, "indicators", "OBS_VALUE"} <= set(table.columns) or table.empty:
        raise BadInput(
            where=f"{path}, header",
            expected=f"rows with {', '.join([*KEY, 'indicators', 'OBS_VALUE'])}, or {', '.join(BULK)}",
            found=", ".join(table.columns[:-1]) or "nothing",
            remedy="Ask for format=SDMX-CSV; or has the layout changed?",
        )
    return _sdmx(table, path)


def _sdmx(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    is_bad = ~table["indicators"].isin([VALUE, WEIGHT, OTHER]) | table.duplicated([*KEY, "indicators"])
    if is_bad.any():
        first = table[is_bad].iloc[0]
        raise BadInput(
            where=f"{path}, row {first['row']}, field indicators",
            expected=f"{VALUE}, {WEIGHT} or {OTHER}, once per flow",
            found=first["indicators"],
            remedy="Ask for these indicators only, each flow once.",
        )
    flags = table["OBS_FLAG"] if "OBS_FLAG" in table else pd.Series("", index=table.index)
    figures = table.assign(is_hidden=flags.str.contains("c", regex=False))
    figures = figures[figures["indicators"].ne(OTHER)]
    # Each figure stands once, which is checked above.
    wide = figures.pivot_table(index=KEY, columns="indicators", values="OBS_VALUE", aggfunc="first")
    wide = wide.reindex(columns=[VALUE, WEIGHT])
    about = figures.groupby(KEY).agg(row=("row", "min"), is_hidden=("is_hidden", "any"))
    wide = wide.fillna("").join(about).reset_index().sort_values("row", ignore_index=True)
    month = wide["TIME_PERIOD"].str.replace("-", "")
    lines = pd.DataFrame(
        {
            "row": wide["row"],
            "kind": _kinds(wide["reporter"], wide["partner"], wide["product"], wide["is_hidden"]),
            "flow": wide["flow"].map(FLOWS).fillna(wide["flow"]),
            "first": month.where(wide["freq"].eq("M"), ""),
            "last": month,
            "reporter": wide["reporter"],
            "partner": wide["partner"],
            "hs_code": wide["product"],
            "value": wide[VALUE],
            "quantity": wide[WEIGHT],
            "unit": "100kg",
        }
    )
    return raw_lines(lines)


def _bulk(table: pd.DataFrame) -> pd.DataFrame:
    is_open = pd.Series(False, index=table.index)
    lines = pd.DataFrame(
        {
            "row": table["row"],
            "kind": _kinds(table["REPORTER"], table["PARTNER"], table["PRODUCT_NC"], is_open),
            "flow": table["FLOW"].map(FLOWS).fillna(table["FLOW"]),
            "first": table["PERIOD"],
            "last": table["PERIOD"],
            "reporter": table["REPORTER"],
            "partner": table["PARTNER"],
            "hs_code": table["PRODUCT_NC"],
            "value": table["VALUE_EUR"],
            "quantity": table["QUANTITY_KG"],
            "unit": "kg",
        }
    )
    return raw_lines(lines)


def _kinds(reporter: pd.Series, partner: pd.Series, product: pd.Series, is_hidden: pd.Series) -> pd.Series:
    is_group = pd.concat([each.str.len().gt(2) | each.isin(UNIONS) for each in (reporter, partner)], axis=1).any(axis=1)
    kind = is_hidden.map({True: "hidden", False: "line"}).mask(product.eq("TOTAL"), "breakdown")
    return kind.mask(product.str.fullmatch(r"\d*X+"), "confidential").mask(is_group, "bloc")


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`, weights only; customs procedures are summed."""
    office = Office(
        source=SPEC.name,
        country=by_iso2(catalog, GEONOM),
        known_at=lag.available_at,
        units={"kg": MASS["kg"], "100kg": MASS["100kg"]},
        usd_per_value=None,
        outside=GEONOM_OUTSIDE,
        code_lengths=(2, 4, 6, 8),
        is_split=bool(raw["unit"].eq("kg").any()),
    )
    found = harvest(raw, catalog, office, file=file, now=now)
    members = {office.country(code) for code in MEMBERS}
    rows = found.tables["mirror_trade"]
    is_within = rows["importer"].isin(members) & rows["supplier"].isin(members)
    return Harvest(found.tables, found.rejected, {**found.counts, "rows within the EU": int(is_within.sum())})
