"""Where minerals come from: mines, smelters, refineries and districts, and their rough share of a country's output.

`load_regions()` reads `producing_regions.csv` once and checks it, with `country_boxes.csv`, which says between which
parallels and meridians a country lies. They stand beside the catalogue and are read apart from it, as only the signal
on natural disasters needs them.

It is today's knowledge: a computation for the past that uses it knows where mines would be. What is younger than 2000
has the year in which production began in `since`, and counts for nothing before it. What has closed, or was idled and
not taken up again, has its last year of work in `until`, and counts for nothing after it.

The share of a place that works is that of recent years, the share of one that has closed that of its last years. So
those of places that were open in one year may add up to more than all, where what is left of a country's output comes
from what was not closed: `shares_in` then lowers them in proportion.
"""

from __future__ import annotations

__all__ = ["KINDS", "MOST_SHARE", "is_open", "load_regions", "read_regions", "shares_in"]

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from features.catalog import Catalog, load_catalog
from features.catalog.schema import Table, degrees, one_of, pattern, text
from features.catalog.tables import read_one_table
from features.errors import BadInput

KINDS = ("mine", "smelter", "refinery", "district")
# Shares are rounded, so those of one country and mineral may add up to a little more than all.
MOST_SHARE = 1.05
# Boxes are rounded to a tenth of a degree, and coordinates are true to about two tenths.
BOX_MARGIN_DEGREES = 0.2
# What is said of a place is the same in all its rows.
OF_THE_PLACE = ("name", "kind", "iso3", "latitude", "longitude")

_FOLDER = Path(__file__).parent
# A column of text that is wrong, which rows are, what was expected, and what to do.
_Fault = tuple[str, pd.Series, str, str]


_ISO3 = pattern("iso3", "three capital letters", r"[A-Z]{3}")
_REGIONS = Table(
    "producing_regions.csv",
    ("id", "mineral"),
    (
        pattern("id", "an id of small letters and underscores", r"[a-z]+(_[a-z]+)*"),
        pattern("mineral", "an id of minerals.csv", r"[a-z_]+"),
        text("name"),
        one_of("kind", " ".join(KINDS)),
        _ISO3,
        degrees("latitude", 90, digits=2),
        degrees("longitude", 180, digits=2),
        pattern("since", "a year from 2000 on", r"20\d\d", is_required=False),
        pattern("until", "a year from 1996 on", r"199[6-9]|20\d\d", is_required=False),
        pattern("share_frac", "0.01 to 1.00 with two digits", r"0\.(0[1-9]|[1-9]\d)|1\.00"),
        one_of("share_confidence", "high medium low"),
        text("source"),
    ),
)
_BOXES = Table(
    "country_boxes.csv",
    ("iso3",),
    (
        _ISO3,
        degrees("south", 90, digits=1),
        degrees("west", 180, digits=1),
        degrees("north", 90, digits=1),
        degrees("east", 180, digits=1),
    ),
)


def read_regions(folder: Path, catalog: Catalog) -> pd.DataFrame:
    """Read and check the producing regions in a folder.

    Args:
        folder: holds `producing_regions.csv` and `country_boxes.csv`.
        catalog: its minerals and countries are those that a row may name.

    Returns:
        One row per place and mineral, sorted by both: id, mineral, name, kind, iso3, latitude and longitude in
        degrees, since (year, Int64, missing for places older than 2000), until (last year of work, Int64, missing for
        places that work), share_frac (of the country's output, 0 to 1, in recent or in its last years),
        share_confidence, source.

    Raises:
        BadInput: a file is not in order; names file, row (the header is row 1) and field.
    """
    boxes = pd.DataFrame(read_one_table(folder, _BOXES)).set_index("iso3", drop=False)
    sides = boxes[["south", "west", "north", "east"]].astype("float64")
    is_low = sides["north"] <= sides["south"]
    _raise_first(_BOXES, boxes, [("north", is_low, "a parallel north of `south`", "Exchange the two.")])
    told = pd.DataFrame(read_one_table(folder, _REGIONS))
    table = told.astype(dict.fromkeys(("latitude", "longitude", "share_frac"), "float64"))
    for name in ("since", "until"):
        table[name] = pd.to_numeric(table[name]).astype("Int64")
    _raise_first(_REGIONS, told, _faults(table, sides, catalog))
    return table


