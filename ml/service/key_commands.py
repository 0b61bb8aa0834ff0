"""What the commands about keys do, and how keys are printed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from sqlalchemy import Engine

from features.knowledge_time import UTC, as_moment
from ml.database.connection import engine_for
from ml.database.migrating import ensure_current
from ml.screen import screen
from ml.service.keys import create_key, list_keys, revoke_key
from ml.settings import load_settings

__all__ = ["create", "listed", "print_keys", "revoke"]

Json = dict[str, Any]


def _engine(home: Path | None) -> Engine:
    engine = engine_for(load_settings(home))
    ensure_current(engine)
    return engine


def _now() -> dt.datetime:
    return dt.datetime.now(UTC)


def create(name: str, *, scopes: Sequence[str], expires: str | None, quota: int | None, home: Path | None) -> Json:
    """Make a key.

    Returns:
        Its row, and `key`: the only time it is known.

    Raises:
        ConfigError: a scope, the name or the date is not what it may be.
    """
    until = None if expires is None else as_moment(expires)
    engine = _engine(home)
    text, row = create_key(engine, name, scopes, expires_at=until, requests_per_minute=quota, now=_now())
    return {"key": text, **_told(row, _now())}


def listed(*, home: Path | None) -> list[Json]:
    """Give all keys with their state."""
    return [_told(row, _now()) for row in list_keys(_engine(home))]


def revoke(which: str, *, home: Path | None) -> list[Json]:
    """Revoke a key by its id, or all of a name.

    Raises:
        ConfigError: there is none.
    """
    return [_told(row, _now()) for row in revoke_key(_engine(home), which, now=_now())]


def _told(row: Json, now: dt.datetime) -> Json:
    state = "holds"
    if row["revoked_at"] is not None:
        state = "revoked"
    elif row["expires_at"] is not None and row["expires_at"] <= now:
        state = "expired"
    told = {name: _moment(value) if isinstance(value, dt.datetime) else value for name, value in row.items()}
    return {**told, "state": state}


def _moment(value: dt.datetime) -> str:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z")


def print_keys(rows: Sequence[Json]) -> None:
    """Print keys as a table."""
    names = ("key_id", "name", "scopes", "state", "created_at", "expires_at", "last_used_at", "requests_per_minute")
    table = Table(title=None if rows else "There are no keys; `oresight keys create NAME` makes one.", box=box.SIMPLE)
    for name in names:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in names))
    screen(150).print(table)
