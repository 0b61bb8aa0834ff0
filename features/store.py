"""The append-only store: Parquet batches on disk, read through DuckDB, as of a date only.

There is no way to read without `as_of`: `read` gives the newest version of each
fact known on that date, `history` every version known by then. A batch is written
aside and renamed into place, so a killed append leaves nothing behind that is read.
Batches of several datasets, and records beside them, appear together: until the last is in
place, a list of those that are pending hides them all.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from features import datasets
from features.errors import BadInput, OresightError

__all__ = ["Store", "connect", "digest_of", "folded"]


def connect(memory_limit: str = "4GB", threads: int = 2, spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open a connection of its own to an in-memory DuckDB with our limits, not those it guesses from the machine."""
    return _instance(memory_limit, threads, spill, os.getpid()).cursor()


@functools.lru_cache(maxsize=4)
def _instance(memory_limit: str, threads: int, spill: Path | None, process: int) -> duckdb.DuckDBPyConnection:
    # To start one takes longer than most queries. Each process has its own: a fork has none of the parent's threads.
    settings: dict[str, Any] = {"memory_limit": memory_limit, "threads": threads}
    if spill is not None:
        settings |= {"temp_directory": str(spill), "max_temp_directory_size": "8GB"}
    # What was read stays in no cache: between two queries the instance holds nothing.
    return duckdb.connect(":memory:", config=settings | {"enable_external_file_cache": False})


def folded(name: str) -> str:
    """Give the SQL of the exclusive-or of all row hashes of dataset `name`: no order and no batch borders change it."""
    spec = datasets.dataset(name)
    # Moments as integers: text would depend on the machine's time zone.
    moments = {c for c, field in spec.schema.columns.items() if str(field.dtype).startswith("datetime64")}
    cells = [f"epoch_us({c})" if c in moments else c for c in spec.columns]
    row = "concat_ws('|', " + ", ".join(f"COALESCE({cell}::VARCHAR, '')" for cell in cells) + ")"
    return f"bit_xor(md5_number({row}))::VARCHAR"


