"""A stream of news goes into the store: what is new of it, what that is linked to, and what each feed carried.

A release of figures says everything again; a stream says what is new. So nothing is missing from it, nothing
withdrawn, and its rules are short:

- An item whose newest stored version has the same title adds nothing. With another title it is a new version, from the
  moment at which that was seen. An archive adds no version to an item that was known by then.
- What an archive tells of a week in which its feed was polled counts from when the archive came: what was known in that
  week stands in the polls.
- Links are made when an item is stored, with the linker of that day, and count from the same moment. A link that a new
  version no longer has is withdrawn.
- Coverage is counted anew for every feed and week that something was learned about (`weeks_of_news.py`).

Files are taken one at a time, as a rebuild reads them; what one brings appears at one stroke. Bytes are kept as they
are for every source.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

import pandas as pd

from features import datasets
from features.collection import payloads, vintages
from features.collection.intake import Loaded
from features.collection.releases import Receipt, payload_folder
from features.collection.vintages import A_TICK, Vintage
from features.collection.weeks_of_news import coverage, is_polled, known_rows, types_of
from features.datasets import MOMENT
from features.errors import BadInput
from features.store import Store
from features.text.items import NONE, Item, Link

__all__ = ["link_items", "take_stream"]

Linker = Callable[[Iterable[Item]], Iterator[Link]]
COPIED = ["item_id", "title", "feed", "language", "available_at"]


def take_stream(store: Store, module: ModuleType, file: Loaded, *, now: dt.datetime, keep: bool) -> Receipt:
    """Store what one file of a stream brings; the caller is the only writer.

    Args:
        keep: whether the file's bytes are to be kept; those kept already are not.

    Raises:
        BadInput: an item is dated after `now`, or an archive was read under another name before.
    """
    source, where = module.SPEC.name, str(file.path)
    root = payload_folder(store)
    before = payloads.kept_as(root, source, file.sha256) if keep else None
    is_anew = before is not None
    if before is not None and file.harvest.polls is None and before.file != file.path.name:
        # The name says whose archive it is, and the same bytes are kept under one name: a rebuild would lose the other.
        raise BadInput(
            where=where,
            expected="an archive of its own for each feed",
            found=f"the very bytes that were read as {before.file}",
            remedy="One of the two is another feed's: fetch this one's own archive.",
        )
    fresh = fresh_items(store, file.harvest.tables["news"], now=now)
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
    polls = [] if file.harvest.polls is None or is_anew else [file.harvest.polls]
    weeks = coverage(store, fresh, links, polls, now=now, source=source)
    rows = {"news": fresh, "news_links": links, "news_coverage": weeks}
    rows = {name: datasets.check(name, table, where=where) if len(table) else table for name, table in rows.items()}
    if keep and not is_anew:
        payloads.keep(root, source, file.path, release=file.release, origin=file.origin, now=now)
    record = {vintages.record_name(store, source): _record(source, file, rows, now).text()}
    store.commit(rows, record if any(map(len, rows.values())) else {})
    return _receipt(source, file, rows)


def fresh_items(store: Store, items: pd.DataFrame, *, now: dt.datetime) -> pd.DataFrame:
    """Give those of `items`, the rows of one file, that say something new, in the order in which they were known."""
    given = items.sort_values("available_at", kind="stable", ignore_index=True).assign(is_given=True)
    ids = given[["item_id"]].drop_duplicates()
    stored = known_rows(store, "news", ids, columns=["item_id", "content_hash", "available_at"])
    versions = pd.concat([stored.assign(is_given=False), given], ignore_index=True)
    # Where an archive tells what was known already, its date is the earlier one.
    known_at = _stored_at(stored, versions["item_id"])
    is_stale = versions["is_archived"].eq(True) & versions["available_at"].le(known_at)
    versions = _not_before_archive(store, versions[~is_stale], now=now)
    same = versions.groupby("item_id")["content_hash"].shift().eq(versions["content_hash"])
    news = versions[versions["is_given"] & ~same].copy()
    # Two versions never share a moment.
    behind = _stored_at(stored, news["item_id"])
    number = news.groupby("item_id").cumcount()
    least = behind.fillna(news.groupby("item_id")["available_at"].transform("first") - A_TICK) + A_TICK * (number + 1)
    news["available_at"] = news["available_at"].where(news["available_at"] >= least, least).astype(MOMENT)
    rows = news[datasets.dataset("news").columns].astype({"is_archived": "bool", "is_retracted": "bool"})
    return rows.reset_index(drop=True)


def _not_before_archive(store: Store, versions: pd.DataFrame, *, now: dt.datetime) -> pd.DataFrame:
    # A file tells an item once, so that no version of this file can fall behind another.
    is_late = is_polled(store, versions[versions["is_archived"].eq(True)]).reindex(versions.index, fill_value=False)
    return versions.assign(available_at=versions["available_at"].mask(is_late, pd.Timestamp(now)).astype(MOMENT))


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
    columns, types = datasets.dataset("news_links").columns, types_of("news_links")
    stored = known_rows(store, "news_links", fresh[["item_id"]].drop_duplicates(), columns=columns)
    # What each item links to, by mineral and supplier, while walking through its versions.
    held: dict[object, dict[tuple[object, object], dict[Any, Any]]] = {}
    for row in stored[~stored["is_retracted"]].to_dict("records"):
        held.setdefault(row["item_id"], {})[row["mineral"], row["supplier"]] = row
    rows: list[dict[Any, Any]] = []
    for item, link in linked:
        usual = item | _said(link) | {"linker": version, "source": "news", "is_retracted": False}
        new = {pair: usual | {"mineral": pair[0], "supplier": pair[1]} for pair in _pairs(link)}
        old = held.get(item["item_id"], {})
        gone = {"available_at": item["available_at"], "is_retracted": True}
        rows += [*new.values(), *(row | gone for pair, row in old.items() if pair not in new)]
        held[item["item_id"]] = new
    return pd.DataFrame(rows, columns=columns).astype(types)


def _pairs(link: Link) -> list[tuple[object, object]]:
    if link.event_type == NONE or not (link.minerals or link.suppliers):
        return []
    return [(mineral, supplier) for mineral in link.minerals or ("",) for supplier in link.suppliers or ("",)]


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


def _record(source: str, file: Loaded, rows: Mapping[str, pd.DataFrame], now: dt.datetime) -> Vintage:
    told = {"file": file.path.name, "sha256": file.sha256, "rows": file.rows, "rejected": len(file.harvest.rejected)}
    newest = vintages.newest_fact([rows["news"]])
    return Vintage(source, file.release.at, newest, now, (told,), {name: len(table) for name, table in rows.items()})


def _receipt(source: str, file: Loaded, rows: Mapping[str, pd.DataFrame]) -> Receipt:
    return Receipt(
        source=source,
        file=file.path.name,
        added={name: len(table) for name, table in rows.items()},
        rejected=len(file.harvest.rejected),
        counts=dict(file.harvest.counts),
        released=file.release.at,
        sha256=file.sha256,
        failed=file.harvest.failed,
    )
