"""How old the newest fact of each dataset and source is, against what its publisher's calendar lets expect."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping

import pandas as pd

from features.panel import SIGNALS
from ml.drift.limits import LIMITS, Limits, level_of
from ml.drift.measures import Row, row

__all__ = ["allowed_days", "check_ages"]

# One says where lists end, the other is made of news: neither comes by a calendar.
WITHOUT_CALENDAR = ("coverage", "news_links")


@functools.cache
def allowed_days() -> dict[str, int]:
    """Give per source how many days its newest fact may be old (`stale_after_days` of its declaration)."""
    from features import collection  # what all sources import takes a second

    specs = (collection.source(name).SPEC for name in collection.SOURCES)
    return {spec.name: spec.stale_after_days for spec in specs}


def check_ages(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    *,
    weighted: Collection[str],
    allowed: Mapping[str, int] | None = None,
    limits: Limits = LIMITS,
) -> list[Row]:
    """Measure the age of every dataset and source at `as_of`.

    A source of a family with weight is a watch beyond its calendar, unless another source of the same dataset is
    fresh: then, and for families without weight, it is a note.

    Args:
        tables: every version of each dataset known at one date, with `source` and `available_at`.
        allowed: days by source; those the sources declare by default.

    Returns:
        Rows of kind `age`; `value` in days.
    """
    allowed = allowed_days() if allowed is None else allowed
    rows: list[Row] = []
    for name, table in tables.items():
        if name in WITHOUT_CALENDAR:
            continue
        readers = [signal.name for signal in SIGNALS if name in signal.needs]
        with_weight = [signal for signal in readers if signal in weighted]
        newest = table.groupby("source")["available_at"].max() if len(table) else pd.Series(dtype="object")
        ages = {str(source): (as_of - moment).days for source, moment in newest.items()}
        has_fresh = any(age < allowed.get(source, age) for source, age in ages.items())
        for source, days in sorted(ages.items()):
            bound = allowed.get(source)
            if bound is None:
                continue
            most = "watch" if with_weight and not has_fresh else "note"
            sentence = (
                f"The newest fact of {name} from {source} is {days} days old, where its calendar allows {bound}; "
                f"has the publisher stopped, or the collection? `oresight sources {source}` says more."
            )
            signal = (with_weight or readers or [name])[0]
            rows.append(
                row(
                    level_of(days / bound, limits.age, most=most),
                    "age",
                    signal,
                    f"{name}.{source}",
                    days,
                    bound,
                    sentence,
                )
            )
    return rows
