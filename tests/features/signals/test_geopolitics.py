"""Signal `geopolitics`: hand-made figures per part, and the real index, coups and lists replayed."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog
from features.catalog.borders import load_borders
from features.collection import ingest_files
from features.collection.intake import Incoming
from features.signals import geopolitics
from features.signals.declaration import Steps
from features.sources import cline_coups, colpus, ofac_sdn, reign_elections, reign_leaders
from features.store import Store
from tests.builders import flow, index_value, political, random_geopolitics, random_trade, rows, sanction, utc

NAMES = ("geopolitics", "political_events", "sanctions", "coverage")


def at(steps: list[Steps], date: str | pd.Timestamp, supplier: str, mineral: str = "cobalt") -> pd.Series:
    """Give the signal's features of one pair at a date, without their prefix."""
    moment = utc(date) if isinstance(date, str) else date
    index = pd.DataFrame({"mineral": [mineral], "supplier": [supplier], "as_of": [moment]})
    found = geopolitics.combine(panel.join_steps(index, {"geopolitics": steps})).iloc[0]
    return found.rename(lambda name: name.removeprefix("geopolitics_"))


def steps_of(catalog: Catalog, trade: list[dict] | None = None, **facts: list[dict]) -> list[Steps]:
    tables = {name: rows(name, facts.get(name, [])) for name in NAMES}
    return geopolitics.steps(tables | {"trade": rows("trade", trade or [])}, catalog)


def months(country: str, values: list[float], first: str = "2000-01", **other) -> list[dict]:
    starts = pd.date_range(first, periods=len(values), freq="MS", tz="UTC")
    return [index_value(country, start, value, **other) for start, value in zip(starts, values, strict=True)]


def weeks(pair: tuple[str, str], indicator: str, values: list[float]) -> list[dict]:
    about = {"indicator": indicator, "frequency": "week", "partner": pair[1]}
    starts = pd.date_range("2001-01-01", periods=len(values), freq="7D", tz="UTC")
    return [
        index_value(pair[0], start, value, **about, available_at=start + pd.Timedelta(days=7))
        for start, value in zip(starts, values, strict=True)
    ]


def lists(until: str = "2010-01-01") -> list[dict]:
    return [
        {"dataset": f"{group}_one", "bound": bound, "bound_at": utc(day), "available_at": utc(day)}
        for group in ("coups", "leaders", "elections")
        for bound, day in (("from", "1950-01-01"), ("until", until))
    ]


# --- the risk index ---------------------------------------------------------------------------------

QUIET = [0.2, 0.4] * 18


def test_level_change_and_surprise_of_a_suppliers_own_index(catalog: Catalog):
    steps = steps_of(catalog, geopolitics=months("CHN", [*QUIET, 0.8]))
    found = at(steps, "2003-02-10", "CHN")
    assert found["gpr_level"] == 0.8
    assert found["gpr_surprise"] == pytest.approx((0.8 - 0.3) / 0.1)
    assert found["gpr_change"] == pytest.approx(math.log(((0.2 + 0.4 + 0.8) / 3 + 0.01) / (0.3 + 0.01)))
    assert found["gpr_is_fallback"] == 0
    assert found["gpr_age_weeks"] == 1
    before = at(steps, "2003-02-03", "CHN")
    assert before["gpr_level"] == 0.4
    mean = (18 * 0.2 + 17 * 0.4) / 35  # of the 35 months before December
    deviation = math.sqrt((18 * (0.2 - mean) ** 2 + 17 * (0.4 - mean) ** 2) / 35)
    assert before["gpr_surprise"] == pytest.approx((0.4 - mean) / deviation)
    assert before["gpr_age_weeks"] == 4


def test_a_revision_counts_from_its_release_only(catalog: Catalog):
    facts = months("CHN", [*QUIET, 0.8])
    facts.append(index_value("CHN", "2003-01-01", 0.5, available_at=utc("2003-06-01")))
    facts.append(index_value("CHN", "2003-01-01", 0.5, available_at=utc("2003-07-01"), is_retracted=True))
    steps = steps_of(catalog, geopolitics=facts)
    found = [at(steps, day, "CHN")["gpr_level"] for day in ("2003-05-26", "2003-06-02", "2003-07-07")]
    assert found[:2] == [0.8, 0.5]
    assert found[2] == 0.4


