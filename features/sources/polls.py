"""One file per round of polls: what every feed answered, or why it did not, with address, moment and headers.

A zip of `polls.json` and one member per feed that sent something new. A feed whose bytes are those of the round before
is noted as unchanged and sends no member, so that a quiet round takes a few kilobytes. Packed the same way, the same
answers give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from features.archives import open_zip
from features.errors import BadInput

__all__ = ["Poll", "is_poll_file", "read_polls", "write_polls"]

FORM = 1
LIST = "polls.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
# What packs better than this is kept unpacked: a file that grows a hundredfold would be taken for a bomb.
MOST_RATIO = 50
KEPT_HEADERS = ("content-type", "etag", "last-modified")


@dataclass(frozen=True, slots=True)
class Poll:
    """What one feed answered: `body` is None if it is unchanged or failed, `problem` says why it failed."""

    part: str
    address: str
    at: dt.datetime
    is_ok: bool
    problem: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def write_polls(polls: Iterable[Poll], path: Path) -> None:
    """Write a round of polls."""
    polls = sorted(polls, key=lambda poll: poll.part)
    told = []
    with zipfile.ZipFile(path, "w") as archive:
        for poll in polls:
            about = {key: value for key, value in asdict(poll).items() if key != "body"}
            about["headers"] = {name: poll.headers[name] for name in KEPT_HEADERS if name in poll.headers}
            told.append(about | {"at": poll.at.isoformat(), "has_body": poll.body is not None})
            if poll.body is not None:
                is_dense = len(poll.body) > MOST_RATIO * len(zlib.compress(poll.body, 1))
                _add(archive, f"{poll.part}.feed", poll.body, packed=not is_dense)
        text = json.dumps({"form": FORM, "polls": told}, indent=1, ensure_ascii=False)
        _add(archive, LIST, text.encode("utf-8"), packed=True)


def is_poll_file(path: Path) -> bool:
    """Tell a round of polls from everything else, by its content."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            return LIST in archive.namelist()
    except zipfile.BadZipFile:
        return False


def read_polls(path: Path) -> Iterator[Poll]:
    """Read a round of polls.

    Raises:
        BadInput: it is damaged, or was not written by `write_polls`.
    """
    try:
        with open_zip(path) as archive:
            for about in json.loads(archive.read(LIST))["polls"]:
                body = archive.read(f"{about['part']}.feed") if about["has_body"] else None
                yield Poll(
                    part=str(about["part"]),
                    address=str(about["address"]),
                    at=dt.datetime.fromisoformat(about["at"]),
                    is_ok=bool(about["is_ok"]),
                    problem=str(about["problem"]),
                    headers=about["headers"],
                    body=body,
                )
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as problem:
        raise BadInput(
            where=str(path),
            expected="a round of polls",
            found=f"{type(problem).__name__}: {problem}",
            remedy="Is the file whole? It is made by `oresight collect news`.",
        ) from None


def _add(archive: zipfile.ZipFile, name: str, body: bytes, *, packed: bool) -> None:
    member = zipfile.ZipInfo(name, date_time=EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    archive.writestr(member, body)
