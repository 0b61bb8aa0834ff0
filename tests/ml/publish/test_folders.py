"""Runs as Parquet and as CSV: as other programs read them, and when a publisher is killed."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from pyarrow import dataset, parquet

from features.collection.payloads import sha256_of
from features.errors import BadInput, OresightError
from features.knowledge_time import UTC
from ml.contract import COLUMNS, EXPLANATION_COLUMNS
from ml.drift import record
from ml.publish import parquet as parquet_folder
from ml.publish.folder import only_writer
from ml.publish.parquet import ParquetFolder
from ml.publish.spreadsheets import CsvFolder, as_csv
from tests.ml.publish.made_runs import forecast_table, make_run

NOW = dt.datetime(2026, 11, 24, tzinfo=UTC)
KEY = ["target", "horizon", "mineral", "supplier"]


@pytest.fixture
def published(home: Path) -> ParquetFolder:
    folder = ParquetFolder(home / "published")
    for run_id, as_of in (("2026-W47-a", "2026-11-16"), ("2026-W48-a", "2026-11-23")):
        assert folder.publish(make_run(home, run_id, as_of), now=NOW)
    return folder


def runs_of(folder: ParquetFolder) -> list[str]:
    return [entry["run_id"] for entry in folder.manifest()["runs"]]


def test_duckdb_and_pyarrow_read_the_folder_as_one_table(published: ParquetFolder, home: Path) -> None:
    place = published.folder / "forecasts"
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    found = connection.execute(
        f"SELECT * FROM read_parquet('{place}/*/*.parquet', hive_partitioning = true) WHERE as_of >= TIMESTAMPTZ "
        "'2026-11-23 00:00:00+00' ORDER BY target, horizon, mineral, supplier"
    )
    # The run is the folder's name, and comes last; all else is the contract's order.
    names = [name for name in COLUMNS if name != "run_id"]
    assert [each[0] for each in found.description or []] == [*names, "run_id"]
    by_duckdb = found.df()
    both = dataset.dataset(place, format="parquet", partitioning="hive").to_table().to_pandas()
    assert sorted(both["run_id"].unique()) == ["2026-W47-a", "2026-W48-a"]
    by_pyarrow = both[both["run_id"].eq("2026-W48-a")].sort_values(KEY, ignore_index=True)
    truth = pd.read_parquet(home / "runs" / "2026-W48-a" / "forecasts.parquet").sort_values(KEY, ignore_index=True)
    for read in (by_duckdb, by_pyarrow):
        pd.testing.assert_frame_equal(read[list(COLUMNS)].astype(COLUMNS), truth)

    question = f"""SELECT mineral, supplier, sum(contribution) AS score FROM read_parquet(
        '{published.folder}/explanations/*/*.parquet', hive_partitioning = true)
        WHERE run_id = '2026-W48-a' AND horizon = 'next_year' GROUP BY ALL ORDER BY ALL"""
    assert connection.execute(question).fetchone() == ("cobalt", "COD", -1.25)


def test_files_hold_no_type_that_spark_does_not_read(published: ParquetFolder) -> None:
    # What Spark's reader takes, by physical and logical type: string, timestamp, double, boolean.
    kinds = {
        "str": ("BYTE_ARRAY", "String"),
        "float64": ("DOUBLE", "None"),
        "bool": ("BOOLEAN", "None"),
        "datetime64[us, UTC]": ("INT64", "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds"),
    }
    for table, contract in (("forecasts", COLUMNS), ("explanations", EXPLANATION_COLUMNS)):
        for file in (published.folder / table).rglob("*.parquet"):
            found = parquet.ParquetFile(file)
            columns = [found.schema.column(number) for number in range(len(found.schema.names))]
            assert [column.name for column in columns] == [name for name in contract if name != "run_id"]
            for column in columns:
                physical, logical = kinds[contract[column.name]]
                assert column.physical_type == physical
                assert str(column.logical_type).startswith(logical), column.name
            codecs = {found.metadata.row_group(0).column(number).compression for number in range(len(columns))}
            assert codecs == {"SNAPPY"}
            # Neither a dictionary type nor what pandas notes for itself.
            assert not any(str(field.type).startswith("dictionary") for field in found.schema_arrow)
            assert b"pandas" not in (found.metadata.metadata or {})


def test_the_manifest_names_every_file_as_it_is(published: ParquetFolder) -> None:
    manifest = published.manifest()
    assert manifest["current"] == "2026-W48-a"
    assert list(manifest["columns"]["forecasts"]) == [name for name in COLUMNS if name != "run_id"]
    named = {file["path"]: file for entry in manifest["runs"] for file in entry["files"]}
    on_disk = {path.relative_to(published.folder).as_posix() for path in published.folder.rglob("*.parquet")}
    assert set(named) == on_disk
    for path, file in named.items():
        assert sha256_of(published.folder / path) == file["sha256"]
        assert parquet.ParquetFile(published.folder / path).metadata.num_rows == file["rows"]
    assert {file["rows"] for file in named.values()} == {6, 12}


def test_twice_is_once_and_a_lost_file_comes_back(published: ParquetFolder, home: Path) -> None:
    run = make_run(home, "2026-W49-a", "2026-11-30")
    assert published.publish(run, now=NOW)
    before = (published.folder / "manifest.json").read_bytes()
    assert not published.publish(run, now=NOW + dt.timedelta(days=1))
    assert (published.folder / "manifest.json").read_bytes() == before
    next((published.folder / "explanations" / "run_id=2026-W49-a").glob("*.parquet")).unlink()
    assert not published.has(run)
    assert published.publish(run, now=NOW)
    assert published.has(run)
    assert runs_of(published) == ["2026-W47-a", "2026-W48-a", "2026-W49-a"]


def test_who_follows_the_manifest_never_meets_half_a_run(
    published: ParquetFolder, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(home, "2026-W49-a", "2026-11-30")
    write, seen = parquet_folder.write_whole, []

    def killed(path: Path, writing: object) -> None:
        seen.append(path.name)
        if len(seen) == at:
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / f".{path.name}.part").write_bytes(b"PAR1 and no more")
            raise KeyboardInterrupt
        write(path, writing)

    monkeypatch.setattr(parquet_folder, "write_whole", killed)
    for at in (1, 2, 3):
        seen.clear()
        with pytest.raises(KeyboardInterrupt):
            published.publish(run, now=NOW)
        assert runs_of(published) == ["2026-W47-a", "2026-W48-a"]
        # Nor does who reads the folder meet half a file.
        rows = duckdb.sql(f"SELECT count(*) FROM read_parquet('{published.folder}/forecasts/*/*.parquet')").fetchall()
        assert rows == [(12 if at == 1 else 18,)]
        assert dataset.dataset(published.folder / "forecasts", partitioning="hive").count_rows() == rows[0][0]
    assert seen[-1] == "manifest.json"
    monkeypatch.undo()
    assert published.publish(run, now=NOW)
    assert runs_of(published)[-1] == "2026-W49-a"
    assert not list(published.folder.rglob(".*.part"))


def test_a_run_that_was_held_back_waits_until_it_is_accepted(published: ParquetFolder, home: Path) -> None:
    held = make_run(home, "2026-W49-a", "2026-11-30", drift="stop")
    csv_folder = CsvFolder(home / "published" / "csv")
    assert not published.publish(held, now=NOW)
    assert not csv_folder.publish(held)
    record.accept(held.folder, why="seen", by="analyst", now=NOW)
    assert published.publish(held, now=NOW)
    assert csv_folder.publish(held)
    assert published.manifest()["current"] == "2026-W49-a"


def test_changed_files_and_a_second_writer_and_a_strange_manifest_are_refused(
    published: ParquetFolder, home: Path
) -> None:
    run = make_run(home, "2026-W49-a", "2026-11-30")
    with only_writer(published.folder), pytest.raises(OresightError, match="another publisher is writing"):
        published.publish(run, now=NOW)
    (run.folder / "forecasts.parquet").write_bytes(b"x")
    for folder in (published, CsvFolder(home / "csv")):
        with pytest.raises(BadInput, match=r"forecasts\.parquet"):
            folder.publish(run, **({"now": NOW} if folder is published else {}))
    assert runs_of(published) == ["2026-W47-a", "2026-W48-a"]
    (published.folder / "manifest.json").write_text(json.dumps({"schema_version": 2, "runs": []}))
    with pytest.raises(BadInput, match="expected a manifest of version 1, found version 2"):
        published.manifest()
    (published.folder / "manifest.json").write_text('{"schema_')
    with pytest.raises(BadInput, match="expected a manifest"):
        published.manifest()


def test_csv_is_what_spreadsheets_need() -> None:
    rows = forecast_table("2026-W48-a", "2026-11-23", 0.4)
    rows.loc[rows.index[:4], "driver_2"] = ["+1", "-1", "@x", "\tx"]
    content = as_csv(rows)
    assert content.startswith(b"\xef\xbb\xbfrun_id,as_of,")
    text = content.decode("utf-8-sig")
    assert text.count("\r\n") == text.count("\n") == 7
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(read[0]) == list(COLUMNS)
    assert (read[0]["as_of"], read[0]["window_end"], read[1]["window_end"]) == (
        "2026-11-23",
        "2026-12-31",
        "2027-12-31",
    )
    assert read[0]["driver_1"] == '\'=HYPERLINK("x"), "quoted", 鈷'
    assert [row["driver_2"] for row in read[:4]] == ["'+1", "'-1", "'@x", "'\tx"]
    # A number below zero is a number.
    assert [float(row["change"]) for row in read[2:4]] == [-0.02, -0.02]
    assert (read[4]["probability"], read[4]["abstained"], read[4]["reason"]) == ("", "True", "too little is known")
    assert as_csv(rows.iloc[:0]).decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"


def test_current_csv_is_the_newest_run_whatever_comes_when(home: Path) -> None:
    folder = CsvFolder(home / "csv")
    old, new = make_run(home, "2026-W47-a", "2026-11-16"), make_run(home, "2026-W48-a", "2026-11-23")
    for run in (new, old):
        assert folder.publish(run)
        assert not folder.publish(run)
    assert (folder.folder / "current.csv").read_bytes() == (folder.folder / "2026-W48-a.csv").read_bytes()
    assert (folder.folder / "2026-W47-a.csv").read_bytes() == as_csv(old.forecasts())
    (folder.folder / "2026-W47-a.csv").unlink()
    assert folder.publish(old)
    (folder.folder / "index.json").write_text("{")
    assert folder.publish(new)
