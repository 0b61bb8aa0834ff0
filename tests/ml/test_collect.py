"""`oresight collect` and its neighbours from the command line to the store, against a server in many moods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from features import datasets
from features.collection.payloads import kept, quarantined
from features.store import Store
from tests.file_server import (
    FileServer,
    answer,
    cut_off,
    dripping,
    gzip_bomb,
    in_turn,
    redirect,
    serving,
    with_etag,
)
from tests.tea import moment, one_request, tea_bytes, tea_csv, tea_source

GOOD = tea_bytes({"2020-01": 1.5, "2020-02": 2.5})


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose store holds one row, so that the embedded data are not read."""
    folder = tmp_path / "home"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORESIGHT_HOME", str(folder))
    monkeypatch.setenv("ORESIGHT_FETCH_SECONDS", "30")
    monkeypatch.setenv("ORESIGHT_FETCH_ATTEMPTS", "1")
    monkeypatch.setenv("ORESIGHT_PRIVATE_HOSTS", '["127.0.0.1"]')
    monkeypatch.setattr("ml.knowledge.collection.BUNDLE_FILES", {"events": "events.csv"})
    return folder


@pytest.fixture
def ask(home: Path, oresight):
    return oresight


MOODS = {
    "good": (answer(GOOD, kind="text/csv"), ""),
    "cut": (cut_off(GOOD * 50), "without sending complete message body"),
    "busy": (answer(b"", status=429, Retry_After="3600"), "asks to wait 3600 s"),
    "page": (answer(b"<html>sorry</html>", kind="text/html"), "found a web page"),
    "bomb": (gzip_bomb(30), "at most 1 MB"),
    "away": (redirect("https://evil.example.org/f"), "found evil.example.org"),
    "inside": (redirect("http://169.254.169.254/latest/meta-data"), "found 169.254.169.254"),
    "drifted": (answer(tea_bytes({"2020-01": 1}, unit="usd_per_pound")), "an unknown unit"),
}


