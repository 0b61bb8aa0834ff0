"""Everything the scorecard needs, measured in one go: backtest, intervals, what carries over, replayed weeks, drift.

The parts that take one core each run side by side. What a part has finished below the folder, or in the home, is
taken again, so a scorecard that was stopped goes on.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

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

__all__ = ["CARD", "FIRST", "LAST", "QUIET", "WEEKS", "scorecard"]

CARD = "scorecard.json"
FIRST, LAST = 2006, 2024
WEEKS = ("2010-01-04", "2024-12-30")
# Years in which nothing was wrong with the data: any alarm there is a false one.
QUIET = ("2012-01-02", "2016-12-26")
Say = Callable[[str], None]


def scorecard(
    out: Path, *, draws: int = 300, as_of: str | None = None, home: Path | None = None, say: Say = lambda line: None
) -> dict[str, Any]:
    """Measure all parts and write `out/scorecard.json`; each part's own files lie beside it.

    Args:
        draws: bootstrap draws of the intervals.
        as_of: what is known for scoring, today by default; each forecast knows only its own past.

    Returns:
        The card of `ml.scorecard.tables`.

    Raises:
        ConfigError: `as_of` is no date, or in the future.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = known_moment(as_of, now=now)
    date = moment.date().isoformat() if as_of else None
    seconds: dict[str, float] = {}
    with _timed("backtest", seconds, say):
        backtest = studies.backtest(
            out / "backtest", targets=None, first=FIRST, last=LAST, draws=draws, as_of=date, home=home
        )
    with _timed("intervals", seconds, say):
        knowledge = opened(settings, None, date, now=now, say=say)
        origins = studies.checked_origins(FIRST, LAST, knowledge.as_of)
        names = tuple(feature_names(knowledge.signals))
        aged = ages.aged_forecasts(knowledge, origins, names, workers=settings.workers)
        intervals = without_nan(measured(backtest.predictions, aged, knowledge.catalog, n_draws=draws))
        write_page(out / "intervals.json", json.dumps(intervals, indent=1) + "\n", None)
    with _timed("what carries over", seconds, say):
        carried = generalisation.study(out / "generalisation", draws=draws, as_of=date, home=home, say=say)
    with _timed("replayed weeks", seconds, say):
        record_commands.hindcast(first=WEEKS[0], last=WEEKS[1], home=home, say=say)
    with _timed("track record and drift", seconds, say):
        work = partial(_one_core, out=out, draws=draws, as_of=date, home=home)
        told = dict(run_partitions(work, ("record", "drift"), workers=settings.workers))
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
            "record": record_rows(told["record"]),
            "generalisation": generalisation_rows(carried["lines"]),
            "coverage": coverage_rows(intervals),
            "abstention": abstention_rows(intervals),
            "drift": drift_rows([told["drift"]]),
        }
    )
    write_page(out / CARD, json.dumps(card, indent=1) + "\n", None)
    write_page(out / "seconds.json", json.dumps(seconds, indent=1) + "\n", None)
    return card


def _one_core(part: str, *, out: Path, draws: int, as_of: str | None, home: Path | None) -> dict[str, Any]:
    # In a worker, which says nothing.
    if part == "drift":
        return drift_commands.replay(*QUIET, home=home, say=_quiet)
    return record_commands.track_record(out / "track-record", as_of=as_of, draws=draws, home=home, say=_quiet)


def _quiet(line: str) -> None:
    """Say nothing."""


@contextmanager
def _timed(name: str, seconds: dict[str, float], say: Say) -> Iterator[None]:
    say(f"Scorecard: {name}")
    begun = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - begun, 1)
    say(f"Scorecard: {name} took {pd.Timedelta(seconds=round(seconds[name]))}")
