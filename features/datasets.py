"""The typed tables: one pandera schema, one key and one sentence each.

Every row says who published it (`source`) and from when it could be known
(`available_at`). A revision is another row with the same key and a later
`available_at`; a withdrawal is such a row with `is_retracted`. Units are in the
column names; moments are `datetime64[us, UTC]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd
import pandera.pandas as pa

from features.errors import BadInput
from features.schemas import events, figures, geopolitics, news
from features.schemas.columns import MOMENT, Dataset

__all__ = ["DATASETS", "MOMENT", "Dataset", "check", "dataset", "empty"]

DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {entry.name: entry for room in (figures, events, news, geopolitics) for entry in room.TABLES}
)


def dataset(name: str) -> Dataset:
    """Give the dataset called `name`.

    Raises:
        BadInput: there is none of that name; the message lists those there are.
    """
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise BadInput(where=f"dataset {name!r}", expected=f"one of {known}", found=name, remedy="Check the name.")
    return DATASETS[name]


def check(name: str, rows: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """Hold `rows` against the schema of dataset `name` and return them in its column order.

    Args:
        where: the file or step the rows come from, for the message.

    Raises:
        BadInput: a column or value breaks the schema; the first offending row and field are named.
    """
    spec = dataset(name)
    extra, missing = set(rows.columns) - set(spec.columns), set(spec.columns) - set(rows.columns)
    if extra or missing:
        raise BadInput(
            where=where,
            expected=f"the columns of {name}: {', '.join(spec.columns)}",
            found=f"missing {sorted(missing)}, extra {sorted(extra)}",
            remedy="Correct the header.",
        )
    try:
        return spec.schema.validate(rows[spec.columns].reset_index(drop=True), lazy=True)
    except pa.errors.SchemaErrors as problem:
        first = problem.failure_cases.iloc[0]
        row = "all rows" if pd.isna(first["index"]) else f"row {int(first['index']) + 1}"
        raise BadInput(
            where=f"{where}, {row}, field {first['column']}",
            expected=str(first["check"]),
            found=repr(first["failure_case"]),
            remedy=f"Correct it; {len(problem.failure_cases)} value(s) break the schema of {name}.",
        ) from None


def empty(name: str) -> pd.DataFrame:
    """Give dataset `name` with no rows and the right types."""
    columns = dataset(name).schema.columns
    return pd.DataFrame({column: pd.Series(dtype=str(spec.dtype)) for column, spec in columns.items()})
