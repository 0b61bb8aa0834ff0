"""One run against the rules: what changed is put on record, and who is to be told is queued. All of it or nothing.

A run is read once, whoever asks: the row of `warning_runs` is the claim. A run that was held back neither raises
nor clears; one that is not live is nobody's warning, unless as a drill.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd
from sqlalchemy import Connection, Engine, select, update

from features.catalog import load_catalog
from features.knowledge_time import as_moment, monday_on_or_before
from ml.alerts import outbox, record
from ml.alerts.conditions import Conditions, is_muted
from ml.alerts.facts import digest_facts, facts_of, notice_facts, read_rows
from ml.alerts.importers import Shares, importer_shares
from ml.alerts.plan import OPENING, plan
from ml.alerts.record import Event
from ml.alerts.rules import Rules
from ml.alerts.states import Change, evaluate
from ml.database.warning_tables import warning_events, warning_runs
from ml.runs import is_held_back

__all__ = ["Evaluation", "evaluate_run", "notice_missing", "queue_event", "shares_for"]

Json = dict[str, Any]
Trade = Callable[[], pd.DataFrame]
A_WEEK = dt.timedelta(days=7)


class Published(Protocol):
    """A run, as `ml.weekly` has it."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What `run.json` says."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What reading a run did; `skipped` says why nothing was looked at."""

    run_id: str
    as_of: dt.datetime
    is_drill: bool
    events: tuple[Event, ...] = ()
    held: tuple[str, ...] = ()
    held_why: str | None = None
    queued: int = 0
    skipped: str | None = None

    def count(self, kind: str, told: str | None = None) -> int:
        """Count events of a kind, of one way of telling only."""
        return sum(event.kind == kind and told in (None, event.told) for event in self.events)


def evaluate_run(
    engine: Engine,
    rules: Rules,
    run: Published,
    forecasts: pd.DataFrame,
    *,
    now: dt.datetime,
    say: Callable[[str], None],
    trade: Trade | None = None,
    track_record: Mapping[str, Any] | None = None,
    drill: bool = False,
    dry_run: bool = False,
) -> Evaluation:
    """Hold a run against the rules; nothing is sent yet, `ml.alerts.delivery.deliver` does.

    Args:
        engine: a database with the tables of warnings.
        run: one that became current, or was held back.
        forecasts: its forecast table (`ml.contract.COLUMNS`).
        trade: gives the newest version of trade facts as known at the run's date, asked only where importers are named.
        track_record: what `oresight track-record` computed, for how good such warnings were.
        drill: mark everything as a drill, and take a run of any kind.
        dry_run: say what would happen, store nothing.
    """
    about = run.about
    run_id, as_of = str(about["run_id"]), as_moment(str(about["as_of"]))
    is_drill = drill or rules.drill
    nothing = Evaluation(run_id, as_of, is_drill)
    if about["kind"] != "live" and not is_drill:
        return _skip(nothing, f"run {run_id} is a {about['kind']}: it warns nobody", say)
    with engine.connect() as connection:
        why = _why_not(connection, run_id, as_of, is_drill=is_drill, is_trusted=not is_held_back(about))
    if why:
        return _skip(nothing, why, say)
    outage = f"run {run_id} was held back: {about['drift']['stops'][0]}" if is_held_back(about) else None
    shares = Shares() if outage else shares_for(rules, trade)
    with _transaction(engine, dry_run=dry_run) as connection:
        # Once more, now that nobody else writes.
        is_mine = record.claim_run(
            connection,
            run_id,
            as_of,
            is_drill=is_drill,
            is_trusted=outage is None,
            now=now,
            rules_digest=rules.digest,
        )
        if not is_mine:
            return _skip(nothing, f"run {run_id} has been read already", say)
        if outage:
            found = _hold(connection, rules, nothing, outage, now=now)
        else:
            found = _read(connection, rules, nothing, forecasts, now=now, shares=shares, track_record=track_record)
        values = {"held": found.held_why, "events": len(found.events)}
        own = (warning_runs.c.run_id == run_id, warning_runs.c.is_drill == is_drill)
        connection.execute(update(warning_runs).where(*own).values(**values))
    say(_told(found))
    return found


def _why_not(
    connection: Connection, run_id: str, as_of: dt.datetime, *, is_drill: bool, is_trusted: bool
) -> str | None:
    own = (warning_runs.c.run_id == run_id, warning_runs.c.is_drill == is_drill)
    before = connection.execute(select(warning_runs.c.held).where(*own)).first()
    if before is not None and not (before.held and is_trusted):
        return f"run {run_id} has been read already; changed rules count from the next run on"
    newest = record.newest_run(connection, is_drill=is_drill)
    if newest is not None and newest["as_of"] > as_of:
        return f"run {run_id} is older than {newest['run_id']}, which has been read: warnings don't go back in time"
    return None


def _skip(nothing: Evaluation, why: str, say: Callable[[str], None]) -> Evaluation:
    say(f"Warnings: {why}")
    return replace(nothing, skipped=why)


def shares_for(rules: Rules, trade: Trade | None) -> Shares:
    """Compute what the importers buy that the rules name; nothing is read where they name none."""
    importers = [group.importer for group in rules.groups if group.importer]
    importers += [importer for rule in rules.rules for importer in rule.importers]
    return importer_shares(trade(), load_catalog(), importers) if trade is not None and importers else Shares()


def _read(
    connection: Connection,
    rules: Rules,
    nothing: Evaluation,
    forecasts: pd.DataFrame,
    *,
    now: dt.datetime,
    shares: Shares,
    track_record: Mapping[str, Any] | None,
) -> Evaluation:
    as_of, is_drill = nothing.as_of, nothing.is_drill
    catalog, rows = load_catalog(), read_rows(forecasts)
    before = {warning.warning_id: warning for warning in record.open_warnings(connection, is_drill=is_drill)}
    longest = max(rule.cool_down_days for rule in rules.rules)
    week = monday_on_or_before(as_of)
    told = record.told_one_by_one(connection, week, week + A_WEEK, is_drill=is_drill)
    mutes = record.active_mutes(connection, now)
    outcome = evaluate(
        list(before.values()),
        record.last_cleared(connection, since=as_of - dt.timedelta(days=longest), is_drill=is_drill),
        [row for row, _ in rows.values()],
        rules.rules,
        as_of=as_of,
        run_id=nothing.run_id,
        budget=max(0, rules.budget - told),
        meets=Conditions(catalog, as_of, shares).met,
        is_muted=lambda warning: is_muted(warning, mutes, now),
        is_drill=is_drill,
    )

    def facts(change: Change) -> Json:
        warning = change.warning
        more = rows[warning.row.key][1] if warning.row.key in rows else {"model": None}
        return facts_of(
            change,
            before.get(warning.warning_id),
            more,
            rules=rules,
            catalog=catalog,
            shares=shares,
            record=track_record,
            as_of=as_of,
            run_id=nothing.run_id,
        )

    changes = [(change, facts(change)) for change in outcome.changes]
    events = record.save_changes(connection, changes, run_id=nothing.run_id, as_of=as_of, is_drill=is_drill, now=now)
    queued = sum(queue_event(connection, event, rules, now=now) for event in events if event.told == "single")
    digested = [event.facts for event in events if event.told == "digest"]
    if digested:
        singles = told + sum(event.told == "single" for event in events)
        of = digest_facts(digested, rules.digest_lines, as_of=as_of, run_id=nothing.run_id, singles=singles)
        digest = _about_run(nothing, "digest", "over_budget", of, now=now)
        record.save_event(connection, digest)
        queued += queue_event(connection, digest, rules, now=now)
        events.append(digest)
    return replace(nothing, events=tuple(events), held=outcome.held, queued=queued)


def _hold(connection: Connection, rules: Rules, nothing: Evaluation, why: str, *, now: dt.datetime) -> Evaluation:
    standing = record.open_warnings(connection, is_drill=nothing.is_drill)
    trusted = record.newest_run(connection, is_drill=nothing.is_drill, trusted=True, but=nothing.run_id)
    since = None if trusted is None else trusted["as_of"].date().isoformat()
    facts = notice_facts(why, len(standing), as_of=nothing.as_of, run_id=nothing.run_id, since=since)
    notice = _about_run(nothing, "held", "outage", facts, now=now)
    record.save_event(connection, notice)
    queued = queue_event(connection, notice, rules, now=now)
    held = tuple(warning.warning_id for warning in standing)
    return replace(nothing, events=(notice,), held=held, held_why=why, queued=queued)


def _about_run(nothing: Evaluation, kind: str, why: str, facts: Json, *, now: dt.datetime) -> Event:
    name = f"{kind.upper()}-{nothing.run_id}{'-DRILL' if nothing.is_drill else ''}"
    return Event(name, None, 1, kind, why, "single", nothing.is_drill, nothing.run_id, nothing.as_of, now, facts)


def queue_event(connection: Connection, event: Event, rules: Rules, *, now: dt.datetime) -> int:
    """Queue who is told of an event; a new opening or a clearing takes back later steps of what was before."""
    before: set[str] = set()
    if event.warning_id is not None:
        before = outbox.told_before(connection, event.warning_id)
        if event.kind == "cleared" or event.why in OPENING:
            why = f"superseded by {event.event_id}"
            outbox.withdraw(
                connection, event.warning_id, before=event.number - 1, only_unless_acknowledged=False, why=why
            )
    return outbox.queue(connection, plan(event, rules, before, now=now), now=now)


def notice_missing(
    engine: Engine, rules: Rules, newest: Published | None, *, now: dt.datetime, say: Callable[[str], None]
) -> Evaluation | None:
    """Say once a week that no run has been published when one is overdue: silence is not all-clear.

    Args:
        newest: the current run, None when there is none.
    """
    if newest is None or newest.about["kind"] != "live" or rules.drill:
        return None
    as_of = as_moment(str(newest.about["as_of"]))
    late = as_of + A_WEEK + dt.timedelta(hours=rules.web.expires_grace_hours)
    if now <= late:
        return None
    week = monday_on_or_before(now)
    missing = Evaluation(f"none-{week.date().isoformat()}", week, is_drill=False)
    why = f"no run has been published since the one of {as_of.date().isoformat()}"
    with _transaction(engine, dry_run=False) as connection:
        own = warning_events.c.event_id == _about_run(missing, "held", "outage", {}, now=now).event_id
        if record.events_of(connection, own):
            return None
        found = _hold(connection, rules, missing, why, now=now)
    say(f"Warnings: {why}")
    return found


def _told(found: Evaluation) -> str:
    mark = "Drill: " if found.is_drill else ""
    if found.held_why:
        return f"{mark}Warnings: {len(found.held)} stand unchanged: {found.held_why}"
    kinds = ", ".join(f"{found.count(kind)} {kind}" for kind in ("raised", "updated", "cleared"))
    in_digest = sum(event.told == "digest" for event in found.events)
    more = f", {in_digest} of them in a digest" if in_digest else ""
    return f"{mark}Warnings: {kinds}{more}; {found.queued} deliveries queued; {len(found.held)} held without figures"


@contextmanager
def _transaction(engine: Engine, *, dry_run: bool) -> Iterator[Connection]:
    begin = engine.connect().execution_options(sqlite_begin="IMMEDIATE")
    with begin as connection, connection.begin() as transaction:
        yield connection
        if dry_run:
            transaction.rollback()
