"""Signal `prices`: how the price of a mineral has moved, against its own past, its group and its host metal.

Steps change at each moment at which a price becomes known or is revised: about the 7th and the 16th of a
month. Everything is computed from what is known then, so a revision counts from its release. A mineral
follows one series at a time: one that is up to date and two years long before one that is not, its own price before
that of another product, then the longer one. Prices are nominal: the monthly files hold no deflator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalog import Catalog
from features.signals.declaration import Feature, Signal, Steps, Tables
from features.signals.period_figures import Known
from features.signals.price_history import (
    CONTEXT,
    FIRST_MONTH,
    known_prices,
    month_number,
    monthly_versions,
    series_numbers,
)
from features.signals.price_shape import MONTHS_NEEDED, correlation_with_others, cut, describe, mean_of_known

__all__ = ["MINERAL_FEATURES", "SIGNAL"]

FEATURES = (
    Feature("prices_return_1m", "log_ratio", "Change of the price over one month."),
    Feature("prices_return_3m", "log_ratio", "Change of the price over three months."),
    Feature("prices_return_6m", "log_ratio", "Change of the price over six months."),
    Feature("prices_return_12m", "log_ratio", "Change of the price over twelve months."),
    Feature("prices_volatility_12m", "log_ratio", "Standard deviation of the last 12 monthly changes, per year."),
    Feature("prices_volatility_ratio", "log_ratio", "That deviation against the one of the last ten years."),
    Feature("prices_largest_rise_12m", "log_ratio", "The largest rise in one of the last 12 months."),
    Feature("prices_drawdown_5y", "log_ratio", "The price against its highest month of the last five years."),
    Feature("prices_vs_5y_mean", "log_ratio", "The price against its mean of the last five years."),
    Feature("prices_zscore_5y", "score", "Distance of the log price from its five-year mean, in its deviations."),
    Feature("prices_trend_3m_12m", "log_ratio", "Mean price of three months against that of twelve."),
    Feature("prices_break_up_12m", "score", "Page's cumulative sum of unusual rises in 12 months, in deviations."),
    Feature("prices_break_down_12m", "score", "Page's cumulative sum of unusual falls in 12 months, in deviations."),
    Feature("prices_group_return_3m", "log_ratio", "Mean change over three months of the others in its price group."),
    Feature("prices_group_return_12m", "log_ratio", "Mean change over twelve months of the others in its price group."),
    Feature(
        "prices_group_correlation_3y", "score", "Correlation of its monthly changes with its group's, three years."
    ),
    Feature("prices_host_return_3m", "log_ratio", "Change over three months of the metals it is a by-product of."),
    Feature("prices_host_return_12m", "log_ratio", "Change over twelve months of the metals it is a by-product of."),
    Feature("prices_energy_return_12m", "log_ratio", "Mean change over twelve months of crude oil, coal and gas."),
    Feature("prices_years_known", "years", "Length of the record of the price."),
    Feature("prices_age_months", "months", "Months from the newest price to the month of the forecast."),
    Feature("prices_since_trade_year", "log_ratio", "The price against its mean in the last known trade year."),
    Feature(
        "prices_unit_value_vs_world", "log_ratio", "Value of a tonne exported against the world price of that year."
    ),
)
# Those that need no joined columns of other families.
MINERAL_FEATURES = tuple(
    feature.name
    for feature in FEATURES
    if feature.name not in ("prices_since_trade_year", "prices_unit_value_vs_world")
)
STEP_FEATURES = tuple(
    name for name in MINERAL_FEATURES if name not in ("prices_energy_return_12m", "prices_age_months")
)
# What `combine` and the target need to know besides: which series, its newest month, and means of earlier years.
YEARS_BACK = (1, 2, 3)
HELPERS = (
    "prices_series",
    "prices_newest_month",
    "prices_newest_log",
    "prices_log_per_tonne",
    *(f"prices_log_mean_{n}y" for n in YEARS_BACK),
)
UNITS_PER_TONNE = {
    "usd_per_tonne": 1.0,
    "usd_per_dry_tonne": 1.0,
    "usd_per_kilogram": 1000.0,
    "usd_per_pound": 2204.6226,
    "usd_per_troy_ounce": 32150.747,
}
FRESH_MONTHS, MIN_MONTHS = 6, 24
ENERGY = ["prices_energy_return_12m", "prices_energy_month"]
GROUP_MONTHS = 37


@dataclass(frozen=True)
class Book:
    """Which series stand for which minerals, as arrays: one row per catalogue row of a mineral and series."""

    minerals: tuple[str, ...]
    mineral: NDArray[np.int64]
    series: NDArray[np.int64]
    is_own: NDArray[np.bool_]
    group: NDArray[np.int64]
    context: NDArray[np.int64]
    is_host: NDArray[np.bool_]
    log_per_tonne: NDArray[np.float64]

    @classmethod
    def of(cls, catalog: Catalog) -> Book:
        """Read it from the catalogue."""
        table, numbers = catalog.price_series, series_numbers(catalog)
        minerals = tuple(dict.fromkeys(table["mineral"]))
        at = {mineral: number for number, mineral in enumerate(minerals)}
        series = np.array([numbers[pair] for pair in zip(table["source"], table["series_id"], strict=True)])
        group = np.full(len(numbers), -1)
        group[series] = pd.factorize(table["price_group"], sort=True)[0]
        log_per_tonne = np.full(len(numbers), np.nan)
        log_per_tonne[series] = np.log(table["unit"].map(UNITS_PER_TONNE).to_numpy(dtype="float64"))
        is_host = np.array([[host in catalog.minerals[name].by_product_of for host in minerals] for name in minerals])
        return cls(
            minerals,
            table["mineral"].map(at).to_numpy(),
            series,
            ~table["is_proxy"].to_numpy(dtype=bool),
            group,
            np.array([numbers[pair] for pair in CONTEXT]),
            is_host,
            log_per_tonne,
        )

    def choose(self, known: Known) -> NDArray[np.int64]:
        """Give the series each mineral follows, -1 where nothing is known of any."""
        count, last = known.count[self.series], known.last[self.series]
        is_usable = (count >= MIN_MONTHS) & (last >= known.last.max() - FRESH_MONTHS)
        # Best last; the first of the catalogue wins a tie.
        order = np.lexsort((-np.arange(len(count)), count, self.is_own, is_usable, count > 0))
        chosen = np.full(len(self.minerals), -1)
        for row in order:
            if count[row]:
                chosen[self.mineral[row]] = self.series[row]
        return chosen


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give one step function per mineral, and one of energy prices without keys."""
    book = Book.of(catalog)
    versions = monthly_versions(tables["prices"], catalog)
    moments, minerals, energy = [], [], []
    for known in known_prices(versions, len(book.group)):
        values, context = describe_moment(known, book)
        moments.append(known.moment)
        minerals.append(values)
        energy.append(context)
    columns = [*STEP_FEATURES, *HELPERS]
    rows = changes(moments, np.array(minerals).reshape(len(moments), len(book.minerals), len(columns)), columns)
    rows["mineral"] = pd.array([book.minerals[at] for at in rows.pop("unit")], dtype="str")
    context_rows = changes(moments, np.array(energy).reshape(len(moments), 1, len(ENERGY)), ENERGY)
    rows = rows.sort_values(["mineral", "available_at"], ignore_index=True)
    return [
        Steps(("mineral",), rows[["mineral", "available_at", *columns]]),
        Steps((), context_rows.drop(columns="unit")),
    ]


