"""The typed tables: one pandera schema, one key and one sentence each.

Every row says who published it (`source`) and from when it could be known
(`available_at`). A revision is another row with the same key and a later
`available_at`; a withdrawal is such a row with `is_retracted`. Units are in the
column names; moments are `datetime64[us, UTC]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd
import pandera.pandas as pa

from features.errors import BadInput

__all__ = ["DATASETS", "MOMENT", "Dataset", "check", "dataset", "empty"]

MOMENT = "datetime64[us, UTC]"
ISO3 = pa.Check.str_matches(r"^[A-Z]{3}$")
FINITE_NOT_NEGATIVE = pa.Check.in_range(0, float("inf"), include_max=False)
EVENT_DIRECTIONS = ("tightening", "easing", "neutral")
ISO3_LIST = pa.Check.str_matches(r"^([A-Z]{3}(;[A-Z]{3})*)?$")
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


def _dataset(name: str, sentence: str, key: tuple[str, ...], columns: dict[str, pa.Column]) -> Dataset:
    schema = pa.DataFrameSchema(
        {**columns, **COMMON}, strict=True, ordered=True, unique=[*key, "available_at"], name=name
    )
    return Dataset(name, sentence, key, schema)


def _event_columns() -> dict[str, pa.Column]:
    return {
        "event_id": pa.Column(str),
        "mineral": pa.Column(str),
        "supplier": pa.Column(str, ISO3),
        "kind": pa.Column(str),
        "direction": pa.Column(str, pa.Check.isin(EVENT_DIRECTIONS)),
        "severity": pa.Column("int8", pa.Check.between(1, 3)),
        "effective_at": pa.Column(MOMENT, IN_OUR_TIME, nullable=True),
        "ended_at": pa.Column(MOMENT, IN_OUR_TIME, nullable=True),
        "title": pa.Column(str),
        "confidence": pa.Column(str, pa.Check.isin(("high", "medium", "low"))),
    }


_ALL = (
    _dataset(
        "trade",
        "What one country exported to another of one HS6 product in one year.",
        ("year", "hs_code", "supplier", "importer"),
        {
            "year": pa.Column("int16", pa.Check.between(1962, 2100)),
            "hs_code": pa.Column(str, pa.Check.str_matches(r"^\d{6}$")),
            "supplier": pa.Column(str, ISO3),
            "importer": pa.Column(str, ISO3),
            "value_usd": pa.Column("float64", FINITE_NOT_NEGATIVE),
            "quantity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE),
            "is_imputed": pa.Column(bool),
        },
    ),
    _dataset(
        "mirror_trade",
        "What one customs office counted between a supplier and an importer of one product over whole months.",
        ("source", "reported_by", "importer", "supplier", "hs_code", "basis", "first_month", "last_month"),
        {
            "reported_by": pa.Column(str, pa.Check.isin(("importer", "supplier"))),
            "importer": pa.Column(str, ISO3),
            "supplier": pa.Column(str, ISO3),
            "hs_code": pa.Column(str, pa.Check.str_matches(r"^\d{2,11}$")),
            # What the quantity weighs: the product, the metal in it, or nothing (counted in other units).
            "basis": pa.Column(str, pa.Check.isin(("gross", "content", "none"))),
            "first_month": pa.Column(MOMENT),
            "last_month": pa.Column(MOMENT),
            "value_usd": pa.Column("float64", FINITE_NOT_NEGATIVE, nullable=True),
            "quantity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE, nullable=True),
            "is_estimated": pa.Column(bool),
        },
    ),
    _dataset(
        "prices",
        "What one price series said about one month or day.",
        ("source", "series", "frequency", "starts_on"),
        {
            "series": pa.Column(str),
            "frequency": pa.Column(str, pa.Check.isin(("month", "day"))),
            "starts_on": pa.Column(MOMENT),
            "price": pa.Column("float64", pa.Check.in_range(0, float("inf"), include_min=False, include_max=False)),
            "unit": pa.Column(str),
        },
    ),
    _dataset(
        "production",
        "What one publisher says one country mined or refined of one mineral in one year.",
        ("source", "year", "mineral", "supplier"),
        {
            "year": pa.Column("int16", pa.Check.between(1900, 2100)),
            "mineral": pa.Column(str),
            "supplier": pa.Column(str, ISO3),
            "quantity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE),
            "is_estimated": pa.Column(bool),
        },
    ),
    _dataset(
        "production_monthly",
        "What one publisher says one country mined of one mineral in one month.",
        ("source", "mineral", "supplier", "month"),
        {
            "mineral": pa.Column(str),
            "supplier": pa.Column(str, ISO3),
            "month": pa.Column(MOMENT),
            "quantity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE),
            "is_estimated": pa.Column(bool),
        },
    ),
    _dataset(
        "governance",
        "One governance indicator of one country in one year, in standard normal units.",
        ("year", "indicator", "supplier"),
        {
            "year": pa.Column("int16", pa.Check.between(1990, 2100)),
            "indicator": pa.Column(str),
            "supplier": pa.Column(str, ISO3),
            "estimate": pa.Column("float64", pa.Check.between(-5, 5)),
        },
    ),
    _dataset(
        "measures",
        "One policy act of a supplier that touches one mineral, as one source knew it at one moment.",
        ("source", "event_id", "mineral"),
        {
            **_event_columns(),
            # Missing where only the year is known: the act then counts as known from that year's end.
            "announced_at": pa.Column(MOMENT, IN_OUR_TIME, nullable=True),
            # Codes joined by ";"; empty: all importers, or no product named.
            "targeted_importers": pa.Column(str, ISO3_LIST),
            "hs_codes": pa.Column(str, HS_LIST),
            "evidence": pa.Column(str),
        },
    ),
    _dataset(
        "incidents",
        "One thing that happened to a supplier's output of one mineral, as known at one moment.",
        ("event_id", "mineral"),
        _event_columns(),
    ),
    _dataset(
        "news",
        "One item of one news feed, as its title read from one moment on.",
        ("item_id",),
        {
            "item_id": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{16}$")),
            "feed": pa.Column(str),
            "publisher": pa.Column(str),
            # ISO 639-1, empty where nobody says.
            "language": pa.Column(str),
            "title": pa.Column(str, pa.Check.str_length(1, None)),
            "summary": pa.Column(str),
            "link": pa.Column(str, pa.Check.str_matches(r"^($|https?://)")),
            "published_at": pa.Column(MOMENT, nullable=True),
            "collected_at": pa.Column(MOMENT),
            "is_archived": pa.Column(bool),
            "content_hash": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{16}$")),
        },
    ),
    _dataset(
        "news_links",
        "What one news item with an event says of one mineral and one supplier, either of them perhaps unnamed.",
        ("item_id", "mineral", "supplier"),
        {
            "item_id": pa.Column(str),
            "mineral": pa.Column(str),
            "supplier": pa.Column(str, pa.Check.str_matches(r"^([A-Z]{3})?$")),
            "event_type": pa.Column(str),
            "direction": pa.Column(str, pa.Check.isin(EVENT_DIRECTIONS)),
            "tense": pa.Column(str),
            "confidence": pa.Column("float64", pa.Check.between(0, 1)),
            "title": pa.Column(str),
            "feed": pa.Column(str),
            "language": pa.Column(str),
            "linker": pa.Column(str),
        },
    ),
    _dataset(
        "news_coverage",
        "What one news feed carried in one week, and how often it was asked, as far as known at one moment.",
        ("feed", "week_starts_at"),
        {
            "feed": pa.Column(str),
            "language": pa.Column(str),
            "week_starts_at": pa.Column(MOMENT),
            "items": pa.Column("int64", pa.Check.ge(0)),
            "linked": pa.Column("int64", pa.Check.ge(0)),
            "polls_ok": pa.Column("int64", pa.Check.ge(0)),
            "polls_failed": pa.Column("int64", pa.Check.ge(0)),
            "is_archived": pa.Column(bool),
        },
    ),
    _dataset(
        "reviews",
        "What an analyst decided about one candidate for a measure, and why.",
        ("candidate_id",),
        {
            "candidate_id": pa.Column(str),
            "decision": pa.Column(str, pa.Check.isin(("confirmed", "rejected", "reopened"))),
            "reviewed_by": pa.Column(str),
            "why": pa.Column(str),
            # What was confirmed, as JSON; empty where nothing was.
            "measure": pa.Column(str),
        },
    ),
    _dataset(
        "coverage",
        "From when until when a compiled table of events claims to be complete.",
        ("dataset", "bound"),
        {
            "dataset": pa.Column(str),
            "bound": pa.Column(str, pa.Check.isin(("from", "until"))),
            "bound_at": pa.Column(MOMENT),
        },
    ),
)

DATASETS: Mapping[str, Dataset] = MappingProxyType({entry.name: entry for entry in _ALL})


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
