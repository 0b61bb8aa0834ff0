"""Part of the signal `geopolitics`: coups, irregular changes, new leaders and elections of a supplier.

Several lists tell of one coup: attempts of one country within seven days of each other are one, dated and judged
(succeeded or failed) by whichever was known first, a success before a failure where both were known at once. A coup
counts 1 on its day and half as much after every 52 weeks, so a thirty-second after five years.

Steps change when something becomes known, is corrected or withdrawn, and when a day that was known beforehand comes.
`combine` lets sums fade and counts weeks until the date of each row, so quiet weeks need no step.

Lists say from when until when they are complete (dataset `coverage`, names beginning with coups_, elections_ or
leaders_). Until the end of one has come, coverage is open. Where more than half of a window lies outside, it is missing
and not zero, except that a change or an election that is known counts. A coup after the end of all lists is a false
zero for a year at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.datasets import MOMENT
from features.signals.declaration import Steps
from features.weeks import weeks_until

__all__ = ["COUP_HALF_LIFE_WEEKS", "GROUPS", "of_suppliers"]

COUP_HALF_LIFE_WEEKS = 52
ATTEMPTS = ("coup", "failed_coup")
GROUPS = ("coups", "leaders", "elections")
LASTS = {"irregular_change": "irregular_week", "leader_change": "leader_week"}
COLUMNS = ("coups_raised", "attempts_raised", "attempt_week", *LASTS.values(), "voted_week", "vote_week")


def of_suppliers(events: pd.DataFrame, coverage: pd.DataFrame) -> list[Steps]:
    """Give the step function per supplier, and one of the coverage without keys.

    Args:
        events: every version of the dataset `political_events`.
        coverage: every version of the dataset `coverage`.
    """
    names = [f"geopolitics_{name}" for name in COLUMNS]
    rows = []
    ordered = events.sort_values(["available_at", "source", "event_id"], kind="stable")
    for supplier, of_country in ordered.groupby("country", sort=True):
        before = None
        for moment, now in _states(of_country):
            if now != before:
                rows.append((supplier, moment, *now))
            before = now
    frame = pd.DataFrame(rows, columns=["supplier", "available_at", *names])
    frame = frame.astype({"supplier": "str", "available_at": MOMENT, **dict.fromkeys(names, "float64")})
    return [Steps(("supplier",), frame), Steps((), _covered(coverage))]


def _states(events: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, tuple[float | None, ...]]]:
    # What is known of one country at each moment at which that changes.
    known_at, happens = events["available_at"], events["happens_at"]
    moments = sorted({*known_at, *happens[happens > known_at.iloc[0]]})
    versions = zip(
        weeks_until(known_at).tolist(),
        zip(events["source"], events["event_id"], strict=True),
        events["kind"],
        weeks_until(happens).tolist(),
        events["is_retracted"],
        strict=True,
    )
    waiting = deque(versions)
    stand: dict[tuple[str, str], tuple[float, str, float]] = {}
    first: dict[tuple[str, str], float] = {}
    for moment in moments:
        week = weeks_until(moment)
        while waiting and waiting[0][0] <= week:
            known, event, kind, day, is_gone = waiting.popleft()
            stand[event] = (first.setdefault(event, known), kind, day)
            if is_gone:
                del stand[event]
        yield moment, _state(list(stand.values()), week)


def _state(stand: list[tuple[float, str, float]], week: float) -> tuple[float | None, ...]:
    # `stand` has when each event was first known, its kind and its day, all in weeks.
    attempts = _each_once(stand)
    coups = [day for day, kind in attempts if kind == "coup"]
    every = [day for day, _ in attempts]
    raised = [sum(2.0 ** (day / COUP_HALF_LIFE_WEEKS) for day in days) for days in (coups, every)]
    lasts = [
        max((day for _, kind, day in stand if kind == asked and day <= week), default=None)
        for asked in (*LASTS, "election")
    ]
    ahead = min((day for _, kind, day in stand if kind == "election" and day > week), default=None)
    return (*raised, max(every, default=None), *lasts, ahead)


def _each_once(stand: list[tuple[float, str, float]]) -> list[tuple[float, str]]:
    # The day and kind of each attempt, in order of time; those within seven days of one known before are left out.
    kept: list[tuple[float, str]] = []
    attempts = [(known, kind != "coup", day, kind) for known, kind, day in stand if kind in ATTEMPTS]
    for _, _, day, kind in sorted(attempts):
        if all(abs(day - other) > 1.0 for other, _ in kept):
            kept.append((day, kind))
    return sorted(kept)


def _covered(coverage: pd.DataFrame) -> pd.DataFrame:
    # From and until which week each group of lists is complete, as far as known; no end yet is far ahead.
    columns = [f"geopolitics_{group}_{bound}" for group in GROUPS for bound in ("from", "until")]
    group = coverage["dataset"].str.extract(r"^([a-z]+)_", expand=False)
    lists = coverage[group.isin(GROUPS)]
    lists = lists.assign(group=group).sort_values(["available_at", "dataset", "bound"], kind="stable")
    bounds: dict[str, dict[str, dict[str, float]]] = {name: {} for name in GROUPS}
    rows = []
    for moment, changed in lists.groupby("available_at", sort=True):
        for row in changed.itertuples():
            of_list = bounds[row.group].setdefault(row.dataset, {})
            if row.is_retracted:
                of_list.pop(row.bound, None)
            else:
                of_list[row.bound] = weeks_until(row.bound_at)
        rows.append((moment, *(week for name in GROUPS for week in _reach(bounds[name]))))
    frame = pd.DataFrame(rows, columns=["available_at", *columns])
    return frame.astype({"available_at": MOMENT, **dict.fromkeys(columns, "float64")})


def _reach(lists: dict[str, dict[str, float]]) -> tuple[float, float]:
    begun = [of_list for of_list in lists.values() if "from" in of_list]
    if not begun:
        return np.nan, np.nan
    return min(of_list["from"] for of_list in begun), max(of_list.get("until", np.inf) for of_list in begun)
