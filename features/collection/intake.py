"""One file, read whole or refused: parse, harmonise, check, and say when it came out.

Nothing is stored here. Whatever a source's reader trips over becomes a `BadInput` that names
the file, so that one odd payload cannot end a round over all sources with a traceback.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from features.archives import check_archive
from features.catalog import load_catalog
from features.collection.payloads import Origin, Release, sha256_of
from features.errors import BadInput, OresightError
from features.knowledge_time import as_moment
from features.sources.spec import Harvest

__all__ = ["MAX_REJECTED_FRAC", "Incoming", "Loaded", "load"]

MAX_REJECTED_FRAC = 0.001


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file to read, where it came from, and what is said about its release.

    `given` is what a person says and wins over the file's own word; `guessed` (the folder's name, the moment of
    fetching) counts only where the file says nothing. `came_at` is when the file first came, None if it comes now.
    """

    path: Path
    given: dt.datetime | None = None
    guessed: Release | None = None
    origin: Origin = field(default_factory=Origin)
    came_at: dt.datetime | None = None


@dataclass(frozen=True)
class Loaded:
    """A file that was read."""

    path: Path
    sha256: str
    release: Release
    harvest: Harvest
    origin: Origin

    @property
    def rows(self) -> int:
        """How many rows it gave."""
        return sum(len(table) for table in self.harvest.tables.values())


def load(module: ModuleType, file: Incoming, *, now: dt.datetime) -> Loaded:
    """Read one file with a source's module.

    Raises:
        BadInput: the file is broken, not of this source, dated after `now`, or more than 0.1 % of its rows were
            rejected.
    """
    if file.path.is_file():
        check_archive(file.path)
    try:
        raw = module.parse(file.path)
        release = _release(module, raw, file)
        # What a stream does not date counts from when its file came, also where that is read again.
        at = (file.came_at if getattr(module, "IS_STREAM", False) else None) or now
        harvest = module.harmonise(raw, load_catalog(), file=file.path.name, lag=module.SPEC.lag, now=at)
    except (OresightError, MemoryError):
        raise
    except Exception as problem:
        raise BadInput(
            where=str(file.path),
            expected=f"{module.SPEC.takes}",
            found=f"what its reader cannot make sense of ({type(problem).__name__}: {problem})",
            remedy=f"Is it a file of {module.SPEC.name}? If so, its layout has changed.",
        ) from problem
    if release.at is not None and release.at > now:
        raise BadInput(
            where=str(file.path),
            expected=f"a release that can be known by {now.date()}",
            found=f"one that is out only from {release.at.date()}",
            remedy="Correct the release date, or read the file after that day.",
        )
    _check_rejected(file.path, harvest)
    return Loaded(file.path, sha256_of(file.path), release, harvest, file.origin)


def _release(module: ModuleType, raw: object, file: Incoming) -> Release:
    if file.given is not None:
        return Release(file.given, "given")
    told = module.released(raw) if hasattr(module, "released") else None
    if told is not None:
        return Release(as_moment(told), "payload")
    return file.guessed or Release(None, "nobody")


def _check_rejected(path: Path, harvest: Harvest) -> None:
    rows = sum(len(table) for table in harvest.tables.values())
    if len(harvest.rejected) <= MAX_REJECTED_FRAC * (rows + len(harvest.rejected)):
        return
    first = harvest.rejected.iloc[0]
    raise BadInput(
        where=f"{path}, row {first['row']}, field {first['field']}",
        expected="a valid value",
        found=f"{first['value']!r}: {first['reason']}",
        remedy=f"{len(harvest.rejected)} row(s) rejected, more than {MAX_REJECTED_FRAC:.1%}; nothing was stored.",
    )
