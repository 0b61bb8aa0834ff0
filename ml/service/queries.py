"""The parameters that endpoints take: their types, bounds and sentences, as the OpenAPI document shows them."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from features.catalog import load_catalog
from features.knowledge_time import UTC
from ml.service.wanted import Where
from models.targets import HORIZONS, TARGETS

__all__ = [
    "AlertQuery",
    "ChangeQuery",
    "CodebookQuery",
    "ExplanationQuery",
    "ForecastQuery",
    "HistoryQuery",
    "MeasureQuery",
    "Representation",
    "RowQuery",
    "RunListQuery",
    "SourceQuery",
    "TableQuery",
    "TrackRecordQuery",
]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
WORD = r"^[A-Za-z0-9_.:-]{1,80}$"


def _moment(text: object) -> dt.datetime:
    # Grafana sends 2026-11-23T00:00:00.000Z, Power BI 2026-11-23.
    if not isinstance(text, str) or len(text) > 40 or not _DATE.match(text):
        raise ValueError("an ISO date such as 2026-11-23, or a moment such as 2026-11-23T00:00:00Z")
    try:
        found = dt.datetime.fromisoformat(text.replace(" ", "+"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("an ISO date such as 2026-11-23, or a moment such as 2026-11-23T00:00:00Z") from None


@functools.cache
def _codes() -> tuple[frozenset[str], frozenset[str]]:
    catalog = load_catalog()
    return frozenset(catalog.minerals), frozenset(catalog.countries)


def _mineral(code: str) -> str:
    if code not in _codes()[0]:
        raise ValueError(f"a mineral of the catalogue (/v1/minerals lists them), not {code}")
    return code


def _supplier(code: str) -> str:
    if code.upper() not in _codes()[1]:
        raise ValueError(f"an ISO 3166-1 alpha-3 code of the catalogue, such as COD, not {code}")
    return code.upper()


def _known(name: str, *, names: Collection[str]) -> str:
    # A misspelt one would answer with no rows, which looks like all is well.
    if name not in names:
        raise ValueError(f"one of {', '.join(names)}, not {name}")
    return name


_DATES = {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
Moment = Annotated[dt.datetime, BeforeValidator(_moment), WithJsonSchema(_DATES)]
Mineral = Annotated[str, Field(pattern=r"^[a-z_]{2,40}$", examples=["cobalt"]), AfterValidator(_mineral)]
Supplier = Annotated[str, Field(pattern=r"^[A-Za-z]{3}$", examples=["COD"]), AfterValidator(_supplier)]
Target = Annotated[
    str, Field(json_schema_extra={"enum": list(TARGETS)}), AfterValidator(functools.partial(_known, names=TARGETS))
]
Horizon = Annotated[
    str, Field(json_schema_extra={"enum": list(HORIZONS)}), AfterValidator(functools.partial(_known, names=HORIZONS))
]
Word = Annotated[str, Field(pattern=WORD)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Representation(BaseModel):
    """What every endpoint with rows takes."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    format: Literal["json", "ndjson", "csv", "parquet", "arrow"] | None = Field(
        None, description="Format of the answer; wins over the header Accept."
    )


class TableQuery(Representation):
    """Columns, order and pages."""

    fields: str | None = Field(
        None, max_length=1000, description="Columns to give, separated by commas; they keep the order of the contract."
    )
    sort: str | None = Field(
        None,
        max_length=200,
        description="Columns to sort by, separated by commas; `-` puts the largest first. Missing values come last.",
        examples=["-probability,mineral"],
    )
    limit: int = Field(100, ge=1, le=1000, description="Most rows of one page.")
    cursor: str | None = Field(
        None, max_length=1000, description="Where the page begins, as the page before says (`Link`, or `next_cursor`)."
    )
    envelope: bool = Field(
        False, description="JSON only: an object with `run`, `columns`, `data`, `next` and `next_cursor`, not an array."
    )

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        first, last = getattr(self, "from_", None), getattr(self, "to", None)
        if first is not None and last is not None and first > last:
            raise ValueError(f"from {first:%Y-%m-%d} is later than to {last:%Y-%m-%d}")
        return self

    def where(self) -> Where:
        """Give the conditions; none by default."""
        return Where()


