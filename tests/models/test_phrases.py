"""Every feature has words for every value, with its figure, unit and the right plural."""

from __future__ import annotations

import math
import re

import pytest

from features.errors import ContractError
from features.panel import features_of
from models.phrases import THEMES, phrase, theme_of

FACTS = {"trade_last_year": 2024.0, "trade_top_buyer": 0.88}
# Values that each unit can take, its ends and a missing one among them.
VALUES = {
    "frac": (0.0, 0.0004, 0.034, 0.5, 0.9999, 1.0),
    "log_ratio": (-4.0, -0.53, -0.001, 0.0, 0.4, 1.5, 4.0),
    "years": (0.0, 1.0, 2.0, 12.0),
    "count": (0.0, 1.0, 2.0, 11.0),
    "rank": (1.0, 2.0, 3.0, 11.0, 22.0),
    "tonnes_log": (0.0, 0.2, 9.6, 20.6),
    "usd_log": (0.0, 0.2, 18.0, 25.3),
    "score": (-2.4, -0.01, 0.0, 1.2),
    "weeks": (0.0, 1.0, 2.0),
    "months": (0.0, 1.0, 2.0, 14.0),
}


@pytest.mark.parametrize("feature", features_of(), ids=lambda feature: feature.name)
def test_every_feature_has_words_for_every_value_of_its_unit(feature):
    assert theme_of(feature.name) in THEMES
    for value in (*VALUES[feature.unit], math.nan):
        for facts in (FACTS, {}):
            words = phrase(feature.name, value, facts)
            assert words.strip() == words
            assert words
            assert not re.search(r"[{}_]|\b(nan|inf|None)\b", words), words
            assert "no " in words or "nothing" in words or not math.isnan(value) or "not known" in words


def test_a_feature_without_words_is_refused_by_name():
    with pytest.raises(ContractError, match="trade_moon_phase"):
        phrase("trade_moon_phase", 1.0)
    with pytest.raises(ContractError, match="trade_moon_phase"):
        theme_of("trade_moon_phase")


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("trade_level_vs_3y", math.log(0.59), "exports in 2024 were 41 % under the mean of the three years before"),
        ("trade_level_vs_3y_lag1", math.log(1.5), "exports in 2023 were 50 % over the mean of the three years before"),
        (
            "trade_level_vs_3y",
            -4.0,
            "exports in 2024 all but stopped: less than 2 % of the mean of the three years before",
        ),
        ("trade_level_vs_3y", 4.0, "exports in 2024 were more than 50 times the mean of the three years before"),
        ("trade_level_vs_10y", math.log(3.4), "exports in 2024 were 3.4 times their ten-year mean"),
        ("trade_growth_3y", -4.0, "exports all but stopped between 2021 and 2024"),
        ("trade_growth_3y", 4.0, "exports rose from almost nothing between 2021 and 2024"),
        ("trade_growth_1y", math.log(0.8), "exports fell 20 % between 2023 and 2024"),
        ("trade_volatility_5y", math.log(1.25), "exports swing by 25 % from year to year (over 5 years)"),
        ("trade_years_since_drop", math.nan, "no drop on record"),
        ("trade_years_since_drop", 3.0, "last drop in 2021"),
        ("trade_years_since_drop", 0.0, "in a drop in 2024, the last known year"),
        ("trade_drops_5y", 1.0, "1 drop in the last 5 known years"),
        ("trade_drops_5y", 2.0, "2 drops in the last 5 known years"),
        ("trade_rank", 22.0, "ranks 22nd among the mineral's exporters"),
        ("trade_tonnes", math.log1p(14_200), "exported 14,200 t in 2024"),
        ("trade_value", math.log1p(65.4e6), "exports worth USD 65.4 million in 2024"),
        ("trade_buyers", 3.0, "sells to 3 countries only; the largest takes 88 %"),
        ("trade_buyers", 1.0, "sells to one country only"),
        ("trade_buyer_hhi", 0.5, "sales as concentrated as with 2.0 equal buyers"),
        ("trade_buyer_hhi", 1.0, "sales as concentrated as with a single buyer"),
        ("trade_unit_value_growth", math.nan, "nothing sold in 2023 or 2024, so no change of price"),
        ("trade_reexport_ratio", math.log(0.25), "imports 25 % of what it exports"),
        ("production_share", math.nan, "no production figure"),
        ("governance_political_stability", -1.24, "political stability scores \u22121.2 (world average 0)"),
        ("restrictions_pair_new_52w", 2.0, "2 new export measures on the mineral in the last 52 weeks"),
        ("restrictions_pair_licensing_in_force", 1.0, "1 licensing measure on the mineral in force"),
        ("prices_return_12m", math.log(1.25), "the price rose 25 % in 12 months"),
        ("prices_drawdown_5y", math.log(0.6), "the price is 40 % under its highest of five years"),
        ("prices_drawdown_5y", 0.0, "the price is at its highest of five years"),
        ("prices_since_trade_year", math.log(1.5), "the price is 50 % over its mean of 2024"),
        ("prices_since_trade_year", math.nan, "no price on record for 2024"),
        ("prices_age_months", 2.0, "the newest price is 2 months old"),
        ("prices_zscore_5y", 1.44, "the price is +1.4 standard deviations from its five-year mean"),
        ("incidents_elsewhere_new_52w", 0.0, "no new incident at other suppliers of the mineral in the last 52 weeks"),
    ],
)
def test_words(feature, value, words):
    assert phrase(feature, value, FACTS) == words


def test_kinds_of_measures_in_force_are_named():
    facts = FACTS | {"restrictions_pair_licensing_in_force": 2.0, "restrictions_pair_tax_in_force": 1.0}
    assert phrase("restrictions_pair_new_52w", 1.0, facts).endswith("(in force: 1 tax, 2 licensing)")
    assert (
        phrase("restrictions_pair_in_force", 3.0, facts)
        == "3 export measures on the mineral in force (1 tax, 2 licensing)"
    )


def test_without_facts_no_year_is_invented():
    assert "20" not in phrase("trade_level_vs_3y", -0.53)
    assert "the last known year" in phrase("trade_level_vs_3y", -0.53)


def test_a_missing_price_belongs_to_the_story_of_growth():
    assert theme_of("trade_unit_value_vs_world") == "price"
    assert theme_of("trade_unit_value_vs_world", is_missing=True) == "growth"
