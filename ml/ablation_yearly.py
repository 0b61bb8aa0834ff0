"""The ablations of yearly targets: drops of exports, by the backtest itself, and drops of production.

Only the current year is forecast: there fresh figures can say most.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from features.errors import BadInput
from features.panel import feature_names
from features.signals.trade import TRACKED_SHARE_FRAC
from ml.ablation_families import (
    EVENTS,
    WORLD,
    Asked,
    Part,
    absent_families,
    additions,
    at_every_origin,
    compare_families,
    fit_and_forecast,
    folder_of,
    had_figures,
    kept,
)
from ml.backtest import default_plan
from ml.knowledge import TRAINING_SHARE_FRAC, signals_named
from ml.origins import Origin, training_dates
from ml.production_backtest import LEVEL, with_outcomes
from ml.production_backtest import TARGET as PRODUCTION_DROP
from ml.studies import checked_origins, predict
from models.gradient_boosting import Parameters
from models.production_drop import PUBLISHER, production_labels
from models.targets import TARGETS, resolved_by

__all__ = ["BASE", "FAMILIES", "production_drops", "supply_drops"]

BASE = "trade"
# What is added to trade one by one.
FAMILIES = ("mirror_trade", "prices", "production", "governance", *EVENTS, *WORLD)
FIRST, LAST, LAST_PRODUCTION = 2006, 2024, 2023
HORIZON = "current_year"
RECORD = (BASE, "production")
# What is added to the record of production one by one.
FAMILIES_OF_PRODUCTION = (*EVENTS, *WORLD)


def supply_drops(asked: Asked) -> Part:
    """Run one backtest with trade alone and one with each addition; finished origins are kept in `asked.out`.

    Raises:
        ConfigError: the origins are too early, or in the future.
    """
    knowledge = asked.knowledge
    origins = checked_origins(asked.first or FIRST, asked.last or LAST, knowledge.as_of)
    table = knowledge.panel([origin.as_of for origin in origins])
    columns = {signal.name: signal.columns for signal in knowledge.signals if signal.name in FAMILIES}
    no_facts = [name for name in asked.no_facts if name in FAMILIES]
    plan = default_plan(knowledge, origins, with_baselines=False, horizons=[HORIZON])

    def forecast(name: str, members: tuple[str, ...]) -> pd.DataFrame:
        own = replace(plan, features=_features([BASE, *members]))
        folder = asked.out / "supply_drop" / folder_of(name)
        return predict(knowledge, own, folder, workers=asked.workers, title=f"ablation of supply drops: {name}")

    added = additions(FAMILIES, absent_families(no_facts, table, columns))
    alone, rows = compare_families(tuple(TARGETS), BASE, forecast, added, draws=asked.draws)
    return Part(tuple(TARGETS), "trade alone", rows, had_figures(alone, table, columns, no_facts))


def production_drops(asked: Asked) -> Part:
    """Fit the booster of `production_drop` with trade and production, and with each of the other families more.

    Raises:
        BadInput: the store holds no production of the publisher whose record resolves the event.
        ConfigError: the origins are too early, or in the future.
    """
    knowledge = asked.knowledge
    origins = checked_origins(asked.first or FIRST, asked.last or LAST_PRODUCTION, knowledge.as_of)
    labels = pd.DataFrame() if "production" in asked.no_facts else production_labels(knowledge.tables["production"])
    if labels.empty:
        raise BadInput(
            where=str(knowledge.store.folder),
            expected=f"production figures of {PUBLISHER}",
            found="none",
            remedy=f"Take some in: oresight ingest {PUBLISHER} BGS_*_production.csv",
        )
    dates = sorted({*training_dates(origins[-1].as_of), *(origin.as_of for origin in origins)})
    panel = knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC)
    panel = with_outcomes(panel, labels, HORIZON).assign(target=PRODUCTION_DROP, horizon=HORIZON)
    now = panel[panel["as_of"].isin([origin.as_of for origin in origins]) & _to_forecast(panel)]
    columns = {signal.name: signal.columns for signal in knowledge.signals if signal.name in FAMILIES_OF_PRODUCTION}
    no_facts = [name for name in asked.no_facts if name in FAMILIES_OF_PRODUCTION]

    def forecast(name: str, members: tuple[str, ...]) -> pd.DataFrame:
        features = _features([*RECORD, *members])
        asked.say(f"ablation of production drops: {name}")
        make = partial(_production, panel, origins, features, asked.workers)
        served = [origin.as_of for origin in origins]
        return kept(asked, PRODUCTION_DROP, name, make, features=features, parameters=Parameters(), origins=served)

    added = additions(FAMILIES_OF_PRODUCTION, absent_families(no_facts, now, columns))
    alone, rows = compare_families((PRODUCTION_DROP,), " + ".join(RECORD), forecast, added, draws=asked.draws)
    return Part((PRODUCTION_DROP,), "trade and production", rows, had_figures(alone, now, columns, no_facts))


def _features(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(feature_names(signals_named(names)))


def _to_forecast(panel: pd.DataFrame) -> pd.Series:
    # Whether the record has the outcome is not known yet, but that the pair is in the record is.
    return panel["share"].ge(TRACKED_SHARE_FRAC) & panel[LEVEL].notna()


def _production(
    panel: pd.DataFrame, origins: Sequence[Origin], features: tuple[str, ...], workers: int
) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "panel.parquet"
        panel.to_parquet(path)
        return at_every_origin(partial(_one_origin, path=path, features=features), origins, workers=workers)


def _one_origin(origin: Origin, *, path: Path, features: tuple[str, ...]) -> pd.DataFrame:
    panel, cutoff = pd.read_parquet(path), pd.Timestamp(origin.as_of)
    learn = panel[panel["as_of"].lt(cutoff) & resolved_by(panel, cutoff)].reset_index(drop=True)
    now = panel[panel["as_of"].eq(cutoff) & _to_forecast(panel)].reset_index(drop=True)
    return fit_and_forecast(learn, now, features, Parameters())
