"""A table in memory that is filtered, sorted and cut into pages in microseconds; it never changes once made."""

from __future__ import annotations

import functools
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ml.service.shapes import Shape
from ml.service.wanted import Order, Where

__all__ = ["ISO", "Listing", "arrow_table", "encode_rows"]

# Selections that are asked again and again by dashboards, per table.
REMEMBERED = 128
ISO = orjson.OPT_UTC_Z


def encode_rows(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[bytes]:
    """Give each row as a flat JSON object in UTF-8: times as `2026-11-23T00:00:00Z`, missing values as null."""
    return [orjson.dumps(dict(zip(names, row, strict=True)), option=ISO) for row in rows]


class Listing:
    """Rows of one shape, sorted by the shape's key.

    Args:
        table: the shape's columns with their Arrow types.
        encoded: keep each row as JSON too, so that a page is a matter of joining bytes.
    """

    def __init__(self, shape: Shape, table: pa.Table, *, encoded: bool = False) -> None:
        self.shape = shape
        folded = [_folded(table.column(name).combine_chunks()) for name in shape.columns]
        table = pa.Table.from_arrays(folded, names=list(shape.columns))
        self.table = table
        self.count: int = table.num_rows
        self._values = {name: _numbers(table.column(name)) for name in shape.columns}
        order = self._sorted(np.arange(self.count), tuple((name, False) for name in shape.key))
        if not np.array_equal(order, np.arange(self.count)):
            self.table = table.take(pa.array(order)).combine_chunks()
            self._values = {name: _numbers(self.table.column(name)) for name in shape.columns}
        self._known: OrderedDict[tuple[Where, Order], np.ndarray] = OrderedDict()
        self.encoded = encode_rows(list(shape.columns), self.rows(np.arange(self.count))) if encoded else None

    @classmethod
    def of(cls, shape: Shape, rows: Sequence[Sequence[Any]], *, encoded: bool = False) -> Listing:
        """Make a listing of tuples in the shape's order of columns; missing values are None."""
        return cls(shape, arrow_table(shape, list(shape.columns), rows), encoded=encoded)

    def select(self, where: Where, order: Order = ()) -> np.ndarray:
        """Give the positions of the rows that fit, in the order asked for; ties are in the order of the key."""
        asked = (where, order)
        found = self._known.get(asked)
        if found is None:
            found = self._sorted(np.flatnonzero(self._mask(where)), order)
            self._known[asked] = found
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found

    def rows(self, at: np.ndarray, names: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
        """Give the rows at some positions as tuples of Python values, missing ones as None."""
        chosen = self.shape.columns if names is None else names
        part = self.table.select(list(chosen)).take(pa.array(at, pa.int64()))
        return list(zip(*(column.to_pylist() for column in part.columns), strict=True))

    def values(self, name: str) -> list[Any]:
        """Give one column as Python values."""
        return self.table.column(name).to_pylist()

    @functools.cached_property
    def digest(self) -> str:
        """A digest of the rows; for tables that are not large."""
        rows = encode_rows(list(self.shape.columns), self.rows(np.arange(self.count)))
        return hashlib.blake2b(b"\n".join(rows), digest_size=6).hexdigest()

    def positions_by(self, names: Sequence[str]) -> dict[tuple[Any, ...], list[int]]:
        """Give the positions of the rows of each combination of some columns."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for at, key in enumerate(zip(*(self.values(name) for name in names), strict=True)):
            found.setdefault(key, []).append(at)
        return found

    def _mask(self, where: Where) -> np.ndarray:
        mask = np.ones(self.count, dtype=bool)
        for name, wanted in where.among:
            numbers, words = self._values[name]
            codes = [words.get(each, -2) for each in wanted] if words is not None else list(wanted)
            mask &= np.isin(numbers, codes) if len(codes) > 1 else numbers == codes[0]
        for name, least in where.at_least:
            # A missing figure fits no bound.
            numbers = self._values[name][0]
            mask &= (np.abs(numbers) if name in where.sizes else numbers) >= least
        for name, first, last in where.between:
            numbers = self._values[name][0]
            for bound, is_first in ((first, True), (last, False)):
                if bound is not None:
                    moment = np.datetime64(bound.replace(tzinfo=None), "us")
                    mask &= numbers >= moment if is_first else numbers <= moment
        return mask

    def _sorted(self, at: np.ndarray, order: Order) -> np.ndarray:
        if not order or not len(at):
            return at
        keys: list[np.ndarray] = []
        for name, falls in reversed(order):
            numbers, words = self._values[name.strip("|")]
            part = numbers[at]
            missing = part == -1 if words is not None else (np.isnat(part) if part.dtype.kind == "M" else part != part)
            # Codes are in the order of their words, so they sort as the words do.
            ranks = part.astype("int64") if part.dtype.kind in "Mb" else part
            part = np.abs(ranks) if name.startswith("|") else ranks
            keys += [-part if falls else part, missing]
        return at[np.lexsort(keys)]


def arrow_table(shape: Shape, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Give rows as a table with the shape's types, also when there are none."""
    schema = shape.arrow(names)
    # Transposed by hand: Arrow has no constructor from tuples.
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _folded(array: pa.Array) -> pa.Array:
    # Words are few and rows are many; sorted words give codes that sort like them.
    if not pa.types.is_string(array.type):
        return array
    words = pc.unique(array).drop_null().to_pylist()
    words.sort()
    codes = pc.index_in(array, value_set=pa.array(words, pa.string()))
    return pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), pa.array(words, pa.string()))


def _numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, dict[str, int] | None]:
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(array, pa.DictionaryArray):
        words = {word: code for code, word in enumerate(array.dictionary.to_pylist())}
        return array.indices.fill_null(-1).to_numpy(zero_copy_only=False), words
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False), None
    if pa.types.is_boolean(array.type):
        return array.fill_null(False).to_numpy(zero_copy_only=False), None
    return array.cast(pa.float64()).to_numpy(zero_copy_only=False), None
