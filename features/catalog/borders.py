"""Which countries share a land border: read, checked, and refused with file, row and field.

It stands beside the catalogue and is read apart from it, as only the signal on geopolitics needs it.
"""

__all__ = ["load_borders", "read_borders"]

import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from features.catalog import Catalog, load_catalog
from features.catalog.schema import Table, pattern
from features.catalog.tables import fail, numbered, read_one_table

_FOLDER = Path(__file__).parent
_SIDES = ("iso3_a", "iso3_b")
_TABLE = Table("borders.csv", _SIDES, tuple(pattern(name, "three capital letters", r"[A-Z]{3}") for name in _SIDES))


def read_borders(folder: Path, catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    """Read and check the land borders in a folder.

    Returns:
        The neighbours of each country that has any, sorted. A border counts for both of its sides.

    Raises:
        BadInput: the file is not in order, or names a country that the catalogue has not.
    """
    found: dict[str, list[str]] = {}
    for number, row in numbered(read_one_table(folder, _TABLE)):
        one, other = row.values()
        for field, iso3 in row.items():
            if iso3 not in catalog.countries:
                remedy = "Add it to countries.csv or correct the cell."
                fail(_TABLE.file, number, field, expected="a row of countries.csv", found=iso3, remedy=remedy)
        if one >= other:
            expected, remedy = "a code after iso3_a in the alphabet", "Name each border once, in order."
            fail(_TABLE.file, number, "iso3_b", expected=expected, found=other, remedy=remedy)
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return MappingProxyType({country: tuple(sorted(found[country])) for country in sorted(found)})


@functools.cache
def load_borders() -> Mapping[str, tuple[str, ...]]:
    """Return the packaged land borders, read and checked once per process."""
    return read_borders(_FOLDER, load_catalog())
