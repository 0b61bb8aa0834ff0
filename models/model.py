"""What every model answers, baselines included.

A model learns from a labelled panel (features, `mineral`, `supplier`, `as_of`, `onset`,
`label`, `resolved_at`) and gives one probability per row. It never sees a store, a
date to fetch for, or MLflow.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

__all__ = ["Model"]


@runtime_checkable
class Model(Protocol):
    """Learns an event's probability from labelled rows."""

    name: str

    def fit(self, rows: pd.DataFrame) -> Model:
        """Learn from `rows`, all of whose labels are 0.0 or 1.0; return itself."""
        ...

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give P(event) per row, shape (n_rows,), in [0, 1]."""
        ...
