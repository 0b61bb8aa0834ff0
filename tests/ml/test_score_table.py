"""The score table: counts, slices, intervals, refusals, and the compact table made from it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from features.errors import BadInput
from ml import scores as sc
from ml.score_table import BASELINES, CHAMPION, SLICES, aligned, in_order, markdown_table, score_predictions

SKILL = {
    "lightgbm": 2.0,
    "pair_history": 0.8,
    "climatology": 0.0,
    "persistence": 0.3,
    "logistic_regression": 1.2,
}


def build_predictions(
    *,
    seed: int = 0,
    minerals: int = 6,
    suppliers: int = 4,
    years: range = range(2012, 2020),
    targets: tuple[str, ...] = ("supply_drop",),
    horizons: tuple[str, ...] = ("current_year",),
    models: dict[str, float] = SKILL,
    void: float = 0.1,
) -> pd.DataFrame:
    """Two origins a year for each pair; a model's probability is the label blurred by its skill."""
    rng = np.random.default_rng(seed)
    origins = [pd.Timestamp(year=y, month=month, day=1, tz="UTC").as_unit("us") for y in years for month in (1, 7)]
    keys = pd.MultiIndex.from_product(
        [
            targets,
            horizons,
            [f"mineral_{i}" for i in range(minerals)],
            ["CHN", "CHL", "COD", "AUS"][:suppliers],
            origins,
        ],
        names=["target", "horizon", "mineral", "supplier", "as_of"],
    )
    facts = keys.to_frame(index=False)
    n = len(facts)
    truth = (rng.random(n) < 0.3).astype(float)
    is_void = rng.random(n) < void
    facts = facts.assign(
        window_start=facts["as_of"],
        window_end=facts["as_of"] + pd.Timedelta(days=365),
        p_low=np.nan,
        p_high=np.nan,
        label=np.where(is_void, np.nan, truth),
        void_reason=pd.array(np.where(is_void, "mostly_imputed", None), dtype="string"),
        onset=rng.random(n) < 0.7,
        share=0.1,
        is_major=facts["mineral"].isin(["mineral_0", "mineral_1", "mineral_2"]),
        is_transit=facts["supplier"] == "AUS",
    )
    return pd.concat(
        [
            facts.assign(
                model=model,
                probability=1 / (1 + np.exp(-(skill * (truth - 0.5) - 0.8 + rng.normal(0, 0.8, n)))),
            )
            for model, skill in models.items()
        ],
        ignore_index=True,
    )


def one_part(scores, target="supply_drop", horizon="current_year"):
    return scores["targets"][target][horizon]


@pytest.fixture(scope="module")
def predictions():
    return build_predictions()


@pytest.fixture(scope="module")
def scores(predictions):
    return score_predictions(predictions, n_draws=100, seed=3)


def test_only_resolved_rows_are_scored_and_void_ones_are_counted(predictions, scores):
    one = predictions[predictions["model"] == CHAMPION]
    outcomes, everything = one_part(scores)["outcomes"], one_part(scores)["slices"]["all"]
    assert outcomes["forecasts"] == len(one) == 6 * 4 * 16
    assert outcomes["scored"] == everything["n"] == one["label"].notna().sum()
    assert everything["events"] == one["label"].sum()
    assert outcomes["void"] == one["label"].isna().sum()
    assert outcomes["void_reasons"] == {"mostly_imputed": outcomes["void"]}
    assert outcomes["void_rate"] == outcomes["void"] / len(one)
    assert everything["pairs"] == 24


def test_a_missing_label_without_a_reason_is_unresolved_not_void(predictions):
    frame = predictions.assign(void_reason=pd.array([None] * len(predictions), dtype="string"))
    outcomes = one_part(score_predictions(frame, n_draws=0))["outcomes"]
    assert outcomes["void"] == 0
    assert outcomes["void_rate"] == 0
    assert outcomes["unresolved"] == outcomes["forecasts"] - outcomes["scored"] > 0


def test_slices_hold_the_rows_they_name(predictions, scores):
    one = predictions[(predictions["model"] == CHAMPION) & predictions["label"].notna()]
    counts = {name: part["n"] for name, part in one_part(scores)["slices"].items()}
    assert counts == {
        "all": len(one),
        "onset": one["onset"].sum(),
        "continuation": (~one["onset"]).sum(),
        "major": one["is_major"].sum(),
        "onset_major": (one["onset"] & one["is_major"]).sum(),
        "transit": one["is_transit"].sum(),
    }
    assert list(counts) == list(SLICES)


