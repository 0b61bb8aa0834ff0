"""Is a packed file safe to unpack? Limits that are checked before any reader opens it.

A zip may hold only so many members, unpack to only so many bytes and grow by only so much; no member may lie
outside its folder or be encrypted. Sizes are not believed: members are unpacked into nothing and counted. An
xlsx workbook is a zip whose XML must not declare entities, which a reader would expand; nor must an XML file by itself.
Gzip is counted the same way as a zip.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from features.errors import BadInput

__all__ = ["ArchiveLimits", "check_archive", "check_gzip", "check_xml", "check_zip", "open_zip"]

CHUNK = 1 << 20
GZIP = b"\x1f\x8b"
XML = (".xml", ".rels", ".vml", ".rss", ".atom", ".svg")
# Enough for a declaration that lies across two chunks, in any encoding.
OVERLAP = 64


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How large a packed file may become. `max_ratio` counts only above `free_megabytes`: small tables pack well."""

    max_members: int = 2000
    max_megabytes: int = 12_000
    max_ratio: int = 200
    free_megabytes: int = 50


USUAL = ArchiveLimits()
# Files that passed are not unpacked a second time, when a reader comes to open them.
_PASSED: set[tuple[Path, int, int, ArchiveLimits]] = set()


def check_archive(path: Path, limits: ArchiveLimits = USUAL) -> None:
    """Check a file that is packed, by its first bytes and not by its name; others pass.

    Raises:
        BadInput: it breaks a limit, is damaged, encrypted, or reaches outside its folder.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] == b"PK":
        check_zip(path, limits)
    elif head[:2] == GZIP:
        check_gzip(path, limits)
    elif path.suffix.lower() in XML:
        check_xml(path)


def check_zip(path: Path, limits: ArchiveLimits = USUAL) -> None:
    """Check a zip file, every member of it; see the module.

    Raises:
        BadInput: it breaks a limit, is damaged, encrypted, or reaches outside its folder.
    """
    stamp = (path.resolve(), path.stat().st_size, path.stat().st_mtime_ns, limits)
    if stamp in _PASSED:
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > limits.max_members:
                raise _refusal(path, f"at most {limits.max_members} members", f"{len(members)}")
            # What is announced is checked first: it costs nothing.
            _check_size(path, sum(member.file_size for member in members), limits)
            unpacked = 0
            for member in members:
                _check_name(path, member)
                if member.is_dir():
                    continue
                with archive.open(member) as file:
                    unpacked += _count(file, path, member.filename, unpacked, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as problem:
        raise _damaged(path, "zip", problem) from None
    _PASSED.add(stamp)


def check_gzip(path: Path, limits: ArchiveLimits = USUAL) -> None:
    """Check a gzip file.

    Raises:
        BadInput: it breaks a limit or is damaged.
    """
    try:
        with gzip.open(path) as file:
            _count(file, path, "", 0, limits)
    except (gzip.BadGzipFile, zlib.error, EOFError, OSError) as problem:
        raise _damaged(path, "gzip", problem) from None


def check_xml(path: Path) -> None:
    """Check that an XML file declares no entities, which a reader would expand, once or a billion times.

    Raises:
        BadInput: it declares one.
    """
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(CHUNK):
            _check_entities(tail + chunk, path, path.name)
            tail = chunk[-OVERLAP:]


@contextmanager
def open_zip(path: Path, limits: ArchiveLimits = USUAL) -> Iterator[zipfile.ZipFile]:
    """Open a zip file that passes the limits.

    Raises:
        BadInput: see `check_zip`.
    """
    check_zip(path, limits)
    with zipfile.ZipFile(path) as archive:
        yield archive


def _check_name(path: Path, member: zipfile.ZipInfo) -> None:
    name = member.filename.replace("\\", "/")
    if name.startswith("/") or ":" in name.split("/")[0] or ".." in PurePosixPath(name).parts:
        raise _refusal(path, "members inside its own folder", repr(member.filename))
    if member.flag_bits & 0x1:
        raise _refusal(path, "members that are not encrypted", repr(member.filename))


def _count(file: IO[bytes] | gzip.GzipFile, path: Path, member: str, before: int, limits: ArchiveLimits) -> int:
    size, tail = 0, b""
    while chunk := file.read(CHUNK):
        if member.lower().endswith(XML):
            _check_entities(tail + chunk, path, member)
            tail = chunk[-OVERLAP:]
        size += len(chunk)
        _check_size(path, before + size, limits)
    return size


def _check_entities(part: bytes, path: Path, member: str) -> None:
    # In UTF-16 every other byte is zero.
    if b"<!ENTITY" in part.replace(b"\x00", b"").upper():
        raise _refusal(path, "XML that declares no entities", f"one in {member}")


def _check_size(path: Path, size: int, limits: ArchiveLimits) -> None:
    if size > limits.max_megabytes * 1e6:
        raise _refusal(path, f"at most {limits.max_megabytes} MB unpacked", f"more than {int(size / 1e6)} MB")
    packed = max(path.stat().st_size, 1)
    if size > limits.free_megabytes * 1e6 and size > limits.max_ratio * packed:
        found = f"{int(size / 1e6)} MB or more from {packed / 1e6:.1f} MB"
        raise _refusal(path, f"a file that unpacks to at most {limits.max_ratio} times its size", found)


def _refusal(path: Path, expected: str, found: str) -> BadInput:
    return BadInput(
        where=str(path), expected=expected, found=found, remedy="It was not unpacked. Is it what the publisher serves?"
    )


def _damaged(path: Path, kind: str, problem: Exception) -> BadInput:
    return BadInput(
        where=str(path),
        expected=f"a readable {kind} file",
        found=f"{type(problem).__name__}: {problem}".splitlines()[0],
        remedy="The file is damaged or cut off; download it again.",
    )
