"""Fragile States Index: a yearly total and its twelve parts per country -> `geopolitics`.

Payload: the Fund for Peace's workbook of one edition (FSI-2023-DOWNLOAD.xlsx), one row per country with Country, Year,
Rank, Total and twelve scores. `fsi_total` runs from 0 to 120 and is the sum of the twelve, `fsi_c1_security_apparatus`
and so on, each from 0 to 10; **more is worse**. All have one decimal; the noise of binary numbers behind it is rounded
away. Countries stand by name: those that the catalogue calls otherwise are in `COUNTRIES`, and a name that
neither knows is rejected, which refuses the file. The rank follows from the totals and is left out.

Year t is the edition's; it looks back on t-1. Up to 2023 an edition came out by the end of June of its own year (2023:
on 14 June) and counts from 1 July, except that of 2022 (13 July). The report of 2024 came only on 18 February 2025:
editions from then on count from 1 March of the year after, which is late rather than early, unless the file comes
with an earlier date of release (its folder's, or one given by hand).
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput, UnknownCode
from features.knowledge_time import UTC, Lag
from features.sources.price_rows import number_in, read_cells
from features.sources.spec import Harvest, SourceSpec, reject_rows

__all__ = ["COUNTRIES", "FILES", "INDICATORS", "LATE", "SPEC", "harmonise", "known_from", "parse"]

SPEC = SourceSpec(
    name="fsi",
    title="Fragile States Index",
    publisher="The Fund for Peace",
    address="https://fragilestatesindex.org/excel/",
    licence="free for non-commercial use with attribution",
    citation="The Fund for Peace, Fragile States Index, https://fragilestatesindex.org",
    cadence="yearly, May to July; the edition of 2024 in February 2025",
    lag=Lag(years=0, month=7, day=1),
    lag_rule="year t is available on 1 July of t (2022: on 14 July; from 2024 on: on 1 March of t+1)",
    fills=("geopolitics",),
    takes="the publisher's workbook of one edition, FSI-YYYY-DOWNLOAD.xlsx",
    hosts=("fragilestatesindex.org",),
    stale_after_days=800,
)
FILES = ("FSI-*.xlsx", "fsi-*.xlsx", "FSI_*.xlsx", "fsi_*.xlsx")

SHEET = "Sheet1"
FIRST_COLUMNS = ("Country", "Year", "Rank", "Total")
PARTS = {
    "C1": "security_apparatus",
    "C2": "factionalized_elites",
    "C3": "group_grievance",
    "E1": "economy",
    "E2": "economic_inequality",
    "E3": "human_flight_and_brain_drain",
    "P1": "state_legitimacy",
    "P2": "public_services",
    "P3": "human_rights",
    "S1": "demographic_pressures",
    "S2": "refugees_and_idps",
    "X1": "external_intervention",
}
INDICATORS = {"Total": "fsi_total"} | {code: f"fsi_{code.lower()}_{words}" for code, words in PARTS.items()}
MOST = {column: 120.0 if column == "Total" else 10.0 for column in INDICATORS}
# Names of the index that the catalogue has not; older editions rate Israel and the West Bank as one.
COUNTRIES = {
    "Congo Democratic Republic": "COD",
    "Macedonia": "MKD",
    "Brunei Darussalam": "BRN",
    "Israel and West Bank": "ISR",
}
# The first day after an edition that came later than the lag says; see the module.
LATE = {2022: dt.datetime(2022, 7, 14, tzinfo=UTC)}
LATE_FROM, LATE_LAG = 2024, Lag(years=1, month=3, day=1)
RAW_COLUMNS = ["row", "country", "year", "column", "value"]


def parse(path: Path) -> pd.DataFrame:
    """Read a workbook into row (of the sheet), country, year, column (Total or a part's code) and value.

    Year and value are as the sheet has them: numbers, dates or text. Columns are found by their names.

    Raises:
        BadInput: the file is broken, or a column is missing or there twice.
    """
    cells = read_cells(path, SHEET)
    header = [re.sub(r"^([CEPSX]\d):.*", r"\1", str(cell).strip()) for cell in cells[0]] if cells else []
    wrong = [name for name in (*FIRST_COLUMNS, *PARTS) if header.count(name) != 1]
    if wrong or len(cells) < 2:
        raise BadInput(
            where=f"{path}, sheet {SHEET}, row 1",
            expected=f"{', '.join(FIRST_COLUMNS)} and {', '.join(PARTS)} once each, and rows below them",
            found=f"{len(cells)} row(s); missing or more than once: {', '.join(wrong) or 'none'}",
            remedy="Is this the right file? Has the layout changed?",
        )
    at = {name: header.index(name) for name in (*FIRST_COLUMNS, *PARTS)}
    records = [
        (number, str(line[at["Country"]]).strip(), line[at["Year"]], column, line[at[column]])
        for number, line in enumerate(cells[1:], start=2)
        if any(cell != "" for cell in line)
        for column in INDICATORS
    ]
    return pd.DataFrame(records, columns=RAW_COLUMNS)


def known_from(year: int, lag: Lag) -> dt.datetime:
    """Give the moment from which an edition counts as known.

    Example:
        >>> known_from(2023, SPEC.lag).date().isoformat(), known_from(2024, SPEC.lag).date().isoformat()
        ('2023-07-01', '2025-03-01')
    """
    late = LATE_LAG.available_at(year) if year >= LATE_FROM else LATE.get(year)
    due = lag.available_at(year)
    return due if late is None else max(due, late)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into yearly rows of `geopolitics`."""
    countries = {name: _iso3(name, catalog) for name in raw["country"].unique()}
    years = raw["year"].map(_year)
    value = pd.Series([number_in(cell) for cell in raw["value"]], index=raw.index, dtype="float64")
    is_off = _unlike_its_total(raw, value)
    iso3 = raw["country"].map(countries)
    checks = (
        ("country", iso3.eq(""), "no country of the catalogue, by name or alias"),
        ("year", years.eq(0) | years.gt(now.year), f"not a year before {now.year + 1}"),
        ("value", ~value.between(0, raw["column"].map(MOST)), "not a score of the index"),
        ("value", is_off, "not the sum of the twelve scores"),
        ("country", pd.DataFrame({"c": iso3, "y": years, "i": raw["column"]}).duplicated(), "a country twice"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    good = ~is_bad
    years = years[good]
    begins = {year: pd.Timestamp(year, 1, 1, tz="UTC") for year in years.unique()}
    known = {year: pd.Timestamp(known_from(int(year), lag)) for year in years.unique()}
    rows = pd.DataFrame(
        {
            "indicator": raw.loc[good, "column"].map(INDICATORS).astype("str"),
            "country": iso3[good].astype("str"),
            "partner": "",
            "frequency": "year",
            "starts_on": pd.to_datetime(years.map(begins), utc=True),
            "value": value[good].round(1),
            "available_at": pd.to_datetime(years.map(known), utc=True),
            "source": SPEC.name,
            "is_retracted": False,
        }
    ).astype({"starts_on": MOMENT, "available_at": MOMENT})
    return Harvest({"geopolitics": rows.reset_index(drop=True)}, rejected)


def _iso3(name: str, catalog: Catalog) -> str:
    try:
        return COUNTRIES.get(name) or catalog.iso3_of_name(name)
    except UnknownCode:
        return ""


def _year(cell: object) -> int:
    # Older editions write the year as a date, its 1 January.
    if isinstance(cell, dt.date):
        return cell.year
    number = number_in(cell)
    return int(number) if number == number and number.is_integer() and 1900 < number < 2200 else 0


def _unlike_its_total(raw: pd.DataFrame, value: pd.Series) -> pd.Series:
    """Tell which totals are not the sum of their row's scores, to one decimal."""
    is_total = raw["column"].eq("Total")
    sums = value.where(~is_total).groupby(raw["row"]).transform("sum", min_count=len(PARTS))
    return is_total & (value - sums).abs().gt(0.1 + 1e-9)
