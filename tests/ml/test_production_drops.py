"""The study of production drops: agreement by hand, forecasts that cannot look ahead, the page and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

from features import datasets
from features.errors import BadInput, ConfigError
from features.store import Store
from ml.cli import app
from ml.origins import Origin
from ml.production_agreement import agreement, both_events, kappa_draws
from ml.production_backtest import LEVEL, WITHOUT, ProductionPlan, forecast_production, with_outcomes
from ml.production_study import gain_of_production, study
from models.gradient_boosting import Parameters
from tests.builders import rows, utc

# --- agreement ------------------------------------------------------------------------------------


def production(supplier: str, ratios: dict[int, float]) -> pd.DataFrame:
    return pd.DataFrame([{"mineral": "cobalt", "supplier": supplier, "year": y, "ratio": r} for y, r in ratios.items()])


def supply(supplier: str, ratios: dict[int, float], imputed: float = 0.0) -> pd.DataFrame:
    return production(supplier, ratios).assign(imputed_value_frac=imputed)


def years(supplier: str, first: int, last: int) -> pd.DataFrame:
    return pd.DataFrame({"mineral": "cobalt", "supplier": supplier, "year": range(first, last + 1)})


@pytest.fixture
def events() -> pd.DataFrame:
    # Production falls in 2002 and 2003, exports in 2003 and 2005; 2006 of production is unknown.
    mined = production("COD", {2000: 1, 2001: 1, 2002: 0.5, 2003: 0.6, 2004: 0.9, 2005: 1.2})
    sold = supply("COD", {2000: 1, 2001: 1, 2002: 1, 2003: 0.2, 2004: 0.8, 2005: 0.69, 2006: 1})
    return both_events(years("COD", 2001, 2006), mined, sold)


def test_both_records_stand_side_by_side(events: pd.DataFrame):
    assert events["year"].tolist() == [2001, 2002, 2003, 2004, 2005]
    assert events["p"].tolist() == [0, 1, 1, 0, 0]
    assert events["s"].tolist() == [0, 0, 1, 0, 1]
    assert events["p_before"].tolist() == [0, 0, 1, 1, 0]
    assert events["s_after"].tolist() == [0, 1, 0, 1, 0]
    assert np.isnan(events["p_after"].iloc[-1])


def test_a_void_year_of_trade_is_unknown():
    mined = production("COD", dict.fromkeys(range(2000, 2003), 1.0))
    sold = pd.concat([supply("COD", {2000: 1.0}), supply("COD", {2001: 0.1}, 0.6), supply("COD", {2002: 1.0})])
    assert both_events(years("COD", 2000, 2002), mined, sold)["year"].tolist() == [2000, 2002]


def test_the_agreement_by_hand(events: pd.DataFrame):
    found = agreement(events, n_draws=0)
    assert (found["n"], found["pairs"]) == (5, 1)
    assert found["base_rate"] == {"production": 0.4, "supply": 0.4}
    assert found["confusion"] == {"both": 1, "only_production": 1, "only_supply": 1, "neither": 2}
    # Agreement 0.6; by chance 0.16 + 0.36.
    assert found["kappa"]["value"] == pytest.approx((0.6 - 0.52) / 0.48)
    of_production = found["follows"]["production"]
    assert of_production["all"] == {
        "drops": 2,
        "same_year": 0.5,
        "next_year": 0.5,
        "year_before": 0.0,
        "same_or_next_year": 1.0,
    }
    assert (of_production["onset"]["drops"], of_production["onset"]["same_year"]) == (1, 0.0)
    assert (of_production["continuation"]["drops"], of_production["continuation"]["same_year"]) == (1, 1.0)
    of_supply = found["follows"]["supply"]["all"]
    # After 2005 production is unknown: 2003 alone says nothing followed.
    assert (of_supply["same_year"], of_supply["next_year"], of_supply["same_or_next_year"]) == (0.5, 0.0, 1.0)


def test_kappa_is_that_of_scikit_learn_and_weights_repeat_rows():
    rng = np.random.default_rng(4)
    one, other = (rng.integers(0, 2, 60).astype("float64") for _ in range(2))
    weights = rng.integers(0, 4, (60, 3)).astype("float64")
    found = kappa_draws(one, other, np.column_stack([np.ones(60), weights]))
    assert found[0] == pytest.approx(cohen_kappa_score(one, other))
    for at in range(3):
        times = weights[:, at].astype(int)
        assert found[at + 1] == pytest.approx(cohen_kappa_score(np.repeat(one, times), np.repeat(other, times)))
    assert np.isnan(kappa_draws(np.zeros(5), np.zeros(5), np.ones((5, 1)))[0])


# --- forecasts ------------------------------------------------------------------------------------

SHORT = Parameters(rounds=5)
FEATURES = ("trade_share_3y", "production_growth_1y")


def small_world(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give a panel of July rows and labels, in which the growth known at a date tells the next drop a little."""
    rng = np.random.default_rng(seed)
    records, labels = [], []
    for number in range(40):
        pair = {
            "mineral": ["cobalt", "tin"][number % 2],
            "supplier": f"A{chr(65 + number // 26)}{chr(65 + number % 26)}",
        }
        for year in range(1996, 2012):
            growth = rng.normal()
            ratio = float(rng.choice([0.4, 1.0], p=[0.45, 0.55] if growth < 0 else [0.1, 0.9]))
            labels.append({**pair, "year": year, "ratio": ratio, "resolved_at": utc(f"{year + 2}-05-01")})
            as_of = utc(f"{year}-07-15") + pd.Timedelta(days=(7 - utc(f"{year}-07-15").weekday()))
            about = {"as_of": as_of, "share": 0.05, "is_major": True, "is_transit": False, "stage": "extraction"}
            records.append({**pair, **about, "trade_share_3y": 0.05 + rng.random(), "production_growth_1y": growth})
    types = {"as_of": "datetime64[us, UTC]"}
    return pd.DataFrame(records).astype(types), pd.DataFrame(labels).astype({"resolved_at": "datetime64[us, UTC]"})


