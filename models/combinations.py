"""Several models as one: their mean, a combination learned on later years, and one model per group of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from features.panel import directions_of
from models.calibrated import calibration_blocks
from models.calibration import expit, log_odds
from models.gradient_boosting import Parameters, constraints
from models.model import Model

__all__ = ["Corrected", "MeanOf", "NeverSeen", "PerGroup", "ShrunkLevels", "Stacked", "fold_of"]

Make = Callable[[], Model]
FEWEST_EVENTS = 30


@dataclass
class MeanOf:
    """The mean log-odds of several models."""

    makes: Sequence[Make]
    name: str = "mean_of"

    def fit(self, rows: pd.DataFrame) -> MeanOf:
        """Learn each."""
        self.models = [make().fit(rows) for make in self.makes]
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the sigmoid of the mean log-odds."""
        return expit(np.mean([log_odds(model.predict(rows)) for model in self.models], axis=0))


@dataclass
class Stacked:
    """Several models combined by a logistic regression that was fitted on what they said of later years only."""

    makes: Sequence[Make]
    name: str = "stacked"

    def fit(self, rows: pd.DataFrame) -> Stacked:
        """Learn each model on all rows, and the combination on blocks of years that none of its inputs had seen."""
        rows = rows.reset_index(drop=True)
        scores, labels = [], []
        for train, test in calibration_blocks(rows):
            held = rows.loc[test]
            parts = [make().fit(rows.loc[train]).predict(held) for make in self.makes]
            scores.append(np.column_stack([log_odds(part) for part in parts]))
            labels.append(held["label"].to_numpy())
        self.weights = LogisticRegression(C=1.0).fit(np.vstack(scores), np.concatenate(labels)) if scores else None
        self.models = [make().fit(rows) for make in self.makes]
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the combined probability; the mean log-odds where the record is too short to combine."""
        scores = np.column_stack([log_odds(model.predict(rows)) for model in self.models])
        return expit(scores.mean(axis=1)) if self.weights is None else self.weights.predict_proba(scores)[:, 1]


@dataclass
class PerGroup:
    """A model of its own per value of `column`; groups with few events, and new ones, get the model of all rows."""

    make: Make
    column: str
    name: str = "per_group"

    def fit(self, rows: pd.DataFrame) -> PerGroup:
        """Learn all rows together, and each group with enough events by itself."""
        self.all = self.make().fit(rows)
        self.own = {
            value: self.make().fit(part)
            for value, part in rows.groupby(self.column)
            if min(part["label"].sum(), (1 - part["label"]).sum()) >= FEWEST_EVENTS
        }
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give each row the probability of its group's model."""
        found = np.empty(len(rows))
        values = rows[self.column].to_numpy()
        for value in pd.unique(values):
            at = values == value
            found[at] = self.own.get(value, self.all).predict(rows[at])
        return found


@dataclass
class Corrected:
    """One model of all rows, and per value of `column` a few trees that go on from its raw score."""

    make: Make
    features: Sequence[str]
    column: str
    rounds: int = 30
    name: str = "corrected"

    def fit(self, rows: pd.DataFrame) -> Corrected:
        """Learn all rows together, then what each group with enough events adds to it."""
        self.all = self.make().fit(rows)
        settings = Parameters().for_lightgbm() | constraints(directions_of(self.features))
        self.own = {}
        for value, part in rows.groupby(self.column):
            label = part["label"].to_numpy()
            if min(label.sum(), len(label) - label.sum()) < FEWEST_EVENTS:
                continue
            start = log_odds(self.all.predict(part))
            data = lgb.Dataset(self._matrix(part), label, init_score=start)
            self.own[value] = lgb.train(settings, data, num_boost_round=self.rounds)
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the sigmoid of both together; groups that are new, or had few events, are not corrected."""
        score = log_odds(self.all.predict(rows))
        values = rows[self.column].to_numpy()
        for value in pd.unique(values):
            if value in self.own:
                at = values == value
                score[at] += self.own[value].predict(self._matrix(rows[at]), raw_score=True)
        return expit(score)

    def _matrix(self, rows: pd.DataFrame) -> np.ndarray:
        return rows[list(self.features)].to_numpy(dtype="float64")


@dataclass
class ShrunkLevels:
    """One model of all rows whose log-odds are moved per value of `column`, by as much as its record speaks for.

    The move is the empirical Bayes estimate of a normal intercept (one Newton step from none, with the spread of the
    intercepts by moments) on later years that the model of earlier ones forecast.
    """

    make: Make
    column: str
    name: str = "shrunk_levels"

    def fit(self, rows: pd.DataFrame) -> ShrunkLevels:
        """Learn all rows, and each group's move from out-of-time forecasts."""
        rows = rows.reset_index(drop=True)
        parts = []
        for train, test in calibration_blocks(rows):
            held = rows.loc[test]
            parts.append(
                held[[self.column, "label"]].assign(probability=self.make().fit(rows.loc[train]).predict(held))
            )
        self.moves = _shrunk(pd.concat(parts), self.column) if parts else {}
        self.all = self.make().fit(rows)
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the moved probability; groups without a record are not moved."""
        moves = np.array([self.moves.get(value, 0.0) for value in rows[self.column]])
        return expit(log_odds(self.all.predict(rows)) + moves)


def _shrunk(forecasts: pd.DataFrame, column: str) -> dict[str, float]:
    told = forecasts.assign(
        surprise=forecasts["label"] - forecasts["probability"],
        weight=forecasts["probability"] * (1 - forecasts["probability"]),
    )
    sums = told.groupby(column)[["surprise", "weight"]].sum()
    step, noise = sums["surprise"] / sums["weight"], 1 / sums["weight"]
    spread = max(float((step**2 - noise).mean()), 0.0)
    return dict((step * spread / (spread + noise)).items())


def fold_of(name: str, folds: int) -> int:
    """Deal a name to one of `folds` groups by a hash: the same group wherever and whenever."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % folds


@dataclass
class NeverSeen:
    """Forecasts by models that never saw anything of the row's own `column`: what carries over to the unknown.

    Its values are dealt to `folds` groups by a hash of their names; each group is left out once.
    """

    make: Make
    column: str
    folds: int = 5
    name: str = "never_seen"

    def fit(self, rows: pd.DataFrame) -> NeverSeen:
        """Learn one model per group, from all rows but the group's."""
        fold = self._fold(rows)
        self.models = [self.make().fit(rows[fold != number]) for number in range(self.folds)]
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give each row the probability of the model that left its group out."""
        fold = self._fold(rows)
        found = np.empty(len(rows))
        for number in np.unique(fold):
            found[fold == number] = self.models[number].predict(rows[fold == number])
        return found

    def _fold(self, rows: pd.DataFrame) -> np.ndarray:
        values = rows[self.column].astype("object")
        numbers = {name: fold_of(str(name), self.folds) for name in set(values)}
        return values.map(numbers).to_numpy(dtype="int64")
