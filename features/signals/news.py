"""Signal `news`: what feeds reported on a pair, a mineral and a supplier, fading, against all that they carried.

Reports of one thing are one cluster, counted once on each level when it is first known there: half where it is only
threatened, not at all where it is denied. A sum of half-life h is halved every h weeks; it is divided by the items that
the feeds carried, faded alike, so a week in which feeds were down weakens both. Where less than half of the usual
volume was seen, a feature is missing, never zero.

Steps change on the Monday after a report. Between reports `combine` lets the sums fade until the date of each row, so
quiet weeks need no step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.signals.declaration import Signal, Steps, Tables
from features.signals.news_features import FEATURES, HALF_LIVES_WEEKS, LEVELS, REPORTED_TYPES
from features.stories import with_stories
from features.weeks import faded, monday_of, week_from, week_of

__all__ = ["SIGNAL"]

TENSE_WEIGHTS = {"happened": 1.0, "announced": 1.0, "threatened": 0.5, "denied": 0.0}
YEAR_WEEKS = 52
ALL_HALF_LIVES = (*HALF_LIVES_WEEKS, YEAR_WEEKS)
BREADTH_WEEKS = 13
PER_ITEMS = 1000.0
# A week in which fewer feeds answered says nothing of a pair that they don't name.
MIN_FEEDS = 5
# More than this of what the feeds usually carry. With a half-life of one week the last one alone is half of all; over a
# year, less is enough to say what is usual for a pair.
MIN_SEEN_FRAC = {1: 0.7, 4: 0.5, 13: 0.5, YEAR_WEEKS: 0.25}
# A quarter of a report in about four weeks keeps the surprise bounded where reports are rare.
PRIOR_REPORTS = 0.25
# What is summed on each level, by half-life.
TYPES = ("tightening", "easing", *REPORTED_TYPES)
BREADTH = ("clusters", "feeds", "weeks", "languages")
SUMS = {1: TYPES, 4: (*TYPES, "reports"), 13: (*TYPES, *BREADTH), YEAR_WEEKS: ("reports",)}


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give one step function per pair, per mineral, per supplier, and one without keys of what the feeds carried."""
    reports = _reports(tables["news_links"])
    return [*(_level(reports, level) for level in LEVELS), _volume(tables["news_coverage"])]


def _reports(links: pd.DataFrame) -> pd.DataFrame:
    # Every link as first known, with the cluster of its item and the week at whose beginning it is known.
    told = with_stories(links[~links["is_retracted"]]).drop_duplicates(["item_id", "mineral", "supplier"])
    return told.assign(week=week_from(told["available_at"]))


def _level(reports: pd.DataFrame, level: str) -> Steps:
    keys = list(LEVELS[level])
    amounts = _amounts(reports[reports[keys].ne("").all(axis=1)], keys)
    frame = amounts[keys].assign(available_at=monday_of(amounts["week"]))
    groups = list(amounts.groupby(keys, sort=True).indices.values())
    for half_life, names in SUMS.items():
        values, weeks = amounts[list(names)].to_numpy(), amounts["week"].to_numpy()
        sums = np.concatenate([faded(values[rows], weeks[rows], half_life) for rows in groups] or [values])
        frame[[f"news_{level}_{name}_sum_{half_life}" for name in names]] = sums
    tight = amounts["week"].where(amounts["tightening"] > 0).astype("float64")
    frame[f"news_{level}_week"] = amounts["week"].astype("float64")
    frame[f"news_{level}_tight_week"] = tight.groupby([amounts[key] for key in keys]).ffill()
    return Steps(tuple(keys), frame)


