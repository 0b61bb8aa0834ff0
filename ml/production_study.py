"""The study of production drops from start to finish: agreement with supply drops, forecasts, scores, a page.

Nothing here was chosen on the years that are scored: features, settings and baselines are those of `supply_drop`.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput
from features.knowledge_time import UTC, as_moment
from features.panel import feature_names
from features.signals.trade import TRACKED_SHARE_FRAC
from ml import tracking
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, open_store, signals_named
from ml.origins import training_dates
from ml.production_agreement import agreement, both_events
from ml.production_backtest import WITHOUT, ProductionPlan, run_production
from ml.production_report import render_production_report
from ml.results import write_page, write_predictions
from ml.score_table import CHAMPION, score_predictions
from ml.scores import Floats, block_bootstrap, concordance_draws, roc_auc_draws
from ml.settings import load_settings
from ml.studies import checked_origins
from models.production_drop import PUBLISHER, production_labels

__all__ = ["ProductionStudy", "gain_of_production", "study"]

SIGNALS = ("trade", "production")


@dataclass(frozen=True)
class ProductionStudy:
    """Every forecast, the agreement and scores as JSON would have them, and the page."""

    predictions: pd.DataFrame
    result: dict[str, Any]
    page: str


def study(
    out: Path,
    *,
    first: int = 2006,
    last: int = 2023,
    draws: int = 300,
    as_of: str | None = None,
    page: Path | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> ProductionStudy:
    """Compare production drops with supply drops and forecast them from each origin; write all below `out`.

    Args:
        first: year of the first origin, the Monday after 15 July.
        last: year of the last one.
        as_of: what is known for scoring; now by default. Each origin still learns only from its own past.
        page: where to write the page a second time.

    Raises:
        BadInput: the store holds no production of the publisher whose record resolves the event.
        ConfigError: the origins are too early, or in the future.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = now if as_of is None else as_moment(as_of)
    origins = checked_origins(first, last, min(moment, now))
    store = open_store(settings, now=now, say=say)
    knowledge = Knowledge(store, moment, signals_named(SIGNALS))
    labels = production_labels(knowledge.tables["production"])
    if labels.empty:
        raise BadInput(
            where=str(store.folder),
            expected=f"production figures of {PUBLISHER}, four years of a pair at least",
            found="none",
            remedy=f"Take some in: oresight ingest {PUBLISHER} BGS_*_production.csv",
        )
    dates = sorted({*training_dates(origins[-1].as_of), *(origin.as_of for origin in origins)})
    panel = knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC)
    say(f"production drops: {len(origins)} origins, {len(labels):,} outcomes of {labels['mineral'].nunique()} minerals")
    events = both_events(_tracked_years(panel), labels, knowledge.labels)
    plan = ProductionPlan(tuple(feature_names(knowledge.signals)), tuple(origins))
    with tempfile.TemporaryDirectory() as scratch:
        predictions = run_production(panel, labels, plan, folder=Path(scratch), workers=settings.workers)
    result = {
        "about": _about(knowledge, first=first, last=last, draws=draws, digest=knowledge.digest),
        "agreement": {"all": agreement(events, n_draws=draws), **_by_mineral(events, n_draws=draws)},
        "scores": score_predictions(predictions, n_draws=draws),
        "gain_of_production": gain_of_production(predictions, n_draws=draws),
    }
    text = render_production_report(result)
    _write(out, predictions, result, text, page)
    return ProductionStudy(predictions, result, text)


def _tracked_years(panel: pd.DataFrame) -> pd.DataFrame:
    """Give the pairs tracked each July with that year: the pair-years of `supply_drop`'s current year."""
    tracked = panel[panel["share"] >= TRACKED_SHARE_FRAC]
    return tracked[["mineral", "supplier"]].assign(year=tracked["as_of"].dt.year.astype("int64"))


def _by_mineral(events: pd.DataFrame, *, n_draws: int) -> dict[str, Any]:
    return {str(mineral): agreement(rows, n_draws=n_draws) for mineral, rows in events.groupby("mineral")}


def gain_of_production(predictions: pd.DataFrame, *, n_draws: int) -> dict[str, Any]:
    """Give onset AUC and *when* of the booster minus those of the one without the family, with 95 % intervals.

    Args:
        predictions: what `run_production` gave.

    Returns:
        By horizon and metric: value, low, high; None where undefined.
    """
    scored = predictions[predictions["onset"] & predictions["label"].notna()]
    return {str(horizon): _gains(rows, n_draws=n_draws) for horizon, rows in scored.groupby("horizon")}


def _gains(rows: pd.DataFrame, *, n_draws: int) -> dict[str, Any]:
    key = ["mineral", "supplier", "as_of"]
    wide = rows.pivot_table(index=key, columns="model", values="probability")
    facts = rows[rows["model"].eq(CHAMPION)].set_index(key)["label"].reindex(wide.index).reset_index()
    label, pair = facts["label"].to_numpy(), (facts["mineral"] + "|" + facts["supplier"]).to_numpy()
    mine, theirs = wide[CHAMPION].to_numpy(), wide[WITHOUT].to_numpy()

    def auc(probability: Floats, weights: Floats) -> Floats:
        return roc_auc_draws(label, probability, weights)

    def when(probability: Floats, weights: Floats) -> Floats:
        return concordance_draws(label, probability, pair, weights)

    gains = {}
    for name, draws in (("roc_auc", auc), ("when", when)):
        difference = partial(_difference, draws, mine, theirs)
        found = block_bootstrap(difference, facts["mineral"], facts["as_of"].dt.year, n_draws=n_draws)
        gains[name] = found.as_json()
    return gains


def _difference(draws: Callable[[Floats, Floats], Floats], mine: Floats, theirs: Floats, weights: Floats) -> Floats:
    return draws(mine, weights) - draws(theirs, weights)


def _about(knowledge: Knowledge, *, first: int, last: int, draws: int, digest: str) -> dict[str, str]:
    production = knowledge.tables["production"]
    spans = production.groupby("source")["year"].agg(["min", "max"])
    return {
        "command": f"oresight production-drops --first {first} --last {last} --draws {draws} "
        f"--as-of {knowledge.as_of.date()} --out DIR",
        "production": "; ".join(f"{name} {span['min']} to {span['max']}" for name, span in spans.iterrows()),
        "signals": ", ".join(signal.name for signal in knowledge.signals),
        "data_digest": digest,
        **tracking.provenance(),
    }


def _write(out: Path, predictions: pd.DataFrame, result: dict[str, Any], text: str, page: Path | None) -> None:
    write_predictions(out, predictions)
    (out / "production-drops.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_page(out / "production-drops.md", text, page)