def test_an_index_older_than_half_a_year_is_missing(catalog: Catalog):
    steps = steps_of(catalog, [flow(2000, "CHN", "JPN", 9.0)], geopolitics=months("CHN", [*QUIET, 0.8]))
    assert at(steps, "2003-08-04", "CHN")["gpr_level"] == 0.8
    found = at(steps, "2003-08-11", "CHN")
    assert found["gpr_age_weeks"] == 27
    assert found[[name for name in found.index if "gpr_" in name and "age" not in name]].isna().all()
    assert np.isnan(found["tension"])


def test_who_has_no_index_takes_its_regions_mean_else_the_worlds(catalog: Catalog):
    facts = [*months("CHN", QUIET), *months("JPN", [0.5] * 36), *months("FRA", [0.1] * 36)]
    steps = steps_of(catalog, geopolitics=facts)
    by_country = {iso3: at(steps, "2003-01-13", iso3) for iso3 in ("CHN", "MNG", "COD")}
    assert [found["gpr_is_fallback"] for found in by_country.values()] == [0, 1, 2]
    assert by_country["MNG"]["gpr_level"] == pytest.approx((0.4 + 0.5) / 2)
    assert by_country["COD"]["gpr_level"] == pytest.approx((0.4 + 0.5 + 0.1) / 3)


def test_a_series_that_ended_is_no_series_any_more(catalog: Catalog):
    facts = [*months("CHN", QUIET), *months("JPN", [0.5] * 20)]
    found = at(steps_of(catalog, geopolitics=facts), "2003-01-13", "JPN")
    assert (found["gpr_level"], found["gpr_is_fallback"]) == (0.4, 1)


def test_neighbours_are_those_by_land(catalog: Catalog):
    facts = [*months("CHN", QUIET), *months("RUS", [0.5] * 36), *months("JPN", [0.9] * 36)]
    steps = steps_of(catalog, geopolitics=facts)
    found = at(steps, "2003-01-13", "PRK")  # China, Russia and South Korea
    assert found["neighbours_gpr_level"] == pytest.approx((0.4 + 0.5) / 2)
    assert found["neighbours_gpr_coverage"] == pytest.approx(2 / 3)
    island = at(steps, "2003-01-13", "AUS")
    assert island[["neighbours_gpr_level", "neighbours_gpr_coverage"]].isna().all()
    far = at(steps, "2003-01-13", "COD")
    assert (far["neighbours_gpr_coverage"], np.isnan(far["neighbours_gpr_level"])) == (0, True)
    assert "COD" in load_borders()


def test_buyers_weigh_by_what_they_take_in_the_newest_year_with_sales(catalog: Catalog):
    facts = [*months("JPN", [0.5] * 36), *months("USA", [0.1] * 36)]
    trade = [flow(1998, "COD", "JPN", 900.0), flow(1999, "COD", "JPN", 30.0), flow(1999, "COD", "USA", 10.0)]
    trade += [flow(1999, "COD", "ITA", 60.0), flow(2000, "AUS", "JPN", 60.0)]
    found = at(steps_of(catalog, trade, geopolitics=facts), "2003-01-13", "COD")
    assert found["buyers_gpr_level"] == pytest.approx((0.5 * 3 + 0.1) / 4)
    assert found["buyers_gpr_coverage"] == pytest.approx(0.4)
    assert np.isnan(at(steps_of(catalog, trade, geopolitics=facts), "2003-01-13", "CHN")["buyers_gpr_level"])


# --- tension ------------------------------------------------------------------------------------------


