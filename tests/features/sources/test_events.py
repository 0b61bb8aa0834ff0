"""Events: one row per mineral, known when the day is over, and no end before it came."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import BUNDLE, ingest
from features.errors import BadInput
from features.sources import events
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
END = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
GOOD = {
    "event_id": "IDN-ban",
    "announced_on": "2014-01-11",
    "effective_on": "2014-01-12",
    "ended_on": "",
    "country_iso3": "IDN",
    "minerals": "nickel;bauxite",
    "kind": "export_ban",
    "direction": "tightening",
    "severity": "3",
    "title": "Ban on ores",
    "source": "Law",
    "source_seen": "https://example.org",
    "confidence": "high",
    "date_checked": "day",
}


def write(folder: Path, *changes: dict[str, str], name: str = "events.csv") -> Path:
    """Write one row per change of the good one."""
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(GOOD))
        writer.writeheader()
        for number, change in enumerate(changes):
            writer.writerow({**GOOD, "event_id": f"event-{number}", **change})
    return path


def harvest(path: Path, now: dt.datetime = NOW) -> Harvest:
    return events.harmonise(events.parse(path), load_catalog(), file=path.name, lag=None, now=now)


def measures(path: Path, now: dt.datetime = NOW) -> pd.DataFrame:
    found = harvest(path, now)
    assert found.rejected.empty
    for name, table in found.tables.items():
        datasets.check(name, table, where=name)
    return found.tables["measures"]


def test_one_event_gives_one_row_per_mineral(tmp_path: Path):
    table = measures(write(tmp_path, {"minerals": "nickel; bauxite;Nickel"}))
    assert table[["event_id", "mineral", "supplier"]].to_numpy().tolist() == [
        ["event-0", "bauxite", "IDN"],
        ["event-0", "nickel", "IDN"],
    ]


def test_an_event_is_known_when_the_day_of_its_announcement_is_over(tmp_path: Path):
    table = measures(write(tmp_path, {}))
    assert table["available_at"].unique().tolist() == [utc("2014-01-12")]
    assert table["effective_at"].unique().tolist() == [utc("2014-01-12")]


def test_the_end_is_unknown_until_the_day_of_the_end_is_over(tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "events", write(tmp_path, {"minerals": "nickel", "ended_on": "2016-05-03"}), now=NOW)

    def ends(day: str) -> list:
        return store.read("measures", as_of=utc(day).to_pydatetime())["ended_at"].tolist()

    assert ends("2014-01-11") == []
    assert pd.isna(ends("2014-01-12")[0])
    assert pd.isna(ends("2016-05-03")[0])
    assert ends("2016-05-04") == [utc("2016-05-03")]


def test_an_end_that_is_still_to_come_is_not_stored(tmp_path: Path):
    path = write(tmp_path, {"minerals": "nickel", "ended_on": "2016-05-03"})
    assert measures(path, utc("2016-05-03").to_pydatetime())["ended_at"].isna().all()
    assert len(measures(path, utc("2016-05-04").to_pydatetime())) == 2


@pytest.mark.parametrize("now", ["2014-01-12", "2014-01-13", "2014-01-14"])
def test_an_event_of_a_single_day_can_be_taken_from_the_next_day_on(tmp_path: Path, now: str):
    moment = utc(now).to_pydatetime()
    table = measures(write(tmp_path, {"minerals": "nickel", "ended_on": "2014-01-11"}), moment)
    assert table["available_at"].is_unique
    assert (table["available_at"] <= moment).all()
    assert len(table) == (1 if now == "2014-01-12" else 2)


def test_a_measure_keeps_its_day_and_the_links_that_were_seen(tmp_path: Path):
    row = measures(write(tmp_path, {"minerals": "nickel"})).iloc[0]
    assert (row["announced_at"], row["evidence"]) == (utc("2014-01-11"), "https://example.org")
    assert (row["targeted_importers"], row["hs_codes"]) == ("", "")


def test_kinds_are_split_into_measures_and_incidents(tmp_path: Path):
    kinds = [*events.MEASURE_KINDS, *events.INCIDENT_KINDS]
    found = harvest(write(tmp_path, *({"kind": kind, "minerals": "tin"} for kind in kinds)))
    assert found.rejected.empty
    assert found.tables["measures"]["kind"].tolist() == list(events.MEASURE_KINDS.values())
    assert found.tables["incidents"]["kind"].tolist() == list(events.INCIDENT_KINDS.values())


def test_coverage_says_from_when_until_when_and_only_what_is_known_then(tmp_path: Path):
    table = harvest(write(tmp_path, {})).tables["coverage"]
    assert set(zip(table["dataset"], table["bound"], strict=True)) == {
        (name, bound) for name in ("measures", "incidents") for bound in ("from", "until")
    }
    assert table["bound_at"].equals(table["available_at"])


BAD = {
    "a word that is no mineral": ({"minerals": "nickel;unobtainium"}, "minerals", "no mineral"),
    "no mineral": ({"minerals": " ; "}, "minerals", "no mineral"),
    "an unknown country": ({"country_iso3": "XXX"}, "country_iso3", "unknown country"),
    "an unknown kind": ({"kind": "rumour"}, "kind", "unknown kind"),
    "an unknown direction": ({"direction": "up"}, "direction", "unknown direction"),
    "another severity": ({"severity": "4"}, "severity", "not 1, 2 or 3"),
    "half a severity": ({"severity": "1.5"}, "severity", "not 1, 2 or 3"),
    "another confidence": ({"confidence": "sure"}, "confidence", "not high"),
    "no date": ({"announced_on": ""}, "announced_on", "not a date"),
    "a date that never was": ({"announced_on": "2014-02-30"}, "announced_on", "not a date"),
    "a date to come": ({"announced_on": "2027-01-01"}, "announced_on", "after 2026-11-25"),
    "an effective date that is none": ({"effective_on": "soon"}, "effective_on", "not a date"),
    "an end that is none": ({"ended_on": "soon"}, "ended_on", "not a date"),
    "an end before the beginning": ({"ended_on": "2013-01-01"}, "ended_on", "before its announcement"),
    "no id": ({"event_id": ""}, "event_id", "empty, or used twice"),
    "an id used twice": ({"event_id": "event-0"}, "event_id", "empty, or used twice"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_row_is_refused_with_file_row_and_field_and_nothing_is_stored(tmp_path: Path, what: str):
    change, field, reason = BAD[what]
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "events", write(tmp_path, {}, {}, name="good.csv"), now=NOW)
    before = store.digest(as_of=END)
    with pytest.raises(BadInput, match=f"bad.csv, row 2, field {field}.*{reason}") as caught:
        ingest(store, "events", write(tmp_path, {}, change, name="bad.csv"), now=NOW)
    assert caught.value.exit_code == 3
    assert store.digest(as_of=END) == before


def test_the_input_is_not_changed():
    raw = events.parse(BUNDLE / "events.csv")
    before = raw.copy(deep=True)
    events.harmonise(raw, load_catalog(), file="x", lag=None, now=NOW)
    pd.testing.assert_frame_equal(raw, before)


# --- the embedded compilation ---------------------------------------------------------------------


@pytest.mark.shared
def test_the_embedded_events_are_the_compilation(shared: Path):
    compiled = shared / "events" / "disruption_events.csv"
    assert (BUNDLE / "events.csv").read_bytes() == compiled.read_bytes()


def test_every_embedded_event_is_taken_whole():
    with (BUNDLE / "events.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    found = harvest(BUNDLE / "events.csv")
    assert found.rejected.empty
    tables = pd.concat([found.tables["measures"], found.tables["incidents"]])
    assert set(tables["event_id"]) == {row["event_id"] for row in listed}
    catalog = load_catalog()
    pairs = {
        (row["event_id"], catalog.mineral_of_word(word.strip()))
        for row in listed
        for word in row["minerals"].split(";")
        if word.strip()
    }
    assert set(zip(tables["event_id"], tables["mineral"], strict=True)) == pairs
    ended = {row["event_id"] for row in listed if row["ended_on"] and row["ended_on"] < str(NOW.date())}
    assert set(tables.loc[tables["ended_at"].notna(), "event_id"]) == ended


def test_no_embedded_event_lies_outside_the_span_it_claims_to_cover():
    raw = pd.read_csv(BUNDLE / "events.csv", dtype=str)
    announced = pd.to_datetime(raw["announced_on"]).dt.date
    assert announced.min() >= events.COVERED_FROM
    assert announced.max() <= events.COVERED_UNTIL
