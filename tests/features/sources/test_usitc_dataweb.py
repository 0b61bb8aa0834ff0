"""USITC DataWeb: the real workbook, and small ones that are wrong in one way each."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from features import datasets
from features.catalog import Catalog
from features.errors import BadInput
from features.sources import usitc_dataweb
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
CAPTION = "Imports For Consumption|Annual + Year-To-Date Data from Jan - Apr"


@pytest.fixture(scope="module")
def real(shared: Path) -> pd.DataFrame:
    return usitc_dataweb.parse(shared / "payloads/usitc_dataweb/2026-07-10/us_imports_for_consumption_1993-2026.xlsx")


def test_the_real_workbook_gives_full_years_and_years_to_date(real: pd.DataFrame):
    assert real["country"].nunique() == 18
    assert real["hs_code"].nunique() == 25
    periods = real.groupby("last_month")["year"].agg(["min", "max"])
    assert periods.loc[12].tolist() == [1993, 2025]  # 2026 was not over
    assert periods.loc[5].tolist() == [1993, 2026]
    assert usitc_dataweb.released(real).date() == dt.date(2026, 7, 10)


def test_the_year_to_date_ends_in_may_whatever_the_caption_says(real: pd.DataFrame, shared: Path):
    census = pd.read_csv(
        shared / "payloads/us_census_hs2/us_imports_hs2_minerals_monthly_2013_202106.csv", dtype={"hs2": "str"}
    )
    # Nearly all of chapter 80 from Brazil is heading 8001, tin; in 2014 all of it.
    tin = census[census["hs2"].eq("80") & census["cty_name"].eq("BRAZIL") & census["time"].str.startswith("2014")]
    to_may = tin.loc[tin["time"] <= "2014-05", "con_val_mo_usd"].sum()
    ours = real[real["country"].eq("Brazil") & real["hs_code"].eq("8001") & real["year"].eq(2014)]
    assert ours.loc[ours["last_month"].eq(5), "value"].sum() == to_may == 22_562_064


def test_the_real_workbook_harmonises_into_mirror_trade(real: pd.DataFrame, catalog: Catalog):
    harvest = usitc_dataweb.harmonise(real, catalog, file="imports.xlsx", lag=None, now=NOW)
    rows = datasets.check("mirror_trade", harvest.tables["mirror_trade"], where="imports.xlsx")
    assert harvest.rejected.empty
    assert set(rows["importer"]) == {"USA"}
    nickel = rows[rows["hs_code"].eq("7502") & rows["supplier"].eq("RUS") & rows["last_month"].eq(utc("2021-12-01"))]
    assert nickel["available_at"].tolist() == [utc("2022-02-08")]
    assert nickel["quantity_tonnes"].sum() == pytest.approx(
        real.query("country == 'Russia' and hs_code == '7502' and year == 2021 and last_month == 12")["quantity"].sum()
        / 1000
    )
    # A pair that was asked for and has no row had no trade; a stop must be visible.
    silent = rows[rows["hs_code"].eq("7502") & rows["supplier"].eq("VNM")]
    assert len(silent) > 60


def test_every_fact_becomes_known_after_its_last_month_is_over(real: pd.DataFrame, catalog: Catalog):
    rows = usitc_dataweb.harmonise(real, catalog, file="x", lag=None, now=NOW).tables["mirror_trade"]
    wait = rows["available_at"] - (rows["last_month"] + pd.offsets.MonthBegin(1))
    assert wait.min() >= pd.Timedelta(days=33)
    assert wait.max() <= pd.Timedelta(days=67)  # December 2018 and 2025 were held up
    assert (rows["available_at"] <= pd.Timestamp("2026-07-10", tz="UTC")).all()


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (2025, 5, "2025-07-08"),
        (2024, 12, "2025-02-08"),
        (2010, 11, "2011-01-14"),
        (2000, 5, "2000-07-21"),
        # The report on December 2018 came on 6 March 2019, after a shutdown.
        (2018, 12, "2019-03-07"),
    ],
)
def test_the_release_calendar(year: int, month: int, day: str):
    assert usitc_dataweb.release_of_month(year, month) == utc(day)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("2026-07-10", (2026, 5)), ("2026-07-07", (2026, 4)), ("2025-02-08", (2024, 12)), ("2019-03-06", (2018, 11))],
)
def test_the_newest_month_that_is_out(moment: str, expected: tuple[int, int]):
    assert usitc_dataweb.newest_month(utc(moment)) == expected


def workbook(path: Path, *, rows: list[list] | None = None, promised: int | None = None, **changes) -> Path:
    """Write a workbook of one heading from Chile, known to May 2026."""
    asked = {
        "Download Date": dt.datetime(2026, 7, 10, 12),  # noqa: DTZ001 (a cell has no zone)
        "Trade Flow": "Imports For Consumption",
        "Country List": "Chile, Peru",
        "Commodity List": "2603",
    } | changes.get("asked", {})
    rows = [["Chile", "2603", "kilograms", 1000.0, 2000.0, 3000.0]] if rows is None else rows
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Query Parameters"
    for pair in asked.items():
        sheet.append(pair)
    for name in usitc_dataweb.VALUE, usitc_dataweb.QUANTITY:
        for suffix, ending in ("", ""), (" YTD", "_Year_to_date"):
            sheet = book.create_sheet(name + suffix)
            sheet.append([changes.get("caption", CAPTION)])
            sheet.append(["Data Row Count", len(rows) if promised is None else promised])
            years = [f"{year}{ending}" for year in (2024, 2025, 2026)]
            sheet.append(["Data Type", "Country", changes.get("code", "HTS Number"), "Description",
                          "Quantity Description", *years])  # fmt: skip
            for country, code, unit, *numbers in rows:
                label = f"Value for: {unit}" if name == usitc_dataweb.VALUE else unit
                sheet.append([name, country, code, "ores", label, *numbers])
    book.save(path)
    return path


def test_a_small_workbook(tmp_path: Path, catalog: Catalog):
    raw = usitc_dataweb.parse(workbook(tmp_path / "a.xlsx"))
    rows = usitc_dataweb.harmonise(raw, catalog, file="a.xlsx", lag=None, now=NOW).tables["mirror_trade"]
    chile = rows[rows["supplier"].eq("CHL")].sort_values(["first_month", "last_month"])
    assert chile["last_month"].dt.strftime("%Y-%m").tolist() == ["2024-05", "2024-12", "2025-05", "2025-12", "2026-05"]
    assert chile["quantity_tonnes"].tolist() == [1.0, 1.0, 2.0, 2.0, 3.0]
    peru = rows[rows["supplier"].eq("PER")]
    assert peru["value_usd"].tolist() == [0.0] * 5


def test_units_of_one_mass_are_summed_and_others_kept_apart(tmp_path: Path, catalog: Catalog):
    both = [
        ["Chile", "2603", "kilograms", 1000.0, 0.0, 0.0],
        ["Chile", "2603", "metric tons", 2.0, 0.0, 0.0],
        ["Chile", "2603", "component grams", 5e6, 0.0, 0.0],
        ["Chile", "2603", "number", 7.0, 0.0, 0.0],
    ]
    raw = usitc_dataweb.parse(workbook(tmp_path / "a.xlsx", rows=both))
    rows = usitc_dataweb.harmonise(raw, catalog, file="a.xlsx", lag=None, now=NOW).tables["mirror_trade"]
    first = rows[rows["supplier"].eq("CHL") & rows["last_month"].eq(utc("2024-12-01"))].set_index("basis")
    assert first["quantity_tonnes"].drop("none").to_dict() == {"gross": 3.0, "content": 5.0}
    assert pd.isna(first.loc["none", "quantity_tonnes"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"promised": 2}, "the 2 rows that row 2 promises, found 1 rows"),
        ({"caption": "Domestic Exports"}, "Year-To-Date Data from Jan"),
        ({"code": "Schedule B"}, "then the columns Data Type, Country, HTS Number"),
        ({"asked": {"Trade Flow": "Domestic Exports"}}, "Trade Flow 'Imports For Consumption'"),
        ({"rows": [["Chile", "2603", "kilograms", 1.0, "withheld", 3.0]]}, "row 4, column 2025: expected a number"),
    ],
)
def test_a_wrong_workbook_is_refused_with_its_place(tmp_path: Path, changes: dict, says: str):
    with pytest.raises(BadInput, match=says):
        usitc_dataweb.parse(workbook(tmp_path / "wrong.xlsx", **changes))


@pytest.mark.parametrize("day", [1, 7])
def test_a_download_of_the_days_in_which_the_report_comes_is_refused(tmp_path: Path, day: int):
    # On 7 July 2026 the months to May were out, by the rounded calendar only those to April: dated by it, every
    # figure of every year would count a month early.
    path = workbook(tmp_path / "a.xlsx", asked={"Download Date": dt.datetime(2026, 7, day, 18)})  # noqa: DTZ001
    with pytest.raises(BadInput, match="a download on 2026-07-08 or later"):
        usitc_dataweb.parse(path)


def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path):
    path = tmp_path / "page.xlsx"
    path.write_text("<html>")
    with pytest.raises(BadInput, match=r"page\.xlsx: expected an xlsx workbook"):
        usitc_dataweb.parse(path)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (["Atlantis", "2603", "kilograms", 1.0, 2.0, 3.0], "country"),
        (["Chile", "2603", "barrels", 1.0, 2.0, 3.0], "unit"),
        (["Chile", "2603", "kilograms", -1.0, 2.0, 3.0], "value"),
    ],
)
def test_a_bad_row_is_rejected_with_its_field(tmp_path: Path, catalog: Catalog, row: list, field: str):
    raw = usitc_dataweb.parse(workbook(tmp_path / "a.xlsx", rows=[row]))
    harvest = usitc_dataweb.harmonise(raw, catalog, file="a.xlsx", lag=None, now=NOW)
    assert set(harvest.rejected["field"]) == {field}
    assert set(harvest.rejected["row"]) == {4}
