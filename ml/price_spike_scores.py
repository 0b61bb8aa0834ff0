"""The scores of price-spike forecasts: pooled and per mineral, with intervals over minerals and years.

`score_spikes` gives plain JSON, null where a number is undefined::

    n_draws, seed, as_of_first, as_of_last, minerals, series (how many prices; a mineral may change its series)
    horizons: {13w | 26w | 52w: {
      forecasts, unresolved
      slices: {all | onset | base | precious | minor | fertiliser: {
        n, events, base_rate, minerals, insufficient, models: {model: {metric: {value, low, high}}}}}
      reliability: [{decile, n, mean_probability, observed_frac, low, high}]   the champion's, all rows
      differences: {baseline: {roc_auc | brier: {value, low, high}}}      the champion's minus the baseline's
      by_mineral: [{mineral, n, events, base_rate, insufficient, roc_auc: {model: x}, brier: {model: x}}]}}

Metrics: `roc_auc`, `brier`, `brier_skill_vs_climatology`, `expected_calibration_error`, and `when`: the AUC within
minerals. The bootstrap draws minerals and years of the forecast as blocks (`ml.scores`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ContractError
from ml import scores as sc
from ml.price_spike_backtest import MODELS
from models.price_spikes import HORIZONS_WEEKS

__all__ = ["METRICS", "aligned_spikes", "score_spikes"]

Floats = NDArray[np.float64]
CHAMPION, REFERENCE = "lightgbm", "climatology"
METRICS = ("roc_auc", "when", "brier", "brier_skill_vs_climatology", "expected_calibration_error")
GROUPS = ("base", "precious", "minor", "fertiliser")
MIN_OF_EACH_CLASS = 10
KEY = ["as_of", "mineral"]


def aligned_spikes(predictions: pd.DataFrame, horizon: str) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Give the resolved rows of one horizon, and each model's probabilities on them."""
    scored = predictions[predictions["horizon"].eq(horizon) & predictions["label"].notna()].sort_values(KEY)
    tables = {model: scored[scored["model"].eq(model)].reset_index(drop=True) for model in MODELS}
    facts = tables[CHAMPION]
    for model, table in tables.items():
        if not table[KEY].equals(facts[KEY]):
            raise ContractError(f"{model} was not run on the same rows as {CHAMPION}; give every model the same")
    return facts, {model: table["probability"].to_numpy(dtype="float64") for model, table in tables.items()}


def score_spikes(predictions: pd.DataFrame, *, n_draws: int, seed: int = 0) -> dict[str, Any]:
    """Give the score table of the module docstring."""
    return {
        "n_draws": n_draws,
        "seed": seed,
        "as_of_first": predictions["as_of"].min().date().isoformat(),
        "as_of_last": predictions["as_of"].max().date().isoformat(),
        "minerals": sorted(predictions["mineral"].unique()),
        "series": int(predictions["prices_series"].nunique()),
        "horizons": {
            horizon: _score_horizon(predictions, horizon, n_draws=n_draws, seed=seed) for horizon in HORIZONS_WEEKS
        },
    }


def _score_horizon(predictions: pd.DataFrame, horizon: str, *, n_draws: int, seed: int) -> dict[str, Any]:
    facts, probability = aligned_spikes(predictions, horizon)
    own = predictions[predictions["horizon"].eq(horizon) & predictions["model"].eq(CHAMPION)]
    year = facts["as_of"].dt.year.to_numpy()
    weights = sc.block_weights(facts["mineral"].to_numpy(), year, n_draws=n_draws, seed=seed)
    masks = {"all": np.ones(len(facts), dtype=bool), "onset": facts["onset"].to_numpy(dtype=bool)}
    masks |= {group: facts["price_group"].eq(group).to_numpy() for group in GROUPS}
    return {
        "forecasts": len(own),
        "unresolved": int(own["label"].isna().sum()),
        "slices": {
            name: {
                **_counts(facts[mask]),
                "models": {
                    model: _metrics(facts[mask], {m: p[mask] for m, p in probability.items()}, model, weights[mask])
                    for model in MODELS
                },
            }
            for name, mask in masks.items()
        },
        "reliability": sc.reliability_table(facts["label"].to_numpy(dtype="float64"), probability[CHAMPION]).to_dict(
            "records"
        ),
        "differences": {
            model: _differences(facts, probability, model, weights) for model in MODELS if model != CHAMPION
        },
        "by_mineral": [_of_mineral(facts, probability, name) for name in sorted(facts["mineral"].unique())],
    }


def _statistics(facts: pd.DataFrame, probability: dict[str, Floats], model: str) -> dict[str, sc.Statistic]:
    y, p = facts["label"].to_numpy(dtype="float64"), probability[model]
    return {
        "roc_auc": partial(sc.roc_auc_draws, y, p),
        "when": partial(sc.concordance_draws, y, p, facts["mineral"].to_numpy()),
        "brier": partial(sc.brier_draws, y, p),
        "brier_skill_vs_climatology": partial(sc.brier_skill_draws, y, p, probability[REFERENCE]),
        "expected_calibration_error": partial(sc.expected_calibration_error_draws, y, p),
    }


def _metrics(
    facts: pd.DataFrame, probability: dict[str, Floats], model: str, weights: Floats
) -> dict[str, dict[str, float | None]]:
    if facts.empty:
        return {name: {"value": None, "low": None, "high": None} for name in METRICS}
    once = np.ones((len(facts), 1))
    found = _statistics(facts, probability, model)
    return {name: sc.estimate(float(found[name](once)[0]), found[name](weights)).as_json() for name in METRICS}


def _differences(facts: pd.DataFrame, probability: dict[str, Floats], model: str, weights: Floats) -> dict[str, Any]:
    ours, theirs = (_statistics(facts, probability, name) for name in (CHAMPION, model))
    once = np.ones((len(facts), 1))
    return {
        name: sc.estimate(
            float((ours[name](once) - theirs[name](once))[0]), ours[name](weights) - theirs[name](weights)
        ).as_json()
        for name in ("roc_auc", "brier")
    }


def _of_mineral(facts: pd.DataFrame, probability: dict[str, Floats], mineral: str) -> dict[str, Any]:
    at = facts["mineral"].eq(mineral).to_numpy()
    y = facts.loc[at, "label"].to_numpy(dtype="float64")
    row: dict[str, Any] = {"mineral": mineral, **_counts(facts[at])}
    for name, formula in (("roc_auc", sc.roc_auc), ("brier", sc.brier)):
        row[name] = {model: sc.finite(formula(y, p[at])) for model, p in probability.items()}
    return row


def _counts(facts: pd.DataFrame) -> dict[str, Any]:
    n, events = len(facts), int(facts["label"].sum())
    return {
        "n": n,
        "events": events,
        "base_rate": events / n if n else None,
        "minerals": int(facts["mineral"].nunique()),
        "insufficient": min(events, n - events) < MIN_OF_EACH_CLASS,
    }
