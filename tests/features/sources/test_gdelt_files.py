"""GDELT's files: what a round of collecting got, broken lines, hostile archives, and the memory that a day takes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.collection.fetching.client import FetchLimits
from features.collection.rounds import Outcome, Round, collect
from features.errors import BadInput
from features.sources import gdelt, gdelt_layouts, gdelt_payloads, gdelt_weeks
from features.sources.gdelt_layouts import LAYOUTS
from features.sources.polls import Poll, write_polls
from features.store import Store
from tests.file_server import FileServer, answer, serving
from tests.gdelt_exports import DAYS, NOW, event, filling, harvest, line, packed, value, write


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let days of a few rows count as whole ones."""
    monkeypatch.setattr(gdelt_weeks, "LEAST_ROWS_A_DAY", 1)
    monkeypatch.setattr(gdelt_weeks, "LEAST_SLOTS_A_DAY", 1)


# --- rounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "monday"),
    [("2026-11-23 11:59", "20261109"), ("2026-11-23 12:00", "20261116"), ("2026-11-29 23:00", "20261116")],
)
def test_a_round_asks_for_the_newest_week_whose_last_file_is_out(now: str, monday: str):
    moment = dt.datetime.fromisoformat(f"{now}+00:00")
    asked = gdelt.requests(gdelt.SPEC.endpoint, now=moment, key=None)
    assert len(asked) == 7
    assert asked[0].address == f"https://storage.googleapis.com/data.gdeltproject.org/events/{monday}.export.CSV.zip"
    last = dt.datetime.strptime(asked[-1].name[:8], "%Y%m%d").replace(tzinfo=dt.UTC)
    assert last + dt.timedelta(days=1, hours=12) <= moment


def go(store: Store, url: str, now: dt.datetime) -> Outcome:
    limits = FetchLimits(seconds=5, attempts=1)
    how = Round(endpoints={"gdelt": url}, private_hosts=("127.0.0.1",), limits=limits)
    (outcome,) = collect(store, ["gdelt"], how, now=lambda: now)
    return outcome


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


def test_a_round_gives_the_week_and_a_second_one_nothing_new(
    tmp_path: Path, small: None, server: FileServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gdelt, "SPEC", dataclasses.replace(gdelt.SPEC, requests_per_minute=60_000))
    now = dt.datetime.now(dt.UTC)
    asked = gdelt.requests("http://127.0.0.1", now=now, key=None)
    days = [dt.datetime.strptime(each.name[:8], "%Y%m%d").replace(tzinfo=dt.UTC).date() for each in asked]
    for request, day in list(zip(asked, days, strict=True))[:6]:
        body = b"".join(map(line, filling([day], place="CI")))
        server.answers[f"/events/{request.name}"] = answer(packed("e.CSV", body), kind="application/zip")
    store = Store(tmp_path / "home" / "datasets")
    outcome = go(store, server.url("/events/"), now)
    assert outcome.state == "new", outcome.message
    known = store.read("geopolitics", as_of=now + dt.timedelta(hours=1)).set_index(["indicator", "country"])["value"]
    assert (known["gdelt_days", ""], known["gdelt_volume", "CHL"]) == (6.0, 1.0)
    again = go(store, server.url("/events/"), now)
    assert (again.state, again.added) == ("unchanged", 0)


def test_a_round_with_too_few_files_stores_nothing_and_says_why(tmp_path: Path, small: None):
    body = packed("e.CSV", b"".join(map(line, filling(DAYS[:1]))))
    came = [Poll(f"d{n}", "http://x", NOW, is_ok=n < 4, problem="" if n < 4 else "gone", body=None) for n in range(7)]
    path = tmp_path / "polls-1.zip"
    write_polls([*came[1:], Poll("d0", "http://x", NOW, is_ok=True, body=body)], path)
    with pytest.raises(BadInput, match="at least 5 files of the week, found 4; d4: gone"):
        gdelt.parse(path)
    # Five that are as they were, and two that are gone: nothing new, and no failure.
    write_polls([Poll(f"d{n}", "http://x", NOW, is_ok=n < 5, problem="gone" * (n >= 5)) for n in range(7)], path)
    found = harvest(path)
    assert found.tables["geopolitics"].empty
    assert found.left_out[["value", "reason"]].to_numpy().tolist() == [["d5", "gone"], ["d6", "gone"]]
    assert found.polls["is_ok"].sum() == 5


# --- broken and hostile files ---------------------------------------------------------------------


