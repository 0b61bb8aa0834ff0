"""Significant earthquakes and eruptions: two real lists, dates with holes, grades that come later, pages."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.errors import BadInput
from features.sources import noaa_hazel as noaa
from features.sources.spec import Harvest
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
QUAKE = {
    "id": 1,
    "year": 2015,
    "month": 4,
    "day": 25,
    "hour": 6,
    "minute": 11,
    "second": 25.9,
    "latitude": 28.2,
    "longitude": 84.7,
    "country": "NEPAL",
    "locationName": "NEPAL:  KATHMANDU",
    "eqMagnitude": 7.7,
    "eqMagMw": 7.8,
    "eqDepth": 15,
}
ERUPTION = {
    "id": 2,
    "year": 1991,
    "month": 6,
    "day": 15,
    "latitude": 15.13,
    "longitude": 120.35,
    "country": "Philippines",
    "name": "Pinatubo",
    "location": "Luzon-Philippines",
    "vei": 6,
    "volcanoLocationId": 70308,
}


def read(path: Path, now: dt.datetime = NOW) -> Harvest:
    found = noaa.harmonise(noaa.parse(path), load_catalog(), file=path.name, lag=None, now=now)
    if len(found.tables["hazards"]):
        datasets.check("hazards", found.tables["hazards"], where="test")
    return found


def page(folder: Path, *items: dict, number: int = 1, pages: int = 1) -> Path:
    path = folder / f"page-{number}.json"
    items_told = [{name: value for name, value in item.items() if value is not None} for item in items]
    path.write_text(json.dumps({"items": items_told, "page": number, "totalPages": pages, "itemsPerPage": 200}))
    return path


@pytest.fixture(scope="module")
def quakes(shared: Path) -> Harvest:
    return read(shared / "payloads/noaa/noaa_significant_earthquakes.csv")


@pytest.fixture(scope="module")
def eruptions(shared: Path) -> Harvest:
    return read(shared / "payloads/noaa/noaa_volcanic_events.csv")


# --- the real files -------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("number", "happened", "magnitude", "latitude", "longitude"),
    [
        (8872, "2010-02-27 06:34:11", 8.8, -36.122, -72.898),  # Maule
        (10079, "2014-04-01 23:46:47", 8.2, -19.610, -70.769),  # Iquique
    ],
)
def test_great_quakes_of_chile_are_where_and_when_they_were(
    quakes: Harvest, number: int, happened: str, magnitude: float, latitude: float, longitude: float
):
    table = quakes.tables["hazards"]
    quake = table[table["event_id"].eq(f"earthquake-{number}")].iloc[0]
    assert quake["happened_at"] == utc(happened)
    assert quake["available_at"] == utc(happened) + pd.Timedelta(days=1)
    assert (quake["magnitude"], quake["latitude"], quake["longitude"]) == (magnitude, latitude, longitude)
    assert (quake["country"], quake["severity"]) == ("CHL", 3)


@pytest.mark.shared
def test_all_entries_of_both_lists_are_kept_or_counted(quakes: Harvest, eruptions: Harvest):
    assert len(quakes.tables["hazards"]) == 2717
    assert quakes.counts["before 1960"] == 3958
    assert quakes.counts["in no country, or in none that is known"] == 7
    assert quakes.rejected.empty
    told = eruptions.tables["hazards"]
    assert told["event_id"].nunique() == 352
    assert len(told) == 352 + 241  # those with an index have two versions
    assert eruptions.counts["before 1960"] == 548
    assert eruptions.counts["without a day, taken as the last that is possible"] == 21
    assert eruptions.rejected.empty


@pytest.mark.shared
def test_the_strongest_eruption_is_graded_a_month_after_it_was_known(eruptions: Harvest):
    table = eruptions.tables["hazards"]
    pinatubo = table[table["title"].str.startswith("Pinatubo") & table["happened_at"].dt.year.eq(1991)]
    pinatubo = pinatubo.sort_values("available_at")
    assert pinatubo["severity"].tolist() == [1, 3]
    assert pinatubo["magnitude"].isna().tolist() == [True, False]
    assert pinatubo["magnitude"].iloc[1] == 6
    assert (pinatubo["available_at"].iloc[1] - pinatubo["available_at"].iloc[0]).days == noaa.DAYS_TO_GRADE
    assert set(pinatubo["country"]) == {"PHL"}


# --- built files ----------------------------------------------------------------------------------


def one(folder: Path, item: dict, **changes: object) -> dict:
    table = read(page(folder, item | changes)).tables["hazards"]
    return table.iloc[-1].to_dict()


def test_a_page_of_the_service_says_what_the_list_says(tmp_path: Path):
    quake = one(tmp_path, QUAKE)
    assert quake["happened_at"] == utc("2015-04-25 06:11:25")
    assert (quake["magnitude"], quake["depth_km"], quake["title"]) == (7.8, 15.0, "NEPAL: KATHMANDU")
    assert quake["event_id"] == "earthquake-1"
    assert one(tmp_path, ERUPTION)["event_id"] == "volcano-2"


def test_without_a_moment_magnitude_the_list_s_own_choice_counts(tmp_path: Path):
    assert one(tmp_path, QUAKE, eqMagMw=None)["magnitude"] == 7.7
    nothing = one(tmp_path, QUAKE, eqMagMw=None, eqMagnitude=None)
    assert pd.isna(nothing["magnitude"])
    assert nothing["severity"] == 1


@pytest.mark.parametrize(
    ("changes", "happened"),
    [
        ({"hour": None}, "2015-04-25"),
        ({"day": None}, "2015-04-30 06:11:25"),
        ({"month": None, "hour": None}, "2015-12-31"),
        ({"month": 2, "day": None, "hour": None}, "2015-02-28"),
    ],
)
def test_what_a_date_lacks_is_the_latest_it_can_be(tmp_path: Path, changes: dict, happened: str):
    quake = one(tmp_path, QUAKE, **changes)
    assert quake["happened_at"] == utc(happened)
    assert quake["available_at"] == utc(happened) + pd.Timedelta(days=1)


@pytest.mark.parametrize(("index", "severity"), [(2, 1), (3, 2), (4, 3), (None, 1)])
def test_the_explosivity_grades_an_eruption(tmp_path: Path, index: int | None, severity: int):
    assert one(tmp_path, ERUPTION, vei=index)["severity"] == severity


def test_an_eruption_of_this_week_has_no_grade_yet(tmp_path: Path):
    found = read(page(tmp_path, ERUPTION), now=dt.datetime(1991, 7, 15, tzinfo=dt.UTC))
    assert found.tables["hazards"]["magnitude"].isna().tolist() == [True]
    assert found.counts["eruptions that nobody has graded yet"] == 1
    assert len(read(page(tmp_path, ERUPTION), now=dt.datetime(1991, 7, 16, tzinfo=dt.UTC)).tables["hazards"]) == 2
    early = read(page(tmp_path, ERUPTION), now=dt.datetime(1991, 6, 15, 23, tzinfo=dt.UTC))
    assert early.tables["hazards"].empty
    assert early.counts["less than a day old, left for the next reading"] == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"day": 31}, "year"),
        ({"year": None}, "year"),
        ({"latitude": 95}, "latitude"),
        ({"longitude": None}, "longitude"),
        ({"eqMagMw": 77}, "magnitude"),
        ({"id": "x"}, "id"),
    ],
)
def test_an_entry_that_cannot_be_true_is_rejected(tmp_path: Path, changes: dict, field: str):
    found = read(page(tmp_path, QUAKE, QUAKE | {"id": 7} | changes))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert len(found.tables["hazards"]) == 1


def test_pages_are_asked_for_until_the_last(tmp_path: Path):
    first = noaa.requests(noaa.SPEC.endpoint, now=NOW, key=None)
    assert [request.name for request in first] == ["earthquakes-001.json", "volcanoes-001.json"]
    (second,) = noaa.follow(first[0], page(tmp_path, QUAKE, pages=2))
    assert second.name == "earthquakes-002.json"
    assert second.address == first[0].address.replace("page=1", "page=2")
    assert noaa.follow(second, page(tmp_path, QUAKE, number=2, pages=2)) == []
    with pytest.raises(BadInput, match="page 2"):
        noaa.follow(second, page(tmp_path, QUAKE, pages=2))


def test_a_page_without_entries_gives_none(tmp_path: Path):
    assert read(page(tmp_path, pages=0)).tables["hazards"].empty


@pytest.mark.parametrize("text", ["", "[]", "{", '{"items": [1], "page": 1, "totalPages": 1}', '{"items": []}'])
def test_what_is_no_page_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "page.json"
    path.write_text(text)
    with pytest.raises(BadInput):
        noaa.parse(path)


def test_another_list_is_refused(tmp_path: Path):
    path = tmp_path / "runups.csv"
    path.write_text("id,year,month,day,latitude,longitude,country\n1,2000,1,1,0,0,PERU\n")
    with pytest.raises(BadInput, match="eqMagnitude"):
        noaa.parse(path)


@pytest.mark.shared
def test_a_list_that_is_cut_in_mid_row_is_refused(shared: Path, tmp_path: Path):
    whole = (shared / "payloads/noaa/noaa_significant_earthquakes.csv").read_bytes()
    path = tmp_path / "noaa_significant_earthquakes.csv"
    path.write_bytes(whole[:400_000])
    with pytest.raises(BadInput, match=r"the last row: expected \d+ cells"):
        noaa.parse(path)
    path.write_bytes(whole.rstrip())
    assert len(noaa.parse(path)) == len(noaa.parse(shared / "payloads/noaa/noaa_significant_earthquakes.csv"))
