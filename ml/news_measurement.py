"""How good the linking of news is: on labelled items of a user, or on those of the package by cross-validation.

Weights are learned anew for each part without the events of that part. What stands in data files (words, names, rules)
was written by people who had read the labelled items, so these figures flatter it; items that nobody saw tell more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from features.errors import BadInput
from features.text import evaluation, training
from features.text.classifier import Classifier
from features.text.events import event_of
from features.text.items import NONE, Link
from features.text.labelled import Labelled, packaged_items, read_labelled
from features.text.linking import LINKER, link_many
from features.text.training import Example
from features.text.weak import price_and_broadcast

__all__ = ["Measured", "MixScore", "measure_file", "measure_packaged"]

FOLDS = 5
_SEED = 0
_DRAWS = 300

# Beginnings of names of features that a mix may not see; None where no cues are seen or nothing is learned.
MIXES: dict[str, tuple[str, ...] | None] = {
    "patterns and rules alone": None,
    "classifier on letters alone": None,
    "classifier on cues": ("points:", "best:"),
    "classifier on cues and points of rules": (),
}
CHOSEN = "classifier on cues and points of rules"

Learn = Callable[[Sequence[Example]], Callable[[Example], str]]


@dataclass(frozen=True, slots=True)
class MixScore:
    """One mix on one way of splitting: macro-F1 of event types, with what it was learned from."""

    mix: str
    weak: bool
    by_event: float
    by_date: float
    given_to_written: float
    written_to_given: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured: scores, apart by language and hardness, and every error."""

    labelled: list[Labelled]
    links: list[Link]
    scores: evaluation.Scores
    interval: tuple[float, float]
    by_language: dict[str, evaluation.Scores]
    by_hardness: dict[str, evaluation.Scores]
    by_set: dict[str, evaluation.Scores]
    errors: list[dict[str, str]]
    mixes: list[MixScore]
    false_events: dict[str, tuple[int, float]]

    def as_json(self) -> dict[str, Any]:
        """Give the figures and errors as JSON would have them."""
        return {
            "linker": LINKER,
            "scores": self.scores.as_json(),
            "macro_f1_interval": list(self.interval),
            "by_language": {name: part.as_json() for name, part in self.by_language.items()},
            "by_hardness": {name: part.as_json() for name, part in self.by_hardness.items()},
            "by_set": {name: part.as_json() for name, part in self.by_set.items()},
            "mixes": [
                {"mix": each.mix, "weak": each.weak, "by_event": each.by_event, "by_date": each.by_date,
                 "given_to_written": each.given_to_written, "written_to_given": each.written_to_given}
                for each in self.mixes
            ],
            "false_events": {name: {"items": n, "share": share} for name, (n, share) in self.false_events.items()},
            "errors": self.errors,
        }  # fmt: skip


def measure_file(path: Path) -> Measured:
    """Link the labelled items of a file with the packaged weights and score them.

    Raises:
        BadInput: the file is missing or a line is no labelled item.
    """
    try:
        labelled = read_labelled(path)
    except OSError as problem:
        remedy = "Name a file that is there."
        raise BadInput(
            where=str(path), expected="labelled items", found=problem.strerror or "", remedy=remedy
        ) from None
    if not labelled:
        raise BadInput(where=str(path), expected="labelled items", found="none", remedy="Name another file.")
    return _measured(labelled, list(link_many(each.item for each in labelled)), {})


def measure_packaged(headlines: Path | None = None) -> Measured:
    """Score the labelled items of the package by cross-validation that keeps the items about one event together.

    Args:
        headlines: folder of recorded real headlines; with it weak examples are learned from too, as for the packaged
            weights, mixes with and without them are compared, and events found in price talk are counted.
    """
    sets = packaged_items()
    labelled = [each for rows in sets.values() for each in rows]
    set_of = {each.item.id: name for name, rows in sets.items() for each in rows}
    examples = training.examples_of(labelled)
    weak = training.weak_examples(headlines) if headlines else []
    links = _linked(examples, weak)
    mixes = _compare(examples, set_of, weak)
    measured = _measured(labelled, links, set_of)
    false_events = _false_events(examples, weak, headlines) if headlines else {}
    return Measured(
        labelled, links, measured.scores, measured.interval, measured.by_language, measured.by_hardness,
        measured.by_set, measured.errors, mixes, false_events,
    )  # fmt: skip


def _measured(labelled: list[Labelled], links: list[Link], set_of: dict[str, str]) -> Measured:
    return Measured(
        labelled,
        links,
        evaluation.scores(labelled, links),
        _interval(labelled, links),
        evaluation.scores_by(labelled, links, lambda each: each.item.language[:2] or "unknown"),
        evaluation.scores_by(labelled, links, lambda each: "hard" if each.hard else "plain"),
        evaluation.scores_by(labelled, links, lambda each: set_of[each.item.id]) if set_of else {},
        evaluation.errors(labelled, links),
        [],
        {},
    )


