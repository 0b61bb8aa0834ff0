"""Lists of sanctions fetched from a server in many moods: what is good is stored, all else changes nothing."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from features.collection import source
from features.collection.fetching.client import FetchLimits
from features.collection.payloads import kept, quarantined
from features.collection.rounds import Outcome, Round, collect
from features.store import Store
from tests.features.sources.test_sanctions_ofac import entry, packed
from tests.features.sources.test_sanctions_xml import eu, eu_entity, sema, un, un_entry
from tests.file_server import Answer, FileServer, answer, cut_off, gzip_bomb, in_turn, redirect, serving, with_etag

GOOD = {
    "ofac_sdn": packed(*(entry(n, f"A{n}") for n in range(30))),
    "canada_sema": sema(*({"EntityOrShip": f"A{n}"} for n in range(30))).encode(),
    "eu_sanctions": eu(*(eu_entity(f"EU.{n}") for n in range(30))).encode(),
    "un_sanctions": un(*(un_entry(f"KPe.{n}") for n in range(30))).encode(),
}
HALF = {
    "ofac_sdn": packed(*(entry(n, f"A{n}") for n in range(15))),
    "canada_sema": sema(*({"EntityOrShip": f"A{n}"} for n in range(15))).encode(),
    "eu_sanctions": eu(*(eu_entity(f"EU.{n}") for n in range(15)), made="2024-01-01T00:00:00Z").encode(),
    "un_sanctions": un(*(un_entry(f"KPe.{n}") for n in range(15)), made="2024-06-01T00:00:00Z").encode(),
}
KEYS = {"ORESIGHT_EU_SANCTIONS_TOKEN": "t0ken"}
QUICK = FetchLimits(seconds=30, attempts=1, first_pause_seconds=0.001, longest_pause_seconds=0.002)
MOODS: dict[str, tuple[Answer, str]] = {
    "forbidden": (answer(b"no", status=403), "403"),
    "gone": (answer(b"no", status=404), "404"),
    "down": (answer(b"no", status=503), "503"),
    "busy": (answer(b"", status=429, Retry_After="3600"), "asks to wait 3600 s"),
    "page": (answer(b"<html>sorry</html>", kind="text/html"), "found a web page"),
    "hidden page": (answer(b"<!DOCTYPE html><html>sorry</html>"), "found a web page"),
    "empty": (answer(b""), "empty"),
    "bomb": (gzip_bomb(30), "at most 1 MB"),
    "away": (redirect("https://evil.example.org/f"), "found evil.example.org"),
    "inside": (redirect("http://169.254.169.254/latest/meta-data"), "found 169.254.169.254"),
    "json": (answer(b'{"error": "quota"}', kind="application/json"), ""),
}


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@pytest.fixture(params=list(GOOD))
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    module = source(request.param)
    monkeypatch.setattr(module, "SPEC", replace(module.SPEC, max_megabytes=1, requests_per_minute=60_000))
    return request.param


def fetch(store: Store, server: FileServer, name: str) -> Outcome:
    how = Round(endpoints={name: server.url("/list")}, private_hosts=("127.0.0.1",), keys=KEYS, limits=QUICK)
    (outcome,) = collect(store, [name], how, now=lambda: dt.datetime.now(dt.UTC))
    return outcome


def rows(store: Store) -> int:
    return len(store.read("sanctions", as_of=dt.datetime.now(dt.UTC)))


def test_whatever_the_publisher_answers_the_last_good_list_stays(name: str, server: FileServer, tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    root = store.folder.parent / "payloads"
    server.answers["/list"] = answer(GOOD[name])
    first = fetch(store, server, name)
    assert (first.state, first.added, rows(store)) == ("new", 30, 30), first.message
    moods = {**MOODS, "cut": (cut_off(GOOD[name] * 3), "without sending complete message body")}
    if name != "ofac_sdn":
        # What only the fetching sees is the same for all.
        moods = {mood: moods[mood] for mood in ("forbidden", "page", "json", "cut", "away")}
    for mood, (behaviour, words) in moods.items():
        server.answers["/list"] = behaviour
        outcome = fetch(store, server, name)
        assert outcome.state == "failed", mood
        assert words in outcome.message, f"{mood}: {outcome.message}"
        assert "t0ken" not in outcome.message
        assert rows(store) == 30, mood
    # What cannot be parsed, or lost half of its entries, is kept aside for a person.
    asides = len(quarantined(root, name))
    server.answers["/list"] = answer(HALF[name])
    assert "still holds at least 90%" in fetch(store, server, name).message
    assert len(quarantined(root, name)) == asides + 1
    server.answers["/list"] = answer(GOOD[name][: len(GOOD[name]) // 2 + 7])
    assert fetch(store, server, name).state == "failed"
    assert rows(store) == 30
    assert len(kept(root, name)) == 1


def test_a_list_that_moved_to_a_host_that_is_allowed_or_has_not_changed_is_read(
    name: str, server: FileServer, tmp_path: Path
):
    store = Store(tmp_path / "home" / "datasets")
    server.answers["/list"] = redirect("/there")
    server.answers["/there"] = in_turn(with_etag(GOOD[name]))
    assert fetch(store, server, name).added == 30
    again = fetch(store, server, name)
    assert (again.state, again.added) == ("unchanged", 0), again.message
    (payload,) = kept(store.folder.parent / "payloads", name)
    assert "t0ken" not in payload.origin.address


def test_the_treasurys_list_may_come_packed(server: FileServer, tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    server.answers["/list"] = answer(gzip.compress(GOOD["ofac_sdn"]), kind="text/csv", Content_Encoding="gzip")
    outcome = fetch(store, server, "ofac_sdn")
    assert (outcome.state, outcome.added) == ("new", 30), outcome.message
