"""What the course of a price looks like: returns, swings, distance from its past, breaks of trend. Pure arrays.

All take monthly prices (n_months, n_series), oldest first, ending with each series' newest price, and give
(n_series,). A gap in the months that a figure needs makes it NaN, or where it averages over many, a quarter
to half of them may be missing. Logarithms of ratios are cut to ±4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MONTHS_NEEDED", "correlation_with_others", "cut", "describe", "mean_of_known"]

Floats = NDArray[np.float64]
MONTHS_NEEDED = 121
MAX_LOG = 4.0
MAX_SCORE = 10.0
# Page's allowance: half of the shift, in standard deviations, that is to be noticed.
ALLOWANCE = 0.5
MIN_SHARED_MONTHS = 24


def cut(logs: Floats) -> Floats:
    """Cut logarithms to ±4."""
    return np.clip(logs, -MAX_LOG, MAX_LOG)


def mean_of_known(values: Floats, least: int) -> Floats:
    """Give the mean over axis 0 of what is not NaN; NaN where fewer than `least` are known."""
    is_known = ~np.isnan(values)
    n = is_known.sum(axis=0)
    total = np.where(is_known, values, 0.0).sum(axis=0)
    return np.divide(total, n, out=np.full(n.shape, np.nan), where=n >= max(least, 1))


def deviation(values: Floats, least: int) -> Floats:
    """Give the standard deviation (n - 1) over axis 0; NaN where fewer than `least` are known."""
    n = (~np.isnan(values)).sum(axis=0)
    squares = mean_of_known((values - mean_of_known(values, least)) ** 2, least)
    return np.sqrt(squares * n / np.maximum(n - 1, 1))


def describe(prices: Floats) -> dict[str, Floats]:
    """Describe each series by the name of its feature, without the family's prefix.

    Args:
        prices: (`MONTHS_NEEDED`, n_series).
    """
    log = np.log(prices)
    returns = np.diff(log, axis=0)
    swing, usual = deviation(returns[-12:], 9), deviation(returns[-120:], 60)
    five_years, spread = log[-60:], deviation(log[-60:], 36)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {f"return_{months}m": cut(log[-1] - log[-1 - months]) for months in (1, 3, 6, 12)}
        found |= {
            "volatility_12m": swing * np.sqrt(12),
            "volatility_ratio": cut(np.log(swing / _positive(usual))),
            "largest_rise_12m": cut(_largest(returns[-12:], 9)),
            "drawdown_5y": cut(log[-1] - _largest(five_years, 36)),
            "vs_5y_mean": cut(log[-1] - np.log(mean_of_known(prices[-60:], 36))),
            "zscore_5y": np.clip((log[-1] - mean_of_known(five_years, 36)) / _positive(spread), -MAX_SCORE, MAX_SCORE),
            "trend_3m_12m": cut(np.log(mean_of_known(prices[-3:], 3) / mean_of_known(prices[-12:], 9))),
        }
    up, down = page(returns)
    return found | {"break_up_12m": up, "break_down_12m": down}


def page(returns: Floats) -> tuple[Floats, Floats]:
    """Give Page's cumulative sums of the last twelve returns, upwards and downwards, in standard deviations.

    Each return is measured against mean and deviation of the 60 before those twelve. From S = 0,
    S = max(0, S + z - 0.5); downwards with -z. The last S is given, cut to 10.

    Source: E. S. Page (1954), Continuous Inspection Schemes, Biometrika 41, section 2.
    """
    before = returns[-72:-12]
    spread = _positive(deviation(before, 36))
    scores = (returns[-12:] - mean_of_known(before, 36)) / spread
    up = down = np.zeros(returns.shape[1])
    for z in scores:
        up, down = np.maximum(0.0, up + z - ALLOWANCE), np.maximum(0.0, down - z - ALLOWANCE)
    return np.minimum(up, MAX_SCORE), np.minimum(down, MAX_SCORE)


def correlation_with_others(prices: Floats, group: NDArray[np.int64]) -> Floats:
    """Correlate each series' monthly returns with the mean return of the others of its group.

    Args:
        prices: (n_months, n_series) of the same calendar months.
        group: (n_series,), a number per group; -1 takes part in none.

    Returns:
        (n_series,), NaN with fewer than 24 months in common or where one of the two never moved.
    """
    returns = np.diff(np.log(prices), axis=0)
    result = np.full(prices.shape[1], np.nan)
    for number in np.unique(group[group >= 0]):
        columns = np.flatnonzero(group == number)
        own = returns[:, columns]
        is_known = ~np.isnan(own)
        total, n = np.where(is_known, own, 0.0).sum(axis=1)[:, None], is_known.sum(axis=1)[:, None]
        others = np.divide(total - own, n - 1, out=np.full(own.shape, np.nan), where=is_known & (n > 1))
        own = np.where(np.isnan(others), np.nan, own)
        x, y = own - mean_of_known(own, MIN_SHARED_MONTHS), others - mean_of_known(others, MIN_SHARED_MONTHS)
        size = _positive(np.sqrt(mean_of_known(x**2, 1) * mean_of_known(y**2, 1)))
        result[columns] = mean_of_known(x * y, 1) / size
    return result


def _largest(values: Floats, least: int) -> Floats:
    n = (~np.isnan(values)).sum(axis=0)
    largest = np.where(np.isnan(values), -np.inf, values).max(axis=0)
    return np.where(n >= least, largest, np.nan)


def _positive(values: Floats) -> Floats:
    # A price that was fixed for years has no spread to measure against; below this it is rounding.
    return np.where(values > 1e-9, values, np.nan)
