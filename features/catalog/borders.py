"""Which countries share a land border: read, checked, and refused with file, row and field.

It stands beside the catalogue and is read apart from it, as only the signal on geopolitics needs it.
"""

__all__ = ["load_borders", "read_borders"]

import csv
import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from features.catalog import Catalog, load_catalog
from features.errors import BadInput

_FOLDER = Path(__file__).parent
_FILE, _HEADER = "borders.csv", ["iso3_a", "iso3_b"]


def read_borders(folder: Path, catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    """Read and check the land borders in a folder.

    Returns:
        The neighbours of each country that has any, sorted. A border counts for both of its sides.

    Raises:
        BadInput: the file is not in order, or names a country that the catalogue has not.
    """
    path = folder / _FILE
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            header, *lines = list(csv.reader(stream, strict=True)) or [[]]
    except FileNotFoundError:
        _fail(1, "file", "the file", "no file", f"Restore {path}.")
    except (UnicodeDecodeError, csv.Error) as error:
        _fail(1, "file", "UTF-8 text with commas", str(error), f"Save {path} as UTF-8 CSV.")
    if header != _HEADER:
        _fail(1, "header", ",".join(_HEADER), ",".join(header), "Restore the header.")
    found: dict[str, list[str]] = {}
    before: tuple[str, ...] = ()
    for number, cells in enumerate(lines, start=2):
        _check(number, cells, before, catalog)
        before = tuple(cells)
        for one, other in (cells, cells[::-1]):
            found.setdefault(one, []).append(other)
    return MappingProxyType({country: tuple(sorted(found[country])) for country in sorted(found)})


def _check(number: int, cells: list[str], before: tuple[str, ...], catalog: Catalog) -> None:
    if len(cells) != len(_HEADER):
        _fail(number, "row", f"{len(_HEADER)} cells", str(len(cells)), "Delete empty lines.")
    for field, iso3 in zip(_HEADER, cells, strict=True):
        if iso3 not in catalog.countries:
            _fail(number, field, "a row of countries.csv", iso3, "Add it to countries.csv or correct the cell.")
    if cells[0] >= cells[1]:
        _fail(number, "iso3_b", "a code after iso3_a in the alphabet", cells[1], "Name each border once, in order.")
    if tuple(cells) <= before:
        _fail(number, "+".join(_HEADER), "rows sorted, each once", ",".join(cells), "Sort the file by its key.")


def _fail(row: int, field: str, expected: str, found: str, remedy: str) -> NoReturn:
    where = f"features/catalog/{_FILE}, row {row}, {field}"
    raise BadInput(where=where, expected=expected, found=repr(found), remedy=remedy)


@functools.cache
def load_borders() -> Mapping[str, tuple[str, ...]]:
    """Return the packaged land borders, read and checked once per process."""
    return read_borders(_FOLDER, load_catalog())
