"""The same act from several sources is one measure: merging, without looking ahead.

`merged` walks through the acts in the order in which they became known. An act joins a measure that is already known,
or begins one. It joins if all of this holds:

1. the same supplier, the same direction, at least one mineral in common;
2. no act of its own source is in that measure yet (a source that lists two acts means two);
3. kinds that may be one act: the same kind within `SAME_KIND_DAYS`; kinds of one group (`GROUPS`: what one table
   calls a ban is another's licence with exceptions) within `SAME_GROUP_DAYS`;
4. days are counted between any two of the days that the act and the measure's members were announced or took effect;
   an act of which only the year is known stands for all of that year: then the kind must be the same, and only one
   measure may fit.

Of several such measures the nearest in time is taken, then the one with most minerals in common, then the older.

The first known member dates, names and describes the measure; later ones add their name to `sources`, and minerals
that it had not, from their own date on. It has ended once the first of its members says so, and is withdrawn when all
of them are. Who tells a withdrawn one again, or for the first time, makes it live again from then on, and describes it
as the first that stands by it. Cutting the acts at a date and merging gives the same rows as merging and cutting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from features import datasets

__all__ = ["COLUMNS", "GROUPS", "current", "merged"]

SAME_KIND_DAYS = 14
SAME_GROUP_DAYS = 7
GROUPS = {
    "export_ban": "quantity",
    "export_quota": "quantity",
    "price_floor_or_quota": "quantity",
    "licensing": "quantity",
    "processing_requirement": "quantity",
    "other": "quantity",
    "export_tax": "tax",
    "sanctions": "sanctions",
    "easing": "easing",
}
COLUMNS = [*datasets.dataset("measures").columns, "sources"]
A_YEAR = 366
DAY_US = 86_400 * 10**6


@dataclass
class _Act:
    """One act of one source, as it became known."""

    source: str
    event_id: str
    supplier: str
    direction: str
    kind: str
    minerals: set[str]
    days: tuple[int, ...]
    year: tuple[int, int] | None


@dataclass
class _Measure:
    """One measure and what has been seen of it."""

    event_id: str
    number: int
    members: list[_Act]
    minerals: dict[str, dict[str, object]] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)
    alive: dict[str, set[tuple[str, str]]] = field(default_factory=dict)


def merged(measures: pd.DataFrame) -> pd.DataFrame:
    """Give the acts of all sources as measures, in versions, with all their sources.

    Args:
        measures: every known version of dataset `measures`.

    Returns:
        Rows in the columns of `measures` and `sources` (names joined by ";", in the order in which they were known);
        `event_id` is the first member's. Per (event_id, mineral) the first version, and one more when a source
        joined, when the first end became known, when the last member was withdrawn, and when one came back after
        that. In order of `available_at`.
    """
    if measures.empty:
        return measures.assign(sources=pd.Series(dtype="str"))[COLUMNS]
    ordered = measures.sort_values(["available_at", "source", "event_id", "mineral"], kind="stable")
    state = _State()
    rows: list[dict[str, object]] = []
    records = ordered.to_dict("records")
    at = 0
    while at < len(records):
        # One act in one version: its rows stand together.
        key = _version_key(records[at])
        end = at
        while end < len(records) and _version_key(records[end]) == key:
            end += 1
        rows += state.hear(records[at:end])
        at = end
    types = datasets.dataset("measures").types
    frame = pd.DataFrame(rows, columns=COLUMNS)
    # Several versions of one moment were all known then only as the last of them.
    frame = frame[~frame.duplicated(["event_id", "mineral", "available_at"], keep="last")]
    moments = [name for name, dtype in types.items() if dtype == datasets.MOMENT]
    frame = frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in moments})
    return frame.astype(types | {"sources": "str"}).reset_index(drop=True)


def current(measures: pd.DataFrame) -> pd.DataFrame:
    """Give the newest version of each merged measure and mineral, without withdrawn ones.

    Args:
        measures: what `merged` gave.
    """
    newest = measures[~measures.duplicated(["event_id", "mineral"], keep="last")]
    return newest[~newest["is_retracted"]].reset_index(drop=True)


def _version_key(record: dict[str, object]) -> tuple[object, ...]:
    return record["available_at"], record["source"], record["event_id"]


class _State:
    """What is known so far while walking through the acts."""

    def __init__(self) -> None:
        self._of_act: dict[tuple[str, str], _Measure] = {}
        # By supplier, direction and mineral.
        self._near: dict[tuple[str, str, str], list[_Measure]] = {}
        self._names: set[str] = set()

    def hear(self, records: list[dict[str, object]]) -> list[dict[str, object]]:
        """Take one version of one act; give the versions of its measure that follow from it."""
        first = records[0]
        key = (str(first["source"]), str(first["event_id"]))
        told = []
        for record in records:
            measure = self._of_act.get(key)
            if measure is None:
                if record["is_retracted"]:
                    continue
                measure = self._place(_act(records), key)
            if record["mineral"] not in measure.minerals:
                place = str(record["supplier"]), str(record["direction"]), str(record["mineral"])
                self._near.setdefault(place, []).append(measure)
            told += _version(measure, record, key)
        return told

    def _place(self, act: _Act, key: tuple[str, str]) -> _Measure:
        places = [(act.supplier, act.direction, mineral) for mineral in act.minerals]
        near = {measure.number: measure for place in places for measure in self._near.get(place, [])}
        fits = [(fit, number) for number, measure in near.items() if (fit := _fit(act, measure)) is not None]
        if len(fits) > 1 and act.year:
            fits = []
        if fits:
            measure = near[min(fits)[1]]
            measure.members.append(act)
        else:
            name = act.event_id if act.event_id not in self._names else f"{act.source}:{act.event_id}"
            measure = _Measure(name, len(self._names), [act])
            self._names.add(name)
        self._of_act[key] = measure
        return measure


def _act(records: Iterable[dict[str, object]]) -> _Act:
    rows = list(records)
    first = rows[0]
    days = tuple(
        moment.value // 1000 // DAY_US
        for moment in (pd.Timestamp(first[name]) for name in ("announced_at", "effective_at"))
        if not pd.isna(moment)
    )
    known = pd.Timestamp(first["available_at"]).value // 1000 // DAY_US
    return _Act(
        source=str(first["source"]),
        event_id=str(first["event_id"]),
        supplier=str(first["supplier"]),
        direction=str(first["direction"]),
        kind=str(first["kind"]),
        minerals={str(row["mineral"]) for row in rows},
        days=days,
        year=(known - A_YEAR, known) if pd.isna(first["announced_at"]) else None,
    )


def _fit(act: _Act, measure: _Measure) -> tuple[int, int] | None:
    """Give how well an act fits a measure (days apart, minerals in common with a minus), None where it does not."""
    if any(member.source == act.source for member in measure.members):
        return None
    apart = [gap for member in measure.members if (gap := _days_apart(act, member)) is not None]
    if not apart or not any(measure.alive.values()):
        return None
    return min(apart), -len(act.minerals & measure.minerals.keys())


def _days_apart(one: _Act, other: _Act) -> int | None:
    is_same = one.kind == other.kind
    if not is_same and GROUPS.get(one.kind, one.kind) != GROUPS.get(other.kind, other.kind):
        return None
    if one.year or other.year:
        return 0 if is_same and _within(one, other) else None
    gap = min((abs(a - b) for a in one.days for b in other.days), default=None)
    most = SAME_KIND_DAYS if is_same else SAME_GROUP_DAYS
    return gap if gap is not None and gap <= most else None


def _within(one: _Act, other: _Act) -> bool:
    if one.year and other.year:
        return one.year == other.year
    year, days = (one.year, other.days) if one.year else (other.year, one.days)
    return year is not None and any(year[0] <= day < year[1] for day in days)


def _version(measure: _Measure, record: dict[str, object], key: tuple[str, str]) -> list[dict[str, object]]:
    mineral = str(record["mineral"])
    before = measure.minerals.get(mineral)
    alive = measure.alive.setdefault(mineral, set())
    sources = measure.told.setdefault(mineral, [])
    if record["is_retracted"]:
        alive.discard(key)
        if alive or before is None:
            return []
        row = before | {"is_retracted": True}
    else:
        if before is not None and before["is_retracted"]:
            # Nobody stood by it any more: it begins anew.
            before = None
            sources.clear()
        is_new = key[0] not in sources
        alive.add(key)
        if is_new:
            sources.append(key[0])
        if before is None:
            row = record | {"event_id": measure.event_id, "source": measure.members[0].source}
        else:
            ends = pd.isna(before["ended_at"]) and not pd.isna(record["ended_at"])
            if not (is_new or ends):
                return []
            row = before | ({"ended_at": record["ended_at"]} if ends else {})
    row = row | {"available_at": record["available_at"], "sources": ";".join(sources)}
    measure.minerals[mineral] = row
    return [row]
