"""What each buyer took of each mineral, in snapshots of knowledge time: trade rows as arrays of whole numbers.

A *snapshot* is a year of trade as it was known at a moment. There is one whenever a figure of the year, or of
the four years before, becomes known or is revised. Names become numbers once and sums run over
sorted arrays, as this is done for every date that is forecast or replayed.

Floating sums depend on the order of their terms, and a replay must give the same bytes: every sum here runs over
its terms one by one in sorted order (`sums`), never pairwise or in parallel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from features.catalog import Catalog

__all__ = ["HISTORY_YEARS", "Flows", "Groups", "buyer_history", "sums"]

# How far back buyers are followed, and how many of these years must be covered.
HISTORY_YEARS, LEAST_YEARS = 5, 3


def sums(groups: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Sum `values` (n,) by their group number (n,), 0 to `count` - 1, one by one in the order they come."""
    return np.bincount(groups, weights=values, minlength=count)


@dataclass(frozen=True)
class Groups:
    """Neighbours with the same key: where each group starts (n_groups,), and the group of each row (n_rows,)."""

    starts: np.ndarray
    of_row: np.ndarray

    @classmethod
    def of(cls, *keys: np.ndarray) -> Groups:
        """Group rows that lie together and agree in all of `keys`."""
        is_first = np.zeros(len(keys[0]), dtype=bool)
        is_first[:1] = True
        for key in keys:
            is_first[1:] |= key[1:] != key[:-1]
        return cls(np.flatnonzero(is_first), np.cumsum(is_first) - 1)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum `values` (n_rows,) per group."""
        return sums(self.of_row, values, len(self.starts))


@dataclass(frozen=True)
class Flows:
    """One row per snapshot, mineral, supplier and importer, sorted by these; arrays of shape (n_flows,).

    `snapshot`, `mineral`, `supplier` and `importer` count through `snapshots` (year and moment, sorted), `minerals` and
    `countries` (names, sorted).
    """

    snapshots: pd.DataFrame
    minerals: np.ndarray
    countries: np.ndarray
    snapshot: np.ndarray
    mineral: np.ndarray
    supplier: np.ndarray
    importer: np.ndarray
    tonnes: np.ndarray
    value_usd: np.ndarray
    imputed_usd: np.ndarray

    @classmethod
    def of(cls, trade: pd.DataFrame, catalog: Catalog) -> Flows:
        """Find what was known of each year at each of its snapshots, and add up the product codes of each mineral.

        Args:
            trade: every known version of the `trade` dataset.
        """
        snapshots = _snapshots(trade)
        rows, minerals, countries = _numbered(trade, catalog)
        at, snapshot = _newest_versions(rows, snapshots)
        columns = {name: rows[name].to_numpy()[at] for name in rows.columns.drop("available_at")}
        keys = [snapshot, *(columns[name] for name in ("mineral", "supplier", "importer"))]
        groups = Groups.of(*keys)
        imputed = np.where(columns["is_imputed"], columns["value_usd"], 0.0)
        figures = (columns["quantity_tonnes"], columns["value_usd"], imputed)
        return cls(
            snapshots, minerals, countries, *(key[groups.starts] for key in keys), *(groups.sums(f) for f in figures)
        )

    def __len__(self) -> int:
        return len(self.snapshot)

    @cached_property
    def pair(self) -> np.ndarray:
        """Mineral and supplier as one number."""
        return self.mineral * len(self.countries) + self.supplier

    @cached_property
    def cell(self) -> np.ndarray:
        """Pair and importer as one number."""
        return self.pair * len(self.countries) + self.importer

    @cached_property
    def bounds(self) -> np.ndarray:
        """Where the rows of each snapshot start and the last one's end, shape (n_snapshots + 1,)."""
        return np.searchsorted(self.snapshot, np.arange(len(self.snapshots) + 1))

    @cached_property
    def groups(self) -> Groups:
        """The rows of each snapshot, mineral and supplier."""
        return Groups.of(self.snapshot, self.pair)

    @cached_property
    def group_pairs(self) -> np.ndarray:
        """The pair of each of `groups`."""
        return self.pair[self.groups.starts]

    @cached_property
    def group_bounds(self) -> np.ndarray:
        """Where the groups of each snapshot start and the last one's end, shape (n_snapshots + 1,)."""
        return np.searchsorted(self.snapshot[self.groups.starts], np.arange(len(self.snapshots) + 1))

    def named(self, at: np.ndarray, keys: Sequence[str]) -> pd.DataFrame:
        """Give year, available_at and the names of `keys` of the rows `at`; text and moments as in the store."""
        names = {"mineral": self.minerals, "supplier": self.countries, "importer": self.countries}
        columns = {key: pd.array(names[key], dtype="str").take(getattr(self, key)[at]) for key in keys}
        when = self.snapshots.iloc[self.snapshot[at]].reset_index(drop=True)
        return pd.DataFrame({**columns, "year": when["year"], "available_at": when["moment"]})

    def before(self, years: int = 1) -> list[tuple[int, int]]:
        """Pair each snapshot with the one of `years` before that was the newest then; both have rows."""
        filled = self.snapshots[np.diff(self.bounds) > 0]
        of_year = {year: part["moment"] for year, part in filled.groupby("year")}
        found = []
        for at, year, moment in filled.itertuples():
            earlier = of_year.get(year - years)
            known = 0 if earlier is None else earlier.searchsorted(moment, side="right")
            if earlier is not None and known:
                found.append((at, earlier.index[known - 1]))
        return found