@functools.cache
def load_regions() -> pd.DataFrame:
    """Return the packaged regions, read and checked once per process; not to be changed."""
    return read_regions(_FOLDER, load_catalog())


def is_open(regions: pd.DataFrame, year: int | pd.Series) -> pd.Series:
    """Say which rows of `regions` worked in a year: not before `since`, not after `until`."""
    has_begun = regions["since"].le(year).fillna(value=True)
    return (has_begun & regions["until"].ge(year).fillna(value=True)).astype("bool")


def shares_in(regions: pd.DataFrame, years: Iterable[int]) -> pd.DataFrame:
    """Give the share of each place in each of `years` in which it worked.

    Returns:
        id, mineral, iso3, year, share_frac; where shares of one country and mineral add up to more than 1 in a year,
        as each is told of its own time, they are lowered in proportion.
    """
    rows = regions[["id", "mineral", "iso3", "since", "until", "share_frac"]]
    rows = rows.merge(pd.DataFrame({"year": sorted(set(years))}, dtype="int64"), how="cross")
    rows = rows[is_open(rows, rows["year"])]
    total = rows.groupby(["iso3", "mineral", "year"])["share_frac"].transform("sum").round(9)
    rows = rows.assign(share_frac=rows["share_frac"] / total.clip(lower=1.0))
    return rows[["id", "mineral", "iso3", "year", "share_frac"]].reset_index(drop=True)


def _raise_first(file: Table, told: pd.DataFrame, faults: Iterator[_Fault] | list[_Fault]) -> None:
    for field, is_bad, expected, remedy in faults:
        if is_bad.any():
            at = int(is_bad.to_numpy().argmax())
            where = f"features/catalog/{file.file}, row {at + 2}, {field}"
            raise BadInput(where=where, expected=expected, found=repr(told[field].iloc[at]), remedy=remedy)


def _faults(table: pd.DataFrame, sides: pd.DataFrame, catalog: Catalog) -> Iterator[_Fault]:
    yield "mineral", ~table["mineral"].isin(list(catalog.minerals)), "an id of minerals.csv", "Correct the id."
    yield "iso3", ~table["iso3"].isin(list(catalog.countries)), "a row of countries.csv", "Correct the code."
    for field in OF_THE_PLACE:
        first = table.groupby("id")[field].transform("first")
        yield field, table[field].ne(first), "the same in all rows of the place", "Correct one of its rows."
    yield "iso3", ~table["iso3"].isin(sides.index), f"a row of {_BOXES.file}", "Add the box of the country."
    box = sides.reindex(table["iso3"]).set_index(table.index)
    low, high = box["south"] - BOX_MARGIN_DEGREES, box["north"] + BOX_MARGIN_DEGREES
    yield "latitude", ~table["latitude"].between(low, high), "a parallel of the country", "Correct the coordinates."
    is_east = table["longitude"] >= box["west"] - BOX_MARGIN_DEGREES
    is_west = table["longitude"] <= box["east"] + BOX_MARGIN_DEGREES
    # A box whose west is east of its east reaches over the 180th meridian.
    is_inside = (is_east & is_west).where(box["west"] <= box["east"], is_east | is_west)
    yield "longitude", ~is_inside, "a meridian of the country", "Correct the coordinates."
    is_early = table["until"].lt(table["since"]).fillna(value=False).astype("bool")
    yield "until", is_early, "a year not before `since`", "Correct one of the two."
    # Only shares told of one time must fit: those of places that work, and those of places that closed in one year.
    total = table.groupby(["iso3", "mineral", "until"], dropna=False)["share_frac"].transform("sum").round(9)
    expected = f"shares of one country, mineral and time that add up to at most {MOST_SHARE}"
    yield "share_frac", total > MOST_SHARE, expected, "Lower one of them."
