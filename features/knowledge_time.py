"""The time rules: weeks, publication lags and knowledge times. Pure, no tables.

All moments are aware UTC. A week is named by its Monday, 00:00 UTC. Intervals
include their start and exclude their end.
"""

from __future__ import annotations

__all__ = [
    "UTC",
    "Lag",
    "MonthLag",
    "as_moment",
    "is_monday",
    "iso_week",
    "monday_after",
    "monday_on_or_before",
    "quarter_monday",
]

import datetime as dt
from dataclasses import dataclass

from features.errors import ConfigError

UTC = dt.UTC


@dataclass(frozen=True, slots=True)
class Lag:
    """When a yearly figure becomes known: day `day` of month `month`, `years` after its year.

    Example:
        >>> Lag(years=2, month=2, day=1).available_at(2022).isoformat()
        '2024-02-01T00:00:00+00:00'
    """

    years: int
    month: int
    day: int

    def __post_init__(self) -> None:
        if self.years < 0:
            raise ConfigError(f"a publication lag cannot be negative: {self.years} years")
        dt.date(2001, self.month, self.day)

    def available_at(self, year: int) -> dt.datetime:
        """Give the first moment on which a fact about `year` could be known."""
        return dt.datetime(year + self.years, self.month, self.day, tzinfo=UTC)

    def newest_year(self, moment: dt.datetime) -> int:
        """Give the newest year whose figures are out at `moment`.

        Example:
            >>> Lag(2, 2, 1).newest_year(as_moment("2026-11-23"))
            2024
        """
        year = moment.year - self.years
        return year if self.available_at(year) <= moment else year - 1


@dataclass(frozen=True, slots=True)
class MonthLag:
    """When a monthly figure becomes known: `days` after day `day` of the month `months` after its own.

    The end of a month is the first instant of the next one, so "end of month + 60 days" is
    `MonthLag(months=1, day=1, days=60)`.

    Example:
        >>> MonthLag(months=1, day=4).available_at(2023, 12).isoformat()
        '2024-01-04T00:00:00+00:00'
        >>> MonthLag.after_end(60).available_at(2023, 12).isoformat()
        '2024-03-01T00:00:00+00:00'
    """

    months: int
    day: int
    days: int = 0

    def __post_init__(self) -> None:
        if self.months < 1 or self.days < 0:
            raise ConfigError(
                f"a monthly figure is known only after its month: {self.months} month(s) and {self.days} day(s) later"
            )
        dt.date(2001, 2, self.day)

    @classmethod
    def after_end(cls, days: int) -> MonthLag:
        """Give the lag of figures that are out `days` after the end of their month."""
        return cls(months=1, day=1, days=days)

    def available_at(self, year: int, month: int) -> dt.datetime:
        """Give the first moment on which a fact about that month could be known."""
        years, month0 = divmod(12 * year + month - 1 + self.months, 12)
        return dt.datetime(years, month0 + 1, self.day, tzinfo=UTC) + dt.timedelta(days=self.days)


def as_moment(value: str | dt.date | dt.datetime) -> dt.datetime:
    """Read an ISO date, a date or an aware datetime as an aware UTC moment.

    Raises:
        ConfigError: the text is not an ISO date, or the datetime is naive.
    """
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise ConfigError(f"the moment {value.isoformat()} has no time zone; give it in UTC")
        return value.astimezone(UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        date = dt.date.fromisoformat(value)
    except ValueError:
        raise ConfigError(f"{value!r} is not a date; write it as YYYY-MM-DD, such as 2019-06-03") from None
    return as_moment(date)


def is_monday(moment: dt.datetime) -> bool:
    """Tell whether `moment` is the first instant of a week."""
    return moment.weekday() == 0 and moment.time() == dt.time(0)


def monday_on_or_before(moment: dt.datetime) -> dt.datetime:
    """Give the Monday, 00:00 UTC, of the week that holds `moment`."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - dt.timedelta(days=midnight.weekday())


def monday_after(moment: dt.datetime) -> dt.datetime:
    """Give the first Monday strictly after `moment`.

    Example:
        >>> monday_after(as_moment("2024-07-15")).date().isoformat()  # itself a Monday
        '2024-07-22'
    """
    return monday_on_or_before(moment) + dt.timedelta(days=7)


def quarter_monday(moment: dt.datetime) -> dt.datetime:
    """Give the last Monday that began a quarter, at or before `moment`.

    A quarter begins on the first Monday of January, April, July and October.
    """
    year, month = moment.year, 3 * ((moment.month - 1) // 3) + 1
    start = monday_on_or_before(dt.datetime(year, month, 7, tzinfo=UTC))
    if start > moment:
        year, month = (year, month - 3) if month > 1 else (year - 1, 10)
        start = monday_on_or_before(dt.datetime(year, month, 7, tzinfo=UTC))
    return start


def iso_week(moment: dt.datetime) -> str:
    """Name the ISO week of `moment`, such as '2026-W48'."""
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02d}"
