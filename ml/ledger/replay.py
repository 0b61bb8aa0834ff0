"""The forecasts of many weeks from one panel, as `ml.forecasting.forecast_week` gives them, without the reasons."""

from __future__ import annotations

import pandas as pd

from ml.contract import tier_of
from ml.forecasting import NOT_PUBLISHED, abstained_rows, abstention_reasons, alert_of, expected_year
from models.forecaster import Forecaster

__all__ = ["forecast_weeks"]

PAIR_WEEK = ["mineral", "supplier", "as_of"]


def forecast_weeks(panel: pd.DataFrame, forecaster: Forecaster, *, limits: tuple[float, float, float]) -> pd.DataFrame:
    """Forecast every row of a panel of several weeks.

    A week's rows do not depend on the other weeks: models forecast row by row, and coherence is made per week.

    Args:
        panel: tracked pairs at any number of dates.
        limits: where guarded, elevated and severe begin.

    Returns:
        The columns of the contract that the ledger keeps, without run_id, model_version and data_digest.
    """
    reasons = abstention_reasons(panel, forecaster)
    usable = panel[reasons.isna()].reset_index(drop=True)
    rows = forecaster.predict_with_support(usable).drop(columns=NOT_PUBLISHED)
    rows = rows.assign(tier=tier_of(rows["probability"], limits), abstained=False, reason=None)
    rows = rows.merge(usable[[*PAIR_WEEK, "is_major"]], on=PAIR_WEEK, validate="many_to_one")
    rows = rows.assign(alert=alert_of(rows)).drop(columns=["is_major", "calibration_low"])
    rows = pd.concat([rows, abstained_rows(panel, reasons, forecaster)], ignore_index=True)
    facts = panel[[*PAIR_WEEK, "stage", "trade_known_at", "trade_last_year"]]
    rows = rows.merge(facts, on=PAIR_WEEK, validate="many_to_one")
    expected = rows["as_of"].map({moment: expected_year(moment.to_pydatetime()) for moment in rows["as_of"].unique()})
    rows = rows.assign(stale=rows["trade_last_year"] < expected)
    return rows.rename(columns={"trade_known_at": "data_as_of"}).drop(columns="trade_last_year")
