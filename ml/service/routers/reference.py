"""`/v1/codebook`, `/v1/minerals`, `/v1/suppliers`, `/v1/measures`: what words and codes mean, and what is on record."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ml.service.answers import listing_answer, run_stamp, service_of, snapshot_of
from ml.service.conditional import Stamp
from ml.service.listing import Listing
from ml.service.openapi import table_responses
from ml.service.queries import CodebookQuery, MeasureQuery, TableQuery
from ml.service.shapes import CODEBOOK, MEASURES, MINERALS, SUPPLIERS
from ml.service.tables import codebook_listing, measures_listing, mineral_listing, supplier_listing

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["reference"])


@router.get("/codebook", responses=table_responses(CODEBOOK))
async def codebook(request: Request, query: Annotated[CodebookQuery, Query()]) -> Response:
    """Give every feature and every column of the forecast row, with unit and meaning."""
    live = service_of(request).live
    # What a feature means is code, so it changes with the version only; loading it takes a second.
    listing = live.peek("codebook", "")
    if listing is None:
        listing = await anyio.to_thread.run_sync(lambda: live.kept("codebook", "", codebook_listing))
    return await _fixed(request, listing, query, "codebook")


@router.get("/minerals", responses=table_responses(MINERALS))
async def minerals(request: Request, query: Annotated[TableQuery, Query()]) -> Response:
    """Give the minerals of the catalogue, with names in English and Traditional Chinese, codes and policy lists."""
    return await _fixed(request, service_of(request).live.kept("minerals", "", mineral_listing), query, "minerals")


@router.get("/suppliers", responses=table_responses(SUPPLIERS))
async def suppliers(request: Request, query: Annotated[TableQuery, Query()]) -> Response:
    """Give the suppliers of the current run: names, how many minerals, how many alerts, the highest probability."""
    service = service_of(request)
    snapshot = snapshot_of(service)
    listing = service.live.kept("suppliers", snapshot.run_id, lambda: supplier_listing(snapshot))
    return await listing_answer(request, listing, query, run_stamp(snapshot), basis=snapshot.run_id)


@router.get("/measures", responses=table_responses(MEASURES, 404))
async def measures(request: Request, query: Annotated[MeasureQuery, Query()]) -> Response:
    """Give the policy measures as known at the current run's date; needs the home folder with its datasets."""
    service = service_of(request)
    snapshot, live = snapshot_of(service), service.live
    listing = live.peek("measures", snapshot.run_id)
    if listing is None:
        make = lambda: measures_listing(service.settings, snapshot.as_of)  # noqa: E731
        listing = await anyio.to_thread.run_sync(lambda: live.kept("measures", snapshot.run_id, make))
    return await listing_answer(request, listing, query, run_stamp(snapshot), basis=snapshot.run_id)


async def _fixed(request: Request, listing: Listing, query: TableQuery, name: str) -> Response:
    version = request.app.version
    return await listing_answer(request, listing, query, Stamp(f"{name}.{version}.{listing.digest}"), basis=name)
