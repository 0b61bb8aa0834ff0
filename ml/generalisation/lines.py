"""What is measured: ways to leave something out of training, and the rows each line of the page scores.

A forecast of year T is learned from target years up to T - 2, as later ones are not resolved. So the forecasts of a
crisis of one or two years never learned from it, without anything left out; what a line leaves out by hand is what
came to be known of a crisis by its third year, or after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from ml.experiments.ideas import Idea
from ml.experiments.odd_prices import STAYS
from ml.experiments.trial import SPAN
from models.calibrated import CalibratedBoosting
from models.combinations import NeverSeen
from models.model import Model

__all__ = ["CRISES", "LATE_CRISES", "LINES", "ORDINARY", "Line", "Years", "crisis_name", "variants"]

Years = tuple[int, int]
FOLDS = 4
# First and last target year: the financial crisis, the fall of raw material prices; in the span of experiments.
CRISES = ((2008, 2009), (2014, 2016))
# The pandemic and the war: forecast as the published backtest does, which shows these years; nothing is chosen on them.
LATE_CRISES = ((2020, 2020), (2022, 2022))
ORDINARY = "ordinary"


def _calibrated(names: Sequence[str], target: str) -> Model:
    return CalibratedBoosting(names)


def _never_seen(names: Sequence[str], target: str, *, column: str) -> Model:
    return NeverSeen(partial(CalibratedBoosting, names), column, folds=FOLDS)


def _not_in(rows: pd.DataFrame, *, years: Years) -> pd.DataFrame:
    return rows[~rows["target_year"].between(*years)]


def crisis_name(years: Years) -> str:
    """Give a crisis as text, such as "2008-2009"."""
    return str(years[0]) if years[0] == years[1] else f"{years[0]}-{years[1]}"


def _without(years: Years) -> str:
    return f"without-{crisis_name(years)}"


def variants() -> tuple[Idea, ...]:
    """Give the champion's kind of model, learned from everything known and with something left out."""
    left_out = [
        Idea(_without(years), "No label of the crisis.", _calibrated, learn=partial(_not_in, years=years))
        for years in CRISES
    ]
    unseen = [
        Idea(f"{column}s-never-seen", "Nothing of the group.", partial(_never_seen, column=column))
        for column in ("mineral", "supplier")
    ]
    return (Idea(ORDINARY, "Everything known.", _calibrated), *unseen, *left_out)


@dataclass(frozen=True)
class Line:
    """One line of the page.

    Attributes:
        variant: whose forecasts.
        flag: a column that must be true, or false with `is_flag` false; empty for none.
        years: spans of target years scored, first and last of each; `but` takes some out again.
        against: the variant on the same rows that a gain is told to; empty for none.
        is_settled_anew: whether outcomes are those at usual prices, and not the labels.
    """

    group: str
    name: str
    variant: str = ORDINARY
    flag: str = ""
    is_flag: bool = True
    years: tuple[Years, ...] = (SPAN,)
    but: tuple[Years, ...] = ()
    against: str = ""
    is_settled_anew: bool = False

    def rows(self, table: pd.DataFrame) -> pd.Series:
        """Tell which rows of the forecasts belong, among onset rows."""
        chosen = table["onset"].astype("bool")
        if self.flag:
            chosen &= table[self.flag].astype("bool") == self.is_flag
        return chosen & _inside(table, self.years) & ~_inside(table, self.but)


def _inside(table: pd.DataFrame, spans: tuple[Years, ...]) -> pd.Series:
    inside = pd.Series(False, index=table.index)
    for span in spans:
        inside |= table["target_year"].between(*span)
    return inside


def _after(years: Years, last: int) -> tuple[Years, ...]:
    # From the first origin at which a label of the crisis is known, the crisis itself left aside.
    return ((max(years[0] + 2, years[1] + 1), last),)


def _lines(last: int) -> tuple[Line, ...]:
    found = [
        Line("All", "all onset rows"),
        Line("Never seen", "minerals never seen", "minerals-never-seen", against=ORDINARY),
        Line("Never seen", "suppliers never seen", "suppliers-never-seen", against=ORDINARY),
        Line("Crises", "no crisis year", but=CRISES),
    ]
    for years in (*CRISES, *LATE_CRISES):
        found.append(Line("Crises", f"crisis years {crisis_name(years)}", years=(years,)))
        if years[1] - years[0] >= 2:
            known = ((years[0] + 2, years[1]),)
            name = f"its year {crisis_name(known[0])} by a model that learned nothing of it"
            found.append(Line("Crises", name, _without(years), years=known, against=ORDINARY))
    for years in CRISES:
        after = _after(years, last)
        name = f"{crisis_name(after[0])} without {crisis_name(years)} in training"
        found.append(Line("After a crisis", name, _without(years), years=after, against=ORDINARY))
    for flag, yes, no in (
        ("is_major", "at least 5 % of world exports", "1 to 5 %"),
        ("is_transit", "transit: neither mines nor refines", "all others"),
    ):
        found += [Line("Pairs", yes, flag=flag), Line("Pairs", no, flag=flag, is_flag=False)]
    found += [
        Line("Outcomes", "all onset rows, settled at usual prices", is_settled_anew=True),
        Line("Outcomes", "the outcome stays at usual prices", flag=STAYS),
        Line("Outcomes", "it turns round: often a slip of quantity", flag=STAYS, is_flag=False),
    ]
    return tuple(found)


LINES = _lines(last=SPAN[1])
