"""Where partitions run: side by side in processes of this machine, with the same result for any number of them.

Workers get paths and small values, not tables; they neither log nor write shared files. A partition computes with one
thread: sums of linear algebra come out otherwise in their last digits for another number, and the threads of several
workers get in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from threadpoolctl import threadpool_limits

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
            yield item, _with_one_thread(work, item)
        return
    with ProcessPoolExecutor(min(workers, len(items)), mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(partial(_with_one_thread, work), item): item for item in items}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            # After an error, or when the caller stops, what has not begun doesn't begin.
            pool.shutdown(cancel_futures=True)


def _with_one_thread(work: Callable[[Item], Result], item: Item) -> Result:
    with threadpool_limits(1):
        return work(item)
