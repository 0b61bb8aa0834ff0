"""The leak alarm and its canaries: a feature that knows the label is named, and shuffled labels score nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import LeakageError
from features.knowledge_time import as_moment
from features.panel import family_of, feature_names
from features.store import Store
from ml import backtest
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge
from ml.origins import Origin, training_dates, yearly_origins
from models.forecaster import labelled_rows
from models.gradient_boosting import Parameters
from models.leakage import MAX_SINGLE_FEATURE_AUC, check_leakage, single_feature_auc
from models.targets import TARGETS

OUTCOME = ["ratio", "imputed_value_frac"]
# Eager on purpose: what could be learned by heart from a later label is learned.
FEW_ROUNDS = Parameters(rounds=15, learning_rate=0.4, num_leaves=31, min_data_in_leaf=3, lambda_l2=0.0, max_bin=63)


def table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.3).astype("float64")
    return pd.DataFrame({"label": label, "honest": label + rng.normal(0, 1.5, n), "noise": rng.normal(size=n)})


def slow_auc(values: np.ndarray, label: np.ndarray) -> float:
    """Every couple of an event and a non-event, ties half."""
    known = ~np.isnan(values)
    events, others = values[known & (label == 1)], values[known & (label == 0)]
    won = sum((event > other) + 0.5 * (event == other) for event in events for other in others)
    auc = won / (len(events) * len(others))
    return max(auc, 1 - auc)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), digits=st.integers(0, 3), gaps=st.floats(0, 0.3))
def test_the_auc_is_the_share_of_couples_ranked_rightly(seed: int, digits: int, gaps: float) -> None:
    rows = table(400, seed)
    # Not the stream that drew the labels: it would leave out just the events.
    rng = np.random.default_rng([seed, 1])
    values = rows["honest"].round(digits).mask(rng.random(400) < gaps).to_numpy()
    label = rows["label"].to_numpy()
    assert single_feature_auc(values, label) == pytest.approx(slow_auc(values, label), abs=1e-12)


def test_the_direction_does_not_matter_and_a_constant_tells_nothing() -> None:
    rows = table()
    label = rows["label"].to_numpy()
    assert single_feature_auc(label, label) == single_feature_auc(-label, label) == 1.0
    assert single_feature_auc(np.ones(400), label) == 0.5


@pytest.mark.parametrize(("known", "events"), [(199, 60), (400, 9), (400, 391)])
def test_too_few_rows_or_events_are_not_judged(known: int, events: int) -> None:
    label = np.r_[np.ones(events), np.zeros(400 - events)]
    values = label.copy()
    values[-1 : -1 - (400 - known) : -1] = np.nan
    assert np.isnan(single_feature_auc(values, label))
    check_leakage(pd.DataFrame({"label": label, "x": values}), ["x"])


def test_a_feature_that_tells_the_label_is_named_with_its_auc_and_honest_ones_are_not() -> None:
    rows = table()
    rng = np.random.default_rng(5)
    rows = rows.assign(oracle=rows["label"] + rng.normal(0, 0.2, 400), mirror=-rows["label"])
    check_leakage(rows, ["honest", "noise"])
    with pytest.raises(LeakageError, match=r"oracle \(AUC (0\.99\d|1\.000)\), mirror \(AUC 1\.000\)") as caught:
        check_leakage(rows, ["honest", "noise", "oracle", "mirror"])
    assert "honest (" not in str(caught.value)
    assert "available_at" in str(caught.value)


def test_the_limit_itself_is_still_honest() -> None:
    # Of 20 x 200 couples, 3800 are ranked rightly: an AUC of exactly 0.95.
    label = np.r_[np.ones(20), np.zeros(200)]
    values = np.r_[np.full(20, 1.0), np.full(190, 0.0), np.full(10, 2.0)]
    assert single_feature_auc(values, label) == MAX_SINGLE_FEATURE_AUC
    check_leakage(pd.DataFrame({"label": label, "x": values}), ["x"])
    values[-1] = 0.0
    with pytest.raises(LeakageError, match="x"):
        check_leakage(pd.DataFrame({"label": label, "x": values}), ["x"])


# ---- canaries on the real panel ------------------------------------------------------------------


@dataclass(frozen=True)
class Real:
    """The embedded data as a panel of training dates, and every label resolved by 2020."""

    panel: pd.DataFrame
    labels: pd.DataFrame
    features: tuple[str, ...]
    origins: Sequence[Origin]


@pytest.fixture(scope="module")
def real(bundle_home: Path) -> Real:
    knowledge = Knowledge(Store(bundle_home / "datasets"), as_moment("2020-02-03"))
    origins = yearly_origins(2012, 2017)
    dates = training_dates(origins[-1].as_of + dt.timedelta(days=1))
    panel = knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC)
    # The embedded data say nothing of most families; columns without a value cost time and teach nothing.
    told = tuple(name for name in feature_names(knowledge.signals) if panel[name].notna().any())
    return Real(panel, knowledge.labels, told, origins)


@pytest.fixture(autouse=True)
def _only_the_champion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "make_baselines", lambda features: [])


def plan(real: Real, features: Sequence[str]) -> backtest.Plan:
    return backtest.Plan(tuple(real.origins), ("supply_drop",), tuple(features), FEW_ROUNDS)


def mean_onset_auc(real: Real, labels: pd.DataFrame, origins: Sequence[Origin]) -> float:
    """The AUC among onset rows of one origin and horizon, averaged over origins and horizons by couples."""
    won, couples = 0.0, 0
    # The family that tells pairs and years apart best: enough to learn by heart what must not be seen.
    trade = [name for name in real.features if family_of(name) == "trade"]
    for origin in origins:
        found = backtest.forecast_origin(real.panel, labels, origin, plan(real, trade))
        found = found[found["onset"] & found["label"].notna()]
        for _, part in found.groupby("horizon"):
            events, others = (part.loc[part["label"].eq(value), "probability"].to_numpy() for value in (1.0, 0.0))
            above = (events[:, None] > others[None, :]) + 0.5 * (events[:, None] == others[None, :])
            won, couples = won + above.sum(), couples + above.size
    return won / couples


@pytest.mark.slow
def test_shuffled_labels_score_nothing_and_true_ones_something(real: Real) -> None:
    rng = np.random.default_rng(11)
    labels = real.labels.copy()
    for _, rows in labels.groupby("year"):
        at = rng.permutation(rows.index.to_numpy())
        labels.loc[rows.index, OUTCOME] = rows.loc[at, OUTCOME].to_numpy()
    assert mean_onset_auc(real, labels, real.origins[:4]) == pytest.approx(0.5, abs=0.03)
    # The same on true labels, so that the first half is not idle.
    assert mean_onset_auc(real, real.labels, real.origins[:1]) > 0.6


@pytest.mark.slow
def test_a_planted_feature_that_knows_the_label_stops_the_origin_and_is_named(real: Real) -> None:
    origin = real.origins[0]
    rows = labelled_rows(real.panel, real.labels, "supply_drop", "current_year")
    noise = np.random.default_rng(3).normal(0, 0.3, len(rows))
    planted = real.panel.assign(next_letter_from_the_mine=rows["label"].fillna(0.0) + noise)
    with pytest.raises(LeakageError, match=r"next_letter_from_the_mine \(AUC 0\.9\d+\)") as caught:
        backtest.forecast_origin(
            planted, real.labels, origin, plan(real, (*real.features, "next_letter_from_the_mine"))
        )
    assert not any(f"{name} (" in str(caught.value) for name in real.features)


@pytest.mark.slow
def test_every_real_feature_passes_the_alarm_for_every_target_and_horizon(real: Real) -> None:
    for target in TARGETS:
        for horizon in ("current_year", "next_year"):
            rows = labelled_rows(real.panel, real.labels, target, horizon)
            rows = rows[rows["label"].notna()]
            assert len(rows) > 10_000
            check_leakage(rows, list(real.features))
