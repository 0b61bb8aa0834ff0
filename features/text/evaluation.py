"""How well links agree with labels: precision, recall and F1, per type, language and hardness, and the errors.

Minerals and suppliers are scored over all names of all items together (micro). Event types are scored per type and
averaged over the types that the labels have (macro). Direction is scored on all items, tense where the label is an
event: it means nothing on `none`.
"""

__all__ = ["Scores", "errors", "scores", "scores_by"]

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from features.text.items import EVENT_TYPES, NONE, Link
from features.text.labelled import Labelled


@dataclass(frozen=True, slots=True)
class Measure:
    """Precision, recall and F1, each None where nothing was found or nothing was there; `support` is what was there."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """All figures of a comparison; `by_type` has the types that labels or links have."""

    items: int
    minerals: Measure
    suppliers: Measure
    macro_f1: float
    type_accuracy: float
    direction_accuracy: float
    tense_accuracy: float | None
    by_type: dict[str, Measure]

    def as_json(self) -> dict[str, Any]:
        """Give the figures as JSON would have them."""
        return asdict(self)


def _measure(hits: int, found: int, there: int) -> Measure:
    precision = hits / found if found else None
    recall = hits / there if there else None
    f1 = 2 * hits / (found + there) if found + there else None
    return Measure(precision, recall, f1, there)


def _names(labelled: Sequence[Labelled], links: Sequence[Link], field: str) -> Measure:
    hits = found = there = 0
    for each, link in zip(labelled, links, strict=True):
        true, told = set(getattr(each.link, field)), set(getattr(link, field))
        hits, found, there = hits + len(true & told), found + len(told), there + len(true)
    return _measure(hits, found, there)


def scores(labelled: Sequence[Labelled], links: Sequence[Link]) -> Scores:
    """Score links against labels, item by item in the same order; at least one item."""
    true, told = [each.link.event_type for each in labelled], [link.event_type for link in links]
    hits = Counter(one for one, other in zip(true, told, strict=True) if one == other)
    found, there = Counter(told), Counter(true)
    by_type = {
        name: _measure(hits[name], found[name], there[name]) for name in EVENT_TYPES if found[name] + there[name]
    }
    pairs = [(each.link, link) for each, link in zip(labelled, links, strict=True)]
    events = [(one, other) for one, other in pairs if one.event_type != NONE]
    return Scores(
        len(labelled),
        _names(labelled, links, "minerals"),
        _names(labelled, links, "suppliers"),
        sum(by_type[name].f1 or 0.0 for name in there) / len(there),
        sum(hits.values()) / len(labelled),
        sum(one.direction == other.direction for one, other in pairs) / len(pairs),
        sum(one.tense == other.tense for one, other in events) / len(events) if events else None,
        by_type,
    )


def scores_by(labelled: Sequence[Labelled], links: Sequence[Link], key: Callable[[Labelled], str]) -> dict[str, Scores]:
    """Score the items of each value of `key` apart, most frequent first."""
    parts: dict[str, list[tuple[Labelled, Link]]] = {}
    for each, link in zip(labelled, links, strict=True):
        parts.setdefault(key(each), []).append((each, link))
    ordered = sorted(parts.items(), key=lambda part: (-len(part[1]), part[0]))
    return {name: scores([each for each, _ in rows], [link for _, link in rows]) for name, rows in ordered}


def errors(labelled: Iterable[Labelled], links: Iterable[Link]) -> list[dict[str, str]]:
    """List what is wrong, one row per item and field: id, language, title, field, expected, found, hard.

    A tense is wrong only where the label is an event that was found.
    """
    rows = []
    for each, link in zip(labelled, links, strict=True):
        for field in ("minerals", "suppliers", "event_type", "tense"):
            true, told = getattr(each.link, field), getattr(link, field)
            if field in ("minerals", "suppliers"):
                true, told = " ".join(sorted(true)), " ".join(sorted(told))
            elif field == "tense" and (each.link.event_type == NONE or link.event_type != each.link.event_type):
                continue
            if true != told:
                about = {"id": each.item.id, "language": each.item.language, "title": each.item.title}
                rows.append(about | {"field": field, "expected": true, "found": told, "hard": each.hard})
    return rows
