"""Calibration: keeps the ranking, holds the probability in its interval, repairs a distorted score."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import WIDENING_PER_STALE_YEAR, Calibrator


def expit(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def sample(seed: int, n: int = 4000, *, slope: float = 1.0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Give raw scores, and outcomes whose log-odds are `slope` times the score plus `shift`."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(-1.0, 1.2, n)
    return raw, (rng.random(n) < expit(slope * raw + shift)).astype(float)


def expected_error(probability: np.ndarray, label: np.ndarray) -> float:
    """Give the expected calibration error over ten groups of equal size."""
    groups = np.array_split(np.argsort(probability, kind="stable"), 10)
    return sum(len(g) * abs(probability[g].mean() - label[g].mean()) for g in groups) / len(label)


@pytest.fixture(scope="module")
def calibrator() -> Calibrator:
    return Calibrator.fit(*sample(0))


@given(
    labels=st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=60).filter(lambda found: len(set(found)) == 2),
    seed=st.integers(0, 50),
)
@settings(max_examples=40, deadline=None)
def test_the_probability_rises_with_the_raw_score_whatever_the_outcomes(labels: list[float], seed: int):
    raw = np.random.default_rng(seed).normal(0, 2, len(labels))
    found = Calibrator.fit(raw, np.array(labels)).probability(np.linspace(-4, 4, 41))
    assert (np.diff(found) > 0).all()
    assert ((found > 0) & (found < 1)).all()


def test_a_score_that_points_the_wrong_way_is_flattened_and_not_turned_round():
    raw, label = sample(1, slope=-3.0)
    found = Calibrator.fit(raw, label).probability(np.array([-3.0, 0.0, 3.0]))
    assert (np.diff(found) > 0).all()
    assert found[2] - found[0] < 0.1


@pytest.mark.parametrize(("slope", "shift"), [(0.4, 0.0), (1.0, 1.2), (1.0, -1.5), (0.5, 0.8), (2.0, 0.5)])
def test_a_distorted_score_is_repaired_on_new_rows(slope: float, shift: float):
    calibrator = Calibrator.fit(*sample(2, 8000, slope=slope, shift=shift))
    raw, label = sample(3, 8000, slope=slope, shift=shift)
    before, after = expected_error(expit(raw), label), expected_error(calibrator.probability(raw), label)
    assert before > 0.05
    assert after < 0.5 * before
    # The pull towards the raw score fades as outcomes come in.
    many = Calibrator.fit(*sample(2, 200_000, slope=slope, shift=shift))
    assert expected_error(many.probability(raw), label) < 0.02


def test_a_calibrated_score_is_left_nearly_as_it_is(calibrator: Calibrator):
    assert calibrator.slope == pytest.approx(1.0, abs=0.1)
    assert calibrator.intercept == pytest.approx(0.0, abs=0.1)


def test_few_outcomes_move_the_score_less_than_many():
    few, many = (Calibrator.fit(*sample(4, n, shift=2.0)).intercept for n in (60, 6000))
    assert 0 < few < 0.5 * many


@given(stale=st.floats(0, 8), level=st.floats(-6, 6))
@settings(max_examples=25, deadline=None)
def test_the_interval_holds_the_probability_and_is_no_narrower_when_stale(stale: float, level: float):
    calibrator = SMALL
    raw = np.array([level])
    probability = calibrator.probability(raw)
    low, high = calibrator.interval(raw, np.zeros(1))
    old_low, old_high = calibrator.interval(raw, np.array([stale]))
    for lower, upper in ((low, high), (old_low, old_high)):
        assert 0 <= lower[0] <= probability[0] <= upper[0] <= 1
    assert old_low[0] <= low[0]
    assert old_high[0] >= high[0]


SMALL = Calibrator.fit(*sample(5, 300))


def test_the_interval_widens_by_its_log_odds_per_stale_year(calibrator: Calibrator):
    raw = np.array([-1.0, 0.0, 0.5])
    fresh, stale = calibrator.interval(raw, np.zeros(3)), calibrator.interval(raw, np.full(3, 2.0))
    for before, after, sign in ((fresh[0], stale[0], -1), (fresh[1], stale[1], 1)):
        moved = np.log(after / (1 - after)) - np.log(before / (1 - before))
        np.testing.assert_allclose(moved, sign * 2 * WIDENING_PER_STALE_YEAR, atol=1e-9)


def test_data_fresher_than_usual_do_not_narrow_the_interval(calibrator: Calibrator):
    raw = np.array([-1.0, 0.0])
    usual, fresher = calibrator.interval(raw, np.zeros(2)), calibrator.interval(raw, np.full(2, -1.0))
    np.testing.assert_array_equal(usual, fresher)


def test_the_interval_is_narrower_with_more_outcomes():
    raw = np.linspace(-3, 1, 30)
    few, many = (Calibrator.fit(*sample(6, n)).interval(raw, np.zeros(30)) for n in (100, 4000))
    assert (many[1] - many[0]).mean() < 0.5 * (few[1] - few[0]).mean()


def test_json_and_back_gives_the_same_numbers(calibrator: Calibrator):
    again = Calibrator.from_json(json.dumps(json.loads(calibrator.to_json())))
    raw = np.linspace(-4, 4, 17)
    np.testing.assert_array_equal(again.probability(raw), calibrator.probability(raw))
    np.testing.assert_array_equal(again.interval(raw, raw), calibrator.interval(raw, raw))
    assert again.to_json() == calibrator.to_json()


def test_fitting_changes_neither_scores_nor_outcomes():
    raw, label = sample(7, 100)
    copies = raw.copy(), label.copy()
    Calibrator.fit(raw, label).interval(raw, np.ones(100))
    np.testing.assert_array_equal(raw, copies[0])
    np.testing.assert_array_equal(label, copies[1])
