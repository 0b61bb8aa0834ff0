"""The pages about the machinery: how fresh the data are, what differs from like weeks, and how the service is doing."""

from __future__ import annotations

from ml.deploy.board_parts import RUN_STATE
from ml.deploy.panels import LEVELS, Dashboard, Panel, Prom, Sql, Variable

__all__ = ["DRIFT", "FRESHNESS", "SERVICE"]

FRESHNESS = Dashboard(
    "oresight-freshness",
    "oresight: freshness",
    "Three clocks for each source: when it was fetched, its newest figure, and since when that was known.",
    (
        RUN_STATE,
        Panel(
            "Age of the current run",
            "stat",
            Sql(
                """SELECT extract(epoch FROM now() - as_of) AS age,
  extract(epoch FROM valid_until - now()) AS valid_for
FROM v1_runs
WHERE is_current"""
            ),
            width=8,
            height=4,
            unit="dtdurations",
            says="Since its Monday, 00:00 UTC, and how long it still counts; below nothing, it has expired.",
            empty="no run is published",
        ),
        Panel(
            "Sources by state",
            "stat",
            Sql(
                """SELECT count(*) FILTER (WHERE state = 'fine') AS fine,
  count(*) FILTER (WHERE state = 'stale') AS stale, count(*) FILTER (WHERE state = 'failed') AS failed,
  count(*) FILTER (WHERE state = 'empty') AS never_read
FROM v1_freshness
WHERE is_current
HAVING count(*) > 0"""
            ),
            width=8,
            height=4,
            says="A source that answers each week with the same old file is fetched, and stale.",
        ),
        Panel(
            "Clocks when the current run was made",
            "table",
            Sql(
                """SELECT source, dataset, state, newest_observation,
  age_days + floor(extract(epoch FROM now() - measured_at) / 86400) AS age_days, known_at, fetched_at, rows
FROM v1_freshness
WHERE is_current
ORDER BY CASE state WHEN 'failed' THEN 0 WHEN 'stale' THEN 1 WHEN 'fine' THEN 2 ELSE 3 END, source, dataset"""
            ),
            height=16,
            says="Age is counted until this moment, not until the run.",
        ),
        Panel(
            "Rows of forecasts that rest on stale data, or have none",
            "timeseries",
            Sql(
                """SELECT as_of AS time, stale, abstained
FROM v1_runs
WHERE newest_of_week AND $__timeFilter(as_of)
ORDER BY as_of""",
                is_series=True,
            ),
            decimals=0,
        ),
        Panel(
            "Runs",
            "table",
            Sql(
                """SELECT as_of, week, kind, is_current, held_back, expired, drift_worst, rows, pairs, abstained,
  stale AS stale_rows, model_version, published_at, valid_until, run_id
FROM v1_runs
ORDER BY as_of DESC, created_at DESC
LIMIT 60"""
            ),
            height=12,
            empty="no run is published",
        ),
    ),
)

