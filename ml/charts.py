"""The charts of a backtest, as Altair charts and as self-contained SVG text.

Each function takes plain arrays or a part of the score table (`ml.score_table`) and gives one
chart in the look of `styled`: fixed size, colours that stay apart for colour-blind readers and
dashes that stay apart in black and white. `to_svg` needs no browser, script or network; the same
chart gives the same bytes.
"""

from __future__ import annotations

__all__ = [
    "mineral_chart",
    "precision_recall_chart",
    "reliability_chart",
    "roc_chart",
    "slice_chart",
    "styled",
    "to_svg",
    "year_chart",
]

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import sklearn.metrics as skm
import vl_convert
from numpy.typing import NDArray

from ml.pages import MODEL_NAMES, SLICE_NAMES, name_of
from ml.score_table import BASELINES, CHAMPION, SLICES, in_order
from ml.scores import average_precision, reliability_table, roc_auc

Floats = NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]

COLOURS = {
    "lightgbm": "#0b3c6f",
    "pair_history": "#c2570c",
    "climatology": "#6b7280",
    "persistence": "#2a8068",
    "logistic_regression": "#8b4f9f",
}
DASHES = {
    "lightgbm": [1, 0],
    "pair_history": [7, 3],
    "climatology": [2, 2],
    "persistence": [9, 3, 2, 3],
    "logistic_regression": [4, 2],
}
FONT = "Arial, Helvetica, Liberation Sans, sans-serif"
INK, FAINT = "#1c2530", "#9aa3ad"
WIDTH, HEIGHT, ROW_HEIGHT = 400, 280, 15
CURVE = np.linspace(0, 1, 201)


def to_svg(chart: alt.LayerChart) -> str:
    """Render a chart as SVG text; ids in it are derived from its content, so charts can share a page."""
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=version, allowed_base_urls=[])
    ids = dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))
    for number, old in enumerate(ids):  # the renderer counts ids over the life of the process
        svg = re.sub(rf'(\bid="|url\(#){re.escape(old)}(?=["\)])', rf"\g<1>@{number}", svg)
    digest = hashlib.sha256(svg.encode()).hexdigest()[:10]
    return re.sub(r'(\bid="|url\(#)@', rf"\g<1>c{digest}-", svg)


def reliability_chart(label: Floats, probability: Mapping[str, Floats], *, title: str) -> alt.LayerChart:
    """Draw observed rate over mean probability per decile with Wilson intervals, and the diagonal."""
    shown = [model for model in (CHAMPION, "pair_history") if model in probability]
    table = pd.concat([reliability_table(label, probability[m]).assign(model=m) for m in shown])
    top = _round_up(float(table[["mean_probability", "high"]].to_numpy().max()), 0.1)
    table["model"] = [name_of(m, MODEL_NAMES) for m in table["model"]]
    x = alt.X("mean_probability:Q", title="Probability given (mean of the tenth)", **_percent(0, top))
    base = alt.Chart(table).encode(x=x, **_by_model(shown))
    y = alt.Y("observed_frac:Q", title="How often it happened", **_percent(0, top))
    diagonal = _line(pd.DataFrame({"mean_probability": [0, top], "observed_frac": [0, top]}), x, y)
    bars = base.mark_rule(strokeWidth=1.2, opacity=0.7).encode(
        y=alt.Y("low:Q", title="How often it happened"), y2="high:Q"
    )
    dots = base.mark_line(point={"size": 45, "filled": True}, strokeWidth=1.4).encode(y=y)
    return styled([diagonal, bars, dots], title, "On the dashed line, given and observed agree")


def roc_chart(label: Floats, probability: Mapping[str, Floats], *, title: str) -> alt.LayerChart:
    """Draw events caught over non-events alarmed for every cut-off and model; AUC in the legend."""
    parts, legend = [], {}
    for model, p in probability.items():
        false_rate, true_rate, _ = skm.roc_curve(label, p)
        keep = np.unique(np.searchsorted(false_rate, CURVE))  # about 200 real points of the curve
        keep = np.union1d(keep, [0, len(false_rate) - 1])
        parts.append(pd.DataFrame({"x": false_rate[keep], "y": true_rate[keep], "model": model}))
        legend[model] = f"{name_of(model, MODEL_NAMES)} {roc_auc(label, p):.2f}"
    x = alt.X("x:Q", title="Share of quiet cases alarmed", **_percent(0, 1))
    y = alt.Y("y:Q", title="Share of drops caught", **_percent(0, 1))
    curves = _curves(parts, legend, "Area under the curve").encode(x=x, y=y)
    coin = _line(pd.DataFrame({"x": [0, 1], "y": [0, 1]}), x, y)
    return styled([coin, curves], title, "Higher is better; the dashed line is a coin flip")


