"""The commands: what is missing is published, a database that is away loses nothing, the schema's state is told."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.errors import ConfigError, OresightError
from features.knowledge_time import UTC
from ml import cli_publish, publish_commands
from ml.database.connection import engine_for
from ml.database.migrating import migrate
from ml.publish import sinks
from ml.publish.clocks import CLOCK_COLUMNS
from ml.publish.database import current_in, stored_digests
from ml.settings import Settings
from tests.ml.publish.made_runs import make_run

AWAY = "postgresql://desk:secret@127.0.0.1:1/oresight"
NOW = dt.datetime(2026, 11, 24, tzinfo=UTC)
Publish = Callable[..., tuple[int, dict, str]]


@pytest.fixture
def publish(home: Path) -> Publish:
    """Run `oresight publish --json`; give exit code, result and what was said."""

    def run(*arguments: str) -> tuple[int, dict, str]:
        result = CliRunner().invoke(cli_publish.app, ["publish", *arguments, "--home", str(home), "--json"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout), result.stderr

    return run


@pytest.fixture(autouse=True)
def _no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    # These homes have runs and no facts; reading the embedded ones would take seconds a test.
    empty = pd.DataFrame(columns=list(CLOCK_COLUMNS)).astype(CLOCK_COLUMNS)
    monkeypatch.setattr(sinks, "open_store", lambda *_, **__: None)
    monkeypatch.setattr(sinks, "source_clocks", lambda *_, **__: empty)


def settings_of(home: Path, database: str = "") -> Settings:
    return Settings(home=home, database=database)


def test_what_is_missing_is_published_everywhere(home: Path, publish: Publish) -> None:
    make_run(home, "2026-W47-a", "2026-11-16")
    make_run(home, "2026-W48-a", "2026-11-23")
    everywhere = ("--to", "csv", "--to", "database", "--to", "parquet")
    code, told, _ = publish(*everywhere)
    assert code == 0
    # The newest goes first: it is what readers wait for.
    assert told == {
        "runs": 2,
        "sinks": [
            {"sink": name, "stored": ["2026-W48-a", "2026-W47-a"], "unchanged": 0, "problem": "", "exit_code": 0}
            for name in ("database", "parquet", "csv")
        ],
    }
    assert current_in(engine_for(settings_of(home))) == ("2026-W48-a", 1)
    make_run(home, "2026-W49-a", "2026-11-30")
    _, told, _ = publish(*everywhere)
    assert [(sink["stored"], sink["unchanged"]) for sink in told["sinks"]] == [(["2026-W49-a"], 2)] * 3
    _, told, _ = publish("--all")
    assert told["sinks"][0]["stored"] == ["2026-W49-a", "2026-W48-a", "2026-W47-a"]
    assert current_in(engine_for(settings_of(home))) == ("2026-W49-a", 2)


def test_one_run_or_one_week_can_be_chosen(home: Path, publish: Publish) -> None:
    make_run(home, "2026-W47-a", "2026-11-16")
    make_run(home, "2026-W48-a", "2026-11-23")
    make_run(home, "2026-W48-b", "2026-11-23", made="10:00")
    _, told, _ = publish("--as-of", "2026-11-23")
    assert told["sinks"][0]["stored"] == ["2026-W48-b"]
    _, told, _ = publish("--run", "2026-W47-a")
    assert told["sinks"][0]["stored"] == ["2026-W47-a"]
    assert set(stored_digests(engine_for(settings_of(home)))) == {"2026-W48-b", "2026-W47-a"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--run", "2026-W01-x"], "no run is called '2026-W01-x'; the newest is 2026-W48-a"),
        (["--to", "excel"], "no sink is called 'excel'; there are database, parquet, csv"),
        (["--all", "--run", "2026-W48-a"], "exclude each other"),
    ],
)
def test_wrong_use_is_told(home: Path, publish: Publish, arguments: list[str], words: str) -> None:
    make_run(home, "2026-W48-a", "2026-11-23")
    with pytest.raises(ConfigError, match=words):
        publish(*arguments)


def test_without_any_run_the_command_to_make_one_is_named(publish: Publish) -> None:
    with pytest.raises(OresightError, match="oresight weekly"):
        publish()


def test_a_database_that_is_away_loses_nothing(
    home: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    run = make_run(home, "2026-W48-a", "2026-11-23")
    monkeypatch.setenv("ORESIGHT_DATABASE", AWAY)
    code, told, said = publish("--to", "database", "--to", "parquet")
    assert code == 1
    away, files = told["sinks"]
    assert away["stored"] == []
    assert away["problem"].startswith("the database postgresql://desk:***@127.0.0.1:1/oresight does not answer")
    assert "Every run is in its folder; `oresight publish` publishes what is missing" in said
    assert "secret" not in said + away["problem"]
    # The other sink has it, and so has the run's own folder.
    assert files["stored"] == [run.run_id]
    assert not run.broken_files()

    # It is there again, first without tables.
    monkeypatch.setenv("ORESIGHT_DATABASE", postgres_url)
    code, told, said = publish()
    assert code == 1
    assert "oresight database upgrade" in told["sinks"][0]["problem"]
    migrate(engine_for(settings_of(home, postgres_url)))
    code, told, _ = publish()
    assert (code, told["sinks"][0]["stored"]) == (0, [run.run_id])


def test_without_sinks_nothing_is_published_and_nothing_is_wrong(
    home: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(home, "2026-W48-a", "2026-11-23")
    monkeypatch.setenv("ORESIGHT_PUBLISH_TO", "[]")
    assert publish()[:2] == (0, {"runs": 1, "sinks": []})


def test_the_weekly_jobs_call_never_raises(home: Path, tmp_path: Path) -> None:
    make_run(home, "2026-W48-a", "2026-11-23")
    said: list[str] = []
    outcomes = publish_commands.publish_all(settings_of(home, AWAY), now=NOW, say=said.append)
    assert [(outcome.sink, outcome.exit_code) for outcome in outcomes if outcome.problem] == [("database", 1)]
    assert said[0].startswith("Not published to database: the database postgresql://desk:***@127.0.0.1:1/oresight")
    broken = make_run(home, "2026-W49-a", "2026-11-30")
    (broken.folder / "forecasts.parquet").write_bytes(b"x")
    outcomes = publish_commands.publish_all(settings_of(home), now=NOW, say=said.append)
    assert ("forecasts.parquet" in outcomes[0].problem, outcomes[0].exit_code) == (True, 3)
    (home / "oresight.db").write_bytes(b"no database at all, but long enough to look at" * 40)
    outcomes = publish_commands.publish_all(settings_of(home), now=NOW, say=said.append)
    assert "not a database" in outcomes[0].problem


def test_status_upgrade_and_downgrade(home: Path) -> None:
    run = make_run(home, "2026-W48-a", "2026-11-23")

    def database(*arguments: str) -> dict:
        result = CliRunner().invoke(cli_publish.app, ["database", *arguments, "--home", str(home), "--json"])
        if isinstance(result.exception, OresightError):
            raise result.exception
        return dict(json.loads(result.stdout))

    fresh = database("status")
    assert (fresh["schema"], fresh["is_current"], fresh["runs_missing"]) == (None, False, [run.run_id])
    assert fresh["to_do"].startswith("nothing")
    done = database("upgrade")
    assert (done["before"], done["after"]) == (None, fresh["newest_schema"])
    assert database("status")["to_do"] == "`oresight publish`"
    publish_commands.publish_all(settings_of(home), now=NOW, say=lambda line: None)
    about = database("status")
    assert (about["current_run"], about["edition"], about["runs_missing"], about["to_do"]) == (
        run.run_id, 1, [], "nothing"
    )  # fmt: skip
    assert about["newest_run_on_disk"] == run.run_id
    with pytest.raises(ConfigError, match="--drop-data"):
        database("downgrade", "base")
    assert database("status")["current_run"] == run.run_id
    assert database("downgrade", "base", "--drop-data")["after"] is None
