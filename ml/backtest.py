"""The rolling-origin backtest: at each origin, learn from what was resolved by then and forecast.

Every model, baselines included, gets the same rows. Each origin's forecasts are kept as
soon as they are made, so that a stopped backtest goes on where it was. Origins are
partitions: they run side by side and give the same bytes in any order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from features.panel import feature_names
from features.signals.trade import TRACKED_SHARE_FRAC
from ml.engine import run_partitions
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge
from ml.origins import JULY, DayOfYear, Origin, training_dates
from ml.results import write_table
from models.baselines import make_baselines
from models.ended import without_ended
from models.forecaster import Forecaster, labelled_rows
from models.gradient_boosting import Parameters
from models.targets import HORIZONS, TARGETS, YEARS_AHEAD, resolved_by

__all__ = ["PREDICTION_COLUMNS", "SUPPORT_COLUMNS", "Plan", "forecast_origin", "run_backtest"]

# From February on trade is known to two years back: the current year is two years ahead of it, the next three.
FIRST_LEAD = 2
PREDICTION_COLUMNS = [
    "model",
    "target",
    "horizon",
    "mineral",
    "supplier",
    "as_of",
    "window_start",
    "window_end",
    "probability",
    "p_low",
    "p_high",
    "label",
    "void_reason",
    "onset",
    "share",
    "is_major",
    "is_transit",
    "resolved_at",
]
# What the champion's interval was made from, and what its alerts need; missing for baselines.
SUPPORT_COLUMNS = [
    "base_rate",
    "calibration_low",
    "calibration_high",
    "distance",
    "stale_years",
    "record_years",
    "missing_frac",
]


@dataclass(frozen=True)
class Plan:
    """What a backtest runs: which origins, targets, features and settings."""

    origins: tuple[Origin, ...]
    targets: tuple[str, ...]
    features: tuple[str, ...]
    parameters: Parameters
    day: DayOfYear = JULY
    with_baselines: bool = True
    horizons: tuple[str, ...] = tuple(HORIZONS)

    def fingerprint(self, data_digest: str) -> str:
        """Name what one origin's forecasts depend on, so that kept ones are reused only if nothing changed."""
        about = {
            "targets": self.targets,
            "features": self.features,
            "parameters": asdict(self.parameters),
            "data": data_digest,
            "day": self.day,
            "baselines": self.with_baselines,
            "horizons": self.horizons,
            "version": 4,
        }
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def forecast_origin(panel: pd.DataFrame, labels: pd.DataFrame, origin: Origin, plan: Plan) -> pd.DataFrame:
    """Fit every model on what was resolved by the origin, and forecast its tracked pairs.

    Features whose source has ended by the origin are left out of the champion (`models.ended`).

    Args:
        panel: rows at training dates and origins, pairs down to the training share.
        labels: `label_table`, possibly with labels resolved later; those are used for scoring only.

    Returns:
        `PREDICTION_COLUMNS` and `SUPPORT_COLUMNS`; one row per model, target, horizon and pair. record_years counts
        the pair's past origins among the training rows, missing_frac is the share of features not known.

    Raises:
        LeakageError: a feature tells the label.
    """
    cutoff = pd.Timestamp(origin.as_of)
    past = panel[panel["as_of"] < cutoff]
    now = panel[panel["as_of"].eq(cutoff) & (panel["share"] >= TRACKED_SHARE_FRAC)].reset_index(drop=True)
    fit = partial(
        Forecaster.fit,
        past,
        labels,
        trained_as_of=cutoff,
        parameters=plan.parameters,
        targets=plan.targets,
        leads=[FIRST_LEAD + YEARS_AHEAD[horizon] for horizon in plan.horizons],
    )
    features = without_ended(plan.features, past, now)
    forecaster = fit(features=features)
    # What was known of every row that was learned from, and is not of all to forecast, has begun to end.
    if gaps := {name for name in forecaster.never_missing if now[name].isna().any()}:
        forecaster = fit(features=[name for name in features if name not in gaps])
    champion = forecaster.predict_with_support(now)
    seen = past.groupby(["mineral", "supplier"]).size()
    now = now.assign(
        record_years=seen.reindex(pd.MultiIndex.from_frame(now[["mineral", "supplier"]])).fillna(0.0).to_numpy(),
        missing_frac=now[list(forecaster.features)].isna().mean(axis=1),
    )
    tables = []
    for target, horizon in forecaster.forecasts:
        if horizon not in plan.horizons:
            continue
        rows = labelled_rows(now, labels, target, horizon)
        learn = labelled_rows(past, labels, target, horizon)
        learn = learn[resolved_by(learn, cutoff)]
        part = champion[champion["target"].eq(target) & champion["horizon"].eq(horizon)]
        own = part.reset_index(drop=True)[["probability", "p_low", "p_high", *SUPPORT_COLUMNS[:5]]]
        tables.append(rows.join(own).assign(model=forecaster.name, target=target, horizon=horizon))
        for model in make_baselines(plan.features) if plan.with_baselines else ():
            probability = model.fit(learn).predict(rows)
            table = rows.assign(model=model.name, target=target, horizon=horizon, probability=probability)
            tables.append(table.assign(**dict.fromkeys(["p_low", "p_high", *SUPPORT_COLUMNS], float("nan"))))
    return pd.concat(tables, ignore_index=True)[[*PREDICTION_COLUMNS, *SUPPORT_COLUMNS]]


