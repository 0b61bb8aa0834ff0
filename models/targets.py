"""The events that are forecast, and how each is resolved.

`supply_drop`: a pair's exports in the target year are below 70 % of the mean of the
three years before it; `severe_supply_drop`: below 50 %. A label is resolved when the
target year's figure becomes known, with the figures known then (first release); its
`resolved_at` is that moment. A pair-year in which more than half of the value had an
imputed quantity is void.

The state of a pair at an `as_of` is the event's value in the last year known then:
`onset` rows were not in it, continuation rows were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.exports import ExportTable, known_exports, snapshot_moments
from features.signals.trade import drop_ratio

__all__ = ["HORIZONS", "TARGETS", "YEARS_AHEAD", "Target", "attach_labels", "label_table", "states", "window_of"]

MAX_IMPUTED_FRAC = 0.5

# Years from the year of `as_of` to the target year. The last is learned from, never published: in January,
# when trade is known only to three years back, the next year is as far ahead as it is in July.
HORIZONS = {"current_year": 0, "next_year": 1}
YEARS_AHEAD = {**HORIZONS, "year_after_next": 2}


@dataclass(frozen=True, slots=True)
class Target:
    """An event on a pair: exports below `ratio` times the mean of the three years before."""

    name: str
    ratio: float
    title: str


TARGETS = {
    "supply_drop": Target("supply_drop", 0.7, "exports below 70 % of the mean of the three years before"),
    "severe_supply_drop": Target("severe_supply_drop", 0.5, "exports below 50 % of the mean of the three years before"),
}


def window_of(as_of: pd.Series, horizon: str) -> pd.DataFrame:
    """Give each row's target year as window_start (inclusive) and window_end (the year's last day)."""
    year = as_of.dt.year + YEARS_AHEAD[horizon]
    start = pd.to_datetime(year.astype("str") + "-01-01", utc=True).astype("datetime64[us, UTC]")
    end = pd.to_datetime(year.astype("str") + "-12-31", utc=True).astype("datetime64[us, UTC]")
    return pd.DataFrame({"target_year": year.astype("int64"), "window_start": start, "window_end": end})


def label_table(exports: pd.DataFrame) -> pd.DataFrame:
    """Resolve every pair and year on the first release of the year's figures.

    Args:
        exports: what `features.exports.yearly_exports` gave.

    Returns:
        mineral, supplier, year, ratio (to the mean of the three years before), imputed_value_frac, resolved_at;
        one row per pair and year with a reference above zero, sorted. A pair without a row in a year whose
        mineral is covered exported nothing: ratio 0.
    """
    columns = ["mineral", "supplier", "year", "ratio", "imputed_value_frac", "resolved_at"]
    first_known = exports.groupby("year")["available_at"].min()
    parts = []
    for moment in snapshot_moments(exports):
        years = first_known.index[first_known.eq(moment)]
        table = ExportTable.of(known_exports(exports, moment))
        ratio = drop_ratio(table["tonnes"])
        for year in years:
            at = int(year - table.years[0])
            rows = table.pairs.to_frame(index=False).assign(
                year=int(year),
                ratio=ratio[:, at],
                imputed_value_frac=table["imputed_value_frac"][:, at],
                resolved_at=moment,
            )
            parts.append(rows.dropna(subset=["ratio"]))
    if not parts:
        return pd.DataFrame(columns=columns)
    rows = pd.concat(parts, ignore_index=True)[columns]
    return rows.sort_values(["mineral", "supplier", "year"], ignore_index=True)


def attach_labels(panel: pd.DataFrame, labels: pd.DataFrame, target: Target, horizon: str) -> pd.DataFrame:
    """Add the window, the outcome and when it was resolved to each row of `panel`.

    Returns:
        `panel` in its order with target_year, window_start, window_end, label (1.0, 0.0, missing while
        unresolved or void), void_reason (text where void), resolved_at (missing while unresolved).
    """
    rows = panel.join(window_of(panel["as_of"], horizon))
    wanted = labels.rename(columns={"year": "target_year", "ratio": "outcome", "imputed_value_frac": "imputed"})
    rows = rows.merge(wanted, on=["mineral", "supplier", "target_year"], how="left", validate="many_to_one")
    is_void = rows["imputed"] > MAX_IMPUTED_FRAC
    label = (rows["outcome"] < target.ratio).astype("float64").where(rows["outcome"].notna() & ~is_void)
    reason = pd.Series("more than half of the year's value has an imputed quantity", index=rows.index, dtype="str")
    return rows.assign(label=label, void_reason=reason.where(is_void)).drop(columns=["outcome", "imputed"])


def states(panel: pd.DataFrame, target: Target) -> pd.Series:
    """Tell which rows are onset: the pair was not in the event in the last known year, or nothing is known."""
    return ~(panel["trade_level_vs_3y"] < np.log(target.ratio))


def resolved_by(rows: pd.DataFrame, moment: pd.Timestamp) -> pd.Series:
    """Tell which labelled rows may be learned from at `moment`."""
    return rows["label"].notna() & (rows["resolved_at"] <= moment)


def target_names(names: Iterable[str] | None) -> list[str]:
    """Give the chosen targets, all when None, in their fixed order."""
    chosen = set(TARGETS if names is None else names)
    return [name for name in TARGETS if name in chosen]
