"""A round of polls in one file: what is written is read again, the same answers give the same bytes."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import pytest

from features.archives import check_archive
from features.errors import BadInput
from features.sources.polls import Poll, is_poll_file, read_polls, write_polls

AT = dt.datetime(2026, 11, 27, 12, 30, 1, 5, tzinfo=dt.UTC)
POLLS = [
    Poll("b", "https://b.org/f", AT, True, "", {"content-type": "text/xml", "etag": '"1"'}, b"<rss/>"),
    Poll("a", "https://a.org/f", AT, False, "status 500"),
    Poll("c", "https://c.org/f", AT, True),
]


def test_a_round_is_read_as_it_was_written(tmp_path: Path):
    path = tmp_path / "polls.zip"
    write_polls(POLLS, path)
    assert is_poll_file(path)
    assert sorted(read_polls(path), key=lambda poll: poll.part) == sorted(POLLS, key=lambda poll: poll.part)


def test_the_same_answers_give_the_same_bytes_without_cookies(tmp_path: Path):
    told = [Poll("b", "https://b.org/f", AT, True, "", {**POLLS[0].headers, "set-cookie": "x"}, b"<rss/>"), *POLLS[1:]]
    for name, polls in (("one", POLLS), ("two", told[::-1])):
        write_polls(polls, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_feed_that_packs_like_a_bomb_does_not_get_its_round_refused(tmp_path: Path):
    path = tmp_path / "polls.zip"
    write_polls([Poll(name, "https://x.org", AT, True, body=bytes(12_000_000)) for name in "abcdef"], path)
    check_archive(path)
    assert sum(len(poll.body or b"") for poll in read_polls(path)) == 72_000_000


def test_other_files_are_no_rounds(tmp_path: Path):
    (tmp_path / "text").write_text("no")
    (tmp_path / "cut").write_bytes(b"PK\x03\x04")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("other.json", "{}")
    assert not any(is_poll_file(tmp_path / name) for name in ("text", "cut", "zip"))
    with zipfile.ZipFile(tmp_path / "odd", "w") as archive:
        archive.writestr("polls.json", '{"polls": [{"part": 1}]}')
    with pytest.raises(BadInput, match="a round of polls"):
        list(read_polls(tmp_path / "odd"))
