"""The chain: one line of JSON per batch of rows, each holding the hash of the line before; rows as Parquet beside it.

A folder holds `chain.jsonl` and `rows/<batch>.parquet`. A line's `hash` is the sha256 of its canonical JSON (keys
sorted, no spaces, UTF-8) without `hash` itself; `previous` is the hash of the line before, 64 zeros in the first.
Rows are written aside, renamed and flushed before their line is appended and flushed: after a kill a batch is in
the chain or it is not. What a kill leaves of a last line is cut off by the next writer; readers pass over it.

A chain shows any change of what it holds, down to the row and field of rows that were rewritten. It cannot show that
its last lines were cut off or made anew: for that, `head` is printed by every check and can be noted elsewhere, and
published runs are held against the ledger.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.collection.payloads import sha256_of
from features.errors import BadInput, ConfigError, OresightError
from features.knowledge_time import UTC
from ml.ledger.entries import LEDGER_COLUMNS, seal

__all__ = ["GENESIS", "Ledger", "line_hash"]

GENESIS = "0" * 64
Entry = Mapping[str, Any]


def line_hash(entry: Entry) -> str:
    """Give the sha256 of an entry's canonical JSON, without its own `hash`."""
    text = json.dumps(
        {key: value for key, value in entry.items() if key != "hash"},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Ledger:
    """The ledger below one folder; it need not exist yet."""

    folder: Path

    @property
    def path(self) -> Path:
        """The chain."""
        return self.folder / "chain.jsonl"

    def lines(self) -> list[str]:
        """Give the whole lines of the chain; a last one without its line end is torn and left out."""
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_bytes().rpartition(b"\n")
        return whole.decode("utf-8", errors="replace").split("\n") if whole else []

    def entries(self) -> list[dict[str, Any]]:
        """Give every entry, oldest first.

        Raises:
            BadInput: a line is not JSON; `oresight verify` says more.
        """
        found = []
        for number, line in enumerate(self.lines(), start=1):
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError as problem:
                raise BadInput(
                    where=f"{self.path}, line {number}",
                    expected="one JSON object",
                    found=str(problem),
                    remedy="`oresight verify` lists what is broken; restore the file from a copy.",
                ) from None
        return found

    def batches(self) -> set[str]:
        """Give the names of the batches in the chain."""
        return {entry["batch"] for entry in self.entries()}

    def file_of(self, entry: Entry) -> Path:
        """Give where the rows of an entry are."""
        return self.folder / entry["file"]

    def rows(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read the rows of every batch in the order of the chain, with `number`, that of their entry."""
        names = list(LEDGER_COLUMNS) if columns is None else list(columns)
        tables = [
            pd.read_parquet(self.file_of(entry), columns=names).assign(number=entry["number"])
            for entry in self.entries()
        ]
        if not tables:
            return pd.DataFrame({name: pd.Series(dtype=LEDGER_COLUMNS[name]) for name in names}).assign(number=0)
        return pd.concat(tables, ignore_index=True)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Be the only one who adds to the ledger; a torn last line is cut off first.

        Raises:
            OresightError: another process is adding to it.
            BadInput: the chain is broken at its end; nothing is built upon that.
        """
        (self.folder / "rows").mkdir(parents=True, exist_ok=True)
        with (self.folder / ".writing").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OresightError(
                    f"another process is adding to the ledger {self.folder}; wait for it to end and try again"
                ) from None
            self._cut_torn_line()
            for path in (self.folder / "rows").glob(".*.part"):
                path.unlink()
            yield Writer(self)

    def _cut_torn_line(self) -> None:
        if not self.path.exists():
            return
        text = self.path.read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole == len(text):
            return
        # Nothing but its line end may be missing: then the entry was whole, and stays.
        torn = text[whole:]
        with self.path.open("r+b") as chain:
            if _is_whole(torn):
                chain.seek(0, os.SEEK_END)
                chain.write(b"\n")
            else:
                chain.truncate(whole)
            chain.flush()
            os.fsync(chain.fileno())


class Writer:
    """Adds batches while the ledger is locked; `Ledger.writing` gives one."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        entries = ledger.entries()
        self.known = {entry["batch"] for entry in entries}
        self.number = len(entries)
        self.head = entries[-1]["hash"] if entries else GENESIS
        if entries and line_hash(entries[-1]) != self.head:
            raise BadInput(
                where=f"{ledger.path}, line {self.number}",
                expected="an entry whose hash is that of its content",
                found="another",
                remedy="The ledger was changed; `oresight verify` lists what is broken. Restore it from a copy.",
            )

    def append(
        self, batch: str, rows: pd.DataFrame, *, recorded_at: dt.datetime, about: Mapping[str, Any] | None = None
    ) -> bool:
        """Add a batch unless it is there already.

        Args:
            batch: its name, also that of its file: letters, digits, `-` and `_`.
            rows: what `entry_rows` gave.
            about: further facts for its line.

        Returns:
            Whether it was added.
        """
        if not batch.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"{batch!r} is no name for a batch of the ledger")
        if batch in self.known:
            return False
        file = f"rows/{batch}.parquet"
        path = self.ledger.folder / file
        aside = path.with_name(f".{path.name}.part")
        rows.to_parquet(aside, index=False, compression="zstd")
        _flush(aside)
        aside.replace(path)
        _flush(path.parent)
        entry = {
            "number": self.number,
            "previous": self.head,
            "batch": batch,
            "file": file,
            "file_sha256": sha256_of(path),
            "recorded_at": recorded_at.astimezone(UTC).isoformat(timespec="seconds"),
            "as_of_first": rows["as_of"].min().date().isoformat() if len(rows) else None,
            "as_of_last": rows["as_of"].max().date().isoformat() if len(rows) else None,
            "kinds": {str(key): int(value) for key, value in rows["kind"].value_counts().sort_index().items()},
            "rows": len(rows),
            **seal(rows).as_json(),
            **(about or {}),
        }
        entry["hash"] = line_hash(entry)
        with self.ledger.path.open("ab") as chain:
            chain.write(json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
            chain.flush()
            os.fsync(chain.fileno())
        self.known.add(batch)
        self.number, self.head = self.number + 1, entry["hash"]
        return True


def _is_whole(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return False
    return isinstance(entry, dict) and entry.get("hash") == line_hash(entry)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
