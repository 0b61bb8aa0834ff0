"""Shared by the customs sources: which country a publisher's code or name of a place means.

A publisher's own spellings and numbers stand in a small table beside its module, `<source>_countries.csv`, with only
what its documentation states; a place with an empty `iso3` is known to be no country. What is in no table
and not in the catalogue is unknown ("") and is rejected by whoever asks, never guessed.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Mapping
from pathlib import Path

from features.catalog import Catalog
from features.errors import UnknownCode

__all__ = ["GEONOM", "GEONOM_OUTSIDE", "by_iso2", "by_name", "by_table", "outside", "place_table"]

# Codes of Eurostat's country nomenclature beside ISO's two letters; the United Kingdom uses the same list.
GEONOM: Mapping[str, str] = {
    "EL": "GRC",
    "UK": "GBR",
    "XI": "GBR",  # Northern Ireland, apart since 2021
    "XU": "GBR",  # Great Britain without it
    "XK": "XKX",
    "XS": "SRB",
    "XC": "ESP",  # Ceuta
    "XL": "ESP",  # Melilla
}
# High seas; stores and provisions; places not given, or kept secret; goods of unknown origin.
GEONOM_OUTSIDE = frozenset({"QP", "QQ", "QR", "QS", "QU", "QV", "QW", "QX", "QY", "QZ"})


@functools.cache
def place_table(source: str) -> Mapping[str, str]:
    """Read the table of places of a source: place -> ISO code, "" for what is no country."""
    with (Path(__file__).parent / f"{source}_countries.csv").open(encoding="utf-8", newline="") as file:
        return {row["place"]: row["iso3"] for row in csv.DictReader(file)}


def outside(source: str) -> frozenset[str]:
    """Give the places of a source's table that are no country."""
    return frozenset(place for place, iso3 in place_table(source).items() if not iso3)


def by_table(source: str, home: str) -> Callable[[str], str]:
    """Give a look-up in the table of a source; `home` is the office's own country and stands for itself."""
    table = place_table(source)
    return lambda place: home if place == home else table.get(place, "")


def by_name(catalog: Catalog, source: str) -> Callable[[str], str]:
    """Give a look-up of names: first in the table of a source, then in the catalogue."""
    table = place_table(source)

    def look_up(place: str) -> str:
        if table.get(place.upper()):
            return table[place.upper()]
        try:
            return catalog.iso3_of_name(place)
        except UnknownCode:
            return ""

    return look_up


def by_iso2(catalog: Catalog, more: Mapping[str, str]) -> Callable[[str], str]:
    """Give a look-up of two-letter codes: the catalogue's, and those in `more` that it has a country for."""
    known = {country.iso2: iso3 for iso3, country in catalog.countries.items() if country.iso2}
    known |= {code: iso3 for code, iso3 in more.items() if iso3 in catalog.countries}
    return lambda place: known.get(place, "")
