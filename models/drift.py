"""How far one sample lies from another: measures for drift, pure, on plain arrays.

Rows of one date are not independent (they share the year), so no p-value is given anywhere: a measure is read against
how much it moved from year to year before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["bin_counts", "period_steps", "quantile_edges", "robust_shift", "stability_index"]

Floats = NDArray[np.float64]
# A bin without rows would make the index infinite; half a row is what the usual correction puts there.
EMPTY_BIN_ROWS = 0.5


def quantile_edges(values: Floats, bins: int = 10) -> Floats:
    """Give the inner borders of `bins` bins that hold equal shares of the known `values`; equal borders are merged.

    Returns:
        Rising borders, at most `bins - 1`; none where nothing is known.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, bins) / bins))


def bin_counts(values: Floats, edges: Floats) -> Floats:
    """Count the known `values` per bin: `len(edges) + 1` counts; a value on a border belongs to the bin below it."""
    known = values[np.isfinite(values)]
    return np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1).astype("float64")


def stability_index(expected: Floats, observed: Floats) -> float:
    """Give the population stability index of two rows of bin counts; NaN where one of them is empty.

    The sum over bins of (o - e) ln(o / e), with shares e and o: the symmetric Kullback-Leibler (Jeffreys) divergence.
    Source: N. Siddiqi, Credit Risk Scorecards, Wiley 2006, ch. 9, with the rule of thumb 0.10 and 0.25.

    Example:
        >>> round(stability_index(np.array([50.0, 50.0]), np.array([80.0, 20.0])), 3)
        0.416
    """
    if not expected.sum() or not observed.sum():
        return float("nan")
    shares = [np.maximum(counts, EMPTY_BIN_ROWS) for counts in (expected, observed)]
    e, o = (share / share.sum() for share in shares)
    return float(np.sum((o - e) * np.log(o / e)))


def robust_shift(reference: Floats, values: Floats) -> float:
    """Give how far the median moved, in interquartile ranges of `reference`; NaN where either says nothing.

    A standardised distance that neither outliers nor the number of rows can move. Where half of the reference is one
    value it has no spread to measure by, and the answer is NaN.
    """
    known, given = reference[np.isfinite(reference)], values[np.isfinite(values)]
    if not len(known) or not len(given):
        return float("nan")
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    return float((np.median(given) - middle) / (high - low)) if high > low else float("nan")


def period_steps(facts: pd.DataFrame, unit: Sequence[str], value: str, *, before: int = 3) -> pd.DataFrame:
    """Give for every unit how its newest figure stands to what it was before, as a power of ten.

    Only units with a positive figure in the newest period count, and each is compared with itself, so it does not
    matter which units a release covers. A changed unit of measure moves all by the same factor: kilograms for tonnes
    by 3, thousands of dollars by -3, pounds for kilograms by 0.34.

    Args:
        facts: one row per unit and `period` (any whole number that rises with time), with `value`.
        unit: the columns that name a unit.
        before: how many earlier periods a figure is compared with; their median counts.

    Returns:
        The columns of `unit` and `step` = log10(newest / median of the periods before), one row per unit found in both.
    """
    known = facts.loc[facts[value] > 0, [*unit, "period", value]]
    if known.empty:
        return known[[*unit]].assign(step=pd.Series(dtype="float64"))
    periods = np.sort(known["period"].unique())
    newest, earlier = periods[-1], periods[-1 - before : -1]
    past = known[known["period"].isin(earlier)].groupby(list(unit), sort=False)[value].median()
    now = known[known["period"].eq(newest)].groupby(list(unit), sort=False)[value].median()
    step = np.log10(now / past.reindex(now.index)).dropna().rename("step")
    return step.reset_index()
