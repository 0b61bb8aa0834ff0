"""What every request passes first: size, key, scope and quota; and what every answer gets: safe headers, a count."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.service.conditional import http_date
from ml.service.keys import Key, find_key
from ml.service.live import Live
from ml.service.metrics import Requests
from ml.service.problems import MEDIA_TYPE, Problem, problem_bytes
from ml.service.quotas import Quotas, address_group, seconds_text
from ml.settings import Settings

__all__ = ["OPEN", "Guard", "scope_for"]

# Asked by machines that hold no key, and telling nothing of the data.
OPEN = frozenset({"/healthz", "/readyz"})
MOST_BODY_BYTES = 65_536
MOST_QUERY_BYTES = 8_192
SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
]
_HOW = "Send `Authorization: Bearer ors_…` or `X-API-Key: ors_…`; `oresight keys create` makes a key."


def scope_for(method: str, path: str) -> str:
    """Give the scope that a request needs."""
    if method not in ("GET", "HEAD"):
        return "acknowledge"
    return "explain" if path.startswith("/v1/explanations") else "read"


class Guard:
    """The middleware; written for ASGI itself, as each layer that isn't costs a tenth of a millisecond."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        live: Live,
        settings: Settings,
        anonymous: bool,
        start: Callable[[], None],
        requests: Requests,
        used: dict[str, dt.datetime],
    ) -> None:
        self.app, self.live, self.settings = app, live, settings
        self.anonymous, self.start, self.requests = anonymous, start, requests
        self.quotas, self.used = Quotas(), used

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, pass on, and note."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.start()
        begun, status = time.perf_counter(), 500
        is_head = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET"} if is_head else scope
        extra = SAFE + self._told_when_away()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *extra]
            elif is_head:
                message = {"type": message["type"], "body": b"", "more_body": message.get("more_body", False)}
            await send(message)

        try:
            try:
                self._admit(inner)
            except Problem as problem:
                await _tell(problem, scope["path"], answer)
            else:
                await self.app(inner, receive, answer)
        finally:
            route = getattr(inner.get("route"), "path", "(none)")
            self.requests.note(scope["method"], route, status, time.perf_counter() - begun)

    def _admit(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MOST_BODY_BYTES or len(scope["query_string"]) > MOST_QUERY_BYTES:
            remedy = f"A body may have {MOST_BODY_BYTES} bytes, a query {MOST_QUERY_BYTES}."
            raise Problem("too-large", "the request is larger than anything this service needs", remedy=remedy)
        path = scope["path"]
        if path in OPEN:
            return
        text = _key_in(headers)
        key = self._known(text) if text is not None else None
        if key is None:
            self._admit_anonymous(scope)
            return
        scope["oresight.key"] = key
        per_minute = self.settings.quota_key if key.requests_per_minute is None else key.requests_per_minute
        self._take(f"key {key.key_id}", per_minute)
        needed = scope_for(scope["method"], path)
        if not key.allows(needed):
            remedy = f"Use a key with the scope {needed}: `oresight keys create NAME --scope {needed}`."
            raise Problem("scope-missing", f"the key {key.key_id} lacks the scope {needed}", remedy=remedy)
        self.used[key.key_id] = self.live.clock()

    def _admit_anonymous(self, scope: Scope) -> None:
        group, is_here = address_group((scope.get("client") or ("unknown", 0))[0])
        if not is_here:
            self._take(f"address {group}", self.settings.quota_anonymous)
        if not self.anonymous or scope_for(scope["method"], scope["path"]) == "acknowledge":
            raise Problem("key-needed", "this needs a key", remedy=_HOW, headers={"WWW-Authenticate": "Bearer"})

    def _known(self, text: str) -> Key:
        key = find_key(text, self.live.keys)
        why = "there is no such key" if key is None else key.refusal(self.live.clock())
        if key is None or why is not None:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise Problem("key-refused", why or "", remedy=_HOW, headers=challenge)
        return key

    def _take(self, who: str, per_minute: int) -> None:
        wait = self.quotas.take(who, per_minute, time.monotonic())
        if wait > 0:
            detail = f"the quota of {per_minute} requests a minute is used up"
            remedy = "Wait as long as Retry-After says. Data change weekly: send If-None-Match, take pages of 1000."
            raise Problem("too-many-requests", detail, remedy=remedy, headers={"Retry-After": seconds_text(wait)})

    def _told_when_away(self) -> list[tuple[bytes, bytes]]:
        if self.live.away_since is None or self.live.seen_at is None:
            return []
        age = max(int((self.live.clock() - self.live.seen_at).total_seconds()), 0)
        since = http_date(self.live.away_since)
        return [(b"age", str(age).encode()), (b"warning", f'111 oresight "database away" "{since}"'.encode())]


def _key_in(headers: dict[bytes, bytes]) -> str | None:
    given = headers.get(b"x-api-key")
    if given is not None:
        return given.decode("latin-1").strip()
    scheme, _, rest = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        # What spreadsheets and Power BI can send: any name, and the key as the password.
        try:
            return base64.b64decode(rest.strip(), validate=True).decode("latin-1").partition(":")[2]
        except (binascii.Error, ValueError):
            return rest
    return None


async def _tell(problem: Problem, path: str, send: Send) -> None:
    body = problem_bytes(problem, path)
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **problem.headers,
    }
    pairs = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
