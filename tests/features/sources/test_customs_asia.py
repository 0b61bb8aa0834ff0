"""Korea, Japan and India: totals among months, months to come, and pages that say what their figures are."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput, ConfigError
from features.sources import estat_japan, india_meidb, korea_customs
from features.sources.spec import Request
from tests.builders import utc
from tests.customs_payloads import NOW, india, japan, japan_row, korea, korea_item, read


def test_an_item_of_korea_is_both_directions_and_the_total_a_check_sum(tmp_path: Path):
    found = read(korea_customs, korea(tmp_path))
    rows = found.tables["mirror_trade"]
    bought = rows[rows["reported_by"].eq("importer")].set_index("supplier")
    assert bought["value_usd"].to_dict() == {"CHN": 700, "JPN": 300}
    assert bought["quantity_tonnes"].to_dict() == {"CHN": 1.0, "JPN": 0.4}
    assert rows.loc[rows["reported_by"].eq("supplier"), "value_usd"].tolist() == [0, 0]
    assert found.counts["totals, taken as check sums"] == 2


def test_a_total_of_korea_that_the_items_do_not_reach_refuses_the_file(tmp_path: Path):
    items = [korea_item("-", year="총계", hsCd="-", impDlr="9000"), korea_item()]
    with pytest.raises(BadInput, match="row 1, field value: expected lines that add up to the total of 9,000"):
        read(korea_customs, korea(tmp_path, items))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"year": "2025.1"}, "first"),
        ({"statCd": "XX"}, "partner"),
        ({"impWgt": "-"}, "quantity"),
        ({"hsCd": "8A"}, "hs_code"),
    ],
)
def test_a_bad_item_of_korea_is_rejected(tmp_path: Path, changes: dict, field: str):
    rejected = read(korea_customs, korea(tmp_path, [korea_item("JP"), korea_item(**changes)])).rejected
    assert set(rejected["row"]) == {2}
    assert set(rejected["field"]) == {field}


def test_korea_answers_in_json_too(tmp_path: Path):
    path = tmp_path / "korea_customs_811292_202505.json"
    path.write_text(
        json.dumps({"response": {"header": {"resultCode": "00"}, "body": {"items": {"item": korea_item()}}}})
    )
    assert read(korea_customs, path).tables["mirror_trade"]["value_usd"].tolist() == [700, 0]


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda folder: korea(folder, code="22"), "code 22: 22 said so"),
        (lambda folder: korea(folder, [{"year": "2025.05"}]), "item 1: expected the fields"),
        (lambda folder: korea(folder, extra="<totalCount>5</totalCount>"), "the 5 items it counts, found 3"),
    ],
)
def test_a_failed_or_cut_answer_of_korea_is_refused(tmp_path: Path, write, says: str):
    with pytest.raises(BadInput, match=says):
        korea_customs.parse(write(tmp_path))


def test_an_error_of_the_gateway_and_entities_are_refused(tmp_path: Path):
    path = tmp_path / "korea_customs_1.xml"
    path.write_text("<OpenAPI_ServiceResponse><returnAuthMsg>KEY UNKNOWN</returnAuthMsg></OpenAPI_ServiceResponse>")
    with pytest.raises(BadInput, match="KEY UNKNOWN"):
        korea_customs.parse(path)
    path.write_text("<!DOCTYPE x [<!ENTITY a 'b'>]><response/>")
    with pytest.raises(BadInput, match="a document type declaration"):
        korea_customs.parse(path)


def test_korea_needs_a_key_and_is_asked_for_at_most_a_year_at_a_time(tmp_path: Path):
    with pytest.raises(ConfigError, match="ORESIGHT_KOREA_KEY"):
        korea_customs.requests(korea_customs.SPEC.endpoint, now=NOW, key=None)
    plan = korea_customs.requests(korea_customs.SPEC.endpoint, now=NOW, key="a/b=")
    assert "strtYymm=202509&endYymm=202608" in plan[0].address
    assert "serviceKey=a%2Fb%3D" in plan[0].address


def test_a_further_page_of_korea_is_asked_for(tmp_path: Path):
    asked = Request("https://apis.data.go.kr/x?pageNo=1&numOfRows=9999", "korea_customs_811292_202505.xml")
    assert korea_customs.follow(asked, korea(tmp_path)) == []
    (following,) = korea_customs.follow(asked, korea(tmp_path, extra="<totalCount>12000</totalCount>"))
    assert "pageNo=2&" in following.address
    assert following.name == "korea_customs_811292_202505_p2.xml"


def test_months_to_come_are_cut_and_yen_not_guessed(tmp_path: Path):
    found = read(estat_japan, japan(tmp_path))
    rows = found.tables["mirror_trade"]
    assert rows["first_month"].tolist() == [utc("2025-01-01"), utc("2025-02-01")]
    assert rows["quantity_tonnes"].tolist() == [0.1, 0.05]
    assert rows["value_usd"].isna().all()
    assert rows[["importer", "supplier", "hs_code"]].drop_duplicates().to_numpy().tolist() == [
        ["JPN", "CHN", "811292000"]
    ]


def test_a_month_without_trade_that_is_out_stays_zero(tmp_path: Path):
    rows = read(estat_japan, japan(tmp_path, [japan_row(Jan=100, Feb=50), japan_row("304", Jan=7)])).tables[
        "mirror_trade"
    ]
    assert rows.loc[rows["supplier"].eq("USA"), "quantity_tonnes"].tolist() == [0.007, 0.0]


def test_a_zip_and_the_other_spelling_of_april_are_read(tmp_path: Path):
    path = japan(tmp_path, [japan_row(Apr=4)], "estat_japan_2025_to_04.csv")
    text = path.read_text().replace("-Apr", "-Apl")
    with zipfile.ZipFile(tmp_path / "estat_japan_2025_to_04.zip", "w") as archive:
        archive.writestr("a.csv", text)
    rows = read(estat_japan, tmp_path / "estat_japan_2025_to_04.zip").tables["mirror_trade"]
    assert rows["quantity_tonnes"].tolist() == [0, 0, 0, 0.004]


@pytest.mark.parametrize(
    ("unit", "basis", "tonnes"),
    [
        (("", "MT"), "gross", 1.0),
        (("", "GR"), "gross", 1e-6),
        (("KG", "NO"), "gross", None),
        (("", "NO"), "none", None),
    ],
)
def test_the_quantity_that_is_a_mass_counts(tmp_path: Path, unit: tuple[str, str], basis: str, tonnes: float | None):
    row = read(estat_japan, japan(tmp_path, [japan_row(unit=unit, Feb=1)])).tables["mirror_trade"].iloc[-1]
    assert row["basis"] == basis
    # The first quantity of these rows is 0 beside a value, which is unknown.
    assert pd.isna(row["quantity_tonnes"]) if tonnes is None else row["quantity_tonnes"] == pytest.approx(tonnes)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("estat_japan_2025_to_01.csv", "row 1: expected figures up to Jan, as the name says, found figures beyond it"),
        ("estat_japan_2025_to_03.csv", "column Value-Mar: expected figures up to Mar, as the name says, found none"),
        ("estat_japan_2025.csv", "a name that tells the newest month out"),
        ("estat_japan_2025_to_13.csv", "a name that tells the newest month out"),
    ],
)
def test_a_name_that_does_not_fit_the_months_is_refused(tmp_path: Path, name: str, says: str):
    with pytest.raises(BadInput, match=says):
        estat_japan.parse(japan(tmp_path, name=name))


def test_months_that_do_not_add_up_to_the_year_are_refused(tmp_path: Path):
    row = japan_row(Jan=100, Feb=50)
    row[8] = "99999"
    with pytest.raises(BadInput, match="row 1, field Value-Year: expected the sum of its months, 1,500"):
        estat_japan.parse(japan(tmp_path, [row]))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (japan_row("999", Feb=1), "partner"),
        (japan_row(unit=("", "BB"), Feb=1), "unit"),
        (japan_row(hs="'8112920'", Feb=1), "hs_code"),
    ],
)
def test_a_bad_row_of_japan_is_rejected(tmp_path: Path, row: list[str], field: str):
    rejected = read(estat_japan, japan(tmp_path, [japan_row("304", Feb=1), row])).rejected
    assert set(rejected["row"]) == {2}
    assert set(rejected["field"]) == {field}


def test_a_row_of_another_year_is_rejected(tmp_path: Path):
    row = japan_row(Feb=1)
    row[1] = "2024"
    assert set(read(estat_japan, japan(tmp_path, [row])).rejected["field"]) == {"first"}


def test_a_page_of_india_gives_two_months_and_two_years_to_date(tmp_path: Path):
    found = read(india_meidb, india(tmp_path))
    rows = found.tables["mirror_trade"]
    china = rows[rows["supplier"].eq("CHN")]
    spans = china["first_month"].dt.strftime("%Y%m") + china["last_month"].dt.strftime("-%Y%m")
    assert dict(zip(spans, china["value_usd"], strict=True)) == pytest.approx(
        {"202401-202405": 6.0e6, "202405-202405": 1.1e6, "202501-202505": 9.5e6, "202505-202505": 2.0e6}
    )
    assert set(rows["importer"]) == {"IND"}
    assert set(rows["basis"]) == {"none"}
    assert found.counts["totals, taken as check sums"] == 4


def test_a_page_of_quantities_has_weights_and_no_values(tmp_path: Path):
    rows = read(india_meidb, india(tmp_path, option="Quantity")).tables["mirror_trade"]
    assert set(rows["basis"]) == {"gross"}
    assert rows["value_usd"].isna().all()
    assert rows["quantity_tonnes"].max() == pytest.approx(0.0095)


def test_a_year_that_begins_in_april_is_no_year_to_date(tmp_path: Path):
    months = ("May-2024 (R)", "May-2025 (F)", "Apr-May2024", "Apr-May2025")
    rows = read(india_meidb, india(tmp_path, months=months)).tables["mirror_trade"]
    assert (rows["first_month"] == rows["last_month"]).all()
    assert len(rows) == 4


def test_rupees_and_a_page_without_form_are_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="US dollars in millions or quantity, found 'rupees crore'"):
        india_meidb.parse(india(tmp_path, option="Rupees Crore"))
    path = tmp_path / "cut.html"
    path.write_text("<table><tr><td>Country</td></tr></table>")
    with pytest.raises(BadInput, match="found no form"):
        india_meidb.parse(path)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("1", "CHINA P RP", "1.1")], "row 1: expected 8 cells, found 3"),
        ([], r"1 table\(s\) without"),
    ],
)
def test_a_cut_page_of_india_is_refused(tmp_path: Path, rows: list, says: str):
    with pytest.raises(BadInput, match=says):
        india_meidb.parse(india(tmp_path, rows))


def test_india_totals_and_bad_cells(tmp_path: Path):
    china = ("1", "CHINA P RP", "1.10", "2.00", "81.8", "6.00", "9.50", "58.3")
    with pytest.raises(BadInput, match="row 2, field value: expected lines that add up"):
        read(india_meidb, india(tmp_path, [china, ("", "Total", "1.10", "4.00", "", "6.00", "9.50", "")]))
    found = read(india_meidb, india(tmp_path, [china, ("2", "ATLANTIS", "1", "1", "", "1", "1", "")]))
    assert set(found.rejected["field"]) == {"partner"}
    assert set(found.rejected["row"]) == {2}
    unspecified = read(india_meidb, india(tmp_path, [china, ("2", "UNSPECIFIED", "1", "1", "", "1", "1", "")]))
    assert unspecified.counts["lines of places outside the catalogue"] == 4


@pytest.mark.parametrize("module", [estat_japan, india_meidb])
def test_nothing_is_collected_where_pages_are_made_for_people(module):
    assert not hasattr(module, "requests")
