"""What lists of coups, leaders and elections have in common: days, countries by state code, rows and coverage.

An event counts as known when its day is over, because its day was public; that a coder filed it months later is
hindcast, and the same for all who replay the past. A day that a list leaves open is the last of its month: later than
the truth or equal to it, never earlier.
"""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features import datasets
from features.catalog import Catalog
from features.catalog.states import load_states
from features.datasets import MOMENT
from features.errors import UnknownCode

__all__ = ["A_DAY", "FIXED", "countries", "coverage_rows", "days", "event_rows"]

A_DAY = pd.Timedelta(days=1)
# What a source reports as the number of codes that were corrected.
FIXED = "state codes of no list, read by the name beside them"
NO_DAY = ("", "0")


def days(year: pd.Series, month: pd.Series, day: pd.Series) -> pd.Series:
    """Give the day that three columns of text mean, as `datetime64[us, UTC]` at 00:00.

    An empty day, or 0, is the last of the month. What is no day of the calendar is missing.
    """
    day = day.astype("str").str.strip()
    is_open = day.isin(NO_DAY)
    text = year.astype("str").str.strip() + "-" + month.astype("str").str.strip() + "-" + day.mask(is_open, "1")
    found = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce", utc=True)
    return found.mask(is_open, found + pd.offsets.MonthEnd(0)).astype(MOMENT)


def countries(codes: pd.Series, names: pd.Series, *, scheme: str, catalog: Catalog) -> tuple[pd.Series, int]:
    """Give the country of each state code; a code that the scheme has not is read by the name beside it.

    Returns:
        ISO 3166 alpha-3, empty where neither means a country of the catalogue; and how many rows went by the name.
    """
    states, found, by_name = load_states(), {}, set()
    pairs = list(zip(codes.astype("str").str.strip(), names.astype("str").str.strip(), strict=True))
    for code, name in set(pairs):
        try:
            found[code, name] = states.iso3_of(scheme, int(code) if code.isdigit() else -1)
        except UnknownCode:
            found[code, name] = _of_name(name, catalog)
            by_name |= {(code, name)} if found[code, name] else set()
    iso3 = pd.Series([found[pair] for pair in pairs], index=codes.index, dtype="str")
    return iso3, sum(pair in by_name for pair in pairs)


def _of_name(name: str, catalog: Catalog) -> str:
    try:
        return catalog.iso3_of_name(name)
    except UnknownCode:
        return ""


def event_rows(events: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """Give rows of `political_events`.

    Args:
        events: event_id, country, kind, happens_at, title; `available_at` where it is not the end of the day, and
            `is_retracted` where some are.
    """
    usual = {"available_at": events["happens_at"] + A_DAY, "is_retracted": False, "source": source}
    rows = events.assign(**{name: value for name, value in usual.items() if name not in events})
    spec = datasets.dataset("political_events")
    return rows[spec.columns].astype(spec.types).reset_index(drop=True)


def coverage_rows(dataset: str, first: dt.date, until: dt.date, *, source: str) -> pd.DataFrame:
    """Give the two rows of `coverage` that say from when until when a list claims to be complete.

    Each is known at its own moment: until the end has come, coverage is open.
    """
    rows = pd.DataFrame({"dataset": dataset, "bound": ["from", "until"], "bound_at": [first, until]})
    moment = pd.to_datetime(rows["bound_at"], utc=True).astype(MOMENT)
    rows = rows.assign(bound_at=moment, available_at=moment, source=source, is_retracted=False)
    spec = datasets.dataset("coverage")
    return rows[spec.columns].astype(spec.types)
