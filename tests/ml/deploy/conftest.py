"""A PostgreSQL with two published weeks, their clocks, drift and record, as the dashboards find it in operation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, text

from features.knowledge_time import as_moment
from ml.database.connection import engine_for
from ml.database.migrating import migrate
from ml.publish.clocks import CLOCK_COLUMNS
from ml.publish.database import publish_record, publish_run
from ml.publish.record_rows import RECORD_COLUMNS
from ml.runs import published
from ml.settings import Settings
from tests.ml.database.postgres import new_database, postgres

__all__ = ["A_WEEK", "Filled", "postgres"]

A_WEEK = dt.timedelta(days=7)
NEXT = "next-week"
# What only a second week in a row has: the run before, moved up by new data.
COPIED = {
    "runs": {
        "run_id": f"'{NEXT}'",
        "as_of": "as_of + interval '7 days'",
        "as_of_date": "as_of_date + 7",
        "created_at": "created_at + interval '7 days'",
    },
    "forecasts": {
        "run_id": f"'{NEXT}'",
        "as_of": "as_of + interval '7 days'",
        "probability_previous": "probability",
        "probability": "probability + 0.02 * (1 - probability)",
        "p_high": "greatest(p_high, probability + 0.02 * (1 - probability))",
        "change": "0.02 * (1 - probability)",
        "change_data": "0.02 * (1 - probability)",
        "change_revision": "0 * probability",
        "change_model": "0 * probability",
    },
    "source_clocks": {"run_id": f"'{NEXT}'"},
    "drift_figures": {"run_id": f"'{NEXT}'"},
}


@dataclass(frozen=True)
class Filled:
    """A database, the settings that name it, and the rows of its current run."""

    settings: Settings
    engine: Engine
    url: str
    rows: pd.DataFrame

    def expire(self, *, is_expired: bool) -> None:
        """Let every run have expired by the clock of the database, or none."""
        sign = "-" if is_expired else "+"
        with self.engine.begin() as connection:
            connection.execute(text(f"UPDATE runs SET valid_until = now() {sign} interval '1 day'"))

    def week(self) -> dt.datetime:
        """Give the Monday of the current run."""
        return self.rows["as_of"].iloc[0].to_pydatetime()


def _copy_a_week_later(connection: Connection) -> None:
    for table, changed in COPIED.items():
        names = list(connection.execute(text(f"SELECT * FROM {table} LIMIT 0")).keys())
        values = ", ".join(changed.get(name, name) for name in names)
        newest = "(SELECT run_id FROM current)"
        connection.execute(
            text(f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE run_id = {newest}")
        )
    connection.execute(
        text(f"UPDATE current SET run_id = '{NEXT}', as_of = as_of + interval '7 days', edition = edition + 1")
    )


def _clocks(now: dt.datetime) -> pd.DataFrame:
    """One source in each state; to read the clocks of all real ones takes seconds."""
    rows = [
        ("baci", "trade", now, "2008", now, 522, 9, "fine"),
        ("pink_sheet", "prices", now, "2009-01", now, 400, 9, "stale"),
        ("comtrade", "mirror_trade", now, "2009", now, 30, 9, "failed"),
        ("gdelt", "news", None, None, None, None, 0, "empty"),
    ]
    return pd.DataFrame(rows, columns=list(CLOCK_COLUMNS)).astype(CLOCK_COLUMNS)


def _record() -> pd.DataFrame:
    where = {"kind": "live", "target": "supply_drop", "horizon": "current_year"}
    figures = ("observed_frac", "mean_probability", "brier", "skill_pair_history", "auc")
    slices = {"all": "July", "state": "onset", "lead": "April", "year": "2010", "age_of_data": "under 3 months"}
    slices |= {"mineral": "cobalt", "supplier": "COD"}
    rows = [
        {**where, "slice": part, "slice_value": value, "name": name, "value": 0.25, "low": 0.2, "high": 0.3}
        for part, value in slices.items()
        for name in figures
    ]
    rows += [
        {**where, "slice": "outcomes", "slice_value": "all", "name": name, "value": 9.0}
        for name in ("issued", "matured", "resolved", "scored", "void", "pending")
    ]
    table = pd.DataFrame(rows).assign(
        as_of=pd.Timestamp("2012-01-02", tz="UTC"), number=range(1, len(rows) + 1), n=9, events=2, insufficient=True
    )
    return table[list(RECORD_COLUMNS)].astype(RECORD_COLUMNS)


@pytest.fixture(scope="session")
def filled(postgres: str, trained_home: Path) -> Iterator[Filled]:
    """The database after two published weeks and, a week after them, a copy of the second one that moved."""
    url = new_database(postgres)
    settings = Settings(home=trained_home, database=url, anonymous=True)
    engine = engine_for(settings)
    migrate(engine)
    runs = published(settings)
    now = as_moment(max(run.about["as_of"] for run in runs)) + dt.timedelta(days=1)
    for run in runs:
        publish_run(engine, run, now=now, clocks=_clocks(now))
    with engine.begin() as connection:
        _copy_a_week_later(connection)
    publish_record(engine, _record())
    with engine.connect() as connection:
        rows = pd.read_sql(text("SELECT * FROM v1_current_forecasts"), connection)
    yield Filled(settings, engine, url, rows)
    engine.dispose()
