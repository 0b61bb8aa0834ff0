"""`/v1/forecasts`: the rows of one run, or of many; of one pair; and a pair's history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from features.catalog import load_catalog
from ml.service.answers import (
    Page,
    begin,
    bound,
    listing_answer,
    raw_answer,
    run_stamp,
    service_of,
    snapshot_of,
    table_answer,
)
from ml.service.choosing import chosen_snapshot, is_by_id
from ml.service.openapi import table_responses
from ml.service.over_runs import answer_over_runs
from ml.service.problems import Problem
from ml.service.queries import ForecastQuery, HistoryQuery, Representation
from ml.service.shapes import FORECASTS, HISTORY
from ml.service.snapshot import Snapshot
from ml.service.wanted import Where

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["forecasts"])
Mineral = Annotated[str, Path(pattern=r"^[a-z_]{2,40}$", description="A mineral's id.", examples=["cobalt"])]
Supplier = Annotated[str, Path(pattern=r"^[A-Za-z]{3}$", description="ISO 3166-1 alpha-3.", examples=["COD"])]


@router.get("/forecasts", responses=table_responses(FORECASTS, 404))
async def list_forecasts(request: Request, query: Annotated[ForecastQuery, Query()]) -> Response:
    """Give forecasts of the current run, of another one, or with `from` and `to` of many; the contract's columns."""
    service = service_of(request)
    if query.is_over_runs:
        if query.run is not None or query.as_of is not None:
            raise Problem("bad-query", "run or as_of, and from or to, are both given", remedy="Give one of the two.")
        return (await answer_over_runs(request, query, FORECASTS, query.where()))[0]
    begun_with = None if query.cursor is None else service.signer.open(bound(request), query.cursor).get("b")
    snapshot = await chosen_snapshot(service, query.run, query.as_of, run_id=begun_with)
    stamp = run_stamp(snapshot, is_fixed=is_by_id(query.run))
    return await listing_answer(request, snapshot.forecasts, query, stamp, basis=snapshot.run_id)


@router.get("/forecasts/{mineral}/{supplier}", responses=table_responses(FORECASTS, 404))
async def pair(
    request: Request, mineral: Mineral, supplier: Supplier, query: Annotated[Representation, Query()]
) -> Response:
    """Give the rows of one pair in the current run, one per target and horizon; `/history` has those of all runs."""
    snapshot = snapshot_of(service_of(request))
    body = snapshot.pairs.get((mineral, supplier))
    if body is None:
        supplier = supplier.upper()
        body = snapshot.pairs.get((mineral, supplier))
        if body is None:
            raise _not_tracked(snapshot, mineral, supplier)
    stamp = run_stamp(snapshot)
    form = begin(request, stamp, query.format)
    if isinstance(form, Response):
        return form
    if form.name == "json":
        return raw_answer(request, stamp, form, body)
    at = snapshot.forecasts.select(Where((("mineral", (mineral,)), ("supplier", (supplier,)))))
    page = Page(list(FORECASTS.columns), snapshot.forecasts.rows(at))
    return table_answer(request, stamp, form, FORECASTS, page, envelope=False)


@router.get("/forecasts/{mineral}/{supplier}/history", responses=table_responses(HISTORY, 404))
async def history(
    request: Request, mineral: Mineral, supplier: Supplier, query: Annotated[HistoryQuery, Query()]
) -> Response:
    """Give what every run said of one pair, the oldest first: a time, a probability and its interval per row."""
    supplier = supplier.upper()
    given = query.where()
    where = Where((("mineral", (mineral,)), ("supplier", (supplier,)), *given.among))
    snapshot = snapshot_of(service_of(request))
    answer, count = await answer_over_runs(request, query, HISTORY, where)
    is_whole = not given.among and query.from_ is None and query.to is None and query.cursor is None
    if count == 0 and is_whole and (mineral, supplier) not in snapshot.pairs:
        raise _not_tracked(snapshot, mineral, supplier)
    return answer


def _not_tracked(snapshot: Snapshot, mineral: str, supplier: str) -> Problem:
    catalog = load_catalog()
    if mineral not in catalog.minerals:
        return Problem("not-found", f"no mineral is called {mineral}", remedy="/v1/minerals lists minerals.")
    if supplier not in catalog.countries:
        remedy = "Suppliers are ISO 3166-1 alpha-3 codes, such as COD; /v1/suppliers lists them."
        return Problem("not-found", f"no supplier has the code {supplier}", remedy=remedy)
    others = ", ".join(snapshot.tracked.get(mineral, ())) or "nobody"
    why = "under 1 % of world exports, or no trade data"
    detail = f"{mineral} from {supplier} is not tracked in run {snapshot.run_id}: {why}"
    return Problem(
        "not-found", detail, remedy=f"Tracked suppliers of {mineral}: {others}. /v1/minerals lists minerals."
    )
