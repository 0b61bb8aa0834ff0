"""UCDP: conflicts per year with true zeros, and events per month, vetted or candidates, each known when it was out."""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.catalog.states import load_states
from features.collection import ingest
from features.collection.folders import plan_folder
from features.errors import BadInput
from features.sources import ucdp_ged, ucdp_prio
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


def conflicts(path: Path) -> Harvest:
    raw = ucdp_prio.parse(path)
    return ucdp_prio.harmonise(raw, load_catalog(), file=path.name, lag=ucdp_prio.SPEC.lag, now=NOW)


def events(path: Path) -> Harvest:
    raw = ucdp_ged.parse(path)
    return ucdp_ged.harmonise(raw, load_catalog(), file=path.name, lag=ucdp_ged.SPEC.lag, now=NOW)


def by_key(found: Harvest, indicator: str) -> pd.Series:
    table = found.tables["geopolitics"]
    return table[table["indicator"].eq(indicator)].set_index(["country", "starts_on"])["value"]


@pytest.fixture(scope="module")
def prio(shared: Path) -> Harvest:
    return conflicts(shared / "payloads/ucdp/ucdp_prio_conflicts.csv")


@pytest.fixture(scope="module")
def ged(shared: Path) -> Harvest:
    return events(shared / "payloads/ucdp/ged-download.zip")


# --- conflicts, the real file ---------------------------------------------------------------------


@pytest.mark.shared
def test_the_real_file_gives_three_figures_per_state_and_year(prio: Harvest):
    table = datasets.check("geopolitics", prio.tables["geopolitics"], where="prio")
    assert prio.rejected.empty
    assert prio.left_out["value"].tolist() == ["751"] * 3, "Hyderabad, 1947 and 1948"
    assert set(table["indicator"]) == set(ucdp_prio.INDICATORS)
    assert len(table) == 3 * 12_521
    assert prio.counts == {"countries and years without a conflict": 10_466}
    assert set(table["frequency"]) == {"year"}
    assert set(table["partner"]) == {""}


@pytest.mark.shared
def test_well_known_wars_are_there_and_peace_is_zero(prio: Harvest):
    many, worst, between = (by_key(prio, name) for name in ucdp_prio.INDICATORS)
    start = utc("2024-01-01")
    assert (many["MMR", start], worst["MMR", start], between["MMR", start]) == (6, 2, 0)
    assert (many["COD", start], worst["COD", start]) == (2, 1)
    assert (many["UKR", start], worst["UKR", start], between["UKR", start]) == (1, 2, 1)
    for calm in ("CHL", "AUS", "ZMB", "GIN", "KAZ"):
        assert (many[calm, start], worst[calm, start], between[calm, start]) == (0, 0, 0)
    assert worst["COD", utc("1998-01-01")] == 2
    assert many["PER", utc("1985-01-01")] > 0
    assert many["PER", utc("2015-01-01")] == 0


@pytest.mark.shared
def test_no_state_is_at_peace_before_it_is_there_and_none_is_left_out(prio: Harvest):
    many = by_key(prio, "ucdp_conflicts")
    assert ("SSD", utc("2010-01-01")) not in many.index
    assert ("NAM", utc("1980-01-01")) not in many.index
    assert many["DZA", utc("1958-01-01")] == 1, "a colony's war, before there is a state"
    assert ("DZA", utc("1950-01-01")) not in many.index
    for year in (1946, 1990, 2024):
        assert set(load_states().alive(year)) <= set(many.xs(utc(f"{year}-01-01"), level=1).index)


@pytest.mark.shared
def test_a_war_within_vietnam_counts_once(prio: Harvest):
    start = utc("1968-01-01")
    assert [by_key(prio, name)["VNM", start] for name in ucdp_prio.INDICATORS] == [1, 2, 1]


@pytest.mark.shared
def test_a_year_is_known_on_the_first_of_july_after_it(prio: Harvest, shared: Path):
    table = prio.tables["geopolitics"]
    assert (table["available_at"].dt.year - table["starts_on"].dt.year).eq(1).all()
    assert table["available_at"].dt.strftime("%m-%d").eq("07-01").all()
    raw = ucdp_prio.parse(shared / "payloads/ucdp/ucdp_prio_conflicts.csv")
    assert ucdp_prio.released(raw) == dt.datetime(2025, 7, 1, tzinfo=dt.UTC)


