"""The page of the learning curves: a table per curve and target, and a chart of each curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from ml.charts import styled, to_svg
from ml.generalisation.study import METRICS
from ml.page_tables import cell, made_by, table
from ml.pages import TARGET_NAMES
from models.targets import TARGETS

__all__ = ["CHARTS", "render"]

Row = Mapping[str, Any]
SHOWN = ("roc_auc", "when", "brier_skill")
COLOURS = {"supply_drop": "#0b3c6f", "severe_supply_drop": "#c2570c"}
CURVES = {"years": "Target years learned from", "minerals": "Minerals learned from"}
WHAT = (
    "What more data would buy, told from less: the champion's booster on trade alone, uncalibrated, as few years leave "
    "none to calibrate on. Onset rows of the current year, all points of a curve on the same rows. Intervals of 95 % "
    "from {draws} draws of minerals and years as blocks; differences are to the model of everything, on the "
    "same draws.\n"
)
YEARS = (
    "Years are compared on the origins {long_origins}, where the longest record is there. The features look back as "
    "far as they always do: only the outcomes learned from are fewer.\n"
)
MINERALS = (
    "Minerals are dealt to four quarters by a hash of their names ({minerals} of those that are scored). A point is "
    "the mean over models that each learned from one, two or three of them, in turn, on the origins {origins}; all "
    "minerals are scored, those learned from and the others.\n"
)


def _chart(result: Mapping[str, Any], curve: str) -> str:
    points = [row for row in result["points"] if row["curve"] == curve]
    order = list(dict.fromkeys(row["label"] for row in points))
    frame = pd.DataFrame(
        [
            {"at": row["label"], "target": TARGET_NAMES[row["target"]], "auc": row["roc_auc"]["value"]}
            | {end: row["roc_auc"][end] for end in ("low", "high")}
            for row in points
        ]
    )
    names = [TARGET_NAMES[target] for target in TARGETS]
    colour = alt.Color("target:N", title=None, sort=names, scale=alt.Scale(domain=names, range=[*COLOURS.values()]))
    base = alt.Chart(frame).encode(
        x=alt.X("at:O", title=CURVES[curve], sort=order, axis=alt.Axis(labelAngle=0)), color=colour
    )
    scale = alt.Scale(domain=[0.65, 0.9], clamp=True)
    y = alt.Y("auc:Q", title="Area under the curve", scale=scale)
    bars = base.mark_rule(strokeWidth=1.2, opacity=0.6).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(strokeWidth=1.8, point=alt.OverlayMarkDef(size=45)).encode(
        y=y, strokeDash=alt.StrokeDash("target:N", sort=names, legend=None)
    )
    return to_svg(styled([bars, line], CURVES[curve], "New drops only; bars: 95 % intervals"))


CHARTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "years": lambda result: _chart(result, "years"),
    "minerals": lambda result: _chart(result, "minerals"),
}


def render(result: Mapping[str, Any]) -> str:
    """Give the page in Markdown from what `ml.generalisation.curves.study` gave; charts lie beside it."""
    about = {**result, "minerals": ", ".join(map(str, result["minerals"]))}
    parts = ["# Learning curves\n", WHAT.format(**about)]
    for curve, text in (("years", YEARS), ("minerals", MINERALS)):
        title = CURVES[curve]
        parts += [f"## {title}\n", text.format(**about), f"![{title}: AUC](learning-curves/{curve}.svg)\n"]
        for target in TARGETS:
            rows = [row for row in result["points"] if row["curve"] == curve and row["target"] == target]
            parts += [f"### `{target}`\n", _table(rows, title)]
    parts.append(made_by("learning-curves", result))
    return "\n".join(parts)


def _table(rows: Sequence[Row], title: str) -> str:
    lines = []
    for row in rows:
        cells = [text for name in SHOWN for text in (cell(row[name]), cell(row[f"{name}_gain"], sign="+"))]
        lines.append([row["label"], f"{row['n']:,}", f"{row['events']:,}", *cells])
    heads = [text for name in SHOWN for text in (METRICS[name], "difference")]
    return table([title.lower(), "n", "events", *heads], lines)
