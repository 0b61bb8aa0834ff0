"""Land borders: complete enough for what is asked of them, and refused with file, row and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.catalog import Catalog
from features.catalog.borders import load_borders, read_borders
from features.errors import BadInput


def test_a_border_counts_for_both_sides():
    borders = load_borders()
    assert all(country in borders[other] for country, others in borders.items() for other in others)
    assert sum(map(len, borders.values())) / 2 == 325


@pytest.mark.parametrize(
    ("country", "neighbours"),
    [
        ("COD", "AGO BDI CAF COG RWA SSD TZA UGA ZMB"),
        ("GIN", "CIV GNB LBR MLI SEN SLE"),
        ("ZMB", "AGO BWA COD MOZ MWI NAM TZA ZWE"),
        ("MMR", "BGD CHN IND LAO THA"),
        ("KOR", "PRK"),
        ("UKR", "BLR HUN MDA POL ROU RUS SVK"),
    ],
)
def test_neighbours_of_suppliers(country: str, neighbours: str):
    assert load_borders()[country] == tuple(neighbours.split())


def test_islands_and_states_that_are_no_more_have_none(catalog: Catalog):
    borders = load_borders()
    assert not {"AUS", "JPN", "PHL", "CUB", "MDG", "NCL", "TWN"} & set(borders)
    assert all(catalog.country(iso3).is_current for iso3 in borders)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("iso3_a,iso3_b\nAFG,QQQ\n", "row 2, iso3_b"),
        ("iso3_a,iso3_b\nCHN,AFG\n", "row 2, iso3_b"),
        ("iso3_a,iso3_b\nAFG,AFG\n", "row 2, iso3_b"),
        ("iso3_a,iso3_b\nAFG,IRN\nAFG,CHN\n", "row 3, iso3_a\\+iso3_b"),
        ("iso3_a,iso3_b\nAFG,CHN\nAFG,CHN\n", "row 3, iso3_a\\+iso3_b"),
        ("iso3_a,iso3_b\nAFG\n", "row 2, row"),
        ("a,b\nAFG,CHN\n", "row 1, header"),
        ("", "row 1, header"),
        ('iso3_a,iso3_b\n"AFG,CHN\n', "row 1, file"),
    ],
)
def test_what_is_not_in_order_is_refused(text: str, message: str, tmp_path: Path, catalog: Catalog):
    (tmp_path / "borders.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=f"borders.csv, {message}"):
        read_borders(tmp_path, catalog)


def test_a_missing_file_is_refused(tmp_path: Path, catalog: Catalog):
    with pytest.raises(BadInput, match="no file"):
        read_borders(tmp_path, catalog)