@pytest.mark.shared
def test_the_folder_gives_each_source_its_file_and_the_store_reads_both(shared: Path, tmp_path: Path):
    modules = {"ucdp_prio": ucdp_prio, "ucdp_ged": ucdp_ged}
    plan = plan_folder(shared / "payloads/ucdp", modules)
    named = {name: [file.path.name for file in files] for name, files in plan.files.items()}
    assert named == {"ucdp_prio": ["ucdp_prio_conflicts.csv"], "ucdp_ged": ["ged-download.zip"]}
    assert not plan.unknown
    store = Store(tmp_path / "home" / "datasets")
    for name, files in plan.files.items():
        added = ingest(store, name, files[0].path, now=NOW).added["geopolitics"]
        assert added == {"ucdp_prio": 37_563, "ucdp_ged": 1_430}[name]

    def newest(day: str, source: str) -> pd.Timestamp:
        table = store.read("geopolitics", as_of=utc(day).to_pydatetime())
        return table.loc[table["source"].eq(source), "starts_on"].max()

    assert newest("2024-06-30", "ucdp_prio") == utc("2022-01-01")
    assert newest("2024-07-01", "ucdp_prio") == utc("2023-01-01")
    assert newest("2019-06-30", "ucdp_ged") == utc("2017-12-01")
    assert newest("2019-07-01", "ucdp_ged") == utc("2018-12-01")


