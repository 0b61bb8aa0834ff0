"""The three clocks of every source at a moment: what `oresight sources` says, one row per source and dataset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from features import collection
from features.collection.freshness import freshness
from features.collection.payloads import kept
from features.collection.rounds import Attempt, read_attempts
from features.store import Store
from ml.settings import Settings

__all__ = ["CLOCK_COLUMNS", "source_clocks"]

CLOCK_COLUMNS = {
    "source": "str",
    "dataset": "str",
    "fetched_at": "datetime64[us, UTC]",
    "newest_observation": "str",
    "known_at": "datetime64[us, UTC]",
    "age_days": "Int64",
    "rows": "int64",
    "state": "str",
}


def source_clocks(settings: Settings, store: Store, *, now: dt.datetime) -> pd.DataFrame:
    """Read the clocks.

    Returns:
        CLOCK_COLUMNS; `state` is `fine`, `stale` (older than the publisher's calendar explains), `failed` (the last
        attempt to download was one) or `empty` (nothing was ever read: not the same as fine).
    """
    rows = list(_clocks(settings, store, now))
    return pd.DataFrame(rows, columns=list(CLOCK_COLUMNS)).astype(CLOCK_COLUMNS)


def _clocks(settings: Settings, store: Store, now: dt.datetime) -> Iterator[dict[str, Any]]:
    attempts = read_attempts(settings.home)
    for name in collection.SOURCES:
        spec, attempt = collection.source(name).SPEC, attempts.get(name)
        fetched = attempt.last_success if attempt else None
        if fetched is None:
            fetched = max((payload.kept_at for payload in kept(settings.home / "payloads", name)), default=None)
        for dataset in spec.fills:
            fresh = freshness(store, replace(spec, fills=(dataset,)), now=now)
            yield {
                "source": name,
                "dataset": dataset,
                "fetched_at": fetched,
                "newest_observation": fresh.newest_observation,
                "known_at": fresh.known_at,
                "age_days": fresh.age_days,
                "rows": fresh.rows,
                "state": _state(fresh.rows, fresh.is_stale, attempt),
            }


def _state(rows: int, is_stale: bool, attempt: Attempt | None) -> str:
    if not rows:
        return "empty"
    if attempt is not None and attempt.last_error:
        return "failed"
    return "stale" if is_stale else "fine"
