"""A round over sources: side by side, each for itself, and nothing half-read."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.collection.fetching.client import FetchLimits
from features.collection.payloads import kept, quarantined
from features.collection.rounds import Round, collect, collectable, plan_round, read_attempts
from features.errors import BadInput, ConfigError
from features.sources.spec import Request
from features.store import Store
from tests.file_server import FileServer, answer, serving, with_etag
from tests.tea import moment, one_request, tea_bytes, tea_source

NOW = moment("2026-11-25")
QUICK = FetchLimits(seconds=5, attempts=2, first_pause_seconds=0.001, longest_pause_seconds=0.002)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "datasets")


def round_of(server: FileServer, *names: str, **changes) -> Round:
    endpoints = {name: server.url(f"/{name}") for name in names}
    return Round(**({"endpoints": endpoints, "private_hosts": ("127.0.0.1",), "limits": QUICK} | changes))


def clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_what_is_fetched_counts_from_its_lag_and_none_later_than_the_fetching(
    server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, requests=one_request)
    this_month = f"{clock():%Y-%m}"
    server.answers["/tea"] = answer(tea_bytes({"2020-01": 1, this_month: 2}))
    before = clock()
    (outcome,) = collect(store, ["tea"], round_of(server, "tea"), now=clock)
    assert (outcome.state, outcome.files, outcome.added) == ("new", 1, 2)
    old, new = store.history("prices", as_of=clock())["available_at"]
    assert old == moment("2020-02-05")
    assert before <= new <= clock()
    (payload,) = kept(store.folder.parent / "payloads", "tea")
    assert payload.path.read_bytes() == tea_bytes({"2020-01": 1, this_month: 2})
    assert payload.origin.address == server.url("/tea")
    assert payload.origin.fetched_at is not None
    assert before <= payload.origin.fetched_at <= clock()


def test_the_second_time_an_unchanged_file_adds_nothing_and_a_changed_one_a_revision(
    server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, requests=one_request)
    how, states = round_of(server, "tea"), []
    for body, etag in ((b"1", '"one"'), (b"1", '"one"'), (b"2", '"two"')):
        server.answers["/tea"] = with_etag(tea_bytes({"2020-01": int(body)}), etag)
        (outcome,) = collect(store, ["tea"], how, now=clock)
        states.append((outcome.state, outcome.added, outcome.revised))
    assert states == [("new", 1, 0), ("unchanged", 0, 0), ("new", 1, 1)]
    assert server.asked[1][1]["if-none-match"] == '"one"'
    assert store.read("prices", as_of=clock())["price"].tolist() == [2]
    assert not list(store.folder.parent.glob(".fetched-*"))


def test_a_source_that_fails_in_any_way_does_not_stop_the_others(
    server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch
):
    def explode(endpoint: str, **_: object) -> list[Request]:
        raise ZeroDivisionError("a slip")

    names = ["down", "page", "drift", "odd", "good"]
    for name in names:
        tea_source(monkeypatch, name, requests=one_request)
    tea_source(monkeypatch, "odd", requests=explode)
    server.answers |= {
        "/down": answer(b"no", status=500),
        "/page": answer(b"<html>", kind="text/html"),
        "/drift": answer(b"a,b\n1,2\n"),
        "/good": answer(tea_bytes({"2020-01": 1})),
    }
    told: list[str] = []
    outcomes = collect(store, names, round_of(server, *names), now=clock, told=lambda each: told.append(each.source))
    assert [(each.source, each.state) for each in outcomes] == [
        ("down", "failed"), ("page", "failed"), ("drift", "failed"), ("odd", "failed"), ("good", "new"),
    ]  # fmt: skip
    words = ["status 500", "a web page", "header: expected", "ZeroDivisionError: a slip", ""]
    assert all(word in each.message for word, each in zip(words, outcomes, strict=True))
    assert sorted(told) == sorted(names)
    assert store.read("prices", as_of=clock())["source"].tolist() == ["good"]
    # What came and was refused is evidence; what never came is not.
    payloads = store.folder.parent / "payloads"
    assert {name: len(quarantined(payloads, name)) for name in names} == dict.fromkeys(names, 0) | {"drift": 1}
    (aside,) = quarantined(payloads, "drift")
    assert aside.path.read_bytes() == b"a,b\n1,2\n"
    attempts = read_attempts(store.folder.parent)
    assert attempts["good"].last_error == ""
    assert attempts["good"].last_success is not None
    assert attempts["down"].last_success is None
    assert "status 500" in attempts["down"].last_error


def test_a_success_clears_the_last_error_and_a_failure_keeps_the_last_success(
    server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, requests=one_request)
    seen = []
    for mood in (answer(tea_bytes({"2020-01": 1})), answer(b"no", status=404), answer(tea_bytes({"2020-01": 1}))):
        server.answers["/tea"] = mood
        collect(store, ["tea"], round_of(server, "tea"), now=clock)
        seen.append(read_attempts(store.folder.parent)["tea"])
    assert [bool(each.last_error) for each in seen] == [False, True, False]
    assert seen[1].last_success == seen[0].last_success
    assert seen[2].last_success > seen[1].last_attempt > seen[0].last_attempt


def test_sources_are_fetched_side_by_side(server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch):
    together = threading.Barrier(3, timeout=5)
    names = ["one", "two", "three"]
    for name in names:
        tea_source(monkeypatch, name, requests=one_request)
        body = tea_bytes({"2020-01": 1}, series=name)
        # Each answers only when all three are being asked.
        server.answers[f"/{name}"] = lambda handler, body=body: (together.wait(), answer(body)(handler))[1]
    outcomes = collect(store, names, round_of(server, *names, side_by_side=3), now=clock)
    assert [each.state for each in outcomes] == ["new", "new", "new"]


# --- pages ----------------------------------------------------------------------------------------


def pages(request: Request, path: Path) -> list[Request]:
    number = int(request.address.rpartition("=")[2])
    return [Request(request.address.replace(f"={number}", f"={number + 1}"), "tea.csv")] if number < 3 else []


def test_further_pages_are_fetched_and_all_of_them_are_one_release(
    server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, requests=one_request, follow=pages)
    asked = iter((1, 2, 3))
    server.answers["/tea"] = lambda handler: answer(tea_bytes({f"2020-0{next(asked)}": 1}))(handler)
    how = round_of(server, "tea", endpoints={"tea": server.url("/tea?page=1")})
    (outcome,) = collect(store, ["tea"], how, now=clock)
    assert (outcome.files, outcome.added) == (3, 3)
    assert len(store.records("vintages")) == 1
    assert len(kept(store.folder.parent / "payloads", "tea")) == 3


def test_a_source_that_got_less_than_was_promised_is_not_stored_at_all(
    server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch
):
    def too_few(request: Request, path: Path) -> list[Request]:
        raise BadInput(where=path.name, expected="3 rows as announced", found="2", remedy="Try again later.")

    tea_source(monkeypatch, requests=one_request, follow=too_few)
    server.answers["/tea"] = answer(tea_bytes({"2020-01": 1}))
    (outcome,) = collect(store, ["tea"], round_of(server, "tea"), now=clock)
    assert outcome.state == "failed"
    assert "expected 3 rows as announced, found 2" in outcome.message
    assert store.is_empty()


def test_pages_without_end_are_cut(server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("features.collection.rounds.MOST_REQUESTS", 5)
    tea_source(monkeypatch, requests=one_request, follow=lambda request, path: [request])
    server.answers["/tea"] = answer(tea_bytes({"2020-01": 1}))
    (outcome,) = collect(store, ["tea"], round_of(server, "tea"), now=clock)
    assert "more pages without end" in outcome.message
    assert server.count("/tea") == 5


# --- the plan -------------------------------------------------------------------------------------


def test_a_source_without_its_key_is_skipped_and_says_which(
    server: FileServer, store: Store, monkeypatch: pytest.MonkeyPatch
):
    def with_key(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
        return [Request(f"{endpoint}?key={key}", "tea.csv")]

    tea_source(monkeypatch, spec={"key_setting": "TEA_KEY"}, requests=with_key)
    server.answers["/tea"] = answer(tea_bytes({"2020-01": 1}))
    (outcome,) = collect(store, ["tea"], round_of(server, "tea"), now=clock)
    assert (outcome.state, server.asked) == ("skipped", [])
    assert "TEA_KEY is not set" in outcome.message
    tea_source(monkeypatch, "open", spec={"key_setting": "TEA_KEY", "key_is_optional": True}, requests=with_key)
    server.answers["/open"] = answer(tea_bytes({"2020-01": 1}))
    (outcome,) = collect(store, ["open"], round_of(server, "open"), now=clock)
    assert outcome.state == "new"
    server.asked.clear()
    (outcome,) = collect(store, ["tea"], round_of(server, "tea", keys={"TEA_KEY": "s3cret"}), now=clock)
    assert outcome.state == "new"
    # The key is in no file of the home.
    home = store.folder.parent
    assert not [path for path in home.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    (payload,) = kept(home / "payloads", "tea")
    assert payload.origin.address.endswith("?key=(key)")


def test_only_hosts_of_the_source_or_of_the_setting_are_asked(store: Store, monkeypatch: pytest.MonkeyPatch):
    def elsewhere(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
        return [Request("https://elsewhere.example.org/f", "tea.csv")]

    spec = {"endpoint": "https://tea.example.org/f", "hosts": ("tea.example.org",)}
    tea_source(monkeypatch, spec=spec, requests=elsewhere)
    (outcome,) = collect(store, ["tea"], Round(limits=QUICK), now=clock)
    assert "one of the hosts tea.example.org, found elsewhere.example.org" in outcome.message


def test_only_sources_with_requests_can_be_collected(monkeypatch: pytest.MonkeyPatch):
    tea_source(monkeypatch, "by_hand")
    tea_source(monkeypatch, "by_net", requests=one_request)
    assert "by_net" in collectable()
    assert "by_hand" not in collectable()
    with pytest.raises(ConfigError, match=r"by_hand cannot be collected.*oresight ingest by_hand FILE"):
        plan_round(["by_hand"], Round(), now=NOW)
    assert plan_round(["by_net"], Round(), now=NOW) == {
        "by_net": "no address is known to download it from; name one in the setting endpoints.by_net"
    }
    tea_source(monkeypatch, "odd", requests=lambda endpoint, **_: {}["no such thing"])
    odd = plan_round(["odd"], Round(endpoints={"odd": "https://tea.example.org"}), now=NOW)
    assert odd == {"odd": "its requests cannot be made (KeyError: 'no such thing')"}
    plan = plan_round(None, Round(endpoints={"by_net": "https://tea.example.org/f"}), now=NOW)
    assert plan["by_net"] == [Request("https://tea.example.org/f", "tea.csv")]
