"""The page that needs the HTTP API only, for who may not reach the database.

It shows this week: its range begins on Monday, 00:00 UTC, and forecasts are asked for from there on. So a run of a
former week drops out by itself: its panels say so instead of showing old numbers.
"""

from __future__ import annotations

from ml.deploy.panels import Dashboard, Panel, Path, Variable

__all__ = ["API"]

NONE_YET = "no run of this week yet: see the current run above"
# Of this week: Grafana gives both moments in UTC.
THIS_WEEK = {"from": "${__from:date:iso}", "to": "${__to:date:iso}"}
CHOSEN = {"target": "${target}", "horizon": "${horizon}"}
ROW = {
    "as_of": "timestamp",
    "mineral": "string",
    "stage": "string",
    "supplier": "string",
    "tier": "string",
    "probability": "number",
    "p_low": "number",
    "p_high": "number",
    "base_rate": "number",
    "change": "number",
    "driver_1": "string",
    "data_as_of": "timestamp",
    "stale": "boolean",
}
MOVE = {name: ROW[name] for name in ("as_of", "mineral", "supplier", "tier", "probability", "change", "driver_1")}
ALERT = {"target": "string", "horizon": "string", **ROW}
RUN = {
    "week": "string",
    "as_of": "timestamp",
    "published_at": "timestamp",
    "valid_until": "timestamp",
    "pairs": "number",
    "abstained": "number",
    "drift_worst": "string",
    "model_version": "string",
}
SOURCE = {
    "as_of": "timestamp",
    "source": "string",
    "dataset": "string",
    "state": "string",
    "newest_observation": "string",
    "known_at": "timestamp",
    "fetched_at": "timestamp",
    "age_days": "number",
    "allowed_days": "number",
}
SCORE = {
    "as_of": "timestamp",
    "kind": "string",
    "slice": "string",
    "slice_value": "string",
    "value": "number",
    "low": "number",
    "high": "number",
    "n": "number",
    "insufficient": "boolean",
}


def _asked(path: str, columns: dict[str, str], **parameters: str) -> Path:
    return Path(path, columns, parameters={"fields": ",".join(columns), **parameters})


def _forecasts(columns: dict[str, str], **parameters: str) -> Path:
    return _asked("/v1/forecasts", columns, **THIS_WEEK, **CHOSEN, **parameters)


API = Dashboard(
    "oresight-api",
    "oresight: this week, by the API",
    "This week's run by the HTTP API alone, without the database.",
    (
        Panel(
            "Current run",
            "table",
            _asked("/v1/runs", RUN, held_back="false", limit="1"),
            height=4,
            empty="no run is published",
        ),
        Panel(
            "This week's forecasts",
            "table",
            _forecasts(ROW, sort="-probability", limit="1000"),
            height=16,
            empty=NONE_YET,
        ),
        Panel(
            "Largest rises",
            "table",
            _forecasts(MOVE, sort="-change", limit="15"),
            width=12,
            height=11,
            empty=NONE_YET,
        ),
        Panel(
            "Largest falls",
            "table",
            _forecasts(MOVE, sort="change", limit="15"),
            width=12,
            height=11,
            empty=NONE_YET,
        ),
        Panel(
            "Alerts of this week, of every event",
            "table",
            _asked("/v1/forecasts", ALERT, **THIS_WEEK, alert="true", sort="-probability", limit="1000"),
            height=11,
            empty="no alert, or no run of this week yet",
        ),
        Panel(
            "Past weeks of one pair",
            "timeseries",
            _asked(
                "/v1/forecasts/${mineral}/${supplier}/history",
                {"as_of": "timestamp", "probability": "number", "p_low": "number", "p_high": "number"},
                **CHOSEN,
            ),
            height=10,
            unit="percentunit",
            decimals=0,
            steps="tiers",
            says="As it was said in each week.",
            past="2y",
        ),
        Panel(
            "Sources",
            "table",
            _asked("/v1/sources", SOURCE, sort="state,source,dataset", limit="1000"),
            height=12,
            says="When the current run was made.",
        ),
        Panel(
            "Brier scores of the track record",
            "table",
            _asked("/v1/track-record", SCORE, **CHOSEN, name="brier", limit="1000"),
            height=10,
            says="Kinds are never mixed: only live forecasts were said before the fact.",
            empty="nothing is scored yet",
        ),
    ),
    (
        Variable("target", "Event", values=("supply_drop", "severe_supply_drop"), first="supply_drop"),
        Variable("horizon", "Horizon", values=("current_year", "next_year"), first="current_year"),
        Variable("mineral", "Mineral", first="cobalt", says="A mineral's id, for the past weeks of one pair."),
        Variable("supplier", "Supplier", first="COD", says="ISO 3166-1 alpha-3, for the past weeks of one pair."),
    ),
    since="now/w",
)
