"""The payloads of GDELT: which exports one holds.

A payload is one export, a zip of any number of them (each may itself be a zip, as GDELT serves them), or what one
round of collecting got (`features/sources/polls.py`). Sizes are counted while unpacking, those inside a zip as well.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import pandas as pd

from features.archives import ArchiveLimits, check_zip, open_zip
from features.errors import BadInput
from features.sources.gdelt_layouts import Exports, Reader, refusal
from features.sources.polls import Poll, is_poll_file, read_polls
from features.sources.spec import reading

__all__ = ["read_payload"]

INNER = ArchiveLimits(max_members=10, max_megabytes=1000)
ENDINGS = (".csv", ".csv.zip")


def read_payload(path: Path) -> Exports:
    """Read every export of a payload.

    Raises:
        BadInput: the file is missing, damaged, no export, or unpacks to too much.
    """
    if not path.exists():
        raise refusal(str(path), "a file", "nothing", "Check the path.")
    reader, polls = Reader(), None
    with reading(path, expected="exports of GDELT", remedy="The file is damaged or cut off; download it again."):
        with path.open("rb") as file:
            is_zip = file.read(2) == b"PK"
        if is_zip and is_poll_file(path):
            polls = _read_round(reader, path)
        elif is_zip:
            _read_zip(reader, path)
        else:
            with path.open("rb") as file:
                reader.read(file, path.name, where=str(path))
    return reader.exports(polls)


def _read_round(reader: Reader, path: Path) -> pd.DataFrame:
    told = []
    for poll in read_polls(path):
        if poll.body is not None:
            _read_packed(reader, poll.body, poll.part, where=f"{path}, {poll.part}")
        told.append(_told(poll))
    return pd.DataFrame(told, columns=["feed", "language", "at", "is_ok", "problem"])


def _told(poll: Poll) -> dict[str, object]:
    return {"feed": poll.part, "language": "", "at": poll.at, "is_ok": poll.is_ok, "problem": poll.problem}


def _read_zip(reader: Reader, path: Path) -> None:
    with open_zip(path) as archive:
        _check_begin(archive, str(path))
        members = sorted(member.filename for member in archive.infolist() if not member.is_dir())
        exports = [name for name in members if name.lower().endswith(ENDINGS)]
        exports = [name for name in exports if not name.startswith("__MACOSX/")]
        reader.strange_members += [name for name in members if name not in exports]
        if not exports:
            raise refusal(str(path), "files *.export.CSV or *.export.CSV.zip inside", "none")
        for name in exports:
            short = name.rsplit("/", 1)[-1]
            if not name.lower().endswith(".zip"):
                with archive.open(name) as member:
                    reader.read(member, short, where=f"{path}, {name}")
            elif archive.getinfo(name).file_size <= INNER.max_megabytes * 1_000_000:
                _read_packed(reader, archive.read(name), short, where=f"{path}, {name}")
            else:
                raise refusal(f"{path}, {name}", f"at most {INNER.max_megabytes} MB", "more")


def _read_packed(reader: Reader, body: bytes, name: str, *, where: str) -> None:
    """Read one export that GDELT serves as a zip of one file; its limits are checked before it is unpacked."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(body)
        file.flush()
        try:
            check_zip(Path(file.name), INNER)
        except BadInput as problem:
            raise refusal(where, problem.expected, problem.found, problem.remedy) from None
        with open_zip(Path(file.name), INNER) as archive:
            _check_begin(archive, where)
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise refusal(where, "a zip of one export", f"one of {len(members)} files")
            with archive.open(members[0]) as member:
                reader.read(member, name, where=where)


def _check_begin(archive: zipfile.ZipFile, where: str) -> None:
    """Refuse a zip with something before its first member: of a cut zip of zips the last whole one would be read."""
    if min((member.header_offset for member in archive.infolist()), default=0):
        raise refusal(where, "a whole zip file", "the end of one inside another", "It is cut off; download it again.")
