"""Earthquakes of the world, as the U.S. Geological Survey lists them -> `hazards`.

Payloads: GeoJSON (a query of the event service, a summary feed, or one event) and CSV of both, with an id per event
or, in copies that were cut down, without. An event without an id is called after its second and place, so that every
copy calls it the same.

Kept are earthquakes of at least `LEAST_MAGNITUDE`; smaller ones, and blasts, collapses and the like, are counted.
Rows without a place are at sea or unnamed: they have no country. Of the quakes without a grade of damage the
magnitude is the grade (`severity_of_magnitude`).

Knowledge time. The first solution is out within minutes, so a quake counts from a day after it happened. Its figures
are those of the file: `updated` moves for weeks with every map or report that is attached, mostly with the same
magnitude, and dating by it would make quakes unknown that the whole world knew of. So a first reading is hindcast in
its last tenth of a magnitude. From then on each round is a release, and a figure that changed counts from the round
that brought it. Collecting asks for everything since 1960 each time, some 35,000 quakes in pieces below the service's
limit of 20,000, as a history read after a feed would count from that day only. A feed of the last month, or one event
by itself, is a release: of two that tell the same quake otherwise, the later one revises. Quakes that the survey
deletes stay.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput
from features.knowledge_time import UTC, Lag
from features.sources.hazard_rows import (
    A_DAY,
    countries_of,
    hazard_table,
    is_unknown_yet,
    number,
    read_bounded,
    read_text_table,
    severity_of_magnitude,
)
from features.sources.spec import Harvest, Request, SourceSpec, reading, reject_rows

__all__ = ["FILES", "LEAST_MAGNITUDE", "SPEC", "harmonise", "parse", "released", "requests"]

SPEC = SourceSpec(
    name="usgs_earthquakes",
    title="Earthquake catalogue (ComCat)",
    publisher="United States Geological Survey",
    address="https://earthquake.usgs.gov/earthquakes/search/",
    licence="US public domain",
    citation="U.S. Geological Survey, Earthquake Hazards Program, ANSS Comprehensive Earthquake Catalog",
    cadence="within minutes of a quake; figures are reviewed for weeks",
    lag=None,
    lag_rule="a quake is available a day after it happened; a figure changed later, from the release that changed it",
    fills=("hazards",),
    takes="GeoJSON or CSV of the event service or of a summary feed",
    may_redistribute=True,
    endpoint="https://earthquake.usgs.gov/fdsnws/event/1/query",
    hosts=("earthquake.usgs.gov",),
    requests_per_minute=10,
    max_megabytes=100,
    stale_after_days=30,
)
FILES = ("*.csv", "*.json", "*.geojson")

# Weaker ones seldom stop a mine, and there are fifteen hundred of magnitude 5 a year.
LEAST_MAGNITUDE = 5.5
FIRST_YEAR, YEARS_PER_PIECE = 1960, 20
FEED_DAYS = 31
COLUMNS = ("time", "latitude", "longitude", "depth", "mag", "updated", "place", "type")
RAW_COLUMNS = ["row", "id", *(name for name in COLUMNS if name != "updated"), "generated"]
EVENT_PAGE = "https://earthquake.usgs.gov/earthquakes/eventpage/"


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for all kept quakes since 1960, twenty years at a time; each answer is one file of one release."""
    starts = range(FIRST_YEAR, now.year + 1, YEARS_PER_PIECE)
    return [Request(f"{endpoint}?{_query(year)}", f"query-{year}.geojson") for year in starts]


def _query(year: int) -> str:
    until = dt.date(year + YEARS_PER_PIECE, 1, 1) - dt.timedelta(days=1)
    asked = {
        "format": "geojson",
        "starttime": f"{year}-01-01",
        "endtime": f"{until}T23:59:59.999",
        "minmagnitude": LEAST_MAGNITUDE,
        "eventtype": "earthquake",
        "orderby": "time-asc",
    }
    return urlencode(asked)


def parse(path: Path) -> pd.DataFrame:
    """Read a payload into `RAW_COLUMNS`, all text; `time` as written in a CSV, ISO 8601 of a GeoJSON.

    Raises:
        BadInput: the file is missing, damaged, of another layout, or holds fewer events than it says.
    """
    if path.suffix == ".csv":
        table = read_text_table(path, COLUMNS, expected="a CSV of earthquakes")
        given = table["id"] if "id" in table else pd.Series("", index=table.index)
        return table.assign(id=given, generated=_made(table))[RAW_COLUMNS]
    remedy = "Is this an answer of the event service or a summary feed? Else download it again."
    with reading(path, expected="GeoJSON of earthquakes", remedy=remedy, also=(ValueError, RecursionError)):
        told = json.loads(read_bounded(path))
    features = _features(told)
    if features is None:
        raise BadInput(where=str(path), expected="GeoJSON of earthquakes", found="other JSON", remedy=remedy)
    metadata = told.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if (promised := metadata.get("count", len(features))) != len(features):
        raise BadInput(
            where=f"{path}, metadata.count",
            expected=f"{promised} events, as it says",
            found=f"{len(features)}",
            remedy="The answer was cut off; download it again.",
        )
    # Answers of one round are one release, dated by the fetching; only a feed is a release by itself.
    is_feed = "/feed/" in str(metadata.get("url", ""))
    generated = _iso(metadata.get("generated")) if is_feed else ""
    if told.get("type") == "Feature":
        generated = _iso(_said(told).get("updated"))
    rows = [_event(feature) | {"row": row, "generated": generated} for row, feature in enumerate(features, start=1)]
    return pd.DataFrame(rows, columns=RAW_COLUMNS).astype(dict.fromkeys(RAW_COLUMNS[1:], "str") | {"row": "int64"})


