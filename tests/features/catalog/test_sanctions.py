"""Programmes of sanctions and names of metals businesses: checked when they are read, with file, row and field."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from features.catalog import load_catalog
from features.catalog.sanctions import (
    PROGRAMME_COLUMNS,
    load_metal_names,
    load_programmes,
    read_metal_names,
    read_programmes,
)
from features.errors import BadInput

ROW = ("USA", "TEST", "A test", "COD", "2019-05-08", "2019-05-08", "", "E.O. 1", "high", "")


def written(folder: Path, *rows: tuple[str, ...], header: tuple[str, ...] = PROGRAMME_COLUMNS) -> Path:
    path = folder / "programmes.csv"
    path.write_text("\n".join(",".join(cells) for cells in (header, *rows)) + "\n")
    return path


def changed(**cells: str) -> tuple[str, ...]:
    return tuple((dict(zip(PROGRAMME_COLUMNS, ROW, strict=True)) | cells).values())


def test_the_packaged_programmes():
    programmes = load_programmes()
    assert {by for by, _ in programmes} == {"USA", "EUU", "CAN", "UNO"}
    # Where metals are sanctioned, some act of each that does so is there.
    for country in (
        "RUS",
        "BLR",
        "IRN",
        "PRK",
        "MMR",
        "SYR",
        "VEN",
        "COD",
        "ZWE",
        "SDN",
        "SSD",
        "CAF",
        "MLI",
        "LBY",
        "NIC",
    ):
        assert any(each.country == country for each in programmes.values()), country
    iran = programmes["USA", "IRAN-EO13871"]
    assert (iran.country, iran.since, iran.act) == ("IRN", date(2019, 5, 8), "E.O. 13871, 84 FR 20761, 8 May 2019")
    assert programmes["USA", "SDGT"].country == ""
    assert programmes["USA", "ZIMBABWE"].ended_on == date(2024, 3, 4)
    with pytest.raises(TypeError):
        programmes["USA", "X"] = iran


def test_the_packaged_names_of_businesses():
    names = load_metal_names()
    assert names["rusal"] == ("aluminium",)
    assert names["alrosa"] == ()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"programme": "test"}, "row 2, programme: expected a tag in capitals"),
        ({"imposed_by": "US"}, "row 2, imposed_by"),
        ({"country": "XXX"}, "row 2, country"),
        ({"since": "8 May 2019"}, "row 2, since: expected a day"),
        ({"since": "2019-05-09"}, "row 2, published_on: expected 2019-05-09 or later"),
        ({"ended_on": "2019-05-08"}, "row 2, ended_on: expected later than"),
        ({"confidence": "sure"}, "row 2, confidence"),
        ({"act": ""}, "row 2, act"),
        ({"title": ""}, "row 2, title"),
    ],
)
def test_a_wrong_cell_is_refused_by_name(tmp_path: Path, cells: dict[str, str], words: str):
    with pytest.raises(BadInput, match=words):
        read_programmes(written(tmp_path, changed(**cells)), load_catalog().countries)


def test_a_wrong_header_order_or_length_is_refused(tmp_path: Path):
    countries = load_catalog().countries
    with pytest.raises(BadInput, match="row 1, header"):
        read_programmes(written(tmp_path, ROW, header=PROGRAMME_COLUMNS[1:]), countries)
    with pytest.raises(BadInput, match="row 3, programme: expected tags sorted"):
        read_programmes(written(tmp_path, ROW, ROW), countries)
    with pytest.raises(BadInput, match="row 2, row: expected 10 cells"):
        read_programmes(written(tmp_path, ROW[:-1]), countries)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("Rusal,aluminium", "row 2, name"),
        ("rusal,unobtainium", "row 2, minerals"),
        ("rusal,aluminium\nalrosa,", "row 3, name"),
    ],
)
def test_a_wrong_name_is_refused(tmp_path: Path, lines: str, words: str):
    path = tmp_path / "names.csv"
    path.write_text(f"name,minerals\n{lines}\n")
    with pytest.raises(BadInput, match=words):
        read_metal_names(path, load_catalog().minerals)
