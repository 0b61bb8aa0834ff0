"""The rolling-origin backtest: it learns only from what was resolved, can be stopped, and gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.panel import feature_names
from features.signals.trade import TRACKED_SHARE_FRAC
from ml import backtest
from ml.backtest import PREDICTION_COLUMNS, SUPPORT_COLUMNS, Plan, forecast_origin, run_backtest
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, signals_named
from ml.origins import Origin, training_dates, yearly_origins
from models.baselines import BASELINES, Climatology, LogisticBaseline, PairHistory, Persistence
from models.calibrated import CalibratedBoosting
from models.gradient_boosting import Parameters

pytestmark = pytest.mark.slow
ORIGINS = tuple(yearly_origins(2006, 2008))
ROW = ["target", "horizon", "mineral", "supplier", "as_of"]


@pytest.fixture(scope="module")
def knowledge(knowledge_at: Callable[[str], Knowledge]) -> Knowledge:
    """What was known in March 2010, when outcomes up to 2008 were resolved; trade alone, to be quick."""
    full = knowledge_at("2010-03-01")
    return Knowledge(full.store, full.as_of, signals_named(("trade",)))


@pytest.fixture(scope="module")
def plan(knowledge: Knowledge) -> Plan:
    return Plan(ORIGINS, ("supply_drop",), tuple(feature_names(knowledge.signals)), Parameters(rounds=4))


@pytest.fixture(scope="module")
def panel(knowledge: Knowledge) -> pd.DataFrame:
    dates = sorted({*training_dates(ORIGINS[-1].as_of), *(origin.as_of for origin in ORIGINS)})
    return knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC)


def run(knowledge: Knowledge, plan: Plan, folder: Path, *, workers: int = 1, digest: str = "d") -> pd.DataFrame:
    return run_backtest(knowledge, plan, data_digest=digest, folder=folder, workers=workers, on_origin=lambda *_: None)


def kept_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("origins/*/20*.parquet"))}


@pytest.fixture(scope="module")
def clean(knowledge: Knowledge, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a backtest that ran in one go in this process."""
    folder = tmp_path_factory.mktemp("clean")
    run(knowledge, plan, folder).to_parquet(folder / "all.parquet")
    return folder


@pytest.fixture(scope="module")
def predictions(clean: Path) -> pd.DataFrame:
    return pd.read_parquet(clean / "all.parquet")


# ---- what comes out ------------------------------------------------------------------------------


def test_the_columns_hold_those_of_the_design_and_every_baseline_stands_beside_the_champion(
    predictions: pd.DataFrame,
) -> None:
    wanted = "target horizon mineral supplier as_of window_start window_end probability label onset model"
    assert set(wanted.split()) <= set(PREDICTION_COLUMNS)
    assert list(predictions.columns) == [*PREDICTION_COLUMNS, *SUPPORT_COLUMNS]
    assert set(predictions["model"]) == {"lightgbm", *BASELINES}
    rows = {model: part[ROW].reset_index(drop=True) for model, part in predictions.groupby("model")}
    for model in BASELINES:
        pd.testing.assert_frame_equal(rows[model], rows["lightgbm"])
    assert not predictions.duplicated([*ROW, "model"]).any()
    assert predictions["probability"].between(0, 1).all()


def test_every_origin_forecasts_its_tracked_pairs_for_both_horizons(
    predictions: pd.DataFrame, panel: pd.DataFrame
) -> None:
    own = predictions[predictions["model"].eq("lightgbm")]
    for origin in ORIGINS:
        tracked = panel[panel["as_of"].eq(origin.as_of) & panel["share"].ge(TRACKED_SHARE_FRAC)]
        assert len(tracked) > 400
        for horizon, ahead in (("current_year", 0), ("next_year", 1)):
            part = own[own["as_of"].eq(origin.as_of) & own["horizon"].eq(horizon)]
            assert set(zip(part["mineral"], part["supplier"], strict=True)) == set(
                zip(tracked["mineral"], tracked["supplier"], strict=True)
            )
            assert part["window_start"].eq(pd.Timestamp(year=origin.as_of.year + ahead, month=1, day=1, tz="UTC")).all()
            assert part["window_end"].eq(pd.Timestamp(year=origin.as_of.year + ahead, month=12, day=31, tz="UTC")).all()
    assert (own["p_low"] <= own["calibration_low"]).all()
    assert (own["p_high"] >= own["calibration_high"]).all()
    assert own["distance"].between(0, 1).all()
    assert own["stale_years"].eq(0).all()
    champion_only = ["p_low", "p_high", *SUPPORT_COLUMNS]
    assert own[champion_only].notna().all(axis=None)
    assert predictions.loc[predictions["model"].ne("lightgbm"), champion_only].isna().all(axis=None)


