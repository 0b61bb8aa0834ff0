"""The record of a promotion: whole, for every verdict, and never over another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from features.knowledge_time import as_moment
from ml.promotion.gates import Bounds, Gate
from ml.promotion.record import Judgement, record_markdown, write_record

NOW = as_moment("2020-01-06")


def judgement(*gates: Gate, **about: Any) -> Judgement:
    model = {"registered_as": "2", "version": "abc", "trained_as_of": "2019-10-07", "signals": ["trade"], "features": 9}
    told = {"at": "2020-01-06T00:00:00+00:00", "by": "me", "why": None, "forced": False, "evidence": "made up"}
    told |= {"git_commit": "c", "lock_hash": "l"} | about
    return Judgement(model, {**model, "version": "old"}, gates, Bounds(), told)


def test_the_record_has_every_gate_with_its_figure_bound_and_verdict(tmp_path: Path) -> None:
    gates = (
        Gate("gain", "a gain | above 0", "+0.1", "passed", [{"metric": "auc", "gain_value": 0.1, "gain_low": None}]),
        Gate("slices", "no loss", "2 lose", "refused", [{"slice": "major", "is_worse": True, "roc_auc_gain": -0.5}]),
        Gate("x", "y", "z", "not_asked"),
    )
    folder = write_record(tmp_path, judgement(*gates), now=NOW)
    assert folder == tmp_path / "promotions" / "2020-01-06-abc"
    told = json.loads((folder / "record.json").read_text())
    assert (told["verdict"], told["refused_by"]) == ("refused", ["slices"])
    assert [gate["verdict"] for gate in told["gates"]] == ["passed", "refused", "not_asked"]
    assert told["bounds"]["margin"] == 0.02
    page = (folder / "record.md").read_text()
    assert "refused by: slices" in page
    for cell in ("| gain | a gain / above 0 | +0.1 | passed |", "| slices | no loss | 2 lose | **refused** |"):
        assert cell in page
    assert "| major | yes | -0.5000 |" in page
    assert "| model | abc | old |" in page


def test_a_second_record_of_the_day_gets_a_number(tmp_path: Path) -> None:
    gate = Gate("gain", "a", "b", "passed")
    first = write_record(tmp_path, judgement(gate), now=NOW)
    kept = (first / "record.json").read_bytes()
    second = write_record(tmp_path, judgement(gate, why="again"), now=NOW)
    assert second.name == "2020-01-06-abc-2"
    assert (first / "record.json").read_bytes() == kept
    assert sorted(path.name for path in first.parent.iterdir()) == ["2020-01-06-abc", "2020-01-06-abc-2"]


def test_what_a_kill_left_aside_is_in_nobodys_way(tmp_path: Path) -> None:
    left = tmp_path / "promotions" / ".2020-01-06-abc.part"
    left.mkdir(parents=True)
    (left / "record.json").write_text("{")
    folder = write_record(tmp_path, judgement(Gate("gain", "a", "b", "passed")), now=NOW)
    assert json.loads((folder / "record.json").read_text())["verdict"] == "passed"
    assert not left.exists()


def test_forced_is_written_down_and_an_undefined_figure_is_null() -> None:
    told = judgement(Gate("gain", "a", "b", "refused", [{"gain": float("nan")}]), forced=True, why="a new source")
    assert told.as_json["gates"][0]["rows"] == [{"gain": None}]
    page = record_markdown(told)
    assert "refused by: gain; **forced**. Why: a new source." in page
    assert "| – |" in page
