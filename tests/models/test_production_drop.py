"""Production drops: resolved by hand, by first release, unknown where a figure is missing; and against a plain twin."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from models.production_drop import attach_production_labels, known_state, production_labels
from tests.builders import SUPPLIERS, rows, utc


def fact(year: int, tonnes: float, supplier: str = "COD", **other) -> dict:
    usual = {"mineral": "cobalt", "is_estimated": False, "source": "bgs", "available_at": utc(f"{year + 2}-05-01")}
    return {"year": year, "supplier": supplier, "quantity_tonnes": float(tonnes)} | usual | other


def labels_of(records: list[dict]) -> pd.DataFrame:
    return production_labels(rows("production", records))


def ratios(records: list[dict]) -> dict[int, float]:
    found = labels_of(records)
    return dict(zip(found["year"], found["ratio"], strict=True))


STEADY = [fact(2000, 100), fact(2001, 80), fact(2002, 120)]


def test_the_ratio_is_the_year_against_the_mean_of_the_three_before():
    assert ratios([*STEADY, fact(2003, 65), fact(2004, 70)]) == pytest.approx({2003: 0.65, 2004: 70 / (265 / 3)})


def test_a_label_is_resolved_when_its_last_figure_is_known_and_keeps_its_first_release():
    late = fact(2001, 80, available_at=utc("2006-09-01"))
    revised = fact(2003, 90, available_at=utc("2007-01-01"))
    found = labels_of([STEADY[0], late, STEADY[2], fact(2003, 65), revised]).set_index("year")
    assert found.loc[2003, "resolved_at"] == utc("2006-09-01")
    assert found.loc[2003, "ratio"] == pytest.approx(0.65)


def test_a_revision_before_the_label_counts():
    revised = fact(2001, 20, available_at=utc("2004-01-01"))
    assert ratios([*STEADY, revised, fact(2003, 65)]) == pytest.approx({2003: 65 / 80})


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_a_missing_year_is_unknown_not_zero(gap: int):
    records = [*STEADY, fact(2003, 65)]
    del records[gap]
    assert ratios(records) == {}


def test_a_withdrawn_year_is_missing():
    gone = fact(2001, 80, available_at=utc("2003-09-01"), is_retracted=True)
    assert ratios([*STEADY, gone, fact(2003, 65)]) == {}


def test_a_stop_is_a_ratio_of_zero_and_nothing_before_gives_none():
    assert ratios([*STEADY, fact(2003, 0)]) == {2003: 0.0}
    assert ratios([fact(year, 0) for year in range(2000, 2004)]) == {}


def test_only_the_publishers_own_record_counts():
    assert ratios([*STEADY, fact(2003, 65, source="world_mining_data")]) == {}
    assert labels_of([]).empty


def panel(*as_ofs: str, supplier: str = "COD") -> pd.DataFrame:
    return pd.DataFrame({"mineral": "cobalt", "supplier": supplier, "as_of": [utc(day) for day in as_ofs]})


def test_labels_are_attached_by_the_target_year_and_unknown_ones_stay_missing():
    labels = labels_of([*STEADY, fact(2003, 65), fact(2004, 100)])
    found = attach_production_labels(
        panel("2002-07-22", "2003-07-21", "2004-07-19", "2005-07-18"), labels, "current_year"
    )
    assert found["label"].tolist()[1:3] == [1.0, 0.0]
    assert found["label"].isna().tolist() == [True, False, False, True]
    assert found["resolved_at"].tolist()[1] == utc("2005-05-01")
    next_year = attach_production_labels(panel("2002-07-22"), labels, "next_year")
    assert (next_year["label"].item(), next_year["target_year"].item()) == (1.0, 2003)


def test_the_limit_itself_is_no_drop():
    labels = labels_of([fact(2000, 100), fact(2001, 100), fact(2002, 100), fact(2003, 70)])
    assert attach_production_labels(panel("2003-07-21"), labels, "current_year")["label"].item() == 0.0


def test_the_state_is_that_of_the_newest_year_known_and_a_stale_one_is_none():
    labels = labels_of([*STEADY, fact(2003, 65), fact(2004, 100)])
    found = known_state(panel("2004-07-19", "2005-07-18", "2006-07-17", "2009-07-20"), labels)
    assert found["onset"].tolist() == [True, False, True, True]
    assert found["level"].isna().tolist() == [True, False, False, True]
    assert found["level"].iloc[1] == pytest.approx(0.65)


def test_the_state_does_not_know_the_day_before_the_release():
    labels = labels_of([*STEADY, fact(2003, 65)])
    found = known_state(panel("2005-04-30", "2005-05-01"), labels)
    assert found["onset"].tolist() == [True, False]


@pytest.mark.parametrize("seed", range(3))
def test_labels_agree_with_a_plain_twin_and_replay(seed: int):
    rng = np.random.default_rng(seed)
    records = []
    for supplier in SUPPLIERS:
        for year in range(1995, 2008):
            moment = utc(f"{year + 2}-05-01")
            for number in range(rng.choice([0, 1, 2], p=[0.06, 0.69, 0.25])):
                gone = bool(number and rng.random() < 0.3)
                about = {"available_at": moment, "is_retracted": gone}
                records.append(fact(year, float(rng.integers(0, 50)), supplier, **about))
                moment += pd.DateOffset(months=int(rng.integers(1, 40)))
    table = rows("production", records)
    found = production_labels(table).set_index(["supplier", "year"])
    expected = {}
    for moment in sorted({one["available_at"] for one in records}):
        newest = {}
        for one in sorted(records, key=lambda one: one["available_at"]):
            if one["available_at"] <= moment:
                newest[one["supplier"], one["year"]] = one
        known = {key: one["quantity_tonnes"] for key, one in newest.items() if not one["is_retracted"]}
        for (supplier, year), tonnes in known.items():
            before = [known.get((supplier, year - back), math.nan) for back in (1, 2, 3)]
            if (supplier, year) not in expected and sum(before) > 0:
                expected[supplier, year] = (tonnes / (sum(before) / 3), moment)
    assert len(expected) > 10
    assert set(found.index) == set(expected)
    for key, (ratio, moment) in expected.items():
        assert found.loc[key, "ratio"] == pytest.approx(ratio)
        assert found.loc[key, "resolved_at"] == moment
    date = utc("2004-07-19")
    cut = production_labels(table[table["available_at"] <= date].reset_index(drop=True))
    full = production_labels(table)
    pd.testing.assert_frame_equal(cut, full[full["resolved_at"] <= date].reset_index(drop=True), check_exact=True)


@pytest.mark.parametrize("horizon", ["current_year", "next_year"])
def test_the_panel_keeps_its_rows_and_order(horizon: str):
    index = pd.concat(
        [panel("2005-07-18", supplier="ZMB"), panel("2004-07-19"), panel("2003-07-21")], ignore_index=True
    )
    labels = labels_of([*STEADY, fact(2003, 65)])
    found = attach_production_labels(index, labels, horizon)
    pd.testing.assert_frame_equal(found[index.columns.tolist()], index)
    assert known_state(index, labels).index.equals(index.index)
