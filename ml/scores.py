"""Skill metrics of event probabilities, and their intervals from a block bootstrap.

Every metric is `m(label, probability, …, weight=None) -> float` on plain arrays (n_rows,):
`label` 0 or 1, `probability` in [0, 1], `weight` how often a row counts. An undefined metric
(one class only, no couples, nothing alerted) is NaN, never an exception. Its twin
`m_draws(label, probability, …, weights)` takes a matrix (n_rows, n_draws) and gives (n_draws,):
the metric under each column of weights, by one sort and cumulative sums for all draws.

Rows of one mineral and rows of one year rise and fall together, so the bootstrap resamples
both as blocks: a row's weight is (times its mineral was drawn) x (times its year was drawn).
"""

from __future__ import annotations

__all__ = [
    "Estimate",
    "alert_share",
    "average_precision",
    "average_precision_draws",
    "block_bootstrap",
    "block_weights",
    "brier",
    "brier_draws",
    "brier_skill",
    "brier_skill_draws",
    "budget_draws",
    "concordance_draws",
    "equal_count_bins",
    "estimate",
    "expected_calibration_error",
    "expected_calibration_error_draws",
    "false_alarms_per_hit",
    "finite",
    "log_loss",
    "precision_at_budget",
    "reliability_table",
    "roc_auc",
    "roc_auc_draws",
    "within_pair_concordance",
]

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sklearn.metrics as skm
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
N_BINS = 10
MAX_UNDEFINED_FRAC = 0.05  # of the draws; with more, there is no honest interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its 95 % interval; NaN where undefined. `low <= value <= high` where all are defined."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    def as_json(self) -> dict[str, float | None]:
        """Give value, low and high; None where undefined, as JSON has no NaN."""
        return {name: finite(getattr(self, name)) for name in ("value", "low", "high")}


def finite(value: float) -> float | None:
    """Give a number as JSON can hold it: None where it is undefined."""
    return float(value) if np.isfinite(value) else None


