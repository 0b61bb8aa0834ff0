"""Coverage of the intervals of probabilities: how often a group's observed rate lay where it was said to lie.

A probability's true value is never seen, so rows are gathered into cells: those of one target year (and slice)
with similar probabilities. Of each cell the interval is the mean of its rows' ends. Two shares of cells are given:

- `inside`: the observed rate lies in the interval itself. Sampling alone moves a rate of sixty rows by several
  points, so this lies below 90 % also for a perfect interval.
- `covered`: the observed count lies in the central 90 % of a beta-binomial law whose mean is the cell's mean
  probability and whose rate has the standard deviation of the interval's half-width (the half on the side of the
  observation, divided by 1.645); mid-p, as counts are discrete. For a right interval of 90 % this is 90 %. Rows
  within a cell count as independent given its rate; falls of one mineral are not quite.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from models.intervals import LEVEL, is_covered

__all__ = ["INTERVALS", "cells", "coverage", "coverage_table", "slices_of"]

# What is held against each other: the published interval, calibration's own, and none at all.
INTERVALS: Mapping[str, tuple[str, str]] = {
    "interval": ("p_low", "p_high"),
    "calibration": ("calibration_low", "calibration_high"),
    "none": ("probability", "probability"),
}
MOST_BINS, ROWS_PER_BIN = 10, 30
FEW_RECORD_YEARS = 8


def cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Gather rows into cells: per target year up to ten groups of equal count by probability, of about thirty or more.

    Args:
        rows: year, probability, label, and the ends of every interval of `INTERVALS`.

    Returns:
        year, n, hits, and the mean of each number.
    """
    names = sorted({name for pair in INTERVALS.values() for name in pair})
    size = rows.groupby("year")["label"].transform("size")
    bins = (size // ROWS_PER_BIN).clip(1, MOST_BINS)
    rank = rows.groupby("year")["probability"].rank(method="first") - 1
    named = {"n": ("label", "size"), "hits": ("label", "sum")} | {name: (name, "mean") for name in names}
    told = rows.assign(bin=(rank * bins // size).astype("int64"))
    return told.groupby(["year", "bin"], as_index=False).agg(**named).drop(columns="bin")


def coverage(found: pd.DataFrame, low: str, high: str, *, level: float = LEVEL) -> pd.DataFrame:
    """Tell of each cell whether the observed rate is `inside` the interval, and whether the count is `covered`."""
    rate, middle = found["hits"] / found["n"], found["probability"]
    half = np.where(rate > middle, found[high] - middle, middle - found[low])
    deviation = half / stats.norm.ppf(0.5 + level / 2)
    covered = is_covered(found["hits"].to_numpy(), found["n"].to_numpy(), middle.to_numpy(), deviation, level)
    return pd.DataFrame({"inside": rate.between(found[low], found[high]), "covered": covered})


def coverage_table(rows: pd.DataFrame, by: pd.Series | None = None) -> list[dict[str, Any]]:
    """Give coverage per group of `by` (of all rows when None): rows, cells, and both shares per interval."""
    groups = [("all", rows)] if by is None else list(rows.groupby(by, sort=True, observed=True))
    return [_line(str(name), part) for name, part in groups]


def _line(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    found = cells(rows)
    line: dict[str, Any] = {
        "group": name,
        "n": len(rows),
        "events": int(rows["label"].sum()),
        "cells": len(found),
        "mean_probability": float(rows["probability"].mean()),
        "observed_frac": float(rows["label"].mean()),
        "mean_width": float((rows["p_high"] - rows["p_low"]).mean()),
        "calibration_width": float((rows["calibration_high"] - rows["calibration_low"]).mean()),
    }
    for interval, (low, high) in INTERVALS.items():
        told = coverage(found, low, high)
        line |= {f"{interval}_{share}": float(told[share].mean()) for share in told}
    return line


def slices_of(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Give the rows of each slice that coverage is shown for; slices overlap.

    Args:
        rows: is_major, is_transit, onset, stage, record_years, distance, besides what `cells` needs.
    """
    short = rows["record_years"] < FEW_RECORD_YEARS
    return {
        "major suppliers": rows[rows["is_major"]],
        "other suppliers": rows[~rows["is_major"]],
        "transit countries": rows[rows["is_transit"]],
        "onset": rows[rows["onset"]],
        "continuation": rows[~rows["onset"]],
        "extraction": rows[rows["stage"].eq("extraction")],
        "processing": rows[rows["stage"].eq("processing")],
        f"record under {FEW_RECORD_YEARS} years": rows[short],
        f"record of {FEW_RECORD_YEARS} years or more": rows[~short],
        "no feature in the tails": rows[rows["distance"].eq(0)],
        "up to 5 % in the tails": rows[rows["distance"].between(0, 0.05, inclusive="right")],
        "more than 5 % in the tails": rows[rows["distance"] > 0.05],
    }
