"""News in the store: append-only items, new versions, links that follow them, and what each feed carried per week."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features.collection import ingest, ingest_files, rebuilding
from features.collection.intake import Incoming
from features.collection.payloads import kept
from features.collection.streams import link_items
from features.errors import BadInput
from features.sources.polls import Poll, write_polls
from features.store import Store
from tests.news_feeds import archive, dated, list_of_feeds, plain_linker, rss
from tests.tea import moment

NOW = moment("2026-11-25")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    plain_linker(monkeypatch)
    list_of_feeds(monkeypatch, "desk", "wire")
    return Store(tmp_path / "home" / "datasets")


def poll(store: Store, tmp_path: Path, day: str, bodies: dict[str, bytes | None], *, unchanged: tuple[str, ...] = ()):
    """Take a round of a day; a body of None is a feed that did not answer."""
    at = moment(day)
    polls = [
        Poll(name, f"https://{name}.example.org/feed", at, body is not None, body=body) for name, body in bodies.items()
    ]
    polls += [Poll(name, f"https://{name}.example.org/feed", at, True) for name in unchanged]
    path = tmp_path / f"polls-{at:%Y%m%d%H%M}.zip"
    write_polls(polls, path)
    return ingest(store, "news", path, now=at)


def titles(store: Store, day: str | dt.datetime = NOW) -> list[str]:
    return store.read("news", as_of=moment(day) if isinstance(day, str) else day)["title"].tolist()


def links(store: Store, day: str) -> list[tuple[str, str]]:
    rows = store.read("news_links", as_of=moment(day))
    return sorted(zip(rows["mineral"], rows["supplier"], strict=True))


def weeks(store: Store, day: str | dt.datetime = NOW) -> dict[tuple[str, str], tuple[int, int, int, int, bool]]:
    rows = store.read("news_coverage", as_of=moment(day) if isinstance(day, str) else day)
    return {
        (row.feed, f"{row.week_starts_at:%m-%d}"): (
            row.items,
            row.linked,
            row.polls_ok,
            row.polls_failed,
            row.is_archived,
        )
        for row in rows.itertuples()
    }


# --- items ----------------------------------------------------------------------------------------


def test_an_item_seen_again_is_no_new_row_and_an_edited_one_a_later_version(store: Store, tmp_path: Path):
    first, edited = (rss(dated(title, "", guid="a")) for title in ("Cobalt up", "Cobalt down"))
    poll(store, tmp_path, "2026-11-02", {"desk": first})
    assert poll(store, tmp_path, "2026-11-03", {"desk": first}).added["news"] == 0
    assert poll(store, tmp_path, "2026-11-04", {"desk": edited}).added["news"] == 1
    assert poll(store, tmp_path, "2026-11-05", {"desk": edited}).added["news"] == 0
    assert [titles(store, f"2026-11-0{day}") for day in (1, 2, 3, 4)] == [
        [],
        ["Cobalt up"],
        ["Cobalt up"],
        ["Cobalt down"],
    ]
    assert len(store.history("news", as_of=NOW)) == 2


def test_an_archive_adds_nothing_to_what_was_known_and_brings_what_was_not(store: Store, tmp_path: Path):
    told = [dated(t, "Tue, 14 Jul 2020 03:33:16 GMT", guid=g) for t, g in (("Old title", "a"), ("Cobalt", "b"))]
    poll(store, tmp_path, "2026-11-02", {"desk": rss(dated("New title", "", guid="a"))})
    receipt = ingest(store, "news", archive(tmp_path / "desk.xml", rss(*told)), now=NOW)
    assert receipt.added["news"] == 1
    assert titles(store, "2020-07-15") == ["Cobalt"]
    assert sorted(titles(store)) == ["Cobalt", "New title"]


def test_taking_in_a_file_twice_adds_nothing(store: Store, tmp_path: Path):
    body = rss(dated("Cobalt ban in Congo", "Tue, 14 Jul 2020 03:33:16 GMT"), "Copper strike in Chile")
    path = archive(tmp_path / "old.xml", body)
    assert ingest(store, "news", path, now=NOW).added == {"news": 2, "news_links": 2, "news_coverage": 2}
    assert ingest(store, "news", path, now=NOW).added == {"news": 0, "news_links": 0, "news_coverage": 0}
    poll(store, tmp_path, "2026-11-02", {"desk": body})
    before = store.digest(as_of=NOW)
    assert poll(store, tmp_path, "2026-11-02", {"desk": body}).added == {"news": 0, "news_links": 0, "news_coverage": 0}
    assert store.digest(as_of=NOW) == before
    assert len(kept(store.folder.parent / "payloads", "news")) == 2


def test_an_item_from_the_future_is_refused(store: Store, tmp_path: Path):
    path = tmp_path / "polls.zip"
    write_polls([Poll("desk", "https://desk.example.org/feed", moment("2026-11-26"), True, body=rss("Cobalt"))], path)
    with pytest.raises(BadInput, match="that can be known by 2026-11-25"):
        ingest(store, "news", path, now=NOW)
    assert titles(store, dt.datetime.max.replace(tzinfo=dt.UTC, microsecond=0)) == []


# --- links ----------------------------------------------------------------------------------------


def test_items_with_an_event_are_linked_to_every_pair_and_others_not_at_all(store: Store, tmp_path: Path):
    told = (
        "Cobalt and copper ban in Congo",
        "Nickel ban",
        "Strike in Chile",
        "Gold rises in Chile",
        "Strike at a mine",
    )
    poll(store, tmp_path, "2026-11-02", {"desk": rss(*told)})
    rows = store.read("news_links", as_of=NOW)
    assert links(store, "2026-11-02") == [("", "CHL"), ("cobalt", "COD"), ("copper", "COD"), ("nickel", "")]
    assert rows["available_at"].eq(pd.Timestamp("2026-11-02", tz="UTC")).all()
    assert set(rows["linker"]) == {"plain"}
    assert set(rows["title"]) == set(told[:3])


def test_a_new_version_withdraws_the_links_it_no_longer_has(store: Store, tmp_path: Path):
    for day, title in (
        ("2026-11-02", "Cobalt ban in Congo"),
        ("2026-11-03", "Copper ban in Congo"),
        ("2026-11-04", "No"),
    ):
        poll(store, tmp_path, day, {"desk": rss(dated(title, "", guid="a"))})
    assert [links(store, f"2026-11-0{day}") for day in (2, 3, 4)] == [[("cobalt", "COD")], [("copper", "COD")], []]


@pytest.mark.parametrize("days", [("14", "16"), ("16", "14")])
def test_two_archives_taken_together_give_what_a_rebuild_gives(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: tuple[str, str]
):
    monkeypatch.setattr("features.collection.SOURCES", ("news",))
    # One feed tells of a ban and then takes it back, the other the other way round.
    told = {"desk": ("Cobalt ban in Congo", "Nothing"), "wire": ("Nothing", "Copper ban in Chile")}
    files = [
        archive(
            tmp_path / day / f"{feed}.xml", rss(dated(title, f"Tue, {day} Jul 2020 03:33:16 GMT", guid="a"), f"X{day}")
        )
        for at, day in enumerate(days)
        for feed, title in ((feed, titles_told[at]) for feed, titles_told in told.items())
    ]
    ingest_files(store, "news", [Incoming(path) for path in files], now=NOW)
    before = store.digest(as_of=NOW), links(store, "2026-11-25"), weeks(store)
    pairs = {"Cobalt ban in Congo": ("cobalt", "COD"), "Copper ban in Chile": ("copper", "CHL")}
    assert before[1] == sorted(pairs[title] for title in titles(store) if title in pairs)
    rebuilding.rebuild(store, now=NOW)
    assert (store.digest(as_of=NOW), links(store, "2026-11-25"), weeks(store)) == before


def test_all_versions_linked_at_once_give_the_links_of_one_after_the_other(store: Store, tmp_path: Path):
    for day, title in enumerate(("Cobalt ban in Congo", "Copper ban in Congo", "No", "Cobalt ban in Congo"), start=2):
        poll(store, tmp_path, f"2026-11-0{day}", {"desk": rss(dated(title, "", guid="a"))})
    expected = store.history("news_links", as_of=NOW)
    found = link_items(Store(tmp_path / "empty"), store.history("news", as_of=NOW).sort_values("available_at"))
    assert len(expected) == 5
    key = ["available_at", "mineral"]
    found, expected = (table.sort_values(key, ignore_index=True)[expected.columns] for table in (found, expected))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


# --- coverage -------------------------------------------------------------------------------------


def test_each_week_says_what_a_feed_carried_and_how_often_it_answered(store: Store, tmp_path: Path):
    poll(store, tmp_path, "2026-11-02", {"desk": rss("Cobalt ban", "Gold"), "wire": None})
    assert weeks(store, "2026-11-02") == {
        ("desk", "11-02"): (2, 1, 1, 0, False),
        ("wire", "11-02"): (0, 0, 0, 1, False),
    }
    poll(store, tmp_path, "2026-11-04", {"desk": rss("Cobalt ban", "Gold", "Tin strike in Chile")})
    poll(store, tmp_path, "2026-11-08", {"wire": None}, unchanged=("desk",))
    assert weeks(store, "2026-11-08") == {
        ("desk", "11-02"): (3, 2, 3, 0, False),
        ("wire", "11-02"): (0, 0, 0, 2, False),
    }
    # What was known before is not changed.
    assert weeks(store, "2026-11-03")["desk", "11-02"] == (2, 1, 1, 0, False)


def test_a_week_without_a_poll_has_no_row_and_one_without_news_has_a_zero(store: Store, tmp_path: Path):
    poll(store, tmp_path, "2026-11-02", {"desk": rss("Gold")})
    poll(store, tmp_path, "2026-11-17", {"desk": rss("Gold")})
    assert weeks(store) == {("desk", "11-02"): (1, 0, 1, 0, False), ("desk", "11-16"): (0, 0, 1, 0, False)}


def test_an_answer_that_cannot_be_read_is_a_failed_poll(store: Store, tmp_path: Path):
    receipt = poll(store, tmp_path, "2026-11-02", {"desk": b"<html>Down</html>", "wire": rss("Gold")})
    assert weeks(store) == {("desk", "11-02"): (0, 0, 0, 1, False), ("wire", "11-02"): (1, 0, 1, 0, False)}
    assert list(receipt.failed) == ["desk"]
    assert "RSS, Atom or JSON Feed" in receipt.failed["desk"]


def test_the_weeks_of_an_archive_are_flagged_known_on_the_monday_after_and_can_be_corrected(
    store: Store, tmp_path: Path
):
    days = ("Mon, 13 Jul 2020 23:00:00 GMT", "Sun, 19 Jul 2020 23:00:00 GMT", "Mon, 20 Jul 2020 01:00:00 GMT")
    told = [dated(f"Cobalt ban {n}", day) for n, day in enumerate(days)]
    ingest(store, "news", archive(tmp_path / "desk.xml", rss(*told)), now=NOW)
    assert weeks(store, "2020-07-19") == {}
    assert weeks(store, "2020-07-20") == {("desk", "07-13"): (2, 2, 0, 0, True)}
    assert weeks(store) == {("desk", "07-13"): (2, 2, 0, 0, True), ("desk", "07-20"): (1, 1, 0, 0, True)}
    more = [*told, dated("Gold", "Tue, 14 Jul 2020 01:00:00 GMT")]
    ingest(store, "news", archive(tmp_path / "more" / "desk.xml", rss(*more)), now=NOW)
    assert weeks(store, "2020-07-20")["desk", "07-13"] == (3, 2, 0, 0, True)


def test_an_archive_of_one_feed_is_not_taken_for_another(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("features.collection.SOURCES", ("news",))
    body = rss(dated("Cobalt ban", "Wed, 04 Nov 2026 03:33:16 GMT"))
    ingest(store, "news", archive(tmp_path / "desk.xml", body), now=NOW)
    before = store.digest(as_of=NOW)
    with pytest.raises(BadInput, match=r"wire\.xml: expected an archive of its own.*read as desk\.xml"):
        ingest(store, "news", archive(tmp_path / "wire.xml", body), now=NOW)
    assert store.digest(as_of=NOW) == before
    # The same file once more is no news, and a rebuild gives what there is.
    assert ingest(store, "news", tmp_path / "desk.xml", now=NOW).added == {
        "news": 0,
        "news_links": 0,
        "news_coverage": 0,
    }
    rebuilding.rebuild(store, now=NOW)
    assert store.digest(as_of=NOW) == before


def test_an_archive_changes_nothing_of_what_was_known_of_a_polled_week(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("features.collection.SOURCES", ("news",))
    # One feed answers, the other is down.
    poll(store, tmp_path, "2026-11-03", {"desk": rss("Gold"), "wire": None})
    poll(store, tmp_path, "2026-11-08", {"desk": rss("Gold"), "wire": None})
    days = [moment(f"2026-11-{day}") for day in ("03", "08", "09", "16")]
    before = [(weeks(store, day), store.digest(as_of=day)) for day in days]
    told = [dated(f"Cobalt ban {n}", f"Wed, 0{n} Nov 2026 03:33:16 GMT") for n in (4, 5)]
    # A file is kept once for its content, so the two differ.
    paths = [archive(tmp_path / f"{feed}.xml", rss(*told, channel=f"<link>{feed}</link>")) for feed in ("desk", "wire")]
    for path in paths:
        ingest(store, "news", path, now=NOW)
    assert [(weeks(store, day), store.digest(as_of=day)) for day in days] == before
    assert {feed: about[2:4] for (feed, _), about in before[-1][0].items()} == {"desk": (2, 0), "wire": (0, 2)}
    for feed in ("desk", "wire"):
        items, _, ok, failed, _ = before[-1][0][feed, "11-02"]
        assert weeks(store)[feed, "11-02"] == (items + 2, 2, ok, failed, False)
    assert sorted(titles(store)) == [*["Cobalt ban 4"] * 2, *["Cobalt ban 5"] * 2, "Gold"]
    for path in paths:
        assert ingest(store, "news", path, now=NOW).added == {"news": 0, "news_links": 0, "news_coverage": 0}
    after = store.digest(as_of=NOW)
    rebuilding.rebuild(store, now=NOW)
    assert store.digest(as_of=NOW) == after


def test_knowledge_cut_at_a_date_is_what_was_known_then(store: Store, tmp_path: Path):
    other = Store(tmp_path / "other" / "datasets")
    days = ("2026-11-02", "2026-11-05", "2026-11-10")
    for number, day in enumerate(days):
        body = rss(*(f"Cobalt ban {n}" for n in range(number + 1)), dated(f"Edited {number}", "", guid="e"))
        poll(store, tmp_path, day, {"desk": body, "wire": None})
        if number < 2:
            poll(other, tmp_path, day, {"desk": body, "wire": None})
    assert store.digest(as_of=moment("2026-11-09")) == other.digest(as_of=moment("2026-11-09"))


def test_a_rebuild_gives_the_same_store(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("features.collection.SOURCES", ("news",))
    old = rss(dated("Nickel ban", "Tue, 14 Jul 2020 03:33:16 GMT"), "Undated")
    ingest(store, "news", archive(tmp_path / "old.xml", old), now=moment("2026-10-20"))
    poll(store, tmp_path, "2026-11-02", {"desk": rss(dated("Cobalt ban", "", guid="a")), "wire": None})
    poll(store, tmp_path, "2026-11-04", {"desk": rss(dated("Copper ban", "", guid="a"))}, unchanged=("wire",))
    before = store.digest(as_of=NOW)
    rebuilding.rebuild(store, now=NOW)
    assert store.digest(as_of=NOW) == before
