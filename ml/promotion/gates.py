"""The gates on evidence: a challenger must gain on onsets, must not lose a slice, and must be calibrated.

Each gate is a pure function of the evidence and the bounds. All differences are paired: both models on the same
rows under the same draws of blocks (mineral, year), so what both share cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from ml.promotion.evidence import Evidence
from ml.scores import (
    Estimate,
    block_weights,
    brier_skill_draws,
    estimate,
    expected_calibration_error,
    roc_auc_draws,
)
from models.calibration import log_odds

__all__ = ["Bounds", "Gate", "calibration_slope", "evidence_gates"]

MIN_OF_EACH_CLASS = 10
SLICES: Mapping[str, Callable[[pd.DataFrame], pd.Series]] = {
    "onset": lambda rows: rows["onset"],
    "continuation": lambda rows: ~rows["onset"],
    "major": lambda rows: rows["is_major"],
    "transit": lambda rows: rows["is_transit"],
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the gates ask.

    Attributes:
        min_origins: fewer origins prove nothing, as a year is a block of the bootstrap.
        margin: how much AUC or Brier skill (each at most 1) a slice may lose.
        max_ece: largest mean expected calibration error over targets and horizons.
        slope: lowest and highest calibration slope of each target and horizon; 1 is right, below is overconfident.
        draws: bootstrap draws.
    """

    min_origins: int = 5
    margin: float = 0.02
    max_ece: float = 0.02
    slope: tuple[float, float] = (0.7, 1.3)
    draws: int = 1000


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: what it asks, what was found, and whether it lets the challenger pass.

    Attributes:
        verdict: `passed`, `refused` or `not_asked`.
        rows: the figures behind it, one table row each.
    """

    name: str
    asks: str
    found: str
    verdict: str
    rows: list[dict[str, Any]] = field(default_factory=list)


def evidence_gates(evidence: Evidence, bounds: Bounds, *, same_recipe: bool) -> list[Gate]:
    """Give every gate that is judged on forecasts.

    Args:
        same_recipe: both models have the same features and parameters and differ in what they were trained on, so
            that a backtest cannot tell them apart; a gain is not asked then.
    """
    rows = evidence.rows
    return [
        _origins(evidence, bounds),
        _gain(rows, bounds, same_recipe=same_recipe),
        _slices(rows, bounds),
        _calibration(rows, bounds),
    ]


def _origins(evidence: Evidence, bounds: Bounds) -> Gate:
    found = len(evidence.origins)
    return Gate(
        "origins",
        f"at least {bounds.min_origins} origins",
        f"{found}, {evidence.origins[0]} to {evidence.origins[-1]}; {len(evidence.rows):,} rows that both forecast, "
        f"{evidence.left_out:,} left out as one did not",
        _verdict(found >= bounds.min_origins),
    )


def _gain(rows: pd.DataFrame, bounds: Bounds, *, same_recipe: bool) -> Gate:
    asks = (
        "on onset rows, averaged over targets and horizons, the lower end of the paired 95 % interval of the gain in "
        "Brier skill over pair history, or in AUC, is above 0"
    )
    onset = rows[rows["onset"]].reset_index(drop=True)
    gains = _mean_gains(onset, bounds.draws)
    told = "; ".join(f"{title} {_signed(gains[name])}" for name, title in METRIC_NAMES.items())
    if same_recipe:
        return Gate("gain", asks, f"{told}. Same features and parameters, trained later", "not_asked", _table(gains))
    return Gate("gain", asks, told, _verdict(any(each.low > 0 for each in gains.values())), _table(gains))


METRIC_NAMES = {"brier_skill": "Brier skill", "roc_auc": "AUC"}


def _table(gains: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    return [{"metric": name} | {f"gain_{k}": v for k, v in cell.as_json().items()} for name, cell in gains.items()]


def _mean_gains(rows: pd.DataFrame, draws: int) -> dict[str, Estimate]:
    # One set of draws for all cells: a mineral drawn twice counts twice in each.
    weights = np.column_stack([np.ones(len(rows)), _weights(rows, draws)])
    per_cell = [_gains(rows.loc[at], weights[at]) for at in _cells(rows).values() if _is_enough(rows.loc[at])]
    if not per_cell:
        return {name: Estimate(float("nan")) for name in METRIC_NAMES}
    out = {}
    for name in METRIC_NAMES:
        mean = np.mean([gains[name] for gains in per_cell], axis=0)
        out[name] = estimate(float(mean[0]), mean[1:])
    return out


def _cells(rows: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    return {key: np.asarray(at) for key, at in rows.groupby(["target", "horizon"]).indices.items()}


def _weights(rows: pd.DataFrame, draws: int) -> np.ndarray:
    return block_weights(rows["mineral"].to_numpy(), rows["as_of"].dt.year.to_numpy(), n_draws=max(draws, 2), seed=0)


def _gains(rows: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    # Challenger minus champion under each column of weights, (n_draws,).
    label, base = rows["label"].to_numpy(float), rows["pair_history"].to_numpy()
    new, old = rows["challenger"].to_numpy(), rows["champion"].to_numpy()
    return {
        "brier_skill": brier_skill_draws(label, new, base, weights) - brier_skill_draws(label, old, base, weights),
        "roc_auc": roc_auc_draws(label, new, weights) - roc_auc_draws(label, old, weights),
    }


def _is_enough(rows: pd.DataFrame) -> bool:
    events = int(rows["label"].sum())
    return min(events, len(rows) - events) >= MIN_OF_EACH_CLASS


def _slices(rows: pd.DataFrame, bounds: Bounds) -> Gate:
    table = list(_slice_rows(rows, bounds))
    judged = [row for row in table if row["is_judged"]]
    worse = [row for row in judged if row["is_worse"]]
    asks = (
        f"no slice of a target and horizon (all, {', '.join(SLICES)}) loses more than {bounds.margin:g} of AUC or of "
        f"Brier skill; slices with fewer than {MIN_OF_EACH_CLASS} events or non-events are shown, not judged"
    )
    if worse:
        named = "; ".join(
            f"{row['target']} {row['horizon']} {row['slice']}: AUC {row['roc_auc_gain']:+.3f}, "
            f"Brier skill {row['brier_skill_gain']:+.3f}"
            for row in worse
        )
        found = f"{len(worse)} of {len(judged)} slices lose more: {named}"
    else:
        least = min((min(row["roc_auc_gain"], row["brier_skill_gain"]) for row in judged), default=float("nan"))
        found = f"{len(judged)} slices judged, {len(table) - len(judged)} too small; the worst {least:+.3f}"
    return Gate("slices", asks, found, _verdict(bool(judged) and not worse), table)


def _slice_rows(rows: pd.DataFrame, bounds: Bounds) -> Iterator[dict[str, Any]]:
    for (target, horizon), at in _cells(rows).items():
        cell = rows.loc[at]
        masks = {"all": pd.Series(True, index=cell.index)} | {name: of(cell) for name, of in SLICES.items()}
        for name, mask in masks.items():
            part = cell[mask]
            is_judged = _is_enough(part)
            about = {"target": target, "horizon": horizon, "slice": name, "n": len(part)}
            about |= {"events": int(part["label"].sum()), "is_judged": is_judged}
            if not is_judged:
                yield about | {"roc_auc_gain": None, "brier_skill_gain": None, "is_worse": False}
                continue
            gains = {f"{key}_gain": float(each[0]) for key, each in _gains(part, np.ones((len(part), 1))).items()}
            yield about | gains | {"is_worse": min(gains.values()) < -bounds.margin}


def _calibration(rows: pd.DataFrame, bounds: Bounds) -> Gate:
    table = []
    for (target, horizon), at in _cells(rows).items():
        cell = rows.loc[at]
        label = cell["label"].to_numpy(float)
        row: dict[str, Any] = {"target": target, "horizon": horizon, "n": len(cell)}
        for name in ("challenger", "champion"):
            probability = cell[name].to_numpy()
            row[f"{name}_ece"] = expected_calibration_error(label, probability)
            row[f"{name}_slope"] = calibration_slope(label, probability)
        table.append(row)
    mean = {name: float(np.mean([row[f"{name}_ece"] for row in table])) for name in ("challenger", "champion")}
    slopes = [row["challenger_slope"] for row in table]
    low, high = bounds.slope
    is_straight = all(slope is not None and low <= slope <= high for slope in slopes)
    told = ", ".join("–" if slope is None else f"{slope:.2f}" for slope in slopes)
    return Gate(
        "calibration",
        f"mean expected calibration error over targets and horizons at most {bounds.max_ece:g}, each slope between "
        f"{low:g} and {high:g}",
        f"error {mean['challenger']:.4f} (champion {mean['champion']:.4f}), slopes {told}",
        _verdict(mean["challenger"] <= bounds.max_ece and is_straight),
        table,
    )


def calibration_slope(label: np.ndarray, probability: np.ndarray) -> float | None:
    """Give the slope of a logistic regression of the outcome on the forecast's log-odds; None with one class only.

    1 is right, below 1 the forecasts are too sure, above 1 not sure enough. Source: Cox (1958).
    """
    if len(np.unique(label)) < 2:
        return None
    return float(LogisticRegression(C=np.inf).fit(log_odds(probability)[:, None], label).coef_[0, 0])


def _verdict(is_passed: bool) -> str:
    return "passed" if is_passed else "refused"


def _signed(cell: Estimate) -> str:
    if np.isnan(cell.value):
        return "undefined"
    interval = "no interval" if np.isnan(cell.low) else f"{cell.low:+.4f} to {cell.high:+.4f}"
    return f"{cell.value:+.4f} [{interval}]"