DRIFT = Dashboard(
    "oresight-drift",
    "oresight: drift",
    "What differs from like weeks before. A stop holds the run back: the run before stays current until somebody acts.",
    (
        Panel(
            "This run",
            "stat",
            Sql(
                """SELECT
  week || CASE WHEN held_back THEN ': held back' WHEN is_current THEN ': current' ELSE '' END AS run,
  coalesce(drift_worst, 'not measured') AS worst
FROM v1_runs
WHERE run_id = ${run:sqlstring}"""
            ),
            width=8,
            height=4,
            unit="string",
            empty="no such run",
        ),
        Panel(
            "Findings",
            "stat",
            Sql(
                "SELECT "
                + ", ".join(f"count(*) FILTER (WHERE level = '{level}') AS {level}" for level in reversed(LEVELS))
                + "\nFROM v1_drift\nWHERE run_id = ${run:sqlstring}\nHAVING count(*) > 0"
            ),
            width=16,
            height=4,
            empty="not measured",
        ),
        Panel(
            "Findings of this run, the gravest first",
            "table",
            Sql(
                """SELECT level, kind, signal, feature, value, bound, sentence
FROM v1_drift
WHERE run_id = ${run:sqlstring} AND level <> 'fine'
ORDER BY CASE level WHEN 'stop' THEN 0 WHEN 'watch' THEN 1 ELSE 2 END, number"""
            ),
            height=14,
            empty="nothing differs, or not measured",
        ),
        Panel(
            "Findings of each week",
            "timeseries",
            Sql(
                """SELECT as_of AS time, level AS metric, count(*) AS findings
FROM v1_drift JOIN v1_runs AS r USING (run_id, as_of)
WHERE level <> 'fine' AND (r.newest_of_week OR r.held_back) AND $__timeFilter(as_of)
GROUP BY as_of, level
ORDER BY as_of, level""",
                is_series=True,
            ),
            decimals=0,
        ),
        Panel(
            "Runs held back",
            "table",
            Sql(
                """SELECT as_of, week, drift_worst, published_at, run_id
FROM v1_runs
WHERE held_back
ORDER BY as_of DESC, created_at DESC
LIMIT 30"""
            ),
            empty="none",
        ),
    ),
    (
        Variable(
            "run",
            "Run",
            "SELECT run_id FROM v1_runs ORDER BY as_of DESC, created_at DESC LIMIT 60",
            says="The newest one first, also when it was held back.",
        ),
    ),
)

SERVICE = Dashboard(
    "oresight-service",
    "oresight: service",
    "How the HTTP service is doing, and what it tells Prometheus about the weekly job.",
    (
        Panel(
            "Service",
            "stat",
            Prom('up{job="oresight"}', "{{instance}}", instant=False),
            width=6,
            height=4,
            steps=((None, "#a3123a"), (1, "#5794f2")),
            says="1: it answers Prometheus.",
            empty="not scraped",
        ),
        Panel(
            "Time since the weekly job last succeeded",
            "stat",
            Prom("time() - oresight_weekly_last_success_timestamp_seconds", "age"),
            width=6,
            height=4,
            unit="dtdurations",
            steps=((None, "#5794f2"), (648000, "#ff780a"), (691200, "#a3123a")),
            empty="never",
        ),
        Panel(
            "Age of the current run",
            "stat",
            Prom("oresight_run_age_seconds", "age"),
            width=6,
            height=4,
            unit="dtdurations",
            steps=((None, "#5794f2"), (648000, "#ff780a"), (691200, "#a3123a")),
            empty="no run is published",
        ),
        Panel(
            "Newest run held back",
            "stat",
            Prom("oresight_drift_stop", "held back"),
            width=6,
            height=4,
            steps=((None, "#5794f2"), (1, "#a3123a")),
            empty="not measured",
        ),
        Panel(
            "Forecasts by tier",
            "timeseries",
            Prom("sum by (tier) (oresight_forecasts)", "{{tier}}"),
            width=12,
            decimals=0,
        ),
        Panel(
            "Age of sources over what their calendars allow",
            "timeseries",
            Prom("oresight_source_age_days / oresight_source_age_allowed_days", "{{dataset}} {{source}}"),
            width=12,
            unit="percentunit",
            steps=((None, "#5794f2"), (1, "#a3123a")),
        ),
        Panel(
            "Answers a second",
            "timeseries",
            Prom("sum by (route, status) (rate(oresight_http_requests_total[5m]))", "{{route}} {{status}}"),
            width=12,
            unit="reqps",
        ),
        Panel(
            "Time that 95 of 100 answers stay under",
            "timeseries",
            Prom(
                "histogram_quantile(0.95, sum by (le, route) (rate(oresight_http_request_seconds_bucket[5m])))",
                "{{route}}",
            ),
            width=12,
            unit="s",
        ),
        Panel(
            "Messages by state",
            "timeseries",
            Prom("sum by (channel, state) (oresight_deliveries)", "{{channel}} {{state}}"),
            width=24,
            decimals=0,
        ),
    ),
    since="now-7d",
)
