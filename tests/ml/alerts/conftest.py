"""Databases with the tables of warnings, and receivers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ml.database.connection import engine_for
from ml.database.migrating import migrate
from ml.settings import Settings
from tests.conftest import made_once
from tests.ml.alerts.receivers import Mailbox, Receiver, mailing, receiving
from tests.ml.database.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no rows."""

    def make(home: Path) -> None:
        engine = engine_for(Settings(home=home))
        migrate(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()

    return made_once(tmp_path_factory, "empty-warnings", make) / "oresight.db"


@pytest.fixture
def engine(tmp_path: Path, empty_database: Path) -> Iterator[Engine]:
    """An embedded database of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(empty_database, home / "oresight.db")
    found = engine_for(Settings(home=home))
    yield found
    found.dispose()


@pytest.fixture
def server_engine(postgres_url: str, tmp_path: Path) -> Iterator[Engine]:
    """A PostgreSQL database of the test's own."""
    found = engine_for(Settings(home=tmp_path, database=postgres_url))
    migrate(found)
    yield found
    found.dispose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mailing() as found:
        yield found
