"""What the features of like weeks looked like when the model was trained, and how a week's features stand to that.

Like is compared with like: tracked pairs only, as a weekly run has them, and the same ISO week of each reference year,
because the age of the figures and much else depends on the time of year. The profile is computed from the store, as
known on those dates; it is not kept with the model, as one of July would be no measure for February, and computing it
again gives the same, to the byte.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.knowledge_time import UTC
from features.panel import family_of
from ml.drift.limits import LIMITS, Limits, level_of
from ml.drift.measures import Row, row
from ml.origins import FIRST_TRAINING_YEAR
from models.drift import bin_counts, quantile_edges, robust_shift, stability_index

__all__ = ["FeatureProfile", "Profile", "check", "like_dates", "profile"]

# Older years are no measure: features that look back ten years were missing then because the record began in 1995.
REFERENCE_YEARS = 10
# With fewer, how much a feature moves from year to year can't be told.
FEWEST_YEARS = 4
# Of fewer known values neither a spread nor a middle is worth anything; so little is a matter of missing values.
FEWEST_VALUES = 30
# What counts how long the record is rises every year and says nothing about the figures.
RECORD_LENGTHS = ("prices_years_known",)


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """One feature over the reference years.

    Years with fewer than 30 known values count only as missing. `edges` and `counts` are the bins; `psi_most` and
    `shift_most` how far a single year lay from the others at most; `missing_most` the highest missing share of a year;
    `quartiles` of all known values, empty where too few years have any.
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    quartiles: tuple[float, ...]
    missing_most: float
    psi_most: float
    shift_most: float


@dataclass(frozen=True, slots=True)
class Profile:
    """All features, and the dates they were seen on."""

    dates: tuple[str, ...]
    features: Mapping[str, FeatureProfile]

    def to_json(self) -> str:
        """Give it as JSON text; `from_json` gives the same back."""
        return json.dumps({"dates": self.dates, "features": {k: asdict(v) for k, v in self.features.items()}})

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """Read what `to_json` gave."""
        said = json.loads(text)
        return cls(tuple(said["dates"]), {name: _read(each) for name, each in said["features"].items()})


def _read(said: Mapping[str, Any]) -> FeatureProfile:
    rows = {name: tuple(said[name]) for name in ("edges", "counts", "quartiles")}
    return FeatureProfile(
        **rows, missing_most=said["missing_most"], psi_most=said["psi_most"], shift_most=said["shift_most"]
    )


def like_dates(as_of: dt.datetime, trained_as_of: dt.datetime, *, years: int = REFERENCE_YEARS) -> list[dt.datetime]:
    """Give the Monday of the same ISO week in each of the last `years` training years, oldest first.

    Example:
        >>> at = dt.datetime(2012, 6, 4, tzinfo=UTC)
        >>> [date.date().isoformat() for date in like_dates(at, dt.datetime(2012, 1, 2, tzinfo=UTC), years=2)]
        ['2010-06-07', '2011-06-06']
    """
    week = min(as_of.isocalendar().week, 52)
    every = (
        dt.datetime.combine(dt.date.fromisocalendar(year, week, 1), dt.time(), tzinfo=UTC)
        for year in range(FIRST_TRAINING_YEAR, as_of.year + 1)
    )
    return [date for date in every if date < trained_as_of and (as_of - date).days > 180][-years:]


def profile(panel: pd.DataFrame, features: Sequence[str]) -> Profile:
    """Describe `features` over a panel of several dates, each date a block.

    Args:
        panel: `as_of` and the feature columns, of tracked pairs at `like_dates`.
    """
    blocks = [part for _, part in panel.groupby("as_of", sort=True)]
    dates = tuple(pd.Timestamp(part["as_of"].iloc[0]).date().isoformat() for part in blocks)
    described = {}
    for name in features:
        described[name] = _describe([part[name].to_numpy(dtype="float64") for part in blocks])
    return Profile(dates, described)


