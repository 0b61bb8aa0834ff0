"""Yearly exports per mineral and supplier, as they were known at each moment.

The raw trade rows are one flow each. Here they become one row per mineral, supplier
and year in *snapshots*: whenever a figure of a year (or of the year before, which the
lost buyers need) becomes known or is revised, the whole year is summed again with what
was known then. A snapshot holds until the next one of the same year. With one vintage
of BACI there is one snapshot per year.

Years outside an HS code's complete years are left out (`valid_from_year` and `valid_to_year` in the
catalogue): a product that moved to another code has not stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from features.catalog import Catalog

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
}

_SNAPSHOTS = """
WITH codes AS (SELECT * FROM code_table),
used AS (
    SELECT t.*, c.mineral FROM trade t JOIN codes c USING (hs_code)
    WHERE (c.valid_to_year IS NULL OR t.year <= c.valid_to_year) AND t.year >= c.valid_from_year
),
versions AS (SELECT DISTINCT year, available_at FROM trade),
born AS (SELECT year, min(available_at) AS first_at FROM versions GROUP BY year),
snapshots AS (
    SELECT year, available_at AS snapshot_at FROM versions
    UNION
    SELECT b.year, v.available_at FROM versions v JOIN born b ON b.year = v.year + 1
    WHERE v.available_at > b.first_at
),
flows AS (
    SELECT s.year, s.snapshot_at, u.mineral, u.hs_code, u.supplier, u.importer, u.value_usd, u.quantity_tonnes,
           u.is_imputed, u.is_retracted
    FROM snapshots s JOIN used u ON u.year = s.year AND u.available_at <= s.snapshot_at
    QUALIFY row_number() OVER (
        PARTITION BY s.snapshot_at, u.year, u.mineral, u.hs_code, u.supplier, u.importer
        ORDER BY u.available_at DESC) = 1
)
SELECT mineral, supplier, importer, year, snapshot_at,
       sum(quantity_tonnes ORDER BY hs_code) AS tonnes, sum(value_usd ORDER BY hs_code) AS value_usd,
       sum(CASE WHEN is_imputed THEN value_usd ELSE 0 END ORDER BY hs_code) AS imputed_usd
FROM flows WHERE NOT is_retracted
GROUP BY ALL
"""

_PAIRS = """
WITH moments AS (SELECT DISTINCT year, snapshot_at FROM flows),
before AS (
    SELECT m.year, m.snapshot_at, max(p.snapshot_at) AS before_at
    FROM moments m JOIN moments p ON p.year = m.year - 1 AND p.snapshot_at <= m.snapshot_at
    GROUP BY m.year, m.snapshot_at
),
lost AS (
    SELECT b.year, b.snapshot_at, p.mineral, p.supplier,
           sum(p.value_usd ORDER BY p.importer) FILTER (WHERE f.importer IS NULL)
               / nullif(sum(p.value_usd ORDER BY p.importer), 0) AS lost_frac
    FROM before b
    JOIN flows p ON p.year = b.year - 1 AND p.snapshot_at = b.before_at
    LEFT JOIN flows f ON f.year = b.year AND f.snapshot_at = b.snapshot_at
        AND f.mineral = p.mineral AND f.supplier = p.supplier AND f.importer = p.importer
    GROUP BY ALL
),
exports AS (
    SELECT mineral, supplier, year, snapshot_at, sum(tonnes ORDER BY importer) AS tonnes,
           sum(value_usd ORDER BY importer) AS value_usd,
           sum(imputed_usd ORDER BY importer) / nullif(sum(value_usd ORDER BY importer), 0) AS imputed_value_frac,
           count(*) AS buyers,
           sum(value_usd * value_usd ORDER BY importer)
               / nullif(sum(value_usd ORDER BY importer) ** 2, 0) AS buyer_hhi,
           max(value_usd) / nullif(sum(value_usd ORDER BY importer), 0) AS top_buyer_frac
    FROM flows GROUP BY ALL
),
imports AS (
    SELECT mineral, importer AS supplier, year, snapshot_at, sum(tonnes ORDER BY flows.supplier) AS import_tonnes
    FROM flows GROUP BY ALL
)
SELECT e.mineral, e.supplier, e.year, e.snapshot_at AS available_at, e.tonnes, e.value_usd,
       coalesce(e.imputed_value_frac, 0) AS imputed_value_frac, e.buyers, e.buyer_hhi, e.top_buyer_frac,
       coalesce(l.lost_frac, CASE WHEN l.mineral IS NULL THEN NULL ELSE 0 END) AS lost_buyer_value_frac,
       coalesce(i.import_tonnes, 0) AS import_tonnes
