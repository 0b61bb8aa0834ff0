"""Target `price_spike`: the highest monthly price inside the window is at least 25 % over the last one known.

A monthly price is one of the window in which its month ends, so the month under way at `as_of` is the first. All prices
are those of the series the mineral follows at `as_of`, as they were known when the last month of the window became
known: that moment is the label's `resolved_at`, even where the event came early. A revision of the
reference between `as_of` and then is thus no spike. Rows whose series stops stay unresolved.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.signals.price_history import month_number, series_numbers

__all__ = ["HORIZONS_WEEKS", "RISE", "TITLE", "attach_spikes", "one_per_series", "usable"]

HORIZONS_WEEKS = {"13w": 13, "26w": 26, "52w": 52}
RISE = 1.25
TITLE = "the highest monthly price inside the window is at least 25 % over the last one known"
# A forecast needs two years of prices, return and swings of twelve months, and a newest price that is not old.
MIN_YEARS, MAX_AGE_MONTHS = 2.0, 3


def usable(rows: pd.DataFrame) -> pd.Series:
    """Tell on which rows of joined price features a forecast can be made; on others it abstains."""
    return (
        rows["prices_years_known"].ge(MIN_YEARS)
        & rows["prices_return_12m"].notna()
        & rows["prices_volatility_12m"].notna()
        & rows["prices_age_months"].le(MAX_AGE_MONTHS)
    )


def one_per_series(rows: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Keep one mineral per price series and date, its own before one it is a proxy for, so that no price counts twice.

    Args:
        rows: mineral, as_of, prices_series.
    """
    table, numbers = catalog.price_series, series_numbers(catalog)
    number = [numbers[pair] for pair in zip(table["source"], table["series_id"], strict=True)]
    is_proxy = pd.Series(table["is_proxy"].to_numpy(), index=pd.MultiIndex.from_arrays([table["mineral"], number]))
    keys = pd.MultiIndex.from_arrays([rows["mineral"], rows["prices_series"].astype("int64")])
    order = rows.assign(is_proxy=is_proxy.reindex(keys).to_numpy()).sort_values(["as_of", "is_proxy", "mineral"])
    kept = order.drop_duplicates(["as_of", "prices_series"]).index
    return rows.loc[rows.index.isin(kept)]


def attach_spikes(rows: pd.DataFrame, versions: pd.DataFrame, horizon: str) -> pd.DataFrame:
    """Add window, outcome and when it was resolved to each row.

    Args:
        rows: mineral, as_of, and of the signal prices_series and prices_newest_month.
        versions: `features.signals.price_history.monthly_versions`, possibly with what became known later.
        horizon: one of `HORIZONS_WEEKS`.

    Returns:
        `rows` in their order with window_start, window_end, target_year (of the window's end), months_ahead (from
        the newest month to the last of the window), peak_ratio, label (1.0, 0.0, missing while unresolved) and
        resolved_at (missing while unresolved).
    """
    rows = rows.reset_index(drop=True)
    end = rows["as_of"] + pd.Timedelta(weeks=HORIZONS_WEEKS[horizon])
    first, last = month_number(rows["as_of"]), month_number(end) - 1
    reference = rows["prices_newest_month"].astype("int64")
    wanted = _months_of_windows(rows, first, last)
    resolved = _resolved_at(wanted, versions, len(rows))
    reference_rows = pd.DataFrame(
        {"row": rows.index, "series": rows["prices_series"].astype("int64"), "month": reference}
    )
    prices = _as_known(pd.concat([wanted, reference_rows]), versions, resolved)
    is_reference = prices["month"].eq(reference.iloc[prices["row"]].to_numpy())
    peak = prices[~is_reference].groupby("row")["price"].agg(lambda price: price.max(skipna=False))
    base = prices[is_reference].set_index("row")["price"]
    ratio = (peak / base).reindex(rows.index)
    return rows.assign(
        window_start=rows["as_of"],
        window_end=end.astype("datetime64[us, UTC]"),
        target_year=end.dt.year.astype("int64"),
        months_ahead=(last - reference).astype("float64"),
        peak_ratio=ratio,
        label=(ratio >= RISE).astype("float64").where(ratio.notna()),
        resolved_at=resolved.where(ratio.notna()),
    )


def _months_of_windows(rows: pd.DataFrame, first: pd.Series, last: pd.Series) -> pd.DataFrame:
    # One line per row and month of its window.
    counts = (last - first + 1).to_numpy()
    row = np.repeat(np.arange(len(rows)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    series = rows["prices_series"].astype("int64").to_numpy()
    return pd.DataFrame({"row": row, "series": series[row], "month": first.to_numpy()[row] + offset})


def _resolved_at(wanted: pd.DataFrame, versions: pd.DataFrame, n_rows: int) -> pd.Series:
    first_known = versions[versions["price"].notna()].groupby(["series", "month"], as_index=False)["available_at"].min()
    found = wanted.merge(first_known, on=["series", "month"], how="left")
    latest = found.groupby("row")["available_at"].max()
    # A month that is not known yet has no price below, which unsettles the row; if no row has any, the zone is lost.
    return pd.to_datetime(latest.reindex(range(n_rows)), utc=True).astype("datetime64[us, UTC]")


def _as_known(wanted: pd.DataFrame, versions: pd.DataFrame, resolved: pd.Series) -> pd.DataFrame:
    left = wanted.assign(known_at=resolved.iloc[wanted["row"]].array)
    left = left.dropna(subset=["known_at"]).sort_values("known_at", kind="stable")
    right = versions[["series", "month", "price", "available_at"]].sort_values("available_at", kind="stable")
    keys = {"left_on": "known_at", "right_on": "available_at", "by": ["series", "month"]}
    return pd.merge_asof(left, right, **keys)
