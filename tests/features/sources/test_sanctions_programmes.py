"""Programmes of sanctions, embedded: since when each is known, when it ended; reading them again adds nothing."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import BUNDLE, ingest
from features.sources import sanction_programmes
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
GOOD = {
    "imposed_by": "USA",
    "programme": "TEST",
    "title": "A test",
    "country": "COD",
    "since": "2019-05-08",
    "published_on": "2019-05-09",
    "ended_on": "",
    "act": "E.O. 1",
    "confidence": "high",
    "note": "",
}


def harvest(path: Path, now: dt.datetime = NOW) -> Harvest:
    raw = sanction_programmes.parse(path)
    found = sanction_programmes.harmonise(raw, load_catalog(), file=path.name, lag=None, now=now)
    datasets.check("sanctions", found.tables["sanctions"], where="test")
    return found


def written(folder: Path, *changes: dict[str, str]) -> Path:
    path = folder / "programmes.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(GOOD))
        writer.writeheader()
        writer.writerows(GOOD | change for change in changes)
    return path


def test_the_embedded_programmes_are_all_read():
    found = harvest(BUNDLE / "sanction_programmes.csv")
    rows = found.tables["sanctions"]
    assert len(found.rejected) == 0
    assert rows["is_retracted"].value_counts().to_dict() == {False: 165, True: 17}
    assert set(rows["kind"]) == {"programme"}
    assert not rows["is_metals"].any()
    by_id = rows[~rows["is_retracted"]].set_index("entry_id")
    crimea = by_id.loc["USA/UKRAINE-EO13661"]
    # Signed on a Sunday, announced on Monday.
    assert (crimea["listed_at"], crimea["available_at"]) == (utc("2014-03-16"), utc("2014-03-18"))
    assert crimea["country"] == "RUS"
    assert by_id.loc["EUU/COD", "available_at"] == utc("2005-07-24")
    assert (by_id["available_at"] > by_id["listed_at"]).all()


def test_a_programme_that_ended_is_gone_from_the_day_after(tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    path = BUNDLE / "sanction_programmes.csv"
    assert ingest(store, "sanction_programmes", path, now=NOW).added == {"sanctions": 182}
    assert ingest(store, "sanction_programmes", path, now=NOW + dt.timedelta(days=9)).added == {"sanctions": 0}

    def known(day: str) -> set[str]:
        return set(store.read("sanctions", as_of=utc(day))["entry_id"])

    assert "USA/ZIMBABWE" not in known("2003-03-07")
    assert "USA/ZIMBABWE" in known("2003-03-08")
    assert "USA/ZIMBABWE" in known("2024-03-04")
    assert "USA/ZIMBABWE" not in known("2024-03-05")


def test_what_is_known_on_a_day_does_not_depend_on_when_it_was_read():
    late = harvest(BUNDLE / "sanction_programmes.csv").tables["sanctions"]
    day = utc("2021-06-01")
    early = harvest(BUNDLE / "sanction_programmes.csv", now=day.to_pydatetime())
    assert len(early.rejected) == (late[~late["is_retracted"]]["listed_at"] > day).sum() == 24
    known = late[late["available_at"] <= day].reset_index(drop=True)
    assert early.tables["sanctions"].equals(known)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"programme": ""}, "programme"),
        ({}, "programme"),
        ({"programme": "B", "imposed_by": "US"}, "imposed_by"),
        ({"programme": "B", "title": ""}, "title"),
        ({"programme": "B", "country": "XXX"}, "country"),
        ({"programme": "B", "since": "2019-02-30"}, "since"),
        ({"programme": "B", "published_on": "2019-05-07"}, "published_on"),
        ({"programme": "B", "published_on": ""}, "published_on"),
        ({"programme": "B", "since": "2027-01-01", "published_on": "2027-01-01"}, "published_on"),
        ({"programme": "B", "ended_on": "2019-05-09"}, "ended_on"),
        ({"programme": "B", "ended_on": "soon"}, "ended_on"),
    ],
)
def test_a_row_that_cannot_be_right_is_rejected(tmp_path: Path, change: dict[str, str], field: str):
    found = harvest(written(tmp_path, {}, change))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert found.tables["sanctions"]["entry_id"].tolist() == ["USA/TEST"]


def test_an_end_to_come_is_not_known_yet(tmp_path: Path):
    path = written(tmp_path, {"ended_on": "2026-11-25"})
    assert harvest(path).tables["sanctions"]["is_retracted"].tolist() == [False]
    later = harvest(path, now=NOW + dt.timedelta(days=1)).tables["sanctions"]
    assert later["is_retracted"].tolist() == [False, True]
    assert later["available_at"].tolist() == [utc("2019-05-10"), utc("2026-11-26")]
