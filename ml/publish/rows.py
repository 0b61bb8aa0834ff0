"""What the database holds of a run, as tables: read from the run's folder, and nowhere else."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.errors import BadInput
from features.knowledge_time import UTC, as_moment
from ml.contract import COLUMNS, EXPLANATION_COLUMNS, conform
from ml.drift import record
from ml.drift.measures import as_table
from ml.runs import is_held_back

# The weekly job calls this package.
if TYPE_CHECKING:
    from ml.runs import Run

__all__ = [
    "VALID_DAYS",
    "check_files",
    "digest_of",
    "drift_rows",
    "explanation_rows",
    "forecast_rows",
    "order_of",
    "run_row",
]

Json = dict[str, Any]
# A week, and a day for the next run to come.
VALID_DAYS = 8


def check_files(run: Run) -> None:
    """Hold a run's files against what was published.

    Raises:
        BadInput: one was changed or is missing.
    """
    if broken := run.broken_files():
        raise BadInput(
            where=f"{run.folder}",
            expected="the bytes that were published",
            found=f"others in {', '.join(broken)}",
            remedy="Nothing of the run was published; restore its folder from a backup.",
        )


def digest_of(about: Mapping[str, Any]) -> str:
    """Give the hash of what a run publishes: its files, and whether somebody let it pass."""
    said = [about["run_id"], sorted(about["files"].items()), is_held_back(about)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def order_of(about: Mapping[str, Any]) -> tuple[dt.datetime, dt.datetime]:
    """Give what newer means: the week first, then when the run was made; the last one of both is current."""
    return as_moment(about["as_of"]), dt.datetime.fromisoformat(about["created_at"]).astimezone(UTC)


def run_row(about: Mapping[str, Any], *, now: dt.datetime) -> Json:
    """Give the row of `runs`."""
    as_of, created_at = order_of(about)
    names = ("run_id", "week", "kind", "model_version", "data_digest", "rows", "pairs", "abstained", "stale")
    return {name: about[name] for name in names} | {
        "as_of": as_of,
        "as_of_date": as_of.date(),
        "created_at": created_at,
        "published_at": now.astimezone(UTC),
        "valid_until": as_of + dt.timedelta(days=VALID_DAYS),
        "model_alias": about.get("model_alias"),
        "drift_worst": (about.get("drift") or {}).get("worst"),
        "held_back": is_held_back(about),
        "digest": digest_of(about),
        "about": dict(about),
    }


def forecast_rows(run: Run) -> pd.DataFrame:
    """Give the rows of `forecasts`, with the contract's columns."""
    return conform(run.forecasts(), COLUMNS)


def explanation_rows(run: Run) -> pd.DataFrame:
    """Give the rows of `explanations`: those that moved the score at all, so that they still add up to it."""
    rows = conform(run.explanations(), EXPLANATION_COLUMNS)
    return rows[rows["contribution"].ne(0)].reset_index(drop=True)


def drift_rows(run: Run) -> pd.DataFrame:
    """Give the rows of `drift_figures`, the gravest first; none for a run made before drift was measured."""
    table = record.load(run.folder)
    rows = as_table([]) if table is None else table
    return rows.assign(run_id=run.run_id, number=range(1, len(rows) + 1))
