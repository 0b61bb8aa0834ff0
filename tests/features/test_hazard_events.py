"""Accounts of one disaster share an id; nothing that becomes known later, or in another order, changes it."""

from __future__ import annotations

import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.hazard_events import distinct_events, kilometres_between
from tests.builders import rows, utc

QUAKE = {
    "source": "usgs",
    "event_id": "a",
    "kind": "earthquake",
    "country": "CHL",
    "latitude": -19.6,
    "longitude": -70.8,
    "happened_at": utc("2014-04-01 23:46:47"),
    "ended_at": pd.NaT,
    "magnitude": 8.2,
    "depth_km": 25.0,
    "severity": 3,
    "title": "Iquique",
    "link": "",
    "available_at": utc("2014-04-02 23:46:47"),
}
LATER = utc("2014-05-01")


def told(*changes: dict) -> pd.DataFrame:
    return rows("hazards", [QUAKE | change for change in changes])


def ids(*changes: dict) -> list[str]:
    return distinct_events(told(*changes))["disaster_id"].tolist()


def at(text: str) -> dict:
    return {"happened_at": utc(text)}


NOAA = {"source": "noaa", "event_id": "7", "available_at": LATER}


def test_the_first_known_gives_its_name():
    assert ids(NOAA, {}) == ["usgs:a", "usgs:a"]
    assert ids(NOAA | {"available_at": utc("2014-04-02")}, {}) == ["noaa:7", "noaa:7"]


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        (at("2014-04-02 00:16:47"), True),  # 30 minutes
        (at("2014-04-02 00:16:48"), False),
        ({"latitude": -19.6 + 0.89}, True),  # 99 km
        ({"latitude": -19.6 + 0.91}, False),
        ({"magnitude": 7.3}, True),
        ({"magnitude": 7.1}, False),
        ({"magnitude": float("nan")}, True),
        ({"kind": "tsunami"}, False),
        (at("2014-04-01"), True),  # a day without an hour
        (at("2014-04-02"), True),
        (at("2014-04-03"), False),
    ],
)
def test_how_near_two_accounts_of_a_quake_must_be(change: dict, is_same: bool):
    first, second = ids({}, NOAA | change)
    assert (first == second) is is_same


@pytest.mark.parametrize("kind", ["volcano", "cyclone", "flood", "drought", "wildfire"])
@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        (at("2014-04-08 23:46:47"), True),
        (at("2014-04-08 23:46:48"), False),
        ({"latitude": -19.6 + 1.79}, True),  # 199 km
        ({"latitude": -19.6 + 1.81}, False),
        ({"magnitude": 1.0}, True),
    ],
)
def test_how_near_accounts_of_other_kinds_must_be(kind: str, change: dict, is_same: bool):
    first, second = ids({"kind": kind}, NOAA | {"kind": kind} | change)
    assert (first == second) is is_same


def test_a_source_tells_its_own_events_apart():
    assert ids({}, {"event_id": "b", "available_at": LATER} | at("2014-04-01 23:50:00")) == ["usgs:a", "usgs:b"]
    # Under another id at the very second and place: a file that had no ids.
    assert ids({}, {"event_id": "b", "available_at": LATER}) == ["usgs:a", "usgs:a"]
    # A day without an hour is no second.
    assert ids(at("2014-04-01"), {"event_id": "b", "available_at": LATER} | at("2014-04-01")) == ["usgs:a", "usgs:b"]


def test_a_disaster_takes_one_event_of_each_source():
    second = NOAA | {"event_id": "8", "magnitude": 7.6, "available_at": LATER + pd.Timedelta(days=1)}
    assert ids({}, NOAA, second | at("2014-04-01 23:55:00")) == ["usgs:a", "usgs:a", "noaa:8"]


