"""The booster: its input contract, exact contributions, text in and out, the same bytes each time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import ContractError
from models.gradient_boosting import GradientBoosting, Parameters
from models.model import Model

FEATURES = ["level", "growth", "gappy"]
SMALL = Parameters(rounds=40, learning_rate=0.1, min_data_in_leaf=10, feature_fraction=0.7)


def table(seed: int = 0, n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(rng.normal(size=(n, 3)), columns=FEATURES)
    odds = 1.5 * rows["level"] - rows["growth"]
    rows["label"] = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    rows.loc[rng.random(n) < 0.3, "gappy"] = math.nan
    return rows


@pytest.fixture(scope="module")
def model() -> GradientBoosting:
    return GradientBoosting(FEATURES, SMALL).fit(table())


def test_it_is_a_model_and_has_learned(model: GradientBoosting):
    assert isinstance(model, Model)
    rows = table(1)
    found = model.predict(rows)
    assert found.shape == (len(rows),)
    assert ((found > 0) & (found < 1)).all()
    assert found[rows["label"].eq(1)].mean() > found[rows["label"].eq(0)].mean() + 0.15


def test_columns_in_another_order_and_more_of_them_give_the_same(model: GradientBoosting):
    rows = table(1)
    swapped = rows[["growth", "label", "gappy", "level"]].assign(more=1.0)
    np.testing.assert_array_equal(model.raw_score(swapped), model.raw_score(rows))


def test_swapped_contents_do_change_the_score(model: GradientBoosting):
    rows = table(1)
    wrong = rows.rename(columns={"level": "growth", "growth": "level"})
    assert np.abs(model.raw_score(wrong) - model.raw_score(rows)).max() > 0.5


def test_a_missing_column_is_refused_by_name(model: GradientBoosting):
    with pytest.raises(ContractError, match=r"lacks the model's features \['growth'\]"):
        model.predict(table().drop(columns="growth"))


def test_a_missing_cell_is_refused_where_training_had_none(model: GradientBoosting):
    rows = table(1, 20)
    assert model.never_missing == ("level", "growth")
    assert np.isfinite(model.predict(rows.assign(gappy=math.nan))).all()
    for answer in (model.predict, model.raw_score, model.contributions):
        with pytest.raises(ContractError, match=r"\['growth'\] are missing in some rows"):
            answer(rows.assign(growth=[math.nan, *rows["growth"][1:]]))


def test_a_missing_cell_is_not_the_same_as_zero_where_training_had_some():
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"x": rng.choice([0.0, 1.0, math.nan], 600)})
    rows["label"] = rows["x"].isna().astype(float)
    model = GradientBoosting(["x"], SMALL).fit(rows)
    missing, zero = model.predict(pd.DataFrame({"x": [math.nan, 0.0]}))
    assert missing > 0.5 > zero


def test_contributions_and_base_sum_to_the_raw_score(model: GradientBoosting):
    rows = table(3)
    values, base = model.contributions(rows)
    assert values.shape == (len(rows), len(FEATURES))
    assert len(set(base.round(12))) == 1
    np.testing.assert_allclose(values.sum(axis=1) + base, model.raw_score(rows), atol=1e-9)
    assert np.abs(values[:, 0]).mean() > 2 * np.abs(values[:, 2]).mean()


def test_the_probability_is_the_logistic_of_the_raw_score(model: GradientBoosting):
    rows = table(3, 50)
    np.testing.assert_allclose(np.log(model.predict(rows) / (1 - model.predict(rows))), model.raw_score(rows))


def test_text_and_back_gives_equal_predictions_and_the_same_contract(model: GradientBoosting):
    files = json.loads(json.dumps(model.to_text()))
    again = GradientBoosting.from_text(files)
    rows = table(4)
    np.testing.assert_array_equal(again.raw_score(rows), model.raw_score(rows))
    np.testing.assert_array_equal(again.contributions(rows)[0], model.contributions(rows)[0])
    assert again.to_text()["booster.json"] == model.to_text()["booster.json"]
    assert again.parameters == model.parameters
    assert again.digest() == model.digest()
    with pytest.raises(ContractError, match="are missing in some rows"):
        again.predict(rows.assign(level=math.nan))


def test_nothing_answers_before_it_is_fitted():
    model = GradientBoosting(FEATURES)
    for answer in (lambda: model.predict(table()), lambda: model.contributions(table()), model.to_text, model.digest):
        with pytest.raises(ContractError, match="call fit first"):
            answer()


def test_training_again_in_another_process_gives_the_same_bytes(repo_root: Path, model: GradientBoosting):
    code = (
        "import hashlib, json, sys; sys.path.insert(0, sys.argv[1]); from test_gradient_boosting import *; "
        "text = json.dumps(GradientBoosting(FEATURES, SMALL).fit(table()).to_text()); "
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        env={**os.environ, "PYTHONPATH": str(repo_root), "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert there == hashlib.sha256(json.dumps(model.to_text()).encode()).hexdigest()


def test_each_parameter_changes_the_model():
    rows = table(5)
    plain = GradientBoosting(FEATURES, SMALL).fit(rows).digest()
    changes = {
        "rounds": 41,
        "learning_rate": 0.05,
        "num_leaves": 4,
        "min_data_in_leaf": 60,
        "feature_fraction": 1.0,
        "bagging_fraction": 0.9,
        "lambda_l2": 50.0,
        "max_bin": 15,
        "seed": 21,
    }
    untested = {each.name for each in dataclasses.fields(Parameters)} - set(changes)
    assert untested == {"num_threads"}
    for name, value in changes.items():
        other = GradientBoosting(FEATURES, dataclasses.replace(SMALL, **{name: value})).fit(rows).digest()
        assert other != plain, name


def test_the_number_of_threads_changes_no_tree():
    rows = table(5, 300)
    one, two = (
        GradientBoosting(FEATURES, dataclasses.replace(SMALL, num_threads=threads)).fit(rows) for threads in (1, 2)
    )
    assert one.digest() == two.digest()


def test_fitting_and_predicting_change_no_row(model: GradientBoosting):
    rows = table(6)
    before = rows.copy(deep=True)
    GradientBoosting(FEATURES, SMALL).fit(rows).predict(rows)
    pd.testing.assert_frame_equal(rows, before)
