"""Governance indicators: the World Bank's own workbook against the embedded extract, and broken layouts."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from features import collection, datasets
from features.catalog import load_catalog
from features.collection import BUNDLE, ingest
from features.collection.rebuilding import rebuild
from features.collection.vintages import OutOfOrder
from features.errors import BadInput
from features.sources import wgi
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
END = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
HEADER = ["Country/Territory", "Code", "Estimate", "StdErr", "Estimate", "StdErr"]
YEARS = [None, None, 1996, 1996, 1998, 1998]
# Labels of the extract that the workbook contradicts; none of them mines anything that is tracked.
MISLABELLED = {"JEY", "VGB", "VIR", "XKX"}


def harvest(path: Path) -> Harvest:
    return wgi.harmonise(wgi.parse(path), load_catalog(), file=path.name, lag=wgi.SPEC.lag, now=NOW)


def governance(path: Path) -> pd.DataFrame:
    found = harvest(path)
    assert found.rejected.empty
    return datasets.check("governance", found.tables["governance"], where=str(path))


@pytest.fixture(scope="module")
def raw_workbook(shared: Path) -> pd.DataFrame:
    """The World Bank's workbook, which takes long to read."""
    return wgi.parse(shared / "payloads" / "wgi" / "wgidataset.xlsx")


