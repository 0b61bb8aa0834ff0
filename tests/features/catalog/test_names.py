"""Names that texts are searched for: read, checked, and refused with file, row and field."""

import csv
import shutil
from pathlib import Path

import pytest

from features.catalog import load_catalog
from features.catalog.names import load_names, read_names
from features.catalog.schema import LANGUAGES, NAME_TABLES
from features.errors import BadInput

FOLDER = Path(__file__).parents[3] / "features" / "catalog"

PRODUCERS = {
    "AUS",
    "BOL",
    "CHL",
    "CHN",
    "COD",
    "GAB",
    "GIN",
    "IDN",
    "KAZ",
    "MMR",
    "NCL",
    "NER",
    "PER",
    "RUS",
    "ZAF",
    "ZMB",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for table in NAME_TABLES:
        shutil.copy(FOLDER / table.file, tmp_path)
    return tmp_path


def change(folder: Path, file: str, number: int, **cells: str) -> None:
    with (folder / file).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[number - 2].update(cells)
    with (folder / file).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_packaged_names_are_in_order_and_broad() -> None:
    names = load_names()
    mines = [row for row in names.places if row["kind"] in ("mine", "company") and row["minerals"]]
    assert len(mines) > 1_500
    assert {row["iso3"] for row in mines} >= PRODUCERS
    assert {row["language"] for row in names.mineral_words} == set(LANGUAGES.split())
    products = {mineral for row in mines for mineral in row["minerals"].split(";")}
    assert products >= {"copper", "cobalt", "lithium", "nickel", "tin", "tungsten", "antimony", "uranium", "niobium"}


def test_every_company_with_products_is_a_name_of_its_own() -> None:
    names = load_names()
    companies = {row["name"] for row in names.places}
    assert {row["company"] for row in names.company_products} <= companies


@pytest.mark.parametrize(
    ("file", "number", "cells", "field"),
    [
        ("places.csv", 5, {"minerals": "unobtainium"}, "minerals"),
        ("places.csv", 5, {"iso3": "ZZZ"}, "iso3"),
        ("places.csv", 5, {"iso3": "", "kind": "mine"}, "iso3"),
        ("places.csv", 5, {"kind": "cave"}, "kind"),
        ("mineral_groups.csv", 5, {"minerals": "unobtainium"}, "minerals"),
        ("country_words.csv", 5, {"language": "xx"}, "language"),
        ("context_words.csv", 5, {"context": "weather"}, "context"),
        ("not_minerals.csv", 3, {"phrase": " gold medal"}, "phrase"),
    ],
)
def test_broken_cell_is_refused(copy: Path, file: str, number: int, cells: dict[str, str], field: str) -> None:
    read_names(copy, load_catalog())
    change(copy, file, number, **cells)
    with pytest.raises(BadInput, match=rf"{file}, row {number}, {field}"):
        read_names(copy, load_catalog())


@pytest.mark.parametrize("file", [table.file for table in NAME_TABLES])
def test_missing_file_is_named(copy: Path, file: str) -> None:
    (copy / file).unlink()
    with pytest.raises(BadInput, match=file):
        read_names(copy, load_catalog())
