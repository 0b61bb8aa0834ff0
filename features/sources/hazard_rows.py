"""What the sources of `hazards` share: reading their tables, finding the country in a place name, grading, counting.

Knowledge time. A quake's magnitude is out within the hour and rarely changes by more than a few tenths; a source that
tells it without saying when is taken to have told it a day later (`A_DAY`). What is not a day old yet is left for the
next reading, so that a fact counts from the same moment whenever it is read.

A moment at midnight sharp stands for a day whose hour nobody told (`features/hazard_events.py` reads it so).
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from features import datasets
from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput, UnknownCode
from features.sources.spec import check_end, reading

__all__ = [
    "A_DAY",
    "countries_of",
    "country_of",
    "hazard_table",
    "is_unknown_yet",
    "number",
    "read_bounded",
    "read_text_table",
    "severity_of_magnitude",
]

A_DAY = pd.Timedelta(days=1)
# Magnitude from which a quake without a grade counts as orange and as red.
ORANGE_FROM, RED_FROM = 6.0, 7.0
MOST_BYTES = 200_000_000

# Names the catalogue has no alias for, as these publishers write them.
COUNTRIES = {
    "bosnia and herzegovina": "BIH",
    "bosnia-herzegovina": "BIH",
    "congo, drc": "COD",
    "fiji islands": "FJI",
    "macedonia": "MKD",
    "north korea": "PRK",
    "reunion": "REU",
    "solomon is.": "SLB",
    "st. vincent & the grenadines": "VCT",
    "turkiye": "TUR",
    "usa territory": "USA",
    "wallis and futuna (french territory)": "WLF",
    "azores (portugal)": "PRT",
    "kermadec islands (new zealand)": "NZL",
    "xizang": "CHN",
}
# Where quakes of the United States happen; its places end with the state, in words or in two letters.
STATES = {
    *("alaska", "aleutian islands", "arizona", "california", "colorado", "hawaii", "idaho", "montana", "nevada"),
    *("new mexico", "oklahoma", "oregon", "texas", "utah", "virginia", "washington", "wyoming"),
    *("ak", "ca", "hi", "id", "mt", "nv", "or", "ut", "wa", "wy"),
}
# What stands before or after a name and changes neither land nor country.
BEFORE = re.compile(
    r"^(?:(?:off|near) (?:the )?(?:\w+ )?coast of|offshore|the|northern|southern|eastern|western|central|northwestern|"
    r"northeastern|southwestern|southeastern|near)\s+",
    re.IGNORECASE,
)
AFTER = re.compile(r"\s+(?:region|reg\.?|earthquake)$", re.IGNORECASE)


def read_text_table(path: Path, required: Collection[str], *, expected: str) -> pd.DataFrame:
    """Read a CSV as text, with a `row` column; columns beyond the required ones are kept.

    Bytes that are not UTF-8 become the replacement character: copies are in circulation in which a program of another
    encoding has broken accents in place names.

    Raises:
        BadInput: the file is missing, too large, damaged, without rows, or lacks a column.
    """
    text = read_bounded(path).decode("utf-8-sig", "replace")
    remedy = "The file is damaged or cut off; download it again."
    with reading(path, expected=expected, remedy=remedy, also=(ValueError,)):
        table = pd.read_csv(io.StringIO(text), dtype="str", keep_default_na=False, on_bad_lines="error")
    missing = [name for name in required if name not in table.columns]
    if missing or table.empty:
        raise BadInput(
            where=f"{path}, header",
            expected=f"{expected} with rows and the columns {', '.join(required)}",
            found=f"no {', '.join(missing)}" if missing else "no rows",
            remedy="Is this the right file?",
        )
    check_end(path, len(table.columns))
    return table.assign(row=range(1, len(table) + 1))


def read_bounded(path: Path) -> bytes:
    """Read the bytes of a payload.

    Raises:
        BadInput: the file is missing, empty, or larger than any payload of these sources.
    """
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise BadInput(
            where=str(path),
            expected=f"a payload of at most {MOST_BYTES} bytes",
            found=f"{size} bytes",
            remedy="Download it again.",
        )
    return path.read_bytes()


def number(raw: pd.DataFrame, column: str) -> pd.Series:
    """Give a column of text as numbers, missing where it is empty, no number, or where there is no such column."""
    if column not in raw:
        return pd.Series(float("nan"), index=raw.index, dtype="float64")
    values = pd.to_numeric(raw[column], errors="coerce").astype("float64")
    return values.where(values.abs() < float("inf"))


def severity_of_magnitude(magnitude: pd.Series) -> pd.Series:
    """Grade quakes by magnitude: 3 from 7.0, 2 from 6.0, else 1, also where the magnitude is missing.

    Example:
        >>> list(severity_of_magnitude(pd.Series([5.9, 6.0, 8.8, float("nan")])))
        [1, 2, 3, 1]
    """
    return (1 + magnitude.ge(ORANGE_FROM).astype("int8") + magnitude.ge(RED_FROM).astype("int8")).astype("int8")


def country_of(place: str, catalog: Catalog) -> str:
    """Give the country that a place name ends with, as ISO 3166-1 alpha-3; empty at sea, on a border, or if unknown.

    A name counts also where the place lies off its coast: "off the coast of Chile" is told of Chile.

    Example:
        >>> from features.catalog import load_catalog
        >>> catalog = load_catalog()
        >>> [country_of(place, catalog) for place in ("9 km N of Arica, Chile", "near the coast of Peru", "Banda Sea")]
        ['CHL', 'PER', '']
    """
    name = place.rsplit(", ", 1)[-1].strip()
    while name:
        if iso3 := _iso3(name, catalog):
            return iso3
        shorter = AFTER.sub("", BEFORE.sub("", name)).strip()
        if shorter == name:
            return ""
        name = shorter
    return ""


def _iso3(name: str, catalog: Catalog) -> str:
    if name.lower() in STATES:
        return "USA"
    try:
        return COUNTRIES.get(name.lower()) or catalog.iso3_of_name(name)
    except UnknownCode:
        return ""


def countries_of(places: pd.Series, catalog: Catalog) -> pd.Series:
    """Give `country_of` for each place of a column."""
    return places.map({place: country_of(place, catalog) for place in places.unique()}).astype("str")


def is_unknown_yet(available_at: pd.Series, now: dt.datetime) -> pd.Series:
    """Tell which facts cannot be known yet; they are read again by then."""
    return available_at > pd.Timestamp(now)


def hazard_table(rows: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """Bring columns into the shape of `hazards`; `ended_at`, `depth_km` and `link` may be absent.

    What two rows say alike is kept once, so that a file which lists an event twice is no contradiction.
    """
    never = pd.Series(pd.NaT, index=rows.index, dtype=MOMENT)
    nothing = pd.Series(float("nan"), index=rows.index, dtype="float64")
    usual = {"ended_at": never, "depth_km": nothing, "magnitude": nothing, "link": ""}
    rows = rows.assign(**{name: value for name, value in usual.items() if name not in rows})
    rows = rows.assign(source=source, is_retracted=False)
    table = rows[datasets.dataset("hazards").columns].astype(datasets.dataset("hazards").types)
    return table.drop_duplicates().reset_index(drop=True)
