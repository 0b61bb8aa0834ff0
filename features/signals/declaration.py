"""How a feature family declares itself, and the step functions it gives.

A signal is a function of datasets, never of a date. It gives step functions: rows
that hold from their `available_at` until the next row of the same keys. `combine`
may add columns computed row by row from joined ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from features.catalog import Catalog

__all__ = ["Feature", "Signal", "Steps", "no_combination"]

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the panel: its name, unit, and a sentence for the codebook.

    `direction` is -1 where a higher value can only lower the risk (buyers import more this year), and models may
    hold themselves to it; 0 where nothing is known beforehand.

    `unit` is one of frac, log_ratio, years, months, count, rank, tonnes_log, usd_log, score, weeks.
    """

    name: str
    unit: str
    sentence: str
    direction: int = 0


@dataclass(frozen=True)
class Steps:
    """A step function: `frame` has the key columns, `available_at` and value columns, sorted by them.

    `keys` is any of (mineral, supplier), (mineral,), (supplier,) or (), in that order.
    """

    keys: tuple[str, ...]
    frame: pd.DataFrame


def no_combination(joined: pd.DataFrame) -> pd.DataFrame:
    """Give no further columns: the signal's steps already are its features."""
    return joined[[]]


@dataclass(frozen=True)
class Signal:
    """One feature family.

    Attributes:
        name: the family, as in DESIGN.
        needs: the datasets it reads.
        features: every column it gives, in order.
        steps: datasets and catalogue -> step functions.
        combine: the joined columns of one panel -> further columns; row by row, so it can't look ahead.
    """

    name: str
    needs: tuple[str, ...]
    features: tuple[Feature, ...]
    steps: Callable[[Tables, Catalog], list[Steps]]
    combine: Callable[[pd.DataFrame], pd.DataFrame] = no_combination

    @property
    def columns(self) -> list[str]:
        """The names of its features, in order."""
        return [feature.name for feature in self.features]
