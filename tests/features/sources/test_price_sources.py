"""Price sources: the real workbooks read off by hand, both layouts, and damaged or renamed ones."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import ModuleType

import openpyxl
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.errors import BadInput
from features.sources import imf_pcps, komis, pink_sheet
from features.sources.price_rows import month_of, read_cells
from features.sources.spec import Harvest
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
RELEASES = {
    "2021-06-02": "2021-05",
    "2024-04-02": "2024-03",
    "2025-10-02": "2025-09",
    "2025-12-02": "2025-11",
    "2026-06-02": "2026-05",
}


def harvest(source: ModuleType, path: Path, now: dt.datetime = NOW) -> Harvest:
    return source.harmonise(source.parse(path), load_catalog(), file=path.name, lag=source.SPEC.lag, now=now)


def prices(source: ModuleType, path: Path) -> pd.DataFrame:
    found = harvest(source, path)
    assert found.rejected.empty
    return datasets.check("prices", found.tables["prices"], where=str(path))


def price_of(table: pd.DataFrame, series: str, day: str) -> float:
    row = table[table["series"].eq(series) & table["starts_on"].eq(utc(day))]
    assert len(row) == 1
    return float(row["price"].iloc[0])


# --- the real files -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sheets(shared: Path) -> dict[str, pd.DataFrame]:
    folder = shared / "payloads" / "pink_sheet"
    return {release: prices(pink_sheet, folder / release / pink_sheet.FILE) for release in RELEASES}


@pytest.mark.shared
@pytest.mark.parametrize("release", RELEASES)
def test_every_release_gives_the_same_71_series_to_its_last_month(sheets, shared: Path, release: str):
    table = sheets[release]
    assert set(table["series"]) == set(sheets["2021-06-02"]["series"])
    assert table["series"].nunique() == 71
    assert table["starts_on"].min() == utc("1960-01-01")
    assert table["starts_on"].max() == utc(f"{RELEASES[release]}-01")
    raw = pink_sheet.parse(shared / "payloads" / "pink_sheet" / release / pink_sheet.FILE)
    assert pink_sheet.released(raw) == dt.datetime.fromisoformat(release).replace(tzinfo=dt.UTC)


@pytest.mark.shared
def test_prices_read_off_the_sheets_by_hand_are_found(sheets):
    assert price_of(sheets["2021-06-02"], "COPPER", "1960-01-01") == pytest.approx(715.4, rel=1e-5)
    assert price_of(sheets["2021-06-02"], "CRUDE_PETRO", "2021-05-01") == pytest.approx(66.4, rel=1e-4)
    assert price_of(sheets["2026-06-02"], "SILVER", "1960-01-01") == 0.91
    # The first month stands right below the units where there is no row of codes.
    assert price_of(sheets["2024-04-02"], "CRUDE_PETRO", "1960-01-01") == 1.63
    assert price_of(sheets["2025-10-02"], "CRUDE_PETRO", "1960-01-01") == 1.63


@pytest.mark.shared
def test_renamed_series_go_on_under_one_id(sheets):
    for series in ("CHICKEN", "LAMB", "RUBBER1_MYSG", "POTASH"):
        before, after = (table[table["series"].eq(series)] for table in (sheets["2021-06-02"], sheets["2024-04-02"]))
        both = before.merge(after, on="starts_on")
        assert len(both) > 500
        assert (both["price_x"] / both["price_y"]).median() == pytest.approx(1)


@pytest.mark.shared
def test_a_month_is_known_on_the_7th_of_the_next(sheets):
    known = sheets["2021-06-02"].drop_duplicates("starts_on").set_index("starts_on")["available_at"]
    assert known[utc("2020-12-01")] == utc("2021-01-07")
    assert known[utc("2021-05-01")] == utc("2021-06-07")


@pytest.mark.shared
def test_noise_of_binary_numbers_is_no_revision(sheets):
    both = sheets["2025-10-02"].merge(sheets["2024-04-02"], on=["series", "starts_on"])
    assert len(both) > 45_000
    assert both["price_x"].ne(both["price_y"]).sum() < 100


@pytest.fixture(scope="module")
def funds(shared: Path) -> dict[str, pd.DataFrame]:
    folder = shared / "payloads" / "imf_pcps"
    return {
        release: prices(imf_pcps, folder / release / "external-data.xls") for release in ("2017-07-16", "2025-10-16")
    }


@pytest.mark.shared
def test_both_layouts_and_both_kinds_of_file_give_prices_by_code(funds):
    assert price_of(funds["2017-07-16"], "PALUM", "1980-01-01") == pytest.approx(2054.86, abs=0.01)
    assert price_of(funds["2025-10-16"], "PALUM", "1990-01-01") == 1528.0
    assert price_of(funds["2025-10-16"], "PURAN", "2025-09-01") == pytest.approx(62.87544, abs=1e-4)
    both = funds["2017-07-16"].merge(funds["2025-10-16"], on=["series", "starts_on"])
    tin = both[both["series"].eq("PTIN")]
    assert len(tin) == 330
    assert (tin["price_x"] / tin["price_y"]).median() == pytest.approx(1, rel=1e-3)


@pytest.mark.shared
def test_columns_without_a_code_are_called_by_their_description(funds):
    newest = funds["2025-10-16"]
    assert price_of(newest, "silicon_lumps_cif_nwe_us_mt", "2012-06-01") == 2125.0
    assert price_of(newest, "lithium_metal_99_battery_grade", "2025-09-01") == pytest.approx(84644.2, abs=0.1)
    assert newest.groupby("series")["unit"].nunique().eq(1).all()


@pytest.mark.shared
def test_indices_and_unclear_columns_are_left_out_and_counted(shared: Path):
    found = harvest(imf_pcps, shared / "payloads" / "imf_pcps" / "2025-10-16" / "external-data.xls")
    assert found.counts["values of indices left out"] > 6000
    assert found.counts["values in unclear units"] > 1000
    series = set(found.tables["prices"]["series"])
    assert not series & {"PTOMATO", "PNFUEL", "PALLFNF", "energy_transition_metal_index"}
    # The crude oil average is an index in one column and a price in another.
    assert price_of(found.tables["prices"], "POILAPSP", "2025-09-01") == pytest.approx(67.168, abs=1e-3)


def answer(path: Path, rows: list[str], header: str = "") -> Path:
    """Write an answer of the fund's interface."""
    usual = "DATAFLOW,COUNTRY,INDICATOR,DATA_TRANSFORMATION,FREQUENCY,TIME_PERIOD,OBS_VALUE"
    path.write_text("\n".join([header or usual, *(f"IMF.RES:PCPS(9.0.0),G001,{row}" for row in rows)]) + "\n")
    return path


