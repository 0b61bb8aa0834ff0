"""Metrics against slow, plain twins and scikit-learn; the laws of the block bootstrap."""

from __future__ import annotations

import itertools
import math
import time
from functools import partial

import numpy as np
import pytest
import sklearn.metrics as skm

from ml import scores as sc

SEEDS = range(5)


def sample(seed: int, n: int = 60, *, skill: float = 1.0):
    """Labels, coarse (so tied) probabilities, pairs, origins, minerals, years and whole weights."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.35).astype(float)
    raw = 1 / (1 + np.exp(-(skill * (label - 0.5) + rng.normal(0, 1, n))))
    mineral, year = rng.integers(0, 6, n), 2010 + rng.integers(0, 7, n)
    pair, origin = mineral * 10 + rng.integers(0, 2, n), rng.integers(0, 5, n)
    weight = rng.integers(0, 4, n).astype(float)
    return label, np.round(raw, 1), pair, origin, mineral, year, weight


# --- slow twins -----------------------------------------------------------------------------------


def concordance_slowly(label, probability, pair, weight):
    won = couples = 0.0
    for i, j in itertools.permutations(range(len(label)), 2):
        if pair[i] == pair[j] and label[i] == 1 and label[j] == 0:
            couples += weight[i] * weight[j]
            credit = 1.0 if probability[i] > probability[j] else 0.5 if probability[i] == probability[j] else 0
            won += weight[i] * weight[j] * credit
    return won / couples if couples else math.nan


def calibration_error_slowly(label, probability, weight):
    n, bins = len(label), {}
    for i in range(n):
        below = sum(p < probability[i] for p in probability)
        equal = sum(p == probability[i] for p in probability)
        middle = below + (equal - 1) / 2 + 0.5  # rows before the middle of the tied group
        bins.setdefault(int(10 * middle / n), []).append(i)
    total = 0.0
    for rows in bins.values():
        w = sum(weight[i] for i in rows)
        if w:
            given = sum(weight[i] * probability[i] for i in rows) / w
            seen = sum(weight[i] * label[i] for i in rows) / w
            total += w * abs(given - seen)
    return total / sum(weight)


def budget_slowly(label, probability, origin, weight, budget):
    """Alert every order of the rows that ties allow and average: hits, alerts."""
    hits = alerts = 0.0
    for name in set(origin):
        rows = [i for i in range(len(label)) if origin[i] == name]
        k = max(1, math.ceil(round(budget * len(rows), 9)))
        orders = list(itertools.permutations(rows))
        for order in orders:
            chosen = sorted(order, key=lambda i: -probability[i])[:k]  # stable: ties stay in `order`
            hits += sum(weight[i] * label[i] for i in chosen) / len(orders)
            alerts += sum(weight[i] for i in chosen) / len(orders)
    return hits, alerts


@pytest.mark.parametrize("seed", SEEDS)
def test_within_pair_concordance_is_that_of_the_slow_twin(seed):
    label, probability, pair, *_, weight = sample(seed)
    for w in (None, weight):
        slow = concordance_slowly(label, probability, pair, np.ones(len(label)) if w is None else w)
        assert sc.within_pair_concordance(label, probability, pair, w) == pytest.approx(slow, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_calibration_error_is_that_of_the_slow_twin(seed):
    label, probability, *_, weight = sample(seed)
    fine = probability + np.random.default_rng(seed).random(len(label)) / 100
    for p, w in itertools.product((probability, np.clip(fine, 0, 1)), (None, weight)):
        slow = calibration_error_slowly(label, p, np.ones(len(label)) if w is None else w)
        assert sc.expected_calibration_error(label, p, w) == pytest.approx(slow, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("budget", [0.1, 0.34, 0.6])
def test_alerts_at_a_budget_are_those_of_the_slow_twin(seed, budget):
    label, probability, _, origin, _, _, weight = sample(seed, n=22)
    hits, alerts = budget_slowly(label, probability, origin, weight, budget)
    precision = sc.precision_at_budget(label, probability, origin, weight, budget=budget)
    assert precision == pytest.approx(hits / alerts if alerts else math.nan, rel=1e-9, nan_ok=True)
    false = sc.false_alarms_per_hit(label, probability, origin, weight, budget=budget)
    assert false == pytest.approx((alerts - hits) / hits if hits else math.nan, rel=1e-9, nan_ok=True)


def test_a_budget_is_not_raised_by_the_rounding_of_floats():
    assert 0.07 * 100 > 7
    assert sc.alert_share(np.linspace(0, 1, 100), np.zeros(100), budget=0.07).sum() == 7
    assert sc.alert_share(np.linspace(0, 1, 101), np.zeros(101), budget=0.07).sum() == 8


def test_missed_share_counts_events_outside_the_alerts():
    label, probability = np.array([1.0, 0, 1, 1]), np.array([0.9, 0.8, 0.2, 0.1])
    share = sc.alert_share(probability, np.zeros(4), budget=0.5)
    drawn = sc.budget_draws(label, share, np.ones((4, 1)))
    assert drawn["missed_at_budget"][0] == pytest.approx(2 / 3)


# --- scikit-learn as the oracle ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_draws_are_the_weighted_metrics_of_scikit_learn(seed):
    label, probability, *_ = sample(seed)
    weights = np.random.default_rng(seed).integers(0, 4, (len(label), 20)).astype(float)
    oracles = {
        sc.roc_auc_draws: skm.roc_auc_score,
        sc.average_precision_draws: skm.average_precision_score,
        sc.brier_draws: skm.brier_score_loss,
    }
    for draws, oracle in oracles.items():
        expected = [oracle(label, probability, sample_weight=w) for w in weights.T]
        np.testing.assert_allclose(draws(label, probability, weights), expected, rtol=1e-12)


@pytest.mark.parametrize("metric", [sc.roc_auc, sc.average_precision, sc.brier, sc.log_loss])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_weight_is_a_number_of_repetitions(metric, seed):
    label, probability, *_, weight = sample(seed)
    times = weight.astype(int)
    repeated = metric(np.repeat(label, times), np.repeat(probability, times))
    assert metric(label, probability, weight) == pytest.approx(repeated, rel=1e-12)


def test_log_loss_of_a_known_case():
    assert sc.log_loss(np.array([1.0, 0]), np.array([0.8, 0.4])) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)


# --- signs, ties, undefined ---------------------------------------------------------------------------


def test_a_better_model_scores_better_on_every_metric():
    label, good, pair, origin, *_ = sample(0, 2000, skill=3)
    _, poor, *_ = sample(0, 2000, skill=0.3)
    higher = [
        (sc.roc_auc, ()),
        (sc.average_precision, ()),
        (sc.within_pair_concordance, (pair,)),
        (partial(sc.precision_at_budget, budget=0.1), (origin,)),
    ]
    lower = [(sc.brier, ()), (sc.log_loss, ()), (partial(sc.false_alarms_per_hit, budget=0.1), (origin,))]
    for metric, extra in higher:
        assert metric(label, good, *extra) > metric(label, poor, *extra)
    for metric, extra in lower:
        assert metric(label, good, *extra) < metric(label, poor, *extra)
    assert sc.brier_skill(label, good, poor) > 0 > sc.brier_skill(label, poor, good)


def test_brier_skill_of_the_reference_is_zero_and_of_the_truth_is_one():
    label, probability, *_ = sample(1)
    assert sc.brier_skill(label, probability, probability) == 0
    assert sc.brier_skill(label, label, probability) == 1


def test_calibration_error_is_small_when_probabilities_are_true_and_large_when_not():
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    label = (rng.random(20_000) < probability).astype(float)
    assert sc.expected_calibration_error(label, probability) < 0.02
    assert sc.expected_calibration_error(label, 1 - probability) > 0.4


def test_all_ties_are_a_coin_flip():
    label, _, pair, *_ = sample(2)
    flat = np.full(len(label), 0.3)
    assert sc.roc_auc(label, flat) == 0.5
    assert sc.within_pair_concordance(label, flat, pair) == 0.5
    assert sc.precision_at_budget(label, flat, np.zeros(len(label)), budget=0.1) == pytest.approx(label.mean())
    assert sc.average_precision(label, flat) == pytest.approx(label.mean())


def test_order_of_rows_is_irrelevant():
    label, probability, pair, origin, *_ = sample(3, 200)
    order = np.random.default_rng(0).permutation(200)
    for metric, extra in (
        (sc.expected_calibration_error, ()),
        (sc.within_pair_concordance, (pair,)),
        (partial(sc.precision_at_budget, budget=0.1), (origin,)),
    ):
        shuffled = metric(label[order], probability[order], *(key[order] for key in extra))
        assert shuffled == pytest.approx(metric(label, probability, *extra), rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_ranking_metrics_of_one_class_are_nan(value):
    label, probability, pair = np.full(6, value), np.linspace(0, 1, 6), np.zeros(6)
    assert math.isnan(sc.roc_auc(label, probability))
    assert math.isnan(sc.average_precision(label, probability))
    assert math.isnan(sc.within_pair_concordance(label, probability, pair))
    assert np.isnan(sc.roc_auc_draws(label, probability, np.ones((6, 2)))).all()
    assert np.isnan(sc.average_precision_draws(label, probability, np.ones((6, 2)))).all()


def test_weights_that_leave_one_class_give_nan():
    label, probability, weight = np.array([1.0, 1, 0]), np.array([0.1, 0.2, 0.3]), np.array([1.0, 1, 0])
    assert math.isnan(sc.roc_auc(label, probability, weight))
    assert math.isnan(sc.average_precision(label, probability, weight))


def test_concordance_without_couples_in_any_pair_is_nan():
    assert math.isnan(sc.within_pair_concordance(np.array([1.0, 0]), np.array([0.9, 0.1]), ["a", "b"]))


def test_false_alarms_without_a_hit_are_nan():
    label, probability = np.array([0.0, 1]), np.array([0.9, 0.1])
    assert math.isnan(sc.false_alarms_per_hit(label, probability, [0, 0], budget=0.5))


def test_metrics_of_no_rows_are_nan():
    none = np.array([])
    for metric in (sc.roc_auc, sc.average_precision, sc.brier, sc.log_loss, sc.expected_calibration_error):
        assert math.isnan(metric(none, none))
    assert math.isnan(sc.within_pair_concordance(none, none, none))
    assert math.isnan(sc.precision_at_budget(none, none, none, budget=0.1))
    assert sc.block_weights(none, none, n_draws=3, seed=0).shape == (0, 3)


# --- reliability ----------------------------------------------------------------------------------------


def test_reliability_table_of_a_hand_computed_case():
    probability = np.repeat([0.1, 0.6], 10)  # two tied groups: two bins, whatever the number of bins
    label = np.array([0.0] * 8 + [1] * 2 + [0] * 2 + [1] * 8)
    table = sc.reliability_table(label, probability)
    assert list(table["n"]) == [10, 10]
    np.testing.assert_allclose(table["mean_probability"], [0.1, 0.6])
    np.testing.assert_allclose(table["observed_frac"], [0.2, 0.8])
    np.testing.assert_allclose(table["low"], [0.0567, 0.4902], atol=1e-4)  # Wilson, 2 and 8 of 10
    np.testing.assert_allclose(table["high"], [0.5098, 0.9433], atol=1e-4)


def test_reliability_table_has_ten_equal_bins_without_ties():
    table = sc.reliability_table(np.zeros(1000), np.random.default_rng(0).random(1000))
    assert list(table["n"]) == [100] * 10
    assert table["mean_probability"].is_monotonic_increasing
    np.testing.assert_allclose(table["low"], 0, atol=1e-15)
    assert (table["low"] >= 0).all()


# --- bootstrap ------------------------------------------------------------------------------------------


def auc_interval(label, probability, mineral, year, **options):
    return sc.block_bootstrap(partial(sc.roc_auc_draws, label, probability), mineral, year, **options)


def test_block_weights_are_mineral_times_year_multiplicities():
    mineral, year = np.repeat(["a", "b", "c"], 4), np.tile([2010, 2011, 2012, 2013], 3)
    w = sc.block_weights(mineral, year, n_draws=400, seed=1).reshape(3, 4, 400)
    np.testing.assert_array_equal(w[0, 0] * w[1, 1], w[0, 1] * w[1, 0])  # a product of two factors
    np.testing.assert_array_equal(w.sum(axis=(0, 1)), 12)  # three minerals times four years drawn
    assert not np.array_equal(w[0, 0], w[1, 0])
    assert not np.array_equal(w[0, 0], w[0, 1])
    assert w.mean() == pytest.approx(1)


def test_bootstrap_is_the_same_for_the_same_seed_only():
    label, probability, _, _, mineral, year, _ = sample(4, 300)
    first = auc_interval(label, probability, mineral, year, n_draws=100, seed=7)
    assert first == auc_interval(label, probability, mineral, year, n_draws=100, seed=7)
    assert first != auc_interval(label, probability, mineral, year, n_draws=100, seed=8)


@pytest.mark.parametrize("seed", SEEDS)
def test_interval_contains_the_value(seed):
    label, probability, pair, _, mineral, year, _ = sample(seed, 400)
    for statistic in (
        partial(sc.roc_auc_draws, label, probability),
        partial(sc.average_precision_draws, label, probability),
        partial(sc.expected_calibration_error_draws, label, probability),
        partial(sc.concordance_draws, label, probability, pair),
    ):
        found = sc.block_bootstrap(statistic, mineral, year, n_draws=200, seed=seed)
        assert found.low <= found.value <= found.high
        assert found.low < found.high


def test_calibration_interval_is_widened_to_contain_the_value():
    assert sc.estimate(0.01, np.array([0.02, 0.03, 0.04])).low == 0.01


def test_repeating_rows_within_their_blocks_does_not_narrow_the_interval():
    label, probability, _, _, mineral, year, _ = sample(5, 200)
    once = auc_interval(label, probability, mineral, year, n_draws=100, seed=0)
    ten_times = [np.tile(x, 10) for x in (label, probability, mineral, year)]
    again = auc_interval(*ten_times, n_draws=100, seed=0)
    assert (again.low, again.high) == pytest.approx((once.low, once.high), rel=1e-12)


def test_shuffled_labels_score_nothing():
    label, probability, pair, _, mineral, year, _ = sample(6, 1500, skill=3)
    assert auc_interval(label, probability, mineral, year, n_draws=200, seed=0).low > 0.5
    shuffled = np.random.default_rng(0).permutation(label)
    found = auc_interval(shuffled, probability, mineral, year, n_draws=200, seed=0)
    assert found.low < 0.5 < found.high
    when = partial(sc.concordance_draws, shuffled, probability, pair)
    found = sc.block_bootstrap(when, mineral, year, n_draws=200, seed=0)
    assert found.low < 0.5 < found.high


def test_difference_of_two_models_is_taken_draw_by_draw():
    label, good, _, _, mineral, year, _ = sample(7, 800, skill=3)
    _, poor, *_ = sample(7, 800, skill=0.2)

    def difference(w, p, q):
        return sc.roc_auc_draws(label, p, w) - sc.roc_auc_draws(label, q, w)

    same = sc.block_bootstrap(partial(difference, p=good, q=good), mineral, year, n_draws=50, seed=0)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    gain = sc.block_bootstrap(partial(difference, p=good, q=poor), mineral, year, n_draws=200, seed=0)
    assert gain.low > 0


def test_there_is_no_interval_when_draws_are_missing_or_mostly_undefined():
    for draws in (np.array([]), np.array([0.5] * 90 + [np.nan] * 10)):
        found = sc.estimate(0.5, draws)
        assert found.value == 0.5
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    assert sc.estimate(0.5, np.array([0.5] * 96 + [np.nan] * 4)).low == 0.5
    assert math.isnan(sc.estimate(math.nan, np.array([0.5])).low)


def test_five_hundred_draws_of_nine_thousand_rows_take_under_two_seconds():
    label, probability, _, _, mineral, year, _ = sample(8, 9000)
    times = []
    for _ in range(2):
        started = time.perf_counter()
        auc_interval(label, probability, mineral, year, n_draws=500, seed=0)
        times.append(time.perf_counter() - started)
    assert min(times) < 2
