"""Which news items tell the same story: near-duplicate titles (syndication, updates), found looking backwards only.

Items are taken in the order in which they became known. An item joins the most similar *leader*, the first item of
a story, that became known at most `WINDOW_DAYS` before it, else it leads a story of its own. Only earlier items are
looked at, so what comes later never changes a story, and comparing with the leader rather than with the last
member keeps a story from drifting into another one.

MinHash with locality-sensitive hashing proposes leaders; the exact share of common shingles of the two titles decides.
Shingles are runs of four letters or digits, or of two characters in Chinese, Japanese and Korean. Translations are not
recognised.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable
from functools import lru_cache

import pandas as pd
from datasketch import MinHash, MinHashLSH

__all__ = ["SIMILAR_FRAC", "WINDOW_DAYS", "clusters", "shingles"]

WINDOW_DAYS = 14
# Two titles are about the same if they share this part of all their shingles.
SIMILAR_FRAC = 0.6
PERMUTATIONS = 64
# Bands and rows: leaders of exactly SIMILAR_FRAC are proposed with a probability of 0.89, of 0.7 with 0.99.
BANDS, ROWS = 16, 4
SEED = 20260105
LATIN_RUN, WIDE_RUN = 4, 2
# A word of this length says little; two titles that share only such a shingle are not compared.
FEWEST_SHINGLES = 3
WIDE = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
RUNS = re.compile(rf"[{WIDE}]+|[^\W_{WIDE}]+(?: [^\W_{WIDE}]+)*")
NOT_TEXT = re.compile(r"[\W_]+")


def clusters(items: pd.DataFrame) -> pd.Series:
    """Give each item the id of the story it belongs to: the `item_id` of the story's first item.

    Args:
        items: item_id, title, available_at; one row per item, in any order.

    Returns:
        Cluster ids with the index of `items`. They depend on an item and those known before it, or at the same moment
        with a smaller id, and on nothing else.

    Example:
        >>> at = pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True)
        >>> titles = ["Strike shuts Escondida copper mine", "STRIKE SHUTS ESCONDIDA COPPER MINE!"]
        >>> list(clusters(pd.DataFrame({"item_id": ["a", "b"], "title": titles, "available_at": at})))
        ['a', 'a']
    """
    order = items[["item_id", "title", "available_at"]].sort_values(["available_at", "item_id"], kind="stable")
    days = order["available_at"].astype("datetime64[us, UTC]").astype("int64") / (86_400 * 1e6)
    leaders = _Leaders()
    found = [leaders.place(*row) for row in zip(order["item_id"], order["title"], days, strict=True)]
    return pd.Series(found, index=order.index, dtype="str", name="cluster_id").reindex(items.index)


def shingles(title: str) -> frozenset[str]:
    """Give the runs of characters by which titles are compared; blanks, punctuation and case count for nothing.

    Example:
        >>> sorted(shingles("锂矿 停产!"))
        ['停产', '矿停', '锂矿']
    """
    plain = " ".join(NOT_TEXT.sub(" ", unicodedata.normalize("NFKC", title).casefold()).split())
    found: set[str] = set()
    # Blanks between Chinese words are typography, between others they part words.
    for run in RUNS.findall(re.sub(rf"(?<=[{WIDE}]) (?=[{WIDE}])", "", plain)):
        length = WIDE_RUN if re.match(rf"[{WIDE}]", run) else LATIN_RUN
        found.update(run[at : at + length] for at in range(max(1, len(run) - length + 1)))
    return frozenset(found)


class _Leaders:
    """The first items of the stories of the last days, by what their titles are made of."""

    def __init__(self) -> None:
        self._index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS))
        self._shingles: dict[str, frozenset[str]] = {}
        self._same: dict[frozenset[str], str] = {}
        self._recent: deque[tuple[float, str]] = deque()
        self._place: dict[str, int] = {}
        self._blank = MinHash(num_perm=PERMUTATIONS, seed=SEED, hashfunc=_number)

    def place(self, item_id: str, title: str, day: float) -> str:
        """Give the leader of an item that became known on `day`, itself if it tells something new."""
        self._forget_before(day - WINDOW_DAYS)
        runs = shingles(title)
        if not runs:
            return item_id
        known = self._same.get(runs)
        if known is not None:
            return known
        if len(runs) >= FEWEST_SHINGLES:
            digest = self._digest(runs)
            best = max(
                ((_similarity(runs, self._shingles[key]), -self._place[key], key) for key in self._index.query(digest)),
                default=(0.0, 0, ""),
            )
            if best[0] >= SIMILAR_FRAC:
                return best[2]
            self._index.insert(item_id, digest)
        self._shingles[item_id] = runs
        self._same[runs] = item_id
        self._place[item_id] = len(self._place)
        self._recent.append((day, item_id))
        return item_id

    def _digest(self, runs: Iterable[str]) -> MinHash:
        digest = self._blank.copy()
        digest.update_batch(runs)
        return digest

    def _forget_before(self, day: float) -> None:
        while self._recent and self._recent[0][0] < day:
            _, old = self._recent.popleft()
            runs = self._shingles.pop(old)
            if len(runs) >= FEWEST_SHINGLES:
                self._index.remove(old)
            del self._same[runs]


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / (len(one) + len(other) - common)


@lru_cache(maxsize=200_000)
def _number(run: str) -> int:
    # FNV-1a over code points: fixed for all processes, unlike hash(), and enough for 32 bits.
    value = 2166136261
    for character in run:
        value = ((value ^ ord(character)) * 16777619) & 0xFFFFFFFF
    return value
