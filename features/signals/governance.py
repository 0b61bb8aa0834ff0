"""Signal `governance`: the six Worldwide Governance Indicators of the supplier, level and three-year change.

Steps change on 1 October, when the scores of the year before come out. An indicator
that no source has filled is missing; the embedded data fill political stability only.
"""

from __future__ import annotations

import pandas as pd

from features.catalog import Catalog
from features.signals.declaration import Feature, Signal, Steps, Tables
from features.signals.yearly import steps_of_yearly

__all__ = ["INDICATORS", "SIGNAL"]

INDICATORS = {
    "voice_and_accountability": "Voice and accountability",
    "political_stability": "Political stability and absence of violence",
    "government_effectiveness": "Government effectiveness",
    "regulatory_quality": "Regulatory quality",
    "rule_of_law": "Rule of law",
    "control_of_corruption": "Control of corruption",
}

FEATURES = tuple(
    feature
    for indicator, title in INDICATORS.items()
    for feature in (
        Feature(f"governance_{indicator}", "score", f"{title} of the supplier, in standard normal units."),
        Feature(f"governance_{indicator}_change_3y", "score", f"{title}: change over three years."),
    )
)


def describe(known: pd.DataFrame) -> pd.DataFrame:
    """Give per supplier the newest score of each indicator, and its change against three years before it."""
    newest = known.sort_values("year").groupby(["supplier", "indicator"], as_index=False).last()
    earlier = known.assign(year=known["year"] + 3)[["supplier", "indicator", "year", "estimate"]]
    both = newest.merge(earlier, on=["supplier", "indicator", "year"], how="left", suffixes=("", "_before"))
    both["change"] = both["estimate"] - both["estimate_before"]
    wide = both.set_index(["supplier", "indicator"])[["estimate", "change"]].unstack("indicator")  # noqa: PD010
    columns = {}
    for indicator in INDICATORS:
        for value, suffix in (("estimate", ""), ("change", "_change_3y")):
            name = f"governance_{indicator}{suffix}"
            columns[name] = wide[(value, indicator)] if (value, indicator) in wide else float("nan")
    return pd.DataFrame(columns, index=wide.index).reset_index()


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give one step function per supplier."""
    rows = steps_of_yearly(tables["governance"], ("year", "indicator", "supplier"), describe)
    columns = ["supplier", "available_at", *SIGNAL.columns]
    if rows.empty:
        return [Steps(("supplier",), pd.DataFrame(columns=columns))]
    rows = rows.sort_values(["supplier", "available_at"], ignore_index=True)
    return [Steps(("supplier",), rows[columns])]


SIGNAL = Signal("governance", ("governance",), FEATURES, steps)
