"""Part of the signal `geopolitics`: armed conflict, unrest and fragility of a supplier.

- UCDP, per year: the highest intensity of conflicts on its soil in the newest year known (0 none, 1 from 25, 2 from
  1,000 deaths in battle), and its change against the year before. Per month: deaths of the last twelve months known,
  halved every six, where at least six of them are told. A country without a row is missing: a file of events may hold a
  few countries only, and the source writes zeros where it can.
- GDELT, per week: shares of protest and of material conflict among the events of a country, mean of the last four
  weeks, and its distance from the mean of the 52 weeks before in their standard deviations. Without a row: missing.
- Fragile States Index and INFORM Risk, per year: the newest score, unless it is three years behind the newest of all.

All countries end with the newest period of any; how old that is, `combine` says.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from features.signals.declaration import Steps
from features.signals.geopolitical_risk import MAX_Z
from features.signals.period_figures import (
    Floats,
    Known,
    StepRows,
    known_at_each_moment,
    mean_of,
    total_of,
    versions_of,
    z_score,
)
from features.signals.price_history import month_number
from features.signals.tension import RECENT_WEEKS, YEAR_WEEKS
from features.weeks import week_of

__all__ = ["COLUMNS", "DEATHS_HALF_LIFE_MONTHS", "PERIODS", "of_suppliers"]

DEATHS_HALF_LIFE_MONTHS, DEATHS_MONTHS = 6, 12
LEAST_WEEKS, LEAST_MONTHS = 26, 6
FRESH_YEARS = 3
# Indicator -> its frequency.
PERIODS = {
    "ucdp_intensity": "year",
    "ucdp_deaths": "month",
    "gdelt_protest": "week",
    "gdelt_material_conflict": "week",
    "fsi_total": "year",
    "inform_risk": "year",
}


def of_suppliers(geopolitics: pd.DataFrame, countries: list[str]) -> list[Steps]:
    """Give per indicator a step function per supplier, and one without keys of its newest period.

    Args:
        geopolitics: every version of the dataset; rows of single countries are read.
    """
    found = []
    for indicator, (describe, columns) in DESCRIPTIONS.items():
        names = [f"geopolitics_{name}" for name in columns]
        rows, reached = StepRows(len(countries), names), StepRows(1, [f"geopolitics_{indicator}_period"])
        for known in known_at_each_moment(_versions(geopolitics, indicator, countries), len(countries)):
            rows.add(known.moment, describe(known))
            reached.add(known.moment, np.array([[known.newest_of_any]]))
        found += [Steps(("supplier",), rows.frame({"supplier": countries})), Steps((), reached.frame({}))]
    return found


def _versions(geopolitics: pd.DataFrame, indicator: str, countries: list[str]) -> pd.DataFrame:
    frequency = PERIODS[indicator]
    asked = geopolitics["indicator"].eq(indicator) & geopolitics["frequency"].eq(frequency)
    rows = geopolitics[asked & geopolitics["partner"].eq("")]
    series = pd.Series(pd.Index(countries).get_indexer(pd.Index(rows["country"])), index=rows.index)
    begins = rows["starts_on"]
    period = {
        "year": begins.dt.year,
        "month": month_number(begins),
        "week": week_of(begins),
    }[frequency]
    return versions_of(rows, series, period)


def _last_rows(known: Known, length: int) -> Floats:
    # The periods up to the newest of any country, oldest first; fewer where fewer are known.
    end = int(known.last.max()) + 1
    return known.figures[max(end - length, 0) : end]


def _intensity(known: Known) -> Floats:
    years = _last_rows(known, 2)
    unknown = np.full(known.figures.shape[1], np.nan)
    last, before = (years[-1 - back] if len(years) > back else unknown for back in (0, 1))
    return np.column_stack([last, last - before])


def _deaths(known: Known) -> Floats:
    months = _last_rows(known, DEATHS_MONTHS)
    if not len(months):
        return np.full((known.figures.shape[1], 1), np.nan)
    kept = 0.5 ** (np.arange(len(months) - 1, -1, -1) / DEATHS_HALF_LIFE_MONTHS)
    total, n = total_of(months, kept)
    return np.where(n >= LEAST_MONTHS, np.log1p(total), np.nan)[:, None]


def _share(known: Known) -> Floats:
    weeks = _last_rows(known, RECENT_WEEKS + YEAR_WEEKS)
    unknown = np.full(known.figures.shape[1], np.nan)
    recent = mean_of(weeks[-RECENT_WEEKS:], 1) if len(weeks) else unknown
    past = weeks[:-RECENT_WEEKS]
    return np.column_stack([recent, z_score(recent, past, LEAST_WEEKS, MAX_Z) if len(past) else unknown])


def _score(known: Known) -> Floats:
    is_fresh = (known.last >= 0) & (known.last > known.last.max() - FRESH_YEARS)
    return np.where(is_fresh, known.back(1)[0], np.nan)[:, None]


DESCRIPTIONS: dict[str, tuple[Callable[[Known], Floats], tuple[str, ...]]] = {
    "ucdp_intensity": (_intensity, ("conflict_intensity", "conflict_intensity_change")),
    "ucdp_deaths": (_deaths, ("conflict_deaths",)),
    "gdelt_protest": (_share, ("protest_share", "protest_surprise")),
    "gdelt_material_conflict": (_share, ("material_conflict_share", "material_conflict_surprise")),
    "fsi_total": (_score, ("fsi",)),
    "inform_risk": (_score, ("inform",)),
}
COLUMNS = {indicator: columns for indicator, (_, columns) in DESCRIPTIONS.items()}
