"""What a pair's neighbours did, as columns for ideas: by-products and hosts, the supplier's and the mineral's others.

Everything is told from other rows of the same date, which hold what was known then.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from features.catalog import load_catalog

__all__ = ["BY_PRODUCTS", "OTHERS", "SHOCKS", "by_products", "others", "shocks"]

LEVEL, GROWTH = "trade_level_vs_3y", "trade_growth_1y"
WORLD, VALUE = "trade_world_growth_1y", "trade_value"
BY_PRODUCTS = ("hosts_level", "hosts_growth", "by_products_level", "by_products_growth")
OTHERS = ("supplier_others_level", "supplier_others_growth", "mineral_others_level", "mineral_others_growth")
SHOCKS = ("world_growth_of_minerals", "world_growth_apart", "pair_growth_apart", "pair_level_apart")


def _mean_of_related(panel: pd.DataFrame, related: Iterable[tuple[str, str]], names: tuple[str, str]) -> pd.DataFrame:
    # The same supplier's mean over the minerals that each mineral is related to; missing where it sells none of them.
    links = pd.DataFrame(related, columns=["mineral", "other"])
    theirs = panel[["mineral", "supplier", "as_of", LEVEL, GROWTH]].rename(columns={"mineral": "other"})
    key = ["mineral", "supplier", "as_of"]
    found = links.merge(theirs, on="other").groupby(key, observed=True)[[LEVEL, GROWTH]].mean()
    told = found.reindex(pd.MultiIndex.from_frame(panel[key]))
    return pd.DataFrame(told.to_numpy(), columns=list(names), index=panel.index)


def by_products(panel: pd.DataFrame) -> pd.DataFrame:
    """Give the supplier's exports of the metals a mineral is a by-product of, and of its own by-products.

    Args:
        panel: mineral, supplier, as_of, `LEVEL`, `GROWTH`.

    Returns:
        The columns `BY_PRODUCTS`, means of logarithms; missing where the supplier is in no row of them at the date.
    """
    links = [(name, host) for name, about in load_catalog().minerals.items() for host in about.by_product_of]
    hosts = _mean_of_related(panel, links, BY_PRODUCTS[:2])
    return hosts.join(_mean_of_related(panel, [(host, name) for name, host in links], BY_PRODUCTS[2:]))


def others(panel: pd.DataFrame) -> pd.DataFrame:
    """Give what the supplier's other minerals and the mineral's other suppliers did, large pairs counting more.

    Args:
        panel: mineral, supplier, as_of, `LEVEL`, `GROWTH`, `VALUE` (the weight is its square root in USD).

    Returns:
        The columns `OTHERS`, weighted means of logarithms over the other rows of the date; missing without any.
    """
    weight = np.exp(panel[VALUE] / 2)
    columns = {}
    for who in ("supplier", "mineral"):
        group = [panel[who], panel["as_of"]]
        for column, what in ((LEVEL, "level"), (GROWTH, "growth")):
            own = weight.where(panel[column].notna(), 0.0)
            part = own * panel[column].fillna(0.0)
            rest = own.groupby(group, observed=True).transform("sum") - own
            total = part.groupby(group, observed=True).transform("sum") - part
            columns[f"{who}_others_{what}"] = (total / rest.where(rest > 1e-9)).astype("float64")
    return pd.DataFrame(columns)[list(OTHERS)]


def shocks(panel: pd.DataFrame) -> pd.DataFrame:
    """Tell shocks of world demand apart from those of a mineral and of a pair.

    Args:
        panel: mineral, supplier, as_of, `LEVEL`, `GROWTH`, `WORLD`.

    Returns:
        The columns `SHOCKS`: the median growth of world exports over all minerals of the date, the mineral's beyond
        that, the pair's growth beyond the mineral's, and its level beyond the median of the mineral's suppliers.
    """
    minerals = panel.drop_duplicates(["mineral", "as_of"])
    common = panel["as_of"].map(minerals.groupby("as_of")[WORLD].median())
    usual = panel.groupby(["mineral", "as_of"], observed=True)[LEVEL].transform("median")
    return pd.DataFrame(
        {
            "world_growth_of_minerals": common,
            "world_growth_apart": panel[WORLD] - common,
            "pair_growth_apart": panel[GROWTH] - panel[WORLD],
            "pair_level_apart": panel[LEVEL] - usual,
        }
    )
