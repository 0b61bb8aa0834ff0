"""Two sets of forecasts on the same rows: *who*, *when* and both, with the difference and its interval.

*When* is within-pair concordance. *Who* is the same measure within one origin: over the pairs of one date, the share of
(event, no event) couples ranked rightly. The area under the ROC curve mixes both. Differences use the
same bootstrap draws of blocks (mineral, year), so what both share cancels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ml.score_table import KEY
from ml.scores import (
    average_precision,
    average_precision_draws,
    block_weights,
    concordance_draws,
    estimate,
    roc_auc,
    roc_auc_draws,
    within_pair_concordance,
)

__all__ = ["METRICS", "WITH_PRECISION", "compare", "markdown_rows"]

METRICS = {"roc_auc": "AUC", "who": "*who*", "when": "*when*"}
# Rare events are told by the precision of the highest probabilities.
WITH_PRECISION = METRICS | {"average_precision": "AP"}
ROW_KEY = ["target", "horizon", *KEY]


def compare(
    own: pd.DataFrame,
    base: pd.DataFrame | None,
    slices: Mapping[str, pd.Series],
    *,
    draws: int,
    metrics: Collection[str] = tuple(METRICS),
    **about: Any,
) -> list[dict[str, Any]]:
    """Score `own` in each slice, and its difference to `base` on the same rows and draws.

    Args:
        own: forecasts of one model: `ROW_KEY`, probability, label, onset; unresolved rows are left out.
        base: forecasts of the model to compare with; rows it lacks are left out of both. None scores `own` alone.
        slices: name -> which rows of `own` belong, on its index.
        metrics: some of `WITH_PRECISION`.
        about: further cells of each row, such as what is compared.

    Returns:
        One row per target, horizon and slice: `about`, n, events, and per metric a cell {value, low, high} and,
        with a base, `<metric>_gain`.
    """
    rows = []
    is_scored = own["label"].notna()
    other = None if base is None else base.set_index(ROW_KEY)["probability"]
    for (target, horizon), part in own[is_scored].groupby(["target", "horizon"], sort=False):
        theirs = None if other is None else other.reindex(pd.MultiIndex.from_frame(part[ROW_KEY])).to_numpy()
        shared = np.ones(len(part), bool) if theirs is None else ~np.isnan(theirs)
        for name, members in slices.items():
            chosen = members.reindex(part.index).fillna(False).to_numpy(bool) & shared
            if part.loc[chosen, "label"].nunique() < 2:
                continue
            rows.append(
                {**about, "target": target, "horizon": horizon, "slice": name}
                | _cells(part[chosen], None if theirs is None else theirs[chosen], draws, metrics)
            )
    return rows


def _cells(part: pd.DataFrame, theirs: np.ndarray | None, draws: int, metrics: Collection[str]) -> dict[str, Any]:
    order = part.reset_index(drop=True).sort_values(KEY)
    mine = _skills(order, order["probability"].to_numpy(), draws, metrics)
    row: dict[str, Any] = {"n": len(order), "events": int(order["label"].sum())}
    row |= {metric: _cell(value, drawn) for metric, (value, drawn) in mine.items()}
    if theirs is not None:
        base = _skills(order, theirs[order.index.to_numpy()], draws, metrics)
        for metric, (value, drawn) in mine.items():
            row[f"{metric}_gain"] = _cell(value - base[metric][0], drawn - base[metric][1])
    return row


def _skills(
    part: pd.DataFrame, probability: np.ndarray, draws: int, metrics: Collection[str]
) -> dict[str, tuple[float, np.ndarray]]:
    # The seed is fixed, so that the draws of two models on the same rows pair up.
    label = part["label"].to_numpy()
    groups = {"who": part["as_of"].astype("int64").to_numpy(), "when": (part["mineral"] + "|" + part["supplier"])}
    weights = block_weights(part["mineral"].to_numpy(), part["as_of"].dt.year.to_numpy(), n_draws=max(draws, 2), seed=0)
    skills = {"roc_auc": (roc_auc(label, probability), roc_auc_draws(label, probability, weights))}
    for name, group in groups.items():
        key = np.asarray(group)
        skills[name] = (
            within_pair_concordance(label, probability, key),
            concordance_draws(label, probability, key, weights),
        )
    if "average_precision" in metrics:
        drawn = average_precision_draws(label, probability, weights)
        skills["average_precision"] = (average_precision(label, probability), drawn)
    return {name: skills[name] for name in metrics}


def _cell(value: float, draws: np.ndarray) -> dict[str, float]:
    return asdict(estimate(float(value), draws))


def markdown_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], metrics: Mapping[str, str] = METRICS
) -> str:
    """Give rows of `compare` as a Markdown table: `columns`, n, then each metric and its gain with intervals.

    A row with `absent` (why nothing was computed) says so instead.
    """
    heads = [cell for title in metrics.values() for cell in (title, "gain [95 %]")]
    lines = ["| " + " | ".join([*columns, "n", *heads]) + " |", "|" + "---|" * (len(columns) + 1 + len(heads))]
    for row in rows:
        if row.get("absent"):
            cells = [str(row[name]) for name in columns] + ["", str(row["absent"])] + [""] * (len(heads) - 1)
            lines.append("| " + " | ".join(cells) + " |")
            continue
        cells = [str(row[name]) for name in columns] + [f"{row['n']:,}"]
        for metric in metrics:
            gain = row.get(f"{metric}_gain")
            cells += [_told(row[metric], ""), "" if gain is None else _told(gain, "+")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _told(cell: Mapping[str, float | None], sign: str) -> str:
    # A value may be undefined, and so may its interval.
    value, low, high = (None if (x := cell[name]) is None or np.isnan(x) else x for name in ("value", "low", "high"))
    if value is None:
        return "–"
    interval = "" if low is None or high is None else f" [{low:{sign}.3f}, {high:{sign}.3f}]"
    return f"{value:{sign}.3f}{interval}"
