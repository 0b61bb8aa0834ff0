"""Earthquakes of the U.S. Geological Survey: real lists, ids that files lack, what is weak, early or cut off."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest_files
from features.collection.intake import Incoming
from features.errors import BadInput
from features.sources import usgs_earthquakes as usgs
from features.sources.hazard_rows import country_of, severity_of_magnitude
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
DAY = pd.Timedelta(days=1)
HEADER = "time,latitude,longitude,depth,mag,magType,updated,place,type"
ROW = '2020-03-01T12:30:45.678Z,-20.5,-70.3,35,6.4,mww,2020-05-01T00:00:00.000Z,"40 km W of Iquique, Chile",earthquake'


def read(path: Path, now: dt.datetime = NOW) -> Harvest:
    found = usgs.harmonise(usgs.parse(path), load_catalog(), file=path.name, lag=None, now=now)
    if len(found.tables["hazards"]):
        datasets.check("hazards", found.tables["hazards"], where="test")
    return found


def csv(folder: Path, *lines: str, name: str = "query.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def geojson(folder: Path, *events: dict, name: str = "feed.geojson", **metadata: object) -> Path:
    features = []
    for number, event in enumerate(events):
        said = {"mag": 6.0, "place": "Banda Sea", "time": 1_600_000_000_000, "updated": 1_600_100_000_000}
        said |= {"type": "earthquake"} | event
        point = {"type": "Point", "coordinates": [128.1, -6.2, 150.0]}
        features.append({"type": "Feature", "id": f"us{number}", "properties": said, "geometry": point})
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", "metadata": metadata, "features": features}))
    return path


# --- the real files -------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "rows", "weak"),
    [("4.5_month.csv", 36, 493), ("significant_month.csv", 8, 1), ("fdsn-query-2018-2023.csv", 127, 4701)],
)
def test_every_row_of_a_real_list_is_kept_or_counted(shared: Path, name: str, rows: int, weak: int):
    found = read(shared / "payloads/usgs_earthquakes" / name)
    table = found.tables["hazards"]
    assert len(table) == rows
    assert found.counts["weaker than 5.5, or not measured"] == weak
    assert found.rejected.empty
    assert table["event_id"].is_unique
    assert table["available_at"].eq(table["happened_at"] + DAY).all()


@pytest.mark.shared
def test_an_event_by_itself_is_read_with_its_id_and_page(shared: Path):
    quake = read(shared / "payloads/usgs_earthquakes/event-detail.json").tables["hazards"].iloc[0]
    assert (quake["event_id"], quake["magnitude"], quake["severity"]) == ("us6000pi9w", 7.1, 3)
    assert quake["happened_at"] == utc("2025-01-07 01:05:16")
    assert (quake["latitude"], quake["longitude"], quake["depth_km"]) == (28.639, 87.3608, 10.0)
    assert quake["link"] == "https://earthquake.usgs.gov/earthquakes/eventpage/us6000pi9w"


@pytest.mark.shared
def test_a_feed_without_quakes_gives_none_and_says_so(shared: Path):
    found = read(shared / "payloads/usgs_earthquakes/earthquakes-geojson-fixture.json")
    assert found.tables["hazards"].empty
    assert found.counts["no earthquakes"] == 3


@pytest.mark.shared
def test_accents_survive_and_broken_ones_stop_nothing(shared: Path):
    raw = usgs.parse(shared / "payloads/usgs_earthquakes/fdsn-query-2018-2023.csv")
    assert raw["place"].str.contains("Ürümqi, China").any()
    assert raw["place"].str.contains("\ufffd").sum() == 9


@pytest.mark.shared
def test_two_feeds_of_one_month_revise_each_other_in_the_order_in_which_they_were_made(shared: Path, tmp_path: Path):
    store = Store(tmp_path / "datasets")
    files = [Incoming(path) for path in sorted((shared / "payloads/usgs_earthquakes").iterdir())]
    receipts = {receipt.file: receipt for receipt in ingest_files(store, "usgs_earthquakes", files, now=NOW)}
    assert receipts["4.5_month.csv"].revised == {"hazards": 1}
    before = store.read("hazards", as_of=dt.datetime(2023, 3, 13, tzinfo=dt.UTC)).set_index("event_id")
    after = store.read("hazards", as_of=dt.datetime(2023, 3, 15, tzinfo=dt.UTC)).set_index("event_id")
    # Moved by a kilometre on 13 March; the feed that says so was made on the 14th.
    assert before.loc["us6000jnqz", "latitude"] == 45.1058
    assert after.loc["us6000jnqz", "latitude"] == 45.1007


# --- built files ----------------------------------------------------------------------------------


def test_a_quake_without_an_id_is_called_the_same_in_every_copy(tmp_path: Path):
    one = read(csv(tmp_path, ROW)).tables["hazards"]
    moved = ROW.replace("45.678Z", "45.679Z").replace("-20.5,", "-20.51,")
    other = read(csv(tmp_path, moved)).tables["hazards"]
    assert one["event_id"].tolist() == other["event_id"].tolist() == ["20200301T123045Z_-20.5_-70.3"]
    assert one["link"].tolist() == [""]


def test_a_late_review_does_not_make_a_quake_unknown_until_then(tmp_path: Path):
    quake = read(csv(tmp_path, ROW)).tables["hazards"].iloc[0]
    assert quake["available_at"] == utc("2020-03-02 12:30:45")
    assert (quake["country"], quake["severity"]) == ("CHL", 2)


def test_what_is_not_a_day_old_is_left_for_the_next_reading(tmp_path: Path):
    path = csv(tmp_path, ROW)
    early = read(path, dt.datetime(2020, 3, 2, 12, 30, 44, tzinfo=dt.UTC))
    assert early.tables["hazards"].empty
    assert early.counts["less than a day old, left for the next reading"] == 1
    later = read(path, dt.datetime(2020, 3, 2, 12, 30, 45, tzinfo=dt.UTC)).tables["hazards"]
    assert len(later) == 1


def test_blasts_and_weak_quakes_are_counted_apart(tmp_path: Path):
    found = read(csv(tmp_path, ROW, ROW.replace(",earthquake", ",mining explosion"), ROW.replace(",6.4,", ",5.4,")))
    assert len(found.tables["hazards"]) == 1
    assert found.counts["no earthquakes"] == 1
    assert found.counts["weaker than 5.5, or not measured"] == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (ROW.replace("2020-03-01T12:30:45.678Z", "last week"), "time"),
        (ROW.replace("2020-03-01T", "2027-03-01T"), "time"),
        (ROW.replace("-20.5,", "-95,"), "latitude"),
        (ROW.replace("-70.3,", "west,"), "longitude"),
        (ROW.replace(",6.4,", ",64,"), "mag"),
    ],
)
def test_a_row_that_cannot_be_true_is_rejected(tmp_path: Path, wrong: str, field: str):
    found = read(csv(tmp_path, ROW, wrong))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert len(found.tables["hazards"]) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"features": 3}', HEADER.replace("mag,", "") + "\n1,2,3,4,5,6,7,8\n", HEADER + "\n"]
)
def test_what_is_no_list_is_refused(tmp_path: Path, text: str):
    path = tmp_path / ("bad.csv" if text.startswith("time") else "bad.json")
    path.write_text(text)
    with pytest.raises(BadInput):
        usgs.parse(path)


def test_an_answer_with_fewer_events_than_it_says_is_refused(tmp_path: Path):
    assert len(usgs.parse(geojson(tmp_path, {}, {}, count=2))) == 2
    with pytest.raises(BadInput, match="3 events"):
        usgs.parse(geojson(tmp_path, {}, {}, count=3))


def test_only_feeds_and_single_events_are_releases_by_themselves(tmp_path: Path):
    feed = {"url": "https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/4.5_month.geojson"}
    made = usgs.released(usgs.parse(geojson(tmp_path, {}, generated=1_600_200_000_000, **feed)))
    assert made == dt.datetime(2020, 9, 15, 20, tzinfo=dt.UTC)
    query = {"url": "https://earthquake.usgs.gov/fdsnws/event/1/query?format=geojson"}
    assert usgs.released(usgs.parse(geojson(tmp_path, {}, generated=1_600_200_000_000, **query))) is None
    assert usgs.released(usgs.parse(csv(tmp_path, ROW))) is None


def test_the_whole_catalogue_is_asked_for_without_gap_or_overlap():
    asked = [parse_qs(urlsplit(one.address).query) for one in usgs.requests(usgs.SPEC.endpoint, now=NOW, key=None)]
    spans = [(one["starttime"][0], one["endtime"][0][:10]) for one in asked]
    assert spans == [
        ("1960-01-01", "1979-12-31"),
        ("1980-01-01", "1999-12-31"),
        ("2000-01-01", "2019-12-31"),
        ("2020-01-01", "2039-12-31"),
    ]
    assert {one["minmagnitude"][0] for one in asked} == {"5.5"}


@pytest.mark.parametrize(
    ("place", "iso3"),
    [
        ("30 km NE of Arica, Chile", "CHL"),
        ("offshore Maule, Chile", "CHL"),
        ("near the coast of central Peru", "PER"),
        ("off the west coast of northern Chile", "CHL"),
        ("12 km S of Ridgecrest, CA", "USA"),
        ("central New Mexico", "USA"),
        ("Fiji region", "FJI"),
        ("Gulf of Mexico", ""),
        ("Tajikistan-Xinjiang border region", ""),
        ("South Sandwich Islands region", ""),
        ("", ""),
    ],
)
def test_a_country_is_found_in_a_place_name_or_not_at_all(place: str, iso3: str):
    assert country_of(place, load_catalog()) == iso3


def test_magnitude_grades_a_quake():
    assert list(severity_of_magnitude(pd.Series([5.99, 6.0, 6.99, 7.0, float("nan")]))) == [1, 2, 2, 3, 1]
