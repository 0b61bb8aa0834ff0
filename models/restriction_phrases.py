"""What the features that only `restriction_onset` has say in words; all others are phrased by `models.phrases`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from models.phrases import phrase

__all__ = ["onset_phrase"]

COUNTS = {
    "before_pair": "announced {n} time{s} before on this mineral",
    "before_supplier": "the supplier announced {n} act{s} before, on any mineral",
    "supplier_52w": "the supplier announced {n} act{s} in the last year, on any mineral",
    "mineral_52w": "{n} announcement{s} on the mineral elsewhere in the last year",
    "anywhere_52w": "{n} act{s} announced anywhere in the last year",
}
RATE = "rate_before_log"


def onset_phrase(feature: str, value: float, facts: Mapping[str, float] | None = None) -> str:
    """Say in words what `value` of `feature` means.

    Raises:
        ContractError: no phrase is written for the feature.
    """
    if feature in COUNTS:
        return COUNTS[feature].format(n=f"{value:.0f}", s="" if value == 1 else "s")
    if feature == RATE:
        return f"{math.exp(value):.2g} announcements a year on record, shrunk to those of the supplier and of all"
    return phrase(feature, value, facts)
