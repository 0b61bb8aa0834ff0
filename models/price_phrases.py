"""What each feature of the signal `prices` says in words; the slots are those of `models.phrases`."""

from __future__ import annotations

__all__ = ["MISSING", "PHRASES", "THEMES", "ZERO"]

THEMES = {  # theme -> words for a missing value
    "price_course": "no price long enough on record",
    "price_swings": "no price long enough on record to measure its swings",
    "price_group": "no other price to compare with",
    "price_host": "no price of a host metal",
    "price_energy": "no price of energy",
    "price_record": "no price on record",
    "price_value": "no world price to hold its exports against",
}
MISSING = {"prices_since_trade_year": "no price on record for {year}"}
ZERO = {
    "prices_drawdown_5y": "the price is at its highest of five years",
    "prices_break_up_12m": "no unusual run of rises in the price over 12 months",
    "prices_break_down_12m": "no unusual run of falls in the price over 12 months",
    "prices_age_months": "the newest price is of this month",
}
PHRASES = {  # feature -> theme and template
    "prices_return_1m": "price_course: the price {moved} in a month",
    **{f"prices_return_{n}m": f"price_course: the price {{moved}} in {n} months" for n in (3, 6, 12)},
    "prices_volatility_12m": "price_swings: the price swings {swing} a year (over 12 months)",
    "prices_volatility_ratio": "price_swings: swings of the price over 12 months are {against} those of ten years",
    "prices_largest_rise_12m": "price_swings: the price {moved} in its best month of the last 12",
    "prices_drawdown_5y": "price_course: the price is {against} its highest of five years",
    "prices_vs_5y_mean": "price_course: the price is {against} its five-year mean",
    "prices_zscore_5y": "price_course: the price is {signed} standard deviations from its five-year mean",
    "prices_trend_3m_12m": "price_course: the mean price of 3 months is {against} that of 12",
    "prices_break_up_12m": "price_course: a run of rises in the price over 12 months adds up to {signed} deviations",
    "prices_break_down_12m": "price_course: a run of falls in the price over 12 months adds up to {signed} deviations",
    "prices_group_return_3m": "price_group: prices of its group {moved} in 3 months",
    "prices_group_return_12m": "price_group: prices of its group {moved} in 12 months",
    "prices_group_correlation_3y": "price_group: its price goes with its group's (correlation {signed}, 3 years)",
    "prices_host_return_3m": "price_host: the price of its host metal {moved} in 3 months",
    "prices_host_return_12m": "price_host: the price of its host metal {moved} in 12 months",
    "prices_energy_return_12m": "price_energy: prices of crude oil, coal and gas {moved} in 12 months",
    "prices_years_known": "price_record: the price is on record for {n} year{s}",
    "prices_age_months": "price_record: the newest price is {n} month{s} old",
    "prices_since_trade_year": "price_course: the price is {against} its mean of {year}",
    "prices_unit_value_vs_world": "price_value: a tonne exported in {year} fetched {against} the price of that year",
}
