"""Taking published runs into the ledger of issued forecasts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING

from features.collection.payloads import sha256_of
from ml.ledger.chain import Ledger
from ml.ledger.entries import entry_rows
from ml.runs import is_held_back
from ml.settings import Settings

# The weekly job calls this module.
if TYPE_CHECKING:
    from ml.runs import Run

__all__ = ["issued_ledger", "record_run", "record_runs"]


def issued_ledger(settings: Settings) -> Ledger:
    """Give the ledger of issued forecasts."""
    return Ledger(settings.home / "ledger")


def record_run(settings: Settings, run: Run, *, now: dt.datetime, is_shadow: bool = False) -> bool:
    """Take every row of a published run into the ledger; one that is there already, or held back, adds nothing.

    Args:
        now: the clock; it decides what kind of forecast each row is (`ml.ledger.entries`).
        is_shadow: the model did not serve.

    Returns:
        Whether it was added.

    Raises:
        OresightError: another process is adding to the ledger.
        BadInput: the ledger is broken at its end.
    """
    return bool(record_runs(settings, [run], now=now, is_shadow=is_shadow))


def record_runs(settings: Settings, runs: Iterable[Run], *, now: dt.datetime, is_shadow: bool = False) -> int:
    """Take several published runs into the ledger, and say how many were added; see `record_run`."""
    added = 0
    with issued_ledger(settings).writing() as writer:
        for run in runs:
            # What is held back has been said to nobody; once accepted, it counts from that hour.
            if run.run_id in writer.known or is_held_back(run.about):
                continue
            about = {
                "created_at": run.about["created_at"],
                "published_sha256": sha256_of(run.folder / "forecasts.parquet"),
            }
            rows = entry_rows(run.forecasts(), issued_at=now, kind="shadow" if is_shadow else None)
            added += writer.append(run.run_id, rows, recorded_at=now, about=about)
    return added
