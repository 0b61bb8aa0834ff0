"""GDACS, the alerts of the United Nations and the European Commission about disasters -> `hazards`.

Payloads: the live feed (RSS of the last days), the archive's feed, and events of the interface, one or a list, in
JSON. Earthquakes, cyclones, floods, droughts, eruptions, wildfires and tsunamis are kept, of all grades: green is 1,
orange 2, red 3. What counts is the grade of the event, not that of its last episode. A type with a mark behind it
(`EQx`) is an event that was struck out or joined to another: those and unknown types are listed.

Each event is told again with every episode. Its id stays (`EQ1077755`), so what changed is a new version. Magnitude
is that of a quake, the wind of a cyclone in km/h or the explosivity of an eruption; areas and the unnamed figure of
floods are none. An event that spans several countries belongs to none of them here: the three letters it is filed
under are those of the first name in the alphabet. Their names stand in the title; the point is the middle of the
area. What GDACS files under China within the box around Taiwan is Taiwan's, as in the trade figures.

Knowledge time. Three clocks stand in a payload: `fromdate`, `todate` and `pubDate` or `datemodified`, and none is the
moment at which it was told; a quake's `pubDate` is the second at which it happened. So

- the live feed counts from when the whole feed came out (or an item's own date, if later);
- an event of the interface counts from `datemodified`, often months after the disaster;
- the archive tells the last state of each event, which counts from a day after its last day: hindcast in the grade.

`todate` is the day of the last figures, not an end: an event has ended when it is no longer current and nothing was
added for a day. Earthquakes have no end.
"""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.knowledge_time import UTC, Lag
from features.sources.gdacs_layouts import API, ARCHIVE, from_json, from_xml
from features.sources.hazard_rows import A_DAY, country_of, hazard_table, is_unknown_yet, number
from features.sources.spec import Harvest, Request, SourceSpec, reject_rows, rejections

__all__ = ["FILES", "SPEC", "harmonise", "parse", "released", "requests"]

SPEC = SourceSpec(
    name="gdacs",
    title="Global Disaster Alert and Coordination System, alerts",
    publisher="United Nations OCHA and European Commission, Joint Research Centre",
    address="https://www.gdacs.org/",
    licence="free use with acknowledgement; the disclaimer of GDACS applies",
    citation="Global Disaster Alert and Coordination System, GDACS, https://www.gdacs.org",
    cadence="every few minutes",
    lag=None,
    lag_rule="an alert is available when its feed came out; from the interface, when it was last changed; from the "
    "archive, a day after its last day",
    fills=("hazards",),
    takes="RSS of the live feed or the archive, or GeoJSON of the event interface",
    endpoint="https://www.gdacs.org/xml/rss_7d.xml",
    hosts=("www.gdacs.org",),
    requests_per_minute=5,
    max_megabytes=20,
    stale_after_days=14,
)
FILES = ("*.xml", "*.json", "*.geojson")

