"""From acts to rows: knowledge time, ends as later facts, members of a union, and an account that adds up."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from features import datasets
from features.sources.measure_acts import Account, Act, measure_rows
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
GOOD = {
    "event_id": "X-1",
    "suppliers": ("COD",),
    "minerals": ("cobalt", "copper"),
    "kind": "export_ban",
    "title": "a ban",
    "severity": 3,
}


def rows(*acts: Act, now: dt.datetime = NOW) -> pd.DataFrame:
    return datasets.check("measures", measure_rows(acts, source="test", now=now), where="test")


def act(**change) -> Act:
    return Act(**(GOOD | {"announced": dt.date(2020, 3, 5)} | change))


def test_an_act_is_known_the_day_after_its_announcement_for_every_mineral():
    table = rows(act())
    assert table["mineral"].tolist() == ["cobalt", "copper"]
    assert table["available_at"].unique().tolist() == [utc("2020-03-06")]
    assert table["ended_at"].isna().all()


def test_an_act_of_which_only_the_year_is_known_counts_from_the_next_year_and_has_no_day():
    table = rows(act(announced=None, year=2020))
    assert table["available_at"].unique().tolist() == [utc("2021-01-01")]
    assert table["announced_at"].isna().all()
    with pytest.raises(ValueError, match="neither a day nor a year"):
        rows(act(announced=None))


def test_an_end_is_a_second_version_known_the_day_after_it_and_not_before():
    ended = act(minerals=("cobalt",), ended=dt.date(2021, 6, 30))
    first, second = rows(ended).to_dict("records")
    assert pd.isna(first["ended_at"])
    assert (second["ended_at"], second["available_at"]) == (utc("2021-06-30"), utc("2021-07-01"))
    early = rows(ended, now=dt.datetime(2021, 6, 30, 23, tzinfo=dt.UTC))
    assert early["ended_at"].isna().all()


def test_what_can_only_be_known_later_gives_no_row():
    assert rows(act(), now=dt.datetime(2020, 3, 5, 12, tzinfo=dt.UTC)).empty


def test_several_suppliers_are_several_events():
    table = rows(act(suppliers=("AUT", "FRA"), minerals=("cobalt",)))
    assert table["event_id"].tolist() == ["X-1-AUT", "X-1-FRA"]
    assert table["supplier"].tolist() == ["AUT", "FRA"]


def test_the_account_adds_up_and_lists_what_was_left_out():
    account = Account("a.csv")
    account.take()
    account.leave_out(4, "title", "a subsidy", "not about exports")
    assert account.entries == 2
    assert account.counts == {"entries taken as measures": 1, "left out: not about exports": 1}
    assert account.listed().to_dict("records") == [
        {"file": "a.csv", "row": 4, "field": "title", "value": "a subsidy", "reason": "not about exports"}
    ]
