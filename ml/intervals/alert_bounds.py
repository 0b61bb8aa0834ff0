"""What alerts stand on: rules with different lower bounds, held against what came.

An alert is for a major supplier that is elevated or severe and lies clearly above what is normal for it. The rules
differ in what "clearly above" means; see `ml.forecasting.alert_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from ml.contract import tier_of
from ml.forecasting import ALERT_TIMES_NORMAL

__all__ = ["RULES", "alert_rows", "alert_table"]

LIMITS = (0.15, 0.30, 0.50)
Rule = Callable[[pd.DataFrame], pd.Series]
RULES: Mapping[str, tuple[str, Rule]] = {
    "calibration": (
        "calibration's lower end a quarter above normal (the rule)",
        lambda rows: rows["calibration_low"] > ALERT_TIMES_NORMAL * rows["base_rate"],
    ),
    "interval": (
        "p_low a quarter above normal",
        lambda rows: rows["p_low"] > ALERT_TIMES_NORMAL * rows["base_rate"],
    ),
    "interval_above_normal": ("p_low above normal", lambda rows: rows["p_low"] > rows["base_rate"]),
    "probability": (
        "the probability itself a quarter above normal",
        lambda rows: rows["probability"] > ALERT_TIMES_NORMAL * rows["base_rate"],
    ),
}


def alert_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of major suppliers with an `eligible` column: elevated or severe."""
    major = rows[rows["is_major"]]
    return major.assign(eligible=tier_of(major["probability"], LIMITS).isin(["elevated", "severe"]))


def alert_table(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Give alerts, hits, precision and the share of events alerted per rule, over rows with an outcome."""
    major = alert_rows(rows)
    events = int(major["label"].sum())
    table = []
    for name, (words, rule) in RULES.items():
        alerted = major[major["eligible"] & rule(major)]
        hits = int(alerted["label"].sum())
        line = {"rule": name, "words": words, "rows": len(major), "events": events, "alerts": len(alerted)}
        line |= {"hits": hits, "precision": hits / len(alerted) if len(alerted) else None}
        table.append(line | {"recall": hits / events if events else None})
    return table
