"""The study of lead times from start to finish: its page with a chart per disruption, misses included."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
from markupsafe import Markup

from features.catalog import load_catalog
from features.errors import ConfigError
from features.knowledge_time import UTC
from ml import charts, tracking
from ml.knowledge import Knowledge, open_store, signals_named
from ml.lead_time import WEEKS, disruptions, hindcasts, verdicts
from ml.pages import template_environment
from ml.registry import champion_signals
from ml.results import write_page
from ml.settings import load_settings

__all__ = ["LeadTimeResult", "event_chart", "lead_time", "summary_sentences"]

WORDS = {
    "warned": "warned in time",
    "late": "warned in the last weeks only",
    "missed": "no warning",
    "not tracked": "not tracked then",
}


@dataclass(frozen=True)
class LeadTimeResult:
    """The disruptions with their verdicts, the weekly forecasts behind them, and what they add up to."""

    events: pd.DataFrame
    forecasts: pd.DataFrame
    sentences: list[str]


def lead_time(out: Path, *, page: Path | None = None, home: Path | None = None, log: bool = True) -> LeadTimeResult:
    """Replay the year before every disruption; write events.csv, forecasts.parquet, report.html and a page below `out`.

    Args:
        page: where to write the page, a table in Markdown, a second time.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    store = open_store(settings, now=now)
    names = champion_signals(store, now)
    knowledge = Knowledge(store, now, signals_named(names))
    tables = store.histories(["measures", "incidents"], as_of=now)
    events = disruptions(tables["measures"], tables["incidents"], knowledge.catalog)
    if events.empty:
        raise ConfigError("no disruption of the highest severity is on record; ingest a table of events first")
    scratch = out / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    forecasts, yardstick = hindcasts(knowledge, events, scratch, settings)
    judged = verdicts(events, forecasts, knowledge.labels)
    sentences = summary_sentences(judged, yardstick)
    judged.to_csv(out / "events.csv", index=False)
    forecasts.to_parquet(out / "forecasts.parquet", index=False)
    (out / "summary.json").write_text(json.dumps({"sentences": sentences, "alert_share": yardstick}, indent=1) + "\n")
    meta = {"Families": ", ".join(names), "Command": "oresight lead-time --out DIR", **tracking.provenance()}
    (out / "report.html").write_text(render(judged, forecasts, sentences, meta))
    write_page(out / "lead-times.md", page_text(judged, sentences, meta), page)
    if log:
        with tracking.mlflow_at(settings) as mlflow, tracking.parent_run(mlflow, "lead time", meta, {"kind": "study"}):
            for name in ("events.csv", "forecasts.parquet", "summary.json", "report.html"):
                mlflow.log_artifact(str(out / name))
    return LeadTimeResult(judged, forecasts, sentences)


def summary_sentences(events: pd.DataFrame, yardstick: float) -> list[str]:
    """Say what the verdicts add up to, the misses first counted and the yardstick beside the hits."""
    tracked = events[events["verdict"].ne("not tracked")]
    resolved = tracked[tracked["dropped"].notna()]
    fell = resolved[resolved["dropped"].astype("bool")]
    counts = tracked["verdict"].value_counts()
    warned = int(fell["verdict"].eq("warned").sum())
    calm = len(resolved) - len(fell)
    return [
        f"{len(events)} disruptions of the highest severity are on record since 2009, one line per mineral and "
        f"supplier; {len(tracked)} concern pairs that were tracked then.",
        f"Before {counts.get('warned', 0)} of {len(tracked)} severe disruptions the pair stood under an alert at least "
        f"four weeks ahead, before {counts.get('late', 0)} only later, before {counts.get('missed', 0)} never. In the "
        f"same weeks {yardstick:.0%} of all major pairs stood under an alert.",
        f"Exports of {len(fell)} of the {len(resolved)} pairs whose year is resolved then fell below 70 % of normal; "
        f"{warned} of those {len(fell)} falls had been warned of. The other {calm} disruptions left yearly exports "
        "above that line.",
    ]


