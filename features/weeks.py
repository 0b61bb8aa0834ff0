"""Weeks of tables: the number of a week, its Monday, and sums that are halved as weeks pass. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.datasets import MOMENT

__all__ = ["A_WEEK", "faded", "monday_before", "monday_of", "week_from", "week_of", "weeks_until"]

A_WEEK = pd.Timedelta(weeks=1)
FIRST_MONDAY = pd.Timestamp("1970-01-05", tz="UTC")


def week_of(moments: pd.Series) -> pd.Series:
    """Give the number of the week that holds each moment: 0 begins on Monday, 5 January 1970.

    Example:
        >>> week_of(pd.Series(pd.to_datetime(["2024-07-21", "2024-07-22"], utc=True))).tolist()
        [2845, 2846]
    """
    return (moments - FIRST_MONDAY) // A_WEEK


def weeks_until(moments: Any) -> Any:
    """Give weeks, and parts of them, from the beginning of week 0 until one moment or until each of a column."""
    return (moments - FIRST_MONDAY) / A_WEEK


def week_from(moments: pd.Series) -> pd.Series:
    """Give the number of the first week at whose beginning each moment has been reached."""
    return -((FIRST_MONDAY - moments) // A_WEEK)


def monday_of(weeks: pd.Series) -> pd.Series:
    """Give the first moment of each week, `datetime64[us, UTC]`."""
    return (FIRST_MONDAY + weeks.astype("int64") * A_WEEK).astype(MOMENT)


def monday_before(moments: pd.Series) -> pd.Series:
    """Give the Monday, 00:00 UTC, that begins the week of each moment; one that is a Monday's beginning is its own."""
    return monday_of(week_of(moments))


def faded(amounts: np.ndarray, weeks: np.ndarray, half_life: float) -> np.ndarray:
    """Give the running sum of `amounts`, each worth half as much after every `half_life` weeks.

    Args:
        amounts: shape (n,) or (n, k), in order of `weeks`, which rise.

    Example:
        >>> faded(np.array([1.0, 1.0]), np.array([10, 12]), 2).tolist()
        [1.0, 1.5]
    """
    out = np.asarray(amounts, dtype="float64").copy()
    for i, kept in enumerate(0.5 ** (np.diff(weeks) / half_life), start=1):
        out[i] += out[i - 1] * kept
    return out
