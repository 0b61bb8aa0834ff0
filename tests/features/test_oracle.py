"""Labels and five features, reckoned again from the embedded BACI file in plain Python.

Nothing of the pipeline is used but the catalogue's two code tables: rows are read with pyarrow, missing
quantities imputed again, and every sum made again in loops.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features import panel
from features.catalog import Catalog
from features.collection import BUNDLE
from models.targets import TARGETS, attach_labels, label_table, states

MINERALS = ("manganese", "lithium", "rare_earths", "cobalt")
DATES = (
    dt.datetime(2008, 7, 21, tzinfo=dt.UTC),
    dt.datetime(2015, 7, 20, tzinfo=dt.UTC),
    dt.datetime(2022, 7, 18, tzinfo=dt.UTC),
)


@dataclass
class Sales:
    tonnes: float = 0.0
    usd: float = 0.0
    imputed_usd: float = 0.0
    usd_by_buyer: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@pytest.fixture(scope="module")
def sales(catalog: Catalog) -> dict[tuple[str, str, int], Sales]:
    """Sum the sales of each mineral, supplier and year."""
    used = catalog.used_hs_codes()
    used = used[used["mineral"].isin(MINERALS) & used["in_bundle"]]
    first_year = {int(row.hs_code): row.valid_from_year for row in used.itertuples()}
    mineral_of = {int(row.hs_code): row.mineral for row in used.itertuples()}
    table = pq.read_table(BUNDLE / "baci.parquet")
    table = table.filter(pc.is_in(table["k"], value_set=pa.array(list(mineral_of), table["k"].type)))
    # Two codes of one country are one flow; so first add up per country, keeping a missing quantity missing.
    flows: dict[tuple, list] = {}
    for row in table.to_pylist():
        supplier, importer = catalog.iso3_of_baci(row["i"]), catalog.iso3_of_baci(row["j"])
        if supplier is None or importer is None:
            continue
        flow = flows.setdefault((row["t"], row["k"], supplier, importer), [0.0, 0.0])
        flow[0] += row["v_usd"]
        flow[1] = math.nan if row["q_kg"] is None else flow[1] + row["q_kg"] / 1000
    known = defaultdict(lambda: [0.0, 0.0])
    for (year, code, _, _), (usd, tonnes) in flows.items():
        if tonnes > 0 or (tonnes == 0 and usd == 0):
            known[code, year][0] += usd
            known[code, year][1] += tonnes
    result: dict[tuple[str, str, int], Sales] = defaultdict(Sales)
    for (year, code, supplier, importer), (usd, tonnes) in flows.items():
        if year < first_year[code]:
            continue
        is_missing = math.isnan(tonnes) or (tonnes == 0 and usd > 0)
        if is_missing:
            tonnes = usd / price(known, code, year)
        sale = result[mineral_of[code], supplier, year]
        sale.tonnes += tonnes
        sale.usd += usd
        sale.imputed_usd += usd if is_missing else 0.0
        sale.usd_by_buyer[importer] += usd
    return result


def price(known: dict, code: int, year: int) -> float:
    usd, tonnes = known[code, year]
    if not (usd and tonnes):
        usd = sum(known[code, y][0] for y in range(1990, year + 1))
        tonnes = sum(known[code, y][1] for y in range(1990, year + 1))
    return usd / tonnes if usd and tonnes else math.inf


@pytest.fixture(scope="module")
def rows(bundle_steps, bundle_exports: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Give the pipeline's panel with its labels."""
    built = panel.build_panel(bundle_steps, catalog, DATES)
    built = built[built["mineral"].isin(MINERALS)].reset_index(drop=True)
    labels = label_table(bundle_exports)
    for name, target in TARGETS.items():
        labelled = attach_labels(built[panel.KEYS], labels, target, "current_year")
        built[f"label_{name}"] = labelled["label"]
        built[f"onset_{name}"] = states(built, target)
        built["resolved_at"] = labelled["resolved_at"]
        built["void"] = labelled["void_reason"].notna()
    return built


