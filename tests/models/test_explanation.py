"""Explanations are the model's own, sum to its score, and are said in three different reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from features.errors import ContractError
from features.panel import family_of
from models.explanation import (
    BASE,
    DRIVERS,
    EXPLANATION_COLUMNS,
    driver_sentences,
    explanation_rows,
    sentences_on_record,
    signal_totals,
)
from models.gradient_boosting import GradientBoosting, Parameters
from models.phrases import theme_of

FEATURES = [
    "trade_level_vs_3y",
    "trade_level_vs_3y_lag1",
    "trade_growth_1y",
    "trade_drop_rate",
    "trade_years_since_drop",
    "trade_buyers",
    "trade_top_buyer",
    "production_share",
    "restrictions_pair_new_52w",
]


def build_rows(n: int = 40, *, seed: int = 0) -> pd.DataFrame:
    """One panel row per pair, in no order; two features have gaps."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({name: rng.normal(0, 1, n) for name in FEATURES})
    rows["trade_drop_rate"], rows["trade_top_buyer"] = rng.random(n), rng.random(n)
    rows["trade_buyers"], rows["restrictions_pair_new_52w"] = rng.integers(1, 30, n), rng.integers(0, 3, n)
    rows["trade_years_since_drop"] = np.where(rng.random(n) < 0.4, np.nan, rng.integers(0, 9, n))
    rows["production_share"] = np.where(rng.random(n) < 0.3, np.nan, rng.random(n))
    pairs = rng.permutation([(f"mineral_{i % 8}", f"S{i // 8:02d}") for i in range(n)])
    keys = pd.DataFrame(pairs, columns=["mineral", "supplier"])
    return keys.join(rows.astype("float64")).assign(trade_last_year=2024.0)


@pytest.fixture(scope="module")
def model() -> GradientBoosting:
    rows = build_rows(600, seed=1)
    score = 2 * rows["trade_drop_rate"] - rows["trade_level_vs_3y"] + rows["restrictions_pair_new_52w"] - 1.5
    label = (score + np.random.default_rng(2).normal(0, 0.5, len(rows)) > 0).astype("float64")
    settings = Parameters(rounds=40, min_data_in_leaf=10, learning_rate=0.1)
    return GradientBoosting(FEATURES, settings).fit(rows.assign(label=label))


@dataclass
class Untrue(GradientBoosting):
    """A model whose contributions are not those of its score."""

    off: float = 2e-6

    def contributions(self, rows):
        values, base = super().contributions(rows)
        base = base.copy()
        base[3] += self.off
        return values, base


def explained(**contributions: tuple[float, float]) -> pd.DataFrame:
    """Explanation rows of one pair: feature -> (value, contribution)."""
    rows = [
        {"signal": family_of(name), "feature": name, "value": value, "contribution": contribution}
        for name, (value, contribution) in contributions.items()
    ]
    base = {"signal": BASE, "feature": BASE, "value": np.nan, "contribution": -1.0}
    return pd.DataFrame([base, *rows]).assign(mineral="cobalt", supplier="COD")


def pair_row(**facts: float) -> pd.DataFrame:
    return pd.DataFrame([{"mineral": "cobalt", "supplier": "COD", "trade_last_year": 2024.0} | facts])


def drivers_of(explanations: pd.DataFrame, **facts: float) -> list[str]:
    found = driver_sentences(explanations, pair_row(**facts))
    return found.loc[0, list(DRIVERS)].dropna().tolist()


def test_contributions_and_base_sum_to_the_raw_score(model):
    rows = build_rows()
    found = explanation_rows(model, rows)
    total = found.groupby(["mineral", "supplier"])["contribution"].sum()
    raw = rows.assign(raw=model.raw_score(rows)).set_index(["mineral", "supplier"])["raw"]
    assert (total - raw.reindex(total.index)).abs().max() < 1e-6


