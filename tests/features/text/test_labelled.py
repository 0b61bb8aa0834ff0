"""The labelled items of the package: whole, grouped, and faults told with their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.catalog import load_catalog
from features.errors import BadInput
from features.text.evaluation import scores
from features.text.labelled import UNREAD, packaged_items, read_labelled
from features.text.linking import link_many

GOOD = {
    "id": "a", "title": "t", "summary": "", "language": "en", "published_at": None, "minerals": ["tin"],
    "suppliers": ["IDN"], "event_type": "strike", "direction": "tightening", "tense": "happened", "hard": "",
}  # fmt: skip


def test_the_packaged_items_are_many_and_know_their_events() -> None:
    sets = packaged_items()
    rows = [each for part in sets.values() for each in part]
    assert len(sets["given"]) == 200
    assert len(rows) >= 400
    assert len({each.item.id for each in rows}) == len(rows)
    assert sum(each.item.language[:2] != "en" for each in rows) > len(rows) / 2
    assert len({each.group for each in rows}) < len(rows)
    assert {iso3 for each in rows for iso3 in each.link.suppliers} <= set(load_catalog().countries)


def test_the_grasberg_items_are_one_group() -> None:
    given = {each.item.id: each.group for each in packaged_items()["given"]}
    assert given["h0268"] == given["h0462"] == given["h0513"] != given["h0279"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_type": "strikes"}, "event_type"),
        ({"tense": "past"}, "tense"),
        ({"direction": None}, "direction"),
        ({"minerals": "tin"}, "minerals"),
        ({"suppliers": [1]}, "suppliers"),
        ({"title": 3}, "title"),
    ],
)
def test_a_fault_is_told_with_its_line_and_field(change: dict[str, object], field: str, tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD | change) + "\n")
    with pytest.raises(BadInput, match=f"items.jsonl, line 2, {field}"):
        read_labelled(file)


@pytest.mark.parametrize("line", ["{", "[]", "3"])
def test_a_line_that_is_no_object_is_told(line: str, tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(BadInput, match="line 1"):
        read_labelled(file)


def test_the_unread_items_are_in_no_set_that_anything_is_learned_from():
    unread = read_labelled(UNREAD)
    known = [each for rows in packaged_items().values() for each in rows]
    assert len(unread) == 160
    assert not {each.item.id for each in unread} & {each.item.id for each in known}
    assert not {each.item.title for each in unread} & {each.item.title for each in known}


def test_items_that_nobody_had_read_are_linked_well_enough():
    labelled = read_labelled(UNREAD)
    found = scores(labelled, list(link_many(each.item for each in labelled)))
    assert found.minerals.precision > 0.94
    assert found.minerals.recall > 0.9
    assert found.suppliers.precision > 0.93
    assert found.suppliers.recall > 0.87
    assert found.macro_f1 > 0.72
