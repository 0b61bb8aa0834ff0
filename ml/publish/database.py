"""A run into the relational store: all of its rows and the pointer to it in one transaction, or nothing.

What is stored can be made again from the run's folder. Publishing a run twice changes nothing. `current` is moved by
compare-and-set on its edition: of two publishers that both mean to move it, one does, and the other one is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Connection, Engine, delete, func, select, update

from features.errors import OresightError
from ml.database.connection import answering, insert_into, writing
from ml.database.loading import load_rows
from ml.database.tables import current, drift_figures, explanations, forecasts, runs, source_clocks, track_record
from ml.publish.rows import check_files, drift_rows, explanation_rows, forecast_rows, order_of, run_row

# The weekly job calls this module.
if TYPE_CHECKING:
    from ml.runs import Run

__all__ = [
    "KEEP_EXPLANATIONS",
    "PublishedByAnother",
    "current_in",
    "publish_record",
    "publish_run",
    "stored_digests",
]

# Explanations are by far the most rows: those of the newest runs are kept, a quarter of a year.
KEEP_EXPLANATIONS = 13
NEWEST_FIRST = (runs.c.as_of.desc(), runs.c.created_at.desc(), runs.c.run_id.desc())
ROWS_OF_RUN = (forecasts, explanations, drift_figures, source_clocks)


class PublishedByAnother(OresightError):
    """Another publisher moved `current` meanwhile; nothing of this run was stored."""


def publish_run(
    engine: Engine,
    run: Run,
    *,
    now: dt.datetime,
    clocks: pd.DataFrame | None = None,
    keep_runs: int = 0,
    keep_explanations: int = KEEP_EXPLANATIONS,
    again: bool = False,
) -> bool:
    """Store a run and, when it is the newest that was not held back, make it current.

    Args:
        now: the clock, for `published_at`.
        clocks: the sources' clocks as `ml.publish.clocks` reads them, where they are known.
        keep_runs: how many of the newest runs stay in the database, 0 for all; files stay in any case.
        keep_explanations: of how many of the newest runs explanations stay.
        again: store it anew also when it is there already.

    Returns:
        Whether anything was stored; False when the same run is there already, or is older than those that are kept.

    Raises:
        BadInput: a file of the run is not what was published.
        PublishedByAnother: somebody else made another run current meanwhile.
        DatabaseAway: the database does not answer; nothing was stored.
    """
    about = run.about
    check_files(run)
    row = run_row(about, now=now)
    with answering(engine):
        with engine.connect() as connection:
            edition = connection.scalar(select(current.c.edition)) or 0
            digest = connection.scalar(select(runs.c.digest).where(runs.c.run_id == run.run_id))
            newer = _newer_than(connection, about)
        if (digest == row["digest"] and not again) or (keep_runs and newer >= keep_runs):
            return False
        tables = {forecasts: forecast_rows(run), drift_figures: drift_rows(run)}
        if newer < keep_explanations:
            tables[explanations] = explanation_rows(run)
        if clocks is not None:
            tables[source_clocks] = clocks.assign(run_id=run.run_id)
        with writing(engine) as connection:
            if not _upsert_run(connection, row, again=again):
                return False  # another publisher of the same run was quicker
            for table in ROWS_OF_RUN:
                connection.execute(delete(table).where(table.c.run_id == run.run_id))
            for table, rows in tables.items():
                load_rows(connection, table, rows)
            if not row["held_back"]:
                _move_current(connection, row, edition)
            _forget(connection, keep_runs=keep_runs, keep_explanations=keep_explanations)
    return True


def publish_record(engine: Engine, record: pd.DataFrame) -> bool:
    """Store the track record with the current run, instead of the one that was stored before.

    Args:
        record: what `ml.publish.record_rows` gives.

    Returns:
        Whether it was stored; False when no run is current or the same record is there already.

    Raises:
        DatabaseAway: the database does not answer; the record before stays.
    """
    with answering(engine), writing(engine) as connection:
        run_id = connection.scalar(select(current.c.run_id).with_for_update())
        if run_id is None:
            return False
        rows = record.assign(run_id=run_id)
        if _is_stored(connection, rows):
            return False
        connection.execute(delete(track_record))
        load_rows(connection, track_record, rows)
    return True


def stored_digests(engine: Engine) -> dict[str, str]:
    """Give the digest of every run that is stored, by its id.

    Raises:
        DatabaseAway: the database does not answer.
    """
    with answering(engine), engine.connect() as connection:
        return {row.run_id: row.digest for row in connection.execute(select(runs.c.run_id, runs.c.digest))}


def current_in(engine: Engine) -> tuple[str, int] | None:
    """Give the id of the current run and the edition of the pointer; None when no run is current.

    Raises:
        DatabaseAway: the database does not answer.
    """
    with answering(engine), engine.connect() as connection:
        row = connection.execute(select(current.c.run_id, current.c.edition)).one_or_none()
    return (row.run_id, row.edition) if row else None


def _newer_than(connection: Connection, about: Mapping[str, Any]) -> int:
    as_of, created_at = order_of(about)
    is_newer = (runs.c.as_of > as_of) | ((runs.c.as_of == as_of) & (runs.c.created_at > created_at))
    return connection.scalar(select(func.count()).where(is_newer)) or 0


def _upsert_run(connection: Connection, row: Mapping[str, Any], *, again: bool) -> bool:
    new = insert_into(connection, runs).values(**row)
    upsert = new.on_conflict_do_update(
        index_elements=[runs.c.run_id],
        set_={name: new.excluded[name] for name in row if name != "run_id"},
        where=None if again else runs.c.digest != new.excluded.digest,
    )
    return connection.scalar(upsert.returning(runs.c.run_id)) is not None


def _move_current(connection: Connection, row: Mapping[str, Any], edition: int) -> None:
    pointer = select(current.c.edition, current.c.run_id, runs.c.as_of, runs.c.created_at)
    at = connection.execute(pointer.join_from(current, runs)).one_or_none()
    values = {"run_id": row["run_id"], "as_of": row["as_of"], "set_at": row["published_at"]}
    if at is None:
        first = insert_into(connection, current).values(number=1, edition=1, **values)
        moved = connection.scalar(first.on_conflict_do_nothing().returning(current.c.edition))
    elif (at.as_of, at.created_at, at.run_id) >= (row["as_of"], row["created_at"], row["run_id"]):
        return
    else:
        is_as_seen = current.c.edition == edition
        move = update(current).where(is_as_seen).values(edition=edition + 1, **values)
        moved = connection.scalar(move.returning(current.c.edition))
    if moved is None:
        raise PublishedByAnother(
            f"another publisher made a run current while {row['run_id']} was being stored; nothing of {row['run_id']} "
            "was stored in the database; run `oresight publish` to publish it after the other one"
        )


def _forget(connection: Connection, *, keep_runs: int, keep_explanations: int) -> None:
    # One publisher at a time: two that delete the same rows in another order would wait for each other.
    kept = connection.scalar(select(current.c.run_id).with_for_update())
    old = select(runs.c.run_id).order_by(*NEWEST_FIRST)
    connection.execute(delete(explanations).where(explanations.c.run_id.in_(old.offset(keep_explanations))))
    if keep_runs:
        is_old = runs.c.run_id.in_(old.offset(keep_runs))
        connection.execute(delete(runs).where(is_old, runs.c.run_id != (kept or "")))


def _is_stored(connection: Connection, rows: pd.DataFrame) -> bool:
    columns = [track_record.c[name] for name in rows.columns]
    stored = pd.DataFrame(
        connection.execute(select(*columns).order_by(track_record.c.number)).all(), columns=list(rows.columns)
    )
    return len(stored) == len(rows) and stored.astype(rows.dtypes.to_dict()).equals(rows.reset_index(drop=True))
