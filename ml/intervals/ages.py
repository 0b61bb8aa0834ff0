"""Forecasts from older figures than there were: what each year of age costs, and whether intervals hold it.

At each origin the model of the longest lead is fitted as ever, and forecasts the year under way from what was known
years before: as if a pair's figures had stopped coming.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from features.signals.trade import TRACKED_SHARE_FRAC
from ml.engine import run_partitions
from ml.intervals.coverage import coverage_table
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge
from ml.origins import Origin, training_dates
from ml.scores import brier_skill, finite, roc_auc
from models.calibrated import can_calibrate
from models.ended import without_ended
from models.forecaster import LEARNED_FROM, Forecaster, labelled_rows
from models.gradient_boosting import Parameters
from models.targets import resolved_by

__all__ = ["AGES", "age_table", "aged_forecasts"]

TARGET, HORIZON = "supply_drop", "current_year"
# Figures of two years back are the freshest there are in July; the longest lead learned from is four years.
FRESHEST, LONGEST = 2, max(LEARNED_FROM)
AGES = tuple(range(LONGEST, LONGEST + 6))
KEY = ["mineral", "supplier"]


@dataclass(frozen=True)
class AgedPlan:
    """What is fitted at each origin."""

    features: tuple[str, ...]
    parameters: Parameters = field(default_factory=Parameters)


def forecasts_at(panel: pd.DataFrame, labels: pd.DataFrame, origin: Origin, plan: AgedPlan) -> pd.DataFrame:
    """Forecast the year of the origin from the panel of each earlier July, with the model of the origin.

    Args:
        panel: rows at the yearly dates up to the origin.

    Returns:
        age (years from the last known figures to the origin), as_of, mineral, supplier, label, and what
        `Forecaster.predict_with_support` gives.
    """
    cutoff = pd.Timestamp(origin.as_of)
    past, now = panel[panel["as_of"] < cutoff], panel[panel["as_of"].eq(cutoff)]
    forecaster = Forecaster.fit(
        past,
        labels,
        trained_as_of=cutoff,
        features=without_ended(plan.features, past, now),
        parameters=plan.parameters,
        targets=[TARGET],
        leads=[_longest_lead(past, labels, cutoff)],
    )
    tables = []
    for age in AGES:
        then = panel[panel["as_of"].dt.year.eq(cutoff.year - (age - FRESHEST)) & (panel["share"] >= TRACKED_SHARE_FRAC)]
        then = then[then[forecaster.never_missing].notna().all(axis=1)].reset_index(drop=True)
        rows = then.assign(as_of=cutoff, trade_data_age_years=float(age))
        told = forecaster.predict_with_support(rows)
        told = told[told["horizon"].eq(HORIZON)].reset_index(drop=True)
        label = labelled_rows(rows, labels, TARGET, HORIZON)["label"].to_numpy()
        tables.append(told.assign(age=age, label=label))
    return pd.concat(tables, ignore_index=True)


def _longest_lead(past: pd.DataFrame, labels: pd.DataFrame, cutoff: pd.Timestamp) -> int:
    # The first origins hold too few outcomes of the longest lead: there a shorter one is as stale as the rest.
    for lead in sorted(LEARNED_FROM, reverse=True):
        rows = labelled_rows(past, labels, TARGET, LEARNED_FROM[lead])
        if can_calibrate(rows[resolved_by(rows, cutoff)]):
            return lead
    return min(LEARNED_FROM)


def _work(origin: Origin, *, folder: Path, plan: AgedPlan) -> pd.DataFrame:
    panel, labels = (pd.read_parquet(folder / f"{name}.parquet") for name in ("panel", "labels"))
    return forecasts_at(panel, labels, origin, plan)


def aged_forecasts(
    knowledge: Knowledge, origins: Sequence[Origin], features: Sequence[str], *, workers: int
) -> pd.DataFrame:
    """Give `forecasts_at` of every origin, with outcomes only."""
    plan = AgedPlan(tuple(features))
    dates = sorted({*training_dates(max(origins).as_of), *(origin.as_of for origin in origins)})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC).to_parquet(folder / "panel.parquet")
        knowledge.labels.to_parquet(folder / "labels.parquet")
        found = [
            table for _, table in run_partitions(partial(_work, folder=folder, plan=plan), origins, workers=workers)
        ]
    rows = pd.concat(found, ignore_index=True).sort_values(["as_of", "age", *KEY], ignore_index=True)
    return rows[rows["label"].notna()].assign(year=rows["window_start"].dt.year)


def age_table(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Give, per age of the figures: coverage, AUC, and skill over the pair history known at the origin."""
    table = []
    for age, part in rows.groupby("age"):
        label, p = part["label"].to_numpy(), part["probability"].to_numpy()
        (line,) = coverage_table(part)
        scores = {"auc": finite(roc_auc(label, p)), "skill": brier_skill(label, p, part["base_rate"].to_numpy())}
        table.append(line | {"group": str(age), "stale_years": max(int(age) - LONGEST, 0)} | scores)
    return table
