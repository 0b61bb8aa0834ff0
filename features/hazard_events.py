"""Which rows of `hazards` tell of one and the same disaster: sources keep their own ids, a signal must not count twice.

Rows are taken in the order in which they became known. The first row of an event either founds a disaster or joins
one that was founded before; later versions of the event stay where it is, wherever they move. So an id depends only
on rows that were known by then: what comes later, or is cut off, changes none of them.

An event joins a disaster of its kind whose founding row is near enough in time and place (`WINDOWS`):

- earthquakes within 30 minutes and 100 km. A source that knows no hour writes midnight sharp; if either row is such,
  within one day of the calendar. Magnitudes that are told may differ by at most 1.0, so that a strong aftershock is
  not taken for the shock it followed;
- all other kinds within 7 days and 200 km.

A source tells its own events apart, so a disaster takes only one event of each source. Only a quake that one source
tells under two ids at one second and place is one (files without ids name events by those). Among several disasters
the nearest in time wins, then the nearest in place, then the one known first.

Nearness is not passed on: what is near a joiner but not near the founder founds anew. A founder that was placed
wrongly at first keeps its id, and a report that is placed rightly later may found a second one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

__all__ = ["EARTH_RADIUS_KM", "MAGNITUDE_GAP", "WINDOWS", "Window", "distinct_events", "kilometres_between"]

EARTH_RADIUS_KM = 6371.0
A_DAY_SECONDS = 86_400
MAGNITUDE_GAP = 1.0
# One second and place, as far as copies of one solution differ.
SAME_SECONDS, SAME_KM = 2, 20.0


@dataclass(frozen=True, slots=True)
class Window:
    """How far two accounts of one disaster may lie apart."""

    seconds: int
    kilometres: float


OTHERS = Window(7 * A_DAY_SECONDS, 200.0)
WINDOWS = {"earthquake": Window(30 * 60, 100.0)}


@dataclass(slots=True)
class _Disaster:
    """A disaster as its founding row told it, and the sources that told of it since."""

    id: str
    number: int
    kind: str
    second: float
    latitude: float
    longitude: float
    magnitude: float
    founder: str
    sources: set[str] = field(default_factory=set)


def distinct_events(hazards: pd.DataFrame) -> pd.DataFrame:
    """Give each row of `hazards` the id of its disaster: source and event id of the row that told of it first.

    Args:
        hazards: rows of the dataset `hazards` in any order, of every event all versions that are known: with the
            newest alone, an event would have become known when it was last changed.

    Returns:
        The same rows in the same order with a column `disaster_id` (text). Rows of one disaster share it. Cutting
        `hazards` at any `available_at` leaves the ids of the rest as they are.
    """
    order = hazards.assign(place=range(len(hazards))).sort_values(
        # Rows of one moment are never parted by a cut, so any fixed order among them will do.
        ["available_at", "source", "event_id"],
        kind="stable",
    )
    ids: dict[tuple[str, str], str] = {}
    near: dict[tuple[str, int], list[_Disaster]] = defaultdict(list)
    told = [""] * len(hazards)
    for number, row in enumerate(order.to_dict("records")):
        event = (row["source"], row["event_id"])
        if event not in ids:
            ids[event] = _place(row, number, near)
        told[row["place"]] = ids[event]
    return hazards.assign(disaster_id=pd.Series(told, index=hazards.index, dtype="str"))


def kilometres_between(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Give the distance of two points on a sphere of the Earth's mean radius, in kilometres.

    Haversine formula: R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984), 159.

    Example:
        >>> round(kilometres_between(0, 179.5, 0, -179.5), 1)
        111.2
    """
    north, other_north = math.radians(latitude), math.radians(other_latitude)
    half_east = math.radians(other_longitude - longitude) / 2
    share = (
        math.sin((other_north - north) / 2) ** 2 + math.cos(north) * math.cos(other_north) * math.sin(half_east) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, share)))


def _place(row: dict[Any, Any], number: int, near: dict[tuple[str, int], list[_Disaster]]) -> str:
    """Let an event join a disaster, or found one; gives the disaster's id."""
    second = row["happened_at"].timestamp()
    event = _Disaster(
        id=f"{row['source']}:{row['event_id']}",
        number=number,
        kind=row["kind"],
        second=second,
        latitude=row["latitude"],
        longitude=row["longitude"],
        magnitude=row["magnitude"],
        founder=row["source"],
    )
    day = int(second // A_DAY_SECONDS)
    days = _days_to_look(event.kind)
    rivals = [known for at in range(day - days, day + days + 1) for known in near.get((event.kind, at), ())]
    joined = [(*distance, known.number, known) for known in rivals if (distance := _apart(event, known)) is not None]
    # Two disasters never share a number, so they are never compared themselves.
    chosen = min(joined)[-1] if joined else event
    if chosen is event:
        near[event.kind, day].append(event)
    chosen.sources.add(event.founder)
    return chosen.id


def _days_to_look(kind: str) -> int:
    return math.ceil(WINDOWS.get(kind, OTHERS).seconds / A_DAY_SECONDS)


def _apart(event: _Disaster, known: _Disaster) -> tuple[float, float] | None:
    """Give how far an event is from a disaster in seconds and kilometres, None if it is another one."""
    window = WINDOWS.get(event.kind, OTHERS)
    seconds = abs(event.second - known.second)
    is_quake = event.kind == "earthquake"
    is_day_only = is_quake and (_is_midnight(event) or _is_midnight(known))
    if is_day_only:
        if abs(event.second // A_DAY_SECONDS - known.second // A_DAY_SECONDS) > 1:
            return None
    elif seconds > window.seconds:
        return None
    kilometres = kilometres_between(event.latitude, event.longitude, known.latitude, known.longitude)
    # A magnitude that is missing differs from none.
    if kilometres > window.kilometres or (is_quake and abs(event.magnitude - known.magnitude) > MAGNITUDE_GAP):
        return None
    if event.founder in known.sources:
        is_same = is_quake and not is_day_only and seconds <= SAME_SECONDS and kilometres <= SAME_KM
        return (seconds, kilometres) if is_same else None
    return seconds, kilometres


def _is_midnight(event: _Disaster) -> bool:
    return event.second % A_DAY_SECONDS == 0
