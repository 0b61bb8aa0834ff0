"""Dates are read strictly, in the languages of the feeds; what is not understood is missing."""

from __future__ import annotations

import datetime as dt

import pytest

from features.sources.feeds.feed_dates import is_day_first, read_date

NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Tue, 14 Jul 2026 03:33:16 GMT", "2026-07-14 03:33:16"),
        ("Wed, 6 Apr 22 21:07 EST", "2022-04-07 02:07"),
        ("2013-02-22T09:47:09-08:00", "2013-02-22 17:47:09"),
        ("2017-06-02T22:05:47.123Z", "2017-06-02 22:05:47"),
        ("2022-09-24", "2022-09-24"),
        ("20230703", "2023-07-03"),
        # feedparser made the first of June of this one.
        ("2016/6/29 15:07:41", "2016-06-29 15:07:41"),
        # No zone: UTC.
        ("2024-01-01 10:00", "2024-01-01 10:00"),
        ("Mo, 25 Jun 2018 10:00:00 +0200", "2018-06-25 08:00"),
        ("lun., 25 août 2025 10:00:00 +0200", "2025-08-25 08:00"),
        ("25 de agosto de 2025", "2025-08-25"),
        ("sáb, 5 de março de 2022 08:00", "2022-03-05 08:00"),
        ("Mar, 03 Mei 2022 18:07:42 WIB", "2022-05-03 11:07:42"),
        ("2026年4月3日 10:05", "2026-04-03 10:05"),
        ("2026년 4월 3일", "2026-04-03"),
        ("July 4, 2025 5:05 PM EST", "2025-07-04 22:05"),
        ("Wed Jul 05 2023 10:00:00 GMT+0000 (UTC)", "2023-07-05 10:00"),
        ("28-01-2016", "2016-01-28"),
        ("Fri, 27 Nov 2026 23:59:60 +0000", "2026-11-27 23:59:59"),
    ],
)
def test_dates_as_feeds_write_them(text: str, moment: str):
    assert read_date(text, before=NOW) == dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1513",
        "1518478934",
        "yesterday",
        "200-03-13",
        "2026-02-30",
        "Mon, 1 Jan 0001 00:00:00 +0000",
        "1513-01-01",
        "1989-12-31",
        "2026-11-29",
        "2027-01-01T00:00:00Z",
        "25 Foo 2020",
        "03 Sep 2021 10:00 +9900",
        "9999-12-31T23:59:59-14:00",
        "6/9/2017",
        "2020-01-01 " * 50,
    ],
)
def test_what_cannot_be_right_is_missing(text: str):
    assert read_date(text, before=NOW) is None


def test_the_order_of_day_and_month_is_told_by_the_other_dates_of_a_file():
    assert is_day_first(["6/9/2017", "28-01-2016"]) is True
    assert is_day_first(["6/9/2017", "01/28/2016"]) is False
    assert is_day_first(["6/9/2017"]) is None
    assert is_day_first(["28/1/2016", "1/28/2016"]) is None
    assert read_date("6/9/2017", before=NOW, day_first=True) == dt.datetime(2017, 9, 6, tzinfo=dt.UTC)
    assert read_date("6/9/2017", before=NOW, day_first=False) == dt.datetime(2017, 6, 9, tzinfo=dt.UTC)
    assert read_date("9/9/2017", before=NOW) == dt.datetime(2017, 9, 9, tzinfo=dt.UTC)
