"""Weekly runs on disk: the folders below `runs/`, and which of them is the current one.

Whoever only reads runs imports this and not `ml.weekly`, which brings all that makes them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput, OresightError
from ml.settings import Settings

__all__ = [
    "Run",
    "current_run",
    "find_run",
    "is_held_back",
    "newest_run",
    "point_current",
    "previous_run",
    "published",
    "sha256_of",
]

RESTORE = "Restore the run's folder from a copy."


@dataclass(frozen=True, slots=True)
class Run:
    """One published weekly run on disk."""

    folder: Path

    @property
    def about(self) -> dict:
        """What `run.json` says; raises BadInput when it can't be read, or is not about this run."""
        path, what = self.folder / "run.json", "what a weekly run says of itself"
        told = _json_of(path, what, RESTORE)
        if problem := _problem_of(told, self.run_id):
            raise BadInput(where=str(path), expected=what, found=problem, remedy=RESTORE)
        return told

    @property
    def run_id(self) -> str:
        """The run's id, also its folder's name."""
        return self.folder.name

    def forecasts(self) -> pd.DataFrame:
        """Read the forecast table; raises BadInput when it is not the one that was published."""
        return self._table("forecasts.parquet")

    def explanations(self) -> pd.DataFrame:
        """Read the explanation table; raises BadInput when it is not the one that was published."""
        return self._table("explanations.parquet")

    def _table(self, name: str) -> pd.DataFrame:
        # Nobody is to be warned, or told a reason, from figures that somebody changed.
        path = self.folder / name
        if sha256_of(path) != self.about["files"].get(name):
            found = "others" if path.exists() else "no such file"
            raise BadInput(where=str(path), expected="the bytes that were published", found=found, remedy=RESTORE)
        return pd.read_parquet(path)

    def broken_files(self) -> list[str]:
        """List files whose bytes are not those that were published."""
        files = self.about["files"]
        return [name for name, digest in files.items() if sha256_of(self.folder / name) != digest]


def published(settings: Settings) -> list[Run]:
    """List all published runs, oldest week first."""
    folders = [path.parent for path in settings.runs.glob("*/run.json") if not path.parent.name.startswith(".")]
    return [Run(folder) for folder in sorted(folders, key=lambda path: (Run(path).about["as_of"], path.name))]


def current_run(settings: Settings) -> Run | None:
    """Give the run that `current.json` names, None when nothing was published yet.

    Raises:
        BadInput: the file is broken, names a run that is not there, or is gone.
    """
    pointer = settings.runs / "current.json"
    remedy = "Run `oresight weekly`: it names the newest run again."
    if not pointer.exists():
        # The first run of all can have been held back.
        if newest_run(settings, lambda about: not is_held_back(about)) is None:
            return None
        raise BadInput(where=str(pointer), expected="the name of the current run", found="no such file", remedy=remedy)
    named = _json_of(pointer, "the name of the current run", remedy).get("run_id")
    if not isinstance(named, str) or not (settings.runs / named / "run.json").exists():
        found = f"{named!r}, which is no run below {settings.runs}"
        raise BadInput(where=str(pointer), expected="the name of the current run", found=found, remedy=remedy)
    return Run(settings.runs / named)


def find_run(settings: Settings, as_of: dt.datetime | None) -> Run:
    """Give the newest run of a week, or the current one.

    Raises:
        OresightError: there is none.
        BadInput: a file that says so is broken.
    """
    if as_of is None:
        run = current_run(settings)
        if run is None:
            raise OresightError(f"no run has been published below {settings.runs}; run `oresight weekly` first")
        return run
    found = newest_run(settings, lambda about: about["as_of"] == as_of.date().isoformat())
    if found is None:
        raise OresightError(f"no run for {as_of.date()}; run `oresight weekly --as-of {as_of.date()}` first")
    return found


def newest_run(settings: Settings, wanted: Callable[[Mapping[str, Any]], bool] = lambda about: True) -> Run | None:
    """Give the newest published run of the newest week among those whose `run.json` is wanted; None without any."""
    told = [(run, run.about) for run in published(settings)]
    runs = [(about["as_of"], about["created_at"], run) for run, about in told if wanted(about)]
    return max(runs, key=lambda run: run[:2])[2] if runs else None


def previous_run(settings: Settings, as_of: dt.datetime) -> Run | None:
    """Give the newest published run of the week before `as_of`."""
    before = (as_of - dt.timedelta(days=7)).date().isoformat()
    # What was held back was never said to anybody.
    return newest_run(settings, lambda about: about["as_of"] == before and not is_held_back(about))


def is_held_back(about: Mapping[str, Any]) -> bool:
    """Tell from a run's `run.json` whether it was written but not made current; runs made before this are not."""
    drift = about.get("drift") or {}
    return drift.get("worst") == "stop" and not drift.get("accepted")


def point_current(settings: Settings) -> None:
    """Make the newest run of the newest week that was not held back the current one; without any nothing changes."""
    newest = newest_run(settings, lambda about: not is_held_back(about))
    if newest is None:
        return  # the first run of all was held back
    aside = settings.runs / "current.json.part"
    aside.write_text(json.dumps({"run_id": newest.run_id, "as_of": newest.about["as_of"]}) + "\n")
    aside.replace(settings.runs / "current.json")


def sha256_of(path: Path) -> str:
    """Give the digest of a file, "missing" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"


def _json_of(path: Path, expected: str, remedy: str) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except ValueError as problem:
        raise BadInput(where=str(path), expected=expected, found=f"no JSON ({problem})", remedy=remedy) from None
    except OSError as problem:
        raise BadInput(where=str(path), expected=expected, found=str(problem.strerror), remedy=remedy) from None
    if not isinstance(told, dict):
        raise BadInput(where=str(path), expected=expected, found=repr(told)[:60], remedy=remedy)
    return told


def _problem_of(told: Mapping[str, Any], run_id: str) -> str:
    if told.get("run_id") != run_id:
        return f"run_id {told.get('run_id')!r} in the folder of {run_id}"
    for name in ("as_of", "created_at"):
        try:
            dt.datetime.fromisoformat(told.get(name))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return f"{name} {told.get(name)!r}, which is no date"
    files = told.get("files")
    if not isinstance(files, dict) or not all(isinstance(digest, str) for digest in files.values()):
        return "no digests of its files"
    return ""
