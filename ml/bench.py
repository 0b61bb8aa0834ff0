"""Speed as ratios within one run: each step against a yardstick timed on the same machine minutes apart.

    make bench

A ratio says how many times longer a step takes than its yardstick; absolute times are
printed for orientation and mean nothing on another machine. Nothing is asserted here.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from features.knowledge_time import UTC, as_moment
from features.panel import all_steps
from features.text.items import Item
from features.text.labelled import packaged_items
from features.text.linking import link_many
from ml.knowledge import Knowledge, open_store
from ml.origins import training_dates
from ml.settings import load_settings

__all__ = ["main"]

WEEK = as_moment("2026-07-06")


def median_seconds(work: Callable[[], object], *, runs: int = 5) -> float:
    """Give the median wall time of `runs` calls after one that is not counted."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def python(*arguments: str) -> Callable[[], object]:
    """Give a call that runs this Python with `arguments`."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def news_steps() -> list[tuple[str, tuple[str, float], Callable[[], object]]]:
    """Give the steps about news: linking against reading and writing the same items, and two processes against one."""
    labelled = [each.item for rows in packaged_items().values() for each in rows]
    few, many = labelled, (labelled * 40)[:12_000]
    rows = [{"id": item.id, "title": item.title, "summary": item.summary} for item in few]

    def link(items: list[Item], workers: int) -> object:
        return deque(link_many(items, workers=workers), maxlen=0)

    plain = (
        f"JSON there and back, {len(few)} items",
        median_seconds(lambda: [json.loads(json.dumps(r)) for r in rows]),
    )
    alone = (f"link {len(many):,} news items, 1 process", median_seconds(lambda: link(many, 1), runs=1))
    return [
        (f"link {len(few)} news items", plain, lambda: link(few, 1)),
        (f"link {len(many):,} news items, 2 processes", alone, lambda: link(many, 2)),
    ]


def main() -> None:
    """Time the steps and print the ratios."""
    with tempfile.TemporaryDirectory() as scratch:
        settings, now = load_settings(Path(scratch)), dt.datetime.now(UTC)
        store = open_store(settings, now=now)
        knowledge = Knowledge(store, WEEK)
        tables = dict(knowledge.tables)
        many = training_dates(WEEK)
        bare = ("python -c pass", median_seconds(python("-c", "pass")))
        read = ("read the trade dataset", median_seconds(lambda: store.history("trade", as_of=WEEK), runs=3))
        one = ("panel of one week", median_seconds(lambda: knowledge.panel([WEEK]), runs=3))
        steps = [
            ("oresight --help", bare, python("-m", "ml.cli", "--help")),
            ("import what a forecast needs", bare, python("-c", "import ml.weekly")),
            ("digest of all datasets", read, lambda: store.digest(as_of=WEEK)),
            ("all step functions", read, lambda: all_steps(tables, knowledge.catalog)),
            (f"panel of {len(many)} dates", one, lambda: knowledge.panel(many)),
            ("labels of all years", read, lambda: Knowledge(store, WEEK).labels),
            *news_steps(),
        ]
        table = Table(box=box.SIMPLE, title="Ratios within this run; lower is better")
        for name in ("step", "yardstick", "ratio", "step, s", "yardstick, s"):
            table.add_column(name, justify="left" if name in ("step", "yardstick") else "right")
        for name, (yardstick, base), work in steps:
            seconds = median_seconds(work, runs=3)
            table.add_row(name, yardstick, f"{seconds / base:.1f}", f"{seconds:.2f}", f"{base:.2f}")
        Console().print(table)


if __name__ == "__main__":
    main()