def roc_auc(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Give the chance that an event got a higher probability than a non-event; ties count half."""
    if not _has_both_classes(label, weight):
        return float("nan")
    return float(skm.roc_auc_score(label, probability, sample_weight=weight))


def average_precision(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Give the mean precision over the events, tied rows alerted together; the base rate is no skill."""
    if not _has_both_classes(label, weight):
        return float("nan")
    return float(skm.average_precision_score(label, probability, sample_weight=weight))


def brier(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Give the mean squared difference of probability and outcome; lower is better."""
    return float(brier_draws(label, probability, _column(label, weight))[0])


def brier_skill(
    label: Floats, probability: Floats, reference_probability: Floats, weight: Floats | None = None
) -> float:
    """Give 1 - Brier / Brier of the reference on the same rows; 0 is no gain, below 0 is worse."""
    return float(brier_skill_draws(label, probability, reference_probability, _column(label, weight))[0])


def log_loss(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Give the mean negative log-likelihood in nats; lower is better; 0 and 1 are clipped by a float step."""
    if not len(label) or (weight is not None and not np.any(weight)):
        return float("nan")
    return float(skm.log_loss(label, probability, sample_weight=weight, labels=[0, 1]))


def expected_calibration_error(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Give the mean distance of mean probability and observed rate over ten bins, weighted by size.

    Bins hold equal counts of rows, whatever their weight; equal probabilities share a bin.
    """
    return float(expected_calibration_error_draws(label, probability, _column(label, weight))[0])


def within_pair_concordance(label: Floats, probability: Floats, pair: ArrayLike, weight: Floats | None = None) -> float:
    """Give *when*: over rows of one pair, the share of (event, non-event) couples ranked rightly.

    Ties count half, a couple weighs the product of its row weights, sums run over all pairs.
    """
    return float(concordance_draws(label, probability, pair, _column(label, weight))[0])


def alert_share(probability: Floats, origin: ArrayLike, *, budget: float = 0.0, top: int = 1) -> Floats:
    """Give how much of each row is alerted when every origin may alert `budget` (0-1) of its rows, at least `top`.

    It alerts its ceil(budget x rows) or `top` highest probabilities, whatever is more. Rows tied at the cut
    share the alerts that are left, so the order of rows is irrelevant.
    """
    share = np.zeros(len(probability))
    for rows in _groups(origin):
        p = probability[rows]
        k = int(np.clip(np.ceil(budget * len(p) - 1e-9), top, len(p)))  # in floats, 0.07 x 100 is a hair above 7
        cut = np.partition(p, len(p) - k)[len(p) - k]
        tied = p == cut
        share[rows] = (p > cut) + tied * (k - np.sum(p > cut)) / tied.sum()
    return share


def precision_at_budget(
    label: Floats, probability: Floats, origin: ArrayLike, weight: Floats | None = None, *, budget: float
) -> float:
    """Give the share of alerts that were followed by the event; see `alert_share` for who is alerted."""
    share = alert_share(probability, origin, budget=budget)
    return float(budget_draws(label, share, _column(label, weight))["precision_at_budget"][0])


def false_alarms_per_hit(
    label: Floats, probability: Floats, origin: ArrayLike, weight: Floats | None = None, *, budget: float
) -> float:
    """Give the number of alerts without the event per alert with it; NaN without a hit."""
    share = alert_share(probability, origin, budget=budget)
    return float(budget_draws(label, share, _column(label, weight))["false_alarms_per_hit"][0])


def reliability_table(label: Floats, probability: Floats) -> pd.DataFrame:
    """Give one row per non-empty bin of `expected_calibration_error`, lowest probabilities first.

    Columns `decile` (from 1), `n`, `mean_probability`, `observed_frac`, `low`, `high`: the 95 % Wilson
    interval, which takes rows as independent; rows of one pair are not, so the truth is wider.
    """
    frame = pd.DataFrame({"decile": equal_count_bins(probability) + 1, "p": probability, "y": label})
    table = frame.groupby("decile", as_index=False).agg(
        n=("y", "size"), mean_probability=("p", "mean"), observed_frac=("y", "mean")
    )
    n, rate, z = table["n"].to_numpy(), table["observed_frac"].to_numpy(), 1.959963984540054
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    table["low"], table["high"] = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    return table


def roc_auc_draws(label: Floats, probability: Floats, weights: Floats) -> Floats:
    """Give `roc_auc` of each draw: for each event, the weight of the non-events below it."""
    event = label == 1
    order = np.argsort(probability[~event], kind="stable")
    calm = probability[~event][order]
    below = _cumulative(weights[~event][order])
    left = np.searchsorted(calm, probability[event], side="left")
    right = np.searchsorted(calm, probability[event], side="right")
    won = (weights[event] * (below[left] + below[right])).sum(axis=0) / 2
    return _ratio(won, weights[event].sum(axis=0) * below[-1])


def average_precision_draws(label: Floats, probability: Floats, weights: Floats) -> Floats:
    """Give `average_precision` of each draw: the precision at each event's own probability."""
    event = label == 1

    def at_or_above(rows: NDArray[np.bool_]) -> Floats:  # weight of `rows` at or above each event
        order = np.argsort(-probability[rows], kind="stable")
        upto = np.searchsorted(-probability[rows][order], -probability[event], side="right")
        return _cumulative(weights[rows][order])[upto]

    caught, false = at_or_above(event), at_or_above(~event)
    precision = np.divide(caught, caught + false, out=np.zeros_like(caught), where=caught > 0)
    total = weights[event].sum(axis=0) * (weights[~event].sum(axis=0) > 0)  # one class: undefined
    return _ratio((weights[event] * precision).sum(axis=0), total)


def brier_draws(label: Floats, probability: Floats, weights: Floats) -> Floats:
    """Give `brier` of each draw."""
    return _ratio((probability - label) ** 2 @ weights, weights.sum(axis=0))


def brier_skill_draws(label: Floats, probability: Floats, reference: Floats, weights: Floats) -> Floats:
    """Give `brier_skill` of each draw."""
    return 1 - _ratio((probability - label) ** 2 @ weights, (reference - label) ** 2 @ weights)


def expected_calibration_error_draws(label: Floats, probability: Floats, weights: Floats) -> Floats:
    """Give `expected_calibration_error` of each draw; the bins are those of the unweighted rows."""
    in_bin = np.arange(N_BINS)[:, None] == equal_count_bins(probability)  # (N_BINS, n_rows)
    gaps = np.abs((in_bin * (probability - label)) @ weights).sum(axis=0)
    return _ratio(gaps, weights.sum(axis=0))


def concordance_draws(label: Floats, probability: Floats, pair: ArrayLike, weights: Floats) -> Floats:
    """Give `within_pair_concordance` of each draw."""
    won, couples = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for rows in _groups(pair):
        event, calm = rows[label[rows] == 1], rows[label[rows] == 0]
        if not len(event) or not len(calm):
            continue
        gap = probability[event][:, None] - probability[calm]  # (n_events, n_calm)
        credit = (gap > 0) + 0.5 * (gap == 0)
        won += (weights[event] * (credit @ weights[calm])).sum(axis=0)
        couples += weights[event].sum(axis=0) * weights[calm].sum(axis=0)
    return _ratio(won, couples)


def budget_draws(label: Floats, share: Floats, weights: Floats) -> dict[str, Floats]:
    """Give what the alerted `share` of each row is worth in each draw, under three names.

    `missed_at_budget` is the share of events not alerted. Alerts stay those of the unweighted rows.
    """
    hits, alerts, events = (share * label) @ weights, share @ weights, label @ weights
    return {
        "precision_at_budget": _ratio(hits, alerts),
        "false_alarms_per_hit": _ratio(alerts - hits, hits),
        "missed_at_budget": _ratio(events - hits, events),
    }


def block_weights(mineral: ArrayLike, year: ArrayLike, *, n_draws: int, seed: int) -> Floats:
    """Draw minerals and years with replacement and give each row's multiplicity, (n_rows, n_draws)."""
    rng = np.random.default_rng(seed)
    weights: Floats = np.ones((len(np.asarray(mineral)), n_draws))
    for block in (mineral, year):
        code, names = pd.factorize(np.asarray(block), sort=True)
        if len(names):
            times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_draws)
            weights *= times.T[code]
    return weights


def estimate(value: float, draws: Floats) -> Estimate:
    """Give `value` with the 2.5 and 97.5 percentiles of `draws`.

    It is widened to contain the value: a calibration error is larger in most draws. There is none
    without draws, or with more than a twentieth of them undefined.
    """
    defined = draws[np.isfinite(draws)]
    if not len(defined) or np.isnan(value) or len(defined) < (1 - MAX_UNDEFINED_FRAC) * len(draws):
        return Estimate(value)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Estimate(value, min(float(low), value), max(float(high), value))


def block_bootstrap(
    statistic: Statistic, mineral: ArrayLike, year: ArrayLike, *, n_draws: int = 500, seed: int = 0
) -> Estimate:
    """Give a statistic of weighted rows with its 95 % interval over resampled minerals and years.

    `statistic` goes from weights to (n_draws,): a `…_draws` function with its rows bound, or the
    difference of two on the same rows, `lambda w: roc_auc_draws(y, p, w) - roc_auc_draws(y, q, w)`.
    """
    value = float(statistic(np.ones((len(np.asarray(mineral)), 1)))[0])
    return estimate(value, statistic(block_weights(mineral, year, n_draws=n_draws, seed=seed)))


def _has_both_classes(label: Floats, weight: Floats | None) -> bool:
    counted = np.asarray(label) if weight is None else np.asarray(label)[np.asarray(weight) > 0]
    return bool(np.any(counted == 1) and np.any(counted == 0))


def _column(label: Floats, weight: Floats | None) -> Floats:
    return np.ones((len(label), 1)) if weight is None else np.asarray(weight, dtype=float)[:, None]


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full(np.shape(bottom), np.nan), where=bottom > 0)


def _cumulative(weights: Floats) -> Floats:
    return np.vstack([np.zeros((1, weights.shape[1])), np.cumsum(weights, axis=0)])  # from 0 rows on


def _groups(key: ArrayLike) -> list[NDArray[np.intp]]:
    code = pd.factorize(np.asarray(key))[0]
    order = np.argsort(code, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(code[order])) + 1) if len(code) else []


def equal_count_bins(probability: Floats) -> NDArray[np.intp]:
    """Give the bin of each row, from 0, by middle rank: equal counts of rows, equal probabilities together."""
    ordered = np.sort(probability)
    below = np.searchsorted(ordered, probability, side="left")
    upto = np.searchsorted(ordered, probability, side="right")
    return N_BINS * (below + upto) // max(1, 2 * len(probability))
