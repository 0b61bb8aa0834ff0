"""`/v1/runs`: every run on record, and one by its id, its week or as the current one."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from ml.service.answers import Page, begin, listing_answer, raw_answer, service_of, table_answer
from ml.service.choosing import book_of, chosen_row
from ml.service.conditional import Stamp
from ml.service.listing import ISO
from ml.service.openapi import table_responses
from ml.service.queries import WORD, Representation, RunListQuery
from ml.service.shapes import RUNS

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["runs"])
NEWEST_FIRST = (("as_of", True), ("created_at", True))
Name = Annotated[str, Path(pattern=WORD, description="A run's id, `current`, or an ISO week such as 2026-W48.")]


@router.get("/runs", responses=table_responses(RUNS))
async def list_runs(request: Request, query: Annotated[RunListQuery, Query()]) -> Response:
    """Give every run on record, the newest first; held-back ones are marked and were never current."""
    book = book_of(service_of(request))
    return await listing_answer(request, book.listing, query, Stamp(book.stamp), basis=book.stamp, default=NEWEST_FIRST)


@router.get("/runs/{name}", responses=table_responses(RUNS, 404, is_single=True))
async def one_run(request: Request, name: Name, query: Annotated[Representation, Query()]) -> Response:
    """Give one run as one flat object (one row in the other formats)."""
    service = service_of(request)
    row, book = chosen_row(service, name), book_of(service)
    snapshot = service.live.snapshot
    about: dict[str, Any] = {
        **row,
        "is_newest_of_week": row["run_id"] in book.newest_of.values(),
        # What readers are given as current, which a run on its way there is not yet.
        "is_current": snapshot is not None and snapshot.run_id == row["run_id"],
    }
    values = {column: about[column] for column in RUNS.columns}
    stamp = Stamp(f"{book.stamp}.{snapshot.edition if snapshot else 0}", {"Oresight-Run": row["run_id"]})
    form = begin(request, stamp, query.format)
    if isinstance(form, Response):
        return form
    if form.name == "json":
        return raw_answer(request, stamp, form, orjson.dumps(values, option=ISO))
    return table_answer(request, stamp, form, RUNS, Page(list(RUNS.columns), [tuple(values.values())]), envelope=False)