def _work(origin: Origin, *, folder: Path, plan: Plan) -> pd.DataFrame:
    panel = pd.read_parquet(folder / "panel.parquet")
    labels = pd.read_parquet(folder / "labels.parquet")
    return forecast_origin(panel, labels, origin, plan)


def run_backtest(
    knowledge: Knowledge,
    plan: Plan,
    *,
    data_digest: str,
    folder: Path,
    workers: int,
    on_origin: Callable[[Origin, pd.DataFrame, bool], None],
) -> pd.DataFrame:
    """Run every origin of `plan` that is not kept yet, and give all forecasts, sorted.

    Args:
        folder: forecasts of finished origins are kept in its `origins/`.
        on_origin: called per origin with its forecasts and whether they were kept from before.
    """
    kept = folder / "origins" / plan.fingerprint(data_digest)
    kept.mkdir(parents=True, exist_ok=True)
    paths = {origin: kept / f"{origin.as_of.date()}.parquet" for origin in plan.origins}
    todo = []
    for origin, path in paths.items():
        if path.exists():
            on_origin(origin, pd.read_parquet(path), True)
        else:
            todo.append(origin)
    if todo:
        dates = sorted({*training_dates(max(todo).as_of, day=plan.day), *(origin.as_of for origin in todo)})
        knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC).to_parquet(kept / "panel.parquet")
        knowledge.labels.to_parquet(kept / "labels.parquet")
        for origin, table in run_partitions(partial(_work, folder=kept, plan=plan), todo, workers=workers):
            write_table(paths[origin], table)
            on_origin(origin, table, False)
    tables = [pd.read_parquet(path) for path in paths.values()]
    order = ["target", "horizon", "model", "as_of", "mineral", "supplier"]
    return pd.concat(tables, ignore_index=True).sort_values(order, ignore_index=True)


def default_plan(
    knowledge: Knowledge,
    origins: Sequence[Origin],
    targets: Sequence[str] | None = None,
    *,
    day: DayOfYear = JULY,
    with_baselines: bool = True,
    horizons: Sequence[str] = tuple(HORIZONS),
) -> Plan:
    """Give the plan with every target and the features of the knowledge's signals."""
    chosen = tuple(name for name in TARGETS if targets is None or name in targets)
    features = tuple(feature_names(knowledge.signals))
    return Plan(tuple(origins), chosen, features, Parameters(), day, with_baselines, tuple(horizons))
