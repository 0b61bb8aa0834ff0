"""UCDP Georeferenced Events and Candidate Events: organised violence per country and month -> `geopolitics`, monthly.

Payload: a CSV or a zip of one, one row per deadly event. Its name tells the release:

- `ged251.csv`, `GEDEvent_v25_1.csv`: the yearly release 25.1, vetted, with events from 1989 to 2024, out in June 2025.
- `GEDEvent_v25_0_3.csv`: candidate events of March 2025, out a month later and not vetted. `GEDEvent_v25_01_25_06.csv`
  holds those of January to June.

Columns have come and gone over the years; those that are read have been there throughout. Indicators:

- `ucdp_events`: how many events ended in the month.
- `ucdp_deaths`: the best estimate of the deaths in them.

All three kinds of violence count (of states, between groups, against civilians), clear events and unclear ones, and
conflicts below 25 deaths a year where the release has them. An event that lasted over months counts in the one in which
it ended: the publisher's summaries of a whole year stand in December.

A month without an event is zero for a country from its first event in the file to the last month of the file, whoever's
that is: a file may hold a few countries only, and does not say which. Before its first event a country is missing. A
month for which candidates were read is revised by the next yearly release, which also brings events that had not been
found and drops some. Neither kind says when it came out: the moment of fetching is the release, and yearly file and
candidates that were fetched together are one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd

from features import datasets
from features.archives import open_zip
from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput
from features.knowledge_time import Lag, MonthLag
from features.sources.political_rows import FIXED, countries
from features.sources.spec import Harvest, Request, SourceSpec, reading, reject_rows

__all__ = ["CANDIDATE_LAG", "FILES", "FOLDERS", "INDICATORS", "SPEC", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="ucdp_ged",
    title="UCDP Georeferenced Event Dataset and Candidate Events",
    publisher="Uppsala Conflict Data Program",
    address="https://ucdp.uu.se/downloads/",
    licence="CC BY 4.0",
    citation="Sundberg and Melander (2013), Introducing the UCDP Georeferenced Event Dataset, Journal of Peace "
    "Research 50(4); Hegre et al. (2020), Introducing the UCDP Candidate Events Dataset, Research & Politics 7(3)",
    cadence="yearly, June; candidates monthly",
    lag=Lag(years=1, month=7, day=1),
    lag_rule="year t is available on 1 July of t+1; a month of candidates when the month after it is over",
    fills=("geopolitics",),
    takes="gedVV1-csv.zip, GEDEvent_vVV_1.csv, or candidates GEDEvent_vVV_0_M.csv",
    endpoint="https://ucdp.uu.se/downloads/",
    hosts=("ucdp.uu.se",),
    max_megabytes=400,
    stale_after_days=600,
)
FILES = ("ged*.zip", "ged*.csv", "GEDEvent*.csv", "GEDEvent*.zip")
FOLDERS = ("ucdp_ged", "ucdp")

# The publisher promises candidates "with not more than a month's lag".
CANDIDATE_LAG = MonthLag(months=2, day=1)
INDICATORS = ("ucdp_events", "ucdp_deaths")
COLUMNS = ("id", "country", "country_id", "date_start", "date_end", "best")
YEARLY = re.compile(r"(?:ged(\d\d)\d|gedevent_v(\d\d)_[1-9])\.csv", re.IGNORECASE)
OF_MONTH = re.compile(r"gedevent_v(\d\d)_0_(\d{1,2})\.csv", re.IGNORECASE)
OF_MONTHS = re.compile(r"gedevent_v(\d\d)_(\d\d)_(\d\d)_(\d\d)\.csv", re.IGNORECASE)
FIRST_MONTH = pd.Period("1989-01", "M")


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the newest yearly release and for the candidates of each month since, as far as they are due."""
    year = now.year if now >= dt.datetime(now.year, 7, 1, tzinfo=dt.UTC) else now.year - 1
    name = f"ged{year % 100}1-csv.zip"
    wanted = [Request(f"{endpoint}ged/{name}", name)]
    for month in pd.period_range(f"{year}-01", f"{now:%Y-%m}", freq="M"):
        if CANDIDATE_LAG.available_at(month.year, month.month) <= now:
            name = f"GEDEvent_v{month.year % 100:02d}_0_{month.month}.csv"
            wanted.append(Request(f"{endpoint}candidateged/{name}", name))
    return wanted