def test_the_nearest_in_time_is_joined():
    shock = {"event_id": "b", "magnitude": 7.7, "available_at": utc("2014-04-03")} | at("2014-04-02 00:06:00")
    assert ids({}, shock, NOAA | {"magnitude": 7.8} | at("2014-04-02 00:05:00")) == ["usgs:a", "usgs:b", "usgs:b"]


def test_versions_stay_with_their_event_wherever_they_move():
    moved = {"kind": "cyclone", "latitude": 10.0, "available_at": LATER}
    assert ids({"kind": "cyclone"}, moved) == ["usgs:a", "usgs:a"]


def test_the_date_line_parts_nothing():
    west, east = {"longitude": -179.9}, {"longitude": 179.9}
    assert len(set(ids(west, NOAA | east))) == 1


def test_rows_keep_their_order_index_and_columns():
    table = told(NOAA, {}).set_index(pd.Index([5, 3]))
    found = distinct_events(table)
    pd.testing.assert_frame_equal(found.drop(columns="disaster_id"), table)
    assert distinct_events(table.head(0))["disaster_id"].tolist() == []


def test_distances_are_those_of_a_sphere():
    assert kilometres_between(0, 0, 90, 0) == pytest.approx(10_007.5, abs=1)
    assert kilometres_between(-33.45, -70.67, -12.05, -77.04) == pytest.approx(2_466, abs=10)  # Santiago to Lima
    assert kilometres_between(0, 10, 0, -10) == pytest.approx(2_223.9, abs=1)
    assert kilometres_between(10, 20, 10, 20) == 0


# --- whatever is told -----------------------------------------------------------------------------

# Few values each, so that accounts fall together, tie and contradict each other often.
ACCOUNTS = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["gdacs", "noaa", "usgs"]),
        "event_id": st.sampled_from(["a", "b", "c"]),
        "kind": st.sampled_from(["earthquake", "earthquake", "flood"]),
        "latitude": st.sampled_from([0.0, 0.5, 0.9, 1.7]),
        "longitude": st.sampled_from([0.0, 0.3]),
        "magnitude": st.sampled_from([6.0, 6.8, 7.5, float("nan")]),
        "happened_at": st.sampled_from([0, 60, 1_500, 3_000, 86_400, 90_000]).map(
            lambda seconds: utc("2014-04-01") + pd.Timedelta(seconds=seconds)
        ),
        "available_at": st.integers(0, 5).map(lambda days: utc("2014-04-10") + pd.Timedelta(days=days)),
    }
)
TABLES = st.lists(
    ACCOUNTS, min_size=1, max_size=14, unique_by=lambda row: (row["source"], row["event_id"], row["available_at"])
)


@settings(max_examples=40, deadline=None)
@given(accounts=TABLES, seed=st.integers(0, 1_000))
def test_the_order_of_rows_changes_nothing(accounts: list[dict], seed: int):
    table = told(*accounts)
    places = list(range(len(table)))
    random.Random(seed).shuffle(places)
    shuffled = distinct_events(table.iloc[places])["disaster_id"].sort_index()
    assert shuffled.tolist() == distinct_events(table)["disaster_id"].tolist()


@settings(max_examples=40, deadline=None)
@given(accounts=TABLES)
def test_a_cut_leaves_the_ids_of_the_rest(accounts: list[dict]):
    table = told(*accounts)
    whole = distinct_events(table)
    for moment in sorted(set(table["available_at"])):
        known = table["available_at"] <= moment
        assert distinct_events(table[known])["disaster_id"].tolist() == whole.loc[known, "disaster_id"].tolist()


@settings(max_examples=30, deadline=None)
@given(accounts=TABLES)
def test_an_id_is_that_of_an_account_known_by_then(accounts: list[dict]):
    found = distinct_events(told(*accounts))
    first = found.assign(own=found["source"] + ":" + found["event_id"]).groupby("own")["available_at"].min()
    assert (found["disaster_id"].map(first) <= found["available_at"]).all()
    assert found.groupby(["source", "event_id"])["disaster_id"].nunique().eq(1).all()