def test_values_are_those_of_the_plain_metrics(predictions, scores):
    rows = predictions[predictions["label"].notna() & predictions["onset"]].sort_values(
        ["mineral", "supplier", "as_of"]
    )
    ours, history, climate = (rows[rows["model"] == m] for m in (CHAMPION, "pair_history", "climatology"))
    y, p = ours["label"].to_numpy(), ours["probability"].to_numpy()
    pair = (ours["mineral"] + ours["supplier"]).to_numpy()
    origin = ours["as_of"].to_numpy()
    expected = {
        "roc_auc": sc.roc_auc(y, p),
        "average_precision": sc.average_precision(y, p),
        "brier": sc.brier(y, p),
        "brier_skill_vs_pair_history": sc.brier_skill(y, p, history["probability"].to_numpy()),
        "brier_skill_vs_climatology": sc.brier_skill(y, p, climate["probability"].to_numpy()),
        "expected_calibration_error": sc.expected_calibration_error(y, p),
        "when": sc.within_pair_concordance(y, p, pair),
        "precision_at_budget": sc.precision_at_budget(y, p, origin, budget=0.1),
        "false_alarms_per_hit": sc.false_alarms_per_hit(y, p, origin, budget=0.1),
    }
    metrics = one_part(scores)["slices"]["onset"]["models"][CHAMPION]
    assert set(metrics) == {*expected, "missed_at_budget"}
    for name, value in expected.items():
        assert metrics[name]["value"] == pytest.approx(value, rel=1e-12), name


def test_every_interval_contains_its_value(scores):
    for part in one_part(scores)["slices"].values():
        for metrics in part["models"].values():
            for name, found in metrics.items():
                if found["low"] is not None:
                    assert found["low"] <= found["value"] <= found["high"], name
    main = one_part(scores)["slices"]["onset"]["models"][CHAMPION]
    assert all(main[name]["low"] is not None for name in ("roc_auc", "when", "brier", "average_precision"))


def test_interval_of_auc_is_that_of_the_block_bootstrap(predictions, scores):
    facts, probability = aligned(predictions)
    weights = sc.block_weights(facts["mineral"], facts["as_of"].dt.year, n_draws=100, seed=3)
    onset = facts["onset"].to_numpy()
    draws = sc.roc_auc_draws(facts["label"].to_numpy()[onset], probability[CHAMPION][onset], weights[onset])
    found = one_part(scores)["slices"]["onset"]["models"][CHAMPION]["roc_auc"]
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])))


def test_differences_are_champion_minus_baseline(scores):
    part = one_part(scores)
    assert list(part["differences"]) == [m for m in BASELINES if m in SKILL]
    for baseline, by_slice in part["differences"].items():
        for name in ("all", "onset"):
            for metric in ("roc_auc", "when"):
                models = part["slices"][name]["models"]
                gap = models[CHAMPION][metric]["value"] - models[baseline][metric]["value"]
                assert by_slice[name][metric]["value"] == pytest.approx(gap)
    assert part["differences"]["climatology"]["onset"]["roc_auc"]["low"] > 0


def test_by_year_and_by_mineral_split_the_onset_rows(predictions, scores):
    part = one_part(scores)
    onset = part["slices"]["onset"]
    for key, n_groups in (("year", 8), ("mineral", 6)):
        rows = part[f"by_{key}"]
        assert len(rows) == n_groups
        assert sum(row["n"] for row in rows) == onset["n"]
        assert sum(row["events"] for row in rows) == onset["events"]
        assert all(set(row["roc_auc"]) == set(row["brier"]) == {CHAMPION, "pair_history"} for row in rows)
    assert [row["year"] for row in part["by_year"]] == list(range(2012, 2020))


def test_a_group_with_fewer_than_ten_of_either_class_is_insufficient():
    frame = build_predictions(void=0)
    frame["onset"] = True
    order = frame.groupby(["model", "mineral"]).cumcount()
    for mineral, events in (("mineral_0", 9), ("mineral_1", 10), ("mineral_2", 64 - 9)):
        here = frame["mineral"] == mineral
        frame.loc[here, "label"] = (order[here] < events).astype(float)
    rows = {row["mineral"]: row for row in one_part(score_predictions(frame, n_draws=0))["by_mineral"]}
    assert rows["mineral_0"]["insufficient"]
    assert not rows["mineral_1"]["insufficient"]
    assert rows["mineral_2"]["insufficient"]


def test_an_empty_slice_has_nulls_and_no_error(predictions):
    part = one_part(score_predictions(predictions.assign(is_transit=False), n_draws=20))
    transit = part["slices"]["transit"]
    assert (transit["n"], transit["base_rate"], transit["insufficient"]) == (0, None, True)
    assert transit["models"][CHAMPION]["roc_auc"] == {"value": None, "low": None, "high": None}


def test_all_void_is_no_error(predictions):
    frame = predictions.assign(label=np.nan, void_reason="closed")
    outcomes = one_part(score_predictions(frame, n_draws=20))["outcomes"]
    assert (outcomes["scored"], outcomes["void_rate"]) == (0, 1.0)


def test_scores_are_strict_json_and_the_same_for_the_same_seed(predictions, scores):
    text = json.dumps(scores, allow_nan=False)
    again = score_predictions(predictions, n_draws=100, seed=3)
    assert json.dumps(again, allow_nan=False) == text
    assert json.dumps(score_predictions(predictions, n_draws=100, seed=4), allow_nan=False) != text


