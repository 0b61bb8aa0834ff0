"""The study of suppliers' own months: baskets once, years under way, and China's real exports."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.errors import BadInput
from features.knowledge_time import UTC
from features.sources import comtrade
from ml import monthly_study as study
from models.supply_windows import monthly_supply
from tests.builders import rows
from tests.models.test_supply_windows import months


def test_a_code_that_minerals_share_is_counted_once() -> None:
    records = months({2001: [1.0, 2.0]}, hs_code="811292") + months({2001: [5.0, 5.0]})
    supply = monthly_supply(rows("mirror_trade", records), datasets.empty("production_monthly"), load_catalog())
    assert supply["mineral"].nunique() > 4
    once = study.baskets_once(supply)
    assert once["mineral"].unique().tolist() == ["cobalt", "gallium, germanium, hafnium, indium, rhenium"]
    assert len(once) == 4


def test_a_year_under_way_is_held_against_the_same_months() -> None:
    record = {year: [10.0] * 12 for year in (2001, 2002, 2003)} | {2004: [5.0] * 3 + [10.0] * 3}
    supply = monthly_supply(rows("mirror_trade", months(record)), datasets.empty("production_monthly"), load_catalog())
    labels = pd.DataFrame({"mineral": ["cobalt"], "supplier": ["CHN"], "year": [2004], "ratio": [0.8]})
    (row,) = study.year_rows(supply, labels)
    assert (row["year"], row["to_month_3"], row["to_month_6"]) == (2004, pytest.approx(0.5), pytest.approx(0.75))
    assert row["to_month_9"] is None
    assert row["yearly_trade"] == 0.8


def test_without_any_months_it_says_how_to_get_them(bundle_home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="oresight ingest comtrade FILE"):
        study.monthly_study(tmp_path / "out", home=bundle_home)
    assert not (tmp_path / "out").exists()


def test_chinas_exports_fill_both_tables(shared: Path) -> None:
    path = shared / "payloads/comtrade_monthly_china/deep_dive_hs6_monthly.csv"
    now = dt.datetime(2026, 11, 25, tzinfo=UTC)
    harvest = comtrade.harmonise(comtrade.parse(path), load_catalog(), file=path.name, lag=comtrade.SPEC.lag, now=now)
    supply = monthly_supply(harvest.tables["mirror_trade"], datasets.empty("production_monthly"), load_catalog())
    supply = study.baskets_once(supply)
    windows = pd.DataFrame(study.window_rows(supply))
    graphite = windows.query("mineral == 'graphite' and target == 'supply_drop' and weeks == 13").iloc[0]
    assert graphite["windows"] > 50
    assert 0 < graphite["events"] < graphite["windows"]
    assert set(windows["mineral"]) == {"all", "graphite", "gallium, germanium, hafnium, indium, rhenium"}
    years = study.year_rows(supply, pd.DataFrame({"mineral": [], "supplier": [], "year": [], "ratio": []}))
    assert {row["year"] for row in years} == {2020, 2021, 2022, 2023, 2024}
    text = study._text(study.window_rows(supply), years)
    assert "nan" not in text
    assert json.dumps(years)
