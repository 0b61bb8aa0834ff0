"""Straits, main ports and the sea routes between countries: which straits the trade of two countries passes.

Four files: `straits.csv` (those that PortWatch counts, with a gate, the line that a ship crosses in passing),
`main_ports.csv` (one to three ports per country; of a landlocked one, those it ships from abroad), `land_routes.csv`
(pairs whose trade goes by land, river or ferry) and `sea_routes.csv` (the straits of all other pairs, made by
`features/catalog/route_maker.py`). A route is the shortest one by sea between any two ports of the pair, the canals
open: it says what a trade is exposed to, not which way ships take while a strait is avoided.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalog import load_catalog
from features.catalog.schema import Table, degrees, one_of, pattern, text
from features.catalog.tables import read_one_table
from features.errors import BadInput

__all__ = ["FOLDER", "Routes", "land_pairs", "load_ports", "load_routes", "load_straits", "read_routes"]

FOLDER = Path(__file__).parent
_ISO3 = pattern("iso3", "three capital letters", r"[A-Z]{3}")
_PARTNERS = pattern("partners", "codes with ; between", r"[A-Z]{3}(;[A-Z]{3})*")
_PLACE = (degrees("latitude", 90), degrees("longitude", 180))
_GATE = [("latitude", 90), ("longitude", 180)]
STRAITS = Table(
    "straits.csv",
    ("id",),
    (
        pattern("id", "an id of small letters and underscores", r"[a-z]+(_[a-z]+)*"),
        text("name"),
        text("portwatch_name"),
        *_PLACE,
        one_of("is_watched", "true false"),
        *(degrees(f"gate_{end}_{name}", most) for end in "ab" for name, most in _GATE),
    ),
)
PORTS = Table("main_ports.csv", ("iso3", "port"), (_ISO3, text("port"), *_PLACE, text("note", is_required=False)))
LAND_ROUTES = Table("land_routes.csv", ("iso3",), (_ISO3, _PARTNERS))
SEA_ROUTES = Table(
    "sea_routes.csv",
    ("iso3", "straits"),
    (_ISO3, pattern("straits", "ids of straits.csv with ; between", r"[a-z_;]+", is_required=False), _PARTNERS),
)


@dataclass(frozen=True, eq=False)
class Routes:
    """The straits of every known pair of countries, by the two codes in order of the alphabet."""

    straits: tuple[str, ...]
    of_pair: dict[tuple[str, str], tuple[str, ...]]

    def between(self, one: str, other: str) -> tuple[str, ...] | None:
        """Give the straits on the way between two countries, sorted, none by land; None if no route is known.

        Example:
            >>> load_routes().between("CHL", "CHN")
            ()
        """
        return self.of_pair.get((min(one, other), max(one, other)))

    def masks(self, countries: Sequence[str], straits: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the routes between all `countries` as arrays.

        Returns:
            Whether a route passes each of `straits`, shape (n, n, k), and whether it is known, shape (n, n). From a
            country to itself nothing is known.
        """
        at = {code: number for number, code in enumerate(countries)}
        column = {strait: number for number, strait in enumerate(straits)}
        passes = np.zeros((len(countries), len(countries), len(straits)), dtype=bool)
        is_known = np.zeros((len(countries), len(countries)), dtype=bool)
        for (one, other), passed in self.of_pair.items():
            if one in at and other in at:
                i, j = at[one], at[other]
                is_known[i, j] = is_known[j, i] = True
                on_way = [column[strait] for strait in passed if strait in column]
                passes[i, j, on_way] = passes[j, i, on_way] = True
        return passes, is_known


def load_straits(folder: Path = FOLDER) -> pd.DataFrame:
    """Give straits.csv with numbers as float64 and `is_watched` as bool; one row per strait, sorted by id.

    Raises:
        BadInput: the file is missing, has another header, or a cell, key or order is wrong.
    """
    table = _read(folder, STRAITS)
    _check(~table["portwatch_name"].duplicated(), folder, "straits.csv", "portwatch_name", "a name once")
    return table.assign(is_watched=table["is_watched"].eq("true"))


def load_ports(folder: Path = FOLDER) -> pd.DataFrame:
    """Give main_ports.csv with numbers as float64; one row per country and port, sorted by both.

    Raises:
        BadInput: the file is missing, has another header, or a cell, key or order is wrong.
    """
    table = _read(folder, PORTS)
    _check(table["iso3"].isin(list(load_catalog().countries)), folder, "main_ports.csv", "iso3", "a known country")
    return table


def land_pairs(folder: Path = FOLDER) -> set[tuple[str, str]]:
    """Give the pairs of countries that trade by land, each once, in order of the alphabet.

    Raises:
        BadInput: the file is missing, has another header, or a cell, key or order is wrong.
    """
    return set(_pairs(_read(folder, LAND_ROUTES), folder, "land_routes.csv")[["iso3", "partner"]].itertuples(
        index=False, name=None
    ))  # fmt: skip


def read_routes(folder: Path) -> Routes:
    """Read and check the routes in a folder.

    Raises:
        BadInput: a file is not in order, names an unknown strait or country, or a pair twice.
    """
    straits = tuple(load_straits(folder)["id"])
    of_pair: dict[tuple[str, str], tuple[str, ...]] = dict.fromkeys(land_pairs(folder), ())
    table = _pairs(_read(folder, SEA_ROUTES), folder, "sea_routes.csv")
    passed = table["straits"].str.split(";").map(lambda names: tuple(filter(None, names)))
    is_good = passed.map(lambda names: names == tuple(sorted(set(names) & set(straits))))
    _check(is_good, folder, "sea_routes.csv", "straits", "ids of straits.csv, sorted, each once", table["straits"])
    names = list(zip(table["iso3"], table["partner"], strict=True))
    is_new = pd.Series([name not in of_pair for name in names], index=table.index)
    _check(is_new, folder, "sea_routes.csv", "partners", "a pair that goes by sea", table["partner"])
    return Routes(straits, of_pair | dict(zip(names, passed, strict=True)))


@functools.cache
def load_routes() -> Routes:
    """Return the packaged routes, read and checked once per process."""
    return read_routes(FOLDER)


def _read(folder: Path, table: Table) -> pd.DataFrame:
    rows = pd.DataFrame(read_one_table(folder, table), dtype="str")
    return rows.astype({name: "float64" for name in rows if name.endswith("itude")})


def _pairs(table: pd.DataFrame, folder: Path, file: str) -> pd.DataFrame:
    # One row per pair, its place in the file kept in `index`.
    rows = table.assign(partner=table["partners"].str.split(";")).explode("partner")
    countries = list(load_catalog().countries)
    for name in ("iso3", "partner"):
        _check(rows[name].isin(countries), folder, file, name, "a known country", rows[name])
    _check(rows["iso3"] < rows["partner"], folder, file, "partners", "codes after iso3", rows["partner"])
    _check(~rows.duplicated(["iso3", "partner"]), folder, file, "partners", "a pair once", rows["partner"])
    return rows


def _check(
    is_good: pd.Series, folder: Path, file: str, field: str, expected: str, told: pd.Series | None = None
) -> None:
    if is_good.all():
        return
    at = int(np.flatnonzero(~is_good.to_numpy(dtype=bool))[0])
    found = "" if told is None else str(told.iloc[at])
    raise BadInput(
        where=f"{folder / file}, row {int(is_good.index[at]) + 2}, field {field}",
        expected=expected,
        found=found or "another",
        remedy="Correct the cell.",
    )
