"""INFORM Risk Index: the real trends read off by hand, both layouts, and files with one fault."""

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
from features.sources import inform
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
HEADER = ",".join(inform.COLUMNS)
GOOD = "Chile,CHL,2024,INFORM,INFORM Risk Index,3.1"


def harvest(path: Path, now: dt.datetime = NOW) -> Harvest:
    return inform.harmonise(inform.parse(path), load_catalog(), file=path.name, lag=inform.SPEC.lag, now=now)


def scores(path: Path) -> pd.DataFrame:
    found = harvest(path)
    assert found.rejected.empty
    return datasets.check("geopolitics", found.tables["geopolitics"], where=str(path))


# --- the real file --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def payload(shared: Path) -> Path:
    return shared / "payloads" / "inform" / "inform_risk_index_trends.csv"


@pytest.fixture(scope="module")
def trends(payload: Path) -> pd.DataFrame:
    return scores(payload)


@pytest.mark.shared
def test_every_row_of_the_file_becomes_one(trends: pd.DataFrame):
    assert len(trends) == 7640
    assert trends["country"].nunique() == 191
    assert trends.groupby("indicator").size().to_dict() == dict.fromkeys(inform.INDICATORS.values(), 1910)
    assert sorted(trends["starts_on"].dt.year.unique()) == list(range(2015, 2025))


@pytest.mark.shared
def test_scores_read_off_the_file_by_hand_are_found(trends: pd.DataFrame):
    newest = trends[trends["starts_on"].eq(utc("2024-01-01"))]
    table = newest.pivot_table(index="country", columns="indicator", values="value")
    assert table.loc["AFG"].to_dict() == {
        "inform_risk": 7.8,
        "inform_hazard": 7.6,
        "inform_vulnerability": 8.3,
        "inform_coping": 7.4,
    }
    # Namibia's code could be read as a missing value, and is not its neighbour's.
    assert "NAM" in table.index
    assert table["inform_risk"].idxmax() in {"SOM", "CAF", "SSD"}


@pytest.mark.shared
def test_a_year_is_known_when_it_is_over(trends: pd.DataFrame, payload: Path, tmp_path: Path):
    known = trends.groupby(trends["starts_on"].dt.year)["available_at"].unique()
    assert known[2015].tolist() == [utc("2016-01-01")]
    assert known[2024].tolist() == [utc("2025-01-01")]
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "inform", payload, now=NOW)
    before = store.read("geopolitics", as_of=utc("2024-12-30").to_pydatetime())
    assert before["starts_on"].max() == utc("2023-01-01")


# --- small files ----------------------------------------------------------------------------------


def trend(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *(lines or (GOOD,))]) + "\n", encoding="utf-8")
    return path


def answer(path: Path, *entries: object) -> Path:
    path.write_text(json.dumps(list(entries)), encoding="utf-8")
    return path


def entry(**changed: object) -> dict:
    usual = {"IndicatorId": "INFORM", "FullName": "INFORM Risk Index", "Iso3": "CHL", "CountryName": ""}
    return usual | {"GNAYear": 2024, "IndicatorScore": 3.1, "WorkflowId": 493, "ParentLevel": 0} | changed


def test_the_interface_and_both_headers_say_the_same(tmp_path: Path):
    longer = trend(tmp_path / "longer.csv", f"{GOOD},493,436", header=",".join(inform.LONGER))
    one = scores(trend(tmp_path / "trends.csv"))
    assert one[["indicator", "country", "frequency", "value"]].to_numpy().tolist() == [
        ["inform_risk", "CHL", "year", 3.1]
    ]
    for other in (longer, answer(tmp_path / "trends.json", entry())):
        pd.testing.assert_frame_equal(scores(other), one)


def test_finer_indicators_and_entries_of_no_year_are_left_out_and_counted(tmp_path: Path):
    path = answer(tmp_path / "trends.json", entry(), entry(IndicatorId="HA.NAT"), entry(GNAYear=0, IndicatorId="VU"))
    found = harvest(path)
    assert len(found.tables["geopolitics"]) == 1
    assert found.rejected.empty
    assert found.counts == {"values of other indicators left out": 1, "values of no year left out": 1}


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("Freedonia,FRE,2024,INFORM,INFORM Risk Index,3.1", "Iso3", "FRE"),
        ("Peru,PER,2027,INFORM,INFORM Risk Index,3.1", "GNAYear", "2027"),
        ("Peru,PER,24,INFORM,INFORM Risk Index,3.1", "GNAYear", "24"),
        ("Peru,PER,,INFORM,INFORM Risk Index,3.1", "GNAYear", ""),
        ("Peru,PER,2024,INFORM,INFORM Risk Index,10.1", "IndicatorScore", "10.1"),
        ("Peru,PER,2024,INFORM,INFORM Risk Index,-0.1", "IndicatorScore", "-0.1"),
        ("Peru,PER,2024,INFORM,INFORM Risk Index,x", "IndicatorScore", "x"),
        ("Peru,PER,2024,INFORM,INFORM Risk Index,", "IndicatorScore", ""),
        (GOOD, "GNAYear", "2024"),
    ],
)
def test_a_bad_row_is_rejected_with_its_number(tmp_path: Path, line: str, field: str, value: str):
    found = harvest(trend(tmp_path / "bad.csv", GOOD, line))
    assert found.rejected[["row", "field", "value"]].to_numpy().tolist() == [[2, field, value]]
    assert len(found.tables["geopolitics"]) == 1


def test_another_header_or_answer_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="Is this the right source"):
        inform.parse(trend(tmp_path / "bad.csv", "Chile,CHL,2024", header="CountryName,Iso3,GNAYear"))
    (tmp_path / "page.json").write_text("<html>maintenance</html>")
    with pytest.raises(BadInput, match="readable JSON"):
        inform.parse(tmp_path / "page.json")
    for number, entries in enumerate([[], ["text"], [{"Iso3": "CHL"}]]):
        with pytest.raises(BadInput, match="Has the interface changed"):
            inform.parse(answer(tmp_path / f"{number}.json", *entries))
    with pytest.raises(BadInput, match="Check the path"):
        inform.parse(tmp_path / "none.json")


def test_what_a_later_release_recomputes_counts_from_its_day_and_not_before(tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    for name, score, day in (("a", "3.1", "2025-10-01"), ("b", "3.4", "2026-05-01")):
        path = trend(tmp_path / f"{name}.csv", f"Chile,CHL,2024,INFORM,INFORM Risk Index,{score}")
        ingest(store, "inform", path, now=NOW, released=utc(day).to_pydatetime())
    versions = store.history("geopolitics", as_of=NOW).sort_values("available_at")
    assert versions["value"].tolist() == [3.1, 3.4]
    assert versions["available_at"].tolist() == [utc("2025-01-01"), utc("2026-05-01")]


def test_the_newest_release_is_asked_for():
    (request,) = inform.requests(inform.SPEC.endpoint, now=NOW, key=None)
    assert request.address.startswith(f"https://{inform.SPEC.hosts[0]}/")
    assert request.name.endswith(".json")