FROM exports e
LEFT JOIN lost l USING (mineral, supplier, year, snapshot_at)
LEFT JOIN imports i USING (mineral, supplier, year, snapshot_at)
ORDER BY ALL
"""

_SHARES = """
WITH totals AS (
    SELECT mineral, supplier, year, snapshot_at, sum(tonnes ORDER BY importer) AS total FROM flows GROUP BY ALL
)
SELECT f.mineral, f.supplier, f.importer, f.year, f.snapshot_at AS available_at, f.tonnes / t.total AS frac
FROM flows f JOIN totals t USING (mineral, supplier, year, snapshot_at) JOIN wanted USING (importer)
WHERE t.total > 0
ORDER BY ALL
"""


def yearly_exports(trade: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Sum trade rows into yearly exports per pair, in snapshots of knowledge time.

    Args:
        trade: every known version of the `trade` dataset.

    Returns:
        Columns `EXPORT_COLUMNS`, sorted; a pair without exports in a year has no row. `buyers` counts
        importing countries, the `_frac` and `_hhi` columns are shares of value in 0..1;
        `import_tonnes` is what the supplier itself imported of the mineral that year.
    """
    if trade.empty:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in EXPORT_COLUMNS.items()})
    with _flows(trade, catalog) as db:
        rows = db.execute(_PAIRS).df()
    return rows.astype(EXPORT_COLUMNS)[list(EXPORT_COLUMNS)]


def buyer_shares(trade: pd.DataFrame, catalog: Catalog, importers: Sequence[str]) -> pd.DataFrame:
    """Give what share of each supplier's exports (tonnes) each of `importers` took, in the same snapshots.

    Returns:
        mineral, supplier, importer, year, available_at, frac in 0..1, sorted; no row where it took nothing.
    """
    if trade.empty:
        return pd.DataFrame(columns=["mineral", "supplier", "importer", "year", "available_at", "frac"])
    with _flows(trade, catalog) as db:
        db.register("wanted", pd.DataFrame({"importer": list(importers)}))
        rows = db.execute(_SHARES).df()
    return rows.astype({"available_at": "datetime64[us, UTC]"})


@contextmanager
def _flows(trade: pd.DataFrame, catalog: Catalog) -> Iterator[duckdb.DuckDBPyConnection]:
    # Floating sums depend on the order of their terms, and a replay must give the same bytes: hence ORDER BY in each.
    used = catalog.used_hs_codes()
    years = {name: used[name].astype("float64") for name in ("valid_from_year", "valid_to_year")}
    code_table = used[["mineral", "hs_code"]].drop_duplicates().assign(**years)
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as db:
        db.register("trade", trade)
        db.register("code_table", code_table)
        db.execute(f"CREATE TABLE flows AS {_SNAPSHOTS}")
        yield db


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
        pairs = pd.MultiIndex.from_frame(known[["mineral", "supplier"]].drop_duplicates()).sort_values()
        years = np.arange(known["year"].min(), known["year"].max() + 1)
        at = pairs.get_indexer(pd.MultiIndex.from_frame(known[["mineral", "supplier"]]))
        column_at = (known["year"] - years[0]).to_numpy()
        minerals = pairs.get_level_values("mineral")
        shape = (len(pairs), len(years))
        covered = np.zeros(shape, dtype=bool)
        covered[at, column_at] = True
        is_covered = pd.DataFrame(covered).groupby(minerals.to_numpy()).transform("any").to_numpy()
        columns = {}
        for name in EXPORT_COLUMNS:
            if name in ("mineral", "supplier", "year", "available_at"):
                continue
            cells = np.where(is_covered, 0.0, np.nan)
            cells[at, column_at] = known[name].to_numpy()
            columns[name] = cells
        return cls(pairs, years, columns)

    def by(self, level: str, values: np.ndarray) -> np.ndarray:
        """Sum `values` (n_pairs, n_years) over all pairs with the same `level`, given back per pair."""
        keys = self.pairs.get_level_values(level).to_numpy()
        return pd.DataFrame(values).groupby(keys).transform("sum", min_count=1).to_numpy()
