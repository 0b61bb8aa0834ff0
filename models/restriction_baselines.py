"""What a forecast of new export measures stands beside: a rate, suppliers that did it before, and the wave.

All are models like any other (`models.model`); the fourth is the logistic regression of `models.baselines`. They take
the places that climatology, pair history and persistence have for the other targets, and their names.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.restriction_onset import HORIZONS_WEEKS

__all__ = ["DidItBefore", "OverallRate", "Wave", "rate_before"]

Floats = NDArray[np.float64]
WEEKS_PER_YEAR = 365.25 / 7
PRIOR_YEARS = 5.0


class OverallRate:
    """The share of events among all rows that were resolved by then."""

    name = "climatology"

    def fit(self, rows: pd.DataFrame) -> OverallRate:
        """Learn the share."""
        self.rate = float(rows["label"].mean())
        return self

    def predict(self, rows: pd.DataFrame) -> Floats:
        """Give every row the share."""
        return np.full(len(rows), self.rate)


class DidItBefore:
    """What the supplier announced before, on this mineral and on its others, per year on record (`rate_before`).

    The chance that at least one announcement falls into the window is that of a Poisson process with this rate, times
    one factor that makes it right on average over the rows learned from: announcements come in series, so
    there are fewer windows with one than such a process has.
    """

    name = "pair_history"

    def __init__(self, horizon: str) -> None:
        self.years = HORIZONS_WEEKS[horizon] / WEEKS_PER_YEAR

    def fit(self, rows: pd.DataFrame) -> DidItBefore:
        """Learn the factor."""
        self.factor = 1.0
        expected = float(self.predict(rows).mean())
        self.factor = float(rows["label"].mean()) / expected if expected else 1.0
        return self

    def predict(self, rows: pd.DataFrame) -> Floats:
        """Give the chance of each row from its `rate_before`."""
        chance = -np.expm1(-rows["rate_before"].to_numpy(dtype="float64") * self.years)
        return np.asarray(np.clip(self.factor * chance, 0.0, 1.0), dtype="float64")


def rate_before(rows: pd.DataFrame, years_on_record: pd.Series, is_tracked: pd.Series) -> Floats:
    """Give announcements per year of each row's pair, as far as known at its date.

    The rate of all tracked pairs of the date pulls that of the supplier's tracked pairs, which pulls the
    pair's own; each counts as much as `PRIOR_YEARS` on record.

    Args:
        rows: supplier, as_of, before_pair.
        years_on_record: how long the table of measures had been kept by then, above zero.
        is_tracked: which rows make up the rates of all and of suppliers.
    """
    years = years_on_record.to_numpy(dtype="float64")
    own = rows["before_pair"].where(is_tracked)
    everywhere, of_supplier = own.groupby(rows["as_of"]), own.groupby([rows["supplier"], rows["as_of"]])
    overall = everywhere.transform("sum") / everywhere.transform("count").clip(lower=1) / years
    pairs, known = of_supplier.transform("count").clip(lower=1), of_supplier.transform("sum")
    supplier = (known + PRIOR_YEARS * pairs * overall) / (pairs * (years + PRIOR_YEARS))
    pair = (rows["before_pair"] + PRIOR_YEARS * supplier) / (years + PRIOR_YEARS)
    return np.asarray(pair.to_numpy(), dtype="float64")


class Wave:
    """The share of events by how many measures were announced in the last year: anywhere, and on the mineral.

    Nine cells, each shrunk to the share of all by `PRIOR_ROWS` pseudo-observations.
    """

    name = "persistence"
    PRIOR_ROWS = 500.0
    ANYWHERE, ON_MINERAL = (5, 10), (1, 2)

    def fit(self, rows: pd.DataFrame) -> Wave:
        """Learn one share per cell, from rows with anywhere_52w and mineral_52w (at other suppliers)."""
        self.overall = float(rows["label"].mean())
        cells = rows["label"].groupby(self._cell(rows))
        self.rate = (cells.sum() + self.PRIOR_ROWS * self.overall) / (cells.count() + self.PRIOR_ROWS)
        return self

    def predict(self, rows: pd.DataFrame) -> Floats:
        """Give each row the share of its cell; a cell never seen gets that of all."""
        cells = pd.Series(self._cell(rows))
        return cells.map(self.rate).fillna(self.overall).to_numpy(dtype="float64")

    def _cell(self, rows: pd.DataFrame) -> NDArray[np.int64]:
        anywhere = np.digitize(rows["anywhere_52w"].to_numpy(), self.ANYWHERE)
        return np.asarray(3 * anywhere + np.digitize(rows["mineral_52w"].to_numpy(), self.ON_MINERAL), dtype="int64")
