"""Who is told when: steps, who was told before, quiet hours over a change of clocks, and waits between attempts."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from ml.alerts.plan import delivery_id, plan, quiet_until, wait_seconds
from ml.alerts.record import Event
from ml.alerts.rules import Retries, Rules, read_rules
from tests.ml.alerts.made_runs import MONDAY, NOW

EVENT = Event("W1/1", "W1", 1, "raised", "above_threshold", "single", False, "r", MONDAY, NOW, {"tier": "severe"})


def rules(more: str = "") -> Rules:
    groups = "".join(
        f"[[groups]]\nid = '{name}'\n{more}channels = [{{id = 'a', kind = 'chat', url = 'x'}}, "
        "{id = 'b', kind = 'webhook', url = 'https://x.example', secret = 's', format = 'cap'}]\n"
        for name in ("desk", "head", "minister")
    )
    later = "{groups = ['head', 'desk'], after_minutes = 30}, {groups = ['minister'], after_minutes = 60}"
    steps = f"{{groups = ['desk']}}, {later}"
    return read_rules(f"{groups}[plans]\nsevere = [{steps}]\nelevated = [{{groups = ['desk']}}]", where="x")


def told(event: Event, before: tuple[str, ...] = ()) -> list[tuple[str, int, int]]:
    found = plan(event, rules(), before, now=NOW)
    return [(each.recipient, each.step, int((each.due_at - NOW).total_seconds() / 60)) for each in found]


def test_departments_are_told_one_after_the_other_each_once() -> None:
    assert told(EVENT) == [
        ("desk/a", 0, 0),
        ("desk/b", 0, 0),
        ("head/a", 1, 30),
        ("head/b", 1, 30),
        ("minister/a", 2, 60),
        ("minister/b", 2, 60),
    ]
    assert [each.unless_acknowledged for each in plan(EVENT, rules(), (), now=NOW)] == [False] * 2 + [True] * 4


def test_what_goes_on_is_told_to_whom_it_was_told_before() -> None:
    update = replace(EVENT, event_id="W1/2", number=2, kind="updated", why="probability_rose")
    assert told(update, ("desk/a", "head/b")) == [("desk/a", 0, 0), ("head/b", 0, 0)]
    # It came in a digest: the first step of its plan.
    assert told(update) == [("desk/a", 0, 0), ("desk/b", 0, 0)]
    assert len(told(replace(update, why="tier_rose"), ("desk/a",))) == 6


def test_a_digest_goes_to_first_steps_and_never_as_cap() -> None:
    digest = replace(EVENT, event_id="D", warning_id=None, kind="digest", why="over_budget", facts={"kind": "digest"})
    assert told(digest) == [("desk/a", 0, 0)]
    assert told(replace(EVENT, facts={"tier": "guarded"})) == []


def test_the_key_is_the_same_for_ever_and_another_for_every_part() -> None:
    keys = {
        delivery_id(*parts) for parts in (("W1/1", "email", "a/b"), ("W1/2", "email", "a/b"), ("W1/1", "sms", "a/b"))
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("zone", "hours", "now", "until"),
    [
        ("UTC", "22:00-07:00", "2026-11-23T21:59", None),
        ("UTC", "22:00-07:00", "2026-11-23T22:00", "2026-11-24T07:00"),
        ("UTC", "22:00-07:00", "2026-11-24T06:59", "2026-11-24T07:00"),
        ("UTC", "22:00-07:00", "2026-11-24T07:00", None),
        ("UTC", "12:00-13:30", "2026-11-24T12:30", "2026-11-24T13:30"),
        ("Asia/Taipei", "22:00-07:00", "2026-11-23T15:00", "2026-11-23T23:00"),
        # The night in which clocks go forward is an hour shorter: 07:00 in Berlin is 05:00 UTC, not 06:00.
        ("Europe/Berlin", "22:00-07:00", "2026-03-28T21:30", "2026-03-29T05:00"),
        ("Europe/Berlin", "22:00-07:00", "2026-03-27T21:30", "2026-03-28T06:00"),
        # The night in which they go back is an hour longer.
        ("Europe/Berlin", "22:00-07:00", "2026-10-24T21:30", "2026-10-25T06:00"),
        ("Europe/Berlin", "22:00-07:00", "2026-10-23T21:30", "2026-10-24T05:00"),
        # 02:10 comes twice; quiet hours that end at 02:30 end twice.
        ("Europe/Berlin", "22:00-02:30", "2026-10-25T00:10", "2026-10-25T00:30"),
        ("Europe/Berlin", "22:00-02:30", "2026-10-25T00:40", None),
        ("Europe/Berlin", "22:00-02:30", "2026-10-25T01:10", "2026-10-25T01:30"),
    ],
)
def test_quiet_hours_are_those_of_the_groups_clock(zone: str, hours: str, now: str, until: str | None) -> None:
    group = rules(f"time_zone = '{zone}'\nquiet_hours = '{hours}'\n").groups[0]
    moment = dt.datetime.fromisoformat(f"{now}+00:00")
    found = quiet_until(group, {"tier": "elevated"}, moment)
    assert found == (None if until is None else dt.datetime.fromisoformat(f"{until}+00:00"))
    assert quiet_until(group, {"tier": "severe"}, moment) is None
    strict = rules(f"time_zone = '{zone}'\nquiet_hours = '{hours}'\nsevere_breaks_quiet = false\n").groups[0]
    assert quiet_until(strict, {"tier": "severe"}, moment) == found


def test_waits_grow_up_to_the_longest_and_differ_between_deliveries() -> None:
    retries = Retries(first_wait_seconds=60, factor=4, longest_wait_seconds=3600)
    waits = [wait_seconds(retries, attempts, "key") for attempts in range(1, 7)]
    for attempts, wait in enumerate(waits, 1):
        longest = min(60 * 4 ** (attempts - 1), 3600)
        assert longest / 2 <= wait <= longest
    assert waits == [wait_seconds(retries, attempts, "key") for attempts in range(1, 7)]
    assert len({wait_seconds(retries, 1, str(n)) for n in range(20)}) == 20
