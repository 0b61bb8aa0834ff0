"""What the commands about warnings do: read a run, send, list, acknowledge, mute, drill, publish the page."""

from __future__ import annotations

import datetime as dt
import secrets
import socket
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, func, select

from features.catalog import load_catalog
from features.errors import ConfigError, OresightError
from features.knowledge_time import UTC, as_moment
from ml.alerts import acknowledging, outbox, record
from ml.alerts.delivery import deliver as send_due
from ml.alerts.evaluation import Evaluation, evaluate_run, notice_missing
from ml.alerts.rules import Rules, load_rules
from ml.alerts.web import write_web
from ml.asked import asked_mineral, reviewer
from ml.database.connection import answering, engine_for
from ml.database.migrating import ensure_current
from ml.database.warning_tables import deliveries, warning_events, warnings
from ml.ledger.kept_record import read_record
from ml.runs import Run, current_run, find_run
from ml.settings import Settings, load_settings

__all__ = ["ack", "deliver", "drill", "feed", "listed", "mute", "resend", "run", "show", "unmute", "warn_of_run"]

Say = Callable[[str], None]
Json = dict[str, Any]
STATES = ("raised", "updated", "acknowledged", "cleared", "open", "all")


def warn_of_run(settings: Settings, run: Run, *, now: dt.datetime, say: Say) -> Json:
    """Read a run that was just made against the rules, send what is due, write the page: the weekly job's last step.

    The run is published already; that nobody could be warned must not look as if it were not. So nothing is raised.

    Returns:
        What `run` gives, or `failed`: why nothing was looked at. Again for the same run, it only sends what is due.
    """
    try:
        return _run(settings, run, now=now, say=say, is_drill=False, dry_run=False)
    except OresightError as problem:
        say(f"Warnings: nobody was told: {problem}; `oresight alerts run` tries again")
        return {"failed": str(problem)}


def run(*, as_of: str | None, is_drill: bool, dry_run: bool, home: Path | None, say: Say) -> Json:
    """Read the current run, or that of a week, against the rules; send what is due and write the page."""
    settings, now = load_settings(home), _now()
    asked = find_run(settings, None if as_of is None else as_moment(as_of))
    return _run(settings, asked, now=now, say=say, is_drill=is_drill, dry_run=dry_run)


def _run(settings: Settings, asked: Run, *, now: dt.datetime, say: Say, is_drill: bool, dry_run: bool) -> Json:
    rules, engine = load_rules(settings.alerts_file), _engine(settings)
    with answering(engine):
        found = evaluate_run(
            engine,
            rules,
            asked,
            asked.forecasts(),
            now=now,
            say=say,
            trade=_trade(settings, asked, now=now),
            track_record=read_record(settings.home),
            drill=is_drill,
            dry_run=dry_run,
        )
        about = _about(found)
        if dry_run:
            return about
        sent = send_due(engine, rules, clock=_now, who=_who(), say=say)
        web = write_web(engine, rules, settings.home / "warnings", now=now)
        return {**about, "deliveries": asdict(sent), "dead": _dead(engine), "web": web}


def _about(found: Evaluation) -> Json:
    return {
        "run_id": found.run_id,
        "as_of": found.as_of.date().isoformat(),
        "is_drill": found.is_drill,
        "skipped": found.skipped,
        "held_why": found.held_why,
        "held": list(found.held),
        "counts": {kind: found.count(kind) for kind in ("raised", "updated", "cleared")},
        "in_digest": sum(event.told == "digest" for event in found.events),
        "muted": sum(event.told == "muted" for event in found.events),
        "queued": found.queued,
        "events": [_short(event) for event in found.events if event.warning_id],
    }


def _short(event: record.Event) -> Json:
    names = ("mineral", "supplier", "target", "window", "tier", "probability", "p_low", "p_high", "base_rate")
    about = {"event_id": event.event_id, "kind": event.kind, "why": event.why, "told": event.told}
    return about | {name: event.facts[name] for name in names}


def _trade(settings: Settings, asked: Run, *, now: dt.datetime) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        # `oresight alerts deliver` runs every few minutes and reads no trade.
        from ml.knowledge import open_store

        return open_store(settings, now=now).read("trade", as_of=as_moment(asked.about["as_of"]))

    return read


def deliver(*, home: Path | None, say: Say) -> Json:
    """Send what is due, and say once a week that no run has come where one is overdue."""
    settings, now = load_settings(home), _now()
    rules, engine = load_rules(settings.alerts_file), _engine(settings)
    with answering(engine):
        missing = notice_missing(engine, rules, current_run(settings), now=now, say=say)
        sent = send_due(engine, rules, clock=_now, who=_who(), say=say)
        if missing:
            write_web(engine, rules, settings.home / "warnings", now=now)
        with engine.connect() as connection:
            queue = outbox.counts(connection)
        return {"deliveries": asdict(sent), "missing_run": bool(missing), "dead": _dead(engine), "queue": queue}


def listed(*, state: str, mineral: str | None, since: str | None, home: Path | None) -> Json:
    """List warnings, the newest change first, and the mutes in force.

    Raises:
        ConfigError: there is no such state or mineral.
    """
    if state not in STATES:
        raise ConfigError(f"--state is one of {', '.join(STATES)}, not {state!r}")
    engine, query = _engine(load_settings(home)), select(warnings)
    if state == "open":
        query = query.where(warnings.c.open_key.is_not(None))
    elif state != "all":
        query = query.where(warnings.c.state == state)
    if mineral:
        query = query.where(warnings.c.mineral == asked_mineral(load_catalog(), mineral))
    if since:
        query = query.where(warnings.c.changed_as_of >= as_moment(since))
    order = (warnings.c.changed_as_of.desc(), warnings.c.probability.desc(), warnings.c.warning_id)
    hidden = ("open_key", "was_told", "is_behind", "waits_from", "number")
    with answering(engine), engine.connect() as connection:
        rows = connection.execute(query.order_by(*order)).mappings().all()
        now_muted = record.active_mutes(connection, _now())
    return {
        "warnings": [{name: value for name, value in row.items() if name not in hidden} for row in rows],
        "mutes": [asdict(each) for each in now_muted],
    }


