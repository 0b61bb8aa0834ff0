"""What each feed carried in each week, and how often it answered: the denominators of everything counted from news.

A live item belongs to the week in which it was collected, one of an archive to the week of its own date. A row says
what is known of the week so far; learning more is a revision. The row of an archived week stands from just before the
Monday after, so that it is known on that Monday and a second archive can still correct it. Where the feed was polled
in that week, the row that counts the archive stands from when the archive came: what was known before stays. A week in
which a feed was not asked and for which there is no archive has no row: that is missing, not zero.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pandas as pd

from features import datasets
from features.collection.vintages import A_TICK
from features.datasets import MOMENT
from features.store import Store, connect
from features.weeks import monday_before

__all__ = ["coverage", "is_polled", "known_rows", "types_of"]

KEY = ["feed", "week_starts_at"]
A_WEEK = pd.Timedelta(days=7)
# An archive's row stands so long before the Monday after its week.
BEFORE_MONDAY = pd.Timedelta(seconds=1)
COUNTS = ["items", "linked", "polls_ok", "polls_failed"]


def types_of(name: str) -> dict[str, str]:
    """Give the type of each column of a dataset; text with NaN, not NA, so that comparing gives true or false."""
    kinds = {column: str(kind) for column, kind in datasets.empty(name).dtypes.items()}
    return {column: "str" if kind == "string" else kind for column, kind in kinds.items()}


def known_rows(store: Store, name: str, of: pd.DataFrame, *, columns: Sequence[str]) -> pd.DataFrame:
    """Give the newest stored version of each fact of dataset `name` that joins with the rows of `of`.

    Args:
        of: one or more columns of the dataset, each combination once.
    """
    types = {column: kind for column, kind in types_of(name).items() if column in columns}
    if not store.batches(name) or of.empty:
        return datasets.empty(name)[list(columns)].astype(types)
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in store.batches(name))
    key = ", ".join(datasets.dataset(name).key)
    sql = f"""
        SELECT {", ".join(columns)} FROM read_parquet([{files}]) SEMI JOIN given USING ({", ".join(of.columns)})
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY available_at DESC) = 1 ORDER BY {key}"""
    with connect(store.memory_limit, store.threads) as db:
        db.register("given", of)
        return db.execute(sql).df().astype(types)[list(columns)]


def is_polled(store: Store, items: pd.DataFrame) -> pd.Series:
    """Tell which items belong to a week in which, as stored, their feed was asked; on the index of `items`."""
    of = _weeks(items)[KEY]
    known = known_rows(store, "news_coverage", of.drop_duplicates(), columns=[*KEY, "polls_ok", "polls_failed"])
    asked = known[known["polls_ok"].add(known["polls_failed"]).gt(0)]
    is_asked = pd.MultiIndex.from_frame(of).isin(pd.MultiIndex.from_frame(asked[KEY]))
    return pd.Series(is_asked, index=items.index, dtype="bool")


def coverage(
    store: Store,
    fresh: pd.DataFrame,
    links: pd.DataFrame,
    polls: Sequence[pd.DataFrame],
    *,
    now: dt.datetime,
    source: str,
) -> pd.DataFrame:
    """Give new rows of `news_coverage`.

    Args:
        fresh: the rows of `news` about to be stored.
        links: the rows of `news_links` about to be stored.
        polls: feed, language, at and is_ok of each poll that the store does not know yet.
        now: when the rows are made.
    """
    asked = _asked(polls)
    archived = fresh[fresh["is_archived"]]
    about = pd.concat([asked[KEY], _weeks(archived)[KEY]]).drop_duplicates(ignore_index=True)
    if about.empty:
        return datasets.empty("news_coverage")
    items = _items(store, fresh, about[["feed"]].drop_duplicates())
    linked = _linked(store, links, items)
    counted = items.assign(items=1, linked=items["item_id"].isin(linked)).groupby(KEY)[["items", "linked"]].sum()
    language = {**dict(zip(items["feed"], items["language"], strict=True)), **asked.set_index("feed")["language"]}
    stored = known_rows(store, "news_coverage", about, columns=datasets.dataset("news_coverage").columns)
    rows = about.merge(counted.reset_index(), how="left", on=KEY)
    rows = rows.merge(asked.drop(columns="language"), how="left", on=KEY)
    rows = rows.merge(stored[[*KEY, *COUNTS, "available_at"]], how="left", on=KEY, suffixes=("", "_old"))
    rows[COUNTS] = rows[COUNTS].fillna(0).astype("int64")
    for name in ("polls_ok", "polls_failed"):
        rows[name] += rows[f"{name}_old"].fillna(0).astype("int64")
    changed = (rows[COUNTS].to_numpy() != rows[[f"{name}_old" for name in COUNTS]].to_numpy()).any(axis=1)
    rows = rows.assign(
        language=rows["feed"].map(language), is_archived=rows["polls_ok"].add(rows["polls_failed"]).eq(0)
    )
    over = (rows["week_starts_at"] + A_WEEK - BEFORE_MONDAY).clip(upper=pd.Timestamp(now))
    # Nothing of what a polled week was known to have carried changes for the moments before the archive came.
    over = over.where(rows["is_archived"], pd.Timestamp(now))
    at = rows["at"].astype(MOMENT).fillna(over)
    least = rows["available_at"].astype(MOMENT) + A_TICK
    rows["available_at"] = at.mask(least.notna() & (at < least), least).astype(MOMENT)
    rows = rows.assign(source=source, is_retracted=False)[changed]
    types = types_of("news_coverage")
    return rows[datasets.dataset("news_coverage").columns].astype(types).reset_index(drop=True)


def _asked(polls: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Give polls_ok and polls_failed per feed and week, and when it was last asked in it."""
    columns = [*KEY, "language", "polls_ok", "polls_failed", "at"]
    if not polls or not sum(map(len, polls)):
        none = datasets.empty("news_coverage")[columns[:-1]]
        return none.assign(at=pd.Series(dtype=MOMENT))
    every = pd.concat(polls, ignore_index=True)
    every = every.assign(week_starts_at=monday_before(every["at"]), failed=~every["is_ok"])
    sums = {"polls_ok": ("is_ok", "sum"), "polls_failed": ("failed", "sum")}
    return every.groupby(KEY, as_index=False).agg(language=("language", "last"), **sums, at=("at", "max"))[columns]


