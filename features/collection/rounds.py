"""One round over all sources that can be collected: fetched side by side, stored one after the other.

A source that fails, in whatever way, does not stop the others, and nothing of it is stored; only the parts of a source
that calls them independent fail one by one (`features/collection/parts.py`). What happened to each source is kept in
a small file, `sources.json` beside the store: the last attempt, the last success, the last error.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from features import collection
from features.collection import ingest_files, source
from features.collection.fetching.client import Fetched, Fetcher, FetchLimits
from features.collection.fetching.contents import FetchFailed
from features.collection.intake import Incoming
from features.collection.parts import PartsRound, note_round
from features.collection.payloads import Origin, Release
from features.collection.releases import Receipt
from features.errors import ConfigError, OresightError
from features.sources.spec import Request
from features.store import Store

__all__ = ["Attempt", "Outcome", "Round", "collect", "collectable", "plan_round", "read_attempts", "why_skipped"]

MOST_REQUESTS = 5000


@dataclass(frozen=True, slots=True)
class Round:
    """How a round goes: replaced addresses, allowed private hosts, keys, limits, and how many sources at a time."""

    endpoints: Mapping[str, str] = field(default_factory=dict)
    private_hosts: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    limits: FetchLimits = field(default_factory=FetchLimits)
    side_by_side: int = 4
    contact: str = ""

    def endpoint(self, module: ModuleType) -> str:
        """Give where a source is downloaded from."""
        return self.endpoints.get(module.SPEC.name) or str(module.SPEC.endpoint)

    def key(self, module: ModuleType) -> str | None:
        """Give the key of a source, None if it needs none or has none."""
        return self.keys.get(module.SPEC.key_setting) or None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round did for one source: `new`, `unchanged`, `failed` or `skipped`, and why."""

    source: str
    state: str
    files: int = 0
    added: int = 0
    revised: int = 0
    rejected: int = 0
    missing: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """When a source was last tried, when that last went well, and what went wrong if it did not."""

    last_attempt: dt.datetime | None = None
    last_success: dt.datetime | None = None
    last_error: str = ""
    state: str = ""


def collectable() -> list[str]:
    """List the sources that can be downloaded."""
    return [name for name in collection.SOURCES if hasattr(source(name), "requests")]


def plan_round(names: Sequence[str] | None, how: Round, *, now: dt.datetime) -> dict[str, list[Request] | str]:
    """Give what would be fetched first from each source, or why nothing would be.

    Args:
        names: the sources, all that can be collected when None.

    Raises:
        ConfigError: a source is unknown or cannot be collected.
    """
    plan: dict[str, list[Request] | str] = {}
    for name, why in why_skipped(names, how).items():
        module = source(name)
        try:
            plan[name] = why or list(module.requests(how.endpoint(module), now=now, key=how.key(module)))
        except Exception as problem:  # a source's module may fail in any way; the others are listed all the same
            plan[name] = f"its requests cannot be made ({type(problem).__name__}: {problem})"
    return plan


def why_skipped(names: Sequence[str] | None, how: Round) -> dict[str, str]:
    """Give the sources of a round in order, each with the reason why it can't be asked, empty if it can.

    Args:
        names: the sources, all that can be collected when None.

    Raises:
        ConfigError: a source is unknown or cannot be collected.
    """
    reasons = {}
    for name in collectable() if names is None else names:
        module = source(name)
        if not hasattr(module, "requests"):
            raise ConfigError(
                f"{name} cannot be collected: {module.SPEC.publisher} serves no file for programs. Download it at "
                f"{module.SPEC.address} and give it to `oresight ingest {name} FILE`"
            )
        reasons[name] = ""
        if module.SPEC.key_setting and not module.SPEC.key_is_optional and how.key(module) is None:
            reasons[name] = f"it needs a key, and the environment variable {module.SPEC.key_setting} is not set"
        elif not how.endpoint(module):
            reasons[name] = f"no address is known to download it from; name one in the setting endpoints.{name}"
    return reasons


