"""Other ways of learning an event from the same rows, to be held against the champion's booster.

Each is a `Model`. What needs more than the label reads `ratio`, the outcome itself: exports of the target year over
the mean of the three years before. None is calibrated out of time; each gives the probability that it was fitted to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from features.panel import directions_of
from models.calibrated import calibration_blocks
from models.calibration import expit, log_odds
from models.gradient_boosting import Parameters, constraints

__all__ = [
    "Boosted",
    "ManyThresholds",
    "RankedWithinPairs",
    "SkLearned",
    "WholeDistribution",
    "analogues",
    "linear_in_ranks",
    "random_trees",
]

Weights = Callable[[pd.DataFrame], np.ndarray]
# Outcomes are followed between a fiftieth and fivefold of normal; beyond it is noise.
RATIO_RANGE = (0.02, 5.0)


def _matrix(rows: pd.DataFrame, features: Sequence[str]) -> np.ndarray:
    return rows[list(features)].to_numpy(dtype="float64")


@dataclass
class Boosted:
    """A LightGBM booster with the champion's settings, `options` in LightGBM's own names laid over them.

    `weights` gives a weight per row to learn from; `seeds` boosters are averaged in log-odds.
    """

    features: Sequence[str]
    parameters: Parameters = field(default_factory=Parameters)
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Weights | None = None
    seeds: int = 1
    name: str = "boosted"

    def fit(self, rows: pd.DataFrame) -> Boosted:
        """Learn one booster per seed."""
        weight = None if self.weights is None else self.weights(rows)
        self.boosters = []
        for number in range(self.seeds):
            parameters = replace(self.parameters, seed=self.parameters.seed + number)
            settings = parameters.for_lightgbm() | constraints(directions_of(self.features)) | dict(self.options)
            data = lgb.Dataset(_matrix(rows, self.features), rows["label"].to_numpy(), weight=weight)
            self.boosters.append(lgb.train(settings, data, num_boost_round=parameters.rounds))
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the sigmoid of the mean raw score."""
        matrix = _matrix(rows, self.features)
        return expit(np.mean([booster.predict(matrix, raw_score=True) for booster in self.boosters], axis=0))


@dataclass
class ManyThresholds:
    """One booster per threshold of the outcome; their mean log-odds, mapped to the event by a logistic curve."""

    features: Sequence[str]
    thresholds: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9)
    parameters: Parameters = field(default_factory=Parameters)
    name: str = "many_thresholds"

    def fit(self, rows: pd.DataFrame) -> ManyThresholds:
        """Learn each threshold, then the curve on the same rows."""
        self.parts = [
            Boosted(self.features, self.parameters).fit(rows.assign(label=rows["ratio"].lt(limit).astype("float64")))
            for limit in self.thresholds
        ]
        self.curve = LogisticRegression(C=1e6).fit(self._score(rows), rows["label"].to_numpy())
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the curve's probability."""
        return self.curve.predict_proba(self._score(rows))[:, 1]

    def _score(self, rows: pd.DataFrame) -> np.ndarray:
        return np.mean([log_odds(part.predict(rows)) for part in self.parts], axis=0)[:, None]


