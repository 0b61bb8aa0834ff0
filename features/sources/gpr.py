"""Geopolitical Risk index of Caldara and Iacoviello, monthly: the world and 44 countries -> `geopolitics`.

Payload: data_gpr_export.xls, one row per month since 1900 and one column per series. Taken are:

- `gpr`, `gpr_threats`, `gpr_acts` of the world (country ""): columns GPR, GPRT and GPRA, from 1985, an index whose mean
  over 1985–2019 is 100. Threats count articles that fear something, acts those that report it.
- `gpr` of a country: column GPRC_ and its ISO 3166 alpha-3 code, from 1985, the **percentage of all articles** of ten
  newspapers that speak of geopolitical risk and name the country. World and country values are not in one unit.

The historical series (GPRH*, GPRHC_*, three newspapers, from 1900), other search terms and counts of articles are left
out and counted. There is no series of DR Congo, Zambia, Guinea, Gabon, Zimbabwe, Kazakhstan or Bolivia: missing, not 0.

The publisher updates on the first day of a month, or the next business day: never later than the 4th, so that month m
is known on the 5th of m+1. The newest months are preliminary and each release may change any of them: between
two releases 21 months apart, 17 months of the world index differ, by up to 1.6 %. So every file is a release. None
of the changes is rounding (the smallest is 6 parts in 100,000, a recount of articles), hence no `ROUNDING`. A file of
the publisher's archive has its day of release in its name (data_gpr_export_20240801.xls); any other says nothing of it.

The daily index is a source of its own, `gpr_daily`: it comes out on other days, and a release of one says nothing about
the facts of the other.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput
from features.knowledge_time import UTC, MonthLag
from features.sources.price_rows import number_in, read_cells
from features.sources.spec import Harvest, Request, SourceSpec, reject_rows

__all__ = [
    "FILES",
    "SPEC",
    "WORLD",
    "days_of",
    "harmonise",
    "index_rows",
    "parse",
    "read_series",
    "released",
    "requests",
]

FILE = "data_gpr_export.xls"
# The daily workbook lies in a folder below this one.
FILES = ("data_gpr_export*.xls", "data_gpr_export*.xlsx")

SPEC = SourceSpec(
    name="gpr",
    title="Geopolitical Risk index, monthly",
    publisher="Dario Caldara and Matteo Iacoviello",
    address="https://www.matteoiacoviello.com/gpr.htm",
    licence="free with citation",
    citation="Caldara and Iacoviello (2022), Measuring Geopolitical Risk, American Economic Review 112(4), 1194-1225",
    cadence="monthly, first business day",
    lag=MonthLag(months=1, day=5),
    lag_rule="month m is available on the 5th of m+1 (it comes between the 1st and the 4th), a later change of it with "
    "the release that brings it",
    fills=("geopolitics",),
    takes=f"the publisher's workbook {FILE}, also a file of its archive, {FILE.replace('.xls', '_YYYYMMDD.xls')}",
    endpoint=f"https://www.matteoiacoviello.com/gpr_files/{FILE}",
    hosts=("www.matteoiacoviello.com",),
    requests_per_minute=6,
    max_megabytes=20,
    stale_after_days=45,
)

SHEET = "Sheet1"
WORLD = {"GPR": "gpr", "GPRT": "gpr_threats", "GPRA": "gpr_acts"}
COUNTRY = re.compile(r"GPRC_([A-Z]{3})")
# What stands in the last columns and in no month's row: the names of the columns and what they mean.
LEGEND = ("var_name", "var_label", "event")
ARCHIVED = re.compile(r"_(\d{8})(?:\D|$)")
RAW_COLUMNS = ["row", "column", "starts_on", "value"]


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the one workbook, which holds every month."""
    return [Request(endpoint, FILE)]


def parse(path: Path) -> pd.DataFrame:
    """Read the workbook into row (of the sheet), column, starts_on and value, one row per cell that is not empty.

    Raises:
        BadInput: the file is broken, or the world's columns or those of all countries are missing.
    """
    raw = read_series(path, period="month", needed=tuple(WORLD), taken=lambda name: bool(COUNTRY.fullmatch(name)))
    if not raw["column"].str.fullmatch(COUNTRY.pattern).any():
        raise BadInput(
            where=f"{path}, header", expected="columns GPRC_ISO3", found="none", remedy="Has the layout changed?"
        )
    return raw


