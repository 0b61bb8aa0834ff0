"""Everything the scorecard needs, measured in one go: backtest, intervals, what carries over, replayed weeks, drift.

Parts run side by side, a process each, as each has stretches that only one core can do. What a part has finished below
the folder, or in the home, is taken again, so a scorecard that was stopped goes on.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from features.knowledge_time import UTC
from features.panel import feature_names
from ml import drift_commands, record_commands, studies, tracking
from ml.asked import known_moment
from ml.engine import run_partitions
from ml.experiments.trial import opened
from ml.generalisation import study as generalisation
from ml.intervals import ages
from ml.intervals.study import measured
from ml.results import without_nan, write_page
from ml.scorecard.tables import abstention_rows, coverage_rows, drift_rows, generalisation_rows, record_rows
from ml.settings import load_settings
from models.targets import TARGETS

__all__ = ["CARD", "FIRST", "LAST", "QUIET", "WEEKS", "scorecard"]

CARD = "scorecard.json"
FIRST, LAST = 2006, 2024
WEEKS = ("2010-01-04", "2024-12-30")
# Years in which nothing was wrong with the data: any alarm there is a false one.
QUIET = ("2012-01-02", "2016-12-26")
# How many parts run side by side.
AT_A_TIME = 2
Say = Callable[[str], None]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Asked:
    """What every part is asked: where to write, how many draws, known when, which home, with how many cores in all."""

    out: Path
    draws: int
    as_of: str
    home: Path | None
    workers: int

    @property
    def each(self) -> int:
        """How many processes one part may use."""
        return max(1, self.workers // AT_A_TIME)


def scorecard(
    out: Path, *, draws: int = 300, as_of: str | None = None, home: Path | None = None, say: Say = lambda line: None
) -> dict[str, Any]:
    """Measure all parts and write `out/scorecard.json`; each part's own files lie beside it.

    Args:
        draws: bootstrap draws of the intervals.
        as_of: what is known for scoring, today by default; each forecast knows only its own past.
        say: hears when a part is done; the parts' own lines go to standard error, as they come from other processes.

    Returns:
        The card of `ml.scorecard.tables`.

    Raises:
        ConfigError: `as_of` is no date, in the future or before the last origin.
        OSError: `out` can't be made.
    """
    begun = time.monotonic()
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = known_moment(as_of, now=now)
    # One moment for all parts: the beginning of the day.
    asked = Asked(out, draws, moment.date().isoformat(), home, settings.workers)
    # What would be refused later is refused now: the parts work for minutes, and in the home.
    studies.checked_origins(FIRST, LAST, moment)
    out.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    # The store and MLflow's database are made once, before several parts ask for them at the same time.
    knowledge = opened(settings, None, asked.as_of, now=now, say=say)
    with tracking.mlflow_at(settings):
        pass
    told, lanes = {}, min(AT_A_TIME, settings.workers)

    def done(part: str, took: float) -> None:
        seconds[part] = took
        say(f"Scorecard: {part} took {pd.Timedelta(seconds=round(took))}")

    for part, (found, took) in run_partitions(partial(_part, asked=asked), tuple(PARTS), workers=lanes):
        told[part] = found
        done(part, took)
    say("Scorecard: scores of what carries over")
    score = partial(generalisation.study, out / "generalisation", draws=draws, as_of=asked.as_of, home=home, say=say)
    carried, took = _timed(score)
    done("scores of what carries over", took)
    seconds["all"] = round(time.monotonic() - begun, 1)
    intervals = told["backtest and intervals"]
    card = without_nan(
        {
            "about": {
                "as_of": knowledge.as_of.date().isoformat(),
                "data_digest": knowledge.digest,
                "signals": [signal.name for signal in knowledge.signals],
                "origins": f"{FIRST}-{LAST}",
                "draws": draws,
                "git_commit": tracking.git_commit(),
            },
            "record": record_rows(told["replayed weeks and their record"]),
            "generalisation": generalisation_rows(carried["lines"]),
            "coverage": coverage_rows(intervals),
            "abstention": abstention_rows(intervals),
            "drift": drift_rows([told["drift"]]),
        }
    )
    write_page(out / CARD, json.dumps(card, indent=1) + "\n", None)
    write_page(out / "seconds.json", json.dumps(seconds, indent=1) + "\n", None)
    return card


def _backtest(asked: Asked, say: Say) -> dict[str, Any]:
    found = studies.backtest(
        asked.out / "backtest",
        first=FIRST,
        last=LAST,
        draws=asked.draws,
        as_of=asked.as_of,
        home=asked.home,
        workers=asked.each,
    )
    say("intervals")
    knowledge = opened(load_settings(asked.home), None, asked.as_of, now=dt.datetime.now(UTC), say=say)
    origins = studies.checked_origins(FIRST, LAST, knowledge.as_of)
    aged = ages.aged_forecasts(knowledge, origins, feature_names(knowledge.signals), workers=asked.each)
    intervals = without_nan(measured(found.predictions, aged, knowledge.catalog, n_draws=asked.draws))
    write_page(asked.out / "intervals.json", json.dumps(intervals, indent=1) + "\n", None)
    return intervals


def _record(asked: Asked, say: Say) -> dict[str, Any]:
    record_commands.hindcast(first=WEEKS[0], last=WEEKS[1], home=asked.home, workers=asked.each, say=say)
    folder = asked.out / "track-record"
    return record_commands.track_record(folder, as_of=asked.as_of, draws=asked.draws, home=asked.home, say=say)


def _carried(asked: Asked, say: Say, *, target: str) -> None:
    knowledge = opened(load_settings(asked.home), ["trade"], asked.as_of, now=dt.datetime.now(UTC), say=say)
    generalisation.forecasts(knowledge, [target], asked.out / "generalisation", workers=asked.each, say=say)


def _drift(asked: Asked, say: Say) -> dict[str, Any]:
    return drift_commands.replay(*QUIET, home=asked.home, say=say)


# The longest first, so that no core waits long at the end.
PARTS: dict[str, Callable[[Asked, Say], Any]] = {
    "backtest and intervals": _backtest,
    "replayed weeks and their record": _record,
    **{f"forecasts of what carries over, {target}": partial(_carried, target=target) for target in TARGETS},
    "drift": _drift,
}


def _told_of(part: str, line: str) -> None:
    sys.stderr.write(f"{part}: {line}\n")


def _part(part: str, *, asked: Asked) -> tuple[Any, float]:
    if parent_process() is not None:
        # A bar that moves would overwrite the lines of the part beside it.
        os.environ["TTY_COMPATIBLE"] = "0"
    return _timed(partial(PARTS[part], asked, partial(_told_of, part)))


def _timed(measure: Callable[[], Found]) -> tuple[Found, float]:
    begun = time.monotonic()
    return measure(), round(time.monotonic() - begun, 1)
