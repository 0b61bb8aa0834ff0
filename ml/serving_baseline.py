"""The MLflow form of the baseline: pair history with the interface of a forecaster.

MLflow executes this file when it loads the model. It answers what `serving.py` answers, row by row and column by
column; the probability is how often the pair failed before, made coherent as the champion's are. Pair history claims
no interval: both ends are the probability.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from models.forecaster import Forecaster, cohere


class ServedPairHistory(mlflow.pyfunc.PythonModel):
    """Load a saved forecaster and predict a panel from its pair histories alone."""

    def load_context(self, context: Any) -> None:
        """Read the artefacts; their hashes are checked."""
        self.forecaster = Forecaster.load(Path(context.artifacts["forecaster"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Give every row of the panel the pair's own share of events."""
        rows = self.forecaster.frame_of(model_input)
        rate = rows["base_rate"]
        rows = cohere(rows.assign(raw_score=np.nan, probability=rate, p_low=rate, p_high=rate))
        return rows.assign(raw_score=np.log(rows["probability"] / (1 - rows["probability"])))


mlflow.models.set_model(ServedPairHistory())
