"""What each file of the catalogue must look like: its columns, what a cell may hold, and its key.

`TABLES` lists the files in the order they are checked; nothing is read here. How a cell of a
file that refers to another file is checked stands in `features.catalog.checks`.
"""

__all__ = ["LANGUAGES", "NAME_TABLES", "TABLES", "Column", "Row", "Table", "degrees", "one_of", "pattern", "text"]

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


def text(name: str, *, is_required: bool = True) -> Column:
    """Describe a column of free text."""
    return Column(name, "text without blanks around it", is_required, _is_text)


def one_of(name: str, values: str) -> Column:
    """Describe a column that holds one of `values`, given with blanks between them."""
    allowed = tuple(values.split())
    return Column(name, "one of " + ", ".join(allowed), True, allowed.__contains__)


def pattern(name: str, expected: str, regex: str, *, is_required: bool = True) -> Column:
    """Describe a column whose cells match `regex` from end to end."""
    return Column(name, expected, is_required, lambda value: bool(re.fullmatch(regex, value)))


def degrees(name: str, most: int, *, digits: int | None = None) -> Column:
    """Describe a column of degrees from `-most` to `most`, with so many digits behind the point if told."""
    behind = r"(\.\d+)?" if digits is None else rf"\.\d{{{digits}}}"
    expected = f"degrees from -{most} to {most}" + ("" if digits is None else f" with {digits} digits behind the point")
    number = re.compile(rf"-?\d{{1,3}}{behind}")
    return Column(name, expected, True, lambda value: bool(number.fullmatch(value)) and abs(float(value)) <= most)


def _year(name: str, *, is_required: bool = True) -> Column:
    return Column(name, f"a year from {FIRST_YEAR} to {LAST_YEAR}", is_required, _is_year)


def _date(name: str, *, is_required: bool = True) -> Column:
    return Column(name, "a date as YYYY-MM-DD", is_required, _is_date)


def _id(name: str) -> Column:
    return pattern(name, "an id of small letters and underscores", r"[a-z]+(_[a-z]+)*")


def _iso3(name: str, *, is_required: bool = True) -> Column:
    return pattern(name, "three capital letters", r"[A-Z]{3}", is_required=is_required)


def _bool(name: str) -> Column:
    return one_of(name, "true false")


_NOTE = text("note", is_required=False)

