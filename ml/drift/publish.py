"""Drift as others read it: metrics for MLflow, lines for Prometheus, a section of the weekly page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from features.panel import SIGNALS
from ml.backtest_report import template_environment
from ml.drift.forecasts import MODEL
from ml.drift.limits import LEVELS
from ml.drift.measures import findings, level_counts, worst_level

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
    lines = [
        *_gauge("oresight_drift_worst_level", "Worst drift of the newest run: 0 fine, 1 note, 2 watch, 3 stop."),
        f"oresight_drift_worst_level {LEVELS.index(worst_level(table))}",
        *_gauge("oresight_drift_run_held_back", "1 when the newest run was held back for drift."),
        f"oresight_drift_run_held_back {int(held_back)}",
        *_gauge("oresight_drift_week_timestamp_seconds", "Monday of the run that was measured."),
        f"oresight_drift_week_timestamp_seconds {week}",
        *_gauge("oresight_drift_findings", "Findings by family and level."),
    ]
    for signal in [*(signal.name for signal in SIGNALS), MODEL]:
        of = told.loc[told["signal"].eq(signal), "level"].value_counts()
        for level in TOLD:
            labels = f'family="{_escaped(signal)}",level="{level}"'
            lines.append(f"oresight_drift_findings{{{labels}}} {int(of.get(level, 0))}")
    for name, column, words in (
        ("oresight_source_age_days", "value", "Age of the newest fact of a dataset and source."),
        ("oresight_source_age_allowed_days", "bound", "Age that the source's calendar allows."),
    ):
        lines += _gauge(name, words)
        aged = table[table["kind"].eq("age")].sort_values("feature")
        for row in aged.to_dict("records"):
            dataset, _, source = str(row["feature"]).partition(".")
            lines.append(f'{name}{{dataset="{_escaped(dataset)}",source="{_escaped(source)}"}} {row[column]:g}')
    return lines


def _gauge(name: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} gauge"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


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
