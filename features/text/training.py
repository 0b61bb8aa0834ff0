"""Learning the weights of events and tenses from labelled items, with scikit-learn, the same each time.

    python -m features.text.training --headlines ../shared/data/payloads/news/headlines

writes `model/event_weights.json` anew from the labelled items of the package and weak examples among real headlines
(`features.text.weak`). Only this module needs scikit-learn; the weights are applied by `features.text.classifier`. The
items of one event count together as two at most, so that one well-covered event does not teach its own circumstances.
"""

__all__ = [
    "Example",
    "examples_of",
    "fit_events",
    "fit_tenses",
    "likeliest",
    "made_from",
    "main",
    "weak_examples",
    "write_model",
]

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from features.text.classifier import MODEL_FILE, Classifier
from features.text.entities import Entities, find_entities
from features.text.items import NONE
from features.text.labelled import UNREAD, Labelled, packaged_items
from features.text.patterns import PATTERNS_FILE
from features.text.reading import Reading, features_of, read
from features.text.rules import RULES_FILE
from features.text.tenses import tense_features
from features.text.weak import BROADCAST_FILE, GOLD_FILE, weak_items

_DECIMALS = 4
_EVENT_STRENGTH, _TENSE_STRENGTH = 0.2, 0.3
# A word that one labelled item alone has teaches nothing about others.
_FEWEST = 2
_MOST_OF_A_GROUP = 2.0
# Weak examples of each table, and what all of one table together count, in labelled items.
_WEAK_EXAMPLES, _WEAK_WEIGHT = 600, 60.0


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled item, read once."""

    labelled: Labelled
    entities: Entities
    reading: Reading
    weight: float = 1.0


def examples_of(items: Iterable[Labelled], *, weight: float = 1.0) -> list[Example]:
    """Read labelled items with the packaged catalogue, patterns and rules."""
    examples = []
    for each in items:
        entities = find_entities(each.item)
        examples.append(Example(each, entities, read(entities), weight))
    return examples


def weak_examples(folder: Path) -> list[Example]:
    """Read the weak examples of a folder of real headlines; those that may be about supply after all are left out."""
    read_ones = examples_of(weak_items(folder, most=_WEAK_EXAMPLES), weight=_WEAK_WEIGHT / _WEAK_EXAMPLES)
    return [each for each in read_ones if "price" in each.reading.title or _is_elsewhere(each)]


def _is_elsewhere(example: Example) -> bool:
    return not (example.entities.minerals or example.entities.suppliers or "in_mining" in example.reading.title)


def fit_events(
    examples: Sequence[Example], *, strength: float = _EVENT_STRENGTH, without: tuple[str, ...] = ()
) -> Classifier:
    """Learn event types.

    Args:
        examples: what to learn from.
        strength: the inverse of regularisation.
        without: beginnings of names of features to leave out, for a comparison.
    """
    every = [features_of(each.reading) for each in examples]
    rows = [{name: row[name] for name in row if not (without and name.startswith(without))} for row in every]
    labels = [each.labelled.link.event_type for each in examples]
    return _fit(rows, labels, _balanced(labels, _weights(examples), examples), strength)


def likeliest(events: Classifier, example: Example) -> str:
    """Give the event type that weights make most likely for an example."""
    likely = events.probabilities(features_of(example.reading))
    return max(likely, key=likely.__getitem__)


def fit_tenses(examples: Sequence[Example], *, strength: float = _TENSE_STRENGTH) -> Classifier:
    """Learn tenses, from the examples that have an event."""
    used = [each for each in examples if each.labelled.link.event_type != NONE]
    rows = [tense_features(each.reading, each.labelled.link.event_type) for each in used]
    labels = [each.labelled.link.tense for each in used]
    return _fit(rows, labels, _balanced(labels, _weights(used), used), strength)


def _weights(examples: Sequence[Example]) -> np.ndarray:
    sizes = Counter(each.labelled.group for each in examples)
    return np.array([each.weight * min(1.0, _MOST_OF_A_GROUP / sizes[each.labelled.group]) for each in examples])


def _balanced(labels: list[str], weights: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
    """Make all types count alike, as far as they are labelled; weak examples count what they count."""
    is_weak = np.array([each.weight < 1 for each in examples])
    worth = {name: weights[(np.array(labels) == name) & ~is_weak].sum() for name in set(labels)}
    mean = sum(worth.values()) / len(worth)
    factors = [1.0 if weak else mean / worth[name] for weak, name in zip(is_weak, labels, strict=True)]
    return weights * np.array(factors)


def _fit(rows: list[dict[str, float]], labels: list[str], weights: np.ndarray, strength: float) -> Classifier:
    count = Counter(name for row in rows for name in row)
    table = DictVectorizer(sparse=False)
    matrix = table.fit_transform([{name: row[name] for name in row if count[name] >= _FEWEST} for row in rows])
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit(matrix, labels, sample_weight=weights)
    rounded = np.round(model.coef_.T, _DECIMALS)
    if len(model.classes_) == 2:
        rounded = np.hstack([np.zeros_like(rounded), rounded])
    bias = np.round(model.intercept_, _DECIMALS)
    bias = np.array([0.0, bias[0]]) if len(model.classes_) == 2 else bias
    kept = np.abs(rounded).max(axis=1) > 0
    names = [name for name, is_kept in zip(table.get_feature_names_out(), kept, strict=True) if is_kept]
    return Classifier(list(model.classes_), names, rounded[kept].tolist(), bias.tolist())


def made_from(headlines: Path | None = None) -> dict[str, str]:
    """Give the digests of the files that the weights follow from, those of the real headlines too if they were used."""
    folder = Path(__file__).parent / "labelled"
    # Nothing is learned from the unread items.
    labels = [path for path in sorted(folder.glob("*.jsonl")) if path != UNREAD]
    files = [PATTERNS_FILE, RULES_FILE, *labels, folder / "groups.csv"]
    if headlines is not None:
        files += [headlines / GOLD_FILE, headlines / BROADCAST_FILE]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in files}


def write_model(path: Path, examples: Sequence[Example], *, headlines: Path | None = None) -> None:
    """Learn from all examples and write the weights, a feature a line."""
    stored: dict[str, object] = {"made_from": made_from(headlines)}
    for name, learned in (("events", fit_events(examples)), ("tenses", fit_tenses(examples))):
        stored[name] = learned.as_json()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stored, separators=(",", ":")).replace("],", "],\n") + "\n", encoding="utf-8")


def main() -> None:
    """Write the packaged weights anew."""
    parser = argparse.ArgumentParser(description="Learn the weights of events and tenses.")
    parser.add_argument("--headlines", type=Path, required=True, help="folder of the recorded real headlines")
    headlines = parser.parse_args().headlines
    labelled = [each for rows in packaged_items().values() for each in rows]
    write_model(MODEL_FILE, [*examples_of(labelled), *weak_examples(headlines)], headlines=headlines)


if __name__ == "__main__":
    main()
