"""The signal `news`: counts that fade, scaled by what feeds carried, missing where feeds were down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import load_catalog
from features.signals.declaration import Steps
from features.signals.news import SIGNAL
from features.weeks import faded, monday_of, week_from, week_of
from models.phrases import phrase
from tests.builders import carried, report, rows, utc
from tests.once import once

WEEKS = pd.date_range("2025-01-06", "2026-01-19", freq="7D", tz="UTC")


@once
def steps_of(links: list[dict], weeks: list[dict]) -> list[Steps]:
    tables = {"news_links": rows("news_links", links), "news_coverage": rows("news_coverage", weeks)}
    return SIGNAL.steps(tables, load_catalog())


@pytest.fixture
def value():
    """Give what the panel says of copper from Chile on a date, by the end of the feature's name."""

    def find(links, weeks, date: str, name: str, mineral="copper", supplier="CHL") -> float:
        index = pd.DataFrame([(mineral, supplier, utc(date))], columns=panel.KEYS)
        index = index.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})
        joined = panel.join_steps(index, {"news": steps_of(links, weeks)})
        return float(SIGNAL.combine(joined)[f"news_{name}"].iloc[0])

    return find


def steady(**other) -> list[dict]:
    return [row for week in WEEKS for row in carried(week, **other)]


def test_a_report_counts_from_the_monday_after_it_and_is_halved_by_its_half_life(value):
    links = [report(1, "2026-01-07 15:00", "copper", "CHL")]
    assert value(links, steady(), "2026-01-05", "pair_strike_1w") == 0
    # One report over 500 items a week, both fading alike: 1 / (500 * 2) at once, half as much a week later.
    start = value(links, steady(), "2026-01-12", "pair_strike_1w")
    assert start == pytest.approx(1000 / (500 * 2), rel=1e-3)
    assert value(links, steady(), "2026-01-19", "pair_strike_1w") == pytest.approx(start / 2, rel=1e-3)
    ratio = value(links, steady(), "2026-01-19", "pair_strike_4w") / value(
        links, steady(), "2026-01-12", "pair_strike_4w"
    )
    assert ratio == pytest.approx(0.5**0.25, rel=0.01)


def test_a_story_told_by_several_feeds_counts_once_and_shows_its_breadth(value):
    one = report(1, "2026-01-07", "copper", "CHL")
    copies = [
        {**one, "item_id": f"{n:016x}", "feed": feed, "available_at": utc("2026-01-08")}
        for n, feed in ((2, "two"), (3, "three"))
    ]
    alone, syndicated = (value(links, steady(), "2026-01-12", "pair_strike_4w") for links in ([one], [one, *copies]))
    assert syndicated == alone
    assert value([one, *copies], steady(), "2026-01-12", "pair_feeds") == 3
    assert value([one], steady(), "2026-01-12", "pair_feeds") == 1


def test_languages_of_a_week_are_counted(value):
    links = [report(1, "2026-01-07", "copper", "CHL"), report(2, "2026-01-08", "copper", "CHL", language="es")]
    assert value(links, steady(), "2026-01-12", "pair_languages") == 2


def test_twice_the_items_halve_the_count(value):
    links = [report(1, "2026-01-07", "copper", "CHL")]
    few, many = (value(links, steady(items=n), "2026-01-12", "pair_strike_13w") for n in (100, 200))
    assert few == pytest.approx(2 * many)


def test_a_pair_that_is_not_named_is_zero_where_feeds_were_up_and_missing_where_they_were_down(value):
    links = [report(1, "2026-01-07", "copper", "CHL")]
    assert value(links, steady(), "2026-01-12", "pair_strike_1w", supplier="PER") == 0
    last_week_down = [row for row in steady() if row["week_starts_at"] != utc("2026-01-05")]
    assert np.isnan(value(links, last_week_down, "2026-01-12", "pair_strike_1w", supplier="PER"))
    assert value(links, last_week_down, "2026-01-12", "pair_strike_13w", supplier="PER") == 0


def test_feeds_that_only_failed_are_down_however_often_they_were_asked(value):
    down = [row | {"polls_ok": 0, "polls_failed": 7, "items": 0} for row in carried("2026-01-05")]
    weeks = [row for row in steady() if row["week_starts_at"] != utc("2026-01-05")] + down
    assert np.isnan(value([], weeks, "2026-01-12", "pair_strike_1w"))


