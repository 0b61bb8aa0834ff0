"""Significant earthquakes and volcanic eruptions, compiled by NOAA -> `hazards`.

Payloads: two lists of one publisher, as CSV (one column per field of the service) or as pages of the service's JSON
(`items`, `page`, `totalPages`). The CSV has been read; the pages are read by the service's description. A list with
`volcanoLocationId` is that of eruptions.

The lists begin in antiquity; entries before `FIRST_YEAR` are counted and left out. Where day or month are missing,
the last day that is possible stands for it; where the hour is, midnight. Magnitude is the moment magnitude where
there is one, else the list's own choice; of an eruption the explosivity index, which grades it: 3 from index 4, 2 at
3. Deaths and damage are not used.

Knowledge time. Both lists are compiled afterwards, and what they hold was chosen for its damage, so all of it is
hindcast: fit to say where the ground shook, not what was known of the damage. A quake counts from a day after it. Of
an eruption it is known after a day that there was one, and after `DAYS_TO_GRADE` more how strong it was: two versions
of one row. From the second release on, what is new or changed counts from the release that brings it.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput
from features.knowledge_time import Lag
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

__all__ = ["DAYS_TO_GRADE", "FILES", "FIRST_YEAR", "FOLDERS", "SPEC", "follow", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="noaa_hazel",
    title="Global significant earthquakes and volcanic eruptions",
    publisher="NOAA National Centers for Environmental Information",
    address="https://www.ngdc.noaa.gov/hazel/view/hazards/earthquake/search",
    licence="US public domain",
    citation="NCEI/WDS Global Significant Earthquake Database, doi:10.7289/V5TD9V7K; Global Significant Volcanic "
    "Eruptions Database, doi:10.7289/V5JW8BSH",
    cadence="entries are added days to months after an event",
    lag=None,
    lag_rule="a quake or an eruption is available a day after it, how strong an eruption was 30 days later; hindcast",
    fills=("hazards",),
    takes="the list of earthquakes or of volcanic events, as CSV or as JSON pages of the service",
    may_redistribute=True,
    endpoint="https://www.ngdc.noaa.gov/hazel/hazard-service/api/v1/",
    hosts=("www.ngdc.noaa.gov",),
    requests_per_minute=20,
    max_megabytes=20,
    stale_after_days=180,
)
FOLDERS = ("noaa", "noaa_hazel")
FILES = ("*earthquake*.csv", "*volcan*.csv", "earthquakes*.json", "volcanoes*.json")

FIRST_YEAR = 1960
DAYS_TO_GRADE = 30
PAGE = 200
# Explosivity from which an eruption counts as orange and as red.
ORANGE_FROM, RED_FROM = 3, 4
PLACE = ("id", "year", "month", "day", "latitude", "longitude", "country")
QUAKE_COLUMNS = (*PLACE, "locationName", "eqMagnitude", "eqMagMw")
VOLCANO_COLUMNS = (*PLACE, "name", "location", "vei", "volcanoLocationId")
OPTIONAL = ("hour", "minute", "second", "eqDepth")
RAW_COLUMNS = [
    "row",
    "kind",
    *PLACE,
    "hour",
    "minute",
    "second",
    "title",
    "moment_magnitude",
    "magnitude",
    "depth",
]


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the first page of both lists."""
    return [_page(f"{endpoint}{name}", name, 1) for name in ("earthquakes", "volcanoes")]


def follow(request: Request, path: Path) -> list[Request]:
    """Ask for the next page as long as there is one.

    Raises:
        BadInput: the answer is no page, or another than was asked for.
    """
    asked = urlsplit(request.address)
    page = int(parse_qs(asked.query)["page"][0])
    told = _read_page(path)
    if told["page"] != page:
        raise BadInput(
            where=str(path), expected=f"page {page}", found=f"page {told['page']}", remedy="Has the service changed?"
        )
    if page >= told["totalPages"]:
        return []
    return [_page(asked._replace(query="").geturl(), asked.path.rsplit("/", 1)[-1], page + 1)]


def _page(address: str, name: str, page: int) -> Request:
    asked = urlencode({"minYear": FIRST_YEAR, "itemsPerPage": PAGE, "page": page})
    return Request(f"{address}?{asked}", f"{name}-{page:03d}.json")


def _read_page(path: Path) -> dict[str, Any]:
    remedy = "Is this a page of the service? Else download it again."
    with reading(path, expected="a page in JSON", remedy=remedy, also=(ValueError, RecursionError)):
        told = json.loads(read_bounded(path))
    is_page = isinstance(told, dict) and isinstance(told.get("items"), list)
    numbers = [told.get(name) for name in ("page", "totalPages")] if is_page else []
    is_page = is_page and all(isinstance(value, int) for value in numbers)
    if not is_page or not all(isinstance(item, dict) for item in told["items"]):
        raise BadInput(
            where=str(path), expected="a page with items, page and totalPages", found="other JSON", remedy=remedy
        )
    page: dict[str, Any] = told
    return page


