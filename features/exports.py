"""Yearly exports per mineral and supplier, as they were known at each moment.

The raw trade rows are one flow each. Here they become one row per mineral, supplier
and year in *snapshots*: whenever a figure of a year (or of the four years before, which the
history of buyers needs) becomes known or is revised, the whole year is summed again with what
was known then. A snapshot holds until the next one of the same year. With one vintage
of BACI there is one snapshot per year.

Years outside an HS code's complete years are left out (`valid_from_year` and `valid_to_year` in the
catalogue): a product that moved to another code has not stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.flows import Flows, buyer_history, sums

__all__ = ["EXPORT_COLUMNS", "ExportTable", "buyer_shares", "known_exports", "snapshot_moments", "yearly_exports"]

EXPORT_COLUMNS = {
    "mineral": "str",
    "supplier": "str",
    "year": "int16",
    "available_at": "datetime64[us, UTC]",
    "tonnes": "float64",
    "value_usd": "float64",
    "imputed_value_frac": "float64",
    "buyers": "float64",
    "buyer_hhi": "float64",
    "top_buyer_frac": "float64",
    "lost_buyer_value_frac": "float64",
    "import_tonnes": "float64",
    "effective_buyers": "float64",
    "steady_frac": "float64",
    "regular_frac": "float64",
    "buyer_spread": "float64",
}


def yearly_exports(trade: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Sum trade rows into yearly exports per pair, in snapshots of knowledge time.

    Args:
        trade: every known version of the `trade` dataset.

    Returns:
        Columns `EXPORT_COLUMNS`, sorted; a pair without exports in a year has no row. `buyers` counts
        importing countries, the `_frac` and `_hhi` columns are shares of value in 0..1;
        `import_tonnes` is what the supplier itself imported of the mineral that year. The last four are those of
        `features.flows.buyer_history`.
    """
    if trade.empty:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in EXPORT_COLUMNS.items()})
    flows = Flows.of(trade, catalog)
    groups = flows.groups
    rows = flows.named(groups.starts, ["mineral", "supplier"])
    tonnes, value, imputed = (groups.sums(figure) for figure in (flows.tonnes, flows.value_usd, flows.imputed_usd))
    largest = np.maximum.reduceat(flows.value_usd, groups.starts) if len(flows) else value
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = rows.assign(
            tonnes=tonnes,
            value_usd=value,
            imputed_value_frac=np.where(value > 0, imputed / value, 0.0),
            buyers=np.bincount(groups.of_row, minlength=len(groups.starts)),
            # Not value**2, which rounds otherwise in rare cases: figures already published must come out the same.
            buyer_hhi=groups.sums(flows.value_usd**2) / np.float_power(value, 2),
            top_buyer_frac=largest / value,
            lost_buyer_value_frac=_lost_buyers(flows, value),
            import_tonnes=_own_imports(flows),
            **buyer_history(flows),
        )
    rows = rows.sort_values(["mineral", "supplier", "year", "available_at"], ignore_index=True)
    return rows.astype(EXPORT_COLUMNS)[list(EXPORT_COLUMNS)]


def _lost_buyers(flows: Flows, value: np.ndarray) -> np.ndarray:
    # Which share of the value of the year before went to buyers that take nothing this year; missing where the pair
    # sold nothing then. A pair's flows are compared snapshot by snapshot, each with the one that was the newest then.
    frac = np.full(len(value), np.nan)
    for at, before in flows.before():
        now, then = (slice(*flows.bounds[[which, which + 1]]) for which in (at, before))
        pairs, pairs_then = (slice(*flows.group_bounds[[which, which + 1]]) for which in (at, before))
        # Cells are numbered without large gaps: looking them up in a table beats sorting them.
        is_gone = ~np.isin(flows.cell[then], flows.cell[now], kind="table")
        of_pair = flows.groups.of_row[then] - pairs_then.start
        gone = sums(of_pair, np.where(is_gone, flows.value_usd[then], 0.0), pairs_then.stop - pairs_then.start)
        sold = value[pairs_then]
        lost = np.divide(gone, sold, out=np.zeros_like(gone), where=sold > 0)
        where = pd.Index(flows.group_pairs[pairs_then]).get_indexer(flows.group_pairs[pairs])
        frac[pairs] = np.where(where >= 0, lost[where], np.nan)
    return frac


