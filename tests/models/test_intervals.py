"""Intervals that adapt: they hold what strays, widen with age and distance, follow the past, and see no future."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import expit, log_odds
from models.intervals import LEVEL, AdaptiveInterval, cells_of, is_covered


def resolved(
    years: range, *, year_sd: float = 0.0, stale_sd: float = 0.0, tail_sd: float = 0.0, n: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Out-of-time rows at ages 0 to 2 whose log-odds strayed by (1 - p) times the given deviations."""
    rng = np.random.default_rng(seed)
    tables = []
    for year in years:
        stray = rng.normal(0, year_sd)
        for age in range(3):
            p = expit(rng.normal(-1.2, 1.0, size=n))
            distance = rng.choice([0.0, 0.2], size=n)
            # Rows in the tails stray together, as a group: that is what cells can show.
            far = rng.normal(0, tail_sd) * (distance > 0)
            moved = expit(log_odds(p) + (1 - p) * (stray + far))
            table = {"year": year, "stale_years": age, "distance": distance, "probability": p}
            tables.append(pd.DataFrame(table | {"label": (rng.random(n) < moved).astype("float64")}))
            stray += rng.normal(0, stale_sd)
    return pd.concat(tables, ignore_index=True)


@cache
def learned(year_sd: float = 0.4, stale_sd: float = 0.0, tail_sd: float = 0.0) -> AdaptiveInterval:
    return AdaptiveInterval.fit(resolved(range(2000, 2012), year_sd=year_sd, stale_sd=stale_sd, tail_sd=tail_sd))


def test_cells_count_every_row_once_and_are_of_one_year_and_age() -> None:
    rows = resolved(range(2000, 2003), n=203)
    cells = cells_of(rows)
    assert cells["n"].sum() == len(rows)
    assert cells["hits"].sum() == rows["label"].sum()
    assert cells.groupby(["year", "stale_years"]).size().eq(10).all()
    assert cells["n"].between(20, 21).all()
    p = rows["probability"]
    assert cells["expected"].sum() == pytest.approx(p.sum())
    assert cells["binomial"].sum() == pytest.approx((p * (1 - p)).sum())
    assert cells["lever"].sum() == pytest.approx((p * (1 - p) ** 2).sum())


def test_what_strayed_is_found_each_in_its_own_part() -> None:
    quiet, years, ages, tails = (
        AdaptiveInterval.fit(resolved(range(1990, 2008), **how))  # type: ignore[arg-type]
        for how in ({}, {"year_sd": 0.5}, {"stale_sd": 0.5}, {"tail_sd": 0.7})
    )
    assert quiet.year < 0.02
    assert years.year == pytest.approx(0.25, rel=0.5)
    assert ages.stale == pytest.approx(0.25, rel=0.5)
    assert ages.stale > 4 * max(quiet.stale, years.stale)
    # At a distance of 0.2 the variance is a fifth of the coefficient; a prior holds back what few cells show.
    assert 0.15 < tails.tail * 0.2 < 0.75
    assert tails.tail > 4 * quiet.tail


def test_nine_of_ten_cells_of_other_years_are_covered() -> None:
    rows = resolved(range(2020, 2080), year_sd=0.4, seed=3)
    cells = cells_of(rows[rows["stale_years"].eq(0)])
    assert learned().covers(cells, LEVEL).mean() == pytest.approx(LEVEL, abs=0.05)
    # Without an interval, sampling alone does not explain the counts.
    bare = is_covered(cells["hits"], cells["n"], cells["expected"] / cells["n"], np.zeros(len(cells)), LEVEL)
    assert bare.mean() < 0.85


def test_a_year_that_nobody_foresaw_widens_the_intervals_after_it() -> None:
    calm = resolved(range(2000, 2009), year_sd=0.1)
    shock = resolved(range(2009, 2010), year_sd=0.1, seed=5)
    shock = shock.assign(label=np.where(np.arange(len(shock)) % 4 == 0, 1.0, shock["label"]))
    before, after = AdaptiveInterval.fit(calm), AdaptiveInterval.fit(pd.concat([calm, shock], ignore_index=True))
    assert after.miss_frac < before.miss_frac
    p, none = np.array([0.1, 0.3]), np.zeros(2)
    assert (after.bounds(p, none, none)[1] > before.bounds(p, none, none)[1] + 0.02).all()


