"""`/metrics`: requests of this service, and what a monitor must know of the run, its sources and its drift."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from ml.prometheus_text import Gauge
from ml.service.live import Live
from ml.service.snapshot import Book, Snapshot

__all__ = ["CONTENT_TYPE", "Requests", "delivery_gauges", "run_gauges", "service_gauges", "source_gauges"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Requests:
    """Counts requests and how long they take; summed over all processes when `PROMETHEUS_MULTIPROC_DIR` is set."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count = Counter(
            "oresight_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "oresight_http_request_seconds", "Time to answer.", ["route"], buckets=BOUNDS, registry=self.registry
        )
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._timers: dict[str, Any] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        method = method if method in ("GET", "HEAD", "OPTIONS", "POST") else "other"
        key = (method, route, status)
        counter = self._counters.get(key)
        if counter is None:
            # To look a child up takes longer than to count.
            counter = self._counters[key] = self._count.labels(method, route, str(status))
        counter.inc()
        timer = self._timers.get(route)
        if timer is None:
            timer = self._timers[route] = self._seconds.labels(route)
        timer.observe(seconds)

    def lines(self) -> bytes:
        """Give the counts in Prometheus' text format."""
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            every = CollectorRegistry()
            MultiProcessCollector(every)
            return generate_latest(every)
        return generate_latest(self.registry)


def service_gauges(live: Live) -> list[Gauge]:
    """Give what there is to say without a run too."""
    away = live.away_since
    seconds = 0.0 if away is None else (live.clock() - away).total_seconds()
    return [
        (
            "oresight_database_up",
            "1 when the database answered the last time it was asked.",
            [({}, float(away is None))],
        ),
        ("oresight_database_away_seconds", "How long the database has not answered.", [({}, seconds)]),
        ("oresight_run_loaded", "1 when a run is in memory.", [({}, float(live.snapshot is not None))]),
    ]


def run_gauges(snapshot: Snapshot, book: Book, now: dt.datetime) -> list[Gauge]:
    """Give the current run: its age, its rows, and whether a newer one was held back."""
    run = snapshot.run
    names = ("run_id", "week", "model_version")
    columns = (snapshot.forecasts.values(name) for name in ("tier", "target", "horizon", "abstained"))
    tally = Tally(
        ("abstained" if abstained else str(tier), target, horizon)
        for tier, target, horizon, abstained in zip(*columns, strict=True)
    )
    told = [row for row in book.rows.values() if not row["held_back"]]
    newest = max(book.rows.values(), key=lambda row: (row["as_of"], row["created_at"]))
    success = max((row["created_at"].timestamp() for row in told), default=0.0)
    return [
        (
            "oresight_run_age_seconds",
            "Time since the Monday of the current run.",
            [({}, (now - run["as_of"]).total_seconds())],
        ),
        (
            "oresight_run_valid_until_timestamp_seconds",
            "When the current run expires.",
            [({}, run["valid_until"].timestamp())],
        ),
        ("oresight_run_info", "The current run.", [({name: str(run[name]) for name in names}, 1.0)]),
        (
            "oresight_run_edition",
            "How often the pointer to the current run was moved.",
            [({}, float(snapshot.edition))],
        ),
        (
            "oresight_forecasts",
            "Rows of the current run.",
            [
                ({"tier": tier, "target": target, "horizon": horizon}, float(n))
                for (tier, target, horizon), n in sorted(tally.items())
            ],
        ),
        (
            "oresight_weekly_last_success_timestamp_seconds",
            "When a run was last made that may be current.",
            [({}, success)],
        ),
        ("oresight_drift_stop", "1 when the newest run was held back for drift.", [({}, float(newest["held_back"]))]),
    ]


def source_gauges(rows: Iterable[Mapping[str, Any]]) -> list[Gauge]:
    """Give the age of each source, for runs whose drift is not at hand."""
    samples = [
        ({"dataset": row["dataset"], "source": row["source"]}, float(row["age_days"]))
        for row in rows
        if row["age_days"] is not None
    ]
    return [("oresight_source_age_days", "Age of the newest fact of a dataset and source.", samples)]


def delivery_gauges(rows: Iterable[tuple[str, str, int]]) -> list[Gauge]:
    """Give how many warnings are in which state, by channel."""
    samples = [({"channel": channel, "state": state}, float(count)) for channel, state, count in rows]
    return [("oresight_deliveries", "Deliveries of warnings.", samples)]
