"""Rounds over many feeds, some of them in a bad mood: the others are read, and the bad ones asked less often."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.collection.fetching.client import FetchLimits
from features.collection.parts import PartState, read_parts, rest_after
from features.collection.payloads import kept
from features.collection.rounds import Outcome, Round, collect, read_attempts
from features.sources.polls import read_polls
from features.store import Store
from tests.file_server import FileServer, answer, cut_off, dripping, gzip_bomb, in_turn, redirect, serving, with_etag
from tests.news_feeds import list_of_feeds, plain_linker, rss

QUICK = FetchLimits(seconds=0.6, attempts=1, first_pause_seconds=0.001, longest_pause_seconds=0.002)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    plain_linker(monkeypatch)
    return Store(tmp_path / "home" / "datasets")


def clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def go(store: Store, server: FileServer, *, later: dt.timedelta = dt.timedelta()) -> Outcome:
    how = Round(endpoints={"news": server.url("/feeds")}, private_hosts=("127.0.0.1",), limits=QUICK)
    (outcome,) = collect(store, ["news"], how, now=lambda: clock() + later)
    return outcome


def states(store: Store) -> dict[str, PartState]:
    return read_parts(store.folder.parent)["news"]


def feeds(store: Store) -> list[str]:
    return sorted(store.read("news", as_of=clock())["feed"].unique())


BAD = {
    "down": answer(b"no", status=500),
    "gone": answer(b"no", status=410),
    "loop": redirect("/feeds/loop"),
    "away": redirect("http://elsewhere.example.org/feed"),
    "slow": dripping(rss("Cobalt ban") * 10),
    "cut": cut_off(rss("Cobalt ban") * 100),
    "page": answer(b"<!doctype html><html>Down</html>", kind="text/html"),
    "blank": answer(b""),
    "bomb": answer(b'<!DOCTYPE rss [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><rss>&b;</rss>', kind="text/xml"),
    "packed": gzip_bomb(40),
}
JSON_FEED = b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "Gold"}]}'
GOOD = {
    "plain": answer(rss("Cobalt ban in Congo"), kind="application/rss+xml"),
    "mislabelled": answer(rss("Copper strike in Chile"), kind="text/html"),
    "chinese": answer(rss("稀土出口管制").decode().encode("gb18030")),
    "zipped": answer(gzip.compress(rss("Nickel ban in Indonesia")), Content_Encoding="gzip"),
    "long": answer(rss("<title>" + "x" * 10_000_000 + "</title><guid>g</guid>")),
    "moved": in_turn(redirect("/feeds/plain", 301)),
    "json": answer(JSON_FEED, kind="application/json"),
}  # fmt: skip


def test_bad_feeds_do_not_stop_the_good_ones_and_each_is_told(
    store: Store, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    list_of_feeds(monkeypatch, *BAD, *GOOD, language="")
    server.answers |= {f"/feeds/{name}": act for name, act in (BAD | GOOD).items()}
    outcome = go(store, server)
    assert (outcome.state, outcome.files) == ("new", len(GOOD))
    assert outcome.message.startswith(f"{len(GOOD)} of {len(BAD) + len(GOOD)} answered; failed: away, blank, ")
    assert feeds(store) == sorted(GOOD)
    titles = store.read("news", as_of=clock()).set_index("feed")["title"]
    assert titles["chinese"] == "稀土出口管制"
    assert len(titles["long"]) == 400
    words = {
        "down": "status 500", "gone": "status 410", "loop": "5 redirects", "away": "one of the hosts",
        "slow": "too long", "cut": "", "page": "a web page", "blank": "empty",
        "bomb": "declares no entities", "packed": "at most 12 MB",
    }  # fmt: skip
    counted = dict.fromkeys(BAD, 1) | dict.fromkeys(GOOD, 0)
    assert {name: state.failures for name, state in states(store).items()} == counted
    assert all(word in states(store)[name].problem for name, word in words.items())
    # The polls are kept, the bytes of what could not be parsed with them.
    (payload,) = kept(store.folder.parent / "payloads", "news")
    bodies = {poll.part: poll.body for poll in read_polls(payload.path)}
    assert b"ENTITY" in (bodies["bomb"] or b"")
    assert bodies["down"] is None
    coverage = store.read("news_coverage", as_of=clock()).set_index("feed")
    assert coverage["polls_failed"].to_dict() == counted


def test_a_feed_that_fails_rests_longer_each_time_and_a_success_ends_it(
    store: Store, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    list_of_feeds(monkeypatch, "bad", "good")
    bad = in_turn(answer(b"no", status=404), answer(b"no", status=404), answer(rss("Gold")))
    server.answers |= {"/feeds/bad": bad, "/feeds/good": answer(rss("Cobalt"))}
    go(store, server)
    first = states(store)["bad"]
    assert (first.failures, first.last_ok, first.next_try) == (1, None, first.last_attempt + 2 * HOUR)
    go(store, server, later=HOUR)
    assert (server.count("/feeds/bad"), server.count("/feeds/good")) == (1, 2)
    go(store, server, later=3 * HOUR)
    second = states(store)["bad"]
    assert (second.failures, second.next_try) == (2, second.last_attempt + 4 * HOUR)
    go(store, server, later=24 * HOUR)
    third = states(store)["bad"]
    assert (third.failures, third.next_try, third.problem) == (0, None, "")
    assert feeds(store) == ["bad", "good"]
    assert [rest_after(n) for n in (7, 8, 500)] == [128 * HOUR, dt.timedelta(days=7), dt.timedelta(days=7)]


def test_an_unchanged_feed_is_not_sent_again_and_its_poll_counts(
    store: Store, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    list_of_feeds(monkeypatch, "tagged", "plain")
    server.answers |= {"/feeds/tagged": with_etag(rss("Cobalt")), "/feeds/plain": answer(rss("Gold"))}
    outcomes = [go(store, server) for _ in range(2)]
    assert [each.message for each in outcomes] == ["2 of 2 answered"] * 2
    assert server.asked[-1][1].get("if-none-match") or server.asked[-2][1].get("if-none-match")
    last = kept(store.folder.parent / "payloads", "news")[-1]
    assert [poll.body for poll in read_polls(last.path)] == [None, None]
    assert store.read("news_coverage", as_of=clock())["polls_ok"].tolist() == [2, 2]
    assert len(store.history("news", as_of=clock())) == 2


def test_if_all_are_resting_nothing_is_asked(store: Store, server: FileServer, monkeypatch: pytest.MonkeyPatch):
    list_of_feeds(monkeypatch, "bad")
    assert go(store, server).state == "failed"
    outcome = go(store, server)
    assert (outcome.state, outcome.message) == ("unchanged", "it had nothing to fetch")
    assert server.count("/feeds/bad") == 1


def test_if_nobody_answers_the_network_is_blamed_and_no_feed(
    store: Store, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    list_of_feeds(monkeypatch, *"abcde")
    outcome = go(store, server)
    assert outcome.state == "failed"
    assert outcome.message.startswith("0 of 5 answered; is the network there?")
    assert {(state.failures, state.next_try) for state in states(store).values()} == {(0, None)}
    assert "is the network there" in read_attempts(store.folder.parent)["news"].last_error
    # The silence is on record all the same.
    assert store.read("news_coverage", as_of=clock())["polls_failed"].tolist() == [1] * 5


def test_lost_state_asks_everybody_again_and_adds_nothing(
    store: Store, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    list_of_feeds(monkeypatch, "good")
    server.answers["/feeds/good"] = answer(rss("Cobalt"))
    go(store, server)
    (store.folder.parent / "parts.json").unlink()
    go(store, server)
    assert len(store.history("news", as_of=clock())) == 1
