"""What each file of the catalogue must look like: its columns, what a cell may hold, and its key.

`TABLES` lists the files in the order they are checked; nothing is read here. How a cell of a
file that refers to another file is checked stands in `features.catalog.checks`.
"""

__all__ = ["LANGUAGES", "NAME_TABLES", "TABLES", "Column", "Row", "Table"]

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

Row = dict[str, str]

FIRST_YEAR, LAST_YEAR = 1950, 2100
LANGUAGES = "en zh ja ko es fr pt id de ru"
_IDS, _IDS_PATTERN = "ids with ; between", r"[a-z_]+(;[a-z_]+)*"


@dataclass(frozen=True, slots=True)
class Column:
    """What one cell may hold; an empty cell is allowed only where `is_required` is false."""

    name: str
    expected: str
    is_required: bool
    accepts: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Table:
    """One file: its name, its columns in order, and the columns that identify a row and sort the file."""

    file: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]


def _is_text(value: str) -> bool:
    return value == value.strip() and "\n" not in value


def _is_year(value: str) -> bool:
    return bool(re.fullmatch(r"\d{4}", value)) and FIRST_YEAR <= int(value) <= LAST_YEAR


def _is_date(value: str) -> bool:
    try:
        year = date.fromisoformat(value).year
    except ValueError:
        return False
    return len(value) == 10 and FIRST_YEAR <= year <= LAST_YEAR


def _text(name: str, *, is_required: bool = True) -> Column:
    return Column(name, "text without blanks around it", is_required, _is_text)


def _one_of(name: str, values: str) -> Column:
    allowed = tuple(values.split())
    return Column(name, "one of " + ", ".join(allowed), True, allowed.__contains__)


def _pattern(name: str, expected: str, pattern: str, *, is_required: bool = True) -> Column:
    return Column(name, expected, is_required, lambda value: bool(re.fullmatch(pattern, value)))


def _year(name: str, *, is_required: bool = True) -> Column:
    return Column(name, f"a year from {FIRST_YEAR} to {LAST_YEAR}", is_required, _is_year)


def _date(name: str, *, is_required: bool = True) -> Column:
    return Column(name, "a date as YYYY-MM-DD", is_required, _is_date)


def _id(name: str) -> Column:
    return _pattern(name, "an id of small letters and underscores", r"[a-z]+(_[a-z]+)*")


def _iso3(name: str, *, is_required: bool = True) -> Column:
    return _pattern(name, "three capital letters", r"[A-Z]{3}", is_required=is_required)


def _bool(name: str) -> Column:
    return _one_of(name, "true false")


_NOTE = _text("note", is_required=False)

