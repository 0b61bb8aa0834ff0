"""Signal `restrictions`: export measures in force and new ones, for the pair, elsewhere, and the supplier's others.

Steps change when a measure becomes known, ends, or leaves a window. "Elsewhere" is the
same mineral at other suppliers; "others" are the same supplier's other minerals. What several sources tell of one act
counts once (`features/measures.py`). An act whose day of announcement nobody knows is in force, but never new.
"""

from __future__ import annotations

import pandas as pd

from features.catalog import Catalog
from features.measures import merged
from features.signals.declaration import Feature, Signal, Steps, Tables
from features.signals.event_windows import WINDOWS_WEEKS, changes, counted, coverage_steps, first_known

__all__ = ["KIND_GROUPS", "SIGNAL"]

KIND_GROUPS = {
    "ban_or_quota": ("export_ban", "export_quota", "price_floor_or_quota"),
    "tax": ("export_tax",),
    "licensing": ("licensing",),
    "processing": ("processing_requirement",),
    "sanctions": ("sanctions",),
}
LEVELS = {"pair": "for the pair", "elsewhere": "for the mineral at other suppliers", "others": "for other minerals"}
_COUNTS = [
    *(f"new_{weeks}w" for weeks in WINDOWS_WEEKS),
    "in_force",
    "severity_in_force",
    "eased_52w",
    *(f"{group}_in_force" for group in KIND_GROUPS),
]
_AT_EVERY_LEVEL = [*(f"new_{weeks}w" for weeks in WINDOWS_WEEKS), "in_force", "eased_52w"]


def _sentence(count: str, level: str) -> str:
    where = LEVELS[level]
    if count.startswith("new_"):
        return f"Tightening measures announced in the last {count[4:-1]} weeks, {where}."
    if count == "in_force":
        return f"Tightening measures known and not ended, {where}."
    if count == "eased_52w":
        return f"Easings announced in the last 52 weeks, {where}."
    if count == "severity_in_force":
        return f"Sum of the severity (1 to 3) of the measures in force, {where}."
    return f"Measures in force of the kind {count.removesuffix('_in_force').replace('_', ' ')}, {where}."


FEATURES = tuple(
    Feature(f"restrictions_{level}_{count}", "count", _sentence(count, level))
    for level in LEVELS
    for count in (_COUNTS if level == "pair" else _AT_EVERY_LEVEL)
)


def all_changes(measures: pd.DataFrame) -> pd.DataFrame:
    """Describe every change of every count of this family, per mineral and supplier."""
    events = first_known(merged(measures))
    tight, eased = events[events["direction"].eq("tightening")], events[events["direction"].eq("easing")]
    fresh, eased = tight[tight["announced_at"].notna()], eased[eased["announced_at"].notna()]
    parts = [
        changes(fresh, f"new_{weeks}w", 1.0, fresh["available_at"] + pd.Timedelta(weeks=weeks))
        for weeks in WINDOWS_WEEKS
    ]
    parts.append(changes(tight, "in_force", 1.0, tight["over_at"]))
    parts.append(changes(tight, "severity_in_force", tight["severity"].astype(float), tight["over_at"]))
    parts.append(changes(eased, "eased_52w", 1.0, eased["available_at"] + pd.Timedelta(weeks=52)))
    for group, kinds in KIND_GROUPS.items():
        part = tight[tight["kind"].isin(kinds)]
        parts.append(changes(part, f"{group}_in_force", 1.0, part["over_at"]))
    return pd.concat(parts, ignore_index=True)


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give one step function per pair, per mineral, per supplier, and one of coverage without keys."""
    rows = all_changes(tables["measures"])
    levels = {"own": ("mineral", "supplier"), "mineral": ("mineral",), "supplier": ("supplier",)}
    result = []
    for level, keys in levels.items():
        frame = counted(rows, keys, _COUNTS if level == "own" else _AT_EVERY_LEVEL)
        names = {count: f"restrictions_{level}_{count}" for count in _COUNTS}
        result.append(Steps(keys, frame.rename(columns=names)))
    result.append(Steps((), coverage_steps(tables["coverage"], "measures", "restrictions")))
    return result


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Take the pair's own counts out of the mineral's and the supplier's; uncovered windows are missing."""
    columns = {}
    for count in _COUNTS:
        window = count.split("_")[-1] if count.endswith("w") else "156w"
        covered = joined[f"restrictions_covered_{window}"]
        own = joined[f"restrictions_own_{count}"].fillna(0.0)
        columns[f"restrictions_pair_{count}"] = own * covered
        if count in _AT_EVERY_LEVEL:
            for level, total in (("elsewhere", "mineral"), ("others", "supplier")):
                rest = joined[f"restrictions_{total}_{count}"].fillna(0.0) - own
                columns[f"restrictions_{level}_{count}"] = rest * covered
    return pd.DataFrame(columns, index=joined.index)[SIGNAL.columns]


SIGNAL = Signal("restrictions", ("measures", "coverage"), FEATURES, steps, combine)