class RowQuery(TableQuery):
    """Filters on rows of forecasts."""

    target: list[Target] = Field([], max_length=20, description="Events, such as supply_drop; repeatable.")
    horizon: list[Horizon] = Field([], max_length=20, description="Horizons, such as current_year; repeatable.")
    mineral: list[Mineral] = Field([], max_length=100, description="Minerals; repeatable.")
    supplier: list[Supplier] = Field([], max_length=100, description="Suppliers, ISO 3166-1 alpha-3; repeatable.")
    tier: list[Literal["low", "guarded", "elevated", "severe"]] = Field(
        [], max_length=4, description="Tiers; repeatable."
    )
    alert: bool | None = Field(None, description="Only rows that raise an alert, or only the others.")
    onset: bool | None = Field(
        None, description="Only pairs that were not in the event in the last known year, or only others."
    )
    stale: bool | None = Field(None, description="Only rows that rest on old data, or only the others.")
    abstained: bool | None = Field(None, description="Only rows without a probability, or only the others.")
    min_probability: Share | None = Field(None, description="Least probability; rows without one are left out.")

    def where(self) -> Where:
        """Give the conditions."""
        names = ("target", "horizon", "mineral", "supplier", "tier")
        among: list[tuple[str, tuple[Any, ...]]] = [
            (name, tuple(dict.fromkeys(wanted))) for name in names if (wanted := getattr(self, name))
        ]
        among += [
            (name, (wanted,))
            for name in ("alert", "onset", "stale", "abstained")
            if (wanted := getattr(self, name)) is not None
        ]
        least = () if self.min_probability is None else (("probability", self.min_probability),)
        return Where(tuple(among), least)


RUN = Field(None, pattern=WORD, description="A run's id, `current`, or an ISO week such as 2026-W48; default: current.")


class ForecastQuery(RowQuery):
    """Filters, and which run or runs."""

    run: str | None = RUN
    as_of: Moment | None = Field(None, description="The Monday of the run.")
    from_: Moment | None = Field(None, alias="from", description="All runs from this `as_of` on, inclusive.")
    to: Moment | None = Field(None, description="All runs up to this `as_of`, inclusive.")
    every_run: bool = Field(
        False, description="Of runs of one week give all that were published; default: the one that was said last."
    )

    @property
    def is_over_runs(self) -> bool:
        """Whether more than one run is asked for."""
        return self.from_ is not None or self.to is not None or self.every_run


class ChangeQuery(RowQuery):
    """Filters on what moved."""

    run: str | None = RUN
    min_change: Share | None = Field(None, description="Least size of the change, up or down; default: any change.")

    def where(self) -> Where:
        """Give the conditions: the probability moved."""
        given = super().where()
        least = max(self.min_change or 0.0, 1e-9)
        return Where(given.among, (*given.at_least, ("change", least)), sizes=("change",))


class AlertQuery(RowQuery):
    """Filters on what raises an alert."""

    run: str | None = RUN

    def where(self) -> Where:
        """Give the conditions: there is an alert."""
        given = super().where()
        return Where((*given.among, ("alert", (True,))), given.at_least)


class HistoryQuery(TableQuery):
    """Filters on the history of a pair."""

    target: list[Target] = Field([], max_length=20, description="Events; repeatable.")
    horizon: list[Horizon] = Field([], max_length=20, description="Horizons; repeatable.")
    from_: Moment | None = Field(None, alias="from", description="From this `as_of` on, inclusive.")
    to: Moment | None = Field(None, description="Up to this `as_of`, inclusive.")
    every_run: bool = Field(False, description="Of runs of one week give all; default: the one that was said last.")
    limit: int = Field(10_000, ge=1, le=10_000, description="Most rows of one page.")

    def where(self) -> Where:
        """Give the conditions, without the pair."""
        names = ("target", "horizon")
        return Where(tuple((name, tuple(dict.fromkeys(wanted))) for name in names if (wanted := getattr(self, name))))


