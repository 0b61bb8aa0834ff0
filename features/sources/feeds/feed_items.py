"""From a feed, RSS, Atom or JSON Feed, to raw items: one row each, strings as they will be stored, dates as written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from features.errors import BadInput
from features.sources.feeds.feed_bytes import cut_items, prepared
from features.sources.feeds.parser_process import parse_apart
from features.sources.feeds.plain_text import (
    GOOGLE,
    MOST_SUMMARY,
    MOST_TITLE,
    language_of,
    plain_language,
    plain_link,
    plain_text,
    split_publisher,
    whole,
)

__all__ = [
    "RAW_COLUMNS",
    "Limits",
    "RawItem",
    "identities",
    "is_json_feed",
    "raw_table",
    "read_json_feed",
    "read_xml_feed",
]

RAW_COLUMNS = ["row", "feed", "identity", "title", "summary", "link", "published", "publisher", "language"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many items one file may have, and how long a parser may take; what is beyond is counted."""

    items: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RawItem:
    """One item as a feed or archive gives it. `dates` in order of preference; `identity` is what it calls itself by."""

    title: str
    summary: str = ""
    link: str = ""
    identity: str = ""
    dates: tuple[str, ...] = ()
    publisher: str = ""
    language: str = ""
    feed: str = ""
    is_html: bool = True


def read_xml_feed(text: str, *, where: str, base: str, limits: Limits) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read RSS or Atom, broken or not; what parses is kept, and what is wrong is counted.

    Returns:
        Raw items (`attrs`: the feed's language, title and own address), and counts for the screen.

    Raises:
        BadInput: it is no feed, declares entities, or cannot be parsed in time.
    """
    short = cut_items(prepared(text, where=where), limits.items)
    found = parse_apart(short, where=where, seconds=limits.seconds)
    if not found["version"] and not found["entries"]:
        raise BadInput(
            where=where,
            expected="a news feed: RSS, Atom or JSON Feed",
            found=f"{text.lstrip()[:40]!r}",
            remedy="Has the feed moved? A page in its place is not one.",
        )
    items = [
        RawItem(
            title=entry["title"],
            summary=entry["summary"],
            link=entry["link"],
            identity=entry["id"],
            dates=tuple(entry["dates"]),
            publisher=entry["publisher"],
            language=entry["language"],
            is_html=entry["title_is_html"],
        )
        for entry in found["entries"]
    ]
    table, counts = raw_table(items, base=base, language=found["language"])
    table.attrs |= {"title": plain_text(found["title"], most=MOST_TITLE), "self": found["self"]}
    broken = {"feeds of broken XML, read as far as they go": int(bool(found["problem"]))}
    return table, counts | {"items beyond the limit": short.left_out} | broken


def is_json_feed(told: object) -> bool:
    """Tell whether a JSON value is a JSON Feed."""
    return isinstance(told, Mapping) and str(told.get("version", "")).startswith("https://jsonfeed.org/")


def read_json_feed(
    told: Mapping[str, Any], *, where: str, base: str, limits: Limits
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a JSON Feed, version 1 or 1.1; answers as `read_xml_feed` does.

    Raises:
        BadInput: it has no list of items.
    """
    entries = told.get("items")
    if not isinstance(entries, list):
        raise BadInput(where=where, expected="a JSON Feed with items", found="none", remedy="Is the file whole?")
    kept = entries[: limits.items]
    items = [_json_item(entry) for entry in kept if isinstance(entry, Mapping)]
    table, counts = raw_table(items, base=base, language=_string(told.get("language")))
    table.attrs |= {
        "title": plain_text(_string(told.get("title")), most=MOST_TITLE, is_html=False),
        "self": _string(told.get("feed_url")),
    }
    beyond = {"items beyond the limit": max(0, len(entries) - limits.items)}
    return table, counts | beyond | {"items that are no JSON object": len(kept) - len(items)}


def raw_table(items: Iterable[RawItem], *, base: str = "", language: str = "") -> tuple[pd.DataFrame, dict[str, int]]:
    """Clean items and give them as a table with `RAW_COLUMNS`, and counts of what could not be used.

    Args:
        base: the address that relative links count from.
        language: of the feed, for items that name none; the script of a title tells Chinese, Japanese and Korean.
    """
    rows, nameless, dropped = [], 0, 0
    for row, item in enumerate(items, start=1):
        title = plain_text(item.title, most=MOST_TITLE, is_html=item.is_html)
        link = plain_link(item.link, base=base)
        dropped += bool(item.link.strip()) and not link
        title, publisher = split_publisher(title, plain_text(item.publisher, most=MOST_TITLE), link)
        if not title:
            nameless += 1
            continue
        # What Google shows under a title are other titles.
        summary = "" if urlsplit(link).hostname in GOOGLE else plain_text(item.summary, most=MOST_SUMMARY)
        rows.append(
            {
                "row": row,
                "feed": whole(item.feed),
                "identity": whole(item.identity.strip()) or link,
                "title": title,
                "summary": "" if summary == title else summary,
                "link": link,
                "published": whole("\n".join(filter(None, map(str.strip, item.dates)))),
                "publisher": publisher,
                "language": plain_language(item.language) or plain_language(language) or language_of(title),
            }
        )
    table = pd.DataFrame(rows, columns=RAW_COLUMNS).astype(dict.fromkeys(RAW_COLUMNS[1:], "str") | {"row": "int64"})
    return table, {"items without a title": nameless, "links that lead nowhere": dropped}


def identities(raw: pd.DataFrame, feed: pd.Series) -> pd.Series:
    """Give what each item is called by: its own id or link, else title and date.

    An id that all items of a feed share, under different titles, names none of them: then it is the link, and where
    that is shared as well, the title.

    Args:
        raw: `RAW_COLUMNS`.
        feed: which feed each row is of.
    """
    identity = raw["identity"]
    for other in (raw["link"].where(raw["link"].ne(""), raw["title"]), raw["title"]):
        told = pd.DataFrame({"identity": identity, "title": raw["title"]}).groupby(feed)
        is_shared = told["identity"].transform("nunique").eq(1) & told["title"].transform("nunique").gt(1)
        identity = identity.where(~is_shared | identity.eq(""), other)
    return identity.where(identity.ne(""), raw["title"] + "\n" + raw["published"])


def _json_item(entry: Mapping[str, Any]) -> RawItem:
    text = _string(entry.get("summary")) or _string(entry.get("content_text")) or _string(entry.get("content_html"))
    return RawItem(
        title=_string(entry.get("title")),
        summary=text,
        link=_string(entry.get("url")) or _string(entry.get("external_url")),
        identity=_string(entry.get("id")),
        dates=tuple(filter(None, (_string(entry.get(name)) for name in ("date_published", "date_modified")))),
        language=_string(entry.get("language")),
        is_html=False,
    )


def _string(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, int | float) else ""
