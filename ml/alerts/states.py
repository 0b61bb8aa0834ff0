"""The state of warnings: raised, updated, acknowledged, cleared. Pure: open warnings and a run's rows in, events out.

One event (target, window, mineral, supplier) has at most one open warning, taken by the first rule that its row
meets. Between the threshold to raise and the lower one to clear nothing changes (hysteresis); rows that are
missing, stale or without a probability neither raise nor clear. An acknowledged warning speaks again only when its
tier rises above all that was told of it, or when it clears.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ml.alerts.rules import Rule
from ml.contract import TIERS

__all__ = ["Change", "Key", "Outcome", "Row", "Warning", "acknowledge", "evaluate", "rank", "warning_id"]

Key = tuple[str, str, str, str]
Told = Literal["single", "digest", "muted", "quiet"]
# Without letters that are read as digits, or as each other.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Row:
    """A forecast row, as far as warnings need it. `is_unsure`: stale, or without a probability."""

    target: str
    horizon: str
    window: str
    window_end: dt.datetime
    mineral: str
    stage: str
    supplier: str
    probability: float
    p_low: float
    p_high: float
    base_rate: float | None
    tier: str
    is_alert: bool
    change: float | None
    is_unsure: bool = False

    @property
    def key(self) -> Key:
        """The event that the row is about."""
        return (self.target, self.window, self.mineral, self.supplier)


@dataclass(frozen=True, slots=True)
class Warning:
    """A warning as its newest event has it.

    `waits_from` is the event number from which it waits to be acknowledged; `was_told`: somebody was told of it;
    `is_behind`: a change came while it was muted, so that it is to be told when the mute is over.
    """

    warning_id: str
    rule: str
    row: Row
    state: str
    peak_tier: str
    raised_as_of: dt.datetime
    changed_as_of: dt.datetime
    number: int = 1
    waits_from: int = 1
    was_told: bool = False
    is_behind: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one warning: the warning after it, what happened, why, and how it is told."""

    warning: Warning
    kind: Literal["raised", "updated", "cleared"]
    why: str
    told: Told


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run does: changes, the strongest first, and open warnings on which it says nothing."""

    changes: tuple[Change, ...]
    held: tuple[str, ...]


def rank(tier: str) -> int:
    """Give a tier's height, from 0."""
    return TIERS.index(tier)


def warning_id(key: Key, run_id: str, *, is_drill: bool) -> str:
    """Give the id of the warning that a run raises on an event: always the same, short enough to be read out."""
    told = "|".join((*key, run_id, str(is_drill)))
    number = int.from_bytes(hashlib.sha256(told.encode()).digest()[:5], "big")
    return "W" + "".join(LETTERS[number >> shift & 31] for shift in range(35, -1, -5))


def evaluate(
    open_warnings: Sequence[Warning],
    cleared: Mapping[Key, Warning],
    rows: Iterable[Row],
    rules: Sequence[Rule],
    *,
    as_of: dt.datetime,
    run_id: str,
    budget: int,
    meets: Callable[[Rule, Row], bool],
    is_muted: Callable[[Warning], bool] = lambda warning: False,
    is_outage: bool = False,
    is_drill: bool = False,
) -> Outcome:
    """Hold a run against what is open.

    Args:
        cleared: the newest cleared warning of each event, for the cool-down.
        meets: whether a row meets a rule's conditions other than thresholds (`ml.alerts.conditions`).
        budget: how many changes may still be told one by one this week; the strongest are.
        is_outage: the run can't be trusted: everything is held.

    Raises:
        ValueError: two rows are about one event.
    """
    if is_outage:
        return Outcome((), tuple(warning.warning_id for warning in open_warnings))
    by_key: dict[Key, Row] = {}
    for row in rows:
        if row.key in by_key:
            raise ValueError(f"two rows are about {' '.join(row.key)}")
        by_key[row.key] = row
    of_rule = {rule.id: rule for rule in rules}
    changes: list[Change] = []
    held: list[str] = []
    for warning in open_warnings:
        now = by_key.get(warning.row.key)
        change = _next(warning, now, of_rule.get(warning.rule), as_of, is_muted=is_muted(warning))
        if change is not None:
            changes.append(change)
        elif now is None or now.is_unsure:
            held.append(warning.warning_id)
    taken = {warning.row.key for warning in open_warnings}
    for key, row in by_key.items():
        if key in taken or row.is_unsure:
            continue
        rule = next((rule for rule in rules if _raises(rule, row) and meets(rule, row)), None)
        if rule is not None and not _cools(cleared.get(key), row, rule, as_of):
            name = warning_id(key, run_id, is_drill=is_drill)
            raised = Warning(name, rule.id, row, "raised", row.tier, raised_as_of=as_of, changed_as_of=as_of)
            changes.append(Change(raised, "raised", "above_threshold", "single"))
    return Outcome(_within_budget(changes, budget, is_muted), tuple(held))


def _raises(rule: Rule, row: Row) -> bool:
    is_asked = row.target in rule.targets and row.horizon in rule.horizons
    return is_asked and row.probability >= rule.raise_at and rank(row.tier) >= rank(rule.lowest_tier)


