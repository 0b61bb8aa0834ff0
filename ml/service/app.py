"""The application: one process's service, put together from its parts."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

import anyio
import anyio.to_thread
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware.cors import CORSMiddleware

from features.errors import OresightError
from features.knowledge_time import UTC
from ml.database.connection import engine_for
from ml.service import problems
from ml.service.answers import QUERIES, Service
from ml.service.guard import Guard
from ml.service.keys import note_use
from ml.service.live import Live, Watcher
from ml.service.metrics import Requests
from ml.service.openapi import document
from ml.service.paging import CursorSigner
from ml.service.problems import Problem
from ml.service.reading import Reader, reader_for
from ml.service.remembered import Remembered
from ml.service.routers import explanations, forecasts, movements, operations, record, reference, runs
from ml.service.tables import (
    codebook_listing,
    explanation_listing,
    measures_listing,
    mineral_listing,
    source_listing,
    supplier_listing,
    track_record_listing,
)
from ml.settings import Settings

__all__ = ["create_app", "is_loopback", "may_be_anonymous"]

log = logging.getLogger("oresight.service")
ROUTERS = (forecasts, runs, movements, explanations, record, reference, operations)
# What a page in a browser may read beside the body.
EXPOSED = ["ETag", "Link", "Age", "Warning", "Retry-After"]
EXPOSED += ["Oresight-Run", "Oresight-As-Of", "Oresight-Valid-Until", "Oresight-Total"]
# How often the last use of keys is noted.
NOTE_SECONDS = 60.0


def _present() -> dt.datetime:
    return dt.datetime.now(UTC)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_be_anonymous(settings: Settings) -> bool:
    """Tell whether the service answers without a key: as set, else only on loopback."""
    return is_loopback(settings.host) if settings.anonymous is None else settings.anonymous


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], dt.datetime] = _present,
    reader: Reader | None = None,
    is_watching: bool = True,
) -> FastAPI:
    """Make the application.

    Args:
        clock: what time it is, for ages and for keys that expire.
        reader: what reads the database, instead of the settings' own.
        is_watching: look for new runs in the background; else whoever has the application calls `live.look`.
    """
    live = Live(reader or reader_for(settings), clock, switch_seconds=settings.switch_seconds)
    service = Service(
        settings=settings,
        live=live,
        signer=CursorSigner(settings.cursor_secret or settings.database_url),
        limiter=anyio.CapacityLimiter(QUERIES),
        requests=Requests(),
        remembered=Remembered(),
    )
    start = _Start(live)
    used: dict[str, dt.datetime] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(start)
        watcher = Watcher(live, lambda: _prepare(service), _Noting(settings, used)) if is_watching else None
        if watcher is not None:
            watcher.start()
        try:
            yield
        finally:
            if watcher is not None:
                watcher.stopped.set()
                await anyio.to_thread.run_sync(functools.partial(watcher.join, 5.0))
            live.reader.engine.dispose()

    app = FastAPI(
        title="oresight",
        version=_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.install(app)
    for each in ROUTERS:
        app.include_router(each.router)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    anonymous = may_be_anonymous(settings)
    app.add_middleware(
        Guard,
        live=live,
        settings=settings,
        anonymous=anonymous,
        start=start,
        requests=service.requests,
        used=used,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "HEAD", "OPTIONS"],
            allow_headers=["Authorization", "X-API-Key", "If-None-Match"],
            expose_headers=EXPOSED,
            max_age=3600,
        )
    return app


class _Start:
    """The first look at the database, once per process, whether or not the server knows lifespans."""

    def __init__(self, live: Live) -> None:
        self._live, self._lock, self._is_done = live, threading.Lock(), False

    def __call__(self) -> None:
        if self._is_done:
            return
        with self._lock:
            if not self._is_done:
                self._live.look()
                self._is_done = True


class _Noting:
    """Writes down when keys were used, at most once a minute; a database that is busy or away is tried again later."""

    def __init__(self, settings: Settings, used: dict[str, dt.datetime]) -> None:
        self._settings, self._used, self._wait = settings, used, 0
        self._engine: Engine | None = None

    def __call__(self) -> None:
        self._wait += 1
        if self._wait < NOTE_SECONDS * 2 or not self._used:
            return
        self._wait, used = 0, dict(self._used)
        self._used.clear()
        # Aside, as a writer may be kept waiting, and the look for new runs must not be.
        threading.Thread(target=self._note, args=(used,), name="oresight-keys", daemon=True).start()

    def _note(self, used: dict[str, dt.datetime]) -> None:
        try:
            if self._engine is None:
                self._engine = engine_for(self._settings)
            note_use(self._engine, used)
        except (OresightError, SQLAlchemyError) as problem:
            # Also where the service may only read; what it answers does not hang on it.
            log.warning("when keys were used is not noted: %s", problem)


def _prepare(service: Service) -> None:
    """Make what is large or slow to make, after a run became current, so that no reader waits for it."""
    live = service.live
    snapshot = live.snapshot
    live.kept("minerals", "", mineral_listing)
    live.kept("codebook", "", codebook_listing)
    if snapshot is None:
        return
    run_id, reader = snapshot.run_id, live.reader
    live.kept("suppliers", run_id, lambda: supplier_listing(snapshot))
    live.kept("sources", run_id, lambda: source_listing(reader, snapshot.run))
    live.kept("track-record", live.record, lambda: track_record_listing(reader))
    live.kept("explanations", run_id, lambda: explanation_listing(reader, snapshot))
    try:
        live.kept("measures", run_id, lambda: measures_listing(service.settings, snapshot.as_of))
    except Problem as problem:
        log.info("no /v1/measures: %s", problem)


def _version() -> str:
    try:
        return version("oresight")
    except PackageNotFoundError:
        return "0"
