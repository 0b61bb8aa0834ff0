"""The track record as it lies in a home: where, how it is read again, and the same figures as flat rows.

Building it is `ml.ledger.track_record`, which brings all that scores forecasts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput

__all__ = ["FOLDER", "HEADLINE_LEAD", "as_table", "damaged", "read_record"]

Json = dict[str, Any]
# Where a home keeps the record that was built last.
FOLDER = "track-record"
# The lead of the headline figures: at which models are trained and backtested.
HEADLINE_LEAD = "July"


def read_record(home: Path) -> Json | None:
    """Read the record that was last built in a home; None where none was.

    Raises:
        BadInput: the file is damaged.
    """
    path = home / FOLDER / "track-record.json"
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise damaged(home, problem) from None


def damaged(home: Path, problem: Exception) -> BadInput:
    """Say that the record of a home can't be read, and what to do."""
    return BadInput(
        where=str(home / FOLDER / "track-record.json"),
        expected="the record as `oresight track-record` writes it",
        found=f"{type(problem).__name__}: {problem}",
        remedy="Run `oresight track-record` again.",
    )


def as_table(record: Json) -> pd.DataFrame:
    """Give the figures as flat rows for a spreadsheet: kind, target, horizon, slice, value and one column a figure."""
    rows: list[Json] = []
    for kind, targets in record["kinds"].items():
        for target, of_target in targets.items():
            for horizon, part in of_target["horizons"].items():
                scores = part["scores"]
                if scores is None:
                    continue
                where = {"kind": kind, "target": target, "horizon": horizon}
                every = {"slice": "all", "value": HEADLINE_LEAD, **scores["all"]}
                rows.extend(where | _flat(group) for group in (every, *scores["slices"]))
    table = pd.DataFrame(rows)
    return table if len(table) else pd.DataFrame(columns=["kind", "target", "horizon", "slice", "value", "n", "events"])


def _flat(group: Json, before: str = "") -> Json:
    out: Json = {}
    for key, value in group.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            out |= _flat(value, f"{name}_")
        else:
            out[name.removesuffix("_value")] = value
    return out
