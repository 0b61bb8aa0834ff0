"""GDELT's weekly shares: by hand, in both layouts, against a plain count of a real sample; no week without its days."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalog import load_catalog
from features.collection import ingest
from features.errors import BadInput
from features.sources import gdelt, gdelt_weeks
from features.sources.gdelt_layouts import LAYOUTS
from features.store import Store
from tests.builders import utc
from tests.gdelt_exports import DAYS, MONDAY, NOW, event, filling, harvest, rows, value, write


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let days of a few rows count as whole ones."""
    monkeypatch.setattr(gdelt_weeks, "LEAST_ROWS_A_DAY", 1)
    monkeypatch.setattr(gdelt_weeks, "LEAST_SLOTS_A_DAY", 1)


# --- real files -----------------------------------------------------------------------------------


@pytest.mark.shared
def test_a_real_sample_is_read_to_the_last_line_and_gives_no_week(shared: Path):
    found = harvest(shared / "payloads/gdelt/events.csv")
    assert found.rejected.empty
    assert found.tables["geopolitics"].empty
    # 201 rows of February 2013 name no article; the 509 of 2016 are a sample of one day.
    assert found.counts["events without an article"] == 201
    assert found.counts["events read"] == found.counts["events in weeks or days that are not covered"] == 509
    weeks = found.left_out[found.left_out["field"].eq("DATEADDED")]
    assert weeks["value"].tolist() == ["2016-07-25"]
    assert weeks["reason"].tolist() == ["week left out: 0 of its 7 days are there as a whole, 5 are needed"]


@pytest.mark.shared
def test_every_code_of_the_real_sample_is_a_country_or_a_known_region(shared: Path):
    left_out = harvest(shared / "payloads/gdelt/events.csv").left_out
    codes = left_out[~left_out["field"].eq("DATEADDED")]
    # WST and MEA stand in the rows without an article.
    assert set(codes["value"]) == {"AFR", "EUR"}
    assert codes["reason"].str.startswith("known to be no country").all()


@pytest.mark.shared
def test_shares_of_the_real_sample_are_those_of_a_plain_count(
    shared: Path, small: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gdelt, "FEWEST_DAYS", 1)
    path = shared / "payloads/gdelt/events.csv"
    found = harvest(path)
    with path.open(encoding="utf-8", newline="") as file:
        cells = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if len(row) == 58]
    articles = {row[57] for row in cells}
    american = [row for row in cells if row[51] == "US"]
    once = {(row[57], row[28]): row[29] for row in american}
    assert value(found, "gdelt_days") == 1
    assert value(found, "gdelt_volume", "USA") == pytest.approx(len({row[57] for row in american}) / len(articles))
    conflict = np.mean([quad == "4" for quad in once.values()])
    assert value(found, "gdelt_material_conflict", "USA") == pytest.approx(conflict)
    coercion = np.mean([root in ("16", "17") for _, root in once])
    assert value(found, "gdelt_coercion", "USA") == pytest.approx(coercion)
    both = {row[57] for row in cells if {row[7], row[17]} == {"USA", "CHN"}}
    for pair in (("USA", "CHN"), ("CHN", "USA")):
        assert value(found, "gdelt_volume", *pair) == pytest.approx(len(both) / len(articles))
        assert value(found, "gdelt_coercion", *pair) is None


@pytest.mark.shared
def test_the_cells_stand_where_the_publishers_own_lists_of_columns_say(shared: Path):
    folder = shared / "payloads/gdelt"
    second = pd.read_csv(folder / "v2/GDELT_2.0_Events_Column_Labels_Header_Row_Sep2016.csv")["tableId"].str.lower()
    first = pd.Series((folder / "events_column_names.csv").read_text().split())
    assert (len(first), len(second)) == (58, 61)
    for width, names in ((58, first), (61, second)):
        layout = LAYOUTS[width]
        assert [names[at] for at in (layout.actor1, layout.actor2, layout.root, layout.quad, layout.tone)] == [
            "actor1countrycode", "actor2countrycode", "eventrootcode", "quadclass", "avgtone",
        ]  # fmt: skip
        assert names[layout.place] == "actiongeo_countrycode"
        assert (names[layout.date_added], names[layout.address]) == ("dateadded", "sourceurl")


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [
        "dyad_events_by_year.csv",
        "gdelt-to-mids-dyad-month-counts.csv",
        "gdelt_daily-nas100-relay.csv",
        "v2/events1.csv",
        "v2/cameoCodeTable.tsv",
        "doc-artlist-sample.json",
    ],
)
def test_counts_and_lists_that_others_made_are_refused_by_their_first_line(shared: Path, name: str):
    with pytest.raises(BadInput, match=r"a first line of \d+ cell\(s\).*Counts that others made"):
        gdelt.parse(shared / "payloads/gdelt" / name)


