"""Where runs are published to, and the one call that brings every place up to date.

The truth is the run's folder. A sink that is away loses nothing: the run stays in files, the outcome says so, and the
next call publishes all that is missing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from features.errors import ConfigError, OresightError
from ml.database.connection import engine_for
from ml.database.migrating import ensure_current
from ml.knowledge import open_store
from ml.publish.clocks import source_clocks
from ml.publish.database import KEEP_EXPLANATIONS, publish_record, publish_run, stored_digests
from ml.publish.parquet import ParquetFolder
from ml.publish.record_rows import record_of
from ml.publish.rows import VALID_DAYS, digest_of, order_of
from ml.publish.spreadsheets import CsvFolder
from ml.settings import Settings

# The weekly job calls this package.
if TYPE_CHECKING:
    from ml.runs import Run

__all__ = ["SINKS", "Outcome", "publish", "sinks_named"]

Say = Callable[[str], None]
SINKS = ("database", "parquet", "csv")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sink: the runs it took, how many were there already, and why it took no more.

    `exit_code` is what a command returns for it: 0, or that of the error, such as 3 for a run that was changed.
    """

    sink: str
    stored: tuple[str, ...]
    unchanged: int
    problem: str = ""
    exit_code: int = 0


def sinks_named(names: Sequence[str]) -> tuple[str, ...]:
    """Give the sinks that are asked for, each once, in their order.

    Raises:
        ConfigError: one is unknown.
    """
    if unknown := [name for name in names if name not in SINKS]:
        raise ConfigError(f"no sink is called {unknown[0]!r}; there are {', '.join(SINKS)}")
    return tuple(name for name in SINKS if name in names)


def publish(
    settings: Settings,
    runs: Sequence[Run],
    *,
    to: Sequence[str],
    now: dt.datetime,
    say: Say,
    keep_runs: int = 0,
    keep_explanations: int = KEEP_EXPLANATIONS,
    again: bool = False,
) -> list[Outcome]:
    """Publish what is missing of `runs` to every sink; one that fails does not keep the others from theirs.

    The newest run goes first: it is what readers wait for.

    Args:
        keep_runs: how many of the newest runs the database keeps, 0 for all.
        again: also what is there already.

    Returns:
        An outcome per sink, in the order of SINKS.
    """
    newest_first = sorted(runs, key=lambda run: (*order_of(run.about), run.run_id), reverse=True)
    outcomes = []
    for sink in sinks_named(to):
        if sink == "database":
            kept = newest_first[: keep_runs or None]
            each = _to_database(settings, kept, now, keep_runs=keep_runs, explained=keep_explanations, again=again)
        elif sink == "parquet":
            each = _to_parquet(settings, newest_first, now, again=again)
        else:
            each = _to_csv(settings, newest_first, again=again)
        outcomes.append(_collect(sink, each, len(newest_first), say))
    return outcomes


def _collect(sink: str, each: Iterator[str], total: int, say: Say) -> Outcome:
    stored: list[str] = []
    problem, code = "", 0
    try:
        for run_id in each:
            stored.append(run_id)
            say(f"Published {run_id} to {sink}")
    except (OresightError, SQLAlchemyError, OSError) as found:
        problem = str(found).partition("\n")[0] if isinstance(found, SQLAlchemyError) else str(found)
        code = found.exit_code if isinstance(found, OresightError) else 1
        say(f"Not published to {sink}: {problem}")
        say("Every run is in its folder; `oresight publish` publishes what is missing")
    return Outcome(sink, tuple(stored), total - len(stored) if not problem else 0, problem, code)


def _to_database(
    settings: Settings, runs: Sequence[Run], now: dt.datetime, *, keep_runs: int, explained: int, again: bool
) -> Iterator[str]:
    engine = engine_for(settings)
    try:
        ensure_current(engine)
        there = {} if again else stored_digests(engine)
        read_clocks = cache(lambda: source_clocks(settings, open_store(settings, now=now), now=now))
        for run in runs:
            if there.get(run.run_id) == digest_of(run.about):
                continue
            as_of, _ = order_of(run.about)
            # What sources say now is about a run of now, not about one that is over.
            is_valid = as_of <= now < as_of + dt.timedelta(days=VALID_DAYS)
            clocks = read_clocks() if is_valid else None
            kept = {"keep_runs": keep_runs, "keep_explanations": explained}
            if publish_run(engine, run, now=now, clocks=clocks, again=again, **kept):
                yield run.run_id
        if (record := record_of(settings)) is not None:
            publish_record(engine, record)
    finally:
        engine.dispose()


def _to_parquet(settings: Settings, runs: Sequence[Run], now: dt.datetime, *, again: bool) -> Iterator[str]:
    folder = ParquetFolder(settings.home / "published")
    return (run.run_id for run in runs if folder.publish(run, now=now, again=again))


def _to_csv(settings: Settings, runs: Sequence[Run], *, again: bool) -> Iterator[str]:
    folder = CsvFolder(settings.home / "published" / "csv")
    return (run.run_id for run in runs if folder.publish(run, again=again))
