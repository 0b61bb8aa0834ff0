"""Leaders of REIGN (One Earth Future): who took office, and when -> `political_events` of kind `leader_change`.

Payload: `leaderlist_M_YY.csv` in Latin-1, one row per term of the person who in fact led a state, by state code of the
Correlates of War, with the day on which the term began. A change is known when that day is over. The first leader in
the list of a state took office before the list begins, or with the state itself: that is no change, and is counted and
left out. How power was taken, by the rules or against them, does not stand in the list.

REIGN also has a list of regimes. It is not read: its beginnings of military and provisional rule are the coups that
three other sources date to the day, and a change of regime's type is a later judgement.

The list was last released in August 2021 and the one at hand is of March: what came after is missing, not zero, which
`coverage` (`leaders_reign`) says.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import Lag
from features.sources.political_rows import FIXED, countries, coverage_rows, days, event_rows
from features.sources.reign_lists import released, with_listed_at
from features.sources.spec import Harvest, SourceSpec, read_table, reject_rows

__all__ = ["FILES", "FOLDERS", "SPEC", "harmonise", "parse", "released"]

SPEC = SourceSpec(
    name="reign_leaders",
    title="REIGN, leaders",
    publisher="One Earth Future Foundation",
    address="https://oefdatascience.github.io/REIGN.github.io/menu/reign_current.html",
    licence="free with citation",
    citation="Bell (2016), The Rulers, Elections, and Irregular Governance Dataset (REIGN), OEF Research",
    cadence="ended in August 2021",
    lag=None,
    lag_rule="a change of leader is available when the first day of the new one is over",
    fills=("political_events", "coverage"),
    takes="leaderlist_M_YY.csv",
    stale_after_days=36_500,
)
FILES = ("leaderlist_*.csv",)
FOLDERS = ("reign_leaders", "reign")

COLUMNS = (
    "stateabb",
    "ccode",
    "leadid",
    "leader",
    "sdate",
    "smonth",
    "syear",
    "emonth",
    "eyear",
    "birthyear",
    "gender",
    "militarycareer",
    "l_month",
    "l_year",
    "codedby",
    "notes",
)
FIRST = dt.date(1950, 1, 1)


def parse(path: Path) -> pd.DataFrame:
    """Read the list as text with `row` and `listed_at`, the moment at which this list was out.

    Raises:
        BadInput: the file is broken, or its name does not tell the month of the list.
    """
    # Two columns of the list have no name.
    return with_listed_at(
        read_table(path, [(*COLUMNS, "Unnamed: 14", "Unnamed: 15"), COLUMNS], encoding="latin-1"), path, "leaderlist"
    )


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into changes of leader and the coverage, which ends where the list's month begins."""
    country, fixed = countries(raw["ccode"], raw["stateabb"], scheme="cow", catalog=catalog)
    happened = days(raw["syear"], raw["smonth"], raw["sdate"])
    listed: pd.Timestamp = raw["listed_at"].iloc[0]
    event_id = raw["ccode"].str.strip() + "-" + happened.dt.strftime("%Y-%m-%d").fillna("")
    checks = (
        ("ccode", country.eq(""), "a state code that means no country of the catalogue"),
        ("sdate", happened.isna(), "not a day"),
        ("sdate", happened >= listed, "a day after the list came out"),
        ("leader", event_id.duplicated(), "a second beginning of the state on one day"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    events = pd.DataFrame(
        {
            "event_id": event_id,
            "country": country,
            "kind": "leader_change",
            "happens_at": happened,
            "title": "New leader: " + raw["leader"].str.strip() + " (" + raw["stateabb"].str.strip() + ")",
        }
    )
    is_first = happened.eq(happened.groupby(raw["ccode"]).transform("min")) & ~is_bad
    firsts, _ = reject_rows(raw, [("leader", is_first, "the first leader in the list of the state")], file=file)
    tables = {
        "political_events": event_rows(events[~is_bad & ~is_first], source=SPEC.name),
        "coverage": coverage_rows("leaders_reign", FIRST, listed.date().replace(day=1), source=SPEC.name),
    }
    counts = {"first leaders of a state": int(is_first.sum()), FIXED: fixed}
    return Harvest(tables, rejected, counts, firsts)