@pytest.mark.shared
def test_a_file_that_lacks_years_is_refused_as_its_zeros_would_be_false(shared: Path, tmp_path: Path):
    lines = (shared / "payloads/ucdp/ucdp_prio_conflicts.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "cut.csv").write_text("".join(line for line in lines if ",2024," not in line), encoding="utf-8")
    (tmp_path / "mixed.csv").write_text("".join([*lines, lines[-1].replace("25.1", "24.1")]), encoding="utf-8")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    for name, expected in (("cut.csv", "2024"), ("mixed.csv", "version"), ("other.csv", "header")):
        with pytest.raises(BadInput, match=rf"{name}(?s:.*){expected}"):
            ucdp_prio.parse(tmp_path / name)


@pytest.mark.shared
def test_codes_are_those_of_gleditsch_and_ward(shared: Path):
    raw = ucdp_prio.parse(shared / "payloads/ucdp/ucdp_prio_conflicts.csv")
    raw.loc[raw["year"].eq("2024") & raw["location"].eq("Mozambique"), "gwno_loc"] = "970"
    found = ucdp_prio.harmonise(raw, load_catalog(), file="x", lag=ucdp_prio.SPEC.lag, now=NOW)
    many = by_key(found, "ucdp_conflicts")
    assert (many["KIR", utc("2024-01-01")], many["NRU", utc("2024-01-01")]) == (1, 0)


@pytest.mark.shared
def test_a_bad_conflict_is_rejected_and_its_country_and_year_are_missing_not_zero(shared: Path):
    raw = ucdp_prio.parse(shared / "payloads/ucdp/ucdp_prio_conflicts.csv")
    last = raw[raw["year"].eq("2024") & raw["location"].eq("Mozambique")].index[0]
    for field, value in (("intensity_level", "3"), ("type_of_conflict", "9"), ("gwno_loc", "541, 999")):
        bad = raw.copy()
        bad.loc[last, field] = value
        found = ucdp_prio.harmonise(bad, load_catalog(), file="x", lag=ucdp_prio.SPEC.lag, now=NOW)
        assert found.rejected["field"].tolist() == [field]
        counts = by_key(found, "ucdp_conflicts")
        assert ("MOZ", utc("2024-01-01")) not in counts.index
        assert ("MOZ", utc("2023-01-01")) in counts.index


# --- events, the real file ------------------------------------------------------------------------


@pytest.mark.shared
def test_the_real_events_are_all_counted_in_the_month_in_which_they_ended(ged: Harvest):
    table = datasets.check("geopolitics", ged.tables["geopolitics"], where="ged")
    assert ged.rejected.empty
    assert ged.left_out.empty
    many, deaths = by_key(ged, "ucdp_events"), by_key(ged, "ucdp_deaths")
    assert (many.sum(), deaths.sum()) == (3194, 20_936)
    assert set(table["country"]) == {"MMR", "BGD"}
    assert many["MMR"].sum() == 2593
    assert (deaths["MMR", utc("1995-12-01")]) >= 1000, "a summary of eleven months"
    assert ged.counts["months without an event"] == 175
    assert (many == 0).sum() == 175
    assert deaths[many == 0].eq(0).all()


@pytest.mark.shared
def test_every_month_of_a_yearly_release_is_known_on_the_first_of_july_after_its_year(ged: Harvest):
    table = ged.tables["geopolitics"]
    assert (table["available_at"].dt.year - table["starts_on"].dt.year).eq(1).all()
    assert table["available_at"].dt.strftime("%m-%d").eq("07-01").all()
    assert table["starts_on"].dt.day.eq(1).all()


# --- events, built files --------------------------------------------------------------------------

EVENT = {
    "id": "1",
    "year": "2025",
    "country": "DR Congo (Zaire)",
    "country_id": "490",
    "date_start": "2025-03-04 00:00:00.000",
    "date_end": "2025-03-05 00:00:00.000",
    "best": "7",
    "new_column": "x",
}


def write(path: Path, *changes: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(EVENT))
        writer.writeheader()
        writer.writerows({**EVENT, "id": str(number)} | change for number, change in enumerate(changes))
    return path


def test_candidates_of_a_month_are_known_when_the_next_one_is_over(tmp_path: Path):
    found = events(write(tmp_path / "GEDEvent_v25_0_3.csv", {}, {"best": "2"}))
    table = found.tables["geopolitics"].set_index("indicator")
    assert table["value"].to_dict() == {"ucdp_events": 2, "ucdp_deaths": 9}
    assert table["country"].unique().tolist() == ["COD"]
    assert table["available_at"].unique().tolist() == [utc("2025-05-01")]
    assert table["starts_on"].unique().tolist() == [utc("2025-03-01")]


def test_the_same_event_in_a_yearly_release_is_known_in_july_of_the_next_year(tmp_path: Path):
    found = events(write(tmp_path / "GEDEvent_v26_1.csv", {}))
    assert found.tables["geopolitics"]["available_at"].unique().tolist() == [utc("2026-07-01")]


def test_a_yearly_release_revises_the_candidates_and_history_keeps_both(tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "ucdp_ged", write(tmp_path / "GEDEvent_v25_0_3.csv", {}), now=NOW)
    with zipfile.ZipFile(tmp_path / "ged261-csv.zip", "w") as archive:
        archive.write(write(tmp_path / "GEDEvent_v26_1.csv", {"best": "11"}), "GEDEvent_v26_1.csv")
    ingest(store, "ucdp_ged", tmp_path / "ged261-csv.zip", now=NOW)

    def deaths(day: str) -> list[float]:
        table = store.read("geopolitics", as_of=utc(day).to_pydatetime())
        return table.loc[table["indicator"].eq("ucdp_deaths"), "value"].tolist()

    assert (deaths("2025-04-30"), deaths("2025-05-01")) == ([], [7.0])
    assert (deaths("2026-06-30"), deaths("2026-07-01")) == ([7.0], [11.0])


def test_only_months_of_the_release_count_and_the_rest_is_listed(tmp_path: Path):
    late = {"date_start": "2025-07-01", "date_end": "2025-07-04"}
    early = {"date_start": "2024-11-18", "date_end": "2025-01-02"}
    path = write(tmp_path / "GEDEvent_v25_01_25_06.csv", {}, late, early)
    found = events(path)
    assert found.left_out[["row", "field", "value"]].to_numpy().tolist() == [[2, "date_end", "2025-07-04"]]
    many = by_key(found, "ucdp_events")["COD"]
    assert many.to_dict() == {utc("2025-01-01"): 1, utc("2025-02-01"): 0, utc("2025-03-01"): 1}


def test_zeros_run_from_a_countrys_first_event_to_the_end_of_the_file(tmp_path: Path):
    mali = {"country": "Mali", "country_id": "432", "date_start": "2025-02-01", "date_end": "2025-02-01"}
    found = events(write(tmp_path / "GEDEvent_v25_01_25_06.csv", {}, {**mali}, {"date_end": "2025-06-01"}))
    many = by_key(found, "ucdp_events")
    # Of Mali nothing more came: a zero in March must not depend on whether anything did.
    assert many["MLI"].to_dict() == {utc(f"2025-0{month}-01"): int(month == 2) for month in range(2, 7)}
    assert many["COD"].tolist() == [1, 0, 0, 1]


BAD = {
    "a state of nobody": ({"country_id": "999", "country": "Atlantis"}, "country_id"),
    "no date": ({"date_end": "2025-02-30"}, "date_end"),
    "an end before the start": ({"date_end": "2025-03-01"}, "date_end"),
    "fewer than no deaths": ({"best": "-1"}, "best"),
    "no number": ({"best": ""}, "best"),
    "an id used twice": ({"id": "0"}, "id"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_event_is_rejected_with_row_and_field(tmp_path: Path, what: str):
    change, field = BAD[what]
    found = events(write(tmp_path / "GEDEvent_v25_0_3.csv", {}, change))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert by_key(found, "ucdp_events").tolist() == [1]


def test_events_that_are_all_bad_give_an_empty_table_of_the_right_types(tmp_path: Path):
    found = events(write(tmp_path / "GEDEvent_v25_0_3.csv", {"best": ""}))
    assert datasets.check("geopolitics", found.tables["geopolitics"], where="ged").empty


@pytest.mark.parametrize("name", ["events.csv", "GEDEvent_v25_0_13.csv", "GEDEvent_v25_06_25_01.csv", "ged25.csv"])
def test_a_name_that_does_not_tell_the_release_is_refused(tmp_path: Path, name: str):
    with pytest.raises(BadInput, match="name tells the release"):
        ucdp_ged.parse(write(tmp_path / name, {}))


def test_what_is_no_such_file_is_refused(tmp_path: Path):
    (tmp_path / "ged251.csv").write_text("a,b\n1,2\n")
    (tmp_path / "ged241.csv").write_text("")
    (tmp_path / "ged251.zip").write_bytes(b"PK\x03\x04 and no more")
    with zipfile.ZipFile(tmp_path / "ged241.zip", "w") as archive:
        archive.writestr("../ged241.csv", "x")
    with zipfile.ZipFile(tmp_path / "ged231.zip", "w") as archive:
        archive.writestr("read.me", "x")
    for path in sorted(tmp_path.glob("ged*")):
        with pytest.raises(BadInput, match=path.name):
            ucdp_ged.parse(path)


# --- addresses ------------------------------------------------------------------------------------


def test_the_newest_releases_that_are_due_are_asked_for():
    def names(module: object, day: str) -> list[str]:
        moment = utc(day).to_pydatetime()
        return [request.address for request in module.requests(module.SPEC.endpoint, now=moment, key=None)]

    prio = "https://ucdp.uu.se/downloads/ucdpprio/ucdp-prio-acd-{}1-csv.zip"
    assert names(ucdp_prio, "2025-06-30") == [prio.format(24)]
    assert names(ucdp_prio, "2025-07-01") == [prio.format(25)]
    root = "https://ucdp.uu.se/downloads/"
    candidates = [f"{root}candidateged/GEDEvent_v25_0_{month}.csv" for month in (1, 2)]
    assert names(ucdp_ged, "2025-07-01") == [f"{root}ged/ged251-csv.zip", *names(ucdp_ged, "2025-07-01")[1:]]
    assert names(ucdp_ged, "2025-04-01")[-2:] == candidates
    assert names(ucdp_ged, "2025-04-01")[:2] == [
        f"{root}ged/ged241-csv.zip",
        f"{root}candidateged/GEDEvent_v24_0_1.csv",
    ]
