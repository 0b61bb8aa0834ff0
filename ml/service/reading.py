"""Reading the database, never writing it: each query in bounded time, each failure told by its kind."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, Executable, Table, and_, event, func, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from features.errors import OresightError
from ml.database.connection import DatabaseAway, answering, engine_for
from ml.database.key_tables import api_keys
from ml.database.tables import current, drift_figures, explanations, forecasts, runs, source_clocks, track_record
from ml.drift.measures import COLUMNS as DRIFT_COLUMNS
from ml.service.shapes import EXPLANATIONS, FORECASTS, RUNS, SOURCES, TRACK_RECORD
from ml.service.wanted import Order, Where, conditions, order_by
from ml.settings import Settings

__all__ = [
    "NoTables",
    "Pointer",
    "Reader",
    "TooSlow",
    "key_rows",
    "page_in_order",
    "page_of_pair",
    "page_of_runs",
    "pointer",
    "reader_for",
]
__all__ += ["drift_rows", "explanation_rows", "forecast_rows", "record_stamp", "run_rows", "source_rows"]
__all__ += ["track_record_rows"]

# How many steps SQLite takes between two looks at the clock: about a millisecond.
STEPS = 20_000


class NoTables(OresightError):
    """The database has no tables of oresight yet: nothing was published there."""


class TooSlow(OresightError):
    """A query took longer than `query_seconds`."""


class Reader:
    """Reads through one engine; safe to share between threads."""

    def __init__(self, engine: Engine, seconds: float) -> None:
        self.engine, self.seconds = engine, seconds
        name = engine.url.database
        self._file = Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None

    def rows(self, statement: Executable) -> list[tuple[Any, ...]]:
        """Give the rows of a statement.

        Raises:
            NoTables: the database is empty.
            TooSlow: it took too long and was stopped.
            DatabaseAway: the database does not answer.
        """
        if self._file is not None and not self._file.exists():
            # To open it would make an empty one.
            raise NoTables(f"there is no database at {self._file}")
        try:
            with answering(self.engine), self.engine.connect() as connection:
                if self._file is not None:
                    stop = time.monotonic() + self.seconds
                    driver: Any = connection.connection.driver_connection
                    driver.set_progress_handler(lambda: time.monotonic() > stop, STEPS)
                return [tuple(row) for row in connection.execute(statement).fetchall()]
        except (DBAPIError, DatabaseAway, PoolTimeout) as problem:
            raise self._told(problem) from problem

    def _told(self, problem: Exception) -> Exception:
        cause = problem.__cause__ if isinstance(problem, DatabaseAway) else problem
        orig = getattr(cause, "orig", cause)
        name, words = type(orig).__name__, str(orig)
        if name == "QueryCanceled" or words == "interrupted":
            return TooSlow(f"a query took more than {self.seconds:g} seconds")
        if name == "UndefinedTable" or words.startswith("no such table"):
            return NoTables("the database has no tables of oresight yet")
        if isinstance(problem, DatabaseAway):
            return problem
        return DatabaseAway(f"the database failed: {name}")


def reader_for(settings: Settings) -> Reader:
    """Open the settings' database for reading only."""
    engine = engine_for(settings)
    milliseconds = int(settings.query_seconds * 1000)

    def read_only(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        if engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute(f"SET statement_timeout = {milliseconds}")
            cursor.execute("SET default_transaction_read_only = on")
            connection.commit()
        cursor.close()

    event.listen(engine, "connect", read_only)
    return Reader(engine, settings.query_seconds)


class Pointer(NamedTuple):
    """What is current, and a stamp that changes with every run that is published, made current or taken back."""

    run_id: str | None
    edition: int
    set_at: dt.datetime | None
    stamp: str


def pointer(reader: Reader) -> Pointer:
    """Read what is current."""
    found = reader.rows(select(current.c.run_id, current.c.edition, current.c.set_at))
    held_back = func.sum(func.length(runs.c.run_id)).filter(runs.c.held_back)
    (count, newest, held) = reader.rows(
        select(func.count(), func.max(runs.c.published_at), held_back).select_from(runs)
    )[0]
    run_id, edition, set_at = found[0] if found else (None, 0, None)
    when = newest.timestamp() if newest is not None else 0
    return Pointer(run_id, edition, set_at, f"{edition}.{count}.{when:.6f}.{held or 0}")


def run_rows(reader: Reader) -> list[dict[str, Any]]:
    """Read what is on record of every run, the oldest week first, without what `run.json` says beyond that."""
    names = [*(name for name in RUNS.columns if name in runs.c), "digest"]
    order = (runs.c.as_of, runs.c.created_at, runs.c.run_id)
    return _named(reader, names, select(*(runs.c[name] for name in names)).order_by(*order))


def _named(reader: Reader, names: Sequence[str], statement: Executable) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in reader.rows(statement)]


