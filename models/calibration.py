"""Probabilities and intervals from raw scores, learned on rows the model was not fitted on.

The probability is a logistic curve on the raw score (Platt 1999), shrunk towards the
raw score itself: a booster fitted by log loss is believed until the outcomes of later
years say otherwise. The curve rises, so it keeps the ranking. The interval is the
Venn-Abers pair p0, p1 (Vovk and Petej 2014, library `venn-abers`), widened to hold the
probability and, in log-odds, with the age of the trade data beyond what was learned from.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from venn_abers import VennAbers

__all__ = ["WIDENING_PER_STALE_YEAR", "Calibrator", "expit", "log_odds"]

WIDENING_PER_STALE_YEAR = 0.35
FLOOR = 1e-4
# Chosen on origins before 2006 among 0, 100 and 400: the strongest calibrated best there.
PRIOR_STRENGTH = 400.0
MIN_SLOPE = 0.05


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Give ln(p / (1 - p)), clipped away from infinity."""
    clipped = np.clip(probability, FLOOR, 1 - FLOOR)
    return np.log(clipped / (1 - clipped))


def expit(score: np.ndarray) -> np.ndarray:
    """Give 1 / (1 + exp(-score)), the probability of log-odds."""
    return 1 / (1 + np.exp(-score))


@dataclass
class Calibrator:
    """A logistic curve and the calibration scores the interval is read from."""

    slope: float
    intercept: float
    scores: np.ndarray
    labels: np.ndarray

    @classmethod
    def fit(cls, raw: np.ndarray, label: np.ndarray) -> Calibrator:
        """Learn from out-of-time raw scores (n,) and their outcomes (n,)."""
        raw, outcome = raw.astype("float64"), label.astype("float64")

        def loss(curve: np.ndarray) -> float:
            # Log loss of slope and intercept, and a normal prior around the curve that changes nothing.
            scores = curve[0] * raw + curve[1]
            misfit = np.logaddexp(0.0, scores).sum() - (outcome * scores).sum()
            return float(misfit + PRIOR_STRENGTH / 2 * ((curve[0] - 1.0) ** 2 + curve[1] ** 2))

        slope, intercept = minimize(loss, x0=np.array([1.0, 0.0]), method="BFGS").x
        return cls(float(max(slope, MIN_SLOPE)), float(intercept), raw, label.astype("int64"))

    def probability(self, raw: np.ndarray) -> np.ndarray:
        """Give the calibrated probability, increasing in the raw score."""
        return expit(self.slope * raw + self.intercept)

    def interval(self, raw: np.ndarray, stale_years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give (p_low, p_high), each (n,), holding the probability; wider by 0.35 log-odds per stale year."""
        probability = self.probability(raw)
        machine = VennAbers()
        with warnings.catch_warnings():
            # The library takes minima over empty slices at the ends of the score range.
            warnings.simplefilter("ignore", RuntimeWarning)
            machine.fit(_two_columns(expit(self.scores)), self.labels)
            _, pair = machine.predict_proba(_two_columns(expit(raw)))
        low, high = np.minimum(pair.min(axis=1), probability), np.maximum(pair.max(axis=1), probability)
        extra = WIDENING_PER_STALE_YEAR * np.maximum(stale_years, 0.0)
        is_stale = extra > 0
        low = np.where(is_stale, np.minimum(low, expit(log_odds(low) - extra)), low)
        high = np.where(is_stale, np.maximum(high, expit(log_odds(high) + extra)), high)
        return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)

    def to_json(self) -> str:
        """Give everything as JSON; `from_json` gives the same numbers back."""
        return json.dumps(
            {
                "slope": self.slope,
                "intercept": self.intercept,
                "scores": self.scores.tolist(),
                "labels": self.labels.tolist(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Calibrator:
        """Rebuild from what `to_json` gave."""
        data = json.loads(text)
        return cls(data["slope"], data["intercept"], np.array(data["scores"], float), np.array(data["labels"], int))


def _two_columns(probability: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - probability, probability])
