"""How much of the measured skill foresees outcomes that are slips of quantity, and not changes of supply."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.experiments.ideas import REFERENCE, ideas_named
from ml.experiments.odd_prices import SETTLED, STAYS, ratios_at_usual_prices, with_outcomes
from ml.experiments.trial import SPAN, measure, predictions_of
from ml.knowledge import Knowledge
from ml.studies import checked_origins
from models.targets import TARGETS

__all__ = ["FACTORS", "TOLD", "slip_scores", "split_scores"]

# The idea that is told of odd prices: what it gains shows where such a gain lies.
TOLD = "odd-prices-told"
FACTORS = (3, 10)
PARTS = (
    "all rows",
    "all rows, settled at usual prices",
    "the same outcome at usual prices",
    "another outcome at usual prices",
)
METRICS = ("roc_auc", "average_precision", "brier_skill")


def split_scores(
    own: pd.DataFrame, told: pd.DataFrame, usual: pd.DataFrame, target: str, *, draws: int
) -> list[dict[str, Any]]:
    """Score forecasts on all rows, by label and by the outcome at usual prices, and apart where the two differ.

    Args:
        own: forecasts of the reference as `ml.experiments.trial.at_origin` gives them; `told` those of the idea, of
            the same rows in the same order.
        usual: what `ratios_at_usual_prices` gave.

    Returns:
        One row per part: target, rows, n, events, `METRICS` of the reference and `told_<metric>_gain`; without figures
        where a part holds one class only.
    """
    table = with_outcomes(own.assign(target_year=own["as_of"].dt.year), usual, target)
    stays, every, label = table[STAYS].to_numpy(), np.ones(len(own), dtype=bool), own["label"]
    anew = table[SETTLED].where(label.notna())
    cases = (every, label), (every, anew), (stays, label), (~stays, label)
    found = []
    for name, (rows, outcome) in zip(PARTS, cases, strict=True):
        base, gained = (each.assign(label=outcome)[rows].reset_index(drop=True) for each in (own, told))
        part = base[base["onset"].astype("bool") & base["label"].notna()]
        row: dict[str, Any] = {"target": target, "rows": name, "n": len(part), "events": int(part["label"].sum())}
        if part["label"].nunique() == 2:
            scores = measure(base, None, draws=draws)
            gains = measure(gained, base, draws=draws)
            row |= {metric: scores[metric] for metric in METRICS}
            row |= {f"told_{metric}_gain": gains[f"{metric}_gain"] for metric in METRICS}
        found.append(row)
    return found


def slip_scores(knowledge: Knowledge, *, draws: int, workers: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Give `split_scores` of both targets over the origins of experiments, with `factor`: what price counts as odd."""
    # The reference comes with any idea.
    ideas, origins = ideas_named([TOLD]), checked_origins(*SPAN, knowledge.as_of)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        found = predictions_of(knowledge, ideas, tuple(TARGETS), origins, out=out, workers=workers, say=say)
    rows = []
    for factor in FACTORS:
        usual = ratios_at_usual_prices(knowledge.exports, factor)
        for target in TARGETS:
            own, told = found[REFERENCE.name, target], found[TOLD, target]
            rows += [{"factor": factor, **row} for row in split_scores(own, told, usual, target, draws=draws)]
    return rows
