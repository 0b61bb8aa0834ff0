"""All targets and horizons together: served by lead, coherent, and the same after saving and on every fit."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BadInput
from models.forecaster import Forecaster, cohere, labelled_rows, version_of
from models.gradient_boosting import Parameters
from models.targets import HORIZONS, TARGETS

QUICK = Parameters(rounds=6, min_data_in_leaf=5, learning_rate=0.2)
FEATURES = ["trade_data_age_years", "trade_level_vs_3y", "x", "sometimes_missing"]
TRAINED = pd.Timestamp("2012-07-02", tz="UTC")
NUMBERS = ["probability", "p_low", "p_high"]
PAIR = ["mineral", "supplier"]


def moment(year: int, month: int = 7, day: int = 16) -> pd.Timestamp:
    return pd.Timestamp(year=year, month=month, day=day, tz="UTC").as_unit("us")


def make_panel(years: range, *, age: float = 2.0, pairs: int = 60, seed: int = 0) -> pd.DataFrame:
    """One row per pair and July; x tells how shaky the pair is that year."""
    parts = []
    for year in years:
        rng = np.random.default_rng([seed, year])
        x = rng.normal(size=pairs)
        parts.append(
            pd.DataFrame(
                {
                    "mineral": [f"m{n % 5}" for n in range(pairs)],
                    "supplier": [f"S{n:02}" for n in range(pairs)],
                    "as_of": moment(year),
                    "share": 0.02,
                    "trade_data_age_years": age,
                    "trade_level_vs_3y": rng.normal(0, 0.4, size=pairs),
                    "x": x,
                    "sometimes_missing": np.where(rng.random(pairs) < 0.3, np.nan, x),
                }
            )
        )
    rows = pd.concat(parts, ignore_index=True)
    return rows.astype({"mineral": "str", "supplier": "str"})


def make_labels(years: range, *, pairs: int = 60, seed: int = 9) -> pd.DataFrame:
    """Ratios around one, known in February two years later; some are mostly imputed, so void."""
    parts = []
    for year in years:
        rng = np.random.default_rng([seed, year])
        parts.append(
            pd.DataFrame(
                {
                    "mineral": [f"m{n % 5}" for n in range(pairs)],
                    "supplier": [f"S{n:02}" for n in range(pairs)],
                    "year": year,
                    "ratio": np.exp(rng.normal(-0.3, 0.5, size=pairs)),
                    "imputed_value_frac": np.where(rng.random(pairs) < 0.05, 0.9, 0.0),
                    "resolved_at": moment(year + 2, 2, 1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True).astype({"mineral": "str", "supplier": "str"})


def fit(labels: pd.DataFrame | None = None, trained_as_of: pd.Timestamp = TRAINED) -> Forecaster:
    labels = make_labels(range(1998, 2020)) if labels is None else labels
    return Forecaster.fit(
        make_panel(range(1998, 2014)), labels, trained_as_of=trained_as_of, features=FEATURES, parameters=QUICK
    )


@cache
def fitted() -> Forecaster:
    return fit()


# ---- what is predicted ---------------------------------------------------------------------------


def test_every_target_and_horizon_of_every_row_is_forecast_in_a_fixed_order() -> None:
    panel = make_panel(range(2013, 2014))
    found = fitted().predict(panel)
    assert list(found.columns) == [
        *PAIR,
        "as_of",
        "target",
        "horizon",
        "window_start",
        "window_end",
        "onset",
        "base_rate",
        "raw_score",
        *NUMBERS,
    ]
    keys = [(target, horizon) for target in TARGETS for horizon in HORIZONS]
    told = found[["target", "horizon"]].apply(tuple, axis=1).tolist()
    assert told == [key for key in keys for _ in range(len(panel))]
    assert found["supplier"].tolist() == panel["supplier"].tolist() * 4
    assert found.groupby("horizon")["window_start"].unique().map(list).to_dict() == {
        "current_year": [moment(2013, 1, 1)],
        "next_year": [moment(2014, 1, 1)],
    }
    assert found["window_end"].dt.strftime("%m-%d").unique().tolist() == ["12-31"]
    assert found["base_rate"].between(0, 1).all()


def test_the_forecast_does_not_depend_on_the_other_rows_their_order_or_their_index() -> None:
    panel = make_panel(range(2013, 2014))
    whole = fitted().predict(panel).set_index(["target", "horizon", *PAIR])
    shuffled = panel.sample(frac=1.0, random_state=3)
    found = fitted().predict(shuffled)
    assert found["supplier"].tolist() == shuffled["supplier"].tolist() * 4
    pd.testing.assert_frame_equal(found.set_index(whole.index.names).loc[whole.index], whole)
    few = fitted().predict(panel.iloc[[7, 3]]).set_index(whole.index.names)
    pd.testing.assert_frame_equal(few, whole.loc[few.index])


def test_predicting_changes_nothing_of_its_input() -> None:
    panel = make_panel(range(2013, 2014)).sample(frac=1.0, random_state=1)
    before = panel.copy()
    fitted().predict(panel)
    pd.testing.assert_frame_equal(panel, before)


def test_no_rows_give_no_rows_with_the_same_columns() -> None:
    panel = make_panel(range(2013, 2014))
    nothing = fitted().predict(panel.head(0))
    assert nothing.empty
    assert list(nothing.columns) == list(fitted().predict(panel).columns)


@pytest.mark.parametrize(
    ("age", "horizon", "lead"),
    [
        (2.0, "current_year", 2),
        (2.0, "next_year", 3),
        # In January trade is known to three years back.
        (3.0, "current_year", 3),
        (3.0, "next_year", 4),
        # Nothing was learned from data as old as this; the longest lead serves.
        (5.0, "current_year", 4),
        (4.0, "next_year", 4),
        # Nor from fresher ones.
        (1.0, "current_year", 2),
    ],
)
def test_a_forecast_is_made_by_the_part_of_its_lead(age: float, horizon: str, lead: int) -> None:
    panel = make_panel(range(2013, 2014), age=age)
    found = fitted().predict(panel)
    for target in TARGETS:
        own = found[found["target"].eq(target) & found["horizon"].eq(horizon)]
        booster, calibrator = fitted().parts[target, lead].parts()
        assert own["raw_score"].tolist() == booster.raw_score(panel).tolist()
        ((used, rows),) = fitted().boosters_for(panel, target, horizon)
        assert used is booster
        assert rows.equals(panel)
        # Coherence only raises the next year and only lowers a severe drop.
        if target == "supply_drop" and horizon == "current_year":
            assert own["probability"].tolist() == calibrator.probability(booster.raw_score(panel)).tolist()


def test_rows_of_different_age_in_one_panel_get_what_they_get_alone() -> None:
    panel = make_panel(range(2013, 2014))
    mixed = panel.assign(trade_data_age_years=np.arange(len(panel)) % 3 + 2.0)
    key = ["target", "horizon", *PAIR]
    alone = pd.concat([fitted().predict(part) for _, part in mixed.groupby("trade_data_age_years")])
    together = fitted().predict(mixed).set_index(key)
    pd.testing.assert_frame_equal(alone.set_index(key).loc[together.index], together)
    groups = fitted().boosters_for(mixed, "supply_drop", "current_year")
    assert [len(rows) for _, rows in groups] == [20, 20, 20]


def test_only_age_beyond_the_longest_lead_widens() -> None:
    def width(age: float, horizon: str) -> pd.Series:
        found = fitted().predict(make_panel(range(2013, 2014), age=age))
        own = found[found["target"].eq("supply_drop") & found["horizon"].eq(horizon)]
        return (own["p_high"] - own["p_low"]).reset_index(drop=True)

    assert (width(5.0, "current_year") > width(4.0, "current_year")).all()
    assert (width(7.0, "current_year") > width(5.0, "current_year")).all()


def test_the_interval_holds_calibrations_own_and_is_wider_with_age_and_distance() -> None:
    panel = make_panel(range(2013, 2014))
    found = fitted().predict_with_support(panel)
    assert found.drop(columns=["calibration_low", "calibration_high", "distance", "stale_years"]).equals(
        fitted().predict(panel)
    )
    assert (found["p_low"] <= found["calibration_low"]).all()
    assert (found["p_high"] >= found["calibration_high"]).all()
    # The same scores from a row all of whose other features lie in the tails: only the interval knows.
    far = fitted().predict_with_support(panel.assign(trade_data_age_years=2.0, trade_level_vs_3y=99.0))
    same = found["raw_score"].eq(far["raw_score"])
    assert (far["distance"] > found["distance"]).mean() > 0.9
    assert same.any()
    assert (far["p_high"] - far["p_low"] > found["p_high"] - found["p_low"])[same].mean() > 0.9
    support = fitted().support_of(panel.assign(trade_data_age_years=7.0))
    assert support["stale_years"].eq(3).all()


# ---- what it learns from -------------------------------------------------------------------------


def test_a_label_resolved_after_the_training_date_changes_nothing() -> None:
    labels = make_labels(range(1998, 2020))
    late = labels["resolved_at"] > TRAINED
    assert late.any()
    turned = labels.assign(ratio=labels["ratio"].mask(late, 2.0 - labels["ratio"]))
    panel = make_panel(range(2013, 2014))
    pd.testing.assert_frame_equal(fit(turned).predict(panel), fitted().predict(panel))
    early = labels.assign(ratio=labels["ratio"].mask(~late, 2.0 - labels["ratio"]))
    assert not fit(early).predict(panel)["raw_score"].equals(fitted().predict(panel)["raw_score"])


def test_in_the_first_years_the_shorter_lead_serves_where_the_longer_one_cannot_be_learned() -> None:
    # In January 2005 labels are resolved for 1998 to 2002: enough for a lead of two years only.
    early = fit(trained_as_of=moment(2005, 1, 3))
    assert list(early.parts) == [("supply_drop", 2), ("severe_supply_drop", 2)]
    panel = make_panel(range(2004, 2005), age=3.0)
    found = early.predict(panel)
    own = found[found["target"].eq("supply_drop")]
    booster, _ = early.parts["supply_drop", 2].parts()
    assert own["raw_score"].tolist() == booster.raw_score(panel).tolist() * 2
    fresh = early.predict(panel.assign(trade_data_age_years=2.0))
    fresh = fresh[fresh["target"].eq("supply_drop")]
    assert (own["p_high"] - own["p_low"] > fresh["p_high"] - fresh["p_low"]).all()
    assert list(fit(trained_as_of=moment(2009, 1, 5)).parts) == [(t, lead) for t in TARGETS for lead in (2, 3, 4)]


def test_void_years_and_unresolved_ones_carry_no_label() -> None:
    panel, labels = make_panel(range(2009, 2014)), make_labels(range(1998, 2012))
    rows = labelled_rows(panel, labels, "supply_drop", "current_year")
    assert rows.loc[rows["target_year"] >= 2012, "label"].isna().all()
    known = rows.merge(labels.rename(columns={"year": "target_year"}), on=[*PAIR, "target_year"])
    void = known["imputed_value_frac"] > 0.5
    assert void.any()
    assert known.loc[void, "label"].isna().all()
    assert known.loc[~void, "label"].tolist() == (known.loc[~void, "ratio"] < 0.7).astype(float).tolist()
    assert rows["onset"].tolist() == (~(panel["trade_level_vs_3y"] < np.log(0.7))).tolist()


# ---- coherence -----------------------------------------------------------------------------------

PROBABILITY = st.floats(0, 1)


def four(values: list[float]) -> pd.DataFrame:
    """One pair: drop now and next, severe now and next; each with p_low, probability, p_high."""
    keys = [(target, horizon) for target in TARGETS for horizon in HORIZONS]
    rows = [
        {
            "target": target,
            "horizon": horizon,
            "mineral": "cobalt",
            "supplier": "COD",
            "as_of": moment(2013),
            **dict(zip(("p_low", "probability", "p_high"), sorted(values[3 * at : 3 * at + 3]), strict=True)),
        }
        for at, (target, horizon) in enumerate(keys)
    ]
    return pd.DataFrame(rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(PROBABILITY, min_size=12, max_size=12))
def test_severe_never_exceeds_drop_and_nothing_falls_with_the_horizon(values: list[float]) -> None:
    before = four(values)
    given_ = before.copy()
    rows = cohere(before)
    pd.testing.assert_frame_equal(before, given_)
    pd.testing.assert_frame_equal(rows.drop(columns=NUMBERS), before.drop(columns=NUMBERS))
    drop_now, drop_next, severe_now, severe_next = rows[NUMBERS].to_numpy()
    assert (severe_now <= drop_now).all()
    assert (severe_next <= drop_next).all()
    assert (drop_now <= drop_next).all()
    assert (severe_now <= severe_next).all()
    assert (rows["p_low"] <= rows["probability"]).all()
    assert (rows["probability"] <= rows["p_high"]).all()
    # The nearest forecast of the plain event is never touched, and what is coherent stays.
    assert drop_now.tolist() == before.loc[0, NUMBERS].tolist()
    pd.testing.assert_frame_equal(cohere(rows), rows)


def test_coherent_numbers_stay_and_others_move_by_the_documented_rule() -> None:
    good = four([0.2, 0.3, 0.4, 0.3, 0.4, 0.5, 0.1, 0.2, 0.3, 0.1, 0.2, 0.35])
    pd.testing.assert_frame_equal(cohere(good), good)
    bad = four([0.2, 0.3, 0.4, 0.1, 0.2, 0.3, 0.1, 0.5, 0.6, 0.0, 0.1, 0.2])
    found = cohere(bad)[["p_low", "probability", "p_high"]].to_numpy().tolist()
    assert found == [[0.2, 0.3, 0.4], [0.2, 0.3, 0.4], [0.1, 0.3, 0.4], [0.1, 0.3, 0.4]]


def test_a_row_without_its_partner_stays_as_it_is_and_pairs_are_not_mixed() -> None:
    lonely = four([0.2, 0.3, 0.4] * 2 + [0.5, 0.6, 0.7] * 2).iloc[[3, 2]]
    pd.testing.assert_frame_equal(cohere(lonely), lonely)
    two = pd.concat([four([0.9] * 12), four([0.1] * 6 + [0.5] * 6).assign(supplier="ZMB")], ignore_index=True)
    assert cohere(two)["probability"].tolist() == [0.9] * 4 + [0.1] * 4


def test_a_whole_forecast_is_coherent() -> None:
    found = fitted().predict(make_panel(range(2013, 2014)))
    pd.testing.assert_frame_equal(cohere(found), found)
    wide = found.pivot_table(index=PAIR, columns=["target", "horizon"], values="probability")
    assert (wide["severe_supply_drop"] <= wide["supply_drop"]).all(axis=None)
    for target in TARGETS:
        assert (wide[target]["current_year"] <= wide[target]["next_year"]).all()


# ---- saving --------------------------------------------------------------------------------------


def test_saving_and_loading_gives_the_same_numbers_and_the_same_version(tmp_path: Path) -> None:
    version = fitted().save(tmp_path / "one")
    loaded = Forecaster.load(tmp_path / "one")
    panel = make_panel(range(2013, 2014), age=3.0)
    pd.testing.assert_frame_equal(loaded.predict(panel), fitted().predict(panel))
    assert (loaded.trained_as_of, list(loaded.features)) == (TRAINED, FEATURES)
    assert list(loaded.parts) == list(fitted().parts)
    for key, part in fitted().parts.items():
        assert loaded.parts[key].parts()[0].never_missing == part.parts()[0].never_missing
    assert loaded.save(tmp_path / "two") == version == version_of(tmp_path / "one")
    assert version == fit().save(tmp_path / "again")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    assert {Path(name).suffix for name in names} == {".txt", ".json"}


def test_a_model_stored_before_intervals_adapted_answers_with_calibrations_own(tmp_path: Path) -> None:
    fitted().save(tmp_path / "old")
    make_old(tmp_path / "old")
    old, panel = Forecaster.load(tmp_path / "old"), make_panel(range(2013, 2014))
    found, now = old.predict_with_support(panel), fitted().predict_with_support(panel)
    assert found["p_low"].equals(now["calibration_low"])
    assert found["p_high"].equals(now["calibration_high"])
    assert found["probability"].equals(now["probability"])
    assert found["distance"].isna().all()
    assert old.support_of(panel)["distance"].isna().all()


def test_a_model_of_a_later_format_is_refused(tmp_path: Path) -> None:
    fitted().save(tmp_path / "later")
    rewrite(tmp_path / "later", lambda about: about | {"format": 3})
    with pytest.raises(BadInput, match="expected format 1 to 2, found format 3"):
        Forecaster.load(tmp_path / "later")


def rewrite(folder: Path, change: Callable[[dict[str, object]], dict[str, object]], *, drop: str = "\0") -> None:
    """Change forecaster.json, leave out files that end in `drop`, and make the manifest fit."""
    about = change(json.loads((folder / "forecaster.json").read_text()))
    (folder / "forecaster.json").write_text(json.dumps(about))
    names = [path.name for path in folder.iterdir() if path.name != "manifest.json" and not path.name.endswith(drop)]
    manifest = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(names)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def make_old(folder: Path) -> None:
    rewrite(folder, lambda about: {key: each for key, each in about.items() if key != "format"}, drop="-interval.json")


def test_another_training_gives_another_version(tmp_path: Path) -> None:
    versions = {
        fitted().save(tmp_path / "usual"),
        fit(trained_as_of=moment(2011, 7, 4)).save(tmp_path / "earlier"),
        fit(make_labels(range(1998, 2020), seed=10)).save(tmp_path / "other-labels"),
    }
    assert len(versions) == 3


def test_a_fit_in_another_process_gives_the_same_version(tmp_path: Path, repo_root: Path) -> None:
    code = "import sys, pathlib, tests.models.test_forecaster as t; print(t.fit().save(pathlib.Path(sys.argv[1])))"
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "other")],
        cwd=repo_root,
        env={**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == fitted().save(tmp_path / "own")


def test_changed_missing_or_foreign_files_are_refused(tmp_path: Path) -> None:
    fitted().save(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        if path.name == "manifest.json":
            continue
        kept = path.read_text()
        path.write_text(kept + " ")
        with pytest.raises(BadInput, match=rf"{path.name}: expected sha256 .* train the model again"):
            Forecaster.load(tmp_path)
        path.unlink()
        with pytest.raises(BadInput, match=path.name):
            Forecaster.load(tmp_path)
        path.write_text(kept)
    Forecaster.load(tmp_path)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(BadInput, match=r"expected manifest.json, found none. Train the model again"):
        Forecaster.load(tmp_path)


def test_the_version_depends_on_every_file(tmp_path: Path) -> None:
    fitted().save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert set(manifest) == {path.name for path in tmp_path.iterdir()} - {"manifest.json"}