TABLES: tuple[Table, ...] = (
    Table(
        "minerals.csv",
        ("id",),
        (
            _id("id"),
            text("name_en"),
            text("name_zh_tw"),
            one_of("stage", "extraction processing"),
            text("symbol", is_required=False),
            pattern("by_product_of", "ids with ; between", r"[a-z_]+(;[a-z_]+)*", is_required=False),
            pattern("eol_rir_frac", "a fraction from 0 to 1", r"0(\.\d+)?|1", is_required=False),
            text("eol_rir_source", is_required=False),
            _NOTE,
        ),
    ),
    Table(
        "hs_codes.csv",
        ("mineral", "hs_code", "hs_revision"),
        (
            _id("mineral"),
            pattern("hs_code", "six digits", r"[0-9]{6}"),
            one_of("hs_revision", "HS92 HS1996 HS2002 HS2007 HS2012 HS2017 HS2022"),
            one_of("purity", "single basket unknown"),
            text("basket_of", is_required=False),
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
            pattern("iso2", "two capital letters", r"[A-Z]{2}", is_required=False),
            text("name_en"),
            text("name_zh_tw"),
            text("region"),
            _bool("is_current"),
        ),
    ),
    Table(
        "baci_country_codes.csv",
        ("baci_code",),
        (
            pattern("baci_code", "a number from 1 to 999", r"[1-9][0-9]{0,2}"),
            _iso3("iso3", is_required=False),
            one_of("status", "good fixed ignored"),
            _NOTE,
        ),
    ),
    Table(
        "mineral_lists.csv",
        ("list_id", "list_year", "entry_name", "mineral"),
        (
            one_of("list_id", "eu_critical eu_strategic us_critical japan_stockpile"),
            _year("list_year"),
            text("entry_name"),
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
            one_of("technology", "solar wind grid ev_battery hydrogen semiconductors led magnets"),
        ),
    ),
    Table(
        "price_series.csv",
        ("mineral", "source", "series_id"),
        (
            _id("mineral"),
            one_of("source", "pink_sheet imf_pcps komis"),
            pattern("series_id", "letters, digits and underscores", r"[A-Za-z0-9_]+"),
            text("series_name"),
            one_of(
                "unit",
                "usd_per_tonne usd_per_dry_tonne usd_per_kilogram usd_per_pound usd_per_troy_ounce",
            ),
            one_of("price_group", "base precious minor fertiliser"),
            _bool("is_proxy"),
        ),
    ),
    Table(
        "mineral_aliases.csv",
        ("mineral", "language", "alias"),
        (
            _id("mineral"),
            one_of("language", "en zh ja"),
            pattern("script", "hant, hans or both", "hant|hans|both", is_required=False),
            text("alias"),
            one_of("kind", "name symbol compound trade_name abbreviation product"),
        ),
    ),
    Table(
        "country_aliases.csv",
        ("iso3", "language", "alias"),
        (
            _iso3("iso3"),
            one_of("language", "en zh ja"),
            text("alias"),
            one_of("kind", "name demonym capital abbreviation"),
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
            pattern("id", "an id of small letters, digits and underscores", r"[a-z][a-z0-9]*(_[a-z0-9]+)*"),
            text("title"),
            text("publisher"),
            one_of("publisher_kind", "trade_press commodity_desk government news_agency newspaper logistics disaster"),
            pattern("address", "an https address", r"https://[a-z0-9.-]+(:\d+)?(/[^\s]*)?"),
            pattern("more_hosts", "hosts with ; between", r"[a-z0-9.-]+(;[a-z0-9.-]+)*", is_required=False),
            one_of("language", "en zh es fr id pt ja ko ru de"),
            pattern("country_focus", "country codes with ; between", r"[A-Z]{3}(;[A-Z]{3})*", is_required=False),
            text("licence_note"),
            _bool("is_active"),
            _date("since"),
            _date("until", is_required=False),
            pattern("seen_live", "`not yet seen live` or a date", r"not yet seen live|\d{4}-\d{2}-\d{2}"),
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
            one_of("language", LANGUAGES),
            text("word"),
            one_of("kind", "name abbreviation"),
        ),
    ),
    Table("mineral_groups.csv", ("word",), (text("word"), pattern("minerals", _IDS, _IDS_PATTERN))),
    Table(
        "country_words.csv",
        ("iso3", "language", "word"),
        (
            _iso3("iso3"),
            one_of("language", LANGUAGES),
            text("word"),
            one_of("kind", "name demonym abbreviation capital"),
        ),
    ),
    Table(
        "places.csv",
        ("name",),
        (
            text("name"),
            one_of("kind", "mine plant company province person"),
            _iso3("iso3", is_required=False),
            pattern("minerals", _IDS, _IDS_PATTERN, is_required=False),
            _bool("needs_context"),
        ),
    ),
    Table(
        "company_products.csv",
        ("company", "iso3"),
        (text("company"), _iso3("iso3"), pattern("minerals", _IDS, _IDS_PATTERN)),
    ),
    Table(
        "context_words.csv",
        ("language", "context", "word"),
        (
            one_of("language", LANGUAGES),
            one_of("context", "mining supply trade price move hit shock corporate space veto"),
            text("word"),
        ),
    ),
    Table("not_minerals.csv", ("language", "phrase"), (one_of("language", LANGUAGES), text("phrase"))),
    Table("not_countries.csv", ("language", "phrase"), (one_of("language", LANGUAGES), text("phrase"))),
)
