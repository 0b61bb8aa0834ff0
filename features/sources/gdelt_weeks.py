"""A week of GDELT's events -> shares per country and per pair of countries. Pure: numbers in, numbers out.

An article gives three or four rows, often one event coded again and in both directions. So an event counts once per
article, root code and what it is counted for (a place, or an unordered pair of countries), and an article once. What is
given are shares of a week's total or of a country's own events, never counts: GDELT's coverage has grown tenfold,
and single rows are wrong more often than right.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = [
    "LEAST_EVENTS",
    "LEAST_ROWS_A_DAY",
    "LEAST_SLOTS_A_DAY",
    "covered_days",
    "shares_of_countries",
    "shares_of_pairs",
]

# Below this many de-duplicated events a share of one fifth has a standard error of a tenth or more.
LEAST_EVENTS = 20
# No day since April 2013 has had fewer than tens of thousands; what is thinner is a sample or cut off.
LEAST_ROWS_A_DAY = 5000
# Three quarters of a day's 96 files of version 2.
LEAST_SLOTS_A_DAY = 72

PROTEST = (14,)
# Reduce relations (16: embargoes, boycotts and sanctions are 163) and coerce (17).
COERCION = (16, 17)
VERBAL_CONFLICT, MATERIAL_CONFLICT = 3, 4

COUNTRY_SHARES = ("gdelt_protest", "gdelt_coercion", "gdelt_material_conflict")
PAIR_SHARES = ("gdelt_verbal_conflict", "gdelt_coercion", "gdelt_material_conflict")


def covered_days(events: pd.DataFrame) -> pd.Series:
    """Tell which days are there as a whole.

    Args:
        events: day and slot, one row per event; the slot is -1 where a file holds a whole day.

    Returns:
        By day, whether it has at least `LEAST_ROWS_A_DAY` rows that come from a file of the whole day, or from at least
        `LEAST_SLOTS_A_DAY` of its quarters of an hour.
    """
    by_day = events.groupby("day")["slot"]
    slots = by_day.nunique() - by_day.min().lt(0)
    is_whole = by_day.min().lt(0) | slots.ge(LEAST_SLOTS_A_DAY)
    return is_whole & by_day.size().ge(LEAST_ROWS_A_DAY)


def shares_of_countries(events: pd.DataFrame) -> pd.DataFrame:
    """Give what the articles of a week tell of each country in which something happened.

    Args:
        events: place (a country's number, -1 for none), article, root, quad and tone.

    Returns:
        country, indicator and value. Of a country with fewer than `LEAST_EVENTS` events only `gdelt_volume`.
    """
    placed = events[events["place"] >= 0]
    found = _shares(placed, placed["place"], events["article"].nunique(), COUNTRY_SHARES)
    return found.rename(columns={"unit": "country"})


def shares_of_pairs(events: pd.DataFrame) -> pd.DataFrame:
    """Give what the articles of a week tell of each pair of countries, whichever of them acted.

    Args:
        events: actor1 and actor2 (numbers of countries, -1 for none), article, root, quad and tone.

    Returns:
        country, partner, indicator and value, each pair both ways. Of a pair with fewer than `LEAST_EVENTS` events
        only `gdelt_volume`.
    """
    is_pair = (events["actor1"] >= 0) & (events["actor2"] >= 0) & (events["actor1"] != events["actor2"])
    between = events[is_pair]
    low, high = np.minimum(between["actor1"], between["actor2"]), np.maximum(between["actor1"], between["actor2"])
    unit = low.astype("int64") * 10_000 + high.astype("int64")
    found = _shares(between, unit, events["article"].nunique(), PAIR_SHARES)
    one = found.assign(country=found["unit"] // 10_000, partner=found["unit"] % 10_000)
    other = one.assign(country=one["partner"], partner=one["country"])
    return pd.concat([one, other], ignore_index=True).drop(columns="unit")


def _shares(events: pd.DataFrame, unit: pd.Series, articles: int, wanted: tuple[str, ...]) -> pd.DataFrame:
    told = events[["article", "root", "quad", "tone"]].assign(unit=unit)
    # One order, whatever the files', so that the same events give the same bytes.
    told = told.sort_values(["unit", "article", "root", "quad", "tone"], ignore_index=True)
    once = told.drop_duplicates(["unit", "article", "root"])
    by_article = told.groupby(["unit", "article"])["tone"].mean()
    number = once.groupby("unit").size()
    is_kind = {
        "gdelt_protest": once["root"].isin(PROTEST),
        "gdelt_coercion": once["root"].isin(COERCION),
        "gdelt_verbal_conflict": once["quad"].eq(VERBAL_CONFLICT),
        "gdelt_material_conflict": once["quad"].eq(MATERIAL_CONFLICT),
    }
    values = {name: is_kind[name].groupby(once["unit"]).mean() for name in wanted}
    # An article weighs the same, however many events are coded from it.
    values["gdelt_tone"] = by_article.groupby("unit").mean()
    values = {name: value[number >= LEAST_EVENTS] for name, value in values.items()}
    values["gdelt_volume"] = by_article.groupby("unit").size() / articles
    parts = [value.rename("value").reset_index().assign(indicator=name) for name, value in values.items()]
    return pd.concat(parts, ignore_index=True).astype({"unit": "int64", "value": "float64"})
