"""`/v1/changes` and `/v1/alerts`: what moved since the run before, and what raises an alert; rows of the contract."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ml.service.answers import bound, listing_answer, run_stamp, service_of
from ml.service.choosing import chosen_snapshot, is_by_id
from ml.service.openapi import table_responses
from ml.service.queries import AlertQuery, ChangeQuery
from ml.service.shapes import FORECASTS
from ml.service.wanted import Order

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["forecasts"])


@router.get("/changes", responses=table_responses(FORECASTS, 404))
async def changes(request: Request, query: Annotated[ChangeQuery, Query()]) -> Response:
    """Give the rows whose probability moved since the run before, the largest move first, up or down."""
    return await _of_run(request, query, (("|change|", True),))


@router.get("/alerts", responses=table_responses(FORECASTS, 404))
async def alerts(request: Request, query: Annotated[AlertQuery, Query()]) -> Response:
    """Give the rows that raise an alert, the most probable first."""
    return await _of_run(request, query, (("probability", True),))


async def _of_run(request: Request, query: ChangeQuery | AlertQuery, default: Order) -> Response:
    service = service_of(request)
    begun_with = None if query.cursor is None else service.signer.open(bound(request), query.cursor).get("b")
    snapshot = await chosen_snapshot(service, query.run, run_id=begun_with)
    stamp = run_stamp(snapshot, is_fixed=is_by_id(query.run))
    return await listing_answer(request, snapshot.forecasts, query, stamp, basis=snapshot.run_id, default=default)
