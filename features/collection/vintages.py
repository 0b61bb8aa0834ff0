"""From when the facts of one release count, given the releases of the same source before it.

A release, or vintage, is all that a source put out at one moment; most repeat their whole
history each time. Rules, with R the moment of the release:

- The first release of a source: each fact keeps the date its lag rule gives, but none is
  later than R. Its history is taken as never revised.
- A later release: a fact that says the same adds nothing; one that says something else is a
  new row from R; one never seen keeps its lag date if that lies after the release before,
  else it counts from R, since the release before lacked it.
- A release without a known R keeps all lag dates, and must not contradict what is stored.
- Releases are read oldest first. An older one may only bring facts that are not stored yet.
- A fact that a release no longer holds stays, unless its source withdraws facts that way.

Everything here is computed from tables; nothing is stored.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from features import datasets
from features.errors import BadInput
from features.store import Store, connect

__all__ = ["Dated", "OutOfOrder", "Vintage", "compare", "date_facts", "newest_fact", "read_vintages", "release_before"]

FOLDER = "vintages"
A_TICK = pd.Timedelta(1, "us")
# The columns that say which period a figure is about; facts without one are events and have dates of their own.
PERIODS = ("year", "month", "first_month", "starts_on")


class OutOfOrder(BadInput):
    """A release is older than one that was read before and speaks about the same facts."""


@dataclass(frozen=True, slots=True)
class Vintage:
    """One release as it was read: when it came out, the newest lag date in it, and its files.

    `files` has one mapping per file with file, sha256, rows and rejected.
    """

    source: str
    released: dt.datetime | None
    newest_fact_at: dt.datetime | None
    ingested_at: dt.datetime
    files: tuple[Mapping[str, Any], ...]
    added: Mapping[str, int] = field(default_factory=dict)
    revised: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0

    def text(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self), indent=1, default=lambda moment: moment.isoformat(), ensure_ascii=False)

    def holds(self, sha256: str) -> bool:
        """Tell whether one of its files has these bytes."""
        return any(file["sha256"] == sha256 for file in self.files)


@dataclass(frozen=True)
class Dated:
    """Rows to store with the moments from which they count, and what they change.

    `rows` keeps the index of the rows it was made from; withdrawals have the index -1. `changes` has one row per
    revised fact: its row, and `old_…` for each number that was stored.
    """

    rows: pd.DataFrame
    changes: pd.DataFrame
    missing: int = 0
    stored: int = 0


def read_vintages(store: Store, source: str) -> list[Vintage]:
    """Give the releases of `source` that the store holds, in the order in which they were read.

    Rows that got there without a record count as one release of unknown date.
    """
    found = [_read(path) for path in store.records(FOLDER) if path.stem.partition("-")[2] == source]
    return found or _unrecorded(store, source)


def record_name(store: Store, source: str) -> str:
    """Name the record of the next release of `source`, as a path in the store."""
    return f"{FOLDER}/{len(store.records(FOLDER)):06d}-{source}.json"


def newest_fact(tables: Iterable[pd.DataFrame]) -> dt.datetime | None:
    """Give the newest `available_at` of freshly harmonised tables: about then such a release was due."""
    moments = [table["available_at"].max() for table in tables if len(table)]
    return max(moments).to_pydatetime() if moments else None


def is_older(released: dt.datetime | None, newest: dt.datetime | None, than: Vintage) -> bool:
    """Tell whether a release came out before another.

    One of unknown date was out about when its newest fact was due; so a dated release is older only if it is dated
    before that and lacks that fact, too.
    """
    if released is None or than.released is not None:
        return released is not None and than.released is not None and released < than.released
    due = than.newest_fact_at
    return due is not None and released < due and (newest is None or newest < due)


def release_before(
    vintages: Iterable[Vintage], released: dt.datetime, newest: dt.datetime | None
) -> dt.datetime | None:
    """Give when the last release strictly before this one was out, None if this is the first."""
    earlier = [v for v in vintages if v.released != released and not is_older(released, newest, v)]
    return max((moment for v in earlier if (moment := v.released or v.newest_fact_at) is not None), default=None)


def compare(
    store: Store, name: str, rows: pd.DataFrame, *, source: str, rounding: Mapping[str, float] | None = None
) -> pd.DataFrame | None:
    """Hold each of `rows` against the newest stored version of the same fact from the same source.

    Args:
        rounding: by column, how far two figures may differ and say the same: half a unit of the last printed digit.

    Returns:
        One row per row of `rows`, in the same order: `stored_at` (missing if the fact is not stored), `same_at`
        (the moment of the newest version in `rows` that says what is stored), `is_last` (the newest version in `rows`),
        and `old_…` for each stored number. None when nothing of the source is stored.
    """
    if not store.batches(name):
        return None
    spec = datasets.dataset(name)
    said = [c for c in spec.columns if c not in (*spec.key, "available_at", "source")]
    is_same = " AND ".join(_says_the_same(column, (rounding or {}).get(column, 0.0)) for column in said)
    olds = "".join(f", s.{column} AS old_{column}" for column in _numbers(name))
    on = " AND ".join(f"g.{column} = s.{column}" for column in spec.key)
    over = ", ".join(f"g.{column}" for column in spec.key)
    sql = f"""
        WITH s AS ({_newest(store, name)})
        SELECT g.row_at, s.available_at AS stored_at{olds},
               max(CASE WHEN {is_same} THEN g.available_at END) OVER (PARTITION BY {over}) AS same_at,
               row_number() OVER (PARTITION BY {over} ORDER BY g.available_at DESC, g.row_at DESC) = 1 AS is_last
        FROM given g LEFT JOIN s ON {on} ORDER BY g.row_at"""
    with connect(store.memory_limit, store.threads) as db:
        db.register("given", rows.assign(row_at=range(len(rows))))
        if not (db.execute(f"SELECT count(*) FROM ({_newest(store, name)})", {"source": source}).fetchone() or (0,))[0]:
            return None
        found = db.execute(sql, {"source": source}).df()
    return found.drop(columns="row_at").astype({"stored_at": datasets.MOMENT, "same_at": datasets.MOMENT})


def _says_the_same(column: str, tolerance: float) -> str:
    same = f"g.{column} IS NOT DISTINCT FROM s.{column}"
    return f"({same} OR abs(g.{column} - s.{column}) <= {tolerance})" if tolerance else f"{same}"


def missing_facts(store: Store, name: str, rows: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """Give the stored facts of `source`, newest versions, that `rows` no longer hold; withdrawn ones are left out."""
    if not store.batches(name):
        return datasets.empty(name)
    spec = datasets.dataset(name)
    sql = (
        f"SELECT s.* FROM ({_newest(store, name)}) s ANTI JOIN given g USING ({', '.join(spec.key)}) "
        f"WHERE NOT s.is_retracted ORDER BY {', '.join(f's.{column}' for column in spec.key)}"
    )
    with connect(store.memory_limit, store.threads) as db:
        db.register("given", rows[list(spec.key)])
        found = db.execute(sql, {"source": source}).df()
    return found.astype(spec.types)[spec.columns]


def date_facts(
    name: str,
    rows: pd.DataFrame,
    compared: pd.DataFrame | None,
    *,
    released: dt.datetime | None,
    before: dt.datetime | None,
    where: str,
) -> Dated:
    """Give the rows of one release that say something new, with the moment from which each counts.

    Args:
        rows: of dataset `name`, dated by their lag rule, no two of one fact and moment.
        compared: what `compare` gave for them.
        released: when the release came out, None if nobody knows.
        before: when the release before it came out, None if it is the first.
        where: the file, for the message.

    Raises:
        BadInput: without a release date, a fact contradicts what is stored for the same or a later moment.
    """
    rows = rows.reset_index(drop=True)
    own = rows["available_at"]
    release = None if released is None else pd.Timestamp(released)
    if release is not None and any(column in rows for column in PERIODS):
        own = own.clip(upper=release)
    fresh = own
    if release is not None and before is not None:
        fresh = own.mask(own <= pd.Timestamp(before), release)
    if compared is None and release is None:
        return Dated(rows, rows.iloc[:0])
    if compared is None:
        return Dated(_last_of_each(name, rows.assign(available_at=fresh)), rows.iloc[:0])
    is_known, is_same = compared["stored_at"].notna(), compared["same_at"].notna()
    develops = is_known & is_same & (rows["available_at"] > compared["same_at"])
    revised = is_known & ~is_same & compared["is_last"]
    after_stored = compared["stored_at"] + A_TICK
    if release is None:
        _check_no_contradiction(name, rows[revised & (own < after_stored)], where)
    at = fresh.where(~revised | (release is None), release)
    at = at.where(~is_known, at.mask(at < after_stored, after_stored))
    chosen = ~is_known | develops | revised
    numbers = [f"old_{column}" for column in _numbers(name)]
    changes = pd.concat([rows[revised], compared.loc[revised, numbers]], axis=1)
    dated = rows.assign(available_at=at.astype(datasets.MOMENT))[chosen]
    return Dated(_last_of_each(name, dated), changes, stored=int(is_known.sum()))


def withdraw(dated: Dated, missing: pd.DataFrame, *, released: dt.datetime) -> Dated:
    """Add a withdrawal from `released` on for each fact that is missing."""
    at = missing["available_at"] + A_TICK
    at = at.mask(at < pd.Timestamp(released), pd.Timestamp(released)).astype(datasets.MOMENT)
    gone = missing.assign(available_at=at, is_retracted=True)
    gone.index = pd.Index([-1] * len(gone))
    return replace(dated, rows=pd.concat([dated.rows, gone]) if len(gone) else dated.rows)


def _last_of_each(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    # Versions that fall on one moment were all known then only as the last of them.
    key = [*datasets.dataset(name).key, "available_at"]
    return rows[~rows.duplicated(key, keep="last")]


def _check_no_contradiction(name: str, rows: pd.DataFrame, where: str) -> None:
    if rows.empty:
        return
    first = rows.iloc[0]
    raise BadInput(
        where=f"{where}, {name} {dict(first[list(datasets.dataset(name).key)])}",
        expected="a revision to be known later than the figure it revises",
        found=f"another figure than the stored one, and no release date ({len(rows)} such row(s))",
        remedy="Give the release date of this file with --released YYYY-MM-DD.",
    )


def _numbers(name: str) -> list[str]:
    return [c for c, spec in datasets.dataset(name).schema.columns.items() if str(spec.dtype) == "float64"]


def _newest(store: Store, name: str) -> str:
    store.check_columns(name)
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in store.batches(name))
    key = ", ".join(datasets.dataset(name).key)
    return (
        f"SELECT * FROM read_parquet([{files}]) WHERE source = $source "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY available_at DESC) = 1"
    )


def _read(path: Path) -> Vintage:
    told = json.loads(path.read_text(encoding="utf-8"))
    moments = ("released", "newest_fact_at", "ingested_at")
    told |= {name: dt.datetime.fromisoformat(told[name]) for name in moments if told[name] is not None}
    return Vintage(**told | {"files": tuple(told["files"])})


def _unrecorded(store: Store, source: str) -> list[Vintage]:
    newest = []
    for name in datasets.DATASETS:
        if store.batches(name):
            sql = f"SELECT max(available_at) FROM ({_newest(store, name)})"
            with connect(store.memory_limit, store.threads) as db:
                answer = db.execute(sql, {"source": source}).fetchone()
            newest += [answer[0].astimezone(dt.UTC)] if answer and answer[0] else []
    return [Vintage(source, None, max(newest), max(newest), ())] if newest else []
