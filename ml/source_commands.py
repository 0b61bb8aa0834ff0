"""What the commands about sources do: collect, ingest, rebuild, list, and what was revised.

State is opened here and dates given by users are read here; what a release means is decided in `features/`.
Printing is in `ml/source_tables.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from features import collection, datasets
from features.collection import Receipt, rebuilding
from features.collection.fetching.client import FetchLimits
from features.collection.folders import plan_folder
from features.collection.freshness import freshness
from features.collection.intake import Incoming
from features.collection.payloads import kept, quarantined
from features.collection.revisions import revisions as list_changes
from features.collection.rounds import Outcome, Round, plan_round, read_attempts, why_skipped
from features.collection.rounds import collect as collect_round
from features.errors import BadInput, ConfigError
from features.knowledge_time import UTC, as_moment
from features.store import Store
from ml.knowledge import open_store
from ml.settings import Settings, load_settings

__all__ = [
    "as_records",
    "collect",
    "ingest",
    "ingest_folder",
    "list_sources",
    "plan_collection",
    "rebuild",
    "revisions",
]

Say = Callable[[str], None]


def _now() -> dt.datetime:
    return dt.datetime.now(UTC)


def _told(receipt: Receipt) -> dict[str, Any]:
    told = asdict(receipt)
    return told | {"released": receipt.released.date().isoformat() if receipt.released else None}


def ingest(
    source: str, files: Sequence[Path], *, released: str | None, accept_jumps: bool, home: Path | None
) -> list[dict[str, Any]]:
    """Take files of one source into the store, those of one release together."""
    settings, now = load_settings(home), _now()
    collection.source(source)
    store = open_store(settings, now=now)
    moment = None if released is None else as_moment(released)
    incoming = [Incoming(path, given=moment) for path in files]
    receipts = collection.ingest_files(store, source, incoming, now=now, accept_jumps=accept_jumps)
    return [_told(receipt) for receipt in receipts]


def ingest_folder(folder: Path, *, accept_jumps: bool, home: Path | None, say: Say) -> dict[str, Any]:
    """Take a folder of files of many sources into the store; what is refused does not stop the rest."""
    settings, now = load_settings(home), _now()
    plan = plan_folder(folder, {name: collection.source(name) for name in collection.SOURCES})
    store = open_store(settings, now=now, say=say)
    receipts: list[Receipt] = []
    refused: list[dict[str, str]] = []
    for number, (name, files) in enumerate(plan.files.items(), start=1):

        def refuse(paths: Sequence[Path], problem: BadInput, name: str = name) -> None:
            refused.extend({"source": name, "file": str(path), "reason": str(problem)} for path in paths)

        done = collection.ingest_files(store, name, files, now=now, accept_jumps=accept_jumps, refused=refuse)
        added = sum(sum(receipt.added.values()) for receipt in done)
        say(f"{number} of {len(plan.files)}: {name}, {len(done)} of {len(files)} file(s) read, {added:,} rows added")
        receipts += done
    return {
        "receipts": [_told(receipt) for receipt in receipts],
        "refused": refused,
        "unknown": [str(path) for path in plan.unknown],
    }


def _round(settings: Settings) -> Round:
    modules = {name: collection.source(name).SPEC for name in collection.SOURCES}
    unknown = sorted(set(settings.endpoints) - set(modules))
    if unknown:
        raise ConfigError(f"setting endpoints names no source: {', '.join(unknown)}; there are {', '.join(modules)}")
    keys = {spec.key_setting: os.environ.get(spec.key_setting, "") for spec in modules.values() if spec.key_setting}
    limits = FetchLimits(seconds=settings.fetch_seconds, attempts=settings.fetch_attempts)
    return Round(
        settings.endpoints,
        settings.private_hosts,
        keys,
        limits,
        side_by_side=settings.fetchers,
        contact=settings.contact,
    )


def plan_collection(sources: Sequence[str], *, home: Path | None) -> list[dict[str, Any]]:
    """Say what would be fetched first from each source, or why nothing would be."""
    settings = load_settings(home)
    how = _round(settings)
    plan = plan_round(sources or None, how, now=_now())
    rows = []
    for name, wanted in plan.items():
        key = how.key(collection.source(name)) or ""
        why, requests = (wanted, []) if isinstance(wanted, str) else ("", wanted)
        addresses = [f"{each.method} {each.address}" for each in requests]
        shown = [address.replace(key, "(key)") if key else address for address in addresses]
        rows.append({"source": name, "would_fetch": shown, "skipped_because": why})
    return rows


def collect(
    sources: Sequence[str], *, home: Path | None, say: Say, told: Callable[[Outcome], None]
) -> list[dict[str, Any]]:
    """Fetch sources side by side and take what came into the store."""
    settings = load_settings(home)
    how = _round(settings)
    # What is wrong in the command is said before the store is opened.
    why_skipped(sources or None, how)
    store = open_store(settings, now=_now(), say=say)
    return [asdict(outcome) for outcome in collect_round(store, sources or None, how, now=_now, told=told)]


def rebuild(*, without: Sequence[str], home: Path | None, say: Say) -> dict[str, Any]:
    """Make the datasets anew from the embedded data and the kept files, some of them taken out first."""
    settings, now = load_settings(home), _now()
    store = Store(settings.datasets, settings.memory_limit, settings.workers)
    rebuilding.recover(store.folder)
    taken = [rebuilding.find_kept(store, name) for name in without]
    for payload in taken:
        moved = rebuilding.withdraw_file(store, payload, now=now)
        say(f"Taken out: {payload.source}/{payload.file}, now {moved.path}")
    done = rebuilding.rebuild(store, now=now, say=say)
    return {
        "files": len(done.receipts),
        "taken_out": [payload.sha256 for payload in taken],
        "rows_before": done.before,
        "rows_after": done.after,
        "old_store": done.old,
    }


def revisions(
    name: str, *, source: str | None, since: str | None, top: int, home: Path | None
) -> tuple[int, pd.DataFrame]:
    """Give how many figures of a dataset were revised, and those revised most."""
    if name not in datasets.DATASETS:
        raise ConfigError(f"no dataset is called {name!r}; there are {', '.join(datasets.DATASETS)}")
    if source is not None:
        collection.source(source)
    now = _now()
    history = open_store(load_settings(home), now=now).history(name, as_of=now)
    if source is not None:
        history = history[history["source"].eq(source)]
    found = list_changes(name, history)
    if since is not None:
        found = found[found["new_known_at"] >= pd.Timestamp(as_moment(since))]
    return len(found), found.head(top)


def as_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a table as JSON records, moments as ISO text."""
    records: list[dict[str, Any]] = json.loads(rows.to_json(orient="records", date_format="iso", default_handler=str))
    return records


