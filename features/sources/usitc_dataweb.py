"""USITC DataWeb: United States imports by partner and tariff heading -> `mirror_trade`.

Payload: the workbook DataWeb exports for "Imports For Consumption", annual and year to
date, with the sheets `Query Parameters`, `Customs Value`, `First Unit of Quantity` and
the same two with ` YTD`. One row per country, heading and unit; a column per year.

Three things are not what they seem. The caption says "Year-To-Date Data from Jan - Apr"
in a download whose figures run to May (they equal the Census Bureau's months January to
May to the dollar), so the last month is the newest one released on the day of the
download, if that is later than the caption's. The column of the year in progress holds
zeros among the full years. A heading may be counted in several units: rows in mass of
the product, in mass of the metal, and in neither are kept apart (`basis`). Countries and headings that were
asked for and have no row had no trade: they become zeros, since a stop must be visible.
The second unit is not read.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import python_calamine

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import UTC
from features.sources.spec import Harvest, SourceSpec, reading, reject_rows
from features.sources.us_calendar import newest_month, release_of_month

__all__ = ["FILES", "SPEC", "harmonise", "newest_month", "parse", "release_of_month", "released"]

SPEC = SourceSpec(
    name="usitc_dataweb",
    title="DataWeb: U.S. imports for consumption by partner and tariff heading",
    publisher="United States International Trade Commission",
    address="https://dataweb.usitc.gov/",
    licence="US public domain",
    citation="U.S. International Trade Commission, DataWeb; figures of the U.S. Census Bureau",
    cadence="monthly",
    lag=None,
    lag_rule="month m is out about the 6th of m+2; counted from the 8th (14th before 2013, 21st before 2004)",
    fills=("mirror_trade",),
    takes="xlsx exported by DataWeb: annual and year-to-date customs value and first unit of quantity",
    may_redistribute=True,
    hosts=("dataweb.usitc.gov", "datawebws.usitc.gov"),
    stale_after_days=75,
)
FILES = ("*imports*.xlsx",)

VALUE, QUANTITY, PARAMETERS = "Customs Value", "First Unit of Quantity", "Query Parameters"
CAPTION = re.compile(r"Imports For Consumption\|Annual \+ Year-To-Date Data from Jan - (\w{3})")
FIRST_COLUMNS = ["Data Type", "Country", "HTS Number", "Description", "Quantity Description"]
YEAR_COLUMN = re.compile(r"(\d{4})(_Year_to_date)?$")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What a unit weighs, and tonnes per unit; units in neither mass are counted, not weighed.
UNITS = {
    "kilograms": ("gross", 1e-3),
    "metric tons": ("gross", 1.0),
    "grams": ("gross", 1e-6),
    "component kilograms": ("content", 1e-3),
    "component grams": ("content", 1e-6),
    "component metric tons": ("content", 1.0),
    "gold content grams": ("none", np.nan),  # of copper ores: another metal
    "number": ("none", np.nan),
    "thousand units": ("none", np.nan),
    "no units collected": ("none", np.nan),
}
RAW_COLUMNS = ["row", "country", "hs_code", "unit", "year", "last_month", "value", "quantity", "asked_on"]


def parse(path: Path) -> pd.DataFrame:
    """Read a workbook into `RAW_COLUMNS`: one row per country, heading, unit and period from January on.

    `row` is the row of the sheet of values, 0 for a country and heading that was asked for and has none;
    `value` is in US dollars, `quantity` in `unit`; `last_month` ends the period; `asked_on` is the download.

    Raises:
        BadInput: not such a workbook, a sheet lacks rows it promises, or a cell is not a number.
    """
    sheets = _read_sheets(path)
    asked = {str(row[0]): row[1] for row in sheets[PARAMETERS] if len(row) > 1}
    download = asked.get("Download Date")
    if not isinstance(download, dt.datetime) or asked.get("Trade Flow") != "Imports For Consumption":
        raise BadInput(
            where=f"{path}, sheet {PARAMETERS}",
            expected="Download Date and Trade Flow 'Imports For Consumption'",
            found=f"{asked.get('Download Date')!r}, {asked.get('Trade Flow')!r}",
            remedy="Export imports for consumption from DataWeb with its query parameters.",
        )
    asked_on = download.replace(tzinfo=UTC)
    parts = []
    for suffix in ("", " YTD"):
        value = _tidy(sheets[VALUE + suffix], path, VALUE + suffix, "value")
        quantity = _tidy(sheets[QUANTITY + suffix], path, QUANTITY + suffix, "quantity")
        last = _last_month(sheets[VALUE + suffix][0][0], asked_on, path) if suffix else 12
        keys = ["country", "hs_code", "unit", "year"]
        both = value.merge(quantity.drop(columns="row"), on=keys, how="left", validate="one_to_one")
        parts.append(both.assign(last_month=last))
    rows = pd.concat(parts, ignore_index=True)
    rows = pd.concat([rows, _silent(rows, asked)], ignore_index=True)
    # The column of a year that was not over says nothing: it is zero even where trade went on.
    periods = zip(rows["year"], rows["last_month"], strict=True)
    is_over = [release_of_month(int(year), int(month)) <= asked_on for year, month in periods]
    return rows[is_over].assign(asked_on=pd.Timestamp(asked_on))[RAW_COLUMNS].reset_index(drop=True)


def released(raw: pd.DataFrame) -> dt.datetime:
    """Give the day of the download: the release this payload is."""
    moment: pd.Timestamp = raw["asked_on"].iloc[0]
    return moment.to_pydatetime()


def _read_sheets(path: Path) -> dict[str, list[list[Any]]]:
    also = (python_calamine.CalamineError,)
    with reading(path, expected="an xlsx workbook", remedy="Download it again.", also=also):
        book = python_calamine.CalamineWorkbook.from_path(path)
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    wanted = [PARAMETERS, *(name + suffix for name in (VALUE, QUANTITY) for suffix in ("", " YTD"))]
    missing = [name for name in wanted if name not in sheets]
    if missing:
        raise BadInput(
            where=str(path),
            expected=f"the sheets {', '.join(wanted)}",
            found=f"no {', '.join(missing)}",
            remedy="Export annual and year-to-date data with customs value and first unit of quantity.",
        )
    return sheets


def _tidy(cells: list[list[Any]], path: Path, sheet: str, what: str) -> pd.DataFrame:
    header = [str(cell) for cell in cells[2]] if len(cells) > 2 else []
    if header[: len(FIRST_COLUMNS)] != FIRST_COLUMNS or cells[1][0] != "Data Row Count":
        raise BadInput(
            where=f"{path}, sheet {sheet}",
            expected=f"a row count, then the columns {', '.join(FIRST_COLUMNS)} and years",
            found=", ".join(header[:6]) or "nothing",
            remedy="Has the layout changed?",
        )
    body = [(number, row) for number, row in enumerate(cells[3:], start=4) if row[1] != ""]
    if len(body) != cells[1][1]:
        raise BadInput(
            where=f"{path}, sheet {sheet}",
            expected=f"the {cells[1][1]:.0f} rows that row 2 promises",
            found=f"{len(body)} rows",
            remedy="The download was cut off; export it again.",
        )
    wide = pd.DataFrame([row for _, row in body], columns=header)
    wide = wide.assign(row=[number for number, _ in body])
    years = [name for name in header if YEAR_COLUMN.fullmatch(name)]
    long = wide.melt(["row", "Country", "HTS Number", "Quantity Description"], years, "column", what)
    long = long.rename(columns={"Country": "country", "HTS Number": "hs_code", "Quantity Description": "unit"})
    number = pd.to_numeric(long[what], errors="coerce")
    if number.isna().any():
        first = long[number.isna()].iloc[0]
        raise BadInput(
            where=f"{path}, sheet {sheet}, row {first['row']}, column {first['column']}",
            expected="a number",
            found=repr(first[what]),
            remedy="Correct the cell or export it again.",
        )
    unit = long["unit"].astype("str").str.removeprefix("Value for: ")
    long = long.assign(year=long["column"].str[:4].astype("int64"), unit=unit, hs_code=long["hs_code"].astype("str"))
    return long.assign(**{what: number.astype("float64")}).drop(columns="column")


def _last_month(caption: object, asked_on: dt.datetime, path: Path) -> int:
    found = CAPTION.search(str(caption))
    if found is None or found[1] not in MONTHS:
        raise BadInput(
            where=f"{path}, sheet {VALUE} YTD, row 1",
            expected="Imports For Consumption|Annual + Year-To-Date Data from Jan - <month>",
            found=repr(caption),
            remedy="Has the layout changed?",
        )
    year, month = newest_month(asked_on)
    following = release_of_month(year + month // 12, month % 12 + 1)
    if asked_on.month == following.month and asked_on.year == following.year:
        # The report may have come already, and nothing in the workbook tells whether it has.
        raise BadInput(
            where=f"{path}, sheet {PARAMETERS}, Download Date",
            expected=f"a download on {following.date()} or later in that month, or in a month before",
            found=asked_on.date().isoformat(),
            remedy="Between two reports the workbook does not tell its last month; export it again.",
        )
    return max(MONTHS.index(found[1]) + 1, month if year == asked_on.year else 12)


def _silent(rows: pd.DataFrame, asked: dict[str, Any]) -> pd.DataFrame:
    # Every (country, heading) asked for that has no row, as zeros in each period there is.
    countries = [name.strip() for name in str(asked.get("Country List", "")).split(",")]
    codes = [code.strip() for code in str(asked.get("Commodity List", "")).split(",")]
    periods = rows[["year", "last_month"]].drop_duplicates()
    grid = pd.DataFrame([(country, code) for country in countries if country for code in codes if code])
    if grid.empty:
        return rows.head(0)
    grid = grid.set_axis(["country", "hs_code"], axis=1).merge(periods, how="cross")
    seen = rows[["country", "hs_code", "year", "last_month"]].drop_duplicates()
    both = grid.merge(seen, how="left", indicator=True)
    return (
        both[both["_merge"].eq("left_only")]
        .drop(columns="_merge")
        .assign(row=0, unit="kilograms", value=0.0, quantity=0.0)
    )


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`; units of one basis are summed, headings of no mineral left out."""
    wanted = {heading for heading in raw["hs_code"].str[:4].unique() if catalog.minerals_of_product(heading)}
    countries = {name: _iso3(catalog, name) for name in raw["country"].unique()}
    supplier = raw["country"].map(countries)
    is_ours = raw["hs_code"].str[:4].isin(wanted)
    checks = (
        ("country", supplier.eq(""), "an unknown country"),
        ("hs_code", ~raw["hs_code"].str.fullmatch(r"\d{4,10}"), "not a tariff number of four to ten digits"),
        ("unit", is_ours & ~raw["unit"].isin(UNITS), "an unknown unit"),
        ("value", raw["value"] < 0, "a negative value"),
        ("quantity", raw["quantity"] < 0, "a negative quantity"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    kept = raw[is_ours & ~is_bad]
    tonnes = kept["quantity"] * kept["unit"].map({unit: factor for unit, (_, factor) in UNITS.items()})
    start = pd.to_datetime({"year": kept["year"], "month": 1, "day": 1}, utc=True).astype("datetime64[us, UTC]")
    last = pd.to_datetime({"year": kept["year"], "month": kept["last_month"], "day": 1}, utc=True)
    out = {
        (year, month): release_of_month(year, month)
        for year, month in set(zip(kept["year"], kept["last_month"], strict=True))
    }
    known = [out[period] for period in zip(kept["year"], kept["last_month"], strict=True)]
    rows = pd.DataFrame(
        {
            "reported_by": "importer",
            "importer": "USA",
            "supplier": supplier[kept.index].astype("str"),
            "hs_code": kept["hs_code"].astype("str"),
            "basis": kept["unit"].map({unit: basis for unit, (basis, _) in UNITS.items()}).astype("str"),
            "first_month": start,
            "last_month": last.astype("datetime64[us, UTC]"),
            "value_usd": kept["value"],
            "quantity_tonnes": tonnes,
            "available_at": pd.to_datetime(pd.Series(known, index=kept.index), utc=True).astype("datetime64[us, UTC]"),
        }
    )
    key = [name for name in rows.columns if name not in ("value_usd", "quantity_tonnes")]
    rows = rows.groupby(key, as_index=False, sort=True).agg(
        value_usd=("value_usd", "sum"), quantity_tonnes=("quantity_tonnes", lambda tonnes: tonnes.sum(min_count=1))
    )
    rows = rows.assign(is_estimated=False, source=SPEC.name, is_retracted=False)
    counts = {"other headings": int((~is_ours).sum())}
    return Harvest({"mirror_trade": rows}, rejected, counts)


def _iso3(catalog: Catalog, name: str) -> str:
    try:
        return catalog.iso3_of_name(name)
    except BadInput:
        return ""
