"""Fresh, stale, thin: two of the three clocks, read from the store."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.collection import ingest
from features.collection.freshness import Freshness, freshness
from features.store import Store
from tests.tea import COLUMNS, moment, tea_source


def store_of(tmp_path: Path, patch: pytest.MonkeyPatch, *lines: str) -> tuple[Store, object]:
    module = tea_source(patch, spec={"stale_after_days": 40})
    (tmp_path / "t.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    store = Store(tmp_path / "home" / "datasets")
    if lines:
        ingest(store, "tea", tmp_path / "t.csv", now=moment("2026-11-25"))
    return store, module.SPEC


LINES = [f"{series},2020-0{month},1,usd_per_kilogram" for month in (1, 2) for series in ("a", "b", "c")]


def test_the_newest_observation_its_moment_and_its_coverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, spec = store_of(tmp_path, monkeypatch, *LINES[:5])
    found = freshness(store, spec, now=moment("2020-04-01"))
    assert found == Freshness(5, moment("2020-03-05"), "2020-02-01", moment("2020-03-05"), 2, 3, 27, False)


@pytest.mark.parametrize(("day", "is_stale"), [("2020-04-14", False), ("2020-04-15", True)])
def test_a_source_is_stale_when_its_newest_observation_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, is_stale: bool
):
    store, spec = store_of(tmp_path, monkeypatch, *LINES)
    assert freshness(store, spec, now=moment(day)).is_stale is is_stale


def test_a_revision_of_old_figures_does_not_make_a_source_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, spec = store_of(tmp_path, monkeypatch, *LINES)
    path = tmp_path / "t.csv"
    path.write_text(path.read_text().replace("c,2020-02,1", "c,2020-02,2"))
    ingest(store, "tea", path, now=moment("2026-11-25"), released=moment("2020-06-01"))
    found = freshness(store, spec, now=moment("2020-06-02"))
    assert (found.newest_fact_at, found.known_at, found.is_stale) == (moment("2020-06-01"), moment("2020-03-05"), True)


def test_what_is_not_known_yet_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, spec = store_of(tmp_path, monkeypatch, *LINES)
    assert freshness(store, spec, now=moment("2020-03-01")).newest_observation == "2020-01-01"


def test_nothing_at_all_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, spec = store_of(tmp_path, monkeypatch)
    assert freshness(store, spec, now=moment("2020-03-01")) == Freshness(0, None, None, None, None, None, None, True)


def test_events_are_as_fresh_as_what_was_announced_last(bundle_store: Store):
    from features.sources.events import SPEC

    now = moment("2026-11-25")
    found = freshness(bundle_store, SPEC, now=now)
    newest = max(bundle_store.newest(name, as_of=now) for name in SPEC.fills)
    assert found.newest_fact_at == newest
    assert found.newest_observation == str(pd.Timestamp(newest).date())