def test_contributions_that_do_not_sum_are_refused(model):
    broken = Untrue(**vars(model))
    with pytest.raises(ContractError, match="raw score"):
        explanation_rows(broken, build_rows())
    broken.off = 1e-8
    assert len(explanation_rows(broken, build_rows())) == 40 * (1 + len(FEATURES))


def test_contributions_that_are_not_numbers_are_refused(model):
    with pytest.raises(ContractError, match="raw score"):
        explanation_rows(Untrue(**vars(model), off=np.nan), build_rows())


def test_rows_are_sorted_and_the_base_comes_first(model):
    found = explanation_rows(model, build_rows())
    assert list(found.columns) == ["mineral", "supplier", "signal", "feature", "value", "contribution"]
    pairs = found[["mineral", "supplier"]].drop_duplicates()
    assert pairs.equals(pairs.sort_values(["mineral", "supplier"]))
    for _, part in found.groupby(["mineral", "supplier"]):
        assert part["feature"].tolist() == [BASE, *FEATURES]
    assert found["value"][found["signal"].eq(BASE)].isna().all()
    assert found["signal"][found["feature"].eq("production_share")].eq("production").all()


def test_the_order_of_the_rows_makes_no_difference(model):
    rows = build_rows()
    again = rows.sample(frac=1.0, random_state=5)
    pd.testing.assert_frame_equal(explanation_rows(model, rows), explanation_rows(model, again))
    once, twice = (driver_sentences(explanation_rows(model, frame), frame) for frame in (rows, again))
    pd.testing.assert_frame_equal(once, twice)


def test_input_is_not_changed(model):
    rows = build_rows()
    before = rows.copy()
    driver_sentences(explanation_rows(model, rows), rows)
    pd.testing.assert_frame_equal(rows, before)


def test_no_rows_give_an_empty_table_of_the_same_columns(model):
    none = build_rows().iloc[:0]
    found = explanation_rows(model, none)
    assert found.empty
    assert list(found.columns) == list(explanation_rows(model, build_rows()).columns)
    assert driver_sentences(found, none).columns.tolist() == ["mineral", "supplier", *DRIVERS]
    assert signal_totals(found).empty


def test_a_pair_in_two_rows_is_refused(model):
    rows = build_rows()
    with pytest.raises(ContractError, match="several rows"):
        explanation_rows(model, pd.concat([rows, rows.iloc[:1]]))


def test_signal_totals_are_the_sums_of_their_features(model):
    found = explanation_rows(model, build_rows())
    totals = signal_totals(found)
    slow = {}
    for row in found.itertuples():
        key = (row.mineral, row.supplier, row.signal)
        slow[key] = slow.get(key, 0.0) + row.contribution
    fast = totals.set_index(["mineral", "supplier", "signal"])["contribution"]
    assert len(totals) == len(slow)
    assert all(abs(fast[key] - value) < 1e-9 for key, value in slow.items())


def test_three_drivers_are_three_themes_and_their_words_have_the_sign_of_the_sum(model):
    rows = build_rows()
    found = explanation_rows(model, rows)
    said = driver_sentences(found, rows).set_index(["mineral", "supplier"])
    assert said.notna().all().all()
    for pair, part in found[found["signal"].ne(BASE)].groupby(["mineral", "supplier"]):
        theme = part["feature"].map(theme_of)
        sums = part.groupby(theme)["contribution"].sum()
        order = sums.abs().sort_values(ascending=False).index[: len(DRIVERS)]
        for driver, name in zip(DRIVERS, order, strict=True):
            word = "raises" if sums[name] > 0 else "lowers"
            assert said.loc[pair, driver].endswith(f"({word} the risk)")
        assert said.loc[pair].nunique() == len(DRIVERS)


def test_features_of_one_theme_are_summed_and_named_once():
    drivers = drivers_of(
        explained(
            trade_level_vs_3y=(-0.53, 0.30),
            trade_level_vs_3y_lag1=(-0.2, 0.29),
            trade_growth_1y=(-0.4, 0.40),
            production_share=(0.2, -0.05),
        )
    )
    assert drivers == [
        "exports in 2024 were 41 % under the mean of the three years before (raises the risk)",
        "exports fell 33 % between 2023 and 2024 (raises the risk)",
        "produces 20 % of the world's output (lowers the risk)",
    ]


