"""Which buyers a pair's trade hangs on, as known at each moment: the weights of what happens to those buyers.

A pair's buyers are those of its newest year with sales among the three newest years known, weighted by value. A pair
counts from the moment at which its share of world exports over those three years first reached a thousandth.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalog import Catalog
from features.flows import Flows, Groups, sums

__all__ = ["LEAST_SHARE_FRAC", "Book", "Stakes", "stakes_at_each_moment", "with_news"]

LEAST_SHARE_FRAC = 0.001
YEARS = 3
News = TypeVar("News")


@dataclass(frozen=True)
class Book:
    """What the numbers of `Stakes` mean: pair p is mineral p // len(countries) and supplier p % len(countries)."""

    minerals: list[str]
    countries: list[str]

    @property
    def n_pairs(self) -> int:
        """How many pairs can be numbered."""
        return len(self.minerals) * len(self.countries)

    def names(self, pairs: NDArray[np.int64]) -> dict[str, list[str]]:
        """Give the mineral and the supplier of each of `pairs`."""
        mineral, supplier = np.divmod(pairs, len(self.countries))
        return {"mineral": [self.minerals[at] for at in mineral], "supplier": [self.countries[at] for at in supplier]}


@dataclass(frozen=True)
class Stakes:
    """One row per pair and buyer, sorted by these: the numbers of both, and the buyer's share of the pair's value."""

    moment: pd.Timestamp
    pair: NDArray[np.int64]
    supplier: NDArray[np.int64]
    buyer: NDArray[np.int64]
    frac: NDArray[np.float64]

    def mean(self, values: NDArray[np.float64], n_pairs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Average `values` (one per row) over each pair's buyers with a known one, by what they take.

        Returns:
            Per pair (n_pairs,): the mean, NaN without any; and the share of trade with a known value, NaN for pairs
            without rows.
        """
        is_known = ~np.isnan(values)
        weight = np.where(is_known, self.frac, 0.0)
        total = sums(self.pair, weight * np.nan_to_num(values), n_pairs)
        known, every = (sums(self.pair, each, n_pairs) for each in (weight, self.frac))
        mean = np.divide(total, known, out=np.full(n_pairs, np.nan), where=known > 0)
        return mean, np.divide(known, every, out=np.full(n_pairs, np.nan), where=every > 0)


def stakes_at_each_moment(trade: pd.DataFrame, catalog: Catalog) -> tuple[Book, list[Stakes]]:
    """Give the buyers at each moment at which the picture of past trade changed, oldest first.

    Args:
        trade: every known version of the `trade` dataset.
    """
    if trade.empty:
        return Book([], []), []
    flows = Flows.of(trade, catalog)
    return Book(flows.minerals.tolist(), flows.countries.tolist()), list(_stakes(flows))


def _stakes(flows: Flows) -> Iterator[Stakes]:
    n_countries = len(flows.countries)
    n_pairs = len(flows.minerals) * n_countries
    has_counted = np.zeros(n_pairs, dtype=bool)
    filled = flows.snapshots.assign(is_filled=np.diff(flows.bounds) > 0)
    for moment in sorted(flows.snapshots["moment"].unique()):
        newest = filled[filled["moment"] <= moment].drop_duplicates("year", keep="last")
        newest = newest[newest["is_filled"]].nlargest(YEARS, "year")
        parts = [np.arange(*flows.bounds[[at, at + 1]]) for at in newest.index]
        rows = np.concatenate([*parts, np.empty(0, dtype="int64")]).astype("int64")
        # Sorted by pair and buyer, the newest year last, so that sums have one order.
        rows = rows[np.lexsort((-flows.snapshot[rows], flows.importer[rows], flows.pair[rows]))]
        pair = flows.pair[rows]
        tonnes = sums(pair, flows.tonnes[rows], n_pairs)
        world = sums(pair // n_countries, flows.tonnes[rows], len(flows.minerals)).repeat(n_countries)
        has_counted |= (tonnes > 0) & (tonnes >= LEAST_SHARE_FRAC * world)
        year = flows.snapshots["year"].to_numpy()[flows.snapshot[rows]]
        sold = (flows.value_usd[rows] > 0) & has_counted[pair]
        last_year = np.zeros(n_pairs, dtype="int64")
        np.maximum.at(last_year, pair[sold], year[sold])
        keep = sold & (year == last_year[pair])
        rows, pair = rows[keep], pair[keep]
        groups = Groups.of(pair)
        value = flows.value_usd[rows]
        frac = value / groups.sums(value)[groups.of_row] if len(rows) else value
        yield Stakes(moment, pair, flows.supplier[rows], flows.importer[rows], frac)


def with_news(
    stakes: Sequence[Stakes], news: Sequence[tuple[pd.Timestamp, News]]
) -> Iterator[tuple[pd.Timestamp, Stakes, News]]:
    """Give, at every moment at which buyers or `news` change, the newest of both, once there are both.

    Args:
        stakes: oldest first.
        news: what is known of the buyers' countries from each moment on, oldest first.
    """
    buyers, told = [stake.moment for stake in stakes], [moment for moment, _ in news]
    for moment in sorted({*buyers, *told}):
        at, where = (bisect.bisect_right(moments, moment) - 1 for moments in (buyers, told))
        if at >= 0 and where >= 0:
            yield moment, stakes[at], news[where][1]
