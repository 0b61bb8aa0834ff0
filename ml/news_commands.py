"""What the commands about feeds and stories do: the state of every feed, and the newest stories that were linked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import load_catalog
from features.collection.parts import PartState, read_parts
from features.errors import ConfigError
from features.knowledge_time import UTC, as_moment
from features.store import Store
from features.stories import with_stories
from features.text.items import EVENT_TYPES
from ml.asked import asked_mineral, asked_moment, asked_supplier
from ml.knowledge import open_store
from ml.settings import load_settings

__all__ = ["list_feeds", "list_stories"]

A_WEEK = dt.timedelta(days=7)
JOINED = ("mineral", "supplier")


def list_feeds(*, home: Path | None, every: bool = False) -> list[dict[str, Any]]:
    """Describe the feeds of the catalogue and how they fared: last answer, failures in a row, next try, items.

    Args:
        every: also those that are no longer read.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    states = read_parts(settings.home).get("news", {})
    carried = _carried(open_store(settings, now=now), now)
    feeds = load_catalog().feeds.drop_duplicates("id", keep="last")
    rows = []
    for feed in feeds[feeds["is_active"] | every].to_dict("records"):
        state = states.get(feed["id"], PartState())
        items, last_week = carried.get(feed["id"], (0, 0))
        rows.append(
            feed
            | {
                "state": _state(feed, state, now),
                "last_ok": state.last_ok,
                "last_attempt": state.last_attempt,
                "failures": state.failures,
                "next_try": state.next_try,
                "problem": state.problem if state.failures or state.problem else "",
                "items": items,
                "items_last_week": last_week,
            }
        )
    return rows


def _state(feed: dict[str, Any], state: PartState, now: dt.datetime) -> str:
    if not feed["is_active"]:
        return "ended"
    if state.last_attempt is None:
        return "never asked"
    if not state.problem:
        return "fine"
    return "resting" if state.next_try is not None and state.next_try > now else "failed"


def _carried(store: Store, now: dt.datetime) -> dict[str, tuple[int, int]]:
    items = store.read("news", as_of=now)[["feed", "collected_at", "is_archived"]]
    is_new = items["collected_at"].gt(pd.Timestamp(now - A_WEEK)) & ~items["is_archived"]
    counts = items.assign(new=is_new).groupby("feed")["new"].agg(["size", "sum"])
    return {str(feed): (int(row["size"]), int(row["sum"])) for feed, row in counts.iterrows()}


def list_stories(
    *,
    mineral: str | None = None,
    supplier: str | None = None,
    event_type: str | None = None,
    since: str | None = None,
    top: int = 20,
    as_of: str | None = None,
    home: Path | None = None,
) -> list[dict[str, Any]]:
    """Give the newest stories, a cluster of near-duplicate items each, as known at a date.

    Returns:
        Per story: cluster_id, first_at, newest_at, minerals, suppliers, items, feeds, languages, and of its first item
        title, event_type, direction, tense, confidence and link.

    Raises:
        ConfigError: a filter names what does not exist, or `as_of` lies in the future.
    """
    catalog = load_catalog()
    mineral = None if mineral is None else asked_mineral(catalog, mineral)
    supplier = None if supplier is None else asked_supplier(catalog, supplier)
    if event_type is not None and event_type not in EVENT_TYPES:
        raise ConfigError(f"no event type is called {event_type!r}; there are {', '.join(EVENT_TYPES)}")
    settings, now = load_settings(home), dt.datetime.now(UTC)
    at = asked_moment(as_of, now=now)
    store = open_store(settings, now=now)
    links = with_stories(store.read("news_links", as_of=at))
    wanted = pd.Series(True, index=links.index)
    for column, value in (("mineral", mineral), ("supplier", supplier), ("event_type", event_type)):
        if value is not None:
            wanted &= links[column].eq(value)
    stories = links[links["cluster_id"].isin(links.loc[wanted, "cluster_id"])].groupby("cluster_id")
    first = stories["available_at"].min().sort_values(ascending=False, kind="stable")
    if since is not None:
        first = first[first >= pd.Timestamp(as_moment(since))]
    chosen = [str(cluster) for cluster in first.index[:top]]
    addresses = _addresses(store, chosen, at)
    return [_story(stories.get_group(name)) | {"link": addresses.get(name, "")} for name in chosen]


def _story(rows: pd.DataFrame) -> dict[str, Any]:
    first = rows.iloc[0]
    return {
        "cluster_id": first["cluster_id"],
        "first_at": first["available_at"].isoformat(),
        "newest_at": rows["available_at"].max().isoformat(),
        "title": first["title"],
        **{f"{name}s": sorted({str(value) for value in rows[name] if value}) for name in JOINED},
        **{name: first[name] for name in ("event_type", "direction", "tense")},
        "confidence": float(first["confidence"]),
        "items": int(rows["item_id"].nunique()),
        "feeds": sorted({str(feed) for feed in rows["feed"]}),
        "languages": sorted({str(language) for language in rows["language"] if language}),
    }


def _addresses(store: Store, item_ids: Sequence[str], at: dt.datetime) -> dict[str, str]:
    items = store.read("news", as_of=at)
    items = items[items["item_id"].isin(list(item_ids))]
    return dict(zip(items["item_id"], items["link"], strict=True))
