"""The event exports of GDELT as bytes -> a narrow table of events; no week and no country is known here.

An export is text without a header, one event a line, cells between tabs, nothing quoted. Its layout shows in the number
of cells: 58 in version 1 (a file a day), 61 in version 2 (a file each quarter of an hour), 57 in version 1 before April
2013, when the address of the article was not given. Only nine cells of a line are kept, as numbers: a day of a quarter
of a million events takes some 10 MB, and the text of one line is in memory at a time.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pandas as pd

from features.errors import BadInput
from features.sources.spec import REJECTED_COLUMNS

__all__ = ["LAYOUTS", "Exports", "Layout", "Reader", "refusal"]

# The first day whose file names the article of each event.
ADDRESSES_SINCE = dt.date(2013, 4, 1)
LONGEST_LINE = 1 << 16
# More broken lines than that are another layout, and a list of them helps nobody.
MOST_BROKEN = 1000
MOST_CODES = 10_000
ROWS_AT_A_TIME = 20_000
# A day is some 80 MB; a payload of more than a month is not the weekly path.
MOST_MEGABYTES = 4000
ROOTS: Mapping[bytes, int] = {f"{root:02d}".encode(): root for root in range(1, 21)}
QUADS: Mapping[bytes, int] = {str(quad).encode(): quad for quad in range(1, 5)}
WEB = (b"http://", b"https://")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the cells of one layout stand, counted from 0, and how `DATEADDED` is written."""

    version: int
    place: int
    date_added: int
    address: int | None
    date_form: str
    actor1: int = 7
    actor2: int = 17
    root: int = 28
    quad: int = 29
    tone: int = 34


LAYOUTS: Mapping[int, Layout] = {
    57: Layout(1, place=51, date_added=56, address=None, date_form="%Y%m%d"),
    58: Layout(1, place=51, date_added=56, address=57, date_form="%Y%m%d"),
    61: Layout(2, place=53, date_added=59, address=60, date_form="%Y%m%d%H%M%S"),
}


@dataclass(frozen=True)
class Exports:
    """What the exports of one payload say.

    `events` has one row per line that could be read and names an article: file, row (its line), day (days since 1970),
    slot (the quarter of an hour, 0 to 95; -1 in version 1), article (a 64-bit digest of the address), actor1, actor2
    and place (codes as they stand), root and quad (CAMEO's numbers) and tone. `broken` are the lines that could not
    be read. `polls` is what a round of collecting asked, None for other payloads.
    """

    events: pd.DataFrame
    broken: pd.DataFrame
    lines: int
    without_article: int
    strange_members: tuple[str, ...]
    polls: pd.DataFrame | None = None


