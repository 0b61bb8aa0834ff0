"""A feature whose source has ended is left out for the dates it does not reach, and no other is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.ended import without_ended

LEARN = pd.DataFrame({"lives": [1.0, 2.0], "ended": [1.0, 2.0], "never": [np.nan, np.nan], "sparse": [1.0, np.nan]})


def at(*dates: str, **columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"as_of": pd.to_datetime(list(dates), utc=True)} | columns)


def test_what_is_known_of_few_on_a_date_and_was_of_all_is_left_out() -> None:
    dates = ["2021-06-07"] * 4
    few = at(
        *dates,
        lives=[1.0, 2.0, np.nan, np.nan],
        ended=[1.0, np.nan, np.nan, np.nan],
        sparse=[1.0, np.nan, np.nan, np.nan],
    )
    # Half as often as before is still enough.
    assert without_ended(["lives", "ended", "sparse"], LEARN, few) == ("lives", "sparse")


def test_what_is_unknown_for_everybody_on_a_date_is_left_out() -> None:
    now = at(
        "2021-01-04",
        "2021-01-04",
        "2021-06-07",
        "2021-06-07",
        lives=[1.0, 2.0, 3.0, 4.0],
        ended=[1.0, 2.0, np.nan, np.nan],
        never=[np.nan] * 4,
        sparse=[np.nan, 1.0, 1.0, np.nan],
    )
    assert without_ended(["sparse", "ended", "lives", "never"], LEARN, now) == ("sparse", "lives", "never")
    assert without_ended(["lives", "ended"], LEARN, now.head(2)) == ("lives", "ended")


def test_what_was_never_known_in_training_stays_and_so_does_all_where_nothing_is_to_forecast() -> None:
    now = at("2021-01-04", lives=[1.0], ended=[1.0], never=[np.nan], sparse=[1.0])
    assert without_ended(["never"], LEARN, now) == ("never",)
    assert without_ended(["ended", "sparse"], LEARN, now.head(0)) == ("ended", "sparse")
