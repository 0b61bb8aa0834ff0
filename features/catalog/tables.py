"""One file of the catalogue by itself: its header, its cells, its key and its order.

What files say about each other is checked in `features.catalog.checks`. Nothing is converted or repaired here.
"""

__all__ = ["fail", "numbered", "read_one_table"]

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from features.catalog.schema import Row, Table
from features.errors import BadInput


def fail(file: str, row: int, field: str, *, expected: str, found: object, remedy: str) -> NoReturn:
    """Refuse a cell; the header is row 1.

    Raises:
        BadInput: always.
    """
    where = f"features/catalog/{file}, row {row}, {field}"
    raise BadInput(where=where, expected=expected, found=repr(found), remedy=remedy)


def numbered(rows: list[Row]) -> Iterator[tuple[int, Row]]:
    """Give each row with its number in the file, where the header is row 1."""
    return enumerate(rows, start=2)


def _read_rows(folder: Path, table: Table) -> list[Row]:
    path, names = folder / table.file, [column.name for column in table.columns]
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream, strict=True))
    except FileNotFoundError:
        fail(table.file, 1, "file", expected="the file", found="no file", remedy=f"Restore {path}.")
    except (UnicodeDecodeError, csv.Error) as error:
        found, remedy = str(error), f"Save {path} as UTF-8 CSV."
        fail(table.file, 1, "file", expected="UTF-8 text with commas", found=found, remedy=remedy)
    header = lines[0] if lines else []
    if header != names:
        found, remedy = ",".join(header), "Restore the header."
        fail(table.file, 1, "header", expected=",".join(names), found=found, remedy=remedy)
    if len(lines) < 2:
        fail(table.file, 2, "row", expected="at least one row", found="none", remedy="Restore the rows.")
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(names):
            remedy = "Quote cells that hold commas; delete empty lines."
            expected = f"{len(names)} cells"
            fail(table.file, number, "row", expected=expected, found=len(cells), remedy=remedy)
    return [dict(zip(names, cells, strict=True)) for cells in lines[1:]]


def _check_cells(table: Table, rows: list[Row]) -> None:
    for number, row in numbered(rows):
        for column in table.columns:
            value = row[column.name]
            is_good = column.accepts(value) if value else not column.is_required
            if not is_good:
                expected = column.expected + ("" if column.is_required else " or nothing")
                remedy = "Correct the cell."
                fail(table.file, number, column.name, expected=expected, found=value, remedy=remedy)


def _sort_key(table: Table, row: Row) -> tuple[tuple[int, str], ...]:
    # Numbers without leading zeros sort by size: 8 before 12.
    values = [row[name] for name in table.key]
    return tuple((int(value) if value.isdigit() else 0, value) for value in values)


def _check_keys(table: Table, rows: list[Row]) -> None:
    field = "+".join(table.key)
    for number, (before, row) in enumerate(itertools.pairwise(rows), start=3):
        first, second = _sort_key(table, before), _sort_key(table, row)
        if first < second:
            continue
        found = ",".join(row[name] for name in table.key)
        if first == second:
            remedy = "Delete one of the two rows."
            fail(table.file, number, field, expected="a key that occurs once", found=found, remedy=remedy)
        remedy = "Sort the file by its key."
        fail(table.file, number, field, expected="rows sorted by their key", found=found, remedy=remedy)


def read_one_table(folder: Path, table: Table) -> list[Row]:
    """Read one file and check its header, cells, key and order, but not what it says about other files.

    Raises:
        BadInput: the file is missing or not in order; names file, row and field.
    """
    rows = _read_rows(folder, table)
    _check_cells(table, rows)
    _check_keys(table, rows)
    return rows
