"""How good such warnings were so far: the alert precision of the track record, live forecasts before replayed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["alert_record"]

Json = dict[str, Any]
# Fewer alerts than this say nothing about the next one.
LEAST_ALERTS = 10


def alert_record(record: Mapping[str, Any] | None, target: str, horizon: str) -> Json | None:
    """Give what became of alerts on an event and horizon.

    Returns:
        kind (`live` or `hindcast`), alerts, hits, precision with low and high, first and last year, and the record's
        date; None where too few alerts are scored.
    """
    if record is None:
        return None
    for kind in ("live", "hindcast"):
        part = record["kinds"].get(kind, {}).get(target, {}).get("horizons", {}).get(horizon) or {}
        scores = part.get("scores")
        if not scores:
            continue
        alerts = scores["all"]["alerts"]
        if alerts["alerts"] < LEAST_ALERTS or alerts["precision"]["value"] is None:
            continue
        years = sorted(int(each["value"]) for each in scores["slices"] if each["slice"] == "year")
        return {
            "kind": kind,
            "alerts": round(alerts["alerts"]),
            "hits": round(alerts["hits"]),
            "precision": alerts["precision"],
            "first_year": years[0] if years else None,
            "last_year": years[-1] if years else None,
            "as_of": record["as_of"],
        }
    return None
