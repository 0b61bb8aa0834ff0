"""How far production drops and supply drops are the same events: base rates, confusion, kappa, and what follows what.

A row is a tracked pair and a year for which both records have an outcome. Cohen's kappa is the agreement beyond
what two independent events of these rates would have: 1 is identity, 0 is chance. It comes with a
95 % interval over resampled minerals and years, or years alone within one mineral.
"""

from __future__ import annotations

__all__ = ["agreement", "both_events", "kappa_draws"]

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.scores import block_bootstrap, finite
from models.production_drop import DROP_RATIO
from models.targets import MAX_IMPUTED_FRAC, TARGETS

Floats = NDArray[np.float64]
PAIR = ["mineral", "supplier"]
# Production and supply, of the year before, the year, and the year after.
EVENTS = {"p": "production", "s": "supply"}
SHIFTS = {"_before": -1, "": 0, "_after": 1}


def both_events(pairs: pd.DataFrame, production: pd.DataFrame, supply: pd.DataFrame) -> pd.DataFrame:
    """Lay both records side by side.

    Args:
        pairs: mineral, supplier, year: which pair-years to look at.
        production: `production_labels`.
        supply: `label_table`; years that are void there are unknown here.

    Returns:
        One row per pair-year with both outcomes: mineral, supplier, year, and p_before, p, p_after, s_before, s,
        s_after: 1.0 a drop, 0.0 none, missing where that year is unknown.
    """
    is_void = supply["imputed_value_frac"] > MAX_IMPUTED_FRAC
    ratios = {
        "p": production.assign(limit=DROP_RATIO),
        "s": supply[~is_void].assign(limit=TARGETS["supply_drop"].ratio),
    }
    rows = pairs[[*PAIR, "year"]].drop_duplicates().reset_index(drop=True)
    for event, labels in ratios.items():
        is_drop = (labels["ratio"] < labels["limit"]).astype("float64")
        known = labels[PAIR].assign(own=labels["year"].astype("int64"), drop=is_drop)
        for suffix, shift in SHIFTS.items():
            at = (
                known.rename(columns={"drop": f"{event}{suffix}"}).assign(year=known["own"] - shift).drop(columns="own")
            )
            rows = rows.merge(at, on=[*PAIR, "year"], how="left", validate="many_to_one")
    return rows.dropna(subset=["p", "s"]).sort_values([*PAIR, "year"], ignore_index=True)


def kappa_draws(one: Floats, other: Floats, weights: Floats) -> Floats:
    """Give Cohen's kappa of two 0/1 vectors (n_rows,) under each column of weights (n_rows, n_draws).

    Source: Cohen (1960), A coefficient of agreement for nominal scales: (p_o - p_e) / (1 - p_e).
    """
    total = weights.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (one == other) @ weights / total
        p, q = one @ weights / total, other @ weights / total
        expected = p * q + (1 - p) * (1 - q)
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)


def agreement(rows: pd.DataFrame, *, n_draws: int, seed: int = 0) -> dict[str, Any]:
    """Describe how the two events of `rows` go together.

    Args:
        rows: what `both_events` gave, or a part of it.

    Returns:
        n, pairs, base_rate of production and supply, confusion (both, only_production, only_supply, neither), kappa
        (value, low, high), and per event `follows`: of its drops (all, onset, continuation) how many, and which
        share had the other event in the same year, in the next, in the one before. None where undefined.
    """
    p, s = rows["p"].to_numpy(), rows["s"].to_numpy()
    kappa = block_bootstrap(
        lambda weights: kappa_draws(p, s, weights), rows["mineral"], rows["year"], n_draws=n_draws, seed=seed
    )
    confusion = {
        "both": int((p * s).sum()),
        "only_production": int((p * (1 - s)).sum()),
        "only_supply": int(((1 - p) * s).sum()),
        "neither": int(((1 - p) * (1 - s)).sum()),
    }
    return {
        "n": len(rows),
        "pairs": int(rows[PAIR].drop_duplicates().shape[0]),
        "base_rate": {"production": _mean(rows["p"]), "supply": _mean(rows["s"])},
        "confusion": confusion,
        "kappa": kappa.as_json(),
        "follows": {EVENTS[event]: _follows(rows, event) for event in EVENTS},
    }


def _follows(rows: pd.DataFrame, event: str) -> dict[str, dict[str, Any]]:
    other = "s" if event == "p" else "p"
    drops = rows[rows[event].eq(1)]
    parts: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "all": lambda part: part,
        "onset": lambda part: part[part[f"{event}_before"].eq(0)],
        "continuation": lambda part: part[part[f"{event}_before"].eq(1)],
    }
    found = {}
    for name, choose in parts.items():
        part = choose(drops)
        found[name] = {
            "drops": len(part),
            "same_year": _mean(part[other]),
            "next_year": _mean(part[f"{other}_after"]),
            "year_before": _mean(part[f"{other}_before"]),
            "same_or_next_year": _mean(_either(part[other], part[f"{other}_after"])),
        }
    return found


def _either(one: pd.Series, other: pd.Series) -> pd.Series:
    # One that is known to be a drop is enough; without it both must be known.
    return pd.concat([one, other], axis=1).max(axis=1).where(one.eq(1) | other.eq(1) | (one.notna() & other.notna()))


def _mean(values: pd.Series) -> float | None:
    return finite(float(values.mean())) if len(values) else None
