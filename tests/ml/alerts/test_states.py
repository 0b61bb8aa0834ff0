"""The state machine: what raises, updates and clears, and what never happens whatever comes in which order."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ml.alerts.rules import Rule
from ml.alerts.states import Change, Outcome, Row, Warning, acknowledge, evaluate
from tests.ml.alerts.made_runs import MONDAY

RULE = Rule(id="drop", raise_at=0.4, clear_at=0.3, update_change=0.1, cool_down_days=14)
WEEK = dt.timedelta(days=7)


def row(probability: float, supplier: str = "COD", **other: object) -> Row:
    tier = next(name for name, begin in (("severe", 0.5), ("elevated", 0.3), ("low", 0.0)) if probability >= begin)
    made = Row(
        target="supply_drop",
        horizon="current_year",
        window="2026",
        window_end=dt.datetime(2099, 12, 31, tzinfo=dt.UTC),
        mineral="cobalt",
        stage="extraction",
        supplier=supplier,
        probability=probability,
        p_low=probability,
        p_high=probability,
        base_rate=0.1,
        tier=tier,
        is_alert=True,
        change=0.0,
    )
    return replace(made, **other)  # type: ignore[arg-type]


class Store:
    """What the database keeps between runs."""

    def __init__(self) -> None:
        self.open: dict[str, Warning] = {}
        self.cleared: dict[tuple[str, str, str, str], Warning] = {}
        self.muted: set[str] = set()
        self.week = 0

    def run(self, *rows: Row, budget: int = 100, is_outage: bool = False, weeks: int = 1) -> Outcome:
        self.week += weeks
        outcome = evaluate(
            list(self.open.values()),
            self.cleared,
            rows,
            [RULE],
            as_of=MONDAY + self.week * WEEK,
            run_id=f"run-{self.week}",
            budget=budget,
            meets=lambda rule, row: True,
            is_muted=lambda warning: warning.row.supplier in self.muted,
            is_outage=is_outage,
        )
        for change in outcome.changes:
            self.keep(change)
        return outcome

    def keep(self, change: Change) -> None:
        warning = change.warning
        if change.kind == "cleared":
            del self.open[warning.warning_id]
            self.cleared[warning.row.key] = warning
        else:
            self.open[warning.warning_id] = warning

    def ack(self, up_to: int | None = None) -> str:
        (warning,) = self.open.values()
        self.open[warning.warning_id], outcome = acknowledge(warning, up_to)
        return outcome


def kinds(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(change.kind, change.why, change.told) for change in outcome.changes]


def test_between_the_thresholds_nothing_changes() -> None:
    store = Store()
    assert kinds(store.run(row(0.39))) == []
    assert kinds(store.run(row(0.40))) == [("raised", "above_threshold", "single")]
    assert kinds(store.run(row(0.31))) == []
    assert kinds(store.run(row(0.45))) == []
    assert kinds(store.run(row(0.30))) == [("cleared", "below_threshold", "single")]


def test_what_flickers_is_told_once_and_a_higher_tier_at_once() -> None:
    store = Store()
    store.run(row(0.45))
    store.run(row(0.2))
    assert kinds(store.run(row(0.45))) == []
    assert kinds(store.run(row(0.6))) == [("raised", "above_threshold", "single")]
    again = Store()
    again.run(row(0.45))
    again.run(row(0.2))
    again.run(row(0.2))
    assert kinds(again.run(row(0.45))) == [("raised", "above_threshold", "single")]


def test_an_acknowledged_warning_speaks_when_its_tier_rises_and_when_it_clears() -> None:
    store = Store()
    store.run(row(0.45))
    assert store.ack() == "acknowledged"
    assert kinds(store.run(row(0.31), weeks=10)) == []
    assert kinds(store.run(row(0.7))) == [("updated", "tier_rose", "single")]
    (warning,) = store.open.values()
    assert (warning.state, warning.waits_from) == ("updated", 3)
    store.ack()
    assert kinds(store.run(row(0.1))) == [("cleared", "below_threshold", "single")]


def test_a_clear_move_is_told_again_after_the_cool_down() -> None:
    store = Store()
    store.run(row(0.45))
    assert kinds(store.run(row(0.35))) == []
    assert kinds(store.run(row(0.35))) == [("updated", "probability_fell", "single")]
    assert kinds(store.run(row(0.44), weeks=5)) == []
    assert kinds(store.run(row(0.45))) == [("updated", "probability_rose", "single")]


def test_acknowledgements_come_in_any_order() -> None:
    store = Store()
    store.run(row(0.45))
    store.run(row(0.7))
    # Who read the first message does not know of the second.
    assert store.ack(up_to=1) == "superseded"
    assert store.ack(up_to=2) == "acknowledged"
    assert store.ack(up_to=1) == "superseded"
    assert store.ack() == "already"
    with pytest.raises(ValueError, match="events 1 to 3, no event 9"):
        store.ack(up_to=9)
    gone = replace(next(iter(store.open.values())), state="cleared")
    assert acknowledge(gone) == (gone, "cleared")


def test_without_figures_nothing_rises_or_clears() -> None:
    store = Store()
    store.run(row(0.6))
    (name,) = store.open
    for outcome in (store.run(), store.run(row(0.0, is_unsure=True)), store.run(row(0.0), is_outage=True)):
        assert (outcome.changes, outcome.held) == ((), (name,))
    assert store.run(row(0.9, "CHN", is_unsure=True)).changes == ()


def test_a_warning_ends_with_its_window_and_with_its_rule() -> None:
    end = MONDAY + 2 * WEEK
    store = Store()
    store.run(row(0.6, window_end=end))
    assert kinds(store.run(row(0.6, window_end=end))) == []
    assert kinds(store.run()) == [("cleared", "window_over", "single")]
    store.run(row(0.6, "CHN"))
    (warning,) = store.open.values()
    about = {"as_of": MONDAY + 9 * WEEK, "run_id": "x", "budget": 9, "meets": lambda rule, row: True}
    gone = evaluate([warning], {}, [row(0.6, "CHN")], [], **about)  # type: ignore[arg-type]
    assert kinds(gone) == [("cleared", "rule_removed", "quiet")]


def test_the_budget_goes_to_the_strongest_and_relief_comes_last() -> None:
    store = Store()
    store.run(row(0.9, "AUS"))
    outcome = store.run(row(0.1, "AUS"), row(0.45, "CHN"), row(0.6, "COD"), row(0.55, "IDN"), budget=2)
    told = [(change.warning.row.supplier, change.told) for change in outcome.changes]
    assert told == [("COD", "single"), ("IDN", "single"), ("CHN", "digest"), ("AUS", "digest")]


def test_a_second_window_of_a_pair_waits_until_all_pairs_are_told() -> None:
    rows = [
        row(p, supplier, window=window)
        for p, supplier, window in ((0.9, "COD", "a"), (0.8, "COD", "b"), (0.6, "CHN", "a"))
    ]
    told = [(change.warning.row.supplier, change.told) for change in Store().run(*rows, budget=2).changes]
    assert told == [("COD", "single"), ("CHN", "single"), ("COD", "digest")]


def test_two_rows_of_one_event_are_refused() -> None:
    with pytest.raises(ValueError, match="two rows are about supply_drop 2026 cobalt COD"):
        Store().run(row(0.6), row(0.7))


PROBABILITIES = st.sampled_from([0.0, 0.25, 0.30, 0.31, 0.39, 0.40, 0.45, 0.55, 0.9])
SUPPLIERS = ("COD", "CHN", "IDN")
BUDGET = 2


class Weeks(RuleBasedStateMachine):
    """Random weeks, outages, mutes and acknowledgements."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.events: set[tuple[str, int]] = set()
        self.last: Outcome | None = None
        self.rows: dict[str, Row] = {}

    @rule(
        given=st.dictionaries(st.sampled_from(SUPPLIERS), st.tuples(PROBABILITIES, st.booleans())),
        is_outage=st.sampled_from([False, False, False, True]),
    )
    def a_run(self, given: dict[str, tuple[float, bool]], is_outage: bool) -> None:
        self.rows = {name: row(p, name, is_unsure=unsure) for name, (p, unsure) in given.items()}
        before = {warning.row.key: warning for warning in self.store.open.values()}
        self.last = self.store.run(*self.rows.values(), budget=BUDGET, is_outage=is_outage)
        if is_outage:
            assert not self.last.changes
        for change in self.last.changes:
            warning, now = change.warning, self.rows[change.warning.row.supplier]
            # Each event of each warning once, and in order.
            assert (warning.warning_id, warning.number) not in self.events
            self.events.add((warning.warning_id, warning.number))
            assert not now.is_unsure
            if change.kind == "cleared":
                assert now.probability <= RULE.clear_at
            if change.kind == "raised":
                assert now.probability >= RULE.raise_at
                assert warning.row.key not in before
            else:
                assert warning.number == before[warning.row.key].number + 1
            if warning.row.supplier in self.store.muted:
                assert change.told in ("muted", "quiet")

    @rule(supplier=st.sampled_from(SUPPLIERS))
    def a_mute(self, supplier: str) -> None:
        self.store.muted ^= {supplier}

    @rule(number=st.integers(1, 6))
    def an_acknowledgement(self, number: int) -> None:
        for name, warning in list(self.store.open.items()):
            if number <= warning.number:
                after, outcome = acknowledge(warning, number)
                assert (outcome == "superseded") == (number < warning.waits_from)
                self.store.open[name] = after
                if outcome == "acknowledged":
                    self.events.add((name, after.number))

    @invariant()
    def one_open_warning_per_event(self) -> None:
        keys = [warning.row.key for warning in self.store.open.values()]
        assert len(keys) == len(set(keys))

    @invariant()
    def the_budget_holds(self) -> None:
        if self.last is not None:
            assert sum(change.told == "single" for change in self.last.changes) <= BUDGET

    @invariant()
    def what_waits_was_not_read(self) -> None:
        for warning in self.store.open.values():
            assert warning.waits_from <= warning.number
            assert warning.state in ("raised", "updated", "acknowledged")


Weeks.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestWeeks = Weeks.TestCase
