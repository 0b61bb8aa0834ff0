"""How far the rate behind a probability strayed in past years, and the interval that holds it in nine of ten.

The true probability of a row is never seen. What can be seen is how many rows of a group fell: a cell, that is
the rows of one target year with similar probabilities. Its rate strays from its probability by sampling, which
the binomial law tells, and by more: whole years in which trade falls or rises everywhere. That "more" is learned
here, from cells that were forecast out of time and resolved.

In log-odds the stray of a row with probability p has standard deviation (1 - p) sqrt(year + stale k + tail d):
k years of data older than any learned from (a random walk's variance grows with time), d its distance from the
training rows (`models.support`). Steady suppliers are hit hardest by a year's swing, hence (1 - p). The three variances
maximise the normal likelihood of the cells' counts with a weak prior. The half-width is that deviation times a
quantile of Student's t with as many degrees of freedom as there were years, as a year is what strays. Its level is
moved by adaptive conformal inference (Gibbs and Candes 2021): down after years that were covered too seldom,
up after years covered too well. All of it uses resolved outcomes only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import minimize

from models.calibration import expit, log_odds

__all__ = ["LEVEL", "AdaptiveInterval", "cells_of", "is_covered"]

LEVEL = 0.9
# How far one year moves the level; chosen on origins 2006 to 2018 among 0, 0.05, 0.1 and 0.2.
STEP = 0.1
FEWEST_YEARS = 2
# Medians of the log-normal prior of the three variances: a year's, a stale year's, and of a row all in the tails.
# Its spread is a factor of e either way. It keeps what a short record cannot tell from being taken for nothing.
PRIOR = np.log([0.1, 0.05, 1.0])
# From here on the upper end would no longer rise with the probability.
WIDEST = 4.0
N_BINS = 5


def cells_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Gather out-of-time rows into cells: per year and age, five groups by probability, each halved by distance.

    Args:
        rows: year, stale_years, distance, probability, label.

    Returns:
        year, stale_years, n, hits, expected (sum of p), binomial (sum of p(1-p)), lever (sum of p(1-p)^2: what a
        stray of 1 moves the count by), distance (mean).
    """
    p = rows["probability"]
    rows = rows.assign(binomial=p * (1 - p), lever=p * (1 - p) ** 2)
    rows["bin"] = _groups_of(rows, ["year", "stale_years"], "probability", N_BINS)
    rows["half"] = _groups_of(rows, ["year", "stale_years", "bin"], "distance", 2)
    named = {"n": ("label", "size"), "hits": ("label", "sum"), "expected": ("probability", "sum")}
    named |= {"binomial": ("binomial", "sum"), "lever": ("lever", "sum"), "distance": ("distance", "mean")}
    return rows.groupby(["year", "stale_years", "bin", "half"], as_index=False).agg(**named)


