"""Has the publisher changed what its figures mean? Checks that hold a new release against the stored one.

Pure: each check takes tables and raises `BadInput` that says what was expected and what came. They
find what a schema cannot: a unit that changed, a date to come, a list that lost its second half.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from features.errors import BadInput

__all__ = ["Drift", "check_jumps", "check_periods", "check_shrinking"]

JUMP_FACTOR = 1000.0
# A single corrected slip is no change of unit; where fewer facts are stored, all of them must have jumped.
JUMPING_FACTS = 3
# Which facts form a series: one unit, one meaning.
SERIES = {"trade": "hs_code", "mirror_trade": "hs_code", "prices": "series", "production": "mineral"}
SERIES |= {"production_monthly": "mineral", "governance": "indicator"}


class Drift(BadInput):
    """A release does not fit what its source said before; a person has to decide."""


def check_periods(name: str, rows: pd.DataFrame, *, at: dt.datetime, where: str) -> None:
    """Refuse figures about a year, month or day that had not begun when they were published.

    Args:
        at: when they were published; if nobody knows, now.
    """
    for column in ("year", "month", "first_month", "last_month", "starts_on"):
        if column not in rows:
            continue
        late = rows[rows[column] > (at.year if column == "year" else pd.Timestamp(at))]
        if len(late):
            raise Drift(
                where=f"{where}, dataset {name}, field {column}",
                expected=f"figures about times before {at.date()}, when they were published",
                found=f"{late[column].max()} ({len(late)} row(s))",
                remedy="Correct the dates, or the release date.",
            )


def check_jumps(name: str, changes: pd.DataFrame, compared: pd.DataFrame, rows: pd.DataFrame, *, where: str) -> None:
    """Refuse a series whose stored figures all of a sudden are a thousand times as large or as small.

    Args:
        changes: revised facts with their new numbers and the stored ones as `old_…`.
        compared: what is stored for each of `rows`.
        rows: all facts of the release.
    """
    key = SERIES.get(name)
    if key is None or changes.empty:
        return
    overlap = rows.loc[compared["stored_at"].notna().to_numpy(), key].value_counts()
    for old in (column for column in changes if column.startswith("old_")):
        number = old.removeprefix("old_")
        ratio = changes[number] / changes[old]
        factor = np.log10(ratio.where((changes[number] > 0) & (changes[old] > 0)).dropna())
        by_series = factor.groupby(changes[key]).agg(["median", "size"])
        enough = np.minimum(JUMPING_FACTS, overlap.reindex(by_series.index))
        hit = by_series[(by_series["median"].abs() >= np.log10(JUMP_FACTOR) - 1e-9) & (by_series["size"] >= enough)]
        if len(hit):
            first = hit["median"].abs().idxmax()
            times = 10 ** hit.loc[first, "median"]
            raise Drift(
                where=f"{where}, dataset {name}, {key} {first}, field {number}",
                expected="figures of the size of those stored",
                found=f"{hit.loc[first, 'size']} revised figure(s), the middle one {times:,.3g} times what it was "
                f"({len(hit)} series jumped)",
                remedy="Has the unit changed? If the new figures are right, take them with --accept-jumps.",
            )


def check_shrinking(name: str, *, stored: int, missing: int, most: float, where: str) -> None:
    """Refuse a list that lost more than the share `most` of its entries since the release before."""
    if stored and missing > most * stored:
        raise Drift(
            where=f"{where}, dataset {name}",
            expected=f"a list that still holds at least {1 - most:.0%} of the {stored} stored entries",
            found=f"{missing} of them missing",
            remedy="Is the file cut off? If the list really shrank, take it with --accept-jumps.",
        )