def test_every_model_forecasts_the_same_rows_and_labels_after_the_origin_change_nothing():
    panel, labels = small_world()
    cutoff = panel.loc[panel["as_of"].dt.year.eq(2008), "as_of"].iloc[0]
    plan = ProductionPlan(FEATURES, (Origin(cutoff.to_pydatetime()),), SHORT)
    found = forecast_production(panel, labels, plan.origins[0], plan)
    assert set(found["model"]) == {
        "lightgbm",
        WITHOUT,
        "climatology",
        "pair_history",
        "persistence",
        "logistic_regression",
    }
    assert len(set(found.groupby(["model", "horizon"]).size())) == 1
    assert set(found["horizon"]) == {"current_year", "next_year"}
    # Two levels occur, so persistence knows two bins at most.
    assert set(found[found["model"].eq("persistence")].groupby("horizon")["probability"].nunique()) == {2}
    later = labels["resolved_at"] > cutoff
    turned = labels.assign(ratio=labels["ratio"].mask(later, 1.4 - labels["ratio"]))
    other = forecast_production(panel, turned, plan.origins[0], plan)
    numbers = ["model", "mineral", "supplier", "probability", "onset"]
    pd.testing.assert_frame_equal(found[numbers], other[numbers], check_exact=True)
    assert not found["label"].equals(other["label"])


def test_persistence_goes_by_production_and_a_pair_outside_the_record_is_no_row():
    panel, labels = small_world()
    rows_ = with_outcomes(panel, labels, "current_year")
    one = rows_[rows_["supplier"].eq("AAA") & rows_["as_of"].dt.year.eq(2005)].iloc[0]
    known = labels[labels["supplier"].eq("AAA") & labels["year"].eq(2003)]["ratio"].item()
    assert one[LEVEL] == pytest.approx(np.log(known))
    assert one["onset"] == (known >= 0.7)
    cutoff = panel.loc[panel["as_of"].dt.year.eq(2008), "as_of"].iloc[0]
    plan = ProductionPlan(FEATURES, (Origin(cutoff.to_pydatetime()),), SHORT)
    outside = labels[labels["supplier"].ne("AAA")]
    assert "AAA" not in set(forecast_production(panel, outside, plan.origins[0], plan)["supplier"])


