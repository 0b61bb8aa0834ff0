"""Counts of measures: what is in force when, in acts and in lines, and what is new per week."""

from __future__ import annotations

import pandas as pd

from features import measure_counts
from features.catalog import load_catalog
from features.measures import current, merged
from tests.builders import event, rows, utc


def measures(*records: dict) -> pd.DataFrame:
    return current(merged(rows("measures", records)))


def in_force(table: pd.DataFrame, day: str) -> list[str]:
    return measure_counts.in_force_at(table, utc(day).to_pydatetime())["event_id"].tolist()


def test_a_measure_is_in_force_from_its_day_to_its_end_inclusive():
    dates = {"effective_at": utc("2012-05-06"), "ended_at": utc("2014-01-12")}
    table = measures(event("a", "cobalt", "COD", "2012-02-07", **dates))
    found = {day: in_force(table, day) for day in ("2012-05-05", "2012-05-06", "2014-01-12", "2014-01-13")}
    assert found == {"2012-05-05": [], "2012-05-06": ["a"], "2014-01-12": ["a"], "2014-01-13": []}


def test_an_easing_is_not_in_force_and_a_year_only_act_from_the_next_year():
    table = measures(
        event("a", "cobalt", "COD", "2012-02-07", direction="easing", kind="easing"),
        event("b", "cobalt", "COD", "2013-01-01", announced_at=pd.NaT),
    )
    assert in_force(table, "2012-12-31") == []
    assert in_force(table, "2013-01-01") == ["b"]


def test_lines_are_named_products_or_all_of_the_mineral():
    catalog = load_catalog()
    every = set(catalog.used_hs_codes().query("mineral == 'cobalt'")["hs_code"])
    assert len(every) > 1
    whole = measures(event("a", "cobalt", "COD", "2012-02-07"), event("b", "cobalt", "COD", "2012-02-08"))
    assert set(measure_counts.lines(whole, catalog)["hs_code"]) == every
    named = measures(event("a", "cobalt", "COD", "2012-02-07", hs_codes="28220010;999999"))
    assert measure_counts.lines(named, catalog)["hs_code"].tolist() == ["282200", "999999"]
    heading = measures(event("a", "cobalt", "COD", "2012-02-07", hs_codes="2822"))
    assert measure_counts.lines(heading, catalog)["hs_code"].tolist() == ["282200"]
    elsewhere = measures(event("a", "nickel", "RUS", "2012-02-07", hs_codes="9999"))
    assert measure_counts.lines(elsewhere, catalog)["hs_code"].tolist() == ["9999"]


def test_years_count_what_is_in_force_at_their_end():
    table = measures(
        event("a", "cobalt", "COD", "2012-02-07", ended_at=utc("2014-06-01"), hs_codes="282200;260500"),
        event("b", "copper", "COD", "2013-02-07", kind="export_tax", hs_codes="260300"),
    )
    found = measure_counts.per_year(table, load_catalog(), until=utc("2014-09-01").to_pydatetime())
    told = [tuple(row) for row in found[["year", "mineral", "acts", "lines"]].itertuples(index=False)]
    assert told == [(2012, "cobalt", 1, 2), (2013, "cobalt", 1, 2), (2013, "copper", 1, 1), (2014, "copper", 1, 1)]


def test_new_ones_are_counted_per_week_without_gaps_and_once_per_act():
    table = merged(
        rows(
            "measures",
            [
                event("a", "cobalt", "COD", "2020-01-08"),
                event("a", "copper", "COD", "2020-01-08"),
                event("b", "copper", "CHN", "2020-01-27", direction="easing", kind="easing"),
                event("c", "copper", "CHN", "2020-01-01", announced_at=pd.NaT),
                event("d", "copper", "CHN", "2020-02-20"),
            ],
        )
    )
    weeks = measure_counts.new_per_week(table, until=utc("2020-02-04").to_pydatetime())
    assert [f"{day:%m-%d}" for day in weeks["week_starts_at"]] == ["01-06", "01-13", "01-20", "01-27", "02-03"]
    assert weeks["tightening"].tolist() == [1, 0, 0, 0, 0]
    assert weeks["easing"].tolist() == [0, 0, 0, 1, 0]
    assert measure_counts.new_per_week(table.iloc[:0], until=utc("2020-02-04").to_pydatetime()).empty
