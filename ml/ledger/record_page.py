"""The page of the track record: one HTML file in the look of the weekly page, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
from markupsafe import Markup

from features.catalog import load_catalog
from ml import charts
from ml.ledger.leads import BASELINES
from ml.pages import HORIZON_NAMES, MODEL_NAMES, TARGET_NAMES, name_of, template_environment

__all__ = ["render_record"]

Json = Mapping[str, Any]
KIND_WORDS = {
    "live": "Live: issued within the week they are for",
    "late": "Late: issued after their week, before the figures that settle them could be known",
    "backfill": "Backfill: issued when the figures that settle them could be known",
    "hindcast": "Hindcast: replayed with the model and the facts of each week",
    "shadow": "Shadow: of models that did not serve",
}
SLICE_WORDS = {
    "state": "By state of the pair at the forecast",
    "lead": "By date of the forecast: the Monday after the 15th of",
    "age_of_data": "By age of the newest trade figures, all dates",
    "year": "By target year",
    "mineral": "By mineral",
    "supplier": "By supplier",
}
STATES = {"onset": "New drops", "continuation": "Continued drops"}


def render_record(record: Json) -> str:
    """Give the page of what `build_record` gave."""
    kinds = [_kind(kind, targets) for kind, targets in record["kinds"].items()]
    context = {
        "as_of": record["as_of"],
        "lead": _headline(record),
        "kinds": kinds,
        "rules": record["rules"],
        "ledgers": record.get("ledgers", []),
        "baselines": {name: MODEL_NAMES[name] for name in BASELINES},
        "slice_words": SLICE_WORDS,
    }
    environment = template_environment()
    environment.filters |= {"share": _share, "part": _part, "whole": lambda value: f"{value:,.0f}"}
    return environment.get_template("track_record.html.j2").render(context)


def _headline(record: Json) -> list[str]:
    # Only what was issued in its own time may speak first.
    live = record["kinds"].get("live", {})
    if not live:
        return ["No live forecast is on record yet. What follows was issued late or replayed, and says so."]
    found, waiting = [], []
    for target, of_target in live.items():
        for horizon, part in of_target["horizons"].items():
            scores = part["scores"]
            if scores is None or scores["all"]["n"] == 0:
                waiting.append(part["outcomes"])
                continue
            every = scores["all"]
            few = " Too few to judge." if every["insufficient"] else ""
            skill = every["skill"]["pair_history"]["value"]
            gain = "" if skill is None else f", skill over pair history {skill:+.2f}".replace("-", "\u2212")
            found.append(
                f"{_event(target, horizon)}: {every['n']:,} live windows scored, {every['events']:,} events, "
                f"Brier {every['brier']['value']:.3f}{gain}.{few}"
            )
    if waiting:
        issued = sum(count["issued"] for count in waiting)
        due = min((count["next_due"] for count in waiting if count["next_due"]), default=None)
        when = f" The next figures that settle any are due on {due}." if due else ""
        found.append(f"{issued:,} live forecasts of {len(waiting)} events are on record without a score yet.{when}")
    return found


def _kind(kind: str, targets: Json) -> dict[str, Any]:
    sections = [
        _section(kind, target, horizon, part)
        for target, of_target in targets.items()
        for horizon, part in of_target["horizons"].items()
    ]
    reasons = []
    for state in ("void", "pending"):
        counts = [section["outcomes"][f"{state}_by_reason"] for section in sections]
        names = dict.fromkeys(name for count in counts for name in count)
        reasons += [(state, name, [count.get(name, 0) for count in counts]) for name in names]
    return {
        "id": kind,
        "words": KIND_WORDS[kind],
        "sections": sections,
        "reasons": reasons,
        "has_scores": any(section["scores"] for section in sections),
        "has_windows": any(part["warnings"]["windows"] for part in targets.values()),
        "warnings": {name_of(target, TARGET_NAMES): part["warnings"] for target, part in targets.items()},
    }


def _section(kind: str, target: str, horizon: str, part: Json) -> dict[str, Any]:
    scores = part["scores"]
    groups = [] if scores is None else scores["slices"]
    names = list(dict.fromkeys(group["slice"] for group in groups))
    return {
        "id": f"{kind}-{target}-{horizon}".replace("_", "-"),
        "event": _event(target, horizon),
        "outcomes": part["outcomes"],
        "scores": scores,
        "chart": _chart(scores) if scores and scores["reliability"] else None,
        "slices": {name: [_named(group) for group in groups if group["slice"] == name] for name in names},
    }


def _event(target: str, horizon: str) -> str:
    return f"{name_of(target, TARGET_NAMES)} {name_of(horizon, HORIZON_NAMES)}"


def _named(group: Json) -> dict[str, Any]:
    catalog, value = load_catalog(), group["value"]
    if group["slice"] == "mineral" and value in catalog.minerals:
        value = catalog.minerals[value].name_en
    elif group["slice"] == "supplier" and value in catalog.countries:
        value = catalog.countries[value].name_en
    return {**group, "value": STATES.get(value, value)}


def _chart(scores: Json) -> Markup:
    """Draw observed rate over mean probability per tenth, ours and pair history, and the diagonal."""
    tables = {"lightgbm": scores["reliability"], "pair_history": scores["reliability_pair_history"]}
    frame = pd.concat([pd.DataFrame(rows).assign(model=MODEL_NAMES[name]) for name, rows in tables.items()])
    top = min(1.0, float(frame[["mean_probability", "high"]].to_numpy().max()) + 0.02)
    axis: dict[str, Any] = {
        "scale": alt.Scale(domain=[0, top], nice=False),
        "axis": alt.Axis(format=".0%", tickCount=5),
    }
    x = alt.X("mean_probability:Q", title="Probability given (mean of the tenth)", **axis)
    y = alt.Y("observed_frac:Q", title="How often it happened", **axis)
    names = [MODEL_NAMES[name] for name in tables]
    colour = alt.Color(
        "model:N", title=None, scale=alt.Scale(domain=names, range=[charts.COLOURS[name] for name in tables])
    )
    base = alt.Chart(frame.reset_index(drop=True)).encode(x=x, color=colour)
    ends = pd.DataFrame({"mean_probability": [0, top], "observed_frac": [0, top]})
    diagonal = alt.Chart(ends).mark_line(color=charts.FAINT, strokeDash=[4, 4], strokeWidth=1.2).encode(x=x, y=y)
    reach = base.mark_rule(strokeWidth=1.2, opacity=0.7).encode(y=alt.Y("low:Q"), y2="high:Q")
    dots = base.mark_line(point={"size": 45, "filled": True}, strokeWidth=1.4).encode(y=y)
    note = "On the dashed line, given and observed agree; bars: 95 % Wilson intervals"
    return Markup(charts.to_svg(charts.styled([diagonal, reach, dots], "Reliability by tenths", note)))


def _part(value: float) -> str:
    return f"{value:.4f}".replace("-", "\u2212")


def _share(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f}\u00a0%"