def test_the_proxy_needs_both_to_be_unusual_beyond_what_all_share(catalog: Catalog):
    others = [row for iso3 in ("FRA", "DEU", "BRA", "USA") for row in months(iso3, [*QUIET, 0.3])]
    trade = [flow(2000, "CHN", "JPN", 30.0), flow(2000, "CHN", "USA", 10.0)]
    both = [*months("CHN", [*QUIET, 0.8]), *months("JPN", [*QUIET, 0.5]), *others]
    found = at(steps_of(catalog, trade, geopolitics=both), "2003-02-10", "CHN")
    assert found["tension"] == pytest.approx(0.75 * 2.0)
    assert (found["tension_source"], found["tension_coverage"]) == (1, 1)
    alone = [*months("CHN", [*QUIET, 0.8]), *months("JPN", [*QUIET, 0.2]), *others]
    assert at(steps_of(catalog, trade, geopolitics=alone), "2003-02-10", "CHN")["tension"] == 0
    all_over = [row for iso3 in ("CHN", "JPN", "USA", "FRA", "DEU") for row in months(iso3, [*QUIET, 0.8])]
    assert at(steps_of(catalog, trade, geopolitics=all_over), "2003-02-10", "CHN")["tension"] == pytest.approx(0)


def test_events_between_two_countries_go_before_the_proxy(catalog: Catalog):
    usual = [0.1, 0.2] * 26
    facts = [*months("CHN", QUIET), *months("JPN", QUIET), *months("USA", QUIET)]
    facts += weeks(("CHN", "JPN"), "gdelt_coercion", [*usual, *[0.2] * 4])
    facts += weeks(("CHN", "JPN"), "gdelt_material_conflict", [0.05] * 52 + [0.15] * 4)
    trade = [flow(1999, "CHN", "JPN", 30.0), flow(1999, "CHN", "USA", 10.0), flow(1999, "AUS", "USA", 10.0)]
    steps = steps_of(catalog, trade, geopolitics=facts)
    found = at(steps, "2002-01-28", "CHN")
    assert found["tension"] == pytest.approx((0.35 - 0.2) / 0.05)
    assert (found["tension_source"], found["tension_coverage"]) == (2, 0.75)
    before = at(steps, "2001-12-31", "CHN")
    assert before["tension"] < 1
    assert at(steps, "2002-01-28", "AUS")["tension_source"] != 2
    # Eight weeks after the newest week no events are known any more.
    assert at(steps, "2002-04-01", "CHN")["tension_source"] == 1


# --- sanctions ----------------------------------------------------------------------------------------


ENTRIES = ["sanctions_entries", "sanctions_listed_13w", "sanctions_listed_52w", "sanctions_lists"]
PROGRAMMES = ["sanctions_programmes", "sanctions_programmes_new"]


def test_a_list_seen_for_the_first_time_is_no_burst_and_before_it_nothing_is_known(catalog: Catalog):
    facts = [sanction(f"old {n}", "COD", "2001-03-01") for n in range(9)]
    facts += [sanction("new", "COD", "2001-09-03", is_metals=True), sanction("theme", "", "2001-09-03")]
    steps = steps_of(catalog, sanctions=facts)
    assert at(steps, "2001-02-26", "COD").filter(like="sanctions").isna().all()
    assert at(steps, "2001-03-05", "COD")[ENTRIES].tolist() == pytest.approx([math.log(10), 0, 0, 1])
    ratio = math.log(11 / 10)
    assert at(steps, "2001-09-10", "COD")[ENTRIES].tolist() == pytest.approx([math.log(11), ratio, ratio, 1])
    assert at(steps, "2001-12-10", "COD")[ENTRIES].tolist() == pytest.approx([math.log(11), 0, ratio, 1])
    later = at(steps, "2002-09-09", "COD")
    assert later[ENTRIES].tolist() == pytest.approx([math.log(11), 0, 0, 1])
    assert later["sanctions_metals"] == pytest.approx(math.log(2))
    assert later["sanctions_age_weeks"] == 53
    assert at(steps, "2001-09-10", "CHN")[ENTRIES].tolist() == [0, 0, 0, 1]
    # Lists of entries say nothing about programmes.
    assert later[PROGRAMMES].isna().all()


