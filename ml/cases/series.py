"""What one feature of one pair said on every Monday, and when it stood out from its own past.

A value *stands out* on a Monday if it lies beyond nearly all of the values of the three years before that Monday: above
their 95th percentile, or below their 5th where a low value is the bad one. So a threshold is never learned from what
came later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.knowledge_time import monday_after, monday_on_or_before
from features.panel import KEYS, family_of, join_steps, with_features
from ml.knowledge import Knowledge
from ml.scores import finite

__all__ = ["LOOKED_AT_WEEKS", "PAST_WEEKS", "Verdict", "mondays", "stands_out", "verdict", "weekly_values"]

PAST_WEEKS = 156
LEAST_WEEKS = 52
BEYOND_FRAC = 0.95
# How far before and after an event a value counts as having to do with it.
LOOKED_AT_WEEKS = 26


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one feature said around one event.

    Attributes:
        value: on the last Monday at or before the event; None where nothing was known.
        rank: the share of its values of the three years before that are not beyond it; None without enough of them.
        warned_weeks: on how many weeks before the last Monday that did not know of the event it first stood out, of
            the 26 before; 0 is that Monday itself; None if it did not.
        seen_weeks: how many weeks after the event it first stood out, of the 26 after; None if it did not.
        elsewhere_frac: of all other spells of 26 weeks with a figure, none of them within 26 weeks of the event, the
            share in which it stood out at some time; None without any. What looks like a warning must beat it.
    """

    value: float | None
    rank: float | None
    warned_weeks: int | None
    seen_weeks: int | None
    elsewhere_frac: float | None


def mondays(first: dt.date, last: dt.date) -> list[dt.datetime]:
    """List the Mondays from the first on or after `first` to the last on or before `last`."""
    begin = dt.datetime(first.year, first.month, first.day, tzinfo=dt.UTC)
    end = dt.datetime(last.year, last.month, last.day, tzinfo=dt.UTC)
    at = monday_on_or_before(begin)
    at = at if at == begin else monday_after(begin)
    count = max((monday_on_or_before(end) - at).days // 7 + 1, 0)
    return [at + dt.timedelta(weeks=week) for week in range(count)]


def weekly_values(
    knowledge: Knowledge, mineral: str, supplier: str, features: Sequence[str], weeks: Sequence[dt.datetime]
) -> pd.DataFrame:
    """Give the features of one pair as known on each of `weeks`, tracked or not.

    Returns:
        as_of, then one float64 column per feature.

    Raises:
        KeyError: no signal declares a feature, or the one that does is not among those of `knowledge`.
    """
    index = pd.DataFrame({"mineral": mineral, "supplier": supplier, "as_of": list(weeks)})
    index = index.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})[KEYS]
    families = {family_of(name) for name in features}
    if missing := families - {signal.name for signal in knowledge.signals}:
        raise KeyError(f"the knowledge has no signal {', '.join(sorted(missing))}")
    signals = [signal for signal in knowledge.signals if signal.name in families]
    joined = join_steps(index, {signal.name: knowledge.steps[signal.name] for signal in signals})
    joined = with_features(joined, signals)
    return joined[["as_of", *features]].astype(dict.fromkeys(features, "float64"))


def stands_out(values: pd.Series, *, is_low_bad: bool = False) -> pd.Series:
    """Tell for each week whether its value stands out from the three years before it.

    Args:
        values: one per week, in order, missing where nothing is known.

    Returns:
        1.0 where it does, 0.0 where it does not, missing where the value or a year of the past is not known.
    """
    value = -values if is_low_bad else values
    past = value.shift(1).rolling(PAST_WEEKS, min_periods=LEAST_WEEKS)
    beyond = past.quantile(BEYOND_FRAC)
    return (value > beyond).astype("float64").where(value.notna() & beyond.notna())


def verdict(weeks: pd.Series, values: pd.Series, event_on: dt.date, *, is_low_bad: bool = False) -> Verdict:
    """Say what a feature said before and after an event.

    Args:
        weeks: Mondays, in order, without gaps.
        values: the feature on each.
    """
    event_at = pd.Timestamp(event_on, tz="UTC")
    if weeks.empty or event_at >= weeks.iloc[-1] + pd.Timedelta(weeks=1):
        # Not yet, as far as is known.
        return Verdict(None, None, None, None, None)
    at = int((weeks <= event_at).sum()) - 1
    out = stands_out(values, is_low_bad=is_low_bad).to_numpy()
    # A Monday on the day of the event itself does not know of it.
    before, after = slice(max(at + 1 - LOOKED_AT_WEEKS, 0), at + 1), slice(at + 1, at + 1 + LOOKED_AT_WEEKS)
    spells = pd.Series(out).rolling(LOOKED_AT_WEEKS, min_periods=1).max().to_numpy()
    others = np.concatenate([spells[: before.start], spells[after.stop + LOOKED_AT_WEEKS - 1 :]])
    others = others[~np.isnan(others)]
    return Verdict(
        value=finite(values.iloc[at]) if at >= 0 else None,
        rank=_rank(values.iloc[: at + 1], is_low_bad=is_low_bad),
        warned_weeks=None if (first := _first(out[before])) is None else at - before.start - first,
        seen_weeks=None if (first := _first(out[after])) is None else first + 1,
        elsewhere_frac=float(others.mean()) if len(others) else None,
    )


def _first(out: np.ndarray) -> int | None:
    hits = np.flatnonzero(out == 1.0)
    return int(hits[0]) if len(hits) else None


def _rank(values: pd.Series, *, is_low_bad: bool) -> float | None:
    if values.empty or pd.isna(values.iloc[-1]):
        return None
    value = -values if is_low_bad else values
    past = value.iloc[:-1].tail(PAST_WEEKS).dropna()
    return float((past <= value.iloc[-1]).mean()) if len(past) >= LEAST_WEEKS else None