def precision_recall_chart(label: Floats, probability: Mapping[str, Floats], *, title: str) -> alt.LayerChart:
    """Draw the share of right alerts over the share of events caught; average precision in the legend."""
    parts, legend = [], {}
    for model, p in probability.items():
        precision, recall, _ = skm.precision_recall_curve(label, p)
        precision, recall = precision[-2::-1], recall[-2::-1]  # from the highest cut-off; no invented end
        keep = np.unique(np.clip(np.searchsorted(recall, CURVE[4:]), 0, len(recall) - 1))
        parts.append(pd.DataFrame({"x": recall[keep], "y": precision[keep], "model": model}))
        legend[model] = f"{name_of(model, MODEL_NAMES)} {average_precision(label, p):.2f}"
    x = alt.X("x:Q", title="Share of drops caught", **_percent(0, 1))
    top = min(1.0, _round_up(max(float(part["y"].max()) for part in parts), 0.2))
    y = alt.Y("y:Q", title="Share of alerts that were right", **_percent(0, top))
    curves = _curves(parts, legend, "Average precision").encode(x=x, y=y)
    rate = float(np.mean(label))
    base = _line(pd.DataFrame({"x": [0.0, 1.0], "y": [rate, rate]}), x, y)
    note = f"Higher is better; the dashed line is the base rate, {100 * rate:.0f} %"
    return styled([base, curves], title, note)


def year_chart(by_year: Rows, *, title: str) -> alt.LayerChart:
    """Draw AUC per year of the forecast; years with too few events are hollow and not joined."""
    table = _long(by_year, "year")
    x = alt.X("key:O", title="Year of the forecast", axis=alt.Axis(labelAngle=-90))
    y = alt.Y("auc:Q", title="Area under the curve", scale=_auc_scale(table["auc"]))
    base = alt.Chart(table).encode(x=x, **_by_model(_ids(table)))
    joined = base.mark_line(strokeWidth=1.8).encode(y=alt.Y("joined:Q", title="Area under the curve"))
    full = base.transform_filter("!datum.insufficient").mark_point(size=45, filled=True, opacity=1).encode(y=y)
    few = base.transform_filter("datum.insufficient").mark_point(size=45, fill="white", opacity=1).encode(y=y)
    note = "New drops only; dashed line: a coin flip; hollow: too few drops to judge"
    return styled([_coin_flip("y"), joined, full, few], title, note)


def mineral_chart(by_mineral: Rows, *, title: str) -> alt.LayerChart:
    """Draw AUC per mineral as dots, best first; minerals with too few events are left out."""
    table = _long([row for row in by_mineral if not row["insufficient"]], "mineral")
    table["key"] = [
        f"{name_of(str(key), {})} ({events} of {n})"
        for key, events, n in zip(table["key"], table["events"], table["n"], strict=True)
    ]
    ours = table[table["id"] == _ids(table)[0]].sort_values(["auc", "key"], ascending=[False, True])
    y = alt.Y("key:N", title=None, sort=list(ours["key"]), axis=alt.Axis(labelLimit=220, grid=True))
    x = alt.X("auc:Q", title="Area under the curve", scale=_auc_scale(table["auc"]))
    dots = (
        alt.Chart(table)
        .mark_point(size=42, filled=True, opacity=1)
        .encode(x=x, y=y, **_by_model(_ids(table), dash=False))
    )
    note = "New drops only; in brackets: drops of all cases; dashed line: a coin flip"
    return styled([_coin_flip("x"), dots], title, note, height=max(2, len(ours)) * ROW_HEIGHT, width=300)


def slice_chart(slices: Mapping[str, Mapping[str, Any]], *, title: str) -> alt.LayerChart:
    """Draw the champion's AUC per slice as bars from 0.5, best first, with intervals and pair history."""
    rows = []
    for name in in_order(slices, SLICES):
        part = slices[name]
        auc = part["models"].get(CHAMPION, {}).get("roc_auc", {"value": None})
        if auc["value"] is None or part["insufficient"]:
            continue
        history = part["models"].get("pair_history", {}).get("roc_auc", {"value": None})["value"]
        words = f"{name_of(name, SLICE_NAMES)} ({part['events']:,} of {part['n']:,})"
        rows.append({"slice": words, **auc, "half": 0.5, "history": history})
    table = pd.DataFrame(rows, columns=["slice", "value", "low", "high", "half", "history"])
    table = table.astype(dict.fromkeys(["value", "low", "high", "half", "history"], float))
    order = list(table.sort_values(["value", "slice"], ascending=[False, True])["slice"])
    y = alt.Y("slice:N", title=None, sort=order, axis=alt.Axis(labelLimit=240))
    scale = _auc_scale(table[["value", "low", "history"]].min())
    x = alt.X("half:Q", title="Area under the curve", scale=scale)
    base = alt.Chart(table).encode(y=y)
    bars = base.mark_bar(height=14, color=COLOURS[CHAMPION], opacity=0.75).encode(x=x, x2="value:Q")
    reach = base.mark_rule(color=INK, strokeWidth=1.2).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    tick = base.mark_tick(color=COLOURS["pair_history"], thickness=3, size=18).encode(x="history:Q")
    note = "Bar: oresight, from a coin flip; line: 95 % interval; orange: pair history"
    return styled([bars, reach, tick], title, note, height=max(2, len(rows)) * 28, width=235)


