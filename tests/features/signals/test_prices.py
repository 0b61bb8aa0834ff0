"""The signal `prices`: figures by hand, a slow twin on tables full of revisions, and laws of the pure part."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import statistics as st

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from features import panel
from features.catalog import Catalog, load_catalog
from features.collection import ingest
from features.signals import prices
from features.signals.declaration import Steps
from features.signals.price_history import monthly_versions, series_numbers
from features.signals.price_shape import MONTHS_NEEDED, correlation_with_others, describe, page
from features.store import Store
from tests.builders import price, random_prices, rows, utc
from tests.once import once


def months(first: str, n: int) -> list[str]:
    return [f"{start:%Y-%m}" for start in pd.date_range(f"{first}-01", periods=n, freq="MS")]


def course(series: str, values, first: str = "2000-01", **other) -> list[dict]:
    known = zip(months(first, len(values)), values, strict=True)
    return [price(series, month, value, **other) for month, value in known if value is not None]


def features_on(steps: list[Steps], days: list[pd.Timestamp], mineral: str, trade_last_year: float) -> pd.DataFrame:
    """Give the features of a mineral on each day, as the panel would."""
    index = pd.DataFrame({"mineral": mineral, "supplier": "IDN", "as_of": days})
    index = index.astype({"mineral": "str", "supplier": "str"})
    joined = panel.join_steps(index, {"prices": steps}).assign(trade_last_year=trade_last_year)
    extra = prices.SIGNAL.combine(joined)
    return joined.drop(columns=extra.columns, errors="ignore").join(extra)


@once
def steps_of(records: list[dict]) -> list[Steps]:
    return prices.SIGNAL.steps({"prices": rows("prices", records)}, load_catalog())


def known_on(records: list[dict], day: str, mineral: str = "tin", trade_last_year: float = math.nan) -> pd.Series:
    return features_on(steps_of(records), [utc(day)], mineral, trade_last_year).iloc[0]


# --- by hand --------------------------------------------------------------------------------------


def test_returns_compare_the_newest_month_with_those_before():
    values = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 30]
    found = known_on(course("Tin", values), "2001-02-05")
    for back in (1, 3, 6, 12):
        assert found[f"prices_return_{back}m"] == pytest.approx(math.log(30 / values[-1 - back]))
    # A day before the newest is out, the one before it is the newest.
    found = known_on(course("Tin", values), "2001-02-03")
    assert found["prices_return_1m"] == pytest.approx(math.log(21 / 20))
    assert math.isnan(found["prices_return_12m"])


def test_a_gap_makes_only_what_needs_it_missing():
    values = [10, 11, None, 13, 14]
    found = known_on(course("Tin", values), "2000-06-05")
    assert found["prices_return_1m"] == pytest.approx(math.log(14 / 13))
    assert found["prices_return_3m"] == pytest.approx(math.log(14 / 11))
    found = known_on(course("Tin", values[:4]), "2000-06-05")
    assert math.isnan(found["prices_return_1m"])
    assert found["prices_return_3m"] == pytest.approx(math.log(1.3))


def test_swings_are_the_deviation_of_monthly_changes():
    # Up and down by the same tenth: every change is +a or -a.
    values = [100, 110] * 40
    found = known_on(course("Tin", values), "2006-09-05")
    a = math.log(1.1)
    assert found["prices_volatility_12m"] == pytest.approx(a * math.sqrt(12 / 11) * math.sqrt(12))
    assert found["prices_largest_rise_12m"] == pytest.approx(a)
    long_run = st.stdev([a if at % 2 == 0 else -a for at in range(79)])
    assert found["prices_volatility_ratio"] == pytest.approx(math.log(a * math.sqrt(12 / 11) / long_run))


def test_distance_from_the_last_five_years_forgets_what_is_older():
    values = [1000] * 10 + [100] * 30 + [200] * 29 + [150]
    found = known_on(course("Tin", values), "2005-11-05")
    last = values[-60:]
    assert 1000 not in last
    assert found["prices_drawdown_5y"] == pytest.approx(math.log(150 / 200))
    assert found["prices_vs_5y_mean"] == pytest.approx(math.log(150 / st.mean(last)))
    logs = [math.log(value) for value in last]
    assert found["prices_zscore_5y"] == pytest.approx((logs[-1] - st.mean(logs)) / st.stdev(logs))
    assert found["prices_trend_3m_12m"] == pytest.approx(math.log(st.mean(last[-3:]) / st.mean(last[-12:])))


def test_a_run_of_rises_is_a_break_upwards_and_not_downwards():
    calm = [100 * math.exp(0.01 * (-1) ** at) for at in range(61)]
    rising = [calm[-1] * math.exp(0.02 * (at + 1)) for at in range(12)]
    found = known_on(course("Tin", calm + rising), "2006-02-05")
    changes = [math.log(b / a) for a, b in itertools.pairwise(calm)]
    z = (0.02 - st.mean(changes)) / st.stdev(changes)
    assert found["prices_break_up_12m"] == pytest.approx(min(10.0, 12 * (z - 0.5)))
    assert found["prices_break_down_12m"] == 0


def test_a_revision_counts_from_its_release_and_moves_what_rests_on_it():
    records = course("Tin", [100.0] * 12 + [120.0])
    records.append(price("Tin", "2000-01", 60.0, known="2001-06-01"))
    assert known_on(records, "2001-05-31")["prices_return_12m"] == pytest.approx(math.log(1.2))
    assert known_on(records, "2001-06-01")["prices_return_12m"] == pytest.approx(math.log(2.0))


def test_a_withdrawn_price_is_gone_and_a_withdrawn_series_is_missing():
    records = course("Tin", [100.0, 110.0])
    gone = {"is_retracted": True}
    records.append(price("Tin", "2000-02", 110.0, known="2000-05-01", **gone))
    assert known_on(records, "2000-04-30")["prices_return_1m"] == pytest.approx(math.log(1.1))
    assert known_on(records, "2000-05-01")["prices_years_known"] == pytest.approx(1 / 12)
    records.append(price("Tin", "2000-01", 100.0, known="2000-06-01", **gone))
    found = known_on(records, "2000-06-01")
    assert found[list(prices.SIGNAL.columns)].isna().all()


def test_a_price_that_stopped_half_a_year_ago_says_its_age_and_no_more():
    records = course("Tin", [100.0, 110.0]) + course("CRUDE_PETRO", [20.0] * 13, first="1999-02")
    fresh = known_on(records, "2000-08-31")
    assert fresh["prices_age_months"] == 6
    assert fresh["prices_return_1m"] == pytest.approx(math.log(1.1))
    assert fresh["prices_energy_return_12m"] == 0
    stale = known_on(records, "2000-09-01")
    assert stale["prices_age_months"] == 7
    assert stale["prices_years_known"] == pytest.approx(2 / 12)
    rest = [name for name in prices.SIGNAL.columns if name not in ("prices_age_months", "prices_years_known")]
    assert stale[rest].isna().all()


def test_age_counts_months_and_the_trade_year_is_that_of_the_row():
    records = course("Tin", [100.0] * 12 + [200.0] * 12 + [400.0] * 2)
    found = known_on(records, "2002-03-05", trade_last_year=2000)
    assert found["prices_age_months"] == 1
    assert found["prices_since_trade_year"] == pytest.approx(math.log(400 / 100))
    assert known_on(records, "2002-06-30", trade_last_year=2001)["prices_age_months"] == 4
    later = known_on(records, "2002-06-30", trade_last_year=2001)["prices_since_trade_year"]
    assert later == pytest.approx(math.log(400 / 200))
    assert math.isnan(known_on(records, "2002-03-05")["prices_since_trade_year"])


# --- which series a mineral follows ---------------------------------------------------------------

BOTH = {"copper": True, "refined_copper": False}


def series_of(found: pd.Series) -> tuple[str, str]:
    numbers = {number: pair for pair, number in series_numbers(load_catalog()).items()}
    return numbers[int(found["prices_series"])]


def test_the_longer_series_is_followed_and_a_stale_one_left():
    long = course("COPPER", [100.0] * 40)
    short = course("PCOPP", [200.0] * 36, first="2000-05", source="imf_pcps")
    assert series_of(known_on(long + short, "2003-05-05", "copper")) == ("pink_sheet", "COPPER")
    # The long one stops in April 2003; the other goes on to April 2004.
    more = course("PCOPP", [200.0] * 48, first="2000-05", source="imf_pcps")
    assert series_of(known_on(long + more, "2003-08-20", "copper")) == ("pink_sheet", "COPPER")
    assert series_of(known_on(long + more, "2004-05-20", "copper")) == ("imf_pcps", "PCOPP")


def test_its_own_price_goes_before_a_proxy_once_it_is_two_years_long():
    proxy = course("rare_earth_carbonate_reo_42_45_dom", [50.0] * 60, source="imf_pcps")
    own = []
    for start in pd.date_range("2002-01-01", "2004-12-28", freq="D", tz="UTC"):
        record = price("nd_99_5_min_fob_china", "2002-01", 60.0, source="komis")
        own.append(record | {"frequency": "day", "starts_on": start, "available_at": start + pd.Timedelta(days=1)})
    found = known_on(proxy + own, "2003-12-20", "rare_earth_metals")
    assert series_of(found)[0] == "imf_pcps"
    found = known_on(proxy + own, "2004-01-20", "rare_earth_metals")
    assert series_of(found)[0] == "komis"
    assert series_of(known_on(proxy + own, "2004-01-20", "rare_earths"))[0] == "imf_pcps"


def test_a_month_of_days_is_its_mean_once_it_is_over_and_has_ten_days():
    records = []
    for day in range(1, 25):
        start = utc(f"2002-{1 if day <= 14 else 2}-{day:02d}")
        record = price("bi_99_99_min_fob_china", "2002-01", float(day), source="komis")
        records.append(record | {"frequency": "day", "starts_on": start, "available_at": start + pd.Timedelta(days=1)})
    late = records[0] | {"price": 15.0, "available_at": utc("2002-02-20")}
    versions = monthly_versions(rows("prices", [*records, late]), load_catalog())
    january = versions[versions["month"].eq(2002 * 12)]
    assert january["available_at"].tolist() == [utc("2002-02-01"), utc("2002-02-20")]
    assert january["price"].tolist() == [7.5, 8.5]
    february = versions[versions["month"].eq(2002 * 12 + 1)]
    assert february["available_at"].tolist() == [utc("2002-03-01")]
    assert february["price"].tolist() == [19.5]
    few = monthly_versions(rows("prices", records[:9]), load_catalog())
    assert few["price"].isna().all()


def test_by_products_follow_their_hosts_and_groups_leave_the_series_itself_out():
    copper, nickel = course("COPPER", [100.0] * 3 + [110.0]), course("NICKEL", [100.0] * 3 + [121.0])
    cobalt = course("PCOBA", [100.0] * 4, source="imf_pcps")
    found = known_on(copper + nickel + cobalt, "2000-05-20", "cobalt")
    # By-product of copper and nickel.
    assert found["prices_host_return_3m"] == pytest.approx((math.log(1.1) + math.log(1.21)) / 2)
    assert math.isnan(found["prices_group_return_3m"])
    for mineral in ("copper", "refined_copper"):
        # Two minerals follow copper, which is one price.
        found = known_on(copper + nickel + cobalt, "2000-05-20", mineral)
        assert found["prices_group_return_3m"] == pytest.approx(math.log(1.21))


# --- a slow twin ----------------------------------------------------------------------------------


def plain(table: pd.DataFrame, day: pd.Timestamp, source: str, series: str) -> dict[pd.Timestamp, float]:
    """Give the newest versions of one monthly series on a day, by month."""
    known = table[table["available_at"].le(day) & table["source"].eq(source) & table["series"].eq(series)]
    newest = known.sort_values("available_at", kind="stable").drop_duplicates("starts_on", keep="last")
    newest = newest[~newest["is_retracted"]]
    return dict(zip(newest["starts_on"], newest["price"], strict=True))


def back(month: pd.Timestamp, n: int) -> pd.Timestamp:
    return month - pd.DateOffset(months=n)


def plain_change(values: dict, month: pd.Timestamp, n: int) -> float:
    if month not in values or back(month, n) not in values:
        return math.nan
    return math.log(values[month] / values[back(month, n)])


def plain_page(changes: list[float]) -> float:
    before, last = [x for x in changes[:60] if not math.isnan(x)], changes[60:]
    if len(before) < 36:
        return math.nan
    total = 0.0
    for change in last:
        total = max(0.0, total + (change - st.mean(before)) / st.stdev(before) - 0.5)
    return min(total, 10.0)


@pytest.mark.parametrize("seed", range(2))
def test_the_signal_agrees_with_a_plain_count_of_tin(seed: int, catalog: Catalog):
    table = random_prices(seed, months=100)
    steps = prices.SIGNAL.steps({"prices": table}, catalog)
    rng = np.random.default_rng(seed)
    compared = 0
    dates = [utc("1998-01-01") + pd.Timedelta(days=int(days)) for days in rng.integers(200, 3150, 12)]
    for day, (_, found) in zip(dates, features_on(steps, dates, "tin", math.nan).iterrows(), strict=True):
        source, series = series_of(found)
        values = plain(table, day, source, series)
        month = max(values)
        changes = [plain_change(values, back(month, n), 1) for n in range(71, -1, -1)]
        expected = {f"prices_return_{n}m": plain_change(values, month, n) for n in (1, 3, 6, 12)}
        last = [x for x in changes[-12:] if not math.isnan(x)]
        if len(last) >= 9:
            expected["prices_volatility_12m"] = st.stdev(last) * math.sqrt(12)
            expected["prices_largest_rise_12m"] = max(last)
        five = [values[back(month, n)] for n in range(60) if back(month, n) in values]
        if len(five) >= 36:
            expected["prices_drawdown_5y"] = math.log(values[month] / max(five))
            expected["prices_vs_5y_mean"] = math.log(values[month] / st.mean(five))
            logs = [math.log(value) for value in five]
            expected["prices_zscore_5y"] = (logs[0] - st.mean(logs)) / st.stdev(logs)
        if not any(math.isnan(x) for x in changes[-12:]):
            expected["prices_break_up_12m"] = plain_page(changes)
        expected["prices_years_known"] = len(values) / 12
        other = plain(table, day, "pink_sheet", "NICKEL")
        if other and (max(other) - month).days > -150:
            expected["prices_group_return_3m"] = plain_change(other, max(other), 3)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, nan_ok=True), (name, day)
            compared += not math.isnan(value)
    assert compared > 80


# --- laws of the pure part -------------------------------------------------------------------------

COURSES = arrays(float, (MONTHS_NEEDED, 3), elements=some.floats(1.0, 1000.0))


@settings(max_examples=40, deadline=None)
@given(COURSES, some.floats(0.01, 100.0))
def test_the_unit_of_a_price_changes_nothing(course_: np.ndarray, factor: float):
    for name, values in describe(course_).items():
        if name in ("zscore_5y", "break_up_12m", "break_down_12m", "volatility_ratio"):
            continue  # ratios to a spread that may be rounding
        np.testing.assert_allclose(describe(course_ * factor)[name], values, rtol=1e-6, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(COURSES)
def test_signs_and_bounds_hold(course_: np.ndarray):
    found = describe(course_)
    assert (found["drawdown_5y"] <= 0).all()
    assert (found["volatility_12m"] >= 0).all()
    up, down = page(np.diff(np.log(course_), axis=0))
    assert ((np.isnan(up)) | ((up >= 0) & (up <= 10))).all()
    mirrored = page(-np.diff(np.log(course_), axis=0))
    np.testing.assert_allclose(mirrored[0], down, atol=1e-7)
    together = correlation_with_others(course_, np.array([0, 0, 1]))
    assert np.isnan(together[2])
    assert (np.isnan(together[:2]) | (np.abs(together[:2]) <= 1 + 1e-9)).all()


def test_correlation_is_that_of_the_changes_with_the_mean_of_the_others():
    rng = np.random.default_rng(4)
    levels = np.exp(np.cumsum(rng.normal(0, 0.1, (37, 3)), axis=0))
    levels[5, 1] = np.nan
    found = correlation_with_others(levels, np.array([0, 0, 0]))
    changes = np.diff(np.log(levels), axis=0)
    others = np.nanmean(changes[:, 1:], axis=1)
    assert found[0] == pytest.approx(np.corrcoef(changes[:, 0], others)[0, 1])


def test_a_price_that_never_moves_has_no_score_and_no_ratio():
    found = describe(np.full((MONTHS_NEEDED, 1), 35.0))
    assert found["return_12m"][0] == 0
    assert found["volatility_12m"][0] == 0
    for name in ("zscore_5y", "break_up_12m", "volatility_ratio"):
        assert math.isnan(found[name][0])


@pytest.mark.shared
def test_real_workbooks_replay(shared, catalog: Catalog, tmp_path):
    store, now = Store(tmp_path), dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    for release in ("2021-06-02", "2024-04-02"):
        ingest(store, "pink_sheet", next((shared / "payloads" / "pink_sheet" / release).iterdir()), now=now)
    full = {"prices": prices.SIGNAL.steps(store.histories(["prices"], as_of=now), catalog)}
    minerals = sorted(set(catalog.price_series["mineral"]))
    for day in ("1999-05-10", "2021-06-07", "2024-04-01"):
        date = utc(day)
        at = [date, date - pd.Timedelta("1us"), date - pd.Timedelta(days=400)]
        index = pd.MultiIndex.from_product([minerals, ["CHN"], at], names=panel.KEYS).to_frame(index=False)
        index = index.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})
        early = {"prices": prices.SIGNAL.steps(store.histories(["prices"], as_of=date.to_pydatetime()), catalog)}
        one, two = panel.join_steps(index, early), panel.join_steps(index, full)
        pd.testing.assert_frame_equal(one, two, check_exact=True)
        assert two["prices_return_12m"].notna().sum() > 20


def test_what_exports_fetched_is_held_against_the_price_of_their_year(catalog: Catalog):
    # Gold at 1,000 dollars an ounce in every month of 2002; half a tonne sold for 12 million dollars.
    records = [
        price("PGOLD", f"{year}-{month:02d}", 1000.0, source="imf_pcps", unit="usd_per_troy_ounce")
        for year in (2000, 2001, 2002, 2003)
        for month in range(1, 13)
    ]
    (mineral_steps, energy) = prices.steps({"prices": rows("prices", records)}, catalog)
    index = pd.DataFrame({"mineral": ["gold"], "supplier": ["CHN"], "as_of": [utc("2004-03-01")]})
    joined = panel.join_steps(index, {"prices": [mineral_steps, energy]})
    joined = joined.assign(trade_last_year=2002.0, trade_value=np.log1p(12e6), trade_tonnes=np.log1p(0.5))
    found = prices.combine(joined)["prices_unit_value_vs_world"].item()
    assert found == pytest.approx(math.log(24e6 / (1000 * 32150.747)), abs=1e-6)
    # Nothing sold, or trade of a year without prices: nothing to compare.
    assert prices.combine(joined.assign(trade_tonnes=0.0))["prices_unit_value_vs_world"].isna().all()
    assert prices.combine(joined.assign(trade_last_year=1995.0))["prices_unit_value_vs_world"].isna().all()
