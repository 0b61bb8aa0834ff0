"""Every source that can be collected, before a publisher in every bad mood: nothing is stored, and it says why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from features import collection
from features.collection.fetching.client import FetchLimits
from features.collection.payloads import kept
from features.collection.rounds import Round, collect, collectable, read_attempts
from features.datasets import DATASETS
from features.sources.spec import Request
from features.store import Store
from tests.file_server import Answer, FileServer, answer, cut_off, redirect, serving

QUICK = FetchLimits(seconds=10, attempts=1, first_pause_seconds=0.001, longest_pause_seconds=0.002)
PAGE = b"<!doctype html><html><head><title>Access denied</title></head><body>Request blocked</body></html>"
FAULTS: dict[str, Answer] = {
    "status 500": answer(b"no", status=500),
    "status 429": answer(b"slow down", status=429),
    "blocked": answer(PAGE, status=403, kind="text/html"),
    "gone": answer(b"nothing here", status=404),
    "a web page": answer(PAGE, kind="text/html"),
    "a web page that says it is something else": answer(PAGE, kind="application/octet-stream"),
    "nothing": answer(b""),
    "an empty list": answer(b"[]", kind="application/json"),
    "an empty object": answer(b"{}", kind="application/json"),
    "an error in JSON": answer(b'{"error": {"code": 400, "message": "Invalid query"}}', kind="application/json"),
    "another table": answer(b"colour,shape\nred,round\n", kind="text/csv"),
    "bytes without sense": answer(bytes(range(256)) * 40),
    "half a zip": answer(b"PK\x03\x04" + bytes(300), kind="application/zip"),
    "half of the file": cut_off(b"a,b\n" + b"1,2\n" * 500),
    "another host": redirect("http://10.1.2.3/elsewhere"),
    "no end": redirect("/again"),
    "broken XML": answer(b'<?xml version="1.0"?><rss><channel><item><title>Half', kind="application/xml"),
    "an XML bomb": answer(
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>', kind="application/xml"
    ),
}


class Everywhere(dict[str, Any]):
    """The same answer at every path."""

    def __init__(self, only: Answer) -> None:
        super().__init__()
        self.only = only

    def get(self, path: str, default: object = None) -> Answer:
        return self.only


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


def sources() -> list[str]:
    """List the sources whose parts stand or fall together; the others have tests of their own."""
    return [name for name in collectable() if not getattr(collection.source(name), "PARTS_ARE_INDEPENDENT", False)]


def few_of(requests: Callable[..., Iterable[Request]]) -> Callable[..., list[Request]]:
    """Ask for a few of the hundreds of files that some sources have, the last one too: it can be of another kind."""

    def some(endpoint: Any, **about: Any) -> list[Request]:
        every = list(requests(endpoint, **about))
        return [*every[:2], *every[2:][-1:]]

    return some


@pytest.mark.parametrize("fault", FAULTS)
def test_no_source_stores_anything_of_a_bad_answer(
    fault: str, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sources()
    for module in map(collection.source, names):
        monkeypatch.setattr(module, "SPEC", replace(module.SPEC, requests_per_minute=60_000))
        monkeypatch.setattr(module, "requests", few_of(module.requests))
    assert len(names) > 10
    server.answers = Everywhere(FAULTS[fault])
    store = Store(tmp_path / "home" / "datasets")
    keys = {collection.source(name).SPEC.key_setting: "key" for name in names}
    endpoints = {name: server.url(f"/{name}") for name in names}
    how = Round(endpoints=endpoints, private_hosts=("127.0.0.1",), limits=QUICK, keys=keys)
    outcomes = collect(store, names, how, now=lambda: dt.datetime.now(dt.UTC))
    told = {each.source: each for each in outcomes}
    assert set(told) == set(names)
    wrong = {name: each for name, each in told.items() if each.state != "failed" or each.added or not each.message}
    assert not wrong
    assert store.is_empty()
    assert not any(store.batches(name) for name in DATASETS)
    payloads = store.folder.parent / "payloads"
    assert not [name for name in names if kept(payloads, name)]
    attempts = read_attempts(store.folder.parent)
    assert all(attempts[name].last_success is None and attempts[name].last_error for name in names)
    assert not list(store.folder.parent.glob(".fetched-*"))
