"""The random walk against walks thrown one by one, and climatology by hand."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pandas as pd
import pytest

from models import price_baselines
from models.price_baselines import MineralClimatology, RandomWalk, chance_of_reaching, monthly_volatility


@pytest.mark.parametrize(("volatility", "steps"), [(0.05, 3), (0.05, 12), (0.1, 3), (0.1, 6), (0.2, 12)])
def test_the_chance_is_that_of_walks_thrown_one_by_one(volatility: float, steps: int):
    rng = np.random.default_rng(3)
    walks = rng.normal(0, volatility, (200_000, steps)).cumsum(axis=1)
    line = math.log(1.25)
    happened = (walks.max(axis=1) >= line).mean()
    (chance,) = chance_of_reaching(line, np.array([volatility]), np.array([float(steps)]))
    assert chance == pytest.approx(happened, abs=0.02)


def test_more_time_and_more_swings_make_it_likelier_and_no_time_impossible():
    few, many = chance_of_reaching(0.2, np.array([0.05, 0.05]), np.array([3.0, 12.0]))
    calm, wild = chance_of_reaching(0.2, np.array([0.05, 0.1]), np.array([3.0, 3.0]))
    assert few < many
    assert calm < wild
    assert chance_of_reaching(0.2, np.array([0.1]), np.array([0.0])).tolist() == [0.0]


def test_volatility_is_the_root_of_the_mean_of_both_variances():
    table = pd.DataFrame(
        {
            "prices_volatility_12m": [0.3, 0.3, 0.0],
            "prices_volatility_ratio": [math.log(3.0), np.nan, np.nan],
            "months_ahead": [3.0, 3.0, 3.0],
        }
    )
    now, usual = 0.3 / math.sqrt(12), 0.1 / math.sqrt(12)
    expected = [math.sqrt((now**2 + usual**2) / 2), now, 0.005]
    assert monthly_volatility(table) == pytest.approx(expected)
    chance = RandomWalk().fit(table).predict(table)
    assert chance[0] < chance[1]
    assert 0 <= chance[2] < 1e-9


def test_climatology_is_the_mineral_s_own_share_shrunk_to_that_of_all():
    table = pd.DataFrame({"mineral": ["tin"] * 20 + ["gold"] * 20, "label": [1.0] * 10 + [0.0] * 30})
    model = MineralClimatology().fit(table)
    wanted = pd.DataFrame({"mineral": ["tin", "gold", "zinc"]})
    assert model.predict(wanted) == pytest.approx([(10 + 20 * 0.25) / 40, (0 + 20 * 0.25) / 40, 0.25])


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(price_baselines).failed == 0