def test_a_theme_is_worded_by_a_feature_that_pushes_its_way():
    # The strongest single feature raises, the theme as a whole lowers: saying the former would be a lie.
    drivers = drivers_of(
        explained(trade_drop_rate=(0.5, 0.30), trade_years_since_drop=(np.nan, -0.25), trade_drops_5y=(0.0, -0.20))
    )
    assert drivers == ["no drop on record (lowers the risk)"]


def test_a_sentence_takes_the_other_figures_from_the_panel_row():
    drivers = drivers_of(
        explained(trade_buyers=(3.0, 0.2), restrictions_pair_new_52w=(2.0, 0.1)),
        trade_top_buyer=0.88,
        restrictions_pair_licensing_in_force=2.0,
    )
    assert drivers == [
        "sells to 3 countries only; the largest takes 88 % (raises the risk)",
        "2 new export measures on the mineral in the last 52 weeks (in force: 2 licensing) (raises the risk)",
    ]


def test_what_did_not_move_the_score_is_no_driver():
    assert drivers_of(explained(trade_buyers=(3.0, 0.0), trade_growth_1y=(0.1, 0.0))) == []


def test_an_explained_pair_without_a_panel_row_is_refused():
    with pytest.raises(ContractError, match="no panel row"):
        driver_sentences(explained(trade_buyers=(3.0, 0.1)), pair_row().assign(supplier="CHN"))


def test_of_the_world_around_a_supplier_what_is_unusual_is_told():
    told = pd.DataFrame(
        [
            ("palladium", "RUS", "geopolitics", "geopolitics_gpr_surprise", 6.0, 0.0),
            ("palladium", "RUS", "geopolitics", "geopolitics_tension", 1.0, 0.0),
            ("palladium", "RUS", "logistics", "logistics_worst_strait_13w", -0.5, 0.0),
            ("copper", "CHL", "hazards", "hazards_hit_13w", 0.12, 0.0),
            ("copper", "CHL", "logistics", "logistics_worst_strait_13w", -0.1, 0.0),
            ("copper", "PER", "hazards", "hazards_hit_13w", 0.005, 0.0),
            ("copper", "PER", "geopolitics", "geopolitics_gpr_surprise", float("nan"), 0.0),
            ("copper", "PER", "geopolitics", "geopolitics_coup_attempts", 0.9, 0.2),
            # Its region's index, not its own.
            ("bauxite", "GIN", "geopolitics", "geopolitics_gpr_surprise", 6.0, 0.0),
            ("bauxite", "GIN", "geopolitics", "geopolitics_gpr_is_fallback", 1.0, 0.0),
            ("palladium", "RUS", "geopolitics", "geopolitics_gpr_is_fallback", 0.0, 0.0),
        ],
        columns=EXPLANATION_COLUMNS,
    )
    found = sentences_on_record(told)
    counts = {pair: len(sentences) for pair, sentences in found.items()}
    assert counts == {("palladium", "RUS"): 2, ("copper", "CHL"): 1}


def test_measures_incidents_and_news_are_told_where_the_model_gives_them_no_weight():
    told = pd.DataFrame(
        [
            ("copper", "CHL", "incidents", "incidents_pair_new_156w", 2.0, 0.0),
            ("copper", "CHL", "news", "news_pair_strike_13w", 0.5, 0.0),
            ("copper", "CHL", "news", "news_pair_accident_13w", 0.0, 0.0),
            ("copper", "PER", "news", "news_pair_conflict_13w", 0.5, 0.3),
        ],
        columns=EXPLANATION_COLUMNS,
    )
    (pair, sentences), *others = sentences_on_record(told).items()
    assert (pair, others) == (("copper", "CHL"), [])
    assert sentences[0].startswith("2 new incidents")
    assert "strike" in sentences[1]
