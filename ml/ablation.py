"""What each feature family earns: the backtest again and again, with one family more each time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.panel import SIGNALS
from ml.score_table import KEY
from ml.scores import (
    block_weights,
    concordance_draws,
    estimate,
    roc_auc,
    roc_auc_draws,
    within_pair_concordance,
)
from ml.studies import backtest

__all__ = ["AblationResult", "ablate", "ablation_table", "compare"]


@dataclass(frozen=True)
class AblationResult:
    """One row per family added, target, horizon and slice; and the same as a Markdown table."""

    rows: list[dict[str, Any]]
    table: str


def ablate(out: Path, *, first: int, last: int, draws: int, home: Path | None) -> AblationResult:
    """Run one backtest per prefix of the families and compare each with the one before.

    Differences are on the same rows and the same bootstrap draws. Results go to `out/ablation.json` and `.md`.
    """
    names = [signal.name for signal in SIGNALS]
    rows: list[dict[str, Any]] = []
    before: pd.DataFrame | None = None
    for count in range(1, len(names) + 1):
        chosen = names[:count]
        title = f"ablation + {chosen[-1]}"
        folder = out / "-".join(chosen)
        result = backtest(folder, first=first, last=last, draws=0, signals=chosen, home=home, title=title)
        own = result.predictions[result.predictions["model"].eq("lightgbm") & result.predictions["label"].notna()]
        rows += compare(own, before, added=chosen[-1], draws=draws)
        before = own
    table = ablation_table(rows)
    out.mkdir(parents=True, exist_ok=True)
    (out / "ablation.json").write_text(json.dumps(rows, indent=1) + "\n")
    (out / "ablation.md").write_text(table + "\n")
    return AblationResult(rows, table)


def compare(own: pd.DataFrame, before: pd.DataFrame | None, *, added: str, draws: int) -> list[dict[str, Any]]:
    """Score `own` on onset rows, and its difference to `before` on the same rows and draws."""
    rows = []
    for (target, horizon), part in own[own["onset"]].groupby(["target", "horizon"], sort=False):
        part = part.sort_values(KEY)
        mine = _skills(part, part["probability"].to_numpy(), draws)
        row: dict[str, Any] = {"added": added, "target": target, "horizon": horizon, "n": len(part)}
        row |= {metric: _cell(value, drawn) for metric, (value, drawn) in mine.items()}
        if before is not None:
            theirs = _skills(part, _aligned(before, part), draws)
            for metric, (value, drawn) in mine.items():
                row[f"{metric}_gain"] = _cell(value - theirs[metric][0], drawn - theirs[metric][1])
        rows.append(row)
    return rows


def _skills(part: pd.DataFrame, probability: np.ndarray, draws: int) -> dict[str, tuple[float, np.ndarray]]:
    """Give onset AUC and *when* with their bootstrap draws; the seed is fixed, so draws of two models pair up."""
    label = part["label"].to_numpy()
    pair = (part["mineral"] + "|" + part["supplier"]).to_numpy()
    years = part["as_of"].dt.year.to_numpy()
    weights = block_weights(part["mineral"].to_numpy(), years, n_draws=max(draws, 2), seed=0)
    return {
        "onset_roc_auc": (roc_auc(label, probability), roc_auc_draws(label, probability, weights)),
        "onset_when": (
            within_pair_concordance(label, probability, pair),
            concordance_draws(label, probability, pair, weights),
        ),
    }


def _aligned(before: pd.DataFrame, part: pd.DataFrame) -> np.ndarray:
    key = ["target", "horizon", *KEY]
    return before.set_index(key)["probability"].reindex(pd.MultiIndex.from_frame(part[key])).to_numpy()


def _cell(value: float, draws: np.ndarray) -> dict[str, float]:
    found = estimate(value, draws)
    return {"value": float(found.value), "low": float(found.low), "high": float(found.high)}


def ablation_table(rows: list[dict[str, Any]]) -> str:
    """Give the rows as a Markdown table."""
    lines = [
        "| family added | target | horizon | onset AUC | gain [95 %] | onset *when* | gain [95 %] |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row["added"], row["target"], row["horizon"]]
        for metric in ("onset_roc_auc", "onset_when"):
            cells.append(f"{row[metric]['value']:.3f} [{row[metric]['low']:.3f}, {row[metric]['high']:.3f}]")
            gain = row.get(f"{metric}_gain")
            cells.append("" if gain is None else f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
