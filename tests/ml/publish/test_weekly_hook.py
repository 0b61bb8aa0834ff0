"""What the weekly job does once its run stands: publish it and warn, and lose nothing when neither can be done."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from ml import commands
from ml.database.connection import engine_for
from ml.publish import sinks
from ml.publish.clocks import CLOCK_COLUMNS
from ml.publish.database import current_in
from ml.runs import Run
from ml.settings import Settings
from tests.ml.publish.made_runs import make_run


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run as the weekly job would have made it, of a home without facts."""
    made = make_run(home, "2026-W48-a", "2026-11-23")
    empty = pd.DataFrame(columns=list(CLOCK_COLUMNS)).astype(CLOCK_COLUMNS)
    monkeypatch.setattr(sinks, "open_store", lambda *_, **__: None)
    monkeypatch.setattr(sinks, "source_clocks", lambda *_, **__: empty)
    monkeypatch.setattr(commands.weekly_job, "run_week", lambda *_, **__: (made, True))
    return made


def test_a_run_that_stands_is_published_and_read_for_warnings(home: Path, run: Run) -> None:
    said: list[str] = []
    result = commands.weekly(None, home=home, say=said.append)
    assert current_in(engine_for(Settings(home=home))) == (run.run_id, 1)
    assert (home / "warnings" / "index.html").exists()
    assert (result.not_published, result.not_warned) == ({}, "")
    assert any(line.startswith("Warnings: ") for line in said)


def test_a_database_that_is_away_loses_nothing_and_degrades_the_job(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORESIGHT_DATABASE", "postgresql://nobody@127.0.0.1:1/none")
    result = commands.weekly(None, home=home, say=lambda line: None)
    assert "does not answer" in result.not_published["database"]
    assert "does not answer" in result.not_warned
    assert result.is_degraded
    assert result.summary["not_published"] == result.not_published
    assert run.broken_files() == []
    monkeypatch.delenv("ORESIGHT_DATABASE")
    again = commands.weekly(None, home=home, say=lambda line: None)
    assert (again.not_published, again.not_warned) == ({}, "")
    assert current_in(engine_for(Settings(home=home))) == (run.run_id, 1)


def test_a_week_that_is_over_is_published_and_warns_nobody(home: Path, run: Run) -> None:
    path = run.folder / "run.json"
    path.write_text(json.dumps(run.about | {"kind": "hindcast"}))
    commands.weekly(None, home=home, say=lambda line: None)
    assert current_in(engine_for(Settings(home=home))) is not None
    assert not (home / "warnings").exists()