def _made(table: pd.DataFrame) -> str:
    """Give when a CSV was made if it is a feed of the last days: no earlier than its newest change; else nothing."""
    time, updated = (
        pd.to_datetime(table[name], format="ISO8601", errors="coerce", utc=True) for name in ("time", "updated")
    )
    is_feed = updated.notna().all() and updated.max() - time.min() <= pd.Timedelta(days=FEED_DAYS)
    return str(updated.max().isoformat()) if is_feed else ""


def _features(told: Any) -> list[Any] | None:
    if not isinstance(told, dict):
        return None
    if told.get("type") == "Feature":
        return [told]
    features = told.get("features")
    return features if isinstance(features, list) else None


def _event(feature: Any) -> dict[str, str]:
    said = _said(feature)
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    point = geometry.get("coordinates") if isinstance(geometry, dict) else None
    longitude, latitude, depth = [*(point if isinstance(point, list) else []), None, None, None][:3]
    told = {
        "id": feature.get("id") if isinstance(feature, dict) else None,
        "latitude": latitude,
        "longitude": longitude,
        "depth": depth,
        "mag": said.get("mag"),
        "place": said.get("place"),
        "type": said.get("type"),
    }
    return {name: "" if value is None else str(value) for name, value in told.items()} | {
        "time": _iso(said.get("time"))
    }


def _said(feature: Any) -> dict[str, Any]:
    said = feature.get("properties") if isinstance(feature, dict) else None
    return said if isinstance(said, dict) else {}


def _iso(milliseconds: object) -> str:
    """Write milliseconds since 1970 as ISO 8601; empty if they are none, or out of any calendar."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return ""
    try:
        return (dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(milliseconds=milliseconds)).isoformat()
    except (OverflowError, ValueError):
        return ""


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give when a feed or one event was made; None for the rest: pieces of the catalogue are one release together."""
    told = raw["generated"].iloc[0] if len(raw) else ""
    return dt.datetime.fromisoformat(told) if told else None


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `hazards`."""
    time = pd.to_datetime(raw["time"], format="ISO8601", errors="coerce", utc=True).astype(MOMENT)
    # Copies of one solution differ in the last millisecond.
    time = time.dt.floor("s")
    latitude, longitude = number(raw, "latitude"), number(raw, "longitude")
    magnitude, depth = number(raw, "mag"), number(raw, "depth")
    is_quake = raw["type"].eq("earthquake")
    # One without a magnitude was too weak or too old to be measured.
    is_strong = magnitude.ge(LEAST_MAGNITUDE)
    checks = (
        ("time", time.isna(), "not a moment"),
        ("time", time > pd.Timestamp(now), f"a moment after {now.date()}"),
        ("latitude", ~latitude.between(-90, 90), "not a latitude"),
        ("longitude", ~longitude.between(-180, 180), "not a longitude"),
        ("mag", ~magnitude.between(LEAST_MAGNITUDE, 10), "not a magnitude"),
    )
    wanted = raw[is_quake & is_strong]
    of_wanted = [(column, bad[wanted.index], reason) for column, bad, reason in checks]
    rejected, is_bad = reject_rows(wanted, of_wanted, file=file)
    known = time + A_DAY
    is_early = is_unknown_yet(known, now)[wanted.index] & ~is_bad
    kept = wanted[~is_bad & ~is_early]
    at = kept.index
    named = kept["place"].where(kept["place"].ne(""), "at sea, or without a name")
    rows = pd.DataFrame(
        {
            "event_id": kept["id"].where(kept["id"].ne(""), _called(time[at], latitude[at], longitude[at])),
            "kind": "earthquake",
            "country": countries_of(kept["place"], catalog),
            "latitude": latitude[at],
            "longitude": longitude[at],
            "happened_at": time[at],
            "magnitude": magnitude[at],
            "depth_km": depth[at],
            "severity": severity_of_magnitude(magnitude[at]),
            "title": "M " + _written(magnitude[at], "{:.1f}") + ", " + named,
            "link": (EVENT_PAGE + kept["id"]).where(kept["id"].ne(""), ""),
            "available_at": known[at],
        }
    )
    table = hazard_table(rows, source=SPEC.name)
    counts = {
        "no earthquakes": int((~is_quake).sum()),
        f"weaker than {LEAST_MAGNITUDE}, or not measured": int((is_quake & ~is_strong).sum()),
        "less than a day old, left for the next reading": int(is_early.sum()),
        "in no country, or in none that is known": int(table["country"].eq("").sum()),
    }
    return Harvest({"hazards": table}, rejected, counts)


def _called(time: pd.Series, latitude: pd.Series, longitude: pd.Series) -> pd.Series:
    """Name events by their second and place to a tenth of a degree, for files without ids."""
    second = time.dt.strftime("%Y%m%dT%H%M%SZ")
    return second + "_" + _written(latitude, "{:+.1f}") + "_" + _written(longitude, "{:+.1f}")


def _written(values: pd.Series, pattern: str) -> pd.Series:
    return values.map(pattern.format).astype("str")
