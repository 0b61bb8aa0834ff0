"""`/v1/track-record` and `/v1/sources`: how good the forecasts were, and how old what they rest on is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ml.service.answers import Service, listing_answer, read, run_stamp, service_of, snapshot_of
from ml.service.conditional import Stamp
from ml.service.listing import Listing
from ml.service.openapi import table_responses
from ml.service.queries import SourceQuery, TrackRecordQuery
from ml.service.shapes import SOURCES, TRACK_RECORD
from ml.service.tables import source_listing, track_record_listing

__all__ = ["router", "sources_of"]

router = APIRouter(prefix="/v1", tags=["record"])


@router.get("/track-record", responses=table_responses(TRACK_RECORD))
async def track_record(request: Request, query: Annotated[TrackRecordQuery, Query()]) -> Response:
    """Give the scores of past forecasts, with intervals; live and replayed forecasts are kinds of their own."""
    service = service_of(request)
    snapshot_of(service)
    live, stamp = service.live, service.live.record
    listing = live.peek("track-record", stamp)
    if listing is None:
        make = lambda: track_record_listing(live.reader)  # noqa: E731
        listing = await read(service, lambda: live.kept("track-record", stamp, make))
    return await listing_answer(request, listing, query, Stamp(f"record.{listing.digest}"), basis=listing.digest)


@router.get("/sources", responses=table_responses(SOURCES))
async def sources(request: Request, query: Annotated[SourceQuery, Query()]) -> Response:
    """Give per source and dataset when it was fetched, its newest observation, since when it is known, its state."""
    service = service_of(request)
    snapshot = snapshot_of(service)
    listing = await sources_of(service)
    return await listing_answer(request, listing, query, run_stamp(snapshot), basis=snapshot.run_id)


async def sources_of(service: Service) -> Listing:
    """Give the sources of the current run, from memory where they are there."""
    snapshot, live = snapshot_of(service), service.live
    listing = live.peek("sources", snapshot.run_id)
    if listing is None:
        make = lambda: source_listing(live.reader, snapshot.run)  # noqa: E731
        listing = await read(service, lambda: live.kept("sources", snapshot.run_id, make))
    return listing
