"""Whether a ledger still holds what was put into it, and whether published runs say the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.collection.payloads import sha256_of
from ml.ledger.chain import GENESIS, Ledger, line_hash
from ml.ledger.entries import LEDGER_COLUMNS, MARK_BYTES, ROW_KEY, seal

if TYPE_CHECKING:
    from ml.runs import Run

__all__ = ["Fault", "check_chain", "check_head", "check_published"]

MAX_NAMED = 20  # changed rows per batch that are named one by one
# Said by the ledger, not by the run.
OWN_COLUMNS = ("issued_at", "kind")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was put in: where, what was expected, what was found."""

    file: str
    batch: str
    row: str
    field: str
    expected: str
    found: str

    def as_json(self) -> dict[str, str]:
        """Give the fault as JSON."""
        return asdict(self)

    def __str__(self) -> str:
        where = ", ".join(
            part for part in (self.file, self.batch and f"run {self.batch}", self.row, self.field) if part
        )
        return f"{where}: expected {self.expected}, found {self.found}"


def check_chain(ledger: Ledger) -> list[Fault]:
    """List what differs in a ledger from what was put into it, in the order of the chain."""
    faults: list[Fault] = []
    previous = GENESIS
    for number, line in enumerate(ledger.lines()):
        where = f"{ledger.path.name}, line {number + 1}"
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as problem:
            faults.append(Fault(where, "", "", "", "one JSON object", str(problem)))
            previous = ""
            continue
        batch = str(entry.get("batch", ""))
        faults.extend(_check_line(entry, where, batch, number, previous))
        faults.extend(_check_rows(ledger, entry))
        previous = str(entry.get("hash", ""))
    return faults


def check_head(ledger: Ledger, head: str | None) -> list[Fault]:
    """Hold a hash that was noted earlier, or its beginning, against the chain, whose end could have been cut off."""
    if not head or any(f'"hash":"{head.lower()}' in line for line in ledger.lines()):
        return []
    return [Fault(ledger.path.name, "", "", "hash", f"an entry with the hash {head}", "none")]


def _check_line(entry: Mapping[str, Any], where: str, batch: str, number: int, previous: str) -> Iterator[Fault]:
    if entry.get("number") != number:
        yield Fault(where, batch, "", "number", str(number), str(entry.get("number")))
    # Behind a line that can't be read nothing is known of its hash.
    if previous and entry.get("previous") != previous:
        yield Fault(
            where,
            batch,
            "",
            "previous",
            f"the hash of the line before, {previous[:12]}…",
            f"{entry.get('previous')!s:.12}…",
        )
    if entry.get("hash") != (own := line_hash(entry)):
        yield Fault(where, batch, "", "hash", f"that of the line's content, {own[:12]}…", f"{entry.get('hash')!s:.12}…")


def _check_rows(ledger: Ledger, entry: Mapping[str, Any]) -> Iterator[Fault]:
    batch, file = str(entry.get("batch", "")), str(entry.get("file", ""))
    path = ledger.folder / file
    if not path.is_file():
        yield Fault(file, batch, "", "", "the rows of the batch", "no such file")
        return
    if sha256_of(path) == entry.get("file_sha256"):
        return
    try:
        rows = pd.read_parquet(path)[list(LEDGER_COLUMNS)].astype(LEDGER_COLUMNS)
    except Exception as problem:
        yield Fault(
            file, batch, "", "", "Parquet with the ledger's columns", f"{type(problem).__name__}: {problem}"[:200]
        )
        return
    now = seal(rows)
    if now.digest == entry.get("rows_digest"):
        yield Fault(file, batch, "", "", f"sha256 {entry['file_sha256'][:12]}…", "other bytes that say the same")
        return
    fields = [name for name, digest in now.columns.items() if entry["columns"].get(name) != digest]
    yield from _changed(rows, now.marks, base64.b64decode(entry["marks"]), fields, file, batch)


def _changed(rows: pd.DataFrame, now: bytes, then: bytes, fields: list[str], file: str, batch: str) -> Iterator[Fault]:
    # Which rows are not those that were sealed: by position, or when rows came or went, by their marks.
    marks, sealed = _split(now), _split(then)
    field = ", ".join(fields)
    if len(marks) != len(sealed):
        kept = set(sealed)
        strange = [at for at, mark in enumerate(marks) if mark not in kept]
        yield Fault(file, batch, "", "", f"{len(sealed)} rows", f"{len(marks)} rows")
    else:
        strange = [at for at, (mark, own) in enumerate(zip(marks, sealed, strict=True)) if mark != own]
    for at in strange[:MAX_NAMED]:
        said = ", ".join(f"{name} {rows[name].iloc[at]}" for name in fields[:3])
        yield Fault(file, batch, name_of_row(rows.iloc[at]), field, "the row that was put in", said or "another row")
    if len(strange) > MAX_NAMED:
        yield Fault(
            file, batch, f"{len(strange) - MAX_NAMED} further rows", field, "the rows that were put in", "others"
        )


def _split(marks: bytes) -> list[bytes]:
    return [marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES)]


def name_of_row(row: pd.Series) -> str:
    """Name a row as people do: the week, the event and the pair."""
    return f"{row['as_of'].date()} {row['target']} {row['horizon']} {row['mineral']} {row['supplier']}"


def check_published(ledger: Ledger, runs: Mapping[str, Run]) -> list[Fault]:
    """Hold published runs on disk against the ledger; runs that are only in one of the two are not compared."""
    faults: list[Fault] = []
    for line in ledger.lines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        run, path = runs.get(entry.get("batch", "")), ledger.folder / str(entry.get("file", ""))
        if run is None or not path.is_file():
            continue
        table = run.folder / "forecasts.parquet"
        if table.is_file() and sha256_of(table) == entry.get("published_sha256"):
            continue
        faults.extend(_compared(table, path, str(entry["batch"])))
    return faults


def _compared(table: Path, path: Path, batch: str) -> Iterator[Fault]:
    where = f"runs/{batch}/{table.name}"
    columns = [name for name in LEDGER_COLUMNS if name not in OWN_COLUMNS]
    try:
        said = pd.read_parquet(table, columns=columns).set_index(ROW_KEY).sort_index()
        kept = pd.read_parquet(path, columns=columns).set_index(ROW_KEY).sort_index()
    except Exception as problem:
        yield Fault(where, batch, "", "", "the table that was published", f"{type(problem).__name__}: {problem}"[:200])
        return
    if not said.index.equals(kept.index):
        only = [*kept.index.difference(said.index)[:1], *said.index.difference(kept.index)[:1]]
        first = name_of_row(pd.Series(dict(zip(ROW_KEY, only[0], strict=True)))) if only else ""
        yield Fault(where, batch, first, "", f"the {len(kept)} rows of the ledger", f"{len(said)} rows")
        return
    same = (said == kept) | (said.isna() & kept.isna())
    named = 0
    for name in same.columns[~same.all()]:
        for key in same.index[~same[name]]:
            if named == MAX_NAMED:
                return
            row = name_of_row(pd.Series(dict(zip(ROW_KEY, key, strict=True))))
            yield Fault(
                where, batch, row, str(name), f"{kept.loc[key, name]}, as in the ledger", f"{said.loc[key, name]}"
            )
            named += 1
    if not named:
        yield Fault(
            where, batch, "", "", "the bytes that were published", "other bytes; what the ledger keeps is the same"
        )
