"""REIGN: elections as they were known ahead, leaders as they took office, and nothing the list knows afterwards."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.errors import BadInput
from features.sources import political_rows, reign_elections, reign_leaders
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
LISTED = utc("2021-03-08")


def elections(path: Path) -> Harvest:
    raw = reign_elections.parse(path)
    return reign_elections.harmonise(raw, load_catalog(), file=path.name, lag=None, now=NOW)


@pytest.fixture(scope="module")
def real(shared: Path) -> Harvest:
    return elections(shared / "payloads/reign/electionlist_3_21.csv")


@pytest.fixture(scope="module")
def leaders(shared: Path) -> Harvest:
    path = shared / "payloads/reign/leaderlist_3_21.csv"
    return reign_leaders.harmonise(reign_leaders.parse(path), load_catalog(), file=path.name, lag=None, now=NOW)


def known(found: Harvest, event_id: str) -> list[tuple[str, str, bool]]:
    """Give the versions of one election: known from, happens, is off."""
    table = found.tables["political_events"]
    rows = table[table["event_id"].eq(event_id)].sort_values("available_at")
    return [(f"{r.available_at:%Y-%m-%d}", f"{r.happens_at:%Y-%m-%d}", r.is_retracted) for r in rows.itertuples()]


# --- elections of the real list -------------------------------------------------------------------


@pytest.mark.shared
def test_every_election_of_the_real_list_is_dated_or_accounted_for(real: Harvest, shared: Path):
    table = datasets.check("political_events", real.tables["political_events"], where="reign")
    with (shared / "payloads/reign/electionlist_3_21.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["elecnum"] for row in csv.DictReader(file)}
    assert real.rejected[["row", "field", "value"]].to_numpy().tolist() == [[3516, "elec_day", "31"]], "31 November"
    assert table["event_id"].nunique() + len(real.left_out) + len(real.rejected) == len(listed) == 3143
    assert len(real.left_out) == 66
    assert set(table["kind"]) == {"election"}
    assert real.counts == {
        "after one that was not held": 15,
        "announced": 1009,
        "announced, and the list has no date": 12,
        "by the calendar": 1516,
        "given up before it could be known": 53,
        "in place of one put off": 9,
        "neither announced nor in the calendar": 471,
        "run-off": 56,
        "without a date": 1,
        political_rows.FIXED: 1,
    }
    assert table["available_at"].max() == LISTED
    held = table[~table["is_retracted"]]
    assert (held["available_at"] <= held["happens_at"] + political_rows.A_DAY).all()


CASES = {
    "a run-off, announced on the evening of the first round": ("155020", [("2009-12-14", "2010-01-17", False)]),
    "a run-off without an announcement": ("140024", [("2018-10-08", "2018-10-28", False)]),
    "a regular election": ("552015", [("2017-07-30", "2018-07-30", False)]),
    "a referendum that nobody announced": ("325017", [("2016-12-05", "2016-12-04", False)]),
    "put off; the new date is another election": (
        "700007",
        [("2018-04-20", "2019-04-20", False), ("2018-12-27", "2019-04-20", True)],
    ),
    "in place of one that was put off, and put off itself": (
        "700008",
        [("2018-12-27", "2019-07-20", False), ("2019-03-21", "2019-07-20", True)],
    ),
    "in place of the latter": ("700009", [("2019-03-21", "2019-09-28", False)]),
    "the first after a coup had voided one: no calendar": ("432015", [("2013-07-29", "2013-07-28", False)]),
    "announced, then the army took power": (
        "800018",
        [("2006-05-31", "2006-10-15", False), ("2006-09-20", "2006-10-15", True)],
    ),
    "due by a deadline, announced for an earlier day": (
        "900016",
        [("1986-12-31", "1987-12-31", False), ("1987-07-01", "1987-07-11", False)],
    ),
    "called off in a time to come": (
        "626003",
        [("2020-07-31", "2021-07-31", False), ("2021-03-08", "2021-07-31", True)],
    ),
    "put off before anybody could know the date": ("155025", []),
    "to come, by the calendar": ("155027", [("2020-11-21", "2021-11-21", False)]),
    "to come, and irregular": ("620006", [("2021-03-08", "2021-12-24", False)]),
    "to come in years: the list itself knew": ("516010", [("2021-03-08", "2025-05-20", False)]),
}


@pytest.mark.shared
@pytest.mark.parametrize("what", CASES)
def test_what_was_known_of_an_election(real: Harvest, what: str):
    event_id, versions = CASES[what]
    assert known(real, event_id) == versions


@pytest.mark.shared
def test_the_store_knows_the_elections_to_come_and_forgets_those_called_off(shared: Path, tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    receipt = ingest(store, "reign_elections", shared / "payloads/reign/electionlist_3_21.csv", now=NOW)
    assert receipt.released == LISTED.to_pydatetime()
    assert receipt.added == {"political_events": 3303, "coverage": 2}

    def ahead(country: str, day: str) -> list[str]:
        table = store.read("political_events", as_of=utc(day).to_pydatetime())
        table = table[table["country"].eq(country) & table["happens_at"].ge(utc(day))]
        return [f"{moment:%Y-%m-%d}" for moment in table["happens_at"].sort_values()]

    assert ahead("AFG", "2018-12-26") == ["2019-04-20"]
    assert ahead("AFG", "2018-12-27") == ["2019-07-20"]
    assert ahead("AFG", "2019-04-01") == ["2019-09-28"]
    assert ahead("CHL", "2009-12-13") == ["2009-12-13"]
    assert ahead("CHL", "2009-12-14") == ["2010-01-17"]


@pytest.mark.shared
def test_coverage_says_that_the_list_ended(real: Harvest, leaders: Harvest):
    for found, dataset in ((real, "elections_reign"), (leaders, "leaders_reign")):
        table = datasets.check("coverage", found.tables["coverage"], where=dataset)
        assert table["dataset"].unique().tolist() == [dataset]
        assert table["bound_at"].tolist() == [utc("1950-01-01"), utc("2021-03-01")]
        assert table["available_at"].equals(table["bound_at"])


# --- built lists ----------------------------------------------------------------------------------


def write(folder: Path, *steps: tuple[str, str], name: str = "electionlist_3_21.csv", **other: str) -> Path:
    """One election of Chile, a step per day and word; a day may lack its day."""
    usual = {"ccode": "155", "electionnumber": "1", "country": "Chile", "elecnum": "155001", "type": "X"}
    usual |= {"direct": "Y", "regular": "Y", "victory": "", "change": "", "runoff": "N"}
    with (folder / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(reign_elections.COLUMNS))
        writer.writeheader()
        for number, (day, word) in enumerate(steps, start=1):
            year, month, date = (*day.split("-"), " ")[:3]
            cells = {"elec_year": year, "elec_month": month, "elec_day": date, "event": word, "sequence": str(number)}
            writer.writerow(usual | cells | other)
    return folder / name


def test_a_month_without_a_day_is_its_last_day(tmp_path: Path):
    found = elections(write(tmp_path, ("2012-2", "Announced"), ("2012-9", "Vote, Early")))
    assert known(found, "155001") == [("2012-03-01", "2012-09-30", False)]


def test_an_announcement_of_the_same_open_month_is_no_later_than_the_vote(tmp_path: Path):
    found = elections(write(tmp_path, ("2012-9", "Announcement Assumed"), ("2012-9-5", "Vote, Early")))
    assert known(found, "155001") == [("2012-09-06", "2012-09-05", False)]


def test_an_early_vote_that_nobody_announced_is_not_in_the_calendar(tmp_path: Path):
    early = elections(write(tmp_path, ("2012-9-5", "Vote, Early")))
    assert known(early, "155001") == [("2012-09-06", "2012-09-05", False)]
    due = elections(write(tmp_path, ("2012-9-5", "Vote, Early"), ("2013-3-1", "Deadline Met")))
    assert known(due, "155001") == [("2012-03-01", "2013-03-01", False), ("2012-09-06", "2012-09-05", False)]


@pytest.mark.parametrize("word", ["Vote, As Scheduled", "Voided", "Deadline Not Met", "Deadline Met"])
def test_what_became_of_a_regular_election_does_not_tell_on_what_was_known_before(tmp_path: Path, word: str):
    assert known(elections(write(tmp_path, ("2012-9-5", word))), "155001")[0] == ("2011-09-06", "2012-09-05", False)


def test_a_failed_regime_takes_its_election_with_it(tmp_path: Path):
    steps = (("2012-5-1", "Regime Failure"), ("2012-9-5", "Voided by Regime Change"))
    assert known(elections(write(tmp_path, *steps)), "155001") == [
        ("2011-09-06", "2012-09-05", False),
        ("2012-05-02", "2012-09-05", True),
    ]
    irregular = elections(write(tmp_path, *steps, regular="N"))
    assert known(irregular, "155001") == []
    assert irregular.left_out["reason"].tolist() == ["given up before it could be known"]


BAD = {
    "a state of nobody": ({"ccode": "999", "country": "Atlantis"}, "ccode"),
    "another word": ({"event": "Perhaps"}, "event"),
    "another type": ({"type": "Q"}, "type"),
    "no day of the calendar": ({"elec_month": "13"}, "elec_day"),
    "a vote after the list": ({"elec_year": "2022"}, "elec_day"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_step_is_rejected_with_row_and_field(tmp_path: Path, what: str):
    change, field = BAD[what]
    found = elections(write(tmp_path, ("2012-9-5", "Vote, As Scheduled"), **change))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[1, field]]
    assert found.tables["political_events"].empty


@pytest.mark.parametrize("name", ["elections.csv", "electionlist_13_21.csv", "leaderlist_3_21.csv"])
def test_a_list_whose_name_does_not_tell_its_month_is_refused(tmp_path: Path, name: str):
    with pytest.raises(BadInput, match="electionlist_M_YY"):
        elections(write(tmp_path, ("2012-9-5", "Vote, As Scheduled"), name=name))


# --- leaders --------------------------------------------------------------------------------------


@pytest.mark.shared
def test_every_leader_but_the_first_of_a_state_is_a_change(leaders: Harvest):
    table = datasets.check("political_events", leaders.tables["political_events"], where="leaders")
    assert leaders.rejected.empty
    assert (len(table), len(leaders.left_out)) == (2324, 200)
    assert leaders.counts == {"first leaders of a state": 200, political_rows.FIXED: 0}
    assert set(table["kind"]) == {"leader_change"}
    assert (table["available_at"] - table["happens_at"]).eq(pd.Timedelta(days=1)).all()
    assert table["happens_at"].max() < utc("2021-03-01")
    mali = table[table["country"].eq("MLI") & table["happens_at"].ge(utc("2012-01-01"))]
    assert [f"{day:%Y-%m-%d}" for day in mali["happens_at"]] == [
        "2012-03-22",
        "2012-04-12",
        "2013-09-04",
        "2020-08-19",
        "2020-09-25",
    ]


@pytest.mark.shared
def test_a_damaged_or_unnamed_list_of_leaders_is_refused_or_its_rows_rejected(shared: Path, tmp_path: Path):
    lines = (shared / "payloads/reign/leaderlist_3_21.csv").read_bytes().splitlines(keepends=True)[:6]
    path = tmp_path / "leaderlist_3_21.csv"
    path.write_bytes(b"".join(lines).replace(b",20,1,1961,", b",31,2,1961,").replace(b",22,11,1963,", b",22,11,2023,"))
    found = reign_leaders.harmonise(reign_leaders.parse(path), load_catalog(), file="x", lag=None, now=NOW)
    assert found.rejected[["row", "field", "reason"]].to_numpy().tolist() == [
        [3, "sdate", "not a day"],
        [4, "sdate", "a day after the list came out"],
    ]
    for name, content in (("leaders.csv", b"".join(lines)), ("leaderlist_4_21.csv", b"a,b\n1,2\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=name):
            reign_leaders.parse(tmp_path / name)
