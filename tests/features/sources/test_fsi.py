"""Fragile States Index: the real workbook read off by hand, and workbooks with one fault."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.errors import BadInput
from features.sources import fsi
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


def harvest(path: Path) -> Harvest:
    return fsi.harmonise(fsi.parse(path), load_catalog(), file=path.name, lag=fsi.SPEC.lag, now=NOW)


def scores(path: Path) -> pd.DataFrame:
    found = harvest(path)
    assert found.rejected.empty
    return datasets.check("geopolitics", found.tables["geopolitics"], where=str(path))


# --- the real file --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def edition(shared: Path) -> pd.DataFrame:
    return scores(shared / "payloads" / "fsi" / "FSI-2023-DOWNLOAD.xlsx")


@pytest.mark.shared
def test_every_country_has_the_total_and_twelve_parts(edition: pd.DataFrame):
    assert len(edition) == 179 * 13
    assert edition.groupby("country")["indicator"].nunique().eq(13).all()
    assert edition["country"].nunique() == 179
    assert set(edition["indicator"]) == set(fsi.INDICATORS.values())
    table = edition.pivot_table(index="country", columns="indicator", values="value")
    assert table.drop(columns="fsi_total").sum(axis=1).round(1).equals(table["fsi_total"])


@pytest.mark.shared
def test_scores_read_off_the_sheet_by_hand_are_found(edition: pd.DataFrame):
    table = edition.pivot_table(index="country", columns="indicator", values="value")
    # The sheet holds 111.89999999999999 for the first.
    assert table.loc["SOM", "fsi_total"] == 111.9
    assert table.loc["NOR", "fsi_total"] == 14.5
    assert table.loc["SOM", "fsi_c1_security_apparatus"] == 9.5
    assert table.loc["YEM", "fsi_e1_economy"] == 9.9
    assert table.loc["SSD", "fsi_x1_external_intervention"] == 9.2
    assert table.loc["FIN", "fsi_s1_demographic_pressures"] == 1.7


@pytest.mark.shared
def test_the_two_congos_and_the_two_koreas_are_not_mixed_up(edition: pd.DataFrame):
    totals = edition[edition["indicator"].eq("fsi_total")].set_index("country")["value"]
    assert totals["COD"] > 100 > totals["COG"]
    assert totals["PRK"] > totals["KOR"]
    assert {"MKD", "BRN", "CIV", "PSE", "TUR", "SWZ"} <= set(totals.index)


@pytest.mark.shared
def test_the_edition_is_known_from_july_of_its_year(edition: pd.DataFrame, shared: Path, tmp_path: Path):
    assert edition["starts_on"].eq(utc("2023-01-01")).all()
    assert edition["available_at"].eq(utc("2023-07-01")).all()
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "fsi", shared / "payloads" / "fsi" / "FSI-2023-DOWNLOAD.xlsx", now=NOW)
    assert store.read("geopolitics", as_of=utc("2023-06-30").to_pydatetime()).empty
    assert len(store.read("geopolitics", as_of=utc("2023-07-01").to_pydatetime())) == 179 * 13


# --- small files ----------------------------------------------------------------------------------

HEADER = ["Country", "Year", "Rank", "Total", *(f"{code}: {words}" for code, words in fsi.PARTS.items())]
EACH = [float(number) / 2 for number in range(12)]


def workbook(path: Path, *lines: list, header: list = HEADER) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Sheet1"
    for cells in (header, *(lines or [line()])):
        book.active.append(cells)
    book.save(path)
    return path


def line(country="Chile", year: object = 2023, total: object = 33.0, parts: list | None = None) -> list:
    return [country, year, "1st", total, *(EACH if parts is None else parts)]


def test_columns_are_found_by_their_names_in_any_order(tmp_path: Path):
    turned = workbook(tmp_path / "turned.xlsx", line()[::-1], header=HEADER[::-1])
    one, other = scores(workbook(tmp_path / "small.xlsx")), scores(turned)
    pd.testing.assert_frame_equal(one, other)
    assert one.set_index("indicator")["value"]["fsi_x1_external_intervention"] == 5.5


@pytest.mark.parametrize(
    ("year", "known"),
    [
        (2021, "2021-07-01"),
        (dt.date(2018, 1, 1), "2018-07-01"),
        (2022, "2022-07-14"),
        (2023, "2023-07-01"),
        (2024, "2025-03-01"),
    ],
)
def test_a_late_edition_is_known_later(tmp_path: Path, year: object, known: str):
    assert scores(workbook(tmp_path / "small.xlsx", line(year=year)))["available_at"].eq(utc(known)).all()


@pytest.mark.parametrize(
    ("bad", "field", "value", "rows"),
    [
        (line("Freedonia"), "country", "Freedonia", 13),
        (line(""), "country", "", 13),
        (line(year=2031), "year", "2031.0", 13),
        (line(year="2023 edition"), "year", "2023 edition", 13),
        (line(total=120.5), "value", "120.5", 1),
        (line(total=34.0), "value", "34.0", 1),
        (line(total="33"), "value", "33", 1),
        (line(total=None), "value", "", 1),
        (line(parts=[*EACH[:11], 10.5], total=38.0), "value", "10.5", 1),
        (line(parts=[-0.5, *EACH[1:]], total=32.5), "value", "-0.5", 1),
        (line("Peru"), "country", "Peru", 13),
    ],
)
def test_a_bad_row_is_rejected_with_its_number(tmp_path: Path, bad: list, field: str, value: str, rows: int):
    rejected = harvest(workbook(tmp_path / "bad.xlsx", line("Peru"), bad)).rejected
    assert rejected["row"].tolist() == [3] * rows
    assert set(rejected["field"]) == {field}
    assert set(rejected["value"]) == {value}


def test_a_file_with_an_unknown_country_is_refused_whole(tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    with pytest.raises(BadInput, match="Freedonia"):
        ingest(store, "fsi", workbook(tmp_path / "FSI-2023.xlsx", line(), line("Freedonia")), now=NOW)
    assert store.count("geopolitics") == 0


@pytest.mark.parametrize("header", [HEADER[:-1], [*HEADER[:-1], HEADER[-2]], ["Land", *HEADER[1:]]])
def test_another_header_is_refused(tmp_path: Path, header: list):
    with pytest.raises(BadInput, match="missing or more than once"):
        fsi.parse(workbook(tmp_path / "bad.xlsx", line()[: len(header)], header=header))


def test_a_sheet_without_rows_and_what_is_no_workbook_are_refused(tmp_path: Path):
    book = openpyxl.Workbook()
    book.active.title = "Sheet1"
    book.active.append(HEADER)
    book.save(tmp_path / "empty.xlsx")
    with pytest.raises(BadInput, match="found 1 row"):
        fsi.parse(tmp_path / "empty.xlsx")
    (tmp_path / "page.xlsx").write_text("<html>Not found</html>")
    with pytest.raises(BadInput, match="download it again"):
        fsi.parse(tmp_path / "page.xlsx")