def _interval(labelled: list[Labelled], links: list[Link]) -> tuple[float, float]:
    """Give the 95 % interval of macro-F1 from draws of whole events."""
    groups: dict[str, list[int]] = {}
    for place, each in enumerate(labelled):
        groups.setdefault(each.group, []).append(place)
    names, rng = list(groups), np.random.default_rng(_SEED)
    drawn = []
    for _ in range(_DRAWS):
        places = [place for name in rng.integers(len(names), size=len(names)) for place in groups[names[name]]]
        drawn.append(evaluation.scores([labelled[i] for i in places], [links[i] for i in places]).macro_f1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _folds(examples: Sequence[Example]) -> list[int]:
    """Give each example its fold; the items about one event are in one."""
    names = sorted({each.labelled.group for each in examples})
    order = np.random.default_rng(_SEED).permutation(len(names))
    fold = {name: int(place) % FOLDS for name, place in zip(names, order, strict=True)}
    return [fold[each.labelled.group] for each in examples]


def _linked(examples: Sequence[Example], weak: Sequence[Example]) -> list[Link]:
    """Link each example with weights that were learned without its event."""
    folds = _folds(examples)
    found: dict[int, Link] = {}
    for number in range(FOLDS):
        rest = [each for each, fold in zip(examples, folds, strict=True) if fold != number]
        events, tenses = training.fit_events([*rest, *weak]), training.fit_tenses(rest)
        for place, (each, fold) in enumerate(zip(examples, folds, strict=True)):
            if fold == number:
                found[place] = _link(each, events, tenses)
    return [found[place] for place in range(len(examples))]


def _link(example: Example, events: Classifier, tenses: Classifier) -> Link:
    event = event_of(example.reading, events, tenses)
    names = (example.entities.minerals, example.entities.suppliers)
    return Link(*names, event.event_type, event.direction, event.tense, event.confidence)


def _compare(examples: Sequence[Example], set_of: dict[str, str], weak: Sequence[Example]) -> list[MixScore]:
    """Score every mix on every way of splitting."""
    folds = _folds(examples)
    by_event = [([place for place, fold in enumerate(folds) if fold == number]) for number in range(FOLDS)]
    dated = sorted((each.labelled.item.published_at or "", place) for place, each in enumerate(examples))
    dated = [(date, place) for date, place in dated if date]
    late = {examples[place].labelled.group for _, place in dated[len(dated) // 2 :]}
    newest = [place for _, place in dated if examples[place].labelled.group in late]
    sets: dict[str, list[int]] = {"given": [], "written": []}
    for place, each in enumerate(examples):
        sets[set_of[each.labelled.item.id]].append(place)
    rows = []
    for mix, without in MIXES.items():
        for extra in ((), weak) if weak else ((),):
            if mix == "patterns and rules alone" and extra:
                continue
            learn = _learner(mix, without)

            def score(tests: list[list[int]], learn: Learn = learn, extra: Sequence[Example] = extra) -> float:
                return _macro(examples, tests, learn, extra)

            figures = [score(tests) for tests in (by_event, [newest], [sets["written"]], [sets["given"]])]
            rows.append(MixScore(mix, bool(extra), *figures))
    return rows


def _macro(examples: Sequence[Example], tests: list[list[int]], learn: Learn, extra: Sequence[Example]) -> float:
    labelled, links = [], []
    for test in tests:
        held_out = {examples[place].labelled.group for place in test}
        guess = learn([*(each for each in examples if each.labelled.group not in held_out), *extra])
        for place in test:
            labelled.append(examples[place].labelled)
            links.append(Link((), (), guess(examples[place]), "", "", 1.0))
    return evaluation.scores(labelled, links).macro_f1


def _learner(mix: str, without: tuple[str, ...] | None) -> Learn:
    if mix == "patterns and rules alone":
        return lambda _: lambda example: example.reading.best
    if without is None:
        return _letters

    def learn(examples: Sequence[Example]) -> Callable[[Example], str]:
        events = training.fit_events(examples, without=without)
        return lambda example: training.likeliest(events, example)

    return learn


def _letters(examples: Sequence[Example]) -> Callable[[Example], str]:
    """Learn from two to four letters in a row of the folded texts."""
    table = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2, max_features=6_000)
    model = LogisticRegression(C=10, class_weight="balanced", max_iter=100, tol=1e-3)
    labels = [each.labelled.link.event_type for each in examples]
    model.fit(table.fit_transform(map(_text, examples)), labels, sample_weight=[each.weight for each in examples])
    return lambda example: str(model.predict(table.transform([_text(example)]))[0])


def _text(example: Example) -> str:
    return f"{example.entities.title.folded} {example.entities.summary.folded}"


def _false_events(
    examples: Sequence[Example], weak: Sequence[Example], headlines: Path
) -> dict[str, tuple[int, float]]:
    """Count events found in real headlines that are nearly sure to have none, and that no weights were learned from."""
    learned = [("labelled items alone", examples), ("with weak examples", [*examples, *weak])]
    found = {}
    for name, items in price_and_broadcast(headlines).items():
        others = training.examples_of(items)
        for words, used in learned:
            events = training.fit_events(used)
            share = np.mean([training.likeliest(events, each) != NONE for each in others])
            found[f"{name}, {words}"] = (len(others), float(share))
    return found
