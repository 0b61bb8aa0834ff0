"""Risk-coverage curves: the scores of what is kept when the least supported forecasts are withheld first.

Withholding forecasts near one half lowers any mean loss without any sense for support, as they are the hard ones
for everybody. So skill over the pair history stands beside: it compares two forecasts of the same rows.
Withholding at random changes no score and misses a proportional share of events; that is what a score has to beat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml.scores import Floats, block_weights, brier, brier_skill, brier_skill_draws, estimate, finite, log_loss, roc_auc
from models.calibration import log_odds

__all__ = ["KEPT", "ORDERS", "area", "curve", "gain_over_random", "support_scores"]

KEPT = (1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
JUDGED_AT = 0.9
ORDERS: Mapping[str, str] = {
    "width_log_odds": "widest interval first, in log-odds",
    "width": "widest interval first, in probability",
    "distance": "most features in the tails of the training rows first",
    "record": "shortest record of the pair first",
    "missing": "most features unknown first",
}


def support_scores(rows: pd.DataFrame) -> dict[str, Floats]:
    """Give one score per row and order of `ORDERS`; the largest is withheld first."""
    low, high = (log_odds(rows[name].to_numpy()) for name in ("p_low", "p_high"))
    return {
        "width_log_odds": high - low,
        "width": (rows["p_high"] - rows["p_low"]).to_numpy(),
        "distance": rows["distance"].to_numpy(),
        "record": -rows["record_years"].to_numpy(),
        "missing": rows["missing_frac"].to_numpy(),
    }


def _kept(score: Floats, share: float) -> np.ndarray:
    # Ties are broken by a fixed shuffle, so that the order of rows (by mineral) decides nothing.
    shuffled = np.random.default_rng(0).permutation(len(score))
    order = shuffled[np.argsort(score[shuffled], kind="stable")]
    return np.sort(order[: round(share * len(score))])


def curve(rows: pd.DataFrame, score: Floats) -> list[dict[str, Any]]:
    """Give the scores of the kept rows at each share of `KEPT`.

    Args:
        rows: label, probability, base_rate (what the pair's history says).

    Returns:
        kept, n, brier, log_loss, auc, skill (Brier, over the pair history) and missed_frac: the share of all events
        whose forecast was withheld.
    """
    points = []
    for share in KEPT:
        part = rows.iloc[_kept(score, share)]
        label, p = part["label"].to_numpy(), part["probability"].to_numpy()
        points.append(
            {
                "kept": share,
                "n": len(part),
                "brier": brier(label, p),
                "log_loss": log_loss(label, p),
                "auc": finite(roc_auc(label, p)),
                "skill": brier_skill(label, p, part["base_rate"].to_numpy()),
                "missed_frac": float(1 - label.sum() / rows["label"].sum()),
            }
        )
    return points


def area(points: list[dict[str, Any]], name: str) -> float:
    """Give the mean of a score over the share kept from the smallest of `KEPT` to 1, by trapezoids."""
    kept = np.array([point["kept"] for point in points])[::-1]
    value = np.array([point[name] for point in points], dtype="float64")[::-1]
    return float(np.trapezoid(value, kept) / (kept[-1] - kept[0]))


def gain_over_random(rows: pd.DataFrame, score: Floats, *, n_draws: int) -> dict[str, Any]:
    """Give skill on the nine tenths kept minus skill on all rows, with its 95 % block-bootstrap interval.

    Withholding at random leaves skill as it is, so above 0 the score knows more than a coin.
    """
    keep = np.zeros(len(rows))
    keep[_kept(score, JUDGED_AT)] = 1.0
    label, p, history = (rows[name].to_numpy() for name in ("label", "probability", "base_rate"))

    def gain(weights: Floats) -> Floats:
        kept = brier_skill_draws(label, p, history, weights * keep[:, None])
        return kept - brier_skill_draws(label, p, history, weights)

    value = float(gain(np.ones((len(rows), 1)))[0])
    weights = block_weights(rows["mineral"], rows["year"], n_draws=n_draws, seed=0)
    return estimate(value, gain(weights)).as_json()
