"""Candidates: which reports belong together, what is no candidate, and that nothing later changes what stands."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import datasets
from features.candidates import candidates
from tests.builders import event, report, rows


def ban(number: int, known: str, mineral: str = "cobalt", supplier: str = "COD", **other) -> dict:
    return report(number, known, mineral, supplier, event_type="export_ban", **other)


def found(links: list[dict], measures: list[dict] = (), reviews: list[dict] = ()) -> pd.DataFrame:
    return candidates(
        rows("news_links", links), datasets.empty("news"), rows("measures", measures), rows("reviews", reviews)
    )


def test_reports_of_one_supplier_kind_and_mineral_within_three_weeks_are_one_candidate():
    links = [ban(1, "2025-02-24"), ban(2, "2025-03-10", language="fr", feed="two"), ban(3, "2025-03-28")]
    (row,) = found(links).to_dict("records")
    assert row["candidate_id"] == f"{links[0]['item_id'][:12]}-COD-export_ban"
    assert (row["reports"], row["feeds"], row["languages"], row["state"]) == (3, 2, 2, "open")
    assert str(row["first_seen"].date()) == "2025-02-24"
    assert str(row["last_seen"].date()) == "2025-03-28"


@pytest.mark.parametrize(
    "other",
    [
        {"supplier": "ZMB"},
        {"mineral": "copper"},
        {"event_type": "export_quota"},
        {"available_at": pd.Timestamp("2025-06-24", tz="UTC")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_supplier_kind_mineral_or_time_is_another_candidate(other):
    assert len(found([ban(1, "2025-02-24"), ban(2, "2025-02-25") | other])) == 2


def test_a_report_without_a_mineral_joins_and_adds_none():
    (row,) = found([ban(1, "2025-02-24"), ban(2, "2025-02-25", mineral="")]).to_dict("records")
    assert row["minerals"] == "cobalt"
    assert found([ban(1, "2025-02-24", mineral="")])["minerals"].tolist() == [""]


@pytest.mark.parametrize(
    "other",
    [
        {"tense": "threatened"},
        {"tense": "denied", "direction": "neutral"},
        {"event_type": "strike"},
        {"event_type": "easing", "direction": "easing"},
        {"supplier": ""},
        {"is_retracted": True},
    ],
    ids=lambda other: next(iter(other.values())),
)
def test_what_is_threatened_denied_withdrawn_or_no_policy_is_no_candidate(other):
    assert found([ban(1, "2025-02-24") | other]).empty


def test_a_measure_on_record_of_about_then_is_named():
    on_record = [
        event("COD-2025", "cobalt", "COD", "2025-02-23"),
        event("COD-2019", "cobalt", "COD", "2019-02-23"),
        event("COD-tax", "cobalt", "COD", "2025-02-23", kind="export_tax"),
        event("ZMB-2025", "cobalt", "ZMB", "2025-02-23"),
    ]
    assert found([ban(1, "2025-02-24")], on_record)["known_as"].tolist() == ["COD-2025"]


def test_the_last_review_is_the_state():
    links = [ban(1, "2025-02-24")]
    said = {"candidate_id": f"{links[0]['item_id'][:12]}-COD-export_ban", "reviewed_by": "ana", "measure": ""}
    reviews = [
        {**said, "decision": decision, "why": decision, "available_at": pd.Timestamp(day, tz="UTC")}
        for decision, day in (("rejected", "2025-03-01"), ("reopened", "2025-03-02"), ("confirmed", "2025-03-03"))
    ]
    states = [found(links, reviews=reviews[:n])["state"].item() for n in range(4)]
    assert states == ["open", "rejected", "open", "confirmed"]


def test_later_reports_never_regroup_earlier_ones():
    rng = np.random.default_rng(3)
    links = [
        ban(
            n,
            str((pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(rng.integers(0, 200)))).date()),
            mineral=str(rng.choice(["", "cobalt", "copper", "tin"])),
            supplier=str(rng.choice(["COD", "ZMB"])),
        )
        for n in range(80)
    ]
    full = rows("news_links", links)
    for day in pd.date_range("2024-02-01", "2024-07-01", periods=5, tz="UTC"):
        early = found(full[full["available_at"] <= day].to_dict("records"))
        late = found(links)
        shared = late[late["first_seen"] <= day]
        assert sorted(early["candidate_id"]) == sorted(shared["candidate_id"])
        assert len(early) > 3


def test_a_correction_of_a_report_regroups_nothing():
    links = [ban(1, "2025-02-24", mineral=""), ban(2, "2025-03-01", mineral="copper")]
    corrected = ban(1, "2025-02-24") | {"available_at": pd.Timestamp("2025-03-20", tz="UTC")}
    for each in (links, [*links, corrected]):
        (row,) = found(each).to_dict("records")
        assert (row["minerals"], row["reports"]) == ("copper", 2)


def test_a_report_joins_the_newest_candidate_that_fits():
    links = [ban(1, "2025-02-01"), ban(2, "2025-02-03", mineral="copper"), ban(3, "2025-02-05", mineral="")]
    assert found(links)[["minerals", "reports"]].to_numpy().tolist() == [["copper", 2], ["cobalt", 1]]