KINDS = {
    "EQ": "earthquake",
    "TC": "cyclone",
    "FL": "flood",
    "DR": "drought",
    "VO": "volcano",
    "WF": "wildfire",
    "TS": "tsunami",
}
LEVELS = {"green": 1, "orange": 2, "red": 3}
# The units in which a severity is the magnitude that `hazards` means.
UNITS = {("EQ", "m"), ("TC", "km/h"), ("VO", "vei")}
# Latitude and longitude; no land of the mainland lies inside.
TAIWAN = ((21.8, 25.4), (119.9, 122.1))
REPORT = "https://www.gdacs.org/report.aspx?eventtype="


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the feed of the last seven days."""
    return [Request(endpoint, "gdacs-rss-7d.xml")]


def parse(path: Path) -> pd.DataFrame:
    """Read any of the layouts as text, one row per item.

    Raises:
        BadInput: the file is missing, damaged, too large, or none of the layouts.
    """
    return from_xml(path) if path.suffix == ".xml" else from_json(path)


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give when a live feed came out, or when the last event of an answer was changed; None for the archive.

    An answer of the archive is a selection: what another selection lacked was not unknown by then.
    """
    stamp = raw["told"].where(raw["layout"].ne(API), raw["changed"]).where(raw["layout"].ne(ARCHIVE), "")
    moments = _moments(stamp)
    return None if moments.isna().all() else moments.max().to_pydatetime()


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `hazards`; entries of no use are listed."""
    start, last, changed, told = (_moments(raw[name]) for name in ("from", "to", "changed", "told"))
    latitude, longitude = number(raw, "latitude"), number(raw, "longitude")
    level = raw["level"].str.lower().map(LEVELS)
    reasons = (
        ("type", ~raw["type"].isin(KINDS), "struck out, or of an unknown type"),
        ("level", level.isna(), "without a grade"),
        ("latitude", raw["latitude"].eq("") | raw["longitude"].eq(""), "without a place"),
    )
    left_out, is_left_out = reject_rows(raw, reasons, file=file)
    checks = (
        ("id", ~raw["id"].str.fullmatch(r"\d+"), "not a number"),
        ("from", start.isna(), "not a moment"),
        ("from", start > pd.Timestamp(now), f"a moment after {now.date()}"),
        ("changed", changed.isna(), "not a moment"),
        ("latitude", ~latitude.between(-90, 90), "not a latitude"),
        ("longitude", ~longitude.between(-180, 180), "not a longitude"),
    )
    of_use = [(column, bad & ~is_left_out, reason) for column, bad, reason in checks]
    rejected, is_bad = reject_rows(raw, of_use, file=file)
    known = _known(raw["layout"], start, last, changed, told)
    is_quake = raw["type"].eq("EQ")
    is_over = ~raw["is_current"].str.lower().eq("true") & (last + A_DAY <= known) & last.ge(start) & ~is_quake
    is_measured = pd.Series(list(zip(raw["type"], raw["unit"].str.lower(), strict=True)), raw.index).isin(UNITS)
    event_id = raw["type"] + raw["id"]
    country = pd.Series(
        [_country(*names, catalog) for names in zip(raw["iso3"], raw["country"], strict=True)], raw.index, dtype="str"
    )
    is_taiwan = latitude.between(*TAIWAN[0]) & longitude.between(*TAIWAN[1])
    rows = pd.DataFrame(
        {
            "event_id": event_id,
            "kind": raw["type"].map(KINDS),
            "country": country.mask(country.eq("CHN") & is_taiwan, "TWN"),
            "latitude": latitude,
            "longitude": longitude,
            "happened_at": start,
            "ended_at": last.where(is_over),
            "magnitude": number(raw, "value").where(is_measured),
            "depth_km": pd.to_numeric(raw["measure"].str.extract(r"Depth:\s*([0-9.]+)\s*km")[0], errors="coerce"),
            "severity": level,
            "title": raw["title"].where(raw["title"].ne(""), event_id),
            "link": REPORT + raw["type"] + "&eventid=" + raw["id"],
            "available_at": known,
            "episode": number(raw, "episode"),
        }
    )
    is_early = is_unknown_yet(known, now) & ~is_left_out & ~is_bad
    rows = rows[~is_left_out & ~is_bad & ~is_early].sort_values("episode", kind="stable")
    is_older = rows.duplicated(["event_id", "available_at"], keep="last")
    table = hazard_table(rows[~is_older].sort_index(), source=SPEC.name)
    counts = {reason: int(left_out["reason"].eq(reason).sum()) for _, _, reason in reasons}
    counts |= {
        "less than a day old, left for the next reading": int(is_early.sum()),
        "told again in the same file, or older episodes": int(is_older.sum()),
        "in no country, in several, or in none that is known": int(table["country"].eq("").sum()),
    }
    return Harvest({"hazards": table}, rejected, counts, left_out=rejections([left_out]))


def _known(layout: pd.Series, start: pd.Series, last: pd.Series, changed: pd.Series, told: pd.Series) -> pd.Series:
    """Give the moment from which each item counts, see the module; never before its start."""
    ended = pd.concat([start, last, changed], axis=1).max(axis=1)
    live = pd.concat([start, changed, told], axis=1).max(axis=1)
    # A feed that does not say when it came out is dated like the archive.
    is_dated = layout.ne(ARCHIVE) & (layout.eq(API) | told.notna())
    return live.where(is_dated, ended + A_DAY).astype(MOMENT)


def _country(iso3: str, names: str, catalog: Catalog) -> str:
    """Give the one country of an event, empty if it has several or none that is known."""
    found = {found for name in names.split(", ") if (found := country_of(name, catalog))}
    if len(found) > 1:
        return ""
    return iso3 if iso3 in catalog.countries else next(iter(found), "")


def _moments(texts: pd.Series) -> pd.Series:
    """Read dates of mail (feeds) and ISO 8601 in UTC (the interface); what is neither is missing."""
    moments = {text: _moment(text) for text in texts.unique()}
    return pd.to_datetime(texts.map(moments), utc=True).astype(MOMENT)


def _moment(text: str) -> dt.datetime | None:
    for read in (dt.datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, TypeError, IndexError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