def test_the_gain_is_the_difference_of_the_two_boosters():
    panel, labels = small_world()
    plan = ProductionPlan(FEATURES, (), SHORT)
    tables = []
    for year in (2007, 2008):
        cutoff = panel.loc[panel["as_of"].dt.year.eq(year), "as_of"].iloc[0]
        tables.append(forecast_production(panel, labels, Origin(cutoff.to_pydatetime()), plan))
    predictions = pd.concat(tables, ignore_index=True)
    gain = gain_of_production(predictions, n_draws=20)["current_year"]["roc_auc"]
    # The family holds the only feature that tells anything.
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert gain["value"] > 0.05


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def home(bundle_home: Path, tmp_path: Path) -> Path:
    """The embedded data, and a record of production besides."""
    home = tmp_path / "home"
    source, target = bundle_home / "datasets", home / "datasets"
    target.mkdir(parents=True)
    for folder in source.iterdir():
        if folder.name != "production" and folder.is_dir():
            (target / folder.name).symlink_to(folder)
    (target / "production").mkdir()
    for path in (source / "production").glob("*.parquet"):
        (target / "production" / path.name).symlink_to(path)
    return home


def add_record(home: Path) -> None:
    rng = np.random.default_rng(7)
    pairs = [("cobalt", "COD"), ("cobalt", "ZMB"), ("copper", "CHL"), ("copper", "PER"), ("copper", "AUS")]
    pairs += [("manganese", "ZAF"), ("manganese", "GAB"), ("tungsten", "CHN"), ("tungsten", "RUS"), ("graphite", "CHN")]
    records = [
        {
            "year": year,
            "mineral": mineral,
            "supplier": supplier,
            "quantity_tonnes": float(rng.choice([30, 100, 120])),
            "is_estimated": False,
            "source": "bgs",
            "available_at": utc(f"{year + 2}-05-01"),
        }
        for mineral, supplier in pairs
        for year in range(1990, 2012)
    ]
    Store(home / "datasets").append("production", rows("production", records), where="test")


@pytest.mark.slow
def test_the_command_writes_page_json_and_forecasts(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    add_record(home)
    monkeypatch.setenv("ORESIGHT_WORKERS", "1")
    out, page = tmp_path / "out", tmp_path / "docs" / "page.md"
    arguments = ["--first", "2006", "--last", "2007", "--draws", "5", "--as-of", "2014-06-02", "--home", str(home)]
    done = CliRunner().invoke(app, ["production-drops", *arguments, "--out", str(out), "--page", str(page)])
    assert done.exit_code == 0, done.output
    text = (out / "production-drops.md").read_text()
    assert page.read_text() == text
    for words in ("oresight production-drops --first 2006", "Cohen's kappa", "Cobalt", "pair history", "onset"):
        assert words in text
    result = json.loads((out / "production-drops.json").read_text())
    assert set(result) == {"about", "agreement", "scores", "gain_of_production"}
    predictions = pd.read_parquet(out / "predictions.parquet")
    assert set(predictions["target"]) == {"production_drop"}
    assert (predictions["resolved_at"].dropna() <= utc("2014-06-02")).all()


def test_without_a_record_the_remedy_is_named(home: Path, tmp_path: Path):
    with pytest.raises(BadInput, match="oresight ingest bgs"):
        study(tmp_path / "out", first=2006, last=2006, draws=0, as_of="2014-06-02", home=home)


@pytest.mark.parametrize(("first", "last"), [(1999, 2006), (2006, 2100)])
def test_origins_that_cannot_be_are_refused(home: Path, tmp_path: Path, first: int, last: int):
    with pytest.raises(ConfigError, match=str(first if first < 2004 else last)):
        study(tmp_path / "out", first=first, last=last, draws=0, home=home)


def test_the_dataset_holds_publishers_apart():
    assert datasets.dataset("production").key == ("source", "year", "mineral", "supplier")
