"""The scorecard takes its figures from what the parts measured, and the card in the documents holds together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest

from features.errors import ConfigError
from features.knowledge_time import as_moment
from features.store import Store
from ml.knowledge import Knowledge, signals_named
from ml.model_card import SCORECARD
from ml.page_tables import cell, table
from ml.scorecard import parts
from ml.scorecard.page import card_sections, readme_part
from ml.scorecard.tables import coverage_rows, drift_rows, record_rows, tables
from models.targets import TARGETS

CELL = {"value": 0.5, "low": 0.4, "high": 0.6}
OUTCOMES = {"issued": 9, "matured": 7, "resolved": 6, "scored": 5, "void": 1, "pending": 2, "void_rate": 1 / 6}


def horizon(scores: dict | None) -> dict:
    return {"outcomes": OUTCOMES, "scores": scores}


def test_a_record_gives_one_row_per_kind_and_event_and_says_where_nothing_is_scored() -> None:
    alerts = {"precision": CELL, "recall": CELL, "false_per_hit": CELL}
    every = {"n": 5, "events": 2, "brier": CELL, "auc": CELL, "alerts": alerts}
    every["skill"] = {"pair_history": {**CELL, "n": 4}, "persistence": CELL}
    horizons = {"current_year": horizon({"all": every}), "next_year": horizon(None)}
    first, second = record_rows({"kinds": {"hindcast": {"supply_drop": {"horizons": horizons}}}})
    assert (first["kind"], first["horizon"], first["n"], first["void"]) == ("hindcast", "current_year", 5, 1)
    assert first["skill"] == CELL
    assert second["n"] == 0
    assert "brier" not in second
    (line,) = tables({"record": [first, second]})["record"].splitlines()[2:]
    assert line.startswith("| hindcast | supply drop, current year | 5 | 2 | 16.7% | 0.500 [0.400 to 0.600] |")


def test_a_figure_without_interval_or_value_says_so() -> None:
    assert cell({"value": 0.5, "low": None, "high": None}) == "0.500"
    assert cell({"value": None, "low": None, "high": None}) == "–"
    assert table(["a", "b"], [["x", "1"]], words=1).splitlines()[1] == "| --- | ---: |"


def test_coverage_is_of_all_origins_and_alarms_are_counted_by_week() -> None:
    line = {"n": 9, "events": 2, "cells": 3, "interval_covered": 0.9, "calibration_covered": 0.6, "mean_width": 0.1}
    spans = [{"target": "t", "horizon": "h", "span": span, **line} for span in ("to 2018", "all")]
    found = coverage_rows({"coverage": spans, "by_year": [line | {"group": "2009"}], "by_slice": []})
    assert [(row["by"], row["group"]) for row in found] == [("event", "t, h"), ("year", "2009")]
    replay = {"first": "a", "last": "b", "weeks": 261, "weeks_with": {"stop": 1, "watch": 2, "note": 3}, "found": []}
    assert tables({"drift": drift_rows([replay])})["drift"].splitlines()[2] == "| a to b | 261 | 1 | 2 | 3 |"


def test_every_part_is_asked_the_same_and_gives_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORESIGHT_WORKERS", "8")
    asked, lanes = [], []

    def gives(found: Any) -> Callable[[parts.Asked, Callable[[str], None]], Any]:
        def part(about: parts.Asked, say: Callable[[str], None]) -> Any:
            asked.append(about)
            say("at work")
            return found

        return part

    outcomes = {"current_year": horizon(None)}
    intervals = {"coverage": [], "by_year": [], "by_slice": [], "risk_coverage": {"orders": {}}}
    replay = {"first": "a", "last": "b", "weeks": 261, "weeks_with": {"stop": 0, "watch": 0, "note": 3}, "found": []}
    found = dict.fromkeys(parts.PARTS)
    found["backtest and intervals"] = intervals
    found["replayed weeks and their record"] = {"kinds": {"hindcast": {"supply_drop": {"horizons": outcomes}}}}
    found["drift"] = replay
    monkeypatch.setattr(parts, "PARTS", {name: gives(each) for name, each in found.items()})
    line = {"target": "supply_drop", "group": "All", "line": "all onset rows", "n": 3, "events": 1, "pairs": 2}
    monkeypatch.setattr(parts.generalisation, "study", lambda out, **_: {"lines": [line]})
    known = Knowledge(Store(tmp_path / "datasets"), as_moment("2026-01-05"), signals_named(["trade"]))
    monkeypatch.setattr(parts, "opened", lambda *_, **__: known)

    def run_partitions(
        work: Callable[[str], Any], names: tuple[str, ...], *, workers: int
    ) -> Iterator[tuple[str, Any]]:
        lanes.append(workers)
        return ((name, work(name)) for name in names)

    monkeypatch.setattr(parts, "run_partitions", run_partitions)
    said: list[str] = []
    told = parts.scorecard(tmp_path, draws=7, as_of="2026-01-05", home=tmp_path / "home", say=said.append)
    assert lanes == [2]
    assert asked == [parts.Asked(tmp_path, 7, "2026-01-05", tmp_path / "home", 8)] * len(found)
    assert (tmp_path / "home" / "mlflow.db").exists()
    assert (told["record"][0]["issued"], told["generalisation"], told["drift"][0]["weeks"]) == (9, [line], 261)
    assert json.loads((tmp_path / parts.CARD).read_text()) == told
    assert set(json.loads((tmp_path / "seconds.json").read_text())) == {*found, "scores of what carries over", "all"}
    assert next(text for text in said if "took" in text).startswith("Scorecard: backtest and intervals took ")


def test_what_would_be_refused_later_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "opened", lambda *_, **__: pytest.fail("something was done"))
    with pytest.raises(ConfigError, match="origin 2024 is after 2015-01-05"):
        parts.scorecard(tmp_path / "out", as_of="2015-01-05", home=tmp_path / "home")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        parts.scorecard(tmp_path / "file", home=tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_each_part_measures_its_own_with_its_share_of_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, day = tmp_path / "home", "2026-01-05"
    known = Knowledge(Store(tmp_path / "datasets"), as_moment(day), signals_named(["trade"]))
    spied: dict[str, Any] = {}
    for module, name, found in (
        (parts, "opened", known),
        (parts, "measured", {"coverage": []}),
        (parts.studies, "backtest", SimpleNamespace(predictions="forecasts")),
        (parts.ages, "aged_forecasts", "aged"),
        (parts.record_commands, "hindcast", {}),
        (parts.record_commands, "track_record", {"kinds": {}}),
        (parts.generalisation, "forecasts", {}),
        (parts.drift_commands, "replay", {"weeks": 261}),
    ):
        spied[name] = create_autospec(getattr(module, name), return_value=found)
        monkeypatch.setattr(module, name, spied[name])
    asked = parts.Asked(tmp_path, 7, day, home, 4)
    told = {name: part(asked, print) for name, part in parts.PARTS.items()}
    spied["backtest"].assert_called_once_with(
        tmp_path / "backtest", first=2006, last=2024, draws=7, as_of=day, home=home, workers=2
    )
    ((_, origins, _), how) = spied["aged_forecasts"].call_args
    assert ([origin.as_of.year for origin in origins], how) == ([*range(2006, 2025)], {"workers": 2})
    spied["measured"].assert_called_once_with("forecasts", "aged", known.catalog, n_draws=7)
    assert json.loads((tmp_path / "intervals.json").read_text()) == told["backtest and intervals"] == {"coverage": []}
    spied["hindcast"].assert_called_once_with(first="2010-01-04", last="2024-12-30", home=home, workers=2, say=print)
    spied["track_record"].assert_called_once_with(tmp_path / "track-record", as_of=day, draws=7, home=home, say=print)
    for target in TARGETS:
        spied["forecasts"].assert_any_call(known, [target], tmp_path / "generalisation", workers=2, say=print)
    spied["replay"].assert_called_once_with("2012-01-02", "2016-12-26", home=home, say=print)
    assert told["drift"] == {"weeks": 261}
    for call in spied["opened"].call_args_list:
        assert call.args[2] == day


@pytest.mark.parametrize(("workers", "each"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_two_parts_share_the_cores(workers: int, each: int) -> None:
    assert parts.Asked(Path(), 2, "2026-01-05", None, workers).each == each


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return json.loads(SCORECARD.read_text())


def cells_of(card: Any) -> list[dict]:
    if isinstance(card, dict):
        if {"value", "low", "high"} <= set(card):
            return [card]
        return [cell for each in card.values() for cell in cells_of(each)]
    return [cell for each in card for cell in cells_of(each)] if isinstance(card, list) else []


def test_the_measured_card_has_every_part_and_intervals_that_hold_their_points(card: dict) -> None:
    assert all(card[name] for name in ("record", "generalisation", "coverage", "abstention", "drift"))
    cells = [cell for cell in cells_of(card) if cell["low"] is not None]
    assert len(cells) > 100
    # The expected calibration error is of binned noise: every draw is larger than the point.
    assert all(cell["low"] <= cell["value"] + 1e-12 and cell["value"] <= cell["high"] + 1e-12 for cell in cells)


def test_the_counts_of_the_record_add_up(card: dict) -> None:
    for row in card["record"]:
        assert row["scored"] + row["void"] == row["resolved"]
        assert row["resolved"] + row["pending"] <= row["issued"]


def test_the_readme_shows_fewer_rows_than_the_model_card_and_names_the_command(card: dict) -> None:
    part, sections = readme_part(card), card_sections(card)
    assert "`make scorecard`" in part
    rows = [line for line in part.splitlines() if line.startswith("| ") and "---" not in line]
    assert set(rows) < set(sections.splitlines())
    assert "](docs/" not in sections