def test_codes_of_places_lead_to_countries_of_the_catalogue():
    countries = load_catalog().countries
    for scheme in ("fips", "cameo"):
        assert {iso3 for iso3 in gdelt.places(scheme).values() if iso3} <= set(countries)
    # What the two schemes are known to be mixed up with.
    expected = {"CH": "CHN", "SZ": "CHE", "CG": "COD", "CF": "COG", "NI": "NGA", "NG": "NER", "AS": "AUS", "SF": "ZAF"}
    assert {code: gdelt.places("fips")[code] for code in expected} == expected
    assert [gdelt.places("cameo")[code] for code in ("ROM", "TMP", "GZS", "EUR")] == ["ROU", "TLS", "PSE", ""]
    # ISO's own codes are never bent.
    assert not set(gdelt.places("cameo")) & set(countries)


# --- a week by hand -------------------------------------------------------------------------------


def test_volume_is_the_share_of_articles_whatever_their_number_of_rows(tmp_path: Path, small: None):
    told = filling()
    told += [event(DAYS[1], "a", place="CH", root=root) for root in (1, 2, 3, 14)]
    told += [event(DAYS[2], "b", place="CH"), event(DAYS[2], "c", place="CI"), event(DAYS[2], "b", place="CI")]
    told = [each | {"article": f"http://x.org/{each['article']}"} for each in told]
    found = harvest(write(tmp_path / "week.zip", told))
    # Ten articles: seven that are nowhere, a, b and c.
    assert value(found, "gdelt_volume", "CHN") == pytest.approx(2 / 10)
    assert value(found, "gdelt_volume", "CHL") == pytest.approx(2 / 10)
    assert value(found, "gdelt_volume", "PER") == 0.0
    twice = [each | {"article": each["article"] + suffix} for each in told for suffix in ("", "?again")]
    assert value(harvest(write(tmp_path / "twice.zip", twice)), "gdelt_volume", "CHN") == pytest.approx(2 / 10)


def test_an_event_counts_once_per_article_root_and_place_also_on_another_day(tmp_path: Path, small: None):
    told = filling() + [event(DAYS[0], number, place="PE", root=1) for number in range(15)]
    told += [event(DAYS[0], number, place="PE", root=14) for number in range(5)]
    before = harvest(write(tmp_path / "a.zip", told))
    assert value(before, "gdelt_protest", "PER") == pytest.approx(5 / 20)
    told += [event(day, 0, actors=pair, place="PE", root=14) for day in DAYS for pair in (("CVL", "GOV"), ("", "PER"))]
    after = harvest(write(tmp_path / "b.zip", told))
    assert value(after, "gdelt_protest", "PER") == pytest.approx(5 / 20)
    # The same article elsewhere is an event there.
    assert value(after, "gdelt_volume", "PER") == value(before, "gdelt_volume", "PER") == pytest.approx(15 / 22)


def test_kinds_of_events_by_root_and_class(tmp_path: Path, small: None):
    told = filling()
    for root, times in ((4, 8), (13, 3), (14, 2), (16, 4), (17, 1), (19, 2)):
        told += [event(DAYS[3], f"{root}-{n}", actors=("CHN", "USA"), place="CH", root=root) for n in range(times)]
    told = [each | {"article": f"http://x.org/{each['article']}"} for each in told]
    found = harvest(write(tmp_path / "week.zip", told))
    names = ("gdelt_protest", "gdelt_coercion", "gdelt_material_conflict")
    assert [value(found, name, "CHN") for name in names] == pytest.approx([2 / 20, 5 / 20, 7 / 20])
    names = ("gdelt_verbal_conflict", "gdelt_coercion", "gdelt_material_conflict")
    for pair in (("CHN", "USA"), ("USA", "CHN")):
        assert [value(found, name, *pair) for name in names] == pytest.approx([5 / 20, 5 / 20, 7 / 20])
    assert value(found, "gdelt_verbal_conflict", "CHN") is value(found, "gdelt_protest", "CHN", "USA") is None