def test_a_dated_entry_is_new_from_its_day_and_a_delisted_one_is_gone(catalog: Catalog):
    dated = {"listed_at": utc("2001-01-15"), "source": "dated"}
    facts = [sanction("one", "RUS", "2001-03-01", **dated), sanction("two", "RUS", "2001-03-01", **dated)]
    facts += [sanction("one", "RUS", "2001-05-07", **dated, is_retracted=True)]
    # Undated rows of a dated list come with its release.
    facts += [
        sanction("three", "CHN", "2001-03-01", source="dated"),
        sanction("four", "CHN", "2001-03-02", source="dated"),
    ]
    steps = steps_of(catalog, sanctions=facts)
    entries = [at(steps, day, "RUS")["sanctions_entries"] for day in ("2001-03-05", "2001-05-07")]
    assert entries == pytest.approx([math.log(3), math.log(2)])
    new = [at(steps, day, "RUS")["sanctions_listed_13w"] for day in ("2001-04-09", "2001-04-16")]
    assert new == pytest.approx([math.log(3), 0])
    assert at(steps, "2001-03-05", "CHN")["sanctions_listed_13w"] == pytest.approx(math.log(3 / 2))


def test_programmes_begin_end_and_return_and_count_for_who_imposes_them(catalog: Catalog):
    about = {"kind": "programme", "programme": "R"}
    first = sanction("R", "RUS", "2001-03-03", **about, listed_at=utc("2001-03-01"))
    facts = [first, first | {"available_at": utc("2001-05-07"), "is_retracted": True}]
    facts += [first | {"available_at": utc("2001-07-02"), "listed_at": utc("2001-07-01")}]
    facts += [sanction("S", "RUS", "2001-03-05", **about), sanction("theme", "", "2001-03-05", **about)]
    steps = steps_of(catalog, sanctions=facts)
    days = ("2001-03-05", "2001-05-07", "2001-07-02", "2002-07-01")
    found = [at(steps, day, "RUS")[PROGRAMMES].tolist() for day in days]
    assert found == [[2, 1], [1, 0], [2, 1], [2, 0]]
    assert [at(steps, day, "USA")["sanctions_imposed"] for day in days] == [3, 2, 3, 3]
    since = [at(steps, day, "RUS")["sanctions_programme_weeks_since"] for day in days]
    assert since == pytest.approx([0, np.nan, 0, 52], nan_ok=True)
    assert at(steps, days[0], "USA")[PROGRAMMES].tolist() == [0, 0]
    # Programmes say nothing about entries.
    assert at(steps, days[0], "RUS")[["sanctions_entries", "sanctions_metals"]].isna().all()


# --- politics -----------------------------------------------------------------------------------------


def test_a_coup_that_three_lists_tell_counts_once_by_the_first_and_fades(catalog: Catalog):
    told = [
        political("GIN", "coup", "2008-12-22", source="a"),
        political("GIN", "failed_coup", "2008-12-24", source="b"),
    ]
    told += [political("GIN", "failed_coup", "2008-12-10", source="c", available_at=utc("2009-06-01"))]
    steps = steps_of(catalog, political_events=told, coverage=lists())
    found = at(steps, "2008-12-29", "GIN")
    assert found["coups"] == found["coup_attempts"] == pytest.approx(0.5 ** (1 / 52))
    assert found["coup_attempt_weeks_since"] == 1
    later = at(steps, "2009-12-21", "GIN")
    assert later["coups"] == pytest.approx(0.5)
    assert later["coup_attempts"] == pytest.approx(0.5 + 0.5 ** (376 / 364))
    assert at(steps, "2008-12-29", "CHN")[["coups", "coup_attempts"]].tolist() == [0, 0]
    assert np.isnan(at(steps, "2008-12-29", "CHN")["coup_attempt_weeks_since"])


def test_a_withdrawn_coup_is_taken_away(catalog: Catalog):
    coup = political("GIN", "coup", "2008-12-22")
    gone = coup | {"available_at": utc("2009-03-01"), "is_retracted": True}
    steps = steps_of(catalog, political_events=[coup, gone], coverage=lists())
    assert [at(steps, day, "GIN")["coups"] > 0 for day in ("2009-02-23", "2009-03-02")] == [True, False]


