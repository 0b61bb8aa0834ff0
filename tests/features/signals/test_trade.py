"""The trade features against a slow twin and against examples reckoned by hand."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog
from features.signals import trade
from tests.builders import flow, rows, series, utc

NAN = math.nan


def describe(records: list[dict], catalog: Catalog, at: str = "2030-01-07") -> pd.DataFrame:
    """Give the newest steps known at a date, by pair."""
    frame = trade.SIGNAL.steps({"trade": rows("trade", records)}, catalog)[0].frame
    known = frame[frame["available_at"] <= utc(at)]
    newest = known[known["available_at"].eq(known["available_at"].max())]
    return newest.set_index(["mineral", "supplier"]).drop(columns="available_at")


def last(records: list[dict], catalog: Catalog, supplier: str = "COD") -> pd.Series:
    frame = trade.SIGNAL.steps({"trade": rows("trade", records)}, catalog)[0].frame
    chosen = frame[frame["supplier"].eq(supplier) & frame["available_at"].eq(frame["available_at"].max())]
    assert len(chosen) == 1
    return chosen.iloc[0]


# --- a slow twin ----------------------------------------------------------------------------------


def ln(above: float, below: float) -> float:
    if math.isnan(above) or math.isnan(below) or (above == 0 and below == 0):
        return NAN
    if below == 0:
        return 4.0
    return max(-4.0, min(4.0, math.log(above / below))) if above else -4.0


def ratios(tonnes: list[float]) -> list[float]:
    found = [NAN] * min(3, len(tonnes))
    for at in range(3, len(tonnes)):
        mean = sum(tonnes[at - 3 : at]) / 3
        found.append(tonnes[at] / mean if mean > 0 else NAN)
    return found


def known(values: list[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def slowly(table: dict[tuple[str, str], list[float]], pair: tuple[str, str]) -> dict[str, float]:
    """Reckon the features of one pair from tonnes per pair and year, all of one price."""
    own, (mineral, supplier) = table[pair], pair
    mine = {other: tonnes for other, tonnes in table.items() if other[0] == mineral}
    world = [sum(year) for year in zip(*mine.values(), strict=True)]
    share = {p: sum(t[-3:]) / sum(sum(m[-3:]) for q, m in table.items() if q[0] == p[0]) for p, t in table.items()}
    falls = {p: ratios(t)[-1] for p, t in table.items() if share[p] >= 0.01}
    drops = {p: [r < 0.7 for r in known(ratios(t))] for p, t in table.items() if share[p] >= 0.01}
    level = ratios(own)
    changes = [ln(b, a) for a, b in itertools.pairwise(own)]
    since = [len(level) - 1 - at for at, ratio in enumerate(level) if ratio < 0.7]
    others = [ratio for p, ratio in falls.items() if p[0] == mineral and p != pair and not math.isnan(ratio)]
    sisters = [ratio for p, ratio in falls.items() if p[1] == supplier and p != pair and not math.isnan(ratio)]
    rates = [sum(d) / len(d) for p, d in drops.items() if p[0] == mineral and p != pair and d]
    is_drop = [ratio < 0.7 for ratio in known(level)]
    return {
        "trade_level_vs_3y": ln(level[-1], 1),
        "trade_level_vs_3y_lag1": ln(level[-2], 1),
        "trade_level_vs_3y_lag2": ln(level[-3], 1),
        "trade_level_vs_5y_max": ln(own[-1], max(own[-5:])),
        "trade_level_vs_10y": ln(own[-1], statistics.fmean(own[-10:])),
        "trade_growth_1y": ln(own[-1], own[-2]),
        "trade_growth_2y": ln(own[-1], own[-3]),
        "trade_growth_3y": ln(own[-1], own[-4]),
        "trade_growth_5y": ln(own[-1], own[-6]),
        "trade_volatility_5y": statistics.pstdev(known(changes[-5:])) if known(changes[-5:]) else NAN,
        "trade_worst_change_5y": min(known(changes[-5:]), default=NAN),
        "trade_share_3y": share[pair],
        "trade_share_change": own[-1] / world[-1] - share[pair],
        "trade_rank": 1 + sum(share[p] > share[pair] for p in mine),
        "trade_tonnes": math.log(own[-1] + 1),
        "trade_usual_change_10y": statistics.median(sizes)
        if (sizes := [abs(c) for c in known(changes[-10:])])
        else NAN,
        "trade_drops_5y": sum(ratio < 0.7 for ratio in level[-5:]),
        "trade_drop_rate": sum(is_drop) / len(is_drop) if is_drop else NAN,
        "trade_severe_rate": statistics.fmean(r < 0.5 for r in known(level)) if is_drop else NAN,
        "trade_years_since_drop": since[-1] if since else NAN,
        "trade_world_growth_1y": ln(world[-1], world[-2]),
        "trade_world_growth_3y": ln(world[-1], world[-4]),
        "trade_supplier_hhi": sum((tonnes[-1] / world[-1]) ** 2 for tonnes in mine.values()),
        "trade_mineral_falls": statistics.fmean(r < 0.7 for r in others) if others else NAN,
        "trade_mineral_drop_rate": statistics.fmean(rates) if rates else NAN,
        "trade_country_falls": statistics.fmean(r < 0.7 for r in sisters) if sisters else NAN,
    }


@pytest.mark.parametrize("seed", range(4))
def test_features_equal_a_slow_twin(seed: int, catalog: Catalog):
    rng = np.random.default_rng(seed)
    suppliers, codes = ["AUS", "CHN", "COD", "DEU", "IND", "MAR"], {"282200": "cobalt", "260200": "manganese"}
    scale = dict(zip(suppliers, [1, 10, 100, 1000, 1000, 0.5], strict=True))
    records, table = [], {}
    for code, mineral in codes.items():
        for supplier in suppliers:
            tonnes = [
                float(t) for t in scale[supplier] * rng.choice([0, 1, 2, 3, 10], 12, p=[0.15, 0.2, 0.3, 0.25, 0.1])
            ]
            tonnes[0] = tonnes[0] or 1.0
            table[mineral, supplier] = tonnes
            records += series(supplier, [t or None for t in tonnes], hs_code=code)
        table[mineral, "NOR"] = [7.0] * 12
        records += series("NOR", [7.0] * 12, hs_code=code)
    found = describe(records, catalog)
    assert len(found) == len(table)
    for pair in table:
        for name, expected in slowly(table, pair).items():
            assert found.loc[pair, name] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), (pair, name)


# --- examples by hand -----------------------------------------------------------------------------


def test_a_stop_is_the_lowest_level_and_all_buyers_are_lost(catalog: Catalog):
    row = last([*series("COD", [100, 100, 100, 100, None]), *series("AUS", [1000] * 5)], catalog)
    assert row["trade_level_vs_3y"] == -4.0
    assert row["trade_growth_1y"] == -4.0
    assert row["trade_tonnes"] == 0.0
    assert row["trade_buyers"] == 0.0
    assert row["trade_buyers_lost"] == 1.0
    for name in ("trade_buyer_hhi", "trade_top_buyer", "trade_imputed", "trade_reexport_ratio"):
        assert math.isnan(row[name]), name


def test_who_sold_nothing_the_year_before_has_no_buyers_to_lose(catalog: Catalog):
    one = last([*series("COD", [100, 100, 100, None, None]), *series("AUS", [1000] * 5)], catalog)
    assert math.isnan(one["trade_buyers_lost"])
    two = last([*series("COD", [100, 100, 100, None, 5]), *series("AUS", [1000] * 5)], catalog)
    assert math.isnan(two["trade_buyers_lost"])


def test_buyers_by_hand(catalog: Catalog):
    year_before = [flow(2000, "COD", "CHN", 60), flow(2000, "COD", "USA", 30), flow(2000, "COD", "DEU", 10)]
    row = last([*year_before, flow(2001, "COD", "CHN", 75), flow(2001, "COD", "JPN", 25)], catalog)
    assert row["trade_buyers"] == 2
    assert row["trade_buyer_hhi"] == pytest.approx(0.75**2 + 0.25**2)
    assert row["trade_top_buyer"] == pytest.approx(0.75)
    assert row["trade_buyers_lost"] == pytest.approx(0.4)


def test_the_history_of_buyers_by_hand(catalog: Catalog):
    # China takes 10 each year, Japan 30 in one of five.
    records = [flow(year, "COD", "CHN", 10) for year in range(2000, 2005)]
    row = last([*records, flow(2003, "COD", "JPN", 30)], catalog)
    assert row["trade_effective_buyers"] == pytest.approx((10 + 10) ** 2 / (10**2 + 10**2))
    assert row["trade_steady_frac"] == pytest.approx(10 / 20)
    assert row["trade_regular_frac"] == pytest.approx(0.5)
    assert row["trade_buyer_spread"] == pytest.approx(math.sqrt(30**2 * 0.2 * 0.8) / 16)
    stopped = last([*records, flow(2005, "AUS", "JPN", 1)], catalog)
    assert stopped[["trade_effective_buyers", "trade_steady_frac", "trade_buyer_spread"]].isna().all()


def test_a_hub_imports_what_it_exports(catalog: Catalog):
    row = last([flow(2001, "COD", "NLD", 100), flow(2001, "NLD", "USA", 50)], catalog, "NLD")
    assert row["trade_reexport_ratio"] == pytest.approx(math.log(100.01 / 50.01))
    source = last([flow(2001, "COD", "NLD", 100), flow(2001, "NLD", "USA", 50)], catalog)
    assert source["trade_reexport_ratio"] == -4.0


def test_prices_by_hand(catalog: Catalog):
    records = [
        flow(2000, "COD", "JPN", 10, value_usd=100.0),
        flow(2001, "COD", "JPN", 10, value_usd=200.0),
        flow(2000, "AUS", "JPN", 10, value_usd=100.0),
        flow(2001, "AUS", "JPN", 30, value_usd=200.0, is_imputed=True),
    ]
    row = last(records, catalog)
    assert row["trade_unit_value_vs_world"] == pytest.approx(math.log(20 / 10))
    assert row["trade_unit_value_growth"] == pytest.approx(math.log(2))
    assert row["trade_world_price_growth_1y"] == pytest.approx(0.0)
    assert row["trade_country_growth_1y"] == pytest.approx(math.log(2))
    assert row["trade_imputed"] == 0.0
    assert last(records, catalog, "AUS")["trade_imputed"] == 1.0


def test_three_years_are_needed_for_a_level(catalog: Catalog):
    assert math.isnan(last(series("COD", [5, 5, 5]), catalog)["trade_level_vs_3y"])
    assert last(series("COD", [5, 5, 5, 10]), catalog)["trade_level_vs_3y"] == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("tonnes", "expected"),
    [
        ([3, 3, 3, 3, 6], [NAN, NAN, NAN, 1, 2]),
        ([0, 0, 3, 0, 5], [NAN, NAN, NAN, 0, 5]),
        ([0, 0, 0, 3, 3], [NAN, NAN, NAN, NAN, 3]),
        ([1, NAN, 1, 1, 1], [NAN, NAN, NAN, NAN, NAN]),
        ([1, 2], [NAN, NAN]),
    ],
)
def test_drop_ratio_by_hand(tonnes: list[float], expected: list[float]):
    np.testing.assert_allclose(trade.drop_ratio(np.array([tonnes], dtype=float))[0], expected)


def test_log_ratio_is_clipped_and_zero_over_zero_is_missing():
    above, below = np.array([0.0, 5.0, 0.0, 1e9, math.e, NAN]), np.array([5.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(trade.log_ratio(above, below), [-4, 4, NAN, 4, 1, NAN])


def test_the_age_of_the_data_grows_on_new_year_and_falls_with_a_release(bundle_steps):
    days = ["2019-12-30", "2020-01-06", "2020-01-27", "2020-02-03"]
    index = pd.DataFrame({"mineral": "cobalt", "supplier": "COD", "as_of": [utc(day) for day in days]})
    joined = panel.join_steps(index, {"trade": bundle_steps["trade"]})
    assert joined["trade_last_year"].tolist() == [2017, 2017, 2017, 2018]
    assert trade.combine(joined)["trade_data_age_years"].tolist() == [2, 3, 3, 2]
