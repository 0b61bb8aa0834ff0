"""What machines and newcomers ask: is it alive, is it ready, how is it doing, and what is there to read."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import anyio.to_thread
import orjson
from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, select_autoescape
from sqlalchemy import func, select
from starlette.responses import HTMLResponse, Response

from features.errors import OresightError
from ml.database.warning_tables import deliveries
from ml.prometheus_text import exposition
from ml.service.answers import Service, service_of
from ml.service.live import GRACE
from ml.service.metrics import (
    CONTENT_TYPE,
    delivery_gauges,
    run_gauges,
    service_gauges,
    source_gauges,
)
from ml.service.problems import KINDS
from ml.service.reading import drift_rows

__all__ = ["readiness", "router"]

# Not of the versioned document: what they answer is for machines that look after the service.
router = APIRouter(include_in_schema=False)
HTML = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
    autoescape=select_autoescape(default=True),
    trim_blocks=True,
    lstrip_blocks=True,
)
NO_STORE = {"Cache-Control": "no-store"}


def readiness(service: Service) -> tuple[bool, dict[str, Any]]:
    """Tell whether readers should be sent here: the run is not too old, and the database answered a minute ago."""
    live, now = service.live, service.live.clock()
    snapshot, away = live.snapshot, live.away_since
    reasons = []
    if snapshot is None:
        reasons.append(
            "no run has been published yet" if away is None else "no run was read before the database went away"
        )
    else:
        limit = dt.timedelta(days=service.settings.ready_days)
        age = now - snapshot.as_of
        if age > limit:
            days, most = age.total_seconds() / 86_400, service.settings.ready_days
            reasons.append(f"the current run {snapshot.run_id} is {days:.1f} days old, more than ready_days = {most:g}")
    notes: list[str] = []
    if away is not None:
        since = away.isoformat(timespec="seconds").replace("+00:00", "Z")
        (reasons if now - away >= GRACE else notes).append(f"database away since {since}")
    state: dict[str, Any] = {"status": "not ready" if reasons else "ready", "reasons": reasons + notes}
    if snapshot is not None:
        state |= {"run_id": snapshot.run_id, "as_of": snapshot.as_of.date().isoformat(), "edition": snapshot.edition}
    return not reasons, state


@router.get("/healthz")
async def healthz() -> Response:
    """Tell that the process answers; a database that is away is no reason to restart it."""
    return Response(b'{"status":"alive"}', headers=NO_STORE, media_type="application/json")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Tell whether readers should be sent here, and if not, why."""
    is_ready, state = readiness(service_of(request))
    return Response(orjson.dumps(state), 200 if is_ready else 503, NO_STORE, media_type="application/json")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Give requests, the current run's age and rows, sources, drift and deliveries as Prometheus reads them."""
    service = service_of(request)
    text = await anyio.to_thread.run_sync(lambda: metric_text(service))
    return Response(text, headers={**NO_STORE, "Content-Type": CONTENT_TYPE})


def metric_text(service: Service) -> bytes:
    """Give all metrics."""
    live = service.live
    lines = exposition(service_gauges(live))
    snapshot, book = live.snapshot, live.book
    if snapshot is not None and book is not None:
        lines += exposition(run_gauges(snapshot, book, live.clock()))
        drift = _drift_lines(service, max(book.rows.values(), key=lambda row: (row["as_of"], row["created_at"])))
        lines += drift
        listing = live.peek("sources", snapshot.run_id)
        if listing is not None and not any(line.startswith("oresight_source_age_days") for line in drift):
            names = ("dataset", "source", "age_days")
            columns = (listing.values(name) for name in names)
            lines += exposition(source_gauges(dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)))
    if live.away_since is None:
        lines += _delivery_lines(service)
    return ("\n".join(lines) + "\n").encode() + service.requests.lines()


def _drift_lines(service: Service, newest: dict[str, Any]) -> list[str]:
    # Of the newest run, held back or not.
    live, run_id = service.live, newest["run_id"]
    from ml.drift.measures import as_table
    from ml.drift.publish import prometheus_lines

    try:
        rows = drift_rows(live.reader, run_id)
    except OresightError:
        return []
    lines = prometheus_lines(as_table(rows), as_of=newest["as_of"].date().isoformat(), held_back=newest["held_back"])
    return lines if rows else []


def _delivery_lines(service: Service) -> list[str]:
    count = select(deliveries.c.channel, deliveries.c.state, func.count()).group_by(
        deliveries.c.channel, deliveries.c.state
    )
    try:
        rows = service.live.reader.rows(count.order_by(deliveries.c.channel, deliveries.c.state))
    except OresightError:
        return []  # away, or a schema from before there were warnings
    return exposition(delivery_gauges([(row[0], row[1], row[2]) for row in rows]))


@router.get("/")
@router.get("/docs")
async def reference(request: Request) -> Response:
    """Give the reference page, made from the OpenAPI document; it needs no script and nothing from elsewhere."""
    document = request.app.openapi()
    page = HTML.get_template("reference.html.j2").render(
        document=document,
        operations=[
            (path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method == "get"
        ],
        shapes=document["components"]["schemas"],
        problems=KINDS,
    )
    return HTMLResponse(page, headers={"Cache-Control": "public, max-age=300"})


@router.get("/problems/{kind}")
async def problem_kind(request: Request, kind: str) -> Response:
    """Lead from a problem's type to its explanation."""
    target = f"/docs#problem-{kind}" if kind in KINDS else "/docs"
    return Response(status_code=303, headers={"Location": f"{request.scope.get('root_path', '')}{target}"})