def test_the_interface_gives_the_same_series_as_the_workbook(tmp_path: Path):
    rows = [
        "PCOBA,USD,M,2025-M08,33335.5",
        "PGOLD,USD,M,2025-08,3368.03",
        "PCOBA,USD,M,2025-M09,",
        "PXYZ,USD,M,2025-M08,1",
    ]
    found = harvest(imf_pcps, answer(tmp_path / "imf_pcps.csv", rows))
    assert found.rejected.empty
    table = found.tables["prices"].set_index("series")
    assert table["unit"].to_dict() == {"PCOBA": "usd_per_tonne", "PGOLD": "usd_per_troy_ounce"}
    assert table["price"].to_dict() == {"PCOBA": 33335.5, "PGOLD": 3368.03}
    assert table["starts_on"].unique().tolist() == [utc("2025-08-01")]
    assert table["available_at"].unique().tolist() == [utc("2025-09-16")]


def test_an_answer_of_another_shape_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="no TIME_PERIOD, OBS_VALUE"):
        imf_pcps.parse(answer(tmp_path / "imf_pcps.csv", [], header="INDICATOR,YEAR"))


@pytest.mark.parametrize(("row", "field"), [("PCOBA,USD,M,2025-Q3,5", "period"), ("PCOBA,USD,M,2025-M08,-1", "price")])
def test_a_bad_row_of_an_answer_is_rejected(tmp_path: Path, row: str, field: str):
    assert harvest(imf_pcps, answer(tmp_path / "imf_pcps.csv", [row])).rejected["field"].tolist() == [field]


def test_the_interface_is_asked_in_dollars_for_what_the_catalogue_follows():
    (request,) = imf_pcps.requests(imf_pcps.SPEC.endpoint, now=NOW, key=None)
    assert "/G001." in request.address
    assert "PCOBA" in request.address
    assert ".USD.M?" in request.address
    assert "csv" in request.headers["Accept"]


def test_the_fund_s_file_states_no_date_so_its_source_claims_none():
    # A guess by the lag rule would outrank the folder's date and the moment of fetching.
    assert not hasattr(imf_pcps, "released")


@pytest.mark.shared
def test_daily_prices_are_known_when_the_day_is_over(shared: Path):
    path = shared / "payloads" / "komis" / "prices-2026-04-13.json"
    table = prices(komis, path)
    assert price_of(table, "nd_99_5_min_fob_china", "2026-04-10") == 120.42
    assert table["available_at"].sub(table["starts_on"]).eq(pd.Timedelta(days=1)).all()
    assert komis.released(komis.parse(path)) == dt.datetime(2026, 4, 13, 7, 29, tzinfo=dt.UTC)


