"""Counts of export measures as series: in force per year and by what, and new ones per week.

All of it is made from merged measures (`features/measures.py`) as known at one date. A measure is in force from the
day it takes effect, or is announced where that day is not known, until its end; one of which only the year is known
from the end of that year. An act that is announced and not yet in effect counts as new, not as in force. Two units:
**acts** (one per supplier and measure) and **lines** (one per supplier, kind and six-digit product that a measure in
force covers), in which the OECD counts. A measure that names no products stands for all products of its minerals in
the catalogue, which is an upper bound; lines that two acts of one kind share count once.
"""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.weeks import monday_before

__all__ = ["UNITS", "in_force_at", "lines", "new_per_week", "per_year", "size_at", "year_ends"]

UNITS = ("kind", "supplier", "mineral", "year")
FIRST_YEAR = 2009


def begins_at(measures: pd.DataFrame) -> pd.Series:
    """Give from when each measure is in force; the moment it became known where no day is."""
    day = measures["effective_at"].fillna(measures["announced_at"])
    return day.fillna(measures["available_at"]).astype(MOMENT)


def in_force_at(measures: pd.DataFrame, moment: dt.datetime) -> pd.DataFrame:
    """Give the tightening measures that are in force at `moment`, which the day of the end still is.

    Args:
        measures: newest versions of merged measures, as `features.measures.current` gives.
    """
    at = pd.Timestamp(moment)
    ended = measures["ended_at"] < at.floor("D")
    return measures[measures["direction"].eq("tightening") & (begins_at(measures) <= at) & ~ended]


def lines(measures: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Give supplier, kind, hs_code, mineral: every six-digit product that `measures` cover, each once per mineral."""
    used = catalog.used_hs_codes()[["mineral", "hs_code"]].drop_duplicates()
    base = measures[["supplier", "kind", "mineral", "hs_codes"]].drop_duplicates()
    told = base.assign(stem=base["hs_codes"].str.split(";")).explode("stem", ignore_index=True)
    joined = told.merge(used, on="mineral")
    stems = [
        not stem or code.startswith(stem[:6]) for stem, code in zip(joined["stem"], joined["hs_code"], strict=True)
    ]
    found = joined[pd.Series(stems, index=joined.index, dtype="bool")]
    # A product that is named and not followed for this mineral is a line all the same; so is a heading, once.
    keys = ["supplier", "kind", "mineral", "stem"]
    followed = pd.MultiIndex.from_frame(found[keys])
    is_own = told["stem"].ne("") & ~pd.MultiIndex.from_frame(told[keys]).isin(followed)
    own = told[is_own]
    own = own.assign(hs_code=own["stem"].str[:6])
    columns = ["supplier", "kind", "hs_code", "mineral"]
    return pd.concat([found[columns], own[columns]]).drop_duplicates().sort_values(columns, ignore_index=True)


def year_ends(until: dt.datetime) -> list[dt.datetime]:
    """Give the last day of each year since 2009; of the current one, `until` itself."""
    ends = (dt.datetime(year, 12, 31, tzinfo=dt.UTC) for year in range(FIRST_YEAR, until.year + 1))
    return [min(end, until) for end in ends]


def size_at(measures: pd.DataFrame, catalog: Catalog, moment: dt.datetime) -> tuple[int, int]:
    """Give how many acts of `measures` are in force at `moment`, and how many lines they cover.

    A product that is shared by several minerals is one line.
    """
    force = in_force_at(measures, moment)
    products = lines(force, catalog)[["supplier", "kind", "hs_code"]].drop_duplicates()
    return force["event_id"].nunique(), len(products)


def per_year(measures: pd.DataFrame, catalog: Catalog, *, until: dt.datetime) -> pd.DataFrame:
    """Count the measures in force at the end of each year since 2009, the current one at `until`.

    Returns:
        year, supplier, mineral, kind, acts, lines; one row where there is any.
    """
    tables = []
    for end in year_ends(until):
        force = in_force_at(measures, end)
        keys = ["supplier", "mineral", "kind"]
        acts = force.groupby(keys)["event_id"].nunique().rename("acts")
        products = lines(force, catalog).groupby(keys)["hs_code"].nunique().rename("lines")
        table = pd.concat([acts, products], axis=1).fillna(0).astype("int64").reset_index()
        tables.append(table.assign(year=end.year))
    return pd.concat(tables, ignore_index=True)[["year", "supplier", "mineral", "kind", "acts", "lines"]]


def new_per_week(measures: pd.DataFrame, *, until: dt.datetime) -> pd.DataFrame:
    """Count the acts that became known in each week, tightening and easing apart; only those with a day.

    Args:
        measures: what `merged` gave, all versions.

    Returns:
        week_starts_at (Mondays, without gaps up to `until`), tightening, easing.
    """
    first = measures.drop_duplicates("event_id")
    first = first[first["announced_at"].notna() & (first["available_at"] <= pd.Timestamp(until))]
    if first.empty:
        types = {"week_starts_at": MOMENT, "tightening": "int64", "easing": "int64"}
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})
    counts = pd.crosstab(monday_before(first["available_at"]), first["direction"])
    every = pd.date_range(counts.index.min(), pd.Timestamp(until), freq="7D")
    counts = counts.reindex(index=every, columns=["tightening", "easing"], fill_value=0).astype("int64")
    counts.columns.name = None
    return counts.rename_axis("week_starts_at").reset_index().astype({"week_starts_at": MOMENT})
