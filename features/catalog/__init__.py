"""The catalogue: minerals, stages, HS codes, countries, policy lists, price series and aliases.

`load_catalog()` reads the CSV files of this folder once, checks them (see `features.catalog.checks`)
and answers questions of code and name. It holds no trade, price or event figures. An unknown
code always raises `UnknownCode`; nothing is guessed. The files are described in README.md.
"""

__all__ = ["Catalog", "Country", "ListEntry", "Mineral", "load_catalog", "read_catalog"]

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from features.catalog.checks import lookup_word, read_tables
from features.catalog.schema import Row
from features.errors import UnknownCode

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Mineral:
    """A mineral at its one stage; `eol_rir_frac` is the end-of-life recycling input rate, None if unknown."""

    id: str
    name_en: str
    name_zh_tw: str
    stage: str
    symbol: str
    by_product_of: tuple[str, ...]
    eol_rir_frac: float | None
    eol_rir_source: str
    note: str


@dataclass(frozen=True, slots=True)
class Country:
    """A country or customs area; a historic one has `is_current` false and no `iso2`."""

    iso3: str
    iso2: str
    name_en: str
    name_zh_tw: str
    region: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An entry of a policy list that covers a mineral, and the first day it holds."""

    list_id: str
    list_year: int
    entry_name: str
    valid_from: date
    note: str


@dataclass(frozen=True)
class Catalog:
    """All files of the catalogue; frames are handed out as copies, so a caller cannot change it."""

    minerals: Mapping[str, Mineral]
    countries: Mapping[str, Country]
    _frames: Mapping[str, pd.DataFrame]
    _iso3_of_baci: Mapping[int, str | None]
    _minerals_of_hs: Mapping[str, tuple[str, ...]]
    _used_products: frozenset[tuple[str, str]]
    _mineral_of_word: Mapping[str, str]
    _iso3_of_name: Mapping[str, str]
    _lists_of: Mapping[str, tuple[ListEntry, ...]]
    _eu_terms: Mapping[str, tuple[tuple[date, date], ...]]

    @property
    def hs_codes(self) -> pd.DataFrame:
        """All rows of hs_codes.csv: one per mineral, code and revision, used or not."""
        return self._frames["hs_codes.csv"].copy(deep=False)

    @property
    def baci_codes(self) -> pd.DataFrame:
        """All rows of baci_country_codes.csv, one per numeric code of BACI."""
        return self._frames["baci_country_codes.csv"].copy(deep=False)

    @property
    def aliases(self) -> pd.DataFrame:
        """All rows of mineral_aliases.csv: mineral, language, script, alias, kind."""
        return self._frames["mineral_aliases.csv"].copy(deep=False)

    @property
    def country_aliases(self) -> pd.DataFrame:
        """All rows of country_aliases.csv: iso3, language, alias, kind."""
        return self._frames["country_aliases.csv"].copy(deep=False)

    @property
    def price_series(self) -> pd.DataFrame:
        """All rows of price_series.csv: which published price series speaks for which mineral."""
        return self._frames["price_series.csv"].copy(deep=False)

    @property
    def feeds(self) -> pd.DataFrame:
        """All rows of feeds.csv: the public news feeds that are, or were, read; one row per feed and term."""
        return self._frames["feeds.csv"].copy(deep=False)

    @property
    def technologies(self) -> pd.DataFrame:
        """All rows of technologies.csv: mineral, technology."""
        return self._frames["technologies.csv"].copy(deep=False)

    def used_hs_codes(self) -> pd.DataFrame:
        """Return the rows of `hs_codes` that count for their mineral, in file order.

        Rows of several revisions stand side by side: keep the `hs_revision` your figures are in
        (`HS92` for BACI), or `in_bundle` for the embedded extract.
        """
        codes = self._frames["hs_codes.csv"]
        return codes[codes["is_used"]].reset_index(drop=True)

    def mineral(self, mineral_id: str) -> Mineral:
        """Return the mineral with this id, or raise `UnknownCode`."""
        if mineral_id not in self.minerals:
            raise _unknown("mineral", mineral_id, "minerals.csv")
        return self.minerals[mineral_id]

    def mineral_of_word(self, word: str) -> str:
        """Return the id of the mineral that a word names, or raise `UnknownCode`.

        A word is an id, a name or an alias in any language of the catalogue. Case, hyphens and
        underscores make no difference, except that symbols and abbreviations keep their case.
        """
        for form in (lookup_word(word, "symbol"), lookup_word(word)):
            if form in self._mineral_of_word:
                return self._mineral_of_word[form]
        raise _unknown("mineral word", word, "mineral_aliases.csv")

    def minerals_of_hs(self, code: str) -> tuple[str, ...]:
        """Return the ids of the minerals a six-digit code covers, used or not, or raise `UnknownCode`."""
        if code not in self._minerals_of_hs:
            raise _unknown("HS code", code, "hs_codes.csv")
        return self._minerals_of_hs[code]

    def minerals_of_product(self, code: str) -> tuple[str, ...]:
        """Return the ids of the minerals that a product code of any length speaks of; empty if of none.

        A code of six digits or more means the mineral of its first six, a shorter one (a heading) every mineral
        with a used code in it.
        """
        found = {mineral for used, mineral in self._used_products if used == code[:6] or used.startswith(code)}
        return tuple(sorted(found))

    def lists_of(self, mineral_id: str) -> tuple[ListEntry, ...]:
        """Return the policy-list entries that cover a mineral, by list and year; empty if none does."""
        return self._lists_of.get(self.mineral(mineral_id).id, ())

    def country(self, iso3: str) -> Country:
        """Return the country with this alpha-3 code, or raise `UnknownCode`."""
        if iso3 not in self.countries:
            raise _unknown("country", iso3, "countries.csv")
        return self.countries[iso3]

    def iso3_of_name(self, name: str) -> str:
        """Return the country that a name or abbreviation in any language of the catalogue means, or raise."""
        form = lookup_word(name)
        if form not in self._iso3_of_name:
            raise _unknown("country name", name, "country_aliases.csv")
        return self._iso3_of_name[form]

    def iso3_of_baci(self, code: int) -> str | None:
        """Return the country of a numeric BACI code, None for a deliberately ignored code, or raise."""
        if code not in self._iso3_of_baci:
            raise _unknown("BACI country code", code, "baci_country_codes.csv")
        return self._iso3_of_baci[code]

    def is_eu_member(self, iso3: str, on: date) -> bool:
        """Return whether a country is in the European Union on a day; the day of leaving is outside."""
        terms = self._eu_terms.get(self.country(iso3).iso3, ())
        return any(start <= on < end for start, end in terms)


def _unknown(kind: str, code: object, file: str) -> UnknownCode:
    remedy = f"Add it to features/catalog/{file} or correct the {kind}."
    return UnknownCode(kind=kind, code=code, where=f"features/catalog/{file}", remedy=remedy)


def _mineral(row: Row) -> Mineral:
    return Mineral(
        id=row["id"],
        name_en=row["name_en"],
        name_zh_tw=row["name_zh_tw"],
        stage=row["stage"],
        symbol=row["symbol"],
        by_product_of=tuple(row["by_product_of"].split(";")) if row["by_product_of"] else (),
        eol_rir_frac=float(row["eol_rir_frac"]) if row["eol_rir_frac"] else None,
        eol_rir_source=row["eol_rir_source"],
        note=row["note"],
    )


def _country(row: Row) -> Country:
    return Country(
        iso3=row["iso3"],
        iso2=row["iso2"],
        name_en=row["name_en"],
        name_zh_tw=row["name_zh_tw"],
        region=row["region"],
        is_current=row["is_current"] == "true",
    )


def _frame(rows: list[Row]) -> pd.DataFrame:
    # "" stays "" in text columns; years and BACI's codes become nullable integers.
    frame = pd.DataFrame(rows)
    for name in frame.columns:
        if name in ("is_used", "in_bundle", "is_proxy", "is_active"):
            frame[name] = frame[name] == "true"
        elif name in ("valid_from_year", "valid_to_year", "list_year", "baci_code"):
            frame[name] = pd.array([int(value) if value else None for value in frame[name]], dtype="Int64")
    return frame


def _words(tables: Mapping[str, list[Row]]) -> dict[str, str]:
    words: dict[str, str] = {}
    for row in tables["minerals.csv"]:
        words |= {lookup_word(row[name]): row["id"] for name in ("id", "name_en", "name_zh_tw")}
    for row in tables["mineral_aliases.csv"]:
        words[lookup_word(row["alias"], row["kind"])] = row["mineral"]
    return words


def _country_names(tables: Mapping[str, list[Row]]) -> dict[str, str]:
    names = {
        lookup_word(row["alias"]): row["iso3"]
        for row in tables["country_aliases.csv"]
        if row["kind"] in ("name", "abbreviation")
    }
    for row in tables["countries.csv"]:
        names |= {lookup_word(row[name]): row["iso3"] for name in ("name_en", "name_zh_tw", "iso3")}
    return names


def _group(rows: list[Row], key: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def _entry(row: Row) -> ListEntry:
    first = date.fromisoformat(row["valid_from"])
    return ListEntry(row["list_id"], int(row["list_year"]), row["entry_name"], first, row["note"])


def _term(row: Row) -> tuple[date, date]:
    end = date.fromisoformat(row["member_to"]) if row["member_to"] else date.max
    return date.fromisoformat(row["member_from"]), end


def read_catalog(folder: Path) -> Catalog:
    """Read and check the catalogue in a folder.

    Args:
        folder: holds the CSV files; `load_catalog` uses the one in the package.

    Returns:
        The catalogue, checked as a whole.

    Raises:
        BadInput: a file is not in order; the message names file, row and field.
    """
    tables = read_tables(folder)
    by_code = _group(tables["hs_codes.csv"], "hs_code")
    by_list = _group(tables["mineral_lists.csv"], "mineral")
    by_member = _group(tables["eu_membership.csv"], "iso3")
    iso3_of_baci = {int(row["baci_code"]): row["iso3"] or None for row in tables["baci_country_codes.csv"]}
    minerals_of_hs = {code: tuple(sorted({row["mineral"] for row in rows})) for code, rows in by_code.items()}
    return Catalog(
        minerals=MappingProxyType({row["id"]: _mineral(row) for row in tables["minerals.csv"]}),
        countries=MappingProxyType({row["iso3"]: _country(row) for row in tables["countries.csv"]}),
        _frames=MappingProxyType({file: _frame(rows) for file, rows in tables.items()}),
        _iso3_of_baci=MappingProxyType(iso3_of_baci),
        _minerals_of_hs=MappingProxyType(minerals_of_hs),
        _used_products=frozenset(
            (row["hs_code"], row["mineral"]) for row in tables["hs_codes.csv"] if row["is_used"] == "true"
        ),
        _mineral_of_word=MappingProxyType(_words(tables)),
        _iso3_of_name=MappingProxyType(_country_names(tables)),
        _lists_of=MappingProxyType({id_: tuple(map(_entry, rows)) for id_, rows in by_list.items()}),
        _eu_terms=MappingProxyType({iso3: tuple(map(_term, rows)) for iso3, rows in by_member.items()}),
    )


@functools.cache
def load_catalog() -> Catalog:
    """Return the packaged catalogue, read and checked once per process."""
    return read_catalog(_FOLDER)
