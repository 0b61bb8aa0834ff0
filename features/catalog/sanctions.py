"""Programmes of sanctions: who imposed them on whom, since when, by which act; and names of metals businesses.

The programmes are `sanction_programmes.csv` in the embedded data, since they are rows of dataset `sanctions` as well;
`sanctioned_metals.csv` beside this file holds words for businesses whose names do not say that they are of mining or
metals. Both are read apart from the catalogue, as only lists of sanctions need them.
"""

__all__ = [
    "PROGRAMME_COLUMNS",
    "Programme",
    "load_metal_names",
    "load_programmes",
    "read_metal_names",
    "read_programmes",
]

import csv
import functools
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

from features.catalog import load_catalog
from features.errors import BadInput

PROGRAMMES = Path(__file__).parents[1] / "bundle" / "sanction_programmes.csv"
METAL_NAMES = Path(__file__).parent / "sanctioned_metals.csv"
PROGRAMME_COLUMNS = (
    *("imposed_by", "programme", "title", "country", "since", "published_on", "ended_on"),
    *("act", "confidence", "note"),
)
NAME_COLUMNS = ("name", "minerals")


@dataclass(frozen=True, slots=True)
class Programme:
    """One programme; `country` is empty where it is about a theme (terrorism) or several states.

    `since` is the day of the act, `published_on` the day on which it was made public, `ended_on` the day of its end.
    `confidence` is that of the dates and of the tag.
    """

    imposed_by: str
    programme: str
    title: str
    country: str
    since: date
    published_on: date
    ended_on: date | None
    act: str
    confidence: str


def read_programmes(path: Path, countries: Container[str]) -> Mapping[tuple[str, str], Programme]:
    """Read and check a file of programmes.

    Returns:
        The programmes by who imposed them and their tag in capitals.

    Raises:
        BadInput: the header, a cell, the order, or a date is wrong; names file, row (the header is row 1) and field.
    """
    found: dict[tuple[str, str], Programme] = {}
    before = ("", "")
    for number, row in _rows(path, PROGRAMME_COLUMNS):
        key = (row["imposed_by"], row["programme"])
        _require(row["programme"].isupper(), path, number, "programme", "a tag in capitals", row["programme"])
        _require(key > before, path, number, "programme", "tags sorted by who imposed them, each once", str(key))
        known = not row["country"] or row["country"] in countries
        _require(known, path, number, "country", "a row of countries.csv or nothing", row["country"])
        for field in ("title", "act"):
            _require(bool(row[field]), path, number, field, "some words", row[field])
        sure = row["confidence"] in ("high", "medium", "low")
        _require(sure, path, number, "confidence", "high, medium or low", row["confidence"])
        is_body = re.fullmatch("[A-Z]{3}", row["imposed_by"]) is not None
        _require(is_body, path, number, "imposed_by", "three capitals", row["imposed_by"])
        since, public = _day(row, "since", path, number), _day(row, "published_on", path, number)
        _require(since <= public, path, number, "published_on", f"{since} or later", row["published_on"])
        ended = _day(row, "ended_on", path, number) if row["ended_on"] else None
        _require(ended is None or ended > public, path, number, "ended_on", f"later than {public}", row["ended_on"])
        found[key] = Programme(*key, row["title"], row["country"], since, public, ended, row["act"], row["confidence"])
        before = key
    return MappingProxyType(found)


def read_metal_names(path: Path, minerals: Container[str]) -> Mapping[str, tuple[str, ...]]:
    """Read and check a file of names that stand for a business of mining or metals.

    Returns:
        By name in small letters, the minerals that it stands for, perhaps none.

    Raises:
        BadInput: the header, the order or a mineral is wrong.
    """
    found: dict[str, tuple[str, ...]] = {}
    before = ""
    for number, row in _rows(path, NAME_COLUMNS):
        name = row["name"]
        is_name = re.fullmatch(r"[a-z0-9]+(?:[ &+-][a-z0-9]+)*", name) is not None
        _require(is_name and name > before, path, number, "name", "sorted names in small letters, each once", name)
        ids = tuple(filter(None, row["minerals"].split(";")))
        for mineral in ids:
            _require(mineral in minerals, path, number, "minerals", "rows of minerals.csv", mineral)
        found[name] = ids
        before = name
    return MappingProxyType(found)


@functools.cache
def load_programmes() -> Mapping[tuple[str, str], Programme]:
    """Return the packaged programmes, read and checked once per process; see `read_programmes`."""
    return read_programmes(PROGRAMMES, load_catalog().countries)


@functools.cache
def load_metal_names() -> Mapping[str, tuple[str, ...]]:
    """Return the packaged names of metals businesses, read once per process; see `read_metal_names`."""
    return read_metal_names(METAL_NAMES, load_catalog().minerals)


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream, strict=True))
    _require(bool(lines) and tuple(lines[0]) == columns, path, 1, "header", ",".join(columns), str(lines[:1]))
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        _require(len(cells) == len(columns), path, number, "row", f"{len(columns)} cells", str(len(cells)))
        rows.append((number, dict(zip(columns, cells, strict=True))))
    return rows


def _day(row: Mapping[str, str], field: str, path: Path, number: int) -> date:
    try:
        return date.fromisoformat(row[field])
    except ValueError:
        raise _wrong(path, number, field, "a day as YYYY-MM-DD", row[field]) from None


def _require(is_good: bool, path: Path, number: int, field: str, expected: str, found: str) -> None:
    if not is_good:
        raise _wrong(path, number, field, expected, found)


def _wrong(path: Path, number: int, field: str, expected: str, found: str) -> BadInput:
    return BadInput(
        where=f"{path.name}, row {number}, {field}", expected=expected, found=repr(found), remedy="Correct the cell."
    )
