"""The forecast contract: each check fails for its own fault and for no other, and the columns never change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ContractError
from ml.contract import CHECKS, COLUMNS, EXPLANATION_COLUMNS, TIERS, check_forecasts, conform, tier_of

LIMITS = (0.15, 0.30, 0.50)
AS_OF = pd.Timestamp("2019-06-03", tz="UTC").as_unit("us")
PROBABILITY = {
    ("supply_drop", "current_year"): 0.40,
    ("supply_drop", "next_year"): 0.45,
    ("severe_supply_drop", "current_year"): 0.20,
    ("severe_supply_drop", "next_year"): 0.25,
}
NOTHING = {
    "probability": np.nan,
    "p_low": np.nan,
    "p_high": np.nan,
    "tier": None,
    "probability_previous": np.nan,
    "change": np.nan,
    "change_data": np.nan,
    "change_revision": np.nan,
    "change_model": np.nan,
    "driver_1": None,
    "driver_2": None,
    "driver_3": None,
    "abstained": True,
    "reason": "more than half of the value has an imputed quantity",
}


def row(target: str, horizon: str, supplier: str) -> dict:
    year = 2019 if horizon == "current_year" else 2020
    p = PROBABILITY[target, horizon]
    return {
        "run_id": "2019-W23-0123456789",
        "as_of": AS_OF,
        "target": target,
        "horizon": horizon,
        "window_start": pd.Timestamp(f"{year}-01-01", tz="UTC"),
        "window_end": pd.Timestamp(f"{year}-12-31", tz="UTC"),
        "mineral": "cobalt",
        "stage": "processing",
        "supplier": supplier,
        "probability": p,
        "p_low": p - 0.1,
        "p_high": p + 0.1,
        "base_rate": 0.2,
        "tier": "elevated" if p >= 0.3 else "guarded",
        "alert": p >= 0.3,
        "onset": True,
        "probability_previous": p - 0.06,
        "change": 0.06,
        "change_data": 0.01,
        "change_revision": 0.02,
        "change_model": 0.03,
        "driver_1": "the largest buyer takes 80 % (raises the risk)",
        "driver_2": None,
        "driver_3": None,
        "data_as_of": pd.Timestamp("2019-02-01", tz="UTC"),
        "stale": False,
        "abstained": False,
        "reason": None,
        "model_name": "lightgbm",
        "model_version": "0123456789ab",
        "data_digest": "0123456789abcdef",
    }


def good_table() -> pd.DataFrame:
    """Two suppliers with a forecast, and one (ZMB) that abstains, for every target and horizon."""
    rows = [row(target, horizon, supplier) for target, horizon in PROBABILITY for supplier in ("CHN", "COD")]
    rows += [row(target, horizon, "ZMB") | NOTHING | {"alert": False} for target, horizon in PROBABILITY]
    return conform(pd.DataFrame(rows), COLUMNS)


def at(target: str, horizon: str, supplier: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda t: t["target"].eq(target) & t["horizon"].eq(horizon) & t["supplier"].eq(supplier)


DROP_NOW = at("supply_drop", "current_year", "COD")
SEVERE_NOW = at("severe_supply_drop", "current_year", "COD")
SEVERE_NEXT = at("severe_supply_drop", "next_year", "COD")
HELD = at("supply_drop", "current_year", "ZMB")

# (the check, the row, the column, the value): one broken value each.
BREAKS = [
    ("one row per target, horizon and pair", SEVERE_NEXT, "supplier", "CHN"),
    ("probabilities between 0 and 1", DROP_NOW, "p_low", -0.01),
    ("probabilities between 0 and 1", at("supply_drop", "next_year", "COD"), "p_high", 1.01),
    ("probabilities between 0 and 1", DROP_NOW, "base_rate", 1.5),
    ("probabilities between 0 and 1", DROP_NOW, "base_rate", np.nan),
    ("p_low <= probability <= p_high", DROP_NOW, "p_low", 0.41),
    ("p_low <= probability <= p_high", DROP_NOW, "p_high", 0.39),
    ("change is the sum of its parts and of the move", DROP_NOW, "change_data", 0.01 + 1e-8),
    ("change is the sum of its parts and of the move", DROP_NOW, "probability_previous", 0.33),
    ("change is given whole or not at all", DROP_NOW, "change", np.nan),
    ("change is given whole or not at all", HELD, "probability_previous", 0.3),
    ("the window is the horizon's year", DROP_NOW, "window_start", pd.Timestamp("2018-01-01", tz="UTC")),
    ("the window is the horizon's year", SEVERE_NEXT, "window_end", pd.Timestamp("2021-12-31", tz="UTC")),
    ("who abstains gives no number and says why", HELD, "reason", None),
    ("who abstains gives no number and says why", HELD, "reason", ""),
    ("who abstains gives no number and says why", HELD, "p_high", 0.9),
    ("who abstains gives no number and says why", HELD, "tier", "low"),
    ("who abstains gives no number and says why", HELD, "alert", True),
    ("who forecasts gives a number, a tier and a reason", DROP_NOW, "tier", None),
    ("who forecasts gives a number, a tier and a reason", DROP_NOW, "driver_1", None),
    ("tiers are known ones", DROP_NOW, "tier", "critical"),
    ("no data from after as_of", DROP_NOW, "data_as_of", AS_OF + pd.Timedelta(days=1)),
]
# These need a probability that still suits its own row's interval and change.
MOVES = [
    ("P(severe) <= P(drop)", SEVERE_NEXT, {"probability": 0.46, "p_high": 0.5}),
    ("probabilities do not fall with the horizon", SEVERE_NEXT, {"probability": 0.19}),
]


def failing(table: pd.DataFrame) -> set[str]:
    return {sentence for sentence, check in CHECKS if check(table).any()}


def test_a_good_table_passes_every_check() -> None:
    assert failing(good_table()) == set()
    check_forecasts(good_table())


@pytest.mark.parametrize(("sentence", "where", "column", "value"), BREAKS)
def test_one_broken_value_is_caught_by_its_own_check_alone(
    sentence: str, where: Callable[[pd.DataFrame], pd.Series], column: str, value: object
) -> None:
    table = good_table()
    kept = table.loc[where(table), column]
    assert len(kept) == 1
    at_row = kept.index[0]
    table.loc[at_row, column] = value
    assert failing(table) == {sentence}
    with pytest.raises(ContractError, match="Nothing published") as caught:
        check_forecasts(table)
    assert sentence in str(caught.value)
    table[column] = table[column].astype(COLUMNS[column])
    table.loc[at_row, column] = kept.iloc[0]
    check_forecasts(table)


@pytest.mark.parametrize(("sentence", "where", "values"), MOVES)
def test_a_probability_out_of_order_is_caught_by_its_own_check_alone(
    sentence: str, where: Callable[[pd.DataFrame], pd.Series], values: dict[str, float]
) -> None:
    table = good_table()
    at_row = table.index[where(table)][0]
    kept = table.loc[at_row, ["probability", "p_high", "probability_previous"]]
    moved = values | {"probability_previous": values["probability"] - table.loc[at_row, "change"]}
    for column, value in moved.items():
        table.loc[at_row, column] = value
    assert failing(table) == {sentence}
    with pytest.raises(ContractError, match=r"severe_supply_drop next_year cobalt COD"):
        check_forecasts(table)
    for column, value in kept.items():
        table.loc[at_row, column] = value
    check_forecasts(table)


def test_every_check_is_broken_by_some_case_above() -> None:
    assert {sentence for sentence, *_ in [*BREAKS, *MOVES]} == {sentence for sentence, _ in CHECKS}


def test_the_message_counts_the_rows_and_names_the_first() -> None:
    table = good_table()
    table.loc[DROP_NOW(table) | SEVERE_NOW(table), "tier"] = "critical"
    with pytest.raises(ContractError, match=r"broken in 2 row\(s\): tiers are known ones; first .* cobalt COD"):
        check_forecasts(table)


@pytest.mark.parametrize("columns", [COLUMNS, EXPLANATION_COLUMNS])
def test_conform_gives_the_same_columns_and_types_with_and_without_rows(columns: dict[str, str]) -> None:
    values = {"str": "a", "float64": 1.0, "bool": True}
    full = conform(pd.DataFrame([{name: values.get(kind, AS_OF) for name, kind in columns.items()}]), columns)
    nothing = conform(pd.DataFrame(columns=list(columns)), columns)
    assert nothing.empty
    assert list(nothing.columns) == list(columns)
    assert nothing.dtypes.astype("str").to_dict() == full.dtypes.astype("str").to_dict() == dict(columns)


def test_conform_puts_columns_in_order_and_refuses_another_set() -> None:
    shuffled = good_table()[list(reversed(COLUMNS))]
    assert list(conform(shuffled, COLUMNS).columns) == list(COLUMNS)
    with pytest.raises(ContractError, match=r"lacks \['tier'\] and has too much \['level'\]"):
        conform(shuffled.rename(columns={"tier": "level"}), COLUMNS)


def test_the_columns_are_those_of_the_design_in_its_order() -> None:
    wanted = (
        "run_id as_of target horizon window_start window_end mineral stage supplier probability p_low p_high "
        "base_rate tier alert onset probability_previous change change_data change_revision change_model driver_1 "
        "driver_2 driver_3 data_as_of stale abstained reason model_name model_version data_digest"
    )
    assert list(COLUMNS) == wanted.split()
    wanted = "run_id target horizon mineral supplier signal feature value contribution"
    assert list(EXPLANATION_COLUMNS) == wanted.split()


@pytest.mark.parametrize(
    ("probability", "tier"),
    [
        (0.0, "low"),
        (np.nextafter(0.15, 0), "low"),
        (0.15, "guarded"),
        (np.nextafter(0.30, 0), "guarded"),
        (0.30, "elevated"),
        (np.nextafter(0.50, 0), "elevated"),
        (0.50, "severe"),
        (1.0, "severe"),
    ],
)
def test_each_limit_belongs_to_the_tier_it_begins(probability: float, tier: str) -> None:
    assert tier_of(pd.Series([probability]), LIMITS).tolist() == [tier]


def test_no_probability_has_no_tier_and_the_index_stays() -> None:
    tiers = tier_of(pd.Series([0.9, np.nan, 0.1], index=[7, 3, 5]), LIMITS)
    assert tiers.index.tolist() == [7, 3, 5]
    assert tiers.isna().tolist() == [False, True, False]
    assert tier_of(pd.Series([], dtype="float64"), LIMITS).empty


RISING = st.lists(st.floats(0.01, 0.99), min_size=3, max_size=3, unique=True).map(sorted).map(tuple)


@given(limits=RISING, pair=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_higher_probability_never_has_a_lower_tier(
    limits: tuple[float, float, float], pair: tuple[float, float]
) -> None:
    low, high = (TIERS.index(tier) for tier in tier_of(pd.Series(sorted(pair)), limits))
    assert low <= high
    assert low == sum(limit <= min(pair) for limit in limits)