@pytest.fixture
def _workbook_is_read_already(raw_workbook: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = wgi.parse
    monkeypatch.setattr(wgi, "parse", lambda path: raw_workbook if path.name == "wgidataset.xlsx" else parse(path))


@pytest.fixture(scope="module")
def workbook(raw_workbook: pd.DataFrame) -> pd.DataFrame:
    found = wgi.harmonise(raw_workbook, load_catalog(), file="wgidataset.xlsx", lag=wgi.SPEC.lag, now=NOW)
    assert found.rejected.empty
    return datasets.check("governance", found.tables["governance"], where="wgidataset.xlsx")


@pytest.mark.shared
def test_the_workbook_gives_six_indicators_of_every_published_year(workbook: pd.DataFrame):
    assert set(workbook["indicator"]) == set(wgi.INDICATORS)
    years = {1996, 1998, 2000, *range(2002, 2023)}
    for _, rows in workbook.groupby("indicator"):
        assert set(rows["year"]) == years
        assert rows["supplier"].nunique() > 200


@pytest.mark.shared
def test_the_extract_agrees_with_the_workbook_on_political_stability(workbook: pd.DataFrame):
    key = ["year", "supplier"]
    theirs = workbook[workbook["indicator"].eq("political_stability")].set_index(key)["estimate"]
    ours = governance(BUNDLE / "wgi.parquet").query("year <= 2022").set_index(key)["estimate"]
    ours, theirs = (table[~table.index.get_level_values("supplier").isin(MISLABELLED)] for table in (ours, theirs))
    assert len(theirs) > 4800
    pd.testing.assert_series_equal(ours.reindex(theirs.index), theirs, check_exact=False, rtol=0, atol=1e-9)
    only_ours = ours.index.difference(theirs.index)
    # The World Bank added these two after the workbook's edition.
    assert set(only_ours.get_level_values("supplier")) == {"NCL", "PYF"}


@pytest.mark.shared
def test_a_figure_read_off_the_sheet_by_hand_is_found(workbook: pd.DataFrame):
    # Sheet VoiceandAccountability, row Afghanistan, column 1996 Estimate; the World Bank's ADO is Andorra.
    chosen = workbook[workbook["indicator"].eq("voice_and_accountability") & workbook["year"].eq(1996)]
    estimates = chosen.set_index("supplier")["estimate"]
    assert estimates["AFG"] == pytest.approx(-1.90854, abs=1e-5)
    assert estimates["AND"] == pytest.approx(1.563217, abs=1e-6)
    assert "ABW" not in estimates


def test_a_year_is_known_on_1_october_of_the_next():
    table = governance(BUNDLE / "wgi.parquet")
    known = table.groupby("year")["available_at"].unique()
    assert known[2010].tolist() == [utc("2011-10-01")]
    assert known[2024].tolist() == [utc("2025-10-01")]


def test_french_guiana_and_guyana_are_apart_and_the_later_years_are_guyanas():
    table = governance(BUNDLE / "wgi.parquet")
    years = table.groupby("supplier")["year"].agg(["min", "max", "nunique", "size"])
    assert years.loc["GUY", "max"] == 2024
    assert years.loc["GUF", "max"] == 2022
    assert (years["nunique"] == years["size"]).all()


# --- releases -------------------------------------------------------------------------------------


@pytest.mark.shared
def test_the_workbook_tells_its_update_and_the_extract_tells_none(raw_workbook: pd.DataFrame):
    assert wgi.released(raw_workbook) == dt.datetime(2023, 10, 1, tzinfo=dt.UTC)
    assert wgi.released(wgi.parse(BUNDLE / "wgi.parquet")) is None


@pytest.mark.shared
@pytest.mark.usefixtures("_workbook_is_read_already")
def test_an_older_workbook_is_kept_and_read_before_the_extract_by_a_rebuild(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(collection, "SOURCES", ("wgi",))
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "wgi", BUNDLE / "wgi.parquet", now=NOW)
    with pytest.raises(OutOfOrder, match="oresight rebuild"):
        ingest(store, "wgi", shared / "payloads" / "wgi" / "wgidataset.xlsx", now=NOW)
    rebuild(store, now=NOW)
    assert set(store.read("governance", as_of=END)["indicator"]) == set(wgi.INDICATORS)
    versions = store.history("governance", as_of=END)
    jersey = versions[versions["supplier"].eq("JEY") & versions["indicator"].eq("political_stability")]
    in_2011 = jersey[jersey["year"].eq(2011)].sort_values("available_at")
    assert in_2011["available_at"].tolist() == [utc("2012-10-01"), utc("2025-10-01")]
    assert in_2011["estimate"].nunique() == 2
    # What both say alike keeps its first date and is there once.
    chile = versions[versions["supplier"].eq("CHL") & versions["indicator"].eq("political_stability")]
    assert chile["year"].is_unique
    assert chile.set_index("year")["available_at"][2022] == utc("2023-10-01")


@pytest.mark.shared
@pytest.mark.usefixtures("_workbook_is_read_already")
def test_a_store_without_the_extract_takes_the_workbook_at_once(shared: Path, tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    receipt = ingest(store, "wgi", shared / "payloads" / "wgi" / "wgidataset.xlsx", now=NOW)
    assert receipt.added == {"governance": 29705}
    assert receipt.released == dt.datetime(2023, 10, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("titles", "day"),
    [
        (["The Worldwide Governance Indicators, 2012 Update"], "2012-10-01"),
        (["Indicators 1996-2022", "2023 UPDATE"], "2023-10-01"),
        (["2024 Update"], "2025-01-01"),
        (["2023 Update", "2024 Update"], None),
        (["Updated data, 1996-2022"], None),
        ([], None),
    ],
)
def test_the_update_on_the_first_sheet_dates_a_workbook_late_rather_than_early(
    tmp_path: Path, titles: list[str], day: str | None
):
    book = openpyxl.load_workbook(write_workbook(tmp_path / "small.xlsx"))
    sheet = book.create_sheet("Introduction")
    for title in titles:
        sheet.append([None, title])
    book.save(tmp_path / "told.xlsx")
    assert wgi.released(wgi.parse(tmp_path / "told.xlsx")) == (day and utc(day).to_pydatetime())


# --- broken workbooks -----------------------------------------------------------------------------


def write_workbook(path: Path, change=lambda sheets: None) -> Path:
    body = [["Aruba", "ABW", "#N/A", None, 1.1, 0.3], ["Congo, Dem. Rep.", "ZAR", -2.5, 0.2, -2.25, 0.2]]
    sheets = {name: [["Title"], ["Legend"], YEARS, HEADER, *body] for name in wgi.SHEETS}
    change(sheets)
    book = openpyxl.Workbook()
    book.active.append(["Introduction"])
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    book.save(path)
    return path


def test_a_small_workbook_of_the_same_layout_is_read(tmp_path: Path):
    table = governance(write_workbook(tmp_path / "small.xlsx"))
    one = table[table["indicator"].eq("rule_of_law")].sort_values(["supplier", "year"])
    assert one[["supplier", "year", "estimate"]].to_numpy().tolist() == [
        ["ABW", 1998, 1.1],
        ["COD", 1996, -2.5],
        ["COD", 1998, -2.25],
    ]
    assert len(table) == 6 * 3


@pytest.fixture(scope="module")
def good_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of a small good workbook, which no bad file may change."""
    folder = tmp_path_factory.mktemp("good")
    store = Store(folder / "home" / "datasets")
    ingest(store, "wgi", write_workbook(folder / "good.xlsx"), now=NOW)
    return store


def refused(store: Store, path: Path) -> str:
    before = store.digest(as_of=END)
    assert before != Store(path.parent / "none").digest(as_of=END)
    with pytest.raises(BadInput) as caught:
        ingest(store, "wgi", path, now=NOW)
    assert store.digest(as_of=END) == before
    assert caught.value.exit_code == 3
    assert path.name in str(caught.value)
    return str(caught.value)


def without_sheet(sheets: dict) -> None:
    del sheets["RuleofLaw"]


def without_header(sheets: dict) -> None:
    sheets["RuleofLaw"][3] = ["Land", "Code", *HEADER[2:]]


def without_years(sheets: dict) -> None:
    sheets["RuleofLaw"][2] = [None] * 6


def without_estimates(sheets: dict) -> None:
    sheets["RuleofLaw"][3] = ["Country/Territory", "Code", "Score", "StdErr", "Score", "StdErr"]


def header_on_top(sheets: dict) -> None:
    sheets["RuleofLaw"] = sheets["RuleofLaw"][3:]


LAYOUTS = {
    "a missing sheet": (without_sheet, "expected this sheet"),
    "no header": (without_header, "0 such rows"),
    "no years": (without_years, "2 without a year"),
    "no estimates": (without_estimates, "0 columns Estimate"),
    "nothing above the header": (header_on_top, "2 without a year"),
}


@pytest.mark.parametrize("what", LAYOUTS)
def test_another_layout_is_refused_with_its_sheet(good_store: Store, tmp_path: Path, what: str):
    change, message = LAYOUTS[what]
    found = refused(good_store, write_workbook(tmp_path / "bad.xlsx", change))
    assert "sheet RuleofLaw" in found
    assert message in found


@pytest.mark.parametrize("value", ["n.a.", 7.5, -5.5])
def test_an_estimate_that_is_no_score_is_refused_with_its_row(good_store: Store, tmp_path: Path, value: object):
    def change(sheets: dict) -> None:
        sheets["RuleofLaw"][5][2] = value

    message = refused(good_store, write_workbook(tmp_path / "bad.xlsx", change))
    assert "row 6, field estimate" in message


def test_an_unknown_indicator_or_year_is_refused_with_its_row(good_store: Store, tmp_path: Path):
    good = "COD,Congo,2019,rule_of_law,-1.5"
    for line, field in [
        ("COD,Congo,2019,rule_of_lawn,-1.5", "indicator"),
        ("COD,Congo,2031,rule_of_law,-1.5", "year"),
        ("COD,Congo,next,rule_of_law,-1.5", "year"),
        ("Congo,Congo,2019,rule_of_law,-1.5", "iso3"),
    ]:
        path = tmp_path / "bad.csv"
        path.write_text("\n".join(["iso3,country,year,indicator,estimate", good, line]))
        assert f"row 2, field {field}" in refused(good_store, path)


def test_what_is_no_workbook_is_refused(good_store: Store, tmp_path: Path):
    whole = write_workbook(tmp_path / "whole.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "other.xlsx", "w") as archive:
        archive.writestr("readme.txt", "hello")
    for number, content in enumerate(
        [
            b"",
            b"<html>Access denied</html>",
            whole[:-40],
            whole[: len(whole) // 3],
            (tmp_path / "other.xlsx").read_bytes(),
        ]
    ):
        path = tmp_path / f"bad{number}.xlsx"
        path.write_bytes(content)
        refused(good_store, path)


def test_the_input_is_not_changed():
    raw = wgi.parse(BUNDLE / "wgi.parquet")
    before = raw.copy(deep=True)
    wgi.harmonise(raw, load_catalog(), file="x", lag=wgi.SPEC.lag, now=NOW)
    pd.testing.assert_frame_equal(raw, before)
    assert np.isfinite(before["estimate"]).all()
