"""Features whose source has ended: known in what is learned from, and unknown for most at a date to forecast.

A list that stops leaves its features missing, while in training they hardly were; what it told of the time ahead is
known a little longer, of some. A booster has not learned what
that means and refuses such rows, and a linear model would fill in what was usual. What is known at the date decides,
so nobody looks ahead: such a feature is left out of the fit for that date.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

__all__ = ["without_ended"]


def without_ended(features: Sequence[str], learn: pd.DataFrame, now: pd.DataFrame) -> tuple[str, ...]:
    """Give `features` in their order without those that at one date are known less than half as often as before.

    Args:
        learn: rows to learn from, with the features.
        now: rows to forecast, with the features and as_of.
    """
    names = list(features)
    least = now[names].notna().groupby(now["as_of"]).mean().min()
    has_ended = least < learn[names].notna().mean() / 2 if len(now) else pd.Series(False, index=names)
    return tuple(name for name in names if not has_ended[name])
