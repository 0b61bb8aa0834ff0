"""The price-spike study: dates, what an origin may learn from, coherence, scores, report and command."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features.catalog import load_catalog
from features.errors import BadInput, ConfigError, ContractError
from features.store import Store
from ml import cli, price_spike_study
from ml import price_spike_backtest as backtest
from ml.price_spike_report import render_spike_report
from ml.price_spike_scores import aligned_spikes, score_spikes
from models.gradient_boosting import Parameters
from models.price_spikes import HORIZONS_WEEKS
from tests.builders import random_prices, utc

UTC = dt.UTC
# Six series of 19 years; quick settings.
TABLE = random_prices(11, first="1988-01", months=228)
QUICK = Parameters(rounds=15, num_leaves=4, min_data_in_leaf=10)
ORIGIN = backtest.SpikeOrigin(dt.datetime(2004, 1, 19, tzinfo=UTC), dt.datetime(2004, 4, 19, tzinfo=UTC))


@pytest.fixture(scope="module")
def spike_rows() -> backtest.Rows:
    dates = [date for date in backtest.forecast_dates(1988, 2006) if date <= dt.datetime(2006, 12, 31, tzinfo=UTC)]
    return backtest.spike_rows(TABLE, load_catalog(), dates)


@pytest.fixture(scope="module")
def forecasts(spike_rows: backtest.Rows) -> pd.DataFrame:
    return backtest.forecast_origin(spike_rows, ORIGIN, QUICK)


# --- dates ----------------------------------------------------------------------------------------


def test_forecasts_are_made_on_the_monday_after_the_16th_of_each_month():
    dates = backtest.forecast_dates(2023, 2024)
    assert len(dates) == 24
    assert all(date.isoweekday() == 1 and 17 <= date.day <= 23 for date in dates)
    assert dates[0] == dt.datetime(2023, 1, 23, tzinfo=UTC)


def test_origins_follow_each_other_quarter_by_quarter_without_a_gap():
    found = backtest.origins(2006, dt.datetime(2008, 5, 1, tzinfo=UTC))
    assert [origin.as_of.month for origin in found] == [1, 4, 7, 10, 1, 4, 7, 10, 1, 4]
    assert all(a.until == b.as_of for a, b in itertools.pairwise(found))
    assert found[0].as_of.year == 2006


# --- what an origin may know ----------------------------------------------------------------------


def test_an_origin_forecasts_its_three_months_with_every_model_on_the_same_rows(forecasts: pd.DataFrame):
    assert set(forecasts["model"]) == set(backtest.MODELS)
    assert forecasts["as_of"].nunique() == 3
    assert forecasts["as_of"].min() == pd.Timestamp(ORIGIN.as_of)
    assert forecasts["probability"].between(0, 1).all()
    counts = forecasts.groupby("horizon")["model"].value_counts()
    assert counts.groupby("horizon").min().equals(counts.groupby("horizon").max())
    champion = forecasts[forecasts["model"].eq("lightgbm")]
    assert (champion["p_low"] <= champion["probability"]).all()
    assert (champion["probability"] <= champion["p_high"]).all()


def test_what_is_resolved_after_the_origin_changes_no_forecast(spike_rows: backtest.Rows, forecasts: pd.DataFrame):
    turned = {}
    for horizon, table in spike_rows.items():
        is_later = ~(table["resolved_at"] <= pd.Timestamp(ORIGIN.as_of))
        turned[horizon] = table.assign(label=table["label"].where(~is_later, 1 - table["label"]))
    again = backtest.forecast_origin(turned, ORIGIN, QUICK)
    columns = ["probability", "p_low", "p_high"]
    pd.testing.assert_frame_equal(again[columns], forecasts[columns], check_exact=True)


def test_what_was_resolved_before_the_origin_does_change_forecasts(spike_rows: backtest.Rows, forecasts: pd.DataFrame):
    turned = {}
    for horizon, table in spike_rows.items():
        is_early = table["resolved_at"] <= pd.Timestamp(ORIGIN.as_of)
        turned[horizon] = table.assign(label=table["label"].where(~is_early, 1 - table["label"]))
    again = backtest.forecast_origin(turned, ORIGIN, QUICK)
    is_walk = forecasts["model"].eq("random_walk")
    assert (again.loc[~is_walk, "probability"] - forecasts.loc[~is_walk, "probability"]).abs().mean() > 0.1
    assert again.loc[is_walk, "probability"].equals(forecasts.loc[is_walk, "probability"])


def test_prices_that_come_later_change_no_row_of_before(spike_rows: backtest.Rows):
    date = utc("2002-06-17")
    early = TABLE[TABLE["available_at"] <= date]
    dates = [moment for moment in backtest.forecast_dates(1988, 2002) if pd.Timestamp(moment) <= date]
    cut = backtest.spike_rows(early, load_catalog(), dates)
    for horizon, table in spike_rows.items():
        then = table[table["as_of"] <= date].sort_values(["as_of", "mineral"], ignore_index=True)
        now = cut[horizon].sort_values(["as_of", "mineral"], ignore_index=True)
        columns = ["mineral", "as_of", *backtest.FEATURES]
        pd.testing.assert_frame_equal(now[columns], then[columns], check_exact=True)
        settled = then["resolved_at"] <= date
        pd.testing.assert_series_equal(now.loc[settled, "label"], then.loc[settled, "label"])


def test_longer_windows_are_never_less_likely(spike_rows: backtest.Rows, forecasts: pd.DataFrame):
    wide = forecasts[forecasts["model"].eq("lightgbm")].pivot_table(
        index=["mineral", "as_of"], columns="horizon", values=["probability", "p_low", "p_high"]
    )
    for name in ("probability", "p_low", "p_high"):
        assert (wide[name]["13w"] <= wide[name]["26w"]).all()
        assert (wide[name]["26w"] <= wide[name]["52w"]).all()
    raw = forecasts.assign(probability=np.where(forecasts["horizon"].eq("13w"), 0.9, 0.1))
    raised = backtest.cohere(raw).query("model == 'lightgbm'")
    assert raised["probability"].eq(0.9).all()
    assert backtest.cohere(raw).query("model == 'climatology' and horizon == '52w'")["probability"].eq(0.1).all()


# --- scores and report ----------------------------------------------------------------------------


def toy_predictions() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    dates = [pd.Timestamp(date) for date in backtest.forecast_dates(2010, 2014)]
    records = []
    for horizon in HORIZONS_WEEKS:
        for mineral, group in (("tin", "base"), ("gold", "precious"), ("cobalt", "minor")):
            for date in dates:
                label = float(rng.random() < 0.3)
                for model in backtest.MODELS:
                    skill = 0.3 * label if model == "lightgbm" else 0.0
                    probability = (
                        0.3 if model == "climatology" else float(np.clip(0.2 + skill + rng.normal(0, 0.05), 0, 1))
                    )
                    records.append((model, horizon, mineral, group, date, probability, label, mineral == "tin"))
    columns = ["model", "horizon", "mineral", "price_group", "as_of", "probability", "label", "onset"]
    table = pd.DataFrame(records, columns=columns)
    return table.assign(prices_series=table["mineral"].map({"tin": 1.0, "gold": 2.0, "cobalt": 3.0}))


def test_scores_are_those_of_the_formulas_and_differences_are_champion_minus_baseline():
    predictions = toy_predictions()
    scores = score_spikes(predictions, n_draws=50)
    part = scores["horizons"]["13w"]["slices"]["all"]
    assert part["n"] == 180
    assert part["minerals"] == 3
    facts, probability = aligned_spikes(predictions, "13w")
    label = facts["label"].to_numpy()
    brier = ((probability["lightgbm"] - label) ** 2).mean()
    assert part["models"]["lightgbm"]["brier"]["value"] == pytest.approx(brier)
    reference = ((0.3 - label) ** 2).mean()
    assert part["models"]["lightgbm"]["brier_skill_vs_climatology"]["value"] == pytest.approx(1 - brier / reference)
    assert part["models"]["climatology"]["roc_auc"]["value"] == 0.5
    cells = scores["horizons"]["13w"]["differences"]["climatology"]
    assert cells["brier"]["value"] == pytest.approx(brier - reference)
    assert cells["brier"]["high"] < 0 < cells["roc_auc"]["low"]
    assert scores["horizons"]["13w"]["slices"]["onset"]["n"] == 60
    assert sum(row["n"] for row in scores["horizons"]["13w"]["reliability"]) == 180
    assert scores["horizons"]["13w"]["slices"]["fertiliser"]["models"]["lightgbm"]["brier"]["value"] is None
    json.dumps(scores, allow_nan=False)


def test_models_on_other_rows_are_refused():
    predictions = toy_predictions()
    one = predictions.index[predictions["model"].eq("random_walk")][0]
    with pytest.raises(ContractError, match="random_walk was not run on the same rows"):
        aligned_spikes(predictions.drop(index=one), "13w")


def test_unresolved_rows_are_counted_and_not_scored():
    predictions = toy_predictions()
    is_newest = predictions["as_of"].eq(predictions["as_of"].max())
    predictions.loc[is_newest, "label"] = np.nan
    of = score_spikes(predictions, n_draws=0)["horizons"]["13w"]
    assert (of["forecasts"], of["unresolved"], of["slices"]["all"]["n"]) == (180, 3, 177)


def test_the_report_says_where_we_stand_whatever_comes_out():
    scores = score_spikes(toy_predictions(), n_draws=50)
    page = render_spike_report(scores, {"command": "oresight price-spikes --out DIR", "data_digest": "abc"})
    assert "0.815" in page
    assert "13w on 3 minerals" in page
    assert "above it" in page
    for of in scores["horizons"].values():
        of["slices"]["all"]["models"]["lightgbm"]["roc_auc"] = {"value": 0.6, "low": 0.5, "high": 0.7}
    page = render_spike_report(scores, {"command": "oresight price-spikes --out DIR"})
    assert "0.600 [0.500 to 0.700], below it (the interval does not hold it)" in page
    assert "oresight price-spikes --out DIR" in page
    assert "nan" not in page


# --- the command ----------------------------------------------------------------------------------


def test_the_command_needs_prices_and_possible_years(tmp_path: Path):
    with pytest.raises(BadInput, match="oresight ingest pink_sheet"):
        price_spike_study.study(tmp_path / "out", home=tmp_path / "home", as_of="2020-01-06", log=False)
    with pytest.raises(ConfigError, match="between 1990 and 2020"):
        price_spike_study.study(tmp_path / "out", first=1980, home=tmp_path / "home", as_of="2020-01-06", log=False)
    with pytest.raises(ConfigError, match="future"):
        price_spike_study.study(tmp_path / "out", home=tmp_path / "home", as_of="2090-01-06", log=False)


def test_the_command_writes_forecasts_scores_report_and_charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backtest, "PARAMETERS", QUICK)
    monkeypatch.setenv("ORESIGHT_WORKERS", "1")
    Store(tmp_path / "home" / "datasets").append("prices", TABLE, where="test")
    out = tmp_path / "out"
    options = ["--first", "2003", "--draws", "20", "--as-of", "2005-01-03", "--no-log", "--home"]
    options.append(str(tmp_path / "home"))
    answer = CliRunner().invoke(cli.app, ["price-spikes", "--out", str(out), *options])
    assert answer.exit_code == 0, answer.output
    assert "# Price spikes: measured" in answer.output
    names = {path.name for path in out.iterdir()}
    assert names == {
        "predictions.parquet",
        "scores.json",
        "report.md",
        "report.html",
        *(f"reliability-{h}.svg" for h in HORIZONS_WEEKS),
    }
    predictions = pd.read_parquet(out / "predictions.parquet")
    wanted = ["target", "horizon", "mineral", "supplier", "as_of", "window_start", "window_end"]
    wanted += ["probability", "label", "onset", "model"]
    assert set(wanted) <= set(predictions.columns)
    assert predictions["target"].eq("price_spike").all()
    assert not (predictions["resolved_at"] > utc("2005-01-03")).any()
    assert predictions["label"].isna().any()
