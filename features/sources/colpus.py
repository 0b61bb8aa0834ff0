"""Colpus by Chin, Carter and Wright: military and other coups by the elite, succeeded or failed -> `political_events`.

Payload: the workbook of the basic list, one row per coup from 1946 on, with a stable id of state and day. `success` is
1 where it succeeded and 2 where it failed: `cwc_coding` says the same in words, and a row in which the two differ is
rejected. 50 coups are marked `ambiguous` by the authors and 16 as staged; both are kept, and the title says so.

Coded afterwards: a coup counts from the end of its day. Version 1.1 ends with 2022. The state codes are those of the
Correlates of War.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.political_rows import FIXED, countries, coverage_rows, event_rows
from features.sources.spec import Harvest, SourceSpec, reading, reject_rows

__all__ = ["FILES", "FOLDERS", "SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="colpus",
    title="Colpus, types and characteristics of coups",
    publisher="John J. Chin, David B. Carter and Joseph G. Wright",
    address="https://www.johnjchin.com/colpus",
    licence="academic use with citation",
    citation="Chin, Carter and Wright (2021), The Varieties of Coups D'état: Introducing the Colpus Dataset, "
    "International Studies Quarterly 65(4), 1040-1051",
    cadence="irregular",
    lag=None,
    lag_rule="a coup is available when its day is over",
    fills=("political_events", "coverage"),
    takes="the workbook of the basic list of all countries, version 1.1",
    stale_after_days=800,
)
FILES = ("[Cc]olpus*.xlsx",)
FOLDERS = ("colpus", "coups")

COLUMNS = ("id", "ccode", "date", "statenme", "year", "success", "cwc_coding", "ambiguous", "staged")
KINDS = {"1": "coup", "2": "failed_coup"}
WORDS = {"coup": "Coup", "failed_coup": "Failed coup"}
FIRST = dt.date(1946, 1, 1)


def parse(path: Path) -> pd.DataFrame:
    """Read the columns that are used as text, with a `row` column; `date` is YYYY-MM-DD or what the cell says.

    Raises:
        BadInput: the file is missing, damaged, lacks a column, or has no rows.
    """
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    with reading(path, expected="an xlsx workbook", remedy="Download it again.", also=(ValueError, KeyError)):
        table = pd.read_excel(path, dtype=object, engine="openpyxl")
    missing = [name for name in COLUMNS if name not in table]
    if missing or table.empty:
        raise BadInput(
            where=f"{path}, header",
            expected=f"the columns {', '.join(COLUMNS)}, and rows",
            found=f"no {', '.join(missing)}" if missing else "no rows",
            remedy="Is this the basic list of Colpus?",
        )
    raw = table[list(COLUMNS)].copy()
    raw["date"] = raw["date"].map(lambda cell: f"{cell:%Y-%m-%d}" if isinstance(cell, dt.date) else str(cell))
    raw = raw.map(lambda cell: "" if pd.isna(cell) else str(cell).strip())
    return raw.assign(row=range(1, len(raw) + 1))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `political_events` and `coverage`, which ends with the newest year of the file."""
    country, fixed = countries(raw["ccode"], raw["statenme"], scheme="cow", catalog=catalog)
    happened = pd.to_datetime(raw["date"], format="%Y-%m-%d", errors="coerce", utc=True).astype(MOMENT)
    said = raw["cwc_coding"].str.split().str[0].map({"successful": "1", "failed": "2"})
    checks = (
        ("id", raw["id"].eq("") | raw["id"].duplicated(), "empty, or used twice"),
        ("ccode", country.eq(""), "a state code that means no country of the catalogue"),
        ("date", happened.isna(), "not a day"),
        ("date", happened >= now, f"a day after {now.date()}"),
        ("success", ~raw["success"].isin(KINDS), "neither 1 nor 2"),
        ("cwc_coding", said.ne(raw["success"]), "says something else than success"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    kind = raw["success"].map(KINDS)
    remark = raw["ambiguous"].eq("1").map({True: ", ambiguous", False: ""})
    remark += raw["staged"].eq("1").map({True: ", staged", False: ""})
    events = pd.DataFrame(
        {
            "event_id": raw["id"],
            "country": country,
            "kind": kind,
            "happens_at": happened,
            "title": kind.map(WORDS) + ": " + raw["statenme"] + " (" + raw["cwc_coding"] + remark + ")",
        }
    )[~is_bad]
    tables = {"political_events": event_rows(events, source=SPEC.name)}
    if len(events):
        until = dt.date(events["happens_at"].max().year, 12, 31)
        tables["coverage"] = coverage_rows("coups_colpus", FIRST, min(until, now.date()), source=SPEC.name)
    return Harvest(tables, rejected, {FIXED: fixed})
