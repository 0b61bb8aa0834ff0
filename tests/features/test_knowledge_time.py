"""Lags, Mondays and quarters, counted out day by day."""

from __future__ import annotations

import datetime as dt
import doctest

import pytest

from features import knowledge_time as kt
from features.errors import ConfigError

UTC = dt.UTC
A_DAY = dt.timedelta(days=1)


def days(first: dt.date, last: dt.date) -> list[dt.datetime]:
    start = dt.datetime(first.year, first.month, first.day, tzinfo=UTC)
    return [start + A_DAY * n for n in range((last - first).days)]


ALL_DAYS = days(dt.date(1999, 1, 1), dt.date(2031, 1, 1))
MONDAYS = [day for day in ALL_DAYS if day.isoweekday() == 1]


def test_examples_in_the_docstrings_hold():
    result = doctest.testmod(kt)
    assert result.attempted >= 3
    assert result.failed == 0


def test_newest_year_is_the_last_whose_figures_are_out():
    lag = kt.Lag(years=2, month=2, day=1)
    for day in ALL_DAYS:
        for moment in (day, day - dt.timedelta(microseconds=1)):
            out = [year for year in range(1990, 2032) if lag.available_at(year) <= moment]
            assert lag.newest_year(moment) == max(out)


def test_each_field_of_a_lag_moves_the_knowledge_time():
    assert kt.Lag(2, 2, 1).available_at(2020) == dt.datetime(2022, 2, 1, tzinfo=UTC)
    assert kt.Lag(1, 2, 1).available_at(2020) == dt.datetime(2021, 2, 1, tzinfo=UTC)
    assert kt.Lag(2, 5, 1).available_at(2020) == dt.datetime(2022, 5, 1, tzinfo=UTC)
    assert kt.Lag(2, 2, 9).available_at(2020) == dt.datetime(2022, 2, 9, tzinfo=UTC)


def test_a_lag_into_the_past_is_refused():
    with pytest.raises(ConfigError, match="negative: -1 years"):
        kt.Lag(-1, 2, 1)


@pytest.mark.parametrize(("month", "day"), [(13, 1), (2, 29), (4, 31), (0, 1)])
def test_a_lag_to_a_day_that_not_every_year_has_is_refused(month: int, day: int):
    with pytest.raises(ValueError, match=r"must be in|out of range"):
        kt.Lag(1, month, day)


def test_a_monthly_lag_counts_months_over_the_turn_of_the_year_and_then_days():
    assert kt.MonthLag(1, 4).available_at(2020, 11) == dt.datetime(2020, 12, 4, tzinfo=UTC)
    assert kt.MonthLag(1, 4).available_at(2020, 12) == dt.datetime(2021, 1, 4, tzinfo=UTC)
    assert kt.MonthLag(2, 4).available_at(2020, 12) == dt.datetime(2021, 2, 4, tzinfo=UTC)
    assert kt.MonthLag(14, 4).available_at(2020, 11) == dt.datetime(2022, 1, 4, tzinfo=UTC)
    assert kt.MonthLag(1, 16).available_at(2020, 12) == dt.datetime(2021, 1, 16, tzinfo=UTC)
    assert kt.MonthLag(1, 16, days=20).available_at(2020, 12) == dt.datetime(2021, 2, 5, tzinfo=UTC)


def test_a_lag_after_the_end_of_the_month_counts_from_the_first_instant_of_the_next():
    for day in ALL_DAYS:
        if day.day == 1:
            before = day - A_DAY
            assert kt.MonthLag.after_end(0).available_at(before.year, before.month) == day
            assert kt.MonthLag.after_end(60).available_at(before.year, before.month) == day + 60 * A_DAY


def test_a_monthly_lag_into_its_own_month_or_to_a_day_not_every_month_has_is_refused():
    with pytest.raises(ConfigError, match="only after its month"):
        kt.MonthLag(0, 4)
    with pytest.raises(ConfigError, match="only after its month"):
        kt.MonthLag(1, 4, days=-1)
    with pytest.raises(ValueError, match="day"):
        kt.MonthLag(1, 29)


def test_mondays_are_found_by_walking_back_and_forth():
    for day in ALL_DAYS[7:3000]:
        for moment in (day, day + dt.timedelta(hours=13, microseconds=5)):
            before = next(d for n in range(7) if (d := day - A_DAY * n).isoweekday() == 1)
            assert kt.monday_on_or_before(moment) == before
            assert kt.monday_after(moment) == before + 7 * A_DAY
            assert kt.is_monday(moment) == (moment == before)


def test_quarter_monday_is_the_last_first_monday_of_a_quarter():
    starts = [day for day in MONDAYS if day.day <= 7 and day.month in (1, 4, 7, 10)]
    for day in ALL_DAYS[400:]:
        assert kt.quarter_monday(day) == max(start for start in starts if start <= day)
    for start in starts[4:]:
        just_before = start - dt.timedelta(microseconds=1)
        assert kt.quarter_monday(just_before) == max(other for other in starts if other <= just_before)


def test_four_quarters_begin_in_each_year():
    found = {kt.quarter_monday(day) for day in ALL_DAYS[400:]}
    per_year = [sum(day.year == year for day in found) for year in range(2001, 2031)]
    assert set(per_year) == {4}


@pytest.mark.parametrize(
    ("day", "name"),
    [("2026-11-23", "2026-W48"), ("2021-01-03", "2020-W53"), ("2018-12-31", "2019-W01"), ("2024-03-04", "2024-W10")],
)
def test_iso_week_belongs_to_the_year_of_its_thursday(day: str, name: str):
    assert kt.iso_week(kt.as_moment(day)) == name


def test_a_moment_is_read_from_text_date_and_aware_datetime():
    noon_in_taipei = dt.datetime(2019, 6, 3, 7, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    assert kt.as_moment("2019-06-03") == dt.datetime(2019, 6, 3, tzinfo=UTC)
    assert kt.as_moment(dt.date(2019, 6, 3)) == dt.datetime(2019, 6, 3, tzinfo=UTC)
    assert kt.as_moment(noon_in_taipei) == dt.datetime(2019, 6, 2, 23, 30, tzinfo=UTC)
    assert kt.as_moment(noon_in_taipei).tzinfo is UTC


def test_a_naive_datetime_is_refused():
    with pytest.raises(ConfigError, match="no time zone"):
        kt.as_moment(dt.datetime(2019, 6, 3))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["2019-6-3", "03.06.2019", "2019-02-30", "", "soon"])
def test_text_that_is_no_date_is_refused_with_an_example(text: str):
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        kt.as_moment(text)
