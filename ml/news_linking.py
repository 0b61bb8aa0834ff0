"""What `oresight news link` does: read items line by line, link them, write them with their links, tell what is bad.

Nothing good is refused because of something bad: every good line is written, each bad one is told with its line and
field, and the command ends with exit code 3. A file in another encoding is bad as a whole and told once. The result
appears whole or not at all. Lines are read, linked and written a few hundred at a time, so that a file of any length
needs the same memory.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NoReturn

from features.errors import BadInput
from features.text.items import Item, Link
from features.text.linking import LINKER, link_many

__all__ = ["STANDARD", "BadLine", "Linked", "link_file", "read_items"]

STANDARD = Path("-")

# A title may have 10 MB; a line beyond this is no news item and would have to be held in memory.
MAX_LINE = 64 * 1024 * 1024
_TOLD_EVERY = 20_000
_LISTED = 100
# Python reads no longer ones, and nothing that is counted or named has so many.
_MOST_DIGITS = 1000
_OPTIONAL = ("summary", "language", "published_at")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no item: its number from 1, the field ("" for the line as a whole), and what is wrong."""

    line: int
    field: str
    problem: str

    def told(self, name: str) -> str:
        """Say it to whoever has to correct it: line, file, field and what to do."""
        place = f"line {self.line} of {name}" + (f", {self.field}" if self.field else "")
        return f"{place}: {self.problem}; correct the line"


@dataclass
class Linked:
    """What was done: items written, how many had a mineral or supplier, events by type, and the bad lines."""

    items: int = 0
    with_mineral: int = 0
    with_supplier: int = 0
    event_types: Counter[str] = field(default_factory=Counter)
    bad: list[BadLine] = field(default_factory=list)
    bad_lines: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the summary as JSON would have it; at most 100 bad lines are listed, all are counted."""
        return {
            "items": self.items,
            "with_mineral": self.with_mineral,
            "with_supplier": self.with_supplier,
            "event_types": dict(self.event_types.most_common()),
            "bad_lines": self.bad_lines,
            "bad": [{"line": each.line, "field": each.field, "problem": each.problem} for each in self.bad],
            "linker": LINKER,
        }


class _NotAnItem(ValueError):
    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.name = name


def link_file(source: Path, out: Path, *, workers: int, say: Callable[[str], None]) -> Linked:
    """Link the items of a file of JSON lines and write them with their links, in order.

    Args:
        source: the file, `-` for standard input.
        out: where to write, `-` for standard output; a file is replaced only when all is written.
        workers: processes side by side.
        say: told each bad line, and how far the work is.

    Raises:
        BadInput: the file cannot be read or is in another encoding than UTF-8, or the result cannot be written; the
            place for it is tried before anything is linked.
    """
    done = Linked()
    name = "standard input" if source == STANDARD else source.name

    def refuse(bad: BadLine) -> None:
        done.bad_lines += 1
        if len(done.bad) < _LISTED:
            done.bad.append(bad)
            say(bad.told(name))
        elif done.bad_lines == _LISTED + 1:
            say(f"more than {_LISTED} bad lines; the rest are counted only")

    with _reading(source) as stream, _writing(out) as writer:
        _refuse_wide(stream, name)
        rows: deque[dict[str, Any]] = deque()

        def items() -> Iterator[Item]:
            for row, item in read_items(stream, refuse):
                rows.append(row)
                yield item

        for link in link_many(items(), workers=workers):
            writer.write(_line(rows.popleft(), link))
            _count(done, link)
            if done.items % _TOLD_EVERY == 0:
                say(f"{done.items:,} items linked")
    return done


def _count(done: Linked, link: Link) -> None:
    done.items += 1
    done.with_mineral += bool(link.minerals)
    done.with_supplier += bool(link.suppliers)
    done.event_types[link.event_type] += 1


def _line(row: dict[str, Any], link: Link) -> bytes:
    """Give the line of an item with its link: all its own fields in their order, the six of the link last."""
    added = {
        "minerals": list(link.minerals),
        "suppliers": list(link.suppliers),
        "event_type": link.event_type,
        "direction": link.direction,
        "tense": link.tense,
        "confidence": link.confidence,
    }
    whole = {name: value for name, value in row.items() if name not in added} | added
    try:
        return json.dumps(whole, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        # Half a surrogate pair is no character, but may be written as an escape: nothing is lost.
        return json.dumps(whole, allow_nan=False).encode("ascii") + b"\n"


def read_items(stream: IO[bytes], refuse: Callable[[BadLine], None]) -> Iterator[tuple[dict[str, Any], Item]]:
    """Read items from JSON lines: each object as it came, and the item in it; empty lines are passed over.

    Args:
        stream: the lines, UTF-8.
        refuse: told each line that holds no item.
    """
    for number, line in enumerate(_lines(stream), start=1):
        if line is None:
            refuse(BadLine(number, "", f"longer than {MAX_LINE // 1024 // 1024} MB, which no news item is"))
        elif line.strip():
            try:
                row = _object(line)
                item = _item(row)
            except _NotAnItem as problem:
                refuse(BadLine(number, problem.name, str(problem)))
            else:
                yield row, item


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Give the lines; None for one that is too long, of which no more than the limit is ever held."""
    while line := stream.readline(MAX_LINE + 1):
        if len(line) <= MAX_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no number that JSON knows")


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:20]}, which is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _object(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise _NotAnItem("", f"expected UTF-8, found the byte {line[problem.start]:#04x}") from None
    try:
        row = json.loads(text.strip(), parse_constant=_refuse_constant, parse_float=_float, parse_int=_integer)
    except RecursionError:
        raise _NotAnItem("", "expected a JSON object, found one nested too deep") from None
    except json.JSONDecodeError as problem:
        at = f"text that is no JSON from character {problem.pos + 1} on ({problem.msg})"
        raise _NotAnItem("", f"expected a JSON object, found {at}") from None
    except ValueError as problem:
        raise _NotAnItem("", f"expected a JSON object, found {problem}") from None
    if not isinstance(row, dict):
        raise _NotAnItem("", f"expected a JSON object, found {_kind(row)}")
    return row


def _item(row: dict[str, Any]) -> Item:
    title = row.get("title")
    if not isinstance(title, str):
        raise _NotAnItem("title", f"expected text, found {_kind(title) if 'title' in row else 'no such field'}")
    for name in _OPTIONAL:
        if row.get(name) is not None and not isinstance(row[name], str):
            raise _NotAnItem(name, f"expected text or null, found {_kind(row[name])}")
    if isinstance(row.get("id"), list | dict | bool):
        raise _NotAnItem("id", f"expected text or a number, found {_kind(row['id'])}")
    summary, language = row.get("summary") or "", row.get("language") or ""
    return Item(str(row.get("id", "")), title, summary, language, row.get("published_at"))


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _refuse_wide(stream: IO[bytes], name: str) -> None:
    """Refuse UTF-16 and UTF-32, of which every line would be a bad one; reads nothing away.

    Raises:
        BadInput: the first bytes are those of one of them.
    """
    if isinstance(stream, io.BufferedReader):
        head = stream.peek(4)[:4]
    elif stream.seekable():
        head = stream.read(4)
        stream.seek(-len(head), os.SEEK_CUR)
    else:
        return
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)) or 0 in head[:2]:
        raise BadInput(
            where=name, expected="JSON lines in UTF-8", found="a file in UTF-16 or UTF-32", remedy="Save it as UTF-8."
        )


