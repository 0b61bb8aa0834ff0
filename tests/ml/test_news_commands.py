"""`oresight news feeds` and `news list` from the command line, on a store that a round and an archive filled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.file_server import FileServer, answer, serving
from tests.news_feeds import archive, dated, list_of_feeds, plain_linker, rss

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@pytest.fixture
def ask(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch, oresight: Ask) -> Ask:
    plain_linker(monkeypatch)
    list_of_feeds(monkeypatch, "gcaptain", "mining_com", "tass")
    monkeypatch.chdir(tmp_path)
    settings = {"HOME": "home", "FETCH_ATTEMPTS": "1", "PRIVATE_HOSTS": '["127.0.0.1"]'}
    settings["ENDPOINTS"] = json.dumps({"news": server.url("/feeds")})
    for name, value in settings.items():
        monkeypatch.setenv(f"ORESIGHT_{name}", value)
    monkeypatch.setattr("ml.knowledge.collection.BUNDLE_FILES", {"events": "events.csv"})

    return oresight


def collected(ask: Ask, server: FileServer) -> tuple[int, str, str]:
    told = ("Cobalt ban in Congo\u202e [bold]now[/bold]", "Copper strike in Chile", "Gold rises")
    server.answers |= {
        "/feeds/mining_com": answer(rss(*told)),
        "/feeds/tass": answer(rss("COBALT BAN IN CONGO, now!")),
        "/feeds/gcaptain": answer(b"no", status=500),
    }
    return ask("collect", "news")


def test_feeds_tells_who_answered_who_failed_and_when_it_is_asked_again(ask: Ask, server: FileServer):
    code, out, _ = ask("news", "feeds", "--json")
    rows = {row["id"]: row for row in json.loads(out)}
    assert (code, len(rows) >= 60) == (0, True)
    assert {row["state"] for row in rows.values()} == {"never asked"}
    code, _, err = collected(ask, server)
    assert (code, "2 of 3 answered; failed: gcaptain" in err) == (0, True)
    rows = {row["id"]: row for row in json.loads(ask("news", "feeds", "--json")[1])}
    told = {
        name: (rows[name]["state"], rows[name]["failures"], rows[name]["items_last_week"])
        for name in ("gcaptain", "mining_com", "tass")
    }
    assert told == {"gcaptain": ("resting", 1, 0), "mining_com": ("fine", 0, 3), "tass": ("fine", 0, 1)}
    assert rows["gcaptain"]["next_try"]
    assert "status 500" in rows["gcaptain"]["problem"]
    out = ask("news", "feeds")[1]
    assert out.index("gcaptain") < out.index("abi_bolivia")
    assert "1 resting" in out


def test_stories_are_counted_once_with_their_breadth_and_shown_as_text(ask: Ask, server: FileServer):
    collected(ask, server)
    code, out, _ = ask("news", "list", "--json")
    stories = {story["event_type"]: story for story in json.loads(out)}
    assert (code, set(stories)) == (0, {"export_ban", "strike"})
    ban = stories["export_ban"]
    assert (ban["minerals"], ban["suppliers"], ban["items"]) == (["cobalt"], ["COD"], 2)
    assert ban["feeds"] == ["mining_com", "tass"]
    out = ask("news", "list")[1]
    # Brackets of a publisher are no markup of ours.
    assert "[bold]now[/bold]" in out or "NOW" in out.upper()
    assert "\u202e" not in out


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        (["--mineral", "copper"], ["Copper strike in Chile"]),
        (["--supplier", "cod"], ["Cobalt ban in Congo"]),
        (["--type", "strike"], ["Copper strike in Chile"]),
        (["--top", "1"], ["Cobalt ban in Congo"]),
        (["--since", "2020-07-16"], ["Cobalt ban in Congo"]),
        (["--as-of", "2020-07-15"], ["Copper strike in Chile"]),
        (["--as-of", "2020-07-14"], []),
    ],
)
def test_stories_can_be_chosen(ask: Ask, tmp_path: Path, options: list[str], titles: list[str]):
    told = [
        dated(title, f"{day} Jul 2020 08:00:00 GMT")
        for title, day in (("Copper strike in Chile", 14), ("Cobalt ban in Congo", 15))
    ]
    assert ask("ingest", "news", archive(tmp_path / "old.xml", rss(*told)))[0] == 0
    assert [story["title"] for story in json.loads(ask("news", "list", "--json", *options)[1])] == titles


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mineral", "unobtainium"], "--mineral: no mineral is called 'unobtainium'"),
        (["--supplier", "XX"], "--supplier: no supplier is called 'XX'"),
        (["--as-of", "2999-01-01"], "in the future"),
        (["--type", "party"], "no event type"),
    ],
)
def test_a_filter_that_names_nothing_is_refused(ask: Ask, options: list[str], words: str):
    code, _, err = ask("news", "list", *options)
    assert code == 2
    assert words in err


def test_an_empty_store_says_what_to_do(ask: Ask):
    assert "oresight collect news" in ask("news", "list")[1]
    assert json.loads(ask("news", "list", "--json")[1]) == []
