"""Odd prices are told from what was known at a date; forecasts are scored with and without the outcomes they make."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.catalog import load_catalog
from features.exports import yearly_exports
from ml import label_slips
from ml.experiments.odd_prices import (
    COLUMNS,
    SETTLED,
    STAYS,
    odd_price_columns,
    ratios_at_usual_prices,
    with_outcomes,
)
from ml.label_slips import METRICS, PARTS, split_scores
from tests.builders import flow, random_trade, rows, series, utc

SLIP_YEAR = 2006


@pytest.fixture(scope="module")
def exports() -> pd.DataFrame:
    # Chile's tonnes of one year are ten times what its sales cost; those of the others never are.
    good = [*series("COD", [100.0] * 10), *series("PHL", [50.0] * 10), *series("CHL", [80.0] * 10)]
    slipped = {**flow(SLIP_YEAR, "CHL", "JPN", 800.0), "value_usd": 10_000.0 * 80}
    records = [row for row in good if (row["supplier"], row["year"]) != ("CHL", SLIP_YEAR)]
    return yearly_exports(rows("trade", [*records, slipped]), load_catalog())


def at(exports: pd.DataFrame, *dates: str) -> pd.DataFrame:
    moments = pd.Series([utc(date) for date in dates], dtype="datetime64[us, UTC]")
    return odd_price_columns(exports, moments).set_index(["supplier", "as_of"])


def test_a_slip_is_told_while_the_reference_holds_it(exports: pd.DataFrame) -> None:
    found = at(exports, "2007-07-16", "2008-07-21", "2009-07-20", "2010-07-19", "2011-07-18")
    assert found.loc[("CHL", utc("2011-07-18")), "odd_price_3y"] == 0
    assert found.loc[("CHL", utc("2011-07-18")), "odd_price_10y"] == pytest.approx(1 / 10)
    last = [found.loc[("CHL", utc(date)), "odd_price_last"] for date in ("2007-07-16", "2008-07-21", "2009-07-20")]
    assert last == pytest.approx([0.0, np.log(10), 0.0])
    assert found.loc[("CHL", utc("2009-07-20")), "odd_price_reference"] == pytest.approx(np.log(880 / 160))
    assert found.loc[("CHL", utc("2010-07-19")), "odd_price_reference"] == 0
    assert found.loc[("CHL", utc("2010-07-19")), "odd_price_3y"] == pytest.approx(np.log(10))
    assert found.loc[("CHL", utc("2010-07-19")), "odd_price_10y"] == pytest.approx(1 / 9)
    others = found.drop(index="CHL", level="supplier")[list(COLUMNS)]
    assert len(others) == 10
    assert (others == 0).all(axis=None)


def test_an_outcome_that_the_slip_made_is_none_at_usual_prices(exports: pd.DataFrame) -> None:
    usual = ratios_at_usual_prices(exports, 3).set_index(["supplier", "target_year"])["usual_ratio"]
    assert usual["CHL", SLIP_YEAR + 1] == pytest.approx(1.0)
    # A price that is ten times off is none that is twenty times off.
    as_told = ratios_at_usual_prices(exports, 20).set_index(["supplier", "target_year"])["usual_ratio"]
    assert as_told["CHL", SLIP_YEAR + 1] == pytest.approx(80 / 320)


@pytest.mark.parametrize(
    ("target", "stays", "settled"),
    [
        ("supply_drop", [True, False, True, True], [1, 1, 1, 0]),
        ("severe_supply_drop", [False, True, True, True], [0, 0, 1, 0]),
    ],
)
def test_an_outcome_is_settled_at_usual_prices_where_there_are_any(
    target: str, stays: list[bool], settled: list[float]
) -> None:
    table = pd.DataFrame(
        {"mineral": "tin", "supplier": list("abcd"), "target_year": 2010, "label": [1.0, 0.0, 1.0, 0.0]}
    )
    usual = table[["mineral", "supplier", "target_year"]].assign(usual_ratio=[0.6, 0.65, np.nan, 0.9]).iloc[::-1]
    found = with_outcomes(table, usual, target)
    assert (found[STAYS].to_list(), found[SETTLED].to_list()) == (stays, settled)


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_that_came_later_changes_the_columns_of_a_date(seed: int) -> None:
    trade, date = random_trade(seed), utc("2004-06-07")
    catalog = load_catalog()
    full = odd_price_columns(yearly_exports(trade, catalog), pd.Series([date]))
    cut = odd_price_columns(yearly_exports(trade[trade["available_at"] <= date], catalog), pd.Series([date]))
    key = ["mineral", "supplier"]
    # A pair that is first seen later has a row, without figures.
    full = full.merge(cut[key], on=key)
    pd.testing.assert_frame_equal(full, cut, check_exact=True)


def forecasts(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    label = (rng.random(n) < 0.3).astype(float)
    return pd.DataFrame(
        {
            "mineral": rng.choice(["cobalt", "tin"], n),
            "supplier": [f"S{number:03d}" for number in range(n)],
            "as_of": rng.choice(
                pd.to_datetime(["2010-07-19", "2011-07-18"], utc=True).astype("datetime64[us, UTC]"), n
            ),
            "target": "supply_drop",
            "horizon": "current_year",
            "label": label,
            "onset": True,
            "share": 0.05,
            "probability": np.clip(0.3 + 0.2 * (label - 0.3) + rng.normal(0, 0.1, n), 0.01, 0.99),
            "pair_history": 0.3,
        }
    )


def test_rows_are_split_by_whether_the_outcome_stays() -> None:
    own = forecasts()
    usual = own[["mineral", "supplier"]].assign(target_year=own["as_of"].dt.year)
    turned = np.arange(len(own)) % 4 == 0
    usual["usual_ratio"] = np.where(own["label"].eq(1) ^ turned, 0.5, 0.9)
    # What is told knows the outcome of the rows that turn, and nothing more of the others.
    told = own.assign(probability=np.where(turned, 0.05 + 0.9 * own["label"], own["probability"]))
    every, anew, same, other = split_scores(own, told, usual, "supply_drop", draws=20)
    assert [row["rows"] for row in (every, anew, same, other)] == list(PARTS)
    assert (every["n"], anew["n"], same["n"], other["n"]) == (400, 400, 300, 100)
    assert anew["events"] == same["events"] + other["n"] - other["events"]
    assert anew["told_brier_skill_gain"]["value"] < 0 < anew["roc_auc"]["value"] < every["roc_auc"]["value"]
    assert same["events"] + other["events"] == every["events"] == own["label"].sum()
    assert same["told_brier_skill_gain"]["value"] == 0
    assert other["told_brier_skill_gain"]["value"] > every["told_brier_skill_gain"]["value"] > 0
    assert set(METRICS) <= set(same)


def test_a_part_of_one_class_has_no_figures_and_a_row_without_price_keeps_its_label() -> None:
    own = forecasts()
    usual = own[["mineral", "supplier"]].assign(target_year=own["as_of"].dt.year)
    usual["usual_ratio"] = np.where(own["label"].eq(1), 0.5, 0.9)
    every, anew, same, other = split_scores(own, own, usual.iloc[40:], "supply_drop", draws=20)
    assert (every["n"], same["n"], other["n"]) == (400, 400, 0)
    assert anew["brier_skill"] == every["brier_skill"]
    assert "brier_skill" not in other


def test_slips_are_told_per_factor_and_target_from_the_forecasts_of_both(
    exports: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def predictions_of(knowledge: Any, ideas: Any, targets: Any, origins: Any, **_: Any) -> dict:
        asked.extend(idea.name for idea in ideas)
        # The idea knows the labels, the reference nothing.
        own = forecasts().assign(supplier="CHL", mineral="cobalt", as_of=utc("2007-07-16")).head(1)
        flat = pd.concat([own.assign(supplier=name, label=label) for name, label in (("CHL", 1.0), ("COD", 0.0))])
        return {
            (name, target): flat.assign(probability=0.3 if name == "reference" else flat["label"] * 0.8 + 0.1)
            for name in ("reference", label_slips.TOLD)
            for target in targets
        }

    monkeypatch.setattr(label_slips, "predictions_of", predictions_of)
    monkeypatch.setattr(label_slips, "FACTORS", (3, 20))
    known = SimpleNamespace(exports=exports, as_of=utc("2026-01-05").to_pydatetime())
    rows = label_slips.slip_scores(known, draws=5, workers=1, say=lambda line: None)  # type: ignore[arg-type]
    assert asked == ["reference", label_slips.TOLD]
    assert [row["factor"] for row in rows] == [3] * 8 + [20] * 8
    turned = [(row["factor"], row["target"]) for row in rows if row["rows"] == PARTS[3] and row["n"]]
    # Chile's price is ten times off.
    assert turned == [(3, "supply_drop"), (3, "severe_supply_drop")]
    (first, *_) = rows
    assert first["roc_auc"]["value"] == 0.5
    assert first["told_brier_skill_gain"]["value"] > 0
