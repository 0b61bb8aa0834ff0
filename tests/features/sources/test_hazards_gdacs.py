"""Alerts of GDACS: live feed, archive and interface on real files; episodes, three clocks, countries, hostile XML."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest_files
from features.collection.intake import Incoming
from features.errors import BadInput
from features.sources import gdacs, gdacs_layouts
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
ITEM = {
    "eventtype": "TC",
    "eventid": "1000700",
    "episodeid": "3",
    "alertlevel": "Orange",
    "fromdate": "Wed, 01 Jan 2020 06:00:00 GMT",
    "todate": "Fri, 03 Jan 2020 06:00:00 GMT",
    "iscurrent": "true",
    "iso3": "MDG",
    "country": "Madagascar",
}
HEAD = (
    '<rss version="2.0" xmlns:gdacs="http://www.gdacs.org" xmlns:georss="http://www.georss.org/georss" '
    'xmlns:atom="http://www.w3.org/2005/Atom"><channel>'
)
LIVE = '<atom:link href="http://www.gdacs.org/xml/rss.xml" rel="self"/>'
ARCHIVE = '<atom:link href="http://www.gdacs.org:80/rss.aspx?profile=ARCHIVE&amp;from=2012" rel="self"/>'


def item(point: str = "-18.9 47.5", changed: str = "Fri, 03 Jan 2020 06:00:00 GMT", **changes: str) -> str:
    told = "".join(f"<gdacs:{name}>{text}</gdacs:{name}>" for name, text in (ITEM | changes).items())
    severity = '<gdacs:severity unit="km/h" value="120.5">Tropical Storm</gdacs:severity>'
    place = f"<georss:point>{point}</georss:point>" if point else ""
    return f"<item><title>An alert</title><pubDate>{changed}</pubDate>{told}{severity}{place}</item>"


def feed(folder: Path, *items: str, link: str = LIVE, told: str = "Fri, 03 Jan 2020 09:30:00 GMT") -> Path:
    path = folder / "feed.xml"
    path.write_text(f"{HEAD}{link}<pubDate>{told}</pubDate>{''.join(items)}</channel></rss>", encoding="utf-8")
    return path


def read(path: Path, now: dt.datetime = NOW) -> Harvest:
    found = gdacs.harmonise(gdacs.parse(path), load_catalog(), file=path.name, lag=None, now=now)
    if len(found.tables["hazards"]):
        datasets.check("hazards", found.tables["hazards"], where="test")
    return found


def only(path: Path) -> dict:
    table = read(path).tables["hazards"]
    assert len(table) == 1
    return table.iloc[0].to_dict()


# --- the real files -------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "items", "rows"),
    [
        ("gdacs-rss.xml", 16, 16),
        ("gdacs-rss-24h.xml", 21, 21),
        ("gdacs-rss-7d.xml", 115, 115),
        ("gdacs-1.xml", 4, 4),
        ("archive-rss-2016.xml", 23, 20),  # three floods are told twice
        ("archive-rss2-2016.xml", 100, 99),  # one quake was struck out
    ],
)
def test_every_item_of_a_real_feed_is_kept_or_counted(shared: Path, name: str, items: int, rows: int):
    path = shared / "payloads/gdacs" / name
    assert len(gdacs.parse(path)) == items
    found = read(path)
    assert len(found.tables["hazards"]) == rows
    assert found.rejected.empty
    assert found.left_out is not None
    assert len(found.left_out) + found.counts["told again in the same file, or older episodes"] == items - rows
    table = found.tables["hazards"]
    assert (table["available_at"] > table["happened_at"]).all()


@pytest.mark.shared
def test_a_live_feed_counts_from_when_it_came_out(shared: Path):
    path = shared / "payloads/gdacs/gdacs-rss-7d.xml"
    table = read(path).tables["hazards"]
    assert set(table["available_at"]) == {utc("2019-12-30 01:01:02")}
    assert gdacs.released(gdacs.parse(path)) == dt.datetime(2019, 12, 30, 1, 1, 2, tzinfo=dt.UTC)
    assert table["kind"].value_counts().to_dict() == {"earthquake": 100, "drought": 11, "cyclone": 3, "volcano": 1}
    # Not "current", and its last day is the moment of the feed: it goes on.
    drought = table[table["event_id"].eq("DR1012728")].iloc[0]
    assert (drought["severity"], drought["country"]) == (2, "")
    assert pd.isna(drought["ended_at"])
    assert pd.isna(drought["magnitude"])
    assert "Zambia" in drought["title"]


@pytest.mark.shared
def test_the_archive_counts_from_a_day_after_the_last_day(shared: Path):
    path = shared / "payloads/gdacs/archive-rss2-2016.xml"
    found = read(path)
    table = found.tables["hazards"].set_index("event_id")
    assert gdacs.released(gdacs.parse(path)) is None
    flood, quake = table.loc["FL4339"], table.loc["EQ1082314"]
    assert flood["available_at"] == utc("2016-03-26 23:59:59")
    assert flood["ended_at"] == utc("2016-03-25 23:59:59")
    assert quake["available_at"] == utc("2016-03-13 04:00:27")
    assert (quake["country"], quake["magnitude"], quake["depth_km"]) == ("PHL", 5.6, 10.0)
    # Taiwan, which GDACS files under China.
    assert table.loc["EQ1080050", "country"] == "TWN"
    assert found.left_out is not None
    assert found.left_out[["field", "value"]].to_numpy().tolist() == [["type", "EQx"]]


@pytest.mark.shared
def test_a_grade_that_was_lowered_is_a_second_version(shared: Path, tmp_path: Path):
    store = Store(tmp_path / "datasets")
    names = ["1102983-1-geteventdata-source", "fl-1102983-ep1-event", "fl-1102983-ep2-event"]
    files = [Incoming(shared / f"payloads/gdacs/api/{name}.json") for name in names]
    receipts = ingest_files(store, "gdacs", files, now=NOW)
    # Two episodes, but one account of the event.
    assert [receipt.added["hazards"] for receipt in receipts] == [1, 1, 0]
    for day, severity in (("2024-11-08", None), ("2024-11-09", 3), ("2025-01-05", 3), ("2025-01-06", 2)):
        known = store.read("hazards", as_of=utc(day).to_pydatetime())
        flood = known[known["event_id"].eq("FL1102983")]
        assert flood["severity"].tolist() == ([] if severity is None else [severity])


@pytest.mark.shared
def test_selections_of_the_archive_do_not_hold_each_other_back(shared: Path, tmp_path: Path):
    store = Store(tmp_path / "datasets")
    names = ["archive-rss-2016.xml", "archive-rss2-2016.xml", "gdacs-rss-7d.xml", "api/wf-1028649-event.json"]
    ingest_files(store, "gdacs", [Incoming(shared / "payloads/gdacs" / name) for name in names], now=NOW)
    assert len(store.read("hazards", as_of=NOW)) == 108 + 115 + 1
    # In one of the two files only, and known by then all the same.
    known = store.read("hazards", as_of=dt.datetime(2013, 1, 1, tzinfo=dt.UTC))
    assert {"FL3987", "TC33400"} < set(known["event_id"])


# --- built files ----------------------------------------------------------------------------------


def test_nothing_is_known_before_the_feed_or_the_start(tmp_path: Path):
    assert only(feed(tmp_path, item()))["available_at"] == utc("2020-01-03 09:30")
    late = item(changed="Sat, 04 Jan 2020 01:00:00 GMT")
    assert only(feed(tmp_path, late))["available_at"] == utc("2020-01-04 01:00")
    ahead = item(fromdate="Sun, 05 Jan 2020 00:00:00 GMT", todate="Sun, 05 Jan 2020 00:00:00 GMT")
    assert only(feed(tmp_path, ahead))["available_at"] == utc("2020-01-05")


def test_a_feed_without_a_date_is_dated_like_the_archive(tmp_path: Path):
    assert only(feed(tmp_path, item(), told=""))["available_at"] == utc("2020-01-04 06:00")
    assert only(feed(tmp_path, item(), link=ARCHIVE))["available_at"] == utc("2020-01-04 06:00")


def test_what_is_still_going_on_has_no_end(tmp_path: Path):
    week_later = "Fri, 10 Jan 2020 09:30:00 GMT"
    assert pd.isna(only(feed(tmp_path, item(), told=week_later))["ended_at"])
    over = item(iscurrent="false")
    assert only(feed(tmp_path, over, told=week_later))["ended_at"] == utc("2020-01-03 06:00")
    assert pd.isna(only(feed(tmp_path, over))["ended_at"])


@pytest.mark.parametrize(("level", "severity"), [("Green", 1), ("Orange", 2), ("RED", 3)])
def test_the_alert_level_is_the_severity(tmp_path: Path, level: str, severity: int):
    assert only(feed(tmp_path, item(alertlevel=level)))["severity"] == severity


@pytest.mark.parametrize(
    ("change", "field"), [({"eventtype": "EQx"}, "type"), ({"alertlevel": ""}, "level"), ({"point": ""}, "latitude")]
)
def test_entries_of_no_use_are_listed(tmp_path: Path, change: dict, field: str):
    found = read(feed(tmp_path, item(), item(eventid="8", **change)))
    assert len(found.tables["hazards"]) == 1
    assert found.left_out is not None
    assert found.left_out[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert found.rejected.empty


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"eventid": "x"}, "id"),
        ({"fromdate": "soon"}, "from"),
        ({"fromdate": "Fri, 01 Jan 2027 00:00:00 GMT"}, "from"),
        ({"changed": ""}, "changed"),
        ({"point": "91 0"}, "latitude"),
        ({"point": "0 east"}, "longitude"),
    ],
)
def test_entries_that_cannot_be_true_are_rejected(tmp_path: Path, change: dict, field: str):
    found = read(feed(tmp_path, item(), item(**{"eventid": "8"} | change)))
    assert len(found.tables["hazards"]) == 1
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]


@pytest.mark.parametrize(
    ("iso3", "country", "expected"),
    [
        ("MDG", "Madagascar", "MDG"),
        ("", "Luzon, Philippines", "PHL"),
        ("MDG", "Madagascar, Mozambique", ""),
        ("VUT", "Southeast Of Loyalty Islands", "VUT"),
        ("", "", ""),
        ("XYZ", "nowhere", ""),
    ],
)
def test_one_country_or_none(tmp_path: Path, iso3: str, country: str, expected: str):
    assert only(feed(tmp_path, item(iso3=iso3, country=country)))["country"] == expected


def test_the_last_episode_of_a_file_counts(tmp_path: Path):
    newest, older = item(alertlevel="Red", episodeid="10"), item(episodeid="9")
    for items in ((newest, older), (older, newest)):
        assert only(feed(tmp_path, *items))["severity"] == 3


def test_an_entity_is_refused_before_it_grows(tmp_path: Path):
    path = feed(tmp_path, item(country="&big;"))
    declared = '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY big "&a;&a;&a;">]>'
    path.write_text(declared + path.read_text())
    with pytest.raises(BadInput, match="ENTITY"):
        gdacs.parse(path)


def test_a_feed_beyond_all_measure_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gdacs_layouts, "MOST_FEED_BYTES", 100)
    with pytest.raises(BadInput, match="at most 100 bytes"):
        gdacs.parse(feed(tmp_path, item()))


@pytest.mark.parametrize("text", ["", "<rss>", "<rss><channel><item><title>News</title></item></channel></rss>"])
def test_what_is_no_feed_of_gdacs_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "feed.xml"
    path.write_text(text)
    with pytest.raises(BadInput):
        gdacs.parse(path)


@pytest.mark.parametrize("told", ["", "[]", "{", {"type": "Feature"}, {"features": [{"properties": {"mag": 5}}]}])
def test_what_is_no_event_is_refused(tmp_path: Path, told: object):
    path = tmp_path / "event.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    with pytest.raises(BadInput):
        gdacs.parse(path)


def test_the_feed_of_a_week_is_asked_for():
    (request,) = gdacs.requests(gdacs.SPEC.endpoint, now=NOW, key=None)
    assert request.address == "https://www.gdacs.org/xml/rss_7d.xml"
    assert request.name.endswith(".xml")
