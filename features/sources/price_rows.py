"""Shared by the price sources: cells of a workbook, and raw prices checked into rows of `prices`.

A raw table has one row per price: `row` in the file, `name` and `code` of the series, `unit` and
`period` as the file states them, and `price` (a number, or the text that stands in its place).
"""

from __future__ import annotations

import datetime as dt
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import python_calamine

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.spec import Harvest, reading, reject_rows

__all__ = [
    "RAW_COLUMNS",
    "Cells",
    "daily_prices",
    "is_month",
    "month_of",
    "monthly_prices",
    "number_in",
    "raw_prices",
    "read_cells",
]

Cells = list[list[Any]]
RAW_COLUMNS = ["row", "name", "code", "unit", "period", "price"]
MONTH = re.compile(r"(\d{4})M(\d{1,2})")
NO_PRICE = {"", "..", "...", "…"}


def read_cells(path: Path, sheet: str) -> Cells:
    """Read all cells of one sheet of a workbook, whatever its kind and the ending of its name.

    Returns:
        The rows from the first of the sheet on, all of one width; an empty cell is "".

    Raises:
        BadInput: the file is missing, no workbook, or lacks the sheet.
    """
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    remedy = "The file is damaged, cut off or something else; download it again."
    also = (ValueError, python_calamine.CalamineError)
    with reading(path, expected="an Excel workbook", remedy=remedy, also=also):
        # By the bytes: calamine believes the ending of a path, and xlsx files are served as .xls.
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(path.read_bytes()))
        if sheet in book.sheet_names:
            return book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    found = ", ".join(book.sheet_names)
    raise BadInput(where=str(path), expected=f"a sheet {sheet}", found=found, remedy="Is this the right source?")


def is_month(cell: object) -> bool:
    """Tell whether a cell names a month, such as 2024M03 or 1980M1."""
    return bool(MONTH.fullmatch(str(cell).strip()))


def month_of(cell: object) -> tuple[int, int] | None:
    """Give year and month of a cell such as 2024M03, None where it names none."""
    found = MONTH.fullmatch(str(cell).strip())
    if not found or not 1 <= int(found[2]) <= 12:
        return None
    return int(found[1]), int(found[2])


def raw_prices(cells: Cells, first: int, series: Sequence[tuple[int, str, str, str]]) -> pd.DataFrame:
    """Turn a sheet with one row per month and one column per series into a raw table.

    Args:
        cells: the sheet.
        first: index of the first row of prices.
        series: (column, name, code, unit) of each series.

    Returns:
        `RAW_COLUMNS`; a cell that stands for no price gives no row, any other text stays to be rejected.
    """
    records = []
    for number, line in enumerate(cells[first:], start=first + 1):
        period = str(line[0]).strip()
        records += [
            (number, name, code, unit, period, line[column])
            for column, name, code, unit in series
            if not (isinstance(line[column], str) and line[column].strip() in NO_PRICE)
        ]
    return pd.DataFrame(records, columns=RAW_COLUMNS)


def monthly_prices(
    raw: pd.DataFrame,
    catalog: Catalog,
    *,
    file: str,
    source: str,
    lag: MonthLag,
    now: dt.datetime,
) -> Harvest:
    """Check a raw table of months and turn it into rows of `prices`.

    Args:
        raw: `RAW_COLUMNS` and `series` (id, "" where unknown) and `unit_id` ("" where unknown).
        lag: when a month's price becomes known.
        now: a month that has not ended by then is rejected.
    """
    months = {period: month_of(period) for period in raw["period"].unique()}
    starts = {p: pd.Timestamp(*m, 1, tz="UTC") if m else pd.NaT for p, m in months.items()}
    known = {p: pd.Timestamp(lag.available_at(*m)) if m else pd.NaT for p, m in months.items()}
    begins = pd.to_datetime(raw["period"].map(starts), utc=True)
    ends = begins + pd.offsets.MonthBegin(1)
    checks = [
        ("period", begins.isna(), "not a month such as 2024M03"),
        ("period", ends > pd.Timestamp(now), f"a month that has not ended by {now.date()}"),
    ]
    moments = (begins, pd.to_datetime(raw["period"].map(known), utc=True))
    return _prices(raw, catalog, checks, moments, file=file, source=source, frequency="month")


def daily_prices(
    raw: pd.DataFrame, catalog: Catalog, *, file: str, source: str, form: str, now: dt.datetime
) -> Harvest:
    """Check a raw table of days, written in the date format `form`; a day's price is known when the day is over."""
    begins = pd.to_datetime(raw["period"], format=form, errors="coerce", utc=True)
    ends = begins + pd.Timedelta(days=1)
    checks = [
        ("period", begins.isna(), f"not a date in the form {form}"),
        ("period", ends > pd.Timestamp(now), f"a day that has not ended by {now.date()}"),
    ]
    return _prices(raw, catalog, checks, (begins, ends), file=file, source=source, frequency="day")


def _prices(
    raw: pd.DataFrame,
    catalog: Catalog,
    checks: list[tuple[str, pd.Series, str]],
    moments: tuple[pd.Series, pd.Series],
    *,
    file: str,
    source: str,
    frequency: str,
) -> Harvest:
    price = pd.Series([number_in(cell) for cell in raw["price"]], index=raw.index, dtype="float64")
    ours = catalog.price_series
    units = ours[ours["source"].eq(source)].drop_duplicates("series_id").set_index("series_id")["unit"]
    expected = raw["series"].map(units)
    checks = [
        ("name", raw["series"].eq(""), "an unknown series; was it renamed?"),
        ("unit", raw["unit_id"].eq(""), "an unknown unit"),
        ("unit", expected.notna() & raw["unit_id"].ne(expected), "not the series' unit in price_series.csv"),
        *checks,
        ("price", ~price.between(0, math.inf, inclusive="neither"), "not a price above zero"),
        ("period", raw.duplicated(["series", "period"]), "the series has this month or day twice"),
    ]
    rejected, is_bad = reject_rows(raw, checks, file=file)
    rows = pd.DataFrame(
        {
            "series": raw["series"].astype("str"),
            "frequency": frequency,
            "starts_on": moments[0].astype("datetime64[us, UTC]"),
            "price": price,
            "unit": raw["unit_id"].astype("str"),
            "available_at": moments[1].astype("datetime64[us, UTC]"),
            "source": source,
            "is_retracted": False,
        }
    )
    return Harvest({"prices": rows[~is_bad].reset_index(drop=True)}, rejected)


def number_in(cell: object) -> float:
    """Give the number in a cell of a workbook, NaN for all else: one written as text is a sign of damage."""
    return float(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else math.nan
