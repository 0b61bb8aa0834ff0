"""Production: shares, concentration and the producer flag by hand; unknown is not zero."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from features import panel
from features.signals import production
from tests.builders import rows, utc


def mined(year: int, supplier: str, tonnes: float, mineral: str = "cobalt", **other) -> dict:
    usual = {"is_estimated": False, "available_at": utc(f"{year + 2}-05-01")}
    return {"year": year, "mineral": mineral, "supplier": supplier, "quantity_tonnes": tonnes} | usual | other


def at(records: list[dict], day: str, supplier: str = "COD", mineral: str = "cobalt", share: float = 0.2) -> pd.Series:
    steps = production.SIGNAL.steps({"production": rows("production", records)}, None)
    index = pd.DataFrame({"mineral": [mineral], "supplier": [supplier], "as_of": [utc(day)]})
    joined = panel.join_steps(index, {"production": steps}).assign(trade_share_3y=share)
    extra = production.combine(joined)
    return joined.drop(columns=[name for name in extra if name in joined]).join(extra).iloc[0]


TWO_YEARS = [mined(2018, "COD", 60), mined(2018, "CHN", 40), mined(2019, "COD", 90), mined(2019, "CHN", 10)]


def test_shares_concentration_and_growth_of_the_last_known_year():
    row = at(TWO_YEARS, "2021-05-03")
    assert row["production_share"] == pytest.approx(0.9)
    assert row["production_hhi"] == pytest.approx(0.82)
    assert row["production_growth_1y"] == pytest.approx(math.log(90 / 60))
    assert row["production_is_producer"] == 1.0
    assert row["production_mine_to_export"] == pytest.approx(math.log(0.9001 / 0.2001))
    early = at(TWO_YEARS, "2021-04-26")
    assert early["production_share"] == pytest.approx(0.6)
    assert math.isnan(early["production_growth_1y"])


def test_before_the_first_figures_everything_is_missing():
    assert at(TWO_YEARS, "2020-04-27")[production.SIGNAL.columns].isna().all()


def test_a_pair_outside_a_known_table_produces_nothing():
    row = at(TWO_YEARS, "2021-05-03", "AUS")
    assert (row["production_share"], row["production_is_producer"]) == (0.0, 0.0)
    assert math.isnan(row["production_growth_1y"])


def test_a_mineral_without_a_table_is_missing():
    row = at(TWO_YEARS, "2021-05-03", mineral="tin")
    assert row[production.SIGNAL.columns].isna().all()


def test_a_stop_of_production_is_the_lowest_growth():
    row = at([*TWO_YEARS, mined(2020, "COD", 0), mined(2020, "CHN", 10)], "2022-05-02")
    assert row["production_growth_1y"] == -4.0
    assert row["production_is_producer"] == 0.0


def test_a_revision_counts_from_when_it_is_known():
    revised = [*TWO_YEARS, mined(2019, "COD", 30, available_at=utc("2022-01-03"))]
    assert at(revised, "2021-12-27")["production_share"] == pytest.approx(0.9)
    assert at(revised, "2022-01-03")["production_share"] == pytest.approx(0.75)


def test_a_pair_all_of_whose_figures_were_withdrawn_is_no_producer():
    wrong = mined(2019, "AUS", 100)
    records = [*TWO_YEARS, wrong, {**wrong, "available_at": utc("2022-01-03"), "is_retracted": True}]
    assert at(records, "2021-12-27", "AUS")["production_share"] == pytest.approx(0.5)
    after = at(records, "2022-01-03", "AUS")
    assert (after["production_share"], after["production_is_producer"]) == (0.0, 0.0)
    assert at(records, "2022-01-03")["production_share"] == pytest.approx(0.9)