def _describe(blocks: list[np.ndarray]) -> FeatureProfile:
    missing = [float(1 - np.isfinite(block).mean()) for block in blocks if len(block)]
    blocks = [known for block in blocks if len(known := block[np.isfinite(block)]) >= FEWEST_VALUES]
    if len(blocks) < FEWEST_YEARS:
        return FeatureProfile((), (), (), max(missing, default=1.0), 0.0, 0.0)
    every = np.concatenate(blocks)
    edges = quantile_edges(every)
    counts = np.array([bin_counts(block, edges) for block in blocks]).reshape(len(blocks), len(edges) + 1)
    total = counts.sum(axis=0)
    psi = [stability_index(total - own, own) for own in counts]
    quartiles = tuple(np.quantile(every, [0.25, 0.5, 0.75]).tolist())
    shifts = [
        abs(robust_shift(np.concatenate([other for j, other in enumerate(blocks) if j != i]), block))
        for i, block in enumerate(blocks)
    ]
    return FeatureProfile(
        tuple(edges.tolist()), tuple(total.tolist()), quartiles, max(missing, default=1.0), _most(psi), _most(shifts)
    )


def _most(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(max(known, default=0.0))


def check(before: Profile, panel: pd.DataFrame, *, weighted: Collection[str], limits: Limits = LIMITS) -> list[Row]:
    """Hold the features of one week against the profile of like weeks.

    Args:
        panel: one date, tracked pairs.
        weighted: the features the served model reads; others raise a note at most.

    Returns:
        Rows of kind `missing`, `population` and `shift` per feature, and `family` per signal.
    """
    if len(before.dates) < FEWEST_YEARS:
        return []
    rows: list[Row] = []
    years = f"{before.dates[0][:4]}-{before.dates[-1][:4]}"
    beyond: dict[str, list[bool]] = {}
    for name, past in before.features.items():
        values, signal = panel[name].to_numpy(dtype="float64"), family_of(name)
        most = "stop" if name in weighted else "note"
        rows.append(_missing(name, signal, past, values, years, limits, most))
        if not past.quartiles or np.isfinite(values).sum() < FEWEST_VALUES:
            continue
        moved = _population(name, signal, past, values, years, limits)
        rows.append(moved)
        if name in weighted:
            beyond.setdefault(signal, []).append(moved["level"] != "fine")
        rows += _shift(name, signal, past, values, years, limits, most)
    for signal, flags in beyond.items():
        share = float(np.mean(flags))
        sentence = (
            f"{sum(flags)} of {len(flags)} features of {signal} are spread otherwise than in like weeks of {years}: "
            "look for one cause, such as a release of figures with other contents."
        )
        rows.append(row(level_of(share, limits.family), "family", signal, "", share, limits.family.note, sentence))
    return rows


def _missing(
    name: str, signal: str, past: FeatureProfile, values: np.ndarray, years: str, limits: Limits, most: str
) -> Row:
    share = float(1 - np.isfinite(values).mean()) if len(values) else 1.0
    level = level_of(share - past.missing_most, limits.missing, most=most)
    sentence = (
        f"{name} is missing for {share:.0%} of the pairs; in like weeks of {years} never for more than "
        f"{past.missing_most:.0%}."
    )
    return row(level, "missing", signal, name, share, past.missing_most + limits.missing.note, sentence)


def _population(name: str, signal: str, past: FeatureProfile, values: np.ndarray, years: str, limits: Limits) -> Row:
    psi = stability_index(np.array(past.counts), bin_counts(values, np.array(past.edges)))
    scale = max(limits.psi_floor, past.psi_most)
    sentence = (
        f"The values of {name} are spread otherwise than in like weeks of {years}: stability index {psi:.2f}, "
        f"where a single year reached {past.psi_most:.2f}."
    )
    return row(level_of(psi / scale, limits.psi), "population", signal, name, psi, scale * limits.psi.note, sentence)


def _shift(
    name: str, signal: str, past: FeatureProfile, values: np.ndarray, years: str, limits: Limits, most: str
) -> list[Row]:
    low, middle, high = past.quartiles
    if high <= low:
        return []
    move = float((np.median(values[np.isfinite(values)]) - middle) / (high - low))
    most = "note" if name in RECORD_LENGTHS else most
    level = level_of(abs(move) - past.shift_most, limits.shift, most=most)
    sentence = (
        f"The middle value of {name} is {middle + move * (high - low):.3g}, in like weeks of {years} {middle:.3g}: "
        f"{abs(move):.1f} interquartile ranges away, where a single year was at most {past.shift_most:.1f}."
    )
    return [row(level, "shift", signal, name, move, past.shift_most + limits.shift.note, sentence)]
