"""The panel: one row per tracked pair and week, every feature as it was known then.

The index (mineral, supplier, as_of) is joined with the step functions of each signal by
one DuckDB ASOF JOIN per step function: equal keys, newest `available_at` not after
`as_of`. That is the only place where a date meets the features.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import duckdb
import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.signals import governance, incidents, mirror_trade, prices, production, restrictions, trade
from features.signals.declaration import Feature, Signal, Steps

__all__ = [
    "KEYS",
    "SIGNALS",
    "all_steps",
    "build_panel",
    "datasets_needed",
    "directions_of",
    "family_of",
    "feature_names",
    "features_of",
    "join_steps",
    "tracked_index",
]

SIGNALS: tuple[Signal, ...] = (
    trade.SIGNAL,
    mirror_trade.SIGNAL,
    prices.SIGNAL,
    production.SIGNAL,
    governance.SIGNAL,
    restrictions.SIGNAL,
    incidents.SIGNAL,
)
KEYS = ["mineral", "supplier", "as_of"]
# Facts about a row that are not features: what it is about, and which slice it belongs to.
ATTRIBUTES = ["stage", "trade_last_year", "trade_known_at", "share", "is_major", "is_transit"]
MAJOR_SHARE_FRAC = 0.05
TRANSIT_IMPORTS_PER_EXPORT = 0.9

StepTables = Mapping[str, Sequence[Steps]]


def datasets_needed(signals: Iterable[Signal] = SIGNALS) -> list[str]:
    """List the datasets that `signals` read, each once."""
    return list(dict.fromkeys(name for signal in signals for name in signal.needs))


def features_of(signals: Iterable[Signal] = SIGNALS) -> list[Feature]:
    """List every declared feature in panel order."""
    return [feature for signal in signals for feature in signal.features]


def feature_names(signals: Iterable[Signal] = SIGNALS) -> list[str]:
    """List the feature columns in panel order."""
    return [feature.name for feature in features_of(signals)]


def directions_of(features: Iterable[str]) -> list[int]:
    """Give the declared direction of each feature, 0 for one that no signal declares."""
    known = {feature.name: feature.direction for feature in features_of()}
    return [known.get(name, 0) for name in features]


def family_of(feature: str) -> str:
    """Give the signal that declares `feature`.

    Raises:
        KeyError: no signal does.
    """
    for signal in SIGNALS:
        if feature in signal.columns:
            return signal.name
    raise KeyError(feature)


def all_steps(
    tables: Mapping[str, pd.DataFrame], catalog: Catalog, signals: Iterable[Signal] = SIGNALS
) -> dict[str, list[Steps]]:
    """Compute the step functions of every signal from the known versions of its datasets."""
    return {signal.name: signal.steps(tables, catalog) for signal in signals}


def tracked_index(
    trade_steps: Steps, as_ofs: Iterable[dt.datetime], *, min_share: float = trade.TRACKED_SHARE_FRAC
) -> pd.DataFrame:
    """List the pairs with at least `min_share` of world exports at each date, sorted by mineral, supplier, as_of."""
    moments = sorted({pd.Timestamp(moment) for moment in as_ofs})
    frame = trade_steps.frame
    parts = []
    for moment in moments:
        known = frame[frame["available_at"] <= moment]
        newest = known[known["available_at"].eq(known["available_at"].max())]
        part = newest[newest["trade_share_3y"] >= min_share][["mineral", "supplier"]]
        parts.append(part.assign(as_of=moment))
    index = pd.concat(parts) if parts else pd.DataFrame(columns=KEYS)
    index = index.astype({"as_of": "datetime64[us, UTC]", "mineral": "str", "supplier": "str"})
    return index.sort_values(KEYS, ignore_index=True)


def join_steps(index: pd.DataFrame, steps: StepTables) -> pd.DataFrame:
    """Join every step function to `index` by its own keys; exactly the rows of `index` come back, in order."""
    joined = index.assign(row_number=np.arange(len(index)))
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as db:
        for parts in steps.values():
            for step in parts:
                joined = _join_one(db, joined, step)
    return joined.sort_values("row_number", ignore_index=True).drop(columns="row_number")


def _join_one(db: duckdb.DuckDBPyConnection, joined: pd.DataFrame, step: Steps) -> pd.DataFrame:
    values = [name for name in step.frame.columns if name not in (*step.keys, "available_at")]
    if step.frame.empty:
        return joined.join(pd.DataFrame(np.nan, index=joined.index, columns=values))
    # A constant key lets a step function without keys use the same join.
    left = joined[[*step.keys, "as_of", "row_number"]].assign(always=1)
    right = step.frame.assign(always=1)
    db.register("wanted", left)
    db.register("steps", right)
    equal = " AND ".join(f"w.{key} = s.{key}" for key in (*step.keys, "always"))
    columns = ", ".join(f's."{name}"' for name in values)
    found = db.execute(
        f"SELECT w.row_number, {columns} FROM wanted w ASOF LEFT JOIN steps s "
        f"ON {equal} AND w.as_of >= s.available_at ORDER BY w.row_number"
    ).df()
    return joined.merge(found, on="row_number", how="left", validate="one_to_one")


def build_panel(
    steps: StepTables,
    catalog: Catalog,
    as_ofs: Iterable[dt.datetime],
    signals: Sequence[Signal] = SIGNALS,
    *,
    min_share: float = trade.TRACKED_SHARE_FRAC,
) -> pd.DataFrame:
    """Build the feature matrix of every tracked pair at each of `as_ofs`.

    Args:
        steps: what `all_steps` gave.
        as_ofs: aware moments, each for all pairs.
        min_share: which pairs to list; tracked ones by default, a smaller share to learn from more rows.

    Returns:
        `KEYS`, `ATTRIBUTES`, then one float64 column per feature, sorted by `KEYS`. A feature is
        missing where nothing was known; it is never filled with zero.
    """
    trade_steps = steps["trade"][0]
    with_moment = Steps(trade_steps.keys, trade_steps.frame.assign(trade_known_at=trade_steps.frame["available_at"]))
    index = tracked_index(trade_steps, as_ofs, min_share=min_share)
    joined = join_steps(index, {**steps, "trade": [with_moment]})
    for signal in signals:
        extra = signal.combine(joined)
        joined = joined.drop(columns=[c for c in extra.columns if c in joined.columns]).join(extra)
    stage = {name: mineral.stage for name, mineral in catalog.minerals.items()}
    joined = joined.assign(
        stage=joined["mineral"].map(stage).astype("str"),
        share=joined["trade_share_3y"],
        is_major=joined["trade_share_3y"] >= MAJOR_SHARE_FRAC,
    )
    joined = joined.assign(is_transit=_is_transit(joined))
    names = feature_names(signals)
    return joined[[*KEYS, *ATTRIBUTES, *names]].astype(dict.fromkeys(names, "float64")).copy()


def _is_transit(joined: pd.DataFrame) -> pd.Series:
    # Neither mines nor refines it, as far as known: a producer never is; of the others, who sells a mined
    # product is, and who imports nearly as much of the product as it exports. Before any production figure
    # is known only the last can be told.
    passes_on = joined["trade_reexport_ratio"] >= np.log(TRANSIT_IMPORTS_PER_EXPORT)
    unknown = pd.Series(np.nan, index=joined.index)
    produces = joined.get("production_is_producer", unknown)
    is_producer, is_none = produces.eq(1.0), produces.eq(0.0)
    return ~is_producer & (passes_on | (is_none & joined["stage"].eq("extraction")))