def parse(path: Path) -> pd.DataFrame:
    """Read the columns that are used as text, with `row`, and what the name of the CSV says of the release.

    Returns:
        Also `first_month` and `last_month` (as YYYY-MM) that the release is about, and `is_candidate`.

    Raises:
        BadInput: the file is missing, damaged, named otherwise, or lacks a column.
    """
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    also = (pd.errors.EmptyDataError,)
    with (
        reading(path, expected="a readable CSV", remedy="Download it again.", also=also),
        _opened(path) as (name, file),
    ):
        first, last, is_candidate = _months_of(name, path)
        raw = pd.read_csv(
            file, dtype="str", keep_default_na=False, encoding="utf-8", usecols=lambda column: column in COLUMNS
        )
    missing = [column for column in COLUMNS if column not in raw]
    if missing or raw.empty:
        raise BadInput(
            where=f"{path}, header",
            expected=f"the columns {', '.join(COLUMNS)}, and rows",
            found=f"no {', '.join(missing)}" if missing else "no rows",
            remedy="Is this the right file? Some candidates were published without a header: add it.",
        )
    raw = raw.assign(row=range(1, len(raw) + 1), first_month=str(first), last_month=str(last))
    return raw.assign(is_candidate=is_candidate)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if path.suffix != ".zip":
        with path.open("rb") as file:
            yield path.name, file
        return
    with open_zip(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
        if len(names) != 1:
            raise BadInput(
                where=str(path), expected="one CSV inside", found=f"{len(names)}", remedy="Is this the right file?"
            )
        with archive.open(names[0]) as member:
            yield names[0].rsplit("/", 1)[-1], member


def _months_of(name: str, path: Path) -> tuple[pd.Period, pd.Period, bool]:
    """Give the first and last month that a release is about, by its name, and whether it holds candidates."""
    if yearly := YEARLY.fullmatch(name):
        return FIRST_MONTH, pd.Period(f"{2000 + int(yearly[1] or yearly[2]) - 1}-12", "M"), False
    if (one := OF_MONTH.fullmatch(name)) and 1 <= int(one[2]) <= 12:
        month = pd.Period(f"20{one[1]}-{int(one[2]):02d}", "M")
        return month, month, True
    some = OF_MONTHS.fullmatch(name)
    if some and 1 <= int(some[2]) <= int(some[4]) <= 12 and some[1] == some[3]:
        return pd.Period(f"20{some[1]}-{some[2]}", "M"), pd.Period(f"20{some[3]}-{some[4]}", "M"), True
    raise BadInput(
        where=str(path),
        expected="a CSV called gedVV1, GEDEvent_vVV_1, GEDEvent_vVV_0_M or GEDEvent_vVV_MM_VV_MM",
        found=name,
        remedy="The name tells the release: give the file the publisher's name.",
    )


def _known(month: pd.Period, lag: Lag, *, is_candidate: bool) -> dt.datetime:
    return CANDIDATE_LAG.available_at(month.year, month.month) if is_candidate else lag.available_at(month.year)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `geopolitics`; events outside the months of the release are left out and listed."""
    country, fixed = countries(raw["country_id"], raw["country"], scheme="gw", catalog=catalog)
    start, end = (pd.to_datetime(raw[name].str[:10], format="%Y-%m-%d", errors="coerce") for name in COLUMNS[3:5])
    deaths = pd.to_numeric(raw["best"], errors="coerce")
    checks = (
        ("id", raw["id"].eq("") | raw["id"].duplicated(), "empty, or used twice"),
        ("country_id", country.eq(""), "a state code that means no country of the catalogue"),
        ("date_start", start.isna(), "not a date"),
        ("date_end", end.isna() | (end < start), "not a date, or before the start"),
        ("best", ~deaths.ge(0) | deaths.gt(1e7), "not a number of deaths"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    first, last = (pd.Period(raw[name].iloc[0], "M") for name in ("first_month", "last_month"))
    month = end.dt.to_period("M")
    outside = ~is_bad & ((month < first) | (month > last))
    left_out, _ = reject_rows(raw, [("date_end", outside, "ended outside the months of the release")], file=file)
    keep = ~is_bad & ~outside
    events = pd.DataFrame({"country": country[keep], "month": month[keep], "deaths": deaths[keep]})
    found = events.groupby(["country", "month"]).agg(ucdp_events=("deaths", "size"), ucdp_deaths=("deaths", "sum"))
    # Up to the end of the file, not of the country's events: else a zero would tell that another event is to come.
    begins = events.groupby("country")["month"].min()
    ends = events["month"].max()
    every = [(name, at) for name, low in begins.items() for at in pd.period_range(low, ends, freq="M")]
    index = pd.MultiIndex.from_tuples(every, names=["country", "month"]) if every else found.index
    rows = found.reindex(index, fill_value=0).reset_index().melt(["country", "month"], list(INDICATORS), "indicator")
    is_candidate = bool(raw["is_candidate"].iloc[0])
    out = {at: _known(at, lag, is_candidate=is_candidate) for at in rows["month"].unique()}
    rows = rows.assign(
        partner="",
        frequency="month",
        starts_on=pd.to_datetime(rows["month"].dt.start_time, utc=True).astype(MOMENT) if every else None,
        available_at=pd.to_datetime(rows["month"].map(out), utc=True) if every else None,
        source=SPEC.name,
        is_retracted=False,
    )
    spec = datasets.dataset("geopolitics")
    counts = {"months without an event": len(every) - len(found), FIXED: fixed}
    return Harvest({"geopolitics": rows[spec.columns].astype(spec.types)}, rejected, counts, left_out)
