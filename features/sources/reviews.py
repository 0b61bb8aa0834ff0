"""An analyst's word on a candidate -> `reviews`, and `measures` where it was confirmed.

Payload: JSON, one review: candidate_id, decision (confirmed, rejected, reopened), reviewed_at, reviewed_by, why,
`measure` (what was confirmed, with the analyst's corrections; null otherwise) and `withdrawn` (what an earlier
review had confirmed; its minerals that are not confirmed again are withdrawn). `oresight measures review` writes it;
like every payload it is kept, so a rebuild brings back the same decisions. A confirmed measure is known from the
moment of its review.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from features import datasets
from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import as_moment
from features.sources.measure_acts import EARLIEST, SEVERITY
from features.sources.spec import Harvest, SourceSpec, reading, rejections

__all__ = ["SPEC", "ConfirmedMeasure", "Review", "harmonise", "parse", "released"]

SPEC = SourceSpec(
    name="reviews",
    title="Reviewed candidates from the news",
    publisher="the analysts of this installation",
    address="oresight measures review",
    licence="your own",
    citation="reviews of this installation",
    cadence="whenever an analyst reviews a candidate",
    lag=None,
    lag_rule="a confirmed measure is available from the moment of its review",
    fills=("reviews", "measures"),
    takes="JSON with candidate_id, decision, reviewed_at, reviewed_by, why, measure and withdrawn",
)
A_DAY = pd.Timedelta(days=1)


def _printable(text: str) -> str:
    # What moves a cursor or turns the direction of writing has no place in a record that others read.
    return "".join(character if character.isprintable() else " " for character in str(text)).strip()


Words = Annotated[str, BeforeValidator(_printable), StringConstraints(min_length=1, max_length=2000)]
Day = Annotated[dt.date, Field(ge=EARLIEST, le=dt.date(2100, 1, 1))]


class ConfirmedMeasure(BaseModel):
    """The measure that an analyst confirmed; dates are days."""

    model_config = ConfigDict(extra="forbid")

    supplier: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    minerals: Annotated[list[str], Field(min_length=1)]
    kind: Literal[tuple(SEVERITY)]  # type: ignore[valid-type]
    direction: Literal["tightening", "easing", "neutral"] = "tightening"
    severity: Annotated[int, Field(ge=1, le=3)] = 2
    announced_on: Day
    effective_on: Day | None = None
    ended_on: Day | None = None
    targeted_importers: list[Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]] = []
    title: Words
    evidence: Annotated[str, StringConstraints(pattern=r"^(https?://\S+)?$", max_length=2000)] = ""
    confidence: Literal["high", "medium", "low"] = "medium"

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        began = max(day for day in (self.announced_on, self.effective_on) if day is not None)
        if self.ended_on is not None and self.ended_on < began:
            raise ValueError(f"ended_on {self.ended_on} is before the measure began, {began}")
        return self


class Review(BaseModel):
    """One decision on one candidate."""

    model_config = ConfigDict(extra="forbid")

    candidate_id: Words
    decision: Literal["confirmed", "rejected", "reopened"]
    reviewed_at: AwareDatetime
    reviewed_by: Words
    why: Words
    measure: ConfirmedMeasure | None = None
    withdrawn: ConfirmedMeasure | None = None


def parse(path: Path) -> pd.DataFrame:
    """Read one review into a table of one row, `review`.

    Raises:
        BadInput: the file is no JSON, or a field is missing or wrong.
    """
    remedy = "Write it with `oresight measures review`."
    with reading(path, expected=SPEC.takes, remedy=remedy, also=(ValueError,)):
        told = json.loads(path.read_text(encoding="utf-8"))
    try:
        review = Review.model_validate(told)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            where=f"{path}, field {where}", expected=first["msg"], found=repr(first["input"])[:200], remedy=remedy
        ) from None
    if (review.measure is None) == (review.decision == "confirmed"):
        raise BadInput(
            where=f"{path}, field measure",
            expected="a measure with a confirmed review, and none with any other",
            found="none" if review.measure is None else review.decision,
            remedy=remedy,
        )
    raw = pd.DataFrame({"row": [1]})
    raw.attrs["review"] = review
    return raw


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give the moment of the review."""
    return raw.attrs["review"].reviewed_at.astimezone(dt.UTC)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: None, now: dt.datetime) -> Harvest:
    """Turn a review into its row of `reviews` and the rows of `measures` that it confirms or withdraws.

    Raises:
        BadInput: a mineral or country is not in the catalogue.
    """
    review: Review = raw.attrs["review"]
    for measure in filter(None, (review.measure, review.withdrawn)):
        _check_known(measure.minerals, catalog.minerals, f"{file}, field measure.minerals")
        places = [measure.supplier, *measure.targeted_importers]
        _check_known(places, catalog.countries, f"{file}, field measure.supplier or targeted_importers")
    moment = pd.Timestamp(review.reviewed_at).tz_convert("UTC")
    common: dict[str, Any] = {"available_at": moment, "source": SPEC.name, "is_retracted": False}
    row = {
        "candidate_id": review.candidate_id,
        "decision": review.decision,
        "reviewed_by": review.reviewed_by,
        "why": review.why,
        "measure": "" if review.measure is None else review.measure.model_dump_json(),
        **common,
    }
    tables = {"reviews": _typed("reviews", [row]), "measures": _measure_rows(review, common, now=pd.Timestamp(now))}
    return Harvest(tables, rejections([]))


