"""oresight's own compilation of dated events -> `measures`, `incidents`, `coverage`.

Payload: CSV, one row per event; `minerals` holds words separated by `;`, which the
catalogue maps to ids. One event gives one row per mineral. `kind` decides the
dataset: acts of policy are measures, what happened is an incident.

An event is known when the day of its announcement is over, since a Monday's forecast
runs at 00:00. Its end is another, later fact: until then the row has no `ended_at`.
`severity` is a judgement made afterwards; see docs/decisions/0008-events.md.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features import datasets
from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import UnknownCode
from features.knowledge_time import Lag
from features.sources.spec import Harvest, SourceSpec, read_table, reject_rows

__all__ = ["INCIDENT_KINDS", "MEASURE_KINDS", "SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="events",
    title="Disruption events 2009-2026",
    publisher="oresight",
    address="features/bundle/events.csv",
    licence="Apache-2.0",
    citation="oresight, disruption events; each row names its sources",
    cadence="with each release of oresight",
    lag=None,
    lag_rule="an event is available when the day of its announcement is over",
    fills=("measures", "incidents", "coverage"),
    takes="CSV with the columns of the embedded events.csv",
    is_embedded=True,
    may_redistribute=True,
)

COLUMNS = (
    "event_id",
    "announced_on",
    "effective_on",
    "ended_on",
    "country_iso3",
    "minerals",
    "kind",
    "direction",
    "severity",
    "title",
    "source",
    "source_seen",
    "confidence",
    "date_checked",
)
MEASURE_KINDS = {
    "export_ban": "export_ban",
    "export_quota": "export_quota",
    "export_tax": "export_tax",
    "licensing": "licensing",
    "domestic_processing_requirement": "processing_requirement",
    "processing_requirement": "processing_requirement",
    "sanction_import_ban": "sanctions",
    "sanctions": "sanctions",
    "price_floor_or_quota": "price_floor_or_quota",
    "easing": "easing",
}
INCIDENT_KINDS = {
    "strike": "strike",
    "accident": "accident",
    "natural_disaster": "disaster",
    "disaster": "disaster",
    "conflict": "conflict",
    "permit_revocation": "permit",
    "permit": "permit",
    "other": "other",
}
# The compilation says so itself: nothing before 2009, nothing after 5 July 2026.
COVERED_FROM = dt.date(2009, 1, 1)
COVERED_UNTIL = dt.date(2026, 7, 5)
A_DAY = pd.Timedelta(days=1)


def parse(path: Path) -> pd.DataFrame:
    """Read a payload as text with a `row` column; only the header is judged here."""
    return read_table(path, [COLUMNS])


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `measures`, `incidents` and `coverage`."""
    announced, effective, ended = (_dates(raw[f"{name}_on"]) for name in ("announced", "effective", "ended"))
    minerals = raw["minerals"].map(lambda words: _minerals(words, catalog))
    severity = pd.to_numeric(raw["severity"], errors="coerce")
    checks = (
        ("event_id", raw["event_id"].eq("") | raw["event_id"].duplicated(), "empty, or used twice"),
        ("announced_on", announced.isna(), "not a date"),
        ("announced_on", announced > now, f"a date after {now.date()}"),
        ("effective_on", effective.isna() & raw["effective_on"].ne(""), "not a date"),
        ("ended_on", ended.isna() & raw["ended_on"].ne(""), "not a date"),
        ("ended_on", ended < announced, "before its announcement"),
        ("country_iso3", ~raw["country_iso3"].isin(set(catalog.countries)), "an unknown country code"),
        ("minerals", minerals.isna(), "a word that is no mineral of the catalogue"),
        ("kind", ~raw["kind"].isin({*MEASURE_KINDS, *INCIDENT_KINDS}), "an unknown kind"),
        ("direction", ~raw["direction"].isin(["tightening", "easing", "neutral"]), "an unknown direction"),
        ("severity", ~severity.isin([1, 2, 3]), "not 1, 2 or 3"),
        ("confidence", ~raw["confidence"].isin(["high", "medium", "low"]), "not high, medium or low"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    events = raw.assign(
        available_at=announced + A_DAY,
        announced_at=announced,
        effective_at=effective,
        ended_at=ended,
        mineral=minerals,
        severity=severity,
        supplier=raw["country_iso3"],
    )[~is_bad]
    events = _with_ends(events.explode("mineral"), now)
    tables = {}
    for name, kinds in (("measures", MEASURE_KINDS), ("incidents", INCIDENT_KINDS)):
        part = events[events["kind"].isin(kinds)]
        part = part.assign(kind=part["kind"].map(kinds).astype("str"))
        tables[name] = _rows(name, part)
    tables["coverage"] = _coverage()
    return Harvest(tables, rejected)


def _dates(text: pd.Series) -> pd.Series:
    return pd.to_datetime(text, format="%Y-%m-%d", errors="coerce", utc=True).astype(MOMENT)


def _minerals(words: str, catalog: Catalog) -> list[str] | None:
    try:
        ids = [catalog.mineral_of_word(word.strip()) for word in words.split(";") if word.strip()]
    except UnknownCode:
        return None
    return sorted(set(ids)) or None


def _with_ends(events: pd.DataFrame, now: dt.datetime) -> pd.DataFrame:
    # First what was known on the day, without an end; then, once it is over, the same event with its end.
    over_at = events[["available_at", "ended_at"]].max(axis=1) + A_DAY
    over = events.assign(available_at=over_at)[events["ended_at"].notna() & (over_at <= now)]
    return pd.concat([events.assign(ended_at=pd.Series(pd.NaT, index=events.index, dtype=MOMENT)), over])


def _rows(dataset: str, events: pd.DataFrame) -> pd.DataFrame:
    rows = events.astype({"severity": "int8", "mineral": "str", "available_at": MOMENT, "ended_at": MOMENT})
    # The links that were looked at are the evidence; whom an act is aimed at stands in its title only.
    rows = rows.assign(evidence=rows["source_seen"], targeted_importers="", hs_codes="")
    rows = rows.assign(source=SPEC.name, is_retracted=False)
    return rows[datasets.dataset(dataset).columns].reset_index(drop=True)


def _coverage() -> pd.DataFrame:
    bounds = [("from", COVERED_FROM), ("until", COVERED_UNTIL)]
    rows = pd.DataFrame(
        [(name, bound, at) for name in ("measures", "incidents") for bound, at in bounds],
        columns=["dataset", "bound", "bound_at"],
    )
    moment = pd.to_datetime(rows["bound_at"], utc=True).astype(MOMENT)
    return rows.assign(bound_at=moment, available_at=moment, source=SPEC.name, is_retracted=False)
