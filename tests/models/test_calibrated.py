"""Calibration out of time: no block overlaps what its booster learned from, and the probabilities get better by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import ContractError
from models.calibrated import CalibratedBoosting, calibration_blocks, can_calibrate
from models.gradient_boosting import GradientBoosting, Parameters
from models.intervals import AdaptiveInterval

QUICK = Parameters(rounds=10, min_data_in_leaf=10)


def july(year: int) -> pd.Timestamp:
    return pd.Timestamp(year=year, month=7, day=16, tz="UTC").as_unit("us")


def labelled(years: Sequence[int], pairs: int = 40, *, lead: int = 0, lag: int = 2, seed: int = 0) -> pd.DataFrame:
    """Rows of July for a target year `lead` years on, known `lag` years after it; every third pair is untracked."""
    rng = np.random.default_rng(seed)
    rows = []
    for year in years:
        x = rng.normal(size=pairs)
        label = (rng.random(pairs) < 1 / (1 + np.exp(1.0 - x))).astype("float64")
        rows.append(
            pd.DataFrame(
                {
                    "pair": np.arange(pairs),
                    "as_of": july(year),
                    "target_year": year + lead,
                    "resolved_at": pd.Timestamp(year=year + lead + lag, month=2, day=1, tz="UTC").as_unit("us"),
                    "share": np.where(np.arange(pairs) % 3 == 2, 0.002, 0.02),
                    "x": x,
                    "label": label,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


@settings(max_examples=40, deadline=None)
@given(
    n_years=st.integers(1, 14),
    lead=st.integers(0, 2),
    lag=st.integers(1, 3),
    years=st.integers(1, 4),
    most=st.integers(1, 4),
)
def test_what_a_block_is_scored_by_was_resolved_before_the_block_began(
    n_years: int, lead: int, lag: int, years: int, most: int
) -> None:
    rows = labelled(range(1998, 1998 + n_years), pairs=12, lead=lead, lag=lag)
    blocks = list(calibration_blocks(rows, years=years, most=most))
    assert len(blocks) <= most
    seen: set[int] = set()
    for train_index, block_index in blocks:
        train, block = rows.loc[train_index], rows.loc[block_index]
        begins = rows.loc[rows["target_year"].isin(block["target_year"]), "as_of"].min()
        assert (train["resolved_at"] <= begins).all()
        assert (train["as_of"] < begins).all()
        assert train["target_year"].max() < block["target_year"].min()
        assert train["target_year"].nunique() >= 2
        assert (block["share"] >= 0.01).all()
        assert block["target_year"].nunique() <= years
        assert not seen & set(block_index)
        seen |= set(block_index)


def test_blocks_are_consecutive_years_newest_first_and_train_on_untracked_pairs_too() -> None:
    rows = labelled(range(1998, 2010))
    found = [
        (sorted(rows.loc[train, "target_year"].unique()), sorted(rows.loc[block, "target_year"].unique()))
        for train, block in calibration_blocks(rows, years=3, most=3)
    ]
    # July 2007 knows labels up to 2005, July 2004 up to 2002, July 2001 up to 1999.
    assert found == [
        (list(range(1998, 2006)), [2007, 2008, 2009]),
        (list(range(1998, 2003)), [2004, 2005, 2006]),
        ([1998, 1999], [2001, 2002, 2003]),
    ]
    train, block = next(iter(calibration_blocks(rows)))
    assert (rows.loc[train, "share"] < 0.01).any()
    assert len(block) == 3 * 27


def test_a_record_that_is_too_short_is_refused_and_asked_about_without_an_error() -> None:
    short, enough = labelled(range(1998, 2001)), labelled(range(1998, 2003))
    assert not can_calibrate(short)
    assert can_calibrate(enough)
    with pytest.raises(ContractError, match="too few resolved target years to calibrate out of time"):
        CalibratedBoosting(["x"], QUICK).fit(short)
    assert CalibratedBoosting(["x"], QUICK).fit(enough).calibrator is not None


def test_without_an_event_in_the_blocks_there_is_nothing_to_calibrate_on() -> None:
    rows = labelled(range(1998, 2008))
    rows.loc[rows["target_year"] >= 2001, "label"] = 0.0
    with pytest.raises(ContractError, match="too few resolved target years"):
        CalibratedBoosting(["x"], QUICK).fit(rows)


def test_only_tracked_pairs_calibrate() -> None:
    rows = labelled(range(1998, 2010), pairs=90)
    model = CalibratedBoosting(["x"], QUICK).fit(rows)
    assert model.calibrator is not None
    assert len(model.calibrator.scores) == 9 * 60
    # No block learns from the last one, so what its untracked pairs did changes nothing but the final trees.
    changed = rows.copy()
    at = changed["target_year"].ge(2007) & changed["share"].lt(0.01)
    changed.loc[at, "label"] = 1 - changed.loc[at, "label"]
    again = CalibratedBoosting(["x"], QUICK).fit(changed)
    assert again.calibrator is not None
    assert (again.calibrator.slope, again.calibrator.intercept) == (model.calibrator.slope, model.calibrator.intercept)
    assert again.parts()[0].digest() != model.parts()[0].digest()


def test_intervals_learn_from_block_boosters_and_from_figures_that_were_older(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = labelled(range(1998, 2010))
    rows = rows.assign(mineral="cobalt", supplier=rows["pair"].astype("str"))
    told: list[pd.DataFrame] = []
    fit = AdaptiveInterval.fit
    monkeypatch.setattr(AdaptiveInterval, "fit", lambda given: told.append(given) or fit(given))
    model = CalibratedBoosting(["x"], QUICK, adaptive=True).fit(rows)
    (given,) = told
    # Those of the calibration blocks, scored by what had not seen them: not by the final booster.
    own = given[given["stale_years"].eq(0)]
    assert model.calibrator is not None
    assert sorted(own["raw"]) == sorted(model.calibrator.scores)
    # Age k: the label of a year, the score of the same pair's row of k years before.
    monkeypatch.setattr(GradientBoosting, "raw_score", lambda _, rows: rows["x"].to_numpy())
    told.clear()
    CalibratedBoosting(["x"], QUICK, adaptive=True).fit(rows)
    known = rows.set_index(["supplier", "target_year"])
    for age, part in told[0].groupby("stale_years"):
        then = pd.MultiIndex.from_arrays([part["supplier"], part["year"] - age])
        now = pd.MultiIndex.from_arrays([part["supplier"], part["year"]])
        assert part["raw"].tolist() == known.loc[then, "x"].tolist(), age
        assert part["label"].tolist() == known.loc[now, "label"].tolist(), age
    assert sorted(set(told[0]["stale_years"])) == [0, 1, 2]


def calibration_error(probability: np.ndarray, label: np.ndarray, bins: int = 10) -> float:
    """ECE with bins of equal count, written out."""
    order = np.argsort(probability)
    parts = np.array_split(order, bins)
    return float(sum(len(p) * abs(probability[p].mean() - label[p].mean()) for p in parts) / len(label))


def test_probabilities_that_the_trees_exaggerate_are_brought_back() -> None:
    overfitted = Parameters(rounds=200, learning_rate=0.3, num_leaves=31, min_data_in_leaf=2, lambda_l2=0.0)
    rows = labelled(range(1998, 2012), pairs=900)
    rng = np.random.default_rng(1)
    names = ["x", *(f"noise{n}" for n in range(5))]
    rows = rows.assign(**{name: rng.normal(size=len(rows)) for name in names[1:]})
    test = labelled(range(2015, 2019), pairs=900, seed=2)
    test = test.assign(**{name: rng.normal(size=len(test)) for name in names[1:]})
    model = CalibratedBoosting(names, overfitted).fit(rows)
    label = test["label"].to_numpy()
    raw = calibration_error(model.parts()[0].predict(test), label)
    calibrated = calibration_error(model.predict(test), label)
    assert raw > 0.10
    assert calibrated < 0.4 * raw


def test_a_drift_of_the_level_is_followed() -> None:
    # The event becomes twice as frequent from 2003 on; trees of the past lag behind.
    rows = labelled(range(1998, 2012), pairs=900)
    rng = np.random.default_rng(3)
    late = rows["target_year"] >= 2003
    rows.loc[late, "label"] = np.fmax(rows.loc[late, "label"], (rng.random(late.sum()) < 0.3).astype("float64"))
    model = CalibratedBoosting(["x"], Parameters(rounds=30)).fit(rows)
    assert model.parts()[1].intercept > 0.1


def test_calibration_keeps_the_ranking_and_the_interval_holds_the_probability() -> None:
    rows = labelled(range(1998, 2010), pairs=120)
    model = CalibratedBoosting(["x"], QUICK).fit(rows)
    found = model.predict_with_interval(rows, np.zeros(len(rows)))
    assert found.index.equals(rows.index)
    order = found["raw_score"].argsort()
    assert found["probability"].iloc[order].is_monotonic_increasing
    assert (found["p_low"] <= found["probability"]).all()
    assert (found["probability"] <= found["p_high"]).all()
    assert found["probability"].to_numpy() == pytest.approx(model.predict(rows))


def test_a_feature_that_goes_missing_inside_a_block_is_no_error_there() -> None:
    rows = labelled(range(1998, 2010), pairs=60).assign(y=1.0)
    rows["y"] = np.arange(len(rows)) % 7 * 1.0
    rows.loc[rows["target_year"] >= 2008, "y"] = np.nan
    model = CalibratedBoosting(["x", "y"], QUICK).fit(rows)
    assert model.parts()[0].never_missing == ("x",)


def test_the_final_trees_learn_from_every_row() -> None:
    rows = labelled(range(1998, 2010), pairs=60)
    model = CalibratedBoosting(["x"], QUICK).fit(rows.sample(frac=1.0, random_state=1).sort_index())
    assert model.parts()[0].digest() == GradientBoosting(["x"], QUICK).fit(rows).digest()


def test_an_unfitted_model_says_so() -> None:
    with pytest.raises(ContractError, match="has not been fitted; call fit first"):
        CalibratedBoosting(["x"]).predict(labelled([2000]))
