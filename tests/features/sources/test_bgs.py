"""World Mineral Statistics: fourteen real files, codes that look missing, parts and wholes, states that ended."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import BUNDLE
from features.errors import BadInput
from features.sources import bgs, world_mining_data
from features.sources.spec import Harvest
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


def harvest(path: Path) -> Harvest:
    return bgs.harmonise(bgs.parse(path), load_catalog(), file=path.name, lag=bgs.SPEC.lag, now=NOW)


@pytest.fixture(scope="module")
def harvests(shared: Path) -> dict[str, Harvest]:
    return {path.name[4:-15]: harvest(path) for path in sorted((shared / "payloads/bgs").glob("*.csv"))}


@pytest.fixture(scope="module")
def table(harvests: dict[str, Harvest]) -> pd.DataFrame:
    rows = pd.concat([found.tables["production"] for found in harvests.values()], ignore_index=True)
    return datasets.check("production", rows, where="bgs")


def figure(table: pd.DataFrame, mineral: str, supplier: str, year: int) -> float:
    hit = table["mineral"].eq(mineral) & table["supplier"].eq(supplier) & table["year"].eq(year)
    return table.loc[hit, "quantity_tonnes"].item()


# --- the real files -------------------------------------------------------------------------------


@pytest.mark.shared
def test_every_file_is_read_without_a_rejection(harvests: dict[str, Harvest]):
    assert len(harvests) == 14
    for name, found in harvests.items():
        assert found.rejected.empty, name
        assert len(found.tables["production"]) > 50, name


@pytest.mark.shared
def test_figures_read_off_the_files_by_hand_are_found(table: pd.DataFrame):
    assert figure(table, "gallium", "CHN", 2022) == 600
    assert figure(table, "germanium", "FIN", 2015) == 13
    assert figure(table, "niobium", "BRA", 2015) == 51_874
    # Kilograms of metal; South Africa's three classes of ore; Zaire is the Congo's former name.
    assert figure(table, "manganese", "ZAF", 1974) == 89_602 + 98_262 + 4_647_124
    assert figure(table, "manganese", "COD", 1974) == 308_775
    assert figure(table, "lithium", "CHL", 2023) == 41_408  # carbonate only: the hydroxide is made of it
    assert figure(table, "lithium", "AUS", 2023) == 94_608
    assert 100 < figure(table, "platinum", "ZAF", 2022) < 150


@pytest.mark.shared
def test_namibia_and_renamed_states_keep_their_code_and_ended_ones_are_left_out(
    table: pd.DataFrame, harvests: dict[str, Harvest]
):
    suppliers = set(table["supplier"])
    assert {"NAM", "ZWE", "COG", "XKX", "DEU"} <= suppliers
    assert not suppliers & {"SUN", "CSK", "YUG", "DDR", "SCG", "ZAR"}
    assert table.loc[table["supplier"].eq("DEU"), "year"].min() >= 1989
    assert harvests["copper"].counts["figures of states that ended"] == 207
    assert figure(table, "copper", "COG", 2022) == 7_900
    assert figure(table, "copper", "ZWE", 1975) == 47_579


@pytest.mark.shared
def test_nil_is_zero_and_not_available_is_nothing(table: pd.DataFrame, harvests: dict[str, Harvest]):
    assert figure(table, "manganese", "COD", 1978) == 0
    assert harvests["manganese"].counts["figures not available"] == 15
    assert not ((table["mineral"] == "copper") & (table["supplier"] == "COG") & table["year"].eq(2000)).any()


@pytest.mark.shared
def test_lithium_whose_content_and_weight_contradict_is_withheld_whole(
    table: pd.DataFrame, harvests: dict[str, Harvest]
):
    chile = table[table["mineral"].eq("lithium") & table["supplier"].eq("CHL")]
    assert set(chile["year"]) == set(range(2014, 2024))
    assert harvests["lithium"].counts["lithium figures withheld, as content and weight contradict each other"] == 6


@pytest.mark.shared
def test_a_year_is_known_on_1_may_two_years_later(table: pd.DataFrame):
    known = table.groupby("year")["available_at"].unique()
    assert known[2005].tolist() == [utc("2007-05-01")]
    assert known[2023].tolist() == [utc("2025-05-01")]


@pytest.mark.shared
def test_it_agrees_with_world_mining_data_where_both_count_the_same(table: pd.DataFrame):
    path = BUNDLE / "world_mining_data.parquet"
    spec = world_mining_data.SPEC
    raw = world_mining_data.parse(path)
    other = world_mining_data.harmonise(raw, load_catalog(), file="x", lag=spec.lag, now=NOW).tables["production"]
    for mineral in (
        "cobalt",
        "copper",
        "gallium",
        "graphite",
        "nickel",
        "palladium",
        "platinum",
        "rhodium",
        "tungsten",
    ):
        ours, theirs = (
            rows[rows["mineral"].eq(mineral) & rows["year"].eq(2022)]["quantity_tonnes"].sum()
            for rows in (table, other)
        )
        assert ours == pytest.approx(theirs, rel=0.06), mineral


# --- small files ----------------------------------------------------------------------------------


def row(country: str, code: str, quantity: str, **other: str) -> dict[str, str]:
    usual = dict.fromkeys(bgs.COLUMNS, "")
    usual |= {"bgs_commodity_trans": "manganese ore", "bgs_statistic_type_trans": "Production"}
    usual |= {"units": "tonnes (metric)", "year": "2020-01-01 00:00:00", "quantity": quantity}
    return usual | {"country_trans": country, "country_iso3_code": code} | other


def write(path: Path, rows: list[dict[str, str]], columns: tuple[str, ...] = bgs.COLUMNS) -> Path:
    pd.DataFrame(rows)[list(columns)].to_csv(path, index=False)
    return path


def test_the_order_of_columns_does_not_matter_and_na_is_a_code(tmp_path: Path):
    rows = [row("Namibia", "NAM", "7", country_iso2_code="NA"), row("Gabon", "GAB", "9")]
    for columns in (bgs.COLUMNS, tuple(reversed(bgs.COLUMNS))):
        found = harvest(write(tmp_path / "BGS.csv", rows, columns))
        assert found.rejected.empty
        assert dict(found.tables["production"][["supplier", "quantity_tonnes"]].to_numpy()) == {"NAM": 7, "GAB": 9}


def test_estimates_and_traces_are_marked(tmp_path: Path):
    rows = [
        row("Gabon", "GAB", "9", concat_figure_notes_code="*|a", concat_figure_notes_text="Estimates.|Exports."),
        row("Namibia", "NAM", "0", data_precision_description=bgs.UNDER_HALF),
        row("Ghana", "GHA", "5", concat_figure_notes_text="Exports."),
    ]
    table = harvest(write(tmp_path / "BGS.csv", rows)).tables["production"].set_index("supplier")
    assert table["is_estimated"].to_dict() == {"GAB": True, "NAM": True, "GHA": False}


BROKEN = {
    "an unknown commodity": ({"bgs_commodity_trans": "kryptonite"}, "bgs_commodity_trans"),
    "an unknown class": ({"bgs_sub_commodity_trans": "Shiny"}, "bgs_commodity_trans"),
    "imports": ({"bgs_statistic_type_trans": "Imports"}, "bgs_statistic_type_trans"),
    "an unknown country": ({"country_trans": "World", "country_iso3_code": ""}, "country_trans"),
    "another unit": ({"units": "thousand tonnes"}, "units"),
    "an unknown sign": ({"data_precision_description": "Confidential"}, "data_precision_description"),
    "no figure": ({"quantity": "n/a"}, "quantity"),
    "a figure below zero": ({"quantity": "-1"}, "quantity"),
    "a year to come": ({"year": "2027-01-01"}, "year"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_bad_row_is_rejected_with_its_row_and_field(tmp_path: Path, what: str):
    change, field = BROKEN[what]
    rows = [row("Gabon", "GAB", "9"), row("Ghana", "GHA", "5") | change]
    rejected = harvest(write(tmp_path / "BGS.csv", rows)).rejected
    assert rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]


def test_a_part_beside_its_whole_is_rejected_not_added(tmp_path: Path):
    rows = [row("Gabon", "GAB", "9"), row("Gabon", "GAB", "4", bgs_sub_commodity_trans="Chemical")]
    found = harvest(write(tmp_path / "BGS.csv", rows))
    assert found.tables["production"]["quantity_tonnes"].tolist() == [9]
    assert found.rejected["reason"].tolist() == ["a part beside its total: it would count twice"]


def test_another_header_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="header"):
        bgs.parse(write(tmp_path / "BGS.csv", [row("Gabon", "GAB", "9")], bgs.COLUMNS[1:]))


# --- asking ---------------------------------------------------------------------------------------


def test_one_request_per_commodity_and_a_full_page_asks_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan = bgs.requests(bgs.SPEC.endpoint, now=NOW, key=None)
    assert len({one.name for one in plan}) == len(plan)
    copper = next(one for one in plan if "copper%2C%20mine" in one.address)
    assert copper.address.startswith(f"https://{bgs.SPEC.hosts[0]}/")
    path = write(tmp_path / "BGS.csv", [row("Gabon", "GAB", "9"), row("Ghana", "GHA", "5")])
    assert bgs.follow(copper, path) == []
    monkeypatch.setattr(bgs, "PAGE_ROWS", 2)
    (second,) = bgs.follow(copper, path)
    assert second.address.endswith("&offset=2")
    assert second.name != copper.name
    (third,) = bgs.follow(second, path)
    assert third.address.endswith("&offset=4")
