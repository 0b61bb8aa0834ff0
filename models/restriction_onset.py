"""Target `restriction_onset`: the supplier announces a new tightening export measure that names the mineral.

An act counts where its direction is tightening and its kind is a restriction of the supplier's own: a sanction by
others and an easing are none. It counts from the day of its announcement, and is known when that day is over. A
window holds the days from `as_of` on, before `window_end`; a label is resolved when all of its window
has passed and the table of measures is known to reach over it, even where the act came early. What is learned later of
those days changes no label. A window that the table does not reach over is void, not calm.

The state of a pair: `onset` rows have no such measure in force and none announced in three years; on
the others an announcement is one more.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.measures import merged
from features.signals.event_windows import first_known

__all__ = [
    "HISTORY",
    "HORIZONS_WEEKS",
    "KINDS",
    "TARGET",
    "TITLE",
    "announcements",
    "attach_onsets",
    "coverage_from",
    "with_history",
]

TARGET = "restriction_onset"
TITLE = "the supplier announces a new tightening export measure that names the mineral"
HORIZONS_WEEKS = {"13w": 13, "26w": 26, "52w": 52}
KINDS = (
    *("export_ban", "export_quota", "export_tax", "licensing"),
    *("processing_requirement", "price_floor_or_quota", "other"),
)
FREE_WEEKS, YEAR = 156, pd.Timedelta(weeks=52)
A_DAY = pd.Timedelta(days=1)
PAIR = ["mineral", "supplier"]
MOMENT = "datetime64[us, UTC]"
# Counts of announcements known at a row's date, by whom and of what.
HISTORY = ("before_pair", "before_supplier", "supplier_52w", "mineral_52w", "anywhere_52w")
BEYOND = "the window reaches beyond what the table of measures covers"
BEFORE = "the window begins before the table of measures does"
UNDATED = "an act of the pair has no known day, and the window may hold it"
Counts = NDArray[np.int64]


def announcements(measures: pd.DataFrame) -> pd.DataFrame:
    """Give every act of the target's kind once per mineral, as first known, whichever sources tell of it.

    Args:
        measures: every known version of the dataset.

    Returns:
        event_id, mineral, supplier, kind, severity, title, announced_at (the day; missing where only the year is
        known), available_at, over_at and withdrawn_at (when the end, or the withdrawal, became known; missing where
        neither did); by available_at.
    """
    events = first_known(merged(measures))
    events = events[events["direction"].eq("tightening") & events["kind"].isin(KINDS)]
    columns = ["event_id", *PAIR, "kind", "severity", "title", "announced_at", "available_at", "over_at"]
    events = events[[*columns, "withdrawn_at"]].astype({"over_at": MOMENT, "withdrawn_at": MOMENT})
    return events.sort_values(["available_at", "event_id", "mineral"], ignore_index=True)


def coverage_from(coverage: pd.DataFrame, dates: pd.Series) -> pd.Series:
    """Give per date from when on the table of measures claims to be complete, as known then; missing if nothing was.

    Args:
        coverage: every known version of the dataset.
        dates: moments, one per row.

    Returns:
        The bounds, on the index of `dates`.
    """
    bounds = _bounds(coverage)
    starts = bounds[bounds["bound"].eq("from")]
    known, bound = _naive(starts["available_at"]), _naive(starts["bound_at"].mask(starts["is_retracted"]))
    # One more at the end, which the dates before every version take.
    bound = np.append(bound, np.datetime64("NaT"))
    newest = np.searchsorted(known, _naive(dates), side="right") - 1
    return pd.Series(bound[newest], index=dates.index).dt.tz_localize("UTC").astype(MOMENT)


def attach_onsets(
    rows: pd.DataFrame, acts: pd.DataFrame, coverage: pd.DataFrame, horizon: str, *, moment: pd.Timestamp
) -> pd.DataFrame:
    """Add window, outcome and when it was resolved to each row.

    Args:
        rows: mineral, supplier, as_of.
        acts: `announcements`, possibly with what became known later.
        coverage: every known version of the dataset.
        horizon: one of `HORIZONS_WEEKS`.
        moment: the date of all this knowledge; windows that had not passed by then are unresolved.

    Returns:
        `rows` in their order with window_start, window_end, target_year (of the window's end), label (1.0, 0.0,
        missing while void or unresolved), void_reason (text where void) and resolved_at (missing without a label).
    """
    rows = rows.reset_index(drop=True)
    end = (rows["as_of"] + pd.Timedelta(weeks=HORIZONS_WEEKS[horizon])).astype(MOMENT)
    resolved, reason = _resolution(rows["as_of"], end, coverage)
    pairs = rows[[*PAIR, "as_of"]].assign(row=rows.index, end=end, resolved=resolved)
    near = pairs.merge(acts, on=PAIR)
    is_inside = near["announced_at"].ge(near["as_of"]) & near["announced_at"].lt(near["end"])
    # An act whose announcement was already known is not new, whatever day it states.
    is_new = near["available_at"].gt(near["as_of"]) & near["available_at"].le(near["resolved"])
    is_told = is_new & ~near["withdrawn_at"].le(near["resolved"])
    label = pd.Series(0.0, index=rows.index)
    label.loc[near.loc[is_inside & is_told, "row"].unique()] = 1.0
    # Known at the end of its year: it may have been announced on any day of it.
    is_undated = near["announced_at"].isna() & (near["available_at"] - pd.Timedelta(days=367)).lt(near["end"])
    void = near.loc[is_undated & is_told, "row"].unique()
    resolved.loc[void], reason.loc[void] = pd.NaT, UNDATED
    is_open = end.gt(moment) | resolved.gt(moment)
    resolved, reason = resolved.mask(is_open), reason.mask(is_open)
    return rows.assign(
        window_start=rows["as_of"],
        window_end=end,
        target_year=end.dt.year.astype("int64"),
        label=label.where(resolved.notna()),
        void_reason=reason,
        resolved_at=resolved,
    )


def _resolution(start: pd.Series, end: pd.Series, coverage: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give per window the first moment from its end on at which the table is known to reach over it; or why none."""
    bounds = _bounds(coverage)
    resolved = pd.Series(pd.NaT, index=end.index, dtype=MOMENT)
    reason = pd.Series(pd.NA, index=end.index, dtype="str")
    changes = sorted(bounds["available_at"].unique())
    for since, until in zip([None, *changes], [*changes, None], strict=True):
        state = bounds if since is None else bounds[bounds["available_at"] <= since]
        newest = state.drop_duplicates("bound", keep="last") if since is not None else bounds.iloc[:0]
        at = newest[~newest["is_retracted"]].set_index("bound")["bound_at"]
        begins, ends = at.get("from"), at.get("until")
        # A day that is covered is known when it is over.
        has_begun = start.ge(begins) if begins is not None else pd.Series(False, index=start.index)
        reaches = pd.Series(True, index=end.index) if ends is None else end.le(ends + A_DAY)
        moment = end if since is None else end.clip(lower=since)
        in_time = pd.Series(True, index=end.index) if until is None else moment.lt(until)
        resolved = resolved.where(resolved.notna(), moment.where(has_begun & reaches & in_time))
        reason = pd.Series(np.where(has_begun, BEYOND, BEFORE), index=end.index, dtype="str")
    return resolved.astype(MOMENT), reason.where(resolved.isna())


