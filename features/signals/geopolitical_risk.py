"""Part of the signal `geopolitics`: the monthly Geopolitical Risk index of a supplier, its neighbours and its buyers.

Of each country's series, as known at a moment: its newest month (`level`), the mean of three months against that of
the twelve before (`change`), and the newest month's distance from the mean of the 36 before it, in their standard
deviations (`surprise`; Caldara and Iacoviello publish levels only). Each revision counts from its release.

A supplier without a series of its own takes the mean over the countries of its region that have one, else over all; a
flag says so. Neighbours and buyers without one are left out and show in the coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalog import Catalog
from features.catalog.borders import load_borders
from features.signals.declaration import Steps
from features.signals.period_figures import Known, StepRows, known_at_each_moment, mean_of, versions_of, z_score
from features.signals.price_history import month_number
from features.signals.trade_at_stake import Book, Stakes, with_news

__all__ = ["MAX_Z", "Picture", "of_buyers", "of_suppliers", "pictures", "reached"]

MAX_LOG, MAX_Z = 4.0, 10.0
# In percent of articles: what one more article in a few thousand would do to a country rarely named is no change.
FLOOR = 0.01
PAST_MONTHS, LEAST_MONTHS = 36, 24
# A series that ended is no series any more.
FRESH_MONTHS = 6
FIGURES = ("level", "change", "surprise")
OWN, REGION, WORLD = 0.0, 1.0, 2.0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """What the index says from one moment on: (n_countries, 3), NaN where unknown, and the newest month of all."""

    moment: pd.Timestamp
    figures: Floats
    month: float

    @property
    def surprise(self) -> Floats:
        """Each country's surprise, shape (n_countries,)."""
        return self.figures[:, FIGURES.index("surprise")]


def pictures(geopolitics: pd.DataFrame, countries: list[str]) -> list[Picture]:
    """Describe the index of each of `countries` at each moment at which a figure became known or was revised.

    Args:
        geopolitics: every version of the dataset; the monthly indicator `gpr` of single countries is read.
    """
    asked = geopolitics["indicator"].eq("gpr") & geopolitics["frequency"].eq("month") & geopolitics["partner"].eq("")
    rows = geopolitics[asked]
    number = pd.Series(pd.Index(countries).get_indexer(pd.Index(rows["country"])), index=rows.index)
    versions = versions_of(rows, number, month_number(rows["starts_on"]))
    return [_picture(known) for known in known_at_each_moment(versions, len(countries))]


def _picture(known: Known) -> Picture:
    is_current = (known.last >= 0) & (known.last >= known.last.max() - FRESH_MONTHS)
    level = known.back(1)[0]
    recent, before = mean_of(known.back(3), 2), mean_of(known.back(12, skip=3), 9)
    change = np.clip(np.log((recent + FLOOR) / (before + FLOOR)), -MAX_LOG, MAX_LOG)
    surprise = z_score(level, known.back(PAST_MONTHS, skip=1), LEAST_MONTHS, MAX_Z)
    figures = np.where(is_current[:, None], np.column_stack([level, change, surprise]), np.nan)
    return Picture(known.moment, figures, float(known.newest[is_current].max()) if is_current.any() else np.nan)


def reached(found: list[Picture]) -> Steps:
    """Give, without keys, the newest month of any country, as twelve times the year plus the month (January 0)."""
    rows = StepRows(1, ["geopolitics_gpr_month"])
    for picture in found:
        rows.add(picture.moment, np.array([[picture.month]]))
    return Steps((), rows.frame({}))


# ---- the supplier and its neighbours ---------------------------------------------------------------


