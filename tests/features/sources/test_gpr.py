"""Geopolitical Risk: both real releases as vintages, the daily index apart from them, and workbooks with one fault."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import ModuleType

import openpyxl
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest, ingest_files
from features.collection.folders import plan_folder
from features.collection.vintages import read_vintages
from features.errors import BadInput
from features.sources import gpr, gpr_daily
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
OLDER, NEWER = "2024-08-05", "2026-05-05"
# No index of these, though each supplies a mineral that is tracked.
WITHOUT_SERIES = {"COD", "ZMB", "GIN", "GAB", "ZWE", "KAZ", "BOL"}


def harvest(source: ModuleType, path: Path, now: dt.datetime = NOW) -> Harvest:
    return source.harmonise(source.parse(path), load_catalog(), file=path.name, lag=source.SPEC.lag, now=now)


def index(source: ModuleType, path: Path) -> pd.DataFrame:
    found = harvest(source, path)
    assert found.rejected.empty
    return datasets.check("geopolitics", found.tables["geopolitics"], where=str(path))


def world(table: pd.DataFrame, indicator: str = "gpr") -> pd.Series:
    chosen = table[table["indicator"].eq(indicator) & table["country"].eq("")]
    return chosen.set_index("starts_on")["value"]


# --- the real files -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "payloads" / "gpr"


@pytest.fixture(scope="module")
def releases(folder: Path) -> dict[str, pd.DataFrame]:
    return {release: index(gpr, folder / release / gpr.FILE) for release in (OLDER, NEWER)}


@pytest.fixture(scope="module")
def store(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store that took the whole folder, as `oresight ingest-dir` does."""
    store = Store(tmp_path_factory.mktemp("gpr") / "home" / "datasets")
    plan = plan_folder(folder, {"gpr": gpr, "gpr_daily": gpr_daily})
    assert not plan.unknown
    assert [len(plan.files[name]) for name in ("gpr", "gpr_daily")] == [2, 1]
    for name, files in plan.files.items():
        ingest_files(store, name, files, now=NOW)
    return store


@pytest.mark.shared
@pytest.mark.parametrize(("release", "months"), [(OLDER, 475), (NEWER, 496)])
def test_a_release_gives_44_countries_and_three_series_of_the_world(releases, release: str, months: int):
    table = releases[release]
    assert len(table) == months * (44 + 3)
    assert table.groupby(["country", "indicator"]).size().eq(months).all()
    assert set(table.loc[table["country"].ne(""), "indicator"]) == {"gpr"}
    assert not WITHOUT_SERIES & set(table["country"])
    assert table["starts_on"].min() == utc("1985-01-01")


@pytest.mark.shared
def test_values_read_off_the_sheet_by_hand_are_found(releases):
    newest = releases[NEWER]
    assert world(newest)[utc("2026-04-01")] == pytest.approx(230.770752, abs=1e-6)
    assert world(newest, "gpr_threats")[utc("2026-04-01")] == pytest.approx(252.264908, abs=1e-6)
    assert world(newest, "gpr_acts")[utc("2026-03-01")] == pytest.approx(445.254486, abs=1e-6)
    chile = releases[OLDER].query("country == 'CHL'").set_index("starts_on")["value"]
    assert chile[utc("2024-01-01")] == pytest.approx(0.0125274, abs=1e-7)
    # An index of mean 100 for the world, a percentage of articles for a country.
    assert world(newest)[: utc("2019-12-01")].mean() == pytest.approx(100, abs=0.01)
    assert newest.loc[newest["country"].ne(""), "value"].between(0, 20).all()


@pytest.mark.shared
def test_a_month_is_known_on_the_5th_of_the_next(releases):
    known = releases[NEWER].drop_duplicates("starts_on").set_index("starts_on")["available_at"]
    assert known[utc("2023-12-01")] == utc("2024-01-05")
    assert known[utc("2026-04-01")] == utc("2026-05-05")


