"""Every Monday of some past years, looked at as the weekly run would have: how often would it have cried wolf?

One forecaster serves all of it, the one that knew no more than the first week; what it forecasts is held against what
resolves within the span. Everything is computed from one store: cut at each Monday it gives the same
(docs/decisions/0001), which a test holds this against.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pandas as pd

from features.panel import feature_names
from features.store import Store
from ml import registry
from ml.drift import ages, figures, forecasts
from ml.drift import profile as profiles
from ml.drift.measures import COLUMNS, as_table, findings
from ml.drift.week import check_revised
from ml.forecasting import abstention_reasons
from ml.knowledge import Knowledge, signals_named
from ml.origins import mondays
from ml.settings import Settings

__all__ = ["replay", "summarise"]

WEEK = dt.timedelta(days=7)


def replay(
    settings: Settings,
    store: Store,
    first: dt.datetime,
    last: dt.datetime,
    *,
    now: dt.datetime,
    say: Callable[[str], None],
) -> pd.DataFrame:
    """Give the findings of every Monday from `first` to `last`: `as_of` and the columns of `ml.drift.measures`."""
    served = registry.model_for_week(settings, store, first, now=now, say=say)
    knowledge = Knowledge(store, last)
    names = feature_names(knowledge.signals)
    weighted = feature_names(signals_named(served.signals))
    seen = _Facts(knowledge.tables, served.signals)
    profiles_by_week: dict[int, profiles.Profile] = {}
    issued: list[pd.DataFrame] = []
    told, settled = [], _Settled(knowledge.labels)
    for year, dates in _by_year(mondays(first, last)).items():
        say(f"Looking at the {len(dates)} Mondays of {year}")
        panel_of_year = knowledge.panel([dates[0] - WEEK, *dates])
        forecast = _forecast(served, panel_of_year)
        panels, forecasts_of, nothing = _by_date(panel_of_year), _by_date(forecast), forecast.iloc[:0]
        before = forecasts_of.get(pd.Timestamp(dates[0] - WEEK), nothing)
        for as_of in dates:
            panel = panels[pd.Timestamp(as_of)]
            week = min(as_of.isocalendar().week, 52)
            if week not in profiles_by_week:
                like = profiles.like_dates(as_of, served.trained_as_of)
                profiles_by_week[week] = profiles.profile(knowledge.panel(like), names)
            # Where all of a week is abstained from, there is no forecast of it.
            given = forecasts_of.get(pd.Timestamp(as_of), nothing)
            both = _with_last_week(given, before)
            issued.append(given)
            rows = [
                *profiles.check(profiles_by_week[week], panel, weighted=weighted),
                *seen.check(as_of),
                *forecasts.check_predictions(both),
                *settled.check(issued, as_of),
            ]
            told.append(findings(as_table(rows)).assign(as_of=pd.Timestamp(as_of)))
            before = given
    return pd.concat(told, ignore_index=True)[["as_of", *COLUMNS]]


class _Facts:
    """The checks of facts; tables are cut, and sizes computed, anew only when there are new facts."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], signals: tuple[str, ...]) -> None:
        self.signals = signals
        self.tables = {name: table.sort_values("available_at", kind="stable") for name, table in tables.items()}
        self.known: dict[str, pd.DataFrame] = {}
        self.sizes: dict[str, list[dict]] = {}

    def check(self, as_of: dt.datetime) -> list[dict]:
        moment = pd.Timestamp(as_of)
        for name, table in self.tables.items():
            count = int(table["available_at"].searchsorted(moment, side="right"))
            if name not in self.known or len(self.known[name]) != count:
                self.known[name] = table.iloc[:count]
                self.sizes[name] = figures.check_figures({name: self.known[name]}, weighted=self.signals)
        rows = [row for found in self.sizes.values() for row in found]
        rows += check_revised(self.known, as_of, signals=self.signals)
        return rows + ages.check_ages(self.known, moment, weighted=self.signals)


class _Settled:
    """Calibration of what was issued in the span; computed anew only when more has resolved."""

    def __init__(self, labels: pd.DataFrame) -> None:
        self.labels = labels
        self.last: tuple[int, list[dict]] = (0, [])

    def check(self, issued: list[pd.DataFrame], as_of: dt.datetime) -> list[dict]:
        known = self.labels[self.labels["resolved_at"] <= pd.Timestamp(as_of)]
        if len(known) != self.last[0]:
            self.last = (len(known), forecasts.check_calibration(pd.concat(issued), known))
        return self.last[1]


def _by_year(dates: list[dt.datetime]) -> dict[int, list[dt.datetime]]:
    found: dict[int, list[dt.datetime]] = {}
    for date in dates:
        found.setdefault(date.year, []).append(date)
    return found


def _by_date(rows: pd.DataFrame) -> dict[pd.Timestamp, pd.DataFrame]:
    return {date: own.reset_index(drop=True) for date, own in rows.groupby("as_of")}


def _forecast(served: registry.Served, panel: pd.DataFrame) -> pd.DataFrame:
    usable = panel[abstention_reasons(panel, served.forecaster).isna()].reset_index(drop=True)
    return served.forecaster.predict(usable)[list(forecasts.ISSUED)]


def _with_last_week(given: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    # The same window only: in January that of last week ended.
    key = ["target", "mineral", "supplier", "window_start"]
    then = before[[*key, "probability"]].rename(columns={"probability": "probability_previous"})
    return given.merge(then, on=key, how="left", validate="one_to_one")


def summarise(told: pd.DataFrame) -> pd.DataFrame:
    """Give one line per thing that was found: level, kind, signal, feature, weeks, first, last, most extreme value."""
    grouped = told.assign(size=told["value"].abs()).groupby(["level", "kind", "signal", "feature"], sort=True)
    table = grouped.agg(weeks=("as_of", "nunique"), first=("as_of", "min"), last=("as_of", "max"), most=("size", "max"))
    return table.reset_index().sort_values(["level", "weeks"], ascending=False, ignore_index=True)
