"""Part of the signal `geopolitics`: tension between a supplier and its buyers, weighted by the trade at stake.

Where events between two countries are counted (GDELT, per week), a dyad's weekly figure is the share of its events
that are material conflict plus the share that are coercion (sanctions, embargoes, reduced relations), which is part of
the first and so weighs double. Who acted is left out, as the source writes each pair both ways. A dyad is tense as far
as the mean of its last four weeks lies above that of the 52 weeks before, in their standard deviations. Shares are
used, never counts: GDELT's volume grows, and single events are noisy.

A pair's tension is the mean over its buyers by what they take. Where no dyad is known the geopolitical risk index
gives a weaker answer (`features.signals.geopolitical_risk.of_buyers`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.signals.declaration import Steps
from features.signals.geopolitical_risk import MAX_Z
from features.signals.period_figures import Known, StepRows, known_at_each_moment, mean_of, versions_of, z_score
from features.signals.trade_at_stake import Book, Stakes, with_news
from features.weeks import week_of

__all__ = ["HOSTILE", "RECENT_WEEKS", "YEAR_WEEKS", "of_dyads"]

HOSTILE = ("gdelt_coercion", "gdelt_material_conflict")
RECENT_WEEKS, YEAR_WEEKS = 4, 52
LEAST_WEEKS = 26
COLUMNS = ("tension_dyads", "tension_dyads_coverage")


def of_dyads(geopolitics: pd.DataFrame, book: Book, stakes: list[Stakes], countries: list[str]) -> list[Steps]:
    """Give the step function per pair, and the newest week of any dyad without keys.

    Args:
        geopolitics: every version of the dataset; weekly rows of `HOSTILE` between two of `countries` are read.
        stakes: the buyers at each moment, oldest first.
    """
    rows = StepRows(book.n_pairs, [f"geopolitics_{name}" for name in COLUMNS])
    newest = StepRows(1, ["geopolitics_dyads_week"])
    # All dyads, not only those with trade: the newest week of any must not depend on trade that is yet to come.
    versions, dyads = _versions(geopolitics, countries)
    tense = []
    for known in known_at_each_moment(versions, len(dyads) * len(HOSTILE)):
        newest.add(known.moment, np.array([[known.newest_of_any]]))
        # One more for the pairs of countries that are no dyad.
        tense.append((known.moment, np.append(_tense(known), np.nan)))
    to_catalog = pd.Index(countries).get_indexer(pd.Index(book.countries))
    where = pd.Index(dyads)
    for moment, stake, of_dyad in with_news(stakes, tense):
        between = _dyad(to_catalog[stake.supplier], to_catalog[stake.buyer], len(countries))
        tension, coverage = stake.mean(of_dyad[where.get_indexer(pd.Index(between))], book.n_pairs)
        rows.add(moment, np.column_stack([tension, np.where(coverage > 0, coverage, np.nan)]))
    pairs = np.arange(book.n_pairs)
    return [Steps(("mineral", "supplier"), rows.frame(book.names(pairs))), Steps((), newest.frame({}))]


def _dyad(one: NDArray[np.int64], other: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.minimum(one, other) * n + np.maximum(one, other)


def _versions(geopolitics: pd.DataFrame, countries: list[str]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    asked = geopolitics["indicator"].isin(HOSTILE) & geopolitics["frequency"].eq("week")
    rows = geopolitics[asked & geopolitics["partner"].ne("") & geopolitics["country"].ne("")]
    one, other = (pd.Index(countries).get_indexer(pd.Index(rows[name])) for name in ("country", "partner"))
    is_asked = (one >= 0) & (other >= 0) & (one != other)
    dyads, number = np.unique(np.where(is_asked, _dyad(one, other, len(countries)), -1), return_inverse=True)
    figure = rows["indicator"].eq(HOSTILE[1]).to_numpy().astype("int64")
    series = pd.Series(np.where(is_asked, number * len(HOSTILE) + figure, -1), index=rows.index)
    return versions_of(rows, series, week_of(rows["starts_on"])), dyads


def _tense(known: Known) -> np.ndarray:
    # Per dyad, how far its last weeks lie above its year. All dyads end with the newest week of any: a week without
    # events between two countries has no share.
    end = int(known.last.max()) + 1
    window = known.figures[max(end - RECENT_WEEKS - YEAR_WEEKS, 0) : end]
    share = window.reshape(len(window), -1, len(HOSTILE)).sum(axis=2)
    if len(share) <= RECENT_WEEKS:
        return np.full(share.shape[1], np.nan)
    recent = mean_of(share[-RECENT_WEEKS:], 1)
    return np.maximum(z_score(recent, share[:-RECENT_WEEKS], LEAST_WEEKS, MAX_Z), 0.0)