def test_labels_are_those_of_the_table_and_missing_where_unresolved_or_void(
    predictions: pd.DataFrame, knowledge: Knowledge
) -> None:
    own = predictions[predictions["model"].eq("climatology")]
    own = own.assign(year=own["window_start"].dt.year)
    both = own.merge(knowledge.labels, on=["mineral", "supplier", "year"], how="left", suffixes=("", "_table"))
    void = both["imputed_value_frac"].gt(0.5)
    wanted = both["ratio"].lt(0.7).astype("float64").where(both["ratio"].notna() & ~void)
    assert both["label"].equals(wanted)
    assert both["void_reason"].notna().equals(void)
    # 2009 is resolved in February 2011, after what is known here.
    assert own.loc[own["year"].eq(2009), "label"].isna().all()
    assert own.loc[own["year"].eq(2008), "label"].notna().mean() > 0.8
    assert 0.05 < own["label"].mean() < 0.6


def test_the_order_of_rows_is_fixed(predictions: pd.DataFrame) -> None:
    order = ["target", "horizon", "model", "as_of", "mineral", "supplier"]
    pd.testing.assert_frame_equal(predictions, predictions.sort_values(order, ignore_index=True))


# ---- only what was resolved ----------------------------------------------------------------------


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, pd.DataFrame]]]:
    """Note the rows that every model is given to learn from."""
    calls: list[tuple[str, pd.DataFrame]] = []

    def watched(name: str, fit: Callable[..., Any]) -> Callable[..., Any]:
        def noted(self: Any, rows: pd.DataFrame) -> Any:
            calls.append((name, rows[["as_of", "resolved_at", "label"]]))
            return fit(self, rows)

        return noted

    for model in (CalibratedBoosting, Climatology, PairHistory, Persistence, LogisticBaseline):
        monkeypatch.setattr(model, "fit", watched(model.__name__, model.fit))
    return calls


def test_every_model_learns_only_from_rows_before_the_origin_that_were_resolved_by_it(
    panel: pd.DataFrame, knowledge: Knowledge, plan: Plan, learned: list[tuple[str, pd.DataFrame]]
) -> None:
    for origin in ORIGINS[::2]:
        learned.clear()
        forecast_origin(panel, knowledge.labels, origin, plan)
        assert {name for name, _ in learned} == {
            "CalibratedBoosting",
            "Climatology",
            "PairHistory",
            "Persistence",
            "LogisticBaseline",
        }
        for name, rows in learned:
            assert (rows["resolved_at"] <= origin.as_of).all(), name
            assert (rows["as_of"] < origin.as_of).all(), name
            assert rows["label"].isin([0.0, 1.0]).all(), name
            # Not less than it may, either: February of the origin's year resolved the year before last.
            assert rows["resolved_at"].max() == pd.Timestamp(year=origin.as_of.year, month=2, day=1, tz="UTC")


def test_what_was_resolved_or_seen_later_changes_no_probability(
    panel: pd.DataFrame, knowledge: Knowledge, plan: Plan
) -> None:
    origin = ORIGINS[0]
    labels = knowledge.labels
    late = labels["resolved_at"] > origin.as_of
    assert late.sum() > 1000
    other = labels.assign(ratio=labels["ratio"].mask(late, 1.4 - labels["ratio"]))
    after = panel["as_of"] > origin.as_of
    blurred = panel.assign(**{name: panel[name].mask(after, 0.5) for name in plan.features})
    usual = forecast_origin(panel, labels, origin, plan)
    turned = forecast_origin(blurred, other, origin, plan)
    pd.testing.assert_frame_equal(usual.drop(columns="label"), turned.drop(columns="label"))
    assert not usual["label"].equals(turned["label"])


def test_the_first_origin_there_can_be_is_forecast_for_both_horizons(
    panel: pd.DataFrame, knowledge: Knowledge, plan: Plan
) -> None:
    (origin,) = yearly_origins(2004, 2004)
    found = forecast_origin(panel, knowledge.labels, origin, plan)
    assert set(found["horizon"]) == {"current_year", "next_year"}
    assert found["probability"].notna().all()


# ---- stopped and resumed -------------------------------------------------------------------------


