"""Which files of a folder belong to which source, and when they came out.

A folder is laid out as `<source>/[<release date>/]<file>`, deeper if you like. A source may say
that it looks into other folders (`FOLDERS`) and takes only some files (`FILES`, patterns for the
file's name or its path below the folder). A part of the path written YYYY-MM-DD is the release date.
Nothing is read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType

from features.collection.intake import Incoming
from features.collection.payloads import Release
from features.errors import ConfigError
from features.knowledge_time import as_moment

__all__ = ["Plan", "plan_folder"]

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# Notes that people and tools leave beside data.
NOTES = ("README*", "PROVENANCE*", "LICENSE*", "LICENCE*", ".*", "*.part")


@dataclass(frozen=True, slots=True)
class Plan:
    """The files per source; what no source takes."""

    files: Mapping[str, list[Incoming]]
    unknown: list[Path]


def plan_folder(folder: Path, sources: Mapping[str, ModuleType]) -> Plan:
    """Assign every file below `folder` to the sources that take it.

    `folder` may also be the folder of one source itself.

    Raises:
        ConfigError: there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder; give one laid out as SOURCE/[YYYY-MM-DD/]FILE")
    looks = [(name, into) for name, module in sources.items() for into in getattr(module, "FOLDERS", (name,))]
    known = {into.split("/")[0] for _, into in looks}
    root = folder
    if folder.resolve().name in known and not any(path.name in known for path in folder.iterdir() if path.is_dir()):
        root = folder.resolve().parent
        looks = [(name, into) for name, into in looks if into.split("/")[0] == folder.resolve().name]
    files: dict[str, list[Incoming]] = {}
    unknown = []
    for path in sorted(path for path in (root / folder.resolve().name if root != folder else folder).rglob("*")):
        if not path.is_file() or any(fnmatch(path.name, note) for note in NOTES):
            continue
        takers = [name for name, into in looks if _takes(sources[name], path.relative_to(root), into)]
        for name in dict.fromkeys(takers):
            files.setdefault(name, []).append(Incoming(path, guessed=_release(path.relative_to(root))))
        if not takers:
            unknown.append(path)
    return Plan(files, unknown)


def _takes(module: ModuleType, path: Path, into: str) -> bool:
    if not path.is_relative_to(into):
        return False
    below = "/".join(part for part in path.relative_to(into).parts if not DATE.fullmatch(part))
    patterns = getattr(module, "FILES", ("*",))
    return any(fnmatch(below, pattern) or fnmatch(path.name, pattern) for pattern in patterns)


def _release(path: Path) -> Release | None:
    for part in path.parts[:-1]:
        if DATE.fullmatch(part):
            try:
                return Release(as_moment(part), "folder")
            except ConfigError:
                return None
    return None