def test_who_acted_makes_no_difference_and_one_country_makes_no_pair(tmp_path: Path, small: None):
    told = filling()
    told += [event(DAYS[0], 1, actors=actors, root=16) for actors in (("CHN", "JPN"), ("JPN", "CHN"))]
    told += [event(DAYS[0], 2, actors=actors) for actors in (("CHN", "CHN"), ("CHN", ""), ("CHN", "EUR"))]
    found = harvest(write(tmp_path / "week.zip", told))
    pairs = rows(found).query("partner != ''")
    assert pairs[["indicator", "country", "partner"]].to_numpy().tolist() == [
        ["gdelt_volume", "CHN", "JPN"],
        ["gdelt_volume", "JPN", "CHN"],
    ]
    assert pairs["value"].tolist() == pytest.approx([1 / 9, 1 / 9])


def test_below_the_least_number_of_events_there_is_volume_and_nothing_else(tmp_path: Path, small: None):
    least = gdelt_weeks.LEAST_EVENTS
    told = filling() + [event(DAYS[0], number, actors=("COD", "RWA"), place="CG") for number in range(least - 1)]
    few = rows(harvest(write(tmp_path / "few.zip", told)))
    assert set(few.loc[few["country"].eq("COD"), "indicator"]) == {"gdelt_volume"}
    told.append(event(DAYS[0], least, actors=("COD", "RWA"), place="CG", root=19))
    enough = harvest(write(tmp_path / "enough.zip", told))
    for partner in ("", "RWA"):
        assert value(enough, "gdelt_material_conflict", "COD", partner) == pytest.approx(1 / least)


def test_tone_weighs_articles_and_not_rows(tmp_path: Path, small: None):
    told = filling(tone=9.0) + [event(DAYS[0], n, place="CI", tone=-2.0) for n in range(10)]
    told += [event(DAYS[0], 99, place="CI", root=root, tone=9.0) for root in range(1, 21)]
    found = harvest(write(tmp_path / "week.zip", told))
    assert value(found, "gdelt_tone", "CHL") == pytest.approx((10 * -2.0 + 9.0) / 11)


