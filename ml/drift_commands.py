"""What `oresight drift` does: read or compute the drift of one published run, or replay past weeks; and print it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from features.errors import ConfigError
from features.knowledge_time import UTC, as_moment
from ml.drift import record
from ml.drift import replay as replays
from ml.drift.limits import LEVELS
from ml.drift.measures import level_counts, worst_level
from ml.drift.publish import prometheus_lines
from ml.drift.week import check_week, issued_before
from ml.knowledge import Knowledge, open_store
from ml.origins import mondays, weekly_date
from ml.runs import Run, find_run, is_held_back, newest_run, published
from ml.screen import screen
from ml.settings import Settings, load_settings

__all__ = ["WeekOfDrift", "print_replay", "print_week", "replay", "week"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class WeekOfDrift:
    """The drift of one published run."""

    about: dict[str, Any]
    table: pd.DataFrame

    @property
    def worst(self) -> str:
        """The gravest level."""
        return worst_level(self.table)

    @property
    def prometheus(self) -> list[str]:
        """The week as Prometheus text."""
        return prometheus_lines(self.table, as_of=self.about["as_of"], held_back=is_held_back(self.about))

    def at_least(self, level: str) -> pd.DataFrame:
        """Give what is as grave as `level` or graver."""
        return self.table[self.table["level"].map(LEVELS.index) >= LEVELS.index(level)].reset_index(drop=True)

    def summary(self, level: str) -> dict[str, Any]:
        """Give it for --json."""
        return {
            "run_id": self.about["run_id"],
            "as_of": self.about["as_of"],
            "worst": self.worst,
            "counts": level_counts(self.table),
            "measured": len(self.table),
            "held_back": is_held_back(self.about),
            "accepted": (self.about.get("drift") or {}).get("accepted"),
            "findings": json.loads(self.at_least(level).to_json(orient="records")),
        }


def week(as_of: str | None, *, home: Path | None, say: Say) -> WeekOfDrift:
    """Give the drift of the run of a week, the newest one by default; measured now if the run has none on record.

    Raises:
        OresightError: there is no run of that week.
    """
    settings = load_settings(home)
    run = _newest(settings) if as_of is None else find_run(settings, as_moment(as_of))
    about = run.about
    table = record.load(run.folder)
    if table is None:
        say(f"Run {run.run_id} was made without measuring drift; measuring it now")
        moment = as_moment(about["as_of"])
        store = open_store(settings, now=dt.datetime.now(UTC))
        table = check_week(
            Knowledge(store, moment),
            run.forecasts(),
            signals=about["signals"],
            trained_as_of=as_moment(about["trained_as_of"]),
            issued_before=issued_before(published(settings), moment),
        )
    return WeekOfDrift(about, table)


def _newest(settings: Settings) -> Run:
    # Not the current run: one that was held back is what people ask about.
    return newest_run(settings) or find_run(settings, None)  # which says what to do


def print_week(found: WeekOfDrift, level: str) -> None:
    """Print the findings of a week."""
    console, about = screen(150), found.about
    counts = found.summary(level)["counts"]
    console.print(
        f"Drift of run {about['run_id']} (as of {about['as_of']}): {counts['stop']} stop, {counts['watch']} watch, "
        f"{counts['note']} note, of {len(found.table):,} things measured",
        soft_wrap=True,
        highlight=False,
    )
    accepted = (about.get("drift") or {}).get("accepted")
    if is_held_back(about):
        console.print("This run is held back; let it pass with `oresight weekly --accept-drift WHY`.", soft_wrap=True)
    elif accepted:
        told = f"{accepted['by']} let it pass on {accepted['at'][:10]}: {accepted['why']}"
        console.print(told, soft_wrap=True, markup=False, highlight=False)
    rows = found.at_least(level)
    if rows.empty:
        console.print("Nothing to tell.")
        return
    table = Table(box=box.SIMPLE)
    for name in ("level", "kind", "family", "what", "value", "from"):
        table.add_column(name, justify="right" if name in ("value", "from") else "left", no_wrap=name == "level")
    table.add_column("in words")
    for row in rows.itertuples():
        table.add_row(
            row.level, row.kind, row.signal, row.feature, f"{row.value:.3g}", f"{row.bound:.3g}", row.sentence
        )
    console.print(table)


def replay(first: str, last: str, *, home: Path | None, say: Say) -> dict[str, Any]:
    """Look at every Monday from `first` to `last` with the model that knew no more than the first.

    Raises:
        ConfigError: a date is no Monday, in the future or before 2005, or they are in the wrong order.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    start, end = weekly_date(first, now=now), weekly_date(last, now=now)
    if end < start:
        raise ConfigError(f"the replay ends on {last}, before it begins on {first}")
    store = open_store(settings, now=now, say=say)
    told = replays.replay(settings, store, start, end, now=now, say=say)
    weeks = told.groupby("level")["as_of"].nunique()
    summary = replays.summarise(told).assign(
        first=lambda rows: rows["first"].dt.strftime("%Y-%m-%d"), last=lambda rows: rows["last"].dt.strftime("%Y-%m-%d")
    )
    return {
        "first": start.date().isoformat(),
        "last": end.date().isoformat(),
        "weeks": len(mondays(start, end)),
        "weeks_with": {level: int(weeks.get(level, 0)) for level in ("stop", "watch", "note")},
        "found": json.loads(summary.to_json(orient="records")),
    }


def print_replay(told: dict[str, Any]) -> None:
    """Print the alarms of a replay; notes only as numbers."""
    console, weeks = screen(150), told["weeks_with"]
    console.print(
        f"{told['weeks']} Mondays from {told['first']} to {told['last']}: a stop on {weeks['stop']}, a watch on "
        f"{weeks['watch']}, a note on {weeks['note']}",
        soft_wrap=True,
        highlight=False,
    )
    alarms = [line for line in told["found"] if line["level"] != "note"]
    if not alarms:
        console.print("No alarm: nothing was a watch or a stop.")
        return
    table = Table(box=box.SIMPLE)
    for name in ("level", "kind", "signal", "feature", "weeks", "first", "last", "most"):
        table.add_column(name, justify="right" if name in ("weeks", "most") else "left")
    for line in alarms:
        table.add_row(
            *(str(line[name]) for name in ("level", "kind", "signal", "feature", "weeks", "first", "last")),
            f"{line['most']:.3g}",
        )
    console.print(table)
