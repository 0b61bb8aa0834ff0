"""The layouts in which GDACS tells of disasters, read into one table of text: live feed, archive feed, event interface.

A feed is XML from outside: it is decoded and stripped of declarations as any news feed is (`feeds/feed_bytes.py`,
which refuses entities), and may have only so many bytes, before a parser sees it.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput
from features.sources.feeds.feed_bytes import decode, prepared
from features.sources.hazard_rows import read_bounded
from features.sources.spec import reading

__all__ = ["API", "ARCHIVE", "LIVE", "RAW_COLUMNS", "from_json", "from_xml"]

LIVE, ARCHIVE, API = "live", "archive", "api"
RAW_COLUMNS = [
    "row",
    "layout",
    "type",
    "id",
    "episode",
    "title",
    "level",
    "latitude",
    "longitude",
    "from",
    "to",
    "changed",  # pubDate of an item, datemodified of an event
    "told",  # pubDate of the feed
    "is_current",
    "iso3",
    "country",
    "unit",
    "value",
    "measure",
]
MOST_FEED_BYTES = 20_000_000
GDACS = "{http://www.gdacs.org}"
POINT = "{http://www.georss.org/georss}point"
GEO = "{http://www.w3.org/2003/01/geo/wgs84_pos#}"
ATOM_LINK = "{http://www.w3.org/2005/Atom}link"


def from_xml(path: Path) -> pd.DataFrame:
    """Read an RSS feed, live or of the archive, into `RAW_COLUMNS`.

    Raises:
        BadInput: the file is missing, too large, damaged, declares entities, or is no feed of GDACS.
    """
    raw = read_bounded(path)
    if len(raw) > MOST_FEED_BYTES:
        raise BadInput(
            where=str(path),
            expected=f"a feed of at most {MOST_FEED_BYTES} bytes",
            found=f"{len(raw)} bytes",
            remedy="It was not read. Is it what the publisher serves?",
        )
    text = prepared(decode(raw)[0], where=str(path))
    with reading(path, expected="XML", remedy="Download it again.", also=(ET.ParseError,)):
        channel = ET.fromstring(text).find("channel")
    if channel is None or GDACS not in "".join(child.tag for item in channel.iter("item") for child in item):
        raise BadInput(
            where=str(path),
            expected="a feed of GDACS with items",
            found="another one",
            remedy="Is this the right file?",
        )
    addresses = [link.get("href", "") for link in channel.findall(ATOM_LINK)]
    layout = ARCHIVE if any("profile=archive" in address.lower() for address in addresses) else LIVE
    told = channel.findtext("pubDate", "")
    rows = [_item(item) | {"row": row, "told": told} for row, item in enumerate(channel.findall("item"), start=1)]
    return _table(rows, layout)


def _item(item: ET.Element) -> dict[str, Any]:
    severity = item.find(f"{GDACS}severity")
    place = [*item.findtext(POINT, "").split(), "", ""]
    latitude = place[0] or item.findtext(f"{GEO}Point/{GEO}lat", "")
    longitude = place[1] or item.findtext(f"{GEO}Point/{GEO}long", "")
    names = {
        "type": "eventtype",
        "id": "eventid",
        "episode": "episodeid",
        "level": "alertlevel",
        "from": "fromdate",
        "to": "todate",
        "is_current": "iscurrent",
        "iso3": "iso3",
        "country": "country",
        "measure": "severity",
    }
    return {name: item.findtext(f"{GDACS}{tag}", "") for name, tag in names.items()} | {
        "title": item.findtext("title", ""),
        "changed": item.findtext("pubDate", ""),
        "latitude": latitude,
        "longitude": longitude,
        "unit": "" if severity is None else severity.get("unit", ""),
        "value": "" if severity is None else severity.get("value", ""),
    }


def from_json(path: Path) -> pd.DataFrame:
    """Read an event of the interface, or a list of them, into `RAW_COLUMNS`.

    Raises:
        BadInput: the file is missing, damaged, or no GeoJSON of events.
    """
    remedy = "Is this an answer of the event interface? Else download it again."
    with reading(path, expected="GeoJSON of events", remedy=remedy, also=(ValueError, RecursionError)):
        told = json.loads(read_bounded(path))
    features = [told] if isinstance(told, dict) and told.get("type") == "Feature" else _list_of(told)
    rows = [_event(feature) for feature in features or ()]
    if features is None or any(row is None for row in rows):
        raise BadInput(where=str(path), expected="GeoJSON of events", found="other JSON", remedy=remedy)
    return _table([row | {"row": number} for number, row in enumerate(rows, start=1) if row is not None], API)


def _list_of(told: Any) -> list[Any] | None:
    features = told.get("features") if isinstance(told, dict) else None
    return features if isinstance(features, list) else None


def _event(feature: Any) -> dict[str, Any] | None:
    said = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(said, dict) or "eventtype" not in said:
        return None
    geometry = feature.get("geometry")
    point = geometry.get("coordinates") if isinstance(geometry, dict) else None
    longitude, latitude = [*(point if isinstance(point, list) else []), None, None][:2]
    severity = said.get("severitydata")
    severity = severity if isinstance(severity, dict) else {}
    told = {
        "type": said["eventtype"],
        "id": said.get("eventid"),
        "episode": said.get("episodeid"),
        "title": said.get("name"),
        "level": said.get("alertlevel"),
        "latitude": latitude,
        "longitude": longitude,
        "from": said.get("fromdate"),
        "to": said.get("todate"),
        "changed": said.get("datemodified"),
        "is_current": said.get("iscurrent"),
        "iso3": said.get("iso3"),
        "country": said.get("country"),
        "unit": severity.get("severityunit"),
        "value": severity.get("severity"),
        "measure": severity.get("severitytext"),
    }
    return {name: "" if value is None else str(value) for name, value in told.items()} | {"told": ""}


def _table(rows: list[dict[str, Any]], layout: str) -> pd.DataFrame:
    table = pd.DataFrame([row | {"layout": layout} for row in rows], columns=RAW_COLUMNS)
    table = table.astype(dict.fromkeys(RAW_COLUMNS[1:], "str") | {"row": "int64"})
    for column in RAW_COLUMNS[1:]:
        table[column] = table[column].str.strip()
    return table
