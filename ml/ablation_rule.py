"""Which family earns its place on which target: one rule for all, and the same in plain words.

At a horizon a family *gains* where, on onset rows, the 95 % interval of its gain in AUC or in average precision lies
above zero, and *costs* where one of the two lies below. It earns its place on a target if it gains at one horizon at
least and costs at none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["DECIDING", "Judgement", "in_words", "judge", "looks"]

# The metrics that decide, and what they are called.
DECIDING = {"roc_auc": "AUC", "average_precision": "AP"}
SLICE = "onset"
TOO_FEW = "too few events for an interval"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Judgement:
    """What one family does for one target.

    `gains` and `costs` say where, such as "26w AUC +0.012"; `absent` why nothing could be measured.
    """

    family: str
    target: str
    gains: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    absent: str = ""

    @property
    def earns(self) -> bool:
        """Whether the family earns its place."""
        return bool(self.gains) and not self.costs


def judge(rows: Iterable[Row]) -> list[Judgement]:
    """Judge each family on each target, in the order of the rows.

    Args:
        rows: what `ml.ablation_families.compare_families` gave; rows of a base have no gains and are passed over.
    """
    found: dict[tuple[str, str], Judgement] = {}
    for row in rows:
        key = row["added"], row["target"]
        if row.get("absent"):
            found[key] = Judgement(*key, absent=row["absent"])
        elif row["slice"] == SLICE and "roc_auc_gain" in row:
            so_far = found.get(key, Judgement(*key, absent=TOO_FEW))
            gains, costs = so_far.gains + _beyond(row, above=True), so_far.costs + _beyond(row, above=False)
            found[key] = Judgement(*key, gains, costs, "" if looks([row]) else so_far.absent)
    return list(found.values())


def _beyond(row: Row, *, above: bool) -> tuple[str, ...]:
    told = []
    for metric, title in DECIDING.items():
        gain = row[f"{metric}_gain"]
        bound = gain["low"] if above else gain["high"]
        if bound is not None and (bound > 0 if above else bound < 0):
            told.append(f"{row['horizon'].replace('_', ' ')} {title} {gain['value']:+.3f}")
    return tuple(told)


def looks(rows: Iterable[Row]) -> int:
    """Count the intervals that the rule looked at: those of onset rows that are defined."""
    own = [row for row in rows if row.get("slice") == SLICE and "roc_auc_gain" in row]
    return sum(row[f"{metric}_gain"]["low"] is not None for row in own for metric in DECIDING)


def in_words(judgements: Sequence[Judgement], families: Sequence[str]) -> list[str]:
    """Say of each family where it earns its place, where it costs, and where nothing can be told.

    Families of which the same is true share a sentence.
    """
    told: dict[str, list[str]] = {}
    for name in families:
        told.setdefault(_of_family(name, judgements), []).append(f"`{name}`")
    return [f"{_listed(names)}: {what}." for what, names in told.items() if what]


def _of_family(name: str, judgements: Sequence[Judgement]) -> str:
    own = [each for each in judgements if each.family == name]
    earned = [each for each in own if each.earns]
    mixed = [each for each in own if each.gains and each.costs]
    lost = [each for each in own if each.costs and not each.gains]
    nothing = [each for each in own if not each.gains and not each.costs and not each.absent]
    parts = []
    if earned:
        parts.append("earns its place on " + _listed(f"{_title(each)} ({', '.join(each.gains)})" for each in earned))
    if mixed:
        both = (f"{_title(each)} ({', '.join(each.gains)}, but {', '.join(each.costs)})" for each in mixed)
        parts.append("better here and worse there on " + _listed(both))
    if lost:
        parts.append("makes worse " + _listed(f"{_title(each)} ({', '.join(each.costs)})" for each in lost))
    if nothing:
        parts.append("no change that can be told from chance on " + _listed(map(_title, nothing)))
    for reason in dict.fromkeys(each.absent for each in own if each.absent):
        without = [each for each in own if each.absent == reason]
        # A family without facts has none for any target.
        where = "" if len(without) == len(own) else " for " + _listed(map(_title, without))
        parts.append(f"not measured{where} ({reason})")
    return "; ".join(parts)


def _title(judgement: Judgement) -> str:
    return f"`{judgement.target}`"


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
