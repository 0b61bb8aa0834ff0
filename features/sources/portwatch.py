"""IMF PortWatch: ships that pass the world's straits and canals, per day and type of ship -> `transits`.

Payloads, both JSON and perhaps gzipped:

- Answers of the ArcGIS service, one page of one strait each: `features` of `attributes`, with `date` as milliseconds
  since 1970 or as text. An answer without `portname` does not say which strait it is about and is refused: write the
  name into each `attributes.portname`.
- A snapshot of several straits (`chokepoints`, each with `portwatchName` and a `history`), with the moment at which it
  was captured.

Names are those of `features/catalog/straits.csv`. PortWatch counts five types of ship and their sum; a day whose types
do not add up to it is rejected. `capacity_tonnes` is deadweight; the snapshot has none for the sum. Days that PortWatch
has not are counted and stay missing.

**Known from.** PortWatch is updated on Tuesdays, at 9 o'clock in Washington, with days up to the Sunday before. A day
counts from the Wednesday, 00:00 UTC, after the Sunday that ends its week.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.catalog.routes import load_straits
from features.datasets import MOMENT
from features.errors import BadInput, ConfigError
from features.knowledge_time import as_moment
from features.schemas.geopolitics import SHIP_TYPES
from features.sources.spec import Harvest, Request, SourceSpec, reject_rows

__all__ = ["FILES", "SPEC", "follow", "harmonise", "known_from", "parse", "released", "requests"]

SPEC = SourceSpec(
    name="portwatch",
    title="PortWatch, daily transits of straits and canals",
    publisher="International Monetary Fund; positions of ships from the UN Global Platform",
    address="https://portwatch.imf.org/",
    licence="IMF terms of use: free with attribution, not for resale",
    citation="IMF PortWatch, portwatch.imf.org, based on AIS data of the UN Global Platform",
    cadence="weekly, on Tuesdays, with days up to the Sunday before",
    lag=None,
    lag_rule="a day is available on the Wednesday after the Sunday that ends its week",
    fills=("transits",),
    takes="answers of the ArcGIS service as JSON (with portname), or a snapshot of chokepoints, perhaps gzipped",
    endpoint="https://services9.arcgis.com/weJ1QsnbMYJlCHdG/arcgis/rest/services/Daily_Chokepoints_Data/FeatureServer/0/query",
    hosts=("services9.arcgis.com",),
    requests_per_minute=30,
    max_megabytes=50,
    stale_after_days=21,
)
FILES = ("chokepoint-transit-*.json", "chokepoint-transit-*.json.gz", "portwatch_*.json")

FIRST_DAY = "2019-01-01"
# The service gives no more at once.
PAGE = 1000
ADDENDS = tuple(name for name in SHIP_TYPES if name != "total")
CALLS = {name: f"n_{name}" for name in SHIP_TYPES}
CAPACITY = {name: "capacity" if name == "total" else f"capacity_{name}" for name in SHIP_TYPES}
# The snapshot's own names of the same columns; it has no capacity of all ships together.
SNAPSHOT_CALLS = {
    "total": "total", "container": "container", "dry_bulk": "dryBulk", "general_cargo": "generalCargo",
    "roro": "roro", "tanker": "tanker",
}  # fmt: skip
SNAPSHOT_CAPACITY = {name: f"cap{key[0].upper()}{key[1:]}" for name, key in SNAPSHOT_CALLS.items() if name != "total"}
RAW_COLUMNS = ["row", "portname", "date", *CALLS.values(), *CAPACITY.values(), "captured_at"]


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the first page of every strait of the catalogue, oldest days first: PortWatch revises its past."""
    straits = load_straits()
    return [
        Request(f"{endpoint}?{urlencode(_query(row.portwatch_name, 0))}", f"portwatch_{row.id}_000.json")
        for row in straits.itertuples()
    ]


def _query(strait: str, offset: int) -> dict[str, str]:
    return {
        "where": f"portname='{strait}' AND date >= timestamp '{FIRST_DAY} 00:00:00'",
        "outFields": ",".join(["date", "portname", *CALLS.values(), *CAPACITY.values()]),
        "orderByFields": "date",
        "returnGeometry": "false",
        "resultOffset": str(offset),
        "resultRecordCount": str(PAGE),
        "f": "json",
    }


