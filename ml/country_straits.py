"""The straits on the way from a supplier to its partners: how much of a mineral passes them, and how busy they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import load_catalog
from features.catalog.routes import load_routes, load_straits
from features.signals.logistics import STRAITS, flow_shares

__all__ = ["shares_of_straits", "straits"]

WEEKS = 4
Json = dict[str, Any]


def shares_of_straits(trade: pd.DataFrame, transits: pd.DataFrame, supplier: str, mineral: str) -> dict[str, float]:
    """Give which part of a pair's tonnes of the newest year passes each strait; empty where nothing is known.

    Args:
        trade: newest versions of dataset `trade`.
        transits: newest versions of dataset `transits`.
    """
    catalog = load_catalog()
    codes = catalog.used_hs_codes()
    trade = trade[trade["hs_code"].isin(codes.loc[codes["mineral"].eq(mineral), "hs_code"])]
    found = flow_shares(trade, transits, catalog)
    own = found[found["mineral"].eq(mineral) & found["supplier"].eq(supplier)]
    if own.empty:
        return {}
    newest = own.iloc[-1]
    shares = {strait: float(newest[f"logistics_{strait}_frac"]) for strait in STRAITS}
    return {strait: round(share, 4) for strait, share in shares.items() if np.isfinite(share)}


def straits(transits: pd.DataFrame, supplier: str, shares: Mapping[str, float]) -> list[Json]:
    """Give the counted straits that any sea route of the supplier passes: ships of four weeks against a year before.

    Args:
        transits: newest versions of dataset `transits`.
        shares: strait -> share of a mineral's tonnes that pass it, where that is known.

    Returns:
        One entry per strait: partners (how many countries it lies on the way to), share, the mean of ships a day in the
        last four counted weeks, that of the same weeks a year before, their ratio, and the newest day. Those that most
        of the mineral passes come first.
    """
    names = load_straits().set_index("id")["name"]
    passed: dict[str, int] = {}
    for pair, route in load_routes().of_pair.items():
        for strait in route if supplier in pair else ():
            passed[strait] = passed.get(strait, 0) + 1
    found = []
    total = transits[transits["ship_type"].eq("total")]
    for strait, own in total.groupby("strait"):
        if strait not in passed:
            continue
        newest = own["starts_on"].max()
        now, before = (_mean_calls(own, newest - pd.Timedelta(weeks=back)) for back in (0, 52))
        found.append(
            {
                "strait": str(strait),
                "name": str(names[strait]),
                "partners": passed[str(strait)],
                "share": shares.get(str(strait)),
                "calls_a_day": now,
                "a_year_before": before,
                "ratio": now / before if now is not None and before else None,
                "until": newest.date().isoformat(),
            }
        )
    return sorted(found, key=lambda each: (-(each["share"] or 0.0), -each["partners"]))


def _mean_calls(own: pd.DataFrame, newest: pd.Timestamp) -> float | None:
    within = own[own["starts_on"].le(newest) & own["starts_on"].gt(newest - pd.Timedelta(weeks=WEEKS))]
    return float(within["calls"].mean()) if len(within) else None
