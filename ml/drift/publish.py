"""Drift as others read it: metrics for MLflow, lines for Prometheus, a section of the weekly page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from features.panel import SIGNALS
from ml.drift.forecasts import MODEL
from ml.drift.limits import LEVELS
from ml.drift.measures import findings, level_counts, worst_level
from ml.pages import template_environment
from ml.prometheus_text import Gauge, exposition

__all__ = ["html_section", "metrics", "prometheus_lines"]

TOLD = LEVELS[1:]
# What a person reads first; the rest is in drift.json.
MOST_SHOWN = 20


def metrics(table: pd.DataFrame) -> dict[str, float]:
    """Give what a run logs: the worst level (0 fine to 3 stop), findings per level and, per family, its worst level.

    Also the largest stability index and the largest share of missing values of each family that was measured.
    """
    found: dict[str, float] = {"drift_worst": float(LEVELS.index(worst_level(table)))}
    found |= {f"drift_{level}": float(count) for level, count in level_counts(table).items()}
    for signal, part in table.groupby("signal", sort=True):
        found[f"drift_{signal}_worst"] = float(LEVELS.index(worst_level(part)))
        for kind, name in (("population", "psi_most"), ("missing", "missing_most")):
            values = part.loc[part["kind"].eq(kind), "value"]
            if len(values):
                found[f"drift_{signal}_{name}"] = float(values.max())
    return found


def prometheus_lines(table: pd.DataFrame, *, as_of: str, held_back: bool = False) -> list[str]:
    """Give the drift of one run in Prometheus' text exposition format, version 0.0.4, without the final line feed.

    Every family and level is there, also at zero: a series that vanishes looks like one that is fine. Only ages of
    sources that are measured have a line.

    Args:
        as_of: the week, an ISO date, told as the moment in seconds since 1970.
        held_back: the newest run was not made current.
    """
    told = findings(table)
    week = int(pd.Timestamp(as_of, tz="UTC").timestamp())
    levels = {
        signal: told.loc[told["signal"].eq(signal), "level"].value_counts()
        for signal in [*(signal.name for signal in SIGNALS), MODEL]
    }
    found = [
        ({"family": signal, "level": level}, int(counts.get(level, 0)))
        for signal, counts in levels.items()
        for level in TOLD
    ]
    aged = table[table["kind"].eq("age")].sort_values("feature").to_dict("records")
    places = [dict(zip(("dataset", "source"), str(row["feature"]).partition(".")[::2], strict=True)) for row in aged]
    gauges: list[Gauge] = [
        (
            "oresight_drift_worst_level",
            "Worst drift of the newest run: 0 fine, 1 note, 2 watch, 3 stop.",
            [({}, LEVELS.index(worst_level(table)))],
        ),
        ("oresight_drift_run_held_back", "1 when the newest run was held back for drift.", [({}, int(held_back))]),
        ("oresight_drift_week_timestamp_seconds", "Monday of the run that was measured.", [({}, week)]),
        ("oresight_drift_findings", "Findings by family and level.", found),
    ]
    for name, column, words in (
        ("oresight_source_age_days", "value", "Age of the newest fact of a dataset and source."),
        ("oresight_source_age_allowed_days", "bound", "Age that the source's calendar allows."),
    ):
        gauges.append((name, words, [(place, row[column]) for place, row in zip(places, aged, strict=True)]))
    return exposition(gauges)


def html_section(table: pd.DataFrame, *, accepted: Mapping[str, Any] | None = None) -> Markup:
    """Give the section of the weekly page about drift, in its classes; the gravest findings first.

    Args:
        accepted: `by` and `why`, when somebody let a run pass that would have been held back.
    """
    told = findings(table)
    text = (
        template_environment()
        .get_template("drift_section.html.j2")
        .render(
            worst=worst_level(table),
            counts=level_counts(table),
            accepted=accepted,
            lines=told.head(MOST_SHOWN).to_dict("records"),
            more=max(len(told) - MOST_SHOWN, 0),
        )
    )
    return Markup(text)
