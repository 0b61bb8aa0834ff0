"""What every source declares and returns, and the readers that turn bytes into a raw table.

A source module holds `SPEC`, `parse(path) -> raw` (a table whose `row` column is
the row in the file, header not counted) and `harmonise(raw, ...) -> Harvest`. One that
can be collected also holds `requests(endpoint, *, now, key) -> list[Request]`, and, where
an answer promises more pages, `follow(request, path) -> list[Request]`; either raises
`BadInput` if less came than was promised, and then nothing of the source is stored.

Optional names: `released(raw) -> moment or None`, when the file itself says it came out;
`FILES` and `FOLDERS`, what `oresight ingest-dir` gives it (patterns, and folders other than its
name); `WITHDRAWS = True` if an entry that a release no longer holds is withdrawn by that;
`MAX_SHRINK_FRAC`, the share of its entries that a list may lose at once; `ROUNDING`, by column,
how far figures of two releases may differ and still say the same.

A source with `PARTS_ARE_INDEPENDENT = True` asks many places that have nothing to do with each other: one that fails is
asked less and less often and does not stop the others. What one round got, failures included, is one file
(`features/sources/polls.py`), and `parse` reads it like any other. A source with `IS_STREAM = True` gives what is new,
never all there is; see `features/collection/streams.py`.
"""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.archives import open_zip
from features.errors import BadInput
from features.knowledge_time import Lag, MonthLag

__all__ = [
    "REJECTED_COLUMNS",
    "Harvest",
    "Request",
    "SourceSpec",
    "check_end",
    "moment_of_years",
    "read_table",
    "reading",
    "reject_rows",
    "rejections",
]

# What the readers raise on damaged bytes; RuntimeError is zipfile's word for an encrypted member.
UNREADABLE = (
    pa.ArrowException,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    UnicodeDecodeError,
    pd.errors.ParserError,
)
PIECE_ROWS = 500_000
LONGEST_ROW = 1 << 20
REJECTED_COLUMNS = ["file", "row", "field", "value", "reason"]


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to fetch, and the name under which its bytes are kept; the reader goes by the name's ending.

    `may_be_empty`: an answer without content (status 204) is one, kept as an empty file. `hosts`: where this request
    may go, in place of the hosts of its source; only for a source whose parts are independent.
    """

    address: str
    name: str
    method: str = "GET"
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    may_be_empty: bool = False
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where a source lives, what it may be used for, when its facts are out, and how it is to be asked.

    `address` is the page for people, `endpoint` what is downloaded from; a setting may replace the latter.
    `key_setting` names the environment variable of a source's key, which it may do without if `key_is_optional`.
    `seen_live` tells whether `parse` has read a real payload; else it was built from the publisher's documentation.
    """

    name: str
    title: str
    publisher: str
    address: str
    licence: str
    citation: str
    cadence: str
    lag: Lag | MonthLag | None
    lag_rule: str
    fills: tuple[str, ...]
    takes: str
    is_embedded: bool = False
    may_redistribute: bool = False
    endpoint: str = ""
    hosts: tuple[str, ...] = ()
    key_setting: str = ""
    key_is_optional: bool = False
    requests_per_minute: int = 20
    max_megabytes: int = 200
    stale_after_days: int = 430
    seen_live: bool = True


@dataclass(frozen=True)
class Harvest:
    """What one payload gave: rows per dataset, rejected rows, and counts for the screen.

    `left_out` lists, like rejected rows, entries that are in order and not what the source is read for. `polls` has
    feed, language, at, is_ok and problem: which parts of a source were asked, and which could be read.
    """

    tables: Mapping[str, pd.DataFrame]
    rejected: pd.DataFrame
    counts: Mapping[str, int] = field(default_factory=dict)
    left_out: pd.DataFrame | None = None
    polls: pd.DataFrame | None = None

    @property
    def failed(self) -> dict[str, str]:
        """The parts that were asked and could not be read, and why."""
        if self.polls is None:
            return {}
        return {poll.feed: poll.problem for poll in self.polls.itertuples() if not poll.is_ok}


def rejections(rows: list[pd.DataFrame]) -> pd.DataFrame:
    """Join tables of rejected rows; the columns are the same when there are none."""
    rows = [part for part in rows if not part.empty]
    if not rows:
        return pd.DataFrame({column: pd.Series(dtype="str") for column in REJECTED_COLUMNS}).astype({"row": "int64"})
    return pd.concat(rows, ignore_index=True)[REJECTED_COLUMNS]


def reject_rows(
    raw: pd.DataFrame, checks: Sequence[tuple[str, pd.Series, str]], *, file: str
) -> tuple[pd.DataFrame, pd.Series]:
    """Describe the rows that break a check, each once, under the first check it breaks.

    Args:
        raw: a table with `row`, and a column per field that is checked.
        checks: (field, which rows are bad, reason in words), in the order in which they are to be told.
        file: the payload's name.

    Returns:
        The rejected rows, and which rows of `raw` they are.
    """
    told, is_bad = [], pd.Series(False, index=raw.index)
    for column, bad, reason in checks:
        hit = raw[bad & ~is_bad]
        told.append(
            pd.DataFrame(
                {
                    "file": file,
                    "row": hit["row"].astype("int64"),
                    "field": column,
                    "value": hit[column].astype("str"),
                    "reason": reason,
                }
            )
        )
        is_bad |= bad
    return rejections(told), is_bad


