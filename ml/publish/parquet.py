"""Runs as Parquet, a folder a run, for DuckDB, Spark and whoever else reads such folders; with a manifest.

    published/manifest.json
    published/forecasts/run_id=2026-W48-…/part-0.parquet
    published/explanations/run_id=2026-W48-…/part-0.parquet

The manifest is written last. Who reads the files that it names never meets half a run; who reads the folder never
meets half a file. It lies outside the tables' folders, whose every file Spark takes for a part of the table.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from features.collection.payloads import sha256_of
from features.errors import BadInput
from features.knowledge_time import UTC
from ml.contract import COLUMNS, EXPLANATION_COLUMNS
from ml.publish.folder import only_writer, write_whole
from ml.publish.rows import check_files, digest_of, explanation_rows, forecast_rows, order_of
from ml.runs import is_held_back

# The weekly job calls this package.
if TYPE_CHECKING:
    from ml.runs import Run

__all__ = ["MANIFEST", "SCHEMAS", "SCHEMA_VERSION", "ParquetFolder"]

Json = dict[str, Any]
MANIFEST = "manifest.json"
# Raised when a column is renamed, retyped or taken away; readers may refuse what they don't know.
SCHEMA_VERSION = 1
ROWS = {"forecasts": forecast_rows, "explanations": explanation_rows}
TYPES = {
    "str": pa.string(),
    "datetime64[us, UTC]": pa.timestamp("us", tz="UTC"),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}


def _schema(columns: Mapping[str, str]) -> pa.Schema:
    # The run is the folder's name; readers that find it in the file too refuse the table, or count it twice.
    return pa.schema([pa.field(name, TYPES[kind]) for name, kind in columns.items() if name != "run_id"])


SCHEMAS = {"forecasts": _schema(COLUMNS), "explanations": _schema(EXPLANATION_COLUMNS)}


class ParquetFolder:
    """The folder that holds published runs as Parquet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self) -> Json:
        """Read the manifest; one without runs when nothing was published yet.

        Raises:
            BadInput: it is damaged, or of a newer version.
        """
        path = self.folder / MANIFEST
        try:
            manifest: Json = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"schema_version": SCHEMA_VERSION, "runs": []}
        except ValueError as problem:
            found = str(problem)
        else:
            if isinstance(manifest, dict) and manifest.get("schema_version") == SCHEMA_VERSION:
                return manifest
            found = f"version {manifest.get('schema_version')!r}" if isinstance(manifest, dict) else "something else"
        raise BadInput(
            where=str(path),
            expected=f"a manifest of version {SCHEMA_VERSION}",
            found=found,
            remedy="Move the folder away; `oresight publish --to parquet` makes it again from the runs.",
        )

    def has(self, run: Run) -> bool:
        """Tell whether a run is published as it is now, with all of its files."""
        return self._holds(self.manifest(), run)

    def publish(self, run: Run, *, now: dt.datetime, again: bool = False) -> bool:
        """Write a run's files, then name them in the manifest; a run that was held back is left out.

        Returns:
            Whether anything was written.

        Raises:
            BadInput: a file of the run is not what was published, or the manifest is damaged.
            OresightError: another publisher is writing.
        """
        with self._writing() as manifest:
            if is_held_back(run.about) or (self._holds(manifest, run) and not again):
                return False
            check_files(run)
            entry = self._entry(run)
            others = [each for each in manifest["runs"] if each["run_id"] != run.run_id]
            entries = sorted([*others, entry], key=lambda each: (each["as_of"], each["created_at"], each["run_id"]))
            self._write_manifest(entries, now)
        return True

    def _holds(self, manifest: Json, run: Run) -> bool:
        entries = [entry for entry in manifest["runs"] if entry["run_id"] == run.run_id]
        if not entries or entries[0]["digest"] != digest_of(run.about):
            return False
        sizes = {self.folder / file["path"]: file["bytes"] for file in entries[0]["files"]}
        return all(path.exists() and path.stat().st_size == size for path, size in sizes.items())

    def _entry(self, run: Run) -> Json:
        about = run.about
        names = ("run_id", "as_of", "week", "kind", "model_version", "data_digest")
        as_of, created_at = order_of(about)
        return {name: about[name] for name in names} | {
            "as_of": as_of.date().isoformat(),
            "created_at": created_at.isoformat(timespec="seconds"),
            "digest": digest_of(about),
            "files": [self._write(table, run.run_id, rows(run)) for table, rows in ROWS.items()],
        }

    def _write(self, table: str, run_id: str, rows: pd.DataFrame) -> Json:
        path = self.folder / table / f"run_id={run_id}" / "part-0.parquet"
        schema = SCHEMAS[table]
        arrow = pa.Table.from_pandas(rows[schema.names], schema=schema, preserve_index=False)
        # What pandas notes for itself is no use to others; every reader has the codec.
        arrow = arrow.replace_schema_metadata(None)
        write_whole(path, lambda aside: parquet.write_table(arrow, aside, compression="snappy", version="2.6"))
        return {
            "table": table,
            "path": path.relative_to(self.folder).as_posix(),
            "rows": len(rows),
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }

    def _write_manifest(self, entries: list[Json], now: dt.datetime) -> None:
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "written_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "current": entries[-1]["run_id"],
            "partitioned_by": "run_id",
            "columns": {table: {field.name: str(field.type) for field in schema} for table, schema in SCHEMAS.items()},
            "runs": entries,
        }
        text = json.dumps(manifest, indent=1) + "\n"
        write_whole(self.folder / MANIFEST, lambda aside: aside.write_text(text, encoding="utf-8"))

    @contextmanager
    def _writing(self) -> Iterator[Json]:
        with only_writer(self.folder):
            yield self.manifest()
