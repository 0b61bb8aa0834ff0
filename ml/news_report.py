"""The page that says how well news are linked, and the same in short for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from features.text.evaluation import Measure, Scores
from ml.news_measurement import CHOSEN, FOLDS, Measured

__all__ = ["render_page", "render_short"]

_FIELDS = {"minerals": "minerals", "suppliers": "suppliers", "event_type": "event type", "tense": "tense"}


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], *, left: int = 1) -> str:
    names = list(head)
    rule = ["---" if place < left else "---:" for place in range(len(names))]
    lines = [names, rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _triple(measure: Measure) -> tuple[str, str, str]:
    return _share(measure.precision), _share(measure.recall), _share(measure.f1)


def _parts(parts: Mapping[str, Scores], name: str) -> str:
    head = (name, "items", "minerals P", "R", "suppliers P", "R", "event types macro-F1", "right", "direction", "tense")
    rows = (
        (
            part,
            f"{each.items:,}",
            *_triple(each.minerals)[:2],
            *_triple(each.suppliers)[:2],
            _share(each.macro_f1),
            _share(each.type_accuracy),
            _share(each.direction_accuracy),
            _share(each.tense_accuracy),
        )
        for part, each in parts.items()
    )
    return _table(head, rows)


def _types(scores: Scores) -> str:
    rows = ((name, str(each.support), *_triple(each)) for name, each in scores.by_type.items())
    return _table(("event type", "items", "precision", "recall", "F1"), rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _errors(rows: list[dict[str, str]], field: str) -> str:
    head = ("item", "language", "title", "expected", "found", "why it is hard")
    chosen = [row for row in rows if row["field"] == field]
    names = ("expected", "found", "hard")
    cells = (
        (row["id"], row["language"], _cell(row["title"]), *(_cell(row[name]) or "–" for name in names))
        for row in chosen
    )
    return _table(head, cells, left=6)


def _mixes(measured: Measured) -> str:
    splits = ("by event", "newer half by date", "given → written", "written → given")
    head = ("what decides the event type", "weak examples", *splits)
    rows = (
        (
            f"**{each.mix}**" if each.mix == CHOSEN else each.mix,
            "yes" if each.weak else "no",
            _share(each.by_event),
            _share(each.by_date),
            _share(each.given_to_written),
            _share(each.written_to_given),
        )
        for each in measured.mixes
    )
    return _table(head, rows, left=2)


def render_short(measured: Measured) -> str:
    """Give the main figures and the number of errors, for a terminal."""
    counts = Counter(row["field"] for row in measured.errors)
    wrong = ", ".join(f"{counts[field]} {name}" for field, name in _FIELDS.items() if counts[field])
    tables = (_parts({"all": measured.scores}, "items"), _types(measured.scores))
    return "\n\n".join([*tables, f"Errors: {wrong or 'none'}", _listed(measured)])


def _listed(measured: Measured) -> str:
    return "\n".join(
        f"{row['id']} {row['field']}: expected {row['expected'] or 'none'}, found {row['found'] or 'none'}: "
        + "".join(letter if letter.isprintable() else " " for letter in row["title"][:100])
        for row in measured.errors
    )


def _closed(unread: Measured) -> list[str]:
    # No error is listed here: who reads them writes words for them, and the items are worth nothing any more.
    low, high = unread.interval
    return [
        "## Items that nobody had read",
        f"""{unread.scores.items} further items, written like the first set by somebody else, whose answers were read by
nobody who wrote words, names or rules; the packaged weights have not seen them. **This is what to expect.**
Macro-F1 of event types {_share(unread.scores.macro_f1)} [{low:.2f}, {high:.2f}].""",
        _parts({"unread": unread.scores, **unread.by_language}, "items"),
    ]


def render_page(measured: Measured, about: Mapping[str, Any], unread: Measured | None = None) -> str:
    """Give the page as Markdown; `about` names the command and the linker, `unread` are the items kept closed."""
    scores, (low, high) = measured.scores, measured.interval
    dated = sum(each.item.published_at is not None for each in measured.labelled)
    foreign = sum(each.item.language[:2] != "en" for each in measured.labelled)
    parts = [
        "# News linking",
        f"Written by `{about['command']}`; linker {about['linker']}; code {about['code']}.",
        f"""{scores.items:,} labelled items about {about["groups"]:,} events, {foreign:,} of them not in English, in our
own words. Weights are learned without the events of the items that they are scored on ({FOLDS} parts).
**These figures flatter**: words, names and rules are data written by people who had read the items; only weights are
learned apart. Items that nobody has seen will score lower.""",
        f"Macro-F1 of event types {_share(scores.macro_f1)} [{low:.2f}, {high:.2f}] (95 %, draws of whole events).",
        *(_closed(unread) if unread else ()),
        "## Which mix decides the event type",
        f"""Macro-F1. Patterns alone: the type with most points by the rules. Letters: two to four in a row. *By event*:
{FOLDS} parts that keep the items about one event together. *Newer half by date*: the newer half of the {dated:,} dated
items, learned from the rest. *Given → written*: one set learned from, the other scored; they have different writers.
Items have no feed, so none could be held out by feed.""",
        _mixes(measured),
        "## How good each part is",
        _parts({"all": scores, **measured.by_set}, "items"),
        _types(scores),
        "## By language and hardness",
        _parts(measured.by_language, "language"),
        _parts(measured.by_hardness, "items"),
    ]
    if measured.false_events:
        rows = ((name, f"{n:,}", f"{share:.1%}") for name, (n, share) in measured.false_events.items())
        parts += [
            "## Events found where there is nearly never one",
            "Real headlines that no weights were learned from: price talk about gold, and a general news broadcast.",
            _table(("headlines, weights learned from", "items", "called an event"), rows),
        ]
    parts.append("## Errors that remain")
    for field, name in _FIELDS.items():
        number = sum(row["field"] == field for row in measured.errors)
        parts += [f"### {name.capitalize()}: {number}", _errors(measured.errors, field)] if number else []
    return "\n\n".join(parts) + "\n"
