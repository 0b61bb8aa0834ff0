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

__all__ = ["WINDOWS_WEEKS", "changes", "counted", "coverage_steps", "first_known"]

WINDOWS_WEEKS = (13, 26, 52, 156)
MOMENT = "datetime64[us, UTC]"


def first_known(events: pd.DataFrame) -> pd.DataFrame:
    """Give each event and mineral as first known, with when its end and its withdrawal became known.

    Adds `over_at` and `withdrawn_at`, missing where neither has. An event that was told again after its withdrawal has
    one more row, as known first from then on: it counts until its withdrawal, and again from its return.
    """
    ordered = events.sort_values("available_at", kind="stable")
    is_gone = ordered["is_retracted"].astype("bool")
    # How often it had been withdrawn before: a withdrawal belongs to what it ends.
    times = is_gone.astype("int64").groupby([ordered["event_id"], ordered["mineral"]]).cumsum() - is_gone
    ordered = ordered.assign(times_withdrawn=times)
    key = ["event_id", "mineral", "times_withdrawn"]
    found = ordered[~is_gone].drop_duplicates(key)
    for name, versions in (
        ("over_at", ordered[~is_gone & ordered["ended_at"].notna()]),
        ("withdrawn_at", ordered[is_gone]),
    ):
        since = versions.drop_duplicates(key)[[*key, "available_at"]].rename(columns={"available_at": name})
        found = found.merge(since, on=key, how="left")
    return found.drop(columns="times_withdrawn")


def changes(events: pd.DataFrame, column: str, weights: pd.Series | float, until: pd.Series) -> pd.DataFrame:
    """Describe that each event adds its weight to `column` from `available_at` to `until` (missing: for good).

    Args:
        events: what `first_known` gave; a withdrawn event counts until its withdrawal only.

    Returns:
        mineral, supplier, event_id, column, at, change; two rows per event, one where it has no end.
    """
    until = pd.concat([until, events["withdrawn_at"]], axis=1).min(axis=1).astype(MOMENT)
    base = events[["mineral", "supplier", "event_id"]].assign(column=column)
    starts = base.assign(at=events["available_at"], change=weights)
    ends = base.assign(at=until, change=-starts["change"])
    ever = ~(until <= events["available_at"])
    return pd.concat([starts[ever], ends[ever & until.notna()]], ignore_index=True).astype(
        {"change": "float64", "at": MOMENT}
    )


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
    bounds = coverage[coverage["dataset"].eq(dataset)].sort_values("available_at")
    versions = list(bounds[["available_at", "bound", "bound_at", "is_retracted"]].itertuples(index=False, name=None))
    halves = {f"{prefix}_covered_{weeks}w": pd.Timedelta(weeks=weeks) / 2 for weeks in WINDOWS_WEEKS}
    moments = {*bounds["available_at"], *(at + half for at in bounds["bound_at"] for half in halves.values())}
    rows = [
        {"available_at": moment, **{name: _is_covered(versions, moment, half) for name, half in halves.items()}}
        for moment in sorted(moments)
    ]
    frame = pd.DataFrame(rows, columns=["available_at", *halves])
    return frame.astype({"available_at": MOMENT, **dict.fromkeys(halves, "float64")})


def _is_covered(versions: Iterable[tuple], moment: pd.Timestamp, half: pd.Timedelta) -> float:
    # The middle of the window that ends at `moment` lies between the bounds as known then. The versions of the bounds
    # (available_at, bound, bound_at, is_retracted) come in the order in which they became known.
    at = {bound: None if is_gone else bound_at for known, bound, bound_at, is_gone in versions if known <= moment}
    begin, end = at.get("from"), at.get("until")
    has_begun = begin is not None and begin + half <= moment
    return 1.0 if has_begun and not (end is not None and end + half <= moment) else float("nan")
