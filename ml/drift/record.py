"""Drift on disk: the table beside a run's forecasts, and the word of somebody who lets a held-back run pass."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput, OresightError
from features.knowledge_time import UTC
from ml.drift.measures import as_table
from ml.runs import is_held_back

__all__ = ["FILE", "accept", "load", "write"]

FILE = "drift.json"


def write(folder: Path, table: pd.DataFrame) -> None:
    """Write the table of a run into its folder, the same text for the same table; before the run is renamed."""
    rows = json.loads(table.to_json(orient="records", double_precision=12))
    text = "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in rows) + "\n]\n"
    (folder / FILE).write_text(text, encoding="utf-8")


def load(folder: Path) -> pd.DataFrame | None:
    """Read the table of a run; None where the run was made before drift was measured.

    Raises:
        BadInput: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return as_table(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as problem:
        raise BadInput(
            where=str(path),
            expected="the drift of a run as it was written",
            found=f"{type(problem).__name__}: {problem}",
            remedy="Make the run again in a new home, or restore the folder from a backup.",
        ) from None


def accept(folder: Path, *, why: str, by: str, now: dt.datetime) -> dict[str, Any]:
    """Note in a run's `run.json` who lets it pass and why; nothing else of the run changes.

    Returns:
        What `run.json` says now; unchanged when the run was not held back, or was accepted before.

    Raises:
        OresightError: no reason was given.
    """
    if not why.strip():
        raise OresightError("say why the run may pass, so that the next reader of the record understands it")
    path = folder / "run.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    if not is_held_back(about):
        return about
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    about["drift"]["accepted"] = {"why": why.strip(), "by": by, "at": at}
    aside = path.with_suffix(".json.part")
    with aside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(about, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return about
