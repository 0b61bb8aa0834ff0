"""Price spikes: windows, reference and resolution by hand; what is learned later changes nothing that was resolved."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import load_catalog
from features.signals import prices
from features.signals.price_history import monthly_versions, series_numbers
from models.price_spikes import HORIZONS_WEEKS, RISE, attach_spikes, one_per_series, usable
from tests.builders import price, random_prices, rows, utc

TIN = series_numbers(load_catalog())["pink_sheet", "Tin"]


def labelled(records: list[dict], as_of: str, newest: str, horizon: str = "13w") -> pd.Series:
    month = utc(f"{newest}-01")
    known = pd.DataFrame(
        {
            "mineral": ["tin"],
            "as_of": [utc(as_of)],
            "prices_series": [float(TIN)],
            "prices_newest_month": [float(month.year * 12 + month.month - 1)],
        }
    )
    return attach_spikes(known, monthly_versions(rows("prices", records), load_catalog()), horizon).iloc[0]


def tin(**values: float) -> list[dict]:
    """Prices by month, such as m2001_01=100."""
    return [price("Tin", name[1:].replace("_", "-"), value) for name, value in values.items()]


CALM = tin(m2001_01=100, m2001_02=100, m2001_03=100, m2001_04=100, m2001_05=100, m2001_06=100)
# On 19 February 2001 January is known; 13 weeks end on 21 May.
AS_OF, NEWEST = "2001-02-19", "2001-01"


def with_price(records: list[dict], month: str, value: float) -> list[dict]:
    return [r | {"price": value} if r["starts_on"] == utc(f"{month}-01") else r for r in records]


@pytest.mark.parametrize("month", ["2001-02", "2001-03", "2001-04"])
def test_a_month_that_ends_inside_the_window_makes_the_event(month: str):
    found = labelled(with_price(CALM, month, 125.0), AS_OF, NEWEST)
    assert found["label"] == 1
    assert found["peak_ratio"] == RISE
    assert labelled(with_price(CALM, month, 124.9), AS_OF, NEWEST)["label"] == 0


@pytest.mark.parametrize("month", ["2001-05", "2001-06"])
def test_a_month_that_ends_after_the_window_does_not(month: str):
    found = labelled(with_price(CALM, month, 500.0), AS_OF, NEWEST)
    assert found["label"] == 0
    assert found["window_start"] == utc(AS_OF)
    assert found["window_end"] == utc("2001-05-21")
    assert found["months_ahead"] == 3


def test_a_window_that_ends_with_a_month_holds_it():
    # 13 weeks from 2 July are 1 October, the instant at which September ends.
    records = tin(m2001_06=100, m2001_07=100, m2001_08=100, m2001_09=130, m2001_10=100)
    assert labelled(records, "2001-07-02", "2001-06")["label"] == 1
    assert labelled(records[:-2], "2001-07-02", "2001-06")["label"] != 1


def test_the_reference_is_the_last_known_month_and_not_the_one_before_the_window():
    records = with_price(with_price(CALM, "2001-01", 80.0), "2001-04", 100.0)
    assert labelled(records, AS_OF, "2001-01")["label"] == 1
    assert labelled(records, AS_OF, "2000-12")["label"] != 1  # nothing is known of December


def test_a_label_is_resolved_when_the_last_month_is_known_though_the_event_came_early():
    found = labelled(with_price(CALM, "2001-02", 200.0), AS_OF, NEWEST)
    assert found["resolved_at"] == utc("2001-05-04")
    short = with_price(CALM, "2001-02", 200.0)[:3]
    found = labelled(short, AS_OF, NEWEST)
    assert math.isnan(found["label"])
    assert pd.isna(found["resolved_at"])


def test_a_month_missing_inside_the_window_leaves_it_unresolved():
    gap = [record for record in CALM if record["starts_on"] != utc("2001-03-01")]
    assert math.isnan(labelled(gap, AS_OF, NEWEST)["label"])


def test_a_month_that_is_late_moves_the_resolution():
    late = [r | {"available_at": utc("2001-09-01")} if r["starts_on"] == utc("2001-03-01") else r for r in CALM]
    assert labelled(late, AS_OF, NEWEST)["resolved_at"] == utc("2001-09-01")


def test_prices_are_those_known_at_the_resolution_revisions_included():
    # The publisher halves its unit before the window closes: reference and window move together.
    halved = [record | {"price": 50.0, "available_at": utc("2001-04-20")} for record in CALM[:3]]
    later = [record | {"price": 50.0} for record in CALM[3:]]
    found = labelled([*CALM[:3], *halved, *later], AS_OF, NEWEST)
    assert found["peak_ratio"] == 1
    # What is revised after the resolution comes too late.
    after = [record | {"price": 10.0, "available_at": utc("2001-05-05")} for record in CALM[:1]]
    assert labelled([*CALM, *after], AS_OF, NEWEST)["peak_ratio"] == 1


# --- laws on random tables ------------------------------------------------------------------------


def random_rows(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    table, catalog = random_prices(seed, months=100), load_catalog()
    steps = {"prices": prices.SIGNAL.steps({"prices": table}, catalog)}
    dates = [utc("1998-01-05") + pd.Timedelta(weeks=5 * n) for n in range(90)]
    index = pd.MultiIndex.from_product(
        [["cobalt", "nickel", "refined_nickel", "tin"], dates], names=["mineral", "as_of"]
    )
    joined = panel.join_steps(index.to_frame(index=False).astype({"mineral": "str"}), steps)
    extra = prices.SIGNAL.combine(joined)
    joined = joined.drop(columns=extra.columns, errors="ignore").join(extra)
    return joined[usable(joined)].reset_index(drop=True), table


@pytest.mark.parametrize("seed", range(3))
def test_longer_windows_hold_every_event_of_shorter_ones(seed: int):
    known, table = random_rows(seed)
    versions = monthly_versions(table, load_catalog())
    tables = [attach_spikes(known, versions, horizon) for horizon in HORIZONS_WEEKS]
    for short, long in itertools.pairwise(tables):
        both = short["label"].notna() & long["label"].notna()
        assert both.sum() > 30
        # Between the two resolutions a price may be revised; without that, a peak can only grow.
        is_same = short.loc[both, "peak_ratio"] <= long.loc[both, "peak_ratio"] + 1e-9
        assert is_same.mean() > 0.8
        assert (short.loc[both, "resolved_at"] <= long.loc[both, "resolved_at"]).all()


@pytest.mark.parametrize("seed", range(3))
def test_what_was_resolved_by_a_date_is_the_same_from_what_was_known_then(seed: int):
    known, table = random_rows(seed)
    catalog = load_catalog()
    full = attach_spikes(known, monthly_versions(table, catalog), "26w")
    compared = 0
    for day in ("2001-03-07", "2002-11-20", "2004-02-01"):
        date = utc(day)
        early = attach_spikes(known, monthly_versions(table[table["available_at"] <= date], catalog), "26w")
        settled = full["resolved_at"].le(date)
        pd.testing.assert_frame_equal(early[settled], full[settled], check_exact=True)
        assert (settled | ~early["resolved_at"].le(date) | early["label"].isna()).all()
        compared += int(settled.sum())
    assert compared > 50


def test_each_price_counts_once_and_under_the_mineral_whose_own_it_is():
    known, _ = random_rows(1)
    once = one_per_series(known, load_catalog())
    assert "refined_nickel" in set(once["mineral"])
    assert "nickel" not in set(once["mineral"])
    assert not once.duplicated(["as_of", "prices_series"]).any()
    assert set(once["prices_series"]) == set(known["prices_series"])


def test_a_row_needs_two_years_of_prices_and_a_fresh_one():
    good = {"prices_years_known": 2.0, "prices_return_12m": 0.1, "prices_age_months": 3.0, "prices_volatility_12m": 0.2}
    changes = [{name: np.nan} for name in good] + [{"prices_years_known": 1.9}, {"prices_age_months": 4.0}]
    table = pd.DataFrame([good, *(good | change for change in changes)])
    assert usable(table).tolist() == [True, *[False] * len(changes)]