def test_years_covered_too_well_or_too_seldom_move_the_level_by_a_step_each(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = resolved(range(2000, 2006), n=100)
    for covered, miss in ((1.0, 0.1 + 4 * 0.1 * 0.1), (0.8, 0.1 - 4 * 0.1 * 0.1)):
        monkeypatch.setattr(AdaptiveInterval, "covers", lambda *_, share=covered: np.array([share]))
        # Six years, of which the first two only teach.
        assert AdaptiveInterval.fit(rows).miss_frac == pytest.approx(miss)


def test_a_year_is_judged_by_what_the_years_before_it_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[int] = []
    judged: list[int] = []
    of = AdaptiveInterval._of

    def noted(cells: pd.DataFrame, miss_frac: float, years: int) -> AdaptiveInterval:
        taught.append(int(cells["year"].max()))
        return of(cells, miss_frac, years)

    monkeypatch.setattr(AdaptiveInterval, "_of", noted)
    monkeypatch.setattr(
        AdaptiveInterval, "covers", lambda _, cells, level: judged.extend(set(cells["year"])) or np.ones(len(cells))
    )
    AdaptiveInterval.fit(resolved(range(2000, 2006), n=100))
    assert judged == [2002, 2003, 2004, 2005]
    assert taught == [2001, 2002, 2003, 2004, 2005]


def test_few_years_are_trusted_less() -> None:
    rows = resolved(range(2000, 2012), year_sd=0.4)
    few = AdaptiveInterval.fit(rows[rows["year"] < 2002])
    assert (few.years, learned().years) == (2, 12)
    assert few.quantile > 1.3 * learned().quantile


@settings(max_examples=60, deadline=None)
@given(
    p=st.floats(0.001, 0.999),
    stale=st.floats(-2, 30),
    more=st.floats(0.1, 5),
    distance=st.floats(0, 0.9),
)
def test_it_holds_the_probability_and_is_wider_with_age_and_with_distance(
    p: float, stale: float, more: float, distance: float
) -> None:
    def bounds(stale: float, distance: float) -> tuple[float, float]:
        low, high = learned().bounds(np.array([p]), np.array([stale]), np.array([distance]))
        return float(low[0]), float(high[0])

    low, high = bounds(stale, distance)
    assert 0 <= low <= p <= high <= 1
    for other in (bounds(max(stale, 0) + more, distance), bounds(stale, distance + 0.1)):
        assert other[0] <= low
        assert other[1] >= high
    # Data fresher than usual count as usual.
    assert bounds(-1.0, distance) == bounds(0.0, distance)
    if stale < 5 and 0.05 < p < 0.95:
        assert bounds(max(stale, 0) + more, distance)[1] > high
        assert bounds(stale, distance + 0.1)[1] > high


def test_both_ends_rise_with_the_probability() -> None:
    p = np.linspace(0.001, 0.999, 400)
    for stale in (0.0, 5.0, 400.0):
        for end in learned().bounds(p, np.full(400, stale), np.zeros(400)):
            assert (np.diff(end) > -1e-12).all()


def test_is_covered_is_the_binomial_law_without_a_deviation_and_wider_with_one() -> None:
    # Of twenty rows at one half, 6 to 14 lie in the central 90 % by mid-p: P(5 or fewer) + P(6)/2 is 0.039.
    hits = np.arange(21)
    bare = is_covered(hits, np.full(21, 20), np.full(21, 0.5), np.zeros(21), 0.9)
    assert hits[bare].tolist() == list(range(7, 14))
    wide = is_covered(hits, np.full(21, 20), np.full(21, 0.5), np.full(21, 0.2), 0.9)
    assert set(hits[bare]) < set(hits[wide])


def test_json_and_back_gives_the_same_interval_and_the_order_of_rows_is_irrelevant() -> None:
    assert AdaptiveInterval.from_json(json.loads(json.dumps(learned().as_json()))) == learned()
    rows = resolved(range(2000, 2012), year_sd=0.4)
    again = AdaptiveInterval.fit(rows.copy())
    assert again == learned()
