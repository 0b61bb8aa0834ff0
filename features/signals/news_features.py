"""The columns of signal `news`: their names, units and sentences."""

from __future__ import annotations

from features.signals.declaration import Feature
from features.text.items import EVENT_TYPES

__all__ = ["FEATURES", "HALF_LIVES_WEEKS", "LEVELS", "REPORTED_TYPES"]

HALF_LIVES_WEEKS = (1, 4, 13)
REPORTED_TYPES = tuple(name for name in EVENT_TYPES if name != "none")
LEVELS = {"pair": ("mineral", "supplier"), "mineral": ("mineral",), "supplier": ("supplier",)}
WORDS = {"pair": "the pair", "mineral": "the mineral at any supplier", "supplier": "the supplier, whatever it sells"}


def _of_level(level: str) -> list[Feature]:
    where = WORDS[level]
    fading = [(kind, f"reports of {kind.replace('_', ' ')}") for kind in REPORTED_TYPES]
    fading.append(("net", "reports that tighten less reports that ease"))
    counts = [
        Feature(
            f"news_{level}_{kind}_{weeks}w",
            "count",
            f"Per 1,000 items carried, {words} on {where}, halved every {weeks} week{'s' if weeks > 1 else ''}.",
        )
        for kind, words in fading
        for weeks in HALF_LIVES_WEEKS
    ]
    others = (
        ("feeds", "count", f"Feeds that told one thing, on average, in reports on {where}, halved every 13 weeks."),
        ("languages", "count", f"Languages in a week with reports on {where}, on average, halved every 13 weeks."),
        ("surprise", "log_ratio", f"Reports on {where} of about the last 4 weeks against those of about a year."),
        ("weeks_since", "weeks", f"Weeks since the last report that tightens on {where}."),
    )
    return counts + [Feature(f"news_{level}_{name}", unit, sentence) for name, unit, sentence in others]


FEATURES = tuple(feature for level in LEVELS for feature in _of_level(level))
