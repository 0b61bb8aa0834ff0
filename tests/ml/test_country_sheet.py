"""What is known around a supplier: nothing later than the date, each list with its age, and silence said plainly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.errors import ConfigError
from features.store import Store
from ml.country_sheet import country_sheet, disasters, indices, list_ends, politics, risk, sanctions
from ml.country_straits import straits
from ml.settings import Settings
from tests.builders import (
    event,
    hazard,
    index_value,
    political,
    random_geopolitics,
    random_hazards,
    random_transits,
    rows,
    sanction,
    transit,
    utc,
)

AT = utc("2014-04-07")
ATACAMA = (-22.3, -68.9)


def home_with(folder: Path, tables: dict[str, pd.DataFrame]) -> Path:
    """Give a home that holds these tables, and no embedded data."""
    store = Store(Settings(home=folder).datasets)
    for name, table in tables.items():
        if len(table):
            store.append(name, table, where="a test")
    return folder


@pytest.fixture(scope="module")
def everything() -> dict[str, pd.DataFrame]:
    tables = random_geopolitics(3) | {"hazards": random_hazards(3), "transits": random_transits(3)}
    return tables | {"measures": rows("measures", [event("a", "tin", "CHN", "2002-01-01")])}


@pytest.mark.parametrize("supplier", ["CHN", "COD"])
@pytest.mark.parametrize("date", ["2001-03-05", "2002-11-04", "2003-06-30"])
def test_a_sheet_of_the_past_is_the_sheet_of_that_day(
    everything: dict[str, pd.DataFrame], supplier: str, date: str, tmp_path: Path
) -> None:
    cut = {name: table[table["available_at"] <= utc(date)] for name, table in everything.items()}
    assert all(len(cut[name]) < len(everything[name]) for name in cut if name not in ("measures", "coverage"))
    full, then = home_with(tmp_path / "full", everything), home_with(tmp_path / "cut", cut)
    sheets = [country_sheet(supplier, mineral=None, as_of=date, top=50, home=home) for home in (full, then)]
    assert sheets[0] == sheets[1]
    assert json.loads(json.dumps(sheets[0], allow_nan=False)) == sheets[0]
    assert sheets[0]["politics"]["past"]
    assert sheets[0]["risk"] is None or supplier == "CHN"


def test_the_risk_index_is_told_against_three_years_before() -> None:
    months = pd.date_range("2011-03", periods=37, freq="MS", tz="UTC")
    values = [1.0, 3.0] * 18 + [6.0]
    known = rows("geopolitics", [index_value("CHL", month, value) for month, value in zip(months, values, strict=True)])
    found = risk(known, "CHL")
    assert found is not None
    assert (found["month"], found["value"], found["mean_36_months"], found["surprise"]) == ("2014-03", 6.0, 2.0, 4.0)
    assert risk(known, "PER") is None
    early = risk(known.head(20), "CHL")
    assert early is not None
    assert early["surprise"] is None


def test_indices_come_with_their_period_and_the_year_before() -> None:
    about = {"indicator": "fsi_total", "frequency": "year"}
    told = [index_value("CHL", utc(f"{year}-01-01"), 40.0 + year - 2012, **about) for year in (2012, 2013)]
    (found,) = indices(rows("geopolitics", [*told, index_value("PER", utc("2013-01-01"), 9.0, **about)]), "CHL")
    assert (found["period"], found["value"], found["a_year_before"]) == ("2013", 41.0, 40.0)


def test_elections_to_come_and_the_last_coup_are_told_however_many_events_there_are() -> None:
    events = [political("CHL", "leader_change", f"{year}-03-11", event_id=f"l{year}") for year in range(2000, 2014)]
    events += [political("CHL", "coup", "1973-09-11", event_id="c")]
    ahead = {"available_at": utc("2013-12-15")}
    events += [political("CHL", "election", "2017-11-19", event_id="e", **ahead)]
    events += [political("PER", "coup", "1992-04-05", event_id="p")]
    events += [political("CHL", "leader_change", "2013-03-11", event_id="again", source="another")]
    found = politics(rows("political_events", events), "CHL", AT, {}, top=3)
    assert [each["on"] for each in found["past"]] == ["2013-03-11", "2012-03-11", "2011-03-11"]
    assert [each["on"] for each in found["coming"]] == ["2017-11-19"]
    assert found["last_coup"]["on"] == "1973-09-11"
    assert max(found["lists"].values()) == "2013-03-11"


def test_what_was_due_after_its_list_had_ended_is_not_told_as_held() -> None:
    votes = [
        political("CHL", "election", day, event_id=day, available_at="2008-01-01")
        for day in ("2009-12-13", "2013-11-17")
    ]
    told = rows("political_events", votes)
    until = rows(
        "coverage", [{"dataset": "elections", "bound": "until", "bound_at": "2011-01-01", "available_at": "2011-01-01"}]
    )
    found = politics(told, "CHL", AT, list_ends(until), top=3)
    assert [each["on"] for each in found["past"]] == ["2009-12-13"]
    assert [each["on"] for each in found["due"]] == ["2013-11-17"]
    assert found["lists"] == {"test": "2011-01-01"}


def test_sanctions_are_counted_by_who_imposes_them() -> None:
    listed = [
        sanction("1", "RUS", "2014-03-17", kind="programme", programme="A", name="The act"),
        sanction("2", "RUS", "2014-03-21", is_metals=True, minerals="nickel", name="A mine"),
        sanction("3", "RUS", "2014-03-21", imposed_by="CAN", source="other"),
        sanction("4", "IRN", "2014-03-22"),
        sanction("5", "USA", "2014-03-22", imposed_by="RUS", kind="programme"),
    ]
    found = sanctions(rows("sanctions", listed), "RUS", {"USA": "United States"}, top=5)
    assert (found["programmes_in_force"], found["imposes"], found["metals_in_force"]) == (1, 1, 1)
    assert found["entries"] == {"CAN": 1, "USA": 1}
    assert found["programmes"][0]["imposed_by_name"] == "United States"
    assert (found["metals"][0]["name"], found["metals"][0]["minerals"]) == ("A mine", ["nickel"])


def test_a_quake_in_the_atacama_is_told_and_one_in_the_south_is_not() -> None:
    told = [
        hazard("north", "2014-04-01", *ATACAMA),
        hazard("south", "2014-04-02", -45.5, -72.5),
        hazard("old", "2013-03-01", *ATACAMA),
        hazard("again", "2014-04-01", *ATACAMA, source="another", magnitude=7.3),
    ]
    found = disasters(rows("hazards", told), "CHL", "copper", AT, top=5)
    assert [each["title"] for each in found["found"]] == ["north"]
    assert set(found["found"][0]["effect"]) == {"copper"}
    assert found["newest"] == "2014-04-02"
    assert "lithium" in disasters(rows("hazards", told), "CHL", None, AT, top=5)["found"][0]["effect"]
    nowhere = disasters(rows("hazards", told), "VAT", None, AT, top=5)
    assert (nowhere["regions"], nowhere["found"]) == (0, [])


def test_a_place_that_closed_counts_until_its_last_year_is_over() -> None:
    # Century in Australia closed in 2016, Lisheen in Ireland in 2015, Toyoha, the last mine of zinc in Japan, in 2006.
    century, toyoha = (-18.72, 138.6), (42.92, 141.03)
    told = rows("hazards", [hazard("last", "2016-12-28", *century, magnitude=6.0)])
    later = rows("hazards", [hazard("after", "2017-01-03", *century, magnitude=6.0)])
    january = utc("2017-01-09")
    assert [each["title"] for each in disasters(told, "AUS", "zinc", january, top=5)["found"]] == ["last"]
    assert disasters(later, "AUS", "zinc", january, top=5)["found"] == []
    ends = [disasters(told, "IRL", "zinc", utc(day), top=5) for day in ("2015-12-31", "2016-01-01")]
    assert [about["regions"] for about in ends] == [2, 1]
    closed = disasters(rows("hazards", [hazard("a", "2006-11-08", *toyoha)]), "JPN", "zinc", utc("2007-01-08"), top=5)
    assert (closed["regions"], closed["located"], closed["found"]) == (0, {}, [])


def test_straits_are_held_against_the_same_weeks_a_year_before() -> None:
    days = pd.date_range("2013-01-07", "2014-03-30", freq="D", tz="UTC")
    told = [transit("hormuz", day, 100 if day.year < 2014 else 50) for day in days]
    told += [transit("bosporus", day, 10) for day in days[:40]]
    found = straits(rows("transits", told), "BHR", {})
    assert next(each for each in found if each["strait"] == "hormuz") == {
        "strait": "hormuz",
        "name": "Strait of Hormuz",
        "partners": found[0]["partners"],
        "share": None,
        "calls_a_day": 50.0,
        "a_year_before": 100.0,
        "ratio": 0.5,
        "until": "2014-03-30",
    }
    ordered = straits(rows("transits", told), "KWT", {"bosporus": 0.3, "hormuz": 0.1})
    assert [(each["strait"], each["share"]) for each in ordered] == [("bosporus", 0.3), ("hormuz", 0.1)]
    # Landlocked, and by land to all whom it reaches at all: none.
    assert not [each for each in straits(rows("transits", told), "XKX", {}) if each["partners"] == 0]


def test_a_strait_counts_by_what_the_mineral_sends_through_it(
    oresight: Callable, bundle_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(bundle_home, home)
    days = pd.date_range("2023-01-02", "2024-03-31", freq="D", tz="UTC")
    home_with(home, {"transits": rows("transits", [transit("hormuz", day, 60) for day in days])})
    code, out, _ = oresight(
        "supplier", "BHR", "--mineral", "aluminium", "--as-of", "2024-04-08", "--home", home, "--json"
    )
    (hormuz,) = json.loads(out)["straits"]
    assert code == 0
    assert hormuz["share"] > 0.9


def test_a_home_without_facts_says_so(oresight: Callable, bundle_home: Path) -> None:
    code, out, _ = oresight("supplier", "chl", "--home", bundle_home)
    assert code == 0
    assert "Chile (CHL)" in out
    assert out.count("nothing was collected") == 3
    assert "no list of them had been seen" in out
    assert "no list of disasters was collected" in out
    _, out, _ = oresight("supplier", "CHL", "--home", bundle_home, "--as-of", "2014-04-07", "--json")
    sheet = json.loads(out)
    assert (sheet["supplier"], sheet["as_of"], sheet["straits"]) == ("CHL", "2014-04-07", [])


def test_unknown_names_and_days_to_come_are_refused(oresight: Callable, bundle_home: Path) -> None:
    assert oresight("supplier", "Chille", "--home", bundle_home)[0] == 2
    assert "copper" in oresight("supplier", "CHL", "--mineral", "coper", "--home", bundle_home)[2]
    assert oresight("supplier", "CHL", "--as-of", "2999-01-01", "--home", bundle_home)[0] == 2
    with pytest.raises(ConfigError, match="no supplier is called"):
        country_sheet("XXX", mineral=None, as_of=None, top=5, home=bundle_home)


def test_text_of_strangers_reaches_the_screen_harmless(oresight: Callable, tmp_path: Path) -> None:
    told = sanction("1", "RUS", "2014-03-17", is_metals=True, name="[bold]Mine\x1b[2J")
    tables = {"sanctions": rows("sanctions", [told]), "geopolitics": datasets.empty("geopolitics")}
    _, out, _ = oresight("supplier", "RUS", "--home", home_with(tmp_path / "home", tables))
    assert "\x1b[2J" not in out
    assert "[bold]Mine" in out
