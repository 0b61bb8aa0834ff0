"""Shared by the signals on figures of periods (months, weeks, years): what was known of each series at each moment.

Sums run over their terms one by one, so that they come out the same bytes however many series stand beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.datasets import MOMENT

__all__ = ["Known", "StepRows", "known_at_each_moment", "mean_of", "total_of", "versions_of", "z_score"]

Floats = NDArray[np.float64]
VERSION_COLUMNS = ["series", "period", "value", "available_at"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known from one moment on.

    Attributes:
        moment: since when.
        first: the number of the period of row 0.
        figures: (n_periods, n_series), NaN where unknown.
        last: (n_series,), the row of the newest figure, -1 without any.
    """

    moment: pd.Timestamp
    first: int
    figures: Floats
    last: NDArray[np.int64]

    def back(self, length: int, *, skip: int = 0) -> Floats:
        """Give (length, n_series): the periods up to `skip` before each series' newest one, oldest first."""
        rows = self.last - skip - np.arange(length - 1, -1, -1)[:, None]
        return np.where((rows >= 0) & (self.last >= 0), self.figures[rows.clip(0), np.arange(len(self.last))], np.nan)

    @property
    def newest(self) -> Floats:
        """The number of the newest period of each series, NaN without any."""
        return np.where(self.last >= 0, self.last + float(self.first), np.nan)

    @property
    def newest_of_any(self) -> float:
        """The number of the newest period of all series, NaN without any."""
        return float(self.last.max() + self.first) if (self.last >= 0).any() else np.nan

    @property
    def count(self) -> NDArray[np.int64]:
        """How many periods of each series are known, shape (n_series,)."""
        return (~np.isnan(self.figures)).sum(axis=0)


def versions_of(rows: pd.DataFrame, series: pd.Series, period: pd.Series) -> pd.DataFrame:
    """Give every version of every figure, in order of knowledge.

    Args:
        rows: versions with value, available_at and is_retracted.
        series: the number of the series of each row, below 0 where it is not asked for.
        period: the number of the period of each row.

    Returns:
        series, period, value (NaN where withdrawn), available_at; sorted by available_at, series and period.
    """
    table = pd.DataFrame(
        {
            "series": series.astype("int64"),
            "period": period.astype("int64"),
            "value": rows["value"].where(~rows["is_retracted"].astype("bool")),
            "available_at": rows["available_at"],
        }
    )
    table = table[table["series"] >= 0]
    return table.sort_values(["available_at", "series", "period"], kind="stable", ignore_index=True)[VERSION_COLUMNS]


def known_at_each_moment(versions: pd.DataFrame, n_series: int, *, first: int | None = None) -> Iterator[Known]:
    """Yield what is known at each distinct `available_at` of `versions`, oldest first.

    The arrays are changed in place for the next moment: copy what is to be kept.

    Args:
        versions: series, period, value and available_at, sorted by the last.
        first: the number of the period of row 0; the first of `versions` by default. Who sums over all rows at once
            gives one, so that the number of rows does not depend on what else is known.
    """
    if versions.empty:
        return
    first = int(versions["period"].min()) if first is None else first
    values = np.full((int(versions["period"].max()) - first + 1, n_series), np.nan)
    last = np.full(n_series, -1)
    row = versions["period"].to_numpy() - first
    series, value = versions["series"].to_numpy(), versions["value"].to_numpy(dtype="float64")
    moments = versions["available_at"]
    starts = np.flatnonzero(moments.ne(moments.shift()).to_numpy())
    for start, stop in zip(starts, [*starts[1:], len(versions)], strict=True):
        values[row[start:stop], series[start:stop]] = value[start:stop]
        touched = np.unique(series[start:stop])
        is_known = ~np.isnan(values[:, touched])
        newest = len(values) - 1 - is_known[::-1].argmax(axis=0)
        last[touched] = np.where(is_known.any(axis=0), newest, -1)
        yield Known(moments.iloc[start], first, values, last)


def total_of(window: Floats, weights: Floats | None = None) -> tuple[Floats, NDArray[np.int64]]:
    """Sum each column of `window` (n, k) over its known cells, one by one, and count them."""
    filled = np.nan_to_num(window)
    weighted = filled if weights is None else filled * weights[:, None]
    return np.cumsum(weighted, axis=0)[-1], (~np.isnan(window)).sum(axis=0)


def mean_of(window: Floats, least: int) -> Floats:
    """Give the mean of each column over its known cells; NaN where fewer than `least` are known."""
    total, n = total_of(window)
    return np.divide(total, n, out=np.full(len(total), np.nan), where=n >= max(least, 1))


def z_score(value: Floats, past: Floats, least: int, limit: float) -> Floats:
    """Give the distance of `value` (k,) from the mean of `past` (n, k) in its standard deviations, cut at +-limit.

    NaN where fewer than `least` of the past are known, or where it never moved.
    """
    mean = mean_of(past, least)
    deviation = np.sqrt(mean_of((past - mean) ** 2, least))
    known = deviation > 1e-9
    return np.clip(np.divide(value - mean, deviation, out=np.full(len(mean), np.nan), where=known), -limit, limit)


class StepRows:
    """Collects the rows of a step function: of a value per unit and moment, those that differ from before.

    Before the first moment every value is missing.
    """

    def __init__(self, n_units: int, columns: Sequence[str]) -> None:
        """Begin without rows for `n_units` units and the value `columns`."""
        self.columns = list(columns)
        self._before = np.full((n_units, len(self.columns)), np.nan)
        self._units: list[NDArray[np.int64]] = []
        self._values: list[Floats] = []
        self._moments: list[pd.Timestamp] = []

    def add(self, moment: pd.Timestamp, values: Floats) -> None:
        """Say that from `moment` on the values are these, shape (n_units, n_columns); moments come in order."""
        is_same = (values == self._before) | (np.isnan(values) & np.isnan(self._before))
        units = np.flatnonzero(~is_same.all(axis=1))
        if len(units):
            self._units.append(units)
            self._values.append(values[units])
            self._moments.append(moment)
            self._before[units] = values[units]

    def frame(self, names: Mapping[str, Sequence[str]]) -> pd.DataFrame:
        """Give the rows with the key columns `names` (each a name per unit), available_at and the values, sorted."""
        unit = np.concatenate([*self._units, np.empty(0, dtype="int64")]).astype("int64")
        values = np.concatenate([*self._values, np.empty((0, len(self.columns)))])
        lengths = [len(units) for units in self._units]
        at = pd.Series(self._moments, dtype=MOMENT).repeat(lengths).reset_index(drop=True)
        # By number of the unit, whose names are sorted; each unit's moments are in order already.
        order = np.argsort(unit, kind="stable")
        keys = {key: pd.array(list(of_units), dtype="str").take(unit[order]) for key, of_units in names.items()}
        frame = pd.DataFrame({**keys, "available_at": at.iloc[order].reset_index(drop=True)})
        return pd.concat([frame, pd.DataFrame(values[order], columns=self.columns)], axis=1)