def _measure_rows(review: Review, common: dict[str, Any], *, now: pd.Timestamp) -> pd.DataFrame:
    rows = [] if review.measure is None else _rows_of(review.measure, review.candidate_id, common)
    if review.withdrawn is not None:
        again = {row["mineral"] for row in rows}
        gone = _rows_of(review.withdrawn, review.candidate_id, {**common, "is_retracted": True})
        rows += [row for row in gone if row["mineral"] not in again]
    return _typed("measures", [version for row in rows for version in _versions(row, now)])


def _versions(row: dict[str, Any], now: pd.Timestamp) -> list[dict[str, Any]]:
    # An end is a fact of its own: one to come is known only when its day is over.
    over = None if row["ended_at"] is None else row["ended_at"] + A_DAY
    if over is None or over <= row["available_at"]:
        return [row]
    later = [row | {"available_at": over}] if over <= now and not row["is_retracted"] else []
    return [row | {"ended_at": None}, *later]


def _rows_of(measure: ConfirmedMeasure, candidate_id: str, common: dict[str, Any]) -> list[dict[str, Any]]:
    about = {
        "event_id": f"news:{candidate_id}",
        "supplier": measure.supplier,
        "kind": measure.kind,
        "direction": measure.direction,
        "severity": measure.severity,
        "announced_at": _moment(measure.announced_on),
        "effective_at": _moment(measure.effective_on),
        "ended_at": _moment(measure.ended_on),
        "targeted_importers": ";".join(sorted(set(measure.targeted_importers))),
        "hs_codes": "",
        "title": measure.title,
        "evidence": measure.evidence,
        "confidence": measure.confidence,
        **common,
    }
    return [{**about, "mineral": mineral} for mineral in sorted(set(measure.minerals))]


def _typed(name: str, rows: list[dict]) -> pd.DataFrame:
    spec = datasets.dataset(name)
    frame = pd.DataFrame(rows, columns=spec.columns)
    return frame.astype(spec.types)


def _moment(day: dt.date | None) -> pd.Timestamp | None:
    return None if day is None else pd.Timestamp(as_moment(day))


def _check_known(names: list[str], known: object, where: str) -> None:
    unknown = [name for name in names if name not in known]  # type: ignore[operator]
    if unknown:
        raise BadInput(
            where=where,
            expected="ids of the catalogue",
            found=", ".join(unknown),
            remedy="See `oresight measures review --help`.",
        )
