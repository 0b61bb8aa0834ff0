"""Merging: one act told by several sources is one measure, and nothing is known before it was."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.measures import current, merged
from features.sources import events, global_trade_alert, iea_policies
from tests.builders import event, rows, utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


def told(source: str, event_id: str, known: str, mineral: str = "cobalt", **other) -> dict:
    return event(event_id, mineral, other.pop("supplier", "COD"), known, source=source, **other)


def merge(*records: dict) -> pd.DataFrame:
    return merged(rows("measures", records))


def sources(*records: dict) -> list[str]:
    return current(merge(*records)).drop_duplicates("event_id")["sources"].tolist()


BAN = told("events", "a", "2022-12-20")


def test_the_same_act_from_two_sources_is_one_measure_that_keeps_both():
    table = merge(BAN, told("iea", "b", "2022-12-14", severity=3, title="first heard"))
    assert table["event_id"].unique().tolist() == ["b"]
    assert table["sources"].tolist() == ["iea", "iea;events"]
    assert table["available_at"].tolist() == [utc("2022-12-14"), utc("2022-12-20")]
    # The first known member describes it, also afterwards.
    assert table["title"].unique().tolist() == ["first heard"]
    assert table["announced_at"].unique().tolist() == [utc("2022-12-13")]


@pytest.mark.parametrize(
    "other",
    [
        told("iea", "b", "2022-12-14", supplier="ZMB"),
        told("iea", "b", "2022-12-14", "nickel"),
        told("iea", "b", "2022-12-14", kind="export_tax"),
        told("iea", "b", "2022-12-14", direction="easing"),
        told("iea", "b", "2022-11-20"),
        told("iea", "b", "2022-12-10", kind="licensing"),
        told("events", "b", "2022-12-20"),
    ],
    ids=["supplier", "mineral", "group", "direction", "too long ago", "another kind too long ago", "same source"],
)
def test_what_differs_stays_apart(other: dict):
    assert len(sources(BAN, other)) == 2


def test_kinds_of_one_group_may_be_one_act_within_a_week():
    assert sources(BAN, told("gta", "b", "2022-12-18", kind="licensing")) == ["gta;events"]


def test_a_day_in_force_counts_like_a_day_of_announcement():
    early = told("events", "a", "2022-12-22", effective_at=utc("2023-06-10"))
    assert sources(early, told("iea", "b", "2023-06-02")) == ["events;iea"]


def test_of_several_that_fit_the_nearest_is_taken():
    first, second = told("events", "a", "2022-12-20"), told("events", "b", "2022-12-28")
    table = current(merge(first, second, told("gta", "c", "2022-12-29")))
    assert dict(zip(table["event_id"], table["sources"], strict=True)) == {"a": "events", "b": "events;gta"}


def year_only(year: int, **other) -> dict:
    return told("iea", "y", f"{year + 1}-01-01", announced_at=pd.NaT, **other)


def test_an_act_of_a_year_joins_the_only_one_of_its_kind_in_that_year():
    assert sources(BAN, year_only(2022)) == ["events;iea"]
    assert len(sources(BAN, year_only(2021))) == 2
    assert len(sources(BAN, year_only(2022, kind="licensing"))) == 2
    assert len(sources(BAN, told("events", "b", "2022-03-20"), year_only(2022))) == 3


def test_minerals_that_a_later_source_adds_count_from_its_own_date():
    table = merge(BAN, told("gta", "b", "2022-12-22"), told("gta", "b", "2022-12-22", "nickel"))
    assert table["event_id"].unique().tolist() == ["a"]
    added = table[table["mineral"].eq("nickel")].iloc[0]
    assert (added["available_at"], added["sources"]) == (utc("2022-12-22"), "gta")


def test_the_first_end_that_is_told_ends_it():
    ended = told("iea", "b", "2023-03-01", ended_at=utc("2023-02-28"), announced_at=utc("2022-12-13"))
    table = merge(BAN, told("iea", "b", "2022-12-14"), ended)
    assert table["ended_at"].notna().tolist() == [False, False, True]
    assert table["available_at"].tolist()[-1] == utc("2023-03-01")


def test_it_is_withdrawn_only_when_every_source_withdrew_it():
    other = told("iea", "b", "2022-12-14")
    gone = [told("events", "a", "2023-01-05", is_retracted=True), told("iea", "b", "2023-02-05", is_retracted=True)]
    table = merge(BAN, other, *gone)
    assert len(current(merge(BAN, other, gone[0]))) == 1
    assert current(table).empty
    assert table["available_at"].tolist()[-1] == utc("2023-02-05")
    # What comes later is another measure.
    assert len(current(merge(BAN, other, *gone, told("gta", "c", "2023-02-06", announced_at=utc("2022-12-14"))))) == 1


def test_what_is_told_again_after_its_withdrawal_stands_again():
    gone = told("events", "a", "2023-01-05", is_retracted=True)
    again = told("events", "a", "2023-01-09", severity=3, announced_at=BAN["announced_at"])
    table = merge(BAN, gone, again)
    assert table["is_retracted"].tolist() == [False, True, False]
    (row,) = current(table).to_dict("records")
    assert (row["event_id"], row["available_at"], row["severity"]) == ("a", utc("2023-01-09"), 3)
    assert current(merge(BAN, gone, again, gone | {"available_at": utc("2023-01-10")})).empty


def test_a_source_that_joins_on_a_withdrawn_mineral_tells_it_anew():
    both = [BAN, told("events", "a", "2022-12-20", "copper")]
    gone = told("events", "a", "2022-12-21", is_retracted=True)
    other = [told("gta", "b", "2022-12-22", mineral) for mineral in ("cobalt", "copper")]
    table = current(merge(*both, gone, *other)).set_index("mineral")
    assert table["event_id"].tolist() == ["a", "a"]
    assert table["sources"].to_dict() == {"cobalt": "gta", "copper": "events;gta"}


def test_two_sources_that_use_one_name_are_kept_apart():
    table = merge(BAN, told("gta", "a", "2022-12-22", supplier="CHN"))
    assert table["event_id"].tolist() == ["a", "gta:a"]


def test_none_give_none():
    table = merged(datasets.empty("measures"))
    assert table.empty
    assert "sources" in table.columns


def random_acts(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    records = []
    for number in range(60):
        source, supplier = rng.choice(["events", "iea", "gta"]), rng.choice(["COD", "CHN"])
        known = utc("2020-01-01") + pd.Timedelta(days=int(rng.integers(0, 500)))
        kind = rng.choice(["export_ban", "licensing", "export_tax"])
        day = pd.NaT if rng.random() < 0.2 else known - pd.Timedelta(days=1)
        if day is pd.NaT:
            known = utc(f"{known.year + 1}-01-01")
        minerals = rng.choice(["cobalt", "copper", "tin"], size=int(rng.integers(1, 4)), replace=False)
        for mineral in minerals:
            one = told(source, f"{source}-{number}", known, mineral, supplier=supplier, kind=kind, announced_at=day)
            records.append(one | {"available_at": known})
            if rng.random() < 0.4:
                end = known + pd.Timedelta(days=int(rng.integers(1, 300)))
                records.append(one | {"available_at": end, "ended_at": end - pd.Timedelta(days=1)})
            if rng.random() < 0.15:
                gone = known + pd.Timedelta(days=int(rng.integers(301, 500)))
                records.append(one | {"available_at": gone, "is_retracted": True})
                if rng.random() < 0.5:
                    records.append(one | {"available_at": gone + pd.Timedelta(days=int(rng.integers(1, 60)))})
    return rows("measures", records)


@pytest.mark.parametrize("seed", range(3))
def test_merging_and_cutting_is_cutting_and_merging(seed: int):
    table = random_acts(seed)
    whole = merged(table)
    assert whole["sources"].str.contains(";").any()
    assert not whole.duplicated(["event_id", "mineral", "available_at"]).any()
    rng = np.random.default_rng(seed)
    shuffled = merged(table.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(shuffled, whole)
    for day in rng.choice(whole["available_at"].unique(), 6):
        for moment in (pd.Timestamp(day), pd.Timestamp(day) - pd.Timedelta(microseconds=1)):
            cut = merged(table[table["available_at"] <= moment])
            pd.testing.assert_frame_equal(cut, whole[whole["available_at"] <= moment].reset_index(drop=True))


@pytest.fixture(scope="module")
def real(shared: Path, repo_root: Path) -> pd.DataFrame:
    payloads = shared / "payloads"
    files = [
        (events, repo_root / "features" / "bundle" / "events.csv"),
        (iea_policies, payloads / "iea_policies" / "IEA_CM_Policies.csv"),
        (global_trade_alert, payloads / "global_trade_alert" / "gta-interventions.json"),
    ]
    tables = [
        module.harmonise(module.parse(path), load_catalog(), file=path.name, lag=None, now=NOW).tables["measures"]
        for module, path in files
    ]
    return pd.concat(tables, ignore_index=True)


def test_acts_that_three_real_sources_tell_are_found(real: pd.DataFrame):
    table = merged(real).drop_duplicates(["event_id", "mineral"], keep="last")
    by_all = table[table["sources"].str.count(";").eq(2)]
    pairs = set(zip(by_all["supplier"], by_all["mineral"], strict=True))
    assert {("CHN", "rare_earths"), ("ZWE", "lithium"), ("NAM", "cobalt"), ("IDN", "nickel")} <= pairs
    by_event = table.set_index(["event_id", "mineral"])["sources"]
    assert by_event["CHN-2024-antimony-licensing", "antimony"] == "events;iea_policies"
    # A company's dispute and a new list of banned ores, three weeks apart, are two acts.
    assert by_event["IDN-2017-freeport-halt", "copper"] == "events"


def test_one_source_alone_is_left_as_it_is(real: pd.DataFrame):
    own = real[real["source"].eq("events")].sort_values(["available_at", "event_id", "mineral"], ignore_index=True)
    table = merged(own)
    assert table["sources"].unique().tolist() == ["events"]
    pd.testing.assert_frame_equal(table[own.columns], own)