class ExplanationQuery(TableQuery):
    """Filters on reasons."""

    run: str | None = RUN
    target: list[Target] = Field([], max_length=20, description="Events; repeatable.")
    horizon: list[Horizon] = Field([], max_length=20, description="Horizons; repeatable.")
    mineral: list[Mineral] = Field([], max_length=100, description="Minerals; repeatable.")
    supplier: list[Supplier] = Field([], max_length=100, description="Suppliers; repeatable.")
    signal: list[Word] = Field([], max_length=30, description="Feature families, such as trade; repeatable.")
    feature: list[Word] = Field([], max_length=100, description="Features (/v1/codebook lists them); repeatable.")
    min_contribution: float | None = Field(
        None, ge=0, le=1e6, allow_inf_nan=False, description="Least size of the contribution in log-odds, up or down."
    )

    def where(self) -> Where:
        """Give the conditions."""
        names = ("target", "horizon", "mineral", "supplier", "signal", "feature")
        among = tuple((name, tuple(dict.fromkeys(wanted))) for name in names if (wanted := getattr(self, name)))
        least = () if self.min_contribution is None else (("contribution", self.min_contribution),)
        return Where(among, least, sizes=("contribution",))


class RunListQuery(TableQuery):
    """Filters on runs."""

    kind: list[Word] = Field([], max_length=10, description="Kinds of run, such as live; repeatable.")
    held_back: bool | None = Field(None, description="Only runs that were held back, or only the others.")
    from_: Moment | None = Field(None, alias="from", description="From this `as_of` on, inclusive.")
    to: Moment | None = Field(None, description="Up to this `as_of`, inclusive.")

    def where(self) -> Where:
        """Give the conditions."""
        among: tuple[tuple[str, tuple[Any, ...]], ...] = (("kind", tuple(self.kind)),) if self.kind else ()
        if self.held_back is not None:
            among += (("held_back", (self.held_back,)),)
        between = (("as_of", self.from_, self.to),) if self.from_ or self.to else ()
        return Where(among, between=between)


def _equal(query: TableQuery, names: tuple[str, ...]) -> Where:
    return Where(tuple((name, tuple(dict.fromkeys(wanted))) for name in names if (wanted := getattr(query, name))))


class SourceQuery(TableQuery):
    """Filters on sources."""

    source: list[Word] = Field([], max_length=100, description="Sources; repeatable.")
    dataset: list[Word] = Field([], max_length=50, description="Datasets; repeatable.")
    state: list[Word] = Field([], max_length=10, description="States; repeatable.")

    def where(self) -> Where:
        """Give the conditions."""
        return _equal(self, ("source", "dataset", "state"))


class TrackRecordQuery(TableQuery):
    """Filters on the record."""

    kind: list[Word] = Field([], max_length=10, description="Kinds of forecast, such as live; repeatable.")
    target: list[Target] = Field([], max_length=20, description="Events; repeatable.")
    horizon: list[Horizon] = Field([], max_length=20, description="Horizons; repeatable.")
    name: list[Word] = Field([], max_length=50, description="Figures, such as brier; repeatable.")

    def where(self) -> Where:
        """Give the conditions."""
        return _equal(self, ("kind", "target", "horizon", "name"))


class MeasureQuery(TableQuery):
    """Filters on measures."""

    mineral: list[Mineral] = Field([], max_length=100, description="Minerals; repeatable.")
    supplier: list[Supplier] = Field([], max_length=100, description="Suppliers; repeatable.")
    kind: list[Word] = Field([], max_length=20, description="Kinds, such as export_ban; repeatable.")
    direction: list[Word] = Field([], max_length=5, description="tightening, easing or neutral; repeatable.")
    from_: Moment | None = Field(None, alias="from", description="Announced from this day on, inclusive.")
    to: Moment | None = Field(None, description="Announced up to this day, inclusive.")

    def where(self) -> Where:
        """Give the conditions."""
        between = (("announced_at", self.from_, self.to),) if self.from_ or self.to else ()
        return Where(_equal(self, ("mineral", "supplier", "kind", "direction")).among, between=between)


class CodebookQuery(TableQuery):
    """Filters on the codebook."""

    kind: list[Literal["feature", "column"]] = Field([], max_length=2, description="Features, or columns of a row.")
    signal: list[Word] = Field([], max_length=30, description="Feature families; repeatable.")

    def where(self) -> Where:
        """Give the conditions."""
        return _equal(self, ("kind", "signal"))
