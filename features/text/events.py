"""Which event an item tells of: type, direction, tense, and how sure that is.

Cues and rules (`features.text.reading`) say what the words hint at; weights learned from labelled items make a
probability of each type from that. The direction follows from type and tense.
"""

__all__ = ["Event", "find_event"]

import functools
from dataclasses import dataclass

from features.text.classifier import MODEL_FILE, Classifier, read_classifier
from features.text.entities import Entities
from features.text.items import NONE, Item
from features.text.reading import Reading, features_of, read
from features.text.tenses import tense_features

_DIRECTION = {NONE: "neutral", "easing": "easing", "expansion": "easing"}


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, which way it moves supply, when, and the probability of the type."""

    event_type: str
    direction: str
    tense: str
    confidence: float


def find_event(item: Item, entities: Entities) -> Event:
    """Find the event of an item whose entities are known."""
    return event_of(read(entities), *_packaged())


def event_of(reading: Reading, events: Classifier, tenses: Classifier) -> Event:
    """Judge a reading with given weights."""
    likely = events.probabilities(features_of(reading))
    event_type = max(likely, key=likely.__getitem__)
    times = tenses.probabilities(tense_features(reading, event_type))
    tense = max(times, key=times.__getitem__)
    direction = "neutral" if tense == "denied" else _DIRECTION.get(event_type, "tightening")
    return Event(event_type, direction, tense, round(likely[event_type], 4))


@functools.cache
def _packaged() -> tuple[Classifier, Classifier]:
    return read_classifier(MODEL_FILE, "events"), read_classifier(MODEL_FILE, "tenses")
