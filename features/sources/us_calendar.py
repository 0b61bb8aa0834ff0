"""When the United States' trade figures of a month were out: the release calendar, rounded up.

Two publishers give the same figures of the Census Bureau, so the calendar stands here once.
"""

from __future__ import annotations

import datetime as dt

from features.knowledge_time import UTC
from features.sources.customs_months import months_out

__all__ = ["newest_month", "release_of_month"]

# Reports that shutdowns of the government held up: the day after they came, rounded up where the day is not on record.
LATE = {
    (2013, 8): dt.date(2013, 10, 25),
    (2018, 11): dt.date(2019, 2, 7),
    (2018, 12): dt.date(2019, 3, 7),
    (2019, 1): dt.date(2019, 3, 28),
    (2019, 2): dt.date(2019, 4, 18),
    (2019, 3): dt.date(2019, 5, 10),
    (2023, 11): dt.date(2024, 1, 10),
    (2025, 8): dt.date(2025, 11, 20),
    (2025, 9): dt.date(2025, 12, 12),
    (2025, 10): dt.date(2026, 1, 9),
    (2025, 11): dt.date(2026, 2, 8),
    (2025, 12): dt.date(2026, 3, 8),
    (2026, 1): dt.date(2026, 4, 8),
}


def release_of_month(year: int, month: int) -> dt.datetime:
    """Give a day by which the United States' figures of a month were out.

    The Census Bureau's report came about the 20th of the second month after until early 2004, between the
    10th and the 14th until 2012, and between the 2nd and the 7th since; later where it was held up (`LATE`).
    """
    if (year, month) in LATE:
        return dt.datetime.combine(LATE[year, month], dt.time(), UTC)
    at = year * 12 + month + 1
    out_year, out_month = at // 12, at % 12 + 1
    day = 21 if (year, month) < (2004, 1) else 14 if year < 2013 else 8
    return dt.datetime(out_year, out_month, day, tzinfo=UTC)


def newest_month(moment: dt.datetime) -> tuple[int, int]:
    """Give the (year, month) whose figures were the newest out at `moment`."""
    return next(months_out(release_of_month, moment))
