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
from features.sources.feeds.feed_items import Limits, RawItem, is_json_feed, raw_table, read_json_feed

__all__ = ["read_json", "read_json_lines", "read_markdown", "read_records", "read_table_of_news"]

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


def read_json(text: str, where: str, base: str, limits: Limits) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a JSON Feed, or an archive: a list of objects, one object, or one per line.

    Args:
        base: the address of a feed, "" for an archive.

    Raises:
        BadInput: it is none of these.
    """
    expected = "a JSON Feed" if base else "a JSON Feed or a list of news items"
    try:
        told = json.loads(text)
    except RecursionError:
        if not base and _is_lines(text):
            return read_json_lines(text, where=where, limits=limits)
        raise BadInput(
            where=where, expected=expected, found="JSON that is nested too deep", remedy="Is this a file of news?"
        ) from None
    except ValueError as problem:
        if not base and text[0] == "{":
            return read_json_lines(text, where=where, limits=limits)
        # Other errors than those of the layout speak of the interpreter's limits for numbers.
        found = str(problem) if isinstance(problem, json.JSONDecodeError) else "a number of thousands of digits"
        raise BadInput(where=where, expected="JSON", found=found, remedy="Is the file whole?") from None
    if is_json_feed(told):
        return read_json_feed(told, where=where, base=base, limits=limits)
    if not base and isinstance(told, Mapping):
        told = [told]
    found = "JSON of another form"
    if not base and isinstance(told, list):
        records = [each for each in told if isinstance(each, Mapping)]
        if records:
            table, counts = read_records(records, where=where, limits=limits)
            return table, counts | {"items that are no JSON object": len(told) - len(records)}
        found = f"a list of {len(told):,}, none of which is a JSON object" if told else "an empty list"
    raise BadInput(where=where, expected=expected, found=found, remedy="Is this a file of news?")


def _is_lines(text: str) -> bool:
    head, _, rest = text.partition("\n")
    return head.startswith("{") and head.rstrip().endswith("}") and bool(rest.strip())


def read_json_lines(text: str, *, where: str, limits: Limits) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read one JSON object per line; lines that are none are counted, unless all are.

    Raises:
        BadInput: no line is an object with a title.
    """
    records: list[Mapping[str, Any]] = []
    broken = 0
    for line in filter(str.strip, text.splitlines()):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, Mapping):
            records.append(record)
        else:
            broken += 1
    if not records:
        raise BadInput(
            where=where,
            expected="one JSON object per line, or one list of them",
            found=f"{broken:,} line(s), none of which is a JSON object",
            remedy="Is the file whole?",
        )
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
    # A list or an object where text belongs says nothing that could be shown.
    is_nothing = (type(None), list, dict)
    text = {key: "" if isinstance(value, is_nothing) else str(value) for key, value in told.items()}
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