def _groups_of(rows: pd.DataFrame, within: list[str], column: str, count: int) -> pd.Series:
    grouped = rows.groupby(within)[column]
    rank = grouped.rank(method="first") - 1
    return (rank * count // grouped.transform("size")).astype("int64")


def is_covered(hits: np.ndarray, n: np.ndarray, rate: np.ndarray, deviation: np.ndarray, level: float) -> np.ndarray:
    """Tell whether each count lies in the central `level` of a beta-binomial law.

    Args:
        hits, n: events and rows of each cell.
        rate: the mean probability of each cell.
        deviation: the standard deviation of the cell's true rate; 0 leaves the binomial law.

    Returns:
        bool, shape (n_cells,). Half of the count's own probability goes to its tail (mid-p), as counts are discrete.
    """
    rate = np.clip(np.asarray(rate, float), 1e-6, 1 - 1e-6)
    # A rate cannot stray further than between 0 and 1.
    most = 0.99 * np.sqrt(rate * (1 - rate))
    deviation = np.clip(np.asarray(deviation, float), 1e-4, most)
    strength = rate * (1 - rate) / deviation**2 - 1
    law = stats.betabinom(n, rate * strength, (1 - rate) * strength)
    below = law.cdf(np.asarray(hits) - 1) + 0.5 * law.pmf(hits)
    return np.minimum(below, 1 - below) >= (1 - level) / 2


@dataclass(frozen=True)
class AdaptiveInterval:
    """The interval of a probability, learned from resolved cells.

    Attributes:
        year, stale, tail: variances in squared log-odds: of a year, per year of age, and per unit of distance.
        quantile: how many standard deviations the half-width is.
        miss_frac: the share of cells it asks to miss, moved by what past years missed.
        years: how many target years it was learned from.
    """

    year: float
    stale: float
    tail: float
    quantile: float
    miss_frac: float
    years: int

    @classmethod
    def fit(cls, rows: pd.DataFrame, *, level: float = LEVEL) -> AdaptiveInterval:
        """Learn from out-of-time rows with outcomes.

        Args:
            rows: year, stale_years, distance, probability, label; at least one of stale_years 0.
        """
        cells = cells_of(rows)
        years = sorted(cells["year"].unique())
        miss = 1 - level
        # Year by year: what the years before would have said of this one moves the level.
        for number, year in enumerate(years):
            if number < FEWEST_YEARS:
                continue
            known = cls._of(cells[cells["year"] < year], miss, number)
            now = cells[cells["year"].eq(year) & cells["stale_years"].eq(0)]
            miss = float(np.clip(miss + STEP * ((1 - level) - (1 - known.covers(now, level).mean())), 0.01, 0.5))
        return cls._of(cells, miss, len(years))

    @classmethod
    def _of(cls, cells: pd.DataFrame, miss_frac: float, years: int) -> AdaptiveInterval:
        year, stale, tail = _variances(cells)
        quantile = float(stats.t.ppf(1 - miss_frac / 2, max(years, 1)))
        return cls(year, stale, tail, quantile, miss_frac, years)

    def covers(self, cells: pd.DataFrame, level: float) -> np.ndarray:
        """Tell of each cell of `cells_of` whether its count is one that the interval and sampling leave likely."""
        n = cells["n"].to_numpy()
        wide = self.quantile / stats.norm.ppf(0.5 + level / 2)
        stray = np.sqrt(self.year + self.stale * cells["stale_years"] + self.tail * cells["distance"]).to_numpy()
        return is_covered(cells["hits"], n, cells["expected"] / n, wide * stray * cells["lever"] / n, level)

    def bounds(
        self, probability: np.ndarray, stale_years: np.ndarray, distance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give (low, high), each (n,), around the probability; wider with age and with distance.

        Args:
            stale_years: how many years older the data are than any learned from; below 0 counts as 0.
            distance: the share of features in the tails of the training rows.
        """
        variance = self.year + self.stale * np.maximum(stale_years, 0.0) + self.tail * distance
        half = np.minimum(self.quantile * np.sqrt(variance), WIDEST) * (1 - probability)
        score = log_odds(probability)
        return np.minimum(expit(score - half), probability), np.maximum(expit(score + half), probability)

    def as_json(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> AdaptiveInterval:
        """Rebuild from what `as_json` gave."""
        return cls(**told)


def _variances(cells: pd.DataFrame) -> tuple[float, float, float]:
    squared = (cells["hits"] - cells["expected"]).to_numpy() ** 2
    binomial, lever = cells["binomial"].to_numpy(), cells["lever"].to_numpy() ** 2
    parts = np.column_stack([np.ones(len(cells)), cells["stale_years"], cells["distance"]]).astype("float64")

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        # The normal likelihood of the counts, the prior, and the slope of both.
        spread = binomial + lever * (parts @ np.exp(logs))
        value = 0.5 * (np.log(spread) + squared / spread).sum() + 0.5 * ((logs - PRIOR) ** 2).sum()
        slope = 0.5 * (lever * (1 / spread - squared / spread**2)) @ parts * np.exp(logs) + logs - PRIOR
        return float(value), slope

    year, stale, tail = np.exp(minimize(loss, x0=PRIOR, method="BFGS", jac=True).x).tolist()
    return year, stale, tail
