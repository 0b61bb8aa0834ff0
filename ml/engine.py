"""Where partitions run: side by side in processes of this machine, with the same result for any number of them.

Workers get paths and small values, not tables; they neither log nor write shared files. A partition computes with one
thread of linear algebra: sums come out otherwise in their last digits for another number, and the threads of several
workers get in each other's way.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import TypeVar

from threadpoolctl import threadpool_limits

__all__ = ["run_partitions"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_partitions(
    work: Callable[[Item], Result], items: Sequence[Item], *, workers: int
) -> Iterator[tuple[Item, Result]]:
    """Apply `work` to each item and yield (item, result) as they finish, in no fixed order.

    Fresh processes are started, not forked: LightGBM's threads don't survive a fork. After an error, or when the caller
    stops, what is at work is finished and nothing more begins. Workers end with the process that started them.
    """
    once = partial(_with_one_thread, work)
    if workers <= 1 or len(items) <= 1:
        for item in items:
            yield item, once(item)
        return
    workers, waiting = min(workers, len(items)), iter(items)
    running: dict[Future[Result], Item] = {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        found: list[tuple[Item, Result]] = []
        while True:
            # No more than can be at work: the pool begins what it was given, also after an error.
            for item in islice(waiting, workers - len(running)):
                running[pool.submit(once, item)] = item
            yield from found
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            found = [(running.pop(future), future.result()) for future in done]


def _with_one_thread(work: Callable[[Item], Result], item: Item) -> Result:
    with threadpool_limits(1):
        return work(item)


def _end_with_parent() -> None:
    # A worker whose parent was killed would work on, and hold locks, until its item is done, and then wait for ever.
    if (parent := parent_process()) is not None:
        threading.Thread(target=_leave_after, args=(parent.join,), daemon=True).start()


def _leave_after(ended: Callable[[], None]) -> None:
    ended()
    os._exit(1)
