"""The order of response: who is told of an event, first, second, after how long, and when nobody is to be woken.

Pure: rules, an event and who was told before in, deliveries out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from features.knowledge_time import UTC
from ml.alerts.record import Event
from ml.alerts.rules import Group, Retries, Rules, Step

__all__ = ["Delivery", "delivery_id", "plan", "quiet_until", "wait_seconds"]

# What starts the whole order of response again; the rest goes to whom it was told before.
OPENING = ("above_threshold", "tier_rose", "mute_over", "drill")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one recipient, due at a moment."""

    delivery_id: str
    event_id: str
    warning_id: str | None
    number: int
    recipient_group: str
    channel: str
    recipient: str
    step: int
    unless_acknowledged: bool
    due_at: dt.datetime


def delivery_id(event_id: str, channel: str, recipient: str) -> str:
    """Give the idempotency key: the same event, channel and recipient have the same one for ever."""
    return hashlib.sha256("|".join((event_id, channel, recipient)).encode()).hexdigest()[:32]


def plan(event: Event, rules: Rules, told_before: Iterable[str], *, now: dt.datetime) -> list[Delivery]:
    """Say who is told of an event.

    Args:
        event: one that is told by itself; a digest or notice goes to `rules.first_groups()`.
        told_before: recipients (`group/channel`) to whom something of this warning was sent or is about to be.

    Returns:
        Deliveries, each recipient once, at its earliest step.
    """
    if event.warning_id is None:
        return _to_groups(event, rules, [Step(groups=rules.first_groups())], now) if rules.first_groups() else []
    steps = rules.plans.get(event.facts["tier"], ())
    if event.why in OPENING:
        return _to_groups(event, rules, steps, now)
    before = set(told_before)
    known = [group for group in rules.groups if any(_recipient(group, each.id) in before for each in group.channels)]
    if not known:
        # It came in a digest, or the groups have other names now.
        return _to_groups(event, rules, steps[:1], now)
    found = _to_groups(event, rules, [Step(groups=tuple(group.id for group in known))], now)
    return [each for each in found if each.recipient in before]


def _to_groups(event: Event, rules: Rules, steps: Iterable[Step], now: dt.datetime) -> list[Delivery]:
    found: dict[str, Delivery] = {}
    for number, step in enumerate(steps):
        for name in step.groups:
            group = rules.group(name)
            for channel in group.channels if group else ():
                recipient = _recipient(group, channel.id)
                # CAP is of warnings: a digest has no place in it.
                if recipient in found or (event.warning_id is None and getattr(channel, "format", "") == "cap"):
                    continue
                found[recipient] = Delivery(
                    delivery_id=delivery_id(event.event_id, channel.kind, recipient),
                    event_id=event.event_id,
                    warning_id=event.warning_id,
                    number=event.number,
                    recipient_group=name,
                    channel=channel.kind,
                    recipient=recipient,
                    step=number,
                    unless_acknowledged=step.unless_acknowledged and number > 0,
                    due_at=now + dt.timedelta(minutes=step.after_minutes),
                )
    return list(found.values())


def _recipient(group: Group | None, channel: str) -> str:
    return f"{group.id if group else ''}/{channel}"


def quiet_until(group: Group, facts: Mapping[str, Any], now: dt.datetime) -> dt.datetime | None:
    """Give the end of the quiet hours that hold now, None when a message may go out.

    The hours are those of the group's own clock: on the day it is set forward or back they are shorter or longer.
    """
    hours = group.quiet
    if hours is None or (group.severe_breaks_quiet and facts.get("tier") == "severe"):
        return None
    begin, end = hours
    local = now.astimezone(ZoneInfo(group.time_zone))
    wall = local.time().replace(tzinfo=None)
    is_over_midnight = begin > end
    is_quiet = wall >= begin or wall < end if is_over_midnight else begin <= wall < end
    if not is_quiet:
        return None
    day = local.date() + dt.timedelta(days=1 if is_over_midnight and wall >= begin else 0)
    # In an hour that occurs twice, the end is that of the round we are in.
    return dt.datetime.combine(day, end, tzinfo=local.tzinfo).replace(fold=local.fold).astimezone(UTC)


def wait_seconds(retries: Retries, attempts: int, key: str) -> float:
    """Give the wait after a failed attempt: exponential, between half and all of it, so that many don't come at once.

    Args:
        attempts: how many have failed, from 1.
        key: of the delivery; the same one waits equally long each time, so nothing here is random.
    """
    longest = min(retries.first_wait_seconds * retries.factor ** (attempts - 1), retries.longest_wait_seconds)
    part = int.from_bytes(hashlib.sha256(f"{key}|{attempts}".encode()).digest()[:4], "big") / 2**32
    return longest * (0.5 + part / 2)
