"""What people do with warnings: take note, mute, call a drill, send again. It is put on record with their names."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from features.catalog import load_catalog
from features.errors import ConfigError
from ml.alerts import outbox, record
from ml.alerts.conditions import check_pattern, is_muted
from ml.alerts.evaluation import Trade, queue_event, shares_for
from ml.alerts.facts import facts_of, read_rows
from ml.alerts.rules import Rules
from ml.alerts.states import Change, Warning, acknowledge, rank, warning_id
from ml.contract import TIERS
from ml.database.connection import writing
from ml.database.warning_tables import mutes, warning_events, warnings

__all__ = ["acknowledge_warning", "call_drill", "end_mutes", "mute", "send_again"]

Json = dict[str, Any]
REFERENCE = re.compile(r"^(W[0-9A-Z]{8})(?:[/-](\d+))?$")
LONGEST = 200


def acknowledge_warning(
    engine: Engine, rules: Rules | None, reference: str, *, by: str, note: str = "", now: dt.datetime
) -> Json:
    """Take note of a warning, or of one of its events (`W…/2`), whichever order people do so in.

    Args:
        rules: who is told of it; nobody when None.

    Returns:
        warning_id, state and outcome: `acknowledged`, `already`, `cleared` (it was over) or `superseded` (the event was
        read, but a graver one came after it, which still waits).

    Raises:
        ConfigError: the reference is none, or names a warning or an event that is not there.
    """
    name, number = _reference(reference)
    by, note = _clean(by, "--by"), _clean(note)
    if not by:
        raise ConfigError("--by: say who acknowledges")
    with writing(engine) as connection:
        row = record.find_warning(connection, name, lock=True)
        if row is None:
            raise ConfigError(f"there is no warning {name}; `oresight alerts list` shows those there are")
        try:
            after, outcome = acknowledge(record.as_warning(row), number)
        except ValueError as problem:
            raise ConfigError(str(problem)) from None
        last = record.events_of(connection, warning_events.c.event_id == f"{row['warning_id']}/{row['number']}")[0]
        facts = {**last.facts, "by": by, "note": note, "acknowledged_at": now.isoformat(timespec="seconds")}
        event = replace(last, kind="acknowledged", why="acknowledged", told="quiet", created_at=now, facts=facts)
        if outcome == "acknowledged":
            values = {"warning_id": row["warning_id"], "state": after.state, "number": after.number}
            record.save_warning(connection, values | {"acknowledged_at": now, "acknowledged_by": by})
            facts |= {"kind": "acknowledged", "why": "acknowledged", "number": after.number}
            told = "muted" if is_muted(after, record.active_mutes(connection, now), now) else "single"
            event = replace(event, event_id=f"{name}/{after.number}", number=after.number, told=told)
            record.save_event(connection, event)
            outbox.withdraw(
                connection,
                name,
                before=after.number,
                only_unless_acknowledged=True,
                why=f"acknowledged by {by}",
            )
            if told == "single" and rules is not None:
                queue_event(connection, event, rules, now=now)
        elif outcome != "already":
            # On record only: it changes nothing any more.
            read = number or row["number"]
            late = replace(event, event_id=f"{name}/{read}+ack", number=read, facts=facts | {"outcome": outcome})
            record.save_event(connection, late)
        who = row["acknowledged_by"] if outcome == "already" and row["acknowledged_by"] else by
        return {"warning_id": name, "state": after.state, "outcome": outcome, "by": who}


def _reference(told: str) -> tuple[str, int | None]:
    found = REFERENCE.match(told.strip().upper())
    if found is None:
        raise ConfigError(f"{told!r} is no warning; write its id such as W3K9Q2ZAB, or one of its events, W3K9Q2ZAB/2")
    return found[1], int(found[2]) if found[2] else None


def _clean(text: str, option: str = "") -> str:
    # It goes into XML, mails and terminals.
    told = "".join(letter for letter in text if letter.isprintable()).strip()
    if option and len(told) > LONGEST:
        raise ConfigError(f"{option}: longer than {LONGEST} characters")
    return told[:LONGEST]


def mute(engine: Engine, pattern: str, *, until: dt.datetime, why: str, by: str, now: dt.datetime) -> Json:
    """Tell nobody of what a pattern covers until a moment; states go on, and what was missed is told afterwards.

    Raises:
        ConfigError: the pattern can't match, the moment is past, or there is no reason.
    """
    check_pattern(pattern)
    why, by = _clean(why, "--why"), _clean(by, "--by")
    if not why:
        raise ConfigError("--why: say why; who reads the list later can't know")
    if until <= now:
        raise ConfigError(f"--until {until.date().isoformat()} is over already")
    row = {"pattern": pattern, "muted_until": until, "why": why, "muted_by": by, "created_at": now, "ended_at": None}
    with writing(engine) as connection:
        number = connection.execute(mutes.insert().values(**row).returning(mutes.c.mute_id)).scalar_one()
    return {"mute_id": number, "pattern": pattern, "until": until, "why": why, "by": by}


def end_mutes(engine: Engine, pattern: str, *, now: dt.datetime) -> int:
    """End mutes of a pattern, or the one with that number.

    Returns:
        How many were ended.
    """
    own = mutes.c.mute_id == int(pattern) if pattern.isdigit() else mutes.c.pattern == pattern
    with writing(engine) as connection:
        return connection.execute(update(mutes).where(own, mutes.c.ended_at.is_(None)).values(ended_at=now)).rowcount


def send_again(engine: Engine, reference: str | None, *, dead: bool, now: dt.datetime) -> int:
    """Put deliveries back into the queue, under the keys they had: dead ones, or all of one warning.

    Returns:
        How many were put back.
    """
    name = _reference(reference)[0] if reference else None
    with writing(engine) as connection:
        if name and record.find_warning(connection, name) is None:
            raise ConfigError(f"there is no warning {name}; `oresight alerts list` shows those there are")
        return outbox.resend(connection, warning_id=name, dead=dead, now=now)


def call_drill(
    engine: Engine,
    rules: Rules,
    run: Any,
    *,
    tier: str | None,
    trade: Trade | None = None,
    track_record: Mapping[str, Any] | None = None,
    now: dt.datetime,
) -> Json:
    """Warn of one real row of a run as a drill: the whole order of response is gone through, marked as a drill.

    Args:
        tier: whose plan to drill; the highest tier in the run by default.

    Raises:
        ConfigError: the run has no such row.
    """
    about, rows = run.about, read_rows(run.forecasts())
    asked = [row for row, _ in rows.values() if not row.is_unsure and tier in (None, row.tier)]
    if not asked:
        raise ConfigError(f"run {about['run_id']} has no row of tier {tier or 'any'}; tiers are {', '.join(TIERS)}")
    row = max(asked, key=lambda row: (rank(row.tier), row.is_alert, row.probability, row.key))
    as_of = dt.datetime.fromisoformat(about["as_of"]).replace(tzinfo=now.tzinfo)
    name = warning_id(row.key, f"{about['run_id']}|{now.isoformat()}", is_drill=True)
    warning = Warning(name, "drill", row, "raised", row.tier, as_of, as_of, was_told=True)
    change = Change(warning, "raised", "drill", "single")
    shares, catalog = shares_for(rules, trade), load_catalog()
    facts = facts_of(
        change,
        None,
        rows[row.key][1],
        rules=rules,
        catalog=catalog,
        shares=shares,
        record=track_record,
        as_of=as_of,
        run_id=about["run_id"],
    )
    with writing(engine) as connection:
        _end_drills(connection)
        events = record.save_changes(
            connection, [(change, facts)], run_id=about["run_id"], as_of=as_of, is_drill=True, now=now
        )
        queued = queue_event(connection, events[0], rules, now=now)
    return {"warning_id": name, "tier": row.tier, "mineral": row.mineral, "supplier": row.supplier, "queued": queued}


def _end_drills(connection: Connection) -> None:
    # The former drill is over without another message.
    drills = (warnings.c.is_drill.is_(True), warnings.c.open_key.is_not(None), warnings.c.rule == "drill")
    for name in connection.scalars(select(warnings.c.warning_id).where(*drills)).all():
        outbox.withdraw(connection, name, before=10**6, only_unless_acknowledged=False, why="the drill is over")
        record.save_warning(connection, {"warning_id": name, "state": "cleared", "open_key": None})
