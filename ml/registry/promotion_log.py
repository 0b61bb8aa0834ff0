"""Who serves, by our own record: `promotions.jsonl`, one line per change of an alias, only ever added to.

The truth about an alias is its last line here; MLflow's registry holds a copy. A line is written in one piece and
synced before the alias is moved, under a lock, so that two changes at once follow one another and a kill leaves a
whole line or none.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from features.errors import BadInput
from features.knowledge_time import UTC

__all__ = [
    "ALIASES",
    "LOG_NAME",
    "Promotion",
    "add_lines",
    "changing_aliases",
    "line_that_stands",
    "previous_champion",
    "read_log",
]

ALIASES = ("champion", "challenger", "baseline")
LOG_NAME = "promotions.jsonl"
# How an alias came to where it is. `adopted`: it stood in the registry without a line here.
ACTIONS = ("promoted", "rolled_back", "assigned", "cleared", "adopted")


@dataclass(frozen=True, slots=True)
class Promotion:
    """One line: the alias, from which version it moved to which, and who moved it, when and why.

    Attributes:
        at: the moment, ISO 8601 in UTC.
        alias: one of `ALIASES`.
        action: one of `ACTIONS`.
        registered_as: the version's number in the registry; None where the alias was taken away.
        version: the model's digest.
        from_registered_as, from_version: where the alias stood before; None where nowhere.
        by: who moved it.
        reason: why.
        evidence: the record of the gates, relative to the home; None where there is none.
        forced: whether gates that refused were overruled.
        line: the number of the line in the log, from 1; 0 while it is not written.
    """

    at: str
    alias: str
    registered_as: str | None
    version: str | None
    reason: str
    action: str = "promoted"
    from_registered_as: str | None = None
    from_version: str | None = None
    by: str = ""
    evidence: str | None = None
    forced: bool = False
    line: int = 0

    @property
    def moment(self) -> dt.datetime:
        """When the alias was moved."""
        return dt.datetime.fromisoformat(self.at).astimezone(UTC)


@contextmanager
def changing_aliases(home: Path) -> Iterator[None]:
    """Be the only one who moves an alias of this home; another waits, as this takes moments."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".promoting").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_log(home: Path) -> list[Promotion]:
    """Give every line of the log, the oldest first; a last line without an end was never finished and does not count.

    Raises:
        BadInput: a line is no JSON, or lacks a field; it is named by its number.
    """
    path = home / LOG_NAME
    if not path.exists():
        return []
    whole = path.read_bytes().split(b"\n")[:-1]
    return [_parsed(text, number, path) for number, text in enumerate(whole, start=1)]


def _parsed(text: bytes, number: int, path: Path) -> Promotion:
    try:
        told = json.loads(text)
        found = Promotion(**{**told, "line": number})
        dt.datetime.fromisoformat(found.at)
        if found.alias not in ALIASES or found.action not in ACTIONS:
            raise ValueError(f"alias {found.alias!r}, action {found.action!r}")
    except (ValueError, TypeError) as problem:
        raise BadInput(
            where=f"{path}, line {number}",
            expected="one change of an alias as JSON: at, alias, registered_as, version, reason",
            found=f"{text[:80].decode(errors='replace')!r} ({problem})",
            remedy="The log is only ever added to; put the line back as it was from a copy.",
        ) from None
    return found


def add_lines(home: Path, lines: Sequence[Promotion]) -> list[Promotion]:
    """Add lines in one piece and sync them; call it inside `changing_aliases`.

    Returns:
        The lines with their numbers.
    """
    path = home / LOG_NAME
    written = len(read_log(home))
    texts = []
    for line in lines:
        about = asdict(line)
        del about["line"]
        texts.append(json.dumps(about, ensure_ascii=False) + "\n")
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        # What a kill left of a line goes, or the next line would be glued to it.
        before = path.read_bytes()
        whole = before.rfind(b"\n") + 1
        os.ftruncate(handle, whole)
        os.lseek(handle, 0, os.SEEK_END)
        data = "".join(texts).encode()
        while data:
            data = data[os.write(handle, data) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    _sync_folder(home)
    return [Promotion(**{**asdict(line), "line": written + at}) for at, line in enumerate(lines, start=1)]


def _sync_folder(folder: Path) -> None:
    # A new file's name is only safe once its folder is; some file systems cannot sync one.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def line_that_stands(lines: Sequence[Promotion], alias: str) -> Promotion | None:
    """Give the last line about `alias`: where it stands. None where there never was one."""
    own = [line for line in lines if line.alias == alias]
    return own[-1] if own else None


def previous_champion(lines: Sequence[Promotion]) -> Promotion | None:
    """Give the line by which the champion before the present one came, None where there was none.

    A rollback takes back the champions since: after 1, 2, 3 and a rollback to 2, the champion before is 1, not 3.
    """
    champions: list[Promotion] = []
    for line in lines:
        if line.alias != "champion":
            continue
        known = [at for at, earlier in enumerate(champions) if earlier.registered_as == line.registered_as]
        if line.action == "rolled_back" and known:
            del champions[known[-1] + 1 :]
        elif not champions or champions[-1].registered_as != line.registered_as:
            champions.append(line)
    return champions[-2] if len(champions) > 1 else None
