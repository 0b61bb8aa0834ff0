"""Monthly copper: Peru's wrong months go by rule, true lows stay, and what is no such file is refused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.errors import BadInput
from features.sources import copper_monthly
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
CHILE, PERU = copper_monthly.SERIES


def harvest(path: Path, now: dt.datetime = NOW) -> Harvest:
    return copper_monthly.harmonise(
        copper_monthly.parse(path), load_catalog(), file=path.name, lag=copper_monthly.SPEC.lag, now=now
    )


@pytest.fixture(scope="module")
def real(shared: Path) -> Harvest:
    return harvest(shared / "payloads/copper_monthly/supply_chain_mining_chile_peru.json")


# --- the real file --------------------------------------------------------------------------------


@pytest.mark.shared
def test_exactly_the_wrong_months_of_peru_are_held_back(real: Harvest):
    every_row = datasets.check("production_monthly", real.tables["production_monthly"], where="copper")
    table = every_row[~every_row["is_retracted"]]
    every = pd.date_range("2018-01-01", "2025-12-01", freq="MS", tz="UTC")
    peru = table.loc[table["supplier"].eq("PER"), "month"]
    missing = sorted(set(every) - set(peru))
    assert missing == [utc("2018-08-01"), *(utc(f"2019-{month:02d}-01") for month in range(4, 12))]
    assert real.rejected.empty
    assert real.counts == {"implausible months stored as withdrawn": len(missing)}
    assert table["supplier"].eq("CHL").sum() == len(every)


@pytest.mark.shared
def test_the_store_reads_none_of_them_and_shows_them_in_the_history(shared: Path, tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    path = shared / "payloads/copper_monthly/supply_chain_mining_chile_peru.json"
    receipt = ingest(store, "copper_monthly", path, now=NOW)
    assert (receipt.rejected, receipt.added) == (0, {"production_monthly": 192})
    known = store.read("production_monthly", as_of=NOW)
    assert len(known) == 183
    assert known["quantity_tonnes"].min() > 100_000
    history = store.history("production_monthly", as_of=NOW)
    assert history.loc[history["is_retracted"], "quantity_tonnes"].min() == 9.0


@pytest.mark.shared
def test_the_lows_of_the_pandemic_are_true_and_stay(real: Harvest):
    table = real.tables["production_monthly"].set_index(["supplier", "month"])["quantity_tonnes"]
    assert table["PER", utc("2020-04-01")] == pytest.approx(125_225, abs=1)
    assert table["CHL", utc("2018-01-01")] == pytest.approx(476_105.348)


@pytest.mark.shared
def test_peru_agrees_with_the_ministrys_table_by_company(real: Harvest, shared: Path):
    book = openpyxl.load_workbook(shared / "payloads/copper_monthly/PROD-COBRE.xlsx", read_only=True, data_only=True)
    rows = list(book["ENE-NOV-2022"].iter_rows(values_only=True))
    at = [str(cell)[:7] for cell in rows[0]].index("2022-09")
    companies = sum(line[at] for line in rows[1:] if isinstance(line[at], int | float) and line[0])
    table = real.tables["production_monthly"].set_index(["supplier", "month"])["quantity_tonnes"]
    assert companies == pytest.approx(table["PER", utc("2022-09-01")], rel=0.01)


@pytest.mark.shared
def test_a_month_is_known_sixty_days_after_its_end_and_the_file_says_when_it_was_made(real: Harvest, shared: Path):
    table = real.tables["production_monthly"]
    known = table.loc[table["month"].eq(utc("2024-12-01")), "available_at"].unique()
    assert known.tolist() == [utc("2025-03-02")]
    raw = copper_monthly.parse(shared / "payloads/copper_monthly/supply_chain_mining_chile_peru.json")
    assert copper_monthly.released(raw) == dt.datetime(2026, 2, 25, 13, 54, 14, tzinfo=dt.UTC)


# --- the rule -------------------------------------------------------------------------------------


def test_the_rule_by_hand():
    steady = [100.0, 104.0, 96.0, 101.0, 99.0, 103.0, 97.0, 100.0, 102.0]
    assert not copper_monthly.implausible(pd.Series(steady)).any()
    for bad in (49.0, 210.0):
        found = copper_monthly.implausible(pd.Series([*steady[:4], bad, *steady[4:]]))
        assert found.tolist() == [False] * 4 + [True] + [False] * 5
    for fine in (51.0, 199.0):
        assert not copper_monthly.implausible(pd.Series([*steady[:4], fine, *steady[4:]])).any()


def test_what_stands_between_two_wrong_months_is_not_trusted():
    months = [100.0] * 12 + [5.0, 100.0, 900.0] + [100.0] * 12
    assert [at for at, odd in enumerate(copper_monthly.implausible(pd.Series(months))) if odd] == [12, 13, 14]


def test_a_series_too_short_to_judge_is_let_through():
    assert not copper_monthly.implausible(pd.Series([100.0, 1.0, 100.0])).any()


def write(path: Path, values: list[float], series: str = PERU, **other: object) -> Path:
    dates = pd.date_range("2023-01-31", periods=len(values), freq="ME").strftime("%Y-%m-%d")
    points = [{"date": date, "value": value} for date, value in zip(dates, values, strict=True)]
    told = {"generated_at": "2024-06-01T00:00:00Z", "series": {series: points}, **other}
    path.write_text(json.dumps(told))
    return path


def test_a_month_that_somebody_confirmed_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "a.json", [100.0] * 8 + [5.0] + [100.0] * 3)
    withdrawn = harvest(path).tables["production_monthly"]["is_retracted"]
    assert [at for at, gone in enumerate(withdrawn) if gone] == [8]
    monkeypatch.setattr(copper_monthly, "CONFIRMED", frozenset({("PER", "2023-09")}))
    assert not harvest(path).tables["production_monthly"]["is_retracted"].any()


def test_bad_points_are_rejected_with_row_and_field(tmp_path: Path):
    found = harvest(write(tmp_path / "a.json", [100.0, -1.0, 100.0])).rejected
    assert found[["row", "field"]].to_numpy().tolist() == [[2, "value"]]
    assert set(harvest(write(tmp_path / "b.json", [1.0], "bolivia")).rejected["field"]) == {"series"}
    early = harvest(write(tmp_path / "c.json", [1.0, 1.0]), now=dt.datetime(2023, 2, 10, tzinfo=dt.UTC)).rejected
    assert early[["row", "field"]].to_numpy().tolist() == [[2, "date"]]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"generated_at": "2024-01-01T00:00:00Z", "series": {}}', "<html>"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"a\.json"):
        copper_monthly.parse(path)
