"""Exports below the pair: what goes to each buyer or in each product code, forecast pooled and summed up again.

At every date cells (mineral, supplier, and buyer or code) are described by what was known then. What became of them is
learned from the cells of earlier dates whose target year is resolved, all minerals together, and the forecasts of a
pair's cells, weighted by their tonnes, become two columns of the pair. The columns of a date never know what came to be
known after it, so that they can be learned from like any other feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.signals.trade import DROP_RATIO, log_ratio
from models.calibration import log_odds
from models.gradient_boosting import Parameters

__all__ = ["LEVELS", "Cells", "Flows", "cell_columns", "cell_features", "columns_of", "describe", "outcomes"]

# A level is the column of `trade` that splits a pair; where cells are many, those below this share of the pair's tonnes
# are left out.
LEVELS = {"importer": 0.005, "hs_code": 0.0}
KEY = ["mineral", "supplier"]
# A cell's tonnes are followed up to this multiple of its mean of three years, as sums are ruled by few wild cells.
MOST = 4.0
# Years on record before cells are described, and target years from which they can be learned.
SHORTEST_RECORD, FEWEST_YEARS = 4, 2
FEATURES = (
    "level_vs_3y",
    "level_vs_3y_lag1",
    "level_vs_5y_max",
    "growth_1y",
    "growth_2y",
    "spread_5y",
    "years_with_trade_5y",
    "share_of_pair",
    "share_of_part",
    "tonnes",
    "pair_level_vs_3y",
    "pair_growth_1y",
    "others_of_part_growth_1y",
    "mineral_growth_1y",
)


def cell_features(level: str) -> list[str]:
    """Name the columns that `columns_of` gives."""
    return [f"{level}_expected", f"{level}_falls"]


@dataclass(frozen=True)
class Flows:
    """Trade of used codes in their complete years, one row per flow and version, oldest version first.

    `cells` lists mineral, supplier and part of every cell there ever was, sorted, and as whole numbers `groups`: the
    number of what agrees in some of them. `cell`, `year`, `tonnes`, `known_at` and `version` (what revises each other)
    belong to rows.
    """

    cells: pd.DataFrame
    groups: Mapping[str, np.ndarray]
    cell: np.ndarray
    year: np.ndarray
    tonnes: np.ndarray
    known_at: np.ndarray
    version: np.ndarray

    @classmethod
    def of(cls, trade: pd.DataFrame, catalog: Catalog, level: str) -> Flows:
        """Split pairs by `level`.

        Args:
            trade: every known version of the dataset.
        """
        used = catalog.used_hs_codes().drop_duplicates(["mineral", "hs_code"])
        rows = trade.merge(used[["mineral", "hs_code", "valid_from_year", "valid_to_year"]], on="hs_code")
        first, last = (rows[f"valid_{end}_year"].astype("float64") for end in ("from", "to"))
        rows = rows[~(rows["year"] < first) & ~(rows["year"] > last)].sort_values("available_at", kind="stable")
        number = {name: pd.factorize(rows[name], sort=True) for name in ("mineral", "supplier", "importer", "hs_code")}
        sizes = {name: len(names) for name, (_, names) in number.items()}
        pair = number["mineral"][0] * sizes["supplier"] + number["supplier"][0]
        key = pair * sizes[level] + number[level][0]
        cells, cell = np.unique(key, return_inverse=True)
        pairs, part = np.divmod(cells, sizes[level])
        mineral, supplier = np.divmod(pairs, sizes["supplier"])
        found = {"mineral": mineral, "supplier": supplier, "part": part}
        names = {"mineral": "mineral", "supplier": "supplier", "part": level}
        flow = (pair * sizes["importer"] + number["importer"][0]) * sizes["hs_code"] + number["hs_code"][0]
        year = rows["year"].to_numpy(dtype="int64")
        return cls(
            pd.DataFrame({column: number[names[column]][1].to_numpy()[of] for column, of in found.items()}),
            {
                "pair": np.unique(pairs, return_inverse=True)[1],
                "mineral": mineral,
                "part": np.unique(mineral * sizes[level] + part, return_inverse=True)[1],
            },
            cell,
            year,
            rows["quantity_tonnes"].where(~rows["is_retracted"], 0.0).to_numpy(),
            rows["available_at"].to_numpy(dtype="datetime64[us]"),
            flow * 10_000 + year,
        )


@dataclass(frozen=True)
class Cells:
    """Tonnes (n_cells, n_years) by cell of `flows` and year as known at one date; missing where a mineral has none."""

    flows: Flows
    years: np.ndarray
    tonnes: np.ndarray

    @classmethod
    def known(cls, flows: Flows, moment: pd.Timestamp) -> Cells:
        """Arrange what was known at `moment`."""
        rows = np.flatnonzero(flows.known_at <= np.datetime64(moment.tz_convert(None)))
        # The newest version is the last of its kind.
        _, newest = np.unique(flows.version[rows][::-1], return_index=True)
        rows = rows[len(rows) - 1 - newest]
        years = np.arange(flows.year[rows].min(), flows.year[rows].max() + 1)
        flat = flows.cell[rows] * len(years) + flows.year[rows] - years[0]
        size = len(flows.cells) * len(years)
        tonnes = np.bincount(flat, weights=flows.tonnes[rows], minlength=size).reshape(-1, len(years))
        found = cls(flows, years, tonnes)
        return cls(flows, years, np.where(found.by("mineral", tonnes) > 0, tonnes, np.nan))

    def by(self, name: str, values: np.ndarray) -> np.ndarray:
        """Sum `values` (n_cells, n) over the cells of one group, given back per cell."""
        groups = self.flows.groups[name]
        return np.stack([np.bincount(groups, weights=column) for column in values.T], axis=1)[groups]


def describe(cells: Cells, pairs: pd.MultiIndex, smallest: float) -> pd.DataFrame:
    """Describe each cell of `pairs` that sold something in the last three years.

    Args:
        smallest: cells below this share of their pair's tonnes are left out.

    Returns:
        cell (its number), mineral, supplier, weight (mean tonnes of these years) and `FEATURES`.
    """
    recent = cells.tonnes[:, -6:]
    wanted = np.nan_to_num(recent[:, -3:].mean(axis=1)) > 0
    sums = {name: cells.by(name, recent)[wanted] for name in ("pair", "part", "mineral")}
    tonnes, pair, part, mineral = recent[wanted], sums["pair"], sums["part"], sums["mineral"]
    weight, of_pair = tonnes[:, -3:].mean(axis=1), pair[:, -3:].mean(axis=1)
    others = np.clip(part - tonnes, 0, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "level_vs_3y": log_ratio(tonnes[:, -1], tonnes[:, -4:-1].mean(axis=1)),
            "level_vs_3y_lag1": log_ratio(tonnes[:, -2], tonnes[:, -5:-2].mean(axis=1)),
            "level_vs_5y_max": log_ratio(tonnes[:, -1], tonnes[:, -5:].max(axis=1)),
            "growth_1y": log_ratio(tonnes[:, -1], tonnes[:, -2]),
            "growth_2y": log_ratio(tonnes[:, -1], tonnes[:, -3]),
            "spread_5y": tonnes[:, -5:].std(axis=1) / tonnes[:, -5:].mean(axis=1),
            "years_with_trade_5y": (tonnes[:, -5:] > 0).sum(axis=1).astype("float64"),
            "share_of_pair": weight / of_pair,
            "share_of_part": weight / part[:, -3:].mean(axis=1),
            "tonnes": np.log1p(weight),
            "pair_level_vs_3y": log_ratio(pair[:, -1], pair[:, -4:-1].mean(axis=1)),
            "pair_growth_1y": log_ratio(pair[:, -1], pair[:, -2]),
            "others_of_part_growth_1y": log_ratio(others[:, -1], others[:, -2]),
            "mineral_growth_1y": log_ratio(mineral[:, -1], mineral[:, -2]),
        }
    number = np.flatnonzero(wanted)
    found = cells.flows.cells.loc[number, KEY].assign(cell=number, weight=weight, **columns)
    keep = pd.MultiIndex.from_frame(found[KEY]).isin(pairs) & (weight >= smallest * of_pair)
    return found[keep].reset_index(drop=True)


def outcomes(rows: pd.DataFrame, cells: Cells, year: int) -> pd.DataFrame:
    """Tell of cells at an earlier date what came: tonnes of `year`, and of the three years before, over their weight.

    Returns:
        `rows` with came, before (the mean), both at most `MOST`, and fell; without minerals that have no figures then.
    """
    at = int(year - cells.years[0])
    found = cells.tonnes[rows["cell"].to_numpy(), at - 3 : at + 1]
    before = found[:, :3].mean(axis=1)
    weight = rows["weight"].to_numpy()
    known = rows.assign(
        came=np.minimum(found[:, 3] / weight, MOST),
        before=np.minimum(before / weight, MOST),
        fell=(found[:, 3] < DROP_RATIO * before).astype("float64"),
    )
    return known[np.isfinite(found).all(axis=1)]


def columns_of(learn: pd.DataFrame, now: pd.DataFrame, level: str) -> pd.DataFrame:
    """Learn from cells whose outcome is known and sum the forecasts of today's cells up to pairs.

    Returns:
        mineral, supplier, `<level>_expected` (log of expected tonnes of the target year over those expected of the
        three years before it) and `<level>_falls` (log-odds of the share of tonnes in cells expected to fall).
    """
    base = Parameters(min_data_in_leaf=200).for_lightgbm()
    matrix, today = (rows[list(FEATURES)].to_numpy(dtype="float64") for rows in (learn, now))
    # A cell counts as much as the share of its pair that it is, less steeply, so that small ones teach as well.
    weights = np.sqrt(learn["share_of_pair"].to_numpy())
    found = {}
    for name, objective in (("came", "regression"), ("before", "regression"), ("fell", "binary")):
        data = lgb.Dataset(matrix, learn[name].to_numpy(), weight=weights)
        found[name] = lgb.train(base | {"objective": objective}, data, num_boost_round=100).predict(today)
    tonnes = now["weight"].to_numpy()
    sums = (
        now[KEY]
        .assign(
            came=np.clip(found["came"], 0, None) * tonnes,
            before=np.clip(found["before"], 0, None) * tonnes,
            fell=found["fell"] * tonnes,
            tonnes=tonnes,
        )
        .groupby(KEY, as_index=False)
        .sum()
    )
    expected = log_ratio(sums["came"].to_numpy(), sums["before"].to_numpy())
    falls = log_odds((sums["fell"] / sums["tonnes"]).to_numpy())
    return sums[KEY].assign(**dict(zip(cell_features(level), (expected, falls), strict=True)))


def cell_columns(trade: pd.DataFrame, catalog: Catalog, index: pd.DataFrame, level: str) -> pd.DataFrame:
    """Give the columns of every pair and date, each from what was known at the date.

    Args:
        trade: every known version of the dataset.
        index: mineral, supplier, as_of of the rows to describe, one date a year.
        level: one of `LEVELS`.

    Returns:
        mineral, supplier, as_of and the columns of `columns_of`; no rows at dates too early to learn.
    """
    flows = Flows.of(trade, catalog, level)
    described: dict[int, pd.DataFrame] = {}
    found = []
    for moment in sorted(index["as_of"].unique()):
        pairs = pd.MultiIndex.from_frame(index.loc[index["as_of"].eq(moment), KEY])
        cells = Cells.known(flows, moment)
        if len(cells.years) >= SHORTEST_RECORD:
            described[moment.year] = describe(cells, pairs, LEVELS[level])
        # The target year of a date is its own; it is resolved once the year is known.
        resolved = [year for year in described if year <= cells.years[-1] and year - 3 >= cells.years[0]]
        if len(resolved) >= FEWEST_YEARS:
            learn = pd.concat([outcomes(described[year], cells, year) for year in resolved], ignore_index=True)
            found.append(columns_of(learn, described[moment.year], level).assign(as_of=moment))
    return pd.concat(found, ignore_index=True)
