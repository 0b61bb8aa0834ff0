"""Monthly prices in knowledge time: what was known of each series at each moment at which anything changed.

Series are numbered: those of the catalogue in its order, then a few of context. The number of columns never
depends on the data, so that sums over them are the same to the last bit whatever is cut off. A daily
series counts by its monthly means, each known when its month is over.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.signals.period_figures import Known, known_at_each_moment

__all__ = [
    "CONTEXT",
    "FIRST_MONTH",
    "known_prices",
    "month_number",
    "monthly_versions",
    "series_numbers",
]

# Energy that smelters and refiners burn: crude oil, coal, gas.
CONTEXT = (("pink_sheet", "CRUDE_PETRO"), ("pink_sheet", "COAL_AUS"), ("pink_sheet", "NGAS_EUR"))
# Months are counted from year 0; no price before 1900 is looked at.
FIRST_MONTH = 1900 * 12
MIN_DAYS = 10
VERSION_COLUMNS = ["series", "month", "price", "available_at"]


def month_number(moments: pd.Series) -> pd.Series:
    """Number each moment's month: twelve times the year plus the month, January 0."""
    return (moments.dt.year * 12 + moments.dt.month - 1).astype("int64")


def series_numbers(catalog: Catalog) -> dict[tuple[str, str], int]:
    """Number every (source, series id) of the catalogue and of the context."""
    table = catalog.price_series
    pairs = dict.fromkeys([*zip(table["source"], table["series_id"], strict=True), *CONTEXT])
    return {pair: number for number, pair in enumerate(pairs)}


def monthly_versions(prices: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Give every version of every month of the numbered series, in order of knowledge.

    Args:
        prices: dataset `prices`, every version.

    Returns:
        series (number), month (number), price (NaN where withdrawn), available_at; sorted by available_at,
        series and month.
    """
    numbers = series_numbers(catalog)
    keys = zip(prices["source"], prices["series"], strict=True)
    rows = prices.assign(number=[numbers.get(key, -1) for key in keys], month=month_number(prices["starts_on"]))
    rows = rows[(rows["number"] >= 0) & (rows["month"] >= FIRST_MONTH)]
    rows = rows.assign(price=rows["price"].where(~rows["is_retracted"]), series=rows["number"])
    is_day = rows["frequency"].eq("day")
    parts = [rows.loc[~is_day, VERSION_COLUMNS], _months_of_days(rows[is_day])]
    versions = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return versions.sort_values(["available_at", "series", "month"], kind="stable", ignore_index=True)


def _months_of_days(days: pd.DataFrame) -> pd.DataFrame:
    # A month's mean is known when the month is over, and changes with each day that comes or is revised later.
    over = pd.to_datetime(days["starts_on"]).dt.normalize() + pd.offsets.MonthBegin(1)
    days = days.assign(known_at=np.maximum(days["available_at"], over))
    found = []
    for (series, month), group in days.sort_values("available_at").groupby(["series", "month"]):
        for moment in sorted(group["known_at"].unique()):
            known = group[group["known_at"] <= moment].drop_duplicates("starts_on", keep="last")
            mean = known.sort_values("starts_on")["price"].mean() if known["price"].count() >= MIN_DAYS else np.nan
            found.append((series, month, mean, moment))
    table = pd.DataFrame(found, columns=VERSION_COLUMNS)
    return table.astype(
        {"series": "int64", "month": "int64", "price": "float64", "available_at": "datetime64[us, UTC]"}
    )


def known_prices(versions: pd.DataFrame, n_series: int) -> Iterator[Known]:
    """Yield what is known at each distinct `available_at` of what `monthly_versions` gave; row 0 is `FIRST_MONTH`."""
    return known_at_each_moment(
        versions.rename(columns={"month": "period", "price": "value"}), n_series, first=FIRST_MONTH
    )
