"""The signal `hazards`: what shakes, floods or burns near a pair's places, from when it was known, or missing."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog
from features.catalog.regions import load_regions
from features.hazard_events import kilometres_between
from features.signals.hazard_effects import REACH, effects, intensity, reach_km
from features.signals.hazards import ALIVE_WEEKS, SIGNAL, hits
from features.sources import noaa_hazel
from models.phrases import phrase
from tests.builders import hazard, random_hazards, rows, utc

# By Calama, between Chuquicamata and the Salar de Atacama; by Valdivia and Aysén, far south of any mine of copper.
CALAMA, VALDIVIA, AYSEN = (-22.9, -68.6), (-39.8, -73.2), (-45.4, -72.7)
CHILE = [("copper", "CHL"), ("lithium", "CHL")]
# Keeps the list alive without touching any place: the middle of the southern Pacific.
NOWHERE = (-55.0, -130.0)


def alive(first: str = "2009-01-05", last: str = "2013-01-07") -> list[dict]:
    days = pd.date_range(first, last, freq="28D", tz="UTC")
    return [hazard(f"far-{day:%Y%m%d}", day, *NOWHERE) for day in days]


@pytest.fixture
def told(catalog: Catalog):
    """Give the features of pairs on dates, one row per date and pair."""

    def find(hazards: pd.DataFrame, pairs, dates) -> pd.DataFrame:
        index = pd.DataFrame([(*pair, utc(date)) for date in dates for pair in pairs], columns=panel.KEYS)
        index = index.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})
        joined = panel.join_steps(index, {"hazards": SIGNAL.steps({"hazards": hazards}, catalog)})
        return SIGNAL.combine(joined).rename(columns=lambda name: name.removeprefix("hazards_"))

    return find


# --- effects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("magnitude", "distance", "expected"),
    # Of the relation as others implement it.
    [(7.0, 100.0, 5.6632), (5.0, 20.0, 5.0182), (6.0, 50.0, 5.1604)],
)
def test_intensity_follows_the_published_relation(magnitude, distance, expected):
    found = intensity(np.array([magnitude]), np.array([distance]))
    assert found[0] == pytest.approx(expected, abs=1e-3)


def effect_at(kilometres: float, **about) -> float:
    places = pd.DataFrame({"latitude": [kilometres / 111.195], "longitude": [30.0]})
    found = effects(rows("hazards", [hazard("one", "2010-03-01", 0.0, 30.0, **about)]), places)
    return float(found["effect"].sum())


def test_a_quake_fades_with_distance_and_depth_and_grows_with_magnitude():
    near_to_far = [effect_at(kilometres) for kilometres in (5, 50, 100, 200, 300)]
    assert near_to_far == sorted(near_to_far, reverse=True)
    assert near_to_far[0] > 0.7
    assert effect_at(50, depth_km=150.0) < effect_at(50)
    assert effect_at(50, depth_km=np.nan) == effect_at(50, depth_km=10.0)
    assert effect_at(100, magnitude=6.5) < effect_at(100)
    assert effect_at(80, magnitude=5.0) == 0
    # Not told how strong: the least of its grade.
    assert effect_at(30, magnitude=np.nan, severity=2) == effect_at(30, magnitude=6.0)


def test_no_quake_reaches_beyond_what_the_relation_was_fitted_to_and_half_its_rupture():
    quakes = rows("hazards", [hazard("a", "2010-03-01", 0, 0, magnitude=7.0), hazard("b", "2010-03-01", 0, 0)])
    assert reach_km(quakes)[0] == pytest.approx(300 + 10 ** (0.59 * 7 - 2.44) / 2)
    reach = reach_km(rows("hazards", [hazard("c", "2010-03-01", 0, 0, magnitude=9.0)]))[0]
    assert effect_at(reach - 2, magnitude=9.0) > 0
    assert effect_at(reach + 2, magnitude=9.0) == 0


@pytest.mark.parametrize("kind", REACH)
def test_other_kinds_have_a_peak_and_an_end_by_grade(kind):
    for grade, (peak, reach) in REACH[kind].items():
        about = {"kind": kind, "severity": grade, "magnitude": np.nan}
        assert effect_at(0.1, **about) == pytest.approx(peak)
        assert effect_at(0.75 * reach, **about) == pytest.approx(peak / 2, rel=0.01)
        assert effect_at(reach + 1, **about) == 0


def test_a_tsunami_has_no_effect_where_it_began():
    assert effect_at(1, kind="tsunami", magnitude=8.0) == 0


def test_the_180th_meridian_parts_nothing():
    places = pd.DataFrame({"latitude": [52.0], "longitude": [179.9]})
    found = effects(rows("hazards", [hazard("one", "2010-03-01", 52.0, -179.9)]), places)
    assert found["effect"].iloc[0] > 0.7


# --- where ----------------------------------------------------------------------------------------


def test_a_quake_in_the_atacama_counts_for_copper_and_lithium_of_chile_and_one_in_the_south_does_not(told):
    for where, is_hit in ((CALAMA, True), (VALDIVIA, False), (AYSEN, False)):
        quake = hazard("quake", "2011-03-02", *where, magnitude=7.9, country="CHL")
        found = told(rows("hazards", [*alive(), quake]), CHILE, ["2011-03-07"])
        assert (found["hit_4w"] > 0.02).tolist() == [is_hit, is_hit]
        assert found["hit_4w"].notna().all()
        assert (found["weeks_since"] == 0).tolist() == [is_hit, is_hit]


def test_the_hit_is_the_sum_of_share_times_effect(told):
    regions = load_regions()
    quake = rows("hazards", [hazard("quake", "2011-03-02", *CALAMA)])
    of_copper = regions[regions["mineral"].eq("copper") & regions["iso3"].eq("CHL")].reset_index(drop=True)
    of_copper = of_copper[of_copper["since"].fillna(1900).le(2011) & of_copper["until"].fillna(2011).ge(2011)]
    of_copper = of_copper.reset_index(drop=True)
    assert of_copper["share_frac"].sum() <= 1
    effect = effects(quake, of_copper).set_index("place")["effect"].reindex(of_copper.index, fill_value=0)
    expected = float((effect * of_copper["share_frac"]).sum())
    assert (effect > 0).sum() > 5
    found = told(pd.concat([rows("hazards", alive()), quake]), CHILE[:1], ["2011-03-07"]).iloc[0]
    assert found["hit_13w"] == pytest.approx(expected)
    assert found["worst_13w"] == pytest.approx(expected)


def test_a_supplier_without_a_known_place_is_missing_and_not_zero(told):
    assert not load_regions().query("mineral == 'copper' and iso3 == 'FJI'").size
    found = told(rows("hazards", alive()), [("copper", "FJI"), ("copper", "CHL")], ["2011-03-07"])
    assert found[["hit_13w", "worst_13w", "weeks_since"]].isna().iloc[0].all()
    assert found["hit_13w"].iloc[1] == 0


def test_a_place_counts_from_the_year_in_which_it_began(told):
    pair, where = ("nickel", "CIV"), (7.9, -7.5)
    quakes = [hazard("early", "2010-03-03", *where), hazard("late", "2018-03-07", *where)]
    found = told(
        rows("hazards", [*alive(last="2020-01-06"), *quakes]), [pair], ["2010-03-08", "2017-01-02", "2018-03-12"]
    )
    assert np.isnan(found["hit_4w"].iloc[0])
    assert found["hit_52w"].iloc[1] == 0
    assert found["hit_4w"].iloc[2] > 0.3


def test_a_place_counts_until_the_year_in_which_it_closed(told):
    # Century, which gave zinc until 2016; Australia has other places, all far away.
    pair, where = ("zinc", "AUS"), (-18.72, 138.6)
    quakes = [hazard(day, day, *where, magnitude=6.0) for day in ("2016-12-28", "2017-01-04")]
    far = alive("2015-01-05", "2018-01-01")
    for quake, is_hit in zip(quakes, (True, False), strict=True):
        found = told(rows("hazards", [*far, quake]), [pair], ["2017-01-09", "2017-01-16"])
        assert (found["hit_13w"] > 0.05).tolist() == [is_hit, is_hit]
        assert (found["worst_13w"] > 0.05).tolist() == [is_hit, is_hit]
        assert found[["hit_4w", "hit_13w", "hit_52w"]].notna().all().all()
        assert found["weeks_since"].notna().tolist() == [is_hit, is_hit]


def test_a_pair_whose_places_have_all_closed_is_missing_from_the_next_january(told):
    # Toyoha, 2006, the last mine of zinc in Japan.
    quake = hazard("quake", "2006-11-08", 42.92, 141.03)
    dates = ["2006-11-13", "2006-12-25", "2007-01-01", "2012-01-02"]
    found = told(rows("hazards", [*alive("2004-01-05"), quake]), [("zinc", "JPN"), ("zinc", "PER")], dates)
    closed, other = found.iloc[::2], found.iloc[1::2]
    own = ["hit_4w", "hit_13w", "hit_52w", "worst_13w", "weeks_since"]
    assert (closed[["hit_13w", "worst_13w"]].iloc[:2] > 0.1).all().all()
    assert closed[own].iloc[:2].notna().all().all()
    assert closed[own].iloc[2:].isna().all().all()
    assert other[own[:4]].eq(0).all().all()
    # What hit it while it worked stays with the others' hits, and never becomes its own "elsewhere".
    assert (other["elsewhere_13w"].iloc[:3] > 0.1).all()
    assert closed["elsewhere_13w"].eq(0).all()


@pytest.fixture
def three_places(monkeypatch: pytest.MonkeyPatch):
    """Exchange the catalogue for tin of two suppliers, one of which stopped after 2006 and began again in 2009."""
    places = [
        ("one", "AUS", 10.0, pd.NA, pd.NA, 0.9),
        ("two", "PER", 20.0, pd.NA, 2006, 0.8),
        ("three", "PER", 30.0, 2009, pd.NA, 0.7),
    ]
    frame = pd.DataFrame(places, columns=["id", "iso3", "latitude", "since", "until", "share_frac"])
    frame = frame.astype({"since": "Int64", "until": "Int64"}).assign(mineral="tin", longitude=30.0)
    monkeypatch.setattr("features.signals.hazards.load_regions", lambda: frame)


@pytest.mark.usefixtures("three_places")
def test_a_closed_supplier_is_none_elsewhere_and_is_back_when_a_new_place_begins(told):
    far = rows("hazards", alive("2004-01-05"))
    dates = ["2006-12-25", "2007-01-01", "2008-12-29", "2009-01-05"]
    found = told(far, [("tin", "AUS"), ("tin", "PER")], dates)
    survivor, other = found.iloc[::2], found.iloc[1::2]
    assert survivor["elsewhere_13w"].notna().tolist() == [True, False, False, True]
    assert other["elsewhere_13w"].notna().all()
    assert other["hit_13w"].notna().tolist() == [True, False, False, True]
    assert survivor["hit_13w"].eq(0).all()


def test_shares_of_one_year_never_add_up_to_more_than_all():
    # Tara of today beside Lisheen and Galmoy in their last years.
    regions = load_regions().query("mineral == 'zinc' and iso3 == 'IRL'")
    assert regions["share_frac"].sum() > 1.4
    for year, expected in ((2007, 0.98 / regions["share_frac"].sum()), (2020, 0.98)):
        quake = rows("hazards", [hazard("quake", f"{year}-03-07", 53.65, -6.72, magnitude=5.6, depth_km=10.0)])
        found = hits(quake, regions).iloc[0]
        assert found["hit"] == pytest.approx(expected * found["strongest"], rel=1e-6)
        assert found["strongest"] > 0.1


def test_other_suppliers_are_counted_by_their_own_output_and_only_where_there_are_any(told):
    quake = hazard("quake", "2011-03-02", *CALAMA)
    pairs = [("copper", "PER"), ("copper", "CHL"), ("caesium", "CAN")]
    found = told(rows("hazards", [*alive(), quake]), pairs, ["2011-03-07"])
    chile = found["hit_13w"].iloc[1]
    assert found["hit_13w"].iloc[0] == 0
    assert found["elsewhere_13w"].iloc[0] == pytest.approx(chile + found["elsewhere_13w"].iloc[1])
    assert np.isnan(found["elsewhere_13w"].iloc[2])


# --- when -----------------------------------------------------------------------------------------


def test_a_quake_counts_from_when_it_was_known_and_for_the_window(told):
    quake = hazard("quake", "2011-03-02", *CALAMA, available_at=utc("2011-03-15"))
    dates = [
        "2011-03-07",
        "2011-03-14",
        "2011-03-21",
        "2011-04-11",
        "2011-04-18",
        "2011-06-20",
        "2012-03-12",
        "2012-03-19",
    ]
    found = told(rows("hazards", [*alive(), quake]), CHILE[:1], dates)
    assert (found["hit_4w"] > 0).tolist() == [False, False, True, True, False, False, False, False]
    assert (found["hit_52w"] > 0).tolist() == [False, False, True, True, True, True, True, False]
    assert found["worst_13w"].gt(0).tolist() == [False, False, True, True, True, False, False, False]
    assert found["weeks_since"].tolist()[2:6] == [0, 3, 4, 13]
    assert found["weeks_since"].iloc[:2].isna().all()


def test_a_stronger_version_adds_the_difference_and_a_weaker_one_takes_it_away(told):
    first = hazard("quake", "2011-03-02", *CALAMA, magnitude=6.8)
    stronger = first | {"magnitude": 7.8, "available_at": utc("2011-03-16")}
    weaker = first | {"magnitude": 7.2, "available_at": utc("2011-05-03")}
    gone = weaker | {"is_retracted": True, "available_at": utc("2011-06-15")}
    versions = rows("hazards", [first, stronger, weaker, gone])
    levels = hits(versions, load_regions()).query("mineral == 'copper' and supplier == 'CHL'")["hit"].tolist()
    dates = ["2011-03-14", "2011-03-28", "2011-05-09", "2011-06-06", "2011-06-20"]
    found = told(pd.concat([rows("hazards", alive()), versions]), CHILE[:1], dates)
    assert found["hit_52w"].tolist() == pytest.approx([*levels[:3], levels[2], 0])
    # The first version left the window of 13 weeks on 2 June, what the second added to it is still there.
    assert found["hit_13w"].tolist() == pytest.approx([*levels[:3], levels[2] - levels[0], 0])
    assert found["worst_13w"].tolist() == pytest.approx([*levels[:3], levels[2], 0])
    assert found["weeks_since"].iloc[3] == 13
    assert np.isnan(found["weeks_since"].iloc[4])


def test_two_sources_of_one_quake_count_once_as_the_harder_of_them(told):
    one = hazard("a", "2011-03-02T10:00", *CALAMA, magnitude=7.0)
    two = hazard("b", "2011-03-02T10:05", *CALAMA, magnitude=7.3, source="two", available_at=utc("2011-03-09"))
    alone = told(rows("hazards", [*alive(), two]), CHILE, ["2011-03-14"])
    both = told(rows("hazards", [*alive(), one, two]), CHILE, ["2011-03-07", "2011-03-14"])
    later = both.iloc[2:].reset_index(drop=True)
    pd.testing.assert_frame_equal(later.drop(columns="weeks_since"), alone.drop(columns="weeks_since"))
    assert later["weeks_since"].tolist() == [1, 1]
    assert (both["hit_52w"].iloc[:2].to_numpy() < both["hit_52w"].iloc[2:].to_numpy()).all()


def test_a_shock_and_a_later_one_add_up_but_the_worst_is_one(told):
    shocks = [hazard("a", "2011-03-02", *CALAMA), hazard("b", "2011-03-12", *CALAMA, magnitude=6.9)]
    found = told(rows("hazards", [*alive(), *shocks]), CHILE[:1], ["2011-03-07", "2011-03-14"])
    assert found["hit_13w"].iloc[1] > found["hit_13w"].iloc[0]
    assert found["worst_13w"].iloc[1] == found["worst_13w"].iloc[0] == found["hit_13w"].iloc[0]


# --- what the lists cover -------------------------------------------------------------------------


def test_lists_that_stopped_make_counts_missing_and_not_zero(told):
    quake = hazard("quake", "2013-01-02", *CALAMA)
    found = told(
        rows("hazards", [*alive(), quake]), CHILE[:1], ["2013-01-14", "2013-07-01", "2013-07-15", "2014-07-07"]
    )
    assert found["age_weeks"].tolist()[1] <= ALIVE_WEEKS < found["age_weeks"].tolist()[2]
    assert found["hit_52w"].notna().tolist() == [True, True, False, False]
    assert found.iloc[2:].drop(columns="age_weeks").isna().all().all()


def test_an_old_hazard_that_is_told_late_does_not_make_the_lists_alive(told):
    late = hazard("late", "2011-03-02", *CALAMA, available_at=utc("2013-06-25"))
    found = told(rows("hazards", [*alive(), late]), CHILE[:1], ["2013-06-24", "2013-07-01", "2013-07-08"])
    assert found["age_weeks"].tolist() == [25, 26, 27]
    assert found["hit_4w"].gt(0).tolist() == [False, True, False]


def test_a_window_of_which_less_than_half_was_watched_is_missing(told):
    hazards = rows("hazards", alive())
    found = told(hazards, CHILE[:1], ["2009-01-12", "2009-02-23", "2009-07-06", "2009-07-13"])
    assert found["hit_4w"].notna().tolist() == [False, True, True, True]
    assert found["hit_13w"].notna().tolist() == [False, False, True, True]
    assert found["hit_52w"].notna().tolist() == [False, False, False, True]


def test_words():
    assert phrase("hazards_hit_13w", 0.071) == (
        "natural disasters of the last 13 weeks weigh like a full hit on 7.1 % of output"
    )
    assert phrase("hazards_weeks_since", 1.0) == "last natural disaster near its mines and plants 1 week ago"
    assert "not known" in phrase("hazards_hit_4w", np.nan)


# --- against a slow reference, and replayed -------------------------------------------------------


def test_sums_agree_with_a_slow_reference(told):
    hazards = random_hazards(3)
    hazards = hazards[hazards["source"].eq("one")].sort_values("available_at").drop_duplicates("event_id")
    regions = load_regions()
    pairs, date = [("cobalt", "COD"), ("tin", "CHN"), ("cobalt", "AUS")], "2005-06-06"
    found = told(hazards, pairs, [date])
    expectations = []
    for row, (mineral, supplier) in enumerate(pairs):
        places = regions[regions["mineral"].eq(mineral) & regions["iso3"].eq(supplier)]
        expected = 0.0
        for event in hazards.itertuples():
            if not utc(date) - pd.Timedelta(weeks=52) < event.available_at <= utc(date):
                continue
            year = event.happened_at.year
            begun = [place for place in places.itertuples() if pd.isna(place.since) or place.since <= year]
            at_work = [place for place in begun if pd.isna(place.until) or place.until >= year]
            total = max(1, sum(place.share_frac for place in at_work))
            for place in at_work:
                expected += place.share_frac / total * slow_effect(event, place)
        expectations.append(expected)
        assert found["hit_52w"].iloc[row] == pytest.approx(expected, rel=1e-6)
    assert sum(expected > 0.01 for expected in expectations) >= 2


def slow_effect(event, place) -> float:
    distance = kilometres_between(event.latitude, event.longitude, place.latitude, place.longitude)
    if event.kind != "earthquake":
        peak, reach = REACH.get(event.kind, {}).get(event.severity, (0, 1))
        return peak * min(1, max(0, 2 - 2 * distance / reach))
    magnitude = {1: 5.0, 2: 6.0, 3: 7.0}[event.severity] if np.isnan(event.magnitude) else event.magnitude
    if distance > 300 + 10 ** (0.59 * magnitude - 2.44) / 2:
        return 0.0
    felt = intensity(np.array([magnitude]), np.array([(distance**2 + event.depth_km**2) ** 0.5]))[0]
    return min(1, max(0, (felt - 5) / 4))


@pytest.fixture(scope="module")
def noaa(shared, catalog: Catalog) -> pd.DataFrame:
    now, parts = dt.datetime(2026, 11, 1, tzinfo=dt.UTC), []
    for path in sorted((shared / "payloads" / "noaa").glob("*.csv")):
        harvest = noaa_hazel.harmonise(noaa_hazel.parse(path), catalog, file=path.name, lag=None, now=now)
        parts.append(harvest.tables["hazards"])
    return pd.concat(parts, ignore_index=True)


def test_the_quakes_of_chile_in_the_real_list(noaa: pd.DataFrame, told):
    # Maule, 27 February 2010, and Iquique, 1 April 2014.
    found = told(noaa, CHILE, ["2010-02-22", "2010-03-01", "2014-03-31", "2014-04-07"])
    copper, lithium = found.iloc[::2].reset_index(drop=True), found.iloc[1::2].reset_index(drop=True)
    assert copper["hit_4w"].round(2).tolist() == [0.0, 0.07, 0.0, 0.13]
    # Neither came near the Salar de Atacama.
    assert (lithium["hit_4w"] < 0.01).all()
    assert copper["weeks_since"].tolist()[1::2] == [0, 0]


def test_the_real_list_replays(noaa: pd.DataFrame, catalog: Catalog):
    date = "2016-04-25"
    pairs = load_regions()[["mineral", "iso3"]].drop_duplicates().set_axis(["mineral", "supplier"], axis=1)
    index = pairs.assign(as_of=utc(date)).reset_index(drop=True)
    cut = noaa[noaa["available_at"] <= utc(date)].reset_index(drop=True)
    one, two = (panel.join_steps(index, {"h": SIGNAL.steps({"hazards": rows_}, catalog)}) for rows_ in (cut, noaa))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert (SIGNAL.combine(one)["hazards_hit_52w"] > 0).sum() > 5


def test_hazards_with_revisions_replay_at_every_change(catalog: Catalog):
    hazards = random_hazards(11)
    full = {"h": SIGNAL.steps({"hazards": hazards}, catalog)}
    # Of the last two, a place closed in 2003 and all closed in 2006.
    pairs = [("cobalt", "COD"), ("tin", "CHN"), ("manganese", "AUS"), ("rare_earths", "CHN")]
    pairs += [("refined_nickel", "AUS"), ("zinc", "JPN")]
    moments = sorted(hazards["available_at"].unique())[::90]
    for moment in moments:
        index = pd.DataFrame([(*pair, moment) for pair in pairs], columns=panel.KEYS)
        index = index.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})
        cut = hazards[hazards["available_at"] <= moment]
        early = panel.join_steps(index, {"h": SIGNAL.steps({"hazards": cut}, catalog)})
        pd.testing.assert_frame_equal(early, panel.join_steps(index, full), check_exact=True)
