"""A run against the rules: conditions, what an importer buys, real rows, runs that come late, twice or not at all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, select

from features.catalog import load_catalog
from ml.alerts.conditions import Conditions, Mute, check_pattern, is_muted
from ml.alerts.evaluation import evaluate_run, notice_missing
from ml.alerts.importers import Share, Shares, importer_shares
from ml.alerts.rules import Rule
from ml.alerts.skill import alert_record
from ml.alerts.states import Warning, warning_id
from ml.database.warning_tables import deliveries, warning_events, warning_runs, warnings
from ml.runs import Run
from tests.ml.alerts.made_runs import MONDAY, NOW, forecast, made_rules, made_run, one_hook
from tests.ml.alerts.test_states import row

CATALOG = load_catalog()
A_WEEK = dt.timedelta(days=7)


def nobody(line: str) -> None:
    """Nobody listens."""


def met(rule: dict[str, Any], shares: Shares | None = None, **changed: Any) -> bool:
    made = row(0.6, p_low=0.5, p_high=0.7, change=0.05, **changed)
    return Conditions(CATALOG, MONDAY, shares or Shares()).met(Rule(id="r", **rule), made)


def test_each_condition_decides() -> None:
    assert met({})
    assert not met({}, is_alert=False)
    assert met({"alerts_only": False}, is_alert=False)
    assert met({"change": 0.05})
    assert not met({"change": 0.06})
    assert met({"min_confidence": 0.8})
    assert not met({"min_confidence": 0.81})
    assert met({"above_normal": 5.0})
    assert not met({"above_normal": 5.1})
    assert met({"above_normal": 5.1}, base_rate=None)
    assert not met({"suppliers": ("CHN",)})
    assert met({"minerals": ("cobalt", "tin")})
    assert not met({"minerals": ("tin",)})
    assert met({"lists": ("eu_critical",)})
    # Neither named nor on the list.
    assert not met({"minerals": ("tin",), "lists": ("eu_critical",)}, mineral="gold")
    known = Shares(
        {("TWN", "cobalt", "COD"): Share(0.06, 10.0, 2024, MONDAY)}, {("JPN", "cobalt"): Share(1, 9.0, 2024, MONDAY)}
    )
    assert met({"importers": ("TWN",)}, known)
    assert not met({"importers": ("TWN",), "min_importer_share": 0.07}, known)
    assert not met({"importers": ("JPN",)}, known)
    # Of whom nothing is known: not nothing.
    assert met({"importers": ("KOR",)}, known)


def test_a_policy_list_counts_from_the_day_it_holds() -> None:
    first = min(entry.valid_from for entry in CATALOG.lists_of("cobalt") if entry.list_id == "eu_critical")
    for days, is_met in ((-1, False), (0, True)):
        moment = dt.datetime.combine(first, dt.time(), dt.UTC) + dt.timedelta(days=days)
        conditions = Conditions(CATALOG, moment, Shares())
        assert conditions.met(Rule(id="r", lists=("eu_critical",)), row(0.6)) is is_met


@pytest.mark.parametrize(
    ("pattern", "is_covered"),
    [
        ("cobalt/COD", True),
        ("cobalt/*", True),
        ("*/COD", True),
        ("*/CHN", False),
        ("rule:drop", True),
        ("rule:other", False),
    ],
)
def test_what_a_mute_covers_and_when_it_expires(pattern: str, is_covered: bool) -> None:
    check_pattern(pattern)
    warning = Warning("W00000000", "drop", row(0.6), "raised", "severe", MONDAY, MONDAY)
    mutes = [Mute(1, pattern, NOW, "why", "by")]
    assert is_muted(warning, mutes, NOW - dt.timedelta(seconds=1)) is is_covered
    assert not is_muted(warning, mutes, NOW)


def test_what_an_importer_buys_is_its_share_of_its_own_imports() -> None:
    used = CATALOG.used_hs_codes()
    code = str(used.loc[used["mineral"].eq("cobalt"), "hs_code"].iloc[0])
    flows = [("COD", "TWN", 30.0), ("CHN", "TWN", 90.0), ("COD", "JPN", 1000.0), ("AUS", "KOR", 5.0)]
    trade = pd.DataFrame(
        [
            {
                "year": year,
                "hs_code": code,
                "supplier": supplier,
                "importer": importer,
                "quantity_tonnes": tonnes * times,
            }
            for year, times in ((2023, 7.0), (2024, 1.0))
            for supplier, importer, tonnes in flows
        ]
    )
    trade = trade.assign(
        value_usd=1.0,
        is_imputed=False,
        is_retracted=False,
        source="baci",
        available_at=pd.Timestamp("2026-02-01", tz="UTC"),
    )
    shares = importer_shares(trade, CATALOG, ["TWN", "KOR"])
    known_at = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    assert shares.of("TWN", "cobalt", "COD") == Share(0.25, 120.0, 2024, known_at)
    assert shares.of("KOR", "cobalt", "COD") == Share(0.0, 5.0, 2024, known_at)
    assert shares.of("TWN", "tin", "CHN") is None
    assert shares.of("JPN", "cobalt", "COD") is None
    assert importer_shares(trade, CATALOG, []) == importer_shares(trade.head(0), CATALOG, ["TWN"]) == Shares()


def test_a_real_run_is_read_once_and_what_is_stored_is_what_it_said(engine: Engine, first_run: Run) -> None:
    rules = made_rules()
    table = first_run.forecasts()
    found = evaluate_run(engine, rules, first_run, table, now=NOW, say=nobody, dry_run=True)
    with engine.connect() as connection:
        assert connection.scalar(select(warnings.c.warning_id)) is None
    again = [evaluate_run(engine, rules, first_run, table, now=NOW, say=nobody) for _ in range(2)]
    assert [event.event_id for event in again[0].events] == [event.event_id for event in found.events]
    assert again[1].events == ()
    wanted = table[table["alert"] & table["target"].eq("supply_drop") & table["probability"].ge(0.4)]
    wanted = wanted[wanted["tier"].isin(["elevated", "severe"]) & ~wanted["stale"]]
    wanted = wanted[(wanted["p_high"] - wanted["p_low"] <= 0.5) & (wanted["p_low"] >= wanted["base_rate"])]
    with engine.connect() as connection:
        stored = connection.execute(select(warnings)).mappings().all()
    key = ["mineral", "supplier", "horizon"]
    assert len(stored) == len(wanted) > 0
    by_key = wanted.set_index(key)["probability"].to_dict()
    assert {tuple(each[name] for name in key): each["probability"] for each in stored} == by_key


def test_a_run_of_the_past_and_one_that_was_read_change_nothing(engine: Engine) -> None:
    rules = made_rules()
    now, before = made_run(forecast(), week=1), made_run(forecast("tin", "BRA"))
    assert evaluate_run(engine, rules, now, now.forecasts(), now=NOW, say=nobody).count("raised") == 1
    late = evaluate_run(engine, rules, before, before.forecasts(), now=NOW, say=nobody)
    assert "don't go back in time" in str(late.skipped)
    assert "has been read" in str(evaluate_run(engine, rules, now, now.forecasts(), now=NOW, say=nobody).skipped)


def test_a_run_that_was_held_back_is_read_once_it_is_accepted(engine: Engine) -> None:
    rules = made_rules()
    held, accepted = made_run(forecast(), stop="shrunk"), made_run(forecast())
    assert evaluate_run(engine, rules, held, held.forecasts(), now=NOW, say=nobody).held_why
    assert evaluate_run(engine, rules, held, held.forecasts(), now=NOW, say=nobody).skipped
    assert evaluate_run(engine, rules, accepted, accepted.forecasts(), now=NOW, say=nobody).count("raised") == 1
    assert evaluate_run(engine, rules, accepted, accepted.forecasts(), now=NOW, say=nobody).skipped


def test_next_years_warning_goes_on_as_this_years(engine: Engine) -> None:
    rules = made_rules()
    december = made_run(forecast(window=2027))
    evaluate_run(engine, rules, december, december.forecasts(), now=NOW, say=nobody)
    row = forecast(probability=0.62) | {
        name: dt.datetime(2027, month, day, tzinfo=dt.UTC)
        for name, month, day in (("window_start", 1, 1), ("window_end", 12, 31))
    }
    january = made_run(row, week=6)
    found = evaluate_run(engine, rules, january, january.forecasts(), now=NOW, say=nobody)
    assert found.events == ()
    with engine.connect() as connection:
        assert connection.execute(select(warnings.c.horizon)).scalars().all() == ["next_year"]


def test_whatever_fails_leaves_nothing_behind(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, run = made_rules(one_hook("https://a.example")), made_run(forecast())

    def broken(*args: object, **other: object) -> int:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("ml.alerts.outbox.queue", broken)
        with pytest.raises(OSError, match="the disk is full"):
            evaluate_run(engine, rules, run, run.forecasts(), now=NOW, say=nobody)
    with engine.connect() as connection:
        for table in (warnings, warning_events, deliveries, warning_runs):
            assert connection.execute(select(table)).first() is None
    assert evaluate_run(engine, rules, run, run.forecasts(), now=NOW, say=nobody).queued == 1


def test_that_no_run_came_is_said_once_a_week(engine: Engine) -> None:
    rules, run = made_rules(one_hook("https://a.example")), made_run(forecast())
    evaluate_run(engine, rules, run, run.forecasts(), now=NOW, say=nobody)
    due = MONDAY + A_WEEK + dt.timedelta(hours=24)
    assert notice_missing(engine, rules, run, now=due, say=nobody) is None
    found = notice_missing(engine, rules, run, now=due + dt.timedelta(seconds=1), say=nobody)
    assert found is not None
    assert found.queued == 1
    assert "since the one of 2026-11-23" in str(found.held_why)
    assert notice_missing(engine, rules, run, now=due + dt.timedelta(hours=5), say=nobody) is None
    assert notice_missing(engine, rules, run, now=due + A_WEEK, say=nobody) is not None
    assert notice_missing(engine, rules, made_run(kind="hindcast"), now=due + A_WEEK, say=nobody) is None
    assert notice_missing(engine, rules, None, now=due, say=nobody) is None


def test_the_record_is_that_of_live_alerts_or_says_that_it_is_a_hindcast() -> None:
    def part(alerts: float) -> dict[str, Any]:
        found = {"alerts": alerts, "hits": 6.0, "precision": {"value": 0.6, "low": None, "high": None}}
        years = [{"slice": "year", "value": year} for year in ("2012", "2010")]
        return {"supply_drop": {"horizons": {"current_year": {"scores": {"all": {"alerts": found}, "slices": years}}}}}

    def told(kinds: dict[str, Any]) -> dict[str, Any] | None:
        return alert_record({"as_of": "2026-11-28", "kinds": kinds}, "supply_drop", "current_year")

    # Nine live alerts say nothing; a backfill is nobody's record.
    found = told({"backfill": part(99.0), "live": part(9.0), "hindcast": part(10.0)})
    assert found is not None
    assert (found["kind"], found["alerts"], found["first_year"], found["last_year"]) == ("hindcast", 10, 2010, 2012)
    live = told({"live": part(10.0), "hindcast": part(99.0)})
    assert live is not None
    assert live["kind"] == "live"
    assert told({"live": {"supply_drop": {"horizons": {"current_year": {"scores": None}}}}}) is None
    assert told({}) is alert_record(None, "supply_drop", "current_year") is None


def test_ids_are_short_and_the_same_for_the_same_event_only() -> None:
    key = ("supply_drop", "2026", "cobalt", "COD")
    ids = {
        warning_id(key, "a", is_drill=False),
        warning_id(key, "a", is_drill=True),
        warning_id(key, "b", is_drill=False),
    }
    assert len(ids) == 3
    assert {len(each) for each in ids} == {9}
    assert warning_id(key, "a", is_drill=False) in ids


def test_the_view_has_the_last_event_and_counts_of_deliveries(engine: Engine, tmp_path: Path) -> None:
    rules, run = made_rules(one_hook("https://a.example")), made_run(forecast())
    evaluate_run(engine, rules, run, run.forecasts(), now=NOW, say=nobody)
    with engine.connect() as connection:
        (line,) = connection.exec_driver_sql("SELECT * FROM v1_warnings").mappings().all()
    assert (line["mineral"], line["state"], line["last_event"]) == ("cobalt", "raised", "raised")
    assert (line["sent"], line["pending"], line["dead"]) == (0, 1, 0)
