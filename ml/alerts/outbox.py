"""The queue of deliveries in the database: each goes out once, whoever and however many are sending.

A delivery is claimed by changing its row only if it is still as it was read (compare and set), for a time (a
lease). Who is killed while sending loses it when the lease ends, and the next one sends it again under the same
key: at least once, and once for a receiver that knows the key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update

from ml.alerts.plan import Delivery
from ml.alerts.record import insert_once
from ml.database.warning_tables import deliveries

__all__ = ["claim", "counts", "drop", "due", "fail", "finish", "hold", "queue", "resend", "told_before", "withdraw"]

WAITING = ("pending", "sending")
KEPT_LETTERS = 300


def queue(connection: Connection, planned: Iterable[Delivery], *, now: dt.datetime) -> int:
    """Put deliveries into the queue; one that is there already stays as it is."""
    rows = [
        {
            **{name: getattr(each, name) for name in Delivery.__slots__ if name != "due_at"},
            "state": "pending",
            "attempts": 0,
            "queued_at": now,
            "next_attempt_at": each.due_at,
            "claimed_by": None,
            "claimed_until": None,
            "sent_at": None,
            "last_error": None,
        }
        for each in planned
    ]
    return insert_once(connection, deliveries, rows)


def _is_due(now: dt.datetime) -> Any:
    table = deliveries.c
    waits = and_(table.state == "pending", table.next_attempt_at <= now)
    abandoned = and_(table.state == "sending", table.claimed_until < now)
    return or_(waits, abandoned)


def due(connection: Connection, now: dt.datetime, *, limit: int = 500) -> list[str]:
    """List deliveries that are due, oldest first; of one warning and recipient only the first that is not out yet."""
    earlier = deliveries.alias()
    has_earlier = (
        select(earlier.c.delivery_id)
        .where(
            earlier.c.warning_id == deliveries.c.warning_id,
            earlier.c.recipient == deliveries.c.recipient,
            earlier.c.number < deliveries.c.number,
            earlier.c.state.in_(WAITING),
        )
        .exists()
    )
    query = select(deliveries.c.delivery_id).where(_is_due(now), ~has_earlier)
    order = (deliveries.c.next_attempt_at, deliveries.c.queued_at, deliveries.c.number, deliveries.c.delivery_id)
    return list(connection.scalars(query.order_by(*order).limit(limit)))


def claim(connection: Connection, delivery: str, who: str, *, now: dt.datetime, lease_seconds: float) -> bool:
    """Take a due delivery for oneself; False when somebody else has it, or it is out."""
    change = (
        update(deliveries)
        .where(deliveries.c.delivery_id == delivery, _is_due(now))
        .values(
            state="sending",
            claimed_by=who,
            claimed_until=now + dt.timedelta(seconds=lease_seconds),
            attempts=deliveries.c.attempts + 1,
        )
    )
    return connection.execute(change).rowcount == 1


def finish(connection: Connection, delivery: str, who: str, *, now: dt.datetime) -> bool:
    """Note that a claimed delivery is out; False when the lease had ended and somebody else took it."""
    return _release(connection, delivery, who, state="sent", sent_at=now, last_error=None)


def fail(connection: Connection, delivery: str, who: str, error: str, *, again_at: dt.datetime | None) -> bool:
    """Note that a claimed delivery failed: it is tried again at a moment, or is dead when there is none."""
    error = error[:KEPT_LETTERS]
    if again_at is None:
        return _release(connection, delivery, who, state="dead", last_error=error)
    return _release(connection, delivery, who, state="pending", next_attempt_at=again_at, last_error=error)


def hold(connection: Connection, delivery: str, who: str, until: dt.datetime) -> bool:
    """Give a claimed delivery back untried until a moment: quiet hours are no failure."""
    return _release(
        connection, delivery, who, state="pending", next_attempt_at=until, attempts=deliveries.c.attempts - 1
    )


def drop(connection: Connection, delivery: str, who: str, why: str) -> bool:
    """Take a claimed delivery back for good: it is not wanted any more."""
    return _release(connection, delivery, who, state="withdrawn", last_error=why)


def _release(connection: Connection, delivery: str, who: str, **values: Any) -> bool:
    own = and_(deliveries.c.delivery_id == delivery, deliveries.c.state == "sending", deliveries.c.claimed_by == who)
    change = update(deliveries).where(own).values(claimed_by=None, claimed_until=None, **values)
    return connection.execute(change).rowcount == 1


def withdraw(connection: Connection, warning_id: str, *, before: int, only_unless_acknowledged: bool, why: str) -> int:
    """Take back later steps of a warning's events up to number `before` that are not out yet."""
    table = deliveries.c
    own = [table.warning_id == warning_id, table.number <= before, table.step > 0, table.state == "pending"]
    if only_unless_acknowledged:
        own.append(table.unless_acknowledged.is_(True))
    return connection.execute(update(deliveries).where(*own).values(state="withdrawn", last_error=why)).rowcount


def told_before(connection: Connection, warning_id: str) -> set[str]:
    """Give the recipients to whom something of a warning was sent, or is about to be at the first step."""
    table = deliveries.c
    is_out = or_(table.state == "sent", and_(table.step == 0, table.state.in_((*WAITING, "dead"))))
    return set(connection.scalars(select(table.recipient).where(table.warning_id == warning_id, is_out)))


def resend(connection: Connection, *, warning_id: str | None, dead: bool, now: dt.datetime) -> int:
    """Put dead deliveries back into the queue: all, or of one warning; with `dead` false sent ones of it too."""
    table = deliveries.c
    states = ("dead",) if dead else ("dead", "sent")
    own = [table.state.in_(states), *([table.warning_id == warning_id] if warning_id else [])]
    change = update(deliveries).where(*own).values(state="pending", attempts=0, next_attempt_at=now, sent_at=None)
    return connection.execute(change).rowcount


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Count deliveries by channel and state."""
    query = select(deliveries.c.channel, deliveries.c.state, func.count()).group_by(
        deliveries.c.channel, deliveries.c.state
    )
    found: dict[str, dict[str, int]] = {}
    for channel, state, n in connection.execute(query.order_by(deliveries.c.channel, deliveries.c.state)):
        found.setdefault(channel, {})[state] = n
    return found
