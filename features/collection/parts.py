"""A source of many parts that have nothing to do with each other, such as a hundred news feeds: asked side by side.

A part that fails does not stop the others. After n failures in a row it is asked again min(2^n hours, 7 days) later.
All that a round got, failures included, is packed into one file, and that is read like any other. The state of each
part is kept in `parts.json` beside `sources.json`; if it is lost, every part is asked and sends its bytes again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from features.collection.fetching.client import Fetched, Fetcher
from features.errors import OresightError
from features.sources.polls import Poll, read_polls, write_polls
from features.sources.spec import Request

if TYPE_CHECKING:
    from features.collection.rounds import Round

__all__ = ["LONGEST_REST", "PartState", "PartsRound", "Told", "note_round", "read_parts", "rest_after"]

FILE = "parts.json"
SIDE_BY_SIDE = 8
# One slow part must not hold up a hundred others; it is asked again next time anyway.
MOST_SECONDS, MOST_ATTEMPTS = 60.0, 2
LONGEST_REST = dt.timedelta(days=7)
# If so many were asked and nobody answered, the fault is ours.
ENOUGH_TO_BLAME_US = 5
MOST_NAMED = 8
MOMENTS = ("last_attempt", "last_ok", "next_try")


@dataclass(frozen=True, slots=True)
class PartState:
    """When a part was last asked and last answered, how often it failed since, and when it is asked again."""

    last_attempt: dt.datetime | None = None
    last_ok: dt.datetime | None = None
    failures: int = 0
    next_try: dt.datetime | None = None
    problem: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """How a round went: how many parts were asked, how many gave something to read, and a sentence about it."""

    asked: int
    ok: int
    message: str


def rest_after(failures: int) -> dt.timedelta:
    """Give how long a part is left alone after so many failures in a row.

    Example:
        >>> [str(rest_after(n)) for n in (0, 1, 3, 8)]
        ['0:00:00', '2:00:00', '8:00:00', '7 days, 0:00:00']
    """
    if failures <= 0:
        return dt.timedelta()
    return min(dt.timedelta(hours=2 ** min(failures, 20)), LONGEST_REST)


class PartsRound:
    """One round over the parts of one source."""

    def __init__(self, module: ModuleType, how: Round, *, cache: Path, root: Path) -> None:
        self._module, self._how, self._cache = module, how, cache
        self._states = read_parts(root).get(module.SPEC.name, {})
        self._is_stopped = threading.Event()
        self._clients: list[Fetcher] = []

    def stop(self) -> None:
        """Let what is under way fail, and begin nothing else."""
        self._is_stopped.set()
        for client in self._clients:
            client.stop()

    def fetch(self, requests: Iterable[Request], folder: Path, *, now: dt.datetime) -> list[Fetched]:
        """Ask every part that is not resting; give the one file of what came, nothing if all are resting."""
        by_host: dict[str, list[Request]] = {}
        for request in requests:
            rests_until = self._states.get(_name(request), PartState()).next_try
            if rests_until is None or rests_until <= now:
                by_host.setdefault(urlsplit(request.address).hostname or "", []).append(request)
        if not by_host:
            return []
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="part") as threads:
            waiting = [threads.submit(self._ask_host, host, asked, folder) for host, asked in by_host.items()]
            polls = [poll for done in waiting for poll in done.result()]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"polls-{now:%Y%m%dT%H%M%SZ}.zip"
        write_polls(polls, path)
        return [Fetched(path, "", max(poll.at for poll in polls), {}, is_unchanged=False)]

    def _ask_host(self, host: str, requests: Sequence[Request], folder: Path) -> list[Poll]:
        how, spec = self._how, self._module.SPEC
        limits = replace(
            how.limits,
            seconds=min(how.limits.seconds, MOST_SECONDS),
            attempts=min(how.limits.attempts, MOST_ATTEMPTS),
        )
        hosts = {host, *(name for request in requests for name in request.hosts)}
        cache = self._cache / spec.name
        cache.mkdir(parents=True, exist_ok=True)
        with Fetcher(
            spec,
            hosts=hosts,
            private_hosts=how.private_hosts,
            limits=limits,
            key=how.key(self._module),
            cache=cache / f"{host}.db",
            contact=how.contact,
        ) as client:
            self._clients.append(client)
            return [self._ask(client, request, folder / _name(request)) for request in requests]

    def _ask(self, client: Fetcher, request: Request, folder: Path) -> Poll:
        part, began = _name(request), dt.datetime.now(dt.UTC)
        try:
            if self._is_stopped.is_set():
                raise OresightError("the round was stopped")
            got = client.fetch(request, folder)
        except Exception as problem:  # whatever is wrong with one part, the others are asked
            told = str(problem) if isinstance(problem, OresightError) else f"{type(problem).__name__}: {problem}"
            return Poll(part, request.address, began, is_ok=False, problem=told)
        body = got.path.read_bytes()
        is_known = hashlib.sha256(body).hexdigest() == self._states.get(part, PartState()).sha256
        headers = {name.lower(): text for name, text in got.headers.items()}
        return Poll(part, request.address, got.fetched_at, True, "", headers, None if is_known else body)


def read_parts(folder: Path) -> dict[str, dict[str, PartState]]:
    """Read the state of all parts from the home folder, by source and part."""
    try:
        told: dict[str, dict[str, dict[str, Any]]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {
        source: {
            part: PartState(**each | {m: each[m] and dt.datetime.fromisoformat(each[m]) for m in MOMENTS})
            for part, each in parts.items()
        }
        for source, parts in told.items()
    }


def note_round(folder: Path, source: str, path: Path, failed: Mapping[str, str]) -> Told:
    """Note how a round went, once its file was read.

    Args:
        folder: the home folder.
        path: the file of the round.
        failed: the parts that did not answer, or whose answer could not be read, and why.
    """
    every = read_parts(folder)
    states = every.setdefault(source, {})
    polls = list(read_polls(path))
    nobody = len(polls) >= ENOUGH_TO_BLAME_US and len(failed) == len(polls)
    for poll in polls:
        before = states.get(poll.part, PartState())
        if poll.part not in failed:
            sha256 = before.sha256 if poll.body is None else hashlib.sha256(poll.body).hexdigest()
            states[poll.part] = PartState(poll.at, poll.at, sha256=sha256)
            continue
        failures = before.failures + (not nobody)
        rest = rest_after(failures)
        states[poll.part] = replace(
            before,
            last_attempt=poll.at,
            failures=failures,
            next_try=None if nobody else poll.at + rest,
            problem=failed[poll.part],
        )
    _write(folder, every)
    return Told(len(polls), len(polls) - len(failed), _sentence(polls, failed, nobody=nobody))


def _sentence(polls: Sequence[Poll], failed: Mapping[str, str], *, nobody: bool) -> str:
    told = f"{len(polls) - len(failed)} of {len(polls)} answered"
    if nobody:
        return f"{told}; is the network there? {next(iter(failed.values()))}"
    if not failed:
        return told
    named, more = sorted(failed)[:MOST_NAMED], len(failed) - MOST_NAMED
    return f"{told}; failed: {', '.join(named)}" + (f" and {more} more" if more > 0 else "")


def _write(folder: Path, every: Mapping[str, Mapping[str, PartState]]) -> None:
    told = {source: {part: asdict(state) for part, state in sorted(parts.items())} for source, parts in every.items()}
    aside = folder / f"parts.{os.getpid()}.part"
    aside.write_text(json.dumps(told, indent=1, default=lambda at: at.isoformat()) + "\n", encoding="utf-8")
    aside.replace(folder / FILE)


def _name(request: Request) -> str:
    return Path(request.name).stem
