"""Other figures settle outcomes by the same rule, flips are counted per class, and noise has a ceiling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.catalog import load_catalog
from features.exports import yearly_exports
from ml import label_noise as noise
from ml.label_noise_page import render
from ml.label_noise_study import CHECKS, PairYears, declarations
from ml.scores import roc_auc
from models.targets import TARGETS, label_table
from tests.builders import flow, rows, series


def flows(supplier: str, importer: str, tonnes: list[float]) -> list[dict[str, object]]:
    return [
        {"code": "260400", "supplier": supplier, "importer": importer, "year": 2000 + at, "tonnes": float(value)}
        for at, value in enumerate(tonnes)
    ]


def ratios(declared: list[dict[str, object]], reporter: str = "importer") -> pd.DataFrame:
    baci = [
        *flows("PHL", "JPN", [60, 60, 60, 30]),
        *flows("PHL", "CHN", [30, 30, 30, 90]),
        *flows("AUS", "JPN", [9] * 4),
    ]
    found = noise.declared_ratios(pd.DataFrame(baci), pd.DataFrame(declared), reporter)
    return found.set_index("supplier")


def test_the_same_flows_are_compared_by_hand() -> None:
    found = ratios(flows("PHL", "JPN", [50, 50, 50, 40])).loc["PHL"]
    assert found["label_ratio"] == pytest.approx(120 / 90)
    assert found["same_ratio"] == pytest.approx(0.5)
    assert found["declared_ratio"] == pytest.approx(0.8)
    assert found["coverage"] == pytest.approx(210 / 390)
    assert found["share"] == pytest.approx(270 / 297)


def test_an_office_that_is_silent_for_a_year_covers_nothing_and_a_missing_row_is_zero() -> None:
    silent = flows("PHL", "JPN", [50, 50, 50, 40])
    assert ratios([row for row in silent if row["year"] != 2001]).empty
    # Japan declared something of another supplier that year: then it took nothing of this one.
    told = [row for row in silent if row["year"] != 2003] + flows("AUS", "JPN", [9, 9, 9, 9])
    assert ratios(told).loc["PHL", "declared_ratio"] == 0
    missing = [{**row, "tonnes": np.nan if row["year"] == 2003 else row["tonnes"]} for row in silent]
    assert ratios(missing).empty
    by_supplier = ratios([*silent, *flows("PHL", "CHN", [30, 30, 30, 30])], "supplier")
    assert by_supplier.loc["PHL", "coverage"] == 1.0


def declaration(**other: object) -> dict[str, object]:
    usual = {"reported_by": "importer", "importer": "JPN", "supplier": "PHL", "hs_code": "260400", "basis": "gross"}
    months = {"first_month": "2004-01-01", "last_month": "2004-12-01", "available_at": "2005-08-01"}
    figures = {"value_usd": 10.0, "quantity_tonnes": 2.0, "is_estimated": False, "source": "comtrade"}
    return {**usual, **months, **figures, **other}


def test_only_whole_years_and_whole_headings_are_compared() -> None:
    kept = declaration()
    without = declaration(supplier="IDN", quantity_tonnes=0.0)
    others = [
        declaration(last_month="2004-11-01"),
        declaration(first_month="2003-07-01", last_month="2004-06-01"),
        declaration(hs_code="8112"),
        declaration(reported_by="supplier"),
        declaration(source="usitc_dataweb"),
    ]
    found = declarations(rows("mirror_trade", [kept, without, *others]), CHECKS[0])
    assert found[["code", "supplier", "year"]].to_numpy().tolist() == [["260400", "PHL", 2004], ["260400", "IDN", 2004]]
    assert found["tonnes"].iloc[0] == 2.0
    assert np.isnan(found["tonnes"].iloc[1])


def imputed_trade() -> pd.DataFrame:
    steady = series("COD", [10, 10, 10, 10, 4])
    guessed = [flow(2004, "COD", "USA", 6, is_imputed=True, value_usd=30_000.0)]
    return rows("trade", [*steady, *guessed, *series("AUS", [5, 5, 5, 5, 5])])


def test_outcomes_by_the_same_rule_as_labels() -> None:
    trade, catalog = imputed_trade(), load_catalog()
    years = PairYears.of(trade, catalog)
    own = years.ratios(years.rows["quantity_tonnes"].to_numpy())
    labels = label_table(yearly_exports(trade, catalog)).set_index(["supplier", "year"])["ratio"]
    for at, supplier in enumerate(years.pairs["supplier"]):
        for column, year in enumerate(years.years):
            if (supplier, year) in labels.index:
                assert own[at, column] == pytest.approx(labels[supplier, year])
    left = years.ratios(noise.without_imputed(years.rows)["quantity_tonnes"].to_numpy())
    assert left[years.pairs["supplier"].eq("COD"), -1] == pytest.approx([0.4])
    assert years.tracked()[:, -1].all()
    assert not years.tracked()[:, 0].any()


def test_an_imputed_quantity_is_drawn_at_the_unit_value_of_another_flow() -> None:
    trade = imputed_trade()
    drawn = noise.redrawn(trade, np.random.default_rng(0))
    is_imputed = trade["is_imputed"]
    # All others sell at 10,000 USD per tonne.
    assert drawn.loc[is_imputed, "quantity_tonnes"].to_list() == pytest.approx([3.0])
    pd.testing.assert_frame_equal(drawn[~is_imputed], trade[~is_imputed])
    alone = rows("trade", [flow(2004, "COD", "USA", 6, is_imputed=True)])
    pd.testing.assert_frame_equal(noise.redrawn(alone, np.random.default_rng(0)), alone)


def test_a_slip_of_ten_is_put_right_and_a_price_that_all_pay_is_not() -> None:
    value = np.full((3, 7), 1e6)
    tonnes = np.full((3, 7), 100.0)
    tonnes[0, 3] = 4000.0
    tonnes[:, 5] = 5.0
    mineral = np.zeros(3, dtype=int)
    found = noise.at_usual_prices(tonnes, value, mineral, factor=10)
    assert found[0, 3] == pytest.approx(100.0)
    found[0, 3] = 4000.0
    np.testing.assert_array_equal(found, tonnes)
    np.testing.assert_array_equal(noise.at_usual_prices(tonnes, value, mineral, factor=50), tonnes)


def test_flips_are_counted_per_class() -> None:
    ratio, other = np.array([0.5, 0.6, 0.9, 1.0, 1.1]), np.array([0.5, 0.8, 0.6, 1.0, 1.1])
    block = (np.array(list("aabbb")), np.array([1, 2, 1, 2, 1]))
    found = noise.flips(ratio, other, 0.7, block, draws=50)
    assert (found["n"], found["events"], found["other_events"]) == (5, 2, 2)
    assert found["lost"]["value"] == 0.5
    assert found["gained"]["value"] == pytest.approx(1 / 3)
    assert found["flipped"]["value"] == pytest.approx(2 / 5)


def test_without_error_there_is_no_ceiling_and_with_it_there_is() -> None:
    rng = np.random.default_rng(1)
    ratio = np.exp(rng.normal(0, 0.6, 3000))
    scored = pd.DataFrame({"mineral": "tin", "supplier": rng.choice(list("abcdef"), 3000), "ratio": ratio})
    scored = scored.assign(label=(ratio < 0.7).astype(float))
    exact = noise.ceilings(scored, np.zeros(5), "supply_drop", repeats=2)
    assert (exact["lost"], exact["gained"], exact["auc"], exact["when"]) == (0, 0, 1, 1)
    small, large = (noise.ceilings(scored, rng.normal(0, s, 500), "supply_drop", repeats=5) for s in (0.1, 0.5))
    assert 1 > small["auc"] > large["auc"] > 0.7
    assert small["lost"] < large["lost"]
    # Knowing how far an outcome lay from the limit says more than which side it was on.
    assert large["auc"] > large["twin_auc"]


def test_noise_that_depends_on_the_class_shrinks_auc_by_the_factor() -> None:
    rng = np.random.default_rng(2)
    truth = (rng.random(200_000) < 0.3).astype(float)
    score = truth + rng.normal(size=len(truth))
    label = np.where(rng.random(len(truth)) < np.where(truth == 1, 0.2, 0.05), 1 - truth, truth)
    lost, gained = (1 - truth)[label == 1].mean(), truth[label == 0].mean()
    expected = 0.5 + noise.attenuation(lost, gained) * (roc_auc(truth, score) - 0.5)
    assert roc_auc(label, score) == pytest.approx(expected, abs=0.004)


def test_the_page_says_what_there_is_and_what_there_is_not() -> None:
    rate = {"value": 0.1, "low": 0.05, "high": 0.2}
    row = {"check": "c", "what": "w", "n": 1200, "pairs": 7, "events": 9, "other_events": 8}
    told = [{**row, "target": target, "lost": rate, "gained": rate, "flipped": rate} for target in TARGETS]
    about = {"as_of": "2026-01-02", "data_digest": "d" * 16, "draws": 20, "origins": "2006-2018"}
    empty = {**about, "revised": 0, "figures": 1000, "flips": told, "differences": [], "ceilings": [], "slips": []}
    text = render(empty)
    assert "| c | w | 1,200 | 7 | 9 | 8 | 0.100 [0.050 to 0.200] |" in text
    assert "None of the 1,000 yearly figures" in text
    assert "The store has no declarations" in text
    names = ("lost", "gained", "twin_auc", "auc", "average_precision", "when")
    ceiling = {"target": "supply_drop", "error": "e", "share": "s", "n": 5, "attenuation": 0.5} | dict.fromkeys(
        names, 0.9
    )
    slip = {"target": "supply_drop", "factor": 3, "rows": "all rows", "n": 1100, "events": 7}
    figures = dict.fromkeys(("roc_auc", "average_precision", "brier_skill"), rate)
    gains = dict.fromkeys(("told_average_precision_gain", "told_brier_skill_gain"), rate)
    full = render({**empty, "revised": 3, "ceilings": [ceiling], "slips": [slip, slip | figures | gains]})
    assert "| `supply_drop` | 3 times | all rows | 1,100 | 7 | – | – | – | – | – |" in full
    assert "| 1,100 | 7 | 0.100 [0.050 to 0.200] |" in full
    assert "| +0.100 [+0.050 to +0.200] |" in full
    assert "3 of 1,000 yearly figures" in full
    assert "| `supply_drop` | e | s | 0.500 | 0.900 | 1.000 | above 1 | above 1 |" in full
