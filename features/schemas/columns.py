"""What every dataset is made of: its description, the columns that all have, and the checks that several share."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

__all__ = [
    "EVENT_DIRECTIONS",
    "FINITE",
    "FINITE_NOT_NEGATIVE",
    "HS_LIST",
    "IN_OUR_TIME",
    "ISO3",
    "ISO3_LIST",
    "ISO3_OR_NONE",
    "MINERAL_LIST",
    "MOMENT",
    "WEB_LINK",
    "Dataset",
    "declare",
]

MOMENT = "datetime64[us, UTC]"
ISO3 = pa.Check.str_matches(r"^[A-Z]{3}$")
ISO3_OR_NONE = pa.Check.str_matches(r"^([A-Z]{3})?$")
ISO3_LIST = pa.Check.str_matches(r"^([A-Z]{3}(;[A-Z]{3})*)?$")
MINERAL_LIST = pa.Check.str_matches(r"^([a-z_]+(;[a-z_]+)*)?$")
WEB_LINK = pa.Check.str_matches(r"^($|https?://)")
FINITE = pa.Check.in_range(float("-inf"), float("inf"), include_min=False, include_max=False)
FINITE_NOT_NEGATIVE = pa.Check.in_range(0, float("inf"), include_max=False)
EVENT_DIRECTIONS = ("tightening", "easing", "neutral")
# What lies beyond is a slip, and the readers' nanoseconds cannot hold all of it.
IN_OUR_TIME = pa.Check.in_range(pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC"))
HS_LIST = pa.Check.str_matches(r"^(\d{2,11}(;\d{2,11})*)?$")

COMMON = {
    "available_at": pa.Column(MOMENT, IN_OUR_TIME),
    "source": pa.Column(str),
    "is_retracted": pa.Column(bool),
}


@dataclass(frozen=True)
class Dataset:
    """One typed table: its key columns, its schema and what a row says."""

    name: str
    sentence: str
    key: tuple[str, ...]
    schema: pa.DataFrameSchema

    @property
    def columns(self) -> list[str]:
        """The column names in their fixed order."""
        return list(self.schema.columns)

    @property
    def types(self) -> dict[str, str]:
        """The type of each column, as `astype` takes it."""
        return {name: str(column.dtype) for name, column in self.schema.columns.items()}


def declare(name: str, sentence: str, key: tuple[str, ...], columns: dict[str, pa.Column]) -> Dataset:
    """Describe a dataset: its own columns, then those that all have; a key has one row per `available_at`."""
    schema = pa.DataFrameSchema(
        {**columns, **COMMON}, strict=True, ordered=True, unique=[*key, "available_at"], name=name
    )
    return Dataset(name, sentence, key, schema)
