"""Gradient-boosted trees (LightGBM) as a model: fit, raw score, exact contributions, text in and out.

The raw score is in log-odds. Boosters are kept as LightGBM's own text, never
pickled. The input contract (names, order, which features were ever missing in
training) is checked before each prediction, as LightGBM itself accepts swapped
columns silently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import lightgbm as lgb
import numpy as np
import pandas as pd

from features.errors import ContractError
from features.panel import directions_of

__all__ = ["GradientBoosting", "Parameters", "constraints"]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of one booster, chosen on origins before 2006 (docs/decisions/0009)."""

    rounds: int = 150
    learning_rate: float = 0.03
    num_leaves: int = 15
    min_data_in_leaf: int = 40
    feature_fraction: float = 0.4
    bagging_fraction: float = 0.7
    lambda_l2: float = 5.0
    max_bin: int = 127
    seed: int = 20
    num_threads: int = 1

    def for_lightgbm(self) -> dict[str, object]:
        """Give LightGBM's parameter names, with the flags that make training repeatable to the byte."""
        values = {key: value for key, value in asdict(self).items() if key != "rounds"}
        return {
            **values,
            "objective": "binary",
            "bagging_freq": 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbose": -1,
        }


def constraints(directions: Sequence[int]) -> dict[str, object]:
    """Give LightGBM's setting for declared directions of features; nothing where none is declared."""
    # What can only lower the risk must never raise it, in the score or in its explanation.
    return {"monotone_constraints": list(directions)} if any(directions) else {}


@dataclass
class GradientBoosting:
    """One LightGBM booster on named features."""

    features: Sequence[str]
    parameters: Parameters = field(default_factory=Parameters)
    name: str = "lightgbm"
    booster: lgb.Booster | None = None
    never_missing: tuple[str, ...] = ()

    def fit(self, rows: pd.DataFrame) -> GradientBoosting:
        """Learn from labelled rows."""
        matrix = self._matrix(rows)
        data = lgb.Dataset(matrix, rows["label"].to_numpy(), feature_name=list(self.features))
        settings = self.parameters.for_lightgbm() | constraints(directions_of(self.features))
        self.booster = lgb.train(settings, data, num_boost_round=self.parameters.rounds)
        known = ~np.isnan(matrix).any(axis=0)
        self.never_missing = tuple(name for name, full in zip(self.features, known, strict=True) if full)
        return self

    def raw_score(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the score in log-odds, shape (n_rows,)."""
        return self._fitted().predict(self._checked(rows), raw_score=True, num_threads=self.parameters.num_threads)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the uncalibrated probability."""
        return 1 / (1 + np.exp(-self.raw_score(rows)))

    def contributions(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Give exact TreeSHAP contributions (n_rows, n_features) and base values (n_rows,), in log-odds.

        They sum to `raw_score`. Source: LightGBM's `pred_contrib` (Lundberg et al. 2020, tree SHAP).
        """
        values = self._fitted().predict(self._checked(rows), pred_contrib=True, num_threads=self.parameters.num_threads)
        return values[:, :-1], values[:, -1]

    def to_text(self) -> dict[str, str]:
        """Give the booster's text and a JSON of the input contract."""
        contract = {
            "features": list(self.features),
            "never_missing": list(self.never_missing),
            "parameters": asdict(self.parameters),
        }
        return {"booster.txt": self._fitted().model_to_string(), "booster.json": json.dumps(contract, indent=1)}

    @classmethod
    def from_text(cls, files: dict[str, str]) -> GradientBoosting:
        """Rebuild from what `to_text` gave."""
        contract = json.loads(files["booster.json"])
        booster = lgb.Booster(model_str=files["booster.txt"])
        parameters = Parameters(**contract["parameters"])
        return cls(contract["features"], parameters, "lightgbm", booster, tuple(contract["never_missing"]))

    def digest(self) -> str:
        """Give a hash of the trees alone, without LightGBM's parameter block."""
        trees = self.to_text()["booster.txt"].split("\nparameters:")[0]
        return hashlib.sha256(trees.encode()).hexdigest()

    def _fitted(self) -> lgb.Booster:
        if self.booster is None:
            raise ContractError("the model has not been fitted; call fit first")
        return self.booster

    def _matrix(self, rows: pd.DataFrame) -> np.ndarray:
        missing = [name for name in self.features if name not in rows.columns]
        if missing:
            raise ContractError(f"the panel lacks the model's features {missing}; build it with the same signals")
        return rows[list(self.features)].to_numpy(dtype="float64")

    def _checked(self, rows: pd.DataFrame) -> np.ndarray:
        matrix = self._matrix(rows)
        # LightGBM reads a missing value as zero where training had none.
        strict = [at for at, name in enumerate(self.features) if name in self.never_missing]
        gaps = np.isnan(matrix[:, strict]).any(axis=0)
        if gaps.any():
            names = [self.features[strict[at]] for at in np.flatnonzero(gaps)]
            raise ContractError(
                f"features {names} are missing in some rows but never were in training; abstain on them"
            )
        return matrix