@pytest.mark.shared
def test_every_series_of_the_catalogue_is_in_the_newest_payload_with_its_unit(sheets, funds, shared: Path):
    daily = prices(komis, shared / "payloads" / "komis" / "prices-2026-04-13.json")
    newest = pd.concat([sheets["2026-06-02"], funds["2025-10-16"], daily])
    units = newest.groupby(["source", "series"])["unit"].first()
    for row in load_catalog().price_series.itertuples():
        assert units[row.source, row.series_id] == row.unit


# --- small files, each with one fault ------------------------------------------------------------


def sheet(folder: Path, *, names=("Copper", "Gold"), units=("($/mt)", "($/troy oz)"), codes=None, body=None) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Monthly Prices"
    page.append(["World Bank Commodity Price Data (The Pink Sheet)"])
    page.append(["Updated on March 04, 2024"])
    page.append([None, *names])
    page.append([None, *units])
    if codes:
        page.append([None, *codes])
    for line in body or [["2024M01", 8000.5, 2030.25], ["2024M02", "…", 2020]]:
        page.append(line)
    path = folder / "sheet.xlsx"
    book.save(path)
    return path


def test_a_small_sheet_gives_its_prices_and_no_row_for_a_gap(tmp_path: Path):
    for codes in (None, ("COPPER", "GOLD")):
        table = prices(pink_sheet, sheet(tmp_path, codes=codes))
        assert table[["series", "price", "unit"]].to_numpy().tolist() == [
            ["COPPER", 8000.5, "usd_per_tonne"],
            ["GOLD", 2030.25, "usd_per_troy_ounce"],
            ["GOLD", 2020.0, "usd_per_troy_ounce"],
        ]


def test_a_footnote_mark_and_a_new_name_with_a_known_code_are_no_new_series(tmp_path: Path):
    table = prices(pink_sheet, sheet(tmp_path, names=("Copper **", "Gold, LBMA"), codes=("COPPER", "GOLD")))
    assert set(table["series"]) == {"COPPER", "GOLD"}


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"names": ("Cupper", "Gold")}, "name", "Cupper"),
        ({"units": ("($/lb)", "($/troy oz)")}, "unit", "($/lb)"),
        ({"units": ("($/kg)", "($/troy oz)")}, "unit", "($/kg)"),
        ({"body": [["2024M01", -1, 2030]]}, "price", "-1.0"),
        ({"body": [["2024M01", 0, 2030]]}, "price", "0.0"),
        ({"body": [["2024M01", "8000", 2030]]}, "price", "8000"),
        ({"body": [["2024M01", 8000, 2030], ["2027M01", 8000, "…"]]}, "period", "2027M01"),
        ({"body": [["2024M01", 8000, 2030], ["2026M11", 8000, "…"]]}, "period", "2026M11"),
        ({"body": [["2024M01", 8000, 2030], ["Total", 8000, "…"]]}, "period", "Total"),
        ({"body": [["2024M01", 8000, 2030], ["2024M13", 8000, "…"]]}, "period", "2024M13"),
        ({"body": [["2024M01", 8000, 2030], ["2024M01", 8001, "…"]]}, "period", "2024M01"),
    ],
)
def test_a_bad_value_is_rejected_by_row_and_field(tmp_path: Path, change: dict, field: str, value: str):
    found = harvest(pink_sheet, sheet(tmp_path, **change))
    assert found.rejected["field"].tolist()[0] == field
    assert found.rejected["value"].tolist()[0] == value
    good = sheet(tmp_path)
    assert harvest(pink_sheet, good).rejected.empty


def test_the_rejected_row_is_that_of_the_sheet(tmp_path: Path):
    found = harvest(pink_sheet, sheet(tmp_path, body=[["2024M01", 8000, 2030], ["2024M02", -5, 2000]]))
    assert found.rejected["row"].tolist() == [6]
    assert len(found.tables["prices"]) == 3


def test_a_month_that_ends_today_is_taken_and_one_that_does_not_is_not(tmp_path: Path):
    path = sheet(tmp_path, body=[["2024M01", 8000, 2030]])
    assert len(harvest(pink_sheet, path, dt.datetime(2024, 2, 1, tzinfo=dt.UTC)).tables["prices"]) == 2
    assert len(harvest(pink_sheet, path, dt.datetime(2024, 1, 31, tzinfo=dt.UTC)).rejected) == 2


def test_a_sheet_without_units_or_a_release_date_says_so(tmp_path: Path):
    with pytest.raises(BadInput, match="Has the layout changed"):
        pink_sheet.parse(sheet(tmp_path, units=("dollars", "dollars")))
    raw = pink_sheet.parse(sheet(tmp_path))
    assert pink_sheet.released(raw) == dt.datetime(2024, 3, 4, tzinfo=dt.UTC)
    raw.attrs["released"] = ""
    assert pink_sheet.released(raw) is None


