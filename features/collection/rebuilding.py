"""Read everything again: the embedded data and all kept files, oldest release first, into a new store.

This undoes a bad ingestion (take its file out first), puts an older release in its place, and lets an improved
reader see old files. The new store is made aside and put in the old one's place when all of it has been read; the
old one stays beside it until the next time. A rebuild that fails changes nothing.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from features import collection, datasets
from features.collection import BUNDLE, source
from features.collection.intake import Incoming, Loaded, load
from features.collection.payloads import Payload, Release, kept, take_out
from features.collection.releases import Receipt, payload_folder, take_release
from features.collection.streams import take_stream
from features.collection.vintages import Vintage, is_older, newest_fact
from features.errors import ConfigError
from features.store import Store

__all__ = ["Rebuilt", "find_kept", "rebuild", "recover", "withdraw_file"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild read, the rows per dataset before and after, and where the old store is."""

    receipts: list[Receipt]
    before: dict[str, int]
    after: dict[str, int]
    old: str


@dataclass(frozen=True, eq=False)
class _Group:
    """The files of one release, and when the first of them came."""

    files: list[Loaded]
    kept_at: dt.datetime
    is_accepted: bool

    @property
    def released(self) -> dt.datetime | None:
        return self.files[0].release.at

    @property
    def newest(self) -> dt.datetime | None:
        return newest_fact(table for file in self.files for table in file.harvest.tables.values())


def rebuild(store: Store, *, now: dt.datetime, say: Callable[[str], None] = lambda line: None) -> Rebuilt:
    """Make the store anew from the embedded data and the kept files.

    Raises:
        BadInput: a file can't be read any more; the store is as it was.
    """
    receipts = []
    with store.writing(), tempfile.TemporaryDirectory(dir=store.folder.parent, prefix=".rebuilt-") as scratch:
        _clear_leftovers(store.folder.parent, Path(scratch))
        aside = replace(store, folder=Path(scratch) / "datasets")
        for name in collection.SOURCES:
            module = source(name)
            if getattr(module, "IS_STREAM", False):
                again = _stream_again(store, aside, module, now=now)
                receipts += again
                if again:
                    say(f"{name}: {len(again)} file(s), one after the other")
                continue
            groups = _in_order(_groups(store, module, now=now), now=now)
            for group in groups:
                receipts += take_release(
                    aside, module, group.files, now=now, accept_jumps=group.is_accepted, keep=False
                )
            if groups:
                say(f"{name}: {sum(len(group.files) for group in groups)} file(s) in {len(groups)} release(s)")
        before, after = _sizes(store), _sizes(aside)
        old = _old(store.folder)
        if old.exists():
            shutil.rmtree(old)
        if store.folder.exists():
            store.folder.rename(old)
        aside.folder.rename(store.folder)
    return Rebuilt(receipts, before, after, str(old))


def recover(folder: Path) -> None:
    """Put the old store back if a rebuild was killed at the very moment of the exchange."""
    old = _old(folder)
    if not folder.exists() and old.exists():
        old.rename(folder)


def find_kept(store: Store, name_or_digest: str) -> Payload:
    """Find a kept file by its name or the beginning of its digest.

    Raises:
        ConfigError: there is none, or more than one.
    """
    root = payload_folder(store)
    every = [payload for name in collection.SOURCES for payload in kept(root, name)]
    found = [
        payload
        for payload in every
        if payload.file == name_or_digest or (len(name_or_digest) >= 6 and payload.sha256.startswith(name_or_digest))
    ]
    if len(found) != 1:
        told = ", ".join(f"{payload.source}/{payload.file} {payload.sha256[:12]}" for payload in found or every)
        which = "more than one" if found else "no"
        raise ConfigError(f"{which} kept file is {name_or_digest!r}; there are {told or 'none at all'}")
    return found[0]


def withdraw_file(store: Store, payload: Payload, *, now: dt.datetime) -> Payload:
    """Take a kept file out, so that the next rebuild goes without it; it lies in the quarantine from then on."""
    return take_out(payload_folder(store), payload, reason="taken out by hand", now=now)


def _stream_again(store: Store, aside: Store, module: ModuleType, *, now: dt.datetime) -> list[Receipt]:
    """Read the files of a stream in the order in which they came, one at a time: they may be very many."""
    receipts = []
    for payload in kept(payload_folder(store), module.SPEC.name):
        file = load(module, Incoming(payload.path, origin=payload.origin, came_at=payload.kept_at), now=now)
        file = replace(file, release=payload.releases[0])
        receipts.append(take_stream(aside, module, file, now=payload.kept_at, keep=False))
    return receipts


def _groups(store: Store, module: ModuleType, *, now: dt.datetime) -> list[_Group]:
    name = module.SPEC.name
    groups: dict[tuple[dt.datetime | None, dt.datetime | None], _Group] = {}
    if name in collection.BUNDLE_FILES:
        file = load(module, Incoming(BUNDLE / collection.BUNDLE_FILES[name]), now=now)
        groups[None, None] = _Group([file], dt.datetime.min.replace(tzinfo=dt.UTC), False)
    for payload in kept(payload_folder(store), name):
        file = load(module, Incoming(payload.path, origin=payload.origin), now=now)
        for release in payload.releases:
            # Undated files are a release only together with those that came with them.
            key = (release.at, None if release.at is not None else payload.kept_at)
            group = groups.setdefault(key, _Group([], payload.kept_at, False))
            files = [*group.files, replace(file, release=release)]
            groups[key] = replace(group, files=files, is_accepted=group.is_accepted or payload.is_accepted)
    return list(groups.values())


def _in_order(groups: list[_Group], *, now: dt.datetime) -> list[_Group]:
    """Put releases in the order in which they came, dated ones among themselves by date.

    An undated one goes behind every dated one that is older; it then counts from when its newest figure was due.
    """
    came = sorted(groups, key=lambda group: (group.kept_at, group.released is not None, group.released))
    by_date = sorted((group for group in groups if group.released is not None), key=lambda group: group.released or now)
    dated = iter(by_date)
    ordered = [group if group.released is None else next(dated) for group in came]
    for group in [group for group in ordered if group.released is None]:
        as_vintage = Vintage("", None, group.newest, now, ())
        at = ordered.index(group)
        older = [i for i, each in enumerate(ordered) if i > at and is_older(each.released, each.newest, as_vintage)]
        if older:
            files = [replace(file, release=Release(group.newest, "rebuild")) for file in group.files]
            ordered.insert(max(older) + 1, replace(group, files=files))
            ordered.pop(at)
    return ordered


def _clear_leftovers(folder: Path, mine: Path) -> None:
    # What a killed rebuild left behind; this one is the only one.
    for leftover in folder.glob(".rebuilt-*"):
        if leftover != mine:
            shutil.rmtree(leftover)


def _sizes(store: Store) -> dict[str, int]:
    return {name: store.count(name) for name in datasets.DATASETS}


def _old(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.before-rebuild")