class Reader:
    """Takes exports line by line and keeps of each line what is needed, in columns of numbers."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._numbers: dict[str, array[Any]] = {
            name: array(kind)
            for name, kind in (
                ("file", "h"), ("row", "i"), ("day", "i"), ("slot", "b"), ("article", "Q"), ("actor1", "h"),
                ("actor2", "h"), ("place", "h"), ("root", "b"), ("quad", "b"), ("tone", "d"),
            )
        }  # fmt: skip
        self._rows: list[tuple[int | float, ...]] = []
        self._files: dict[str, int] = {}
        self._codes: dict[bytes, int] = {b"": -1}
        self._stamps: dict[tuple[bytes, int], tuple[int, int] | None] = {}
        self._broken: list[dict[str, object]] = []
        self._bytes = self._lines = self._without_article = 0
        self.strange_members: list[str] = []

    def read(self, stream: IO[bytes], file: str, *, where: str) -> None:
        """Read one export to its end.

        Args:
            file: how rejected lines call it.
            where: how a refusal calls it.

        Raises:
            BadInput: it is no export, or too much of it is broken.
        """
        file_number = self._files.setdefault(file, len(self._files))
        version = None
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            self._bytes += len(line)
            if self._bytes > MOST_MEGABYTES * 1_000_000:
                raise refusal(where, f"at most {MOST_MEGABYTES} MB unpacked", "more", "Give fewer days at a time.")
            if len(line) > LONGEST_LINE:
                raise refusal(f"{where}, line {number}", "lines of an export", f"one beyond {LONGEST_LINE} bytes")
            cells = line.rstrip(b"\r\n").split(b"\t")
            layout = LAYOUTS.get(len(cells))
            if version is None:
                if layout is None:
                    raise _no_export(where, line, len(cells))
                version = layout.version
            self._lines += 1
            problem = self._take(file_number, number, cells, layout if layout and layout.version == version else None)
            if problem is not None:
                field, value, reason = problem
                told = (file, number, field, value.decode("utf-8", "replace")[:200], reason)
                self._broken.append(dict(zip(REJECTED_COLUMNS, told, strict=True)))
                if len(self._broken) > MOST_BROKEN:
                    raise refusal(f"{where}, line {number}", f"at most {MOST_BROKEN} broken lines", f"more: {reason}")
        if version is None:
            raise refusal(where, "events", "an empty file", "Download it again.")
        self._store()

    def exports(self, polls: pd.DataFrame | None = None) -> Exports:
        """Give what was read."""
        columns: dict[str, Any] = {
            name: np.frombuffer(numbers, dtype=numbers.typecode) for name, numbers in self._numbers.items()
        }
        # Any byte is a letter of Latin-1, so that no two codes become one.
        texts = [code.decode("latin-1") for code in self._codes if code]
        for name in ("actor1", "actor2", "place"):
            columns[name] = pd.Categorical.from_codes(columns[name], categories=pd.Index(texts, dtype="str"))
        names = pd.Index(list(self._files), dtype="str")
        columns["file"] = pd.Categorical.from_codes(columns["file"], categories=names)
        broken = pd.DataFrame(self._broken, columns=REJECTED_COLUMNS).astype({"row": "int64"})
        return Exports(
            pd.DataFrame(columns), broken, self._lines, self._without_article, tuple(self.strange_members), polls
        )

    def _take(self, file: int, number: int, cells: list[bytes], layout: Layout | None) -> tuple[str, bytes, str] | None:
        """Keep one line, or say what is wrong with it."""
        if layout is None:
            return "columns", str(len(cells)).encode(), "not as many cells as the first line's layout has"
        stamp = self._when(cells[layout.date_added], layout)
        if stamp is None:
            return "DATEADDED", cells[layout.date_added], f"no moment written {layout.date_form}"
        day, slot = stamp
        if layout.address is None and day >= _days(ADDRESSES_SINCE):
            return "columns", str(len(cells)).encode(), "cut off: the article's address is missing"
        root, quad = ROOTS.get(cells[layout.root]), QUADS.get(cells[layout.quad])
        if root is None:
            return "EventRootCode", cells[layout.root], "no root code of CAMEO, 01 to 20"
        if quad is None:
            return "QuadClass", cells[layout.quad], "no quad class, 1 to 4"
        try:
            tone = float(cells[layout.tone])
        except ValueError:
            tone = float("nan")
        if not -100 <= tone <= 100:
            return "AvgTone", cells[layout.tone], "no tone between -100 and 100"
        if layout.address is None or not cells[layout.address].startswith(WEB):
            # Broadcasts and old rows: what is not told by an article cannot be counted once per article.
            self._without_article += 1
            return None
        digest = hashlib.blake2b(cells[layout.address], digest_size=8).digest()
        actor1, actor2 = self._code(cells[layout.actor1]), self._code(cells[layout.actor2])
        place, article = self._code(cells[layout.place]), int.from_bytes(digest, "little")
        self._rows.append((file, number, day, slot, article, actor1, actor2, place, root, quad, tone))
        if len(self._rows) >= ROWS_AT_A_TIME:
            self._store()
        return None

    def _store(self) -> None:
        """Move what was read into the columns; row by row that would take twice the time."""
        if self._rows:
            for numbers, values in zip(self._numbers.values(), zip(*self._rows, strict=True), strict=True):
                numbers.extend(values)
            self._rows.clear()

    def _code(self, code: bytes) -> int:
        number = self._codes.get(code)
        if number is None:
            if len(self._codes) > MOST_CODES:
                raise refusal("country codes", f"at most {MOST_CODES} of them", "more", "Is this an export of events?")
            number = self._codes[code] = len(self._codes) - 1
        return number

    def _when(self, text: bytes, layout: Layout) -> tuple[int, int] | None:
        """Give the day and the quarter of an hour of a moment, None if it cannot be read."""
        key = text, layout.version
        if key not in self._stamps:
            try:
                # strptime takes shorter numbers, too.
                moment = dt.datetime.strptime(text.decode("ascii"), layout.date_form).replace(tzinfo=dt.UTC)
                if moment.strftime(layout.date_form).encode() != text:
                    return None
            except ValueError:
                return None
            slot = -1 if layout.version == 1 else (60 * moment.hour + moment.minute) // 15
            self._stamps[key] = _days(moment.date()), slot
        return self._stamps[key]


def _no_export(where: str, line: bytes, cells: int) -> BadInput:
    start = line[:60].decode("utf-8", "replace").strip()
    return refusal(
        where,
        "events of 58 cells (version 1) or 61 (version 2) between tabs, without a header",
        f"a first line of {cells} cell(s): {start!r}",
        "Counts that others made of events (by year, by month and pair) are no exports: they name neither the article "
        "nor the week in which GDELT saw it. Take YYYYMMDD.export.CSV.zip.",
    )


def refusal(where: str, expected: str, found: str, remedy: str = "Is it what the publisher serves?") -> BadInput:
    """Say what was expected of a payload and what came."""
    return BadInput(where=where, expected=expected, found=found, remedy=remedy)


def _days(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days
