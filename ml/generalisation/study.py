"""The measurement: forecasts of each variant over the origins it needs, and the figures of every line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.knowledge_time import UTC
from features.panel import SIGNALS
from ml import scores as sc
from ml import tracking
from ml.experiments.ideas import Idea
from ml.experiments.odd_prices import FACTOR, SETTLED, ratios_at_usual_prices, with_outcomes
from ml.experiments.trial import SPAN, opened, predictions_of
from ml.generalisation.lines import CRISES, LATE_CRISES, LINES, ORDINARY, Line, Years, crisis_name, variants
from ml.knowledge import Knowledge
from ml.origins import Origin
from ml.settings import load_settings
from ml.studies import checked_origins
from models.targets import TARGETS

__all__ = ["METRICS", "coherent", "drawn_figures", "figures", "forecasts", "lines_of", "study", "told"]

METRICS = {
    "roc_auc": "AUC",
    "average_precision": "AP",
    "when": "*when*",
    "brier_skill": "Brier skill",
    "calibration_error": "calibration error",
}
KEY = ["mineral", "supplier", "as_of"]
ATTRIBUTES = ["is_major", "is_transit"]
PRODUCTION = "production"
Forecasts = Mapping[tuple[str, str], pd.DataFrame]
Drawn = Mapping[str, tuple[float, np.ndarray]]


def drawn_figures(rows: pd.DataFrame, probability: np.ndarray, *, draws: int) -> Drawn:
    """Give each metric of `METRICS` of `probability` (n_rows,), and its bootstrap draws.

    Args:
        rows: resolved rows, sorted by `KEY` so that draws of two forecasts pair up: `KEY`, label, pair_history.
    """
    label = rows["label"].to_numpy(dtype=float)
    pair = pd.factorize(rows["mineral"] + "/" + rows["supplier"])[0]
    weights = sc.block_weights(rows["mineral"].to_numpy(), rows["as_of"].dt.year.to_numpy(), n_draws=draws, seed=0)
    once = np.ones((len(rows), 1))
    formulas: dict[str, sc.Statistic] = {
        "roc_auc": partial(sc.roc_auc_draws, label, probability),
        "average_precision": partial(sc.average_precision_draws, label, probability),
        "when": partial(sc.concordance_draws, label, probability, pair),
        "brier_skill": partial(sc.brier_skill_draws, label, probability, rows["pair_history"].to_numpy()),
        "calibration_error": partial(sc.expected_calibration_error_draws, label, probability),
    }
    return {name: (float(formula(once)[0]), formula(weights)) for name, formula in formulas.items()}


def told(own: Drawn, base: Drawn | None) -> dict[str, Any]:
    """Give each metric as {value, low, high} and, with `base` of the same rows, `<metric>_gain`."""
    found: dict[str, Any] = {name: sc.estimate(*own[name]).as_json() for name in METRICS}
    if base is not None:
        for name in METRICS:
            gain = sc.estimate(own[name][0] - base[name][0], own[name][1] - base[name][1])
            found[f"{name}_gain"] = gain.as_json()
    return found


def figures(rows: pd.DataFrame, other: np.ndarray | None, *, draws: int) -> dict[str, Any]:
    """Score forecasts, and their gain over `other` probabilities (n_rows,) of the same rows, by the same draws.

    Args:
        rows: resolved rows: `KEY`, label, probability, pair_history.

    Returns:
        n, events, pairs, and what `told` gives.
    """
    order = np.lexsort([rows[name].to_numpy() for name in reversed(KEY)])
    rows = rows.iloc[order]
    own = drawn_figures(rows, rows["probability"].to_numpy(), draws=draws)
    base = None if other is None else drawn_figures(rows, other[order], draws=draws)
    pairs = len(rows[["mineral", "supplier"]].drop_duplicates())
    return {"n": len(rows), "events": int(rows["label"].sum()), "pairs": pairs, **told(own, base)}


def coherent(found: Forecasts) -> dict[tuple[str, str], pd.DataFrame]:
    """Lower the probability of a severe drop to that of a drop of the same row, as the champion does."""
    drop, severe = TARGETS
    bounded = dict(found)
    for variant, target in found:
        if target != severe or (variant, drop) not in found:
            continue
        own, bound = found[variant, severe], found[variant, drop].set_index(KEY)["probability"]
        limit = bound.reindex(pd.MultiIndex.from_frame(own[KEY])).to_numpy()
        bounded[variant, severe] = own.assign(probability=np.fmin(own["probability"], limit))
    return bounded


def lines_of(found: Forecasts, target: str, *, draws: int, lines: Sequence[Line] = LINES) -> list[dict[str, Any]]:
    """Give the figures of each line for one target; a line whose rows hold one class only says so by no figures.

    Args:
        found: forecasts by (variant, target): `KEY`, target_year, label, onset, is_major, is_transit, probability,
            pair_history, and the columns of `ml.experiments.odd_prices.with_outcomes`.
    """
    found_lines = []
    for line in lines:
        table = found[line.variant, target]
        if line.is_settled_anew:
            table = table.assign(label=table[SETTLED].where(table["label"].notna()))
        part = table[line.rows(table) & table["label"].notna()]
        about = {"target": target, "group": line.group, "line": line.name, "against": line.against}
        if part["label"].nunique() < 2:
            found_lines.append(about | {"n": len(part), "events": int(part["label"].sum()), "pairs": 0})
            continue
        other = None
        if line.against:
            base = found[line.against, target].set_index(KEY)["probability"]
            other = base.reindex(pd.MultiIndex.from_frame(part[KEY])).to_numpy()
        found_lines.append(about | figures(part, other, draws=draws))
    return found_lines


def _spans() -> dict[str, tuple[Years, ...]]:
    # Which origins each variant is fitted at: those at which what is left out would have been known.
    first, last = SPAN
    spans: dict[str, tuple[Years, ...]] = {idea.name: ((first, last),) for idea in variants()}
    spans[ORDINARY] = ((first, last), *LATE_CRISES)
    for years in CRISES:
        spans[f"without-{crisis_name(years)}"] = ((years[0] + 2, last),)
    return spans


def _attributes(knowledge: Knowledge, origins: Sequence[Origin]) -> pd.DataFrame:
    # Who mines or refines is told by production figures, which the models here don't learn from.
    signals = tuple(signal for signal in SIGNALS if signal.name in {"trade", PRODUCTION})
    panel = Knowledge(knowledge.store, knowledge.as_of, signals).panel([origin.as_of for origin in origins])
    return panel[[*KEY, *ATTRIBUTES]]


def _origins(spans: Sequence[Years], knowledge: Knowledge) -> list[Origin]:
    return [origin for span in spans for origin in checked_origins(*span, knowledge.as_of)]


def forecasts(
    knowledge: Knowledge, targets: Sequence[str], out: Path, *, workers: int, say: Callable[[str], None]
) -> dict[tuple[str, str], pd.DataFrame]:
    """Give the forecasts of each (variant, target) at the origins it needs; those kept below `out` are not made again.

    Args:
        knowledge: with the signal `trade`.
    """
    asked: dict[tuple[Years, ...], list[Idea]] = {}
    spans_of = _spans()
    for idea in variants():
        asked.setdefault(spans_of[idea.name], []).append(idea)
    found: dict[tuple[str, str], pd.DataFrame] = {}
    for spans, ideas in asked.items():
        origins = _origins(spans, knowledge)
        found |= predictions_of(knowledge, ideas, targets, origins, out=out, workers=workers, say=say, known=variants)
    return found


def study(
    out: Path,
    *,
    draws: int = 300,
    as_of: str | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Fit every variant at its origins and score every line; forecasts that are kept below `out` are not made again.

    Returns:
        What it follows from (as_of, data_digest, git_commit, draws, origins) and `lines`, a list of `lines_of` both
        targets.
    """
    settings = load_settings(home)
    knowledge = opened(settings, ["trade"], as_of, now=dt.datetime.now(UTC), say=say)
    found = forecasts(knowledge, tuple(TARGETS), out, workers=settings.workers, say=say)
    moments = {origin for spans in _spans().values() for origin in _origins(spans, knowledge)}
    facts = _attributes(knowledge, sorted(moments))
    usual = ratios_at_usual_prices(knowledge.exports, FACTOR)
    tables = {
        (variant, target): with_outcomes(
            table.merge(facts, on=KEY, how="left", validate="many_to_one").assign(target_year=table["as_of"].dt.year),
            usual,
            target,
        )
        for (variant, target), table in found.items()
    }
    say("Scoring")
    lines = [row for target in TARGETS for row in lines_of(coherent(tables), target, draws=draws)]
    return {
        "as_of": knowledge.as_of.date().isoformat(),
        "data_digest": knowledge.digest,
        "git_commit": tracking.git_commit(),
        "draws": draws,
        "origins": f"{SPAN[0]}-{SPAN[1]}",
        "lines": lines,
    }
