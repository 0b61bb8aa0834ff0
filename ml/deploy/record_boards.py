"""The pages about what was said and what became of it: alerts and warnings, and the track record."""

from __future__ import annotations

from ml.deploy.board_parts import CHOSEN, EXPIRED, RUN_STATE
from ml.deploy.panels import Dashboard, Panel, Sql, Variable

__all__ = ["ALERTS", "TRACK_RECORD"]

ALERTS = Dashboard(
    "oresight-alerts",
    "oresight: alerts and warnings",
    "Which forecasts of the current run are alerts, which warnings are open, and whether everybody was told.",
    (
        RUN_STATE,
        Panel(
            "Alerts in the current run",
            "stat",
            Sql(
                """SELECT CASE WHEN bool_or(NOT expired) THEN count(*) FILTER (WHERE alert) END AS alerts
FROM v1_current_forecasts"""
            ),
            width=8,
            height=4,
            empty=EXPIRED,
        ),
        Panel(
            "Open warnings",
            "stat",
            Sql(
                """SELECT count(*) FILTER (WHERE state <> 'cleared') AS open,
  count(*) FILTER (WHERE state <> 'cleared' AND acknowledged_at IS NULL) AS not_acknowledged,
  coalesce(sum(dead), 0) AS not_delivered
FROM v1_warnings
WHERE NOT is_drill"""
            ),
            width=8,
            height=4,
            says="Not delivered: messages that were given up after all attempts.",
        ),
        Panel(
            "Alerts of the current run",
            "table",
            Sql(
                """SELECT mineral, stage, supplier, target, horizon, tier, probability, p_low, p_high, base_rate,
  change, driver_1, driver_2, data_as_of, stale
FROM v1_alerts
WHERE NOT expired
ORDER BY probability DESC, mineral, supplier"""
            ),
            height=12,
            empty="expired, or no alert",
        ),
        Panel(
            "Warnings",
            "table",
            Sql(
                """SELECT as_of, state, mineral, supplier, target, horizon, tier, peak_tier, probability, raised_as_of,
  last_event, last_why, last_event_at, acknowledged_at, acknowledged_by, sent, pending, dead, warning_id
FROM v1_warnings
WHERE NOT is_drill AND (state <> 'cleared' OR $__timeFilter(as_of))
ORDER BY state = 'cleared', as_of DESC, probability DESC"""
            ),
            height=12,
            says="Open ones, and those that were cleared in the time chosen above.",
            empty="no warning",
        ),
        Panel(
            "Alerts of each week",
            "timeseries",
            Sql(
                """SELECT as_of AS time, target AS metric, count(*) FILTER (WHERE alert) AS alerts
FROM v1_forecasts
WHERE newest_of_week AND $__timeFilter(as_of)
GROUP BY as_of, target
ORDER BY as_of, target""",
                is_series=True,
            ),
            decimals=0,
            stack=True,
        ),
    ),
)

NEWEST_RECORD = "run_id = (SELECT run_id FROM v1_track_record ORDER BY as_of DESC, run_id DESC LIMIT 1)"
RECORD = f"{NEWEST_RECORD} AND kind = ${{kind:sqlstring}} AND {CHOSEN}"


def _record_values(variable: str) -> str:
    return f"SELECT DISTINCT {variable} FROM v1_track_record WHERE {NEWEST_RECORD} ORDER BY {variable}"


def _figure(name: str, label: str) -> str:
    return f"max(value) FILTER (WHERE name = '{name}') AS {label}"


def _slice(title: str, name: str, *, width: int = 12) -> Panel:
    return Panel(
        title,
        "table",
        Sql(
            f"""SELECT slice_value, max(n) FILTER (WHERE name = 'brier') AS forecasts,
  {_figure("observed_frac", "came_true")},
  {_figure("mean_probability", "was_said")},
  {_figure("brier", "brier")},
  {_figure("skill_pair_history", "skill_over_history")},
  {_figure("auc", "auc")},
  bool_or(insufficient) AS too_few
FROM v1_track_record
WHERE {RECORD} AND slice = '{name}'
GROUP BY slice_value
ORDER BY min(number)"""
        ),
        width=width,
        height=11,
        empty="nothing is scored yet",
    )


TRACK_RECORD = Dashboard(
    "oresight-track-record",
    "oresight: track record",
    "How good forecasts turned out to be. Kinds are never mixed: only live ones were said before the fact.",
    (
        Panel(
            "Record as of",
            "stat",
            Sql(
                f"""SELECT to_char(max(as_of) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS known_by
FROM v1_track_record
WHERE {NEWEST_RECORD}
HAVING count(*) > 0"""
            ),
            width=4,
            height=4,
            unit="string",
            says="Outcomes known by this date count. Written by oresight track-record.",
            empty="no record yet",
        ),
        Panel(
            "What became of the forecasts",
            "stat",
            Sql(
                "SELECT\n  "
                + ",\n  ".join(
                    _figure(name, name) for name in ("issued", "matured", "resolved", "scored", "void", "pending")
                )
                + f"\nFROM v1_track_record\nWHERE {RECORD} AND slice = 'outcomes'"
            ),
            width=20,
            height=4,
            says="Issued, of those matured, resolved and scored; void ones can't be settled. Many share a window.",
            empty="none of this kind",
        ),
        Panel(
            "Headline figures, with their 95 % intervals",
            "table",
            Sql(
                f"""SELECT name, value, low, high, n, insufficient AS too_few
FROM v1_track_record
WHERE {RECORD} AND slice = 'all'
ORDER BY number"""
            ),
            height=12,
            says="Each window once, at the July lead. Skill over a baseline on the same rows: above 0 is better.",
            empty="nothing is scored yet",
        ),
        _slice("Onset and continuation", "state"),
        _slice("By lead", "lead"),
        _slice("By year", "year"),
        _slice("By age of the data", "age_of_data"),
        _slice("By mineral", "mineral"),
        _slice("By supplier", "supplier"),
    ),
    (
        Variable("kind", "Kind", _record_values("kind"), first="live"),
        Variable("target", "Event", _record_values("target"), first="supply_drop"),
        Variable("horizon", "Horizon", _record_values("horizon"), first="current_year"),
    ),
)
