"""Linking: from a news item to its minerals, suppliers and event, one at a time or a stream of any length.

`link_many` reads ahead no further than a few thousand items, keeps their order and holds none longer than it must, so
that a million items need no more memory than ten thousand. A short stream is linked in this process; a long one in
several, if asked for. `LINKER` names what the answer follows from: it changes whenever a word, a rule, a weight or the
code does.
"""

__all__ = ["LINKER", "link", "link_many"]

import hashlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from features.text.classifier import MODEL_FILE
from features.text.entities import find_entities
from features.text.events import find_event
from features.text.items import Item, Link
from features.text.normal import MAX_SUMMARY, MAX_TITLE

_CHUNK = 500
# Starting processes takes as long as linking some thousand items.
_ALONE = 4_000
# Chunks that wait or are at work, per process.
_AHEAD = 3


def _linker() -> str:
    """Give the version of the linker: the digest of its code, its weights and the words of the catalogue."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), *sorted((here.parent / "catalog").glob("*.csv")), MODEL_FILE]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return f"text-{digest.hexdigest()[:12]}"


LINKER = _linker()


def link(item: Item) -> Link:
    """Link one item: its minerals, suppliers and event.

    Only the first 2,000 characters of the title and 4,000 of the summary are read, so time is bounded for any text.
    """
    entities = find_entities(item)
    event = find_event(item, entities)
    return Link(entities.minerals, entities.suppliers, event.event_type, event.direction, event.tense, event.confidence)


def link_many(items: Iterable[Item], *, workers: int = 1) -> Iterator[Link]:
    """Link items in order, as they come.

    Args:
        items: any stream; it is read only a little ahead of what was given back.
        workers: processes side by side for a long stream. They are started fresh, so a script that asks for more than
            one needs the usual `if __name__ == "__main__"`.

    Yields:
        One link per item, in the order of the items.
    """
    stream = map(_cut, items)
    if workers <= 1:
        yield from map(link, stream)
        return
    first = list(itertools.islice(stream, _ALONE))
    if len(first) < _ALONE:
        yield from map(link, first)
        return
    yield from _side_by_side(itertools.chain(first, stream), workers)


def _cut(item: Item) -> Item:
    """Take off what nobody reads before an item waits or travels."""
    if len(item.title) <= MAX_TITLE and len(item.summary) <= MAX_SUMMARY:
        return item
    return replace(item, title=item.title[:MAX_TITLE], summary=item.summary[:MAX_SUMMARY])


def _link_chunk(items: list[Item]) -> list[Link]:
    return [link(item) for item in items]


def _side_by_side(stream: Iterator[Item], workers: int) -> Iterator[Link]:
    pending: deque[Future[list[Link]]] = deque()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            while chunk := list(itertools.islice(stream, _CHUNK)):
                pending.append(pool.submit(_link_chunk, chunk))
                if len(pending) >= workers * _AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
