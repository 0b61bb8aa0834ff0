"""The baselines against numbers reckoned by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from models.baselines import BASELINES, Climatology, LogisticBaseline, PairHistory, Persistence, make_baselines
from models.model import Model


def row(supplier: str, year: int, label: float, *, onset: bool = True, level: float = 0.0, **other) -> dict:
    about = {"mineral": "cobalt", "supplier": supplier, "target_year": year, "label": label}
    return {**about, "onset": onset, "trade_level_vs_3y": level, **other}


# Onset: 2 events in 6 rows; continuation: 3 in 4. COD has 2 events in 3 years, CHN 1 in 3, AUS 2 in 4.
ROWS = pd.DataFrame(
    [
        row("COD", 2001, 1.0, onset=False),
        row("COD", 2002, 1.0),
        row("COD", 2003, 0.0),
        row("CHN", 2001, 1.0),
        row("CHN", 2002, 0.0),
        row("CHN", 2003, 0.0),
        row("AUS", 2001, 1.0, onset=False),
        row("AUS", 2002, 1.0, onset=False),
        row("AUS", 2003, 0.0, onset=False),
        row("AUS", 2004, 0.0),
    ]
)
NEW = pd.DataFrame([row("COD", 2005, math.nan), row("CHN", 2005, math.nan, onset=False), row("PER", 2005, math.nan)])


def test_each_baseline_is_a_model():
    models = make_baselines(["trade_level_vs_3y"])
    assert tuple(model.name for model in models) == BASELINES
    rng = np.random.default_rng(0)
    rows = ROWS.assign(trade_level_vs_3y=rng.normal(size=len(ROWS)))
    for model in models:
        assert isinstance(model, Model)
        assert model.fit(rows) is model
        found = model.predict(rows)
        assert found.shape == (len(rows),)
        assert found.dtype == np.float64
        assert ((found >= 0) & (found <= 1)).all()
        assert model.predict(rows.head(0)).shape == (0,)


def test_climatology_is_the_share_of_the_state():
    found = Climatology().fit(ROWS).predict(NEW)
    np.testing.assert_allclose(found, [2 / 6, 3 / 4, 2 / 6])


def test_climatology_gives_a_state_never_seen_the_overall_share():
    onset_only = ROWS[ROWS["onset"]]
    np.testing.assert_allclose(Climatology().fit(onset_only).predict(NEW), [2 / 6, 2 / 6, 2 / 6])


def test_pair_history_shrinks_the_pairs_share_to_that_of_its_state():
    found = PairHistory(prior_years=4.0).fit(ROWS).predict(NEW)
    expected = [(2 + 4 * 2 / 6) / (3 + 4), (1 + 4 * 3 / 4) / (3 + 4), 2 / 6]
    np.testing.assert_allclose(found, expected)


def test_pair_history_counts_a_target_year_once_however_often_it_was_forecast():
    often = pd.concat([ROWS, ROWS[ROWS["target_year"].eq(2001)]], ignore_index=True)
    onset = often.loc[often["onset"], "label"].mean()
    found = PairHistory(prior_years=4.0).fit(often).predict(NEW)
    np.testing.assert_allclose(found[0], (2 + 4 * onset) / (3 + 4))


@pytest.mark.parametrize(("prior", "expected"), [(1e-9, 2 / 3), (1e9, 2 / 6)])
def test_the_prior_decides_between_pair_and_state(prior: float, expected: float):
    found = PairHistory(prior_years=prior).fit(ROWS).predict(NEW)[0]
    assert found == pytest.approx(expected, rel=1e-6)


def test_persistence_learns_a_share_per_level():
    low, high, missing = math.log(0.4), math.log(1.05), math.nan
    rows = pd.DataFrame(
        [row("COD", 2000 + n, label, level=low) for n, label in enumerate([1, 1, 1, 0])]
        + [row("CHN", 2000 + n, label, level=high) for n, label in enumerate([0, 0, 0, 0, 0])]
        + [row("PER", 2000, 1.0, level=missing)]
    )
    overall = 4 / 10
    model = Persistence().fit(rows)
    asked = pd.DataFrame({"trade_level_vs_3y": [math.log(0.45), math.log(1.1), missing, math.log(3.0)]})
    expected = [(3 + 20 * overall) / 24, (0 + 20 * overall) / 25, (1 + 20 * overall) / 21, overall]
    np.testing.assert_allclose(model.predict(asked), expected)


def test_persistence_knows_both_limits_of_the_targets():
    levels = np.log([0.499, 0.501, 0.699, 0.701])
    rows = pd.DataFrame([row("COD", 2000 + n, float(n % 2), level=level) for n, level in enumerate(levels)])
    found = Persistence().fit(rows).predict(rows)
    assert len({round(value, 12) for value in found[:2]}) == 2
    assert len({round(value, 12) for value in found[2:]}) == 2


def test_logistic_regression_equals_the_textbook_on_a_single_feature():
    rng = np.random.default_rng(3)
    x = rng.normal(5.0, 2.0, 2000)
    label = (rng.random(2000) < 1 / (1 + np.exp(-(x - 5.0)))).astype(float)
    rows = pd.DataFrame({"x": x, "label": label})
    model = LogisticBaseline(["x"], regularisation=1e6).fit(rows)
    # Newton's method on the log loss.
    z = np.column_stack([np.ones_like(x), (x - x.mean()) / x.std()])
    beta = np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ beta))
        beta += np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z, z.T @ (label - p))
    np.testing.assert_allclose(model.predict(rows), 1 / (1 + np.exp(-z @ beta)), atol=1e-4)


def test_logistic_regression_puts_missing_cells_at_the_median_and_leaves_out_empty_features():
    rng = np.random.default_rng(4)
    rows = pd.DataFrame({"x": rng.normal(size=201), "nothing": math.nan})
    rows["label"] = (rows["x"] + rng.normal(size=201) > 0).astype(float)
    model = LogisticBaseline(["x", "nothing"]).fit(rows)
    assert model.used == ["x"]
    asked = pd.DataFrame({"x": [math.nan, rows["x"].median()], "nothing": [math.nan, 7.0]})
    found = model.predict(asked)
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_fitting_and_predicting_change_no_row():
    rows = ROWS.assign(trade_level_vs_3y=np.linspace(-1, 1, len(ROWS)))
    before = rows.copy(deep=True)
    for model in make_baselines(["trade_level_vs_3y"]):
        model.fit(rows).predict(rows)
    pd.testing.assert_frame_equal(rows, before)
