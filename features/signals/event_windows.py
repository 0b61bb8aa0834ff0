"""Shared by the signals on dated events: counts in windows as step functions.

An event that became known at `a` adds its weight to a window of w weeks from `a` on and
takes it away again at `a + w`: a count is the running sum of such changes. So windows
need no date to be computed for.

A compiled table says from when until when it claims to be complete (dataset
`coverage`). A window that reaches outside by more than half of its length is missing,
not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

__all__ = ["WINDOWS_WEEKS", "changes", "counted", "coverage_steps"]

WINDOWS_WEEKS = (13, 26, 52, 156)
MOMENT = "datetime64[us, UTC]"


def changes(events: pd.DataFrame, column: str, weights: pd.Series | float, until: pd.Series) -> pd.DataFrame:
    """Describe that each event adds its weight to `column` from `available_at` to `until` (missing: for good).

    Returns:
        mineral, supplier, at, column, change; two rows per event, one where it has no end.
    """
    base = events[["mineral", "supplier", "event_id"]].assign(column=column)
    starts = base.assign(at=events["available_at"], change=weights)
    ends = base.assign(at=until, change=-starts["change"])
    return pd.concat([starts, ends[until.notna()]], ignore_index=True).astype({"change": "float64", "at": MOMENT})


def counted(rows: pd.DataFrame, keys: Sequence[str], columns: Iterable[str]) -> pd.DataFrame:
    """Turn changes into a step function per `keys`: the running sum of each of `columns`.

    An event that touches several minerals counts once per key: on the supplier's level it is one event.
    """
    columns = list(columns)
    frame_columns = [*keys, "available_at", *columns]
    if rows.empty:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in frame_columns})
    once = rows.drop_duplicates([*keys, "event_id", "column", "at", "change"])
    total = once.pivot_table(index=[*keys, "at"], columns="column", values="change", aggfunc="sum", fill_value=0.0)
    total = total.reindex(columns=columns, fill_value=0.0)
    running = total.groupby(level=list(keys)).cumsum().round(9)
    frame = running.reset_index().rename(columns={"at": "available_at"})
    frame.columns.name = None
    return frame.astype({"available_at": MOMENT})[frame_columns].sort_values([*keys, "available_at"], ignore_index=True)


def coverage_steps(coverage: pd.DataFrame, dataset: str, prefix: str) -> pd.DataFrame:
    """Give, without keys, how far each window is covered: 1 where at least half of it is, missing elsewhere.

    Columns `{prefix}_covered_{w}w` per window. Until an end of coverage is known, it is open.
    """
    bounds = coverage[coverage["dataset"].eq(dataset) & ~coverage["is_retracted"]]
    columns = [f"{prefix}_covered_{weeks}w" for weeks in WINDOWS_WEEKS]
    start = bounds.loc[bounds["bound"].eq("from"), "bound_at"]
    if start.empty:
        return pd.DataFrame(columns=["available_at", *columns])
    moments: list[tuple[pd.Timestamp, str, float]] = []
    for weeks, column in zip(WINDOWS_WEEKS, columns, strict=True):
        half = pd.Timedelta(weeks=weeks) / 2
        moments.append((start.min() + half, column, 1.0))
        ends = bounds[bounds["bound"].eq("until")].sort_values("available_at")
        for row, later in zip(ends.itertuples(), [*ends["available_at"].iloc[1:], None], strict=True):
            stop = max(row.bound_at + half, row.available_at)
            if later is None or stop < later:
                moments.append((stop, column, 0.0))
            if later is not None and stop < later:
                moments.append((later, column, 1.0))
    frame = pd.DataFrame(moments, columns=["available_at", "column", "value"])
    wide = frame.pivot_table(index="available_at", columns="column", values="value", aggfunc="last").ffill()
    wide = wide.reindex(columns=columns).where(lambda cells: cells.eq(1.0)).reset_index()
    wide.columns.name = None
    return wide.astype({"available_at": MOMENT})