@contextmanager
def _reading(source: Path) -> Iterator[IO[bytes]]:
    if source == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        stream = source.open("rb")
    except OSError as problem:
        raise BadInput(
            where=str(source),
            expected="a file of JSON lines",
            found=problem.strerror or str(problem),
            remedy="Name a file that is there, or - for standard input.",
        ) from None
    with stream:
        yield stream


@contextmanager
def _writing(out: Path) -> Iterator[IO[bytes]]:
    """Write to a file aside and put it in its place when it is whole; to standard output as it comes."""
    if out == STANDARD:
        with nullcontext(sys.stdout.buffer) as writer:
            yield writer
            writer.flush()
        return
    if out.is_dir():
        raise _unwritable(out, IsADirectoryError(0, "a folder"))
    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".part")
    except OSError as problem:
        raise _unwritable(out, problem) from None
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as writer:
            yield writer
        aside.chmod(0o666 & ~_umask())
        aside.replace(out)
    except BaseException as problem:
        aside.unlink(missing_ok=True)
        if isinstance(problem, IsADirectoryError | PermissionError):
            raise _unwritable(out, problem) from None
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(out: Path, problem: OSError) -> BadInput:
    found = problem.strerror or str(problem)
    if not out.parent.is_dir():
        found = f"no folder {out.parent}"
    return BadInput(
        where=str(out), expected="a place to write", found=found, remedy="Name a file in a folder there is."
    )
