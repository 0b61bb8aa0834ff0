"""Downloads against a server in many moods: what is fetched, what is tried again, and what is refused."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tenacity.nap

from features.collection.fetching.addresses import CheckedBackend
from features.collection.fetching.client import Fetcher, FetchLimits, seconds_to_wait
from features.collection.fetching.contents import FetchFailed
from features.errors import BadInput
from features.sources.spec import Request, SourceSpec
from tests.file_server import (
    Answer,
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

CSV = b"a,b\n1,2\n"
QUICK = FetchLimits(seconds=5, attempts=3, first_pause_seconds=0.001, longest_pause_seconds=0.002)
LOCAL = ("127.0.0.1",)


def spec(**changes) -> SourceSpec:
    usual = dict.fromkeys(
        ("name", "title", "publisher", "address", "licence", "citation", "cadence", "lag_rule", "takes"), "tea"
    )
    return SourceSpec(**(usual | {"lag": None, "fills": (), "requests_per_minute": 60_000} | changes))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


def fetcher(tmp_path: Path, *, limits: FetchLimits = QUICK, hosts: tuple[str, ...] = LOCAL, **changes) -> Fetcher:
    options = {name: changes.pop(name) for name in ("key", "cache", "contact", "backend") if name in changes}
    private = changes.pop("private_hosts", LOCAL)
    return Fetcher(spec(**changes), hosts=hosts, private_hosts=private, limits=limits, **options)


def fetch(server: FileServer, tmp_path: Path, mood: Answer, name: str = "tea.csv", **changes):
    server.answers["/f"] = mood
    with fetcher(tmp_path, **changes) as client:
        return client.fetch(Request(server.url("/f"), name), tmp_path / "in")


def left_behind(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "in").rglob("*")] if (tmp_path / "in").exists() else []


# --- what is fetched ------------------------------------------------------------------------------


def test_a_file_is_fetched_byte_for_byte_with_its_headers_and_moment(server: FileServer, tmp_path: Path):
    before = dt.datetime.now(dt.UTC)
    got = fetch(server, tmp_path, answer(CSV, kind="text/csv", Last_Modified="Mon, 01 Jun 2026 00:00:00 GMT"))
    assert got.path.read_bytes() == CSV
    assert got.address == server.url("/f")
    assert got.headers["last-modified"] == "Mon, 01 Jun 2026 00:00:00 GMT"
    assert before <= got.fetched_at <= dt.datetime.now(dt.UTC)
    assert not got.is_unchanged
    assert left_behind(tmp_path) == ["tea.csv"]


def test_we_say_who_we_are_and_whom_to_write_to(server: FileServer, tmp_path: Path):
    fetch(server, tmp_path, answer(CSV), contact="desk@example.org")
    agent = server.asked[0][1]["user-agent"]
    assert agent.startswith("oresight/")
    assert "desk@example.org" in agent


def test_a_file_that_has_not_changed_is_not_sent_again(server: FileServer, tmp_path: Path):
    cache = tmp_path / "cache.db"
    assert not fetch(server, tmp_path, with_etag(CSV), cache=cache).is_unchanged
    again = fetch(server, tmp_path, with_etag(CSV), cache=cache)
    assert again.is_unchanged
    assert again.path.read_bytes() == CSV
    assert [headers.get("if-none-match") for _, headers in server.asked] == [None, '"one"']
    changed = fetch(server, tmp_path, with_etag(b"new\n", '"two"'), cache=cache)
    assert not changed.is_unchanged
    assert changed.path.read_bytes() == b"new\n"


def test_a_publisher_is_asked_each_time_even_if_it_says_its_file_keeps_for_a_day(server: FileServer, tmp_path: Path):
    cache = tmp_path / "cache.db"
    fetch(server, tmp_path, answer(CSV, Cache_Control="max-age=86400", ETag='"one"'), cache=cache)
    got = fetch(server, tmp_path, answer(b"new\n", Cache_Control="max-age=86400", ETag='"two"'), cache=cache)
    assert got.path.read_bytes() == b"new\n"
    assert server.count("/f") == 2


def test_an_answer_without_content_is_one_only_where_it_may_be(server: FileServer, tmp_path: Path):
    server.answers["/f"] = answer(b"", status=204)
    with fetcher(tmp_path) as client:
        with pytest.raises(FetchFailed, match="found status 204"):
            client.fetch(Request(server.url("/f"), "tea.json"), tmp_path / "in")
        got = client.fetch(Request(server.url("/f"), "tea.json", may_be_empty=True), tmp_path / "in")
    assert got.path.read_bytes() == b""


def test_a_body_can_be_sent(server: FileServer, tmp_path: Path):
    bodies = []
    server.answers["/f"] = lambda handler: (bodies.append(handler.body), answer(b"{}")(handler))[1]
    with fetcher(tmp_path) as client:
        client.fetch(Request(server.url("/f"), "f.json", "POST", {"year": 2026}), tmp_path / "in")
    assert bodies == [b'{"year":2026}']


def test_a_key_reaches_the_publisher_and_nothing_else(server: FileServer, tmp_path: Path):
    server.answers["/f"] = answer(CSV, ETag='"one"', X_Echo="s3cr t")
    cache = tmp_path / "cache.db"
    with fetcher(tmp_path, key="s3cr t", cache=cache) as client:
        got = client.fetch(Request(server.url("/f?key=s3cr%20t"), "f.csv"), tmp_path / "in")
        assert got.address == server.url("/f?key=(key)")
        assert got.headers["x-echo"] == "(key)"
        with pytest.raises(FetchFailed) as caught:
            client.fetch(Request(server.url("/g?key=s3cr%20t"), "f.csv"), tmp_path / "in")
    assert "s3cr" not in str(caught.value)
    assert not cache.exists()


# --- what is tried again --------------------------------------------------------------------------


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(tenacity.nap.time, "sleep", taken.append)
    return taken


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again(server: FileServer, tmp_path: Path, status: int):
    got = fetch(server, tmp_path, in_turn(answer(b"no", status=status), answer(CSV)))
    assert got.path.read_bytes() == CSV
    assert server.count("/f") == 2


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_a_publisher_asks_for_is_kept(server: FileServer, tmp_path: Path, pauses: list[float], status: int):
    mood = in_turn(answer(b"no", status=status, Retry_After="3"), answer(CSV))
    fetch(server, tmp_path, mood, requests_per_minute=10**9)
    assert [pause for pause in pauses if pause > 0.01] == [3.0]


def test_a_pause_longer_than_we_have_ends_the_attempt_and_is_told(server: FileServer, tmp_path: Path):
    with pytest.raises(FetchFailed, match=r"status 429 .*asks to wait 3600 s; try again then"):
        fetch(server, tmp_path, answer(b"no", status=429, Retry_After="3600"))
    assert server.count("/f") == 1


def test_attempts_are_counted_and_pauses_grow_with_a_random_part(
    server: FileServer, tmp_path: Path, pauses: list[float]
):
    limits = FetchLimits(seconds=60, attempts=4, first_pause_seconds=1, longest_pause_seconds=60)
    with pytest.raises(FetchFailed, match="status 500"):
        fetch(server, tmp_path, answer(b"no", status=500), limits=limits, requests_per_minute=10**9)
    assert server.count("/f") == 4
    pauses = [pause for pause in pauses if pause > 0.01]
    assert all(low <= pause <= low + 1 for low, pause in zip((1, 2, 4), pauses, strict=True))
    assert any(pause % 1 for pause in pauses)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_failure_that_stays_is_not_tried_again(server: FileServer, tmp_path: Path, status: int):
    with pytest.raises(FetchFailed, match=f"status {status}"):
        fetch(server, tmp_path, answer(b"no", status=status))
    assert server.count("/f") == 1


def test_a_file_that_is_cut_off_is_tried_again_and_never_kept(server: FileServer, tmp_path: Path):
    got = fetch(server, tmp_path, in_turn(cut_off(CSV * 100), answer(CSV)), cache=tmp_path / "cache.db")
    assert got.path.read_bytes() == CSV
    with pytest.raises(FetchFailed, match="without sending complete message body"):
        fetch(server, tmp_path, cut_off(CSV * 100), cache=tmp_path / "cache.db")
    assert left_behind(tmp_path) == ["tea.csv"]
    assert got.path.read_bytes() == CSV


def test_a_body_that_drips_ends_at_the_deadline_of_the_whole(server: FileServer, tmp_path: Path):
    started = time.monotonic()
    with pytest.raises(FetchFailed, match="too long"):
        fetch(server, tmp_path, dripping(CSV * 100), limits=FetchLimits(seconds=0.3, attempts=3))
    assert time.monotonic() - started < 1
    assert left_behind(tmp_path) == []


def test_a_download_that_is_stopped_ends_and_is_not_tried_again(server: FileServer, tmp_path: Path):
    server.answers["/f"] = dripping(CSV * 100, seconds=0.01)
    with fetcher(tmp_path) as client:
        threading.Timer(0.1, client.stop).start()
        with pytest.raises(FetchFailed, match="too long"):
            client.fetch(Request(server.url("/f"), "f.csv"), tmp_path / "in")
    assert server.count("/f") == 1


def test_a_server_that_is_not_there_is_told(tmp_path: Path):
    with fetcher(tmp_path) as client, pytest.raises(FetchFailed, match="ConnectError"):
        client.fetch(Request("http://127.0.0.1:9/f", "f.csv"), tmp_path / "in")


def test_requests_to_one_source_are_spread(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    server.answers["/f"] = answer(CSV)
    taken: list[float] = []
    monkeypatch.setattr("features.collection.fetching.client.time.sleep", taken.append)
    with fetcher(tmp_path, requests_per_minute=20) as client:
        for _ in range(2):
            client.fetch(Request(server.url("/f"), "f.csv"), tmp_path / "in")
    assert len(taken) == 1
    assert 2.5 < taken[0] <= 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("soon", None),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
    ],
)
def test_how_long_to_wait_is_a_number_or_a_date(text: str | None, seconds: float | None):
    assert seconds_to_wait(text, now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)) == seconds


# --- what is refused ------------------------------------------------------------------------------

PAGE = b"\n<!DOCTYPE html><html><body>Down for maintenance</body></html>"


@pytest.mark.parametrize(
    ("mood", "name", "words"),
    [
        (answer(PAGE, kind="text/html; charset=utf-8"), "f.xlsx", "expected a xlsx file, found a web page"),
        (answer(PAGE, kind="application/octet-stream"), "f.csv", "expected a csv file, found a web page"),
        (answer(CSV), "f.zip", "expected a zip file, found something that begins with b'a,b"),
        (answer(CSV), "f.json", "expected a json file"),
        (answer(b""), "f.csv", "found an empty answer"),
        (answer(CSV, Content_Encoding="gzip, gzip"), "f.csv", "packed with gzip or not at all, found gzip, gzip"),
    ],
)
def test_what_was_not_promised_is_refused(server: FileServer, tmp_path: Path, mood: Answer, name: str, words: str):
    with pytest.raises(FetchFailed, match=words):
        fetch(server, tmp_path, mood, name)
    assert left_behind(tmp_path) == []


def test_more_than_the_source_may_send_is_refused_when_announced_and_while_it_comes(server: FileServer, tmp_path: Path):
    with pytest.raises(FetchFailed, match="at most 1 MB, found 2 MB announced"):
        fetch(server, tmp_path, answer(bytes(2_000_000)), max_megabytes=1)
    with pytest.raises(FetchFailed, match="at most 1 MB, found more"):
        fetch(server, tmp_path, gzip_bomb(50), max_megabytes=1)
    assert left_behind(tmp_path) == []
    assert fetch(server, tmp_path, gzip_bomb(1), max_megabytes=1).path.stat().st_size == 1_000_000


@pytest.mark.parametrize("name", ["", "../f.csv", "/etc/f.csv", "a/b.csv", "a\\b.csv", ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(server: FileServer, tmp_path: Path, name: str):
    with pytest.raises(FetchFailed, match="a plain file name"):
        fetch(server, tmp_path, answer(CSV), name)


# --- redirects ------------------------------------------------------------------------------------


def test_a_redirect_to_a_declared_host_is_followed(server: FileServer, tmp_path: Path):
    server.answers["/g"] = answer(CSV)
    assert fetch(server, tmp_path, redirect("/g")).path.read_bytes() == CSV


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://tea.example.org/f", "one of the hosts 127.0.0.1, localhost, found tea.example.org"),
        ("http://169.254.169.254/latest/meta-data", "found 169.254.169.254"),
        ("file:///etc/passwd", "found none"),
        ("http://me:secret@127.0.0.1/f", "without user name and password"),
        ("http://localhost/f", "an https address, found http"),
        ("https://localhost/f", "a public machine, found the address (127.0.0.1|::1)"),
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(server: FileServer, tmp_path: Path, target: str, words: str):
    with pytest.raises(BadInput, match=words):
        fetch(server, tmp_path, redirect(target), hosts=("127.0.0.1", "localhost"))
    assert server.count("/f") == 1


def test_redirects_without_end_are_refused(server: FileServer, tmp_path: Path):
    with pytest.raises(FetchFailed, match="at most 5 redirects"):
        fetch(server, tmp_path, redirect("/f"))
    assert server.count("/f") == 6


def test_headers_meant_for_one_host_are_not_sent_to_another(server: FileServer, tmp_path: Path):
    server.answers |= {"/f": redirect(f"http://localhost:{server.port}/g"), "/g": answer(CSV)}
    both = ("127.0.0.1", "localhost")
    with fetcher(tmp_path, hosts=both, private_hosts=both) as client:
        client.fetch(Request(server.url("/f"), "f.csv", headers={"X-Key": "secret"}), tmp_path / "in")
    assert [headers.get("x-key") for _, headers in server.asked] == ["secret", None]


def test_a_name_that_answers_differently_a_moment_later_gains_nothing(tmp_path: Path):
    # The first answer is public and is what is connected to; a second look-up, which would be private, never happens.
    answers = iter([["203.0.114.1"], ["127.0.0.1"]])
    tried: list[str] = []

    class Plain:
        def connect_tcp(self, host: str, *args: object, **kwargs: object) -> None:
            tried.append(host)
            raise BadInput(where=host, expected="the end of the test", found="it", remedy=".")

    backend = CheckedBackend((), resolve=lambda host, port: next(answers))
    backend._plain = Plain()
    with (
        fetcher(tmp_path, hosts=("tea.example.org",), backend=backend) as client,
        pytest.raises(BadInput, match="the end of the test"),
    ):
        client.fetch(Request("https://tea.example.org/f", "f.csv"), tmp_path / "in")
    assert tried == ["203.0.114.1"]
    assert next(answers) == ["127.0.0.1"]
