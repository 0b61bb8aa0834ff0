"""The measures themselves, on numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.drift.limits import LIMITS, Steps, level_of
from ml.drift.measures import COLUMNS, as_table, findings, row, worst_level
from models.drift import bin_counts, period_steps, quantile_edges, robust_shift, stability_index

NAN = float("nan")


def test_the_stability_index_is_that_of_the_book() -> None:
    expected, observed = np.array([20.0, 30.0, 50.0]), np.array([30.0, 30.0, 40.0])
    by_hand = (0.3 - 0.2) * np.log(0.3 / 0.2) + 0 + (0.4 - 0.5) * np.log(0.4 / 0.5)
    assert stability_index(expected, observed) == pytest.approx(by_hand)
    assert stability_index(observed, expected) == pytest.approx(by_hand)
    # Shares count, not how many rows there are.
    assert stability_index(10 * expected, expected) == pytest.approx(0)


def test_an_empty_bin_is_large_and_finite_and_an_empty_sample_says_nothing() -> None:
    assert 1 < stability_index(np.array([100.0, 0.0]), np.array([0.0, 100.0])) < 20
    assert np.isnan(stability_index(np.array([1.0, 1.0]), np.array([0.0, 0.0])))


def test_bins_hold_equal_shares_and_gaps_are_in_none() -> None:
    values = np.append(np.arange(100, dtype="float64"), NAN)
    edges = quantile_edges(values)
    assert len(edges) == 9
    assert bin_counts(values, edges).tolist() == [10.0] * 10
    # Mostly zeros: the borders that fall on zero are one.
    assert quantile_edges(np.array([0.0] * 9 + [1.0])).tolist() == pytest.approx([0.0, 0.1], abs=0.11)
    assert len(quantile_edges(np.array([NAN]))) == 0


def test_the_shift_is_in_interquartile_ranges_and_no_outlier_moves_it() -> None:
    reference = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert robust_shift(reference, np.array([6.0, 6.0, 1e9, NAN])) == pytest.approx((6 - 2) / 2)
    assert np.isnan(robust_shift(np.array([1.0, 1.0, 1.0, 1.0, 5.0]), reference))
    assert np.isnan(robust_shift(reference, np.array([NAN])))


def test_a_unit_is_compared_with_itself_only() -> None:
    facts = pd.DataFrame(
        [
            *({"who": "small", "period": year, "tonnes": 1.0} for year in (2001, 2002, 2003)),
            {"who": "small", "period": 2004, "tonnes": 1000.0},
            # Enters large in the newest period, or is gone by then: neither is compared.
            {"who": "new", "period": 2004, "tonnes": 1e9},
            {"who": "gone", "period": 2003, "tonnes": 1e9},
            # Nothing exported is no figure to compare with.
            {"who": "zero", "period": 2003, "tonnes": 0.0},
            {"who": "zero", "period": 2004, "tonnes": 5.0},
        ]
    )
    steps = period_steps(facts, ["who"], "tonnes")
    assert steps["who"].tolist() == ["small"]
    assert steps["step"].tolist() == pytest.approx([3.0])
    assert period_steps(facts[facts["tonnes"] < 0], ["who"], "tonnes").columns.tolist() == ["who", "step"]


def test_a_level_begins_at_its_bound_and_can_be_capped() -> None:
    steps = Steps(1.0, 2.0, 3.0)
    assert [level_of(value, steps) for value in (0.9, 1.0, 2.5, 3.0)] == ["fine", "note", "watch", "stop"]
    assert level_of(9.0, steps, most="watch") == "watch"
    assert level_of(9.0, Steps(1.0)) == "note"
    assert level_of(NAN, steps) == "fine"


def test_every_limit_rises() -> None:
    for name in LIMITS.__dataclass_fields__:
        bounds = getattr(LIMITS, name)
        if isinstance(bounds, Steps):
            assert bounds.note <= bounds.watch <= bounds.stop, name


def test_the_table_has_the_gravest_first_and_its_columns_also_when_empty() -> None:
    table = as_table(
        [
            row("fine", "age", "trade", "trade.baci", 1, 2, "not told"),
            row("note", "shift", "trade", "small", 1, 1, "a"),
            # It follows from the jump, however far it is beyond its bound.
            row("stop", "against_normal", "model", "d", 99, 1, "d"),
            row("stop", "jump", "trade", "c", 3, 1, "b"),
            row("note", "shift", "trade", "large", -9, 1, "c"),
        ]
    )
    assert table["feature"].tolist() == ["c", "d", "large", "small", "trade.baci"]
    assert table["sentence"].tolist() == ["b", "d", "c", "a", ""]
    assert worst_level(table) == "stop"
    assert len(findings(table)) == 4
    empty = as_table([])
    assert list(empty.columns) == list(COLUMNS)
    assert worst_level(empty) == "fine"
