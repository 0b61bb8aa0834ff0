"""What cues mean together: rules that give points to event types, whatever the language.

`features/catalog/event_rules.csv` lists them as data: event_type, needs (cues that must all be there), unless (cues of
which none may be there), points, note. Beside the cues of `event_patterns.csv` there are `relief` and those that say
where the item stands: `in_mining`, `not_in_mining`, `with_supplier`, `without_supplier`, and `at_site` where a mine or
a company is named or the words are those of mines. A cue that ends in `_hint` has words that mean other things as
often (`burns`, `court`) and counts little outside such a place. A rule that holds in the title
gives its points and half of them once more; one that holds only with the summary gives half.
"""

__all__ = ["RELIEF", "RULES_FILE", "Rule", "packaged_rules", "points", "read_rules"]

import csv
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from features.errors import BadInput
from features.text.items import EVENT_TYPES, NONE
from features.text.patterns import packaged_patterns

RULES_FILE = Path(__file__).parents[1] / "catalog" / "event_rules.csv"
# Stands for a word of ending close to one for what it ends; found in `features.text.reading`.
RELIEF = "relief"
STANDINGS = ("at_site", "in_mining", "not_in_mining", "with_supplier", "without_supplier")

_COLUMNS = ["event_type", "needs", "unless", "points", "note"]
_WITH_SUMMARY = 0.5
# Most items are about no event: without any hint they are `none`.
_START = 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the type it speaks for, the cues it needs and refuses, and its points."""

    event_type: str
    needs: frozenset[str]
    unless: frozenset[str]
    points: float


def read_rules(path: Path, cues: Iterable[str]) -> tuple[Rule, ...]:
    """Read and check the rules of a file.

    Args:
        path: the CSV file.
        cues: the cues that patterns give; a rule may speak of no other.

    Raises:
        BadInput: a row is not in order; the message names file, row and field.
    """
    known = {*cues, *STANDINGS, RELIEF}
    with path.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream, strict=True))
    if not lines or lines[0] != _COLUMNS:
        raise _bad(path, 1, "header", ",".join(_COLUMNS), ",".join(lines[0]) if lines else "nothing")
    rules, seen = [], set()
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(_COLUMNS):
            raise _bad(path, number, "row", f"{len(_COLUMNS)} cells", str(len(cells)))
        event_type, needs, unless, worth, _ = cells
        if event_type not in EVENT_TYPES:
            raise _bad(path, number, "event_type", "one of " + ", ".join(EVENT_TYPES), repr(event_type))
        for field, cell in (("needs", needs), ("unless", unless)):
            unknown = sorted({*cell.split(";")} - known - {""})
            if unknown:
                raise _bad(path, number, field, "cues that patterns give", ", ".join(unknown))
        if not needs:
            raise _bad(path, number, "needs", "at least one cue", "none")
        if (event_type, needs, unless) in seen:
            raise _bad(path, number, "needs", "a rule that is listed once", repr(needs))
        seen.add((event_type, needs, unless))
        rules.append(Rule(event_type, _cues(needs), _cues(unless), _worth(path, number, worth)))
    return tuple(rules)


def _cues(cell: str) -> frozenset[str]:
    return frozenset(cue for cue in cell.split(";") if cue)


def _worth(path: Path, row: int, cell: str) -> float:
    try:
        worth = float(cell)
    except ValueError:
        worth = 0.0
    if not 0 < worth < 100:
        raise _bad(path, row, "points", "a number above 0", repr(cell))
    return worth


def _bad(path: Path, row: int, field: str, expected: str, found: str) -> BadInput:
    where = f"features/catalog/{path.name}, row {row}, {field}"
    return BadInput(where=where, expected=expected, found=found, remedy="Correct the cell.")


def points(rules: Iterable[Rule], title: frozenset[str], everything: frozenset[str]) -> dict[str, float]:
    """Give the points of each event type that has any; `none` always has some.

    Args:
        rules: the rules.
        title: cues and standings of the title.
        everything: those of title and summary together.
    """
    found = {NONE: _START}
    for rule in rules:
        worth = 0.0
        if rule.needs <= title and not rule.unless & title:
            worth = rule.points
        if rule.needs <= everything and not rule.unless & everything:
            worth += rule.points * _WITH_SUMMARY
        if worth:
            found[rule.event_type] = found.get(rule.event_type, 0.0) + worth
    return found


@functools.cache
def packaged_rules() -> tuple[Rule, ...]:
    """Return the packaged rules, read and checked once per process."""
    return read_rules(RULES_FILE, packaged_patterns().cues)