def event_chart(forecasts: pd.DataFrame, *, title: str, note: str) -> alt.LayerChart:
    """Draw the weekly probability with its interval, what is normal for the pair, and the weeks under an alert."""
    rows = forecasts.assign(before=-forecasts["weeks_before"])
    x = alt.X("before:Q", title="weeks before it became known", scale=alt.Scale(domain=[-WEEKS, 0]))
    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(format="%", tickCount=5)
    y = alt.Y("probability:Q", title="probability", scale=scale, axis=axis)
    base = alt.Chart(rows)
    layers = [
        base.mark_area(opacity=0.18, color=charts.COLOURS["lightgbm"]).encode(
            x=x, y=alt.Y("p_low:Q", scale=scale, title="probability", axis=axis), y2="p_high:Q"
        ),
        base.mark_line(color=charts.COLOURS["lightgbm"], strokeWidth=2).encode(x=x, y=y),
        base.mark_line(color=charts.COLOURS["climatology"], strokeDash=[4, 3]).encode(x=x, y="base_rate:Q"),
        alt.Chart(rows[rows["alert"]])
        .mark_point(color=charts.COLOURS["pair_history"], filled=True, size=26)
        .encode(x=x, y=y),
    ]
    return charts.styled(layers, title, note, width=360, height=150)


def render(events: pd.DataFrame, forecasts: pd.DataFrame, sentences: list[str], meta: dict[str, Any]) -> str:
    """Give the page as text."""
    catalog = load_catalog()
    entries = []
    for event in events.itertuples():
        own = forecasts[forecasts["event_id"].eq(event.event_id) & forecasts["mineral"].eq(event.mineral)]
        pair = f"{catalog.mineral(event.mineral).name_en}, {catalog.country(event.supplier).name_en}"
        svg = None
        if len(own):
            note = f"{WORDS[event.verdict]}; {_outcome(event)}"
            svg = Markup(charts.to_svg(event_chart(own, title=pair, note=note)))
        entries.append(
            {
                "pair": pair,
                "title": event.title,
                "known_on": event.known_at.date().isoformat(),
                "verdict": WORDS[event.verdict],
                "outcome": _outcome(event),
                "normal": _percent(event.base_rate),
                "first": "–" if pd.isna(event.first_alert) else f"{event.first_alert:.0f}",
                **{f"p_{weeks}": _percent(getattr(event, f"p_{weeks}")) for weeks in (52, 26, 13, 4, 1)},
                "svg": svg,
            }
        )
    template = template_environment().get_template("lead_time.html.j2")
    return template.render(entries=entries, sentences=sentences, meta=meta)


def page_text(events: pd.DataFrame, sentences: list[str], meta: dict[str, Any]) -> str:
    """Give the table as Markdown, with the sentences before it."""
    lines = [
        "# Lead times before past disruptions: measured",
        "",
        f"Generated by `{meta['Command']}` with the families {meta['Families']}; edit nothing here by hand.",
        "",
        *(f"- {sentence}" for sentence in sentences),
        "",
        "Probability of a supply drop in the year the disruption bites, by weeks before it became known, forecast with",
        "what was known in that week. *Normal* is the pair's own rate. An empty cell: that year was two ahead.",
        "",
        "| known on | pair | what happened | 52 | 26 | 13 | 4 | 1 | normal | first alert | verdict | outcome |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for event in events.itertuples():
        first = "–" if pd.isna(event.first_alert) else f"{event.first_alert:.0f}"
        cells = [event.known_at.date().isoformat(), f"{event.mineral} {event.supplier}", event.title.replace("|", "/")]
        cells += [_percent(getattr(event, f"p_{weeks}")) for weeks in (52, 26, 13, 4, 1)]
        cells += [_percent(event.base_rate), first, WORDS[event.verdict], _outcome(event)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _percent(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.0%}"


def _outcome(event: Any) -> str:
    if event.ratio is None or pd.isna(event.ratio):
        return f"{event.target_year} is not resolved yet"
    return f"exports of {event.target_year} were {event.ratio:.0%} of normal"
