"""The rolling-origin backtest of `restriction_onset`: models are fitted once a year and forecast every four weeks.

Rows to learn from are those of every 13th Monday since the table of measures begins, of all pairs with a thousandth
of world exports; forecasts are made for tracked pairs from 2012 on. At each origin only labels that were resolved by
then are learned from. The three simple baselines learn from tracked pairs. A second booster knows every family
with facts, and shows what those add. A horizon whose record is too short to calibrate on has no forecasts yet.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from features.knowledge_time import UTC, monday_after, monday_on_or_before
from features.panel import feature_names
from features.signals.trade import TRACKED_SHARE_FRAC
from ml.backtest import PREDICTION_COLUMNS
from ml.engine import run_partitions
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge
from models.baselines import LogisticBaseline
from models.calibrated import CalibratedBoosting, can_calibrate
from models.coherence import raise_longer
from models.gradient_boosting import Parameters
from models.leakage import check_leakage
from models.model import Model
from models.restriction_baselines import DidItBefore, OverallRate, Wave, rate_before
from models.restriction_onset import (
    HISTORY,
    HORIZONS_WEEKS,
    TARGET,
    announcements,
    attach_onsets,
    coverage_from,
    with_history,
)
from models.targets import resolved_by

__all__ = [
    "MODELS",
    "Facts",
    "OnsetOrigin",
    "OnsetPlan",
    "fit_champion",
    "forecast_dates",
    "forecast_origin",
    "gather",
    "learning_dates",
    "origins",
    "prepared",
    "run",
    "training_dates",
]

ALL = "lightgbm_all_families"
MODELS = ("lightgbm", ALL, "pair_history", "climatology", "persistence", "logistic_regression")
FORECAST_WEEKS, TRAINING_WEEKS, FIT_WEEKS = 4, 13, 52
PAIR = ["mineral", "supplier"]
LOGS = tuple(f"log_{name}" for name in HISTORY)
# Announcements per year of the pair, shrunk (`models.restriction_baselines.rate_before`), in logarithms.
RATE = "rate_before_log"
OWN = (*HISTORY, RATE)
A_FEW = (*LOGS, "trade_share_3y")
MIN_YEARS, MIN_RATE = 0.25, 1e-5
# Settings of `price_spike`, whose rows are also many and alike; they were not chosen here. The champion's families
# were, on forecasts of 2012 to 2016 (`ml.restriction_study`): so the verdict is on those from 2017 on.
PARAMETERS = Parameters(rounds=80, num_leaves=7, min_data_in_leaf=100)


@dataclass(frozen=True, slots=True, order=True)
class OnsetOrigin:
    """One fit, and the dates it serves: from `as_of` on, before `until`."""

    as_of: dt.datetime
    until: dt.datetime


@dataclass(frozen=True)
class OnsetPlan:
    """Which features of the panel the champion has, which the second booster, and which settings both."""

    features: tuple[str, ...]
    all_features: tuple[str, ...]
    parameters: Parameters = field(default_factory=lambda: PARAMETERS)


@dataclass(frozen=True)
class Facts:
    """What workers read: rows with features, `announcements` and the dataset `coverage`.

    `rows` holds `is_forecast`: rows to forecast; the others are learned from.
    """

    rows: pd.DataFrame
    acts: pd.DataFrame
    coverage: pd.DataFrame

    def save(self, folder: Path) -> None:
        """Write the three tables below `folder`."""
        for name in ("rows", "acts", "coverage"):
            getattr(self, name).to_parquet(folder / f"{name}.parquet", index=False)

    @classmethod
    def load(cls, folder: Path) -> Facts:
        """Read what `save` wrote."""
        return cls(*(pd.read_parquet(folder / f"{name}.parquet") for name in ("rows", "acts", "coverage")))


def training_dates(start: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """Give every 13th Monday from the first one at or after `start` on, before `until`."""
    return _every(TRAINING_WEEKS, _first_monday(start), until)


def forecast_dates(first: int, until: dt.datetime) -> list[dt.datetime]:
    """Give every fourth Monday since the first one of year `first`, none after `until`."""
    return _every(FORECAST_WEEKS, _first_monday(dt.datetime(first, 1, 1, tzinfo=UTC)), until + dt.timedelta(seconds=1))


def origins(first: int, until: dt.datetime) -> list[OnsetOrigin]:
    """Give the yearly origins since the first Monday of year `first`, none after `until`."""
    start = _first_monday(dt.datetime(first, 1, 1, tzinfo=UTC))
    starts = _every(FIT_WEEKS, start, until + dt.timedelta(weeks=FIT_WEEKS, seconds=1))
    return [OnsetOrigin(a, b) for a, b in itertools.pairwise(starts)]


def _first_monday(start: dt.datetime) -> dt.datetime:
    monday = monday_on_or_before(start)
    return monday if monday == start else monday_after(start)


def _every(weeks: int, start: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    step = dt.timedelta(weeks=weeks)
    return list(itertools.takewhile(lambda date: date < until, (start + n * step for n in itertools.count())))


def gather(knowledge: Knowledge, dates: Sequence[dt.datetime]) -> Facts:
    """Read from the knowledge what every origin needs: rows to learn from, and rows to forecast at `dates`."""
    acts, coverage = announcements(knowledge.tables["measures"]), knowledge.tables["coverage"]
    learn = learning_dates(coverage, dates[-1])
    if not learn:
        return Facts(pd.DataFrame(), acts, coverage)
    parts = [
        knowledge.panel(learn, min_share=TRAINING_SHARE_FRAC).assign(is_forecast=False),
        knowledge.panel(dates, min_share=TRACKED_SHARE_FRAC).assign(is_forecast=True),
    ]
    rows = pd.concat([prepared(part, acts, coverage) for part in parts], ignore_index=True)
    return Facts(rows, acts, coverage)


def learning_dates(coverage: pd.DataFrame, until: dt.datetime) -> list[dt.datetime]:
    """Give the dates of rows to learn from, before `until`: as far back as the table of measures ever claimed to reach.

    They are in step with the first such claim, so that a later one adds dates and moves none.
    """
    is_start = coverage["dataset"].eq("measures") & coverage["bound"].eq("from") & ~coverage["is_retracted"]
    starts = coverage[is_start].sort_values("available_at", kind="stable")["bound_at"]
    if starts.empty:
        return []
    first, step = _first_monday(starts.iloc[0].to_pydatetime()), dt.timedelta(weeks=TRAINING_WEEKS)
    return training_dates(first - (first - starts.min().to_pydatetime()) // step * step, until)


def prepared(panel: pd.DataFrame, acts: pd.DataFrame, coverage: pd.DataFrame) -> pd.DataFrame:
    """Add to a panel what was announced before, as known at each row's date, and how often a year that is.

    The years on record are those that the table claimed at the row's date.
    """
    rows = with_history(panel, acts)
    on_record = (rows["as_of"] - coverage_from(coverage, rows["as_of"])) / pd.Timedelta(days=365.25)
    years = on_record.fillna(0.0).clip(lower=MIN_YEARS)
    rate = rate_before(rows, years, rows["share"] >= TRACKED_SHARE_FRAC)
    logs = {log: np.log1p(rows[name]) for log, name in zip(LOGS, HISTORY, strict=True)}
    return rows.assign(rate_before=rate, **{RATE: np.log(np.maximum(rate, MIN_RATE))}, **logs)


def learned_from(facts: Facts, moment: pd.Timestamp, horizon: str) -> pd.DataFrame:
    """Give the rows whose labels were resolved by `moment`."""
    past = facts.rows[~facts.rows["is_forecast"] & facts.rows["as_of"].lt(moment)]
    rows = attach_onsets(past, facts.acts, facts.coverage, horizon, moment=moment)
    return rows[resolved_by(rows, moment)].reset_index(drop=True)


def forecast_origin(facts: Facts, origin: OnsetOrigin, plan: OnsetPlan, *, moment: pd.Timestamp) -> pd.DataFrame:
    """Fit every model on what was resolved at the origin, and forecast its dates.

    Rows that lack a feature which no training row lacked are left out, for every model.

    Args:
        moment: what is known for scoring.

    Returns:
        `PREDICTION_COLUMNS`; probabilities of longer windows are never below those of shorter ones, for every model.

    Raises:
        LeakageError: a feature tells the label.
    """
    cutoff = pd.Timestamp(origin.as_of)
    now = facts.rows[facts.rows["is_forecast"] & facts.rows["as_of"].between(cutoff, origin.until, inclusive="left")]
    tables = []
    for horizon in HORIZONS_WEEKS:
        learn = learned_from(facts, cutoff, horizon)
        if learn["label"].nunique() < 2 or not can_calibrate(learn):
            continue
        check_leakage(learn, (*plan.all_features, *OWN))
        boosters = {"lightgbm": fit_champion(learn, plan), ALL: _booster(learn, plan.all_features, plan.parameters)}
        strict = sorted({name for model in boosters.values() for name in model.parts()[0].never_missing})
        rows = attach_onsets(now[now[strict].notna().all(axis=1)], facts.acts, facts.coverage, horizon, moment=moment)
        rows = rows.assign(target=TARGET, horizon=horizon)
        for name, booster in boosters.items():
            numbers = booster.predict_with_interval(rows, np.zeros(len(rows)))[["probability", "p_low", "p_high"]]
            tables.append(rows.join(numbers).assign(model=name))
        tracked = learn[learn["share"] >= TRACKED_SHARE_FRAC]
        simple: list[Model] = [OverallRate(), DidItBefore(horizon), Wave()]
        fitted = [model.fit(tracked) for model in simple] + [LogisticBaseline(A_FEW).fit(learn)]
        for model in fitted:
            probability = model.predict(rows)
            tables.append(rows.assign(model=model.name, probability=probability, p_low=np.nan, p_high=np.nan))
    if not tables:
        return pd.DataFrame(columns=PREDICTION_COLUMNS)
    together = pd.concat(tables, ignore_index=True)[PREDICTION_COLUMNS]
    return raise_longer(together, HORIZONS_WEEKS, key=["model", *PAIR, "as_of"])


def fit_champion(learn: pd.DataFrame, plan: OnsetPlan) -> CalibratedBoosting:
    """Fit the booster on resolved rows, the features of the plan and `OWN`."""
    return _booster(learn, plan.features, plan.parameters)


def _booster(learn: pd.DataFrame, features: Sequence[str], parameters: Parameters) -> CalibratedBoosting:
    return CalibratedBoosting((*features, *OWN), parameters).fit(learn)


def plan_for(knowledge: Knowledge, champion: Sequence[str]) -> OnsetPlan:
    """Give the plan: the champion with the families named, the second booster with all of the knowledge's."""
    own = [signal for signal in knowledge.signals if signal.name in champion]
    return OnsetPlan(tuple(feature_names(own)), tuple(feature_names(knowledge.signals)))


def _work(origin: OnsetOrigin, *, folder: Path, plan: OnsetPlan, moment: pd.Timestamp) -> pd.DataFrame:
    return forecast_origin(Facts.load(folder), origin, plan, moment=moment)


def run(
    facts: Facts,
    chosen: Sequence[OnsetOrigin],
    plan: OnsetPlan,
    *,
    moment: pd.Timestamp,
    folder: Path,
    workers: int,
) -> pd.DataFrame:
    """Run every origin and give all forecasts, sorted; `folder` holds the tables for the workers."""
    facts.save(folder)
    work = partial(_work, folder=folder, plan=plan, moment=moment)
    # The longest fits first, so that no worker is left with one at the end.
    tables = [table for _, table in run_partitions(work, sorted(chosen, reverse=True), workers=workers)]
    order = ["horizon", "model", "as_of", *PAIR]
    return pd.concat(tables, ignore_index=True).sort_values(order, ignore_index=True)
