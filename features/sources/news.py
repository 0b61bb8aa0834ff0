"""News feeds of the catalogue, and archives of news -> `news`, `news_links`, `news_coverage`.

Payload: an archive (RSS 0.9 to 2.0, Atom, JSON Feed, JSON lines, a JSON list, CSV or TSV with titles, dated Markdown),
or a round of polls (zip): what each feed of the list answered at one time, failures included.

What a feed answered counts from the moment at which it was fetched. What somebody brings is an archive: its items count
from the end of the day of their own date, and are flagged; an item without a date counts from the moment it came, and
one whose date cannot be right is left out.
Links and coverage are made where items are stored (`features/collection/streams.py`), as they need all of them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from features.catalog import Catalog, load_catalog
from features.datasets import MOMENT
from features.errors import BadInput
from features.sources.feeds.archives_of_news import read_json, read_markdown, read_table_of_news
from features.sources.feeds.feed_bytes import decode
from features.sources.feeds.feed_dates import is_day_first, read_date
from features.sources.feeds.feed_items import (
    RAW_COLUMNS,
    Limits,
    identities,
    read_xml_feed,
)
from features.sources.feeds.plain_text import digest, slug
from features.sources.polls import is_poll_file, read_polls
from features.sources.spec import Harvest, Request, SourceSpec, rejections

__all__ = [
    "FILES",
    "IS_STREAM",
    "PARTS_ARE_INDEPENDENT",
    "SPEC",
    "harmonise",
    "hosts_of",
    "parse",
    "requests",
]

PARTS_ARE_INDEPENDENT = True
IS_STREAM = True
FILES = (
    "*.xml",
    "*.rss",
    "*.atom",
    "*.rdf",
    "*.feed",
    "*.json",
    "*.jsonl",
    "*.ndjson",
    "*.csv",
    "*.tsv",
    "*.md",
    "*.zip",
)
LIST = "features/catalog/feeds.csv"
LIVE, ARCHIVE = Limits(items=2_000, seconds=20.0), Limits(items=300_000, seconds=120.0)
ACCEPT = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
A_DAY = pd.Timedelta(days=1)


def hosts_of(feed: Mapping[str, str]) -> tuple[str, ...]:
    """Give the hosts that a feed may be fetched from: its own, that with or without `www.`, and those it names.

    Example:
        >>> hosts_of({"address": "https://www.example.org/feed", "more_hosts": "cdn.example.org"})
        ('www.example.org', 'example.org', 'cdn.example.org')
    """
    host = urlsplit(feed["address"]).hostname or ""
    twin = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
    return (host, twin, *filter(None, feed["more_hosts"].split(";")))


@cache
def _listed() -> Mapping[str, Mapping[str, str]]:
    # The last term of each feed, those that ended included: old payloads still name them.
    return {feed["id"]: feed for feed in load_catalog().feeds.to_dict("records")}


def _active() -> list[Mapping[str, str]]:
    return [feed for feed in _listed().values() if feed["is_active"]]


SPEC = SourceSpec(
    name="news",
    title="News feeds and archives of news",
    publisher="the publishers in features/catalog/feeds.csv",
    address=LIST,
    licence="titles, summaries and links for own analysis; each feed's note stands in the list",
    citation="each item's publisher and link",
    cadence="continuously; ask several times a day",
    lag=None,
    lag_rule="an item is available when it was fetched; one of an archive when the day of its own date is over",
    fills=("news", "news_links", "news_coverage"),
    takes="RSS, Atom, JSON Feed; JSON lines, JSON lists, CSV or TSV with titles; dated Markdown",
    endpoint=LIST,
    hosts=tuple(sorted({urlsplit(feed["address"]).hostname or "" for feed in _active()})),
    requests_per_minute=60,
    max_megabytes=12,
    stale_after_days=7,
    seen_live=False,
)


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask every active feed of the list. Another `endpoint` is a mirror that serves each feed under its id."""
    mirror = "" if endpoint == LIST else endpoint.rstrip("/")
    return [
        Request(
            f"{mirror}/{feed['id']}" if mirror else feed["address"],
            f"{feed['id']}.feed",
            headers={"Accept": ACCEPT},
            hosts=() if mirror else hosts_of(feed),
        )
        for feed in _active()
    ]


