"""The canaries sing on honest code, and die when the leak alarm is off or outcomes are not shuffled."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from features.panel import feature_names
from ml.backtest import Plan
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, signals_named
from ml.origins import training_dates, yearly_origins
from ml.promotion import canaries
from models import forecaster
from models.gradient_boosting import Parameters

pytestmark = pytest.mark.slow
(ORIGIN,) = yearly_origins(2007, 2007)


@pytest.fixture(scope="module")
def knowledge(knowledge_at: Callable[[str], Knowledge]) -> Knowledge:
    full = knowledge_at("2010-03-01")
    return Knowledge(full.store, full.as_of, signals_named(("trade",)))


@pytest.fixture(scope="module")
def panel(knowledge: Knowledge) -> pd.DataFrame:
    return knowledge.panel([*training_dates(ORIGIN.as_of), ORIGIN.as_of], min_share=TRAINING_SHARE_FRAC)


@pytest.fixture(scope="module")
def plan(knowledge: Knowledge) -> Plan:
    features = tuple(feature_names(knowledge.signals))
    return Plan(
        (ORIGIN,), (canaries.TARGET,), features, Parameters(rounds=15), with_baselines=False, horizons=("current_year",)
    )


def test_a_planted_leak_is_refused_by_name(knowledge: Knowledge, panel: pd.DataFrame, plan: Plan) -> None:
    found = canaries.leak_gate(panel, knowledge.labels, plan)
    assert (found.verdict, found.found) == ("passed", "refused by name")


def test_the_leak_canary_dies_when_the_alarm_is_off(
    knowledge: Knowledge, panel: pd.DataFrame, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecaster, "check_leakage", lambda rows, features: None)
    found = canaries.leak_gate(panel, knowledge.labels, plan)
    assert (found.verdict, found.found) == ("refused", "it was trained with")


def test_shuffled_outcomes_score_nothing_and_true_ones_do(
    knowledge: Knowledge, panel: pd.DataFrame, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = canaries.shuffled_gate(panel, knowledge.labels, plan, seeds=(1, 2))
    assert found.verdict == "passed"
    monkeypatch.setattr(canaries, "_shuffled", lambda labels, known, seed: labels)
    leaking = canaries.shuffled_gate(panel, knowledge.labels, plan, seeds=(1,))
    assert leaking.verdict == "refused"
    assert float(leaking.found[:5]) > 0.65


def test_only_what_was_known_is_shuffled_and_within_its_year(knowledge: Knowledge) -> None:
    labels = knowledge.labels
    known = labels["resolved_at"] <= pd.Timestamp(ORIGIN.as_of)
    assert known.any()
    assert not known.all()
    out = canaries._shuffled(labels, known, 1)
    pd.testing.assert_frame_equal(out[~known], labels[~known])
    moved = out.loc[known, "ratio"].ne(labels.loc[known, "ratio"]).mean()
    assert moved > 0.5
    for _, part in labels[known].groupby("year"):
        assert sorted(out.loc[part.index, "ratio"]) == sorted(part["ratio"])
