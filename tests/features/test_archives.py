"""Archives that would burst, escape or hide something are refused before a reader opens them; honest ones pass."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from features.archives import ArchiveLimits, check_archive, check_gzip, check_zip, open_zip
from features.errors import BadInput
from features.sources.spec import read_table

SMALL = ArchiveLimits(max_members=3, max_megabytes=3, max_ratio=20, free_megabytes=1)


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def test_honest_archives_pass(tmp_path: Path):
    check_archive(packed(tmp_path / "a.zip", {"a.csv": b"a\n1\n", "folder/b.csv": b"b\n"}), SMALL)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"a\n1\n"))
    check_archive(tmp_path / "a.gz", SMALL)
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    check_archive(tmp_path / "a.csv", SMALL)
    pd.DataFrame({"a": [1]}).to_excel(tmp_path / "a.xlsx", index=False)
    check_archive(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({f"{number}.csv": b"" for number in range(4)}, "at most 3 members, found 4"),
        ({"a.csv": bytes(4_000_000)}, "at most 3 MB unpacked"),
        ({"a.csv": bytes(2_000_000), "b.csv": bytes(2_000_000)}, "at most 3 MB unpacked"),
        ({"a.csv": bytes(2_000_000)}, "unpacks to at most 20 times its size"),
        ({"../a.csv": b"a"}, r"members inside its own folder, found '\.\./a\.csv'"),
        ({"b/../../a.csv": b"a"}, "members inside its own folder"),
        ({"/etc/a.csv": b"a"}, "members inside its own folder"),
        ({"..\\a.csv": b"a"}, "members inside its own folder"),
        ({"C:/a.csv": b"a"}, "members inside its own folder"),
        ({"xl/a.xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}, "declares no entities"),
        ({"xl/a.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode("utf-16")}, "declares no entities"),
        ({"xl/a.xml": b"<!-- " + b"x" * 900_000 + b" -->" + b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'}, "no entities"),
    ],
)
def test_a_zip_beyond_a_limit_is_refused(tmp_path: Path, members: dict[str, bytes], words: str):
    path = packed(tmp_path / "bad.zip", members)
    with pytest.raises(BadInput, match=words) as caught:
        check_archive(path, SMALL)
    assert str(path) in str(caught.value)
    with pytest.raises(BadInput, match=words), open_zip(path, SMALL):
        pass


def test_plain_xml_with_entities_is_refused_wherever_they_stand(tmp_path: Path):
    (tmp_path / "good.xml").write_bytes(b'<?xml version="1.0"?><!DOCTYPE rss><rss>&amp;</rss>')
    check_archive(tmp_path / "good.xml")
    for padding in (0, (1 << 20) - 60, (1 << 20) - 30, (1 << 20) + 5):
        bad = b"<!-- " + b"x" * padding + b' --><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
        (tmp_path / "bad.xml").write_bytes(bad)
        with pytest.raises(BadInput, match="declares no entities"):
            check_archive(tmp_path / "bad.xml")


def test_a_zip_that_lies_about_its_size_is_counted(tmp_path: Path):
    body = packed(tmp_path / "lie.zip", {"a.csv": bytes(4_000_000)}).read_bytes()
    # The announced size, in the member's header and in the directory.
    lie = body.replace(struct.pack("<L", 4_000_000), struct.pack("<L", 4_000))
    assert lie != body
    (tmp_path / "lie.zip").write_bytes(lie)
    with pytest.raises(BadInput):
        check_zip(tmp_path / "lie.zip", SMALL)


def test_an_encrypted_member_is_refused(tmp_path: Path):
    path = packed(tmp_path / "locked.zip", {"a.csv": b"a\n1\n"})
    body = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(mark) + at] |= 1
    path.write_bytes(bytes(body))
    with pytest.raises(BadInput, match="not encrypted"):
        check_zip(path)


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_damaged_archive_is_refused(tmp_path: Path, cut: float):
    body = packed(tmp_path / "a.zip", {"a.csv": b"a,b\n" * 1000}).read_bytes()
    (tmp_path / "a.zip").write_bytes(body[: int(len(body) * cut)])
    with pytest.raises(BadInput, match="damaged or cut off"):
        check_zip(tmp_path / "a.zip")
    body = gzip.compress(b"a,b\n" * 1000)
    (tmp_path / "a.gz").write_bytes(body[: int(len(body) * cut)])
    with pytest.raises(BadInput, match="damaged or cut off"):
        check_gzip(tmp_path / "a.gz")


def test_a_gzip_that_bursts_is_refused(tmp_path: Path):
    (tmp_path / "bomb.csv").write_bytes(gzip.compress(bytes(4_000_000)))
    with pytest.raises(BadInput, match="at most 20 times its size"):
        check_archive(tmp_path / "bomb.csv", SMALL)


def test_a_file_that_changed_after_it_passed_is_checked_again(tmp_path: Path):
    path = packed(tmp_path / "a.zip", {"a.csv": b"a\n1\n"})
    check_zip(path, SMALL)
    packed(path, {"../a.csv": b"a\n1\n1\n"})
    with pytest.raises(BadInput):
        check_zip(path, SMALL)


def test_readers_of_tables_go_through_the_limits(tmp_path: Path):
    good = packed(tmp_path / "good.zip", {"a.csv": b"a,b\n1,2\n"})
    assert read_table(good, [("a", "b")])["a"].tolist() == ["1"]
    with pytest.raises(BadInput, match="members inside its own folder"):
        read_table(packed(tmp_path / "bad.zip", {"../a.csv": b"a,b\n1,2\n"}), [("a", "b")])


def test_a_workbook_with_entities_is_refused(tmp_path: Path):
    stream = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_excel(stream, index=False)
    with zipfile.ZipFile(stream) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet] = b'<!DOCTYPE lolz [<!ENTITY lol "lol">]>' + members[sheet]
    with pytest.raises(BadInput, match=r"found one in xl/worksheets/sheet1\.xml"):
        check_archive(packed(tmp_path / "a.xlsx", members))
