"""The MLflow form of a forecaster: code from this file, text artefacts, no pickle.

MLflow executes this file when it loads the model. Input: a panel; output: one row per
target, horizon and pair with probability and interval.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from models.forecaster import Forecaster


class ServedForecaster(mlflow.pyfunc.PythonModel):
    """Load the saved forecaster and predict a panel."""

    def load_context(self, context: Any) -> None:
        """Read the artefacts; their hashes are checked."""
        self.forecaster = Forecaster.load(Path(context.artifacts["forecaster"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Forecast every row of the panel."""
        return self.forecaster.predict(model_input)


mlflow.models.set_model(ServedForecaster())
