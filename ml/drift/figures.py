"""Do the newest figures of each source have the size of those before? Finds a changed unit of measure.

Features are mostly ratios, and change only where facts do, so the facts themselves are checked: every unit (a flow
between two countries, a price series) with itself, the newest period with those before, and a newer version of a
fact with the one it replaces. The median over hundreds of units hardly moves in a crisis, since a crisis does not move
all of them by one factor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.panel import SIGNALS
from ml.drift.limits import LEVELS, LIMITS, Limits, Steps, level_of
from ml.drift.measures import Row, row
from models.drift import period_steps

__all__ = ["FIGURES", "Figures", "check_figures", "check_revisions"]

# A month is compared with the three before it, so that a changed unit is still seen two months later. A year stays the
# newest until the next release, and in three years of a boom values double by themselves, so it is compared with one.
MONTHS_BEFORE, YEARS_BEFORE = 3, 1
REVISED_WITHIN_DAYS = 35
MONEY = "value_usd"


@dataclass(frozen=True, slots=True)
class Figures:
    """How the numbers of a dataset are compared: what names a unit, its period, and which columns may change unit.

    `group` is the column whose units share one unit of measure (a product, a series); a group counts for itself from
    `fewest` units on.
    """

    unit: tuple[str, ...]
    group: str
    period: str
    columns: tuple[str, ...]
    fewest: int = 8

    @property
    def before(self) -> int:
        """With how many earlier periods the newest is compared; months of a year so far go by year."""
        return YEARS_BEFORE if self.period in ("year", "last_month") else MONTHS_BEFORE


FIGURES: Mapping[str, Figures] = {
    "trade": Figures(("hs_code", "supplier", "importer"), "hs_code", "year", ("quantity_tonnes", "value_usd")),
    "mirror_trade": Figures(
        ("reported_by", "importer", "supplier", "hs_code", "basis", "months"),
        "hs_code",
        "last_month",
        ("quantity_tonnes", "value_usd"),
    ),
    "prices": Figures(("series", "frequency"), "series", "starts_on", ("price",), fewest=1),
    "production": Figures(("mineral", "supplier"), "mineral", "year", ("quantity_tonnes",)),
    "production_monthly": Figures(("mineral", "supplier"), "mineral", "month", ("quantity_tonnes",)),
    "geopolitics": Figures(("indicator", "country", "partner", "frequency"), "indicator", "starts_on", ("value",)),
    "transits": Figures(("strait", "ship_type"), "ship_type", "starts_on", ("calls", "capacity_tonnes")),
}


def check_figures(
    tables: Mapping[str, pd.DataFrame], *, weighted: Collection[str], limits: Limits = LIMITS
) -> list[Row]:
    """Hold the newest figures of every source against those before.

    Args:
        tables: every version of each dataset known at one date.
        weighted: the signals the served model reads; what fills only others raises a watch at most.

    Returns:
        Rows of kind `jump` per dataset, source and column (`prices.pink_sheet.price`); and of kind `group_jump`, only
        where a product, series or indicator of its own jumped.
    """
    rows: list[Row] = []
    for name, what in FIGURES.items():
        if name not in tables or tables[name].empty:
            continue
        signal, most = _reader(name, weighted)
        for source, facts in tables[name].groupby("source", sort=True):
            recent = _recent(facts, what)
            for value in what.columns:
                place = f"{name}.{source}.{value}"
                steps = period_steps(recent, what.unit, value, before=what.before)
                bounds = limits.jump_of_money if value == MONEY else limits.jump
                of_source = _jump(place, signal, steps["step"], bounds, limits.jump_units, most)
                rows += of_source
                # Where all of a source jumped, a line for each of its products would bury the one that says so.
                if not any(found["level"] in ("watch", "stop") for found in of_source):
                    rows += _group_jumps(place, signal, steps, what, limits)
    return rows


def check_revisions(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    keys: Mapping[str, list[str]],
    *,
    weighted: Collection[str],
    limits: Limits = LIMITS,
) -> list[Row]:
    """Hold versions of facts that became known in the last five weeks against the versions they replace.

    Args:
        keys: the key columns of each dataset.

    Returns:
        Rows of kind `revision` per dataset, source and column, where anything was revised.
    """
    rows: list[Row] = []
    since = as_of - pd.Timedelta(days=REVISED_WITHIN_DAYS)
    for name, what in FIGURES.items():
        table = tables.get(name)
        if table is None or table.empty or not (fresh := table["available_at"] > since).any():
            continue
        signal, most = _reader(name, weighted)
        key = keys[name]
        newer = table[fresh].sort_values("available_at").drop_duplicates(key, keep="last")
        # First what has a newer version, which is little; then the last version of that.
        older = table.loc[~fresh, [*key, *what.columns, "available_at"]].merge(newer[key], on=key)
        older = older.sort_values("available_at").drop_duplicates(key, keep="last").drop(columns="available_at")
        both = newer.merge(older, on=key, suffixes=("", "_old"))
        # In yearly trade the source is no part of the key.
        for source, facts in both.groupby("source", sort=True):
            for value in what.columns:
                usable = facts[(facts[value] > 0) & (facts[f"{value}_old"] > 0)]
                changed = usable[usable[value] != usable[f"{value}_old"]]
                if len(changed) >= limits.jump_units:
                    step = float(np.median(np.log10(changed[value] / changed[f"{value}_old"])))
                    sentence = (
                        f"{len(changed)} figures of {name}.{source}.{value} were revised within five weeks, the middle "
                        f"one to {_times(step)} what it was; has the unit changed?"
                    )
                    level = level_of(abs(step), limits.revision, most=most)
                    rows.append(
                        row(level, "revision", signal, f"{name}.{source}.{value}", step, limits.revision.note, sentence)
                    )
    return rows


def _reader(name: str, weighted: Collection[str]) -> tuple[str, str]:
    # The family that reads the dataset, one with weight first, and the gravest level its facts may raise.
    readers = [signal.name for signal in SIGNALS if name in signal.needs]
    with_weight = [signal for signal in readers if signal in weighted]
    first = (with_weight or readers or [name])[0]
    return first, "stop" if with_weight else "watch"


def _recent(facts: pd.DataFrame, what: Figures) -> pd.DataFrame:
    # Newest versions of the last periods, `period` a whole number: the year, or the month counted from year 0.
    moment = facts[what.period]
    if what.period == "year":
        period = moment.astype("int64")
    elif what.period == "last_month":
        # Months of a year so far are compared with the same months of other years.
        period = moment.dt.year * 12 + moment.dt.month
        months = period - (facts["first_month"].dt.year * 12 + facts["first_month"].dt.month)
        facts = facts.assign(months=months)
    else:
        period = moment.dt.year * 12 + moment.dt.month
        if "frequency" in facts:
            # Yearly indices stand beside monthly ones in one table.
            is_yearly = facts["frequency"].eq("year")
            period = period.where(~is_yearly, period.max() - (moment.dt.year.max() - moment.dt.year))
    facts = facts.assign(period=period)
    newest = facts["period"].max()
    if what.period == "last_month":
        # The newest count of a year so far, and those of the same months before: a period is a year.
        facts = facts[(newest - facts["period"]) % 12 == 0].assign(period=lambda t: t["period"] // 12)
        newest = facts["period"].max()
    facts = facts[facts["period"] >= newest - what.before]
    latest = facts.sort_values("available_at", kind="stable")
    unit = [*what.unit, what.period]
    latest = latest.drop_duplicates(unit, keep="last")
    return latest[~latest["is_retracted"]]


def _jump(place: str, signal: str, steps: pd.Series, bounds: Steps, fewest: int, most: str) -> list[Row]:
    if len(steps) < fewest:
        return []
    step = float(steps.median())
    level = level_of(abs(step), bounds, most=most)
    sentence = (
        f"The newest figures of {place} are {_times(step)} those before (the middle of "
        f"{len(steps)} that can be compared); has the unit changed?"
    )
    return [row(level, "jump", signal, place, step, bounds.note, sentence)]


def _group_jumps(place: str, signal: str, steps: pd.DataFrame, what: Figures, limits: Limits) -> Iterator[Row]:
    # One product may change its unit alone. That is no reason to stop all the others.
    by_group = steps.groupby(what.group)["step"].agg(["median", "size"])
    for name, found in by_group[by_group["size"] >= what.fewest].iterrows():
        step, size = float(found["median"]), int(found["size"])
        level = level_of(abs(step), limits.group_jump, most="watch")
        if level != LEVELS[0]:
            sentence = (
                f"The newest figures of {place} for {name} are {_times(step)} those before "
                f"({size} can be compared); has its unit changed?"
            )
            yield row(level, "group_jump", signal, f"{place}.{name}", step, limits.group_jump.note, sentence)


def _times(step: float) -> str:
    factor = 10 ** abs(step)
    words = f"{factor:,.2f}" if factor < 10 else f"{factor:,.0f}"
    return f"{words} times" if step >= 0 else f"one part in {words} of"
