"""Geopolitical Risk index of Caldara and Iacoviello, daily: the world -> `geopolitics`.

Payload: data_gpr_daily_recent.xls, one row per day since 1985: `gpr`, `gpr_acts` and `gpr_threats` of the world
(country ""), columns GPRD, GPRD_ACT and GPRD_THREAT, an index whose mean over 1985–2019 is 100. Counts of articles and
moving averages are left out and counted.

The publisher puts a new file out in the course of every Monday, or on the next business day where that is a federal
holiday, and it reaches up to the day on which it comes. So a day is known on the Wednesday, 00:00 UTC,
after the first Monday strictly after it. Not on that Monday: a forecast made on a Monday at 00:00 UTC is hours before
the file, and must not know the week that it brings.

The last days of a file are preliminary and later files change them: every file is a release. A file of the publisher's
archive has its day in its name (data_gpr_daily_recent_20220224.xls); any other says nothing of when it came out.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import Lag, monday_after
from features.sources import gpr
from features.sources.spec import Harvest, Request, SourceSpec

__all__ = ["FILES", "FOLDERS", "OUT_AFTER", "SPEC", "WORLD", "harmonise", "parse", "released", "requests"]

FILE = "data_gpr_daily_recent.xls"
FILES = ("data_gpr_daily*.xls", "data_gpr_daily*.xlsx")
FOLDERS = ("gpr_daily", "gpr")

SPEC = SourceSpec(
    name="gpr_daily",
    title="Geopolitical Risk index, daily",
    publisher=gpr.SPEC.publisher,
    address=gpr.SPEC.address,
    licence=gpr.SPEC.licence,
    citation=gpr.SPEC.citation,
    cadence="weekly, on Mondays",
    lag=None,
    lag_rule="a day is available on the Wednesday after the first Monday that follows it: its file comes in the course "
    "of that Monday, or on the Tuesday if that is a holiday; a later change with the release that brings it",
    fills=("geopolitics",),
    takes=f"the publisher's workbook {FILE}, also a file of its archive, {FILE.replace('.xls', '_YYYYMMDD.xls')}",
    endpoint=f"https://www.matteoiacoviello.com/gpr_files/{FILE}",
    hosts=gpr.SPEC.hosts,
    requests_per_minute=6,
    max_megabytes=20,
    stale_after_days=17,
)

WORLD = {"GPRD": "gpr", "GPRD_ACT": "gpr_acts", "GPRD_THREAT": "gpr_threats"}
# From the beginning of the Monday of the release until it is out for certain, a holiday included.
OUT_AFTER = dt.timedelta(days=2)

released = gpr.released


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the one workbook, which holds every day."""
    return [Request(endpoint, FILE)]


def parse(path: Path) -> pd.DataFrame:
    """Read the workbook into row (of the sheet), column, starts_on and value, one row per cell that is not empty.

    Raises:
        BadInput: the file is broken, or one of the three series or the dates are missing.
    """
    return gpr.read_series(path, period="date", needed=tuple(WORLD))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into daily rows of `geopolitics`; a day that has not begun by `now` is rejected."""
    begins = gpr.days_of(raw["starts_on"])
    known = {day: monday_after(day.to_pydatetime()) + OUT_AFTER for day in begins.dropna().unique()}
    checks = (
        ("starts_on", begins.isna(), "not a date"),
        ("starts_on", begins > pd.Timestamp(now), f"a day that has not begun by {now.date()}"),
    )
    return gpr.index_rows(
        raw.assign(country="", indicator=raw["column"].map(WORLD)),
        begins,
        begins.map(known),
        checks=checks,
        source=SPEC.name,
        frequency="day",
        file=file,
    )
