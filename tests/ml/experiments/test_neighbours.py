"""Neighbours of a pair are other rows of its own date, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.experiments.neighbours import BY_PRODUCTS, OTHERS, SHOCKS, by_products, others, shocks
from tests.builders import utc


@pytest.fixture
def panel() -> pd.DataFrame:
    rows = [
        ("cobalt", "COD", "2010-07-19", -0.5, -0.4, 9.0, 0.1),
        ("copper", "COD", "2010-07-19", 0.2, 0.1, 11.0, 0.3),
        ("nickel", "COD", "2010-07-19", 0.4, 0.3, 7.0, -0.2),
        ("cobalt", "PHL", "2010-07-19", 0.6, 0.5, 8.0, 0.1),
        ("cobalt", "COD", "2011-07-18", 0.9, 0.8, 9.0, 0.7),
    ]
    names = ["mineral", "supplier", "as_of", "trade_level_vs_3y", "trade_growth_1y", "trade_value"]
    table = pd.DataFrame(rows, columns=[*names, "trade_world_growth_1y"])
    return table.assign(as_of=[utc(date) for date in table["as_of"]])


def test_hosts_and_by_products_are_the_suppliers_own_at_the_date(panel: pd.DataFrame) -> None:
    found = by_products(panel)
    assert list(found) == list(BY_PRODUCTS)
    assert found.loc[0, ["hosts_level", "hosts_growth"]].to_list() == pytest.approx([0.3, 0.2])
    assert found.loc[1, ["by_products_level", "by_products_growth"]].to_list() == pytest.approx([-0.5, -0.4])
    # The Philippines sell no host here, and nothing else is known of 2011.
    assert found.loc[[3, 4]].isna().all(axis=None)


def test_others_leave_the_pair_itself_out_and_large_ones_count_more(panel: pd.DataFrame) -> None:
    found = others(panel)
    assert list(found) == list(OTHERS)
    weights = np.exp(np.array([11.0, 7.0]) / 2)
    assert found.loc[0, "supplier_others_level"] == pytest.approx(np.average([0.2, 0.4], weights=weights))
    assert found.loc[0, "mineral_others_growth"] == pytest.approx(0.5)
    assert found.loc[[3], "supplier_others_level"].isna().all()
    assert found.loc[[4]].isna().all(axis=None)
    unknown = panel.assign(trade_level_vs_3y=panel["trade_level_vs_3y"].mask(panel["mineral"].eq("copper")))
    assert others(unknown).loc[0, "supplier_others_level"] == pytest.approx(0.4)


def test_shocks_of_the_world_the_mineral_and_the_pair_add_up(panel: pd.DataFrame) -> None:
    found = shocks(panel)
    assert list(found) == list(SHOCKS)
    # Each mineral counts once, however many suppliers it has: the median of 0.3, 0.1 and -0.2.
    assert found["world_growth_of_minerals"].to_list() == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.7])
    many = pd.concat([panel, *(panel.iloc[[1]].assign(supplier=name) for name in ("CHL", "PER", "ZMB"))])
    assert shocks(many.reset_index(drop=True))["world_growth_of_minerals"].iloc[0] == pytest.approx(0.1)
    whole = found[["world_growth_of_minerals", "world_growth_apart", "pair_growth_apart"]].sum(axis=1)
    assert whole.to_list() == pytest.approx(panel["trade_growth_1y"].to_list())
    assert found.loc[0, "pair_level_apart"] == pytest.approx(-0.5 - 0.05)
