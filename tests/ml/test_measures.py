"""`oresight measures`: lists, counts and the page, from a small store to the screen."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from features.errors import ConfigError
from features.store import Store
from ml import cli, measures_coverage
from tests.builders import event, rows, utc

DAY = "2026-11-20"


def act(source: str, event_id: str, known: str, mineral: str = "cobalt", supplier: str = "COD", **other) -> dict:
    return event(event_id, mineral, supplier, known, source=source, **other)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("ORESIGHT_HOME", str(folder))
    store = Store(folder / "datasets")
    ended = {"ended_at": utc("2021-03-01"), "available_at": utc("2021-03-02")}
    ban = act("events", "a", "2020-05-03", title="Ban [red]", evidence="https://a.org ; https://b.org")
    table = [
        ban,
        act("iea_policies", "b", "2020-05-05", targeted_importers="USA"),
        act("iea_policies", "b", "2020-05-05", "copper", hs_codes="260300"),
        act("events", "t", "2019-02-01", kind="export_tax", supplier="CHN", mineral="tin"),
        act("events", "t", "2019-02-01", kind="export_tax", supplier="CHN", mineral="tin") | ended,
        act("events", "e", "2024-02-01", kind="easing", direction="easing"),
    ]
    store.append("measures", rows("measures", table), where="test")
    bounds = [("from", "2009-01-01"), ("until", "2026-07-05")]
    told = [{"dataset": "measures", "bound": name, "bound_at": utc(at), "available_at": utc(at)} for name, at in bounds]
    store.append("coverage", rows("coverage", told), where="test")
    return folder


def run(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["oresight", "measures", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert not ended.value.code, told.err
    return told.out


@pytest.mark.usefixtures("home")
def test_a_list_shows_sources_days_and_evidence_newest_first(capsys, monkeypatch):
    found = json.loads(run(capsys, monkeypatch, "list", "--as-of", DAY, "--json"))
    assert (found["total"], [row["event_id"] for row in found["measures"]]) == (3, ["e", "a", "t"])
    ban = found["measures"][1]
    assert ban["sources"] == ["events", "iea_policies"]
    assert ban["minerals"] == ["cobalt", "copper"]
    assert ban["evidence"] == ["https://a.org", "https://b.org"]
    assert (ban["announced_on"], ban["known_from"], ban["ended_on"]) == ("2020-05-02", "2020-05-03", None)
    assert found["measures"][2]["ended_on"] == "2021-03-01"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--mineral", "copper"], ["a"]),
        (["--supplier", "chn"], ["t"]),
        (["--as-of", "0001-01-01"], []),
        (["--as-of", "1900-01-01"], []),
        (["--kind", "sanctions", "--since", "2020-01-01"], []),
        (["--kind", "easing"], ["e"]),
        (["--in-force"], ["a"]),
        (["--since", "2020-01-01"], ["e", "a"]),
        (["--top", "1"], ["e"]),
        (["--as-of", "2020-05-04", "--in-force"], ["a", "t"]),
    ],
)
def test_filters(capsys, monkeypatch, words: list[str], ids: list[str]):
    as_of = [] if "--as-of" in words else ["--as-of", DAY]
    found = json.loads(run(capsys, monkeypatch, "list", *words, *as_of, "--json"))
    assert [row["event_id"] for row in found["measures"]] == ids


@pytest.mark.usefixtures("home")
def test_a_list_on_the_screen_shows_brackets_as_they_are(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "Ban [red]" in run(capsys, monkeypatch, "list", "--as-of", DAY)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "words",
    [
        ["list", "--kind", "tax"],
        ["list", "--since", "May"],
        ["counts", "--by", "planet"],
        ["list", "--as-of", "2999-01-01"],
        ["counts", "--as-of", "2999-01-01"],
        ["list", "--as-of", "May"],
        ["list", "--supplier", "ZZZ"],
        ["list", "--mineral", "unob"],
    ],
)
def test_wrong_use_is_told(capsys, monkeypatch, words: list[str]):
    monkeypatch.setattr(sys, "argv", ["oresight", "measures", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ConfigError("").exit_code
    said = capsys.readouterr().err
    assert words[-1] in said
    assert words[-2] in said or "--kind" in words


@pytest.mark.usefixtures("home")
def test_before_anything_was_known_there_is_nothing_to_list_or_count(capsys, monkeypatch):
    assert "0 measures as known on 1900-01-01" in run(capsys, monkeypatch, "list", "--as-of", "1900-01-01")
    assert json.loads(run(capsys, monkeypatch, "counts", "--as-of", "0001-01-01", "--json"))["counts"] == []


@pytest.mark.usefixtures("home")
def test_counts_by_year_and_by_what(capsys, monkeypatch, tmp_path: Path):
    out = tmp_path / "counts.csv"
    found = json.loads(run(capsys, monkeypatch, "counts", "--as-of", DAY, "--out", str(out), "--json"))
    acts = {row["year"]: row["acts"] for row in found["counts"]}
    assert {year: acts[year] for year in (2009, 2018, 2019, 2020, 2021, 2026)} == {
        2009: 0,
        2018: 0,
        2019: 1,
        2020: 2,
        2021: 1,
        2026: 1,
    }
    with out.open() as file:
        lines = list(csv.DictReader(file))
    assert {
        "year": "2020",
        "supplier": "COD",
        "mineral": "copper",
        "kind": "export_ban",
        "acts": "1",
        "lines": "1",
    } in (lines)
    with (tmp_path / "counts-new.csv").open() as file:
        weeks = {row["week_starts_at"][:10]: row["tightening"] for row in csv.DictReader(file)}
    assert weeks["2020-04-27"] == "1"
    by_mineral = json.loads(run(capsys, monkeypatch, "counts", "--by", "mineral", "--as-of", DAY, "--json"))
    assert {row["mineral"]: row["acts"] for row in by_mineral["counts"]} == {"cobalt": 1, "copper": 1}


def test_the_page_says_the_gap_and_who_adds_what(home: Path, tmp_path: Path):
    folder = home / "datasets" / "quarantine"
    folder.mkdir()
    (folder / "iea_policies-left-out.csv").write_text("file,row,field,value,reason\nx,1,y,z,not a trade policy\n")
    again = tmp_path / "page.md"
    result = measures_coverage.coverage(tmp_path / "out", as_of=DAY, page=again, home=home)
    assert again.read_text() == (tmp_path / "out" / "measures-coverage.md").read_text() == result.page
    assert result.figures["combinations"] == {"events": 2, "events + iea_policies": 1}
    adds = {row["source"]: row for row in result.figures["adds"]}
    assert (adds["events"]["alone"], adds["iea_policies"]["alone"]) == (2, 0)
    in_2020 = next(row for row in result.figures["years"] if row["year"] == 2020)
    assert in_2020["oecd"] == 13102
    assert f"{in_2020['lines'] / 13102:.1%} in 2020" in result.page
    assert "| iea_policies | not a trade policy | 1 |" in result.page
    assert "2009-01-01 to 2026-07-05" in result.page
    assert "Nothing was read from global_trade_alert, oecd_restrictions." in result.page
