"""The list of the US Treasury: the real one, its official layout, first sight, delisting, and lists that shrink."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from pathlib import Path

import pandas as pd
import pytest

from features import collection, datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.collection.payloads import kept, quarantined
from features.collection.rebuilding import rebuild
from features.errors import BadInput
from features.sources import ofac_sdn
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, 9, tzinfo=dt.UTC)
NONE = "-0- "
TAKEN = 2000
BELARUSKALI, ALROSA, MOA_NICKEL = "32746", "34644", "3751"


def entry(number: int | str, name: str, kind: str = NONE, programmes: str = "CUBA", remarks: str = NONE) -> list[str]:
    return [str(number), name, kind, programmes, *[NONE] * 7, remarks]


def packed(*entries: list[str], header: bool = False, end: str = "\x1a\r\n") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if header:
        writer.writerow(["ID", "Name", "Type", "Country", "Title", *[f"Col_{c}" for c in "FGHIJK"], "Details"])
    writer.writerows(entries)
    return (text.getvalue() + end).encode("cp1252")


def harvest(path: Path, *, now: dt.datetime = NOW) -> Harvest:
    found = ofac_sdn.harmonise(ofac_sdn.parse(path), load_catalog(), file=path.name, lag=None, now=now)
    datasets.check("sanctions", found.tables["sanctions"], where="test")
    return found


def written(folder: Path, *entries: list[str], name: str = "sdn.csv", **layout) -> Path:
    path = folder / name
    path.write_bytes(packed(*entries, **layout))
    return path


@pytest.fixture(scope="module")
def payload(shared: Path) -> Path:
    return shared / "payloads" / "ofac" / "sdn.csv.gz"


@pytest.fixture(scope="module")
def real(payload: Path) -> Harvest:
    return harvest(payload)


def test_the_real_list_is_read_whole(real: Harvest):
    rows = real.tables["sanctions"]
    assert len(rows) == 11_443
    assert len(real.rejected) == 0
    assert rows["kind"].value_counts().to_dict() == {"person": 5890, "entity": 4575, "vessel": 685, "aircraft": 293}
    assert set(rows["imposed_by"]) == {"USA"}
    assert not [what for what in real.counts if what.startswith("unknown programme")]
    assert real.counts["entries about several countries, of which the first counts"] == 62
    assert real.counts["entries without a country of their own"] == rows["country"].eq("").sum() == 4678


def test_the_country_is_that_of_the_programmes(real: Harvest):
    rows = real.tables["sanctions"].set_index("entry_id")
    assert rows.loc[BELARUSKALI, ["country", "programme"]].tolist() == ["BLR", "BELARUS-EO14038"]
    assert rows.loc["29107", ["country", "programme"]].tolist() == ["RUS", "UKRAINE-EO13661;CYBER2;ELECTION-EO13848"]
    assert rows.loc["32791", "country"] == "COD", "a refinery in Uganda, listed for the Congo"
    assert rows.loc["23273", ["programme", "country"]].tolist() == ["GLOMAG", ""]


def test_metals_businesses_of_the_real_list_are_found_and_namesakes_are_not(real: Harvest):
    rows = real.tables["sanctions"].set_index("entry_id")
    metals = rows[rows["is_metals"]]
    assert len(metals) == 115
    assert metals["minerals"].ne("").sum() == 37
    assert set(metals["kind"]) == {"entity"}
    minerals = {BELARUSKALI: "potash", ALROSA: "", MOA_NICKEL: "cobalt;nickel", "28293": "copper", "25045": "zinc"}
    assert metals.loc[list(minerals), "minerals"].to_dict() == minerals
    # By purpose only; linked to a mine; a bank; a company of one's lawyers; a spring; a factory for lasers.
    assert metals.loc["28546", "name"] == "KOREA DAIZIN TRADING CORP."
    for number in ("25065", "25685", "24671", "30614", "37668", "25845"):
        assert not rows.loc[number, "is_metals"], rows.loc[number, "name"]


def test_the_official_layout_and_a_copy_with_a_header_say_the_same(tmp_path: Path):
    entries = [
        entry(7, "MINERA X", programmes="SYRIA] [SDGT"),
        entry(8, "MUÑOZ, A", "individual"),
        entry(9, "Z", "vessel"),
    ]
    official = harvest(written(tmp_path, *entries)).tables["sanctions"]
    copy = tmp_path / "sdn.csv.gz"
    copy.write_bytes(gzip.compress(packed(*entries, header=True).decode("cp1252").encode()))
    pd.testing.assert_frame_equal(official, harvest(copy).tables["sanctions"])
    assert official["entry_id"].tolist() == ["7", "8", "9"]
    assert official["name"].tolist() == ["MINERA X", "MUÑOZ, A", "Z"]
    assert official["kind"].tolist() == ["entity", "person", "vessel"]
    assert official["country"].tolist() == ["SYR", "CUB", "CUB"]


def test_further_names_count_and_whom_it_is_linked_to_does_not(tmp_path: Path):
    found = harvest(
        written(
            tmp_path,
            entry(1, "GARANTI LIMITED", remarks="Tax ID 1; a.k.a. 'GARANTI GOLD TRADING'; Linked To: A STEEL COMPANY."),
            entry(2, "HOLDING X", remarks="Linked To: IRAN ZINC MINES DEVELOPMENT COMPANY."),
            entry(3, "STEEL, Peter", "individual"),
            entry(4, "HOLDING Y", remarks="Organization Type: Mining of other non-ferrous metal ores; Linked To: Z."),
        )
    ).tables["sanctions"]
    assert found["is_metals"].tolist() == [True, False, False, True]
    assert found["minerals"].tolist() == ["gold", "", "", ""]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("sdn.csv", NOW),
        ("sdn-2023-01-21.csv", utc("2023-01-22")),
        ("sdn-2026-11-25.csv", NOW),
        ("sdn-2027-01-01.csv", NOW),
        ("sdn-2023-02-30.csv", NOW),
    ],
)
def test_an_entry_counts_from_when_it_was_first_seen(tmp_path: Path, name: str, known: dt.datetime):
    row = harvest(written(tmp_path, entry(1, "A"), name=name)).tables["sanctions"].iloc[0]
    assert row["available_at"] == known
    assert pd.isna(row["listed_at"])


def test_a_download_is_named_by_the_day_on_which_it_ends():
    at = dt.datetime(2026, 11, 29, 22, 59, tzinfo=dt.UTC)
    (request,) = ofac_sdn.requests(ofac_sdn.SPEC.endpoint, now=at, key=None)
    assert (request.name, request.address) == ("sdn-2026-11-29.csv", ofac_sdn.SPEC.endpoint)
    (late,) = ofac_sdn.requests("https://x", now=at + dt.timedelta(minutes=2), key=None)
    assert late.name == "sdn-2026-11-30.csv"


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (entry("x7", "A"), "entry_id", "empty"),
        (entry(1, "A", "balloon"), "kind", "an unknown kind"),
        (entry(1, NONE), "name", "empty"),
        (entry(1000, "A"), "entry_id", "used twice"),
    ],
)
def test_an_entry_that_is_not_understood_is_rejected_and_named(tmp_path: Path, bad: list, field: str, reason: str):
    found = harvest(written(tmp_path, entry(1000, "GOOD"), bad))
    assert found.rejected[["row", "field", "reason"]].to_numpy().tolist() == [[2, field, reason]]
    assert found.tables["sanctions"]["entry_id"].tolist() == ["1000"]


def test_an_unknown_programme_gives_no_country_and_is_counted(tmp_path: Path):
    found = harvest(written(tmp_path, entry(1, "A", programmes="ATLANTIS-EO1"), entry(2, "B")))
    assert found.counts["unknown programme ATLANTIS-EO1"] == 1
    assert found.tables["sanctions"]["country"].tolist() == ["", "CUB"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found nothing"),
        (packed(entry(1, "A"))[:-20], r"row 1: expected 12 columns|12 columns"),
        (b'1,"A', "unexpected end of data"),
        (b"\x1a\r\n", "found none"),
        (b"a,b,c\r\n1,2,3\r\n", "12 columns"),
        (gzip.compress(packed(entry(1, "A")))[:-9], "gzip"),
        (b"<html>down for maintenance</html>", "12 columns"),
    ],
    # Bytes of gzip hold the second in which they were made, and names must be the same for every worker.
    ids=["empty", "cut", "half a row", "no rows", "another table", "gzip cut", "a page"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, words: str):
    path = tmp_path / "sdn.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        ofac_sdn.parse(path)


# --- releases -------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "datasets")


def release(store: Store, folder: Path, payload: Path, day: str, *, without: int = 0, more: list | None = None, **how):
    """Ingest the first two thousand of the real list as of a day, without the last of them and with others."""
    lines = gzip.decompress(payload.read_bytes()).decode().splitlines(keepends=True)
    path = folder / f"sdn-{day}.csv"
    body = "".join(lines[: 1 + TAKEN - without])
    path.write_text(body + (packed(*more, end="").decode() if more else ""), encoding="utf-8", newline="")
    return ingest(store, "ofac_sdn", path, now=NOW, released=utc(day).to_pydatetime(), **how)


def test_what_a_later_list_lacks_is_delisted_from_then_on(store: Store, tmp_path: Path, payload: Path):
    first = release(store, tmp_path, payload, "2023-01-21")
    assert first.added == {"sanctions": TAKEN}
    second = release(store, tmp_path, payload, "2023-03-01", without=100, more=[entry(99_999, "NEW MINING COMPANY")])
    assert (second.withdrawn, second.added) == (100, {"sanctions": 1})
    seen = {day: store.read("sanctions", as_of=utc(day)) for day in ("2023-01-21", "2023-02-28", "2023-03-01")}
    assert [len(rows) for rows in seen.values()] == [0, TAKEN, TAKEN - 100]
    at_the_end = store.read("sanctions", as_of=NOW).set_index("entry_id")
    assert len(at_the_end) == TAKEN - 99
    assert at_the_end.loc["99999", "available_at"] == utc("2023-03-02")
    back = release(store, tmp_path, payload, "2023-04-01")
    assert (back.withdrawn, len(store.read("sanctions", as_of=NOW))) == (1, TAKEN)


def test_a_list_that_shrinks_at_once_is_put_aside_and_the_good_one_stays(store: Store, tmp_path: Path, payload: Path):
    release(store, tmp_path, payload, "2023-01-21")
    with pytest.raises(BadInput, match="300 of them missing"):
        release(store, tmp_path, payload, "2023-03-01", without=300)
    assert len(store.read("sanctions", as_of=NOW)) == TAKEN
    root = store.folder.parent / "payloads"
    assert [each.file for each in quarantined(root, "ofac_sdn")] == ["sdn-2023-03-01.csv"]
    assert [each.file for each in kept(root, "ofac_sdn")] == ["sdn-2023-01-21.csv"]
    release(store, tmp_path, payload, "2023-03-01", without=300, accept_jumps=True)
    assert len(store.read("sanctions", as_of=NOW)) == TAKEN - 300


def test_a_rebuild_years_later_dates_the_same(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(collection, "BUNDLE_FILES", {})
    monkeypatch.setattr(collection, "SOURCES", ("ofac_sdn",))
    for day, numbers in (("2023-01-21", range(40)), ("2023-02-21", range(1, 41))):
        path = written(tmp_path, *(entry(n, f"A{n}") for n in numbers), name=f"sdn-{day}.csv")
        ingest(store, "ofac_sdn", path, now=NOW, released=utc(day).to_pydatetime())
    days = [utc(day) for day in ("2023-01-21", "2023-01-22", "2023-02-21", "2023-02-22", "2026-11-25")]
    before = [store.digest(as_of=day) for day in days]
    rebuild(store, now=NOW + dt.timedelta(days=800))
    assert [store.digest(as_of=day) for day in days] == before
