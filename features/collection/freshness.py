"""How fresh what a source filled is, by three clocks: when it was fetched, how new its newest observation is, and
how much of what it usually covers that newest observation has.

A source that answers every week with the same old file is fetched and stale; one whose newest month holds three
countries of fifty is new and thin. Only the second and third clock are computed here, from the store.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from features import datasets
from features.sources.spec import SourceSpec
from features.store import Store, connect

__all__ = ["Freshness", "freshness"]

PERIODS = ("year", "month", "last_month", "starts_on")
NOT_WHO = ("importer", "year", "month", "first_month", "last_month", "starts_on", "source", "frequency", "basis")


@dataclass(frozen=True, slots=True)
class Freshness:
    """What the store holds of one source at a moment.

    `newest_observation` is the year, month or day that the newest figure is about, `known_at` when the first figures
    about it were known. `covers` counts who or what has a figure about it, `usual` about the period before.
    """

    rows: int
    newest_fact_at: dt.datetime | None
    newest_observation: str | None
    known_at: dt.datetime | None
    covers: int | None
    usual: int | None
    age_days: int | None
    is_stale: bool


def freshness(store: Store, spec: SourceSpec, *, now: dt.datetime) -> Freshness:
    """Measure how fresh a source is at `now`; of several datasets the one with the newest observation counts."""
    found = [each for name in spec.fills if (each := _of_dataset(store, name, spec.name, now)) is not None]
    if not found:
        return Freshness(0, None, None, None, None, None, None, True)
    rows, newest_fact_at = sum(each[0] for each in found), max(each[1] for each in found)
    _, _, observation, known_at, covers, usual = max(found, key=lambda each: (each[3], each[2] or ""))
    age = (now - known_at).days
    return Freshness(rows, newest_fact_at, observation, known_at, covers, usual, age, age > spec.stale_after_days)


_Found = tuple[int, dt.datetime, str | None, dt.datetime, int | None, int | None]


def _of_dataset(store: Store, name: str, source: str, now: dt.datetime) -> _Found | None:
    if not store.batches(name):
        return None
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in store.batches(name))
    known = f"SELECT * FROM read_parquet([{files}]) WHERE source = $source AND available_at <= $now"
    parameters = {"source": source, "now": now}
    period = next((column for column in PERIODS if column in datasets.dataset(name).key), None)
    who = ", ".join(column for column in datasets.dataset(name).key if column not in NOT_WHO)
    with connect(store.memory_limit, store.threads) as db:
        total = db.execute(f"SELECT count(*), max(available_at) FROM ({known})", parameters).fetchone()
        if not total or not total[0]:
            return None
        rows, newest_at = int(total[0]), total[1].astimezone(dt.UTC)
        if period is None:
            return rows, newest_at, newest_at.date().isoformat(), newest_at, None, None
        sql = f"""
            SELECT {period}, min(available_at), count(DISTINCT ({who})) FROM ({known})
            GROUP BY {period} ORDER BY {period} DESC LIMIT 2"""
        newest, *before = db.execute(sql, parameters).fetchall()
    usual = before[0][2] if before else None
    return rows, newest_at, _words(newest[0]), newest[1].astimezone(dt.UTC), newest[2], usual


def _words(period: object) -> str:
    return period.astimezone(dt.UTC).date().isoformat() if isinstance(period, dt.datetime) else str(period)
