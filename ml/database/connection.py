"""The connection: SQLite in the home by default, PostgreSQL when the setting `database` names one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from features.errors import ConfigError
from ml.settings import Settings

__all__ = ["engine_for"]

# How long a writer waits for another one, in milliseconds.
BUSY_MILLISECONDS = 30_000


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
        return engine
    if url.drivername != "postgresql+psycopg":
        raise ConfigError(f"setting database: {url.drivername} is not supported; SQLite and PostgreSQL are")
    return create_engine(url, pool_pre_ping=True, pool_recycle=1800)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Readers go on while one writes; a killed writer leaves nothing half.
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    cursor.close()
