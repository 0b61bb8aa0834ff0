"""Files a person exports from Taiwan's customs portal: two languages, two calendars, totals, goods that come back."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from features.errors import BadInput
from features.sources import taiwan_customs
from tests.builders import utc
from tests.customs_payloads import TAIWAN_HEADER, read, taiwan

TOTAL = "進口總值(含復進口)"
ENGLISH = ("Import/Export", "Date", "CCC Code", "Country", "Weight (KGM)", "Value (USD 1,000)")


def row(country: str = "中國大陸", **other: str) -> tuple[str, ...]:
    said = {"way": TOTAL, "date": "114年05月", "code": "28053000001", "kg": "12,000", "usd": "1,000"} | other
    return said["way"], said["date"], said["code"], "稀土金屬", country, said["kg"], "0", said["usd"]


def test_a_file_in_chinese_and_big5_gives_rows_of_taiwan(tmp_path: Path):
    found = read(taiwan_customs, taiwan(tmp_path))
    rows = found.tables["mirror_trade"]
    assert set(rows["importer"]) == {"TWN"}
    assert set(rows["reported_by"]) == {"importer"}
    assert rows["supplier"].tolist() == ["CHN", "JPN"]
    assert rows["value_usd"].tolist() == [1_000_000, 30_000]
    assert rows["quantity_tonnes"].tolist() == [12, 0.5]
    assert set(rows["first_month"]) == {utc("2025-05-01")}
    assert set(rows["available_at"]) == {utc("2025-07-31")}
    # The eleventh digit is a check digit.
    assert set(rows["hs_code"]) == {"2805300000"}
    assert found.counts["totals, taken as check sums"] == 1


def test_a_file_in_english_and_utf8_says_the_same(tmp_path: Path):
    rows = [
        ("Total Imports (include Re-imports)", "2025/05", "2805300000", "CHINA", "12000", "1000"),
        ("Total Exports (include Re-exports)", "2025/05", "2805300000", "KOREA, REPUBLIC OF", "70", "9"),
    ]
    path = taiwan(tmp_path, rows, ENGLISH, encoding="utf-8-sig")
    found = read(taiwan_customs, path).tables["mirror_trade"]
    assert found["supplier"].tolist() == ["CHN", "TWN"]
    assert found["reported_by"].tolist() == ["importer", "supplier"]
    assert found["importer"].tolist() == ["TWN", "KOR"]
    assert found["value_usd"].tolist() == [1_000_000, 9_000]


def test_a_workbook_with_numbers_is_read_like_text(tmp_path: Path):
    book = openpyxl.Workbook()
    book.active.append(["海關進出口統計"])
    book.active.append(list(TAIWAN_HEADER))
    book.active.append([TOTAL, "114年05月", 28053000001, "稀土", "日本", 500.0, 900, 30.0])
    book.save(tmp_path / "GA30.xlsx")
    rows = read(taiwan_customs, tmp_path / "GA30.xlsx").tables["mirror_trade"]
    assert rows[["supplier", "hs_code", "value_usd", "quantity_tonnes"]].to_numpy().tolist() == [
        ["JPN", "2805300000", 30_000.0, 0.5]
    ]


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("114年05月", ("202505", "202505")),
        ("民國114年5月", ("202505", "202505")),
        ("114/05", ("202505", "202505")),
        ("11405", ("202505", "202505")),
        ("2025/05", ("202505", "202505")),
        ("2025-05", ("202505", "202505")),
        ("202505", ("202505", "202505")),
        ("99年12月", ("201012", "201012")),
        ("113年", ("202401", "202412")),
        ("114年13月", ("", "")),
        ("114年1月~5月", ("", "")),
        ("May", ("", "")),
    ],
)
def test_dates_of_both_calendars(text: str, months: tuple[str, str]):
    assert taiwan_customs.month_of(text) == months


def test_ten_and_eleven_digits_are_one_product(tmp_path: Path):
    rows = [row(), row("日本", code="2805.30.00.00-1"), row("韓國", code="2805300000")]
    found = read(taiwan_customs, taiwan(tmp_path, rows)).tables["mirror_trade"]
    assert set(found["hs_code"]) == {"2805300000"}
    assert len(found) == 3


def test_a_file_of_values_and_one_of_weights_do_not_overwrite_each_other(tmp_path: Path):
    names = ("進出口別", "日期", "貨品號列", "國家")
    cells = (TOTAL, "114年05月", "28053000001", "中國大陸")
    values = read(taiwan_customs, taiwan(tmp_path, [(*cells, "7")], (*names, "美元(千元)"), name="a.csv"))
    weights = read(taiwan_customs, taiwan(tmp_path, [(*cells, "3")], (*names, "重量(公噸)"), name="b.csv"))
    both = pd.concat([values.tables["mirror_trade"], weights.tables["mirror_trade"]]).set_index("basis")
    assert both["value_usd"].dropna().to_dict() == {"none": 7000.0}
    assert both["quantity_tonnes"].dropna().to_dict() == {"gross": 3.0}


def test_the_file_name_tells_the_direction_where_no_column_does(tmp_path: Path):
    header, cells = TAIWAN_HEADER[1:], row()[1:]
    rows = read(taiwan_customs, taiwan(tmp_path, [cells], header, name="2025_export.csv")).tables["mirror_trade"]
    assert rows["reported_by"].tolist() == ["supplier"]
    with pytest.raises(BadInput, match="a file name that says import or export"):
        taiwan_customs.parse(taiwan(tmp_path, [cells], header, name="2025.csv"))


def test_goods_that_come_back_are_left_out_and_two_wordings_refused(tmp_path: Path):
    found = read(taiwan_customs, taiwan(tmp_path, [row(), row(way="復進口", usd="5", kg="1")]))
    assert found.tables["mirror_trade"]["value_usd"].tolist() == [1_000_000]
    assert found.counts["lines of another breakdown or flow"] == 1
    with pytest.raises(BadInput, match="one wording for imports, found 進口, 進口總值"):
        taiwan_customs.parse(taiwan(tmp_path, [row(), row(way="進口")]))


def test_totals_that_the_countries_do_not_reach_refuse_the_file(tmp_path: Path):
    with pytest.raises(
        BadInput, match=r"GA30\.csv, row 5, field value: expected lines that add up to the total of 5,000"
    ):
        read(taiwan_customs, taiwan(tmp_path, [row(), row("合計", usd="5,000", kg="12,000")]))


def test_a_total_over_all_months_and_codes_is_a_check_sum_too(tmp_path: Path):
    months = [row(), row(date="114年06月", code="81129210006", usd="200", kg="10")]
    rows = [*months, row("合計", date="合計", code="合計", usd="1,200", kg="12,010")]
    assert len(read(taiwan_customs, taiwan(tmp_path, rows)).tables["mirror_trade"]) == 2
    with pytest.raises(BadInput, match="total of 1,300"):
        read(taiwan_customs, taiwan(tmp_path, [*months, row("合計", date="合計", code="合計", usd="1,300")]))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"country": "亞特蘭提斯"}, "partner"),
        ({"date": "去年"}, "first"),
        ({"date": "115年11月"}, "last"),
        ({"usd": "機密"}, "value"),
        ({"code": "280530000"}, "hs_code"),
        ({"way": "轉口"}, "flow"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_field(tmp_path: Path, changes: dict, field: str):
    found = read(taiwan_customs, taiwan(tmp_path, [row("日本"), row(**changes)]))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[5, field]]
    assert found.tables["mirror_trade"]["supplier"].tolist() == ["JPN"]


def test_other_files_are_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="header: expected 日期, 貨品號列, 國家"):
        taiwan_customs.parse(taiwan(tmp_path, header=("a", "b", "c", "d", "e", "f", "g", "h")))
    with pytest.raises(BadInput, match="found no rows"):
        taiwan_customs.parse(taiwan(tmp_path, []))
    with pytest.raises(BadInput, match="row 4: expected 8 cells, found fewer"):
        taiwan_customs.parse(taiwan(tmp_path, [row()[:5]]))
    (tmp_path / "broken.xlsx").write_bytes(b"PK nothing")
    with pytest.raises(BadInput, match="a CSV file in UTF-8 or Big5, or an xlsx workbook"):
        taiwan_customs.parse(tmp_path / "broken.xlsx")
    (tmp_path / "odd.csv").write_bytes(b"\xff\xff\xff")
    with pytest.raises(BadInput, match="neither UTF-8 nor Big5"):
        taiwan_customs.parse(tmp_path / "odd.csv")


def test_nothing_is_collected_since_the_form_asks_for_a_person():
    assert not hasattr(taiwan_customs, "requests")
