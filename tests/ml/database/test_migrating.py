"""The schema's steps, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from features.errors import ConfigError
from features.knowledge_time import UTC
from ml.contract import COLUMNS, EXPLANATION_COLUMNS
from ml.database import migrating, tables
from ml.database.connection import address_of, engine_for, writing
from ml.publish.database import current_in, publish_run
from ml.settings import Settings
from tests.ml.publish.made_runs import make_run

NOW = dt.datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def engine(database: str, tmp_path: Path) -> Engine:
    return engine_for(Settings(home=tmp_path, database=database))


def told(engine: Engine, question: str) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def things(engine: Engine) -> set[str]:
    found = inspect(engine)
    return {*found.get_table_names(), *found.get_view_names()}


def set_revision(engine: Engine, revision: str) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})


def test_the_steps_make_the_tables_that_the_code_knows(engine: Engine) -> None:
    migrating.migrate(engine)
    assert migrating.is_current(engine)
    known = migrating.all_tables()
    assert {"runs", "forecasts"} < set(known.tables)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), known) == []


def test_data_stay_on_the_way_up_and_come_back_after_the_way_down(engine: Engine, tmp_path: Path) -> None:
    run = make_run(tmp_path, "2026-W48-a", "2026-11-23")
    question = "SELECT mineral, supplier, horizon, probability FROM forecasts ORDER BY 1, 2, 3"
    first, *later = migrating.revisions()
    migrating.migrate(engine, first)
    publish_run(engine, run, now=NOW)
    rows = told(engine, question)
    assert len(rows) == 6
    for revision in later:
        migrating.migrate(engine, revision)
        assert told(engine, question) == rows
    assert not publish_run(engine, run, now=NOW)
    for revision in [first, *later][-2::-1]:
        migrating.downgrade(engine, revision)
        assert migrating.revision_of(engine) == revision
        assert told(engine, question) == rows
    migrating.downgrade(engine, "base")
    assert things(engine) == {"alembic_version"}
    migrating.migrate(engine)
    assert told(engine, question) == []
    assert publish_run(engine, run, now=NOW)
    assert told(engine, question) == rows
    assert current_in(engine) == (run.run_id, 1)


def test_an_older_schema_is_brought_up_in_the_home_and_told_elsewhere(engine: Engine, database: str) -> None:
    if database:
        with pytest.raises(migrating.SchemaMismatch, match=r"no tables.*`oresight database upgrade`"):
            migrating.ensure_current(engine)
        assert things(engine) == set()
        migrating.migrate(engine, migrating.revisions()[0])
        with pytest.raises(migrating.SchemaMismatch, match=r"is at schema 0001.*`oresight database upgrade`"):
            migrating.ensure_current(engine)
        migrating.migrate(engine)
    else:
        assert migrating.ensure_current(engine)
    assert migrating.is_current(engine)
    assert not migrating.ensure_current(engine)


def test_a_newer_schema_is_refused_and_stays(engine: Engine) -> None:
    migrating.migrate(engine)
    set_revision(engine, "9999")
    for refused in (
        lambda: migrating.ensure_current(engine),
        lambda: migrating.migrate(engine),
        lambda: migrating.downgrade(engine, "base"),
    ):
        with pytest.raises(migrating.SchemaMismatch, match=r"9999.*newer oresight"):
            refused()
    assert "forecasts" in things(engine)


def test_a_step_that_fails_leaves_nothing_half(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE track_record (somebody VARCHAR)"))
    with pytest.raises(DBAPIError, match="track_record"):
        migrating.migrate(engine)
    assert things(engine) == {"track_record"}
    assert migrating.revision_of(engine) is None


def test_steps_that_there_are_not_are_refused(engine: Engine) -> None:
    migrating.migrate(engine, "0001")
    with pytest.raises(ConfigError, match="'0815'; there are base, 0001"):
        migrating.migrate(engine, "0815")
    migrating.migrate(engine)
    with pytest.raises(ConfigError, match="downgrade"):
        migrating.migrate(engine, "0001")
    migrating.downgrade(engine, "base")
    with pytest.raises(ConfigError, match="upgrade"):
        migrating.downgrade(engine, "0001")


def test_tables_have_the_contracts_columns_in_their_order(engine: Engine) -> None:
    migrating.migrate(engine)
    kinds = {"str": "VARCHAR", "float64": "DOUBLE", "bool": "BOOLEAN", "datetime64[us, UTC]": "TIMESTAMP"}
    if engine.dialect.name == "sqlite":
        kinds["datetime64[us, UTC]"] = "DATETIME"
    else:
        kinds["float64"] = "DOUBLE PRECISION"
    assert len(COLUMNS) == 31
    for name, contract in (("forecasts", COLUMNS), ("explanations", EXPLANATION_COLUMNS)):
        columns = inspect(engine).get_columns(name)
        assert [(each["name"], str(each["type"])) for each in columns] == [
            (column, kinds[kind]) for column, kind in contract.items()
        ]
        zones = [getattr(each["type"], "timezone", None) for each in columns if "TIMESTAMP" in str(each["type"])]
        assert all(zones)


def test_moments_keep_their_time_and_want_a_zone(engine: Engine, tmp_path: Path) -> None:
    migrating.migrate(engine)
    publish_run(engine, make_run(tmp_path, "2026-W48-a", "2026-11-23"), now=NOW)
    taipei = dt.timezone(dt.timedelta(hours=8))
    at = dt.datetime(2026, 11, 24, 17, 30, 0, 123456, tzinfo=taipei)
    with writing(engine) as connection:
        connection.execute(tables.current.update().values(set_at=at))
        found = connection.scalar(select(tables.current.c.set_at))
        assert found == at
        assert found.utcoffset() == dt.timedelta(0)
        with pytest.raises(StatementError, match="without a time zone"):
            connection.execute(tables.current.update().values(set_at=at.replace(tzinfo=None)))


def test_an_address_is_checked_and_never_told_with_its_password(tmp_path: Path) -> None:
    engine = engine_for(Settings(home=tmp_path, database="postgres://desk:secret@db.example.org/oresight"))
    assert engine.url.drivername == "postgresql+psycopg"
    assert address_of(engine) == "postgresql://desk:***@db.example.org/oresight"
    with pytest.raises(ConfigError, match="SQLite and PostgreSQL"):
        engine_for(Settings(home=tmp_path, database="mysql://desk@db.example.org/oresight"))
    with pytest.raises(ConfigError, match="not an address"):
        engine_for(Settings(home=tmp_path, database="db.example.org"))
