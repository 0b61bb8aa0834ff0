"""`/v1/explanations`: what each feature contributed to each forecast, in log-odds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from starlette.responses import Response

from ml.database.tables import explanations
from ml.service.answers import (
    Page,
    begin,
    bound,
    listing_answer,
    read,
    run_stamp,
    service_of,
    table_answer,
)
from ml.service.choosing import chosen_snapshot, is_by_id
from ml.service.openapi import table_responses
from ml.service.problems import Problem
from ml.service.queries import ExplanationQuery
from ml.service.reading import Reader, page_in_order, page_of_runs
from ml.service.shapes import EXPLANATIONS
from ml.service.wanted import columns_of, order_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["explanations"])


@router.get("/explanations", responses=table_responses(EXPLANATIONS, 404))
async def list_explanations(request: Request, query: Annotated[ExplanationQuery, Query()]) -> Response:
    """Give contributions of one run; name a mineral and a supplier for the reasons of a pair. Scope: explain."""
    service = service_of(request)
    state: dict[str, Any] = {} if query.cursor is None else service.signer.open(bound(request), query.cursor)
    snapshot = await chosen_snapshot(service, query.run, run_id=state.get("b"))
    stamp = run_stamp(snapshot, is_fixed=is_by_id(query.run))
    in_memory = service.live.peek("explanations", snapshot.run_id)
    if in_memory is not None and "a" not in state:
        return await listing_answer(request, in_memory, query, stamp, basis=snapshot.run_id)
    form = begin(request, stamp, query.format, envelope=query.envelope)
    if isinstance(form, Response):
        return form
    names, order = columns_of(EXPLANATIONS, query.fields), order_of(EXPLANATIONS, query.sort)
    columns, key, limit = list(EXPLANATIONS.columns), EXPLANATIONS.key, query.limit + 1
    reader, runs, where = service.live.reader, [snapshot.run_id], query.where()
    by_offset, offset = bool(order) or "o" in state, int(state.get("o", 0))

    def work() -> list[tuple[Any, ...]]:
        if by_offset:
            return page_in_order(reader, explanations, columns, key, runs, where, order, offset=offset, limit=limit)
        after = state.get("a")
        return page_of_runs(reader, explanations, columns, key, runs, where, after=after, limit=limit, first_chunk=1)

    rows = await read(service, work)
    if not rows and not state and snapshot is not service.live.snapshot:
        await read(service, lambda: _refuse_forgotten(reader, snapshot.run_id))
    cursor = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        last = dict(zip(columns, rows[-1], strict=True))
        place = {"o": offset + query.limit} if by_offset else {"a": [last[name] for name in key]}
        cursor = service.signer.seal(bound(request), {"b": snapshot.run_id, **place})
    places = [columns.index(name) for name in names]
    page = Page(names, [tuple(row[place] for place in places) for row in rows], None, cursor)
    return table_answer(request, stamp, form, EXPLANATIONS, page, envelope=query.envelope)


def _refuse_forgotten(reader: Reader, run_id: str) -> None:
    # An empty list would read as if nothing had contributed.
    if not reader.rows(select(explanations.c.run_id).where(explanations.c.run_id == run_id).limit(1)):
        detail = f"the explanations of run {run_id} are not in the database any more: those of the newest runs are kept"
        remedy = f"They are in runs/{run_id}/explanations.parquet of the home folder; `oresight explain` reads them."
        raise Problem("not-found", detail, remedy=remedy)