def _of_run(reader: Reader, table: Table, names: Sequence[str], run_id: str) -> list[dict[str, Any]]:
    return _named(reader, names, select(*(table.c[name] for name in names)).where(table.c.run_id == run_id))


def forecast_rows(reader: Reader, run_id: str) -> list[tuple[Any, ...]]:
    """Read all forecasts of a run, with the contract's columns."""
    columns = [forecasts.c[name] for name in FORECASTS.columns]
    return reader.rows(select(*columns).where(forecasts.c.run_id == run_id))


def explanation_rows(reader: Reader, run_id: str, target: str, horizon: str, mineral: str) -> list[tuple[Any, ...]]:
    """Read all explanations of one target, horizon and mineral in a run."""
    columns = [explanations.c[name] for name in EXPLANATIONS.columns]
    given = {"run_id": run_id, "target": target, "horizon": horizon, "mineral": mineral}
    return reader.rows(select(*columns).where(*(explanations.c[name] == value for name, value in given.items())))


def source_rows(reader: Reader, run_id: str) -> list[dict[str, Any]]:
    """Read the three clocks of every source at a run."""
    return _of_run(reader, source_clocks, [name for name in SOURCES.columns if name in source_clocks.c], run_id)


def drift_rows(reader: Reader, run_id: str) -> list[dict[str, Any]]:
    """Read what was measured of a run's data against those before."""
    return _of_run(reader, drift_figures, list(DRIFT_COLUMNS), run_id)


def track_record_rows(reader: Reader) -> list[dict[str, Any]]:
    """Read the record; the database holds the newest one."""
    names = list(TRACK_RECORD.columns)
    return _named(reader, names, select(*(track_record.c[name] for name in names)).order_by(track_record.c.number))


def record_stamp(reader: Reader) -> str:
    """Give what changes when another record is stored."""
    columns = (
        func.count(),
        func.max(track_record.c.as_of),
        func.max(track_record.c.run_id),
        func.sum(track_record.c.value),
    )
    count, as_of, run_id, total = reader.rows(select(*columns).select_from(track_record))[0]
    return f"{count}.{run_id}.{as_of and as_of.date()}.{total}"


def key_rows(reader: Reader) -> list[dict[str, Any]]:
    """Read every key's digest and what it may do."""
    return _named(reader, list(api_keys.c.keys()), select(*api_keys.c))


