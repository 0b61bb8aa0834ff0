"""Archives of news that somebody brings: JSON lines, JSON lists, tables and dated Markdown -> raw items.

The layout is told by the content, columns and fields by the names that such files use. A file without titles
is refused with the names that were looked for.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from features.errors import BadInput
from features.sources.feeds.feed_items import Limits, RawItem, raw_table

__all__ = ["read_json_lines", "read_markdown", "read_records", "read_table_of_news"]

# By what is stored, the names under which archives have it, the best first.
NAMES: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "headline", "news"),
    "summary": ("summary", "description", "abstract"),
    "link": ("link", "url"),
    "identity": ("id", "guid"),
    "date": ("published_at", "published_utc", "published", "pub_date", "date_published", "date", "dates"),
    "publisher": ("publisher", "source", "domain"),
    "language": ("language", "source_lang", "lang"),
    "feed": ("feed",),
}
DATED_HEADING = re.compile(r"#\s+.*?[(（]?(\d{4}[-/.]?\d{2}[-/.]?\d{2})[)）]?\s*$")
HEADING = re.compile(r"(#{2,4})\s+(.+)")
DELIMITERS = "\t,;|"


def read_json_lines(text: str, *, where: str, limits: Limits) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read one JSON object per line; lines that are none are counted, unless all are.

    Raises:
        BadInput: no line is an object with a title.
    """
    records, broken = [], 0
    for line in filter(str.strip, text.splitlines()):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, Mapping):
            records.append(record)
        else:
            broken += 1
    table, counts = read_records(records, where=where, limits=limits)
    return table, counts | {"lines that are no JSON object": broken}


def read_records(
    records: Sequence[Mapping[str, Any]], *, where: str, limits: Limits
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a list of objects.

    Raises:
        BadInput: none of them has a title.
    """
    names = _names({str(name) for record in records[:1000] for name in record}, where)
    items = [_item({key: record.get(name) for key, name in names.items()}) for record in records[: limits.items]]
    return _table(items, beyond=len(records) - limits.items, where=where)


def read_table_of_news(text: str, *, where: str, limits: Limits) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read CSV or TSV; the delimiter is the one that the header has most of.

    Raises:
        BadInput: no column holds titles, or no row has one.
    """
    header = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        columns = [name.strip() for name in next(rows, [])]
        names = _names(set(columns), where)
        at = {key: columns.index(name) for key, name in names.items()}
        lines = [row for row in rows if row]
    except csv.Error as problem:
        raise BadInput(where=where, expected="a table", found=str(problem), remedy="Is the file whole?") from None
    items = [_item({key: row[n] for key, n in at.items() if n < len(row)}) for row in lines[: limits.items]]
    return _table(items, beyond=len(lines) - limits.items, where=where)


def read_markdown(text: str, *, where: str, limits: Limits) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a page whose first heading ends with its date: headings of the lowest level are titles.

    Raises:
        BadInput: its first heading has no date, or there are no headings below it.
    """
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    found = DATED_HEADING.match(first)
    if not found:
        expected = "a first heading that ends with a date"
        raise BadInput(where=where, expected=expected, found=repr(first[:40]), remedy="Is this an archive of news?")
    items = [replace(item, dates=(found[1],)) for item in _headings(lines[1:])]
    return _table(items[: limits.items], beyond=len(items) - limits.items, where=where)


def _headings(lines: Sequence[str]) -> Iterator[RawItem]:
    levels = [len(match[1]) for line in lines if (match := HEADING.match(line))]
    title, below = "", list[str]()
    for line in [*lines, "#### end" if levels else ""]:
        match = HEADING.match(line)
        if not match:
            below.append(line.strip())
            continue
        if title:
            yield RawItem(title=title, summary=" ".join(filter(None, below)), is_html=False)
        title, below = (match[2] if len(match[1]) == max(levels) else ""), []


def _names(known: set[str], where: str) -> dict[str, str]:
    by_lower = {name.lower(): name for name in known}
    found = {key: next((by_lower[n] for n in names if n in by_lower), None) for key, names in NAMES.items()}
    if found["title"] is None:
        raise BadInput(
            where=where,
            expected=f"news with one of the fields {', '.join(NAMES['title'])}",
            found=f"the fields {', '.join(sorted(known)[:12])}" if known else "no fields at all",
            remedy="Rename the field that holds the titles, or is this another source's file?",
        )
    return {key: name for key, name in found.items() if name is not None}


def _item(told: Mapping[str, Any]) -> RawItem:
    text = {key: "" if value is None else str(value) for key, value in told.items()}
    said = {key: text.get(key, "") for key in NAMES}
    return RawItem(
        title=said["title"],
        summary=said["summary"],
        link=said["link"],
        identity=said["identity"],
        dates=tuple(filter(None, [said["date"]])),
        publisher=said["publisher"],
        language=said["language"],
        feed=said["feed"],
    )


def _table(items: Sequence[RawItem], *, beyond: int, where: str) -> tuple[pd.DataFrame, dict[str, int]]:
    # In a table one page may carry several headlines: then its address names none of them.
    links = Counter(item.link for item in items if not item.identity)
    named = [
        item
        if item.identity or not item.link or links[item.link] < 2
        else replace(item, identity=f"{item.link} {item.title}")
        for item in items
    ]
    table, counts = raw_table(named)
    if table.empty:
        raise BadInput(where=where, expected="news items", found="none with a title", remedy="Is the file whole?")
    return table, counts | {"items beyond the limit": max(0, beyond)}
