"""Signal `production`: how concentrated mining is, how a supplier's output moves, how it relates to its exports.

Steps change when any publisher's figures become known: the Mineral Commodity Summaries on 31 January of
t+1 (the newest year an estimate), World Mining Data and the British Geological Survey on 1 May of
t+2. `production_history` says who of them speaks for a mineral; no ratio mixes two. Before the
first figures of a mineral everything is missing, which is not zero.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.signals.declaration import Feature, Signal, Steps, Tables
from features.signals.production_history import MAX_LOG, describe
from features.signals.yearly import steps_of_yearly

__all__ = ["SIGNAL"]

FEATURES = (
    Feature("production_hhi", "frac", "Concentration of the mineral's producers (Herfindahl index of tonnes)."),
    Feature("production_share", "frac", "The supplier's share of world production in the last known year."),
    Feature("production_growth_1y", "log_ratio", "Change of the supplier's production over one year."),
    Feature("production_is_producer", "frac", "1 where the supplier produced the mineral in the last known year."),
    Feature("production_mine_to_export", "log_ratio", "The supplier's production share against its export share."),
    Feature("production_level_vs_3y", "log_ratio", "Production in the last year of the record against three years."),
    Feature("production_worst_change_5y", "log_ratio", "The worst yearly change of production in five years."),
    Feature(
        "production_estimate_change", "log_ratio", "The newest estimated year against the year before, one release."
    ),
    Feature("production_age_years", "years", "Years from the newest production year to the year of the forecast date."),
)
KEY = ("source", "year", "mineral", "supplier")
PAIR_COLUMNS = (
    "production_share",
    "production_growth_1y",
    "production_is_producer",
    "production_level_vs_3y",
    "production_worst_change_5y",
    "production_estimate_change",
)


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give one step function per pair and one per mineral."""
    rows = steps_of_yearly(tables["production"], KEY, describe)
    pair_columns = ["mineral", "supplier", "available_at", *PAIR_COLUMNS]
    mineral_columns = ["mineral", "available_at", "production_hhi", "production_last_year"]
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
    """Add the ratio to exports and the age; a pair that no publisher of a known mineral lists produces nothing."""
    is_known = joined["production_hhi"].notna()
    produces = joined["production_is_producer"].eq(1.0)
    listed = joined["production_share"]
    # A share can be unknown: a producer that the speaking publisher counts among "other countries".
    share = listed.where(listed.notna() | produces, 0.0).where(is_known)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log((share + 1e-4) / (joined["trade_share_3y"] + 1e-4)).clip(-MAX_LOG, MAX_LOG)
    age = joined["as_of"].dt.year - joined["production_last_year"]
    return pd.DataFrame(
        {
            "production_share": share,
            "production_is_producer": produces.astype("float64").where(is_known),
            "production_mine_to_export": ratio,
            "production_age_years": age.astype("float64").where(is_known),
        }
    )


SIGNAL = Signal("production", ("production",), FEATURES, steps, combine)
