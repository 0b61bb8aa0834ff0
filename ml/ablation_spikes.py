"""The ablation of `price_spike`: prices alone, and what is known of the mineral, whoever the supplier.

A price speaks for several products (ore and metal, oxide and magnet), so events on any of them count, and one that
names two of them counts once. Each family on events is asked about a supplier that does not exist: what its features
call the mineral at other suppliers is then the mineral at all of them. The families on the world around a supplier
know suppliers only: of those that are tracked at the date the mean is taken, by share of world exports.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from features import panel
from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput
from features.knowledge_time import as_moment
from features.signals.declaration import Signal
from ml import price_spike_backtest as backtest
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
    had_figures,
    kept,
    over_horizons,
)
from ml.knowledge import Knowledge, signals_named
from models.price_spikes import HORIZONS_WEEKS

__all__ = ["means_of_suppliers", "mineral_columns", "price_groups", "price_spikes", "with_events", "with_means"]

BASE = "prices"
FIRST = 2006
FAMILIES = (*EVENTS, *WORLD)
# Panels of so many dates fit into memory together.
DATES_AT_ONCE = 24
# The features of each family that speak of the mineral, when there is no supplier.
OF_MINERAL = {
    "restrictions": "restrictions_elsewhere_",
    "incidents": "incidents_elsewhere_",
    "news": "news_mineral_",
}
NOBODY = ""


def price_spikes(asked: Asked) -> Part:
    """Fit the booster of `price_spike` with prices alone, and with each family more, at the mineral's level.

    Raises:
        BadInput: the store holds no prices.
    """
    knowledge = asked.knowledge
    if BASE in asked.no_facts:
        raise BadInput(
            where=str(knowledge.store.folder),
            expected="prices",
            found="none",
            remedy="Take some in: oresight ingest pink_sheet CMO-Historical-Data-Monthly.xlsx",
        )
    until = knowledge.as_of if asked.last is None else min(knowledge.as_of, as_moment(f"{asked.last}-12-31"))
    dates = [date for date in backtest.forecast_dates(backtest.FIRST_TRAINING_YEAR, until.year) if date <= until]
    signals = [signal for signal in knowledge.signals if signal.name in EVENTS]
    world = [signal for signal in knowledge.signals if signal.name in WORLD]
    means = means_of_suppliers(knowledge, world, dates)
    rows = {
        horizon: with_means(with_events(table, signals, knowledge.tables, knowledge.catalog), means, knowledge.catalog)
        for horizon, table in backtest.spike_rows(knowledge.tables["prices"], knowledge.catalog, dates).items()
    }
    origins = [origin for origin in backtest.origins(asked.first or FIRST, until) if origin.as_of <= until]
    columns = {signal.name: mineral_columns(signal) for signal in signals}
    columns |= {signal.name: signal.columns for signal in world}
    now = pd.concat(rows.values()).drop_duplicates(["mineral", "as_of"])
    now = now[now["as_of"].ge(pd.Timestamp(origins[0].as_of))].assign(supplier=NOBODY)
    no_facts = [name for name in asked.no_facts if name in FAMILIES]

    def forecast(name: str, members: tuple[str, ...]) -> pd.DataFrame:
        features = (*backtest.FEATURES, *(column for member in members for column in columns[member]))
        asked.say(f"ablation of price spikes: {name}, {len(origins)} origins")
        make = partial(_forecast, rows, origins, features, asked.workers)
        served = [(origin.as_of, origin.until) for origin in origins]
        return kept(
            asked, backtest.TARGET, name, make, features=features, parameters=backtest.PARAMETERS, origins=served
        )

    added = additions(FAMILIES, absent_families(no_facts, now, columns))
    alone, found = compare_families((backtest.TARGET,), BASE, forecast, added, draws=asked.draws)
    return Part((backtest.TARGET,), "prices alone", found, had_figures(alone, now, columns, no_facts))


def mineral_columns(signal: Signal) -> list[str]:
    """Give the features of a family that speak of a mineral at all its suppliers, when there is no supplier."""
    return [name for name in signal.columns if name.startswith(OF_MINERAL[signal.name])]


def price_groups(catalog: Catalog) -> dict[str, str]:
    """Give each mineral with a price the first, by name, of those that share a series with it, or with each other."""
    group = {mineral: mineral for mineral in catalog.price_series["mineral"]}
    for _, own in catalog.price_series.groupby(["source", "series_id"])["mineral"]:
        together = {group[mineral] for mineral in own}
        group = {mineral: min(together) if name in together else name for mineral, name in group.items()}
    return group


def with_events(
    rows: pd.DataFrame, signals: list[Signal], tables: Mapping[str, pd.DataFrame], catalog: Catalog
) -> pd.DataFrame:
    """Add the mineral's features of each family to price rows, as known at their `as_of`.

    Args:
        rows: mineral, as_of.
        signals: families on events.
        tables: every known version of the datasets they need.

    Returns:
        `rows` in their order and `mineral_columns` of each family.
    """
    group = price_groups(catalog)
    asked = rows[["mineral", "as_of"]].assign(supplier=NOBODY).reset_index(drop=True)
    asked = asked.assign(mineral=asked["mineral"].map(group)).astype({"mineral": "str", "supplier": "str"})
    of_groups = {name: _of_groups(tables[name], group) for signal in signals for name in signal.needs}
    found = [rows.reset_index(drop=True)]
    for signal in signals:
        joined = panel.join_steps(asked, {signal.name: signal.steps(of_groups, catalog)})
        found.append(signal.combine(joined)[mineral_columns(signal)].astype("float64"))
    return pd.concat(found, axis=1)


def means_of_suppliers(knowledge: Knowledge, signals: Sequence[Signal], dates: Sequence[dt.datetime]) -> pd.DataFrame:
    """Give the mean of each feature over the suppliers that are tracked at each date, by share of world exports.

    A supplier without a figure is left out of the mean.

    Returns:
        mineral (that of its price group), as_of, and every feature of `signals`, missing where no supplier has any.
    """
    columns = [name for signal in signals for name in signal.columns]
    group = price_groups(knowledge.catalog)
    trade = signals_named(["trade"])[0]
    steps = {signal.name: knowledge.steps[signal.name] for signal in (trade, *signals)}
    found = []
    for start in range(0, len(dates) if columns else 0, DATES_AT_ONCE):
        part = panel.build_panel(steps, knowledge.catalog, dates[start : start + DATES_AT_ONCE], (trade, *signals))
        part = part[part["mineral"].isin(list(group))]
        keys = [part["mineral"].map(group).astype("str"), part["as_of"]]
        values, share = part[columns], part["share"]
        known = values.notna().mul(share, axis=0).groupby(keys).sum()
        found.append(values.mul(share, axis=0).groupby(keys).sum() / known.where(known > 0))
    if not found:
        none = pd.DataFrame(columns=["mineral", "as_of", *columns])
        return none.astype({"mineral": "str", "as_of": MOMENT, **dict.fromkeys(columns, "float64")})
    return pd.concat(found).reset_index()


def with_means(rows: pd.DataFrame, means: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Add to price rows what `means_of_suppliers` gave for the mineral's price group."""
    group = price_groups(catalog)
    keys = pd.DataFrame({"mineral": rows["mineral"].map(group).astype("str"), "as_of": rows["as_of"]})
    own = keys.merge(means, on=["mineral", "as_of"], how="left", validate="many_to_one").drop(columns=list(keys))
    return pd.concat([rows, own.set_axis(rows.index)], axis=1)


