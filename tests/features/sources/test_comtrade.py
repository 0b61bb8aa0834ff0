"""UN Comtrade: API answers and two CSV forms; check sums, rows that would double, answers that were cut off."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.errors import BadInput, ConfigError
from features.sources import comtrade, comtrade_layouts
from features.sources.spec import Harvest
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
KEY = ["reported_by", "importer", "supplier", "hs_code", "first_month", "last_month"]


def harvest(path: Path) -> Harvest:
    return comtrade.harmonise(comtrade.parse(path), load_catalog(), file=path.name, lag=comtrade.SPEC.lag, now=NOW)


def mirror_trade(path: Path) -> pd.DataFrame:
    found = harvest(path)
    assert found.rejected.empty
    return datasets.check("mirror_trade", found.tables["mirror_trade"], where=path.name)


# --- the real payloads ----------------------------------------------------------------------------


@pytest.mark.shared
def test_chinas_monthly_exports_are_the_suppliers_own_declaration(shared: Path):
    path = shared / "payloads/comtrade_monthly_china/deep_dive_hs6_monthly.csv"
    table = mirror_trade(path)
    assert set(table["hs_code"]) == {"250410", "811292"}  # artificial graphite is no mineral of the catalogue
    assert harvest(path).counts["rows of codes that the catalogue does not use"] == 2575
    assert set(table["reported_by"]) == {"supplier"}
    assert set(table["supplier"]) == {"CHN"}
    assert table["first_month"].eq(table["last_month"]).all()
    assert table["importer"].nunique() == 39
    first = table[table["importer"].eq("AUS") & table["first_month"].eq(utc("2017-01-01"))].iloc[0]
    assert (first["hs_code"], first["value_usd"]) == ("250410", 10_200.0)
    assert first["quantity_tonnes"] == pytest.approx(6.116362)
    assert first["available_at"] == utc("2017-06-01")


@pytest.mark.shared
def test_the_graphite_controls_of_december_2023_are_visible_the_baskets_are_not(shared: Path):
    table = mirror_trade(shared / "payloads/comtrade_monthly_china/deep_dive_hs6_monthly.csv")
    tonnes = table.groupby(["hs_code", "first_month"])["quantity_tonnes"].sum()
    # A rush in the last month before, then almost nothing.
    assert tonnes["250410", utc("2023-11-01")] > 2 * tonnes["250410", utc("2023-10-01")]
    assert tonnes["250410", utc("2023-12-01")] < 0.1 * tonnes["250410", utc("2023-11-01")]
    # Gallium and germanium were controlled from August, but 811292 holds other metals, too.
    assert tonnes["811292", utc("2023-09-01")] > tonnes["811292", utc("2023-07-01")]


@pytest.mark.shared
def test_the_file_by_code_is_the_primary_one(shared: Path):
    folder = shared / "payloads/comtrade_monthly_china"
    by_code = pd.read_csv(folder / "deep_dive_hs6_monthly.csv", dtype={"hs6": "str"})
    groups = pd.read_csv(folder / "overview_monthly.csv")
    ours = by_code[by_code["hs6"].isin(["250410", "380110"])].groupby("period_dt")["qty"].sum()
    theirs = groups[groups["broad_group"].eq("Graphite")].set_index("period_dt")["total_qty"]
    assert (ours / theirs.reindex(ours.index)).between(0.999, 1.001).all()


@pytest.mark.shared
def test_yearly_nickel_has_both_sides_and_no_world_row(shared: Path):
    path = shared / "payloads/comtrade/UN_nickel_trade.csv"
    table = mirror_trade(path)
    assert set(table["reported_by"]) == {"importer", "supplier"}
    assert (table["importer"] != table["supplier"]).all()
    assert harvest(path).counts["world rows"] == 3434
    assert set(table["first_month"].dt.month) == {1}
    assert set(table["last_month"].dt.month) == {12}
    assert table.loc[table["first_month"].eq(utc("2010-01-01")), "available_at"].eq(utc("2011-08-01")).all()
    assert {"USA", "NOR", "FRA", "IND", "TWN", "CHE"} <= set(table["importer"])
    assert not table.duplicated(KEY).any()


@pytest.mark.shared
def test_the_one_gap_of_nickel_is_reported(shared: Path):
    found = comtrade.gaps(comtrade.parse(shared / "payloads/comtrade/UN_nickel_trade.csv"))
    # Canada's imports of 2016: the partners weigh 6 % less than the world row.
    assert found[["period", "reporter", "flow"]].to_numpy().tolist() == [["2016", "124", "M"]]
    assert found["weight_sum"].iloc[0] < 0.95 * found["weight_world"].iloc[0]


@pytest.mark.shared
def test_answers_of_the_api_are_read_year_by_year(shared: Path):
    paths = sorted((shared / "payloads/comtrade/china_2846_imports").glob("[12]*.json"))
    assert len(paths) == 32
    table = pd.concat([mirror_trade(path) for path in paths])
    assert set(table["reported_by"]) == {"importer"}
    assert set(table["importer"]) == {"CHN"}
    assert "CHN" not in set(table["supplier"])
    myanmar = table[table["supplier"].eq("MMR") & table["first_month"].eq(utc("2023-01-01"))].iloc[0]
    assert myanmar["quantity_tonnes"] == pytest.approx(72_073.76, abs=1)
    assert not myanmar["is_estimated"]
    assert table.loc[table["first_month"].eq(utc("2016-01-01")), "is_estimated"].all()
    # No weights before 2000: unknown, not zero.
    assert table.loc[table["first_month"] < utc("2000-01-01"), "quantity_tonnes"].isna().all()


# --- small answers --------------------------------------------------------------------------------


def record(partner: int, value: float, weight: float | None, **other: object) -> dict[str, object]:
    usual = {"freqCode": "M", "period": "202405", "reporterCode": 842, "flowCode": "M", "cmdCode": "810520"}
    totals = {"partner2Code": 0, "customsCode": "C00", "motCode": 0, "qty": weight, "qtyUnitAbbr": "kg"}
    flags = {"isNetWgtEstimated": False, "isQtyEstimated": False}
    return {
        **usual,
        "cmdCode": "282200",
        **totals,
        **flags,
        "partnerCode": partner,
        "primaryValue": value,
        "netWgt": weight,
        **other,
    }


def answer(path: Path, records: list[dict[str, object]], **other: object) -> Path:
    path.write_text(json.dumps({"count": len(records), "data": records, "error": "", **other}))
    return path


def test_months_and_years_of_both_flows(tmp_path: Path):
    records = [
        record(180, 100.0, 2000.0),
        record(180, 900.0, 9000.0, flowCode="X"),
        record(180, 1200.0, 24000.0, freqCode="A", period="2023"),
        record(180, 5.0, 1.0, flowCode="RX"),
    ]
    table = mirror_trade(answer(tmp_path / "a.json", records))
    assert table[["reported_by", "importer", "supplier", "quantity_tonnes"]].to_numpy().tolist() == [
        ["importer", "USA", "COD", 2.0],
        ["supplier", "COD", "USA", 9.0],
        ["importer", "USA", "COD", 24.0],
    ]
    assert table["available_at"].tolist() == [utc("2024-09-29"), utc("2024-09-29"), utc("2024-08-01")]


def test_rows_of_a_breakdown_do_not_double_the_flow(tmp_path: Path):
    parts = [{"motCode": 2100}, {"customsCode": "C01"}, {"partner2Code": 56}]
    path = answer(
        tmp_path / "a.json", [record(180, 100.0, 2000.0), *(record(180, 60.0, 900.0, **part) for part in parts)]
    )
    assert mirror_trade(path)["value_usd"].tolist() == [100.0]
    assert harvest(path).counts["rows of a breakdown or another flow"] == 3


def test_world_rows_are_check_sums(tmp_path: Path):
    good = [record(0, 150.0, 3000.0), record(180, 100.0, 2000.0), record(894, 50.0, 1000.0)]
    assert comtrade.gaps(comtrade.parse(answer(tmp_path / "a.json", good))).empty
    found = comtrade.gaps(comtrade.parse(answer(tmp_path / "b.json", good[:2])))
    assert found[["value_world", "value_sum", "weight_sum"]].to_numpy().tolist() == [[150.0, 100.0, 2000.0]]
    assert harvest(tmp_path / "b.json").counts["sums of partners off the world total"] == 1
    assert mirror_trade(tmp_path / "b.json")["supplier"].tolist() == ["COD"]


def test_a_zero_weight_beside_a_value_is_unknown_and_a_weight_may_stand_as_quantity(tmp_path: Path):
    records = [record(180, 100.0, 0.0), record(894, 50.0, None, qty=700.0), record(36, 0.0, 0.0)]
    tonnes = mirror_trade(answer(tmp_path / "a.json", records))["quantity_tonnes"].tolist()
    assert math.isnan(tonnes[0])
    assert tonnes[1:] == pytest.approx([0.7, 0.0])


def test_estimated_weights_are_marked(tmp_path: Path):
    records = [
        record(180, 1.0, 1.0, isNetWgtEstimated=True),
        record(894, 1.0, 1.0, isQtyEstimated=True),
        record(36, 1.0, 1.0),
    ]
    assert mirror_trade(answer(tmp_path / "a.json", records))["is_estimated"].tolist() == [True, True, False]


def test_coarse_and_fine_codes_count_others_do_not(tmp_path: Path):
    codes = ["2846", "28", "28220010", "282200", "382200", "99"]
    path = answer(tmp_path / "a.json", [record(180, 1.0, 1.0, cmdCode=code) for code in codes])
    assert mirror_trade(path)["hs_code"].tolist() == codes[:4]
    assert harvest(path).counts["rows of codes that the catalogue does not use"] == 2


def test_places_that_are_no_country_are_left_out_and_unknown_ones_rejected(tmp_path: Path):
    path = answer(tmp_path / "a.json", [record(899, 1.0, 1.0), record(842, 1.0, 1.0), record(998, 1.0, 1.0)])
    found = harvest(path)
    assert found.tables["mirror_trade"].empty
    assert found.counts["rows of places outside the catalogue"] == 1
    assert found.counts["goods that come back"] == 1
    assert found.rejected[["row", "field", "value"]].to_numpy().tolist() == [[3, "partner", "998"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"period": "202613"}, "period"),
        ({"period": "202611"}, "period"),
        ({"freqCode": "Q"}, "freq"),
        ({"reporterCode": 998}, "reporter"),
        ({"primaryValue": None}, "value"),
        ({"primaryValue": -1}, "value"),
        ({"netWgt": -1}, "weight_kg"),
    ],
)
def test_a_bad_record_is_rejected_with_its_row_and_field(tmp_path: Path, change: dict, field: str):
    path = answer(tmp_path / "a.json", [record(180, 1.0, 1.0), record(894, 1.0, 1.0, **change)])
    assert harvest(path).rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]


def test_one_missing_code_does_not_spoil_the_others(tmp_path: Path):
    found = harvest(answer(tmp_path / "a.json", [record(180, 1.0, 1.0), record(894, 1.0, 1.0, partnerCode=None)]))
    assert found.tables["mirror_trade"]["supplier"].tolist() == ["COD"]
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, "partner"]]


def test_the_same_flow_twice_is_rejected_once(tmp_path: Path):
    path = answer(tmp_path / "a.json", [record(180, 1.0, 1.0), record(180, 1.0, 1.0)])
    assert harvest(path).rejected["reason"].tolist() == ["the same flow a second time"]


# --- answers that must be refused -----------------------------------------------------------------


def test_an_answer_with_fewer_records_than_promised_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="1 of 2, which is cut off"):
        comtrade.parse(answer(tmp_path / "a.json", [record(180, 1.0, 1.0)], count=2))


def test_a_full_page_is_refused_although_its_count_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert 500 in comtrade_layouts.RECORD_LIMITS
    monkeypatch.setattr(comtrade_layouts, "RECORD_LIMITS", (2,))
    comtrade.parse(answer(tmp_path / "a.json", [record(180, 1.0, 1.0)]))
    with pytest.raises(BadInput, match="cut off"):
        comtrade.parse(answer(tmp_path / "b.json", [record(180, 1.0, 1.0), record(894, 1.0, 1.0)]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"count": 0, "data": [], "error": ""}', "none, and no error"),
        ('{"count": 0, "data": [], "error": "Quota exceeded"}', "Quota exceeded"),
        ('{"statusCode": 429, "message": "Rate limit is exceeded"}', "KeyError"),
        ("<html>", "JSON"),
        ('{"count": 1, "data": [{"period": "202401"}]}', "missing"),
    ],
)
def test_what_is_no_answer_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        comtrade.parse(path)


# --- asking ---------------------------------------------------------------------------------------


def test_the_plan_stays_inside_the_quota_and_asks_only_for_what_is_out():
    plan = comtrade.requests(comtrade.SPEC.endpoint, now=NOW, key="secret")
    assert len({one.name for one in plan}) == len(plan) <= comtrade.MOST_CALLS
    for one in plan:
        assert "secret" not in one.address
        assert one.headers == {"Ocp-Apim-Subscription-Key": "secret"}
        assert "&partner2Code=0&customsCode=C00&motCode=0" in one.address
    months = {one.address.partition("period=")[2][:6] for one in plan if "/M/HS" in one.address}
    years = {one.address.partition("period=")[2][:4] for one in plan if "/A/HS" in one.address}
    assert max(months) == "202606"  # 120 days after its end is 29 October
    assert len(months) == 12
    assert years == {"2025", "2024", "2023"}
    asked = {code for one in plan for code in one.address.partition("cmdCode=")[2].partition("&")[0].split(",")}
    assert asked == set(load_catalog().used_hs_codes()["hs_code"])


def test_without_a_key_the_setting_is_named():
    with pytest.raises(ConfigError, match="ORESIGHT_COMTRADE_KEY"):
        comtrade.requests(comtrade.SPEC.endpoint, now=NOW, key=None)


def test_a_plan_over_the_quota_is_refused_before_the_first_call(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(comtrade, "CODES_PER_CALL", 1)
    with pytest.raises(ConfigError, match="quota"):
        comtrade.requests(comtrade.SPEC.endpoint, now=NOW, key="secret")