def _own_imports(flows: Flows) -> np.ndarray:
    # What the supplier of each pair itself took of the mineral, in the same snapshot.
    minerals, countries = len(flows.minerals), len(flows.countries)

    def key(country: np.ndarray) -> np.ndarray:
        return (flows.snapshot * minerals + flows.mineral) * countries + country

    imports = sums(key(flows.importer), flows.tonnes, len(flows.snapshots) * minerals * countries)
    return imports[key(flows.supplier)[flows.groups.starts]]


def buyer_shares(trade: pd.DataFrame, catalog: Catalog, importers: Sequence[str]) -> pd.DataFrame:
    """Give what share of each supplier's exports (tonnes) each of `importers` took, in the same snapshots.

    Returns:
        mineral, supplier, importer, year, available_at, frac in 0..1, sorted; no row where it took nothing.
    """
    columns = ["mineral", "supplier", "importer", "year", "available_at", "frac"]
    if trade.empty:
        return pd.DataFrame(columns=columns)
    flows = Flows.of(trade, catalog)
    total = flows.groups.sums(flows.tonnes)[flows.groups.of_row]
    wanted = np.flatnonzero(np.isin(flows.countries, list(importers))[flows.importer] & (total > 0))
    rows = flows.named(wanted, columns[:3]).assign(frac=flows.tonnes[wanted] / total[wanted])
    return rows.sort_values(columns[:5], ignore_index=True)[columns]


def snapshot_moments(exports: pd.DataFrame) -> list[pd.Timestamp]:
    """List the moments at which the picture of past exports changed, oldest first."""
    return sorted(pd.Timestamp(moment) for moment in exports["available_at"].unique())


def known_exports(exports: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Give each year's newest snapshot that was known at `moment`."""
    known = exports[exports["available_at"] <= moment]
    newest = known.groupby("year")["available_at"].transform("max")
    return known[known["available_at"].eq(newest)]


@dataclass(frozen=True)
class ExportTable:
    """One picture of past exports as arrays of shape (n_pairs, n_years).

    A year without a row is zero where the mineral has any world exports that year, and
    missing where it has none (its codes are not valid then, or nothing is known).
    """

    pairs: pd.MultiIndex
    years: np.ndarray
    columns: dict[str, np.ndarray]

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[column]

    @classmethod
    def of(cls, known: pd.DataFrame) -> ExportTable:
        """Arrange the rows that `known_exports` gave; pairs are sorted, years run without a gap."""
        (mineral, minerals), (supplier, suppliers) = (
            pd.factorize(known[name], sort=True) for name in ("mineral", "supplier")
        )
        pair, at = np.unique(mineral * len(suppliers) + supplier, return_inverse=True)
        codes = np.divmod(pair, len(suppliers))
        pairs = pd.MultiIndex(levels=[minerals, suppliers], codes=codes, names=["mineral", "supplier"])
        years = np.arange(known["year"].min(), known["year"].max() + 1)
        column_at = (known["year"] - years[0]).to_numpy()
        shape = (len(pairs), len(years))
        covered = np.zeros(shape, dtype=bool)
        covered[at, column_at] = True
        is_covered = pd.DataFrame(covered).groupby(codes[0]).transform("any").to_numpy()
        columns = {}
        for name in EXPORT_COLUMNS:
            if name in ("mineral", "supplier", "year", "available_at"):
                continue
            cells = np.where(is_covered, 0.0, np.nan)
            cells[at, column_at] = known[name].to_numpy()
            columns[name] = cells
        return cls(pairs, years, columns)

    def number(self, level: str) -> np.ndarray:
        """Give each pair's "mineral" or "supplier" as a whole number, shape (n_pairs,)."""
        return self.pairs.codes[self.pairs.names.index(level)]

    def by(self, level: str, values: np.ndarray) -> np.ndarray:
        """Sum `values` (n_pairs, n_years) over all pairs with the same `level`, given back per pair."""
        return pd.DataFrame(values).groupby(self.number(level)).transform("sum", min_count=1).to_numpy()

    def rows(self, **figures: np.ndarray) -> pd.DataFrame:
        """Give figures (n_pairs, n_years) as rows: mineral, supplier, year and a column each, year by year."""
        names = self.pairs.to_frame(index=False)
        parts = [
            names.assign(year=int(year), **{name: values[:, at] for name, values in figures.items()})
            for at, year in enumerate(self.years)
        ]
        return pd.concat(parts, ignore_index=True)