@pytest.mark.shared
def test_the_releases_differ_in_17_months_of_the_world_and_in_no_rounding(releases):
    old, new = world(releases[OLDER]), world(releases[NEWER])
    differ = old.index[old.ne(new[old.index])]
    assert differ.tolist() == pd.date_range("2023-03-01", "2024-07-01", freq="MS", tz="UTC").tolist()
    both = releases[OLDER].merge(releases[NEWER], on=["indicator", "country", "starts_on"])
    ratio = (both["value_x"] / both["value_y"] - 1).abs()
    assert ratio[ratio.gt(0)].min() > 5e-5


@pytest.mark.shared
def test_a_revised_month_is_two_values_each_known_from_its_own_day(store: Store, releases):
    versions = store.history("geopolitics", as_of=NOW)
    versions = versions[versions["source"].eq("gpr") & versions["country"].eq("") & versions["indicator"].eq("gpr")]
    twice = versions[versions.duplicated("starts_on", keep=False)].sort_values(["starts_on", "available_at"])
    assert twice["starts_on"].nunique() == 17
    assert len(twice) == 34
    march = twice[twice["starts_on"].eq(utc("2024-03-01"))]
    assert march["available_at"].tolist() == [utc("2024-04-05"), utc(NEWER)]
    assert march["value"].tolist() == [world(releases[r])[utc("2024-03-01")] for r in (OLDER, NEWER)]
    assert march["value"].nunique() == 2


@pytest.mark.shared
@pytest.mark.parametrize(
    ("as_of", "release"),
    [("2024-08-05", OLDER), ("2025-06-02", OLDER), ("2026-05-04", OLDER), ("2026-05-05", NEWER), ("2026-11-23", NEWER)],
)
def test_a_store_read_between_the_releases_gives_the_older_value_and_after_both_the_newer(
    store: Store, releases, as_of: str, release: str
):
    known = store.read("geopolitics", as_of=utc(as_of).to_pydatetime())
    key = ["indicator", "country", "starts_on"]
    got = known[known["source"].eq("gpr")].set_index(key)["value"]
    # Every month of the older release; the months after it come between the two.
    months = releases[OLDER].set_index(key).index
    expected = releases[release].set_index(key)["value"]
    assert got[months].to_numpy().tolist() == expected[months].to_numpy().tolist()


@pytest.mark.shared
def test_no_day_knows_more_months_than_were_out(store: Store):
    for as_of, newest in [("2024-08-04", "2024-06-01"), ("2024-08-05", "2024-07-01"), ("2025-03-05", "2025-02-01")]:
        known = store.read("geopolitics", as_of=utc(as_of).to_pydatetime())
        assert known.loc[known["source"].eq("gpr"), "starts_on"].max() == utc(newest)


@pytest.mark.shared
def test_the_daily_file_is_no_release_of_the_monthly_index(store: Store, releases, folder: Path):
    monthly, daily = read_vintages(store, "gpr"), read_vintages(store, "gpr_daily")
    assert [vintage.missing for vintage in (*monthly, *daily)] == [0, 0, 0]
    assert [f"{vintage.released:%Y-%m-%d}" for vintage in monthly] == [OLDER, NEWER]
    assert daily[0].released is None
    both = releases[OLDER].merge(releases[NEWER], on=["indicator", "country", "starts_on"])
    assert monthly[1].revised["geopolitics"] == both["value_x"].ne(both["value_y"]).sum() == 752
    # A second time, and in any order, they say nothing new.
    assert ingest(store, "gpr_daily", folder / "daily" / gpr_daily.FILE, now=NOW).added == {"geopolitics": 0}
    again = ingest(store, "gpr", folder / NEWER / gpr.FILE, now=NOW, released=utc(NEWER).to_pydatetime())
    assert again.added == {"geopolitics": 0}


