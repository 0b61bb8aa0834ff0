"""What dashboards read: columns and types as documented, also without rows; who may read; Power BI's question."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from features.knowledge_time import UTC
from ml.contract import COLUMNS
from ml.database.connection import engine_for
from ml.database.migrating import migrate
from ml.publish.database import publish_run
from ml.settings import Settings
from tests.ml.publish.made_runs import make_run

PAGE = (Path(__file__).parents[3] / "docs" / "dashboards.md").read_text(encoding="utf-8")
NOW = dt.datetime(2026, 11, 24, tzinfo=UTC)
# The words of the page, as PostgreSQL's information schema says them.
TYPES = {
    "text": {"character varying"},
    "moment": {"timestamp with time zone"},
    "date": {"date"},
    "number": {"double precision"},
    "count": {"integer", "bigint"},
    "flag": {"boolean"},
}
VIEWS = re.findall(r"^### (v1_\w+)", PAGE, re.M)


def documented(name: str) -> list[tuple[str, str]]:
    """Give a view's columns and types as the page lists them."""
    part = PAGE.partition(f"\n### {name}\n")[2].partition("\n##")[0]
    own = re.findall(r"^\| `(\w+)` \| (\w+) \|", part, re.M)
    if "As `v1_current_forecasts`" in part:
        return documented("v1_current_forecasts")
    return (documented("The forecast row") if "The 31 columns, then" in part else []) + own


def sql_block(containing: str) -> str:
    return next(block for block in re.findall(r"```sql\n(.*?)```", PAGE, re.S) if containing in block)


def rows_of(engine: Engine, question: str) -> tuple[list[str], list[tuple]]:
    with engine.connect() as connection:
        found = connection.execute(text(question))
        return list(found.keys()), [tuple(row) for row in found]


@pytest.fixture
def two_weeks(engine: Engine, home: Path) -> Engine:
    publish_run(engine, make_run(home, "2026-W47-a", "2026-11-16"), now=NOW)
    publish_run(engine, make_run(home, "2026-W48-a", "2026-11-23"), now=NOW)
    return engine


def test_the_page_lists_the_contract() -> None:
    assert [name for name, _ in documented("The forecast row")] == list(COLUMNS)
    assert len(VIEWS) == 8


def test_views_have_the_columns_of_the_page_also_without_rows(engine: Engine, home: Path) -> None:
    empty = {name: rows_of(engine, f"SELECT * FROM {name}") for name in VIEWS}
    assert {name: columns for name, (columns, _) in empty.items()} == {
        name: [column for column, _ in documented(name)] for name in VIEWS
    }
    assert all(rows == [] for _, rows in empty.values())
    publish_run(engine, make_run(home, "2026-W48-a", "2026-11-23"), now=NOW)
    for name in VIEWS:
        assert rows_of(engine, f"SELECT * FROM {name}")[0] == empty[name][0]


def test_views_of_postgresql_have_the_types_of_the_page(postgres_url: str, home: Path) -> None:
    engine = engine_for(Settings(home=home, database=postgres_url))
    migrate(engine)
    question = """SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_name LIKE 'v1~_%' ESCAPE '~'"""
    found = {(name, column): kind for name, column, kind in rows_of(engine, question)[1]}
    for name in VIEWS:
        for column, kind in documented(name):
            assert found[name, column] in TYPES[kind], (name, column)


def test_views_show_the_current_run(two_weeks: Engine) -> None:
    question = "SELECT DISTINCT run_id, as_of_date, week FROM v1_current_forecasts"
    assert [tuple(map(str, row)) for row in rows_of(two_weeks, question)[1]] == [
        ("2026-W48-a", "2026-11-23", "2026-W48")
    ]
    assert rows_of(two_weeks, "SELECT count(*) FROM v1_forecasts")[1] == [(12,)]
    question = "SELECT mineral, supplier, horizon FROM v1_alerts ORDER BY horizon"
    assert rows_of(two_weeks, question)[1] == [("cobalt", "COD", "current_year"), ("cobalt", "COD", "next_year")]
    question = "SELECT place, mineral, change FROM v1_movers WHERE horizon = 'current_year' ORDER BY place"
    assert rows_of(two_weeks, question)[1] == [(1, "gallium", -0.02), (2, "cobalt", 0.01)]
    question = "SELECT level, feature FROM v1_drift WHERE is_current ORDER BY number"
    assert rows_of(two_weeks, question)[1] == [("watch", "prices.pink_sheet"), ("fine", "trade.baci")]


