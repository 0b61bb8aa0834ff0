"""Receivers on loopback, in good and bad moods: an HTTP server for webhooks and gateways, and a mail server."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.file_server import QuietServer


@dataclass
class Receiver:
    """What came, and how the next requests are answered: a status each, or `None` to say nothing at all.

    Like a real one it knows messages by their key: `accepted` has each once, however often it came.
    """

    port: int = 0
    moods: list[int | None] = field(default_factory=list)
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    accepted: dict[str, bytes] = field(default_factory=dict)
    silence: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def bodies(self) -> list[Any]:
        return [json.loads(body) for body in self.accepted.values()]

    def kinds(self) -> list[str]:
        return [body["type"] for body in self.bodies()]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.came.append((self.path, headers, body))
            mood = receiver.moods.pop(0) if receiver.moods else 200
            if mood is None:
                # It took the message, but its answer never comes.
                receiver.accepted.setdefault(_key(headers), body)
                receiver.silence.wait(20)
                self.close_connection = True
                return
            if mood < 300:
                receiver.accepted.setdefault(_key(headers), body)
            self.send_response(mood)
            if 300 <= mood < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            if mood == 429:
                self.send_header("Retry-After", "7200")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.silence.set()
        server.shutdown()
        server.server_close()


def _key(headers: dict[str, str]) -> str:
    return headers.get("webhook-id") or headers.get("idempotency-key", "")


@dataclass
class Mailbox:
    """Mails that came, and what the next ones are answered instead of 250."""

    port: int = 0
    moods: list[str] = field(default_factory=list)
    mails: list[tuple[list[str], bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.moods:
            return self.moods.pop(0)
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


@contextmanager
def mailing(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """Take mails; with `tls` only after STARTTLS."""
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        mailbox.port = taken.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, ready_timeout=60, tls_context=tls)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for localhost that no authority vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number())
    built = built.not_valid_before(begin).not_valid_after(begin + dt.timedelta(days=2))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    paths = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(built.sign(key, hashes.SHA256()).public_bytes(pem))
    plain, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(pem, plain, none))
    return paths


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: Any) -> None:
        self.now = now

    def __call__(self) -> Any:
        return self.now


Say = Callable[[str], None]