def _cools(before: Warning | None, row: Row, rule: Rule, as_of: dt.datetime) -> bool:
    # What flickers around a threshold is told once; a tier never reached before is news.
    if before is None or rank(row.tier) > rank(before.peak_tier):
        return False
    return as_of - before.changed_as_of < dt.timedelta(days=rule.cool_down_days)


def _next(warning: Warning, row: Row | None, rule: Rule | None, as_of: dt.datetime, *, is_muted: bool) -> Change | None:
    if as_of > warning.row.window_end:
        return _cleared(warning, warning.row, "window_over", as_of)
    if rule is None:
        return _cleared(warning, warning.row, "rule_removed", as_of)
    if row is None or row.is_unsure:
        return None
    if row.probability <= rule.clear_at:
        return _cleared(warning, row, "below_threshold", as_of)
    why = _why_updated(warning, row, rule, as_of, is_muted=is_muted)
    if why is None:
        return None
    number = warning.number + 1
    is_reopened = why in ("tier_rose", "mute_over")
    after = replace(
        warning,
        row=row,
        state="updated" if is_reopened or warning.state != "acknowledged" else warning.state,
        peak_tier=max(warning.peak_tier, row.tier, key=rank),
        changed_as_of=as_of,
        number=number,
        waits_from=number if is_reopened else warning.waits_from,
    )
    return Change(after, "updated", why, "single")


def _why_updated(warning: Warning, row: Row, rule: Rule, as_of: dt.datetime, *, is_muted: bool) -> str | None:
    if rank(row.tier) > rank(warning.peak_tier):
        return "tier_rose"
    if warning.is_behind and not is_muted:
        return "mute_over"
    cools = as_of - warning.changed_as_of < dt.timedelta(days=rule.cool_down_days)
    if warning.state == "acknowledged" or cools:
        return None
    if row.tier != warning.row.tier:
        return "tier_rose_again" if rank(row.tier) > rank(warning.row.tier) else "tier_fell"
    # Rounded: 0.6 - 0.5 is a hair less than a tenth.
    moved = round(row.probability - warning.row.probability, 9)
    if abs(moved) >= rule.update_change:
        return "probability_rose" if moved > 0 else "probability_fell"
    return None


def _cleared(warning: Warning, row: Row, why: str, as_of: dt.datetime) -> Change:
    number = warning.number + 1
    after = replace(warning, row=row, state="cleared", changed_as_of=as_of, number=number)
    # Who was never told that it began need not be told that it is over, nor that the file has changed.
    told: Told = "quiet" if why == "rule_removed" or not warning.was_told else "single"
    return Change(after, "cleared", why, told)


def _within_budget(changes: list[Change], budget: int, is_muted: Callable[[Warning], bool]) -> tuple[Change, ...]:
    found, left = [], budget
    for change in _ordered(changes):
        warning, told = change.warning, change.told
        if told == "single" and is_muted(warning):
            found.append(replace(change, told="muted", warning=replace(warning, is_behind=change.kind != "cleared")))
            continue
        if told == "single":
            warning = replace(warning, was_told=True, is_behind=False)
            told, left = ("single", left - 1) if left > 0 else ("digest", left)
        found.append(replace(change, told=told, warning=warning))
    return tuple(found)


def _ordered(changes: list[Change]) -> list[Change]:
    # A pair's second window waits until every pair has been told of.
    turn: dict[tuple[bool, str, str], int] = {}
    turns = []
    for change in sorted(changes, key=_strength):
        is_relief, row = change.kind == "cleared", change.warning.row
        pair = (is_relief, row.mineral, row.supplier)
        turn[pair] = turn.get(pair, 0) + 1
        turns.append((is_relief, turn[pair], change))
    return [change for _, _, change in sorted(turns, key=lambda each: each[:2])]


def _strength(change: Change) -> tuple[bool, int, float, Key]:
    # Danger before relief, then the highest tier and probability.
    row = change.warning.row
    return (change.kind == "cleared", -rank(row.tier), -row.probability, row.key)


def acknowledge(warning: Warning, up_to: int | None = None) -> tuple[Warning, str]:
    """Take note of an acknowledgement, whichever order it comes in.

    Args:
        up_to: the event that was read, its newest by default. One older than the last rise of the tier leaves the
            warning waiting: who read the former has not read the latter.

    Returns:
        The warning after it, and `acknowledged`, `already`, `cleared` (too late, on record only) or `superseded`.

    Raises:
        ValueError: the warning has no such event yet.
    """
    if up_to is not None and not 1 <= up_to <= warning.number:
        raise ValueError(f"{warning.warning_id} has events 1 to {warning.number}, no event {up_to}")
    if warning.state == "cleared":
        return warning, "cleared"
    if up_to is not None and up_to < warning.waits_from:
        return warning, "superseded"
    if warning.state == "acknowledged":
        return warning, "already"
    return replace(warning, state="acknowledged", number=warning.number + 1), "acknowledged"