def digest_of(parts: Iterable[tuple[str, int, object]]) -> str:
    """Give the digest of datasets that hold rows, each as name, rows and what `folded` made of them; in their order."""
    text = "\n".join(f"{name}:{rows}:{hashes}" for name, rows, hashes in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Store:
    """The datasets below one folder."""

    folder: Path
    memory_limit: str = "4GB"
    threads: int = 2

    def batches(self, name: str) -> list[Path]:
        """List the batch files of dataset `name`, oldest first."""
        return self._committed((self.folder / datasets.dataset(name).name).glob("*.parquet"))

    def records(self, folder: str) -> list[Path]:
        """List the JSON records in `folder` of the store, such as `vintages`, oldest first."""
        return self._committed((self.folder / folder).glob("*.json"))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one who adds to the store.

        Raises:
            OresightError: another process is adding to it.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / ".writing").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OresightError(
                    f"another process is adding data to {self.folder}; wait for it to end and try again"
                ) from None
            yield

    def is_empty(self) -> bool:
        """Tell whether no dataset has any rows yet."""
        return not any(self.batches(name) for name in datasets.DATASETS)

    def append(self, name: str, rows: pd.DataFrame, *, where: str) -> int:
        """Add new facts and new versions of known facts; skip rows that say nothing new.

        Args:
            rows: shape of dataset `name`; checked against its schema.
            where: the file or step the rows come from, for messages.

        Returns:
            How many rows were added.

        Raises:
            BadInput: the rows break the schema, or contradict a stored row with the same key and the
                same `available_at` (a revision must be known later than what it revises).
        """
        fresh = self.news(name, rows, where=where)
        return self.commit({name: fresh})[name]

    def commit(self, tables: Mapping[str, pd.DataFrame], records: Mapping[str, str] | None = None) -> dict[str, int]:
        """Add rows that `news` gave, of several datasets, and records: after a kill all of it is there or none.

        Args:
            tables: rows by dataset; empty ones add nothing.
            records: text by path below the store's folder, such as `vintages/000001-baci.json`.

        Returns:
            How many rows were added, by dataset.
        """
        self._drop_pending()
        aside = [self._write_aside(name, rows) for name, rows in tables.items() if len(rows)]
        for path, text in (records or {}).items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(f".{os.getpid()}.part")
            part.write_text(text, encoding="utf-8")
            aside.append((part, target))
        if len(aside) > 1:
            listed = [target.relative_to(self.folder).as_posix() for _, target in aside]
            part = self._pending.with_suffix(f".{os.getpid()}.part")
            part.write_text(json.dumps(listed), encoding="utf-8")
            part.replace(self._pending)
        for part, target in aside:
            part.replace(target)
        self._pending.unlink(missing_ok=True)
        return {name: len(rows) for name, rows in tables.items()}

    def _write_aside(self, name: str, rows: pd.DataFrame) -> tuple[Path, Path]:
        target = self.folder / name
        target.mkdir(parents=True, exist_ok=True)
        number = len(self.batches(name))
        digest = hashlib.sha256(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes()).hexdigest()
        path = target / f"{number:06d}-{digest[:12]}.parquet"
        part = path.with_suffix(f".{os.getpid()}.part")
        rows.to_parquet(part, index=False, compression="zstd")
        return part, path

    @property
    def _pending(self) -> Path:
        return self.folder / "pending.json"

    def _committed(self, paths: Iterable[Path]) -> list[Path]:
        # The folder is listed before the list is read: what a commit renames in between is on that list.
        there = sorted(paths)
        hidden = {self.folder / path for path in self._read_pending()}
        return [path for path in there if path not in hidden]

    def _read_pending(self) -> list[str]:
        try:
            return list(json.loads(self._pending.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return []

    def _drop_pending(self) -> None:
        # What a killed commit had put in place was never seen by anybody.
        for path in self._read_pending():
            (self.folder / path).unlink(missing_ok=True)
        self._pending.unlink(missing_ok=True)

    def news(self, name: str, rows: pd.DataFrame, *, where: str) -> pd.DataFrame:
        """Give those of `rows` that `append` would add, and raise what it would raise; nothing is stored.

        The index of the answer is the position in `rows`.

        A row is news unless the version before it, stored or in `rows` itself, already says the same.
        """
        rows = datasets.check(name, rows, where=where)
        spec = datasets.dataset(name)
        if rows.empty or not (self.batches(name) or rows.duplicated(list(spec.key)).any()):
            return rows
        key = ", ".join(spec.key)
        said = ", ".join(c for c in spec.columns if c not in (*spec.key, "available_at", "source"))
        stored = f"UNION ALL SELECT *, -1 FROM ({self._known(name)})" if self.batches(name) else ""
        sql = f"""
            SELECT row_at, available_at IS NOT DISTINCT FROM before_at AS is_clash FROM (
                SELECT row_at, available_at, said, lag(said) OVER versions AS before,
                       lag(available_at) OVER versions AS before_at
                FROM (SELECT *, row({said}) AS said FROM (SELECT * FROM given {stored}))
                WINDOW versions AS (PARTITION BY {key} ORDER BY available_at, row_at))
            WHERE row_at >= 0 AND said IS DISTINCT FROM before ORDER BY row_at"""
        with connect(self.memory_limit, self.threads) as db:
            db.register("given", rows.assign(row_at=range(len(rows))))
            moment = {"as_of": dt.datetime.max.replace(tzinfo=dt.UTC, microsecond=0)} if stored else {}
            news = db.execute(sql, moment).df()
        if news["is_clash"].any():
            first = rows.iloc[news.loc[news["is_clash"], "row_at"].iloc[0]]
            raise BadInput(
                where=f"{where}, {name} {dict(first[list(spec.key)])}",
                expected="a revision to be known later than the figure it revises",
                found=f"another figure for the same moment {first['available_at'].date()}",
                remedy="Give the release date of this file with --released YYYY-MM-DD.",
            )
        return rows.iloc[news["row_at"]]

    def read(self, name: str, *, as_of: dt.datetime) -> pd.DataFrame:
        """Give the newest version of each fact known at `as_of`, without withdrawn ones, sorted by key."""
        key = ", ".join(datasets.dataset(name).key)
        newest = (
            f"SELECT * FROM ({self._known(name)}) QUALIFY row_number() OVER "
            f"(PARTITION BY {key} ORDER BY available_at DESC) = 1"
        )
        return self._query(name, f"SELECT * FROM ({newest}) WHERE NOT is_retracted ORDER BY {key}", as_of)

    def history(self, name: str, *, as_of: dt.datetime) -> pd.DataFrame:
        """Give every version of each fact known by `as_of`, sorted by key and `available_at`."""
        key = ", ".join(datasets.dataset(name).key)
        return self._query(name, f"{self._known(name)} ORDER BY {key}, available_at", as_of)

    def histories(self, names: Iterable[str], *, as_of: dt.datetime) -> dict[str, pd.DataFrame]:
        """Give `history` of several datasets by name."""
        return {name: self.history(name, as_of=as_of) for name in names}

    def digest(self, *, as_of: dt.datetime) -> str:
        """Give a digest of everything known at `as_of`; later rows and batch borders don't change it."""
        parameters = _known_at(as_of, "the digest")
        parts = []
        for name in datasets.DATASETS:
            if not self.batches(name):
                continue
            sql = f"SELECT count(*), {folded(name)} FROM ({self._known(name)})"
            with connect(self.memory_limit, self.threads) as db:
                answer = db.execute(sql, parameters).fetchone()
            if answer and answer[0]:
                parts.append((name, *answer))
        return digest_of(parts)

    def newest(self, name: str, *, as_of: dt.datetime) -> dt.datetime | None:
        """Give the latest `available_at` in dataset `name` that is not after `as_of`, None when there is none."""
        parameters = _known_at(as_of, name)
        if not self.batches(name):
            return None
        sql = f"SELECT max(available_at) FROM ({self._known(name)})"
        with connect(self.memory_limit, self.threads) as db:
            answer = db.execute(sql, parameters).fetchone()
        # DuckDB gives it in the machine's time zone.
        return answer[0].astimezone(dt.UTC) if answer and answer[0] else None

    def count(self, name: str) -> int:
        """Count the stored rows of dataset `name`, also of one that an older version of oresight wrote."""
        return sum(pq.read_metadata(path).num_rows for path in self.batches(name))

    def check_columns(self, name: str) -> None:
        """Refuse batches of dataset `name` that another version of oresight wrote with other columns.

        Raises:
            BadInput: there is one; the message says how to fill the store anew.
        """
        columns = datasets.dataset(name).columns
        for path in self.batches(name):
            found = pq.read_schema(path).names
            if found != columns:
                raise BadInput(
                    where=f"{path}, dataset {name}",
                    expected=f"the columns of this version: {', '.join(columns)}",
                    found=f"missing {sorted(set(columns) - set(found))}, extra {sorted(set(found) - set(columns))}",
                    remedy="The data folder was filled by another version of oresight. `oresight rebuild` fills it "
                    "anew from the embedded data and the kept files; nothing is lost.",
                )

    def _known(self, name: str) -> str:
        self.check_columns(name)
        files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in self.batches(name))
        return f"SELECT * FROM read_parquet([{files}]) WHERE available_at <= $as_of"

    def _query(self, name: str, sql: str, as_of: dt.datetime) -> pd.DataFrame:
        parameters = _known_at(as_of, name)
        spec = datasets.dataset(name)
        if not self.batches(name):
            return datasets.empty(name)
        with connect(self.memory_limit, self.threads) as db:
            # By way of Arrow text comes over as it is, where `df` makes an object of every cell first.
            rows = db.sql(sql, params=parameters).to_arrow_table().combine_chunks().to_pandas()
        # A copy, as columns without gaps would lie in Arrow's memory, which nobody may write to.
        return rows.astype(spec.types)[spec.columns].copy()


def _known_at(as_of: dt.datetime, name: str) -> dict[str, dt.datetime]:
    if as_of.tzinfo is None:
        raise BadInput(where=f"reading {name}", expected="an aware moment", found=str(as_of), remedy="Give it in UTC.")
    return {"as_of": as_of}