def show(reference: str, *, language: str, home: Path | None) -> Json:
    """Give a warning: its text, all that happened to it, and what was sent to whom.

    Raises:
        ConfigError: there is no such warning.
    """
    from ml.alerts.texts import compose

    settings = load_settings(home)
    engine = _engine(settings)
    try:
        address = load_rules(settings.alerts_file).web.address
    except OresightError:
        address = ""  # of the page; a warning can be read without it
    with answering(engine), engine.connect() as connection:
        row = record.find_warning(connection, reference.partition("/")[0])
        if row is None:
            raise ConfigError(f"there is no warning {reference}; `oresight alerts list` shows those there are")
        own = warning_events.c.warning_id == row["warning_id"]
        events = record.events_of(connection, own, newest_first=False)
        query = select(deliveries).where(deliveries.c.warning_id == row["warning_id"])
        sent = connection.execute(query.order_by(deliveries.c.number, deliveries.c.step, deliveries.c.recipient))
        names = ("delivery_id", "event_id", "channel", "recipient", "step", "state", "attempts", "next_attempt_at")
        told = [{name: each[name] for name in (*names, "sent_at", "last_error")} for each in sent.mappings()]
    last = next(each for each in events if each.number == row["number"] and "+" not in each.event_id)
    message = compose("", last.event_id, last.facts, language=language, is_drill=last.is_drill, address=address)
    return {
        "warning": dict(row),
        "subject": message.subject,
        "text": message.text,
        "sms": message.short,
        "events": [{"event_id": each.event_id, "at": each.created_at, **_short(each)} for each in events],
        "deliveries": told,
    }


def ack(reference: str, *, by: str | None, note: str, home: Path | None, say: Say) -> Json:
    """Take note of a warning; where the rules can't be read it is put on record all the same, and nobody is told."""
    settings = load_settings(home)
    engine, who = _engine(settings), by or reviewer()
    try:
        rules = load_rules(settings.alerts_file)
    except OresightError as problem:
        rules = None
        say(f"Nobody is told of this: {problem}")
    with answering(engine):
        return acknowledging.acknowledge_warning(engine, rules, reference, by=who, note=note, now=_now())


def mute(pattern: str, *, until: str, why: str, home: Path | None) -> Json:
    """Mute a pattern until a date."""
    engine = _engine(load_settings(home))
    with answering(engine):
        return acknowledging.mute(engine, pattern, until=as_moment(until), why=why, by=reviewer(), now=_now())


def unmute(pattern: str, *, home: Path | None) -> Json:
    """End mutes.

    Raises:
        ConfigError: none was in force.
    """
    engine = _engine(load_settings(home))
    with answering(engine):
        ended = acknowledging.end_mutes(engine, pattern, now=_now())
    if not ended:
        raise ConfigError(f"no mute {pattern!r} is in force; `oresight alerts list` shows those that are")
    return {"pattern": pattern, "ended": ended}


def resend(reference: str | None, *, dead: bool, home: Path | None, say: Say) -> Json:
    """Put deliveries back into the queue and send them.

    Raises:
        ConfigError: neither a warning nor --dead is given.
    """
    if not reference and not dead:
        raise ConfigError("alerts resend: name a warning, or give --dead for all that was given up")
    settings = load_settings(home)
    rules, engine = load_rules(settings.alerts_file), _engine(settings)
    with answering(engine):
        queued = acknowledging.send_again(engine, reference, dead=dead, now=_now())
        sent = send_due(engine, rules, clock=_now, who=_who(), say=say)
        return {"queued": queued, "deliveries": asdict(sent), "dead": _dead(engine)}


def drill(*, tier: str | None, home: Path | None, say: Say) -> Json:
    """Call a drill on one row of the current run, and send its first step."""
    settings, now = load_settings(home), _now()
    asked = find_run(settings, None)
    rules, engine = load_rules(settings.alerts_file), _engine(settings)
    with answering(engine):
        called = acknowledging.call_drill(
            engine,
            rules,
            asked,
            tier=tier,
            trade=_trade(settings, asked, now=now),
            track_record=read_record(settings.home),
            now=now,
        )
        sent = send_due(engine, rules, clock=_now, who=_who(), say=say)
        write_web(engine, rules, settings.home / "warnings", now=now)
        return {**called, "deliveries": asdict(sent), "dead": _dead(engine)}


def feed(out: Path, *, home: Path | None) -> Json:
    """Write page, feeds and CAP files."""
    settings = load_settings(home)
    rules: Rules = load_rules(settings.alerts_file)
    engine = _engine(settings)
    with answering(engine):
        return write_web(engine, rules, out, now=_now())


def _dead(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).where(deliveries.c.state == "dead")) or 0


def _engine(settings: Settings) -> Engine:
    engine = engine_for(settings)
    ensure_current(engine)
    return engine


def _who() -> str:
    return f"{socket.gethostname()}-{secrets.token_hex(6)}"


def _now() -> dt.datetime:
    return dt.datetime.now(UTC)