@contextmanager
def reading(path: Path, *, expected: str, remedy: str, also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn what a reader raises on damaged bytes, and `also`, into a refusal of the file.

    Raises:
        BadInput: something inside raised one of them; what it said is in the message.
    """
    try:
        yield
    except (*UNREADABLE, *also) as problem:
        raise BadInput(
            where=str(path),
            expected=expected,
            found=f"{type(problem).__name__}: {problem}".splitlines()[0],
            remedy=remedy,
        ) from None


def read_table(
    path: Path,
    columns: list[tuple[str, ...]],
    *,
    encoding: str = "utf-8",
    members: str = "*.csv",
    keep: Callable[[pd.DataFrame], pd.Series] | None = None,
) -> pd.DataFrame:
    """Read a CSV, a zip of CSVs or a Parquet file whose columns are exactly one of `columns`.

    Text is read in pieces, so that a file of many gigabytes needs only the memory of what is kept of it.

    Args:
        members: which files of a zip are tables.
        keep: tells which rows of a piece to keep; all by default. Their number in the file stays.

    Returns:
        The table with a `row` column: 1 is the first row after the header, counted on over the files of a zip. CSV
        cells stay text. `attrs["left_out"]` counts the rows that were not kept.

    Raises:
        BadInput: the file is missing, empty, broken, or has another header.
    """
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    if path.stat().st_size == 0:
        raise BadInput(where=str(path), expected="a payload", found="an empty file", remedy="Download it again.")
    kept, rows = [], 0
    expected = f"a readable {path.suffix or 'CSV'} file"
    try:
        with reading(path, expected=expected, remedy="The file is damaged or cut off; download it again."):
            for where, piece in _pieces(path, encoding, members):
                _check_columns(piece, columns, where)
                piece = piece.assign(row=range(rows + 1, rows + len(piece) + 1))
                rows += len(piece)
                kept.append(piece if keep is None else piece[keep(piece)])
    except pd.errors.EmptyDataError:
        raise BadInput(where=str(path), expected="a header", found="none", remedy="Download it again.") from None
    if not rows:
        raise BadInput(where=str(path), expected="rows", found="a header only", remedy="Download it again.")
    if path.suffix not in (".parquet", ".zip"):
        check_end(path, len(piece.columns) - 1, encoding)
    table = pd.concat(kept, ignore_index=True)
    table.attrs["left_out"] = rows - len(table)
    return table


def _pieces(path: Path, encoding: str, members: str) -> Iterator[tuple[str, pd.DataFrame]]:
    text: dict[str, Any] = {"dtype": "str", "keep_default_na": False, "encoding": encoding, "chunksize": PIECE_ROWS}
    if path.suffix == ".parquet":
        yield str(path), pq.read_table(path).to_pandas()
    elif path.suffix == ".zip":
        with open_zip(path) as archive:
            names = sorted(name for name in archive.namelist() if fnmatch(name.rsplit("/", 1)[-1].lower(), members))
            if not names:
                raise BadInput(
                    where=str(path), expected=f"files {members} inside", found="none", remedy="Is this the right file?"
                )
            for name in names:
                with archive.open(name) as member:
                    yield from ((f"{path}, {name}", piece) for piece in pd.read_csv(member, **text))
    else:
        yield from ((str(path), piece) for piece in pd.read_csv(path, **text))


def check_end(path: Path, columns: int, encoding: str = "utf-8") -> None:
    """Refuse a CSV that ends in the middle of a row: readers fill such a row up.

    A file that is whole may lack the last line feed, but no cells.

    Raises:
        BadInput: the last row has fewer cells than there are columns.
    """
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - LONGEST_ROW, 0))
        last = file.read().rpartition(b"\n")[2].decode(encoding, errors="replace")
    if not last.strip() or last.count('"') % 2:
        return
    cells = len(next(csv.reader([last])))
    if cells < columns:
        raise BadInput(
            where=f"{path}, the last row",
            expected=f"{columns} cells",
            found=f"{cells}",
            remedy="The file is cut off; download it again.",
        )


def _check_columns(piece: pd.DataFrame, columns: list[tuple[str, ...]], where: str) -> None:
    if not any(set(piece.columns) == set(wanted) for wanted in columns):
        wanted = " or ".join(",".join(names) for names in columns)
        raise BadInput(
            where=f"{where}, header", expected=wanted, found=",".join(piece.columns), remedy="Is this the right source?"
        )


def moment_of_years(years: pd.Series, lag: Lag) -> pd.Series:
    """Give each year's `available_at` under `lag`, as `datetime64[us, UTC]`."""
    table: dict[int, dt.datetime] = {int(year): lag.available_at(int(year)) for year in years.unique()}
    return pd.to_datetime(years.map(table), utc=True).astype("datetime64[us, UTC]")
