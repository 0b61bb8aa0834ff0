"""The table of what was measured: one row per thing, with its level, and a sentence where it is more than fine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml.drift.limits import LEVELS

__all__ = ["COLUMNS", "as_table", "findings", "level_counts", "row", "worst_level"]

COLUMNS = {
    "level": "str",
    "kind": "str",
    "signal": "str",
    "feature": "str",
    "value": "float64",
    "bound": "float64",
    "sentence": "str",
}
# Causes before what follows from them: one changed unit also moves features and forecasts. Others come after these.
CAUSES = ("jump", "revision", "group_jump", "age", "missing", "family", "shift", "population")
Row = dict[str, Any]


def row(level: str, kind: str, signal: str, feature: str, value: float, bound: float, sentence: str) -> Row:
    """Give one row; `bound` is where the first level begins, `sentence` is kept only where it says something."""
    told = sentence if level != "fine" else ""
    values = (level, kind, signal, feature, float(value), float(bound), told)
    return dict(zip(COLUMNS, values, strict=True))


def as_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Give rows as a table with `COLUMNS` and their types, also when there are none; the gravest first, then causes."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(COLUMNS)
    rank = -table["level"].map({level: number for number, level in enumerate(LEVELS)}).astype("float64")
    cause = table["kind"].map({kind: number for number, kind in enumerate(CAUSES)}).astype("float64")
    order = table.assign(
        rank=rank,
        cause=cause.fillna(len(CAUSES)),
        excess=-(table["value"].abs() / table["bound"].where(table["bound"] > 0)),
    )
    order = order.sort_values(["rank", "cause", "kind", "excess", "signal", "feature"], kind="stable")
    return order.drop(columns=["rank", "cause", "excess"]).reset_index(drop=True)


def findings(table: pd.DataFrame) -> pd.DataFrame:
    """Give the rows that are a note or more."""
    return table[table["level"].ne("fine")].reset_index(drop=True)


def level_counts(table: pd.DataFrame) -> dict[str, int]:
    """Count the rows per level that is told, the gravest first."""
    return {level: int(table["level"].eq(level).sum()) for level in reversed(LEVELS[1:])}


def worst_level(table: pd.DataFrame) -> str:
    """Give the gravest level in the table, `fine` when there is no row."""
    numbers = table["level"].map(LEVELS.index)
    return LEVELS[int(np.max(numbers))] if len(table) else "fine"
