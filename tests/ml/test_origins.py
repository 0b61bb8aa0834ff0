"""Dates of forecasts: Mondays only, none before the first week or after now, and training dates before the origin."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ConfigError
from features.knowledge_time import as_moment
from ml.origins import EARLIEST_WEEK, DayOfYear, Origin, training_dates, weekly_date, yearly_origins

NOW = as_moment("2019-06-05") + dt.timedelta(hours=13)


def test_origins_are_the_mondays_after_the_fifteenth_of_july() -> None:
    found = [origin.as_of.date().isoformat() for origin in yearly_origins(2018, 2020)]
    # 15 July 2018 was a Sunday, 2019 a Monday, 2020 a Wednesday.
    assert found == ["2018-07-16", "2019-07-22", "2020-07-20"]


def test_another_day_gives_other_origins_and_one_year_gives_one() -> None:
    assert [o.as_of for o in yearly_origins(2020, 2020, day=DayOfYear(1, 1))] == [as_moment("2020-01-06")]
    # Rows to learn from are those of the same time of year.
    february = training_dates(as_moment("2001-06-01"), day=DayOfYear(2, 1))
    assert [date.date().isoformat() for date in february[-2:]] == ["2000-02-07", "2001-02-05"]
    assert str(DayOfYear(2, 1)) == "1 February"
    with pytest.raises(ConfigError, match="the last origin year 2009 is before the first, 2010"):
        yearly_origins(2010, 2009)


def test_an_origin_names_its_week_and_origins_sort_by_date() -> None:
    early, late = yearly_origins(2023, 2024)
    assert (early.week, late.week) == ("2023-W29", "2024-W30")
    assert early < late
    assert Origin(early.as_of) == early


@given(st.integers(0, 36 * 365 * 24))
def test_training_dates_are_rising_mondays_before_the_given_moment(hours: int) -> None:
    until = as_moment("1999-01-01") + dt.timedelta(hours=hours)
    dates = training_dates(until)
    assert dates == sorted(set(dates))
    assert all(date < until and date.weekday() == 0 and date.time() == dt.time(0) for date in dates)
    # Later knowledge adds dates and takes none away.
    assert training_dates(until + dt.timedelta(days=400))[: len(dates)] == dates


def test_an_origin_is_not_among_its_own_training_dates_but_the_next_has_it() -> None:
    early, late = yearly_origins(2015, 2016)
    assert early.as_of not in training_dates(early.as_of)
    assert early.as_of in training_dates(late.as_of)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "2019-06-03"),
        ("2019-06-03", "2019-06-03"),
        ("2019-05-27", "2019-05-27"),
        ("2005-01-03", "2005-01-03"),
    ],
)
def test_the_week_is_the_monday_given_or_that_of_now(text: str | None, found: str) -> None:
    assert weekly_date(text, now=NOW) == as_moment(found)


def test_a_monday_counts_from_its_first_instant() -> None:
    assert weekly_date(None, now=as_moment("2019-06-03")) == as_moment("2019-06-03")
    assert weekly_date("2019-06-03", now=as_moment("2019-06-03")) == as_moment("2019-06-03")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2019-06-04", "2019-06-04 is not a Monday; the Monday of its week is 2019-06-03"),
        ("2019-06-10", "2019-06-10 is in the future; the latest week is 2019-06-03"),
        ("2004-12-27", "2004-12-27 is before the first week that can be replayed, 2005-01-03"),
        ("3 June", "'3 June' is not a date; write it as YYYY-MM-DD"),
        ("2019-02-30", "'2019-02-30' is not a date"),
    ],
)
def test_a_wrong_week_is_refused_and_the_message_helps(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        weekly_date(text, now=NOW)


def test_the_first_week_is_a_monday() -> None:
    assert EARLIEST_WEEK.weekday() == 0