TABLES: tuple[Table, ...] = (
    Table(
        "minerals.csv",
        ("id",),
        (
            _id("id"),
            _text("name_en"),
            _text("name_zh_tw"),
            _one_of("stage", "extraction processing"),
            _text("symbol", is_required=False),
            _pattern("by_product_of", "ids with ; between", r"[a-z_]+(;[a-z_]+)*", is_required=False),
            _pattern("eol_rir_frac", "a fraction from 0 to 1", r"0(\.\d+)?|1", is_required=False),
            _text("eol_rir_source", is_required=False),
            _NOTE,
        ),
    ),
    Table(
        "hs_codes.csv",
        ("mineral", "hs_code", "hs_revision"),
        (
            _id("mineral"),
            _pattern("hs_code", "six digits", r"[0-9]{6}"),
            _one_of("hs_revision", "HS92 HS1996 HS2002 HS2007 HS2012 HS2017 HS2022"),
            _one_of("purity", "single basket unknown"),
            _text("basket_of", is_required=False),
            _year("valid_from_year"),
            _year("valid_to_year", is_required=False),
            _bool("is_used"),
            _bool("in_bundle"),
            _NOTE,
        ),
    ),
    Table(
        "countries.csv",
        ("iso3",),
        (
            _iso3("iso3"),
            _pattern("iso2", "two capital letters", r"[A-Z]{2}", is_required=False),
            _text("name_en"),
            _text("name_zh_tw"),
            _text("region"),
            _bool("is_current"),
        ),
    ),
    Table(
        "baci_country_codes.csv",
        ("baci_code",),
        (
            _pattern("baci_code", "a number from 1 to 999", r"[1-9][0-9]{0,2}"),
            _iso3("iso3", is_required=False),
            _one_of("status", "good fixed ignored"),
            _NOTE,
        ),
    ),
    Table(
        "mineral_lists.csv",
        ("list_id", "list_year", "entry_name", "mineral"),
        (
            _one_of("list_id", "eu_critical eu_strategic us_critical japan_stockpile"),
            _year("list_year"),
            _text("entry_name"),
            _id("mineral"),
            _date("valid_from"),
            _NOTE,
        ),
    ),
    Table(
        "technologies.csv",
        ("mineral", "technology"),
        (
            _id("mineral"),
            _one_of("technology", "solar wind grid ev_battery hydrogen semiconductors led magnets"),
        ),
    ),
    Table(
        "price_series.csv",
        ("mineral", "source", "series_id"),
        (
            _id("mineral"),
            _one_of("source", "pink_sheet imf_pcps komis"),
            _pattern("series_id", "letters, digits and underscores", r"[A-Za-z0-9_]+"),
            _text("series_name"),
            _one_of(
                "unit",
                "usd_per_tonne usd_per_dry_tonne usd_per_kilogram usd_per_pound usd_per_troy_ounce",
            ),
            _one_of("price_group", "base precious minor fertiliser"),
            _bool("is_proxy"),
        ),
    ),
    Table(
        "mineral_aliases.csv",
        ("mineral", "language", "alias"),
        (
            _id("mineral"),
            _one_of("language", "en zh ja"),
            _pattern("script", "hant, hans or both", "hant|hans|both", is_required=False),
            _text("alias"),
            _one_of("kind", "name symbol compound trade_name abbreviation product"),
        ),
    ),
    Table(
        "country_aliases.csv",
        ("iso3", "language", "alias"),
        (
            _iso3("iso3"),
            _one_of("language", "en zh ja"),
            _text("alias"),
            _one_of("kind", "name demonym capital abbreviation"),
        ),
    ),
    Table(
        "eu_membership.csv",
        ("iso3", "member_from"),
        (_iso3("iso3"), _date("member_from"), _date("member_to", is_required=False)),
    ),
    Table(
        "feeds.csv",
        ("id", "since"),
        (
            _pattern("id", "an id of small letters, digits and underscores", r"[a-z][a-z0-9]*(_[a-z0-9]+)*"),
            _text("title"),
            _text("publisher"),
            _one_of("publisher_kind", "trade_press commodity_desk government news_agency newspaper logistics disaster"),
            _pattern("address", "an https address", r"https://[a-z0-9.-]+(:\d+)?(/[^\s]*)?"),
            _pattern("more_hosts", "hosts with ; between", r"[a-z0-9.-]+(;[a-z0-9.-]+)*", is_required=False),
            _one_of("language", "en zh es fr id pt ja ko ru de"),
            _pattern("country_focus", "country codes with ; between", r"[A-Z]{3}(;[A-Z]{3})*", is_required=False),
            _text("licence_note"),
            _bool("is_active"),
            _date("since"),
            _date("until", is_required=False),
            _pattern("seen_live", "`not yet seen live` or a date", r"not yet seen live|\d{4}-\d{2}-\d{2}"),
            _NOTE,
        ),
    ),
)

# What texts are searched for, read by `features.catalog.names` alone: most commands need none of it.
NAME_TABLES: tuple[Table, ...] = (
    Table(
        "mineral_words.csv",
        ("mineral", "language", "word"),
        (
            _id("mineral"),
            _one_of("language", LANGUAGES),
            _text("word"),
            _one_of("kind", "name abbreviation"),
        ),
    ),
    Table("mineral_groups.csv", ("word",), (_text("word"), _pattern("minerals", _IDS, _IDS_PATTERN))),
    Table(
        "country_words.csv",
        ("iso3", "language", "word"),
        (
            _iso3("iso3"),
            _one_of("language", LANGUAGES),
            _text("word"),
            _one_of("kind", "name demonym abbreviation capital"),
        ),
    ),
    Table(
        "places.csv",
        ("name",),
        (
            _text("name"),
            _one_of("kind", "mine plant company province person"),
            _iso3("iso3", is_required=False),
            _pattern("minerals", _IDS, _IDS_PATTERN, is_required=False),
            _bool("needs_context"),
        ),
    ),
    Table(
        "company_products.csv",
        ("company", "iso3"),
        (_text("company"), _iso3("iso3"), _pattern("minerals", _IDS, _IDS_PATTERN)),
    ),
    Table(
        "context_words.csv",
        ("language", "context", "word"),
        (
            _one_of("language", LANGUAGES),
            _one_of("context", "mining supply trade price move hit shock corporate space veto"),
            _text("word"),
        ),
    ),
    Table("not_minerals.csv", ("language", "phrase"), (_one_of("language", LANGUAGES), _text("phrase"))),
    Table("not_countries.csv", ("language", "phrase"), (_one_of("language", LANGUAGES), _text("phrase"))),
)
