"""The schema's steps: up, down, and what to do when a database is not of this version.

The embedded SQLite is brought up to date by whoever opens it first. A PostgreSQL is somebody's: it changes only when
`oresight database upgrade` says so. A schema of a newer oresight is refused on either.
"""

from __future__ import annotations

import pkgutil
import threading
from importlib import import_module
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, text

import ml.database
from features.errors import ConfigError, OresightError
from ml.database.connection import address_of, answering, is_embedded, writing
from ml.database.metadata import metadata

__all__ = [
    "SchemaMismatch",
    "all_tables",
    "downgrade",
    "ensure_current",
    "is_current",
    "migrate",
    "newest_revision",
    "revision_of",
    "revisions",
]

FOLDER = Path(__file__).parent / "migrations"
# Any number that no other program takes: who changes the schema of a PostgreSQL waits for who does so already.
LOCK = 7_305_229_718_643
# Alembic keeps what it is at in the module `alembic.context`: one thread of a process at a time.
ONE_THREAD = threading.Lock()


class SchemaMismatch(OresightError):
    """The database's schema is not that of this version of oresight."""


def all_tables() -> MetaData:
    """Give every table that this version knows: those of all modules of this package named `…tables`."""
    for module in pkgutil.iter_modules(ml.database.__path__):
        if module.name.endswith("tables"):
            import_module(f"ml.database.{module.name}")
    return metadata


def revisions() -> list[str]:
    """List the steps that this version knows, the first one first."""
    steps = ScriptDirectory(str(FOLDER)).walk_revisions()
    return [step.revision for step in steps][::-1]


def newest_revision() -> str:
    """Give the last step that this version knows."""
    return revisions()[-1]


def revision_of(engine: Engine) -> str | None:
    """Give the step that a database is at, None when it is empty.

    Raises:
        DatabaseAway: it does not answer.
    """
    with answering(engine), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_current(engine: Engine) -> bool:
    """Tell whether a database has this version's schema."""
    return revision_of(engine) == newest_revision()


def ensure_current(engine: Engine) -> bool:
    """Bring the embedded database up to date; hold any other one against this version.

    Returns:
        Whether steps were taken.

    Raises:
        SchemaMismatch: a PostgreSQL is older, or either is newer; the message says what to do.
        DatabaseAway: it does not answer.
    """
    found, known = revision_of(engine), revisions()
    if found == known[-1]:
        return False
    _refuse_newer(engine, found, known)
    if not is_embedded(engine):
        state = f"is at schema {found}" if found else "has no tables of oresight yet"
        raise SchemaMismatch(
            f"the database {address_of(engine)} {state}, this version needs {known[-1]}; "
            "run `oresight database upgrade`"
        )
    migrate(engine)
    return True


def migrate(engine: Engine, revision: str = "head") -> None:
    """Take the steps up to `revision`, all in one transaction; data stay.

    Raises:
        ConfigError: there is no such step, or it lies behind.
        SchemaMismatch: the database is of a newer version.
        DatabaseAway: it does not answer.
    """
    known = revisions()
    wanted = known[-1] if revision == "head" else _known(revision, known)
    with ONE_THREAD, answering(engine), writing(engine) as connection:
        found = _locked_revision(connection)
        _refuse_newer(engine, found, known)
        if found and known.index(found) > known.index(wanted):
            raise ConfigError(f"the database is at {found} already; `oresight database downgrade` goes back")
        command.upgrade(_config(connection), wanted)


def downgrade(engine: Engine, revision: str) -> None:
    """Undo the steps after `revision` ("base": all of them), with the data of the tables they made.

    Raises:
        ConfigError: there is no such step, or the database has not come that far.
        SchemaMismatch: the database is of a newer version.
        DatabaseAway: it does not answer.
    """
    known = revisions()
    wanted = None if revision == "base" else _known(revision, known)
    with ONE_THREAD, answering(engine), writing(engine) as connection:
        found = _locked_revision(connection)
        _refuse_newer(engine, found, known)
        at = known.index(found) if found else -1
        if wanted and known.index(wanted) > at:
            raise ConfigError(
                f"the database is at {found or 'base'}, before {wanted}; `oresight database upgrade` goes on"
            )
        command.downgrade(_config(connection), wanted or "base")


def _known(revision: str, known: list[str]) -> str:
    if revision not in known:
        raise ConfigError(f"there is no schema {revision!r}; there are base, {', '.join(known)}")
    return revision


def _refuse_newer(engine: Engine, found: str | None, known: list[str]) -> None:
    if found is not None and found not in known:
        raise SchemaMismatch(
            f"the database {address_of(engine)} is at schema {found}, this version knows up to {known[-1]}; "
            "use the newer oresight that made it"
        )


def _locked_revision(connection: Connection) -> str | None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    # Alembic reads % in a path as the begin of a variable.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
