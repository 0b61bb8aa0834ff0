"""Sending what is due: claim, check that it is still wanted and nobody sleeps, word it, hand it over, note what came
of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

from sqlalchemy import Engine, RowMapping, select

from features.errors import ConfigError
from ml.alerts import outbox, record
from ml.alerts.cap import cap_message
from ml.alerts.channels import apprise_channel, sms_gateway, webhook
from ml.alerts.channels.sending import NotDelivered
from ml.alerts.channels.settings import AppriseChannel, Channel, SmsGateway, Webhook, without_secrets
from ml.alerts.plan import quiet_until, wait_seconds
from ml.alerts.record import Event
from ml.alerts.rules import Group, Rules
from ml.alerts.texts import Message, compose
from ml.database.connection import writing
from ml.database.warning_tables import deliveries, warning_events, warnings

__all__ = ["Sent", "deliver", "send"]

Clock = Callable[[], dt.datetime]
Send = Callable[[Channel, Message, dt.datetime, float], None]


@dataclass
class Sent:
    """What came of one look at the queue."""

    sent: int = 0
    failed: int = 0
    dead: int = 0
    held: int = 0
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class _Claimed:
    delivery: RowMapping
    event: Event
    warning: RowMapping | None
    earlier: list[tuple[str, dt.datetime]]


def send(channel: Channel, message: Message, now: dt.datetime, time_out: float) -> None:
    """Hand a message to a channel; see the modules of `ml.alerts.channels`."""
    if isinstance(channel, AppriseChannel):
        apprise_channel.send(channel, message, time_out=time_out)
    elif isinstance(channel, SmsGateway):
        sms_gateway.send(channel, message, time_out=time_out)
    elif isinstance(channel, Webhook):
        webhook.send(channel, message, now=now, time_out=time_out)
    else:
        assert_never(channel)


def deliver(
    engine: Engine, rules: Rules, *, clock: Clock, who: str, say: Callable[[str], None], sender: Send = send
) -> Sent:
    """Send what is due, each delivery once; several processes may do so side by side.

    Args:
        clock: gives the present moment; sending takes time.
        who: names this process, like no other.

    Returns:
        Counts; what failed is tried again by a later call, what is dead by `resend` only. A receiver that let a
        message time out gets no other one in this call: those who answer must not wait for it.
    """
    found, seen, hanging = Sent(), set[str](), set[str]()
    while True:
        with engine.connect() as connection:
            ids = [each for each in outbox.due(connection, clock()) if each not in seen]
            named = select(deliveries.c.delivery_id, deliveries.c.recipient).where(deliveries.c.delivery_id.in_(ids))
            recipients = {row.delivery_id: row.recipient for row in connection.execute(named)}
        if not ids:
            return found
        for each in ids:
            seen.add(each)
            if recipients[each] in hanging:
                continue
            claimed = _claim(engine, each, rules, who, clock())
            if claimed is None:
                continue
            if _one(engine, claimed, rules, found, clock=clock, who=who, say=say, sender=sender):
                hanging.add(recipients[each])


def _claim(engine: Engine, delivery: str, rules: Rules, who: str, now: dt.datetime) -> _Claimed | None:
    with writing(engine) as connection:
        if not outbox.claim(connection, delivery, who, now=now, lease_seconds=rules.retries.lease_seconds):
            return None
        row = connection.execute(select(deliveries).where(deliveries.c.delivery_id == delivery)).mappings().one()
        event = record.events_of(connection, warning_events.c.event_id == row["event_id"])[0]
        if row["warning_id"] is None:
            return _Claimed(row, event, None, [])
        own = connection.execute(select(warnings).where(warnings.c.warning_id == row["warning_id"])).mappings().one()
        before = (warning_events.c.warning_id == row["warning_id"], warning_events.c.number < event.number)
        events = record.events_of(connection, *before, newest_first=False)
        return _Claimed(row, event, own, [(each.event_id, each.created_at) for each in events])


def _one(
    engine: Engine,
    claimed: _Claimed,
    rules: Rules,
    found: Sent,
    *,
    clock: Clock,
    who: str,
    say: Callable[[str], None],
    sender: Send,
) -> bool:
    # Whether the receiver let it time out.
    row, now = claimed.delivery, clock()
    key, attempts = row["delivery_id"], row["attempts"]
    group = rules.group(row["recipient_group"])
    channel = _channel(group, row["recipient"])
    if _is_unwanted(claimed):
        with writing(engine) as connection:
            found.withdrawn += outbox.drop(connection, key, who, "acknowledged or cleared before its turn")
        return False
    if group is None or channel is None:
        found.dead += 1
        _fail(engine, key, who, f"alerts.toml has no {row['recipient']} any more", again_at=None)
        return False
    until = quiet_until(group, claimed.event.facts, now)
    if until is not None:
        found.held += 1
        with writing(engine) as connection:
            outbox.hold(connection, key, who, until)
        return False
    try:
        sender(channel, _message(claimed, group, channel, rules), now, rules.retries.time_out_seconds)
    except Exception as problem:
        # Also what nobody thought of: one message that can't be made must not keep the others from going out.
        is_known = isinstance(problem, NotDelivered | ConfigError)
        told = without_secrets(str(problem) if is_known else type(problem).__name__, tuple(_texts(channel)))
        is_last = getattr(problem, "is_final", False) or attempts >= rules.retries.attempts
        wait = max(wait_seconds(rules.retries, attempts, key), getattr(problem, "wait_seconds", 0.0))
        again_at = None if is_last else clock() + dt.timedelta(seconds=min(wait, 86_400))
        found.dead, found.failed = found.dead + is_last, found.failed + (not is_last)
        say(
            f"Not delivered to {row['recipient']}: {told}"
            + ("; given up" if is_last else f"; again at {again_at:%H:%M}")
        )
        _fail(engine, key, who, told, again_at=again_at)
        return bool(getattr(problem, "is_time_out", False))
    with writing(engine) as connection:
        outbox.finish(connection, key, who, now=clock())
    found.sent += 1
    return False


def _is_unwanted(claimed: _Claimed) -> bool:
    warning, row = claimed.warning, claimed.delivery
    return bool(row["unless_acknowledged"]) and warning is not None and warning["state"] in ("acknowledged", "cleared")


def _fail(engine: Engine, key: str, who: str, error: str, *, again_at: dt.datetime | None) -> None:
    with writing(engine) as connection:
        outbox.fail(connection, key, who, error, again_at=again_at)


def _channel(group: Group | None, recipient: str) -> Channel | None:
    name = recipient.partition("/")[2]
    return next((channel for channel in group.channels if channel.id == name), None) if group else None


def _message(claimed: _Claimed, group: Group, channel: Channel, rules: Rules) -> Message:
    event, is_cap = claimed.event, isinstance(channel, Webhook) and channel.format == "cap"
    cap = ""
    if is_cap and event.warning_id is not None:
        cap = cap_message(
            event.event_id,
            event.facts,
            sent=event.created_at,
            earlier=claimed.earlier,
            web=rules.web,
            is_drill=event.is_drill,
        )
    return compose(
        claimed.delivery["delivery_id"],
        event.event_id,
        event.facts,
        language=group.language,
        is_drill=event.is_drill,
        importer=group.importer,
        address=rules.web.address,
        cap=cap,
    )


def _texts(channel: Channel) -> list[str]:
    found: list[str] = []
    for value in channel.model_dump().values():
        held: Any = value.values() if isinstance(value, dict) else [value]
        found += [text for text in held if isinstance(text, str)]
    return found