def test_views_give_each_column_of_the_contract_its_own_figures(two_weeks: Engine) -> None:
    names = ", ".join(COLUMNS)
    order = "ORDER BY run_id, target, horizon, mineral, supplier"
    stored = rows_of(two_weeks, f"SELECT {names} FROM forecasts {order}")[1]
    assert rows_of(two_weeks, f"SELECT {names} FROM v1_forecasts {order}")[1] == stored
    current = [row for row in stored if row[0] == "2026-W48-a"]
    assert rows_of(two_weeks, f"SELECT {names} FROM v1_current_forecasts {order}")[1] == current


@pytest.mark.parametrize(("days", "is_over"), [(1, False), (7, False), (9, True)])
def test_a_run_is_over_when_its_week_is_and_not_before(engine: Engine, home: Path, days: int, is_over: bool) -> None:
    as_of = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days)
    publish_run(engine, make_run(home, "a-run", as_of.isoformat()), now=NOW)
    assert [bool(row[0]) for row in rows_of(engine, "SELECT DISTINCT expired FROM v1_runs")[1]] == [is_over]


def test_a_run_that_is_over_says_so(engine: Engine, home: Path) -> None:
    publish_run(engine, make_run(home, "2006-W48-a", "2006-11-27"), now=NOW)
    question = "SELECT DISTINCT expired FROM {}"
    for name in ("v1_current_forecasts", "v1_alerts", "v1_movers", "v1_runs"):
        assert [bool(row[0]) for row in rows_of(engine, question.format(name))[1]] == [True], name
    # The same question of the database's clock, for a run that no clock has reached yet.
    publish_run(engine, make_run(home, "2999-W48-a", "2999-11-25"), now=NOW)
    assert [bool(row[0]) for row in rows_of(engine, question.format("v1_current_forecasts"))[1]] == [False]


def test_power_bi_gets_the_same_columns_for_a_range_without_rows(postgres_url: str, home: Path) -> None:
    engine = engine_for(Settings(home=home, database=postgres_url))
    migrate(engine)
    publish_run(engine, make_run(home, "2026-W48-a", "2026-11-23"), now=NOW)
    question = sql_block('"_"."as_of_date" >=')
    nothing = question.replace("2026-01-01", "2031-01-01").replace("2027-01-01", "2032-01-01")
    with psycopg.connect(postgres_url) as connection:
        some, none = (connection.execute(each.encode()) for each in (question, nothing))
        assert [(column.name, column.type_code) for column in none.description or ()] == [
            (column.name, column.type_code) for column in some.description or ()
        ]
        assert [column.name for column in none.description or ()][:2] == ["run_id", "as_of_date"]
        assert len(some.fetchall()) == 6
        assert none.fetchall() == []


@pytest.fixture
def reader(postgres_url: str, home: Path) -> Iterator[Engine]:
    """Somebody with the rights that the page gives to dashboards."""
    engine = engine_for(Settings(home=home, database=postgres_url))
    migrate(engine)
    publish_run(engine, make_run(home, "2026-W48-a", "2026-11-23"), now=NOW)
    with engine.begin() as connection:
        connection.execute(text(sql_block("GRANT SELECT")))
        connection.execute(text("CREATE ROLE superset LOGIN IN ROLE oresight_reader"))
    yield create_engine(engine.url.set(username="superset"))
    with engine.begin() as connection:
        # Roles are the server's, and outlive the database.
        connection.execute(text("DROP OWNED BY oresight_reader; DROP ROLE superset; DROP ROLE oresight_reader"))


def test_a_reader_sees_the_views_and_nothing_else(reader: Engine) -> None:
    for name in [*VIEWS, "v1_warnings"]:
        rows_of(reader, f"SELECT * FROM {name}")
    for refused in (
        "SELECT * FROM forecasts",
        "SELECT * FROM api_keys",
        "DELETE FROM v1_track_record",
        "CREATE TABLE mine (a int)",
        "UPDATE current SET edition = 7",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), reader.begin() as connection:
            connection.execute(text(refused))
    reader.dispose()


def test_the_embedded_file_can_be_read_while_a_run_is_published(home: Path) -> None:
    engine = engine_for(Settings(home=home))
    migrate(engine)
    publish_run(engine, make_run(home, "2026-W47-a", "2026-11-16"), now=NOW)
    reader = create_engine(f"sqlite:///file:{home / 'oresight.db'}?mode=ro&uri=true")
    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as writer, writer.begin():
        writer.execute(text("DELETE FROM forecasts"))
        assert rows_of(reader, "SELECT count(*) FROM v1_current_forecasts")[1] == [(6,)]
    with pytest.raises(DBAPIError, match="readonly"), reader.begin() as connection:
        connection.execute(text("DELETE FROM forecasts"))
    reader.dispose()