@pytest.fixture
def moods(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, (mood, _) in MOODS.items():
        tea_source(monkeypatch, name, requests=one_request, spec={"max_megabytes": 1})
        server.answers[f"/{name}"] = mood
    endpoints = {name: server.url(f"/{name}") for name in MOODS}
    monkeypatch.setenv("ORESIGHT_ENDPOINTS", json.dumps(endpoints))
    return list(MOODS)


def test_one_good_source_among_many_bad_ones_is_stored_and_each_of_the_others_says_why(
    ask, moods: list[str], home: Path
):
    code, out, err = ask("collect", *moods)
    assert code == 0
    assert "8 sources: 1 new, 0 unchanged, 7 failed, 0 skipped." in out
    lines = {line.partition(":")[0]: line for line in err.splitlines()}
    assert "good: 2 rows added from 1 file(s)" in lines["good"]
    for name, (_, words) in MOODS.items():
        assert words in lines[name], lines[name]
    assert "Traceback" not in err
    prices = Store(home / "datasets").read("prices", as_of=moment("2026-01-01"))
    assert prices["source"].tolist() == ["good", "good"]
    assert len(kept(home / "payloads", "good")) == 1
    assert [len(quarantined(home / "payloads", name)) for name in moods] == [int(name == "drifted") for name in moods]
    assert not [path for path in home.iterdir() if path.name.startswith(".fetched")]


def test_strict_ends_with_4_if_any_failed_and_3_if_all_did(ask, moods: list[str]):
    assert ask("collect", "good", "page", "--strict")[0] == 4
    assert ask("collect", "good", "--strict")[0] == 0
    assert ask("collect", "page", "away")[0] == 3
    code, out, _ = ask("collect", "good", "page", "--json")
    assert code == 0
    assert [(each["source"], each["state"]) for each in json.loads(out)] == [("good", "unchanged"), ("page", "failed")]


def test_a_dry_run_asks_nobody(ask, moods: list[str], server: FileServer, home: Path):
    code, out, _ = ask("collect", "good", "page", "--dry-run")
    assert code == 0
    assert f"good: GET {server.url('/good')}" in out
    assert server.asked == []
    assert not home.exists()
    rows = json.loads(ask("collect", "good", "--dry-run", "--json")[1])
    assert rows == [{"source": "good", "would_fetch": [f"GET {server.url('/good')}"], "skipped_because": ""}]


def test_a_failure_that_passes_and_a_file_that_has_not_changed(
    ask, server: FileServer, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ORESIGHT_FETCH_ATTEMPTS", "2")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    tea_source(monkeypatch, requests=one_request)
    monkeypatch.setenv("ORESIGHT_ENDPOINTS", json.dumps({"tea": server.url("/tea")}))
    server.answers["/tea"] = in_turn(answer(b"", status=500), with_etag(GOOD))
    assert "tea: 2 rows added" in ask("collect", "tea")[2]
    assert "tea: unchanged" in ask("collect", "tea")[2]
    assert [headers.get("if-none-match") for _, headers in server.asked] == [None, None, '"one"']


def test_a_host_that_no_setting_names_may_not_be_private(ask, server: FileServer, monkeypatch: pytest.MonkeyPatch):
    tea_source(monkeypatch, requests=one_request)
    monkeypatch.setenv("ORESIGHT_PRIVATE_HOSTS", "[]")
    monkeypatch.setenv("ORESIGHT_ENDPOINTS", json.dumps({"tea": server.url("/tea")}))
    assert "expected an https address, found http" in ask("collect", "tea")[2]
    address = server.url("/tea").replace("http:", "https:")
    monkeypatch.setenv("ORESIGHT_ENDPOINTS", json.dumps({"tea": address}))
    assert "expected a public machine, found the address 127.0.0.1" in ask("collect", "tea")[2]
    assert server.asked == []


def test_a_body_that_drips_ends_at_the_time_that_the_setting_gives(
    ask, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, requests=one_request)
    monkeypatch.setenv("ORESIGHT_ENDPOINTS", json.dumps({"tea": server.url("/tea")}))
    monkeypatch.setenv("ORESIGHT_FETCH_SECONDS", "0.4")
    server.answers["/tea"] = dripping(GOOD * 50)
    code, _, err = ask("collect", "tea")
    assert code == 3
    assert "tea: failed: " in err
    assert "too long" in err


def test_an_endpoint_of_no_source_is_wrong_use(ask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ORESIGHT_ENDPOINTS", '{"coffee": "https://coffee.example.org"}')
    code, _, err = ask("collect", "--dry-run")
    assert code == 2
    assert "setting endpoints names no source: coffee" in err


# --- what is known of sources ---------------------------------------------------------------------


def test_sources_show_the_clocks_the_last_error_and_what_is_in_quarantine(
    ask, moods: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, "shy", requests=one_request, spec={"seen_live": False, "key_setting": "SHY_KEY"})
    ask("collect", "good", "drifted")
    rows = {row["name"]: row for row in json.loads(ask("sources", "--json")[1])}
    good, drifted, shy = rows["good"], rows["drifted"], rows["shy"]
    assert (good["rows"], good["newest_observation"], good["observation_known_on"]) == (2, "2020-02-01", "2020-03-05")
    assert (good["covers"], good["usually_covers"], good["is_stale"], good["last_error"]) == (1, 1, True, "")
    assert good["fetched_at"] == good["last_success"] is not None
    assert (drifted["rows"], drifted["fetched_at"], drifted["quarantined_files"]) == (0, None, 1)
    assert "an unknown unit" in drifted["last_error"]
    assert (shy["needs_key"], shy["has_key"], shy["seen_live"]) == (True, False, False)
    monkeypatch.setenv("SHY_KEY", "s3cret")
    text = ask("sources")[1]
    assert max(map(len, text.splitlines()[:-3])) <= 120
    for words in ("good", "stale", "last attempt failed", "1 file(s) refused", "not yet seen live"):
        assert words in text
    full = ask("sources", "shy", "drifted")[1]
    for words in ("SHY_KEY (set)", "not yet seen live", "an unknown unit", "clock 3, coverage"):
        assert words in full
    assert "s3cret" not in full


def test_a_folder_is_read_and_what_no_source_takes_is_listed(
    ask, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, FILES=("*.csv",))
    folder = tmp_path / "downloads"
    tea_csv(folder / "tea" / "2020-06-10" / "tea.csv", {"2020-01": 2})
    tea_csv(folder / "tea" / "2020-03-10" / "tea.csv", {"2020-01": 1})
    (folder / "tea" / "notes.txt").write_text("x")
    (folder / "tea" / "README.md").write_text("x")
    tea_csv(folder / "coffee" / "coffee.csv", {"2020-01": 1})
    code, out, err = ask("ingest-dir", folder)
    assert code == 0
    assert "tea 2020-03-10 tea.csv: added 1 rows of prices" in out
    assert "2 file(s) read, 0 refused, 2 left out." in out
    assert "1 of 1: tea, 2 of 2 file(s) read, 2 rows added" in err
    prices = Store(home / "datasets").history("prices", as_of=moment("2026-01-01"))
    assert [(p, f"{at:%Y-%m-%d}") for p, at in zip(prices["price"], prices["available_at"], strict=True)] == [
        (1, "2020-02-05"), (2, "2020-06-10"),
    ]  # fmt: skip
    result = json.loads(ask("ingest-dir", folder, "--json")[1])
    assert [receipt["added"] for receipt in result["receipts"]] == [{"prices": 0}] * 2
    assert [Path(path).name for path in result["unknown"]] == ["coffee.csv", "notes.txt"]
    tea_csv(folder / "tea" / "2020-07-10" / "tea.csv", {"2020-01": "much"})
    code, out, _ = ask("ingest-dir", folder)
    assert code == 3
    assert "refused: " in out
    assert "row 1, field price" in out


def test_revisions_are_shown_largest_first(ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tea_source(monkeypatch)
    for day, prices in (("2020-03-10", {"2020-01": 2, "2020-02": 2}), ("2020-06-10", {"2020-01": 1, "2020-02": 2.1})):
        ask("ingest", "tea", tea_csv(tmp_path / f"{day}.csv", prices), "--released", day)
    told = json.loads(ask("revisions", "prices", "--source", "tea", "--json")[1])
    assert told["revisions"] == 2
    assert [(row["fact"], row["old"], row["new"]) for row in told["largest"]] == [
        ("green, month, 2020-01-01", 2.0, 1.0), ("green, month, 2020-02-01", 2.0, 2.1),
    ]  # fmt: skip
    assert told["largest"][0]["relative_change"] == pytest.approx(-0.5)
    text = ask("revisions", "prices", "--source", "tea", "--top", "1")[1]
    assert "2 revised figures of prices" in text
    assert "-50.0%" in text
    assert "2020-06-10" in text
    assert "+5.0%" not in text
    assert json.loads(ask("revisions", "prices", "--since", "2020-06-11", "--json")[1])["revisions"] == 0


def test_a_bad_ingestion_is_undone_by_a_rebuild_without_its_file(
    ask, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch)
    ask("ingest", "tea", tea_csv(tmp_path / "good.csv", {"2020-01": 1, "2020-02": 2}), "--released", "2020-03-10")
    store, end = Store(home / "datasets"), moment("2026-11-25")
    before = store.digest(as_of=end)
    ask("ingest", "tea", tea_csv(tmp_path / "bad.csv", {"2020-01": 7, "2020-02": 2}), "--released", "2020-06-10")
    assert store.digest(as_of=end) != before
    code, out, err = ask("rebuild", "--without", "bad.csv")
    assert code == 0, err
    assert "Taken out: tea/bad.csv" in err
    assert "read again" in out
    assert store.digest(as_of=end) == before
    assert [entry.file for entry in quarantined(home / "payloads", "tea")] == ["bad.csv"]
    assert {name for name in datasets.DATASETS if store.batches(name)} >= {"prices", "incidents"}
