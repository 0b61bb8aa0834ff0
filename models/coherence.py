"""Probabilities that do not fall with the horizon, where a longer window holds the shorter ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

__all__ = ["raise_longer"]

NUMBERS = ["probability", "p_low", "p_high"]


def raise_longer(forecasts: pd.DataFrame, horizons: Iterable[str], *, key: Sequence[str]) -> pd.DataFrame:
    """Raise probability, p_low and p_high for longer windows to those of shorter ones where they were below.

    Args:
        forecasts: horizon, the columns of `key` (one row per key and horizon), probability, p_low, p_high.
        horizons: from the shortest to the longest.

    Returns:
        The same rows in the same order. A row without a shorter partner, and a bound that is missing, stay as they are.
    """
    rows = forecasts.copy()
    keys = pd.MultiIndex.from_frame(rows[list(key)])
    before: pd.DataFrame | None = None
    for horizon in horizons:
        at = rows["horizon"].eq(horizon).to_numpy()
        if before is not None:
            shorter = before.reindex(keys[at])
            for name in NUMBERS:
                rows.loc[at, name] = np.fmax(rows.loc[at, name].to_numpy(), shorter[name].to_numpy())
        newest = rows.loc[at, NUMBERS].set_axis(keys[at])
        # A key that is missing at one horizon keeps what the one before it had.
        before = newest if before is None else pd.concat([newest, before[~before.index.isin(newest.index)]])
    return rows
