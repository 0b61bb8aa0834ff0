"""Multinomial logistic regression over named features: a small table of weights, stored as JSON, no pickle.

Learning is in `features.text.training`; here weights are only read and applied, with numpy alone.
"""

__all__ = ["MODEL_FILE", "Classifier", "read_classifier"]

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from features.errors import BadInput

MODEL_FILE = Path(__file__).parent / "model" / "event_weights.json"


class Classifier:
    """Weights of each class for each feature; features that it does not know count nothing.

    Args:
        classes: names of the classes.
        features: names of the features.
        weights: one row per feature, one column per class.
        bias: one number per class.
    """

    def __init__(
        self,
        classes: Sequence[str],
        features: Sequence[str],
        weights: Sequence[Sequence[float]],
        bias: Sequence[float],
    ) -> None:
        self.classes, self.features = tuple(classes), tuple(features)
        self.weights = np.asarray(weights, dtype=np.float64).reshape(len(self.features), len(self.classes))
        self.bias = np.asarray(bias, dtype=np.float64).reshape(len(self.classes))
        self._rows = {name: row for row, name in enumerate(self.features)}

    def probabilities(self, features: Mapping[str, float]) -> dict[str, float]:
        """Give the probability of each class."""
        # In the order of the weights, so that a sum does not depend on how a set was ordered.
        known = sorted((self._rows[name], value) for name, value in features.items() if name in self._rows)
        scores = self.bias
        if known:
            rows, values = zip(*known, strict=True)
            scores = scores + np.asarray(values) @ self.weights[list(rows)]
        likely = np.exp(scores - scores.max())
        return dict(zip(self.classes, (likely / likely.sum()).tolist(), strict=True))

    def as_json(self) -> dict[str, object]:
        """Give the weights as JSON would have them."""
        return {
            "classes": list(self.classes),
            "bias": self.bias.tolist(),
            "weights": dict(zip(self.features, self.weights.tolist(), strict=True)),
        }


def read_classifier(path: Path, name: str) -> Classifier:
    """Read one classifier of a file of weights.

    Raises:
        BadInput: the file is missing or holds no such weights.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))[name]
        return Classifier(stored["classes"], list(stored["weights"]), list(stored["weights"].values()), stored["bias"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        remedy = "Make it anew: python -m features.text.training"
        raise BadInput(where=str(path), expected=f"weights of {name}", found=str(problem), remedy=remedy) from None
