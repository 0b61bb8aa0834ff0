"""Stories: near-duplicate titles are one, by looking backwards only."""

from __future__ import annotations

import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text.clusters import clusters, shingles


def items(*told: tuple[str, str]) -> pd.DataFrame:
    """Items by day and title, called a, b, c, ..."""
    rows = [(chr(ord("a") + at), title, day) for at, (day, title) in enumerate(told)]
    table = pd.DataFrame(rows, columns=["item_id", "title", "available_at"])
    return table.assign(available_at=pd.to_datetime(table["available_at"], utc=True).astype("datetime64[us, UTC]"))


def stories(*told: tuple[str, str]) -> str:
    return "".join(clusters(items(*told)))


SAME = [
    ("Indonesia bans exports of nickel ore", "INDONESIA BANS EXPORTS OF NICKEL ORE!"),
    (
        "Workers at Chile's Escondida copper mine go on strike",
        "Workers at Chile’s Escondida copper mine go on strike: union",
    ),
    ("Strike at Escondida enters day five, talks stall", "Strike at Escondida enters day six, talks stall"),
    ("中国宣布对镓、锗相关物项实施出口管制", "商务部：中国宣布对镓锗相关物项实施出口管制"),
    ("印尼將禁止鎳礦出口 明年生效", "印尼將禁止鎳礦出口，明年生效"),
    ("Ｃｏｂａｌｔ exports suspended in Congo", "Cobalt exports suspended in Congo"),
]
OTHERS = [
    ("Indonesia bans exports of nickel ore", "Philippines weighs limits on raw mineral shipments"),
    ("Indonesia bans nickel exports", "Philippines bans nickel exports"),
    ("印尼禁止镍出口", "印尼禁止铝土矿出口"),
    ("Gold", "Tin"),
    ("!!!", "???"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_syndicated_and_updated_titles_are_one_story(one: str, other: str):
    assert stories(("2026-01-01", one), ("2026-01-03", other)) == "aa"


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_other_news_is_another_story(one: str, other: str):
    assert stories(("2026-01-01", one), ("2026-01-03", other)) == "ab"


def test_a_story_ends_two_weeks_after_it_began_however_often_it_is_told():
    title = "Workers at Escondida go on strike"
    days = ("2026-01-01", "2026-01-10", "2026-01-15", "2026-01-16", "2026-01-20")
    assert stories(*((day, title) for day in days)) == "aaadd"


def test_the_first_item_known_leads_whatever_the_order_of_the_rows():
    told = items(("2026-01-03", "Cobalt exports halted in Congo"), ("2026-01-01", "Cobalt exports halted in Congo!"))
    assert list(clusters(told)) == ["b", "b"]
    assert list(clusters(told.iloc[::-1])) == ["b", "b"]
    assert list(clusters(told.iloc[::-1]).index) == [1, 0]


def test_nothing_gives_nothing():
    assert list(clusters(items())) == []


def test_blanks_between_chinese_words_and_punctuation_count_for_nothing():
    assert shingles("稀土 出口，管制") == shingles("稀土出口管制") == {"稀土", "土出", "出口", "口管", "管制"}


WORDS = [
    "cobalt",
    "copper",
    "strike",
    "mine",
    "Congo",
    "Chile",
    "exports",
    "halted",
    "ban",
    "中国",
    "稀土",
    "出口",
    "管制",
    "again",
    "today",
]
TITLES = st.lists(st.sampled_from(WORDS), min_size=3, max_size=7).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(told=st.lists(st.tuples(st.integers(0, 40), TITLES), max_size=25), cut=st.integers(0, 40))
def test_what_comes_later_changes_no_story(told: list[tuple[int, str]], cut: int):
    start = pd.Timestamp("2026-01-01", tz="UTC")
    table = pd.DataFrame(told, columns=["day", "title"])
    table["available_at"] = (start + pd.to_timedelta(table["day"], unit="D")).astype("datetime64[us, UTC]")
    table["item_id"] = [f"{at:03d}" for at in range(len(table))]
    known = table[table["day"] <= cut]
    whole = clusters(table)
    pd.testing.assert_series_equal(clusters(known), whole[known.index])
    # A story is named by an item that was known no later than any other of it.
    first = table.set_index("item_id")["available_at"].reindex(whole).to_numpy()
    assert (first <= table["available_at"].to_numpy()).all()


def test_thousands_of_items_take_a_few_seconds_at_most():
    at = pd.date_range("2020-01-01", periods=5000, freq="h", tz="UTC").as_unit("us")
    titles = [
        f"Mine {n * 7919 % 104729} in region {n % 97} reports output of {n * 31 % 1009} tonnes" for n in range(5000)
    ]
    table = pd.DataFrame({"item_id": [f"{n:05d}" for n in range(5000)], "title": titles, "available_at": at})
    began = time.process_time()
    clusters(table)
    # 50,000 in 20 s is the promise.
    assert time.process_time() - began < 5
