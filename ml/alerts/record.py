"""Warnings in the database: read what is open, put changes on record, all of a run or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, select, update

from ml.alerts.conditions import Mute
from ml.alerts.states import Change, Key, Row, Warning
from ml.database.connection import insert_into
from ml.database.warning_tables import mutes, warning_events, warning_runs, warnings

__all__ = [
    "Event",
    "active_mutes",
    "as_warning",
    "claim_run",
    "events_of",
    "find_warning",
    "insert_once",
    "last_cleared",
    "newest_run",
    "open_warnings",
    "save_changes",
    "save_event",
    "save_warning",
    "told_one_by_one",
]

Json = dict[str, Any]
ROW = ("target", "horizon", "window_end", "mineral", "stage", "supplier", "tier", "probability", "p_low", "p_high")
STATE = ("warning_id", "rule", "state", "peak_tier", "raised_as_of", "changed_as_of", "number", "waits_from")
FLAGS = ("was_told", "is_behind")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was put on record: a change of a warning, a digest, a notice."""

    event_id: str
    warning_id: str | None
    number: int
    kind: str
    why: str
    told: str
    is_drill: bool
    run_id: str
    as_of: dt.datetime
    created_at: dt.datetime
    facts: Json


def insert_once(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows whose primary key is not there yet; a second writer waits for the first and adds nothing.

    Returns:
        How many were added.
    """
    if not rows:
        return 0
    # Asked of the rows themselves: drivers don't count alike what a conflict left out.
    insert = insert_into(connection, table).on_conflict_do_nothing().returning(table.primary_key.columns[0])
    return len(connection.execute(insert, list(rows)).all())


def claim_run(
    connection: Connection,
    run_id: str,
    as_of: dt.datetime,
    *,
    is_drill: bool,
    is_trusted: bool,
    now: dt.datetime,
    rules_digest: str,
) -> bool:
    """Be the one who reads a run; False when it has been read. One that was held back is read again once accepted."""
    row = {
        "run_id": run_id,
        "is_drill": is_drill,
        "as_of": as_of,
        "evaluated_at": now,
        "held": None,
        "rules_digest": rules_digest,
        "events": 0,
    }
    if insert_once(connection, warning_runs, [row]) == 1:
        return True
    own = (warning_runs.c.run_id == run_id, warning_runs.c.is_drill == is_drill, warning_runs.c.held.is_not(None))
    return is_trusted and connection.execute(update(warning_runs).where(*own).values(**row)).rowcount == 1


def newest_run(connection: Connection, *, is_drill: bool, trusted: bool = False, but: str = "") -> RowMapping | None:
    """Give the newest run that was read and is not `but`; with `trusted`, of those that could be relied on."""
    query = select(warning_runs).where(warning_runs.c.is_drill == is_drill, warning_runs.c.run_id != but)
    if trusted:
        query = query.where(warning_runs.c.held.is_(None))
    newest = query.order_by(warning_runs.c.as_of.desc(), warning_runs.c.evaluated_at.desc()).limit(1)
    return connection.execute(newest).mappings().first()


def open_warnings(connection: Connection, *, is_drill: bool) -> list[Warning]:
    """List open warnings by id."""
    query = select(warnings).where(warnings.c.open_key.is_not(None), warnings.c.is_drill == is_drill)
    return [as_warning(row) for row in connection.execute(query.order_by(warnings.c.warning_id)).mappings()]


def last_cleared(connection: Connection, *, since: dt.datetime, is_drill: bool) -> dict[Key, Warning]:
    """Give the newest cleared warning of each event that was cleared at or after a date."""
    query = select(warnings).where(
        warnings.c.open_key.is_(None), warnings.c.is_drill == is_drill, warnings.c.changed_as_of >= since
    )
    found = (as_warning(row) for row in connection.execute(query.order_by(warnings.c.changed_as_of)).mappings())
    return {warning.row.key: warning for warning in found}


def find_warning(connection: Connection, warning_id: str, *, lock: bool = False) -> RowMapping | None:
    """Give a warning's row by its id in capitals or small letters; `lock` keeps others from changing it meanwhile."""
    query = select(warnings).where(warnings.c.warning_id == warning_id.strip().upper())
    # SQLite has one writer, who is in already.
    return connection.execute(query.with_for_update() if lock else query).mappings().first()


def told_one_by_one(connection: Connection, begin: dt.datetime, end: dt.datetime, *, is_drill: bool) -> int:
    """Count changes told one by one for runs of a span, acknowledgements left out."""
    query = select(func.count()).where(
        warning_events.c.told == "single",
        warning_events.c.is_drill == is_drill,
        warning_events.c.kind.in_(("raised", "updated", "cleared")),
        and_(warning_events.c.as_of >= begin, warning_events.c.as_of < end),
    )
    return connection.scalar(query) or 0


def active_mutes(connection: Connection, now: dt.datetime) -> list[Mute]:
    """List mutes that have neither expired nor been ended."""
    query = select(mutes).where(mutes.c.muted_until > now, mutes.c.ended_at.is_(None)).order_by(mutes.c.mute_id)
    return [
        Mute(row["mute_id"], row["pattern"], row["muted_until"], row["why"], row["muted_by"])
        for row in connection.execute(query).mappings()
    ]


def events_of(
    connection: Connection, *conditions: Any, limit: int | None = None, newest_first: bool = True
) -> list[Event]:
    """List events that meet conditions on `warning_events`."""
    order = (warning_events.c.created_at, warning_events.c.number, warning_events.c.event_id)
    query = select(warning_events).where(*conditions)
    query = query.order_by(*(column.desc() for column in order) if newest_first else order).limit(limit)
    return [Event(**row) for row in connection.execute(query).mappings()]


def save_changes(
    connection: Connection,
    changes: Iterable[tuple[Change, Json]],
    *,
    run_id: str,
    as_of: dt.datetime,
    is_drill: bool,
    now: dt.datetime,
) -> list[Event]:
    """Put a run's changes, each with its facts, on record."""
    events: list[Event] = []
    raised: list[Json] = []
    for change, facts in changes:
        warning = change.warning
        values = _values(warning, run_id=run_id, is_drill=is_drill)
        if change.kind == "raised":
            raised.append({**values, "acknowledged_at": None, "acknowledged_by": None})
        else:
            if change.kind == "updated" and warning.waits_from == warning.number:
                values |= {"acknowledged_at": None, "acknowledged_by": None}
            save_warning(connection, values)
        events.append(
            Event(
                event_id=f"{warning.warning_id}/{warning.number}",
                warning_id=warning.warning_id,
                number=warning.number,
                kind=change.kind,
                why=change.why,
                told=change.told,
                is_drill=is_drill,
                run_id=run_id,
                as_of=as_of,
                created_at=now,
                facts=facts,
            )
        )
    if raised:
        connection.execute(warnings.insert(), raised)
    if events:
        connection.execute(warning_events.insert(), [_cells(event) for event in events])
    return events


def save_warning(connection: Connection, values: Mapping[str, Any]) -> None:
    """Change a warning's row."""
    connection.execute(update(warnings).where(warnings.c.warning_id == values["warning_id"]).values(**values))


def save_event(connection: Connection, event: Event) -> bool:
    """Put one event on record; False when it is there already."""
    return insert_once(connection, warning_events, [_cells(event)]) == 1


def _cells(event: Event) -> Json:
    return {name: getattr(event, name) for name in Event.__slots__}


def _values(warning: Warning, *, run_id: str, is_drill: bool) -> Json:
    row = warning.row
    # A drill that was called stands beside those of runs in drill mode.
    open_key = warning.warning_id if warning.rule == "drill" else "|".join((str(is_drill), *row.key))
    return {
        **{name: getattr(warning, name) for name in (*STATE, *FLAGS)},
        **{name: getattr(row, name) for name in (*ROW, "base_rate")},
        "event_window": row.window,
        "open_key": None if warning.state == "cleared" else open_key,
        "run_id": run_id,
        "is_drill": is_drill,
    }


def as_warning(cells: RowMapping) -> Warning:
    """Give a warning's row as the state machine has it."""
    row = Row(
        **{name: cells[name] for name in (*ROW, "base_rate")},
        window=cells["event_window"],
        is_alert=True,
        change=None,
    )
    return Warning(row=row, **{name: cells[name] for name in (*STATE, *FLAGS)})
