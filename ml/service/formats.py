"""One table in five formats, JSON, NDJSON, CSV, Parquet and Arrow: the same columns in the same order, also empty."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ml.service.listing import arrow_table, encode_rows
from ml.service.problems import Problem
from ml.service.shapes import Shape

__all__ = ["FORMATS", "Format", "format_for", "render"]


@dataclass(frozen=True)
class Format:
    """A format: its name for `?format=`, its media type, others by which it may be asked, and a file's ending."""

    name: str
    media_type: str
    also: tuple[str, ...]
    ending: str


JSON = Format("json", "application/json", ("text/json",), "json")
FORMATS = {
    each.name: each
    for each in (
        JSON,
        Format("ndjson", "application/x-ndjson", ("application/ndjson", "application/jsonl"), "ndjson"),
        Format("csv", "text/csv", ("application/csv",), "csv"),
        Format("parquet", "application/vnd.apache.parquet", ("application/x-parquet",), "parquet"),
        Format("arrow", "application/vnd.apache.arrow.stream", ("application/vnd.apache.arrow.file",), "arrow"),
    )
}
_BY_TYPE = {kind: each for each in FORMATS.values() for kind in (each.media_type, *each.also)}
# What clients that don't choose send.
_COMMON = {"": JSON, "*/*": JSON, "application/json": JSON}


def format_for(accept: str, asked: str | None) -> Format:
    """Choose the format: `?format=` wins over the header Accept; JSON where anything goes.

    Raises:
        Problem: none of those accepted is offered.
    """
    if asked is not None:
        return FORMATS[asked]
    if (found := _COMMON.get(accept)) is not None:
        return found
    best: tuple[float, Format] | None = None
    for part in accept.split(","):
        kind, _, rest = part.strip().partition(";")
        kind, weight = kind.strip().lower(), _weight(rest)
        offered = _BY_TYPE.get(kind) or (JSON if kind in ("*/*", "application/*") else None)
        if offered is None and kind == "text/*":
            offered = FORMATS["csv"]
        if offered is not None and weight > 0 and (best is None or weight > best[0]):
            best = (weight, offered)
    if best is None:
        offered_types = ", ".join(each.media_type for each in FORMATS.values())
        remedy = f"Accept one of {offered_types}, or name it by ?format={'|'.join(FORMATS)}."
        raise Problem("not-acceptable", "the header Accept names no format that is offered", remedy=remedy)
    return best[1]


def _weight(parameters: str) -> float:
    for each in parameters.split(";"):
        name, _, value = each.strip().partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def render(
    form: Format,
    shape: Shape,
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    encoded: Sequence[bytes] | None = None,
) -> bytes:
    """Give the bytes of a table.

    Args:
        names: its columns, in order.
        encoded: the rows as JSON, where they are ready.
    """
    if form.name in ("json", "ndjson"):
        parts = encode_rows(names, rows) if encoded is None else encoded
        return b"[" + b",".join(parts) + b"]" if form.name == "json" else b"".join(part + b"\n" for part in parts)
    if form.name == "csv":
        return _csv(names, rows)
    table = arrow_table(shape, names, rows)
    out = pa.BufferOutputStream()
    if form.name == "parquet":
        pq.write_table(table, out, compression="zstd")
    else:
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
    return out.getvalue().to_pybytes()


def _csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    # A spreadsheet takes a cell that begins like this for a formula.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
