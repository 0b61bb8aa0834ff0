"""Labels: resolved on the first release, void where imputed, never before the figures are out."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from features.catalog import load_catalog
from features.exports import yearly_exports
from models.targets import (
    HORIZONS,
    MAX_IMPUTED_FRAC,
    TARGETS,
    YEARS_AHEAD,
    attach_labels,
    label_table,
    resolved_by,
    states,
    target_names,
    window_of,
)
from tests.builders import HS_CODES, flow, random_trade, rows, series, utc

DROP, SEVERE = TARGETS["supply_drop"], TARGETS["severe_supply_drop"]


def labels(records: list[dict]) -> pd.DataFrame:
    return label_table(yearly_exports(rows("trade", records), load_catalog()))


def ratios(records: list[dict], supplier: str = "COD") -> dict[int, float]:
    table = labels(records)
    return table[table["supplier"].eq(supplier)].set_index("year")["ratio"].to_dict()


def panel(supplier: str, *days: str, mineral: str = "cobalt") -> pd.DataFrame:
    return pd.DataFrame({"mineral": mineral, "supplier": supplier, "as_of": [utc(day) for day in days]})


# --- the ratio ------------------------------------------------------------------------------------


def test_the_ratio_is_to_the_mean_of_the_three_years_before():
    assert ratios(series("COD", [90, 100, 110, 70, 70])) == {
        2003: pytest.approx(0.7),
        2004: pytest.approx(70 / ((100 + 110 + 70) / 3)),
    }


def test_zero_exports_in_a_covered_year_are_a_drop():
    records = [*series("COD", [100, 100, 100, None]), *series("AUS", [100] * 4)]
    assert ratios(records)[2003] == 0.0
    labelled = attach_labels(panel("COD", "2003-07-21"), labels(records), SEVERE, "current_year")
    assert labelled["label"].tolist() == [1.0]


def test_a_year_in_which_nobody_traded_the_mineral_has_no_label():
    records = [*series("COD", [100, 100, 100, None, 100]), *series("CHN", [1] * 5, hs_code="260200")]
    table = labels(records)
    assert table[table["mineral"].eq("cobalt")].empty
    assert table[table["mineral"].eq("manganese")]["year"].tolist() == [2003, 2004]


def test_a_mineral_has_no_label_before_its_codes_hold_for_four_years():
    # Cerium compounds count from 2000 on, so 2003 is the first year with three before it.
    records = series("CHN", [9, 9, 9, 9, 9, 9, 9, 9], first=1997, hs_code="284610")
    assert list(ratios(records, "CHN")) == [2003, 2004]


def test_a_pair_that_never_exported_before_has_no_label():
    records = [*series("AUS", [100] * 5), *series("COD", [None, None, None, 50, 50])]
    assert list(ratios(records)) == [2004]


# --- labels on rows -------------------------------------------------------------------------------

STEADY = [*series("COD", [100, 100, 100, 60, 100, 100, 100]), *series("AUS", [100] * 7)]


@pytest.mark.parametrize(
    ("horizon", "day", "year", "expected"),
    [
        ("current_year", "2003-01-06", 2003, 1.0),
        ("current_year", "2003-12-29", 2003, 1.0),
        ("next_year", "2002-07-15", 2003, 1.0),
        ("year_after_next", "2001-07-16", 2003, 1.0),
        ("current_year", "2004-07-19", 2004, 0.0),
        ("next_year", "2004-07-19", 2005, 0.0),
    ],
)
def test_the_label_is_that_of_the_target_year(horizon: str, day: str, year: int, expected: float):
    row = attach_labels(panel("COD", day), labels(STEADY), DROP, horizon).iloc[0]
    assert row["target_year"] == year
    assert row["label"] == expected
    assert row["resolved_at"] == utc(f"{year + 2}-02-01")
    assert pd.isna(row["void_reason"])


def test_each_target_has_its_own_limit_and_at_the_limit_there_is_no_event():
    for tonnes, expected in [(70.0, (0, 0)), (69.99, (1, 0)), (50.0, (1, 0)), (49.99, (1, 1))]:
        table = labels([*series("COD", [100, 100, 100, tonnes]), *series("AUS", [100] * 4)])
        found = tuple(
            attach_labels(panel("COD", "2003-07-21"), table, target, "current_year")["label"].iloc[0]
            for target in (DROP, SEVERE)
        )
        assert found == expected


def test_a_year_whose_figures_are_not_out_is_unresolved():
    row = attach_labels(panel("COD", "2007-07-16"), labels(STEADY), DROP, "current_year").iloc[0]
    assert math.isnan(row["label"])
    assert pd.isna(row["resolved_at"])
    assert pd.isna(row["void_reason"])


@pytest.mark.parametrize(("imputed", "is_void"), [(50, False), (51, True), (100, True), (0, False)])
def test_a_year_with_more_than_half_of_its_value_imputed_is_void(imputed: int, is_void: bool):
    last = [
        flow(2003, "COD", "JPN", 100 - imputed, value_usd=100.0 - imputed),
        flow(2003, "COD", "USA", imputed, value_usd=float(imputed), is_imputed=True),
    ]
    table = labels([*series("COD", [1000, 1000, 1000]), *last, *series("AUS", [100] * 4)])
    row = attach_labels(panel("COD", "2003-07-21"), table, DROP, "current_year").iloc[0]
    assert math.isnan(row["label"]) == is_void
    assert pd.notna(row["void_reason"]) == is_void
    assert row["resolved_at"] == utc("2005-02-01")
    assert MAX_IMPUTED_FRAC == 0.5


def test_rows_come_back_in_their_order_each_once():
    asked = pd.concat(
        [panel("COD", "2004-07-19", "2003-07-21"), panel("AUS", "2003-07-21"), panel("PER", "2003-07-21")],
        ignore_index=True,
    )
    found = attach_labels(asked, labels(STEADY), DROP, "current_year")
    pd.testing.assert_frame_equal(found[asked.columns.tolist()], asked)
    np.testing.assert_array_equal(found["label"], [0.0, 1.0, 0.0, math.nan])


@pytest.mark.parametrize("horizon", YEARS_AHEAD)
def test_windows_are_whole_years_after_the_horizon(horizon: str):
    as_of = pd.Series([utc("2003-01-06"), utc("2003-12-29"), utc("2026-11-23")])
    found = window_of(as_of, horizon)
    for day, row in zip(as_of, found.itertuples(), strict=True):
        year = day.year + {"current_year": 0, "next_year": 1, "year_after_next": 2}[horizon]
        assert row.target_year == year
        assert (row.window_start, row.window_end) == (utc(f"{year}-01-01"), utc(f"{year}-12-31"))
    assert [str(found[name].dtype) for name in ("window_start", "window_end")] == ["datetime64[us, UTC]"] * 2


def test_only_two_horizons_are_published():
    assert HORIZONS == {"current_year": 0, "next_year": 1}


# --- knowledge time -------------------------------------------------------------------------------


def test_the_first_release_decides_and_a_later_revision_does_not():
    revised = flow(2003, "COD", "JPN", 100, available_at=utc("2006-02-01"))
    late_base = flow(2002, "COD", "JPN", 900, available_at=utc("2007-02-01"))
    early_base = flow(2002, "COD", "JPN", 40, available_at=utc("2004-09-01"))
    base = [*series("COD", [100, 100, 100, 60]), *series("AUS", [100] * 4)]
    assert ratios(base)[2003] == pytest.approx(0.6)
    assert ratios([*base, revised, late_base])[2003] == pytest.approx(0.6)
    # A revision of a year before that was known when the target year came out does count.
    assert ratios([*base, early_base])[2003] == pytest.approx(60 / 80)
    assert labels([*base, revised]).set_index(["supplier", "year"])["resolved_at"]["COD", 2003] == utc("2005-02-01")


def slowly(trade: pd.DataFrame) -> dict[tuple, tuple[float, float, pd.Timestamp]]:
    """Resolve each mineral, supplier and year from what was known when its year first came out."""
    counts = trade[~trade["hs_code"].eq("284610") | trade["year"].ge(2000)]
    released = counts.groupby("year")["available_at"].min()
    result = {}
    for year, moment in released.items():
        newest = {}
        for row in counts[counts["available_at"] <= moment].sort_values("available_at").itertuples():
            newest[row.year, row.hs_code, row.supplier, row.importer] = row
        tonnes, usd, imputed = defaultdict(float), defaultdict(float), defaultdict(float)
        traded, pairs = set(), set()
        for (y, code, supplier, _), row in newest.items():
            if row.is_retracted:
                continue
            key = HS_CODES[code], supplier, y
            tonnes[key] += row.quantity_tonnes
            usd[key] += row.value_usd
            imputed[key] += row.value_usd * row.is_imputed
            traded.add((HS_CODES[code], y))
            pairs.add(key[:2])
        for mineral, supplier in pairs:
            years = [year - n for n in (1, 2, 3)]
            before = sum(tonnes[mineral, supplier, y] for y in years) / 3
            if before > 0 and all((mineral, y) in traded for y in [year, *years]):
                key = mineral, supplier, year
                share = imputed[key] / usd[key] if usd[key] else 0.0
                result[key] = tonnes[key] / before, share, moment
    return result


@pytest.mark.parametrize("seed", range(4))
def test_labels_equal_a_slow_twin(seed: int):
    trade = random_trade(seed)
    found = label_table(yearly_exports(trade, load_catalog())).set_index(["mineral", "supplier", "year"])
    expected = slowly(trade)
    assert set(found.index) == set(expected)
    assert len(expected) > 15
    for key, (ratio, share, moment) in expected.items():
        assert found.loc[key, "ratio"] == pytest.approx(ratio, rel=1e-12)
        assert found.loc[key, "imputed_value_frac"] == pytest.approx(share, rel=1e-12)
        assert found.loc[key, "resolved_at"] == moment


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_a_cut_table_are_those_resolved_by_then(seed: int):
    trade = random_trade(seed)
    full = label_table(yearly_exports(trade, load_catalog()))
    for moment in sorted(trade["available_at"].unique())[5::4]:
        early = label_table(yearly_exports(trade[trade["available_at"] <= moment], load_catalog()))
        expected = full[full["resolved_at"] <= moment].reset_index(drop=True)
        pd.testing.assert_frame_equal(early, expected, check_exact=True)


def test_no_label_is_resolved_before_its_years_figures_are_out():
    for seed in range(3):
        trade = random_trade(seed)
        table = label_table(yearly_exports(trade, load_catalog()))
        released = trade.groupby("year")["available_at"].min()
        assert (table["resolved_at"] >= table["year"].map(released)).all()
        assert (table["resolved_at"].dt.year >= table["year"] + 2).all()


def test_only_resolved_labels_may_be_learned_from():
    asked = panel("COD", "2003-07-21", "2004-07-19", "2007-07-16")
    found = attach_labels(asked, labels(STEADY), DROP, "current_year")
    assert resolved_by(found, utc("2005-01-31")).tolist() == [False, False, False]
    assert resolved_by(found, utc("2005-02-01")).tolist() == [True, False, False]
    assert resolved_by(found, utc("2030-01-01")).tolist() == [True, True, False]


def test_without_trade_there_are_no_labels():
    assert labels([]).empty
    found = attach_labels(panel("COD", "2003-07-21"), labels([]), DROP, "current_year")
    assert found["label"].isna().all()


# --- onset and continuation -----------------------------------------------------------------------


def test_a_pair_below_the_limit_in_its_last_known_year_is_in_continuation():
    level = pd.DataFrame({"trade_level_vs_3y": np.log([1.0, 0.71, 0.7, 0.69, 0.5, 0.49, math.nan, 0.02])})
    assert states(level, DROP).tolist() == [True, True, True, False, False, False, True, False]
    assert states(level, SEVERE).tolist() == [True, True, True, True, True, False, True, False]


def test_targets_are_chosen_in_their_fixed_order():
    assert target_names(None) == ["supply_drop", "severe_supply_drop"]
    assert target_names(["severe_supply_drop", "supply_drop"]) == ["supply_drop", "severe_supply_drop"]
    assert target_names(["severe_supply_drop"]) == ["severe_supply_drop"]
