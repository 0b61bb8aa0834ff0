"""Runs on disk: which one is current, and what is said when their files are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import BadInput
from features.knowledge_time import as_moment
from ml.runs import current_run, find_run, point_current, previous_run, published, sha256_of
from ml.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def put(settings: Settings, name: str, as_of: str, created: str, **about: Any) -> None:
    folder = settings.runs / name
    folder.mkdir(parents=True, exist_ok=True)
    told = {"run_id": name, "as_of": as_of, "created_at": created, "files": {}, **about}
    (folder / "run.json").write_text(json.dumps(told))


def test_the_newest_run_of_the_newest_week_becomes_current(settings: Settings) -> None:
    put(settings, "later-week", "2026-11-23", "2026-11-23T06:00:00+00:00")
    put(settings, "made-later", "2026-11-16", "2026-11-24T06:00:00+00:00")
    put(settings, "again", "2026-11-23", "2026-11-23T09:00:00+00:00")
    put(settings, "held", "2026-11-30", "2026-11-30T06:00:00+00:00", drift={"worst": "stop"})
    with pytest.raises(BadInput, match=r"current\.json: .*found no such file"):
        current_run(settings)
    point_current(settings)
    run = current_run(settings)
    assert run is not None
    assert run.run_id == "again"
    assert [each.run_id for each in published(settings)] == ["made-later", "again", "later-week", "held"]
    assert find_run(settings, as_moment("2026-11-23")).run_id == "again"


def test_the_run_before_is_one_that_was_told(settings: Settings) -> None:
    put(settings, "told", "2026-11-16", "2026-11-16T06:00:00+00:00")
    put(settings, "held", "2026-11-16", "2026-11-16T09:00:00+00:00", drift={"worst": "stop"})
    put(settings, "longer-ago", "2026-11-09", "2026-11-20T09:00:00+00:00")
    run = previous_run(settings, as_moment("2026-11-23"))
    assert run is not None
    assert run.run_id == "told"


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"run_id": "gone"}', "\xff"])
def test_a_broken_pointer_is_told_and_made_again(settings: Settings, text: str) -> None:
    put(settings, "told", "2026-11-16", "2026-11-16T06:00:00+00:00")
    (settings.runs / "current.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=r"current\.json: expected the name of the current run"):
        current_run(settings)
    point_current(settings)
    assert current_run(settings) is not None


def test_a_broken_run_names_its_file(settings: Settings) -> None:
    put(settings, "told", "2026-11-16", "2026-11-16T06:00:00+00:00")
    (settings.runs / "told" / "run.json").write_text('{"as_of": ')
    with pytest.raises(BadInput, match=r"told/run\.json: expected what a weekly run says of itself"):
        published(settings)


def test_without_a_run_that_was_told_there_is_no_current_one(settings: Settings) -> None:
    assert current_run(settings) is None
    put(settings, "held", "2026-11-30", "2026-11-30T06:00:00+00:00", drift={"worst": "stop"})
    assert current_run(settings) is None


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ({"run_id": "other"}, "run_id 'other' in the folder of told"),
        ({"as_of": 5}, "as_of 5, which is no date"),
        ({"created_at": "yesterday"}, "created_at 'yesterday', which is no date"),
        ({"files": {"forecasts.parquet": None}}, "no digests of its files"),
        ({"files": None}, "no digests of its files"),
    ],
)
def test_a_run_that_says_something_else_is_told(settings: Settings, about: dict[str, Any], found: str) -> None:
    put(settings, "told", "2026-11-16", "2026-11-16T06:00:00+00:00")
    path = settings.runs / "told" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | about))
    with pytest.raises(BadInput, match=found):
        published(settings)


def test_a_table_that_somebody_changed_is_not_read(settings: Settings) -> None:
    folder = settings.runs / "told"
    folder.mkdir(parents=True)
    table = pd.DataFrame({"probability": [0.2]})
    table.to_parquet(folder / "forecasts.parquet")
    put(
        settings,
        "told",
        "2026-11-16",
        "2026-11-16T06:00:00+00:00",
        files={"forecasts.parquet": sha256_of(folder / "forecasts.parquet")},
    )
    (run,) = published(settings)
    pd.testing.assert_frame_equal(run.forecasts(), table)
    with pytest.raises(BadInput, match=r"explanations\.parquet: expected the bytes that were published, found no such"):
        run.explanations()
    table.assign(probability=0.9).to_parquet(folder / "forecasts.parquet")
    with pytest.raises(BadInput, match=r"forecasts\.parquet: expected the bytes that were published, found others"):
        run.forecasts()
