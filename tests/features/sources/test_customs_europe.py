"""Comext and the United Kingdom: currencies without a rate, suppressed and confidential lines, pages and procedures."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput
from features.sources import comext, uk_hmrc
from features.sources.spec import Request
from tests.builders import utc
from tests.customs_payloads import NOW, hmrc, hmrc_row, read, sdmx_row, write_csv
from tests.customs_payloads import comext as comext_file


def figures(partner: str, kg: str = "10", **other: str) -> list[list[str]]:
    return [
        sdmx_row(partner, "VALUE_IN_EUROS", "900", **other),
        sdmx_row(partner, "QUANTITY_IN_100KG", kg, **other),
    ]


def test_comext_gives_weights_of_hundred_kilograms_and_no_value(tmp_path: Path):
    found = read(comext, comext_file(tmp_path))
    rows = found.tables["mirror_trade"].set_index("supplier")
    assert rows["quantity_tonnes"].to_dict() == pytest.approx({"CHN": 12.05, "NLD": 0.8})
    assert rows["value_usd"].isna().all()
    assert set(rows["importer"]) == {"DEU"}
    assert set(rows["available_at"]) == {utc("2025-07-31")}
    assert found.counts["sums over countries"] == 2
    assert found.counts["rows within the EU"] == 1


def test_a_confidential_product_is_counted_and_a_confidential_figure_has_no_figure(tmp_path: Path):
    rows = [*figures("CN", flag="c"), *figures("CN", product="2846XXXX"), *figures("JP")]
    found = read(comext, comext_file(tmp_path, rows))
    stored = found.tables["mirror_trade"].set_index("supplier")
    assert pd.isna(stored.loc["CHN", "quantity_tonnes"])
    assert stored.loc["JPN", "quantity_tonnes"] == 1.0
    assert len(stored) == 2
    assert found.counts["lines of confidential products"] == 1
    assert found.counts["lines whose figures are withheld"] == 1


def test_a_flow_without_weight_is_unknown_and_not_zero(tmp_path: Path):
    rows = [sdmx_row("CN", "VALUE_IN_EUROS", "900"), *figures("JP")]
    stored = read(comext, comext_file(tmp_path, rows)).tables["mirror_trade"].set_index("supplier")
    assert pd.isna(stored.loc["CHN", "quantity_tonnes"])


def test_exports_of_a_member_state_are_its_own_figures_and_greece_is_known_by_two_codes(tmp_path: Path):
    rows = [*figures("US", flow="2", reporter="GR"), *figures("EL"), *figures("QY"), *figures("XI")]
    found = read(comext, comext_file(tmp_path, rows))
    stored = found.tables["mirror_trade"]
    assert set(stored["supplier"]) == {"GRC", "GBR"}
    assert stored.loc[stored["reported_by"].eq("supplier"), "importer"].tolist() == ["USA"]
    assert found.counts["lines of places outside the catalogue"] == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([*figures("CN"), *figures("CN")], "row 3, field indicators"),
        ([sdmx_row("CN", "VALUE_NAC", "1")], "row 1, field indicators: expected VALUE_IN_EUROS"),
        ([], "header: expected rows with freq"),
    ],
)
def test_a_wrong_answer_of_comext_is_refused(tmp_path: Path, rows: list, says: str):
    with pytest.raises(BadInput, match=says):
        comext.parse(comext_file(tmp_path, rows))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"month": "2025-52"}, "first"),
        ({"freq": "A"}, "first"),
        ({"flow": "3"}, "flow"),
        ({"reporter": "ZX"}, "reporter"),
    ],
)
def test_a_bad_row_of_comext_is_rejected_with_its_field(tmp_path: Path, changes: dict, field: str):
    found = read(comext, comext_file(tmp_path, [*figures("JP"), *figures("CN", **changes)]))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[3, field]]


def test_an_unknown_partner_of_comext_is_rejected(tmp_path: Path):
    found = read(comext, comext_file(tmp_path, [*figures("JP"), *figures("ZX")]))
    assert found.rejected[["row", "field", "value"]].to_numpy().tolist() == [[3, "partner", "ZX"]]


def test_procedures_of_the_bulk_file_are_summed_and_its_totals_left_out(tmp_path: Path):
    header = [
        "REPORTER",
        "PARTNER",
        "TRADE_TYPE",
        "PRODUCT_NC",
        "FLOW",
        "STAT_PROCEDURE",
        "PERIOD",
        "VALUE_EUR",
        "QUANTITY_KG",
    ]
    rows = [
        ["DE", "CN", "E", "28469040", "1", "1", "202505", "900", "1000"],
        ["DE", "CN", "E", "28469040", "1", "2", "202505", "90", "100"],
        ["DE", "CN", "E", "TOTAL", "1", "1", "202505", "9999", "9999"],
        ["DE", "CN", "E", "28XXXXXX", "1", "1", "202505", "9", "9"],
    ]
    found = read(comext, write_csv(tmp_path / "full_v2_202505.csv", [header, *rows]))
    assert found.tables["mirror_trade"]["quantity_tonnes"].tolist() == [1.1]
    assert found.counts["lines of confidential products"] == 1
    assert found.counts["lines of another breakdown or flow"] == 1


def test_comext_is_asked_for_all_members_and_partners():
    first = comext.requests(comext.SPEC.endpoint, now=NOW, key=None)[0].address
    assert "/M.AT+BE+BG" in first
    assert "startPeriod=2025-08&endPeriod=2026-08" in first
    assert "..250300+" in first


def test_ports_of_the_united_kingdom_are_summed_and_pounds_not_guessed(tmp_path: Path):
    rows = read(uk_hmrc, hmrc(tmp_path)).tables["mirror_trade"]
    assert rows[["importer", "supplier", "hs_code", "quantity_tonnes"]].to_numpy().tolist() == [
        ["GBR", "CHN", "81041100", 1.5]
    ]
    assert rows["value_usd"].isna().all()


def test_a_suppressed_line_makes_the_flow_unknown_and_never_zero(tmp_path: Path):
    page = [hmrc_row(), hmrc_row(SuppressionIndex=2, NetMass=None, Value=0.0), hmrc_row("US")]
    found = read(uk_hmrc, hmrc(tmp_path, page))
    rows = found.tables["mirror_trade"].set_index("supplier")["quantity_tonnes"]
    assert pd.isna(rows["CHN"])
    assert rows["USA"] == 1.0
    assert found.counts["lines whose figures are withheld"] == 1


def test_flows_one_and_three_are_imports_and_two_and_four_exports(tmp_path: Path):
    page = [hmrc_row(FlowTypeId=flow, CommodityId=81041100 + flow) for flow in (1, 2, 3, 4)]
    rows = read(uk_hmrc, hmrc(tmp_path, page)).tables["mirror_trade"]
    assert rows.groupby("reported_by")["hs_code"].apply(list).to_dict() == {
        "importer": ["81041101", "81041103"],
        "supplier": ["81041102", "81041104"],
    }


def test_a_code_below_nought_is_an_estimate_and_noughts_in_front_come_back(tmp_path: Path):
    raw = uk_hmrc.parse(hmrc(tmp_path, [hmrc_row(CommodityId=-990), hmrc_row(CommodityId=1012100)]))
    assert raw["kind"].tolist() == ["breakdown", "line"]
    assert raw["hs_code"].tolist() == ["-990", "01012100"]


@pytest.mark.parametrize(
    ("changes", "field"), [({"FlowTypeId": 9}, "flow"), ({"MonthId": 202500}, "first"), ({"NetMass": -1.0}, "quantity")]
)
def test_a_bad_line_of_the_united_kingdom_is_rejected(tmp_path: Path, changes: dict, field: str):
    found = read(uk_hmrc, hmrc(tmp_path, [hmrc_row("US"), hmrc_row(**changes)]))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]


def test_a_page_without_country_is_refused_and_one_without_trade_is_not(tmp_path: Path):
    with pytest.raises(BadInput, match="row 1: expected the fields"):
        uk_hmrc.parse(hmrc(tmp_path, [{**hmrc_row(), "Country": None}]))
    assert read(uk_hmrc, hmrc(tmp_path, [])).tables["mirror_trade"].empty
    path = tmp_path / "uk_hmrc_error.json"
    path.write_text(json.dumps({"error": {"message": "syntax"}}))
    with pytest.raises(BadInput, match="syntax"):
        uk_hmrc.parse(path)


def test_the_promised_page_is_asked_for_and_no_other_host(tmp_path: Path):
    asked = Request("https://api.uktradeinfo.com/OTS?$filter=x", "uk_hmrc_8104.json")
    assert uk_hmrc.follow(asked, hmrc(tmp_path)) == []
    more = "https://api.uktradeinfo.com/OTS?$filter=x&$skip=40000"
    (following,) = uk_hmrc.follow(asked, hmrc(tmp_path, **{"@odata.nextLink": more}))
    assert following.address == more
    for wrong in (asked.address, "https://example.org/OTS"):
        with pytest.raises(BadInput, match="another page of the same host"):
            uk_hmrc.follow(asked, hmrc(tmp_path, **{"@odata.nextLink": wrong}))
