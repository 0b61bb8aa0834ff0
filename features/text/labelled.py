"""The labelled headlines that come with the package: read once, checked, with the group of each.

`labelled/given.jsonl` and `labelled/written.jsonl` hold items with labels, in this project's own words; an item of the
second names its `event`, `labelled/groups.csv` names that of each item of the first. Items about one event are one
group: no comparison may learn from one and be scored on another.

`labelled/unread.jsonl` is for measuring only: its answers were read by nobody who wrote words, names or rules, and no
weights are learned from it. Whoever improves the linker leaves it closed.
"""

__all__ = ["UNREAD", "Labelled", "packaged_items", "read_labelled"]

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from features.errors import BadInput
from features.text.items import DIRECTIONS, EVENT_TYPES, TENSES, Item, Link

_FOLDER = Path(__file__).parent / "labelled"
UNREAD = _FOLDER / "unread.jsonl"


@dataclass(frozen=True, slots=True)
class Labelled:
    """An item, what a reader said of it, why it is hard ("" if it is not), and the event that it is about."""

    item: Item
    link: Link
    hard: str
    group: str


def read_labelled(path: Path) -> list[Labelled]:
    """Read labelled items, one JSON object a line.

    Raises:
        BadInput: a line is no labelled item; the message names file, line and field.
    """
    found = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                found.append(_labelled(f"{path.name}, line {number}", line))
    return found


def _labelled(where: str, line: str) -> Labelled:
    try:
        row = json.loads(line)
    except ValueError as problem:
        raise _bad(where, "a JSON object", str(problem)) from None
    if not isinstance(row, dict):
        raise _bad(where, "a JSON object", type(row).__name__)
    for field in ("id", "title", "event_type", "direction", "tense"):
        if not isinstance(row.get(field), str):
            raise _bad(f"{where}, {field}", "text", repr(row.get(field)))
    for field, allowed in (("event_type", EVENT_TYPES), ("direction", DIRECTIONS), ("tense", TENSES)):
        if row[field] not in allowed:
            raise _bad(f"{where}, {field}", "one of " + ", ".join(allowed), repr(row[field]))
    for field in ("minerals", "suppliers"):
        if not isinstance(row.get(field), list) or not all(isinstance(each, str) for each in row[field]):
            raise _bad(f"{where}, {field}", "a list of ids", repr(row.get(field)))
    item = Item(row["id"], row["title"], row.get("summary") or "", row.get("language") or "", row.get("published_at"))
    names = (tuple(sorted(row["minerals"])), tuple(sorted(row["suppliers"])))
    link = Link(*names, row["event_type"], row["direction"], row["tense"], 1.0)
    return Labelled(item, link, row.get("hard") or "", row.get("event") or row.get("group") or row["id"])


def _bad(where: str, expected: str, found: str) -> BadInput:
    remedy = "Correct the line; the rules of labelling are in docs/decisions/0016-news-linking.md."
    return BadInput(where=where, expected=expected, found=found, remedy=remedy)


def packaged_items() -> dict[str, list[Labelled]]:
    """Give the labelled items of the package by set, `given` and `written`, with their groups."""
    with (_FOLDER / "groups.csv").open(encoding="utf-8", newline="") as stream:
        groups = {row["id"]: row["group"] for row in csv.DictReader(stream)}
    sets = {}
    for name in ("given", "written"):
        rows = read_labelled(_FOLDER / f"{name}.jsonl")
        sets[name] = [Labelled(row.item, row.link, row.hard, groups.get(row.item.id, row.group)) for row in rows]
    return sets