def buyer_history(flows: Flows) -> dict[str, np.ndarray]:
    """Follow the buyers of each pair over the `HISTORY_YEARS` up to each snapshot, as those years were known then.

    Years in which nobody traded the mineral (its codes were not valid) don't count; with fewer than `LEAST_YEARS`
    left, and where the pair sold nothing in the last three, all is missing.

    Returns:
        One figure per row of `flows.groups`. `effective_buyers`: the inverse Herfindahl index of the last three years'
        tonnes; `steady_frac`: the sum over buyers of the least they took in any of the last three years, over what all
        took in a year; `regular_frac`: share of these tonnes taken by buyers that bought in every year; `buyer_spread`:
        the standard deviation that yearly exports would have if buyers varied independently, over the mean of exports
        (the root of the sum of the buyers' variances; Markowitz 1952, without covariances).
    """
    names = ("effective_buyers", "steady_frac", "regular_frac", "buyer_spread")
    found = {name: np.full(len(flows.groups.starts), np.nan) for name in names}
    filled = [int(at) for at in np.flatnonzero(np.diff(flows.bounds) > 0)]
    earlier: list[dict[int, int]] = [{at: at for at in filled}]
    earlier += [dict(flows.before(back)) for back in range(1, HISTORY_YEARS)]
    for at in filled:
        # Oldest year first; a year of which nothing was known then stays empty.
        known = [(column, of_year[at]) for column, of_year in enumerate(reversed(earlier)) if at in of_year]
        parts = [slice(*flows.bounds[[year, year + 1]]) for _, year in known]
        cells, place = np.unique(np.concatenate([flows.cell[part] for part in parts]), return_inverse=True)
        tonnes = np.zeros((len(cells), HISTORY_YEARS))
        column = np.repeat([number for number, _ in known], [part.stop - part.start for part in parts])
        tonnes[place, column] = np.concatenate([flows.tonnes[part] for part in parts])
        pairs, of_pair = np.unique(cells // len(flows.countries), return_inverse=True)
        figures = _over_years(tonnes, of_pair, pairs // len(flows.countries))
        group = slice(*flows.group_bounds[[at, at + 1]])
        rows = np.searchsorted(pairs, flows.group_pairs[group])
        for name in names:
            found[name][group] = figures[name][rows]
    return found


def _over_years(tonnes: np.ndarray, of_pair: np.ndarray, mineral: np.ndarray) -> dict[str, np.ndarray]:
    # tonnes: (n_cells, n_years), oldest first; of_pair: the pair of each cell; mineral: of each pair.
    count = len(mineral)
    of_mineral = mineral[of_pair]
    covered = np.stack([sums(of_mineral, year, mineral.max() + 1) > 0 for year in tonnes.T], axis=1)[of_mineral]
    years = covered.sum(axis=1)
    mean = tonnes.sum(axis=1) / np.maximum(years, 1)
    variance = (covered * (tonnes - mean[:, None]) ** 2).sum(axis=1) / np.maximum(years, 1)
    recent, recent_years = tonnes[:, -3:], np.maximum(covered[:, -3:].sum(axis=1), 1)
    took = recent.sum(axis=1) / recent_years
    least = np.where(covered[:, -3:], recent, np.inf).min(axis=1)
    is_regular = (tonnes > 0) | ~covered
    total, usual = sums(of_pair, took, count), sums(of_pair, mean, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        figures = {
            "effective_buyers": total**2 / sums(of_pair, took**2, count),
            "steady_frac": sums(of_pair, np.where(np.isfinite(least), least, 0.0), count) / total,
            "regular_frac": sums(of_pair, np.where(is_regular.all(axis=1), took, 0.0), count) / total,
            "buyer_spread": np.sqrt(sums(of_pair, variance, count)) / usual,
        }
    enough = (sums(of_pair, years, count) >= LEAST_YEARS * np.bincount(of_pair, minlength=count)) & (total > 0)
    return {name: np.where(enough, values, np.nan) for name, values in figures.items()}


def _snapshots(trade: pd.DataFrame) -> pd.DataFrame:
    versions = trade[["year", "available_at"]].drop_duplicates()
    versions = versions.rename(columns={"available_at": "moment"}).astype({"year": "int64"})
    born = versions.groupby("year", as_index=False)["moment"].min().rename(columns={"moment": "born"})
    # A revision changes what is told of the years after it, too, as far as buyers are followed.
    after = pd.concat([versions.assign(year=versions["year"] + years) for years in range(1, HISTORY_YEARS)])
    after = after.merge(born, on="year")
    later = after.loc[after["moment"] > after["born"], ["year", "moment"]]
    both = pd.concat([versions, later]).drop_duplicates()
    return both.sort_values(["year", "moment"], ignore_index=True)


def _numbered(trade: pd.DataFrame, catalog: Catalog) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    # Rows of codes in their complete years, once per mineral. Sorted by year, mineral, supplier, importer, code (their
    # `key`) and moment.
    used = catalog.used_hs_codes().drop_duplicates(["mineral", "hs_code"])
    minerals, codes = (np.array(sorted(set(used[name]))) for name in ("mineral", "hs_code"))
    by_code = pd.DataFrame(
        {
            "code": np.searchsorted(codes, used["hs_code"].to_numpy(dtype=codes.dtype)),
            "mineral": np.searchsorted(minerals, used["mineral"].to_numpy(dtype=minerals.dtype)),
            "from": used["valid_from_year"].astype("float64").fillna(-np.inf).to_numpy(),
            "to": used["valid_to_year"].astype("float64").fillna(np.inf).to_numpy(),
        }
    )
    found = {name: pd.factorize(trade[name]) for name in ("hs_code", "supplier", "importer")}
    countries = np.array(sorted({*found["supplier"][1], *found["importer"][1]}))
    order = {"hs_code": pd.Index(codes), "supplier": pd.Index(countries), "importer": pd.Index(countries)}
    numbers = {name: order[name].get_indexer(pd.Index(names))[at] for name, (at, names) in found.items()}
    rows = trade[["available_at", "value_usd", "quantity_tonnes", "is_imputed", "is_retracted"]]
    rows = rows.assign(
        year=trade["year"].astype("int64"),
        code=numbers["hs_code"],
        supplier=numbers["supplier"],
        importer=numbers["importer"],
    ).merge(by_code, on="code", how="inner")
    rows = rows[(rows["from"] <= rows["year"]) & (rows["year"] <= rows["to"])]
    key = rows["year"].to_numpy()
    for name, size in (("mineral", len(minerals)), ("supplier", len(countries)), ("importer", len(countries))):
        key = key * size + rows[name].to_numpy()
    rows = rows.assign(key=key * len(codes) + rows["code"].to_numpy())
    rows = rows.drop(columns=["from", "to", "code"]).sort_values(["key", "available_at"], ignore_index=True)
    return rows, minerals, countries


def _newest_versions(rows: pd.DataFrame, snapshots: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    # The row numbers that hold in each snapshot, and the number of the snapshot.
    year, key, is_retracted = (rows[name].to_numpy() for name in ("year", "key", "is_retracted"))
    starts, ends = (np.searchsorted(year, snapshots["year"], side=side) for side in ("left", "right"))
    known_at, moments = (
        column.to_numpy(dtype="datetime64[us]") for column in (rows["available_at"], snapshots["moment"])
    )
    chosen = []
    for at, moment in enumerate(moments):
        known = np.arange(starts[at], ends[at])
        known = known[known_at[known] <= moment]
        is_last = np.ones(len(known), dtype=bool)
        is_last[:-1] = key[known[1:]] != key[known[:-1]]
        chosen.append(known[is_last & ~is_retracted[known]])
    snapshot = np.repeat(np.arange(len(chosen)), [len(part) for part in chosen])
    return np.concatenate(chosen), snapshot
