"""What later releases changed: every figure that was published twice, with both values and both dates.

A revision is a fact with a version before it; a fact that is published once is none. Numbers get a relative
change, `new / old - 1`; a change of anything else (a title, an end date) is listed after them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features import datasets
from features.datasets import MOMENT

__all__ = ["COLUMNS", "revisions"]

COLUMNS = ("source", "fact", "column", "old", "new", "relative_change", "old_known_at", "new_known_at", "is_withdrawn")


def revisions(name: str, history: pd.DataFrame) -> pd.DataFrame:
    """List what changed between consecutive versions of each fact, the largest relative change first.

    Args:
        name: the dataset.
        history: every version of its facts, as `Store.history` gives them.

    Returns:
        One row per changed column, with the columns of `COLUMNS`; `fact` is the key in words. A withdrawal is one row.
    """
    spec = datasets.dataset(name)
    key = list(spec.key)
    rows = history.sort_values([*key, "available_at"], kind="stable")
    rows = rows[rows.duplicated(key, keep=False)].reset_index(drop=True)
    has_before = rows.duplicated(key).to_numpy()
    before, after = rows.shift(1)[has_before], rows[has_before]
    parts = [
        _changed(name, column, before, after)
        for column in spec.columns
        if column not in (*key, "available_at", "source", "is_retracted")
    ]
    gone = after["is_retracted"].astype(bool) & ~before["is_retracted"].astype(bool)
    parts.append(_described(name, "is_retracted", before[gone], after[gone]).assign(is_withdrawn=True))
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame({column: pd.Series(dtype="object") for column in COLUMNS})
    found = pd.concat(parts, ignore_index=True)
    size = np.log1p(found["relative_change"].clip(lower=-1 + 1e-12)).abs()
    order = found.assign(size=size).sort_values(["size", "new_known_at", "fact"], ascending=[False, True, True])
    return found.loc[order.index, list(COLUMNS)].reset_index(drop=True)


def _changed(name: str, column: str, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    old, new = before[column], after[column]
    differs = ~(old.eq(new) | (old.isna() & new.isna())).astype(bool) & ~after["is_retracted"].astype(bool)
    return _described(name, column, before[differs], after[differs])


def _described(name: str, column: str, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    spec = datasets.dataset(name)
    key = [part for part in spec.key if part != "source"]
    facts = [", ".join(_words(value) for value in values) for values in after[key].itertuples(index=False)]
    is_number = str(spec.schema.columns[column].dtype).startswith(("float", "int"))
    old, new = before[column], after[column]
    change = pd.Series(np.nan, index=after.index)
    if is_number:
        old_number, new_number = old.astype("float64"), new.astype("float64")
        change = (new_number / old_number.where(old_number.ne(0)) - 1).astype("float64")
    return pd.DataFrame(
        {
            "source": after["source"],
            "fact": facts,
            "column": column,
            "old": old.astype("object"),
            "new": new.astype("object"),
            "relative_change": change,
            "old_known_at": before["available_at"].astype(MOMENT),
            "new_known_at": after["available_at"],
            "is_withdrawn": False,
        }
    )


def _words(value: object) -> str:
    return value.date().isoformat() if isinstance(value, pd.Timestamp) else str(value)
