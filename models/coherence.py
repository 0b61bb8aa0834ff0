"""Probabilities that agree: none falls with the horizon, and a severe drop is never likelier than a drop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

__all__ = ["cohere", "raise_longer"]

NUMBERS = ["probability", "p_low", "p_high"]
BOUNDS = [*NUMBERS, "calibration_low", "calibration_high"]


def cohere(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Make probabilities and intervals coherent: rising with the horizon, and severe never above drop.

    The next year is raised to the current year where it was below (docs/decisions/0007), then a severe
    drop is lowered to the drop of the same pair and horizon; the second step cannot undo the first.

    Args:
        forecasts: target, horizon, mineral, supplier, as_of, probability, p_low, p_high; calibration_low and
            calibration_high where there are any.

    Returns:
        The same rows in the same order.
    """
    rows = forecasts.copy()
    _bound(rows, "horizon", "next_year", "current_year", np.fmax)
    _bound(rows, "target", "severe_supply_drop", "supply_drop", np.fmin)
    return rows


def _bound(
    rows: pd.DataFrame, column: str, bounded: str, bound: str, pick: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    # Set the numbers of rows where `column` is `bounded` against those of their partner where it is `bound`.
    key = [name for name in ("target", "horizon", "mineral", "supplier", "as_of") if name != column]
    partners = rows[rows[column].eq(bound)].set_index(key)
    at = rows[column].eq(bounded).to_numpy()
    found = partners.reindex(pd.MultiIndex.from_frame(rows.loc[at, key]))
    for name in [name for name in BOUNDS if name in rows]:
        rows.loc[at, name] = pick(rows.loc[at, name].to_numpy(), found[name].to_numpy())


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