def _amounts(reports: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    # What is new per key and week, sorted by both: clusters by type and direction, feeds that tell one, languages.
    first = reports.drop_duplicates([*keys, "cluster_id"])
    weight = first["tense"].map(TENSE_WEIGHTS).astype("float64")
    counts = {name: weight.where(first["event_type"].eq(name), 0.0) for name in REPORTED_TYPES}
    counts |= {name: weight.where(first["direction"].eq(name), 0.0) for name in ("tightening", "easing")}
    index = [*keys, "week"]
    new = first[index].assign(**counts, reports=weight, clusters=1.0).groupby(index).sum()
    feeds = reports.drop_duplicates([*keys, "cluster_id", "feed"]).groupby(index).size().rename("feeds")
    languages = reports.groupby(index)["language"].nunique().rename("languages")
    weekly = pd.concat([new, feeds, languages], axis=1).fillna(0.0).astype("float64").assign(weeks=1.0)
    return weekly.sort_index().reset_index()


def _volume(coverage: pd.DataFrame) -> Steps:
    ends = week_of(coverage["week_starts_at"]) + 1
    # What is only learned of a week after its end is left out: a step that stands is never changed.
    in_time = coverage[~coverage["is_retracted"] & (week_from(coverage["available_at"]) <= ends)]
    newest = in_time.assign(ends=ends).sort_values("available_at", kind="stable").drop_duplicates(
        ["feed", "ends"], keep="last"
    )  # fmt: skip
    names = [f"news_{what}_sum_{weeks}" for what in ("items", "seen") for weeks in ALL_HALF_LIVES]
    if newest.empty:
        none = {name: pd.Series(dtype="float64") for name in ("news_week", *names)}
        return Steps((), pd.DataFrame({"available_at": pd.Series(dtype=MOMENT), **none}))
    weeks = pd.RangeIndex(int(newest["ends"].min()), int(newest["ends"].max()) + 1)
    was_up = newest["polls_ok"].gt(0) | newest["is_archived"]
    up = (
        newest[was_up]
        .pivot_table(index="ends", columns="feed", values="items", aggfunc="last")
        .reindex(weeks)
        .astype("float64")
    )
    frame = pd.DataFrame({"available_at": monday_of(weeks.to_series(index=range(len(weeks))))})
    frame["news_week"] = weeks.to_numpy(dtype="float64")
    for what, amounts in (("items", up.sum(axis=1)), ("seen", _seen_frac(up))):
        for half_life in ALL_HALF_LIVES:
            frame[f"news_{what}_sum_{half_life}"] = faded(amounts.to_numpy(), weeks.to_numpy(), half_life)
    return Steps((), frame)


def _seen_frac(up: pd.DataFrame) -> pd.Series:
    # Which part of the usual volume the feeds that answered stand for. A feed's usual volume is its mean over the weeks
    # of the year before in which it answered; one that has been silent for a year is no longer expected.
    usual = up.shift(1).rolling(YEAR_WEEKS, min_periods=1).mean().fillna(up)
    expected = usual.sum(axis=1)
    seen = (usual.where(up.notna()).sum(axis=1) / expected.where(expected > 0)).fillna(0.0)
    return seen.where(up.notna().sum(axis=1) >= MIN_FEEDS, 0.0)


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Let the sums fade until the date of each row and divide them by what the feeds carried."""
    week = week_of(joined["as_of"])
    carried = _carried(joined, week)
    columns: dict[str, pd.Series] = {}
    for level in LEVELS:
        columns |= _columns(joined, level, week, carried)
    return pd.DataFrame(columns, index=joined.index)[SIGNAL.columns]


def _carried(joined: pd.DataFrame, week: pd.Series) -> dict[int, pd.Series]:
    # Thousands of items, faded by each half-life; missing where too little was seen.
    out = {}
    for half_life in ALL_HALF_LIVES:
        kept = 0.5 ** ((week - joined["news_week"]) / half_life)
        items, seen = (joined[f"news_{what}_sum_{half_life}"] * kept for what in ("items", "seen"))
        of_all = seen * (1 - 0.5 ** (1 / half_life))
        is_enough = (of_all.round(9) > MIN_SEEN_FRAC[half_life]) & (items > 0)
        out[half_life] = (items / PER_ITEMS).where(is_enough)
    return out


def _columns(
    joined: pd.DataFrame, level: str, week: pd.Series, carried: Mapping[int, pd.Series]
) -> dict[str, pd.Series]:
    prefix = f"news_{level}"
    age = week - joined[f"{prefix}_week"]
    rates: dict[tuple[str, int], pd.Series] = {}
    for half_life, names in SUMS.items():
        per_item = 0.5 ** (age / half_life) / carried[half_life]
        none = (0.0 / carried[half_life]).where(age.isna())
        for name in names:
            rates[name, half_life] = (joined[f"{prefix}_{name}_sum_{half_life}"] * per_item).fillna(none)
    out = {f"{prefix}_{name}_{weeks}w": rates[name, weeks] for name in REPORTED_TYPES for weeks in HALF_LIVES_WEEKS}
    for weeks in HALF_LIVES_WEEKS:
        out[f"{prefix}_net_{weeks}w"] = rates["tightening", weeks] - rates["easing", weeks]
    is_known = carried[BREADTH_WEEKS].notna()
    for name, per in (("feeds", "clusters"), ("languages", "weeks")):
        below = joined[f"{prefix}_{per}_sum_{BREADTH_WEEKS}"]
        out[f"{prefix}_{name}"] = (joined[f"{prefix}_{name}_sum_{BREADTH_WEEKS}"] / below).where(is_known)
    prior = PRIOR_REPORTS / carried[4]
    out[f"{prefix}_surprise"] = np.log((rates["reports", 4] + prior) / (rates["reports", YEAR_WEEKS] + prior))
    out[f"{prefix}_weeks_since"] = (week - joined[f"{prefix}_tight_week"]).where(is_known)
    return out


SIGNAL = Signal("news", ("news_links", "news_coverage"), FEATURES, steps, combine)