def styled(
    layers: list[alt.Chart], title: str, note: str, *, width: int = WIDTH, height: int = HEIGHT
) -> alt.LayerChart:
    """Give the chart the one look of all oresight charts."""
    heading = alt.TitleParams(
        text=title, subtitle=note, anchor="start", frame="bounds", fontSize=13, subtitleFontSize=11, offset=10
    )
    axis = {"gridColor": "#e7eaee", "domainColor": FAINT, "tickColor": FAINT, "tickSize": 4}
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 11, "titleFontSize": 11}
    legend = {
        "orient": "bottom",
        "columns": 3,
        "symbolStrokeWidth": 2.2,
        "symbolSize": 60,
        "labelLimit": 220,
    }
    chart: Any = alt.layer(*layers)
    styled: alt.LayerChart = (
        chart.properties(width=width, height=height, title=heading)
        .configure(font=FONT, background="white", aria=False, padding=4)
        .configure_axis(**axis, **text, titleFontWeight="normal")
        .configure_legend(**legend, **text, titleFontWeight="normal")
        .configure_title(color=INK, subtitleColor="#4a5563")
        .configure_view(stroke=None)
    )
    return styled


def _by_model(models: Sequence[str], *, names: Mapping[str, str] = MODEL_NAMES, dash: bool = True) -> dict[str, Any]:
    """Give the colour (and dash) encodings of models, in order."""
    domain = [name_of(m, names) for m in models]
    colour = alt.Scale(domain=domain, range=[COLOURS.get(m, INK) for m in models])
    encodings: dict[str, Any] = {"color": alt.Color("model:N", scale=colour, title=None)}
    if dash:
        strokes = alt.Scale(domain=domain, range=[DASHES.get(m, [1, 1]) for m in models])
        encodings["strokeDash"] = alt.StrokeDash("model:N", scale=strokes, title=None)
    return encodings


def _curves(parts: list[pd.DataFrame], legend: dict[str, str], title: str) -> alt.Chart:
    table = pd.concat(parts).rename_axis("point").reset_index()
    encodings = _by_model(list(legend), names=legend)
    for channel in encodings.values():
        channel.title, channel.legend = title, alt.Legend(symbolSize=400)
    table["model"] = [legend[m] for m in table["model"]]
    return alt.Chart(table).mark_line(strokeWidth=1.8).encode(order="point:Q", **encodings)


def _long(rows: Rows, key: str) -> pd.DataFrame:
    """Give one row per group and model: key, n, events, insufficient, id, model, auc, joined."""
    table = pd.DataFrame(
        [
            {"key": row[key], "n": row["n"], "events": row["events"], "insufficient": row["insufficient"]}
            | {"id": model, "model": name_of(model, MODEL_NAMES), "auc": auc}
            for row in rows
            for model, auc in row["roc_auc"].items()
        ],
        columns=["key", "n", "events", "insufficient", "id", "model", "auc"],
    ).astype({"auc": float, "insufficient": bool})
    table["joined"] = table["auc"].mask(table["insufficient"])
    return table


def _ids(table: pd.DataFrame) -> list[str]:
    return in_order(table["id"], (CHAMPION, *BASELINES)) or [CHAMPION]


def _line(table: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    return alt.Chart(table).mark_line(color=FAINT, strokeDash=[4, 4], strokeWidth=1.2).encode(x=x, y=y)


def _coin_flip(channel: str) -> alt.Chart:
    rule = alt.Chart(pd.DataFrame({"half": [0.5]})).mark_rule(color=FAINT, strokeDash=[4, 4], strokeWidth=1.2)
    return rule.encode(**{channel: alt.datum(0.5)})


def _percent(low: float, high: float) -> dict[str, Any]:
    return {"scale": alt.Scale(domain=[low, high], nice=False), "axis": alt.Axis(format=".0%", tickCount=5)}


def _auc_scale(values: pd.Series) -> alt.Scale:
    lowest = float(values.min()) if values.notna().any() else 0.5
    return alt.Scale(domain=[max(0.0, min(0.4, math.floor(lowest * 10) / 10)), 1.0], nice=False, zero=False)


def _round_up(value: float, step: float) -> float:
    return min(1.0, math.ceil(value / step - 1e-9) * step)