def test_beyond_the_end_of_the_lists_no_coup_is_missing_and_not_zero(catalog: Catalog):
    coup = political("GIN", "coup", "2009-12-23")
    steps = steps_of(catalog, political_events=[coup], coverage=lists("2010-01-01"))
    names = ["coups", "coup_attempts", "irregular_change_52w", "new_leader_52w", "election_next_26w"]
    assert at(steps, "2009-12-28", "CHN")[names].tolist() == [0, 0, 0, 0, 0]
    assert at(steps, "2010-06-28", "CHN")[names].isna().tolist() == [False, False, False, False, True]
    assert at(steps, "2010-07-26", "CHN")[names].isna().tolist() == [False, False, True, True, True]
    after = at(steps, "2011-01-10", "GIN")
    assert after[[*names, "coup_attempt_weeks_since"]].isna().all()
    assert after["politics_age_weeks"] == 53
    nothing = at(steps_of(catalog, political_events=[coup]), "2010-01-11", "GIN")
    assert nothing[[*names, "politics_age_weeks"]].isna().all()


def test_leaders_and_irregular_changes_count_for_a_year(catalog: Catalog):
    facts = [political("UKR", "irregular_change", "2005-01-03"), political("UKR", "leader_change", "2005-01-24")]
    steps = steps_of(catalog, political_events=facts, coverage=lists())
    names = ["irregular_change_52w", "new_leader_52w"]
    days = ("2005-01-03", "2005-01-10", "2005-01-31", "2006-01-09", "2006-01-30")
    assert [at(steps, day, "UKR")[names].tolist() for day in days] == [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]


def test_an_election_is_known_ahead_moves_and_passes(catalog: Catalog):
    vote = political("COD", "election", "2005-11-28", event_id="vote", available_at=utc("2005-01-10"))
    moved = vote | {"happens_at": utc("2006-12-23"), "available_at": utc("2005-09-05")}
    steps = steps_of(catalog, political_events=[vote, moved], coverage=lists())
    names = ["election_next_26w", "election_next_52w"]
    days = ("2005-01-03", "2005-01-10", "2005-06-06", "2005-09-05", "2006-06-26", "2006-12-25")
    expected = [[0, 0], [0, 1], [1, 1], [0, 0], [1, 1], [0, 0]]
    assert [at(steps, day, "COD")[names].tolist() for day in days] == expected
    assert np.isnan(at(steps, "2006-12-18", "COD")["election_weeks_since"])
    assert at(steps, "2007-01-08", "COD")["election_weeks_since"] == 2


# --- conflict -----------------------------------------------------------------------------------------


def test_conflict_deaths_unrest_and_scores(catalog: Catalog):
    year = {"frequency": "year", "available_at": utc("2003-06-01")}
    facts = [index_value("COD", f"{y}-01-01", v, indicator="ucdp_intensity", **year) for y, v in ((2001, 2), (2002, 1))]
    facts += [index_value("COD", "2002-01-01", 107.2, indicator="fsi_total", **year)]
    facts += [index_value("COD", "2001-01-01", 8.1, indicator="inform_risk", **year)]
    facts += months("COD", [0.0] * 11 + [30.0, 10.0], "2001-12", indicator="ucdp_deaths")
    facts += weeks(("COD", ""), "gdelt_protest", [0.1, 0.2] * 26 + [0.4] * 4)
    steps = steps_of(catalog, geopolitics=facts)
    found = at(steps, "2003-06-02", "COD")
    assert (found["conflict_intensity"], found["conflict_intensity_change"]) == (1, -1)
    assert found["conflict_deaths"] == pytest.approx(math.log1p(10 + 30 * 0.5 ** (1 / 6)))
    assert (found["fsi"], found["inform"]) == (107.2, 8.1)
    assert (found["conflict_age_weeks"], found["fragility_age_weeks"]) == (21, 21)
    assert np.isnan(found["protest_share"])
    fresh = at(steps, "2002-02-04", "COD")
    assert (fresh["protest_share"], fresh["protest_surprise"]) == pytest.approx((0.4, 5.0))
    assert fresh["events_age_weeks"] == 1
    assert at(steps, "2003-06-02", "ZMB").filter(regex="conflict_[id]|fsi|inform").isna().all()
    assert at(steps, "2006-02-06", "COD").filter(regex="conflict_[id]|fsi|inform").isna().all()


