"""Known crises looked at again: what stands out is judged by the past alone, and the page says what was not seen."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from features.catalog import load_catalog
from features.panel import feature_names
from ml.cases import study as of_cases
from ml.cases.known import CASES, Case
from ml.cases.page import render
from ml.cases.series import mondays, stands_out, verdict, weekly_values
from ml.knowledge import Knowledge, open_store, signals_named
from ml.settings import Settings
from tests.builders import utc

WEEKS = pd.Series(pd.date_range("2010-01-04", periods=300, freq="7D", tz="UTC"))
INDONESIA = Case(
    "tin-2013",
    "A case of the test",
    "tin",
    "IDN",
    dt.date(2013, 8, 30),
    "something happens.",
    ("restrictions_pair_new_13w", "restrictions_pair_in_force"),
)


def flat(level: float = 1.0) -> pd.Series:
    """Values with a little regular movement, so that percentiles are not degenerate."""
    return pd.Series(level + 0.01 * (np.arange(len(WEEKS)) % 10))


def on(week: int) -> dt.date:
    return WEEKS[week].date()


def test_mondays_include_both_ends_and_nothing_else() -> None:
    days = [day.date().isoformat() for day in mondays(dt.date(2021, 1, 2), dt.date(2021, 1, 18))]
    assert days == ["2021-01-04", "2021-01-11", "2021-01-18"]
    assert [day.date().isoformat() for day in mondays(dt.date(2021, 1, 4), dt.date(2021, 1, 10))] == ["2021-01-04"]
    assert mondays(dt.date(2021, 1, 5), dt.date(2021, 1, 8)) == []


def test_a_value_stands_out_against_its_past_only() -> None:
    values = flat()
    values[200] = 2.0
    out = stands_out(values)
    assert out[:52].isna().all()
    assert out[200] == 1.0
    assert out[52:200].eq(0.0).all()
    # Later values change nothing.
    assert stands_out(values.head(201)).equals(out.head(201))
    values[201:] = 3.0
    assert stands_out(values).head(201).equals(out.head(201))


def test_where_low_values_are_bad_a_fall_stands_out_and_a_rise_does_not() -> None:
    values = flat()
    values[200], values[210] = 0.5, 2.0
    out = stands_out(values, is_low_bad=True)
    assert out[200] == 1.0
    assert out[210] == 0.0


def test_without_a_year_of_past_or_without_a_value_nothing_is_said() -> None:
    values = flat()
    values[:150] = np.nan
    values[220] = np.nan
    out = stands_out(values)
    assert out[:202].isna().all()
    assert pd.isna(out[220])
    assert out[221] == 0.0


@pytest.mark.parametrize(("week", "warned", "seen"), [(190, 10, None), (200, 0, None), (201, None, 1), (205, None, 5)])
def test_what_was_seen_before_and_after_is_told_in_weeks(week: int, warned: int | None, seen: int | None) -> None:
    values = flat()
    values[week] = 2.0
    said = verdict(WEEKS, values, on(200))
    assert (said.warned_weeks, said.seen_weeks) == (warned, seen)
    assert said.elsewhere_frac == 0.0


def test_the_monday_of_the_event_does_not_know_of_it() -> None:
    values = flat()
    values[200] = 2.0
    assert verdict(WEEKS, values, on(200)).value == 2.0
    day_before = on(200) - dt.timedelta(days=1)
    said = verdict(WEEKS, values, day_before)
    assert said.value == values[199]
    assert (said.warned_weeks, said.seen_weeks) == (None, 1)


def test_other_spells_tell_how_often_it_stands_out_anyway() -> None:
    values = flat()
    values[100] = 2.0
    said = verdict(WEEKS, values, on(200))
    # Mondays 52 to 174 end a spell before, 252 to 299 one after; 26 of them hold Monday 100.
    assert said.elsewhere_frac == pytest.approx(26 / (175 - 52 + 300 - 252))


def test_a_spell_that_touches_the_weeks_around_the_event_is_no_other_spell() -> None:
    values = flat()
    values[226], values[175] = 2.0, 2.0
    assert verdict(WEEKS, values, on(200)).elsewhere_frac == 0.0
    values[227] = 3.0
    assert verdict(WEEKS, values, on(200)).elsewhere_frac == pytest.approx(1 / (175 - 52 + 300 - 252))


def test_of_an_event_that_is_still_ahead_nothing_is_said() -> None:
    known = slice(0, 180)
    assert verdict(WEEKS[known], flat()[known], on(200)).value is None
    assert verdict(WEEKS[:200], flat()[:200], on(199)).value is not None


def test_the_rank_is_that_among_three_years_and_no_more() -> None:
    values = flat()
    values[:40] = 9.0
    values[200] = 2.0
    assert verdict(WEEKS, values, on(200)).rank == 1.0


def test_unknown_values_give_no_verdict() -> None:
    said = verdict(WEEKS, pd.Series(np.nan, index=WEEKS.index), on(200))
    assert (said.value, said.rank, said.warned_weeks, said.seen_weeks, said.elsewhere_frac) == (None,) * 5


@pytest.fixture(scope="module")
def knowledge(bundle_home) -> Knowledge:
    store = open_store(Settings(home=bundle_home), now=dt.datetime.now(dt.UTC))
    # The weeks of the case and one more year; what is known later would take its time and is never looked at.
    return Knowledge(store, dt.datetime(2016, 9, 5, tzinfo=dt.UTC), signals_named(["restrictions"]))


def test_values_are_those_of_the_panel(knowledge: Knowledge) -> None:
    names = list(INDONESIA.features)
    weeks = mondays(dt.date(2013, 7, 1), dt.date(2013, 12, 31))
    found = weekly_values(knowledge, "tin", "IDN", names, weeks)
    panel = knowledge.panel(weeks)
    own = panel[panel["mineral"].eq("tin") & panel["supplier"].eq("IDN")].reset_index(drop=True)
    assert set(own[names[0]]) > {0.0}
    pd.testing.assert_frame_equal(found, own[["as_of", *names]])


def test_a_case_is_followed_and_its_page_names_what_stood_out(knowledge: Knowledge, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(of_cases, "CASES", (INDONESIA, replace(INDONESIA, id="none", supplier="FJI")))
    page = tmp_path / "docs" / "cases.md"
    page.parent.joinpath("cases").mkdir(parents=True)
    old = page.parent / "cases" / "tin-2013-gone.svg"
    kept = page.parent / "cases" / "mine.svg"
    for each in (old, kept):
        each.write_text("<svg/>")
    home = knowledge.store.folder.parent
    found = of_cases.study(tmp_path / "out", as_of="2016-09-05", page=page, home=home)
    assert page.read_text() == found.page
    charts = sorted(path.name for path in (page.parent / "cases").glob("*.svg"))
    assert "tin-2013-restrictions_pair_new_13w.svg" in charts
    assert kept.name in charts
    assert old.name not in charts
    for name in charts:
        if name != kept.name:
            assert name in found.page
            assert ElementTree.fromstring((page.parent / "cases" / name).read_text()).tag.endswith("svg")
    result = json.loads((tmp_path / "out" / "cases.json").read_text())
    assert [each["case"] for each in result["cases"]] == ["tin-2013", "tin-2013", "none", "none"]
    assert max(week["as_of"] for week in result["cases"][0]["weeks"]) > "2015-01-01"
    early = of_cases.study(tmp_path / "early", as_of="2014-01-07", home=home).result["cases"][0]
    assert max(week["as_of"] for week in early["weeks"]) == "2014-01-06"
    assert early["weeks"][0]["stands_out"] is not None


def test_nothing_after_the_date_of_knowledge_is_drawn(knowledge: Knowledge) -> None:
    early = replace(knowledge, as_of=dt.datetime(2013, 9, 10, tzinfo=dt.UTC))
    full = of_cases.follow(knowledge, INDONESIA)[0].weeks
    found = of_cases.follow(early, INDONESIA)[0].weeks
    assert found["as_of"].max() == utc("2013-09-09")
    pd.testing.assert_frame_equal(found, full.head(len(found)))


def test_an_unknown_case_is_refused_with_those_there_are(tmp_path) -> None:
    with pytest.raises(Exception, match=r"no case is called chile-1960; there are .*chile-2010"):
        of_cases.study(tmp_path, cases=["chile-1960"], home=tmp_path / "home")


def test_every_case_names_what_the_catalogue_and_the_panel_have() -> None:
    catalog = load_catalog()
    known = set(feature_names())
    assert len({case.id for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.mineral in catalog.minerals
        assert case.supplier in catalog.countries
        assert set(case.low) <= set(case.features) <= known, case.id
        assert case.event.endswith(".")


def test_a_page_without_any_figure_says_so() -> None:
    nothing = pd.DataFrame({"as_of": WEEKS, "value": np.nan, "stands_out": np.nan})
    said = verdict(WEEKS, nothing["value"], on(200))
    found = [of_cases.Found(INDONESIA, "restrictions_pair_new_13w", "A sentence.", "count", nothing, said)]
    text = render({"command": "oresight cases"}, found, charts="cases")
    assert "0 had a figure" in text
    assert "no figure in any of these weeks" in text
