"""Reviews of candidates: read, refused, confirmed into `measures`, taken back, and kept by a rebuild."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from features import collection
from features.collection.rebuilding import rebuild
from features.errors import BadInput
from features.store import Store
from tests.builders import utc

MEASURE = {
    "supplier": "COD",
    "minerals": ["cobalt"],
    "kind": "export_ban",
    "announced_on": "2025-02-22",
    "title": "Stop",
}
REVIEW = {
    "candidate_id": "abc-COD-export_ban",
    "decision": "confirmed",
    "reviewed_at": "2025-02-25T10:00:00+00:00",
    "reviewed_by": "ana",
    "why": "read the decree",
    "measure": MEASURE,
}
NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


@pytest.fixture
def take(tmp_path: Path):
    """Give a function that reads one review into a store, and the store."""
    store = Store(tmp_path / "datasets", "1GB", 1)

    def read(**other):
        path = tmp_path / f"review-{len(list(tmp_path.glob('review-*')))}.json"
        path.write_text(json.dumps(REVIEW | other))
        return collection.ingest(store, "reviews", path, now=NOW)

    return read, store


def measures(store: Store, as_of: str = "2026-01-05"):
    rows = store.read("measures", as_of=utc(as_of).to_pydatetime())
    return rows.sort_values("mineral")


def test_a_confirmed_measure_is_known_from_the_moment_of_its_review(take):
    read, store = take
    read()
    (row,) = measures(store).to_dict("records")
    assert row["available_at"] == utc("2025-02-25 10:00")
    assert (row["source"], row["event_id"], row["mineral"]) == ("reviews", "news:abc-COD-export_ban", "cobalt")
    assert row["announced_at"] == utc("2025-02-22")
    assert measures(store, "2025-02-25").empty


def test_a_rejected_candidate_leaves_a_record_and_no_measure(take):
    read, store = take
    read(decision="rejected", measure=None)
    assert measures(store).empty
    (row,) = store.read("reviews", as_of=NOW).to_dict("records")
    assert (row["decision"], row["reviewed_by"], row["why"]) == ("rejected", "ana", "read the decree")


def test_reopening_withdraws_and_a_correction_withdraws_only_what_it_drops(take):
    read, store = take
    both = MEASURE | {"minerals": ["cobalt", "copper"]}
    read(measure=both)
    read(measure=MEASURE | {"severity": 3}, withdrawn=both, reviewed_at="2025-03-01T00:00:00+00:00")
    assert measures(store)[["mineral", "severity"]].to_numpy().tolist() == [["cobalt", 3]]
    read(decision="reopened", measure=None, withdrawn=MEASURE, reviewed_at="2025-03-02T00:00:00+00:00")
    assert measures(store).empty
    assert measures(store, "2025-02-28")["mineral"].tolist() == ["cobalt", "copper"]


def test_a_rebuild_keeps_the_decisions(take, monkeypatch):
    monkeypatch.setattr(collection, "BUNDLE_FILES", {})
    read, store = take
    read()
    before = measures(store)
    rebuild(store, now=NOW)
    assert len(before) == 1
    assert measures(store).to_dict("records") == before.to_dict("records")


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"decision": "perhaps"}, "decision"),
        ({"reviewed_at": "2025-02-25T10:00:00"}, "reviewed_at"),
        ({"why": " "}, "why"),
        ({"measure": None}, "measure"),
        ({"decision": "rejected"}, "measure"),
        ({"measure": MEASURE | {"minerals": []}}, "minerals"),
        ({"measure": MEASURE | {"minerals": ["unobtainium"]}}, "minerals"),
        ({"measure": MEASURE | {"supplier": "ZZZ"}}, "supplier"),
        ({"measure": MEASURE | {"severity": 9}}, "severity"),
        ({"extra": 1}, "extra"),
        ({"measure": MEASURE | {"announced_on": "0001-01-01"}}, "announced_on"),
        ({"measure": MEASURE | {"ended_on": "2020-01-01"}}, "before the measure began"),
        ({"measure": MEASURE | {"evidence": "javascript:alert(1)"}}, "evidence"),
    ],
)
def test_a_wrong_review_is_refused_and_the_field_is_named(take, other, named):
    read, store = take
    with pytest.raises(BadInput, match=named):
        read(**other)
    assert store.is_empty()


def test_an_end_to_come_is_a_later_fact(take):
    read, store = take
    read(measure=MEASURE | {"ended_on": "2025-10-01"})
    assert measures(store, "2025-10-01")["ended_at"].isna().all()
    assert measures(store, "2025-10-02")["ended_at"].item() == utc("2025-10-01")


def test_an_end_after_today_is_not_known_at_all(take):
    read, store = take
    read(measure=MEASURE | {"ended_on": "2027-12-31"})
    assert measures(store)["ended_at"].isna().all()
    (row,) = store.read("reviews", as_of=NOW).to_dict("records")
    assert "2027-12-31" in row["measure"]


def test_what_moves_a_cursor_is_taken_out_of_the_record(take):
    read, store = take
    read(why="\x1b[2J sure \u202e", reviewed_by="a\nna")
    (row,) = store.read("reviews", as_of=NOW).to_dict("records")
    assert (row["why"], row["reviewed_by"]) == ("[2J sure", "a na")
