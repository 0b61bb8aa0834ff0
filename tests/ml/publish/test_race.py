"""Two processes that publish at once, on SQLite and PostgreSQL; and a server that is killed in mid-publish."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from features.knowledge_time import UTC
from ml.database.connection import DatabaseAway, engine_for
from ml.database.loading import load_rows
from ml.database.migrating import migrate
from ml.publish.database import current_in, publish_run, stored_digests
from ml.runs import Run
from ml.settings import Settings
from tests.ml.database.postgres import new_database, running_server
from tests.ml.publish import publisher
from tests.ml.publish.made_runs import make_run

NOW = dt.datetime(2026, 11, 24, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
KINDS = ("sqlite", "postgresql")
# The second one to write has the newer run, the older one, none in particular; and both have the same run.
ROUNDS = ("newer second", "older second", "at once", "same run")


@dataclass
class Race:
    """A database after two publishers met in it: what each said, and the runs they had."""

    engine: Engine
    runs: dict[str, Run]
    said: dict[str, str]


def row_counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT run_id, count(*) FROM forecasts GROUP BY run_id"))
        return {run_id: number for run_id, number in rows}  # noqa: C416


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> dict[tuple[str, str], Race]:
    """Let this process and another one meet in a database per round and kind."""
    folder = tmp_path_factory.mktemp("races")
    homes = {}
    rounds: list[dict[str, Any]] = []
    for kind in KINDS:
        for number, name in enumerate(ROUNDS):
            home = folder / f"{kind}-{number}"
            settings = Settings(home=home, database=new_database(postgres) if kind == "postgresql" else "")
            engine = engine_for(settings)
            migrate(engine)
            publish_run(engine, make_run(home, "before", "2026-11-16"), now=NOW)
            older = make_run(home, "2026-W48-older", "2026-11-23")
            newer = make_run(home, "2026-W48-newer", "2026-11-23", made="11:00", probability=0.5)
            runs = {"a": newer if name == "older second" else older, "b": older if name == "older second" else newer}
            if name == "same run":
                runs["b"] = runs["a"]
            place = {"home": str(home), "database": settings.database}
            rounds.append({who: place | {"run": str(run.folder)} for who, run in runs.items()})
            rounds[-1]["b"]["after"] = "second" in name
            homes[kind, name] = (engine, runs)
    (folder / "rounds.json").write_text(json.dumps(rounds))
    script = [sys.executable, str(Path(publisher.__file__)), "a", str(folder)]
    with subprocess.Popen(script, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) as other:
        mine = publisher.play("b", folder)
    assert other.returncode == 0
    said = {"a": json.loads((folder / "a.json").read_text()), "b": mine}
    return {
        key: Race(engine, runs, {who: said[who][number] for who in "ab"})
        for number, (key, (engine, runs)) in enumerate(homes.items())
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_of_two_is_told_and_nothing_of_it_is_stored(races: dict, kind: str) -> None:
    race = races[kind, "newer second"]
    assert race.said["a"] == "stored"
    assert race.said["b"].startswith("PublishedByAnother: another publisher made a run current while 2026-W48-newer")
    assert current_in(race.engine) == ("2026-W48-older", 2)
    assert row_counts(race.engine) == {"before": 6, "2026-W48-older": 6}
    # What it was told to do works.
    assert publish_run(race.engine, race.runs["b"], now=NOW)
    assert current_in(race.engine) == ("2026-W48-newer", 3)


@pytest.mark.parametrize("kind", KINDS)
def test_an_older_run_never_takes_the_pointer_from_a_newer_one(races: dict, kind: str) -> None:
    race = races[kind, "older second"]
    assert race.said == {"a": "stored", "b": "stored"}
    assert current_in(race.engine) == ("2026-W48-newer", 2)
    assert row_counts(race.engine) == {"before": 6, "2026-W48-older": 6, "2026-W48-newer": 6}


@pytest.mark.parametrize("kind", KINDS)
def test_two_at_once_double_nothing(races: dict, kind: str) -> None:
    race = races[kind, "at once"]
    counts = row_counts(race.engine)
    assert set(counts.values()) == {6}
    assert "stored" in race.said.values()
    if race.said["b"] == "stored":  # the newer one was first, or the older one did not mind
        assert current_in(race.engine) == ("2026-W48-newer", 2)
    else:
        assert race.said["b"].startswith("PublishedByAnother")
        assert current_in(race.engine) == ("2026-W48-older", 2)
    assert ("2026-W48-newer" in counts) == (race.said["b"] == "stored")


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_with_the_same_run_one_stores_it(races: dict, kind: str) -> None:
    race = races[kind, "same run"]
    assert sorted(race.said.values()) == ["stored", "there already"]
    assert current_in(race.engine) == ("2026-W48-older", 2)
    assert row_counts(race.engine) == {"before": 6, "2026-W48-older": 6}


@pytest.fixture
def own_server() -> Iterator[Any]:
    """A server that this test may kill."""
    with running_server() as server:
        yield server


def kill_server(server: Any) -> None:
    """End all processes of a server as the kernel does when memory runs out."""
    first = psutil.Process(server.get_pid())
    processes = [first, *first.children(recursive=True)]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=10)


def test_a_server_killed_in_mid_publish_has_the_run_before(
    own_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home", database=new_database(own_server.get_uri()))
    engine = engine_for(settings)
    migrate(engine)
    before, run = (
        make_run(settings.home, "2026-W47-a", "2026-11-16"),
        make_run(settings.home, "2026-W48-a", "2026-11-23"),
    )
    assert publish_run(engine, before, now=NOW)

    def load_and_die(connection: Connection, *rest: Any) -> int:
        loaded = load_rows(connection, *rest)
        # The rows are with the server, and the transaction is open.
        kill_server(own_server)
        with pytest.raises(OperationalError):
            load_rows(connection, *rest)
        return loaded

    with monkeypatch.context() as patch:
        patch.setattr("ml.publish.database.load_rows", load_and_die)
        with pytest.raises(DatabaseAway, match="does not answer"):
            publish_run(engine, run, now=NOW)
    with pytest.raises(DatabaseAway):
        current_in(engine)
    own_server.start()
    assert current_in(engine) == (before.run_id, 1)
    assert row_counts(engine) == {before.run_id: 6}
    assert set(stored_digests(engine)) == {before.run_id}
    assert publish_run(engine, run, now=NOW)
    assert current_in(engine) == (run.run_id, 2)
    assert row_counts(engine) == {before.run_id: 6, run.run_id: 6}
    engine.dispose()