# --- replay -------------------------------------------------------------------------------------------


def replayed(
    tables: dict, steps: list[Steps], catalog: Catalog, date: pd.Timestamp, index: pd.DataFrame
) -> pd.DataFrame:
    """Compute the features of `index` from what was known at `date`, and hold them against those from everything."""
    cut = {name: table[table["available_at"] <= date].reset_index(drop=True) for name, table in tables.items()}
    found = [
        geopolitics.combine(panel.join_steps(index, {"geopolitics": each}))
        for each in (geopolitics.steps(cut, catalog), steps)
    ]
    pd.testing.assert_frame_equal(found[0], found[1], check_exact=True)
    return found[0]


def every_pair(date: pd.Timestamp, minerals, suppliers) -> pd.DataFrame:
    as_ofs = [date, date - pd.Timedelta("1us"), date - pd.Timedelta("182D")]
    index = pd.MultiIndex.from_product([minerals, suppliers, as_ofs], names=panel.KEYS).to_frame(index=False)
    return index.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})


@pytest.fixture(scope="module")
def small_tables() -> dict[str, pd.DataFrame]:
    return random_geopolitics(3) | {"trade": random_trade(3, range(1999, 2005))}


@pytest.fixture(scope="module")
def small_steps(small_tables: dict[str, pd.DataFrame], catalog: Catalog) -> list[Steps]:
    return geopolitics.steps(small_tables, catalog)


def test_small_tables_with_revisions_replay_to_the_last_feature(small_tables, small_steps, catalog: Catalog):
    seen: set[str] = set()
    for date in ("2002-03-04", "2003-01-06", "2004-05-03"):
        index = every_pair(utc(date), ("cobalt", "manganese"), ("AUS", "CHN", "COD"))
        found = replayed(small_tables, small_steps, catalog, utc(date), index)
        seen |= set(found.columns[found.notna().any()])
    assert seen == set(geopolitics.SIGNAL.columns)


def test_before_any_figure_of_countries_is_known_the_parts_by_pair_have_their_columns_and_no_rows(
    small_tables, small_steps, catalog: Catalog
):
    untold = geopolitics.steps(small_tables | {"geopolitics": small_tables["geopolitics"].head(0)}, catalog)
    pairs = [
        (one, other) for one, other in zip(small_steps, untold, strict=True) if one.keys == ("mineral", "supplier")
    ]
    assert len(pairs) == 2
    for one, other in pairs:
        assert other.keys == one.keys
        assert len(one.frame) > 0
        assert other.frame.empty
        assert one.frame.dtypes.equals(other.frame.dtypes)


def test_a_dyad_without_trade_until_later_replays(catalog: Catalog):
    facts = weeks(("CHN", "JPN"), "gdelt_coercion", [0.1, 0.2] * 28) + weeks(
        ("AUS", "CHN"), "gdelt_coercion", [0.3] * 70
    )
    facts += weeks(("CHN", "JPN"), "gdelt_material_conflict", [0.3] * 56)
    facts += weeks(("AUS", "CHN"), "gdelt_material_conflict", [0.1, 0.3] * 35)
    trade = [flow(1999, "CHN", "JPN", 30.0), flow(2002, "AUS", "CHN", 30.0)]
    tables = {name: rows(name, []) for name in NAMES} | {"geopolitics": rows("geopolitics", facts)}
    tables["trade"] = rows("trade", trade)
    steps = geopolitics.steps(tables, catalog)
    for date in ("2002-02-04", "2002-05-06"):
        found = replayed(tables, steps, catalog, utc(date), every_pair(utc(date), ("cobalt",), ("AUS", "CHN")))
        assert found["geopolitics_tension"].iloc[::3].notna().tolist() == [False, date == "2002-02-04"]


