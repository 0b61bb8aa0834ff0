"""The figures of one group of scored forecasts: Brier and its parts, skill, alerts, with 95 % intervals.

Brier's decomposition is Murphy's (1973, A new vector partition of the probability score, J. Appl. Meteor. 12):
Brier = reliability - resolution + uncertainty, exact when all forecasts of a bin are equal. Tenths hold unequal
ones, so the two terms of Stephenson, Coelho and Jolliffe (2008, Two extra components in the Brier score
decomposition, Wea. Forecasting 23) are added as `within_bins`: the spread of probabilities inside the tenths less
twice their covariance with outcomes. The four parts then add up to the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml import scores as sc
from ml.ledger.leads import BASELINES
from ml.score_table import ALERT_BUDGET_FRAC, MIN_OF_EACH_CLASS

__all__ = ["Sample", "brier_parts", "figures", "reliability"]

Floats = NDArray[np.float64]
Json = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """Scored rows and the weights of the bootstrap's draws, (n_rows, n_draws): blocks are minerals and target years."""

    rows: pd.DataFrame
    weights: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame, *, n_draws: int, seed: int = 0) -> Sample:
        """Draw the weights for rows with mineral and window_end."""
        rows = rows.reset_index(drop=True)
        years = rows["window_end"].dt.year.to_numpy()
        return cls(rows, sc.block_weights(rows["mineral"].to_numpy(), years, n_draws=n_draws, seed=seed))

    def take(self, keep: pd.Series) -> Sample:
        """Give the sample of some rows under the same draws."""
        mask = keep.to_numpy(dtype=bool)
        return Sample(self.rows[mask].reset_index(drop=True), self.weights[mask])


def figures(sample: Sample) -> Json:
    """Give every figure of a group.

    Returns:
        n, events, observed_frac, mean_probability, insufficient (fewer than ten events or ten others: shown, not
        to be read, without intervals); brier; parts; skill by baseline, on the rows where the baseline says
        something; auc; alerts (as issued) and budget (the tenth of each date with the highest probability), each with
        precision, recall and false alarms per hit. Scores are {value, low, high}, None where undefined.
    """
    rows = sample.rows
    label, p = _arrays(rows, "label"), _arrays(rows, "probability")
    events = int(label.sum())
    is_few = min(events, len(rows) - events) < MIN_OF_EACH_CLASS
    weights = sample.weights[:, :0] if is_few else sample.weights
    origin = rows["as_of"].astype("int64").to_numpy()
    return {
        "n": len(rows),
        "events": events,
        "observed_frac": sc.finite(label.mean()) if len(rows) else None,
        "mean_probability": sc.finite(p.mean()) if len(rows) else None,
        "insufficient": bool(is_few),
        "brier": _estimate(lambda w: sc.brier_draws(label, p, w), weights),
        "parts": brier_parts(label, p),
        "skill": {name: _skill(rows, weights, name) for name in BASELINES},
        "auc": _estimate(lambda w: sc.roc_auc_draws(label, p, w), weights),
        "alerts": _alerts(label, _arrays(rows, "alert"), weights),
        "budget": _alerts(label, sc.alert_share(p, origin, budget=ALERT_BUDGET_FRAC), weights),
    }


def brier_parts(label: Floats, probability: Floats) -> Json | None:
    """Split the Brier score over the tenths of `ml.scores.reliability_table`; None without rows.

    Returns:
        reliability (lower is better), resolution (higher is better), uncertainty (the event's own), within_bins;
        Brier = reliability - resolution + uncertainty + within_bins.
    """
    if not len(label):
        return None
    bins = sc.equal_count_bins(probability)
    size = np.bincount(bins, minlength=sc.N_BINS).clip(1)
    y_bin = (np.bincount(bins, label, sc.N_BINS) / size)[bins]
    p_bin = (np.bincount(bins, probability, sc.N_BINS) / size)[bins]
    rate = label.mean()
    spread = (probability - p_bin) ** 2
    together = (label - y_bin) * (probability - p_bin)
    return {
        "reliability": float(((p_bin - y_bin) ** 2).mean()),
        "resolution": float(((y_bin - rate) ** 2).mean()),
        "uncertainty": float(rate * (1 - rate)),
        "within_bins": float((spread - 2 * together).mean()),
    }


def reliability(label: Floats, probability: Floats) -> list[Json]:
    """Give the reliability table as JSON, lowest tenth first."""
    if not len(label):
        return []
    table = sc.reliability_table(label, probability)
    return [{str(key): float(value) for key, value in row.items()} for row in table.to_dict("records")]


def _skill(rows: pd.DataFrame, weights: Floats, baseline: str) -> Json:
    said = rows[baseline].notna().to_numpy()
    label, p = _arrays(rows, "label")[said], _arrays(rows, "probability")[said]
    reference = _arrays(rows, baseline)[said]
    draws = _estimate(lambda w: sc.brier_skill_draws(label, p, reference, w), weights[said])
    return {**draws, "n": int(said.sum())}


def _alerts(label: Floats, share: Floats, weights: Floats) -> Json:
    names = {"precision_at_budget": "precision", "missed_at_budget": "recall", "false_alarms_per_hit": "false_per_hit"}
    one = sc.budget_draws(label, share, np.ones((len(label), 1)))
    many = sc.budget_draws(label, share, weights)
    found: Json = {"alerts": float(share.sum()), "hits": float((share * label).sum()), "events": float(label.sum())}
    for name, plain in names.items():
        value, draws = float(one[name][0]), many[name]
        if plain == "recall":  # the share of events that were alerted
            value, draws = 1 - value, 1 - draws
        found[plain] = sc.estimate(value, draws).as_json()
    return found


def _estimate(statistic: sc.Statistic, weights: Floats) -> Json:
    value = float(statistic(np.ones((len(weights), 1)))[0])
    return sc.estimate(value, statistic(weights) if weights.shape[1] else np.zeros(0)).as_json()


def _arrays(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype="float64")
