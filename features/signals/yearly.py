"""Shared by the signals on yearly tables: what was known at each moment at which something became known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

__all__ = ["steps_of_yearly"]


def steps_of_yearly(
    table: pd.DataFrame,
    key: Sequence[str],
    describe: Callable[[pd.DataFrame], pd.DataFrame],
) -> pd.DataFrame:
    """Apply `describe` to the newest version of each fact at every distinct `available_at` of `table`.

    Args:
        table: every version of a dataset, with `available_at` and `is_retracted`.
        key: the columns that name one fact.
        describe: what is known -> one row per unit; it is never told the moment.

    Returns:
        The rows of `describe` with their `available_at`, in order of it; empty when `table` is. A unit whose
        facts were all withdrawn has a row without values.
    """
    frames: list[pd.DataFrame] = []
    ordered = table.sort_values("available_at", kind="stable")
    for moment in ordered["available_at"].unique():
        known = ordered[: ordered["available_at"].searchsorted(moment, side="right")]
        newest = known.drop_duplicates(list(key), keep="last")
        newest = newest[~newest["is_retracted"]]
        rows = describe(newest) if len(newest) else pd.DataFrame()
        if frames:
            rows = _with_gone(rows, frames[-1])
        if len(rows):
            frames.append(rows.assign(available_at=moment))
    if not frames:
        return pd.DataFrame()
    return pd.concat(frames, ignore_index=True).astype({"available_at": "datetime64[us, UTC]"})


def _with_gone(rows: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    # A unit all of whose facts were withdrawn gets a row of missing values; else its last one would hold on.
    unit = [name for name in ("mineral", "supplier") if name in before]
    if rows.empty:
        rows = before.head(0).drop(columns="available_at")
    then, now = (frame[unit[0]] + "|" + frame[unit[-1]] for frame in (before, rows))
    gone = before.loc[~then.isin(now), unit]
    return rows if gone.empty else pd.concat([rows, gone], ignore_index=True)