def _bounds(coverage: pd.DataFrame) -> pd.DataFrame:
    return coverage[coverage["dataset"].eq("measures")].sort_values("available_at", kind="stable")


def with_history(rows: pd.DataFrame, acts: pd.DataFrame) -> pd.DataFrame:
    """Add onset and the columns `HISTORY` to each row: what was announced before, as known at its `as_of`.

    An act on several minerals counts once for its supplier and once for all. `mineral_52w` leaves the supplier's
    own acts out. An act of which only the year is known is never new: it counts before, and while in force.
    """
    date = rows["as_of"].astype(MOMENT)
    rows = rows.assign(everywhere=0)
    # What was withdrawn and told again has a row for each time.
    times = acts.assign(time=acts.groupby(["event_id", "mineral"]).cumcount())
    dated, once = acts[acts["announced_at"].notna()], acts[~times.duplicated(["event_id", "time"])]
    dated_once = once[once["announced_at"].notna()].assign(everywhere=0)
    known = _counted(rows, PAIR, acts, date)
    in_force = known - _counted(rows, PAIR, acts, date, "over_at")
    return rows.drop(columns="everywhere").assign(
        onset=(in_force <= 0) & (_lately(rows, PAIR, dated, pd.Timedelta(weeks=FREE_WEEKS)) <= 0),
        before_pair=known,
        before_supplier=_counted(rows, ["supplier"], once, date),
        supplier_52w=_lately(rows, ["supplier"], dated_once, YEAR),
        mineral_52w=_lately(rows, ["mineral"], dated, YEAR) - _lately(rows, PAIR, dated, YEAR),
        anywhere_52w=_lately(rows, ["everywhere"], dated_once, YEAR),
    )


def _lately(rows: pd.DataFrame, keys: list[str], acts: pd.DataFrame, span: pd.Timedelta) -> Counts:
    date = rows["as_of"].astype(MOMENT)
    return _counted(rows, keys, acts, date) - _counted(rows, keys, acts, date - span)


def _counted(
    rows: pd.DataFrame, keys: list[str], acts: pd.DataFrame, date: pd.Series, column: str = "available_at"
) -> Counts:
    # How many acts of the row's group had `column` by `date`, those withdrawn by the row's own date left out.
    members = rows.groupby(keys, sort=False).indices
    found = np.zeros(len(rows), dtype="int64")
    asked, own = _naive(date), _naive(rows["as_of"])
    for key, part in acts.groupby(keys):
        at = members.get(key if len(keys) > 1 else key[0] if isinstance(key, tuple) else key)
        if at is None:
            continue
        moments, gone = _naive(part[column])[:, None], _naive(part["withdrawn_at"])[:, None]
        is_known = (moments <= asked[at]) & ~(gone <= own[at])
        found[at] = is_known.sum(axis=0)
    return found


def _naive(moments: pd.Series) -> NDArray[np.datetime64]:
    # Moments with a zone become Python objects in NumPy, which are a hundred times slower to compare.
    return moments.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