def test_lines_that_cannot_be_read_are_rejected_with_their_number(tmp_path: Path, small: None):
    good = event(DAYS[0], 1, place="CI")
    at = LAYOUTS[58]

    def spoilt(cell: int, text: bytes) -> bytes:
        cells = line(good).split(b"\t")
        cells[cell] = text
        return b"\t".join(cells)

    bad = {
        "columns": [
            line(good)[:-40] + b"\n",
            line(good).rpartition(b"\t")[0] + b"\n",
            line(good).replace(b"\n", b"\t\n"),
            line(good, 61),
            b"\n",
        ],
        "DATEADDED": [spoilt(at.date_added, text) for text in (b"", b"2016728", b"20160732", b"20160725000000")],
        "EventRootCode": [spoilt(at.root, text) for text in (b"", b"21", b"1", b"--")],
        "QuadClass": [spoilt(at.quad, b"5")],
        "AvgTone": [spoilt(at.tone, text) for text in (b"", b"nan", b"inf", b"-101")],
    }
    path = tmp_path / "20160725.export.CSV"
    every = [each for group in bad.values() for each in group]
    path.write_bytes(line(good) + b"".join(every) + line(good))
    found = harvest(path)
    assert found.rejected["row"].tolist() == list(range(2, len(every) + 2))
    fields = [field for field, group in bad.items() for _ in group]
    assert found.rejected["field"].tolist() == fields
    assert set(found.rejected["file"]) == {path.name}
    assert found.counts["events read"] == 2


def test_a_rejected_line_names_its_file_inside_the_archive_and_many_refuse_the_payload(tmp_path: Path, small: None):
    extra = [("20160801.export.CSV", line(event(DAYS[0], 1)) + b"cut off\n")]
    path = write(tmp_path / "week.zip", filling(), extra=extra)
    assert harvest(path).rejected["file"].tolist() == ["week.zip, 20160801.export.CSV"]
    path.write_bytes(b"")
    lines = line(event(DAYS[0], 1)) + b"cut off\n" * (gdelt_layouts.MOST_BROKEN + 1)
    write(path, filling(), extra=[("20160801.export.CSV", lines)])
    with pytest.raises(BadInput, match=r"line 1002.*at most 1000 broken lines"):
        gdelt.parse(path)


def test_bytes_of_any_encoding_and_any_line_end_are_read(tmp_path: Path, small: None):
    path = tmp_path / "a.export.CSV"
    told = [event(DAYS[0], "http://x.org/caf\u00e9", place="CI"), event(DAYS[0], 2, place="CI")]
    body = b"".join(map(line, told)).replace("\u00e9".encode(), b"\xe9\x85").replace(b"\n", b"\r\n")
    cells = body.split(b"\t")
    cells[6], cells[50] = b'"DISSIDENT \xff\xfe', "Bío-Bío, Región \u2028 del, Chile".encode()
    path.write_bytes(b"\t".join(cells).removesuffix(b"\r\n"))
    found = harvest(path)
    assert (found.rejected.empty, found.counts["events read"]) == (True, 2)
    # Two codes that are no text stay two.
    path.write_bytes(line(told[1]).replace(b"CI", b"\xe8I") + line(told[1]).replace(b"CI", b"\xe9I"))
    assert harvest(path).left_out["value"].tolist()[:2] == ["\xe8I", "\xe9I"]


def test_what_names_no_article_is_counted_and_left_out(tmp_path: Path, small: None):
    told = filling() + [event(DAYS[0], "BBC Monitoring", place="CI") for _ in range(30)]
    found = harvest(write(tmp_path / "week.zip", told))
    assert found.counts["events without an article"] == 30
    assert value(found, "gdelt_volume", "CHL") == 0.0
    old = tmp_path / "old.export.CSV"
    old.write_bytes(line(event(dt.date(2013, 3, 31), 1), 57))
    assert harvest(old).counts["events without an article"] == 1


def test_an_unknown_code_is_listed_with_how_often_it_came(tmp_path: Path, small: None):
    told = [*filling(place="QX", actors=("KSX", "USA")), event(DAYS[0], 1, place="OS")]
    left_out = harvest(write(tmp_path / "week.zip", told)).left_out
    assert left_out[["field", "value", "reason"]].to_numpy().tolist() == [
        ["actor1", "KSX", "in no table: 7 time(s)"],
        ["place", "QX", "in no table: 7 time(s)"],
        ["place", "OS", "known to be no country: 1 time(s)"],
    ]


