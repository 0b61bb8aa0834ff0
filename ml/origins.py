"""When forecasts are made: yearly backtest origins, training dates and the weekly date. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from features.errors import ConfigError
from features.knowledge_time import UTC, as_moment, iso_week, monday_after, monday_on_or_before

__all__ = ["EARLIEST_WEEK", "JULY", "DayOfYear", "Origin", "mondays", "training_dates", "weekly_date", "yearly_origins"]

EARLIEST_WEEK = dt.datetime(2005, 1, 3, tzinfo=UTC)
FIRST_TRAINING_YEAR = 1998


class DayOfYear(NamedTuple):
    """A month and a day; forecasts are made on the Monday after it."""

    month: int
    day: int

    def monday(self, year: int) -> dt.datetime:
        """Give the Monday after this day of `year`.

        Example:
            >>> DayOfYear(7, 15).monday(2024).date().isoformat()
            '2024-07-22'
        """
        return monday_after(dt.datetime(year, self.month, self.day, tzinfo=UTC))

    def __str__(self) -> str:
        return dt.date(2000, self.month, self.day).strftime("%-d %B")


JULY = DayOfYear(7, 15)


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """One date for all pairs: what was known then is all a model may use."""

    as_of: dt.datetime

    @property
    def week(self) -> str:
        """The ISO week, such as '2024-W30'."""
        return iso_week(self.as_of)


def yearly_origins(first: int, last: int, *, day: DayOfYear = JULY) -> list[Origin]:
    """Give one origin a year: the Monday after the given day.

    Example:
        >>> [origin.as_of.date().isoformat() for origin in yearly_origins(2023, 2024)]
        ['2023-07-17', '2024-07-22']
    """
    if last < first:
        raise ConfigError(f"the last origin year {last} is before the first, {first}")
    return [Origin(day.monday(year)) for year in range(first, last + 1)]


def training_dates(until: dt.datetime, *, day: DayOfYear = JULY) -> list[dt.datetime]:
    """Give the dates whose rows a model learns from: the Mondays after `day` of each year since 1998, before `until`.

    One date a year: yearly trade changes once a year, and more dates would only repeat the same outcomes. What is
    forecast at another time of year is learned from that time of year.
    """
    dates = [day.monday(year) for year in range(FIRST_TRAINING_YEAR, until.year + 1)]
    return [date for date in dates if date < until]


def mondays(first: dt.datetime, last: dt.datetime) -> list[dt.datetime]:
    """Give `first`, a Monday, and every seventh day after it up to `last`."""
    return [first + dt.timedelta(weeks=number) for number in range((last - first).days // 7 + 1)]


def weekly_date(text: str | None, *, now: dt.datetime) -> dt.datetime:
    """Give the Monday to forecast for: the one given, or this week's.

    Raises:
        ConfigError: not a Monday, before 2005, or in the future.
    """
    if text is None:
        return monday_on_or_before(now)
    moment = as_moment(text)
    monday = monday_on_or_before(moment)
    if monday != moment:
        raise ConfigError(f"{text} is not a Monday; the Monday of its week is {monday.date()}")
    if moment > now:
        raise ConfigError(f"{text} is in the future; the latest week is {monday_on_or_before(now).date()}")
    if moment < EARLIEST_WEEK:
        raise ConfigError(f"{text} is before the first week that can be replayed, {EARLIEST_WEEK.date()}")
    return moment
