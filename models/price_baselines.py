"""What a forecast of price spikes stands beside: each mineral's own frequency, and a random walk.

Both are models like any other (`models.model`), without tuning; the third is the logistic regression of
`models.baselines`.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from models.price_spikes import RISE

__all__ = ["MineralClimatology", "RandomWalk", "chance_of_reaching", "monthly_volatility"]

Floats = NDArray[np.float64]
# Five years of quarterly rows: what a mineral has to outweigh before its own frequency counts for half.
PRIOR_ROWS = 20.0
# Broadie, Glasserman and Kou (1997), -zeta(1/2) / sqrt(2 pi): how far a walk jumps over a line seen once a step.
OVERSHOOT = 0.5826
MIN_MONTHLY_VOLATILITY = 0.005


class MineralClimatology:
    """The mineral's own share of events, shrunk to that of all by `PRIOR_ROWS` pseudo-observations."""

    name = "climatology"

    def fit(self, rows: pd.DataFrame) -> MineralClimatology:
        """Learn events and rows per mineral."""
        self.overall = float(rows["label"].mean())
        groups = rows.groupby("mineral")["label"]
        self.rate = (groups.sum() + PRIOR_ROWS * self.overall) / (groups.count() + PRIOR_ROWS)
        return self

    def predict(self, rows: pd.DataFrame) -> Floats:
        """Give each row its mineral's share; a mineral never seen gets that of all."""
        return rows["mineral"].map(self.rate).fillna(self.overall).to_numpy(dtype="float64")


class RandomWalk:
    """The chance that a walk without drift, as restless as the price was lately and long since, reaches the line."""

    name = "random_walk"

    def fit(self, rows: pd.DataFrame) -> RandomWalk:
        """Learn nothing."""
        return self

    def predict(self, rows: pd.DataFrame) -> Floats:
        """Give the chance from prices_volatility_12m, prices_volatility_ratio and months_ahead."""
        return chance_of_reaching(
            math.log(RISE), monthly_volatility(rows), rows["months_ahead"].to_numpy(dtype="float64")
        )


def monthly_volatility(rows: pd.DataFrame) -> Floats:
    """Give the deviation of monthly log changes: the root of the mean variance of twelve months and of ten years.

    Where there are no ten years, that of twelve months stands for both; a price that never moved gets 0.5 %.
    """
    now = rows["prices_volatility_12m"].to_numpy(dtype="float64") / math.sqrt(12)
    usual = now / np.exp(rows["prices_volatility_ratio"].fillna(0.0).to_numpy(dtype="float64"))
    return np.maximum(np.sqrt((now**2 + usual**2) / 2), MIN_MONTHLY_VOLATILITY)


def chance_of_reaching(line: float, volatility: Floats, steps: Floats) -> Floats:
    """Give the chance that a driftless Gaussian walk from 0 is at or above `line` after one of its steps.

    By the reflection principle a Brownian motion reaches b > 0 by time t with chance 2 (1 - F(b / sqrt(t)))
    for a standard normal F; as the price is seen only once a step, the line lies 0.5826 deviations of a step higher.

    Args:
        line: above 0, in the unit of the walk.
        volatility: deviation of one step, above 0.
        steps: how many steps; 0 gives 0.

    Source: Karatzas and Shreve (1991), Brownian Motion and Stochastic Calculus, section 2.6; Broadie, Glasserman
        and Kou (1997), A continuity correction for discrete barrier options, Mathematical Finance 7.

    Example:
        >>> chance_of_reaching(1.0, np.array([1.0]), np.array([4.0])).round(3)
        array([0.429])
    """
    with np.errstate(divide="ignore"):
        distance = (line + OVERSHOOT * volatility) / (volatility * np.sqrt(np.maximum(steps, 0.0)))
    return np.asarray(2 * norm.sf(distance), dtype="float64")