def test_too_few_feeds_say_nothing_of_who_they_do_not_name(value):
    assert np.isnan(value([], steady(feeds=("one", "two")), "2026-01-12", "pair_strike_13w"))
    assert value([], steady(), "2026-01-12", "pair_strike_13w") == 0


def test_most_of_the_usual_volume_must_have_been_seen(value):
    large = [row for week in WEEKS[:-3] for row in carried(week, ("large",), items=5000)]
    assert np.isnan(value([], steady() + large, "2026-01-12", "pair_strike_1w"))


def test_tightening_less_easing_and_what_is_only_threatened_or_denied(value):
    first = report(1, "2026-01-07", "copper", "CHL")
    ease = report(2, "2026-01-07", "copper", "CHL", event_type="easing", direction="easing")
    assert value([first, ease], steady(), "2026-01-12", "pair_net_1w") == 0
    whole = value([first], steady(), "2026-01-12", "pair_net_1w")
    assert value([first | {"tense": "threatened"}], steady(), "2026-01-12", "pair_net_1w") == pytest.approx(whole / 2)
    denied = first | {"tense": "denied", "direction": "neutral"}
    assert value([denied], steady(), "2026-01-12", "pair_strike_1w") == 0


def test_the_mineral_and_the_supplier_are_counted_beside_the_pair(value):
    links = [report(1, "2026-01-07", "copper", "PER"), report(2, "2026-01-07", "", "CHL")]
    found = {
        name: value(links, steady(), "2026-01-12", f"{name}_strike_1w") for name in ("pair", "mineral", "supplier")
    }
    assert found["pair"] == 0
    assert found["mineral"] == found["supplier"] > 0


def test_one_item_on_two_minerals_counts_once_on_the_supplier(value):
    item = report(1, "2026-01-07", "copper", "CHL")
    both = [item, item | {"mineral": "lithium"}]
    one, two = (value(links, steady(), "2026-01-12", "supplier_strike_1w") for links in ([item], both))
    assert one == two


def test_surprise_is_against_the_own_year(value):
    quiet = [report(1, "2026-01-07", "copper", "CHL")]
    often = quiet + [report(n, f"2025-{n:02d}-10", "copper", "CHL") for n in range(2, 13)]
    assert value([], steady(), "2026-01-12", "pair_surprise") == pytest.approx(0, abs=1e-9)
    assert (
        value(quiet, steady(), "2026-01-12", "pair_surprise")
        > value(often, steady(), "2026-01-12", "pair_surprise")
        > 0
    )


def test_weeks_since_the_last_tightening_report(value):
    links = [report(1, "2025-12-10", "copper", "CHL"), report(2, "2026-01-07", "copper", "CHL", direction="easing")]
    assert value(links, steady(), "2026-01-19", "pair_weeks_since") == 5
    assert np.isnan(value([], steady(), "2026-01-19", "pair_weeks_since"))


def test_a_withdrawal_to_come_changes_nothing_before_it(value):
    link = report(1, "2025-11-05", "copper", "CHL")
    gone = link | {"is_retracted": True, "available_at": utc("2025-12-10")}
    one, two = (value(links, steady(), "2025-11-10", "pair_strike_4w") for links in ([link], [link, gone]))
    assert one == two > 0


def test_what_is_learned_of_a_week_after_its_end_changes_nothing(value):
    links = [report(1, "2026-01-07", "copper", "CHL")]
    late = [row | {"items": 9000, "available_at": utc("2026-01-14")} for row in carried("2026-01-05")]
    one, two = (value(links, weeks, "2026-01-12", "pair_strike_1w") for weeks in (steady(), steady() + late))
    assert one == two


def test_weeks_have_numbers_and_mondays():
    moments = pd.Series(
        pd.to_datetime(["2026-01-05", "2026-01-05 00:00:01", "2026-01-11 23:59"], utc=True, format="ISO8601")
    )
    assert week_of(moments).diff().dropna().eq(0).all()
    assert (week_from(moments) - week_of(moments)).tolist() == [0, 1, 1]
    assert monday_of(week_of(moments)).eq(utc("2026-01-05")).all()
    assert faded(np.array([4.0, 0.0, 1.0]), np.array([0, 1, 3]), 1.0).tolist() == [4.0, 2.0, 1.5]


def test_every_feature_has_its_words():
    for feature in SIGNAL.columns:
        assert phrase(feature, np.nan) != phrase(feature, 1.5)
    assert phrase("news_pair_export_ban_1w", 2.5).startswith("news of export ban on this mineral at this supplier: 2.5")
    assert "no report" in phrase("news_pair_weeks_since", np.nan)