@pytest.mark.shared
def test_the_daily_index_has_every_day_and_is_known_after_the_monday_that_follows(folder: Path):
    table = index(gpr_daily, folder / "daily" / gpr_daily.FILE)
    assert len(table) == 3 * 15092
    assert set(table["country"]) == {""}
    assert set(table["frequency"]) == {"day"}
    assert world(table)[utc("2026-04-27")] == pytest.approx(135.369354, abs=1e-6)
    assert world(table, "gpr_acts")[utc("1985-01-03")] == pytest.approx(158.937653, abs=1e-6)
    assert world(table, "gpr_threats")[utc("1985-01-01")] == pytest.approx(153.027985, abs=1e-6)
    known = table.drop_duplicates("starts_on").set_index("starts_on")["available_at"]
    # A Sunday, and a Monday: the file of the Monday itself came when that day had long begun.
    assert known[utc("2026-04-26")] == utc("2026-04-29")
    assert known[utc("2026-04-27")] == utc("2026-05-06")
    assert known.dt.day_of_week.eq(2).all()
    assert (known - known.index.to_series()).min() == pd.Timedelta(days=3)


@pytest.mark.shared
def test_what_is_left_out_is_counted(folder: Path):
    monthly = harvest(gpr, folder / OLDER / gpr.FILE).counts["values of other series left out"]
    sheet = pd.read_excel(folder / OLDER / gpr.FILE).drop(columns=["month", "var_name", "var_label", *gpr.WORLD])
    assert monthly == sheet.filter(regex="^(?!GPRC_)").notna().sum().sum()
    assert harvest(gpr_daily, folder / "daily" / gpr_daily.FILE).counts == {
        "values of other series left out": 4 * 15092
    }


# --- small files, each with one fault ------------------------------------------------------------

MONTH, DAY = dt.date(2024, 1, 1), dt.date(2024, 1, 6)


def monthly(path: Path, *lines: list, header=("month", "GPR", "GPRT", "GPRA", "GPRC_CHL", "GPRHC_CHL", "var_name")):
    return book(path, header, lines or ([MONTH, 101.5, 99.5, 103.5, 0.25, 0.5, "month"],))


def daily(path: Path, *lines: list, header=("DAY", "GPRD", "GPRD_ACT", "GPRD_THREAT", "date", "event")):
    return book(path, header, lines or (["20240106", 101.5, 99.5, 103.5, DAY, None],))


def book(path: Path, header, lines) -> Path:
    workbook = openpyxl.Workbook()
    page = workbook.active
    page.title = "Sheet1"
    for line in (header, *lines):
        page.append(list(line))
    workbook.save(path)
    return path


def test_small_workbooks_of_both_kinds_are_read(tmp_path: Path):
    table = index(gpr, monthly(tmp_path / "data_gpr_export.xlsx"))
    assert table[["indicator", "country", "value"]].to_numpy().tolist() == [
        ["gpr", "", 101.5],
        ["gpr_threats", "", 99.5],
        ["gpr_acts", "", 103.5],
        ["gpr", "CHL", 0.25],
    ]
    assert table["available_at"].eq(utc("2024-02-05")).all()
    table = index(gpr_daily, daily(tmp_path / "data_gpr_daily_recent.xlsx"))
    assert table["value"].tolist() == [101.5, 99.5, 103.5]
    assert table["available_at"].eq(utc("2024-01-10")).all()


def test_a_cell_without_a_value_gives_no_row_and_a_zero_gives_one(tmp_path: Path):
    found = harvest(gpr, monthly(tmp_path / "small.xlsx", [MONTH, 1, 2, 3, None], [dt.date(2024, 2, 1), 1, 2, 3, 0]))
    assert found.rejected.empty
    chile = found.tables["geopolitics"].query("country == 'CHL'")
    assert chile["starts_on"].tolist() == [utc("2024-02-01")]
    assert chile["value"].tolist() == [0]


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ([MONTH, -1, 2, 3, 4], "value", "-1"),
        ([MONTH, "12,5", 2, 3, 4], "value", "12,5"),
        ([MONTH, True, 2, 3, 4], "value", "True"),
        # A country's is a share of articles; the world's, in the first column, an index.
        ([MONTH, 250, 2, 3, 100.5], "value", "100.5"),
        ([dt.date(2024, 1, 2), 1, None, None, None], "starts_on", "2024-01-02"),
        (["2024-01", 1, None, None, None], "starts_on", "2024-01"),
        ([45000, 1, None, None, None], "starts_on", "45000.0"),
        ([dt.date(2026, 11, 1), 1, None, None, None], "starts_on", "2026-11-01"),
        ([dt.date(2023, 12, 1), 1, None, None, None], "starts_on", "2023-12-01"),
    ],
)
def test_a_bad_cell_is_rejected_by_its_row(tmp_path: Path, line: list, field: str, value: str):
    path = monthly(tmp_path / "bad.xlsx", [dt.date(2023, 12, 1), 1, 2, 3, 4], line)
    rejected = harvest(gpr, path).rejected
    assert rejected[["row", "field"]].to_numpy().tolist() == [[3, field]]
    assert rejected["value"].iloc[0].startswith(value)


