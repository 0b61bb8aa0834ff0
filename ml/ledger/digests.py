"""The store's digest at many dates from one pass over each dataset; the same text as `Store.digest` for each.

A dataset's digest is a count and an exclusive-or of row hashes, so that of a date is that of the date before,
combined with the rows that became known since.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pandas as pd

from features import datasets
from features.store import Store, connect, digest_of, folded

__all__ = ["digests_at"]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def digests_at(store: Store, moments: Iterable[dt.datetime]) -> dict[dt.datetime, str]:
    """Give what `store.digest(as_of=moment)` gives, for each of `moments`."""
    wanted = sorted(set(moments))
    if not wanted:
        return {}
    parts: dict[dt.datetime, list[tuple[str, int, object]]] = {moment: [] for moment in wanted}
    for name in datasets.DATASETS:
        if not store.batches(name):
            continue
        steps = _by_moment(store, name, wanted[-1])
        at = np.searchsorted(steps["known"].to_numpy(), [_microseconds(moment) for moment in wanted], side="right") - 1
        for moment, place in zip(wanted, at, strict=True):
            if place >= 0:
                parts[moment].append((name, steps["count"].iloc[place], steps["folded"].iloc[place]))
    return {moment: digest_of(of) for moment, of in parts.items()}


def _by_moment(store: Store, name: str, last: dt.datetime) -> pd.DataFrame:
    # Per moment at which something became known: how many rows are known from then on, and their folded hashes.
    store.check_columns(name)
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in store.batches(name))
    sql = f"""
        SELECT epoch_us(available_at) AS known, count(*) AS rows, {folded(name)} AS folded
        FROM read_parquet([{files}]) WHERE available_at <= $last GROUP BY 1 ORDER BY 1"""
    with connect(store.memory_limit, store.threads) as db:
        found = db.execute(sql, {"last": last}).fetchall()
    hashes, total, out = 0, 0, []
    for known, rows, value in found:
        hashes, total = hashes ^ int(value), total + rows
        out.append((known, total, str(hashes)))
    return pd.DataFrame(out, columns=["known", "count", "folded"])


def _microseconds(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1)
