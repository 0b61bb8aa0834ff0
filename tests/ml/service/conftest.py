"""A database with two real weeks and the service that reads it, made once a session; and small made weeks to change."""

from __future__ import annotations

import datetime as dt
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI

from features.knowledge_time import UTC, as_moment, iso_week
from features.store import Store
from ml.database.connection import engine_for
from ml.database.migrating import migrate
from ml.publish.clocks import source_clocks
from ml.publish.database import publish_run
from ml.runs import Run, published
from ml.service.app import create_app
from ml.service.live import Live
from ml.settings import Settings
from tests.conftest import made_once
from tests.ml.conftest import LATER_WEEK
from tests.ml.database.postgres import database, postgres, postgres_url
from tests.ml.publish.made_runs import make_run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

__all__ = ["database", "postgres", "postgres_url"]

# A day after the later week, so that it is fresh.
NOW = as_moment(LATER_WEEK) + dt.timedelta(days=1)
MADE_NOW = dt.datetime(2026, 11, 24, 12, tzinfo=UTC)
MONDAY = dt.date(2026, 11, 23)


@pytest.fixture(scope="session")
def runs(trained_home: Path) -> list[Run]:
    """The two real weeks, the first one first."""
    return published(Settings(home=trained_home))


@pytest.fixture(scope="session")
def served_home(tmp_path_factory: pytest.TempPathFactory, trained_home: Path, runs: list[Run]) -> Path:
    """A home whose database holds both weeks; not to be changed."""

    def make(home: Path) -> None:
        (home / "datasets").symlink_to(trained_home / "datasets")
        engine = engine_for(Settings(home=home))
        migrate(engine)
        about = Settings(home=trained_home)
        clocks = source_clocks(about, Store(about.datasets), now=NOW)
        for number, run in enumerate(runs):
            publish_run(engine, run, now=NOW + dt.timedelta(minutes=number), clocks=clocks)
        engine.dispose()

    return made_once(tmp_path_factory, "served-home", make)


@pytest.fixture(scope="session")
def app(served_home: Path) -> FastAPI:
    """The service of both real weeks, at a moment that stands still."""
    settings = Settings(home=served_home, switch_seconds=0)
    return create_app(settings, clock=lambda: NOW + dt.timedelta(hours=1), is_watching=False)


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    """A reader of that service, on the same machine."""
    with TestClient(app, base_url="http://service", client=("127.0.0.1", 5000)) as client:
        yield client


@pytest.fixture(scope="session")
def later(runs: list[Run]) -> pd.DataFrame:
    """The forecasts of the later week as they lie on disk: what the service must give."""
    return runs[1].forecasts()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: dt.datetime) -> None:
        self.at = now

    def __call__(self) -> dt.datetime:
        return self.at

    def go(self, **by: float) -> None:
        """Move it."""
        self.at += dt.timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    """A clock at the day after the newest made week."""
    return Clock(MADE_NOW)


class Made:
    """A service of made weeks: publish one, look, read. What takes long is copied from `templates`."""

    def __init__(self, home: Path, clock: Clock, templates: Path, database: str = "", **given: Any) -> None:
        self.settings = Settings(home=home, database=database, **{"switch_seconds": 0, **given})
        self.clock, self.home, self.templates = clock, home, templates
        home.mkdir(parents=True)
        empty = templates / "oresight.db"
        if not database and empty.exists():
            shutil.copy(empty, home)
        self.engine = engine_for(self.settings)
        if database or not empty.exists():
            migrate(self.engine)
            self.engine.dispose()
            if not database:
                shutil.copy(home / "oresight.db", empty)
        self.app = create_app(self.settings, clock=clock, is_watching=False)
        self.client = TestClient(
            self.app, base_url="http://service", client=("127.0.0.1", 5000), raise_server_exceptions=False
        )

        # The first request of all looks at the database; from here on the test says when.
        self.client.get("/healthz")

    @property
    def live(self) -> Live:
        """What the service knows."""
        return self.app.state.service.live

    def publish(self, monday: dt.date = MONDAY, suffix: str = "a", **given: Any) -> str:
        """Make a week and publish it; gives the run's id."""
        run_id = f"{iso_week(as_moment(monday))}-{suffix}"
        about = "-".join([run_id, *map(str, given.values())])
        if not (self.templates / about).exists():
            make_run(self.templates / about, run_id, monday.isoformat(), **given)
        folder = shutil.copytree(self.templates / about / "runs" / run_id, self.home / "runs" / run_id)
        publish_run(self.engine, Run(folder), now=self.clock())
        return run_id

    def get(self, path: str, **given: Any) -> Any:
        """Read as somebody on the same machine."""
        return self.client.get(path, **given)

    def from_elsewhere(self, address: str = "203.0.113.7") -> TestClient:
        """Give a reader on another machine."""
        return TestClient(self.app, base_url="http://service", client=(address, 5000), raise_server_exceptions=False)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what is made once and then copied."""
    return tmp_path_factory.mktemp("templates")


@pytest.fixture
def made(tmp_path: Path, clock: Clock, templates: Path) -> Callable[..., Made]:
    """Make a service without runs, on the embedded SQLite unless told otherwise."""
    return lambda **given: Made(tmp_path / "home", clock, templates, **given)
