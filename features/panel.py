"""The panel: one row per tracked pair and week, every feature as it was known then.

The index (mineral, supplier, as_of) is joined with the step functions of each signal
(`join_steps`): equal keys, newest `available_at` not after `as_of`. That is the only place
where a date meets the features.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.signals import (
    geopolitics,
    governance,
    hazards,
    incidents,
    logistics,
    mirror_trade,
    news,
    prices,
    production,
    restrictions,
    trade,
)
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
    "with_features",
]

SIGNALS: tuple[Signal, ...] = (
    trade.SIGNAL,
    mirror_trade.SIGNAL,
    prices.SIGNAL,
    production.SIGNAL,
    governance.SIGNAL,
    restrictions.SIGNAL,
    incidents.SIGNAL,
    news.SIGNAL,
    geopolitics.SIGNAL,
    logistics.SIGNAL,
    hazards.SIGNAL,
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
    index = index.reset_index(drop=True)
    return pd.concat([index, *(_known_then(index, step) for parts in steps.values() for step in parts)], axis=1)


def _known_then(index: pd.DataFrame, step: Steps) -> pd.DataFrame:
    # The values of the newest row of `step` with the same keys and an `available_at` not after `as_of`.
    values = step.frame.drop(columns=[*step.keys, "available_at"]).reset_index(drop=True)
    if step.frame.empty:
        return pd.DataFrame(np.nan, index=index.index, columns=values.columns)
    unit, moment = _numbered(index, step)
    # Keys and time as one number: what is wanted is the last row that is not greater, if its keys are the same.
    of_step, wanted = (slice(len(index), None), slice(len(index)))
    place = unit * (moment.max() + 1) + moment
    order = np.argsort(place[of_step], kind="stable")
    at = np.searchsorted(place[of_step][order], place[wanted], side="right") - 1
    found = order[at.clip(0)]
    is_known = (at >= 0) & (unit[of_step][found] == unit[wanted])
    return values.reindex(np.where(is_known, found, -1)).set_axis(index.index)


def _numbered(index: pd.DataFrame, step: Steps) -> tuple[np.ndarray, np.ndarray]:
    # The keys, and the moments in their order, as whole numbers: first of the index, then of the step function.
    unit = np.zeros(len(index) + len(step.frame), dtype="int64")
    for key in step.keys:
        both = pd.concat([index[key], step.frame[key]], ignore_index=True)
        numbers, names = pd.factorize(both, use_na_sentinel=False)
        unit = unit * len(names) + numbers
    moments = pd.concat([index["as_of"], step.frame["available_at"]], ignore_index=True)
    return unit, pd.factorize(moments, sort=True)[0]


def with_features(joined: pd.DataFrame, signals: Iterable[Signal]) -> pd.DataFrame:
    """Add to joined step functions what each signal makes of them, row by row."""
    for signal in signals:
        extra = signal.combine(joined)
        joined = joined.drop(columns=[c for c in extra.columns if c in joined.columns]).join(extra)
    return joined


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
    joined = with_features(joined, signals)
    stage = {name: mineral.stage for name, mineral in catalog.minerals.items()}
    joined = joined.copy().assign(
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
