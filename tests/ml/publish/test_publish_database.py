"""Runs in the relational store, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, func, select, text

from features.errors import BadInput
from features.knowledge_time import UTC
from ml.contract import COLUMNS, EXPLANATION_COLUMNS, conform
from ml.database import tables
from ml.database.connection import writing
from ml.drift import record
from ml.publish.clocks import CLOCK_COLUMNS
from ml.publish.database import PublishedByAnother, current_in, publish_record, publish_run, stored_digests
from ml.publish.record_rows import flat_record
from ml.runs import Run
from tests.ml.publish.made_runs import make_run

NOW = dt.datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
COUNTED = (tables.runs, tables.forecasts, tables.explanations, tables.drift_figures, tables.source_clocks)


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in COUNTED}


def stored(engine: Engine, table: tables.Table, run_id: str) -> pd.DataFrame:
    with engine.connect() as connection:
        rows = connection.execute(select(table).where(table.c.run_id == run_id))
        return pd.DataFrame(rows.all(), columns=list(rows.keys()))


def ordered(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return rows.sort_values(by, ignore_index=True)


def clocks() -> pd.DataFrame:
    row = ["baci", "trade", NOW, "2024", NOW - dt.timedelta(days=295), 295, 1_092_503, "fine"]
    never = ["komis", "prices", None, None, None, None, 0, "empty"]
    return pd.DataFrame([row, never], columns=list(CLOCK_COLUMNS)).astype(CLOCK_COLUMNS)


def test_a_run_is_stored_as_it_is_in_its_files(engine: Engine, home: Path) -> None:
    run = make_run(home, "2026-W48-a", "2026-11-23")
    assert publish_run(engine, run, now=NOW, clocks=clocks())

    key = ["target", "horizon", "mineral", "supplier"]
    found = conform(stored(engine, tables.forecasts, run.run_id), COLUMNS)
    pd.testing.assert_frame_equal(ordered(found, key), ordered(run.forecasts(), key))
    # An empty text is not a missing one.
    assert found["driver_2"].eq("").sum() == 4

    moved = run.explanations().query("contribution != 0")
    found = conform(stored(engine, tables.explanations, run.run_id), EXPLANATION_COLUMNS)
    pd.testing.assert_frame_equal(ordered(found, [*key, "feature"]), ordered(moved, [*key, "feature"]))

    drift = record.load(run.folder)
    assert drift is not None
    found = stored(engine, tables.drift_figures, run.run_id).sort_values("number")
    assert found[["level", "feature", "value", "bound", "sentence"]].to_dict("list") == drift[
        ["level", "feature", "value", "bound", "sentence"]
    ].to_dict("list")

    by_source = stored(engine, tables.source_clocks, run.run_id).set_index("source")
    assert by_source.loc["baci", "known_at"] == NOW - dt.timedelta(days=295)
    assert by_source.loc["komis", "state"] == "empty"
    assert pd.isna(by_source.loc["komis", "fetched_at"])
    assert by_source["rows"].to_dict() == {"baci": 1_092_503, "komis": 0}


def test_the_row_of_a_run_says_until_when_it_holds(engine: Engine, home: Path) -> None:
    run = make_run(home, "2026-W48-a", "2026-11-23")
    publish_run(engine, run, now=NOW)
    with engine.connect() as connection:
        row = connection.execute(select(tables.runs)).one()
    assert row.as_of == dt.datetime(2026, 11, 23, tzinfo=UTC)
    assert row.as_of_date == dt.date(2026, 11, 23)
    assert row.valid_until == dt.datetime(2026, 12, 1, tzinfo=UTC)
    assert (row.published_at, row.week, row.drift_worst, row.held_back) == (NOW, "2026-W48", "watch", False)
    assert row.about == run.about


def test_publishing_twice_changes_nothing(engine: Engine, home: Path) -> None:
    run = make_run(home, "2026-W48-a", "2026-11-23")
    assert publish_run(engine, run, now=NOW, clocks=clocks())
    before = counts(engine)
    later = NOW + dt.timedelta(hours=1)
    assert not publish_run(engine, run, now=later, clocks=clocks())
    assert counts(engine) == before == {
        "runs": 1, "forecasts": 6, "explanations": 12, "drift_figures": 2, "source_clocks": 2
    }  # fmt: skip
    assert current_in(engine) == (run.run_id, 1)

    # Anew means the same rows again, also those that somebody lost.
    with writing(engine) as connection:
        connection.execute(text("DELETE FROM forecasts WHERE mineral = 'cobalt'"))
    assert publish_run(engine, run, now=later, clocks=clocks(), again=True)
    assert counts(engine) == before
    assert current_in(engine) == (run.run_id, 1)


def test_the_newest_run_that_was_not_held_back_is_current(engine: Engine, home: Path) -> None:
    first = make_run(home, "2026-W47-a", "2026-11-16")
    again = make_run(home, "2026-W47-b", "2026-11-16", made="12:00")
    newest = make_run(home, "2026-W48-a", "2026-11-23")
    held = make_run(home, "2026-W49-a", "2026-11-30", drift="stop")
    # Held back after a run of its own week was told: the week still has a newest run.
    held_again = make_run(home, "2026-W48-b", "2026-11-23", made="12:00", drift="stop")
    assert publish_run(engine, held_again, now=NOW)
    current = []
    for run in (again, first, newest, held):
        assert publish_run(engine, run, now=NOW)
        current.append(current_in(engine))
    assert current == [(again.run_id, 1), (again.run_id, 1), (newest.run_id, 2), (newest.run_id, 2)]
    with engine.connect() as connection:
        of_view = {row.run_id: row for row in connection.execute(text("SELECT * FROM v1_runs"))}
        in_view = {row.run_id for row in connection.execute(text("SELECT DISTINCT run_id FROM v1_forecasts"))}
    assert of_view[held.run_id].held_back
    assert {run_id for run_id, row in of_view.items() if row.is_current} == {newest.run_id}
    assert {run_id for run_id, row in of_view.items() if row.newest_of_week} == {again.run_id, newest.run_id}
    assert in_view == {first.run_id, again.run_id, newest.run_id}

    # Somebody lets it pass: the same run is published once more, and now it counts.
    record.accept(held.folder, why="the publisher changed its unit", by="analyst", now=NOW)
    assert publish_run(engine, held, now=NOW)
    assert current_in(engine) == (held.run_id, 3)
    assert counts(engine)["forecasts"] == 30


def test_a_run_whose_files_were_changed_is_refused(engine: Engine, home: Path) -> None:
    run = make_run(home, "2026-W48-a", "2026-11-23")
    run.forecasts().assign(probability=0.99).to_parquet(run.folder / "forecasts.parquet", index=False)
    with pytest.raises(BadInput, match=r"forecasts\.parquet"):
        publish_run(engine, run, now=NOW)
    assert set(counts(engine).values()) == {0}
    assert current_in(engine) is None


def test_old_explanations_go_and_old_runs_when_asked(engine: Engine, home: Path) -> None:
    weeks = ["2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23"]
    runs = [make_run(home, f"run-{week}", week) for week in weeks]
    for run in runs:
        publish_run(engine, run, now=NOW, keep_explanations=2)
    explained = select(tables.explanations.c.run_id).distinct()
    with engine.connect() as connection:
        assert set(connection.scalars(explained)) == {"run-2026-11-16", "run-2026-11-23"}
    assert counts(engine)["forecasts"] == 24
    # An old run that is published late has its forecasts and no explanations.
    late = make_run(home, "run-2026-10-26", "2026-10-26")
    publish_run(engine, late, now=NOW, keep_explanations=2)
    with engine.connect() as connection:
        assert set(connection.scalars(explained)) == {"run-2026-11-16", "run-2026-11-23"}
    newest = make_run(home, "run-2026-11-30", "2026-11-30")
    publish_run(engine, newest, now=NOW, keep_runs=2, keep_explanations=2)
    assert set(stored_digests(engine)) == {"run-2026-11-23", "run-2026-11-30"}
    assert not publish_run(engine, runs[0], now=NOW, keep_runs=2)
    assert counts(engine) == {"runs": 2, "forecasts": 12, "explanations": 24, "drift_figures": 4, "source_clocks": 0}


def test_what_fails_half_way_leaves_the_run_before(engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_run(engine, make_run(home, "2026-W47-a", "2026-11-16"), now=NOW)
    before = counts(engine)
    run = make_run(home, "2026-W48-a", "2026-11-23")
    with monkeypatch.context() as patch:
        # The last step of all: rows are in and the pointer has moved.
        patch.setattr("ml.publish.database._forget", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish_run(engine, run, now=NOW)
    assert counts(engine) == before
    assert current_in(engine) == ("2026-W47-a", 1)
    assert publish_run(engine, run, now=NOW)
    assert current_in(engine) == ("2026-W48-a", 2)


def test_who_has_seen_an_older_pointer_is_told_and_stores_nothing(
    engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, mine = (
        make_run(home, "2026-W47-a", "2026-11-16"),
        make_run(home, "2026-W48-a", "2026-11-23"),
        make_run(home, "2026-W48-b", "2026-11-23", made="10:00"),
    )
    publish_run(engine, first, now=NOW)
    read = Run.forecasts

    def meanwhile(run: Run) -> pd.DataFrame:
        # Between what this publisher saw and what it writes, another one is done.
        if run.run_id == mine.run_id and current_in(engine) == (first.run_id, 1):
            publish_run(engine, second, now=NOW)
        return read(run)

    monkeypatch.setattr(Run, "forecasts", meanwhile)
    with pytest.raises(PublishedByAnother, match="oresight publish"):
        publish_run(engine, mine, now=NOW)
    assert set(stored_digests(engine)) == {first.run_id, second.run_id}
    assert current_in(engine) == (second.run_id, 2)
    assert publish_run(engine, mine, now=NOW)
    assert current_in(engine) == (mine.run_id, 3)


def scores(value: float) -> dict:
    interval = {"value": value, "low": value - 0.1, "high": value + 0.1}
    group = {"n": 40, "events": 12, "insufficient": False, "brier": interval, "skill": {"pair_history": interval}}
    counted = {"issued": 90, "matured": 40, "void": 3, "first_release": {"hit": 7}}
    few = {**group, "n": 5, "events": 1, "insufficient": True}
    part = {
        "outcomes": counted,
        "scores": {"all": group, "slices": [{"slice": "mineral", "value": "cobalt", **few}]},
    }
    return {"as_of": "2026-11-24", "kinds": {"hindcast": {"supply_drop": {"horizons": {"current_year": part}}}}}


def test_the_track_record_is_stored_with_the_current_run(engine: Engine, home: Path) -> None:
    first = flat_record(scores(0.2))
    assert not publish_record(engine, first)  # no run yet
    publish_run(engine, make_run(home, "2026-W48-a", "2026-11-23"), now=NOW)
    assert publish_record(engine, first)
    assert not publish_record(engine, first)
    assert publish_record(engine, flat_record(scores(0.3)))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM v1_track_record ORDER BY number")).all()
    told = [(row.slice, row.slice_value, row.name, row.value, row.low, row.n, bool(row.insufficient)) for row in rows]
    assert told == [
        ("outcomes", "all", "issued", 90, None, None, False),
        ("outcomes", "all", "matured", 40, None, None, False),
        ("outcomes", "all", "void", 3, None, None, False),
        ("outcomes", "all", "first_release_hit", 7, None, None, False),
        ("all", "July", "brier", 0.3, 0.3 - 0.1, 40, False),
        ("all", "July", "skill_pair_history", 0.3, 0.3 - 0.1, 40, False),
        ("mineral", "cobalt", "brier", 0.3, 0.3 - 0.1, 5, True),
        ("mineral", "cobalt", "skill_pair_history", 0.3, 0.3 - 0.1, 5, True),
    ]
