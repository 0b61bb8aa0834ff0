"""Two canaries beside a promotion: a planted leak must be caught, and a model of shuffled outcomes must know nothing.

If either fails, no other figure of the evidence can be believed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.errors import LeakageError
from features.store import Store
from ml.backtest import FIRST_LEAD, Plan, forecast_origin
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, signals_named
from ml.origins import Origin, training_dates
from ml.promotion.evidence import parameters_of
from ml.promotion.gates import Gate
from ml.registry import Served
from ml.scores import roc_auc
from models.forecaster import Forecaster, labelled_rows

__all__ = ["canary_gates", "leak_gate", "shuffled_gate"]

TARGET, HORIZON = "supply_drop", "current_year"
PLANTED = "planted_leak"
SHUFFLES = (1, 2, 3)
# One model of noise ranks 500 rows with an AUC of 0.5 give or take 0.05; the mean of three stays well within this.
MAX_DISTANCE = 0.1


def canary_gates(store: Store, challenger: Served, origin: Origin, *, as_of: dt.datetime) -> list[Gate]:
    """Try both canaries with the challenger's features at one origin whose current year is resolved by `as_of`."""
    knowledge = Knowledge(store, as_of, signals_named(challenger.signals))
    panel = knowledge.panel([*training_dates(origin.as_of), origin.as_of], min_share=TRAINING_SHARE_FRAC)
    features = list(challenger.forecaster.features)
    plan = Plan(
        (origin,),
        (TARGET,),
        tuple(features),
        parameters_of(challenger.forecaster),
        with_baselines=False,
        horizons=(HORIZON,),
    )
    return [leak_gate(panel, knowledge.labels, plan), shuffled_gate(panel, knowledge.labels, plan)]


def leak_gate(panel: pd.DataFrame, labels: pd.DataFrame, plan: Plan) -> Gate:
    """Plant a feature that knows the outcome, with some noise, and ask that training refuses it by name."""
    asks = f"training refuses a feature that knows the outcome ({PLANTED})"
    (origin,) = plan.origins
    outcome = labelled_rows(panel, labels, TARGET, HORIZON)["label"]
    noise = np.random.default_rng(0).normal(0.0, 0.1, len(panel))
    planted = panel.assign(**{PLANTED: outcome.to_numpy(float) + noise})
    try:
        Forecaster.fit(
            planted,
            labels,
            trained_as_of=pd.Timestamp(origin.as_of),
            features=[*plan.features, PLANTED],
            parameters=plan.parameters,
            targets=plan.targets,
            leads=[FIRST_LEAD],
        )
    except LeakageError as problem:
        is_named = PLANTED in str(problem)
        return Gate("leak", asks, "refused by name" if is_named else str(problem), "passed" if is_named else "refused")
    return Gate("leak", asks, "it was trained with", "refused")


def shuffled_gate(panel: pd.DataFrame, labels: pd.DataFrame, plan: Plan, *, seeds: Sequence[int] = SHUFFLES) -> Gate:
    """Learn from outcomes that were shuffled among the pairs of each year; on the true ones it must score nothing."""
    (origin,) = plan.origins
    known = labels["resolved_at"] <= pd.Timestamp(origin.as_of)
    values = []
    for seed in seeds:
        table = forecast_origin(panel, _shuffled(labels, known, seed), origin, plan)
        scored = table[table["label"].notna() & table["onset"].astype(bool)]
        values.append(roc_auc(scored["label"].to_numpy(float), scored["probability"].to_numpy()))
    mean = float(np.mean(values)) if values else float("nan")
    told = ", ".join(f"{value:.3f}" for value in values)
    return Gate(
        "shuffled",
        f"a model of outcomes shuffled within each year has a mean onset AUC of 0.5 give or take {MAX_DISTANCE:g}",
        f"{mean:.3f} at {origin.as_of.date()} (shuffles: {told})",
        "passed" if abs(mean - 0.5) <= MAX_DISTANCE else "refused",
    )


def _shuffled(labels: pd.DataFrame, known: pd.Series, seed: int) -> pd.DataFrame:
    # What is resolved later is what is scored, and stays true.
    outcome = ["ratio", "imputed_value_frac"]
    rng = np.random.default_rng(seed)
    out = labels.copy()
    for _, part in labels[known].groupby("year"):
        out.loc[part.index, outcome] = part[outcome].to_numpy()[rng.permutation(len(part))]
    return out
