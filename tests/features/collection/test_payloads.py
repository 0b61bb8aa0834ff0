"""Kept bytes: nothing overwrites anything, and the note says where they came from."""

from __future__ import annotations

import json
from pathlib import Path

from features.collection.payloads import (
    Origin,
    Release,
    keep,
    kept,
    quarantine,
    quarantined,
    redate,
    sha256_of,
    take_out,
)
from tests.tea import moment

NOW = moment("2026-11-25")
RELEASE = Release(moment("2026-06-02"), "payload")
ORIGIN = Origin("https://tea.example.org/f", moment("2026-06-03"), {"etag": '"one"'})


def file(folder: Path, body: bytes, name: str = "tea.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)
    return folder / name


def test_the_bytes_and_the_note_are_kept_under_the_digest(tmp_path: Path):
    path = file(tmp_path / "in", b"\x00\xff\r\n")
    payload = keep(tmp_path / "p", "tea", path, release=RELEASE, origin=ORIGIN, now=NOW)
    digest = sha256_of(path)
    assert payload.path == tmp_path / "p" / "tea" / digest / "tea.csv"
    assert payload.path.read_bytes() == b"\x00\xff\r\n"
    note = json.loads((tmp_path / "p" / "tea" / f"{digest}.json").read_text())
    assert (note["file"], note["sha256"], note["size"]) == ("tea.csv", digest, 4)
    assert note["origin"] == {
        "address": "https://tea.example.org/f", "fetched_at": "2026-06-03T00:00:00+00:00", "headers": {"etag": '"one"'},
    }  # fmt: skip
    assert note["releases"] == [{"at": "2026-06-02T00:00:00+00:00", "said_by": "payload"}]
    assert kept(tmp_path / "p", "tea") == [payload]


def test_two_files_of_one_name_never_overwrite_each_other(tmp_path: Path):
    for number in (b"1", b"2"):
        path = file(tmp_path / "in", number)
        keep(tmp_path / "p", "tea", path, release=RELEASE, origin=Origin(), now=NOW)
    assert sorted(payload.path.read_bytes() for payload in kept(tmp_path / "p", "tea")) == [b"1", b"2"]


def test_the_same_bytes_may_be_released_again_and_are_kept_once(tmp_path: Path):
    path, later = file(tmp_path / "in", b"1"), Release(moment("2026-07-02"), "fetch")
    for release in (RELEASE, RELEASE, later):
        keep(tmp_path / "p", "tea", path, release=release, origin=Origin(), now=NOW)
    (payload,) = kept(tmp_path / "p", "tea")
    assert payload.releases == (RELEASE, later)
    redate(tmp_path / "p", payload, later)
    assert kept(tmp_path / "p", "tea")[0].releases == (later,)


def test_a_refused_file_lies_apart_with_its_reason_until_it_is_accepted(tmp_path: Path):
    path = file(tmp_path / "in", b"1")
    aside = quarantine(tmp_path / "p", "tea", path, reason="too blue", origin=ORIGIN, now=NOW)
    assert aside.path == tmp_path / "p" / "tea" / "quarantine" / sha256_of(path) / "tea.csv"
    assert path.exists()
    assert (quarantined(tmp_path / "p", "tea"), kept(tmp_path / "p", "tea")) == ([aside], [])
    keep(tmp_path / "p", "tea", aside.path, release=RELEASE, origin=ORIGIN, now=NOW)
    assert quarantined(tmp_path / "p", "tea") == []
    assert kept(tmp_path / "p", "tea")[0].path.read_bytes() == b"1"


def test_a_file_that_is_taken_out_moves(tmp_path: Path):
    payload = keep(tmp_path / "p", "tea", file(tmp_path / "in", b"1"), release=RELEASE, origin=ORIGIN, now=NOW)
    moved = take_out(tmp_path / "p", payload, reason="wrong", now=NOW)
    assert kept(tmp_path / "p", "tea") == []
    assert quarantined(tmp_path / "p", "tea") == [moved]
    assert moved.path.read_bytes() == b"1"
    assert not payload.path.exists()
