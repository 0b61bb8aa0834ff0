"""Signal `incidents`: strikes, accidents, disasters, conflict and closures, weighted by severity and fading.

Steps change when an incident becomes known, ends, or leaves a window. The fading weight
is 1 for 13 weeks, then a half, a quarter and an eighth to weeks 26, 52 and 104.
"""

from __future__ import annotations

import pandas as pd

from features.catalog import Catalog
from features.signals.declaration import Feature, Signal, Steps, Tables
from features.signals.event_windows import WINDOWS_WEEKS, changes, counted, coverage_steps, first_known

__all__ = ["FADING", "SIGNAL"]

# (weeks from, weeks to, weight)
FADING = ((0, 13, 1.0), (13, 26, 0.5), (26, 52, 0.25), (52, 104, 0.125))
LEVELS = {"pair": "for the pair", "elsewhere": "for the mineral at other suppliers", "others": "for other minerals"}
_COUNTS = [*(f"new_{weeks}w" for weeks in WINDOWS_WEEKS), "fading_severity"]


def _sentence(count: str, level: str) -> str:
    if count.startswith("new_"):
        return f"Incidents that became known in the last {count[4:-1]} weeks, {LEVELS[level]}."
    return f"Severity of incidents (1 to 3), fading over two years, {LEVELS[level]}."


FEATURES = tuple(
    Feature(f"incidents_{level}_{count}", "count", _sentence(count, level)) for level in LEVELS for count in _COUNTS
)


def all_changes(incidents: pd.DataFrame) -> pd.DataFrame:
    """Describe every change of every count of this family, per mineral and supplier."""
    events = first_known(incidents)
    events = events[events["direction"].eq("tightening")]
    parts = [
        changes(events, f"new_{weeks}w", 1.0, events["available_at"] + pd.Timedelta(weeks=weeks))
        for weeks in WINDOWS_WEEKS
    ]
    for start, stop, weight in FADING:
        shifted = events.assign(
            available_at=events["available_at"] + pd.Timedelta(weeks=start), event_id=events["event_id"] + f"@{start}"
        )
        until = events["available_at"] + pd.Timedelta(weeks=stop)
        parts.append(changes(shifted, "fading_severity", events["severity"] * weight, until))
    return pd.concat(parts, ignore_index=True)


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give one step function per pair, per mineral, per supplier, and one of coverage without keys."""
    rows = all_changes(tables["incidents"])
    levels = {"own": ("mineral", "supplier"), "mineral": ("mineral",), "supplier": ("supplier",)}
    result = []
    for level, keys in levels.items():
        names = {count: f"incidents_{level}_{count}" for count in _COUNTS}
        result.append(Steps(keys, counted(rows, keys, _COUNTS).rename(columns=names)))
    result.append(Steps((), coverage_steps(tables["coverage"], "incidents", "incidents")))
    return result


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Take the pair's own counts out of the mineral's and the supplier's; uncovered windows are missing."""
    columns = {}
    for count in _COUNTS:
        covered = joined[f"incidents_covered_{count[4:] if count.startswith('new_') else '52w'}"]
        own = joined[f"incidents_own_{count}"].fillna(0.0)
        columns[f"incidents_pair_{count}"] = own * covered
        for level, total in (("elsewhere", "mineral"), ("others", "supplier")):
            columns[f"incidents_{level}_{count}"] = (joined[f"incidents_{total}_{count}"].fillna(0.0) - own) * covered
    return pd.DataFrame(columns, index=joined.index)[SIGNAL.columns]


SIGNAL = Signal("incidents", ("incidents", "coverage"), FEATURES, steps, combine)
