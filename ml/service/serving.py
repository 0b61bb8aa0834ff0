"""Running the service: one process or several behind one socket, stopped cleanly."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from features.errors import ConfigError
from ml.service.app import create_app, is_loopback, may_be_anonymous
from ml.settings import Settings, load_settings

__all__ = ["application", "serve"]

# How a process that uvicorn starts learns what the command line said.
GIVEN = "ORESIGHT_SERVE_GIVEN"
Say = Callable[[str], None]


def application() -> FastAPI:
    """Make the application of one of several processes, from the settings that the first one left it."""
    _log()
    return create_app(Settings.model_validate_json(os.environ[GIVEN]))


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def serve(*, host: str | None, port: int | None, workers: int | None, home: Path | None, say: Say) -> None:
    """Serve until a signal ends it.

    Raises:
        ConfigError: the port is taken, or the address is not this machine's.
    """
    settings = load_settings(home)
    given = {"host": host, "port": port, "serve_workers": workers}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    _log()
    bound = _bind(settings)
    address = bound.getsockname()
    where = f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"
    readers = "anybody" if may_be_anonymous(settings) else "holders of a key"
    say(f"Serving {settings.home} at {where} for {readers}; /docs says what there is")
    if may_be_anonymous(settings) and not is_loopback(settings.host):
        say("Anybody who reaches this address may read; set ORESIGHT_ANONYMOUS=false to require keys")
    options = {
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "h11_max_incomplete_event_size": 65_536,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 10,
        "limit_concurrency": 1_000,
    }
    scratch = None
    try:
        if settings.serve_workers == 1:
            config = uvicorn.Config(create_app(settings), **options)  # type: ignore[arg-type]
            uvicorn.Server(config).run(sockets=[bound])
            return
        os.environ[GIVEN] = settings.model_dump_json()
        # Where the processes add up their counts.
        scratch = tempfile.mkdtemp(prefix="oresight-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = scratch
        config = uvicorn.Config(
            "ml.service.serving:application",
            factory=True,
            workers=settings.serve_workers,
            timeout_worker_healthcheck=30,
            **options,  # type: ignore[arg-type]
        )
        Multiprocess(config, sockets=[bound]).run()
    finally:
        bound.close()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as problem:
        sock.close()
        raise ConfigError(
            f"can't listen on {settings.host}:{settings.port}: {problem.strerror}; choose another --host or --port"
        ) from None
    sock.set_inheritable(True)
    return sock