def test_order_of_rows_is_irrelevant_and_input_is_untouched(predictions, scores):
    shuffled = predictions.sample(frac=1, random_state=1)
    before = shuffled.copy()
    again = score_predictions(shuffled, n_draws=100, seed=3)
    pd.testing.assert_frame_equal(shuffled, before)
    ours, theirs = (one_part(s)["slices"]["onset"]["models"] for s in (scores, again))
    for model, metrics in ours.items():
        for name, found in metrics.items():
            assert list(theirs[model][name]) == ["value", "low", "high"]
            for key in ("value", "low", "high"):
                expected = None if found[key] is None else pytest.approx(found[key], rel=1e-9)
                assert theirs[model][name][key] == expected, (model, name)


def test_no_draws_give_values_without_intervals(predictions):
    part = one_part(score_predictions(predictions, n_draws=0))
    found = part["slices"]["onset"]["models"][CHAMPION]["roc_auc"]
    assert found["value"] > 0.5
    assert (found["low"], found["high"]) == (None, None)


def test_shuffled_labels_score_nothing():
    frame = build_predictions(minerals=12, void=0)
    facts = frame[frame["model"] == CHAMPION]
    shuffled = np.random.default_rng(1).permutation(facts["label"].to_numpy())
    frame["label"] = np.tile(shuffled, frame["model"].nunique())
    metrics = one_part(score_predictions(frame, n_draws=200))["slices"]["all"]["models"][CHAMPION]
    for name in ("roc_auc", "when"):
        assert metrics[name]["low"] < 0.5 < metrics[name]["high"]
    assert metrics["brier_skill_vs_climatology"]["low"] < 0


def test_models_without_baselines_have_null_skill(predictions):
    part = one_part(score_predictions(predictions[predictions["model"] == CHAMPION], n_draws=10))
    assert part["differences"] == {}
    metrics = part["slices"]["all"]["models"][CHAMPION]
    assert metrics["brier_skill_vs_pair_history"]["value"] is None
    assert metrics["roc_auc"]["value"] is not None


def test_targets_and_horizons_are_scored_apart_and_in_order():
    frame = build_predictions(
        targets=("severe_supply_drop", "supply_drop"), horizons=("next_year", "current_year"), minerals=3
    )
    found = score_predictions(frame, n_draws=0)["targets"]
    assert list(found) == ["supply_drop", "severe_supply_drop"]
    assert list(found["supply_drop"]) == ["current_year", "next_year"]
    n = [found[t][h]["slices"]["all"]["events"] for t in found for h in found[t]]
    assert len(set(n)) > 1


def test_preferred_names_come_first_then_the_alphabet():
    assert in_order(["z", "b", "a", "b"], ["b", "missing"]) == ["b", "a", "z"]


def broken(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    frame = frame.copy()
    first = frame.index[frame["label"].notna()][0]
    match what:
        case "column":
            return frame.drop(columns="onset")
        case "row of one model":
            return frame.drop(index=first)
        case "row twice":
            return pd.concat([frame, frame.loc[[first]]])
        case "labels disagree":
            frame.loc[first, "label"] = 1 - frame.loc[first, "label"]
        case "flags disagree":
            frame.loc[first, "onset"] = not frame.loc[first, "onset"]
        case "label":
            frame.loc[first, "label"] = 0.5
        case "probability":
            frame.loc[first, "probability"] = 1.2
        case "no probability":
            frame.loc[first, "probability"] = np.nan
        case "naive time":
            frame["as_of"] = frame["as_of"].dt.tz_localize(None)
        case "nothing":
            return frame.iloc[:0]
    return frame


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("column", "onset"),
        ("row of one model", "predictions of lightgbm: .* 1 of"),
        ("row twice", "twice"),
        ("labels disagree", "column label: .*disagree"),
        ("flags disagree", "column onset: .*disagree"),
        ("label", "column label: .*0.5"),
        ("probability", "column probability: .*1.2"),
        ("no probability", "column probability: .*nan"),
        ("naive time", "column as_of: .*UTC"),
        ("nothing", "at least one row"),
    ],
)
def test_broken_predictions_are_refused_with_the_reason(predictions, what, message):
    score_predictions(predictions, n_draws=0)
    with pytest.raises(BadInput, match=message):
        score_predictions(broken(predictions, what), n_draws=0)


def test_markdown_table_has_one_line_per_model_and_shows_intervals(scores):
    lines = markdown_table(scores).splitlines()
    assert len(lines) == 2 + 2 * len(SKILL)
    assert len({line.count("|") for line in lines}) == 1
    onset = next(line for line in lines if "| onset | lightgbm |" in line)
    found = one_part(scores)["slices"]["onset"]["models"][CHAMPION]["roc_auc"]
    assert f"{found['value']:.3f} [{found['low']:.3f} to {found['high']:.3f}]" in onset
    assert "reference" in next(line for line in lines if "| all | pair history |" in line)
