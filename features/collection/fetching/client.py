"""One source's downloads: cached, retried with patience, bounded in size and time, and polite.

An answer that has not changed (ETag, Last-Modified) is not sent again by its publisher: the cache gives
it. A source with a key bypasses the cache, so that its key is not written to disk. Nothing is
parsed here; the bytes are written aside and put in place when the last of them has come.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, urljoin

import httpcore
import httpx
import stamina
import stamina.instrumentation
from hishel import CacheOptions, SqliteStorage
from hishel.httpx import CacheTransport

from features.collection.fetching.addresses import CheckedBackend, check_address
from features.collection.fetching.contents import FetchFailed, check_encoding, check_name, check_start, check_type
from features.collection.fetching.transport import CheckedTransport
from features.knowledge_time import UTC
from features.sources.spec import Request, SourceSpec

__all__ = ["FetchLimits", "Fetched", "Fetcher", "seconds_to_wait"]

TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
NOT_KEPT = ("set-cookie", "authorization", "www-authenticate")
NETWORK_TROUBLE = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpx.TransportError,
    httpx.DecodingError,
)
# Retries are part of the work and told in the final message only.
stamina.instrumentation.set_on_retry_hooks([])


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long one download may take: all attempts together, how many, and the first and longest pause between them."""

    seconds: float = 300.0
    attempts: int = 4
    connect_seconds: float = 15.0
    read_seconds: float = 60.0
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched: where it lies, whence and when; `is_unchanged` if the publisher said so itself."""

    path: Path
    address: str
    fetched_at: dt.datetime
    headers: Mapping[str, str]
    is_unchanged: bool


class _TryAgain(Exception):
    """A failure that may pass; `wait` is what the publisher asked for, in seconds."""

    def __init__(self, found: str, wait: float | None = None) -> None:
        self.found, self.wait = found, wait
        super().__init__(found)


class Fetcher:
    """Fetches for one source; one download at a time."""

    def __init__(
        self,
        spec: SourceSpec,
        *,
        hosts: Collection[str],
        private_hosts: Collection[str] = (),
        limits: FetchLimits | None = None,
        key: str | None = None,
        cache: Path | None = None,
        contact: str = "",
        backend: CheckedBackend | None = None,
    ) -> None:
        """Prepare to fetch.

        Args:
            hosts: where the source may fetch from, redirects included.
            private_hosts: those among all hosts that may be private machines and speak plain HTTP.
            key: kept out of addresses, messages and the cache.
            cache: file of the cache, none without it.
            contact: an address that publishers can write to, for the user agent.
        """
        self._spec, self._key = spec, key
        self._hosts, self._private_hosts = frozenset(hosts), frozenset(private_hosts)
        self._limits = limits or FetchLimits()
        self._backend = backend or CheckedBackend(self._private_hosts)
        self._last_at = float("-inf")
        self._is_stopped = False
        transport: httpx.BaseTransport = CheckedTransport(self._backend)
        if cache is not None and key is None:
            storage = SqliteStorage(database_path=cache)
            transport = CacheTransport(transport, storage, rfc=CacheOptions(shared=False, allow_stale=False))
        agent = (
            f"oresight/{version('oresight')} (weekly forecasts of mineral supply{'; ' + contact if contact else ''})"
        )
        # no-cache: the publisher is asked each time whether its file has changed.
        headers = {"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": "gzip", "Cache-Control": "no-cache"}
        timeout = httpx.Timeout(self._limits.read_seconds, connect=self._limits.connect_seconds)
        self._client = httpx.Client(
            transport=transport, headers=headers, timeout=timeout, follow_redirects=False, trust_env=False
        )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def stop(self) -> None:
        """Let the download that is under way, in another thread, fail at its next read, and allow no other."""
        self._is_stopped = True
        self._backend.deadline = float("-inf")

    def fetch(self, request: Request, folder: Path) -> Fetched:
        """Fetch one file into `folder`, under the name the request gives.

        Raises:
            FetchFailed: the publisher did not serve it, or not what was promised, within the limits.
            BadInput: the address, or a redirect, leads where the source may not go.
        """
        check_name(request.name)
        shown = self._hide_key(request.address)
        limits, deadline = self._limits, time.monotonic() + self._limits.seconds
        if not self._is_stopped:
            self._backend.deadline = deadline

        def may_try_again(problem: Exception) -> bool | float:
            if not isinstance(problem, _TryAgain) or self._is_stopped:
                return False
            if problem.wait is None:
                return time.monotonic() < deadline
            return problem.wait if time.monotonic() + problem.wait < deadline else False

        try:
            for attempt in stamina.retry_context(
                on=may_try_again,
                attempts=limits.attempts,
                timeout=None,
                wait_initial=limits.first_pause_seconds,
                wait_max=limits.longest_pause_seconds,
                wait_jitter=limits.first_pause_seconds,
            ):
                with attempt:
                    return self._attempt(request, folder, shown)
        except _TryAgain as problem:
            remedy = "Try again later."
            if problem.wait is not None:
                remedy = f"The publisher asks to wait {problem.wait:.0f} s; try again then."
            raise self._failed(shown, "the file", problem.found, remedy) from None
        raise AssertionError("unreachable")

    def _attempt(self, request: Request, folder: Path, shown: str) -> Fetched:
        address, headers = request.address, dict(request.headers)
        for _ in range(MOST_REDIRECTS + 1):
            host = check_address(address, hosts=self._hosts, private_hosts=self._private_hosts)
            self._be_polite()
            asked = self._client.build_request(request.method, address, json=request.body, headers=headers)
            try:
                answer = self._client.send(asked, stream=True)
                try:
                    if answer.status_code not in REDIRECTS:
                        return self._receive(answer, request, folder, shown)
                    target = urljoin(address, answer.headers.get("location", ""))
                finally:
                    answer.close()
            except NETWORK_TROUBLE as problem:
                raise _TryAgain(self._hide_key(f"{type(problem).__name__}: {problem}")) from None
            if request.method not in ("GET", "HEAD"):
                raise self._failed(shown, "an answer", "a redirect of a request that sends data", "Set its endpoint.")
            if httpx.URL(target).host != host:
                # What was meant for one host, a key above all, is not for another.
                headers = {}
            address = target
        raise self._failed(shown, f"at most {MOST_REDIRECTS} redirects", "more", "Has the address moved?")

    def _receive(self, answer: httpx.Response, request: Request, folder: Path, shown: str) -> Fetched:
        status = answer.status_code
        if status in TRY_AGAIN:
            wait = seconds_to_wait(answer.headers.get("retry-after"), now=dt.datetime.now(UTC))
            raise _TryAgain(f"status {status} {answer.reason_phrase}".rstrip(), wait)
        is_nothing = status == 204 and request.may_be_empty
        if status != 200 and not is_nothing:
            remedy = "Has the address moved? The setting endpoints names another."
            if status in (401, 403):
                remedy = "The publisher does not let us in: is the key right, or does it refuse programs?"
            raise self._failed(shown, "the file (status 200)", f"status {status}", remedy)
        check_encoding(answer.headers.get("content-encoding", ""), where=shown)
        if not is_nothing:
            check_type(answer.headers.get("content-type", ""), request.name, where=shown)
        most = int(self._spec.max_megabytes * 1e6)
        announced = answer.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > most:
            raise self._too_large(shown, f"{int(announced) / 1e6:,.0f} MB announced")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / request.name
        aside = path.with_name(f".{request.name}.part")
        try:
            if is_nothing:
                aside.touch()
            else:
                self._write(answer, aside, request.name, shown, most)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        caching = answer.extensions.get("caching")
        kept = {name: self._hide_key(text) for name, text in answer.headers.items() if name not in NOT_KEPT}
        return Fetched(path, shown, dt.datetime.now(UTC), kept, bool(caching and caching["from_cache"]))

    def _write(self, answer: httpx.Response, path: Path, name: str, shown: str, most: int) -> None:
        size, start = 0, b""
        with path.open("wb") as file:
            for chunk in answer.iter_bytes():
                size += len(chunk)
                if size > most:
                    raise self._too_large(shown, "more")
                file.write(chunk)
                if len(start) < 64:
                    start += chunk[:64]
                    if len(start) >= 64:
                        check_start(start, name, where=shown)
        if size == 0:
            raise self._failed(shown, "a file", "an empty answer", "Try again later.")
        check_start(start, name, where=shown)

    def _be_polite(self) -> None:
        pause = 60 / self._spec.requests_per_minute - (time.monotonic() - self._last_at)
        if pause > 0:
            time.sleep(pause)
        self._last_at = time.monotonic()

    def _too_large(self, shown: str, found: str) -> FetchFailed:
        most = f"at most {self._spec.max_megabytes} MB"
        return self._failed(shown, most, found, "If that is right, raise max_megabytes of the source.")

    def _failed(self, shown: str, expected: str, found: str, remedy: str) -> FetchFailed:
        return FetchFailed(where=shown, expected=expected, found=found, remedy=remedy)

    def _hide_key(self, text: str) -> str:
        for secret in (self._key, quote(self._key or "", safe="")):
            text = text.replace(secret, "(key)") if secret else text
        return text


def seconds_to_wait(text: str | None, *, now: dt.datetime) -> float | None:
    """Read a Retry-After header: a number of seconds or a date; None if there is none or it is neither.

    Example:
        >>> seconds_to_wait("120", now=dt.datetime(2026, 1, 1, tzinfo=UTC))
        120.0
    """
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
