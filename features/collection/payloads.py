"""The exact bytes of every file that was read, each under its own digest, with a note of where it came from.

    payloads/<source>/<sha256>/<file name>        the bytes
    payloads/<source>/<sha256>.json               the note
    payloads/<source>/quarantine/…                the same for files that were refused, with the reason

Two files of one name never overwrite each other. A note may list several releases: a publisher can serve
the same bytes again, and so say that nothing changed. Notes hold no keys.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

__all__ = [
    "Origin",
    "Payload",
    "Release",
    "keep",
    "kept",
    "kept_as",
    "quarantine",
    "quarantined",
    "sha256_of",
    "take_out",
]

QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Release:
    """When a file came out, None if nobody knows, and who says so: given, payload, folder or fetch."""

    at: dt.datetime | None
    said_by: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file came from: nothing is known of one that somebody brought."""

    address: str = ""
    fetched_at: dt.datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Payload:
    """One kept file. `reason` is set for a refused one; `is_accepted` if jumps in its figures were waved through."""

    source: str
    file: str
    sha256: str
    size: int
    path: Path
    kept_at: dt.datetime
    releases: tuple[Release, ...] = ()
    origin: Origin = field(default_factory=Origin)
    is_accepted: bool = False
    reason: str = ""


def sha256_of(path: Path) -> str:
    """Give the digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(
    root: Path,
    source: str,
    path: Path,
    *,
    release: Release,
    origin: Origin,
    now: dt.datetime,
    is_accepted: bool = False,
) -> Payload:
    """Keep a file and note its release; the same bytes are kept once and may be released again."""
    sha256 = sha256_of(path)
    folder = root / source
    before = _read_note(folder / f"{sha256}.json")
    if before is None:
        target = folder / sha256 / path.name
        _copy(path, target)
        before = Payload(source, path.name, sha256, path.stat().st_size, target, now, origin=origin)
    releases = before.releases if release in before.releases else (*before.releases, release)
    payload = replace(before, releases=releases, is_accepted=before.is_accepted or is_accepted)
    _write_note(folder / f"{sha256}.json", payload)
    _remove(folder / QUARANTINE, sha256)
    return payload


def redate(root: Path, payload: Payload, release: Release) -> Payload:
    """Replace what is noted about a file's release."""
    payload = replace(payload, releases=(release,))
    _write_note(root / payload.source / f"{payload.sha256}.json", payload)
    return payload


def quarantine(root: Path, source: str, path: Path, *, reason: str, origin: Origin, now: dt.datetime) -> Payload:
    """Put a refused file aside with the reason, unless it was accepted before; the given file stays where it is."""
    sha256 = sha256_of(path)
    folder = root / source / QUARANTINE
    target = folder / sha256 / path.name
    _copy(path, target)
    payload = Payload(source, path.name, sha256, path.stat().st_size, target, now, origin=origin, reason=reason)
    _write_note(folder / f"{sha256}.json", payload)
    return payload


def take_out(root: Path, payload: Payload, *, reason: str, now: dt.datetime) -> Payload:
    """Move a kept file to the quarantine, so that a rebuilt store goes without it."""
    moved = quarantine(root, payload.source, payload.path, reason=reason, origin=payload.origin, now=now)
    _remove(root / payload.source, payload.sha256)
    return moved


def kept_as(root: Path, source: str, sha256: str) -> Payload | None:
    """Give the kept file with these bytes; None where there is none."""
    return _read_note(root / source / f"{sha256}.json")


def kept(root: Path, source: str) -> list[Payload]:
    """List the kept files of a source, in the order in which they came."""
    return sorted(_notes(root / source), key=lambda payload: (payload.kept_at, payload.file, payload.sha256))


def quarantined(root: Path, source: str) -> list[Payload]:
    """List the refused files of a source, oldest first."""
    return sorted(_notes(root / source / QUARANTINE), key=lambda payload: payload.kept_at)


def _copy(path: Path, target: Path) -> None:
    if target.exists() and target.samefile(path):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{os.getpid()}.part")
    shutil.copyfile(path, aside)
    aside.replace(target)


def _remove(folder: Path, sha256: str) -> None:
    (folder / f"{sha256}.json").unlink(missing_ok=True)
    if (folder / sha256).exists():
        shutil.rmtree(folder / sha256)


def _notes(folder: Path) -> Iterator[Payload]:
    for path in folder.glob("*.json"):
        note = _read_note(path)
        if note is not None:
            yield note


def _write_note(path: Path, payload: Payload) -> None:
    told: dict[str, Any] = {key: value for key, value in asdict(payload).items() if key != "path"}
    aside = path.with_suffix(f".{os.getpid()}.part")
    aside.write_text(
        json.dumps(told, indent=1, ensure_ascii=False, default=lambda at: at.isoformat()), encoding="utf-8"
    )
    aside.replace(path)


def _read_note(path: Path) -> Payload | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    origin = told["origin"] | {"fetched_at": _moment(told["origin"]["fetched_at"])}
    return Payload(
        **told
        | {
            "path": path.with_suffix("") / told["file"],
            "kept_at": dt.datetime.fromisoformat(told["kept_at"]),
            "origin": Origin(**origin),
            "releases": tuple(Release(_moment(each["at"]), each["said_by"]) for each in told["releases"]),
        }
    )


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