def read_series(
    path: Path, *, period: str, needed: tuple[str, ...], taken: Callable[[str], bool] | None = None
) -> pd.DataFrame:
    """Read a workbook that has a column of dates and a column per series.

    Args:
        period: the name of the column of dates.
        needed: columns of series that must be there.
        taken: tells which further columns are wanted; none by default.

    Returns:
        `RAW_COLUMNS`, the first three text, number or date as the sheet has them, one row per cell that is not empty;
        `attrs["left_out"]` counts the numbers in columns that are not wanted, `attrs["name"]` is the file's name.

    Raises:
        BadInput: the file is broken, has no rows, or lacks one of the columns.
    """
    cells = read_cells(path, SHEET)
    header = [str(cell).strip() for cell in cells[0]] if cells else []
    missing = [name for name in (period, *needed) if name not in header]
    if missing or len(cells) < 2:
        raise BadInput(
            where=f"{path}, sheet {SHEET}, row 1",
            expected=f"columns {', '.join((period, *needed))} and rows below them",
            found=f"{len(cells)} row(s), no {', '.join(missing)}" if missing else "no row below them",
            remedy="Is this the right file? Has the layout changed?",
        )
    at = header.index(period)
    wanted = [column for column, name in enumerate(header) if name in needed or (taken and taken(name))]
    records = [
        (number, header[column], line[at], line[column])
        for number, line in enumerate(cells[1:], start=2)
        for column in wanted
        if line[column] != ""
    ]
    others = [c for c, name in enumerate(header) if c not in (*wanted, at) and name not in LEGEND]
    raw = pd.DataFrame(records, columns=RAW_COLUMNS)
    raw.attrs["left_out"] = sum(line[column] != "" for line in cells[1:] for column in others)
    raw.attrs["name"] = path.name
    return raw


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give the end of the day in the name of an archived file, None for any other: the sheet has no such date."""
    found = ARCHIVED.search(raw.attrs.get("name", ""))
    if found is None:
        return None
    try:
        day = dt.datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return day + dt.timedelta(days=1)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into monthly rows of `geopolitics`; a month that has not ended by `now` is rejected."""
    begins = days_of(raw["starts_on"])
    countries = raw["column"].str.extract(f"^{COUNTRY.pattern}$", expand=False)
    ends = begins + pd.offsets.MonthBegin(1)
    checks = (
        ("column", countries.notna() & ~countries.isin(list(catalog.countries)), "no country of the catalogue"),
        ("starts_on", begins.isna() | begins.dt.day.ne(1), "not the first day of a month"),
        ("starts_on", ends > pd.Timestamp(now), f"a month that has not ended by {now.date()}"),
    )
    known = {begin: lag.available_at(begin.year, begin.month) for begin in begins.dropna().unique()}
    return index_rows(
        raw.assign(country=countries.fillna(""), indicator=raw["column"].map(WORLD).fillna("gpr")),
        begins,
        begins.map(known),
        checks=checks,
        source=SPEC.name,
        frequency="month",
        file=file,
    )


def index_rows(
    raw: pd.DataFrame,
    begins: pd.Series,
    known: pd.Series,
    *,
    checks: tuple[tuple[str, pd.Series, str], ...],
    source: str,
    frequency: str,
    file: str,
) -> Harvest:
    """Check the values of a raw table and turn it into rows of `geopolitics`.

    Args:
        raw: `RAW_COLUMNS`, country and indicator.
        begins: first moment of each row's period.
        known: when each row counts as known.
        checks: what else a row may break, as `reject_rows` takes it.
    """
    value = pd.Series([number_in(cell) for cell in raw["value"]], index=raw.index, dtype="float64")
    is_share = raw["country"].ne("")
    checks = (
        *checks,
        ("value", ~value.between(0, float("inf"), inclusive="left"), "not a number from 0 on"),
        ("value", is_share & value.gt(100), "a share of articles above 100 %"),
        ("starts_on", raw.duplicated(["column", "starts_on"]), "the series has this period twice"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    rows = pd.DataFrame(
        {
            "indicator": raw["indicator"].astype("str"),
            "country": raw["country"].astype("str"),
            "partner": "",
            "frequency": frequency,
            "starts_on": begins,
            "value": value,
            "available_at": pd.to_datetime(known, utc=True),
            "source": source,
            "is_retracted": False,
        }
    )[~is_bad]
    rows = rows.astype({"starts_on": MOMENT, "available_at": MOMENT}).reset_index(drop=True)
    counts: Mapping[str, int] = {"values of other series left out": int(raw.attrs.get("left_out", 0))}
    return Harvest({"geopolitics": rows}, rejected, counts)


def days_of(cells: pd.Series) -> pd.Series:
    """Give dates of a workbook as moments, missing where a cell holds none."""
    # Anything but a date of the workbook (a text, a bare number) is no date here.
    return pd.to_datetime(cells.where(cells.map(lambda cell: isinstance(cell, dt.date))), errors="coerce", utc=True)
