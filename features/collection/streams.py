"""A stream of news goes into the store: what is new of it, what that is linked to, and what each feed carried.

A release of figures says everything again; a stream says what is new. So nothing is missing from it, nothing
withdrawn, and its rules are short:

- An item whose newest stored version has the same title adds nothing. With another title it is a new version, from the
  moment at which that was seen. An archive adds no version to an item that was known by then.
- Links are made when an item is stored, with the linker of that day, and count from the same moment. A link that a new
  version no longer has is withdrawn.
- Coverage is counted anew for every feed and week that something was learned about (`weeks_of_news.py`).

All of it appears at one stroke. Bytes are kept as they are for every source.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType

import pandas as pd

from features import datasets
from features.collection import payloads, vintages
from features.collection.intake import Loaded
from features.collection.releases import Receipt, payload_folder
from features.collection.vintages import A_TICK, Vintage
from features.collection.weeks_of_news import coverage, known_rows, types_of
from features.datasets import MOMENT
from features.errors import BadInput
from features.store import Store
from features.text.items import NONE, Item, Link

__all__ = ["link_items", "take_stream"]

Linker = Callable[[Iterable[Item]], Iterator[Link]]
COPIED = ["item_id", "title", "feed", "language", "available_at"]


def take_stream(
    store: Store, module: ModuleType, files: Sequence[Loaded], *, now: dt.datetime, keep: bool
) -> list[Receipt]:
    """Store what files of a stream bring; the caller is the only writer.

    Args:
        keep: whether the files' bytes are to be kept; those kept already are not.

    Raises:
        BadInput: an item is dated after `now`.
    """
    source, where = module.SPEC.name, str(files[0].path)
    root = payload_folder(store)
    is_anew = [(root / source / f"{file.sha256}.json").exists() and keep for file in files]
    fresh, origin = fresh_items(store, files)
    late = fresh[fresh["available_at"] > pd.Timestamp(now)]
    if len(late):
        raise BadInput(
            where=f"{where}, dataset news",
            expected=f"items that can be known by {now.date()}",
            found=f"{len(late)} that can be known only from {late['available_at'].min()}",
            remedy="Is the clock of this machine right? Else read the file later.",
        )
    links = link_items(store, fresh)
    # What was read before was polled before.
    polls = [
        file.harvest.polls
        for file, again in zip(files, is_anew, strict=True)
        if file.harvest.polls is not None and not again
    ]
    weeks = coverage(store, fresh, links, polls, now=now, source=source)
    rows = {"news": fresh, "news_links": links, "news_coverage": weeks}
    rows = {name: datasets.check(name, table, where=where) if len(table) else table for name, table in rows.items()}
    if keep:
        for file, again in zip(files, is_anew, strict=True):
            if not again:
                payloads.keep(root, source, file.path, release=file.release, origin=file.origin, now=now)
    record = {vintages.record_name(store, source): _record(source, files, rows, now).text()}
    store.commit(rows, record if any(map(len, rows.values())) else {})
    return [_receipt(source, file, number, origin, rows) for number, file in enumerate(files)]


def fresh_items(store: Store, files: Sequence[Loaded]) -> tuple[pd.DataFrame, list[int]]:
    """Give the items of `files` that say something new, in the order in which they were known, and the file of each."""
    given = pd.concat([file.harvest.tables["news"].assign(file=n) for n, file in enumerate(files)], ignore_index=True)
    given = given.sort_values(["available_at", "file"], kind="stable", ignore_index=True)
    ids = given[["item_id"]].drop_duplicates()
    stored = known_rows(store, "news", ids, columns=["item_id", "content_hash", "available_at"])
    versions = pd.concat([stored.assign(file=-1), given], ignore_index=True)
    # Where an archive tells what was known already, its date is the earlier one.
    known_at = _stored_at(stored, versions["item_id"])
    is_stale = versions["file"].ge(0) & versions["is_archived"].eq(True) & versions["available_at"].le(known_at)
    versions = versions[~is_stale]
    same = versions.groupby("item_id")["content_hash"].shift().eq(versions["content_hash"])
    news = versions[versions["file"].ge(0) & ~same].copy()
    # Two versions never share a moment.
    behind = _stored_at(stored, news["item_id"])
    number = news.groupby("item_id").cumcount()
    least = behind.fillna(news.groupby("item_id")["available_at"].transform("first") - A_TICK) + A_TICK * (number + 1)
    news["available_at"] = news["available_at"].where(news["available_at"] >= least, least).astype(MOMENT)
    rows = news[datasets.dataset("news").columns].astype({"is_archived": "bool", "is_retracted": "bool"})
    return rows.reset_index(drop=True), news["file"].astype("int64").tolist()


def _stored_at(stored: pd.DataFrame, item_ids: pd.Series) -> pd.Series:
    at = stored.set_index("item_id")["available_at"].reindex(item_ids)
    return at.set_axis(item_ids.index).astype(MOMENT)


def link_items(store: Store, fresh: pd.DataFrame, *, linker: tuple[Linker, str] | None = None) -> pd.DataFrame:
    """Give rows of `news_links` for new items and new versions, withdrawals of links they no longer have included.

    Args:
        linker: what links, and its version; the project's own by default.
    """
    if fresh.empty:
        return datasets.empty("news_links")
    link_many, version = linker or _own_linker()
    linked = zip(fresh[COPIED].to_dict("records"), link_many(_items(fresh)), strict=True)
    rows = [
        item | {"mineral": mineral, "supplier": supplier} | _said(link) | {"linker": version, "is_retracted": False}
        for item, link in linked
        if link.event_type != NONE and (link.minerals or link.suppliers)
        for mineral in link.minerals or ("",)
        for supplier in link.suppliers or ("",)
    ]
    columns = datasets.dataset("news_links").columns
    types = types_of("news_links")
    new = pd.DataFrame(rows, columns=[c for c in columns if c != "source"]).assign(source="news")[columns].astype(types)
    before = known_rows(store, "news_links", fresh[["item_id"]].drop_duplicates(), columns=columns)
    before = before[~before["is_retracted"]]
    if before.empty:
        return new
    at = fresh.drop_duplicates("item_id", keep="last").set_index("item_id")["available_at"]
    key = ["item_id", "mineral", "supplier"]
    gone = before[~pd.MultiIndex.from_frame(before[key]).isin(pd.MultiIndex.from_frame(new[key]))]
    gone = gone.assign(available_at=gone["item_id"].map(at).astype(MOMENT), is_retracted=True)
    return pd.concat([new, gone], ignore_index=True).astype(types)


def _own_linker() -> tuple[Linker, str]:
    # Late: it loads what it learned.
    linking = importlib.import_module("features.text.linking")
    return linking.link_many, str(getattr(linking, "LINKER", "1"))


def _items(fresh: pd.DataFrame) -> Iterator[Item]:
    for row in fresh.itertuples(index=False):
        published = None if pd.isna(row.published_at) else row.published_at.isoformat()
        yield Item(row.item_id, row.title, row.summary, row.language, published)


def _said(link: Link) -> dict[str, object]:
    return {
        "event_type": link.event_type,
        "direction": link.direction,
        "tense": link.tense,
        "confidence": float(link.confidence),
    }


def _record(source: str, files: Sequence[Loaded], rows: Mapping[str, pd.DataFrame], now: dt.datetime) -> Vintage:
    told = tuple(
        {"file": f.path.name, "sha256": f.sha256, "rows": f.rows, "rejected": len(f.harvest.rejected)} for f in files
    )
    newest = vintages.newest_fact([rows["news"]])
    return Vintage(source, files[0].release.at, newest, now, told, {name: len(table) for name, table in rows.items()})


def _receipt(
    source: str, file: Loaded, number: int, origin: Sequence[int], rows: Mapping[str, pd.DataFrame]
) -> Receipt:
    added = {"news": origin.count(number)}
    if number == 0:
        # Links and coverage are made from all files together.
        added |= {name: len(rows[name]) for name in ("news_links", "news_coverage")}
    failed: dict[str, str] = {}
    if file.harvest.polls is not None:
        failed = {poll.feed: poll.problem for poll in file.harvest.polls.itertuples() if not poll.is_ok}
    return Receipt(
        source=source,
        file=file.path.name,
        added=added,
        rejected=len(file.harvest.rejected),
        counts=dict(file.harvest.counts),
        released=file.release.at,
        sha256=file.sha256,
        failed=failed,
    )
