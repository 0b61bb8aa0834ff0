"""A real PostgreSQL and the embedded SQLite; both are used through settings, as by the commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from ml.database.connection import engine_for
from ml.database.migrating import migrate
from ml.settings import Settings
from tests.ml.database.postgres import database, postgres, postgres_url

__all__ = ["database", "engine", "home", "postgres", "postgres_url"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home."""
    return tmp_path / "home"


@pytest.fixture
def engine(database: str, home: Path) -> Engine:
    """A database with this version's schema and nothing in it; each test runs with SQLite and with PostgreSQL."""
    made = engine_for(Settings(home=home, database=database))
    migrate(made)
    return made


@pytest.fixture(autouse=True)
def _default_sinks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORESIGHT_PUBLISH_TO", raising=False)
