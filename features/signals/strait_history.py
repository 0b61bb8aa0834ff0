"""Shared by the signal `logistics`: how busy each strait was, against the same weeks of earlier years. Pure.

At every moment at which a count became known or was revised, the last 4 and 13 weeks up to the newest known day are
held against the same weeks of up to three earlier years, as they were known at that moment. Weeks are shifted by 364
days, so that weekdays meet their like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.datasets import MOMENT

__all__ = ["RATIOS", "strait_steps"]

# Name -> type of ship and weeks.
RATIOS = {"transits_4w": ("total", 4), "transits_13w": ("total", 13), "dry_bulk_13w": ("dry_bulk", 13)}
SHIPS = ("total", "dry_bulk")
YEAR_DAYS, EARLIER_YEARS = 364, 3
# A window speaks if this share of its days is told.
MIN_DAYS_FRAC = 0.75
# Ships a day, added above and below, so that where two a week pass, one more is no rise.
FLOOR = 0.25
MAX_LOG = 4.0
# What a ratio may look at: the newest day and all before it in the earliest window.
SPAN_DAYS = EARLIER_YEARS * YEAR_DAYS + 7 * max(weeks for _, weeks in RATIOS.values())
EPOCH = pd.Timestamp("1970-01-01", tz="UTC")


def strait_steps(transits: pd.DataFrame, straits: Sequence[str]) -> pd.DataFrame:
    """Give the step function of all `straits` together.

    Args:
        transits: every known version of the dataset `transits`.

    Returns:
        available_at, `newest_day` (days since 1970 to the newest known day of any strait, float64), and for each strait
        and each of `RATIOS` a column `<strait>_<ratio>`: log ratio, float32, missing where days are missing now or in
        every earlier year. Sorted.
    """
    names = [f"{strait}_{ratio}" for strait in straits for ratio in RATIOS]
    rows = transits[transits["ship_type"].isin(SHIPS) & transits["strait"].isin(list(straits))]
    # Of two sources that count one day, the last by name counts where both come at once.
    rows = rows.sort_values(["available_at", "source"], kind="stable")
    if rows.empty:
        none = {name: pd.Series(dtype="float32") for name in names}
        return pd.DataFrame({"available_at": pd.Series(dtype=MOMENT), "newest_day": pd.Series(dtype="float64"), **none})
    day = ((rows["starts_on"] - EPOCH) // pd.Timedelta(days=1)).to_numpy()
    first = int(day.min()) - SPAN_DAYS
    counts = np.full((len(SHIPS), len(straits), int(day.max()) - first + 1), np.nan)
    place = (
        rows["ship_type"].map({name: at for at, name in enumerate(SHIPS)}).to_numpy(),
        rows["strait"].map({name: at for at, name in enumerate(straits)}).to_numpy(),
        day - first,
    )
    calls = rows["calls"].astype("float64").where(~rows["is_retracted"]).to_numpy()
    moments, starts = np.unique(rows["available_at"].to_numpy(), return_index=True)
    found = []
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        counts[tuple(axis[start:end] for axis in place)] = calls[start:end]
        told = np.flatnonzero(~np.isnan(counts[0]).all(axis=0))
        newest = int(told[-1]) if len(told) else -1
        ratios = _ratios(counts, newest) if newest >= 0 else np.full((len(straits), len(RATIOS)), np.nan)
        found.append([float(first + newest) if newest >= 0 else np.nan, *ratios.ravel()])
    frame = pd.DataFrame(found, columns=["newest_day", *names]).astype(dict.fromkeys(names, "float32"))
    frame.insert(0, "available_at", pd.Series(pd.to_datetime(moments, utc=True)).astype(MOMENT))
    return frame


def _ratios(counts: np.ndarray, newest: int) -> np.ndarray:
    # Shape (n_straits, n_ratios). Every day that is asked for lies on the axis: it starts early enough.
    known = counts[:, :, newest + 1 - SPAN_DAYS : newest + 1]
    is_told = ~np.isnan(known)
    # Counts are whole, so differences of running sums are exact.
    ships, days = (_running(part) for part in (np.where(is_told, known, 0.0), is_told.astype("float64")))
    columns = []
    for ship, weeks in RATIOS.values():
        at = SHIPS.index(ship)
        ends = SPAN_DAYS - YEAR_DAYS * np.arange(EARLIER_YEARS + 1)
        told = days[at][:, ends] - days[at][:, ends - 7 * weeks]
        passed = ships[at][:, ends] - ships[at][:, ends - 7 * weeks]
        daily = np.divide(passed, told, out=np.full(told.shape, np.nan), where=told >= MIN_DAYS_FRAC * 7 * weeks)
        years = (~np.isnan(daily[:, 1:])).sum(axis=1)
        total = np.nan_to_num(daily[:, 1:]).cumsum(axis=1)[:, -1]
        then = np.divide(total, years, out=np.full(len(years), np.nan), where=years > 0)
        columns.append(np.log((daily[:, 0] + FLOOR) / (then + FLOOR)).clip(-MAX_LOG, MAX_LOG))
    return np.stack(columns, axis=1)


def _running(figures: np.ndarray) -> np.ndarray:
    # Sums over the days before each day of the last axis, and over all of them.
    return np.concatenate([np.zeros((*figures.shape[:-1], 1)), figures.cumsum(axis=-1)], axis=-1)
