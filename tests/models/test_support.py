"""The distance of a row from the rows a model learned from."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from models.support import Support

NAN = float("nan")
TRAINED = pd.DataFrame({"x": np.arange(101.0), "y": np.arange(101.0) * -1, "never": NAN})
SUPPORT = Support.fit(TRAINED, ["x", "y", "never"])


def test_it_is_the_share_of_known_features_in_the_tails() -> None:
    rows = pd.DataFrame(
        [(50, -50, NAN), (0, -50, NAN), (101, 5, NAN), (200, NAN, NAN), (50, -50, 3.0), (NAN, NAN, NAN)],
        columns=["x", "y", "never"],
    )
    # What training never knew is always outside; what is unknown here does not count; nothing known is farthest.
    assert SUPPORT.distance(rows).tolist() == [0, 0.5, 1, 1, 1 / 3, 1]


def test_the_bounds_themselves_lie_inside_and_about_two_in_a_hundred_training_values_outside() -> None:
    assert SUPPORT.low[:2].tolist() == [1.0, -99.0]
    edge = pd.DataFrame({"x": [1.0, 99.0], "y": [-1.0, -99.0], "never": NAN})
    assert SUPPORT.distance(edge).tolist() == [0, 0]
    assert SUPPORT.distance(TRAINED).mean() * 101 == 2


def test_json_and_back_gives_the_same_distances() -> None:
    again = Support.from_json(json.loads(json.dumps(SUPPORT.as_json(), allow_nan=False)))
    rows = TRAINED.assign(x=TRAINED["x"] * 3)
    assert again.distance(rows).tolist() == SUPPORT.distance(rows).tolist()
    assert again.features == SUPPORT.features
