"""The connection: SQLite in the home by default, PostgreSQL when the setting `database` names one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from features.errors import ConfigError, OresightError
from ml.settings import Settings

__all__ = [
    "DatabaseAway",
    "address_of",
    "answering",
    "check_file",
    "engine_for",
    "insert_into",
    "is_embedded",
    "writing",
]

SQLITE_BEGIN = b"SQLite format 3\0"
DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
# How long a writer waits for another one, in milliseconds.
BUSY_MILLISECONDS = 30_000
# How long a server may take to answer a new connection, in seconds.
CONNECT_SECONDS = 10


class DatabaseAway(OresightError):
    """The database does not answer; what should have been stored was not."""


def engine_for(settings: Settings) -> Engine:
    """Open the store's engine; nothing is connected yet.

    Raises:
        ConfigError: the address is none, or names a database that isn't supported.
    """
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        raise ConfigError("setting database: not an address such as postgresql://user@host/name") from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        if url.database and url.database != ":memory:":
            settings.home.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if url.drivername != "postgresql+psycopg":
        raise ConfigError(f"setting database: {url.drivername} is not supported; SQLite and PostgreSQL are")
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(CONNECT_SECONDS)})
    return create_engine(url, pool_pre_ping=True, pool_recycle=1800)


def is_embedded(engine: Engine) -> bool:
    """Tell whether the database is the SQLite file that nobody but oresight looks after."""
    return engine.dialect.name == "sqlite"


def address_of(engine: Engine) -> str:
    """Give the database's address for a message: never with a password."""
    name = engine.url.get_backend_name()
    return engine.url.set(drivername=name, query={}).render_as_string(hide_password=True)


def check_file(engine: Engine) -> int | None:
    """Look at the first bytes of the embedded database's file: whoever has it open would not notice that they changed.

    Returns:
        The number of the file, another one when it was replaced; None where there is none, or it is a server's.

    Raises:
        DatabaseAway: they are not those of a SQLite file; a file that is not there is told by reading it.
    """
    if not is_embedded(engine) or not engine.url.database:
        return None
    try:
        with open(engine.url.database, "rb") as file:
            begin, number = file.read(len(SQLITE_BEGIN)), os.fstat(file.fileno()).st_ino
    except OSError:
        return None
    if begin != SQLITE_BEGIN:
        raise DatabaseAway(f"the database {address_of(engine)} is damaged: its file does not begin as SQLite's do")
    return number


@contextmanager
def answering(engine: Engine) -> Iterator[None]:
    """Say in one sentence that the database does not answer, instead of a driver's error.

    Raises:
        DatabaseAway: it can't be reached, went away meanwhile, or is locked by another writer for too long.
    """
    try:
        yield
    except DBAPIError as problem:
        is_away = isinstance(problem, OperationalError | InterfaceError) or problem.connection_invalidated
        is_away |= getattr(problem.orig, "sqlite_errorcode", None) in DAMAGED
        # SQLite calls a wrong statement an operational error too.
        if not is_away or getattr(problem.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
            raise
        why = str(problem.orig).strip().partition("\n")[0] or type(problem.orig).__name__
        raise DatabaseAway(f"the database {address_of(engine)} does not answer: {why}") from problem


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that will write: all of it is stored at the end, or nothing.

    SQLite takes its one writer's place at once and waits for it; a transaction that only reads at first could not
    become a writer once somebody else has written.
    """
    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection, connection.begin():
        yield connection


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Begin an insert that may say what to do on a conflict; each dialect has a construct of its own for it."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by itself, but not before changes of the schema; `_begin_sqlite` does.
    connection.isolation_level = None
    # Readers go on while one writes; a killed writer leaves nothing half.
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")
