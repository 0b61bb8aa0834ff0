"""Runs as CSV for spreadsheets: `published/csv/<run_id>.csv`, and `current.csv` for the newest one.

UTF-8 with a byte order mark, as Excel needs it; RFC 4180 line ends; ISO dates; the contract's columns in their order.
A text that a spreadsheet would take for a formula begins with an apostrophe (OWASP, CSV Injection).
"""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ml.contract import COLUMNS, MOMENT
from ml.publish.folder import only_writer, write_whole
from ml.publish.rows import check_files, digest_of, forecast_rows, order_of
from ml.runs import is_held_back

# The weekly job calls this package.
if TYPE_CHECKING:
    from ml.runs import Run

__all__ = ["FORMULA_STARTS", "CsvFolder", "as_csv"]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
INDEX = "index.json"


def as_csv(rows: pd.DataFrame) -> bytes:
    """Write forecast rows for a spreadsheet; without rows there is the heading."""
    safe = rows[list(COLUMNS)].copy()
    for name, kind in COLUMNS.items():
        if kind == "str":
            is_formula = safe[name].str.startswith(FORMULA_STARTS).fillna(False).astype(bool)
            safe[name] = safe[name].where(~is_formula, "'" + safe[name])
        elif kind == MOMENT:
            safe[name] = safe[name].dt.strftime("%Y-%m-%d")
    text = safe.to_csv(index=False, lineterminator="\r\n")
    return codecs.BOM_UTF8 + text.encode("utf-8")


class CsvFolder:
    """The folder that holds published runs as CSV."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, run: Run) -> bool:
        """Tell whether a run is published as it is now."""
        return self._index().get(run.run_id, {}).get("digest") == digest_of(run.about) and self._path(run).exists()

    def publish(self, run: Run, *, again: bool = False) -> bool:
        """Write a run's file, and `current.csv` if no newer run is there; a run that was held back is left out.

        Returns:
            Whether anything was written.

        Raises:
            BadInput: a file of the run is not what was published.
            OresightError: another publisher is writing.
        """
        about = run.about
        with only_writer(self.folder):
            if is_held_back(about) or (self.has(run) and not again):
                return False
            check_files(run)
            content = as_csv(forecast_rows(run))
            index = self._index()
            order = [moment.isoformat() for moment in order_of(about)]
            write_whole(self._path(run), lambda aside: aside.write_bytes(content))
            if all(order >= other["order"] for other in index.values()):
                write_whole(self.folder / "current.csv", lambda aside: aside.write_bytes(content))
            index[run.run_id] = {"digest": digest_of(about), "order": order}
            text = json.dumps(index, indent=1) + "\n"
            write_whole(self.folder / INDEX, lambda aside: aside.write_text(text, encoding="utf-8"))
        return True

    def _path(self, run: Run) -> Path:
        return self.folder / f"{run.run_id}.csv"

    def _index(self) -> dict[str, dict]:
        path = self.folder / INDEX
        # What can't be read is written anew, from the runs.
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return {}
