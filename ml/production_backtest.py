"""The rolling-origin backtest of `production_drop`, by the machinery of `supply_drop` on tracked exporters.

Origins, training dates, booster, calibration and baselines are those of `ml.backtest`; only the labels differ, and
the level that persistence goes by. A second booster without the family `production` shows what
that family adds. Rows are pairs tracked by their exports for which the record has an outcome: a producer
that exports nothing is no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from features.panel import family_of
from features.signals.trade import TRACKED_SHARE_FRAC
from ml.backtest import PREDICTION_COLUMNS
from ml.engine import run_partitions
from ml.origins import Origin
from models.baselines import Climatology, LogisticBaseline, PairHistory, Persistence
from models.calibrated import CalibratedBoosting, can_calibrate
from models.gradient_boosting import Parameters
from models.leakage import check_leakage
from models.production_drop import attach_production_labels, known_state
from models.targets import HORIZONS, resolved_by

__all__ = ["TARGET", "WITHOUT", "ProductionPlan", "forecast_production", "run_production", "with_outcomes"]

TARGET = "production_drop"
FAMILY = "production"
WITHOUT = "lightgbm_without_production"
LEVEL = "known_level_log"


@dataclass(frozen=True)
class ProductionPlan:
    """Which features, settings and origins."""

    features: tuple[str, ...]
    origins: tuple[Origin, ...]
    parameters: Parameters = field(default_factory=Parameters)


def with_outcomes(panel: pd.DataFrame, labels: pd.DataFrame, horizon: str) -> pd.DataFrame:
    """Give the panel with labels, onset and the last known level (natural logarithm, cut to ±4) for `horizon`."""
    rows = attach_production_labels(panel, labels, horizon)
    state = known_state(panel, labels)
    with np.errstate(divide="ignore"):
        level = np.log(state["level"].to_numpy()).clip(-4, 4)
    return rows.assign(onset=state["onset"].to_numpy(), **{LEVEL: level})


def forecast_production(
    panel: pd.DataFrame, labels: pd.DataFrame, origin: Origin, plan: ProductionPlan
) -> pd.DataFrame:
    """Fit every model on what was resolved by the origin, and forecast its tracked pairs.

    Args:
        panel: rows at training dates and origins, pairs down to the training share.
        labels: `production_labels`; those resolved later are used for scoring only.

    Returns:
        `PREDICTION_COLUMNS`; one row per model, horizon and pair with a record. A horizon whose record is too short
        to calibrate on at this origin has none.

    Raises:
        LeakageError: a feature tells the label.
    """
    cutoff = pd.Timestamp(origin.as_of)
    tables = []
    for horizon in HORIZONS:
        rows = with_outcomes(panel, labels, horizon)
        learn = rows[rows["as_of"].lt(cutoff) & resolved_by(rows, cutoff)].reset_index(drop=True)
        now = rows[rows["as_of"].eq(cutoff) & rows["share"].ge(TRACKED_SHARE_FRAC)]
        # Whether the record has the outcome is not known yet, but that the pair is in the record is.
        now = now[now[LEVEL].notna()].reset_index(drop=True)
        if now.empty or not can_calibrate(learn):
            continue
        check_leakage(learn, plan.features)
        tables += _of_models(learn, now.assign(target=TARGET, horizon=horizon), plan)
    if not tables:
        return pd.DataFrame(columns=PREDICTION_COLUMNS)
    return pd.concat(tables, ignore_index=True)[PREDICTION_COLUMNS]


def _of_models(learn: pd.DataFrame, now: pd.DataFrame, plan: ProductionPlan) -> list[pd.DataFrame]:
    others = [name for name in plan.features if family_of(name) != FAMILY]
    champion = CalibratedBoosting(plan.features, plan.parameters).fit(learn)
    second = CalibratedBoosting(others, plan.parameters).fit(learn)
    # Rows that lack a feature which no training row lacked are left out, for every model.
    now = now[now[list(champion.parts()[0].never_missing)].notna().all(axis=1)].reset_index(drop=True)
    tables = []
    for name, model in (("lightgbm", champion), (WITHOUT, second)):
        numbers = model.predict_with_interval(now, np.zeros(len(now)))[["probability", "p_low", "p_high"]]
        tables.append(now.join(numbers).assign(model=name))
    for baseline in (Climatology(), PairHistory(), Persistence(LEVEL), LogisticBaseline(plan.features)):
        probability = baseline.fit(learn).predict(now)
        tables.append(now.assign(model=baseline.name, probability=probability, p_low=np.nan, p_high=np.nan))
    return tables


def _work(origin: Origin, *, folder: Path, plan: ProductionPlan) -> pd.DataFrame:
    panel, labels = (pd.read_parquet(folder / f"{name}.parquet") for name in ("panel", "labels"))
    return forecast_production(panel, labels, origin, plan)


def run_production(
    panel: pd.DataFrame, labels: pd.DataFrame, plan: ProductionPlan, *, folder: Path, workers: int
) -> pd.DataFrame:
    """Run every origin side by side and give all forecasts, sorted.

    Args:
        folder: an empty scratch folder; workers read the panel and the labels there.
    """
    panel.to_parquet(folder / "panel.parquet")
    labels.to_parquet(folder / "labels.parquet")
    tables: Sequence[pd.DataFrame] = [
        table for _, table in run_partitions(partial(_work, folder=folder, plan=plan), plan.origins, workers=workers)
    ]
    order = ["target", "horizon", "model", "as_of", "mineral", "supplier"]
    return pd.concat(tables, ignore_index=True).sort_values(order, ignore_index=True)