def _weeks(items: pd.DataFrame) -> pd.DataFrame:
    own = items["published_at"].where(items["is_archived"]).fillna(items["available_at"])
    return items.assign(week_starts_at=monday_before(own.astype(MOMENT)))


def _items(store: Store, fresh: pd.DataFrame, feeds: pd.DataFrame) -> pd.DataFrame:
    """Give every item of these feeds, stored or about to be, once, with the week to which its first version belongs."""
    columns = ["item_id", "feed", "language", "published_at", "is_archived", "available_at"]
    every = fresh.loc[fresh["feed"].isin(feeds["feed"]), columns]
    if store.batches("news"):
        files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in store.batches("news"))
        with connect(store.memory_limit, store.threads) as db:
            db.register("given", feeds)
            sql = f"SELECT {', '.join(columns)} FROM read_parquet([{files}]) SEMI JOIN given USING (feed)"
            every = pd.concat([db.execute(sql).df().astype(every.dtypes.to_dict()), every], ignore_index=True)
    first = every.sort_values("available_at", kind="stable").drop_duplicates("item_id")
    return _weeks(first)[[*KEY, "item_id", "language"]]


def _linked(store: Store, links: pd.DataFrame, items: pd.DataFrame) -> set[str]:
    stored = known_rows(store, "news_links", items[["item_id"]], columns=["item_id", "is_retracted"])
    return {*stored.loc[~stored["is_retracted"], "item_id"], *links.loc[~links["is_retracted"], "item_id"]}