@dataclass
class WholeDistribution:
    """The log of the outcome as a normal variable: one booster for its mean, one for the log of its spread."""

    features: Sequence[str]
    limit: float
    parameters: Parameters = field(default_factory=Parameters)
    name: str = "whole_distribution"

    def fit(self, rows: pd.DataFrame) -> WholeDistribution:
        """Learn the mean by least squares, then the logarithm of the absolute residual."""
        settings = self.parameters.for_lightgbm() | {"objective": "regression"}
        outcome = np.log(rows["ratio"].clip(*RATIO_RANGE)).to_numpy()
        matrix = _matrix(rows, self.features)
        self.mean = lgb.train(settings, lgb.Dataset(matrix, outcome), num_boost_round=self.parameters.rounds)
        residual = np.abs(outcome - self.mean.predict(matrix)).clip(1e-3)
        self.spread = lgb.train(settings, lgb.Dataset(matrix, np.log(residual)), num_boost_round=self.parameters.rounds)
        # E ln|z| of a standard normal z is -(ln 2 + Euler's constant) / 2.
        self.shift = (np.log(2) + np.euler_gamma) / 2
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the mass below the limit."""
        matrix = _matrix(rows, self.features)
        spread = np.exp(self.spread.predict(matrix) + self.shift)
        return norm.cdf((np.log(self.limit) - self.mean.predict(matrix)) / spread)


@dataclass
class RankedWithinPairs:
    """The booster, and beside it one that only ranks the years of each pair (LambdaRank); a curve joins the two."""

    features: Sequence[str]
    parameters: Parameters = field(default_factory=Parameters)
    name: str = "ranked_within_pairs"

    def fit(self, rows: pd.DataFrame) -> RankedWithinPairs:
        """Learn both, then the curve on out-of-time scores."""
        rows = rows.reset_index(drop=True)
        self._fit_parts(rows)
        scores, labels = [], []
        for train, test in calibration_blocks(rows):
            part = RankedWithinPairs(self.features, self.parameters)
            part._fit_parts(rows.loc[train])
            held = rows.loc[test]
            scores.append(part._score(held))
            labels.append(held["label"].to_numpy())
        self.curve = LogisticRegression(C=1.0).fit(np.vstack(scores), np.concatenate(labels)) if scores else None
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the curve's probability; the booster's own where the record is too short for a curve."""
        score = self._score(rows)
        return expit(score[:, 0]) if self.curve is None else self.curve.predict_proba(score)[:, 1]

    def _fit_parts(self, rows: pd.DataFrame) -> None:
        self.who = Boosted(self.features, self.parameters).fit(rows)
        ordered = rows.sort_values(["mineral", "supplier", "as_of"])
        settings = self.parameters.for_lightgbm() | {"objective": "lambdarank", "label_gain": [0, 1]}
        groups = ordered.groupby(["mineral", "supplier"], sort=False).size().to_numpy()
        data = lgb.Dataset(_matrix(ordered, self.features), ordered["label"].astype(int).to_numpy(), group=groups)
        self.when = lgb.train(settings, data, num_boost_round=self.parameters.rounds)

    def _score(self, rows: pd.DataFrame) -> np.ndarray:
        return np.column_stack([log_odds(self.who.predict(rows)), self.when.predict(_matrix(rows, self.features))])


@dataclass
class SkLearned:
    """A scikit-learn pipeline on named features, missing ones at their median."""

    features: Sequence[str]
    make: Callable[[], Any]
    name: str = "sklearn"

    def fit(self, rows: pd.DataFrame) -> SkLearned:
        """Learn from labelled rows; features that are missing everywhere are left out."""
        self.used = [name for name in self.features if rows[name].notna().any()]
        self.pipeline = make_pipeline(SimpleImputer(strategy="median"), *self.make())
        self.pipeline.fit(_matrix(rows, self.used), rows["label"].to_numpy())
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the fitted probability."""
        return self.pipeline.predict_proba(_matrix(rows, self.used))[:, 1]


def linear_in_ranks(features: Sequence[str]) -> SkLearned:
    """Logistic regression on normal scores of each feature."""

    def make() -> list[Any]:
        ranks = QuantileTransformer(n_quantiles=200, output_distribution="normal")
        return [ranks, LogisticRegression(C=0.03, solver="newton-cholesky")]

    return SkLearned(features, make, "linear_in_ranks")


def random_trees(features: Sequence[str]) -> SkLearned:
    """Extremely randomised trees (Geurts et al. 2006)."""

    def make() -> list[Any]:
        return [ExtraTreesClassifier(300, min_samples_leaf=10, max_features=0.3, random_state=1, n_jobs=1)]

    return SkLearned(features, make, "random_trees")


def analogues(features: Sequence[str], neighbours: int = 150) -> SkLearned:
    """The share of events among the most similar rows of the past, by normal scores of each feature."""

    def make() -> list[Any]:
        ranks = QuantileTransformer(n_quantiles=200, output_distribution="normal")
        return [ranks, KNeighborsClassifier(neighbours, weights="distance", n_jobs=1)]

    return SkLearned(features, make, "analogues")
