"""Two canaries: a feature that knows the label is caught, and shuffled labels score nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from features.errors import LeakageError
from features.panel import feature_names
from ml.backtest import Plan, forecast_origin
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge
from ml.origins import training_dates, yearly_origins
from ml.scores import roc_auc
from models.gradient_boosting import Parameters
from models.targets import TARGETS, attach_labels

FEW_ROUNDS = Parameters(rounds=25)
ORIGINS = yearly_origins(2010, 2015)


@pytest.fixture(scope="module")
def material(knowledge_at: Callable[[str], Knowledge]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The panel up to the last origin, and the labels, some of them resolved later."""
    knowledge = knowledge_at("2026-11-23")
    dates = [*training_dates(ORIGINS[-1].as_of), ORIGINS[-1].as_of]
    return knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC), knowledge.labels


def plan_of(features: list[str]) -> Plan:
    return Plan(tuple(ORIGINS), ("supply_drop",), tuple(features), FEW_ROUNDS)


@pytest.mark.slow
def test_a_feature_that_equals_the_label_is_reported_by_name(material: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    panel, labels = material
    known = attach_labels(panel, labels, TARGETS["supply_drop"], "current_year")["label"].to_numpy()
    leaky = panel.assign(planted=known)
    with pytest.raises(LeakageError, match="planted"):
        forecast_origin(leaky, labels, ORIGINS[-1], plan_of([*feature_names(), "planted"]))


@pytest.mark.slow
def test_labels_shuffled_within_their_year_score_nothing(material: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    panel, labels = material
    rng = np.random.default_rng(7)
    shuffled = labels.assign(ratio=labels.groupby("year")["ratio"].transform(lambda ratio: rng.permutation(ratio)))
    plan = plan_of(feature_names())
    tables = [forecast_origin(panel[panel["as_of"] <= o.as_of], shuffled, o, plan) for o in ORIGINS]
    rows = pd.concat(tables)
    rows = rows[rows["model"].eq("lightgbm") & rows["onset"] & rows["label"].notna()]
    rows = rows[rows["horizon"].eq("current_year")]
    assert len(rows) > 2500
    # Per year, since the yearly share of events is no skill of ranking pairs.
    by_year = [roc_auc(part["label"].to_numpy(), part["probability"].to_numpy()) for _, part in rows.groupby("as_of")]
    assert np.mean(by_year) == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
def test_the_same_pipeline_scores_real_labels(material: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """So that the canary above is silent for the right reason."""
    panel, labels = material
    rows = forecast_origin(panel, labels, ORIGINS[-1], plan_of(feature_names()))
    rows = rows[rows["model"].eq("lightgbm") & rows["onset"] & rows["label"].notna()]
    assert roc_auc(rows["label"].to_numpy(), rows["probability"].to_numpy()) > 0.6
