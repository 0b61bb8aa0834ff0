"""Learning curves: what more years of record, and more minerals to learn from, are worth.

Uncalibrated, as few years leave none to calibrate on. Years of record are compared on origins at which each length is
there; shares of minerals on all origins, with the quarters of minerals taking turns so that each is learned from as
often as any other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.knowledge_time import UTC
from ml import tracking
from ml.experiments.ideas import Idea
from ml.experiments.trial import SPAN, opened, predictions_of
from ml.generalisation.study import METRICS, drawn_figures, told
from ml.origins import FIRST_TRAINING_YEAR
from ml.settings import load_settings
from ml.studies import checked_origins
from models.alternatives import Boosted
from models.combinations import fold_of
from models.model import Model
from models.targets import TARGETS

__all__ = ["QUARTERS", "YEARS", "curve_ideas", "quarter_of", "study"]

YEARS = (3, 5, 8, 10, 15)
QUARTERS = 4
ALL = "all"
KEY = ["mineral", "supplier", "as_of"]
# At these origins at least the longest of YEARS is on record: the last label known at T is of T - 2.
LONG = (FIRST_TRAINING_YEAR + max(YEARS) + 1, SPAN[1])


def quarter_of(mineral: str) -> int:
    """Deal a mineral to one of `QUARTERS` groups, by a hash of its name."""
    return fold_of(f"quarter {mineral}", QUARTERS)


def _boosted(names: Sequence[str], target: str) -> Model:
    return Boosted(names)


def _last_years(rows: pd.DataFrame, *, years: int) -> pd.DataFrame:
    return rows[rows["target_year"] > rows["target_year"].max() - years]


def _quarters(rows: pd.DataFrame, *, first: int, count: int) -> pd.DataFrame:
    wanted = {(first + number) % QUARTERS for number in range(count)}
    return rows[rows["mineral"].map(quarter_of).isin(wanted)]


def curve_ideas() -> tuple[Idea, ...]:
    """Give the booster learned from everything, from the last years only, and from some quarters of minerals."""
    years = [
        Idea(f"years-{count}", f"The last {count} target years.", _boosted, learn=partial(_last_years, years=count))
        for count in YEARS
    ]
    shares = [
        Idea(
            f"quarters-{count}-from-{first}",
            f"{count} of {QUARTERS} quarters of minerals.",
            _boosted,
            learn=partial(_quarters, first=first, count=count),
        )
        for count in range(1, QUARTERS)
        for first in range(QUARTERS)
    ]
    return (Idea(ALL, "Everything known.", _boosted), *years, *shares)


def _scored(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["onset"].astype("bool") & table["label"].notna()].sort_values(KEY, ignore_index=True)


def _point(tables: Sequence[pd.DataFrame], base: pd.DataFrame, *, draws: int) -> dict[str, Any]:
    # The mean of a figure over models that learned from other quarters, not the figure of their mean forecast.
    own = [drawn_figures(table, table["probability"].to_numpy(), draws=draws) for table in tables]
    mean = {
        name: (float(np.mean([one[name][0] for one in own])), np.mean([one[name][1] for one in own], axis=0))
        for name in METRICS
    }
    reference = drawn_figures(base, base["probability"].to_numpy(), draws=draws)
    return {"n": len(base), "events": int(base["label"].sum()), **told(mean, reference)}


def study(
    out: Path,
    *,
    draws: int = 300,
    as_of: str | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Fit each point of both curves and score it on the same onset rows as the model of everything.

    Returns:
        What it follows from, `minerals` learned from by quarter, and `points`: target, curve ("years" or "minerals"),
        x (years, or percent of minerals), label, n, events, the metrics of `ml.generalisation.study` and their gains
        over everything.
    """
    settings = load_settings(home)
    knowledge = opened(settings, ["trade"], as_of, now=dt.datetime.now(UTC), say=say)
    ideas = curve_ideas()
    by_years = [idea for idea in ideas if idea.name.startswith("years-")]
    others = [idea for idea in ideas if idea not in by_years]
    made: dict[tuple[str, str], pd.DataFrame] = {}
    for span, chosen in ((SPAN, others), (LONG, by_years)):
        origins = checked_origins(*span, knowledge.as_of)
        made |= predictions_of(
            knowledge, chosen, tuple(TARGETS), origins, out=out, workers=settings.workers, say=say, known=curve_ideas
        )
    say("Scoring")
    points = []
    for target in TARGETS:
        base = _scored(made[ALL, target])
        long = base[base["as_of"].dt.year >= LONG[0]].reset_index(drop=True)
        points += _years(made, target, long, draws) + _shares(made, target, base, draws)
    minerals = sorted(set(made[ALL, next(iter(TARGETS))]["mineral"]))
    return {
        "as_of": knowledge.as_of.date().isoformat(),
        "data_digest": knowledge.digest,
        "git_commit": tracking.git_commit(),
        "draws": draws,
        "origins": f"{SPAN[0]}-{SPAN[1]}",
        "long_origins": f"{LONG[0]}-{LONG[1]}",
        "minerals": [sum(quarter_of(name) == number for name in minerals) for number in range(QUARTERS)],
        "points": points,
    }


def _years(
    made: Mapping[tuple[str, str], pd.DataFrame], target: str, base: pd.DataFrame, draws: int
) -> list[dict[str, Any]]:
    first, last = (year - FIRST_TRAINING_YEAR - 1 for year in LONG)
    about = {"target": target, "curve": "years"}
    points = [
        {
            **about,
            "x": years,
            "label": str(years),
            **_point([_scored(made[f"years-{years}", target])], base, draws=draws),
        }
        for years in YEARS
    ]
    everything = {**about, "x": (first + last) / 2, "label": f"all ({first} to {last})"}
    return [*points, {**everything, **_point([base], base, draws=draws)}]


def _shares(
    made: Mapping[tuple[str, str], pd.DataFrame], target: str, base: pd.DataFrame, draws: int
) -> list[dict[str, Any]]:
    points = []
    for count in range(1, QUARTERS + 1):
        names = [f"quarters-{count}-from-{first}" for first in range(QUARTERS)] if count < QUARTERS else [ALL]
        percent = 100 * count // QUARTERS
        about = {"target": target, "curve": "minerals", "x": percent, "label": f"{percent} %"}
        points.append({**about, **_point([_scored(made[name, target]) for name in names], base, draws=draws)})
    return points
