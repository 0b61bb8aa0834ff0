"""Signal `geopolitics`: risk, tension with buyers, sanctions, politics and conflict around a supplier.

Its parts have a room each: `geopolitical_risk` (the monthly index of the supplier, its neighbours and buyers),
`tension` (events between supplier and buyers), `sanctions_in_force`, `politics` (coups, leaders, elections) and
`conflict`.

`combine` counts ages and weeks until the date of each row, lets sums fade, and takes away what is too old: the monthly
index after 26 weeks, weekly shares after 8, yearly figures after three years, deaths (which come once a year with
all months of the year before) after two. What no source tells is missing, never zero.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.signals import conflict, geopolitical_risk, politics, sanctions_in_force, tension
from features.signals.declaration import Signal, Steps, Tables
from features.signals.geopolitics_features import FEATURES
from features.signals.politics import COUP_HALF_LIFE_WEEKS
from features.signals.trade_at_stake import stakes_at_each_moment
from features.weeks import weeks_until

__all__ = ["SIGNAL"]

MOST_WEEKS = {"month": 26, "week": 8, "year": 156, "deaths": 104}
YEAR_WEEKS = 52
ELECTION_WINDOWS = (26, 52)
# Most terms of office last five years at most.
ELECTION_TERM_WEEKS = 260
DYADS, PROXY = 2.0, 1.0


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give step functions per supplier and per pair, and without keys how far each source has come."""
    countries = sorted(catalog.countries)
    indices = tables["geopolitics"]
    pictures = geopolitical_risk.pictures(indices, countries)
    # Who buys matters only once anything is told of buyers, and to add it up takes longer than all the rest.
    book, stakes = stakes_at_each_moment(tables["trade"].head(0) if indices.empty else tables["trade"], catalog)
    return [
        geopolitical_risk.of_suppliers(pictures, catalog, countries),
        geopolitical_risk.reached(pictures),
        geopolitical_risk.of_buyers(pictures, book, stakes, countries),
        *tension.of_dyads(indices, book, stakes, countries),
        *sanctions_in_force.of_suppliers(tables["sanctions"]),
        *politics.of_suppliers(tables["political_events"], tables["coverage"]),
        *conflict.of_suppliers(indices, countries),
    ]


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Bring every part to the date of its row."""
    week = weeks_until(joined["as_of"])
    out: dict[str, pd.Series] = {}
    for part in (_risk_and_tension, _sanctions, _politics, _conflict):
        out |= part(joined, week)
    return pd.DataFrame({f"geopolitics_{name}": out[f"geopolitics_{name}"] for name in NAMES}, index=joined.index)


NAMES = tuple(feature.name.removeprefix("geopolitics_") for feature in FEATURES)


def _column(joined: pd.DataFrame, name: str) -> pd.Series:
    return joined[f"geopolitics_{name}"].astype("float64")


def _named(columns: dict[str, pd.Series]) -> dict[str, pd.Series]:
    return {f"geopolitics_{name}": column for name, column in columns.items()}


def _age(period: pd.Series, frequency: str, week: pd.Series) -> pd.Series:
    # Whole weeks since the end of a period; 0 while it lasts.
    if frequency == "week":
        over = period + 1.0
    else:
        months = period * 12 + 12 if frequency == "year" else period + 1
        begins = (months.fillna(0).astype("int64") - 1970 * 12).to_numpy().astype("datetime64[M]")
        moments = pd.Series(begins.astype("datetime64[us]"), index=period.index).dt.tz_localize("UTC")
        over = weeks_until(moments).where(period.notna())
    return np.floor(week - over).clip(lower=0.0)


def _risk_and_tension(joined: pd.DataFrame, week: pd.Series) -> dict[str, pd.Series]:
    age = _age(_column(joined, "gpr_month"), "month", week)
    is_fresh = age <= MOST_WEEKS["month"]
    of_index = [name for name in NAMES if "gpr_" in name and name != "gpr_age_weeks"]
    out = {name: _column(joined, name).where(is_fresh) for name in of_index}
    proxy = _column(joined, "tension_proxy").where(is_fresh)
    since = _age(_column(joined, "dyads_week"), "week", week)
    dyads = _column(joined, "tension_dyads").where(since <= MOST_WEEKS["week"])
    has_dyads = dyads.notna()
    source = pd.Series(np.where(has_dyads, DYADS, np.where(proxy.notna(), PROXY, np.nan)), index=joined.index)
    coverage = _column(joined, "tension_dyads_coverage").where(has_dyads, _column(joined, "tension_proxy_coverage"))
    return _named(
        out
        | {
            "gpr_age_weeks": age,
            "tension": dyads.where(has_dyads, proxy),
            "tension_source": source,
            "tension_coverage": coverage.where(source.notna()),
        }
    )


def _sanctions(joined: pd.DataFrame, week: pd.Series) -> dict[str, pd.Series]:
    changed = _column(joined, "sanctions_week")

    def counted(name: str, seen: str) -> pd.Series:
        # Once any was seen, a supplier without has zero.
        return _column(joined, f"sanctions_{name}").fillna(0.0).where(_column(joined, f"sanctions_{seen}") > 0)

    entries = counted("entries", "lists")
    listed = {
        f"sanctions_listed_{weeks}w": np.log1p(entries) - np.log1p(entries - counted(f"listed_{weeks}w", "lists"))
        for weeks in sanctions_in_force.LISTING_WEEKS
    }
    return _named(
        listed
        | {
            "sanctions_programmes": counted("programmes", "tables"),
            "sanctions_programmes_new": counted("programmes_new", "tables"),
            "sanctions_programme_weeks_since": np.floor(week - _column(joined, "programme_week")),
            "sanctions_entries": np.log1p(entries),
            "sanctions_metals": np.log1p(counted("metals", "lists")),
            "sanctions_imposed": counted("imposed", "tables"),
            "sanctions_age_weeks": np.floor(week - changed),
            "sanctions_lists": _column(joined, "sanctions_lists"),
        }
    )


def _politics(joined: pd.DataFrame, week: pd.Series) -> dict[str, pd.Series]:
    bounds = {group: (_column(joined, f"{group}_from"), _column(joined, f"{group}_until")) for group in politics.GROUPS}

    def covered(group: str, weeks: float) -> pd.Series:
        # At least half of the window that ends at the date (or begins there, if `weeks` is negative) lies inside.
        start, end = bounds[group]
        middle = week - weeks / 2
        return (start <= middle) & (middle <= end)

    kept = 0.5 ** (week / COUP_HALF_LIFE_WEEKS)
    # Of a sum that is halved every 52 weeks, half lies in the last 52.
    of_coups = covered("coups", 2 * COUP_HALF_LIFE_WEEKS)
    irregular, leader, voted, vote = (
        _column(joined, f"{name}_week") for name in ("irregular", "leader", "voted", "vote")
    )
    ahead = vote - week
    return _named(
        {
            "coups": (_column(joined, "coups_raised").fillna(0.0) * kept).where(of_coups),
            "coup_attempts": (_column(joined, "attempts_raised").fillna(0.0) * kept).where(of_coups),
            "coup_attempt_weeks_since": np.floor(week - _column(joined, "attempt_week")).where(of_coups),
            "irregular_change_52w": _flag(week - irregular <= YEAR_WEEKS, covered("coups", YEAR_WEEKS)),
            "new_leader_52w": _flag(week - leader <= YEAR_WEEKS, covered("leaders", YEAR_WEEKS)),
            "election_weeks_since": np.floor(week - voted).where(covered("elections", ELECTION_TERM_WEEKS)),
            "politics_age_weeks": np.floor(week - bounds["coups"][1]).clip(lower=0.0),
        }
        | {f"election_next_{weeks}w": _flag(ahead <= weeks, covered("elections", -weeks)) for weeks in ELECTION_WINDOWS}
    )


def _flag(is_known: pd.Series, is_covered: pd.Series) -> pd.Series:
    # What is known counts; that there is nothing can only be said where the lists are complete.
    return pd.Series(np.where(is_known, 1.0, np.where(is_covered, 0.0, np.nan)), index=is_known.index)


def _conflict(joined: pd.DataFrame, week: pd.Series) -> dict[str, pd.Series]:
    age = {
        indicator: _age(_column(joined, f"{indicator}_period"), frequency, week)
        for indicator, frequency in conflict.PERIODS.items()
    }
    out: dict[str, pd.Series] = {}
    for indicator, columns in conflict.COLUMNS.items():
        limit = MOST_WEEKS["deaths" if indicator == "ucdp_deaths" else conflict.PERIODS[indicator]]
        out |= {name: _column(joined, name).where(age[indicator] <= limit) for name in columns}
    for name, indicators in AGES.items():
        out[name] = pd.concat([age[indicator] for indicator in indicators], axis=1).min(axis=1)
    return _named(out)


AGES = {
    "conflict_age_weeks": ("ucdp_intensity", "ucdp_deaths"),
    "events_age_weeks": ("gdelt_protest", "gdelt_material_conflict"),
    "fragility_age_weeks": ("fsi_total", "inform_risk"),
}

SIGNAL = Signal(
    "geopolitics",
    ("geopolitics", "political_events", "sanctions", "trade", "coverage"),
    FEATURES,
    steps,
    combine,
)
