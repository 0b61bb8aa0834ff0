"""Dashboards as Grafana reads them: deterministic JSON of the classic model, which every version since 10 loads.

Data sources are named by a variable of each page, set to the uid that `provisioning/datasources/oresight.yaml` gives
them; who imports a page by hand picks another one at its top.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ml.deploy.grafana_fields import defaults, overrides
from ml.deploy.panels import Dashboard, Panel, Path, Prom, Sql, Variable

__all__ = ["SOURCES", "dashboard_json"]

Json = dict[str, Any]
# The classic model's version that Grafana 11 writes; newer ones move it up when they load it.
SCHEMA_VERSION = 39
COLUMNS_WIDE = 24
# (variable, type of plugin, uid and name as provisioned)
SOURCES: dict[type, tuple[str, str, str, str]] = {
    Sql: ("sql", "grafana-postgresql-datasource", "oresight-postgresql", "oresight PostgreSQL"),
    Path: ("api", "yesoreyeram-infinity-datasource", "oresight-api", "oresight API"),
    Prom: ("metrics", "prometheus", "oresight-prometheus", "oresight Prometheus"),
}


def dashboard_json(dashboard: Dashboard, tier_limits: Sequence[float]) -> str:
    """Write one page as JSON.

    Args:
        tier_limits: where guarded, elevated and severe begin; colours of probabilities begin there too.

    Returns:
        The text; the same for the same page and limits.
    """
    limits = tuple(tier_limits)
    kinds = sorted({type(panel.query) for panel in dashboard.panels}, key=list(SOURCES).index)
    if any(variable.query for variable in dashboard.variables) and Sql not in kinds:
        kinds.insert(0, Sql)
    page = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["oresight"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        # Knowledge times are UTC; a browser's zone would move a Monday to a Sunday.
        "timezone": "utc",
        "weekStart": "monday",
        "refresh": "15m",
        "time": {"from": dashboard.since, "to": "now"},
        "timepicker": {},
        "annotations": {"list": []},
        "links": [
            {
                "type": "dashboards",
                "title": "oresight",
                "tags": ["oresight"],
                "asDropdown": True,
                "includeVars": False,
                "keepTime": False,
                "targetBlank": False,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }
        ],
        "templating": {
            "list": [_source_variable(kind) for kind in kinds] + [_variable(each) for each in dashboard.variables]
        },
        "panels": list(_panels(dashboard.panels, limits)),
    }
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def _panels(panels: Sequence[Panel], limits: tuple[float, ...]) -> Iterator[Json]:
    x = y = row_height = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > COLUMNS_WIDE:
            x, y, row_height = 0, y + row_height, 0
        source = _source(type(panel.query))
        yield {
            "id": number,
            "type": panel.kind,
            "title": panel.title,
            "description": panel.says,
            "datasource": source,
            "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
            "targets": [{"refId": "A", "datasource": source, **_target(panel.query)}],
            "fieldConfig": {"defaults": defaults(panel, limits), "overrides": overrides(panel, limits)},
            "options": _options(panel),
            **({"timeFrom": panel.past} if panel.past else {}),
        }
        x, row_height = x + panel.width, max(row_height, panel.height)


def _source(kind: type) -> Json:
    variable, plugin, _uid, _name = SOURCES[kind]
    return {"type": plugin, "uid": f"${{{variable}}}"}


def _target(query: Sql | Path | Prom) -> Json:
    if isinstance(query, Sql):
        form = "time_series" if query.is_series else "table"
        return {"format": form, "rawQuery": True, "editorMode": "code", "rawSql": query.text}
    if isinstance(query, Prom):
        return {
            "expr": query.expression,
            "legendFormat": query.legend,
            "editorMode": "code",
            "instant": query.instant,
            "range": not query.instant,
            "format": "table" if query.instant else "time_series",
        }
    return {
        "type": "json",
        "source": "url",
        "format": "table",
        # Read by Grafana's server: only so can alert rules, caches and shared pages use it.
        "parser": "backend",
        "url": query.path,
        "url_options": {
            "method": "GET",
            "data": "",
            "params": [{"key": key, "value": value} for key, value in query.parameters.items()],
        },
        "root_selector": query.rows,
        "columns": [{"selector": name, "text": name, "type": kind} for name, kind in query.columns.items()],
        "filters": [],
    }


def _options(panel: Panel) -> Json:
    reduced = {"calcs": ["lastNotNull"], "fields": "/.*/", "values": False}
    if panel.kind == "stat":
        return {
            "reduceOptions": reduced,
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "wideLayout": True,
        }
    if panel.kind == "bargauge":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True},
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": True,
            "valueMode": "color",
            "namePlacement": "left",
            "sizing": "auto",
            "minVizHeight": 16,
            "minVizWidth": 8,
        }
    if panel.kind == "table":
        return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""}}
    return {
        "legend": {"displayMode": "list", "placement": "right", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _source_variable(kind: type) -> Json:
    variable, plugin, uid, name = SOURCES[kind]
    return {
        "name": variable,
        "label": "Source" if kind is Sql else name.removeprefix("oresight "),
        "type": "datasource",
        "query": plugin,
        "current": {"selected": True, "text": name, "value": uid},
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
    }


def _variable(variable: Variable) -> Json:
    chosen: Json = {"selected": True, "text": variable.first, "value": variable.first}
    shared: Json = {
        "name": variable.name,
        "label": variable.label,
        "description": variable.says,
        "hide": 0,
        "multi": variable.many,
        "includeAll": variable.many,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if variable.many else chosen,
        "skipUrlSync": False,
    }
    if variable.values:
        options = [{"selected": value == variable.first, "text": value, "value": value} for value in variable.values]
        return {**shared, "type": "custom", "query": ",".join(variable.values), "options": options}
    if not variable.query:
        option = {"selected": True, "text": variable.first, "value": variable.first}
        return {**shared, "type": "textbox", "query": variable.first, "options": [option]}
    return {
        **shared,
        "type": "query",
        "datasource": _source(Sql),
        "query": variable.query,
        "definition": variable.query,
        "refresh": 2,
        "regex": "",
        # As the query sorts them.
        "sort": 0,
        "options": [],
    }