def test_a_file_that_is_missing_or_no_workbook_or_another_one_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="Check the path"):
        pink_sheet.parse(tmp_path / "none.xlsx")
    (tmp_path / "page.xlsx").write_text("<html>Not found</html>")
    with pytest.raises(BadInput, match="download it again"):
        pink_sheet.parse(tmp_path / "page.xlsx")
    with pytest.raises(BadInput, match="a sheet External, found Monthly Prices"):
        imf_pcps.parse(sheet(tmp_path))


def fund(folder: Path, order=imf_pcps.LABELS, body=(("2024M1", 8000.5, 100.0, 2125),), **changed) -> Path:
    rows = {
        "Commodity": ["PCOPP", "PMETA", ""],
        "Commodity.Description": ["Copper, US$ per metric ton", "Metals, 2016 = 100", "Silicon Lumps CIF NWE (US$/MT)"],
        "Data Type": ["USD", "Index", "USD"],
        "Frequency": ["Monthly", "Monthly", "Monthly"],
    } | changed
    book = openpyxl.Workbook()
    page = book.active
    page.title = "External"
    for label in order:
        page.append([label, *rows[label]])
    for line in body:
        page.append(list(line))
    # Served under this name although it is no real xls.
    path = folder / "external-data.xls"
    book.save(folder / "book.xlsx")
    (folder / "book.xlsx").rename(path)
    return path


@pytest.mark.parametrize("order", [imf_pcps.LABELS, tuple(reversed(imf_pcps.LABELS))])
def test_labels_may_come_in_any_order(tmp_path: Path, order: tuple[str, ...]):
    table = prices(imf_pcps, fund(tmp_path, order))
    assert table[["series", "price"]].to_numpy().tolist() == [
        ["PCOPP", 8000.5],
        ["silicon_lumps_cif_nwe_us_mt", 2125.0],
    ]
    assert table["available_at"].eq(utc("2024-02-16")).all()


def test_a_series_without_a_known_unit_is_rejected_with_its_description(tmp_path: Path):
    changed = {"Commodity.Description": ["Copper", "Metals, 2016 = 100", "Unobtainium, roubles"]}
    found = harvest(imf_pcps, fund(tmp_path, **changed))
    assert found.rejected["field"].tolist() == ["unit", "unit"]
    assert found.rejected["value"].tolist() == ["Copper", "Unobtainium, roubles"]


def test_another_label_is_a_changed_layout(tmp_path: Path):
    with pytest.raises(BadInput, match="Has the layout changed"):
        imf_pcps.parse(fund(tmp_path, imf_pcps.LABELS[:3]))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"unit": "EUR/kg"}, "unit"),
        ({"date": "10.04.2026"}, "period"),
        ({"value": None}, "price"),
        ({"name": "Nd"}, "name"),
    ],
)
def test_a_daily_price_with_a_fault_is_rejected(tmp_path: Path, change: dict, field: str):
    about = {"unit": "USD/kg", "date": "2026.04.10", "value": 120.0, "name": "네오디뮴 (Nd)"} | change
    metal = {
        "name": about["name"],
        "grade": "99.5%min FOB China",
        "today": {"unit": about["unit"]},
        "history": [{"date": about["date"], "value": about["value"]}],
    }
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"updated": "2026-04-13 07:29", "metals": [metal]}))
    assert harvest(komis, path).rejected["field"].tolist() == [field]


def test_json_of_another_kind_is_refused(tmp_path: Path):
    path = tmp_path / "prices.json"
    path.write_text('{"updated": "2026-04-13 07:29", "metals": [{"name": "x"}]}')
    with pytest.raises(BadInput, match="KeyError"):
        komis.parse(path)


@pytest.mark.parametrize("source", [pink_sheet, imf_pcps])
def test_one_request_asks_for_the_workbook_under_a_name_the_reader_takes(source: ModuleType):
    (request,) = source.requests(source.SPEC.endpoint, now=NOW, key=None)
    assert request.address.startswith(source.SPEC.endpoint)
    assert any(Path(request.name).match(pattern) for pattern in source.FILES)
    assert request.address.split("/")[2] in source.SPEC.hosts


def test_months_are_read_with_one_or_two_digits():
    assert [month_of(text) for text in ("2024M03", "1980M1", "1980M12", "1980M13", "M3", "2024")] == [
        (2024, 3),
        (1980, 1),
        (1980, 12),
        None,
        None,
        None,
    ]


def test_cells_keep_empty_rows_and_columns_at_the_start(tmp_path: Path):
    cells = read_cells(sheet(tmp_path), "Monthly Prices")
    assert cells[2][:2] == ["", "Copper"]