def describe_moment(known: Known, book: Book) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Describe what is known at one moment.

    Returns:
        (n_minerals, n_columns) in the order of the step function; the change of energy prices and their newest month.
    """
    chosen = book.choose(known)
    shape = describe(_ending_with_newest(known, np.arange(len(known.last)), MONTHS_NEEDED))
    followed, has = np.where(chosen >= 0, chosen, 0), chosen >= 0
    found = {name: values[followed] for name, values in shape.items()}
    found |= _group_features(known, book, np.unique(chosen[has]), followed, shape)
    for months in (3, 12):
        own = np.where(has, shape[f"return_{months}m"][followed], np.nan)
        found[f"host_return_{months}m"] = _mean_over(own, book.is_host)
    found["years_known"] = known.count[followed] / 12
    table = np.column_stack(
        [*(found[name.removeprefix("prices_")] for name in STEP_FEATURES), _helpers(known, followed, book)]
    )
    newest = known.last[book.context]
    energy = np.where(newest >= known.last.max() - FRESH_MONTHS, shape["return_12m"][book.context], np.nan)
    month = float(newest.max() + FIRST_MONTH) if newest.max() >= 0 else np.nan
    return np.where(has[:, None], table, np.nan), (float(mean_of_known(energy, 1)), month)


def _group_features(
    known: Known,
    book: Book,
    in_use: NDArray[np.int64],
    followed: NDArray[np.int64],
    shape: dict[str, NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    # Each series counts once in its group, however many minerals follow it, and only while it is kept up.
    group = np.full(len(book.group), -1)
    in_use = in_use[known.last[in_use] >= known.last.max() - FRESH_MONTHS]
    group[in_use] = book.group[in_use]
    is_other = (group >= 0) & (group == book.group[:, None]) & ~np.eye(len(group), dtype=bool)
    found = {}
    for months in (3, 12):
        found[f"group_return_{months}m"] = cut(_mean_over(shape[f"return_{months}m"], is_other))[followed]
    end = known.last.max() + 1
    months_of_group = known.figures[max(end - GROUP_MONTHS, 0) : end]
    return found | {"group_correlation_3y": correlation_with_others(months_of_group, group)[followed]}


def _mean_over(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    # The mean of the known values that each row of `chosen` picks; NaN where it picks none.
    picked = chosen & ~np.isnan(values)
    n = picked.sum(axis=1)
    return np.divide(np.where(picked, values, 0.0).sum(axis=1), n, out=np.full(n.shape, np.nan), where=n > 0)


def _ending_with_newest(known: Known, columns: NDArray[np.int64], months: int) -> NDArray[np.float64]:
    rows = known.last[columns] - np.arange(months - 1, -1, -1)[:, None]
    return np.where(rows >= 0, known.figures[np.maximum(rows, 0), columns], np.nan)


def _helpers(known: Known, followed: NDArray[np.int64], book: Book) -> NDArray[np.float64]:
    newest = known.last[followed] + FIRST_MONTH
    columns = [
        followed.astype("float64"),
        newest.astype("float64"),
        np.log(known.figures[known.last[followed], followed]),
        book.log_per_tonne[followed],
    ]
    for back in YEARS_BACK:
        rows = (newest // 12 - back) * 12 - FIRST_MONTH + np.arange(12)[:, None]
        year = np.where(rows >= 0, known.figures[np.maximum(rows, 0), followed], np.nan)
        columns.append(np.log(mean_of_known(year, 10)))
    return np.column_stack(columns)


def changes(moments: list[pd.Timestamp], values: NDArray[np.float64], columns: list[str]) -> pd.DataFrame:
    """Keep of a value per moment and unit those that differ from the moment before.

    Args:
        values: (n_moments, n_units, n_columns); all missing before the first moment.

    Returns:
        unit (its number), available_at and the columns.
    """
    before = np.concatenate([np.full((1, *values.shape[1:]), np.nan), values[:-1]]) if len(values) else values
    is_same = (values == before) | (np.isnan(values) & np.isnan(before))
    at, unit = np.nonzero(~is_same.all(axis=2))
    rows = pd.DataFrame(values[at, unit], columns=columns)
    known = pd.Series(pd.DatetimeIndex(moments, tz="UTC"), dtype="datetime64[us, UTC]").iloc[at]
    return rows.assign(unit=unit, available_at=known.to_numpy()).astype({"available_at": "datetime64[us, UTC]"})


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Add the price's age, its move since the last known trade year and what exports of that year fetched against it.

    A return of a price that stopped long ago says nothing of today. Its age and the length of its record stay.
    """
    month, newest = month_number(joined["as_of"]), joined["prices_newest_month"]
    years = newest // 12 - joined.get("trade_last_year", pd.Series(np.nan, index=joined.index))
    since, fetched = pd.Series(np.nan, index=joined.index), pd.Series(np.nan, index=joined.index)
    unit_value = _log_unit_value(joined) - joined["prices_log_per_tonne"]
    for back in YEARS_BACK:
        mean = joined[f"prices_log_mean_{back}y"]
        since = since.where(years.ne(back), (joined["prices_newest_log"] - mean).clip(-4.0, 4.0))
        fetched = fetched.where(years.ne(back), (unit_value - mean).clip(-4.0, 4.0))
    age = (month - newest).astype("float64")
    blanked = joined[[name for name in STEP_FEATURES if name != "prices_years_known"]].assign(
        prices_since_trade_year=since, prices_unit_value_vs_world=fetched
    )
    blanked = blanked.where(age <= FRESH_MONTHS)
    energy = joined["prices_energy_return_12m"].where(month - joined["prices_energy_month"] <= FRESH_MONTHS)
    return blanked.assign(prices_age_months=age, prices_energy_return_12m=energy)


def _log_unit_value(joined: pd.DataFrame) -> pd.Series:
    # Dollars per tonne exported in the last known trade year; ore is worth less than its metal, so the level holds
    # the grade of the product, too.
    nothing = pd.Series(np.nan, index=joined.index)
    value, tonnes = (np.expm1(joined.get(f"trade_{what}", nothing)) for what in ("value", "tonnes"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.Series(np.log(value / tonnes), index=joined.index).where((value > 0) & (tonnes > 0))


SIGNAL = Signal("prices", ("prices",), FEATURES, steps, combine)