def list_sources(names: Sequence[str] = (), *, home: Path | None) -> list[dict[str, Any]]:
    """Describe sources, how fresh what they filled is by three clocks, and what went wrong last."""
    settings, now = load_settings(home), _now()
    specs = {name: collection.source(name).SPEC for name in names or collection.SOURCES}
    store = open_store(settings, now=now)
    attempts = read_attempts(settings.home)
    payloads = settings.home / "payloads"
    rows = []
    for name, spec in specs.items():
        fresh, attempt = freshness(store, spec, now=now), attempts.get(name)
        files = kept(payloads, name)
        last_read = max((payload.kept_at for payload in files), default=None)
        fetched = attempt.last_success if attempt and attempt.last_success else last_read
        row = {key: value for key, value in asdict(spec).items() if key != "lag"}
        rows.append(
            row
            | {
                "is_collectable": hasattr(collection.source(name), "requests"),
                "needs_key": bool(spec.key_setting) and not spec.key_is_optional,
                "has_key": bool(spec.key_setting and os.environ.get(spec.key_setting)),
                "rows": fresh.rows,
                "newest_known_on": fresh.newest_fact_at.date().isoformat() if fresh.newest_fact_at else None,
                "fetched_at": fetched,
                "newest_observation": fresh.newest_observation,
                "observation_known_on": fresh.known_at.date().isoformat() if fresh.known_at else None,
                "covers": fresh.covers,
                "usually_covers": fresh.usual,
                "age_days": fresh.age_days,
                "is_stale": fresh.is_stale,
                "files": len(files),
                "quarantined_files": len(quarantined(payloads, name)),
                "quarantined_rows": _rejected_rows(store, name),
                "last_attempt": attempt.last_attempt if attempt else None,
                "last_success": attempt.last_success if attempt else None,
                "last_error": attempt.last_error if attempt else "",
            }
        )
    return rows


def _rejected_rows(store: Store, name: str) -> int:
    path = store.folder / "quarantine" / f"{name}.csv"
    return len(pd.read_csv(path, dtype="str", keep_default_na=False)) if path.exists() else 0