def collect(
    store: Store,
    names: Sequence[str] | None,
    how: Round,
    *,
    now: Callable[[], dt.datetime],
    told: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Fetch sources side by side and read what came, one source at a time.

    Args:
        now: the clock; what is fetched counts from its moment of fetching unless the file tells its release.
        told: hears of each source when it is done.

    Returns:
        One outcome per source, in the order of `names`.
    """
    reasons = why_skipped(names, how)
    outcomes = {name: Outcome(name, "skipped", message=why) for name, why in reasons.items() if why}
    for outcome in outcomes.values():
        told(outcome)
    root = store.folder.parent
    wanted = [name for name, why in reasons.items() if not why]
    with _only_one(root) as scratch, _threads(how.side_by_side) as (threads, running):
        waiting: dict[Future[list[Fetched]], str] = {
            threads.submit(_fetch, source(name), how, scratch / name, root / "http-cache", now(), running): name
            for name in wanted
        }
        for done in as_completed(waiting):
            name = waiting[done]
            outcomes[name] = _read(store, name, done, now())
            _note_attempt(root, outcomes[name], now())
            told(outcomes[name])
    return [outcomes[name] for name in reasons]


@contextmanager
def _only_one(root: Path) -> Iterator[Path]:
    """Give a folder for what is fetched to the only round there is; what a killed one left behind goes."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".collecting").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OresightError(f"another process is collecting into {root}; wait for it to end") from None
        for leftover in root.glob(".fetched-*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=root, prefix=".fetched-") as scratch:
            yield Path(scratch)


@contextmanager
def _threads(number: int) -> Iterator[tuple[ThreadPoolExecutor, list[Fetcher | PartsRound]]]:
    threads = ThreadPoolExecutor(number, thread_name_prefix="fetch")
    running: list[Fetcher | PartsRound] = []
    try:
        yield threads, running
    except BaseException:
        # Whoever stops a round waits neither for what has not begun nor for what is under way.
        threads.shutdown(wait=False, cancel_futures=True)
        for client in running:
            client.stop()
        raise
    threads.shutdown()


def _fetch(
    module: ModuleType, how: Round, folder: Path, cache: Path, now: dt.datetime, running: list[Fetcher | PartsRound]
) -> list[Fetched]:
    spec, endpoint, key = module.SPEC, how.endpoint(module), how.key(module)
    if getattr(module, "PARTS_ARE_INDEPENDENT", False):
        parts = PartsRound(module, how, cache=cache, root=cache.parent)
        running.append(parts)
        return parts.fetch(module.requests(endpoint, now=now, key=key), folder, now=now)
    hosts = {*spec.hosts, urlsplit(endpoint).hostname or ""} - {""}
    cache.mkdir(parents=True, exist_ok=True)
    fetched: list[Fetched] = []
    with Fetcher(
        spec,
        hosts=hosts,
        private_hosts=how.private_hosts,
        limits=how.limits,
        key=key,
        cache=cache / f"{spec.name}.db",
        contact=how.contact,
    ) as client:
        running.append(client)
        waiting = list(module.requests(endpoint, now=now, key=key))
        while waiting:
            if len(fetched) >= MOST_REQUESTS:
                raise FetchFailed(
                    where=spec.name,
                    expected=f"at most {MOST_REQUESTS} files",
                    found="more pages without end",
                    remedy="Its paging has changed; nothing was stored.",
                )
            request = waiting.pop(0)
            # Each in a folder of its own: pages may share one name.
            got = client.fetch(request, folder / f"{len(fetched):05d}")
            fetched.append(got)
            if hasattr(module, "follow"):
                waiting += module.follow(request, got.path)
    return fetched


def _read(store: Store, name: str, done: Future[list[Fetched]], now: dt.datetime) -> Outcome:
    try:
        files = done.result()
        if not files:
            return Outcome(name, "unchanged", message="it had nothing to fetch")
        # One moment for all files of a round: they are one release.
        at = max(file.fetched_at for file in files)
        incoming = [
            Incoming(
                file.path,
                guessed=Release(at, "fetch"),
                origin=Origin(file.address, file.fetched_at, file.headers),
            )
            for file in files
        ]
        receipts = ingest_files(store, name, incoming, now=max(now, at))
        outcome = _outcome(name, receipts)
        if getattr(source(name), "PARTS_ARE_INDEPENDENT", False):
            told = note_round(store.folder.parent, name, files[0].path, receipts[0].failed)
            state = outcome.state if told.ok else "failed"
            outcome = replace(outcome, state=state, files=told.ok, message=told.message)
    except OresightError as problem:
        return Outcome(name, "failed", message=str(problem))
    except Exception as problem:  # a source's module may fail in any way; the others must go on
        return Outcome(name, "failed", message=f"{type(problem).__name__}: {problem}")
    return outcome


def _outcome(name: str, receipts: Sequence[Receipt]) -> Outcome:
    added = sum(sum(receipt.added.values()) for receipt in receipts) + max((r.withdrawn for r in receipts), default=0)
    return Outcome(
        name,
        "new" if added else "unchanged",
        files=len(receipts),
        added=added,
        revised=sum(sum(receipt.revised.values()) for receipt in receipts),
        rejected=sum(receipt.rejected for receipt in receipts),
        missing=max((receipt.missing for receipt in receipts), default=0),
    )


def read_attempts(folder: Path) -> dict[str, Attempt]:
    """Read what is known of earlier attempts from the home folder, by source."""
    try:
        told: dict[str, dict[str, Any]] = json.loads((folder / "sources.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    moments = ("last_attempt", "last_success")
    return {
        name: Attempt(**each | {m: each[m] and dt.datetime.fromisoformat(each[m]) for m in moments})
        for name, each in told.items()
    }


def _note_attempt(folder: Path, outcome: Outcome, now: dt.datetime) -> None:
    attempts = read_attempts(folder)
    attempt = replace(attempts.get(outcome.source, Attempt()), last_attempt=now, state=outcome.state)
    if outcome.state == "failed":
        attempt = replace(attempt, last_error=outcome.message)
    else:
        attempt = replace(attempt, last_success=now, last_error="")
    attempts[outcome.source] = attempt
    text = json.dumps(
        {name: asdict(each) for name, each in attempts.items()}, indent=1, default=lambda at: at.isoformat()
    )
    aside = folder / f"sources.{os.getpid()}.part"
    aside.write_text(text + "\n", encoding="utf-8")
    aside.replace(folder / "sources.json")
