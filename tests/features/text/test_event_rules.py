"""Rules of events: points of title and summary, and faults in their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import BadInput
from features.text.items import EVENT_TYPES
from features.text.rules import Rule, packaged_rules, points, read_rules

BAN = Rule("export_ban", frozenset({"ban", "export"}), frozenset({"import"}), 4.0)


def test_the_title_counts_more_than_the_summary() -> None:
    both, title = frozenset({"ban", "export"}), frozenset({"ban"})
    assert points([BAN], both, both) == {"none": 1.0, "export_ban": 6.0}
    assert points([BAN], title, both) == {"none": 1.0, "export_ban": 2.0}
    assert points([BAN], title, title) == {"none": 1.0}


def test_a_refused_cue_stops_a_rule() -> None:
    cues = frozenset({"ban", "export", "import"})
    assert points([BAN], cues, cues) == {"none": 1.0}


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("export_bans,ban,,1,", "event_type"),
        ("export_ban,bann,,1,", "needs"),
        ("export_ban,ban,bann,1,", "unless"),
        ("export_ban,,,1,", "needs"),
        ("export_ban,ban,,much,", "points"),
        ("export_ban,ban,,0,", "points"),
        ("export_ban,ban,,1,\nexport_ban,ban,,2,", "needs"),
        ("export_ban,ban,,1", "row"),
    ],
)
def test_a_fault_in_the_file_is_told_with_its_place(row: str, field: str, tmp_path: Path) -> None:
    file = tmp_path / "event_rules.csv"
    file.write_text(f"event_type,needs,unless,points,note\n{row}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=rf"event_rules.csv, row \d, {field}"):
        read_rules(file, ["ban"])


def test_every_event_type_has_a_rule() -> None:
    assert {rule.event_type for rule in packaged_rules()} == set(EVENT_TYPES)
