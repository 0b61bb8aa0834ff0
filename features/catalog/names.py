"""Names that texts are searched for: minerals, countries, mines, companies and places in ten languages.

They stand beside the catalogue and are read apart from it, as only the linking of news needs them.
"""

__all__ = ["Names", "load_names", "read_names"]

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from features.catalog import Catalog, load_catalog
from features.catalog.checks import read_name_tables
from features.catalog.schema import Row

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Names:
    """Rows of the files of names, each a mapping of column name to text; README.md describes them."""

    mineral_words: tuple[Mapping[str, str], ...]
    mineral_groups: tuple[Mapping[str, str], ...]
    country_words: tuple[Mapping[str, str], ...]
    places: tuple[Mapping[str, str], ...]
    company_products: tuple[Mapping[str, str], ...]
    context_words: tuple[Mapping[str, str], ...]
    not_minerals: tuple[Mapping[str, str], ...]
    not_countries: tuple[Mapping[str, str], ...]


def read_names(folder: Path, catalog: Catalog) -> Names:
    """Read and check the files of names in a folder.

    Raises:
        BadInput: a file is not in order, or names a mineral or country that the catalogue has not.
    """
    tables = read_name_tables(folder, catalog.minerals, catalog.countries)
    return Names(**{file.removesuffix(".csv"): tuple(map(_sealed, rows)) for file, rows in tables.items()})


def _sealed(row: Row) -> Mapping[str, str]:
    return MappingProxyType(row)


@functools.cache
def load_names() -> Names:
    """Return the packaged names, read and checked once per process."""
    return read_names(_FOLDER, load_catalog())
