"""Backtests from start to finish: what lies in the folder, what MLflow holds, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import ConfigError
from features.knowledge_time import as_moment
from ml import backtest as backtest_module
from ml import studies, tracking
from ml.settings import Settings
from ml.studies import BacktestResult, backtest
from models.gradient_boosting import Parameters

KEY = ["target", "horizon", "mineral", "supplier", "as_of"]
# The page names the commit, which may change while the tests run.
PROVENANCE = {"git_commit": "0123456789ab", "machine": "one of the test's"}


def refuse(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def strict_json(path: Path) -> Any:
    """Read JSON that every program can read: no NaN, no Infinity."""
    return json.loads(path.read_text(), parse_constant=refuse)


# ---- one backtest, for real ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("studies")
    (home / "datasets").symlink_to(small_home / "datasets")
    return home


@pytest.fixture(scope="module")
def result(home: Path) -> BacktestResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORESIGHT_WORKERS", "1")
        patch.setattr(backtest_module, "Parameters", lambda: Parameters(rounds=4))
        patch.setattr(tracking, "provenance", lambda: PROVENANCE)
        return backtest(
            home / "out",
            targets=["supply_drop"],
            first=2006,
            last=2007,
            draws=5,
            signals=("trade",),
            as_of="2010-03-01",
            home=home,
        )


@pytest.mark.slow
def test_the_folder_holds_predictions_scores_and_a_page(result: BacktestResult, home: Path) -> None:
    out = home / "out"
    assert {path.name for path in out.iterdir()} == {"origins", "predictions.parquet", "report.html", "scores.json"}
    pd.testing.assert_frame_equal(pd.read_parquet(out / "predictions.parquet"), result.predictions)
    assert set(result.predictions["as_of"].dt.year) == {2006, 2007}
    scores = strict_json(out / "scores.json")
    assert scores == result.scores
    assert (scores["as_of_first"], scores["as_of_last"]) == ("2006-07-17", "2007-07-16")
    assert list(scores["targets"]) == ["supply_drop"]
    assert list(scores["targets"]["supply_drop"]) == ["current_year", "next_year"]
    assert "| " in result.table
    page = (out / "report.html").read_text()
    assert "<script" not in page.lower()
    assert "oresight backtest --first 2006 --last 2007 --draws 5 --signals trade --target supply_drop" in page
    assert "--as-of 2010-03-01" in page


@pytest.mark.slow
def test_mlflow_holds_one_run_with_a_child_per_origin(result: BacktestResult, home: Path) -> None:
    with tracking.mlflow_at(Settings(home=home)) as mlflow:
        client = mlflow.MlflowClient()
        experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
        runs = client.search_runs([experiment.experiment_id])
        (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert sorted(run.data.params["as_of"] for run in children) == ["2006-07-17", "2007-07-16"]
    assert len(runs) == 3
    onset = result.scores["targets"]["supply_drop"]["current_year"]["slices"]["onset"]["models"]["lightgbm"]
    for suffix, value in (("", "value"), ("_low", "low"), ("_high", "high")):
        assert parent.data.metrics[f"supply_drop.current_year.onset.roc_auc{suffix}"] == onset["roc_auc"][value]
    assert parent.data.params["rounds"] == "4"
    assert parent.data.params["data_digest"]
    assert {"scores.json", "report.html", "predictions.parquet", "scores.md", "codebook.md"} <= files
    # The child's figure is the champion's alone, over that origin's rows.
    own = result.predictions[result.predictions["model"].eq("lightgbm") & result.predictions["label"].notna()]
    rows = own[own["as_of"].dt.year.eq(2006) & own["horizon"].eq("current_year")]
    (child,) = [run for run in children if run.data.params["as_of"] == "2006-07-17"]
    brier = float(((rows["probability"] - rows["label"]) ** 2).mean())
    assert child.data.metrics["supply_drop.current_year.brier"] == pytest.approx(brier)
    assert child.data.metrics["supply_drop.current_year.n"] == len(rows)


@pytest.mark.slow
def test_the_same_backtest_again_computes_nothing_and_writes_the_same(
    result: BacktestResult, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("predictions.parquet", "scores.json", "report.html")
    before = [(home / "out" / name).read_bytes() for name in names]
    monkeypatch.setenv("ORESIGHT_WORKERS", "1")
    monkeypatch.setattr(backtest_module, "Parameters", lambda: Parameters(rounds=4))
    monkeypatch.setattr(backtest_module, "forecast_origin", None)
    monkeypatch.setattr(tracking, "provenance", lambda: PROVENANCE)
    again = backtest(
        home / "out",
        targets=["supply_drop"],
        first=2006,
        last=2007,
        draws=5,
        signals=("trade",),
        as_of="2010-03-01",
        home=home,
        log=False,
    )
    pd.testing.assert_frame_equal(again.predictions, result.predictions)
    assert [(home / "out" / name).read_bytes() for name in names] == before
    # Plain lines where there is no terminal, on standard error.
    told = capsys.readouterr()
    assert told.err.count("(kept from before)") == 2
    assert told.out == ""


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ["price"]}, r"unknown target\(s\) price; there are supply_drop, severe_supply_drop"),
        ({"first": 2003}, "origin 2003 is too early: .* 2004 is the first"),
        ({"first": 2008, "last": 2007}, "the last origin year 2007 is before the first, 2008"),
        ({"last": 2010, "as_of": "2010-03-01"}, "origin 2010 is after 2010-03-01; the last one that has begun is 2009"),
        ({"last": 2011, "as_of": "2010-12-01"}, "origin 2011 is after 2010-12-01; the last one that has begun is 2010"),
        ({"as_of": "yesterday"}, "'yesterday' is not a date"),
        ({"signals": ["weather"]}, r"unknown signal\(s\) weather; there are trade, "),
    ],
)
def test_a_wrong_order_is_refused_before_anything_is_written(
    bundle_home: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        backtest(tmp_path / "out", home=bundle_home, log=False, **options)
    assert not (tmp_path / "out").exists()


def test_origins_are_those_that_have_begun() -> None:
    found = studies.checked_origins(2004, 2009, as_moment("2009-07-20"))
    assert [origin.as_of.year for origin in found] == list(range(2004, 2010))