def test_both_layouts_give_the_same_shares(tmp_path: Path, small: None):
    draw = np.random.default_rng(5)
    told = filling()
    for number in range(600):
        actors = tuple(draw.choice(["USA", "CHN", "ROM", "", "AFR"], 2))
        place, root = str(draw.choice(["US", "CH", "RO", "", "OS"])), int(draw.integers(1, 21))
        day, tone = DAYS[int(draw.integers(7))], float(draw.normal())
        told.append(event(day, number // 3, actors=actors, place=place, root=root, tone=tone, slot=number % 96))
    first = harvest(write(tmp_path / "first.zip", told, 58))
    second = harvest(write(tmp_path / "second.zip", told, 61))
    assert {"gdelt_tone", "gdelt_verbal_conflict"} <= set(rows(first)["indicator"])
    assert value(first, "gdelt_volume", "ROU", "USA") > 0
    what = ["indicator", "country", "partner", "starts_on", "value"]
    pd.testing.assert_frame_equal(rows(first)[what], rows(second)[what])
    assert set(rows(first)["available_at"]) == {utc("2016-08-01 12:00")}
    assert set(rows(second)["available_at"]) == {utc("2016-08-01")}


def test_the_order_of_rows_makes_no_difference(tmp_path: Path, small: None):
    told = filling() + [event(DAYS[0], n // 9, place="CI", root=n % 20 + 1, tone=n / 7) for n in range(360)]
    # Where two rows of one event differ, always the same one counts.
    told += [event(DAYS[0], n, place="CI", root=9) | {"quad": quad} for n in range(30, 60) for quad in (3, 4)]
    one = rows(harvest(write(tmp_path / "a.zip", told)))
    assert {"gdelt_tone", "gdelt_material_conflict"} <= set(one["indicator"])
    pd.testing.assert_frame_equal(one, rows(harvest(write(tmp_path / "b.zip", told[::-1]))), check_exact=True)


# --- weeks and what could be known ----------------------------------------------------------------


def test_a_week_needs_five_whole_days_and_says_how_many_it_has(tmp_path: Path, small: None):
    for number in (4, 5, 7):
        found = harvest(write(tmp_path / f"{number}.zip", filling(DAYS[:number])))
        assert value(found, "gdelt_days") == (None if number == 4 else number)
        assert found.counts["weeks"] == (number >= 5)
    assert "4 of its 7 days" in harvest(tmp_path / "4.zip").left_out["reason"].item()


def test_a_thin_day_and_one_of_few_quarters_do_not_count_nor_do_their_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gdelt_weeks, "LEAST_ROWS_A_DAY", 3)
    told = [each | {"article": f"{each['article']}/{n}"} for each in filling() for n in range(3)]
    told.remove(told[-1])
    told[-1] |= {"place": "CI"}
    found = harvest(write(tmp_path / "thin.zip", told))
    assert (value(found, "gdelt_days"), value(found, "gdelt_volume", "CHL")) == (6, 0.0)
    assert found.counts["events in weeks or days that are not covered"] == 2
    monkeypatch.setattr(gdelt_weeks, "LEAST_ROWS_A_DAY", 1)
    told = [event(day, f"https://x.org/{day}/{slot}", slot=slot) for day in DAYS for slot in range(72)]
    assert value(harvest(write(tmp_path / "quarters.zip", told, 61)), "gdelt_days") == 7
    assert value(harvest(write(tmp_path / "fewer.zip", told[:-1], 61)), "gdelt_days") == 6


def test_the_week_is_that_in_which_gdelt_saw_the_event(tmp_path: Path, small: None):
    # Every built row says that the event happened in 2006.
    days = [MONDAY - dt.timedelta(days=1) + dt.timedelta(days=day) for day in range(9)]
    found = harvest(write(tmp_path / "nine.zip", filling(days)))
    assert set(rows(found)["starts_on"]) == {utc("2016-07-25")}
    assert found.left_out["value"].tolist() == ["2016-07-18", "2016-08-01"]
    assert value(found, "gdelt_days") == 7


def test_a_week_is_left_out_until_it_can_be_known(tmp_path: Path, small: None):
    path = write(tmp_path / "week.zip", filling())
    early = harvest(path, now=dt.datetime(2016, 8, 1, 11, 59, tzinfo=dt.UTC))
    assert early.tables["geopolitics"].empty
    assert early.left_out["reason"].str.contains("can be known only from 2016-08-01 12:00").all()
    assert len(rows(harvest(path, now=dt.datetime(2016, 8, 1, 12, tzinfo=dt.UTC))))


def test_a_row_seen_after_now_is_rejected(tmp_path: Path, small: None):
    found = harvest(write(tmp_path / "week.zip", filling()), now=dt.datetime(2016, 7, 29, 12, tzinfo=dt.UTC))
    assert found.rejected[["row", "field", "value"]].to_numpy().tolist() == [
        [1, "DATEADDED", "2016-07-30"],
        [1, "DATEADDED", "2016-07-31"],
    ]


def test_the_store_shows_a_week_only_from_when_it_was_known(tmp_path: Path, small: None):
    store = Store(tmp_path / "home" / "datasets")
    for monday in ("2016-07-25", "2016-08-01"):
        days = [dt.date.fromisoformat(monday) + dt.timedelta(days=day) for day in range(7)]
        receipt = ingest(store, "gdelt", write(tmp_path / f"{monday}.zip", filling(days)), now=NOW)
        assert receipt.added["geopolitics"] > 200
    known = [store.read("geopolitics", as_of=utc(day)) for day in ("2016-08-01", "2016-08-02", "2016-08-09")]
    assert [sorted(set(each["starts_on"].dt.strftime("%Y-%m-%d"))) for each in known] == [
        [],
        ["2016-07-25"],
        ["2016-07-25", "2016-08-01"],
    ]
    again = ingest(store, "gdelt", tmp_path / "2016-07-25.zip", now=NOW)
    assert again.added == {"geopolitics": 0}


@pytest.mark.shared
def test_a_payload_without_a_week_goes_through_the_store_and_adds_nothing(shared: Path, tmp_path: Path):
    receipt = ingest(Store(tmp_path / "home" / "datasets"), "gdelt", shared / "payloads/gdelt/events.csv", now=NOW)
    assert (receipt.added, receipt.rejected, receipt.counts["weeks"]) == ({"geopolitics": 0}, 0, 0)
    assert "2016-07-25" in (tmp_path / "home/datasets/quarantine/gdelt-left-out.csv").read_text()
