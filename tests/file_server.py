"""A small web server for tests: each path answers as a publisher in a good or bad mood would."""

from __future__ import annotations

import gzip
import http.server
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class FileServer:
    """What it serves by path, and every request it got as (path, headers)."""

    port: int = 0
    answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def count(self, path: str) -> int:
        return sum(each == path for each, _ in self.asked)


class QuietServer(http.server.ThreadingHTTPServer):
    """One that does not print how a client hung up in the middle of an answer; it may, if it has heard enough."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def serving() -> Iterator[FileServer]:
    server = FileServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            length = int(self.headers.get("Content-Length", 0))
            self.body = self.rfile.read(length)
            server.asked.append((path, {name.lower(): value for name, value in self.headers.items()}))
            server.answers.get(path, answer(b"nothing here", status=404, kind="text/plain"))(self)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = QuietServer(("127.0.0.1", 0), Handler)
    server.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


def answer(body: bytes, *, status: int = 200, kind: str = "application/octet-stream", **headers: str) -> Answer:
    """Answer with a body; underscores in header names are hyphens."""

    def act(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return act


def with_etag(body: bytes, etag: str = '"one"', kind: str = "application/octet-stream") -> Answer:
    """Answer 304 to those who have it already."""

    def act(handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.headers.get("If-None-Match") == etag:
            handler.send_response(304)
            handler.send_header("ETag", etag)
            handler.end_headers()
        else:
            answer(body, kind=kind, ETag=etag)(handler)

    return act


def in_turn(*answers: Answer) -> Answer:
    """Answer differently each time; the last answer stays."""
    left = list(answers)

    def act(handler: http.server.BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return act


def dripping(body: bytes, seconds: float = 0.05) -> Answer:
    """Send a byte at a time, so that no single read ever takes long."""

    def act(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        try:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(seconds)
        except OSError:
            handler.close_connection = True

    return act


def cut_off(body: bytes) -> Answer:
    """Announce the whole body, send half of it and hang up."""

    def act(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])
        handler.close_connection = True

    return act


def gzip_bomb(megabytes: int) -> Answer:
    """Send a few kilobytes that unpack to many megabytes."""
    return answer(gzip.compress(bytes(megabytes * 1_000_000)), kind="text/csv", Content_Encoding="gzip")


def redirect(target: str, status: int = 302) -> Answer:
    """Send somewhere else."""
    return answer(b"", status=status, Location=target)
