"""PortWatch: both layouts, the Wednesday from which a week counts, paging, and what is refused."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.catalog.routes import load_straits
from features.collection import ingest
from features.errors import BadInput
from features.sources import portwatch
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
TYPES = ("total", "container", "dry_bulk", "general_cargo", "roro", "tanker")


def harvest(path: Path, now: dt.datetime = NOW) -> Harvest:
    raw = portwatch.parse(path)
    return portwatch.harmonise(raw, load_catalog(), file=path.name, lag=None, now=now)


@pytest.fixture(scope="module")
def snapshot(shared: Path) -> Path:
    return shared / "payloads/portwatch/chokepoint-transit-2026-07.json.gz"


@pytest.fixture(scope="module")
def real(snapshot: Path) -> Harvest:
    return harvest(snapshot)


@pytest.fixture(scope="module")
def sample(shared: Path) -> Path:
    return shared / "payloads/portwatch/portwatch-arcgis-sample.json"


# --- the real snapshot ----------------------------------------------------------------------------


@pytest.mark.shared
def test_every_day_of_the_four_straits_is_read(real: Harvest):
    table = datasets.check("transits", real.tables["transits"], where="portwatch")
    assert real.rejected.empty
    assert real.counts == {"days missing between the first and the last": 0}
    assert len(table) == 4 * 2757 * 6
    spans = table.groupby("strait")["starts_on"].agg(["min", "max"])
    assert list(spans.index) == ["bab_el_mandeb", "cape_of_good_hope", "hormuz", "suez"]
    assert spans["min"].eq(utc("2019-01-01")).all()
    assert spans["max"].eq(utc("2026-07-19")).all()


@pytest.mark.shared
def test_a_day_by_hand(real: Harvest):
    table = real.tables["transits"]
    day = table[table["strait"].eq("bab_el_mandeb") & table["starts_on"].eq(utc("2019-01-01"))]
    day = day.set_index("ship_type")
    assert day["calls"].to_dict() == dict(zip(TYPES, (50, 16, 8, 4, 1, 21), strict=True))
    assert day.loc["dry_bulk", "capacity_tonnes"] == 319_056
    # The snapshot does not tell the capacity of all ships, and nobody adds it up here.
    assert pd.isna(day.loc["total", "capacity_tonnes"])


@pytest.mark.shared
def test_the_real_snapshot_was_captured_when_its_own_last_day_was_known(snapshot: Path, real: Harvest):
    captured = portwatch.released(portwatch.parse(snapshot))
    assert captured == dt.datetime(2026, 7, 27, 21, 38, 37, 469000, tzinfo=dt.UTC)
    table = real.tables["transits"]
    newest = table["available_at"].max()
    assert newest == utc("2026-07-22")
    # On the Monday of the capture the week that had ended the day before was not out.
    assert newest <= pd.Timestamp(captured) < portwatch.known_from(pd.Series([utc("2026-07-20")])).iloc[0]
    lead = table["available_at"] - table["starts_on"]
    assert lead.min() == pd.Timedelta(days=3)
    assert lead.max() == pd.Timedelta(days=9)


@pytest.mark.shared
def test_the_store_takes_it_once(snapshot: Path, tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    receipt = ingest(store, "portwatch", snapshot, now=NOW)
    assert (receipt.rejected, receipt.added) == (0, {"transits": 66_168})
    assert ingest(store, "portwatch", snapshot, now=NOW).added == {"transits": 0}
    known = store.read("transits", as_of=dt.datetime(2024, 1, 9, tzinfo=dt.UTC))
    assert known["starts_on"].max() == utc("2023-12-31")


# --- answers of the service -----------------------------------------------------------------------


def answer(path: Path, entries: list[dict], **other: object) -> Path:
    path.write_text(json.dumps({"features": [{"attributes": entry} for entry in entries], **other}))
    return path


def entry(date: object = "2026-06-01", **other: object) -> dict:
    calls = dict(zip(TYPES, (15, 1, 2, 3, 4, 5), strict=True))
    usual = {"date": date, "portname": "Suez Canal"} | {f"n_{name}": count for name, count in calls.items()}
    usual |= {f"capacity_{name}": 1000.5 * count for name, count in calls.items() if name != "total"}
    return usual | {"capacity": 15_007.5} | other


@pytest.mark.shared
def test_the_real_answer_does_not_name_its_strait_and_is_refused(sample: Path):
    with pytest.raises(BadInput, match=r"entry 1, attributes\.portname.*2 of 2"):
        portwatch.parse(sample)


@pytest.mark.shared
def test_the_real_answer_is_read_once_it_names_its_strait(sample: Path, tmp_path: Path):
    told = json.loads(sample.read_text())
    entries = [feature["attributes"] | {"portname": "Strait of Hormuz"} for feature in told["features"]]
    found = harvest(answer(tmp_path / "a.json", entries, exceededTransferLimit=False))
    assert found.rejected.empty
    table = datasets.check("transits", found.tables["transits"], where="a").set_index(["ship_type", "starts_on"])
    assert len(table) == 12
    assert set(table["strait"]) == {"hormuz"}
    assert table.loc[("total", utc("2024-05-01")), "calls"] == 39
    assert table.loc[("tanker", utc("2024-05-02")), "capacity_tonnes"] == 740_000
    assert portwatch.released(portwatch.parse(tmp_path / "a.json")) is None


def test_dates_come_as_milliseconds_or_as_text(tmp_path: Path):
    dates = ["2026-06-01", 1780272000000 + 86_400_000, "2026-06-03T00:00:00", 1780272000000.0 + 3 * 86_400_000]
    found = harvest(answer(tmp_path / "a.json", [entry(date) for date in dates])).tables["transits"]
    assert sorted(found["starts_on"].dt.day.unique()) == [1, 2, 3, 4]
    assert found.loc[found["ship_type"].eq("total"), "capacity_tonnes"].unique() == [15_007.5]


def test_days_that_are_not_told_are_counted_and_stay_missing(tmp_path: Path):
    found = harvest(answer(tmp_path / "a.json", [entry("2026-06-01"), entry("2026-06-05")]))
    assert found.counts == {"days missing between the first and the last": 3}
    assert found.tables["transits"]["starts_on"].nunique() == 2


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"portname": "Straits of Nowhere"}, "portname"),
        ({"date": "soon"}, "date"),
        ({"date": None}, "date"),
        ({"date": "2026-06-01"}, "date"),
        ({"date": "2026-11-25"}, "date"),
        ({"n_tanker": None}, "n_tanker"),
        ({"n_tanker": 5.5}, "n_tanker"),
        ({"n_tanker": -5}, "n_tanker"),
        ({"n_tanker": 6}, "n_total"),
        ({"capacity_tanker": -1.0}, "capacity_tanker"),
    ],
)
def test_what_is_not_understood_is_rejected_with_row_and_field(tmp_path: Path, bad: dict, field: str):
    found = harvest(answer(tmp_path / "a.json", [entry(), entry("2026-06-02") | bad]))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert len(found.tables["transits"]) == 6


def test_a_missing_capacity_is_missing_and_not_zero(tmp_path: Path):
    table = harvest(answer(tmp_path / "a.json", [entry(capacity_tanker=None)])).tables["transits"]
    assert table.set_index("ship_type")["capacity_tonnes"].isna().to_dict()["tanker"]
    datasets.check("transits", table, where="a")


# --- asking ---------------------------------------------------------------------------------------


def test_every_strait_is_asked_for_by_its_name():
    asked = portwatch.requests(portwatch.SPEC.endpoint, now=NOW, key=None)
    straits = load_straits()
    assert len(asked) == len(straits) == 28
    query = parse_qs(urlsplit(asked[0].address).query)
    assert query["where"] == ["portname='Bab el-Mandeb Strait' AND date >= timestamp '2019-01-01 00:00:00'"]
    assert query["resultOffset"] == ["0"]
    assert {urlsplit(each.address).hostname for each in asked} == set(portwatch.SPEC.hosts)
    assert len({each.name for each in asked}) == 28


def test_pages_are_followed_by_the_number_of_days_that_came(tmp_path: Path):
    first = portwatch.requests(portwatch.SPEC.endpoint, now=NOW, key=None)[0]
    more = answer(tmp_path / "a.json", [entry(), entry("2026-06-02")], exceededTransferLimit=True)
    (second,) = portwatch.follow(first, more)
    (third,) = portwatch.follow(second, more)
    queries = [parse_qs(urlsplit(each.address).query) for each in (first, second, third)]
    assert [query["resultOffset"] for query in queries] == [["0"], ["2"], ["4"]]
    assert queries[2]["where"] == queries[0]["where"]
    assert [first.name, third.name] == ["portwatch_bab_el_mandeb_000.json", "portwatch_bab_el_mandeb_002.json"]
    assert portwatch.follow(third, answer(tmp_path / "b.json", [entry()])) == []


def test_a_page_that_promises_more_and_is_empty_is_refused(tmp_path: Path):
    first = portwatch.requests(portwatch.SPEC.endpoint, now=NOW, key=None)[0]
    with pytest.raises(BadInput, match="more are promised"):
        portwatch.follow(first, answer(tmp_path / "a.json", [], exceededTransferLimit=True))


# --- what is refused ------------------------------------------------------------------------------

DAY = {"date": "2026-06-01", "total": 15, "container": 1, "dryBulk": 2, "generalCargo": 3, "roro": 4, "tanker": 5}
DAY |= {"capContainer": 1, "capDryBulk": 2, "capGeneralCargo": 3, "capRoro": 4, "capTanker": 5}


def small(rows: int = 1, **other: object) -> bytes:
    strait = {"portwatchName": "Suez Canal", "rowCount": rows, "history": [DAY]}
    return json.dumps({"capturedAt": "2026-06-10T00:00:00Z", "chokepoints": {"suez": strait}} | other).encode()


def test_a_small_snapshot_is_read_packed_and_plain(tmp_path: Path):
    for name, content in (("a.json", small()), ("a.json.gz", gzip.compress(small()))):
        (tmp_path / name).write_bytes(content)
        assert len(harvest(tmp_path / name).tables["transits"]) == 6


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b"\x80",
        b'{"features": []}',
        b'{"features": [1]}',
        b'{"features": [{"attributes": {"portname": "Suez Canal", "date": 1}}]}',
        b'{"error": {"code": 400, "message": "Invalid query"}}',
        gzip.compress(small(), mtime=0)[:-9],
        small(rows=2),
        small(capturedAt="yesterday"),
        small(capturedAt="2026-06-10T00:00:00"),
        small(chokepoints={}),
        small(chokepoints=[]),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.json"):
        portwatch.parse(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="nothing"):
        portwatch.parse(tmp_path / "a.json")