def follow(request: Request, path: Path) -> list[Request]:
    """Ask for the next page, as long as the service says that there is more.

    Raises:
        BadInput: the answer is no page, is empty, or promises more and gives nothing.
    """
    told = _read(path)
    entries = _features(told, path)
    if not told.get("exceededTransferLimit"):
        return []
    # Not one of the straits was without a single day; an empty page in the middle would be asked for again for ever.
    if not entries:
        raise BadInput(
            where=str(path), expected="days, as more are promised", found="none", remedy="Ask again, perhaps later."
        )
    parts = urlsplit(request.address)
    query = dict(parse_qsl(parts.query))
    query["resultOffset"] = str(int(query.get("resultOffset", "0")) + len(entries))
    stem, _, number = request.name.removesuffix(".json").rpartition("_")
    address = parts._replace(query=urlencode(query)).geturl()
    return [replace(request, address=address, name=f"{stem}_{int(number) + 1:03d}.json")]


def parse(path: Path) -> pd.DataFrame:
    """Read either layout into `RAW_COLUMNS`, one row per strait and day; what is not told is missing.

    `date` is text or a number as in the file, `captured_at` the snapshot's moment, "" for an answer.

    Raises:
        BadInput: the file is missing, no JSON, neither layout, cut off, or does not say which strait it is about.
    """
    told = _read(path)
    entries = _snapshot(told, path) if "chokepoints" in told else _features(told, path)
    if not entries:
        raise BadInput(where=str(path), expected="days", found="none", remedy="Check the strait's name and ask again.")
    nameless = [number for number, entry in enumerate(entries, start=1) if not entry.get("portname")]
    if nameless:
        raise BadInput(
            where=f"{path}, entry {nameless[0]}, attributes.portname",
            expected="the strait's name as PortWatch writes it",
            found=f"none in {len(nameless)} of {len(entries)} entries",
            remedy="Ask with outFields=date,portname,…, or write the name into attributes.portname.",
        )
    captured_at = str(told.get("capturedAt", "")) if "chokepoints" in told else ""
    table = pd.DataFrame(entries).assign(row=range(1, len(entries) + 1), captured_at=captured_at)
    missing = {"date", *CALLS.values()} - set(table)
    if missing:
        raise BadInput(
            where=f"{path}, attributes",
            expected=", ".join(["date", *CALLS.values()]),
            found=f"no {', '.join(sorted(missing))}",
            remedy="Has the layout changed?",
        )
    return table.reindex(columns=RAW_COLUMNS)


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    try:
        content = path.read_bytes()
        told = json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except (ValueError, OSError, EOFError, zlib.error) as problem:
        raise BadInput(
            where=str(path),
            expected="JSON, perhaps gzipped",
            found=f"{type(problem).__name__}: {problem}".splitlines()[0],
            remedy="The file is damaged or cut off; download it again.",
        ) from None
    if not isinstance(told, dict):
        told = {"found": type(told).__name__}
    if "error" in told:
        # The service answers a wrong question with status 200.
        found = str(told["error"])[:200]
        raise BadInput(where=str(path), expected="an answer", found=f"an error: {found}", remedy="Check the question.")
    return told