class Stopped(BaseException):
    """Stands for the end of the process."""


def test_a_stopped_backtest_goes_on_where_it_was_and_gives_the_same_bytes(
    knowledge: Knowledge, plan: Plan, clean: Path, predictions: pd.DataFrame, tmp_path: Path
) -> None:
    def stop(origin: Origin, table: pd.DataFrame, was_kept: bool) -> None:
        if origin == ORIGINS[1]:
            raise Stopped

    with pytest.raises(Stopped):
        run_backtest(knowledge, plan, data_digest="d", folder=tmp_path, workers=1, on_origin=stop)
    assert len(kept_files(tmp_path)) == 2
    # What was being written when the process ended is not read.
    (next(tmp_path.glob("origins/*")) / f"{ORIGINS[2].as_of.date()}.part").write_bytes(b"PAR1 half of it")
    seen = []
    found = run_backtest(
        knowledge,
        plan,
        data_digest="d",
        folder=tmp_path,
        workers=1,
        on_origin=lambda origin, table, was_kept: seen.append((origin, len(table), was_kept)),
    )
    assert [(origin, was_kept) for origin, _, was_kept in seen] == [
        (ORIGINS[0], True),
        (ORIGINS[1], True),
        (ORIGINS[2], False),
    ]
    assert [n for _, n, _ in seen] == predictions.groupby("as_of").size().tolist()
    pd.testing.assert_frame_equal(found, predictions)
    assert kept_files(tmp_path) == kept_files(clean)


def test_a_finished_backtest_computes_nothing_again(
    knowledge: Knowledge, plan: Plan, clean: Path, predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "forecast_origin", None)
    pd.testing.assert_frame_equal(run(knowledge, plan, clean), predictions)
    fewer = replace(plan, origins=ORIGINS[:1])
    some = predictions[predictions["as_of"].eq(ORIGINS[0].as_of)].reset_index(drop=True)
    pd.testing.assert_frame_equal(run(knowledge, fewer, clean), some)


def test_kept_forecasts_are_used_only_if_nothing_they_depend_on_has_changed(plan: Plan) -> None:
    usual = plan.fingerprint("d")
    assert usual == replace(plan).fingerprint("d")
    assert usual == replace(plan, origins=ORIGINS[:1]).fingerprint("d")
    others = {
        plan.fingerprint("e"),
        replace(plan, targets=("severe_supply_drop",)).fingerprint("d"),
        replace(plan, features=plan.features[1:]).fingerprint("d"),
        replace(plan, parameters=Parameters(rounds=5)).fingerprint("d"),
        replace(plan, parameters=Parameters(rounds=4, seed=21)).fingerprint("d"),
    }
    assert len(others) == 5
    assert usual not in others


def test_two_workers_give_the_same_bytes_as_one(
    knowledge: Knowledge, plan: Plan, clean: Path, predictions: pd.DataFrame, tmp_path: Path
) -> None:
    two = replace(plan, origins=ORIGINS[:2])
    found = run(knowledge, two, tmp_path, workers=2)
    wanted = {name: data for name, data in kept_files(clean).items() if not name.startswith("2008")}
    assert kept_files(tmp_path) == wanted
    some = predictions[predictions["as_of"].lt(ORIGINS[2].as_of)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, some)


def test_the_default_plan_takes_every_target_in_fixed_order_or_those_asked_for(knowledge: Knowledge) -> None:
    plan = backtest.default_plan(knowledge, ORIGINS)
    assert plan.targets == ("supply_drop", "severe_supply_drop")
    assert plan.features == tuple(feature_names(signals_named(("trade",))))
    assert plan.parameters == Parameters()
    assert backtest.default_plan(knowledge, ORIGINS, ["severe_supply_drop"]).targets == ("severe_supply_drop",)
    turned = backtest.default_plan(knowledge, ORIGINS, ["severe_supply_drop", "supply_drop"])
    assert turned.targets == plan.targets


def test_baselines_do_what_their_names_say(predictions: pd.DataFrame, knowledge: Knowledge) -> None:
    # Climatology knows two numbers per origin and horizon: the share of events on onset and on continuation rows.
    own = predictions[predictions["model"].eq("climatology")]
    for _, part in own.groupby(["as_of", "horizon"]):
        assert part.groupby("onset")["probability"].nunique().tolist() == [1, 1]
    first = own[own["as_of"].eq(ORIGINS[0].as_of) & own["horizon"].eq("current_year")]
    assert np.ptp(first["probability"]) > 0.05