def parse(path: Path) -> pd.DataFrame:
    """Read a payload of either list into `RAW_COLUMNS`, all text.

    Raises:
        BadInput: the file is missing, damaged, or neither of the lists.
    """
    if path.suffix == ".csv":
        table = read_text_table(path, PLACE, expected="a list of earthquakes or of eruptions")
    else:
        items = [
            {name: "" if value is None else str(value) for name, value in item.items()}
            for item in _read_page(path)["items"]
        ]
        table = pd.DataFrame(items, dtype="str").fillna("")
        # The service leaves out what it does not know, on a whole page perhaps.
        is_quakes = "volcanoLocationId" not in table
        wanted = QUAKE_COLUMNS if is_quakes else VOLCANO_COLUMNS
        table = table.assign(**{name: "" for name in wanted if name not in table}, row=range(1, len(table) + 1))
    is_quakes = "volcanoLocationId" not in table
    missing = [name for name in (QUAKE_COLUMNS if is_quakes else VOLCANO_COLUMNS) if name not in table]
    if missing:
        raise BadInput(
            where=f"{path}, header",
            expected=f"the columns {', '.join(QUAKE_COLUMNS)} or {', '.join(VOLCANO_COLUMNS)}",
            found=f"no {', '.join(missing)}",
            remedy="Is this the right file?",
        )
    table = table.assign(**{name: "" for name in OPTIONAL if name not in table})
    if is_quakes:
        told = {"title": "locationName", "moment_magnitude": "eqMagMw", "magnitude": "eqMagnitude", "depth": "eqDepth"}
        named = table.assign(kind="earthquake", **{name: table[column] for name, column in told.items()})
    else:
        title = table["name"] + ", " + table["location"]
        named = table.assign(kind="volcano", title=title, moment_magnitude="", magnitude=table["vei"], depth="")
    return named[RAW_COLUMNS].astype(dict.fromkeys(RAW_COLUMNS[1:], "str"))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `hazards`."""
    year = number(raw, "year")
    is_old = year < FIRST_YEAR
    recent = raw[~is_old]
    happened = _moments(recent)
    latitude, longitude = number(recent, "latitude"), number(recent, "longitude")
    is_quake = recent["kind"].eq("earthquake")
    magnitude = number(recent, "moment_magnitude").fillna(number(recent, "magnitude"))
    checks = (
        ("id", ~recent["id"].str.fullmatch(r"\d+(?:\.0)?"), "not a number"),
        ("year", happened.isna(), "not a date"),
        ("latitude", ~latitude.between(-90, 90), "not a latitude"),
        ("longitude", ~longitude.between(-180, 180), "not a longitude"),
        ("magnitude", magnitude.notna() & ~magnitude.between(0, 10), "not a magnitude"),
    )
    rejected, is_bad = reject_rows(recent, checks, file=file)
    known = happened + A_DAY
    is_early = is_unknown_yet(known, now) & ~is_bad
    kept = recent[~is_bad & ~is_early]
    at = kept.index
    kind = kept["kind"]
    page = "https://www.ngdc.noaa.gov/hazel/view/hazards/" + kind + "/event-more-info/"
    entry = kept["id"].str.removesuffix(".0")
    rows = pd.DataFrame(
        {
            "event_id": kind + "-" + entry,
            "kind": kind,
            "country": countries_of(kept["country"], catalog),
            "latitude": latitude[at],
            "longitude": longitude[at],
            "happened_at": happened[at],
            "magnitude": magnitude[at],
            "depth_km": number(kept, "depth"),
            "severity": severity_of_magnitude(magnitude[at]).where(
                is_quake[at], _severity_of_explosivity(magnitude[at])
            ),
            "title": kept["title"].map(lambda title: " ".join(title.split()) or "without a name"),
            "link": page + entry,
            "available_at": known[at],
        }
    )
    is_graded = rows["kind"].eq("volcano") & rows["magnitude"].notna()
    at_once = rows.assign(
        magnitude=rows["magnitude"].mask(is_graded), severity=rows["severity"].mask(is_graded, 1).astype("int8")
    )
    later = rows[is_graded]
    later = later.assign(available_at=later["available_at"] + pd.Timedelta(days=DAYS_TO_GRADE))
    is_open = is_unknown_yet(later["available_at"], now)
    table = hazard_table(pd.concat([at_once, later[~is_open]], ignore_index=True), source=SPEC.name)
    counts = {
        f"before {FIRST_YEAR}": int(is_old.sum()),
        "less than a day old, left for the next reading": int(is_early.sum()),
        "eruptions that nobody has graded yet": int(is_open.sum()),
        "without a day, taken as the last that is possible": int(kept["day"].eq("").sum()),
        "in no country, or in none that is known": int(rows["country"].eq("").sum()),
    }
    return Harvest({"hazards": table}, rejected, counts)


def _severity_of_explosivity(index: pd.Series) -> pd.Series:
    return (1 + index.ge(ORANGE_FROM).astype("int8") + index.ge(RED_FROM).astype("int8")).astype("int8")


def _moments(raw: pd.DataFrame) -> pd.Series:
    """Give when each entry happened, the last possible day where it is not told, missing where it is no date."""
    year, month, day = (number(raw, name) for name in ("year", "month", "day"))
    is_open = month.isna() & raw["month"].eq(""), day.isna() & raw["day"].eq("")
    first = pd.DataFrame({"year": year, "month": month.mask(is_open[0], 12), "day": 1})
    last = pd.to_datetime(first, errors="coerce", utc=True) + pd.offsets.MonthEnd(0)
    # A day without its month says nothing.
    full = first.assign(day=day.mask(is_open[0] | is_open[1]))
    exact = pd.to_datetime(full, errors="coerce", utc=True)
    date = last.where(is_open[0] | is_open[1], exact)
    hour, minute, second = (number(raw, name).fillna(0) for name in ("hour", "minute", "second"))
    is_time = raw["hour"].ne("") & hour.between(0, 23) & minute.between(0, 59) & second.between(0, 60, inclusive="left")
    within = pd.to_timedelta((hour * 3600 + minute * 60 + second).where(is_time, 0).floordiv(1), unit="s")
    return (date + within).astype(MOMENT)
