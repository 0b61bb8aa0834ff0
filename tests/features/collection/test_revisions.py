"""What later releases changed, found in the versions of a dataset."""

from __future__ import annotations

import pandas as pd
import pytest

from features.collection.revisions import COLUMNS, revisions
from tests.builders import event, rows, utc


def price(value: float, known: str, month: str = "2020-01", **changes) -> dict:
    usual = {"series": "green", "frequency": "month", "starts_on": utc(f"{month}-01"), "price": value, "unit": "x"}
    return usual | {"available_at": utc(known), "source": "tea", "is_retracted": False} | changes


def table(*records: dict) -> pd.DataFrame:
    return pd.DataFrame(records)


def test_each_change_has_both_values_both_dates_and_its_size():
    found = revisions("prices", table(price(2, "2020-02-05"), price(3, "2020-06-10"), price(1, "2020-07-10")))
    assert list(found.columns) == list(COLUMNS)
    assert found[["old", "new"]].to_numpy().tolist() == [[3, 1], [2, 3]]
    assert found["relative_change"].tolist() == pytest.approx([-2 / 3, 0.5])
    assert found["old_known_at"].tolist() == [utc("2020-06-10"), utc("2020-02-05")]
    assert found["new_known_at"].tolist() == [utc("2020-07-10"), utc("2020-06-10")]
    assert found["fact"].tolist() == ["green, month, 2020-01-01"] * 2
    assert set(found["column"]) == {"price"}


def test_a_fact_that_is_published_once_is_no_revision():
    found = revisions("prices", table(price(2, "2020-02-05"), price(3, "2020-03-05", "2020-02")))
    assert found.empty
    assert list(found.columns) == list(COLUMNS)


def test_halving_is_as_large_as_doubling_and_words_come_last():
    found = revisions(
        "prices",
        table(
            price(2, "2020-02-05"), price(1, "2020-06-10", unit="y"),
            price(2, "2020-03-05", "2020-02"), price(3.9, "2020-06-10", "2020-02"),
        ),
    )  # fmt: skip
    assert found["column"].tolist() == ["price", "price", "unit"]
    assert found["relative_change"].tolist()[:2] == pytest.approx([-0.5, 0.95])
    assert pd.isna(found["relative_change"].iloc[2])


def test_a_withdrawal_is_one_row():
    found = revisions("prices", table(price(2, "2020-02-05"), price(2, "2020-06-10", is_retracted=True)))
    assert found["is_withdrawn"].tolist() == [True]
    assert found["column"].tolist() == ["is_retracted"]


def test_an_end_that_becomes_known_is_a_change():
    first = event("a", "cobalt", "COD", "2010-01-05")
    second = {**first, "available_at": utc("2011-01-05"), "ended_at": utc("2011-01-01")}
    found = revisions("measures", rows("measures", [first, second]))
    assert found["column"].tolist() == ["ended_at"]
    assert found["new"].tolist() == [utc("2011-01-01")]
