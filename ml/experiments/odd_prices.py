"""How odd a pair's latest prices per tonne are, as columns for an idea: a wrong quantity makes an event of later years.

Everything is told from what was known at a row's date.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from features.exports import ExportTable, known_exports
from features.signals.trade import drop_ratio, log_ratio
from ml.label_noise import at_usual_prices
from models.targets import TARGETS

__all__ = ["COLUMNS", "FACTOR", "SETTLED", "STAYS", "odd_price_columns", "ratios_at_usual_prices", "with_outcomes"]

# A price this many times the pair's usual one is odd.
FACTOR = 3
# What `with_outcomes` adds.
STAYS, SETTLED = "stays_at_usual_prices", "label_at_usual_prices"
COLUMNS = ("odd_price_last", "odd_price_reference", "odd_price_3y", "odd_price_10y")


def _tonnes(table: ExportTable, factor: float) -> tuple[np.ndarray, np.ndarray]:
    # As told and at usual prices; missing where the mineral has no figures.
    told, value = table["tonnes"], np.nan_to_num(table["value_usd"])
    usual = at_usual_prices(np.nan_to_num(told), value, table.number("mineral"), factor=factor)
    return told, np.where(np.isnan(told), np.nan, usual)


def _described(table: ExportTable) -> pd.DataFrame:
    told, usual = _tonnes(table, FACTOR)
    off = log_ratio(told, usual)
    with warnings.catch_warnings():
        # A pair that sold nothing in these years has no price.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        columns = {
            "odd_price_last": off[:, -1],
            "odd_price_reference": log_ratio(told[:, -2:].mean(axis=1), usual[:, -2:].mean(axis=1)),
            "odd_price_3y": np.nanmax(np.abs(off[:, -3:]), axis=1),
            "odd_price_10y": np.nanmean(np.where(np.isnan(off), np.nan, off != 0)[:, -10:], axis=1),
        }
    return table.pairs.to_frame(index=False).assign(**columns)


def odd_price_columns(exports: pd.DataFrame, dates: pd.Series) -> pd.DataFrame:
    """Give per pair and date how far tonnes lie from what their value is at the pair's usual price.

    Args:
        exports: what `features.exports.yearly_exports` gave.
        dates: the `as_of` of the rows; repeated ones count once.

    Returns:
        mineral, supplier, as_of and `COLUMNS`: the log of the last known year; of the mean of the last two, which the
        reference of the target year holds; the largest of three years; the share of odd years among those of the last
        ten in which it sold something.
    """
    found = [
        _described(ExportTable.of(known_exports(exports, moment))).assign(as_of=moment)
        for moment in sorted(dates.unique())
    ]
    return pd.concat(found, ignore_index=True).astype({"as_of": dates.dtype})


def ratios_at_usual_prices(exports: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Give the outcomes that there would be with odd prices put right, by all that is known by now.

    Returns:
        mineral, supplier, target_year, usual_ratio (exports over the mean of the three years before).
    """
    table = ExportTable.of(known_exports(exports, exports["available_at"].max()))
    return table.rows(usual_ratio=drop_ratio(_tonnes(table, factor)[1])).rename(columns={"year": "target_year"})


def with_outcomes(table: pd.DataFrame, usual: pd.DataFrame, target: str) -> pd.DataFrame:
    """Add the outcome at usual prices, `SETTLED` (1 or 0), and whether it is the label, `STAYS`.

    Where there is no outcome at usual prices it is the label.

    Args:
        table: mineral, supplier, target_year, label.
        usual: what `ratios_at_usual_prices` gave.
    """
    key = ["mineral", "supplier", "target_year"]
    ratio = table[key].merge(usual, on=key, how="left", validate="many_to_one")["usual_ratio"].to_numpy()
    label = table["label"].to_numpy(dtype="float64")
    settled = np.where(np.isnan(ratio), label, (ratio < TARGETS[target].ratio).astype("float64"))
    return table.assign(**{SETTLED: settled, STAYS: np.isnan(label) | (settled == label)})
