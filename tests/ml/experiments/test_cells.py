"""Cells are known when their figures are, weigh what they sell, and add up to their pair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.catalog import Catalog, load_catalog
from ml.experiments.cells import Cells, Flows, cell_columns, columns_of, describe, outcomes
from tests.builders import flow, rows, series, utc

COBALT = pd.MultiIndex.from_tuples([("cobalt", "COD")], names=["mineral", "supplier"])


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def cells_of(records: list[dict], catalog: Catalog, moment: str, level: str = "importer") -> Cells:
    return Cells.known(Flows.of(rows("trade", records), catalog, level), utc(moment))


def to(importer: str, tonnes: list[float], **other: object) -> list[dict]:
    return [{**record, "importer": importer} for record in series("COD", tonnes, **other)]


def test_a_revision_counts_from_its_day_and_a_withdrawal_too(catalog: Catalog) -> None:
    first = [flow(2000, "COD", "JPN", 10), flow(2001, "COD", "JPN", 20)]
    revised = flow(2000, "COD", "JPN", 15, available_at=utc("2004-02-01"))
    withdrawn = flow(2001, "COD", "JPN", 20, available_at=utc("2005-02-01"), is_retracted=True)
    other = flow(2001, "AUS", "JPN", 1)
    records = [revised, withdrawn, *first, other]
    told = {}
    for day in ("2003-07-01", "2004-07-01", "2005-07-01"):
        cells = cells_of(records, catalog, day)
        told[day] = cells.tonnes[cells.flows.cells["supplier"].eq("COD")][0].tolist()
    assert told == {"2003-07-01": [10, 20], "2004-07-01": [15, 20], "2005-07-01": [15, 0]}


def test_a_level_splits_by_buyer_or_by_code(catalog: Catalog) -> None:
    records = [flow(2000, "COD", "JPN", 1), flow(2000, "COD", "USA", 2), flow(2000, "COD", "USA", 4, hs_code="810510")]
    assert cells_of(records, catalog, "2003-01-01").tonnes.sum(axis=1).tolist() == [1, 6]
    assert cells_of(records, catalog, "2003-01-01", "hs_code").tonnes.sum(axis=1).tolist() == [3, 4]


def test_cells_are_described_by_hand(catalog: Catalog) -> None:
    records = [*to("JPN", [6, 6, 6, 6, 6, 3]), *to("USA", [2, 2, 2, 2, 2, 2]), *to("DEU", [1, 0, 0, 0, 0, 0])]
    found = describe(cells_of(records, catalog, "2007-07-01"), COBALT, 0.0).set_index("weight")
    assert found.index.tolist() == [5.0, 2.0]
    japan = found.loc[5.0]
    assert japan["level_vs_3y"] == pytest.approx(np.log(3 / 6))
    assert japan["share_of_pair"] == pytest.approx(5 / 7)
    assert japan["share_of_part"] == 1.0
    assert japan["pair_growth_1y"] == pytest.approx(np.log(5 / 8))
    assert japan["years_with_trade_5y"] == 5
    assert len(describe(cells_of(records, catalog, "2007-07-01"), COBALT, 0.3)) == 1


def test_what_became_of_a_cell_by_hand(catalog: Catalog) -> None:
    records = [*to("JPN", [6, 6, 6, 6, 6, 6, 9, 2]), *to("USA", [1] * 8)]
    before = describe(cells_of(records, catalog, "2007-07-01"), COBALT, 0.0)
    later = cells_of(records, catalog, "2009-07-01")
    found = outcomes(before, later, 2007).set_index("weight").loc[6.0]
    assert found["came"] == pytest.approx(2 / 6)
    assert found["before"] == pytest.approx(7 / 6)
    assert found["fell"] == 1
    assert outcomes(before, later, 2006).set_index("weight").loc[6.0, "came"] == pytest.approx(1.5)


def test_cells_add_up_by_their_tonnes(catalog: Catalog) -> None:
    records = [*to("JPN", [6, 6, 6, 6, 6, 3]), *to("USA", [2, 2, 2, 2, 2, 2])]
    now = describe(cells_of(records, catalog, "2007-07-01"), COBALT, 0.0)
    # With too few rows for a split a booster gives the mean of what it saw.
    learn = pd.concat([now.assign(came=0.5, before=1.0, fell=[0.0, 1.0])] * 3)
    found = columns_of(learn.assign(share_of_pair=1.0), now, "importer")
    assert found["importer_expected"].to_list() == pytest.approx([np.log(0.5)])
    assert found["importer_falls"].to_list() == pytest.approx([0.0], abs=1e-6)


def test_no_later_figure_changes_the_columns_of_a_date(catalog: Catalog) -> None:
    rng = np.random.default_rng(3)
    suppliers = ("AUS", "CHN", "COD", "FIN", "ZMB", "CAN")
    buyers = ("DEU", "FRA", "JPN", "KOR", "USA", "GBR", "ITA", "ESP", "POL", "NLD", "BEL", "AUT", "SWE")
    records = [
        {**record, "importer": buyer}
        for supplier in suppliers
        for buyer in buyers
        for code in ("282200", "260200")
        for record in series(supplier, np.exp(rng.normal(3, 1, 14)).tolist(), hs_code=code)
    ]
    dates = [utc(f"{year}-07-20") for year in range(2008, 2015)]
    pairs = [
        (mineral, supplier, date) for mineral in ("cobalt", "manganese") for supplier in suppliers for date in dates
    ]
    index = pd.DataFrame(pairs, columns=["mineral", "supplier", "as_of"])
    trade = rows("trade", records)
    full = cell_columns(trade, catalog, index, "importer")
    assert full["importer_expected"].nunique() > 20
    moment = dates[-3]
    is_known = trade["available_at"] <= moment
    other = trade.assign(quantity_tonnes=trade["quantity_tonnes"].where(is_known, 7.0))
    changed = cell_columns(other, catalog, index, "importer")
    pd.testing.assert_frame_equal(changed[changed["as_of"] <= moment], full[full["as_of"] <= moment])
    assert not changed.equals(full)