def test_a_month_that_ends_today_is_taken(tmp_path: Path):
    path = monthly(tmp_path / "small.xlsx")
    assert harvest(gpr, path, utc("2024-02-01").to_pydatetime()).rejected.empty
    assert len(harvest(gpr, path, utc("2024-01-31").to_pydatetime()).rejected) == 4


def test_an_unknown_country_is_rejected(tmp_path: Path):
    header = ("month", "GPR", "GPRT", "GPRA", "GPRC_XXX")
    rejected = harvest(gpr, monthly(tmp_path / "bad.xlsx", [MONTH, 1, 2, 3, 4], header=header)).rejected
    assert rejected[["field", "value"]].to_numpy().tolist() == [["column", "GPRC_XXX"]]


@pytest.mark.parametrize("line", [["20240106", -1, 2, 3, DAY], ["20240106", 1, None, None, "6 January"]])
def test_a_bad_day_is_rejected(tmp_path: Path, line: list):
    assert harvest(gpr_daily, daily(tmp_path / "bad.xlsx", line)).rejected["row"].tolist() == [2]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (("month", "GPR", "GPRT", "GPRC_CHL"), "no GPRA"),
        (("date", "GPR", "GPRT", "GPRA", "GPRC_CHL"), "no month"),
        (("month", "GPR", "GPRT", "GPRA", "CHL"), "columns GPRC_ISO3"),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, header: tuple, words: str):
    with pytest.raises(BadInput, match=words):
        gpr.parse(monthly(tmp_path / "bad.xlsx", [MONTH, 1, 2, 3, 4], header=header))


def test_each_index_refuses_the_file_of_the_other_and_what_is_no_workbook(tmp_path: Path):
    with pytest.raises(BadInput, match="no month"):
        gpr.parse(daily(tmp_path / "daily.xlsx"))
    with pytest.raises(BadInput, match="no date"):
        gpr_daily.parse(monthly(tmp_path / "monthly.xlsx"))
    with pytest.raises(BadInput, match="no row below"):
        gpr_daily.parse(book(tmp_path / "empty.xlsx", ("date", *gpr_daily.WORLD), ()))
    (tmp_path / "page.xls").write_text("<html>Not found</html>")
    with pytest.raises(BadInput, match="download it again"):
        gpr.parse(tmp_path / "page.xls")


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("data_gpr_export_20240801.xlsx", "2024-08-02"),
        ("data_gpr_export_20240801 (1).xlsx", "2024-08-02"),
        ("data_gpr_export.xlsx", None),
        ("data_gpr_export_20241301.xlsx", None),
    ],
)
def test_a_file_of_the_archive_tells_its_day_which_has_to_be_over(tmp_path: Path, name: str, day: str | None):
    assert gpr.released(gpr.parse(monthly(tmp_path / name))) == (day and utc(day).to_pydatetime())


def test_the_newest_days_of_a_dated_file_count_from_its_release(tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    # A Tuesday's file with the day before: without a date it would count from the Wednesday eight days later.
    path = daily(tmp_path / "data_gpr_daily_recent_20240109.xlsx", ["20240108", 1, 2, 3, dt.date(2024, 1, 8)])
    ingest(store, "gpr_daily", path, now=NOW)
    assert store.history("geopolitics", as_of=NOW)["available_at"].eq(utc("2024-01-10")).all()


def test_both_are_asked_for_at_their_publisher():
    for source in (gpr, gpr_daily):
        (request,) = source.requests(source.SPEC.endpoint, now=NOW, key=None)
        assert request.address.startswith(f"https://{source.SPEC.hosts[0]}/")
        assert request.address.endswith(request.name)