def of_suppliers(found: list[Picture], catalog: Catalog, countries: list[str]) -> Steps:
    """Give the step function per supplier: its own figures or those that stand for it, and its neighbours' means."""
    own = [f"geopolitics_gpr_{figure}" for figure in FIGURES]
    near = [f"geopolitics_neighbours_gpr_{figure}" for figure in FIGURES]
    columns = [*own, "geopolitics_gpr_is_fallback", *near, "geopolitics_neighbours_gpr_coverage"]
    region = pd.factorize(pd.Series([catalog.country(iso3).region for iso3 in countries]))[0]
    side, other = _border_sides(countries)
    rows = StepRows(len(countries), columns)
    everywhere, everyone = np.zeros(len(countries), dtype="int64"), np.arange(len(countries))
    for picture in found:
        known = picture.figures
        of_region, n_region = _means(region, known, region)
        of_world, _ = _means(everywhere, known, everywhere)
        has_own, has_region = ~np.isnan(known[:, 0]), n_region > 0
        value = np.where(has_own[:, None], known, np.where(has_region[:, None], of_region, of_world))
        flag = np.where(has_own, OWN, np.where(has_region, REGION, WORLD))
        flag = np.where(np.isnan(value[:, 0]), np.nan, flag)
        neighbours, n_known = _means(side, known[other], everyone)
        n_all = np.bincount(side, minlength=len(countries))
        coverage = np.divide(n_known, n_all, out=np.full(len(countries), np.nan), where=n_all > 0)
        rows.add(picture.moment, np.column_stack([value, flag, neighbours, coverage]))
    return Steps(("supplier",), rows.frame({"supplier": countries}))


def _border_sides(countries: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    at = {iso3: number for number, iso3 in enumerate(countries)}
    sides = [(at[one], at[other]) for one, others in load_borders().items() for other in others if one in at]
    pairs = np.array(sides, dtype="int64").reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _means(group: NDArray[np.int64], figures: Floats, asked: NDArray[np.int64]) -> tuple[Floats, Floats]:
    # The mean of each figure over the known rows of each group, one by one, for the groups `asked`; and how many rows
    # have a level.
    size = int(max(group.max(initial=-1), asked.max(initial=-1))) + 1
    found, counts = [], []
    for column in figures.T:
        weight = (~np.isnan(column)).astype("float64")
        n, total = (np.bincount(group, weights=each, minlength=size) for each in (weight, np.nan_to_num(column)))
        found.append(np.divide(total, n, out=np.full(size, np.nan), where=n > 0)[asked])
        counts.append(n[asked])
    return np.column_stack(found), np.asarray(counts[0], dtype="float64")


# ---- the buyers, and what the index can say of tension with them -----------------------------------


def of_buyers(found: list[Picture], book: Book, stakes: list[Stakes], countries: list[str]) -> Steps:
    """Give the step function per pair: the buyers' figures weighted by what they take, and the proxy of tension.

    The proxy is high where the supplier and a buyer are both named with risk unusually often in one month: the smaller
    of their two surprises, each less the median over all countries (a war that every newspaper writes about lifts all),
    and 0 where either is below it. Averaged over buyers by what they take. It needs the supplier's own series, and
    cannot tell a quarrel between the two from risk that each has with a third. It is weak: of the quarrel of China and
    Japan in September 2010 it shows nothing, as the index of neither was unusual; what it shows in November is Korea.
    """
    names = [f"buyers_gpr_{figure}" for figure in FIGURES]
    columns = [f"geopolitics_{name}" for name in (*names, "buyers_gpr_coverage", "tension_proxy")]
    rows = StepRows(book.n_pairs, [*columns, "geopolitics_tension_proxy_coverage"])
    to_catalog = pd.Index(countries).get_indexer(pd.Index(book.countries))
    for moment, stake, picture in with_news(stakes, [(picture.moment, picture) for picture in found]):
        rows.add(moment, _described(stake, picture, book, to_catalog))
    return Steps(("mineral", "supplier"), rows.frame(book.names(np.arange(book.n_pairs))))


def _described(stake: Stakes, picture: Picture, book: Book, to_catalog: NDArray[np.int64]) -> Floats:
    n_pairs = book.n_pairs
    # A country that the catalogue has not would be -1.
    values = np.where((to_catalog >= 0)[:, None], picture.figures[to_catalog], np.nan)
    of_buyer = values[stake.buyer]
    means = [stake.mean(of_buyer[:, column], n_pairs) for column in range(len(FIGURES))]
    shared = _median(picture.surprise)
    both = np.minimum(values[stake.supplier, -1], of_buyer[:, -1]) - shared
    tension, coverage = stake.mean(np.maximum(both, 0.0), n_pairs)
    return np.column_stack([*(mean for mean, _ in means), means[0][1], tension, coverage])


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan
