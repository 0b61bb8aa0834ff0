"""`oresight measures candidates` and `review`: from a report to a measure, and back, with who, when and why."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from features.store import Store
from tests.builders import report, rows

TITLE = "Congo halts \x1b[2Jcobalt \u202eshipments [bold]now"


def ban(number: int, **other) -> dict:
    return report(number, "2026-03-02", "cobalt", "COD", event_type="export_ban", title=TITLE) | other


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with two candidates: one on cobalt in two feeds, one that names no mineral."""
    folder = tmp_path / "home"
    monkeypatch.setenv("ORESIGHT_HOME", str(folder))
    monkeypatch.setenv("ORESIGHT_ANALYST", "ana")
    links = [ban(1), ban(2, feed="two"), ban(3, supplier="ZMB", mineral="", title="Zambia bans exports of raw ore")]
    items = [
        {
            "publisher": link["feed"],
            "summary": "",
            "link": f"https://example.org/{link['item_id']}",
            "published_at": link["available_at"],
            "collected_at": link["available_at"],
            "is_archived": False,
            "content_hash": link["item_id"],
            **{name: link[name] for name in ("item_id", "feed", "language", "title", "available_at")},
        }
        for link in links
    ]
    store = Store(folder / "datasets", "1GB", 1)
    with store.writing():
        store.commit({"news_links": rows("news_links", links), "news": rows("news", items)}, {})
    return folder


@pytest.fixture
def ask(home: Path, oresight):
    """Run a command; give its exit code, its result and what it said."""

    def run(*words: str, as_json: bool = True) -> tuple[int, object, str]:
        code, out, err = oresight("measures", *words, *(["--json"] if as_json else []))
        return code, json.loads(out) if as_json and out else out, err

    return run


def measures(home: Path) -> pd.DataFrame:
    return Store(home / "datasets", "1GB", 1).read("measures", as_of=pd.Timestamp.now("UTC").to_pydatetime())


def test_candidates_are_listed_and_filtered(ask):
    _, told, _ = ask("candidates")
    assert told["candidates"] == 2
    (one,) = ask("candidates", "--mineral", "cobalt")[1]["newest"]
    assert (one["supplier"], one["kind"], one["feeds"]) == ("COD", "export_ban", 2)
    assert ask("candidates", "--supplier", "zmb")[1]["candidates"] == 1
    assert ask("candidates", "--supplier", "ZZZ")[0] == 2
    assert ask("candidates", "--since", "2026-03-03")[1]["candidates"] == 0
    assert ask("candidates", "--as-of", "2026-03-01")[1]["candidates"] == 0
    assert ask("candidates", "--state", "open?")[0] == 2


def test_a_title_can_neither_move_the_cursor_nor_turn_the_writing(ask):
    _, printed, _ = ask("candidates", as_json=False)
    assert "\x1b[2J" not in printed
    assert "\u202e" not in printed
    assert "[bold]now" in printed.replace("\n", "").replace(" ", "") or "[bold]" in printed


def test_a_confirmed_candidate_becomes_a_measure_with_the_analysts_corrections(ask, home: Path):
    name = ask("candidates", "--mineral", "cobalt")[1]["newest"][0]["candidate_id"]
    corrections = ("--kind", "export_quota", "--severity", "3", "--in-force", "2026-03-10", "--target", "CHN")
    code, told, _ = ask("review", name, "--confirm", "--why", "read the decree", *corrections)
    assert code == 0
    assert (told["reviewed_by"], told["why"]) == ("ana", "read the decree")
    (row,) = measures(home).to_dict("records")
    assert (row["kind"], row["severity"], row["targeted_importers"]) == ("export_quota", 3, "CHN")
    assert str(row["effective_at"].date()) == "2026-03-10"
    assert ask("candidates")[1]["candidates"] == 1
    assert ask("candidates", "--state", "confirmed")[1]["newest"][0]["why"] == "read the decree"


def test_a_decision_is_taken_back_and_a_second_confirmation_starts_from_the_first(ask, home: Path):
    name = ask("candidates", "--mineral", "cobalt")[1]["newest"][0]["candidate_id"]
    ask("review", name, "--confirm", "--why", "one", "--mineral", "cobalt", "--mineral", "copper")
    ask("review", name, "--confirm", "--why", "two", "--mineral", "cobalt", "--severity", "1")
    assert measures(home)[["mineral", "severity"]].to_numpy().tolist() == [["cobalt", 1]]
    assert ask("review", name, "--reopen", "--why", "three")[0] == 0
    assert measures(home).empty
    assert ask("candidates")[1]["candidates"] == 2


def test_a_rejected_candidate_stays_out_and_is_kept_with_its_reason(ask, home: Path):
    name = ask("candidates", "--supplier", "ZMB")[1]["newest"][0]["candidate_id"]
    assert ask("review", name, "--reject", "--why", "an old law", "--by", "bo")[0] == 0
    assert measures(home).empty
    (row,) = ask("candidates", "--state", "rejected")[1]["newest"]
    assert (row["reviewed_by"], row["why"]) == ("bo", "an old law")
    code, _, said = ask("review", name, "--reject", "--why", "again")
    assert code == 2
    assert "rejected already" in said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--confirm",), "--why"),
        (("--confirm", "--reject", "--why", "x"), "exclude"),
        (("--confirm", "--why", "x"), "--mineral"),
        (("--confirm", "--why", "x", "--mineral", "tin", "--kind", "tariff"), "kind"),
        (("--confirm", "--why", "x", "--mineral", "tinn"), "--mineral"),
        (("--confirm", "--why", "x", "--mineral", "tin", "--target", "ZZZ"), "--target"),
        (("--confirm", "--why", "x", "--mineral", "tin", "--announced", "March"), "announced_on"),
        (("--reject", "--why", "x", "--severity", "2"), "severity"),
        (("--reopen", "--why", "x"), "open already"),
        (("--confirm", "--why", " ", "--mineral", "tin"), "why"),
        ((), "no terminal"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_to_do(ask, home: Path, words, named: str):
    name = ask("candidates", "--supplier", "ZMB")[1]["newest"][0]["candidate_id"]
    code, _, said = ask("review", name, *words)
    assert code == 2
    assert named in said
    assert measures(home).empty


def test_a_name_that_fits_none_or_several_is_refused(ask):
    for name, found in (("nothing", "no candidate is"), ("000", "2 candidates are")):
        code, _, said = ask("review", name, "--reject", "--why", "x")
        assert code == 2
        assert found in said


def test_an_analyst_walks_through_on_a_terminal(ask, home: Path, monkeypatch: pytest.MonkeyPatch):
    answers = iter(["s", "c", "cobalt", "export_ban", "2026-03-01", 2, "seen in the gazette"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda text, **_: next(answers))
    code, printed, _ = ask("review", as_json=False)
    assert code == 0
    assert "1 of 2" in printed
    assert measures(home)["mineral"].tolist() == ["cobalt"]
