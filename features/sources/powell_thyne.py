"""Global Instances of Coups by Powell and Thyne: coups that succeeded and coups that failed -> `political_events`.

Payload: a tab-separated text, one row per coup from 1950 on, with the state's code of the Correlates of War, the day
and what became of it: 2 succeeded, 1 failed. The last column holds the day of the edition. The authors count overt
attempts by the military or other elites within the state to unseat the chief executive; one succeeded if it held for
seven days, so what became of it is known up to a week later than that it began: the row says it from the first day.

Coded afterwards: an event counts from the end of its day, though the list brought it later. Coverage ends with the day
of the edition, and another edition moves that end.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import Lag, as_moment
from features.sources.political_rows import FIXED, countries, coverage_rows, days, event_rows
from features.sources.spec import Harvest, Request, SourceSpec, reading, reject_rows

__all__ = ["FILES", "FOLDERS", "SPEC", "harmonise", "parse", "released", "requests"]

SPEC = SourceSpec(
    name="powell_thyne",
    title="Global instances of coups, 1950 to today",
    publisher="Jonathan M. Powell and Clayton L. Thyne",
    address="https://www.uky.edu/~clthyn2/coup_data/home.htm",
    licence="free with citation",
    citation="Powell and Thyne (2011), Global instances of coups from 1950 to 2010: A new dataset, Journal of Peace "
    "Research 48(2), 249-259",
    cadence="several times a year",
    lag=None,
    lag_rule="a coup is available when its day is over, or its month where the list leaves the day open",
    fills=("political_events", "coverage"),
    takes="powell_thyne_coups_final.txt, tab-separated",
    endpoint="https://www.uky.edu/~clthyn2/coup_data/powell_thyne_coups_final.txt",
    hosts=("www.uky.edu",),
    max_megabytes=5,
)
FILES = ("powell_thyne*.txt",)
FOLDERS = ("powell_thyne", "coups")

COLUMNS = ["country", "ccode", "year", "month", "day", "coup", "version"]
KINDS = {"2": "coup", "1": "failed_coup"}
WORDS = {"coup": "Coup", "failed_coup": "Failed coup"}
FIRST = dt.date(1950, 1, 1)


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the one file."""
    return [Request(endpoint, "powell_thyne_coups_final.txt")]


def parse(path: Path) -> pd.DataFrame:
    """Read the text with a `row` column; only the header and the edition are judged here.

    Raises:
        BadInput: the file is missing, damaged, has another header, or does not say which edition it is.
    """
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    with reading(path, expected="tab-separated text", remedy="Download it again.", also=(pd.errors.EmptyDataError,)):
        raw = pd.read_csv(path, sep="\t", dtype="str", keep_default_na=False)
    if list(raw.columns) != COLUMNS or raw.empty:
        raise BadInput(
            where=f"{path}, header",
            expected=f"{', '.join(COLUMNS)}, and rows",
            found=f"{', '.join(map(str, raw.columns))}; {len(raw)} row(s)",
            remedy="Is this the right file?",
        )
    edition = pd.to_datetime(raw["version"], format="V%Y.%m.%d", errors="coerce", utc=True)
    if edition.isna().any() or (edition != edition.iloc[0]).any():
        raise BadInput(
            where=f"{path}, version",
            expected="one day as VYYYY.MM.DD in all rows",
            found=", ".join(sorted(set(raw["version"]))[:3]),
            remedy="Is the file whole?",
        )
    return raw.assign(row=range(1, len(raw) + 1), edition=edition)


def released(raw: pd.DataFrame) -> dt.datetime:
    """Give the end of the edition's day."""
    return as_moment(raw["edition"].iloc[0].to_pydatetime()) + dt.timedelta(days=1)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `political_events` and `coverage`."""
    country, fixed = countries(raw["ccode"], raw["country"], scheme="cow", catalog=catalog)
    happened = days(raw["year"], raw["month"], raw["day"])
    event_id = raw["ccode"] + "-" + happened.dt.strftime("%Y-%m-%d").fillna("")
    checks = (
        ("ccode", country.eq(""), "a state code that means no country of the catalogue"),
        ("day", happened.isna(), "not a day"),
        ("day", happened > raw["edition"], "a day after the edition"),
        ("coup", ~raw["coup"].isin(KINDS), "neither 1 nor 2"),
        ("day", event_id.duplicated(), "a second coup of the state on one day"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    kind = raw["coup"].map(KINDS)
    title = kind.map(WORDS) + ": " + raw["country"].str.strip()
    events = pd.DataFrame(
        {"event_id": event_id, "country": country, "kind": kind, "happens_at": happened, "title": title}
    )[~is_bad]
    tables = {
        "political_events": event_rows(events, source=SPEC.name),
        "coverage": coverage_rows("coups_powell_thyne", FIRST, raw["edition"].iloc[0].date(), source=SPEC.name),
    }
    return Harvest(tables, rejected, {FIXED: fixed})
