"""Ideas learn only from the past, the record keeps everything, the final span is looked at once, a search goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from features.catalog import Catalog, load_catalog
from features.errors import BadInput, ConfigError
from features.exports import yearly_exports
from ml import tracking
from ml.experiments import search
from ml.experiments.ideas import IDEAS, REFERENCE, Idea, ideas_named
from ml.experiments.neighbours import LEVEL, VALUE, WORLD
from ml.experiments.record import add_to_record, check_first_look, read_record, render_record
from ml.experiments.trial import at_origin, measure, truths, verdict
from ml.origins import Origin
from ml.scores import roc_auc
from ml.settings import Settings
from models.gradient_boosting import Parameters
from tests.builders import rows as rows_of
from tests.builders import series, utc
from tests.ml.labelled_pairs import FEATURES, labelled_pairs

# Of ideas that treat rows alike one is enough.
TOLD_APART = [
    idea
    for idea in IDEAS
    if idea.name in ("reference", "many-thresholds", "whole-distribution", "stacked", "per-stage", "against-own-past")
    or idea.name in ("ranked-within-pairs", "recent-years-more", "tracked-pairs-only", "places-known")
    or idea.name in ("five-years", "suppliers-never-seen", "stage-corrected", "mineral-corrected", "buyers-summed")
    or idea.name in ("by-products-told", "others-told", "shocks-apart")
]
LAST = Origin(utc("2015-07-20").to_pydatetime())


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return labelled_pairs()


@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea.name)
def test_an_idea_learns_and_gives_probabilities(idea: Idea, rows: pd.DataFrame) -> None:
    found = at_origin(rows, idea, FEATURES, "supply_drop", LAST)
    assert len(found) == 50
    assert found["probability"].between(0, 1).all()
    if idea.name != "places-known":
        assert roc_auc(found["label"].to_numpy(), found["probability"].to_numpy()) > 0.6


@pytest.mark.parametrize("idea", TOLD_APART, ids=lambda idea: idea.name)
def test_nothing_that_was_resolved_later_changes_a_forecast(idea: Idea, rows: pd.DataFrame) -> None:
    early = Origin(utc("2010-07-20").to_pydatetime())
    is_later = rows["resolved_at"] > utc("2010-07-20")
    other = rows.assign(
        label=rows["label"].mask(is_later, 1 - rows["label"]), ratio=rows["ratio"].mask(is_later, 2.0 - rows["ratio"])
    )
    after = rows["as_of"] > utc("2010-07-20")
    for name in (*FEATURES, LEVEL, VALUE, WORLD):
        other[name] = other[name].mask(after, 9.0)
    one, two = (at_origin(table, idea, FEATURES, "supply_drop", early) for table in (rows, other))
    np.testing.assert_array_equal(one["probability"], two["probability"])
    np.testing.assert_array_equal(one["pair_history"], two["pair_history"])


def test_a_measurement_has_the_gain_on_the_same_rows(rows: pd.DataFrame) -> None:
    base = at_origin(rows, REFERENCE, FEATURES, "supply_drop", LAST)
    same = measure(base, base, draws=20)
    assert same["roc_auc_gain"]["value"] == same["brier_skill_gain"]["value"] == 0
    assert verdict(same) == "no difference"
    perfect = measure(base.assign(probability=base["label"] * 0.8 + 0.1), base, draws=20)
    assert perfect["roc_auc"]["value"] == 1.0
    assert perfect["brier_skill_gain"]["low"] > 0
    assert verdict(perfect) == "better"
    wrong = measure(base.assign(probability=0.9 - base["label"] * 0.8), base, draws=20)
    assert verdict(wrong) == "worse"


def test_who_is_never_seen_has_no_part_in_its_forecast(rows: pd.DataFrame) -> None:
    (idea,) = [idea for idea in IDEAS if idea.name == "suppliers-never-seen"]
    one = at_origin(rows, idea, FEATURES, "supply_drop", LAST)
    is_own = rows["supplier"].eq("S07") & rows["as_of"].lt(utc("2015-01-01"))
    two = at_origin(
        rows.assign(label=rows["label"].mask(is_own, 1 - rows["label"])), idea, FEATURES, "supply_drop", LAST
    )
    changed = one["probability"].ne(two["probability"])
    assert changed.any()
    assert not changed[one["supplier"].eq("S07")].any()


def test_the_truth_of_totals_by_hand(catalog: Catalog) -> None:
    own, other = series("COD", [10, 10, 10, 5]), series("AUS", [10, 10, 10, 25])
    nickel = series("COD", [4, 4, 4, 1], hs_code="260400")
    found = truths(yearly_exports(rows_of("trade", [*own, *other, *nickel]), catalog))
    last = found[found["target_year"].eq(2003) & found["mineral"].eq("cobalt")].set_index("supplier")
    assert last["true_world_ratio"].to_list() == pytest.approx([np.log(1.5)] * 2)
    assert last.loc["COD", "true_supplier_ratio"] == pytest.approx(np.log(0.25))


def test_an_unknown_idea_is_refused_and_the_reference_always_comes_along() -> None:
    assert [idea.name for idea in ideas_named(["stacked"])] == ["reference", "stacked"]
    assert len({idea.name for idea in IDEAS}) == len(IDEAS)
    with pytest.raises(ConfigError, match="alchemy"):
        ideas_named(["alchemy"])


def a_row(idea: str, span: str, **more: object) -> dict[str, object]:
    cell = {"value": 0.7, "low": 0.6, "high": 0.8}
    metrics = dict.fromkeys(("roc_auc", "when", "average_precision", "brier_skill"), cell)
    about = {"target": "supply_drop", "signals": "trade", "data_digest": "d", "git_commit": "c", "draws": 20}
    told = {"sentence": "A change.", "n": 100, "verdict": "reference", "date": "2026-01-02", "origins": "2006-2018"}
    return {"idea": idea, "span": span, **about, **told, **metrics, **more}


def test_the_record_keeps_each_result_once_and_shows_all(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    gain = {"value": -0.02, "low": -0.03, "high": -0.01}
    gains = {f"{name}_gain": gain for name in ("roc_auc", "when", "average_precision", "brier_skill")}
    lost = a_row("analogues", "earlier", verdict="worse", **gains)
    add_to_record(path, [a_row("reference", "earlier"), lost])
    add_to_record(path, [lost, a_row("stacked", "earlier", date="2026-02-02", **gains)])
    assert [row["idea"] for row in read_record(path)] == ["reference", "analogues", "stacked"]
    page = render_record(read_record(path), command="x")
    assert "| 2026-01-02 | `analogues` | A change. | 100 | 0.700 (-0.020 [-0.030, -0.010]) |" in page
    assert "not looked at yet" in page
    add_to_record(path, [lost | {"git_commit": "later", "date": "2026-03-03"}])
    assert len(read_record(path)) == 4
    assert render_record(read_record(path), command="x").count("`analogues`") == 1
    path.write_text(path.read_text() + "{broken\n")
    with pytest.raises(BadInput, match=r"record\.jsonl, line 5"):
        read_record(path)


def test_the_final_span_is_looked_at_once(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    check_first_look(path, again=None)
    add_to_record(path, [a_row("reference", "earlier")])
    check_first_look(path, again=None)
    add_to_record(path, [a_row("reference", "final", origins="2019-2023")])
    with pytest.raises(ConfigError, match=r"looked at on 2026-01-02.*--again"):
        check_first_look(path, again=None)
    check_first_look(path, again="new labels")
    add_to_record(path, [a_row("reference", "final", origins="2019-2023", git_commit="e")], again="new labels")
    assert "looked again: new labels" in render_record(read_record(path), command="x")


# ---- the search ----------------------------------------------------------------------------------

ABOUT = {"target": "supply_drop", "data": "d"}


def folds(rows: pd.DataFrame) -> list[search.Fold]:
    return search.folds_of(rows, [Origin(utc(f"{year}-07-20").to_pydatetime()) for year in range(2008, 2014)])


def test_a_fold_holds_what_was_resolved_and_tracked(rows: pd.DataFrame) -> None:
    for (learn, held), year in zip(folds(rows), range(2008, 2014), strict=True):
        assert learn["resolved_at"].max() <= utc(f"{year}-07-20") == held["as_of"].min() == held["as_of"].max()
        assert held["share"].min() >= 0.01
        assert len(held) == 50


def test_a_hopeless_trial_is_stopped_early(rows: pd.DataFrame) -> None:
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=1))
    good, bad = replace(Parameters(), rounds=20), replace(Parameters(), rounds=60, learning_rate=3.0)
    study.optimize(lambda trial: search.loss_so_far(trial, good, FEATURES, folds(rows)), n_trials=2)
    study.optimize(lambda trial: search.loss_so_far(trial, bad, FEATURES, folds(rows)), n_trials=1)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert max(study.trials[2].intermediate_values) < 5


def test_a_search_begins_with_the_settings_in_use_and_goes_on_in_the_same_run(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    for trials in (2, 3):
        study = search.study_for(settings, ABOUT)
        study.optimize(lambda trial: search.propose(trial).learning_rate, n_trials=trials - len(study.trials))
        result = search._result(study)
        search._log(settings, study, result, ABOUT)
    assert study.trials[0].params == {name: asdict(Parameters())[name] for name in search.propose_names()}
    assert result["trials"] == 3
    assert result["gain"] == pytest.approx(Parameters().learning_rate - result["best_loss"])
    with tracking.mlflow_at(settings) as mlflow:
        found = mlflow.search_runs(search_all_experiments=True, output_format="list")
        parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
        assert len(parents) == 1
        assert len(found) == 4
        assert parents[0].data.metrics["trials"] == 3
    assert json.loads(json.dumps(result)) == result
