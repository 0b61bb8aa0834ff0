"""How the fields of a panel look in Grafana: units, colours, and the columns that mean the same on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ml.deploy.panels import COLUMNS, LEVELS, TIER_COLOURS, ColumnShown, Panel, Path, Prom, Sql

__all__ = ["defaults", "overrides"]

Json = dict[str, Any]
ALARM, CALM = "#a3123a", "transparent"
# What a panel that tells a state in words shows as an alarm.
GRAVE_WORDS = {
    "type": "regex",
    "options": {"pattern": "^expired .*|.* held back$|^stop$", "result": {"index": 0, "color": ALARM}},
}
# From a row to its past weeks; Grafana puts the row's own values in.
PAIR_LINK = {
    "title": "Past weeks of this pair",
    "url": "/d/oresight-pair?var-mineral=${__data.fields.mineral}&var-supplier=${__data.fields.supplier}",
}


def _steps(panel: Panel, limits: tuple[float, ...]) -> list[Json]:
    if panel.steps == "tiers":
        return _tier_steps(limits)
    if not panel.steps:
        return [{"color": TIER_COLOURS["low"], "value": None}]
    return [{"color": colour, "value": value} for value, colour in panel.steps]


def _tier_steps(limits: tuple[float, ...]) -> list[Json]:
    return [
        {"color": colour, "value": value} for colour, value in zip(TIER_COLOURS.values(), (None, *limits), strict=True)
    ]


def defaults(panel: Panel, limits: tuple[float, ...]) -> Json:
    """Give what holds for all fields of a panel: unit, colours, and what stands where there is nothing."""
    shown: Json = {
        "unit": panel.unit,
        "noValue": panel.empty,
        "mappings": [GRAVE_WORDS] if panel.unit == "string" else [],
        "thresholds": {"mode": "absolute", "steps": _steps(panel, limits)},
        "color": {"mode": "palette-classic" if panel.kind in ("timeseries", "barchart") else "thresholds"},
    }
    if panel.decimals is not None:
        shown["decimals"] = panel.decimals
    if panel.kind == "timeseries":
        shown["custom"] = {
            # A run holds for its week: a step, not a slope between two Mondays.
            "lineInterpolation": "stepAfter",
            "lineWidth": 2,
            "fillOpacity": 40 if panel.stack else 0,
            "showPoints": "auto",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stack else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if panel.steps else "off"},
        }
    if panel.kind == "table":
        shown["custom"] = {"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}}
    return shown


def overrides(panel: Panel, limits: tuple[float, ...]) -> list[Json]:
    """Give what holds for single columns of a panel, by their names."""
    if panel.kind == "stat":
        # Counts per tier or level stand in columns of those names.
        hues = TIER_COLOURS | LEVELS
        named = [(name, hue) for name, hue in hues.items() if _gives(panel.query, name)]
        return [_override(name, color={"mode": "fixed", "fixedColor": hue}) for name, hue in named]
    if panel.kind != "table":
        return []
    found = []
    for name, shown in COLUMNS.items():
        if not _gives(panel.query, name):
            continue
        properties = list(_properties(shown, limits))
        if name == "supplier" and _gives(panel.query, "mineral"):
            properties.append({"id": "links", "value": [PAIR_LINK]})
        found.append({"matcher": {"id": "byName", "options": name}, "properties": properties})
    return found


def _gives(query: Sql | Path | Prom, column: str) -> bool:
    if isinstance(query, Path):
        return column in query.columns
    return isinstance(query, Sql) and re.search(rf"\b{column}\b", query.text) is not None


def _override(name: str, **properties: Any) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def _properties(shown: ColumnShown, limits: tuple[float, ...]) -> Iterator[Json]:
    yield {"id": "displayName", "value": shown.label}
    if shown.unit:
        yield {"id": "unit", "value": shown.unit}
    if shown.decimals is not None:
        yield {"id": "decimals", "value": shown.decimals}
    if shown.width is not None:
        yield {"id": "custom.width", "value": shown.width}
    if not shown.colours:
        return
    is_number = bool(shown.unit)
    cell = "color-text" if shown.colours == "change" else "color-background"
    yield {"id": "custom.cellOptions", "value": {"type": cell, "mode": "basic"}}
    if shown.colours == "change":
        steps = [
            {"color": "#5794f2", "value": None},
            {"color": "text", "value": -0.01},
            {"color": "#ff780a", "value": 0.01},
        ]
        yield {"id": "thresholds", "value": {"mode": "absolute", "steps": steps}}
    elif is_number:
        yield {"id": "thresholds", "value": {"mode": "absolute", "steps": _tier_steps(limits)}}
    else:
        words = {"tiers": {**TIER_COLOURS, "expired": "#8e8e8e"}, "levels": LEVELS}.get(
            shown.colours, {"true": ALARM, "false": CALM}
        )
        texts = {"true": "yes", "false": "no"}
        options = {
            word: {"index": place, "color": hue, "text": texts.get(word, word)}
            for place, (word, hue) in enumerate(words.items())
        }
        yield {"id": "mappings", "value": [{"type": "value", "options": options}]}
