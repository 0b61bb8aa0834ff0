"""Numeric state codes of political science and the countries they mean: Correlates of War, Gleditsch and Ward.

The two schemes agree on most codes and differ on some: 255 is Germany in the first, which the second calls 260; 970
is Nauru in the first and Kiribati in the second. A code is therefore always read in the scheme of its source. They
stand beside the catalogue and are read apart from it, as only sources on politics and conflict need them.
"""

__all__ = ["SCHEMES", "StateCodes", "load_states", "read_states"]

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from features.catalog import Catalog, load_catalog
from features.catalog.schema import Table, one_of, pattern, text
from features.catalog.tables import fail, numbered, read_one_table
from features.errors import UnknownCode

_FOLDER = Path(__file__).parent
_FILE = "state_codes.csv"
# Correlates of War; Gleditsch and Ward.
SCHEMES = ("cow", "gw")


_TABLE = Table(
    _FILE,
    ("scheme", "code"),
    (
        one_of("scheme", " ".join(SCHEMES)),
        pattern("code", "a number from 1 to 999", r"[1-9][0-9]{0,2}"),
        text("name"),
        pattern("iso3", "three capital letters", r"[A-Z]{3}", is_required=False),
        *(
            pattern(name, "a year from 1946 on", r"19(4[6-9]|[5-9]\d)|20\d\d", is_required=False)
            for name in ("first_year", "last_year")
        ),
        text("note", is_required=False),
    ),
)


@dataclass(frozen=True, eq=False)
class StateCodes:
    """The countries of state codes, by scheme and code, and when the states of `gw` existed.

    `countries` has an empty text where a code means no country of the catalogue; README.md says where the why stands.
    """

    countries: Mapping[tuple[str, int], str]
    names: Mapping[tuple[str, int], str]
    years: Mapping[int, tuple[int, int | None]]

    def iso3_of(self, scheme: str, code: int) -> str:
        """Give the country of a code, empty if it deliberately means none.

        Raises:
            UnknownCode: the scheme has no such code.
        """
        if (scheme, code) not in self.countries:
            raise UnknownCode(
                kind=f"state code of scheme {scheme}",
                code=code,
                where=f"features/catalog/{_FILE}",
                remedy=f"Add it to features/catalog/{_FILE} or correct the code.",
            )
        return self.countries[scheme, code]

    def alive(self, year: int) -> tuple[str, ...]:
        """Give the countries of the states that `gw` counts in the system in some part of a year, sorted."""
        codes = [code for code, (first, last) in self.years.items() if first <= year and (last is None or year <= last)]
        return tuple(sorted({self.countries["gw", code] for code in codes} - {""}))


def read_states(folder: Path, catalog: Catalog) -> StateCodes:
    """Read and check the state codes in a folder.

    Raises:
        BadInput: the file is not in order, or names a country that the catalogue has not.
    """
    rows = read_one_table(folder, _TABLE)
    for number, row in numbered(rows):
        first, last = row["first_year"], row["last_year"]
        checks = (
            ("iso3", row["iso3"] and row["iso3"] not in catalog.countries, "a row of countries.csv"),
            ("note", not row["iso3"] and not row["note"], "a reason why there is no country"),
            ("first_year", (row["scheme"] == "gw") != bool(first), "a year exactly for scheme gw"),
            ("last_year", last and last < (first or "9999"), "a year not before first_year"),
        )
        for field, is_bad, expected in checks:
            if is_bad:
                fail(_FILE, number, field, expected=expected, found=row[field], remedy="Correct the cell.")
    of = {(row["scheme"], int(row["code"])): row for row in rows}
    return StateCodes(
        countries=MappingProxyType({key: row["iso3"] for key, row in of.items()}),
        names=MappingProxyType({key: row["name"] for key, row in of.items()}),
        years=MappingProxyType(
            {
                code: (int(row["first_year"]), int(row["last_year"]) if row["last_year"] else None)
                for (scheme, code), row in of.items()
                if scheme == "gw"
            }
        ),
    )


@functools.cache
def load_states() -> StateCodes:
    """Return the packaged state codes, read and checked once per process."""
    return read_states(_FOLDER, load_catalog())
