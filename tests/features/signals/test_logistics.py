"""The signal `logistics`: windows by hand, weights by flows, what is missing, replay; Suez and Hormuz as they were."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog, load_catalog
from features.signals import logistics, strait_history
from features.signals.declaration import Steps
from features.signals.logistics import SIGNAL, STRAITS
from features.sources import portwatch
from models.phrases import phrase
from tests.builders import flow, random_trade, random_transits, rows, transit, utc
from tests.once import once

FRESH = "2023-07-03"
RATIOS = [f"logistics_{name}" for name in (*strait_history.RATIOS, "worst_strait_13w")]


def days(strait: str, first: str, last: str, calls: int, **other) -> list[dict]:
    return [transit(strait, day, calls, **other) for day in pd.date_range(first, last, freq="D", tz="UTC")]


def steady(strait: str, now: int, then: int = 20, **other) -> list[dict]:
    """Count `then` ships a day from 2020 on, and `now` in the 13 weeks before 26 June 2023."""
    return days(strait, "2020-01-06", "2023-03-26", then, **other) + days(
        strait, "2023-03-27", "2023-06-25", now, **other
    )


def sold(shares: dict[str, float], supplier: str = "AUS", year: int = 2021, **other) -> list[dict]:
    return [flow(year, supplier, importer, tonnes, **other) for importer, tonnes in shares.items()]


def index(dates: list[str], minerals=("cobalt",), suppliers=("AUS",)) -> pd.DataFrame:
    at = [utc(date) for date in dates]
    found = pd.MultiIndex.from_product([minerals, suppliers, at], names=panel.KEYS).to_frame(index=False)
    return found.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})


@once
def steps_of(transits: list[dict], trade: list[dict]) -> list[Steps]:
    return SIGNAL.steps({"transits": rows("transits", transits), "trade": rows("trade", trade)}, load_catalog())


def values(transits: list[dict], trade: list[dict], date: str = FRESH, **pair) -> pd.Series:
    joined = panel.join_steps(index([date], **pair), {"logistics": steps_of(transits, trade)})
    return SIGNAL.combine(joined).iloc[0].rename(lambda name: name.removeprefix("logistics_"))


# --- windows --------------------------------------------------------------------------------------


def test_thirteen_weeks_are_held_against_the_same_weeks_of_three_years():
    found = values(steady("suez", 10), sold({"DEU": 100.0}))
    assert found["transits_13w"] == pytest.approx(np.log(10.25 / 20.25), abs=1e-6)
    assert found["transits_4w"] == pytest.approx(np.log(10.25 / 20.25), abs=1e-6)
    assert found["worst_strait_13w"] == found["transits_13w"]
    # Nobody counted bulk carriers.
    assert np.isnan(found["dry_bulk_13w"])


def test_bulk_carriers_are_counted_by_themselves():
    counts = steady("suez", 20) + steady("suez", 2, 8, ship_type="dry_bulk")
    found = values(counts, sold({"DEU": 100.0}))
    assert found["transits_13w"] == pytest.approx(0, abs=1e-6)
    assert found["dry_bulk_13w"] == pytest.approx(np.log(2.25 / 8.25), abs=1e-6)


def test_a_fall_of_the_last_four_weeks_shows_first_in_four_weeks():
    counts = days("suez", "2020-01-06", "2023-05-28", 20) + days("suez", "2023-05-29", "2023-06-25", 0)
    found = values(counts, sold({"DEU": 100.0}))
    assert found["transits_4w"] == pytest.approx(np.log(0.25 / 20.25), abs=1e-6) or found["transits_4w"] == -4
    assert found["transits_13w"] == pytest.approx(np.log((20 * 9 / 13 + 0.25) / 20.25), abs=1e-6)


def test_earlier_years_are_those_at_hand_and_without_any_there_is_no_ratio():
    counts = days("suez", "2021-06-28", "2022-06-26", 40) + days("suez", "2022-06-27", "2023-06-25", 20)
    assert values(counts, sold({"DEU": 1.0}))["transits_13w"] == pytest.approx(np.log(20.25 / 40.25), abs=1e-6)
    only = values(days("suez", "2022-07-25", "2023-06-25", 20), sold({"DEU": 1.0}))
    assert only[["transits_4w", "transits_13w", "dry_bulk_13w", "worst_strait_13w"]].isna().all()
    assert (only["exposed_share"], only["age_weeks"]) == (1, 1)


def test_the_mean_is_over_three_earlier_years_and_no_more():
    levels = {"2019-04-01": 90, "2020-03-30": 5, "2021-03-29": 10, "2022-03-28": 30, "2023-03-27": 20}
    counts = [
        day for first, calls in levels.items()
        for day in days("suez", first, f"{utc(first) + pd.Timedelta(days=90):%Y-%m-%d}", calls)
    ]  # fmt: skip
    found = values(counts, sold({"DEU": 1.0}))
    assert found["transits_13w"] == pytest.approx(np.log(20.25 / 15.25), abs=1e-6)


@pytest.mark.parametrize(("told", "is_known"), [(28, True), (21, True), (20, False)])
def test_days_that_are_not_told_are_left_out_and_too_few_give_nothing(told: int, is_known: bool):
    counts = steady("suez", 10)
    last = [day for day in counts if day["starts_on"] < utc("2023-05-29")] + counts[-told:]
    found = values(last, sold({"DEU": 1.0}))
    if is_known:
        assert found["transits_4w"] == pytest.approx(np.log(10.25 / 20.25), abs=1e-6)
    else:
        assert np.isnan(found["transits_4w"])


# --- weights --------------------------------------------------------------------------------------


def test_straits_weigh_by_the_tonnes_that_pass_them(catalog: Catalog):
    # To Germany by Suez, to Saudi Arabia by Hormuz, to New Zealand by no strait at all.
    trade = sold({"DEU": 60.0, "SAU": 20.0, "NZL": 20.0})
    found = values(steady("suez", 10) + steady("hormuz", 2), trade)
    suez, hormuz = np.log(10.25 / 20.25), np.log(2.25 / 20.25)
    assert found["transits_13w"] == pytest.approx(0.75 * suez + 0.25 * hormuz, abs=1e-6)
    assert found["exposed_share"] == pytest.approx(0.8)
    assert found["coverage_share"] == 1
    assert found["worst_strait_13w"] == pytest.approx(hormuz, abs=1e-6)


def test_a_strait_that_few_flows_pass_is_not_the_worst_and_hardly_any_give_no_ratio():
    trade = sold({"DEU": 91.0, "SAU": 9.0})
    found = values(steady("suez", 10) + steady("hormuz", 2), trade)
    assert found["worst_strait_13w"] == pytest.approx(np.log(10.25 / 20.25), abs=1e-6)
    found = values(steady("hormuz", 2), sold({"NZL": 995.0, "SAU": 5.0}))
    assert found["exposed_share"] == pytest.approx(0.005)
    assert found[["transits_4w", "transits_13w", "worst_strait_13w"]].isna().all()


def test_a_flow_through_two_counted_straits_is_exposed_once():
    found = values(steady("suez", 10) + steady("bab_el_mandeb", 5), sold({"DEU": 50.0, "NZL": 50.0}))
    assert found["exposed_share"] == pytest.approx(0.5)


def test_only_counted_straits_expose_and_a_strait_counts_from_its_first_count():
    trade = sold({"DEU": 70.0, "SAU": 30.0})
    late = days("suez", "2023-06-26", "2023-07-09", 10)
    hormuz = days("hormuz", "2022-01-03", "2023-07-09", 10)
    assert values(hormuz + late, trade, "2023-07-03")["exposed_share"] == pytest.approx(0.3)
    assert values(hormuz + late, trade, "2023-07-10")["exposed_share"] == 1


def test_a_pair_that_passes_no_counted_strait_is_exposed_to_none_and_has_no_ratio():
    found = values(steady("suez", 10), sold({"NZL": 100.0}))
    assert found["exposed_share"] == 0
    assert found["coverage_share"] == 1
    assert found[["transits_4w", "transits_13w", "dry_bulk_13w", "worst_strait_13w"]].isna().all()


def test_flows_without_a_known_route_are_left_out_and_lower_the_coverage():
    # Nobody lives in Antarctica, so it has no port.
    found = values(steady("suez", 10), sold({"DEU": 30.0, "ATA": 70.0}))
    assert found["coverage_share"] == pytest.approx(0.3)
    assert found["exposed_share"] == 1
    alone = values(steady("suez", 10), sold({"ATA": 70.0}))
    assert alone["coverage_share"] == 0
    assert np.isnan(alone["exposed_share"])


def test_the_newest_year_counts_and_who_sold_nothing_in_it_has_no_shares():
    trade = sold({"NZL": 10.0}) + sold({"DEU": 10.0}, year=2020) + sold({"DEU": 5.0}, supplier="ARE", year=2020)
    assert values(steady("suez", 10), trade)["exposed_share"] == 0
    gone = values(steady("suez", 10), trade, suppliers=("ARE",))
    assert gone.drop("age_weeks").isna().all()
    # A year before, the flows of 2020 were the newest.
    assert values(steady("suez", 10), trade, "2022-07-04", suppliers=("ARE",))["exposed_share"] == 1


def test_what_goes_by_air_has_no_ratios():
    trade = [flow(2021, "AUS", "DEU", 5.0, hs_code="710812")]
    assert values(steady("suez", 10), trade, minerals=("gold",)).drop("age_weeks").isna().all()


# --- age ------------------------------------------------------------------------------------------


def test_a_week_is_known_on_the_wednesday_after_it_and_its_age_grows():
    counts = steady("suez", 10)
    trade = sold({"DEU": 1.0})
    assert values(counts, trade, "2023-07-03")["age_weeks"] == 1
    assert values(counts, trade, "2023-06-28")["age_weeks"] == 0
    assert values(counts, trade, "2023-07-02")["age_weeks"] == 0
    # The Monday after the last Sunday does not know that week yet, and so not the day on which the fall began.
    assert values(counts, trade, "2023-06-26")["age_weeks"] == 1
    before = values(counts, trade, "2023-04-03")
    assert before["transits_4w"] == pytest.approx(0, abs=1e-6)


def test_old_counts_give_no_ratio_but_say_how_old_they_are():
    counts, trade = steady("suez", 10), sold({"DEU": 1.0})
    last = values(counts, trade, "2023-08-21")
    assert last["age_weeks"] == logistics.MAX_AGE_WEEKS
    assert not np.isnan(last["transits_13w"])
    late = values(counts, trade, "2023-08-28")
    assert late["age_weeks"] == logistics.MAX_AGE_WEEKS + 1
    assert late[["transits_4w", "transits_13w", "worst_strait_13w"]].isna().all()


def test_a_strait_that_falls_silent_does_not_hold_on():
    counts = steady("suez", 10) + steady("hormuz", 2)
    counts = [day for day in counts if day["strait"] == "suez" or day["starts_on"] < utc("2023-05-01")]
    found = values(counts, sold({"DEU": 50.0, "SAU": 50.0}))
    assert found["transits_13w"] == pytest.approx(np.log(10.25 / 20.25), abs=1e-6)


def test_before_anything_is_counted_nothing_is_said(catalog: Catalog):
    found = values(steady("suez", 10), sold({"DEU": 1.0}, year=2016), "2019-12-30")
    assert found.isna().all()
    assert values([], sold({"DEU": 1.0})).isna().all()


def test_a_revision_and_a_withdrawal_count_from_their_moment():
    counts, trade = steady("suez", 10), sold({"DEU": 1.0})
    fixed = [day | {"calls": 20, "available_at": utc("2023-07-12")} for day in counts[-28:]]
    assert values(counts + fixed, trade, "2023-07-10")["transits_4w"] < -0.6
    assert values(counts + fixed, trade, "2023-07-17")["transits_4w"] == pytest.approx(0, abs=1e-6)
    gone = [day | {"is_retracted": True, "available_at": utc("2023-07-12")} for day in counts[-28:]]
    # The newest day is then that of four weeks before.
    assert values(counts + gone, trade, "2023-07-17")["age_weeks"] == 7


# --- replay ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_what_is_cut_at_a_date_gives_the_same_bytes_for_it(seed: int, catalog: Catalog):
    tables = {"transits": random_transits(seed), "trade": random_trade(seed, range(1997, 2005))}
    full = {"logistics": SIGNAL.steps(tables, catalog)}
    seen = 0
    # Each seed is cut at every other of these: before the first strait, between, and after the last count.
    for date in ("2000-01-12", "2001-02-05", "2002-08-05", "2003-02-03", "2003-07-14", "2005-03-07")[seed::2]:
        moment = utc(date)
        known = {name: table[table["available_at"] <= moment] for name, table in tables.items()}
        early = {"logistics": SIGNAL.steps(known, catalog)}
        at = [f"{moment - pd.Timedelta(days=back):%Y-%m-%d}" for back in (0, 2, 182, 364)]
        rows_of = index(at, minerals=("cobalt", "manganese", "rare_earths"), suppliers=("AUS", "CHN", "COD"))
        one, two = (panel.join_steps(rows_of, each) for each in (early, full))
        pd.testing.assert_frame_equal(one, two, check_exact=True)
        first, second = SIGNAL.combine(one), SIGNAL.combine(two)
        pd.testing.assert_frame_equal(first, second, check_exact=True)
        seen += int(first[RATIOS].notna().to_numpy().sum())
    assert seen > 50


def test_the_order_of_rows_changes_nothing(catalog: Catalog):
    tables = {"transits": random_transits(5), "trade": random_trade(5, range(1997, 2005))}
    mixed = {name: table.sample(frac=1, random_state=1) for name, table in tables.items()}
    for one, two in zip(SIGNAL.steps(tables, catalog), SIGNAL.steps(mixed, catalog), strict=True):
        pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)


def test_steps_are_small_and_sorted(catalog: Catalog):
    tables = {"transits": random_transits(6), "trade": random_trade(6, range(1997, 2005))}
    straits, shares = SIGNAL.steps(tables, catalog)
    assert straits.keys == ()
    assert straits.frame["available_at"].is_monotonic_increasing
    assert len(straits.frame.columns) == 2 + 3 * len(STRAITS)
    assert not shares.frame.duplicated(["mineral", "supplier", "available_at"]).any()
    keys = list(shares.frame[["mineral", "supplier", "available_at"]].itertuples(index=False, name=None))
    assert keys == sorted(keys)
    # Flows change with a trade year and with a newly counted strait, not every week.
    assert shares.frame["available_at"].nunique() < 40 < straits.frame["available_at"].nunique()
    told = shares.frame[logistics.COLUMNS]
    assert ((told >= 0) & (told <= 1) | told.isna()).all().all()


# --- the real counts ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared: Path, bundle_tables: dict[str, pd.DataFrame]) -> list:
    path = shared / "payloads/portwatch/chokepoint-transit-2026-07.json.gz"
    now = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    found = portwatch.harmonise(portwatch.parse(path), load_catalog(), file=path.name, lag=None, now=now)
    trade = bundle_tables["trade"]
    # Flows of the newest years and of what is asked about are enough, and quick.
    codes = load_catalog().used_hs_codes()
    some = codes.loc[codes["mineral"].isin(["aluminium", "phosphate"]), "hs_code"]
    trade = trade[trade["year"].ge(2021) & trade["hs_code"].isin(some)]
    return SIGNAL.steps({"transits": found.tables["transits"], "trade": trade}, load_catalog())


@pytest.mark.shared
def test_the_red_sea_empties_in_early_2024_and_hormuz_in_2026(real: list):
    dates = ["2023-12-04", "2024-01-15", "2024-03-04", "2026-02-02", "2026-04-06", "2026-07-27"]
    pairs = index(dates, minerals=("phosphate", "aluminium"), suppliers=("JOR", "ARE"))
    joined = panel.join_steps(pairs, {"logistics": real})
    found = SIGNAL.combine(joined).set_index(pd.MultiIndex.from_frame(pairs)).sort_index()
    # Jordan ships phosphate from the Red Sea, to India by Bab el-Mandeb.
    jordan = found.loc[("phosphate", "JOR"), "logistics_transits_4w"].to_numpy()
    assert jordan[0] > 0.1
    assert jordan[1] < 0
    assert jordan[2] < -0.5
    # The Emirates ship aluminium out of the Gulf.
    emirates = found.loc[("aluminium", "ARE"), "logistics_transits_4w"].to_numpy()
    assert -0.4 < emirates[3] < -0.2
    assert emirates[4] < -1.2
    worst = found.loc[("aluminium", "ARE"), "logistics_worst_strait_13w"].to_numpy()
    assert worst[3] > -0.6
    assert worst[5] < -2
    shares = found["logistics_exposed_share"]
    assert shares.loc["phosphate", "JOR"].min() > 0.9
    assert shares.loc["aluminium", "ARE"].min() > 0.9


@pytest.mark.shared
def test_a_forecast_knows_no_day_later_than_the_sunday_eight_days_before(real: list):
    straits = real[0].frame
    newest = strait_history.EPOCH + pd.to_timedelta(straits["logistics_newest_day"], unit="D")
    assert ((straits["available_at"] - newest) >= pd.Timedelta(days=3)).all()
    assert (newest.dt.day_name() == "Sunday").all()


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        (
            "logistics_transits_4w",
            np.log(0.55),
            "ships through its straits in the last 4 weeks were 45 % under those of the same weeks of earlier years",
        ),
        ("logistics_exposed_share", 0.0, "none of its tonnes pass a strait whose ships are counted"),
        ("logistics_age_weeks", 1.0, "the newest counts of ships in straits are 1 week old"),
        ("logistics_transits_13w", np.nan, "no recent counts of ships in straits that its tonnes pass"),
    ],
)
def test_words(feature: str, value: float, words: str):
    assert phrase(feature, value) == words
