"""Routes between countries: known ones by hand, the files against each other, and the making of them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from features.catalog import load_catalog, route_maker
from features.catalog.routes import FOLDER, land_pairs, load_ports, load_routes, load_straits, read_routes
from features.errors import BadInput, ConfigError

FILES = ("straits.csv", "main_ports.csv", "land_routes.csv", "sea_routes.csv")
# Customs areas without people, without a port, or gone before ships were counted.
WITHOUT_PORT = {"ATA", "ATF", "BVT", "CSK", "DDR", "HMD", "IOT", "SUN", "UMI"}


def passed(pair: str) -> set[str]:
    found = load_routes().between(*pair.split("-"))
    assert found is not None, pair
    return set(found)


# --- known routes ---------------------------------------------------------------------------------

CANALS = {"suez", "panama"}
EAST_BY_SUEZ = {"suez", "bab_el_mandeb", "malacca"}


@pytest.mark.parametrize(
    ("pair", "through", "not_through"),
    [
        ("CHL-CHN", set(), CANALS | {"malacca", "cape_of_good_hope", "magellan"}),  # copper
        ("PER-CHN", set(), CANALS | {"malacca"}),
        ("CHL-USA", {"panama"}, {"suez", "magellan"}),
        ("CHL-NLD", {"panama"}, {"suez", "magellan"}),
        ("AUS-CHN", set(), CANALS | {"malacca"}),  # iron
        ("AUS-JPN", set(), CANALS | {"malacca", "taiwan"}),
        ("BRA-CHN", {"cape_of_good_hope"}, CANALS | {"hormuz"}),
        ("BRA-NLD", set(), CANALS | {"gibraltar", "cape_of_good_hope"}),
        ("ZAF-CHN", set(), CANALS | {"cape_of_good_hope", "bab_el_mandeb"}),  # chromium, manganese
        ("ZAF-NLD", {"cape_of_good_hope"}, CANALS),
        ("GAB-CHN", {"cape_of_good_hope"}, CANALS),
        ("GIN-CHN", {"cape_of_good_hope"}, CANALS),  # bauxite
        ("COD-CHN", {"malacca"}, CANALS | {"cape_of_good_hope", "hormuz"}),  # cobalt
        ("COD-BEL", {"suez", "bab_el_mandeb", "gibraltar"}, {"hormuz", "malacca"}),
        ("CHN-DEU", EAST_BY_SUEZ | {"gibraltar"}, {"panama", "hormuz", "cape_of_good_hope"}),
        ("JPN-DEU", EAST_BY_SUEZ, {"panama"}),
        ("CHN-ITA", EAST_BY_SUEZ, {"gibraltar", "dover"}),
        ("IND-NLD", {"suez", "bab_el_mandeb", "gibraltar"}, {"malacca", "hormuz"}),
        ("ARE-JPN", {"hormuz", "malacca"}, CANALS | {"bab_el_mandeb"}),  # aluminium
        ("SAU-IND", {"hormuz"}, {"bab_el_mandeb", "malacca"}),
        ("QAT-USA", {"hormuz", "bab_el_mandeb", "suez", "gibraltar"}, {"panama"}),
        ("IRN-CHN", {"hormuz", "malacca"}, CANALS),
        ("OMN-IND", set(), {"hormuz"}),  # Sohar lies outside
        ("JOR-IND", {"bab_el_mandeb"}, {"suez", "hormuz"}),  # phosphate
        ("JOR-NLD", {"suez", "gibraltar"}, {"bab_el_mandeb"}),
        ("MAR-IND", {"gibraltar", "suez", "bab_el_mandeb"}, {"hormuz", "dover"}),
        ("MAR-USA", set(), CANALS | {"gibraltar"}),
        ("KAZ-ITA", {"bosporus"}, CANALS),  # by Novorossiysk
        ("GEO-USA", {"bosporus", "gibraltar"}, {"suez"}),
        ("UKR-CHN", {"bosporus"} | EAST_BY_SUEZ, {"hormuz"}),
        ("TUR-RUS", {"bosporus"}, {"gibraltar"}),
        ("CHN-TUR", EAST_BY_SUEZ, {"bosporus"}),  # İskenderun lies on the Mediterranean
        ("BLR-BRA", {"oresund", "dover"}, {"bosporus"}),  # potash
        ("CHN-FIN", EAST_BY_SUEZ | {"oresund"}, {"bosporus"}),
        ("CHN-USA", set(), CANALS),
        ("CAN-NOR", set(), CANALS),
        ("IDN-CHN", set(), CANALS),  # nickel
        ("PHL-CHN", set(), CANALS | {"malacca"}),
    ],
)
def test_a_known_route_passes_its_straits_and_no_other_of_note(pair: str, through: set[str], not_through: set[str]):
    found = passed(pair)
    assert through <= found
    assert not not_through & found


@pytest.mark.parametrize(
    "pair", ["KAZ-CHN", "MNG-CHN", "BOL-CHL", "ZMB-ZAF", "CAN-USA", "DEU-FRA", "CHN-MMR", "RUS-CHN"]
)
def test_neighbours_trade_by_land(pair: str):
    assert passed(pair) == set()


def test_a_route_is_the_same_both_ways_and_unknown_where_there_is_no_port():
    routes = load_routes()
    assert routes.between("DEU", "CHN") == routes.between("CHN", "DEU")
    assert routes.between("CHN", "ATA") is None
    assert routes.between("CHN", "CHN") is None


# --- the files ------------------------------------------------------------------------------------


def test_every_country_with_people_has_a_port_and_every_pair_a_route():
    ports = set(load_ports()["iso3"])
    assert set(load_catalog().countries) - ports == WITHOUT_PORT
    routes = load_routes()
    assert len(routes.of_pair) == len(ports) * (len(ports) - 1) // 2


def test_a_port_abroad_is_a_port_of_that_country_or_said_to_be_abroad():
    ports = load_ports()
    landlocked = "AFG AUT BDI BFA BOL BTN BWA CAF CHE CZE ETH HUN KAZ KGZ LAO LSO LUX MKD MLI MNG MWI NER NPL PRY RWA"
    landlocked += " SRB SSD SVK SWZ TCD TJK TKM UGA UZB ZMB ZWE ARM AZE BLR LIE AND SMR VAT XKX MDA"
    told = ports[ports["iso3"].isin(landlocked.split())]
    assert told["iso3"].nunique() == len(landlocked.split())
    assert told["note"].str.startswith("landlocked").all()


def test_the_watched_straits_are_those_of_portwatch():
    straits = load_straits()
    assert len(straits) == 28
    assert straits["is_watched"].sum() == 14
    named = dict(zip(straits["id"], straits["portwatch_name"], strict=True))
    assert named["hormuz"] == "Strait of Hormuz"
    assert named["bab_el_mandeb"] == "Bab el-Mandeb Strait"


def test_the_place_of_a_strait_lies_by_its_gate():
    # Where PortWatch counts and where a route is counted is the same water; the Cape's gate runs far south.
    for row in load_straits().itertuples():
        low, high = sorted([row.gate_a_latitude, row.gate_b_latitude])
        assert low - 0.7 <= row.latitude <= high + 0.7, row.id
        low, high = sorted([row.gate_a_longitude, row.gate_b_longitude])
        assert low - 1.3 <= row.longitude <= high + 1.3, row.id


def test_the_file_of_routes_is_small():
    assert (FOLDER / "sea_routes.csv").stat().st_size < 500_000


def test_masks_say_the_same_as_the_routes():
    routes = load_routes()
    countries, straits = ["ATA", "CHL", "CHN", "DEU"], ["malacca", "suez"]
    passes, is_known = routes.masks(countries, straits)
    assert passes[2, 3].tolist() == passes[3, 2].tolist() == [True, True]
    assert passes[1, 2].tolist() == [False, False]
    assert is_known.tolist() == [
        [False, False, False, False],
        [False, False, True, True],
        [False, True, False, True],
        [False, True, True, False],
    ]
    assert not np.diagonal(is_known).any()


def read_all(folder: Path) -> None:
    load_ports(folder)
    read_routes(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "field"),
    [
        ("straits.csv", "id,name", "name,id", "header"),
        ("straits.csv", "\nsuez,", "\nabc,", "id"),
        ("straits.csv", ",true,", ",yes,", "is_watched"),
        ("straits.csv", ",30.59,32.44,", ",130.59,32.44,", "latitude"),
        ("straits.csv", "Strait of Hormuz,26.3", "Suez Canal,26.3", "portwatch_name"),
        ("main_ports.csv", "\nZWE,", "\nZZZ,", "iso3"),
        ("main_ports.csv", "\nCHL,Mejillones,-23.08", "\nCHL,Mejillones,south", "latitude"),
        ("land_routes.csv", "\nAGO,COD;", "\nAGO,XXX;", "partner"),
        ("land_routes.csv", "\nZAF,", "\nZZZ,", "iso3"),
        ("land_routes.csv", "\nCHL,PER", "\nCHL,ARG", "partners"),
        ("sea_routes.csv", "bab_el_mandeb;", "bab_el_mandab;", "straits"),
        ("sea_routes.csv", "\nYEM,,ZAF;", "\nYEM,,ZAF;ZAF;", "partners"),
        ("sea_routes.csv", "\nYEM,,", "\nYEM,,ZMB;", "partners"),
        ("land_routes.csv", "\nCHL,PER", "\nCHL,CHN;PER", "partners"),
    ],
)
def test_a_fault_is_refused_with_file_and_field(tmp_path: Path, file: str, old: str, new: str, field: str):
    for name in FILES:
        shutil.copy(FOLDER / name, tmp_path)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    # A pair both by land and by sea shows in the file of sea routes.
    where = "sea_routes.csv" if new == "\nCHL,CHN;PER" else file
    with pytest.raises(BadInput, match=rf"{where}.*{field}"):
        read_all(tmp_path)


def test_a_file_that_is_missing_or_empty_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match=r"straits\.csv"):
        load_straits(tmp_path)
    (tmp_path / "land_routes.csv").write_text("")
    with pytest.raises(BadInput, match=r"land_routes\.csv"):
        land_pairs(tmp_path)


# --- the maker ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leg", "is_crossed"),
    [
        (((0, -1), (0, 1)), True),
        (((0, 1), (0, -1)), True),
        (((0, 1), (0, 2)), False),
        (((5, -1), (5, 1)), False),
        (((179, -1), (-179, 1)), False),
        (((-2, -1), (2, 1)), True),
    ],
)
def test_a_leg_crosses_a_gate_or_not(leg: tuple, is_crossed: bool):
    assert route_maker.crosses(*leg, (-1, 0), (1, 0)) is is_crossed


def test_without_the_network_of_lanes_the_maker_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "searoute", None)
    with pytest.raises(ConfigError, match="searoute"):
        route_maker.sea_routes()


def test_the_maker_finds_the_shortest_way_and_counts_tolls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    # A ring of lanes: by the canal 1000 km, round the Cape 2500; the toll decides.
    pair = ["EGY", "IND"]
    ports = load_ports()
    monkeypatch.setattr(
        route_maker,
        "load_ports",
        lambda: ports[ports["iso3"].isin(pair) & ~ports["port"].isin(["Ain Sokhna", "Visakhapatnam"])],
    )
    monkeypatch.setattr(route_maker, "land_pairs", set)
    north, south, far, cape = (30.0, 31.5), (33.5, 29.9), (69.7, 22.7), (18.0, -50.0)
    legs = [(north, south, 200.0), (south, far, 800.0), (north, cape, 1500.0), (cape, far, 1000.0)]
    monkeypatch.setattr(route_maker, "_lanes", lambda: legs)
    monkeypatch.setattr(route_maker, "TOLLS_KM", {})
    assert route_maker.sea_routes() == {("EGY", "IND"): (1000.0, ("suez",))}
    monkeypatch.setattr(route_maker, "TOLLS_KM", {"suez": 2000.0})
    assert route_maker.sea_routes() == {("EGY", "IND"): (2500.0, ("cape_of_good_hope",))}
    assert route_maker.main(tmp_path / "sea_routes.csv") == 0
    assert (tmp_path / "sea_routes.csv").read_text() == "iso3,straits,partners\nEGY,cape_of_good_hope,IND\n"
