"""How every endpoint answers: choose the format, say 304 where nothing changed, cut the page, lead to the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import anyio
import anyio.to_thread
import orjson
from starlette.requests import Request
from starlette.responses import Response

from features.errors import OresightError
from ml.service.conditional import Stamp, headers_for, tag_of, unchanged
from ml.service.formats import Format, format_for, render
from ml.service.listing import Listing
from ml.service.live import Live
from ml.service.metrics import Requests
from ml.service.paging import CursorSigner
from ml.service.problems import Problem
from ml.service.queries import TableQuery
from ml.service.reading import TooSlow
from ml.service.remembered import Remembered
from ml.service.shapes import Shape
from ml.service.snapshot import Half, Snapshot
from ml.service.wanted import Order, columns_of, order_of
from ml.settings import Settings

__all__ = [
    "Page",
    "Service",
    "begin",
    "bound",
    "listing_answer",
    "listing_page",
    "no_run",
    "raw_answer",
    "read",
    "remembered_answer",
    "run_stamp",
    "service_of",
    "snapshot_of",
    "table_answer",
]

T = TypeVar("T")
# Queries of one process that run at the same time; others wait their turn.
QUERIES = 3
RETRY_SECONDS = "15"
UNBOUND = ("cursor", "limit", "format", "fields", "envelope")


@dataclass(frozen=True)
class Service:
    """What the endpoints share."""

    settings: Settings
    live: Live
    signer: CursorSigner
    limiter: anyio.CapacityLimiter
    requests: Requests
    remembered: Remembered


@dataclass(frozen=True)
class Page:
    """One page: rows as tuples, or encoded; where the next begins; how many rows there are in all, where known."""

    names: Sequence[str]
    rows: Sequence[Sequence[Any]]
    encoded: Sequence[bytes] | None = None
    next_cursor: str | None = None
    total: int | None = None


def service_of(request: Request) -> Service:
    """Give what the endpoints share."""
    return request.app.state.service


def no_run() -> Problem:
    """Give the problem of a service without any run."""
    remedy = "Publish one: `oresight weekly`, then `oresight publish`. /readyz says when there is one."
    return Problem("no-run", "no run has been published yet", remedy=remedy, headers={"Retry-After": "60"})


def snapshot_of(service: Service) -> Snapshot:
    """Give the current run.

    Raises:
        Problem: there is none.
    """
    snapshot = service.live.snapshot
    if snapshot is None:
        if service.live.away_since is not None:
            raise _away()
        raise no_run()
    return snapshot


def _away() -> Problem:
    # Why it is away is for the log: it may tell where the database is.
    remedy = "Try again after Retry-After. What needs the current run only is still answered."
    return Problem(
        "database-away", "the database does not answer", remedy=remedy, headers={"Retry-After": RETRY_SECONDS}
    )


async def read(service: Service, work: Callable[[], T]) -> T:
    """Run a query in a thread, few at a time.

    Raises:
        Problem: the database is away, or the query took too long.
    """
    if service.live.away_since is not None:
        raise _away()
    try:
        return await anyio.to_thread.run_sync(work, limiter=service.limiter)
    except TooSlow as problem:
        remedy = "Narrow it: fewer runs (from, to), a mineral or supplier, no sort over several runs."
        raise Problem("too-slow", str(problem), remedy=remedy, headers={"Retry-After": RETRY_SECONDS}) from None
    except Half as problem:
        raise Problem("database-away", str(problem), remedy="Try again soon.", headers={"Retry-After": "2"}) from None
    except OresightError:
        raise _away() from None


def run_stamp(snapshot: Snapshot, *, is_fixed: bool = False) -> Stamp:
    """Give the stamp of what rests on one run."""
    run = snapshot.run
    headers = {
        "Oresight-Run": run["run_id"],
        "Oresight-As-Of": run["as_of"].date().isoformat(),
        "Oresight-Valid-Until": run["valid_until"].isoformat().replace("+00:00", "Z"),
    }
    # What is addressed by its run stays the same when another becomes current.
    tag = f"{run['run_id']}.{0 if is_fixed else snapshot.edition}"
    return Stamp(tag, headers, is_fixed)


def begin(request: Request, stamp: Stamp, asked: str | None, *, envelope: bool = False) -> Format | Response:
    """Choose the format, and answer 304 where the reader has what would be given."""
    form = format_for(request.headers.get("accept", ""), asked)
    if envelope and form.name != "json":
        raise Problem(
            "bad-query", f"an envelope is JSON, not {form.name}", remedy="Leave out `envelope`, or ask for JSON."
        )
    same = unchanged(stamp, request, form.name)
    return form if same is None else same


def bound(request: Request) -> str:
    """Give what must be the same on every page of a listing."""
    items = sorted((name, value) for name, value in request.query_params.multi_items() if name not in UNBOUND)
    return f"{request.url.path}?{urlencode(items)}"


def raw_answer(request: Request, stamp: Stamp, form: Format, body: bytes) -> Response:
    """Give ready bytes."""
    headers = headers_for(stamp, request, tag_of(stamp, request, form.name))
    return Response(body, headers=headers, media_type=form.media_type)


def table_answer(
    request: Request, stamp: Stamp, form: Format, shape: Shape, page: Page, *, envelope: bool, keep: bool = False
) -> Response:
    """Give a page in the format asked for, with its next page in `Link`, or in the body of an envelope.

    Args:
        keep: remember the answer, as it took a query.
    """
    headers: dict[str, str] = {}
    following = None
    if page.next_cursor is not None:
        items = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        following = f"{request.url.path}?{urlencode([*items, ('cursor', page.next_cursor)])}"
        headers["Link"] = f'<{following}>; rel="next"'
    if page.total is not None:
        headers["Oresight-Total"] = str(page.total)
    if form.name != "json":
        headers["Content-Disposition"] = (
            f'inline; filename="{request.url.path.strip("/").replace("/", "-")}.{form.ending}"'
        )
    body = render(form, shape, page.names, page.rows, page.encoded)
    if envelope:
        about = {
            "run": _run_of(stamp),
            "columns": [{"name": name, "type": shape.columns[name].partition("[")[0]} for name in page.names],
            "total": page.total,
            "next": following,
            "next_cursor": page.next_cursor,
        }
        # The rows are bytes already; what is around them is small.
        body = orjson.dumps(about)[:-1] + b',"data":' + body + b"}"
    tag = tag_of(stamp, request, form.name)
    if keep:
        service_of(request).remembered.put(tag, body, headers)
    return Response(body, headers={**headers_for(stamp, request, tag), **headers}, media_type=form.media_type)


def remembered_answer(request: Request, stamp: Stamp, form: Format) -> Response | None:
    """Give what was answered to the same request from the same data, None when it has to be made."""
    tag = tag_of(stamp, request, form.name)
    found = service_of(request).remembered.get(tag)
    if found is None:
        return None
    return Response(found[0], headers={**headers_for(stamp, request, tag), **found[1]}, media_type=form.media_type)


def _run_of(stamp: Stamp) -> dict[str, str] | None:
    # Which run an envelope is about; tables that are not a run's have none.
    given = {name.removeprefix("Oresight-").lower().replace("-", "_"): value for name, value in stamp.headers.items()}
    return {"run_id": given.pop("run"), **given} if "run" in given else None


def listing_page(
    request: Request, form: Format, listing: Listing, query: TableQuery, basis: str, default: Order = ()
) -> Page:
    """Cut a page of a table in memory.

    Args:
        basis: what the table is of; a cursor of another one is refused.
        default: the order when none is asked for.
    """
    offset, signer = 0, service_of(request).signer
    if query.cursor is not None:
        state = signer.open(bound(request), query.cursor)
        if state.get("b") != basis:
            raise Problem("listing-changed", "this table was made anew since", remedy="Begin again without `cursor`.")
        offset = int(state["o"])
    order = order_of(listing.shape, query.sort) or default
    names = columns_of(listing.shape, query.fields)
    found = listing.select(query.where(), order)
    at = found[offset : offset + query.limit]
    end = offset + len(at)
    cursor = signer.seal(bound(request), {"b": basis, "o": end}) if end < len(found) else None
    if form.name in ("json", "ndjson") and listing.encoded is not None and len(names) == len(listing.shape.columns):
        return Page(names, (), [listing.encoded[each] for each in at.tolist()], cursor, len(found))
    return Page(names, listing.rows(at, names), None, cursor, len(found))


async def listing_answer(
    request: Request, listing: Listing, query: TableQuery, stamp: Stamp, *, basis: str, default: Order = ()
) -> Response:
    """Answer from a table in memory."""
    form = begin(request, stamp, query.format, envelope=query.envelope)
    if isinstance(form, Response):
        return form
    page = listing_page(request, form, listing, query, basis, default)
    return table_answer(request, stamp, form, listing.shape, page, envelope=query.envelope)
