"""What a dashboard is made of: panels with one query each, the variables above them, and how columns are shown.

Dashboards are written as tables of these in `forecast_boards` and `operation_boards`; `grafana` makes JSON of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["COLUMNS", "LEVELS", "TIER_COLOURS", "ColumnShown", "Dashboard", "Panel", "Path", "Prom", "Sql", "Variable"]

# From calm to grave; told apart also by people who don't tell red from green (blue, yellow, orange, dark red).
TIER_COLOURS = {"low": "#5794f2", "guarded": "#f2cc0c", "elevated": "#ff780a", "severe": "#a3123a"}
LEVELS = {"fine": "#5794f2", "note": "#8e8e8e", "watch": "#f2cc0c", "stop": "#a3123a"}


@dataclass(frozen=True, slots=True)
class Sql:
    """A query on the views `v1_…` of PostgreSQL.

    Attributes:
        is_series: the columns are `time`, optionally `metric`, and numbers.
    """

    text: str
    is_series: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """A path of the HTTP API, read by Infinity's backend parser.

    Attributes:
        columns: name in the answer's rows -> Infinity's type (string, number, timestamp, boolean).
        rows: where in the answer the list of rows is; empty when the answer is the list.
        parameters: the query string, in its order; values may name variables.
    """

    path: str
    columns: dict[str, str]
    rows: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prom:
    """An expression in Prometheus' language, and the name of each series."""

    expression: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        kind: Grafana's name of the panel.
        width, height: of 24 columns, in Grafana's rows of 30 pixels.
        steps: where a colour begins: (None, colour) first, then (value, colour); `tiers` stands for the limits in
            force.
        empty: what stands there when there is no row: no data is neither fine nor an alarm.
        past: how far back this panel looks, such as 1y, whatever the page does.
    """

    title: str
    kind: Literal["stat", "table", "timeseries", "bargauge", "barchart"]
    query: Sql | Path | Prom
    width: int = 24
    height: int = 8
    unit: str = "short"
    says: str = ""
    steps: tuple[tuple[float | None, str], ...] | Literal["tiers"] = ()
    empty: str = "no data"
    decimals: int | None = None
    stack: bool = False
    past: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the panels: filled by a query, from a list, or, with neither, typed in.

    Attributes:
        first: what is chosen at the start; with `many`, everything is.
    """

    name: str
    label: str
    query: str = ""
    values: tuple[str, ...] = ()
    first: str = ""
    many: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page. `uid` and `title` never change: links and favourites hold on to them."""

    uid: str
    title: str
    says: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...] = ()
    since: str = "now-1y"


@dataclass(frozen=True, slots=True)
class ColumnShown:
    """How a column of a table is shown, wherever it turns up."""

    label: str
    unit: str = ""
    decimals: int | None = None
    width: int | None = None
    colours: Literal["", "tiers", "levels", "yes", "change"] = ""


COLUMNS: dict[str, ColumnShown] = {
    "mineral": ColumnShown("Mineral", width=130),
    "stage": ColumnShown("Stage", width=100),
    "supplier": ColumnShown("Supplier", width=90),
    "target": ColumnShown("Event", width=160),
    "horizon": ColumnShown("Horizon", width=120),
    "probability": ColumnShown("Probability", "percentunit", 0, 110, "tiers"),
    "p_low": ColumnShown("From", "percentunit", 0, 70),
    "p_high": ColumnShown("To", "percentunit", 0, 70),
    "base_rate": ColumnShown("Usual rate", "percentunit", 0, 95),
    "probability_previous": ColumnShown("Week before", "percentunit", 0, 110),
    "change": ColumnShown("Change", "percentunit", 1, 90, "change"),
    "change_data": ColumnShown("by new data", "percentunit", 1, 105),
    "change_revision": ColumnShown("by revisions", "percentunit", 1, 105),
    "change_model": ColumnShown("by the model", "percentunit", 1, 110),
    "tier": ColumnShown("Tier", width=95, colours="tiers"),
    "level": ColumnShown("Level", width=80, colours="levels"),
    "drift_worst": ColumnShown("Worst drift", width=100, colours="levels"),
    "alert": ColumnShown("Alert", width=70, colours="yes"),
    "onset": ColumnShown("Onset", width=75),
    "stale": ColumnShown("Stale", width=70, colours="yes"),
    "held_back": ColumnShown("Held back", width=90, colours="yes"),
    "expired": ColumnShown("Expired", width=85, colours="yes"),
    "is_current": ColumnShown("Current", width=80),
    "too_few": ColumnShown("Too few", width=85, colours="yes"),
    "driver_1": ColumnShown("First reason"),
    "driver_2": ColumnShown("Second reason"),
    "driver_3": ColumnShown("Third reason"),
    "reason": ColumnShown("Why no forecast"),
    "sentence": ColumnShown("In words"),
    "as_of": ColumnShown("Week of", "time:YYYY-MM-DD", width=110),
    "data_as_of": ColumnShown("Data of", "time:YYYY-MM-DD", width=110),
    "window_start": ColumnShown("From", "time:YYYY-MM-DD", width=110),
    "window_end": ColumnShown("Until", "time:YYYY-MM-DD", width=110),
    "newest_observation": ColumnShown("Newest figure", width=125),
    "known_at": ColumnShown("Known since", "time:YYYY-MM-DD", width=115),
    "fetched_at": ColumnShown("Fetched", "time:YYYY-MM-DD HH:mm", width=150),
    "published_at": ColumnShown("Published", "time:YYYY-MM-DD HH:mm", width=150),
    "valid_until": ColumnShown("Valid until", "time:YYYY-MM-DD HH:mm", width=150),
    "age_days": ColumnShown("Age", "d", 0, 80),
}
