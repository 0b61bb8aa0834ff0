"""Timelines of a theme: the relay's file to the last day, the interface's answers, and when a day is known."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.errors import BadInput
from features.sources import gdelt_timeline
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)
RELAY = "payloads/gdelt/gdelt_daily-nas100-relay.csv"


def harvest(path: Path, now: dt.datetime = NOW) -> Harvest:
    return gdelt_timeline.harmonise(gdelt_timeline.parse(path), load_catalog(), file=path.name, lag=None, now=now)


def told(found: Harvest) -> pd.DataFrame:
    return datasets.check("geopolitics", found.tables["geopolitics"], where="timeline")


@pytest.mark.shared
def test_the_relay_gives_tone_and_volume_of_every_day(shared: Path):
    found = harvest(shared / RELAY)
    table, plain = told(found), pd.read_csv(shared / RELAY)
    assert found.rejected.empty
    assert table["indicator"].value_counts().to_dict() == {"gdelt_trade_geo_tone": 3495, "gdelt_trade_geo_volume": 3495}
    by = table.set_index(["indicator", table["starts_on"].dt.strftime("%Y-%m-%d")])["value"]
    assert by["gdelt_trade_geo_tone"].tolist() == plain["trade_geo_tone"].tolist()
    # Per cent of all articles becomes a fraction.
    assert by["gdelt_trade_geo_volume", "2017-01-01"] == pytest.approx(0.00882)
    assert by["gdelt_trade_geo_volume"].sum() == pytest.approx(plain["trade_geo_vol"].sum() / 100)
    assert set(table["country"]) == set(table["partner"]) == {""}
    assert found.counts["columns of other themes"] == 10


@pytest.mark.shared
def test_a_day_is_known_on_the_tuesday_after_its_week(shared: Path, tmp_path: Path):
    table = told(harvest(shared / RELAY)).drop_duplicates("starts_on").set_index("starts_on")["available_at"]
    # A Sunday, a Monday.
    assert (table[utc("2017-01-01")], table[utc("2017-01-02")]) == (utc("2017-01-03"), utc("2017-01-10"))
    assert (table.dt.day_of_week == 1).all()
    assert (table - table.index.to_series() > pd.Timedelta(0)).all()
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "gdelt_timeline", shared / RELAY, now=NOW)
    assert store.read("geopolitics", as_of=utc("2017-01-09"))["starts_on"].max() == utc("2017-01-01")
    assert store.read("geopolitics", as_of=utc("2017-01-10"))["starts_on"].max() == utc("2017-01-08")


def relay(path: Path, *lines: str, header: str = "date,trade_geo_tone,trade_geo_vol") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_days_of_a_week_that_is_not_over_and_days_without_a_figure_are_left_out(tmp_path: Path):
    path = relay(tmp_path / "a.csv", "2026-11-22,-2,0.5", "2026-11-23,-2,0.5", "2026-11-21,,0.5")
    found = harvest(path)
    assert told(found)["starts_on"].dt.day.tolist() == [22, 22, 21]
    assert found.counts["figures of a week that is not over"] == 2
    assert found.counts["days without a figure"] == 1


def test_bad_figures_are_rejected_with_row_and_field(tmp_path: Path):
    lines = ["2026-11-02,-2,0.5", "2026-11-31,-2,0.5", "2026-11-03,x,101", "2026-11-04,200,-1", "2027-01-01,1,1",
             "2026-11-05,1,1", "2026-11-05,1,2", "1999-01-01,1,1"]  # fmt: skip
    found = harvest(relay(tmp_path / "a.csv", *lines))
    bad = found.rejected.groupby("row")["field"].unique().map(list).to_dict()
    assert bad == {2: ["date"], 3: ["value"], 4: ["value"], 5: ["date"], 6: ["date"], 7: ["date"], 8: ["date"]}
    assert found.rejected["row"].value_counts().eq(2).all()
    assert told(found)["value"].tolist() == [-2.0, 0.005]


def answer(path: Path, series: str, *points: tuple[str, float], **more: list) -> Path:
    every = {series: [{"date": date, "value": value} for date, value in points]} | more
    timeline = [{"series": name, "data": data} for name, data in every.items()]
    path.write_text(json.dumps({"query_details": {"date_resolution": "day"}, "timeline": timeline}))
    return path


def test_answers_of_the_interface_are_read_in_both_forms(tmp_path: Path):
    points = ("20260901T000000Z", 0.25), ("20260902T000000Z", 0.5)
    volume = told(harvest(answer(tmp_path / "sanctions-timelinevol.json", "Volume Intensity", *points)))
    assert volume["indicator"].unique().tolist() == ["gdelt_sanctions_volume"]
    assert volume["value"].tolist() == [0.0025, 0.005]
    text = "\ufeffDate,Series,Value\n2026-09-01,Average Tone,-2.5\n2026-09-02,Average Tone,-1\n2026-09-02,Other,7\n"
    path = tmp_path / "sanctions-timelinetone-2026.csv"
    path.write_text(text, encoding="utf-8")
    found = harvest(path)
    assert told(found)[["indicator", "value"]].to_numpy().tolist() == [
        ["gdelt_sanctions_tone", -2.5],
        ["gdelt_sanctions_tone", -1.0],
    ]
    assert found.counts["figures of other series"] == 1
    assert told(found)["starts_on"].tolist() == volume["starts_on"].tolist() == [utc("2026-09-01"), utc("2026-09-02")]


def test_figures_of_hours_are_rejected_rather_than_taken_for_days(tmp_path: Path):
    path = answer(tmp_path / "x-timelinevol.json", "Volume Intensity", ("20260901T001500Z", 1), ("20260902T000000Z", 1))
    assert harvest(path).rejected[["row", "value"]].to_numpy().tolist() == [[1, "20260901T001500Z"]]


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("x-timelinevol.json", "", "JSONDecodeError"),
        ("x-timelinevol.json", "[]", "TypeError"),
        ("x-timelinevol.json", '{"timeline": []}', "the series Volume Intensity"),
        ("x-timelinetone.json", '{"timeline": [{"series": "Volume Intensity", "data": [{"date": "1", "value": 1}]}]}',
         "the series Average Tone"),
        ("x-timelinevol.csv", "Please limit requests to one every 5 seconds", "Date, Series and Value"),
        ("x-timelinevol.csv", "Date,Series,Value\n2026-09-01,Volume", "ValueError"),
        ("trade_geo-timelinevol.json", "{}", "another theme than trade_geo"),
        ("a.csv", "date,fed_tone\n2026-09-01,1\n", "trade_geo_tone"),
        ("a.csv", "date,trade_geo_tone,trade_geo_vol\n2026-09-01,1\n", "cut off"),
        ("a.csv", "date,trade_geo_tone,trade_geo_vol\n", "figures"),
        ("a.json", "{}", "named <theme>-timelinetone"),
    ],
)  # fmt: skip
def test_what_is_no_timeline_is_refused(tmp_path: Path, name: str, text: str, match: str):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadInput, match=match):
        gdelt_timeline.parse(path)
    with pytest.raises(BadInput, match="nothing"):
        gdelt_timeline.parse(tmp_path / "none.csv")


@pytest.mark.shared
def test_other_files_of_the_folder_are_no_timelines(shared: Path):
    for name in ("events.csv", "gdelt-to-mids-dyad-month-counts.csv", "dyad_events_by_year.csv"):
        with pytest.raises(BadInput, match="trade_geo_tone"):
            gdelt_timeline.parse(shared / "payloads/gdelt" / name)