def test_versions_are_not_mixed_in_one_file_and_other_files_of_an_archive_are_counted(tmp_path: Path, small: None):
    extra = [("README.txt", b"read me"), ("__MACOSX/._20160725.export.CSV", b"\x00")]
    assert (
        harvest(write(tmp_path / "a.zip", filling(), extra=extra)).counts["files in the archive that are no export"]
        == 2
    )
    mixed = tmp_path / "mixed.export.CSV"
    mixed.write_bytes(line(event(DAYS[0], 1), 61) + line(event(DAYS[0], 1), 58))
    assert harvest(mixed).rejected["row"].tolist() == [2]


@pytest.mark.parametrize("body", [b"", b"\n", b"year,month\n", b"<html>", b"x" * 70_000, b"\x00" * 100])
def test_what_is_no_export_is_refused(tmp_path: Path, body: bytes):
    path = tmp_path / "a.export.CSV"
    path.write_bytes(body)
    with pytest.raises(BadInput, match=r"a\.export\.CSV"):
        gdelt.parse(path)
    with pytest.raises(BadInput, match="nothing"):
        gdelt.parse(tmp_path / "none.zip")


def test_hostile_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "week.zip"

    def refused(members: dict[str, bytes], match: str) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in members.items():
                archive.writestr(name, body)
        with pytest.raises(BadInput, match=match):
            gdelt.parse(path)

    bomb = packed("20160725.export.CSV", b"0" * 60_000_000)
    # Packed twice, the outer one looks harmless.
    refused({"20160725.export.CSV.zip": bomb}, r"week\.zip, 20160725.*at most 200 times its size")
    refused({"20160725.export.CSV": b"0" * 60_000_000}, "at most 200 times its size")
    refused({"../20160725.export.CSV": line(event(DAYS[0], 1))}, "inside its own folder")
    refused({"20160725.export.CSV.zip": b"PK\x03\x04 no zip"}, r"week\.zip, 20160725")
    refused({"a.export.CSV.zip": packed("a.CSV", line(event(DAYS[0], 1)), b"more")}, "a zip of one export")
    refused({"a.export.CSV.zip": packed("a.zip", bomb)}, r"a first line of \d+ cell|beyond 65536 bytes")
    refused({"README.txt": b"hello"}, "files \\*.export.CSV")
    whole = write(tmp_path / "whole.zip", filling()).read_bytes()
    # What is left of a zip of zips ends, as a zip does, with the end of the last whole one in it.
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="download it again"):
        gdelt.parse(path)
    monkeypatch.setattr(gdelt_layouts, "MOST_MEGABYTES", 0.0005)
    with pytest.raises(BadInput, match="Give fewer days"):
        gdelt_payloads.read_payload(write(tmp_path / "many.zip", filling()))


# --- size -----------------------------------------------------------------------------------------

MEASURED = """
import datetime as dt, sys
from pathlib import Path
from features.catalog import load_catalog
from features.sources import gdelt
gdelt.FEWEST_DAYS = 1
raw = gdelt.parse(Path(sys.argv[1]))
found = gdelt.harmonise(raw, load_catalog(), file="day", lag=None, now=dt.datetime(2026, 11, 27, tzinfo=dt.UTC))
# The peak of this process alone; getrusage would count in what its parent had when it began.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(found.counts["events read"], found.counts["weeks"], int(peak.split()[1]) / 1000)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
def test_a_day_of_a_quarter_of_a_million_events_takes_under_300_megabytes(tmp_path: Path, repo_root: Path):
    path, per_block = tmp_path / "20160725.export.CSV", 2500
    block = []
    for number in range(per_block):
        actors = ("USA" if number % 3 else "", "CHN" if number % 2 else "COD")
        place = ("US", "CH", "CI", "")[number % 4]
        told = event(DAYS[0], "https://example.org/a-rather-long-headline-@@@@-", place=place, actors=actors,
                     root=number % 20 + 1, tone=number / 1000)  # fmt: skip
        cells = line(told).rstrip(b"\n").split(b"\t")
        cells[50] = b"Somewhere in the Middle, Some Province or Other, Some Country"
        block.append(b"\t".join(cells) + f"{number // 3}\n".encode())
    text = b"".join(block)
    with path.open("wb") as file:
        for at in range(100):
            file.write(text.replace(b"@@@@", str(at).encode()))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, cwd=repo_root, check=False
    )
    assert done.returncode == 0, done.stderr
    events, weeks, megabytes = map(float, done.stdout.split())
    assert (events, weeks) == (250_000, 1)
    assert megabytes < 300