def parse(path: Path) -> pd.DataFrame:
    """Read a round of polls or an archive into raw items, the dates still as written.

    Returns:
        A table with `RAW_COLUMNS`, for a round also address and at. `attrs` has `counts`, and for a round `polls`.

    Raises:
        BadInput: the file is empty, no feed or archive, has no item with a title, or cannot be parsed in bounded time.
            What a single feed of a round is guilty of is told in `polls`.
    """
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    if is_poll_file(path):
        return _parse_round(path)
    raw, counts = _parse_feed(path.read_bytes(), where=str(path), feed=path.stem, base="", headers={}, limits=ARCHIVE)
    if raw.empty:
        raise BadInput(where=str(path), expected="news items", found="none with a title", remedy="Is the file whole?")
    raw.attrs["counts"] = counts
    return raw


def _parse_round(path: Path) -> pd.DataFrame:
    tables, polls, counts = [], [], Counter[str]()
    for poll in read_polls(path):
        problem = poll.problem
        if poll.is_ok and poll.body is not None:
            where = f"{path}, {poll.part}"
            try:
                raw, told = _parse_feed(
                    poll.body, where=where, feed=poll.part, base=poll.address, headers=poll.headers, limits=LIVE
                )
            except BadInput as found:
                problem = str(found)
            else:
                tables.append(raw.assign(feed=poll.part, at=pd.Timestamp(poll.at)))
                counts.update(told)
        polls.append({"feed": poll.part, "at": poll.at, "is_ok": poll.is_ok and not problem, "problem": problem})
    columns = [*RAW_COLUMNS, "at"]
    raw = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns).astype({"feed": "str"})
    told_polls = pd.DataFrame(polls, columns=["feed", "at", "is_ok", "problem"])
    told_polls = told_polls.astype({"feed": "str", "is_ok": "bool", "problem": "str"})
    raw.attrs = {
        "counts": dict(counts) | {"feeds that failed": int((~told_polls["is_ok"]).sum())},
        "polls": told_polls.assign(at=pd.to_datetime(told_polls["at"], utc=True).astype(MOMENT)),
    }
    return raw


def _parse_feed(
    body: bytes, *, where: str, feed: str, base: str, headers: Mapping[str, str], limits: Limits
) -> tuple[pd.DataFrame, dict[str, int]]:
    language = str(_listed().get(feed, {}).get("language", ""))
    text, _ = decode(body, content_type=headers.get("content-type", ""), language=language)
    text = text.lstrip("\ufeff \t\r\n")
    if not text:
        raise BadInput(where=where, expected="a feed", found="an empty file", remedy="Download it again.")
    return _reader(text, where, is_live=limits is LIVE)(text, where, base, limits)


_Reader = Callable[[str, str, str, Limits], tuple[pd.DataFrame, dict[str, int]]]


