"""Two sets of forecasts on the same rows: differences, slices, who and when."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from ml.comparison import compare, markdown_rows
from ml.score_table import KEY


def forecasts(skill: float, seed: int = 0) -> pd.DataFrame:
    """Forecasts of 40 pairs over ten years: `skill` is how far the probability follows the outcome."""
    rng = np.random.default_rng(seed)
    years = [pd.Timestamp(year=year, month=7, day=16, tz="UTC") for year in range(2006, 2016)]
    levels = [["supply_drop"], ["current_year"], ["copper", "tin"], [f"S{n:02}" for n in range(20)], years]
    rows = pd.MultiIndex.from_product(levels, names=["target", "horizon", *KEY]).to_frame(index=False)
    label = (rng.random(len(rows)) < 0.3).astype("float64")
    noise = np.random.default_rng(99).random(len(rows))
    return rows.assign(label=label, onset=True, model="lightgbm", probability=(skill * label + noise) / (1 + skill))


def all_of(own: pd.DataFrame) -> dict[str, pd.Series]:
    return {"all": pd.Series(True, index=own.index)}


def test_alone_there_is_no_gain_and_the_same_forecasts_gain_exactly_nothing() -> None:
    own = forecasts(0.5)
    (alone,) = compare(own, None, all_of(own), draws=20, added="trade")
    assert "roc_auc_gain" not in alone
    assert (alone["added"], alone["target"], alone["horizon"], alone["n"]) == (
        "trade",
        "supply_drop",
        "current_year",
        400,
    )
    (same,) = compare(own, own, all_of(own), draws=20)
    for metric in ("roc_auc", "who", "when"):
        assert same[f"{metric}_gain"] == {"value": 0.0, "low": 0.0, "high": 0.0}
        assert same[metric] == alone[metric]


def test_better_forecasts_gain_and_worse_ones_lose_with_the_same_figure() -> None:
    own, base = forecasts(1.0), forecasts(0.1)
    (gain,) = compare(own, base, all_of(own), draws=50)
    (loss,) = compare(base, own, all_of(own), draws=50)
    for metric in ("roc_auc", "who", "when"):
        assert gain[f"{metric}_gain"]["low"] > 0.05
        assert loss[f"{metric}_gain"]["high"] < -0.05
        assert gain[f"{metric}_gain"]["value"] == pytest.approx(-loss[f"{metric}_gain"]["value"])
        assert gain[f"{metric}_gain"]["value"] == pytest.approx(gain[metric]["value"] - loss[metric]["value"])


def test_rows_are_compared_by_their_key_whatever_their_order() -> None:
    own, base = forecasts(1.0), forecasts(0.1)
    shuffled = base.sample(frac=1.0, random_state=4)
    assert compare(own, shuffled, all_of(own), draws=10) == compare(own, base, all_of(own), draws=10)


def test_a_slice_is_scored_as_if_it_were_all_there_is() -> None:
    own, base = forecasts(1.0), forecasts(0.1)
    is_tin = own["mineral"].eq("tin")
    (row,) = compare(own, base, {"tin": is_tin}, draws=10)
    only = own[is_tin]
    (alone,) = compare(only, base[is_tin], all_of(only), draws=10)
    assert row["n"] == 200
    assert {**row, "slice": ""} == {**alone, "slice": ""}


def test_rows_the_other_lacks_and_unresolved_ones_are_left_out_of_both() -> None:
    own, base = forecasts(1.0), forecasts(0.1)
    own.loc[own["supplier"].eq("S00"), "label"] = np.nan
    (row,) = compare(own, base[~base["supplier"].eq("S01")], all_of(own), draws=10)
    assert row["n"] == 360


def test_who_ranks_pairs_of_one_date_and_when_dates_of_one_pair() -> None:
    rows = forecasts(0.0)
    shaky = rows["supplier"].isin([f"S{n:02}" for n in range(10)])
    rows = rows.assign(label=(rows["as_of"].dt.year.mod(2).eq(0) & shaky).astype("float64"))
    knows_who = rows.assign(probability=np.where(shaky, 0.8, 0.2))
    knows_when = rows.assign(probability=np.where(rows["as_of"].dt.year.mod(2).eq(0), 0.8, 0.2))
    (who,) = compare(knows_who, None, all_of(rows), draws=2)
    (when,) = compare(knows_when, None, all_of(rows), draws=2)
    assert (who["who"]["value"], who["when"]["value"]) == (1.0, 0.5)
    assert (when["who"]["value"], when["when"]["value"]) == (0.5, 1.0)


def test_a_slice_without_both_outcomes_gives_no_row() -> None:
    own = forecasts(1.0)
    assert compare(own, None, {"calm": own["label"].eq(0)}, draws=2) == []


def test_the_table_has_a_line_per_row_and_a_gain_where_there_is_one() -> None:
    own, base = forecasts(1.0), forecasts(0.1)
    rows = compare(own, None, all_of(own), draws=5, added="a") + compare(own, base, all_of(own), draws=5, added="b")
    lines = markdown_rows(rows, ["added", "slice"]).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    gain = rows[1]["who_gain"]
    assert f"| {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}] |" in lines[3]


def test_average_precision_is_told_where_it_is_asked_for() -> None:
    own, base = forecasts(1.0), forecasts(0.1)
    (usual,) = compare(own, base, all_of(own), draws=5)
    assert "average_precision" not in usual
    (row,) = compare(own, base, all_of(own), draws=5, metrics=("average_precision",))
    assert row["average_precision"]["value"] == pytest.approx(average_precision_score(own["label"], own["probability"]))
    assert row["average_precision_gain"]["low"] > 0.1
    assert "| AP | gain [95 %] |" in markdown_rows([row], ["slice"], {"average_precision": "AP"})


def test_what_is_undefined_or_absent_is_told_as_such() -> None:
    none = {"value": 0.5, "low": None, "high": float("nan")}
    rows = [
        {"added": "a", "n": 3, "roc_auc": none, "roc_auc_gain": {"value": None, "low": None, "high": None}},
        {"added": "b", "absent": "no facts in this store"},
    ]
    lines = markdown_rows(rows, ["added"], {"roc_auc": "AUC"}).splitlines()
    assert lines[2:] == ["| a | 3 | 0.500 | – |", "| b |  | no facts in this store |  |"]
