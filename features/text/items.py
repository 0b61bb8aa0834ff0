"""A news item as it comes in, and what it was linked to: the two shapes that everything about text passes on.

`Item` is what a feed or a user gives; `Link` is what the linker says of it. The words that `event_type`,
`direction` and `tense` may take stand here once.
"""

__all__ = ["DIRECTIONS", "EVENT_TYPES", "NONE", "TENSES", "TIGHTENING", "Item", "Link"]

from dataclasses import dataclass

NONE = "none"

# Everything that makes supply scarcer; the other three types do not.
TIGHTENING = (
    "export_ban",
    "export_quota",
    "export_tax",
    "licensing",
    "processing_requirement",
    "sanctions",
    "strike",
    "accident",
    "disaster",
    "conflict",
    "permit",
    "nationalisation",
    "logistics",
    "power_water",
    "force_majeure",
)
EVENT_TYPES = (*TIGHTENING, "easing", "expansion", NONE)
DIRECTIONS = ("tightening", "easing", "neutral")
TENSES = ("happened", "announced", "threatened", "denied")


@dataclass(frozen=True, slots=True)
class Item:
    """One news item; `language` is a tag such as `en` or `zh-TW` or "" when unknown, `published_at` ISO 8601 text."""

    id: str
    title: str
    summary: str = ""
    language: str = ""
    published_at: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What an item is about: mineral ids, suppliers as ISO 3166-1 alpha-3, and one event.

    `confidence` is the probability, 0 to 1, that the event type is right.
    """

    minerals: tuple[str, ...]
    suppliers: tuple[str, ...]
    event_type: str
    direction: str
    tense: str
    confidence: float
