"""A process that publishes beside another one; `test_race.py` starts it and is the other one itself.

    publisher.py NAME FOLDER

FOLDER/rounds.json lists rounds of `publisher name: {run, home, database}`. In each round both processes look at the
database before either writes, as they meet when a run's rows are read. A process whose entry has `after` writes when
the other one is done. Results go to FOLDER/NAME.json, in the order of the rounds.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import OresightError
from features.knowledge_time import UTC
from ml.database.connection import engine_for
from ml.publish import database
from ml.runs import Run
from ml.settings import Settings

NOW = dt.datetime(2026, 11, 24, tzinfo=UTC)
PATIENCE_SECONDS = 60


def wait_for(path: Path) -> None:
    """Wait until the other process has written a file; it fails rather than hang."""
    for _ in range(PATIENCE_SECONDS * 200):
        if path.exists():
            return
        time.sleep(0.005)
    raise TimeoutError(f"{path} did not come")


def publish(name: str, folder: Path, number: int, entry: dict[str, Any]) -> str:
    """Publish the run of one round, and say how it ended."""
    other = {"a": "b", "b": "a"}[name]
    read = database.forecast_rows

    def meet(run: Run) -> pd.DataFrame:
        (folder / f"{number}-{name}-ready").touch()
        wait_for(folder / f"{number}-{other}-ready")
        if entry.get("after"):
            wait_for(folder / f"{number}-{other}-done")
        return read(run)

    database.forecast_rows = meet
    try:
        engine = engine_for(Settings(home=Path(entry["home"]), database=entry["database"]))
        is_stored = database.publish_run(engine, Run(Path(entry["run"])), now=NOW)
        return "stored" if is_stored else "there already"
    except OresightError as problem:
        return f"{type(problem).__name__}: {problem}"
    finally:
        database.forecast_rows = read
        (folder / f"{number}-{name}-done").touch()


def play(name: str, folder: Path) -> list[str]:
    """Publish the run of each round, and give how each ended."""
    rounds = json.loads((folder / "rounds.json").read_text())
    return [publish(name, folder, number, each[name]) for number, each in enumerate(rounds)]


if __name__ == "__main__":
    me, place = sys.argv[1], Path(sys.argv[2])
    (place / f"{me}.json").write_text(json.dumps(play(me, place)))
