"""The rolling-origin backtest of `price_spike`: models are fitted every quarter and forecast every month.

At each origin all models learn from the same rows: one per price series and quarter since 1975, whose labels were
resolved by then. Until the early 1970s producers and treaties fixed many of these prices. Forecasts for
the longer windows are raised to those of the shorter ones where they were below.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from features import panel
from features.catalog import Catalog
from features.knowledge_time import UTC, monday_after
from features.signals import prices
from features.signals.price_history import monthly_versions
from ml.engine import run_partitions
from models.baselines import LogisticBaseline
from models.calibrated import CalibratedBoosting
from models.coherence import raise_longer
from models.gradient_boosting import Parameters
from models.leakage import check_leakage
from models.price_baselines import MineralClimatology, RandomWalk
from models.price_spikes import HORIZONS_WEEKS, attach_spikes, one_per_series, usable
from models.targets import resolved_by

__all__ = [
    "FEATURES",
    "MODELS",
    "PARAMETERS",
    "SpikeOrigin",
    "forecast_dates",
    "forecast_origin",
    "origins",
    "run",
    "spike_rows",
    "training_rows",
]

TARGET = "price_spike"
FIRST_TRAINING_YEAR = 1975
# Chosen on origins from 1996 to 2005 among four settings (docs/decisions/0011).
PARAMETERS = Parameters(rounds=80, num_leaves=7, min_data_in_leaf=100)
WALK = "price_spike_walk_log_odds"
FEATURES = (*prices.MINERAL_FEATURES, "months_ahead", WALK)
MODELS = ("lightgbm", "climatology", "random_walk", "logistic_regression")
QUARTER_MONTHS = (1, 4, 7, 10)
# A forecast is onset where the price had not risen by a quarter in the year before.
NEW_RETURN = np.log(1.25)
COLUMNS = [
    *("model", "target", "horizon", "mineral", "supplier", "price_group", "as_of", "window_start", "window_end"),
    *("probability", "p_low", "p_high", "label", "onset", "peak_ratio", "prices_series", "resolved_at"),
]
Rows = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, order=True)
class SpikeOrigin:
    """One fit, and the dates it serves: from `as_of` on, before `until`."""

    as_of: dt.datetime
    until: dt.datetime


def forecast_dates(first: int, last: int) -> list[dt.datetime]:
    """Give one date a month: the Monday after the 16th, when the month before is out everywhere."""
    months = [(year, month) for year in range(first, last + 1) for month in range(1, 13)]
    return [monday_after(dt.datetime(year, month, 16, tzinfo=UTC)) for year, month in months]


def origins(first: int, until: dt.datetime) -> list[SpikeOrigin]:
    """Give the origins of the quarters from January of year `first` on, none after `until`."""
    starts = [date for date in forecast_dates(first, until.year + 1) if date.month in QUARTER_MONTHS]
    return [SpikeOrigin(a, b) for a, b in itertools.pairwise(starts) if a <= until]


def spike_rows(table: pd.DataFrame, catalog: Catalog, dates: Sequence[dt.datetime]) -> Rows:
    """Give per horizon every row at `dates` on which a forecast can be made, with features and labels.

    Args:
        table: dataset `prices`, every version; labels may rest on what became known later than a row's date.
    """
    steps = {prices.SIGNAL.name: prices.SIGNAL.steps({"prices": table}, catalog)}
    group = catalog.price_series.drop_duplicates("mineral").set_index("mineral")["price_group"]
    index = pd.MultiIndex.from_product([group.index, dates], names=["mineral", "as_of"]).to_frame(index=False)
    index = index.astype({"mineral": "str", "as_of": "datetime64[us, UTC]"})
    joined = panel.join_steps(index, steps)
    extra = prices.SIGNAL.combine(joined)
    joined = joined.drop(columns=extra.columns, errors="ignore").join(extra)
    rows = one_per_series(joined[usable(joined)], catalog)
    rows = rows.assign(
        price_group=rows["mineral"].map(group).astype("str"),
        onset=rows["prices_return_12m"] < NEW_RETURN,
        share=1.0,
    )
    versions = monthly_versions(table, catalog)
    return {horizon: _with_walk(attach_spikes(rows, versions, horizon)) for horizon in HORIZONS_WEEKS}


def _with_walk(rows: pd.DataFrame) -> pd.DataFrame:
    chance = np.clip(RandomWalk().predict(rows), 1e-4, 1 - 1e-4)
    return rows.assign(**{WALK: np.log(chance / (1 - chance))})


def forecast_origin(rows: Rows, origin: SpikeOrigin, parameters: Parameters = PARAMETERS) -> pd.DataFrame:
    """Fit every model on what was resolved at the origin, and forecast its dates.

    Rows that lack a feature which no training row lacked are left out, for every model.

    Raises:
        LeakageError: a feature tells the label.
    """
    tables = []
    for horizon, table in rows.items():
        learn = training_rows(table, origin)
        check_leakage(learn, FEATURES)
        now = table[table["as_of"].ge(origin.as_of) & table["as_of"].lt(origin.until)].reset_index(drop=True)
        champion = CalibratedBoosting(FEATURES, parameters).fit(learn)
        now = now[now[list(champion.parts()[0].never_missing)].notna().all(axis=1)].reset_index(drop=True)
        numbers = champion.predict_with_interval(now, np.zeros(len(now)))[["probability", "p_low", "p_high"]]
        now = now.assign(target=TARGET, horizon=horizon, supplier="")
        tables.append(now.join(numbers).assign(model=champion.name))
        for model in (MineralClimatology(), RandomWalk(), LogisticBaseline(FEATURES)):
            probability = model.fit(learn).predict(now)
            tables.append(now.assign(model=model.name, probability=probability, p_low=np.nan, p_high=np.nan))
    return cohere(pd.concat(tables, ignore_index=True))[COLUMNS]


def training_rows(table: pd.DataFrame, origin: SpikeOrigin) -> pd.DataFrame:
    """Give the rows of the first months of quarters whose labels were resolved by the origin."""
    at = table["as_of"].dt
    is_training = at.month.isin(QUARTER_MONTHS) & at.year.ge(FIRST_TRAINING_YEAR)
    cutoff = pd.Timestamp(origin.as_of)
    return table[is_training & table["as_of"].lt(cutoff) & resolved_by(table, cutoff)].reset_index(drop=True)


def cohere(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Raise the champion's probabilities and intervals for longer windows to those of shorter ones.

    A window holds all months of the shorter ones, so the event can only become more likely.
    """
    is_champion = forecasts["model"].eq(MODELS[0])
    raised = raise_longer(forecasts[is_champion], HORIZONS_WEEKS, key=["mineral", "as_of"])
    return pd.concat([raised, forecasts[~is_champion]]).reindex(forecasts.index)


def _work(origin: SpikeOrigin, *, folder: Path) -> pd.DataFrame:
    return forecast_origin({name: pd.read_parquet(folder / f"rows-{name}.parquet") for name in HORIZONS_WEEKS}, origin)


def run(rows: Rows, chosen: Sequence[SpikeOrigin], *, folder: Path, workers: int) -> pd.DataFrame:
    """Run every origin and give all forecasts, sorted; `folder` holds the rows for the workers."""
    for horizon, table in rows.items():
        table.to_parquet(folder / f"rows-{horizon}.parquet", index=False)
    tables = [table for _, table in run_partitions(partial(_work, folder=folder), chosen, workers=workers)]
    order = ["horizon", "model", "as_of", "mineral"]
    return pd.concat(tables, ignore_index=True).sort_values(order, ignore_index=True)