@pytest.fixture(scope="module")
def real_tables(shared: Path, catalog: Catalog, bundle_tables, tmp_path_factory) -> dict[str, pd.DataFrame]:
    now = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    store = Store(tmp_path_factory.mktemp("geopolitics") / "datasets")
    releases = [dt.datetime(2024, 8, 5, tzinfo=dt.UTC), dt.datetime(2026, 5, 5, tzinfo=dt.UTC)]
    files = [Incoming(shared / f"payloads/gpr/{day.date()}/data_gpr_export.xls", given=day) for day in releases]
    ingest_files(store, "gpr", files, now=now)
    found: dict[str, list[pd.DataFrame]] = {"geopolitics": [store.history("geopolitics", as_of=now)]}
    for module, file in (
        (cline_coups, "coups/cline-coup-data-2.1.2.csv"),
        (colpus, "coups/colpus-1.1-basic.xlsx"),
        (reign_elections, "reign/electionlist_3_21.csv"),
        (reign_leaders, "reign/leaderlist_3_21.csv"),
        (ofac_sdn, "ofac/sdn.csv.gz"),
    ):
        path = shared / "payloads" / file
        harvest = module.harmonise(module.parse(path), catalog, file=path.name, lag=module.SPEC.lag, now=now)
        for name, table in harvest.tables.items():
            found.setdefault(name, []).append(table)
    trade, codes = bundle_tables["trade"], catalog.used_hs_codes()
    some = codes.loc[codes["mineral"].isin(["bauxite", "manganese", "nickel", "rare_earths"]), "hs_code"]
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    events = tables["political_events"]
    # What happened before says nothing of the dates asked about, and every event is a moment of its own.
    tables["political_events"] = events[events["happens_at"] >= utc("2000-01-01")].reset_index(drop=True)
    return tables | {"trade": trade[trade["hs_code"].isin(some)].reset_index(drop=True)}


@pytest.fixture(scope="module")
def real_steps(real_tables: dict[str, pd.DataFrame], catalog: Catalog) -> list[Steps]:
    return geopolitics.steps(real_tables, catalog)


@pytest.mark.parametrize("date", ["2014-04-07", "2026-05-11"])
def test_the_real_tables_replay(real_tables, real_steps, catalog: Catalog, date: str):
    suppliers = real_tables["trade"]["supplier"].unique()
    index = every_pair(utc(date), ("bauxite", "nickel", "rare_earths"), suppliers)
    found = replayed(real_tables, real_steps, catalog, utc(date), index)
    assert found["geopolitics_gpr_level"].notna().all()
    assert found["geopolitics_tension"].notna().sum() > 100


def test_the_real_index_shows_crimea_and_the_invasion(real_steps):
    # Known on the 5th of the month after.
    surprise = {day: at(real_steps, day, "RUS", "nickel")["gpr_surprise"] for day in ("2014-03-03", "2014-04-07")}
    assert surprise["2014-03-03"] < 1
    assert surprise["2014-04-07"] > 9
    assert at(real_steps, "2022-02-07", "RUS", "nickel")["gpr_surprise"] > 6  # January, before the invasion
    assert at(real_steps, "2022-03-07", "RUS", "nickel")["gpr_surprise"] == 10


def test_the_real_index_does_not_show_the_quarrel_over_rare_earths_of_2010(real_steps):
    # The collision off the Senkaku Islands was on 7 September 2010; the embargo followed within weeks. The index of
    # neither country is unusual in September or October, so the proxy is blind to it.
    for day in ("2010-10-11", "2010-11-08"):
        found = at(real_steps, day, "CHN", "rare_earths")
        assert (found["tension"], found["tension_source"]) == (0, 1)


def test_the_real_lists_hold_guineas_coup_and_not_gabons(real_tables, real_steps):
    assert at(real_steps, "2021-08-30", "GIN", "bauxite")["coups"] < 0.01
    assert at(real_steps, "2021-09-06", "GIN", "bauxite")["coups"] > 0.99
    events = real_tables["political_events"]
    of_gabon = events[events["country"].eq("GAB") & events["kind"].isin(["coup", "failed_coup"])]
    assert of_gabon["happens_at"].max() == utc("2019-01-07")
    assert np.isnan(at(real_steps, "2024-03-04", "GAB", "manganese")["coups"])


def test_the_real_list_of_sanctions_is_no_burst(real_steps):
    found = at(real_steps, "2026-11-30", "RUS", "nickel")
    assert found["sanctions_entries"] > math.log(2000)
    assert found["sanctions_listed_52w"] == 0