def _reader(text: str, where: str, *, is_live: bool) -> _Reader:
    if text.startswith("<"):
        return lambda text, where, base, limits: read_xml_feed(text, where=where, base=base, limits=limits)
    if text[0] in "{[":
        return read_json
    if is_live:
        expected, remedy = "a news feed: RSS, Atom or JSON Feed", "Has the feed moved?"
        raise BadInput(where=where, expected=expected, found=repr(text[:40]), remedy=remedy)
    if text[0] == "#":
        return lambda text, where, base, limits: read_markdown(text, where=where, limits=limits)
    return lambda text, where, base, limits: read_table_of_news(text, where=where, limits=limits)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: None, now: dt.datetime) -> Harvest:
    """Turn raw items into rows of `news`, each item once.

    Args:
        now: when the file came; an archive's items without a date count from then.
    """
    counts, polls = dict(raw.attrs["counts"]), raw.attrs.get("polls")
    if polls is not None:
        polls = polls.assign(language=_of_feeds(polls["feed"], "language"))
    is_live = polls is not None
    feed = raw["feed"] if is_live else _feeds(raw, file)
    came = raw["at"].astype(MOMENT) if is_live else pd.Series(pd.Timestamp(now), index=raw.index, dtype=MOMENT)
    published = _published(raw["published"], came=came)
    counts["items without a date"] = int((published.isna() & raw["published"].eq("")).sum())
    # A live item with a wrong date is as new as its collection; an old one would turn up as news of today.
    is_misdated = published.isna() & raw["published"].ne("")
    counts["items whose date cannot be right" + (", left out" if not is_live else "")] = int(is_misdated.sum())
    # Nobody could bring an item before its day was over, whatever its date says.
    known = came if is_live else (published.dt.floor("D") + A_DAY).fillna(came).clip(upper=came)
    identity = identities(raw, feed)
    publisher = raw["publisher"].mask(raw["publisher"].eq(""), _of_feeds(feed, "publisher"))
    language = _of_feeds(feed, "language")
    rows = pd.DataFrame(
        {
            "item_id": [digest(*each) for each in zip(feed, identity, strict=True)],
            "feed": feed,
            "publisher": publisher.mask(publisher.eq(""), raw.attrs.get("title", "")),
            "language": language.mask(language.eq(""), raw["language"]),
            "title": raw["title"],
            "summary": raw["summary"],
            "link": raw["link"],
            "published_at": published,
            "collected_at": came,
            "is_archived": not is_live,
            "content_hash": [digest(title) for title in raw["title"]],
            "available_at": known,
            "source": SPEC.name,
            "is_retracted": False,
        },
        index=raw.index,
    )
    if not is_live:
        rows = rows[~is_misdated]
    first = ~rows["item_id"].duplicated()
    is_same = rows.duplicated(["item_id", "content_hash"])
    counts["items told twice"] = int(is_same.sum())
    counts["items with the id of another, other title"] = int((~first & ~is_same).sum())
    told = {what: number for what, number in counts.items() if number}
    return Harvest({"news": _typed(rows[first])}, rejections([]), told, polls=polls)


def _feeds(raw: pd.DataFrame, file: str) -> pd.Series:
    own = Path(file).stem
    if own in _listed():
        return pd.Series(own, index=raw.index, dtype="str")
    address = raw.attrs.get("self", "")
    named = next((feed["id"] for feed in _listed().values() if feed["address"] == address), slug(own))
    return raw["feed"].map(lambda name: slug(name) if name else named).astype("str")


def _of_feeds(feeds: pd.Series, column: str) -> pd.Series:
    return feeds.map(lambda feed: _listed().get(feed, {}).get(column, "")).astype("str")


def _published(dates: pd.Series, *, came: pd.Series) -> pd.Series:
    day_first = is_day_first(date for each in dates for date in each.split("\n"))
    # Archives have few dates for many items.
    known: dict[tuple[str, pd.Timestamp], dt.datetime | None] = {}
    pairs = list(zip(dates, came, strict=True))
    for pair in set(pairs):
        found = (read_date(date, before=pair[1].to_pydatetime(), day_first=day_first) for date in pair[0].split("\n"))
        known[pair] = next(filter(None, found), None)
    return pd.Series(pd.to_datetime([known[pair] for pair in pairs], utc=True), index=dates.index).astype(MOMENT)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    moments = dict.fromkeys(("published_at", "collected_at", "available_at"), MOMENT)
    texts = dict.fromkeys(("item_id", "feed", "publisher", "language", "title", "summary", "link"), "str")
    return rows.astype(moments | texts | {"is_archived": "bool", "content_hash": "str", "source": "str"})
