"""Where minerals come from: mines, smelters, refineries and districts, and their rough share of a country's output.

`load_regions()` reads `producing_regions.csv` once and checks it, with `country_boxes.csv`, which says between which
parallels and meridians a country lies. They stand beside the catalogue and are read apart from it, as only the signal
on natural disasters needs them.

It is today's knowledge: places that have closed are not in it, shares are those of recent years, and a computation
for the past that uses them knows where mines would be. What is younger than 2000 has the year in which production
began in `since`, and counts for nothing before it.
"""

from __future__ import annotations

__all__ = ["KINDS", "MOST_SHARE", "load_regions", "read_regions"]

import functools
from collections.abc import Iterator
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
        degrees, since (year, Int64, missing for places older than 2000), share_frac (of the country's output, 0 to 1),
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
    table["since"] = pd.to_numeric(table["since"]).astype("Int64")
    _raise_first(_REGIONS, told, _faults(table, sides, catalog))
    return table


@functools.cache
def load_regions() -> pd.DataFrame:
    """Return the packaged regions, read and checked once per process; not to be changed."""
    return read_regions(_FOLDER, load_catalog())


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
    total = table.groupby(["iso3", "mineral"])["share_frac"].transform("sum").round(9)
    expected = f"shares of one country and mineral that add up to at most {MOST_SHARE}"
    yield "share_frac", total > MOST_SHARE, expected, "Lower one of them."
