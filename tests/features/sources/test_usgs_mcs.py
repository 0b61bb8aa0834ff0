"""Mineral Commodity Summaries: both layouts of the real release, signs in the cells, and what must be refused."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.errors import BadInput
from features.sources import usgs_mcs
from features.sources.spec import Harvest
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
WIDE, LONG = "2025/MCS2025_World_Data.csv", "2026/MCS2026_Commodities_Data.csv"


def harvest(path: Path) -> Harvest:
    return usgs_mcs.harmonise(usgs_mcs.parse(path), load_catalog(), file=path.name, lag=usgs_mcs.SPEC.lag, now=NOW)


def production(path: Path) -> pd.DataFrame:
    found = harvest(path)
    assert found.rejected.empty
    return datasets.check("production", found.tables["production"], where=path.name)


def figures(table: pd.DataFrame) -> dict[tuple[str, str, int], float]:
    keys = zip(table["mineral"], table["supplier"], table["year"], strict=True)
    return dict(zip(keys, table["quantity_tonnes"], strict=True))


@pytest.fixture(scope="module")
def wide(shared: Path) -> pd.DataFrame:
    return production(shared / "payloads/usgs_mcs" / WIDE)


@pytest.fixture(scope="module")
def long(shared: Path) -> pd.DataFrame:
    return production(shared / "payloads/usgs_mcs" / LONG)


# --- the real files -------------------------------------------------------------------------------


@pytest.mark.shared
def test_figures_read_off_the_files_by_hand_are_found(wide: pd.DataFrame, long: pd.DataFrame):
    # The files' own figures: thousand tonnes of aluminium and alumina, kilograms of gallium, tonnes of niobium.
    assert figures(wide)["aluminium", "USA", 2023] == 750_000
    assert figures(wide)["gallium", "CHN", 2024] == pytest.approx(750)
    assert figures(wide)["niobium", "BRA", 2023] == 102_000
    assert figures(wide)["helium", "USA", 2023] == pytest.approx((64 + 18) * 169.3)
    assert figures(wide)["titanium", "AUS", 2024] == 600_000
    assert figures(long)["aluminium", "USA", 2024] == 676_000
    assert figures(long)["gallium", "CHN", 2024] == pytest.approx(839)
    assert figures(long)["titanium", "MOZ", 2024] == 1_939_000
    assert figures(long)["copper", "USA", 2024] == 1_050_000
    assert figures(long)["refined_copper", "USA", 2024] == 921_000


@pytest.mark.shared
def test_each_edition_is_one_vintage_and_its_last_year_is_estimated(wide: pd.DataFrame, long: pd.DataFrame):
    for table, year in ((wide, 2024), (long, 2025)):
        assert set(table["year"]) == {year - 1, year}
        assert set(table["available_at"]) == {utc(f"{year + 1}-01-31")}
        assert table.loc[table["year"].eq(year), "is_estimated"].all()
        assert not table.loc[table["year"].eq(year - 1), "is_estimated"].all()


@pytest.mark.shared
def test_the_layouts_speak_of_the_same_minerals_in_the_same_units(wide: pd.DataFrame, long: pd.DataFrame):
    assert set(wide["mineral"]) == set(long["mineral"])
    world = pd.DataFrame(
        {
            name: t[t["year"].eq(2024)].groupby("mineral")["quantity_tonnes"].sum()
            for name, t in zip("wl", (wide, long), strict=True)
        }
    )
    ratio = world["l"] / world["w"]
    # Estimates of 2024 were revised by a third at most, but for mercury; a wrong unit would be a factor of 1000.
    assert ratio.drop("mercury").between(0.6, 1.6).all()


@pytest.mark.shared
def test_most_estimates_were_revised_a_year_later(wide: pd.DataFrame, long: pd.DataFrame):
    key = ["year", "mineral", "supplier"]
    both = wide.merge(long, on=key)
    assert set(both["year"]) == {2024}
    assert (both["quantity_tonnes_x"] != both["quantity_tonnes_y"]).mean() > 0.5


@pytest.mark.shared
def test_countries_add_up_to_the_world_totals_but_for_one_misprint(shared: Path):
    found = harvest(shared / "payloads/usgs_mcs" / WIDE).counts
    assert found["world totals off by more than 5 %"] == 1  # kaolin 2024: 4,400 for 44,240
    assert harvest(shared / "payloads/usgs_mcs" / LONG).counts["world totals off by more than 5 %"] == 0


@pytest.mark.shared
@pytest.mark.parametrize("file", [WIDE, LONG])
def test_no_total_and_no_other_country_is_a_row(shared: Path, file: str):
    table = production(shared / "payloads/usgs_mcs" / file)
    assert set(table["supplier"]) <= set(load_catalog().countries)
    cobalt = figures(table)
    last = int(table["year"].max())
    assert cobalt["cobalt", "COD", last] == max(v for (m, _, y), v in cobalt.items() if m == "cobalt" and y == last)


@pytest.mark.shared
def test_what_is_no_production_is_counted(shared: Path):
    name = "figures of reserves, capacities and the United States' own tables"
    long_raw = pd.read_csv(shared / "payloads/usgs_mcs" / LONG, encoding="cp1252", dtype="str")
    world = long_raw["Section"].str.startswith("World") & long_raw["Statistics"].eq("Production")
    assert harvest(shared / "payloads/usgs_mcs" / LONG).counts[name] == len(long_raw) - world.sum()
    wide_raw = pd.read_csv(shared / "payloads/usgs_mcs" / WIDE, dtype="str", keep_default_na=False)
    cells = wide_raw[["CAP_2023", "CAP_EST_ 2024", "RESERVES_2024"]].map(str.strip).ne("")
    assert harvest(shared / "payloads/usgs_mcs" / WIDE).counts[name] == cells.to_numpy().sum()


# --- signs in the cells ---------------------------------------------------------------------------


def long_row(country: str, value: str, **other: str) -> dict[str, str]:
    usual = dict.fromkeys(usgs_mcs.LONG_COLUMNS, "")
    usual |= {"Section": "World Mine Production and Reserves", "Commodity": "Cobalt", "Statistics": "Production"}
    usual |= {"Statistics_detail": "Mine production", "Unit": "metric tons", "Year": "2025"}
    return usual | {"Country": country, "Value": value} | other


def write_long(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.DictWriter(file, usgs_mcs.LONG_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_nil_is_zero_and_withheld_is_nothing(tmp_path: Path):
    rows = [
        long_row("Congo (Kinshasa)", "220,000"),
        long_row("Zambia", "—"),
        long_row("Cuba", "W"),
        long_row("Korea, North", "NA"),
        long_row("Other countries", "5,000"),
        long_row("World total", "225,000", Statistics_detail="Mine production: rounded"),
    ]
    found = harvest(write_long(tmp_path / "MCS.csv", rows))
    assert figures(found.tables["production"]) == {("cobalt", "COD", 2025): 220_000.0, ("cobalt", "ZMB", 2025): 0.0}
    assert found.counts["figures withheld or unknown"] == 2
    assert found.counts["world totals and other countries"] == 2


def test_what_stands_in_another_row_adds_nothing(tmp_path: Path):
    titanium = {"Commodity": "Titanium Mineral Concentrates", "Unit": "thousand metric tons"}
    rows = [
        long_row("United States", "100", Statistics_detail="Mine production: Ilmenite", **titanium),
        long_row("United States", "s", Statistics_detail="Mine production: Rutile", **titanium),
        long_row("Sierra Leone", "110", Statistics_detail="Mine production: Rutile", **titanium),
    ]
    found = figures(production(write_long(tmp_path / "MCS.csv", rows)))
    assert found == {("titanium", "USA", 2025): 100_000.0, ("titanium", "SLE", 2025): 110_000.0}


def test_a_footnote_behind_a_country_is_no_part_of_its_name(tmp_path: Path):
    mercury = {"Commodity": "Mercury", "Statistics_detail": "Mine production: exports"}
    rows = [long_row("Peru (exports)", "30", **mercury), long_row("Congo (Kinshasa)", "1")]
    assert set(production(write_long(tmp_path / "MCS.csv", rows))["supplier"]) == {"PER", "COD"}


# --- what must be refused -------------------------------------------------------------------------


BROKEN = {
    "an unknown table": ({"Commodity": "Unobtainium"}, "commodity", "usgs_mcs_tables.csv"),
    "another unit": ({"Unit": "pounds"}, "commodity", "usgs_mcs_tables.csv"),
    "an unknown country": ({"Country": "Wakanda"}, "country", "unknown country"),
    "a year to come": ({"Year": "2026"}, "year", "has ended"),
    "a year that is none": ({"Year": "2021–24"}, "year", "has ended"),
    "an unknown sign": ({"Value": "~5"}, "text", "neither a figure"),
    "a figure below zero": ({"Value": "-5"}, "text", "below zero"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_bad_row_is_rejected_with_its_row_and_field(tmp_path: Path, what: str):
    change, field, reason = BROKEN[what]
    rows = [long_row("Australia", "4,000"), long_row("Cuba", "3,000") | change]
    rejected = harvest(write_long(tmp_path / "MCS.csv", rows)).rejected
    assert rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert reason in rejected["reason"].iloc[0]


def test_titanium_in_tonnes_that_are_tonnes_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    columns = [*usgs_mcs.WIDE_TEXTS, "RESERVES_2024", "PROD_2023", "PROD_EST_ 2024", "CAP_2023", "CAP_EST_ 2024"]
    kind = "Mine production, ilmentite, titanium dioxide (TiO2) content"
    about = dict.fromkeys(columns, "") | {"COMMODITY": "Titanium Mineral Concentrates", "TYPE": kind}
    about |= {"COUNTRY": "Mozambique", "UNIT_MEAS": "metric tons", "PROD_2023": "1860"}
    for figure, rejected in (("1900", 0), ("1900000", 1)):
        pd.DataFrame([about | {"PROD_EST_ 2024": figure}]).to_csv(tmp_path / "MCS.csv", index=False)
        found = harvest(tmp_path / "MCS.csv")
        assert len(found.rejected) == rejected
        assert figures(found.tables["production"])["titanium", "MOZ", 2023] == 1_860_000


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"<html>not found</html>", "Salient\n".encode("utf-16")])
def test_what_is_no_release_is_refused_by_name(tmp_path: Path, content: bytes):
    path = tmp_path / "MCS2026_Commodities_Data.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="MCS2026_Commodities_Data"):
        usgs_mcs.parse(path)


def test_a_long_file_without_world_tables_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="world tables"):
        usgs_mcs.parse(write_long(tmp_path / "MCS.csv", [long_row("Cuba", "1", Section="Import Sources")]))


def test_the_request_keeps_the_name_of_the_edition():
    (one,) = usgs_mcs.requests(usgs_mcs.SPEC.endpoint, now=NOW, key=None)
    assert one.name == "MCS2026_Commodities_Data.csv"
    assert one.address.startswith(f"https://{usgs_mcs.SPEC.hosts[0]}/")
