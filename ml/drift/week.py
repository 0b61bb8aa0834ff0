"""One week's drift, from what the weekly run has at hand: pure but for the panel, which is computed on demand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

from features import datasets
from features.knowledge_time import as_moment
from features.panel import feature_names
from ml.drift import ages, figures, forecasts
from ml.drift.limits import LIMITS, Limits
from ml.drift.measures import as_table, level_counts, worst_level
from ml.drift.profile import check, like_dates, profile
from ml.knowledge import Knowledge, signals_named
from ml.runs import is_held_back

__all__ = ["check_facts", "check_revised", "check_week", "issued_before", "summary"]

# A forecast of next year, made in January, is settled three years and a month later; older runs say no more.
ISSUED_YEARS = 6


class Issued(Protocol):
    """A published run, as `ml.weekly` has it."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What `run.json` says."""

    def forecasts(self) -> pd.DataFrame:
        """Read the forecast table."""


def check_week(
    knowledge: Knowledge,
    issued_now: pd.DataFrame,
    *,
    signals: Sequence[str],
    trained_as_of: dt.datetime,
    issued_before: pd.DataFrame | None = None,
    limits: Limits = LIMITS,
) -> pd.DataFrame:
    """Measure everything about one week.

    Args:
        knowledge: what was known at the week's date; its families are those that are looked at.
        issued_now: the week's forecast rows.
        signals: the families the served model reads.
        trained_as_of: when it was trained; profiles rest on years before that.
        issued_before: forecast rows of earlier weeks, for calibration; without them there is none.

    Returns:
        The table of `ml.drift.measures`, the gravest first, also with what is fine.
    """
    as_of = knowledge.as_of
    names = feature_names(knowledge.signals)
    weighted = feature_names(signals_named(signals))
    before = profile(knowledge.panel(like_dates(as_of, trained_as_of)), names)
    rows = [
        *check(before, knowledge.current_panel, weighted=weighted, limits=limits),
        *check_facts(knowledge.tables, as_of, signals=signals, limits=limits),
        *forecasts.check_predictions(issued_now, limits=limits),
    ]
    if issued_before is not None:
        rows += forecasts.check_calibration(issued_before, knowledge.labels, limits=limits)
    return as_table(rows)


def check_facts(
    tables: Mapping[str, pd.DataFrame], as_of: dt.datetime, *, signals: Sequence[str], limits: Limits = LIMITS
) -> list[dict[str, Any]]:
    """Measure the facts alone: sizes of figures, revisions and ages; see `check_week`."""
    return [
        *figures.check_figures(tables, weighted=signals, limits=limits),
        *check_revised(tables, as_of, signals=signals, limits=limits),
        *ages.check_ages(tables, pd.Timestamp(as_of), weighted=signals, limits=limits),
    ]


def check_revised(
    tables: Mapping[str, pd.DataFrame], as_of: dt.datetime, *, signals: Sequence[str], limits: Limits = LIMITS
) -> list[dict[str, Any]]:
    """Measure what was revised of late; see `ml.drift.figures.check_revisions`."""
    keys = {name: list(datasets.dataset(name).key) for name in figures.FIGURES}
    return figures.check_revisions(tables, pd.Timestamp(as_of), keys, weighted=signals, limits=limits)


def issued_before(runs: Iterable[Issued], as_of: dt.datetime) -> pd.DataFrame | None:
    """Give the forecast rows of runs of earlier weeks, one run a week, those held back left out; None without any."""
    oldest = as_of - dt.timedelta(days=366 * ISSUED_YEARS)
    newest: dict[str, Issued] = {}
    for run in sorted(runs, key=lambda run: str(run.about["created_at"])):
        if oldest <= as_moment(run.about["as_of"]) < as_of and not is_held_back(run.about):
            newest[run.about["as_of"]] = run
    tables = [run.forecasts()[list(forecasts.ISSUED)] for _, run in sorted(newest.items())]
    return pd.concat(tables, ignore_index=True) if tables else None


def summary(table: pd.DataFrame, *, accepted: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Give what `run.json` keeps: the worst level, counts, the reasons for a stop, and who accepted it and why."""
    stops = table.loc[table["level"].eq("stop"), "sentence"].tolist()
    return {
        "worst": worst_level(table),
        "counts": level_counts(table),
        "stops": stops,
        "accepted": dict(accepted) if accepted else None,
    }