def tonnes(sales: dict, mineral: str, supplier: str, year: int) -> float:
    return sales[mineral, supplier, year].tonnes if (mineral, supplier, year) in sales else 0.0


def clipped(ratio: float) -> float:
    return max(-4.0, min(4.0, math.log(ratio))) if ratio > 0 else -4.0


def last_year(as_of: pd.Timestamp) -> int:
    """All dates are in July, when the figures of two years before are out."""
    return as_of.year - 2


def test_the_pairs_are_those_with_one_per_cent_of_three_years(rows: pd.DataFrame, sales: dict):
    for as_of in DATES:
        years = range(last_year(as_of) - 2, last_year(as_of) + 1)
        for mineral in MINERALS:
            sold = defaultdict(float)
            for (m, supplier, year), sale in list(sales.items()):
                if m == mineral and year in years:
                    sold[supplier] += sale.tonnes
            expected = {supplier for supplier, total in sold.items() if total >= 0.01 * sum(sold.values())}
            chosen = rows[rows["as_of"].eq(as_of) & rows["mineral"].eq(mineral)]
            assert set(chosen["supplier"]) == expected
            assert len(expected) >= 5
            for row in chosen.itertuples():
                share = sold[row.supplier] / sum(sold.values())
                assert row.trade_share_3y == pytest.approx(share, rel=1e-9, abs=1e-12)


def test_level_growth_and_buyers(rows: pd.DataFrame, sales: dict):
    assert len(rows) > 120
    for row in rows.itertuples():
        last = last_year(row.as_of)
        back = [tonnes(sales, row.mineral, row.supplier, last - n) for n in range(4)]
        if sum(back[1:]):
            assert row.trade_level_vs_3y == pytest.approx(clipped(back[0] / (sum(back[1:]) / 3)), rel=1e-9, abs=1e-9)
        if back[1] and back[0]:
            assert row.trade_growth_1y == pytest.approx(clipped(back[0] / back[1]), rel=1e-9, abs=1e-9)
        if (row.mineral, row.supplier, last) in sales:
            sale = sales[row.mineral, row.supplier, last]
            assert row.trade_buyers == len(sale.usd_by_buyer)
            hhi = sum((usd / sale.usd) ** 2 for usd in sale.usd_by_buyer.values())
            assert row.trade_buyer_hhi == pytest.approx(hhi, rel=1e-9)
            assert row.trade_imputed == pytest.approx(sale.imputed_usd / sale.usd, rel=1e-9, abs=1e-12)
        else:
            assert row.trade_buyers == 0


@pytest.mark.parametrize(("name", "limit"), [("supply_drop", 0.7), ("severe_supply_drop", 0.5)])
def test_labels_and_states(rows: pd.DataFrame, sales: dict, name: str, limit: float):
    events = voids = starts = 0
    for row in rows.to_dict("records"):
        pair, year, last = (row["mineral"], row["supplier"]), row["as_of"].year, last_year(row["as_of"])
        before = sum(tonnes(sales, *pair, year - n) for n in (1, 2, 3)) / 3
        sale = sales.get((*pair, year), Sales())
        is_void = sale.imputed_usd > 0.5 * sale.usd
        assert row["resolved_at"] == pd.Timestamp(f"{year + 2}-02-01", tz="UTC")
        if is_void or not before:
            assert math.isnan(row[f"label_{name}"])
            voids += is_void
        else:
            assert row[f"label_{name}"] == float(sale.tonnes / before < limit)
            events += sale.tonnes / before < limit
        usual = sum(tonnes(sales, *pair, last - n) for n in (1, 2, 3)) / 3
        in_event = bool(usual) and tonnes(sales, *pair, last) / usual < limit
        assert row[f"onset_{name}"] == (not in_event)
        starts += not in_event
    assert events > 10
    assert 0 < starts < len(rows)


def test_the_imputation_was_needed_and_nothing_was_left_without_a_price(sales: dict):
    assert sum(sale.imputed_usd for sale in sales.values()) > 1e6
    assert all(sale.tonnes > 0 for sale in sales.values() if sale.usd > 1e6)
