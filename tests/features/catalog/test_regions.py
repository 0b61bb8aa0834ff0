"""Where minerals come from: the packaged file is in order, places lie where it says, and faults are named."""

from __future__ import annotations

import csv
import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from features import catalog as catalog_package
from features.catalog import Catalog
from features.catalog.regions import KINDS, MOST_SHARE, is_open, load_regions, read_regions, shares_in
from features.errors import BadInput
from features.hazard_events import kilometres_between

FOLDER = Path(catalog_package.__file__).parent
COMPASS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("producing_regions.csv", "country_boxes.csv"):
        shutil.copy(FOLDER / name, tmp_path / name)
    return tmp_path


def change(path: Path, where: dict[str, str], values: dict[str, str]) -> None:
    """Set cells of the first row that has `where`."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    row = next(row for row in rows if where.items() <= row.items())
    row.update(values)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_the_packaged_regions_are_in_order():
    regions = load_regions()
    assert regions["id"].nunique() >= 220
    assert set(regions["kind"]) == set(KINDS)
    of_one_time = regions.groupby(["iso3", "mineral", "until"], dropna=False)
    assert of_one_time["share_frac"].sum().max() <= MOST_SHARE
    assert regions["source"].ne("").all()
    assert regions["since"].dropna().between(2000, 2026).all()
    assert regions["until"].dropna().between(1996, 2025).all()
    assert regions.loc[regions["until"].notna(), "id"].nunique() >= 60


def test_what_closed_is_open_in_its_last_year_and_no_longer():
    regions = load_regions().set_index(["id", "mineral"])
    place = regions.loc[[("windimurra", "vanadium")]]
    assert [bool(is_open(place, year).iloc[0]) for year in (1999, 2000, 2014, 2015)] == [False, True, True, False]
    always = regions.loc[[("escondida", "copper")]]
    assert [bool(is_open(always, year).iloc[0]) for year in (1900, 2100)] == [True, True]
    # The same works may go on with what else it gives.
    assert regions.loc[("mount_isa", "copper"), "until"] == 2025
    assert pd.isna(regions.loc[("mount_isa", "zinc"), "until"])


def test_shares_of_places_that_were_open_in_one_year_are_at_most_all():
    regions = load_regions()
    shares = shares_in(regions, range(1996, 2027))
    assert shares.groupby(["iso3", "mineral", "year"])["share_frac"].sum().max() <= 1 + 1e-9
    told = regions.query("mineral == 'zinc' and iso3 == 'IRL'").set_index("id")["share_frac"]
    zinc = shares.query("mineral == 'zinc' and iso3 == 'IRL'").set_index(["year", "id"])["share_frac"]
    assert zinc.loc[2013].to_dict() == pytest.approx(
        (told[["lisheen", "tara"]] / told[["lisheen", "tara"]].sum()).to_dict()
    )
    assert zinc.loc[2016].to_dict() == {"tara": told["tara"]}


@pytest.mark.parametrize(
    ("mineral", "suppliers"),
    [
        ("copper", "CHL PER COD ZMB IDN USA CHN AUS MEX KAZ PNG MNG"),
        ("lithium", "CHL AUS ARG CHN"),
        ("cobalt", "COD IDN FIN CAN CUB MAR"),
        ("rare_earths", "CHN MMR AUS MYS USA"),
        ("nickel", "IDN PHL NCL RUS AUS CAN"),
        ("graphite", "CHN MOZ MDG BRA TZA"),
        ("manganese", "ZAF GAB AUS GHA"),
        ("platinum", "ZAF RUS ZWE"),
        ("palladium", "RUS ZAF CAN USA ZWE"),
        ("iron", "AUS BRA ZAF CAN IND UKR SWE"),
        ("bauxite", "GIN AUS BRA IDN CHN"),
        ("aluminium", "RUS IND CAN AUS ARE CHN NOR ISL"),
        ("niobium", "BRA CAN"),
        ("tin", "COD IDN PER MMR BRA BOL CHN"),
        ("tungsten", "CHN VNM ESP PRT AUT"),
        ("gallium", "CHN"),
        ("germanium", "CHN CAN BEL"),
        ("antimony", "CHN TJK AUS TUR"),
        ("uranium", "KAZ NAM CAN AUS UZB NER"),
        ("vanadium", "ZAF CHN RUS BRA AUT"),
        ("titanium", "MOZ ZAF NOR MDG AUS SEN UKR"),
        ("titanium_metal", "CHN JPN RUS KAZ"),
        ("phosphate", "MAR EGY JOR CHN USA RUS"),
        ("potash", "CAN RUS BLR ISR DEU CHN"),
        ("boron", "TUR USA BOL ARG CHL"),
        ("helium", "QAT USA DZA RUS"),
        ("chromium", "ZAF TUR ZWE KAZ IND"),
        ("fluorspar", "MEX ZAF CHN VNM MNG"),
        ("coking_coal", "AUS RUS USA CAN MNG"),
    ],
)
def test_the_largest_suppliers_have_places(mineral: str, suppliers: str):
    regions = load_regions()
    assert set(suppliers.split()) <= set(regions.loc[regions["mineral"].eq(mineral), "iso3"])


def test_places_lie_by_the_towns_that_a_list_of_quakes_names(shared: Path):
    # "40 km NNE of Calama, Chile" and a point give the town.
    towns = {
        "chuquicamata": "Calama, Chile",
        "gejiu": "Gejiu, China",
        "jinchang": "Jinchang, China",
        "monywa": "Monywa, Myanmar",
    }
    places = load_regions().drop_duplicates("id").set_index("id")
    files = sorted((shared / "payloads" / "usgs_earthquakes").glob("*.csv"))
    quakes = [row for path in files for row in csv.DictReader(path.read_text("latin-1").splitlines())]
    for place, town in towns.items():
        found = [_town(quake) for quake in quakes if quake["place"].endswith(f" of {town}")]
        points = pd.DataFrame([point for point in found if point], columns=["latitude", "longitude"])
        assert len(points) > 0
        middle = points.median()
        at = places.loc[place]
        assert kilometres_between(at["latitude"], at["longitude"], middle["latitude"], middle["longitude"]) < 25


def _town(quake: dict[str, str]) -> tuple[float, float] | None:
    told = re.match(r"(\d+) ?km ([NESW]+) of ", quake["place"])
    if not told or int(told[1]) > 120:
        return None
    # Back the way the quake lies from the town.
    way, north = math.radians(COMPASS.index(told[2]) * 22.5 + 180), float(quake["latitude"])
    degrees = int(told[1]) / 111.2
    east = degrees * math.sin(way) / math.cos(math.radians(north))
    return north + degrees * math.cos(way), float(quake["longitude"]) + east


def test_a_reader_gets_numbers_and_missing_years(folder: Path, catalog: Catalog):
    regions = read_regions(folder, catalog).set_index(["id", "mineral"])
    assert regions.loc[("escondida", "copper"), ["latitude", "longitude", "share_frac"]].tolist() == [
        -24.27,
        -69.07,
        0.22,
    ]
    assert pd.isna(regions.loc[("escondida", "copper"), "since"])
    assert pd.isna(regions.loc[("escondida", "copper"), "until"])
    assert regions.loc[("cobre_panama", "copper"), ["since", "until"]].tolist() == [2019, 2023]
    assert regions.loc[("kamoa_kakula", "copper"), "since"] == 2021


@pytest.mark.parametrize(
    ("where", "values", "field"),
    [
        ({"id": "araxa"}, {"mineral": "niobum"}, "mineral"),
        ({"id": "araxa"}, {"iso3": "XXX"}, "iso3"),
        ({"id": "araxa"}, {"iso3": "FJI"}, "iso3"),
        ({"id": "araxa"}, {"kind": "port"}, "kind"),
        ({"id": "araxa"}, {"latitude": "19.65"}, "latitude"),
        ({"id": "araxa"}, {"longitude": "46.93"}, "longitude"),
        ({"id": "araxa"}, {"latitude": "-19.654321"}, "latitude"),
        ({"id": "araxa"}, {"latitude": "-99.00"}, "latitude"),
        ({"id": "araxa"}, {"since": "1999"}, "since"),
        ({"id": "araxa"}, {"until": "1995"}, "until"),
        ({"id": "araxa"}, {"until": "2101"}, "until"),
        ({"id": "araxa"}, {"until": "closed"}, "until"),
        ({"id": "windimurra"}, {"since": "2015"}, "until"),
        ({"id": "cobre_panama"}, {"until": "2018"}, "until"),
        # With what else closed in the same year, more than all of the country's output.
        ({"id": "columbia_falls"}, {"share_frac": "0.95"}, "share_frac"),
        ({"id": "araxa"}, {"share_frac": "0.00"}, "share_frac"),
        ({"id": "araxa"}, {"share_frac": "88"}, "share_frac"),
        ({"id": "araxa"}, {"share_frac": "1.00"}, "share_frac"),
        ({"id": "araxa"}, {"share_confidence": "sure"}, "share_confidence"),
        ({"id": "araxa"}, {"source": ""}, "source"),
        ({"id": "araxa"}, {"id": "zzz"}, "id+mineral"),
        ({"id": "antamina", "mineral": "copper"}, {"name": "Antamina mine"}, "name"),
        ({"id": "antamina", "mineral": "copper"}, {"mineral": "molybdenum"}, "id+mineral"),
        # The Aleutians, over the 180th meridian, are still the United States; the Gulf of Guinea is not.
        ({"id": "red_dog", "mineral": "zinc"}, {"longitude": "0.00"}, "longitude"),
    ],
)
def test_a_fault_is_named_by_row_and_field(folder: Path, catalog: Catalog, where, values, field):
    change(folder / "producing_regions.csv", where, values)
    with pytest.raises(BadInput, match=rf"producing_regions\.csv, row \d+, {re.escape(field)}"):
        read_regions(folder, catalog)


def test_an_end_before_the_beginning_is_told_by_file_row_and_field(folder: Path, catalog: Catalog):
    path = folder / "producing_regions.csv"
    change(path, {"id": "cobre_panama"}, {"until": "2018"})
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    number = next(at for at, row in enumerate(rows, start=2) if row["id"] == "cobre_panama")
    with pytest.raises(BadInput, match=rf"producing_regions\.csv, row {number}, until.*not before `since`.*2018"):
        read_regions(folder, catalog)


def test_a_box_upside_down_is_refused(folder: Path, catalog: Catalog):
    change(folder / "country_boxes.csv", {"iso3": "CHL"}, {"north": "-60.0"})
    with pytest.raises(BadInput, match=r"country_boxes\.csv, row \d+, north"):
        read_regions(folder, catalog)


def test_a_place_over_the_180th_meridian_is_in_its_country(folder: Path, catalog: Catalog):
    for row in load_regions().query("id == 'dalnegorsk'")["mineral"]:
        change(folder / "producing_regions.csv", {"id": "dalnegorsk", "mineral": row}, {"longitude": "-175.00"})
    assert read_regions(folder, catalog).query("id == 'dalnegorsk'")["longitude"].tolist() == [-175.0]
