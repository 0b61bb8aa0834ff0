"""The forecasts of many weeks from one panel, as `ml.forecasting.forecast_week` gives them, without the reasons."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from features.knowledge_time import Lag
from features.sources import baci
from ml.contract import tier_of
from ml.forecasting import GRACE, abstention_reasons, alert_of
from ml.registry import Served
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
    reasons = abstention_reasons(panel, _served(forecaster))
    usable = panel[reasons.isna()].reset_index(drop=True)
    rows = forecaster.predict(usable).drop(columns="raw_score")
    rows = rows.assign(tier=tier_of(rows["probability"], limits), abstained=False, reason=None)
    rows = rows.merge(usable[[*PAIR_WEEK, "is_major"]], on=PAIR_WEEK, validate="many_to_one")
    rows = rows.assign(alert=alert_of(rows)).drop(columns="is_major")
    rows = pd.concat([rows, _abstained(panel, reasons, forecaster)], ignore_index=True)
    facts = panel[[*PAIR_WEEK, "stage", "trade_known_at", "trade_last_year"]]
    rows = rows.merge(facts, on=PAIR_WEEK, validate="many_to_one")
    expected = rows["as_of"].map({moment: _expected_year(moment) for moment in rows["as_of"].unique()})
    rows = rows.assign(stale=rows["trade_last_year"] < expected)
    return rows.rename(columns={"trade_known_at": "data_as_of"}).drop(columns="trade_last_year")


def _abstained(panel: pd.DataFrame, reasons: pd.Series, forecaster: Forecaster) -> pd.DataFrame:
    held = panel[reasons.notna()].reset_index(drop=True)
    why = reasons[reasons.notna()].to_numpy()
    rows = forecaster.frame_of(held)
    times = len(rows) // max(len(held), 1)
    missing = dict.fromkeys(["probability", "p_low", "p_high"], np.nan)
    return rows.assign(**missing, tier=None, alert=False, abstained=True, reason=np.tile(why, times))


def _served(forecaster: Forecaster) -> Served:
    # What abstention asks of a served model is only what it was learned from.
    return Served(forecaster, "", forecaster.trained_as_of.to_pydatetime(), (), "")


def _expected_year(moment: pd.Timestamp) -> int:
    lag = baci.SPEC.lag
    then: dt.datetime = moment.to_pydatetime() - GRACE
    return lag.newest_year(then) if isinstance(lag, Lag) else 0