def _features(told: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    try:
        return [dict(feature["attributes"]) for feature in told["features"]]
    except (KeyError, TypeError, ValueError):
        raise BadInput(
            where=str(path),
            expected="JSON with features of attributes, or with chokepoints",
            found=", ".join(list(told)[:5]) or "nothing",
            remedy="Is this the right file? Else download it again.",
        ) from None


def _snapshot(told: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    names = {key: CALLS[name] for name, key in SNAPSHOT_CALLS.items()}
    names |= {key: CAPACITY[name] for name, key in SNAPSHOT_CAPACITY.items()}
    entries = []
    try:
        as_moment(dt.datetime.fromisoformat(str(told["capturedAt"])))
        for strait in told["chokepoints"].values():
            days = strait["history"]
            if len(days) != strait["rowCount"]:
                raise ValueError(f"{len(days)} days of {strait['portwatchName']}, {strait['rowCount']} promised")
            entries += [
                {"portname": strait["portwatchName"], "date": day["date"]} | {to: day[key] for key, to in names.items()}
                for day in days
            ]
    except (KeyError, TypeError, AttributeError, ValueError, ConfigError) as problem:
        raise BadInput(
            where=str(path),
            expected="capturedAt and, for each strait, portwatchName, rowCount and that many days of history",
            found=f"{type(problem).__name__}: {problem}".splitlines()[0],
            remedy="The file is cut off, or its layout has changed; download it again.",
        ) from None
    return entries


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give when a snapshot was captured; an answer does not say when it was given."""
    told = str(raw["captured_at"].iloc[0])
    return as_moment(dt.datetime.fromisoformat(told)) if told else None


def known_from(days: pd.Series) -> pd.Series:
    """Give the Wednesday, 00:00 UTC, after the Sunday that ends the week of each day.

    Example:
        >>> known_from(pd.Series(pd.to_datetime(["2026-07-13", "2026-07-19"], utc=True))).dt.day.tolist()
        [22, 22]
    """
    return (days + pd.to_timedelta(9 - days.dt.day_of_week, unit="D")).astype(MOMENT)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `transits`, one per strait, type of ship and day."""
    straits = load_straits()
    ids = dict(zip(straits["portwatch_name"], straits["id"], strict=True))
    day = _days(raw["date"])
    columns = [*CALLS.values(), *CAPACITY.values()]
    figures = raw.assign(**{name: pd.to_numeric(raw[name], errors="coerce").astype("float64") for name in columns})
    # Not compared as sums of floats: calls are whole.
    addends = figures[[CALLS[name] for name in ADDENDS]].sum(axis=1)
    checks = [
        ("portname", ~raw["portname"].isin(ids), "a strait that the catalogue has not"),
        ("date", day.isna() | (day >= pd.Timestamp(now)), f"not a day that has begun by {now.date()}"),
        ("date", raw.assign(day=day).duplicated(["portname", "day"], keep="first"), "a day told twice"),
        *((name, ~_is_whole(figures[name]), "no whole number of ships") for name in CALLS.values()),
        (CALLS["total"], addends != figures[CALLS["total"]], "the types of ship do not add up to it"),
        *((name, ~(figures[name].isna() | figures[name].between(0, 1e12)), "below zero") for name in CAPACITY.values()),
    ]
    rejected, is_bad = reject_rows(raw, checks, file=file)
    good, at = figures[~is_bad], day[~is_bad]
    parts = [
        pd.DataFrame(
            {
                "strait": good["portname"].map(ids).astype("str"),
                "ship_type": name,
                "starts_on": at,
                "calls": good[CALLS[name]].astype("int64"),
                "capacity_tonnes": good[CAPACITY[name]],
                "available_at": known_from(at),
            }
        )
        for name in SHIP_TYPES
    ]
    rows = pd.concat(parts, ignore_index=True).assign(source=SPEC.name, is_retracted=False)
    spans = at.groupby(good["portname"]).agg(["min", "max", "count"])
    lacking = (spans["max"] - spans["min"]).dt.days + 1 - spans["count"]
    return Harvest({"transits": rows}, rejected, {"days missing between the first and the last": int(lacking.sum())})


def _is_whole(figures: pd.Series) -> pd.Series:
    return figures.ge(0) & figures.lt(1e6) & figures.mod(1).eq(0)


def _days(dates: pd.Series) -> pd.Series:
    # Milliseconds or text; a moment inside a day means that day.
    number = dates.map(lambda value: isinstance(value, int | float | np.number) and not isinstance(value, bool))
    text = pd.to_datetime(dates.where(~number).astype("str").str.slice(0, 10), format="%Y-%m-%d", errors="coerce")
    millis = pd.to_datetime(pd.to_numeric(dates.where(number), errors="coerce"), unit="ms", errors="coerce")
    found = millis.astype("datetime64[us]").fillna(text.astype("datetime64[us]"))
    return found.dt.floor("D").dt.tz_localize("UTC").astype(MOMENT)
