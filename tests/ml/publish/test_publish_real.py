"""Runs that the weekly job made, and the clocks of the embedded sources, in every sink."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import dataset
from sqlalchemy import Engine, select, text

from features.knowledge_time import UTC
from ml.contract import COLUMNS, EXPLANATION_COLUMNS, check_forecasts, conform
from ml.database import tables
from ml.database.connection import engine_for
from ml.database.migrating import migrate
from ml.knowledge import open_store
from ml.publish.clocks import CLOCK_COLUMNS, source_clocks
from ml.publish.database import publish_run
from ml.publish.parquet import ParquetFolder
from ml.publish.sinks import publish
from ml.runs import Run, published
from ml.settings import Settings
from ml.source_commands import list_sources

NOW = dt.datetime(2010, 6, 8, tzinfo=UTC)
KEY = ["run_id", "target", "horizon", "mineral", "supplier"]


@pytest.fixture
def weeks(trained_home: Path) -> list[Run]:
    """Two weeks of forecasts for all pairs that were tracked then."""
    return published(Settings(home=trained_home))


def frame(engine: Engine, table: tables.Table, columns: dict[str, str]) -> pd.DataFrame:
    with engine.connect() as connection:
        return conform(pd.DataFrame(connection.execute(select(table)).all(), columns=list(columns)), columns)


def in_order(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return rows.sort_values(by, ignore_index=True)


def test_every_figure_of_a_real_run_comes_back(weeks: list[Run], postgres_url: str, tmp_path: Path) -> None:
    engine, run = engine_for(Settings(home=tmp_path, database=postgres_url)), weeks[-1]
    migrate(engine)
    assert publish_run(engine, run, now=NOW)
    found = frame(engine, tables.forecasts, COLUMNS)
    assert len(found) == run.about["rows"] > 500
    pd.testing.assert_frame_equal(in_order(found, KEY), in_order(run.forecasts(), KEY), check_exact=True)
    check_forecasts(found)
    # What was left out weighs nothing: the rest still adds up to the raw score.
    found, truth = frame(engine, tables.explanations, EXPLANATION_COLUMNS), run.explanations()
    assert len(found) == truth["contribution"].ne(0).sum() < len(truth)
    scores = [rows.groupby(KEY)["contribution"].sum().sort_index() for rows in (found, truth)]
    pd.testing.assert_series_equal(*scores, check_exact=False, rtol=0, atol=1e-12)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM v1_drift WHERE is_current")) > 20


def test_all_sinks_hold_the_same_rows(weeks: list[Run], tmp_path: Path, bundle_home: Path) -> None:
    (tmp_path / "datasets").symlink_to(bundle_home / "datasets")
    settings = Settings(home=tmp_path)
    to = ("database", "parquet", "csv")
    outcomes = publish(settings, weeks, to=to, now=NOW, say=lambda line: None)
    assert [(each.problem, set(each.stored)) for each in outcomes] == [("", {run.run_id for run in weeks})] * 3
    engine = engine_for(settings)
    by_database = frame(engine, tables.forecasts, COLUMNS)
    truth = pd.concat([run.forecasts() for run in weeks])
    pd.testing.assert_frame_equal(in_order(by_database, KEY), in_order(truth, KEY), check_exact=True)
    folder = ParquetFolder(tmp_path / "published")
    read = dataset.dataset(folder.folder / "forecasts", format="parquet", partitioning="hive").to_table().to_pandas()
    by_parquet = conform(read, COLUMNS)
    pd.testing.assert_frame_equal(in_order(by_parquet, KEY), in_order(by_database, KEY), check_exact=True)
    current = pd.read_csv(tmp_path / "published" / "csv" / "current.csv", encoding="utf-8-sig")
    assert set(current["run_id"]) == {weeks[-1].run_id}
    pd.testing.assert_series_equal(current["probability"], weeks[-1].forecasts()["probability"], check_exact=True)
    # The clocks are those of the run that was published while it held.
    question = "SELECT run_id, state, count(*) FROM v1_freshness GROUP BY 1, 2"
    with engine.connect() as connection:
        clocks = {(row[0], row[1]): row[2] for row in connection.execute(text(question))}
    assert {run_id for run_id, _ in clocks} == {weeks[-1].run_id}
    assert clocks[weeks[-1].run_id, "empty"] > 10


def test_clocks_are_what_the_sources_command_says(bundle_home: Path) -> None:
    settings, now = Settings(home=bundle_home), dt.datetime.now(UTC)
    found = source_clocks(settings, open_store(settings, now=now), now=now)
    assert dict(found.dtypes.astype(str)) == CLOCK_COLUMNS
    told = {row["name"]: row for row in list_sources(home=bundle_home)}
    assert found.groupby("source")["rows"].sum().to_dict() == {name: row["rows"] for name, row in told.items()}
    newest = found.sort_values("known_at").groupby("source").last()
    for name, row in told.items():
        if not row["rows"]:
            assert (newest.loc[name, "state"], pd.isna(newest.loc[name, "known_at"])) == ("empty", True)
            continue
        assert str(newest.loc[name, "known_at"].date()) == row["observation_known_on"]
        assert newest.loc[name, "age_days"] == row["age_days"]
        assert (newest.loc[name, "state"] == "stale") == row["is_stale"]
