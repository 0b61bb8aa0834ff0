"""How well the rows a model learned from support a forecast: a distance that needs no training row to be kept.

The distance of a row is the share of its known features that lie in the tails of the training rows, below
their 1st or above their 99th percentile. Of six measures tried on origins 2006 to 2018 it was the one whose
rows erred most beyond what their probabilities say (docs/decisions/0026); it is also one that can be said in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["TAIL_FRAC", "Support"]

TAIL_FRAC = 0.01


@dataclass(frozen=True)
class Support:
    """Where the middle of the training rows ends, per feature.

    Attributes:
        low, high: shape (n_features,), in the unit of each feature; NaN where training knew no value.
    """

    features: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def fit(cls, rows: pd.DataFrame, features: Sequence[str]) -> Support:
        """Learn the percentiles of the features of training rows."""
        values = rows[list(features)].astype("float64")
        low, high = values.quantile(TAIL_FRAC).to_numpy(), values.quantile(1 - TAIL_FRAC).to_numpy()
        return cls(tuple(features), low, high)

    def distance(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the share (0 to 1) of each row's known features that lie in the tails; 1 where nothing is known."""
        values = rows[list(self.features)].to_numpy(dtype="float64")
        is_known = ~np.isnan(values)
        # What training never knew has no middle to lie in.
        is_inside = (values >= self.low) & (values <= self.high)
        known = is_known.sum(axis=1)
        return np.divide((is_known & ~is_inside).sum(axis=1), known, out=np.ones(len(rows)), where=known > 0)

    def as_json(self) -> dict[str, Any]:
        """Give everything as JSON can hold it; `from_json` gives the same numbers back."""
        bounds = {name: [None if np.isnan(each) else float(each) for each in part] for name, part in self._bounds()}
        return {"features": list(self.features), **bounds}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Support:
        """Rebuild from what `as_json` gave."""
        return cls(tuple(told["features"]), np.array(told["low"], float), np.array(told["high"], float))

    def _bounds(self) -> list[tuple[str, np.ndarray]]:
        return [("low", self.low), ("high", self.high)]