def _of_groups(table: pd.DataFrame, group: Mapping[str, str]) -> pd.DataFrame:
    # Signals count what has one identity once per mineral, so an act on two products of a price is one here.
    if "mineral" not in table:
        return table
    return table.assign(mineral=table["mineral"].map(lambda mineral: group.get(mineral, mineral)).astype("str"))


def _forecast(
    rows: backtest.Rows, origins: list[backtest.SpikeOrigin], features: tuple[str, ...], workers: int
) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as scratch:
        for horizon, table in rows.items():
            table.to_parquet(Path(scratch) / f"{horizon}.parquet", index=False)
        return at_every_origin(partial(_one_origin, folder=Path(scratch), features=features), origins, workers=workers)


def _one_origin(origin: backtest.SpikeOrigin, *, folder: Path, features: tuple[str, ...]) -> pd.DataFrame:
    tables = []
    for horizon in HORIZONS_WEEKS:
        table = pd.read_parquet(folder / f"{horizon}.parquet")
        now = table[table["as_of"].ge(origin.as_of) & table["as_of"].lt(origin.until)]
        now = now.assign(target=backtest.TARGET, horizon=horizon, supplier=NOBODY)
        tables.append(fit_and_forecast(backtest.training_rows(table, origin), now, features, backtest.PARAMETERS))
    return over_horizons(tables, HORIZONS_WEEKS, key=["mineral", "as_of"])
