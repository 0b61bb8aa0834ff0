"""feedparser in a process of its own, which may take only so long and so much memory for one feed.

One process reads many feeds, one after the other, and is started anew when it had to be stopped. It is given text that
was decoded and checked before (`feed_bytes`), and answers with strings only: dates, links and markup are ours to
read. Run as a program it is that process: frames of eight hexadecimal digits and so many bytes, on both pipes.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

from features.errors import BadInput

__all__ = ["FeedParser", "parse_apart"]

MEMORY_BYTES = 2_000_000_000
MOST_ANSWER = 400_000_000
# What one entry may say of each kind; more is cut before it travels.
LONGEST = {"title": 4_000, "summary": 20_000, "link": 4_000, "id": 4_000, "date": 200, "publisher": 400, "language": 40}
FRAME = 8


class FeedParser:
    """A process that parses feeds; started when first needed, safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def parse(self, text: str, *, where: str, seconds: float) -> dict[str, Any]:
        """Parse the text of one feed.

        Returns:
            version ("" if it is no feed), problem (what is wrong with its XML, "" if nothing), language, title and
            address of the feed itself, and entries: dictionaries of strings, see `_entry`.

        Raises:
            BadInput: it took longer than `seconds`, or more memory than there may be.
        """
        with self._lock:
            try:
                return self._ask(text.encode("utf-8", "replace"), time.monotonic() + seconds)
            except (TimeoutError, OSError, ValueError) as problem:
                self._stop()
                found = f"more than {seconds:g} s" if isinstance(problem, TimeoutError) else "a parser that gave up"
                raise BadInput(
                    where=where,
                    expected="a feed that can be parsed in bounded time and memory",
                    found=found,
                    remedy="It was not read. Is it what the publisher serves?",
                ) from None

    def close(self) -> None:
        """Stop the process."""
        with self._lock:
            self._stop()

    def _ask(self, body: bytes, deadline: float) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{len(body):08x}".encode() + body)
        process.stdin.flush()
        size = int(_receive(process.stdout, FRAME, deadline), 16)
        if size > MOST_ANSWER:
            raise ValueError("too long an answer")
        answer: dict[str, Any] = json.loads(_receive(process.stdout, size, deadline))
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "features.sources.feeds.parser_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Where this package was imported from, so that the same code runs there, whatever the working folder.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            self.starts += 1
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    _close(pipe)
            self._process = None


def parse_apart(text: str, *, where: str, seconds: float) -> dict[str, Any]:
    """Parse a feed in the process that all of this program share; see `FeedParser.parse`."""
    return _SHARED.parse(text, where=where, seconds=seconds)


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:
        # What was not written yet has nobody to read it.
        return


def _receive(pipe: Any, size: int, deadline: float) -> bytes:
    parts, missing = [], size
    while missing:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError
        part = os.read(pipe.fileno(), min(missing, 1 << 20))
        if not part:
            raise ValueError("it ended")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


_SHARED = FeedParser()
atexit.register(_SHARED.close)


# ---- the other side --------------------------------------------------------------------------------


def _parse(body: bytes) -> dict[str, Any]:
    import feedparser

    # As a stream: a string would be tried as an address or the name of a file.
    found = feedparser.parse(
        io.BytesIO(body),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    feed = found["feed"]
    problem = found.get("bozo_exception")
    links = feed.get("links", ())
    is_atom = str(found.get("version", "")).startswith("atom")
    return {
        "version": str(found.get("version") or ""),
        "problem": type(problem).__name__ if found.get("bozo") and problem is not None else "",
        "language": _cut(feed.get("language"), "language"),
        "title": _cut(feed.get("title"), "publisher"),
        "self": _cut(next((link.get("href") for link in links if link.get("rel") == "self"), ""), "link"),
        "entries": [_entry(entry, is_atom=is_atom) for entry in found["entries"]],
    }


def _entry(entry: Mapping[str, Any], *, is_atom: bool) -> dict[str, Any]:
    # feedparser offers the date of change where that of publication is missing, with a warning: asked for by presence.
    dates = [entry[name] for name in ("published", "updated", "created") if dict.__contains__(entry, name)]
    contents = [part.get("value") for part in entry.get("content", ())]
    kind = (entry.get("title_detail") or {}).get("type", "")
    source = entry.get("source") or {}
    return {
        "title": _cut(entry.get("title"), "title"),
        "title_is_html": not (is_atom and kind == "text/plain"),
        "summary": _cut(entry.get("summary") or next(filter(None, contents), ""), "summary"),
        "link": _cut(entry.get("link"), "link"),
        "id": _cut(entry.get("id"), "id"),
        "dates": [_cut(date, "date") for date in dates],
        "publisher": _cut(source.get("title") if isinstance(source, Mapping) else "", "publisher"),
        "language": _cut((entry.get("title_detail") or {}).get("language"), "language"),
    }


def _cut(text: object, kind: str) -> str:
    return text[: LONGEST[kind]] if isinstance(text, str) else ""


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise SystemExit(0)
    return body


def main() -> None:
    """Answer feeds on standard input until it ends."""
    import resource
    import warnings

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    # Whatever a library prints must not get between the frames.
    sys.stdout = sys.stderr
    while True:
        body = _read_exactly(requests, int(_read_exactly(requests, FRAME), 16))
        answer = json.dumps(_parse(body)).encode()
        answers.write(f"{len(answer):08x}".encode() + answer)
        answers.flush()


if __name__ == "__main__":
    main()
