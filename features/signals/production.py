"""Signal `production`: how concentrated mining is, and how a supplier's output relates to its exports.

Steps change when production figures become known (World Mining Data: 1 May of t+2,
from 2018 on; earlier weeks have none, which is missing and not zero).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.signals.declaration import Feature, Signal, Steps, Tables
from features.signals.yearly import steps_of_yearly

__all__ = ["SIGNAL"]

FEATURES = (
    Feature("production_hhi", "frac", "Concentration of the mineral's producers (Herfindahl index of tonnes)."),
    Feature("production_share", "frac", "The supplier's share of world production in the last known year."),
    Feature("production_growth_1y", "log_ratio", "Change of the supplier's production over one year."),
    Feature("production_is_producer", "frac", "1 where the supplier produced the mineral in the last known year."),
    Feature("production_mine_to_export", "log_ratio", "The supplier's production share against its export share."),
)

MAX_LOG = 4.0


def describe(known: pd.DataFrame) -> pd.DataFrame:
    """Compute shares and growth per (mineral, supplier) in the last year that is known at all."""
    last = int(known["year"].max())
    wide = known.pivot_table(index=["mineral", "supplier"], columns="year", values="quantity_tonnes", aggfunc="sum")
    now = wide[last].fillna(0.0) if last in wide else pd.Series(0.0, index=wide.index)
    world = now.groupby(level="mineral").transform("sum")
    share = now / world.where(world > 0)
    hhi = (share**2).groupby(level="mineral").transform("sum", min_count=1)
    before = wide[last - 1] if last - 1 in wide else pd.Series(np.nan, index=wide.index)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(now / before).clip(-MAX_LOG, MAX_LOG)
    return pd.DataFrame(
        {"production_share": share, "production_growth_1y": growth, "production_hhi_own": hhi}
    ).reset_index()


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give one step function per pair and one per mineral."""
    rows = steps_of_yearly(tables["production"], ("year", "mineral", "supplier"), describe)
    pair_columns = ["mineral", "supplier", "available_at", "production_share", "production_growth_1y"]
    mineral_columns = ["mineral", "available_at", "production_hhi"]
    if rows.empty:
        return [
            Steps(("mineral", "supplier"), pd.DataFrame(columns=pair_columns)),
            Steps(("mineral",), pd.DataFrame(columns=mineral_columns)),
        ]
    pairs = rows[pair_columns].sort_values(pair_columns[:3], ignore_index=True)
    minerals = rows.rename(columns={"production_hhi_own": "production_hhi"})[mineral_columns]
    minerals = minerals.drop_duplicates(["mineral", "available_at"]).sort_values(
        ["mineral", "available_at"], ignore_index=True
    )
    return [Steps(("mineral", "supplier"), pairs), Steps(("mineral",), minerals)]


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Add the flag and the ratio to exports; a pair outside a known production table produces nothing."""
    is_known = joined["production_hhi"].notna()
    share = joined["production_share"].fillna(0.0).where(is_known)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log((share + 1e-4) / (joined["trade_share_3y"] + 1e-4)).clip(-MAX_LOG, MAX_LOG)
    return pd.DataFrame(
        {
            "production_share": share,
            "production_is_producer": share.gt(0).astype("float64").where(is_known),
            "production_mine_to_export": ratio,
        }
    )


SIGNAL = Signal("production", ("production",), FEATURES, steps, combine)
