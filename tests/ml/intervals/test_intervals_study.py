"""The study of intervals: coverage and curves counted by hand, older figures without a look ahead, and the page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features.catalog import load_catalog
from ml.cli_intervals import app
from ml.intervals.ages import AGES, AgedPlan, age_table, forecasts_at
from ml.intervals.alert_bounds import alert_table
from ml.intervals.coverage import cells, coverage, coverage_table
from ml.intervals.page import render_page, risk_chart
from ml.intervals.risk_coverage import KEPT, area, curve, gain_over_random, support_scores
from ml.intervals.study import measured
from ml.origins import Origin
from ml.results import without_nan
from models.calibration import expit
from tests.models.test_forecaster import FEATURES, QUICK, make_labels, make_panel

MINERALS = ("cobalt", "nickel", "tin", "zinc")


def predictions(*, half: float = 1.0, seed: int = 0) -> pd.DataFrame:
    """Right probabilities with an interval of `half` log-odds; a tenth of the rows far, where the opposite comes."""
    rng = np.random.default_rng(seed)
    tables = []
    for target in ("supply_drop", "severe_supply_drop"):
        for year in range(2016, 2021):
            n = 160
            score = rng.normal(-1, 1, size=n)
            p = expit(score)
            is_far = np.arange(n) % 10 == 1
            label = (rng.random(n) < np.where(is_far, 1 - p, p)).astype("float64")
            tables.append(
                pd.DataFrame(
                    {
                        "model": "lightgbm",
                        "target": target,
                        "horizon": "current_year",
                        "mineral": [MINERALS[at // 40] for at in range(n)],
                        "supplier": [f"S{at:02}" for at in range(n)],
                        "as_of": pd.Timestamp(year=year, month=7, day=20, tz="UTC").as_unit("us"),
                        "window_start": pd.Timestamp(year=year, month=1, day=1, tz="UTC").as_unit("us"),
                        "probability": p,
                        "p_low": expit(score - half),
                        "p_high": expit(score + half),
                        "calibration_low": expit(score - 0.01),
                        "calibration_high": expit(score + 0.01),
                        "label": label,
                        "onset": rng.random(n) < 0.7,
                        "is_major": rng.random(n) < 0.5,
                        "is_transit": rng.random(n) < 0.2,
                        "base_rate": 0.3,
                        "distance": np.where(is_far, 0.2, 0.0),
                        "stale_years": 0.0,
                        "record_years": rng.integers(1, 20, size=n).astype(float),
                        "missing_frac": 0.0,
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    found = predictions()
    return found.assign(year=found["as_of"].dt.year)


# ---- coverage ------------------------------------------------------------------------------------


def test_coverage_is_what_one_counts_by_hand() -> None:
    found = pd.DataFrame(
        {
            "n": [20, 20, 20, 20],
            "hits": [10, 7, 4, 4],
            "probability": [0.5, 0.5, 0.5, 0.5],
            "p_low": [0.4, 0.4, 0.4, 0.1],
            "p_high": [0.6, 0.6, 0.6, 0.9],
        }
    )
    told = coverage(found, "p_low", "p_high")
    assert told["inside"].tolist() == [True, False, False, True]
    # 7 of 20 is what sampling does to one half; 4 of 20 is not, with so narrow an interval.
    assert told["covered"].tolist() == [True, True, False, True]
    bare = coverage(found, "probability", "probability")
    assert bare["inside"].tolist() == [True, False, False, False]
    assert bare["covered"].tolist() == [True, True, False, False]


def test_only_the_half_on_the_side_of_the_observation_counts() -> None:
    found = pd.DataFrame({"n": [40], "hits": [30], "probability": [0.5], "p_low": [0.1], "p_high": [0.5]})
    assert not coverage(found, "p_low", "p_high")["covered"].any()
    assert coverage(found.assign(p_low=0.5, p_high=0.9), "p_low", "p_high")["covered"].all()


def test_cells_hold_every_row_of_a_year_by_probability(rows: pd.DataFrame) -> None:
    own = rows[rows["target"].eq("supply_drop")]
    found = cells(own)
    # 160 rows a year give five groups of 32.
    assert found["n"].tolist() == [32] * 25
    assert found["hits"].sum() == own["label"].sum()
    assert (found.groupby("year")["probability"].diff().dropna() > 0).all()


def test_wider_intervals_cover_more_and_right_probabilities_need_none(rows: pd.DataFrame) -> None:
    near = rows[rows["distance"].eq(0)]
    (line,) = coverage_table(near[near["target"].eq("supply_drop")])
    assert line["interval_covered"] >= line["none_covered"]
    assert line["interval_inside"] > line["calibration_inside"]
    assert line["none_covered"] == pytest.approx(0.9, abs=0.1)
    # Where the opposite comes, sampling does not explain it.
    (wrong,) = coverage_table(rows[rows["distance"].gt(0)])
    assert wrong["none_covered"] < 0.4


# ---- abstention ----------------------------------------------------------------------------------


def test_a_score_that_knows_what_is_unsupported_gains_and_one_that_knows_nothing_does_not(rows: pd.DataFrame) -> None:
    own = rows[rows["target"].eq("supply_drop")]
    scores = support_scores(own)
    points = curve(own, scores["distance"])
    assert [point["kept"] for point in points] == list(KEPT)
    assert points[0]["missed_frac"] == 0
    most = next(point for point in points if point["kept"] == 0.9)
    kept = own[own["distance"].eq(0)]
    assert most["n"] == len(kept)
    assert most["brier"] == pytest.approx(((kept["probability"] - kept["label"]) ** 2).mean())
    assert most["missed_frac"] == pytest.approx(1 - kept["label"].sum() / own["label"].sum())
    assert most["skill"] > points[0]["skill"] + 0.05
    gain = gain_over_random(own, scores["distance"], n_draws=100)
    assert gain["value"] > gain["low"] > 0
    nothing = gain_over_random(own, np.random.default_rng(1).random(len(own)), n_draws=100)
    assert nothing["low"] < 0 < nothing["high"]


def test_the_area_is_the_mean_height_of_the_curve() -> None:
    points = [{"kept": 1.0, "brier": 0.2}, {"kept": 0.9, "brier": 0.1}, {"kept": 0.5, "brier": 0.1}]
    assert area(points, "brier") == pytest.approx((0.1 * 0.15 + 0.4 * 0.1) / 0.5)


def test_alerts_are_counted_per_rule_among_major_suppliers() -> None:
    facts = [
        # major, probability, calibration_low, p_low, label
        (True, 0.5, 0.45, 0.20, 1.0),
        (True, 0.5, 0.45, 0.40, 0.0),
        (True, 0.35, 0.30, 0.20, 1.0),
        (True, 0.2, 0.19, 0.10, 1.0),
        (False, 0.9, 0.90, 0.80, 1.0),
    ]
    table = pd.DataFrame(facts, columns=["is_major", "probability", "calibration_low", "p_low", "label"])
    found = {line["rule"]: line for line in alert_table(table.assign(base_rate=0.3))}
    assert (found["calibration"]["alerts"], found["calibration"]["hits"]) == (2, 1)
    assert (found["interval"]["alerts"], found["interval"]["hits"]) == (1, 0)
    assert found["calibration"]["events"] == 3
    assert found["calibration"]["precision"] == 0.5
    assert found["calibration"]["recall"] == pytest.approx(1 / 3)


# ---- older figures -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def aged() -> pd.DataFrame:
    origin = Origin(pd.Timestamp("2012-07-16", tz="UTC").to_pydatetime())
    found = forecasts_at(
        make_panel(range(1998, 2013)), make_labels(range(1998, 2020)), origin, AgedPlan(FEATURES, QUICK)
    )
    return found[found["label"].notna()].assign(year=2012)


def test_older_figures_forecast_the_same_outcomes_with_wider_intervals(aged: pd.DataFrame) -> None:
    assert sorted(aged["age"].unique()) == list(AGES)
    by_age = aged.groupby("age")
    assert by_age["stale_years"].first().tolist() == [0, 1, 2, 3, 4, 5]
    key = ["mineral", "supplier"]
    fresh, old = (aged[aged["age"].eq(age)].set_index(key) for age in (4, 9))
    both = fresh.index.intersection(old.index)
    assert fresh.loc[both, "label"].equals(old.loc[both, "label"])
    width = (aged["p_high"] - aged["p_low"]).groupby(aged["age"]).mean()
    assert (width.loc[5:].diff().dropna() > 0).all()
    table = age_table(aged)
    assert [line["group"] for line in table] == [str(age) for age in AGES]


def test_outcomes_after_the_origin_change_no_forecast(aged: pd.DataFrame) -> None:
    origin = Origin(pd.Timestamp("2012-07-16", tz="UTC").to_pydatetime())
    labels = make_labels(range(1998, 2020))
    late = labels["resolved_at"] > pd.Timestamp(origin.as_of)
    turned = labels.assign(ratio=labels["ratio"].mask(late, 2.0 - labels["ratio"]))
    again = forecasts_at(make_panel(range(1998, 2013)), turned, origin, AgedPlan(FEATURES, QUICK))
    numbers = ["probability", "p_low", "p_high", "distance"]
    pd.testing.assert_frame_equal(again.loc[aged.index, numbers], aged[numbers])


def test_what_came_after_the_figures_stopped_is_not_seen(aged: pd.DataFrame) -> None:
    origin = Origin(pd.Timestamp("2012-07-16", tz="UTC").to_pydatetime())
    panel = make_panel(range(1998, 2013))
    # The freshest age is four years: figures of July 2010. Those of the origin are for no forecast of the study.
    other = panel.assign(x=panel["x"].mask(panel["as_of"].dt.year.eq(2012), 9.0))
    again = forecasts_at(other, make_labels(range(1998, 2020)), origin, AgedPlan(FEATURES, QUICK))
    numbers = ["probability", "p_low", "p_high", "distance"]
    pd.testing.assert_frame_equal(again.loc[aged.index, numbers], aged[numbers])


# ---- the page ------------------------------------------------------------------------------------


def test_the_page_says_what_was_measured(aged: pd.DataFrame, tmp_path: Path) -> None:
    result = without_nan(measured(predictions(), aged, load_catalog(), n_draws=20))
    about = {"command": "oresight intervals --out DIR", "origins": "2016 to 2020", "signals": "trade"}
    page = render_page({"about": about | {"data_digest": "d", "chosen_until": 2018}, **result})
    assert "better than random: most features in the tails of the training rows first" in page
    line = next(line for line in page.splitlines() if line.startswith("| severe supply drop | current year | all |"))
    assert f"| {len(predictions()) // 2:,} |" in line
    assert "None" not in page
    assert "nan" not in page.lower().replace("finance", "")
    svg = risk_chart(result["risk_coverage"]["orders"])
    assert svg.startswith("<svg")
    assert "Skill of the forecasts that are kept" in re.sub(r"<[^>]+>", "", svg)
    assert svg == risk_chart(result["risk_coverage"]["orders"])


def test_the_command_names_its_options_and_refuses_origins_without_a_past(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["--help"])
    assert answer.exit_code == 0
    for option in ("--out", "--first", "--last", "--draws", "--page", "--as-of", "--home", "--json"):
        assert option in answer.output
    refused = CliRunner().invoke(app, ["--out", str(tmp_path / "out"), "--home", str(tmp_path), "--first", "2001"])
    assert refused.exit_code != 0
    assert "2001 is too early" in str(refused.exception)
    assert not (tmp_path / "out").exists()
