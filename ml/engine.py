"""Where partitions run: side by side in processes of this machine, with the same result for any number of them.

Workers get paths and small values, not tables; they neither log nor write shared files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

__all__ = ["run_partitions"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_partitions(
    work: Callable[[Item], Result], items: Sequence[Item], *, workers: int
) -> Iterator[tuple[Item, Result]]:
    """Apply `work` to each item and yield (item, result) as they finish, in no fixed order.

    Fresh processes are started, not forked: LightGBM's threads don't survive a fork.
    """
    if workers <= 1 or len(items) <= 1:
        for item in items:
            yield item, work(item)
        return
    with ProcessPoolExecutor(min(workers, len(items)), mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(work, item): item for item in items}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            # After an error, or when the caller stops, what has not begun doesn't begin.
            pool.shutdown(cancel_futures=True)
