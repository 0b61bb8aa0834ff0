"""What is left out is left out, lines score the rows they name, and pages show what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from typer.testing import CliRunner

from ml.cli_generalisation import app
from ml.experiments.ideas import Idea
from ml.experiments.odd_prices import SETTLED, STAYS
from ml.experiments.trial import at_origin
from ml.generalisation import curves, curves_page, page
from ml.generalisation import study as studying
from ml.generalisation.curves import QUARTERS, curve_ideas, quarter_of
from ml.generalisation.lines import LINES, ORDINARY, Line, variants
from ml.generalisation.study import METRICS, coherent, figures, lines_of
from ml.origins import Origin
from models.targets import TARGETS
from tests.builders import utc
from tests.ml.labelled_pairs import FEATURES, labelled_pairs

LAST = Origin(utc("2013-07-20").to_pydatetime())


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return labelled_pairs()


def named(ideas: tuple[Idea, ...], name: str) -> Idea:
    (idea,) = [idea for idea in ideas if idea.name == name]
    return idea


def turned(rows: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    return rows.assign(label=rows["label"].mask(which, 1 - rows["label"]))


def forecasts(rows: pd.DataFrame, idea: Idea) -> pd.Series:
    found = at_origin(rows, idea, FEATURES, "supply_drop", LAST)
    return found.set_index(["mineral", "supplier"])["probability"]


def test_a_crisis_that_is_left_out_teaches_nothing(rows: pd.DataFrame) -> None:
    other = turned(rows, rows["target_year"].between(2008, 2009))
    without, ordinary = named(variants(), "without-2008-2009"), named(variants(), ORDINARY)
    np.testing.assert_array_equal(forecasts(rows, without), forecasts(other, without))
    assert not np.array_equal(forecasts(rows, ordinary), forecasts(other, ordinary))


def test_a_mineral_never_seen_has_no_part_in_its_forecast_or_calibration(rows: pd.DataFrame) -> None:
    idea = named(variants(), "minerals-never-seen")
    one, two = forecasts(rows, idea), forecasts(turned(rows, rows["mineral"].eq("tin")), idea)
    np.testing.assert_array_equal(one["tin"], two["tin"])
    assert not one.equals(two)


def test_a_learning_curve_learns_from_its_part_alone(rows: pd.DataFrame) -> None:
    names = ["cobalt", "nickel", "tin"]
    some = named(curve_ideas(), f"quarters-2-from-{quarter_of('tin')}").learn(rows)
    wanted = {quarter_of("tin"), (quarter_of("tin") + 1) % QUARTERS}
    assert set(some["mineral"]) == {name for name in names if quarter_of(name) in wanted}
    last = named(curve_ideas(), "years-5").learn(rows[rows["target_year"] <= 2011])
    assert sorted(set(last["target_year"])) == list(range(2007, 2012))
    rotations = [idea.learn(rows) for idea in curve_ideas() if idea.name.startswith("quarters-3")]
    assert sum(map(len, rotations)) == 3 * len(rows)


def a_forecast(seed: int, n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.3).astype(float)
    year = rng.integers(2006, 2023, n)
    as_of = pd.to_datetime([f"{each}-07-20" for each in year], utc=True).astype("datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "mineral": rng.choice(["cobalt", "nickel", "tin", "zinc"], n),
            "supplier": [f"S{number:03d}" for number in range(n)],
            "as_of": as_of,
            "target_year": year,
            "label": label,
            "onset": rng.random(n) < 0.9,
            "is_major": rng.random(n) < 0.4,
            "is_transit": rng.random(n) < 0.2,
            STAYS: (stays := rng.random(n) < 0.8),
            SETTLED: np.where(stays, label, 1 - label),
            "probability": np.clip(0.3 + 0.2 * (label - 0.3) + rng.normal(0, 0.15, n), 0.01, 0.99),
            "pair_history": 0.3,
        }
    )


def test_figures_are_those_of_scikit_learn_whatever_the_order_of_rows() -> None:
    own = a_forecast(1)
    found = figures(own, own["probability"].to_numpy(), draws=30)
    assert found["roc_auc"]["value"] == pytest.approx(roc_auc_score(own["label"], own["probability"]))
    assert found["average_precision"]["value"] == pytest.approx(
        average_precision_score(own["label"], own["probability"])
    )
    brier = ((own["probability"] - own["label"]) ** 2).mean() / ((0.3 - own["label"]) ** 2).mean()
    assert found["brier_skill"]["value"] == pytest.approx(1 - brier)
    assert found["roc_auc"]["low"] < found["roc_auc"]["value"] < found["roc_auc"]["high"]
    assert found["roc_auc_gain"] == {"value": 0, "low": 0, "high": 0}
    mixed = own.sample(frac=1, random_state=2)
    assert figures(mixed, mixed["probability"].to_numpy(), draws=30) == found
    worse = figures(own, own["label"].to_numpy(), draws=30)
    assert worse["roc_auc_gain"]["high"] < 0


def test_a_severe_drop_is_never_likelier_than_a_drop() -> None:
    drop, severe = a_forecast(1), a_forecast(1).assign(probability=0.5)
    found = coherent({(ORDINARY, "supply_drop"): drop, (ORDINARY, "severe_supply_drop"): severe.iloc[::-1]})
    bounded = found[ORDINARY, "severe_supply_drop"].sort_values("supplier", ignore_index=True)
    assert bounded["probability"].to_list() == drop["probability"].clip(upper=0.5).to_list()
    assert found[ORDINARY, "supply_drop"] is drop


def test_lines_score_the_rows_they_name() -> None:
    table = a_forecast(3)
    onset = table["onset"]
    crisis = Line("x", "y", years=((2008, 2009),)).rows(table)
    assert set(table.loc[crisis, "target_year"]) == {2008, 2009}
    assert table.loc[crisis, "onset"].all()
    calm = Line("x", "y", but=((2008, 2009),)).rows(table)
    years = table["target_year"]
    pd.testing.assert_series_equal(calm, onset & years.le(2018) & ~years.between(2008, 2009), check_names=False)
    small = Line("x", "y", flag="is_major", is_flag=False).rows(table)
    pd.testing.assert_series_equal(small, onset & years.le(2018) & ~table["is_major"], check_names=False)


def test_a_line_can_settle_outcomes_anew_and_keeps_what_has_none() -> None:
    table = a_forecast(4)
    table.loc[:9, "label"] = np.nan
    found = {(idea.name, "supply_drop"): table for idea in variants()}
    of_line = {row["line"]: row for row in lines_of(found, "supply_drop", draws=20)}
    anew, every = of_line["all onset rows, settled at usual prices"], of_line["all onset rows"]
    stays, turns = of_line["the outcome stays at usual prices"], of_line["it turns round: often a slip of quantity"]
    assert anew["n"] == every["n"] == stays["n"] + turns["n"]
    assert anew["events"] == stays["events"] + turns["n"] - turns["events"]
    assert anew["roc_auc"]["value"] < every["roc_auc"]["value"] < stays["roc_auc"]["value"] + 0.05
    assert turns["roc_auc"]["value"] > 0.5


@pytest.fixture(scope="module")
def result() -> dict[str, object]:
    found = {(idea.name, target): a_forecast(5) for idea in variants() for target in TARGETS}
    lines = [row for target in TARGETS for row in lines_of(found, target, draws=20)]
    about = {"as_of": "2026-01-02", "data_digest": "d" * 16, "git_commit": "c", "draws": 20, "origins": "2006-2018"}
    return {**about, "lines": lines}


def test_every_line_is_on_the_page_with_its_numbers(result: dict[str, object]) -> None:
    text = page.render(result)
    for row in result["lines"]:
        value = row["roc_auc"]["value"]
        assert f"| {row['line']} | {row['n']:,} | {row['events']:,} | {row['pairs']:,} | {value:.3f} [" in text
    assert len(result["lines"]) == 2 * len(LINES)
    # One variant is the other here: a difference is exactly nothing, and has a sign.
    (row, *_) = [row for row in result["lines"] if row["line"] == "minerals never seen"]
    assert f"| minerals never seen | {row['n']} | +0.000 [+0.000 to +0.000] |" in text


def test_a_line_with_one_class_has_no_figures() -> None:
    calm = {(idea.name, "supply_drop"): a_forecast(5).assign(label=0.0, **{SETTLED: 0.0}) for idea in variants()}
    lines = lines_of(calm, "supply_drop", draws=20)
    assert all("roc_auc" not in row and row["events"] == 0 for row in lines)
    about = {"as_of": "2026-01-02", "data_digest": "d" * 16, "draws": 20, "origins": "2006-2018"}
    assert "| – | – |" in page.render({**about, "lines": lines})


def test_the_command_writes_the_page_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, result: dict[str, object]
) -> None:
    monkeypatch.setattr(studying, "study", lambda *_, **__: result)
    arguments = ["generalisation", "--out", str(tmp_path / "out"), "--page", str(tmp_path / "docs" / "page.md")]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    text = (tmp_path / "docs" / "page.md").read_text()
    assert text == (tmp_path / "out" / "generalisation.md").read_text() == page.render(result)


def test_a_point_of_a_curve_is_the_mean_over_what_was_learned_from() -> None:
    one, two = (a_forecast(6).sort_values(curves.KEY, ignore_index=True) for _ in range(2))
    two = two.assign(probability=1 - two["probability"])
    found = curves._point([one, two], one, draws=20)
    assert found["roc_auc"]["value"] == pytest.approx(0.5)
    assert found["roc_auc_gain"]["value"] == pytest.approx(0.5 - roc_auc_score(one["label"], one["probability"]))


def test_curves_are_shown_as_tables_and_charts() -> None:
    metric = {"value": 0.71, "low": 0.7, "high": 0.72}
    point = {"n": 10, "events": 3} | {
        name: metric for metric_name in METRICS for name in (metric_name, f"{metric_name}_gain")
    }
    points = [
        {"target": target, "curve": curve, "x": x, "label": str(x), **point}
        for target in TARGETS
        for curve in ("years", "minerals")
        for x in (3, 5)
    ]
    about = {"as_of": "2026-01-02", "data_digest": "d" * 16, "draws": 20, "origins": "2006-2018"}
    told = {**about, "long_origins": "2014-2018", "minerals": [1, 2, 3, 4], "points": points}
    text = curves_page.render(told)
    assert text.count("0.710 [0.700 to 0.720] | +0.710 [+0.700 to +0.720]") == 3 * len(points)
    for name, chart in curves_page.CHARTS.items():
        assert f"learning-curves/{name}.svg" in text
        assert chart(told).startswith("<svg")