def page_of_runs(
    reader: Reader,
    table: Table,
    names: Sequence[str],
    key: Sequence[str],
    run_ids: Sequence[str],
    where: Where,
    *,
    after: Sequence[Any] | None,
    limit: int,
    first_chunk: int,
) -> list[tuple[Any, ...]]:
    """Read up to `limit` rows of some runs, run by run, each in the order of the key.

    Runs are asked in chunks that double, so that neither a filter that nearly all rows pass nor one that hardly any
    passes reads much more than it gives.

    Args:
        key: the table's key; its first column is `run_id`.
        run_ids: sorted, the oldest week first or the newest first (an id begins with its week).
        after: the key's values of the last row of the page before.
        first_chunk: how many runs to ask at first.
    """
    columns = [table.c[name] for name in names]
    rank = {run_id: number for number, run_id in enumerate(run_ids)}
    start, found = 0, list[tuple[Any, ...]]()
    rest = [table.c[name] for name in key[1:]]
    common = conditions(table, where)
    if after is not None:
        start = rank[after[0]] + 1
        statement = select(*columns).where(table.c.run_id == after[0], _beyond(rest, after[1:]), *common)
        found += reader.rows(statement.order_by(*rest).limit(limit))
    size = first_chunk
    while len(found) < limit and start < len(run_ids):
        chunk = run_ids[start : start + size]
        start, size = start + size, size * 2
        statement = select(*columns).where(table.c.run_id.in_(chunk), *common)
        by_run = table.c.run_id.desc() if run_ids[0] > run_ids[-1] else table.c.run_id
        ordered = _by_filter(rest) if any(name in ("mineral", "supplier") for name, _ in where.among) else rest
        found += reader.rows(statement.order_by(by_run, *ordered).limit(limit - len(found)))
    return found


def _by_filter(columns: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    # SQLite without statistics takes the index that is in the order asked for, and reads whole runs for a few rows. An
    # order that no index has lets it take the one of the filter.
    return [columns[0].concat(""), *columns[1:]]


def page_of_pair(
    reader: Reader,
    table: Table,
    names: Sequence[str],
    key: Sequence[str],
    run_ids: Sequence[str],
    where: Where,
    *,
    after: Sequence[Any] | None,
    limit: int,
) -> list[tuple[Any, ...]]:
    """Read up to `limit` rows of one pair over some runs, by run and key: few rows in a run, by the index of pairs.

    Args:
        run_ids: sorted, the oldest week first or the newest first.
    """
    run_id, falls = table.c.run_id, run_ids[0] > run_ids[-1]
    statement = select(*(table.c[name] for name in names)).where(*conditions(table, where))
    if after is not None:
        further = run_id < after[0] if falls else run_id > after[0]
        same_run = and_(run_id == after[0], _beyond([table.c[name] for name in key[1:]], after[1:]))
        statement = statement.where(or_(further, same_run))
    # The runs wanted are nearly all there are; to name each would lead SQLite to read each.
    wanted = set(run_ids)
    statement = statement.where(run_id >= min(run_ids), run_id <= max(run_ids))
    order = [run_id.desc() if falls else run_id, *(table.c[name] for name in key[1:])]
    at = names.index("run_id")
    found: list[tuple[Any, ...]] = []
    offset = 0
    while len(found) < limit:
        part = reader.rows(statement.order_by(*order).offset(offset).limit(limit))
        found += [row for row in part if row[at] in wanted]
        offset += limit
        if len(part) < limit:
            break
    return found[:limit]


def _beyond(columns: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    # Written out: not every planner uses an index for a comparison of tuples.
    steps = []
    for number, (column, value) in enumerate(zip(columns, values, strict=True)):
        same = [each == other for each, other in zip(columns[:number], values[:number], strict=True)]
        steps.append(and_(*same, column > value))
    return or_(*steps)


def page_in_order(
    reader: Reader,
    table: Table,
    names: Sequence[str],
    key: Sequence[str],
    run_ids: Sequence[str],
    where: Where,
    order: Order,
    *,
    offset: int,
    limit: int,
) -> list[tuple[Any, ...]]:
    """Read up to `limit` rows of some runs in any order; the whole selection is sorted, so narrow it."""
    columns = [table.c[name] for name in names]
    statement = select(*columns).where(table.c.run_id.in_(run_ids), *conditions(table, where))
    return reader.rows(statement.order_by(*order_by(table, order, key)).offset(offset).limit(limit))
