"""Global Trade Alert: three layouts, which interventions are export measures, and where the rest went."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.errors import BadInput, ConfigError
from features.sources import global_trade_alert as gta
from features.sources.global_trade_layouts import CSV_COLUMNS
from features.sources.spec import Harvest
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
TRACKER = {
    "id": "1",
    "title": "Chile: Export tax on copper",
    "evaluation": "harmful",
    "dealType": "Trade Control",
    "interventionType": "Export tax",
    "minerals": ["Copper"],
    "implementers": ["Chile"],
    "date": "Dec 1, 2023",
    "dateISO": "2023-12-01",
    "link": "https://example.org/1",
    "description": "<p>On 20 October 2023, the ministry announced it.</p>",
}
CSV_ROW = {
    "Intervention ID": "7",
    "Intervention URL": "https://example.org/7",
    "State Act Title": "Chile: Export ban on certain goods",
    "GTA Evaluation": "Red",
    "Implementing Jurisdictions": "Chile, Republic of Korea",
    "Intervention Type": "Export ban",
    "Mast Chapter": "P: Export-related measures",
    "Affected Products": "260300, 282200",
    "Date Announced": "2020-01-10",
    "Date Implemented": "2020-02-01",
    "Date Removed": "2021-03-04",
}
ANSWER = {
    "intervention_id": 9,
    "state_act_title": "Chile: Export quota",
    "intervention_url": "https://example.org/9",
    "gta_evaluation": "Green",
    "implementing_jurisdictions": [{"id": 152, "name": "Chile", "iso": "CHL"}],
    "intervention_type": "Export quota",
    "mast_chapter": "Export-related measures",
    "affected_products": [260300],
    "date_announced": "2024-07-04",
    "date_implemented": "2024-07-01",
    "date_removed": None,
}


def read(path: Path) -> Harvest:
    found = gta.harmonise(gta.parse(path), load_catalog(), file=path.name, lag=None, now=NOW)
    datasets.check("measures", found.tables["measures"], where="test")
    return found


def tracker(folder: Path, *changes: dict) -> Harvest:
    path = folder / "gta-interventions.json"
    path.write_text(json.dumps({"interventions": [{**TRACKER, "id": str(n), **c} for n, c in enumerate(changes)]}))
    return read(path)


def one(folder: Path, **change) -> dict:
    found = tracker(folder, change)
    table = found.tables["measures"]
    assert len(table) == 1, found.counts
    return table.iloc[0].to_dict()


@pytest.fixture(scope="module")
def real(shared: Path) -> Harvest:
    return read(shared / "payloads" / "global_trade_alert" / "gta-interventions.json")


def test_the_trackers_date_is_the_day_in_force_and_its_text_has_the_announcement(tmp_path: Path):
    row = one(tmp_path)
    assert (row["announced_at"], row["effective_at"]) == (utc("2023-10-20"), utc("2023-12-01"))
    assert (row["available_at"], row["confidence"]) == (utc("2023-10-21"), "high")
    late = one(tmp_path, description="<p>On 14 March 2024, it was published with effect from December.</p>")
    assert late["available_at"] == utc("2024-03-15")
    silent = one(tmp_path, description="<p>It is in force.</p>")
    assert (silent["available_at"], silent["confidence"]) == (utc("2023-12-02"), "medium")


def test_the_text_wins_over_the_trackers_tags(tmp_path: Path):
    row = one(tmp_path, title="China: Neodymium export tariff increase", minerals=["Lithium"])
    assert row["mineral"] == "rare_earths"


def test_tags_count_only_where_the_text_is_about_minerals(tmp_path: Path):
    vague = {"title": "Chile: Export licence regime for mineral ores"}
    assert one(tmp_path, **vague)["confidence"] == "low"
    found = tracker(tmp_path, {"title": "Chile: Ban on dual-use goods", "description": "<p>Sanctions.</p>"})
    assert found.counts == {"left out: its text names no mineral": 1}


def test_the_databases_verdict_gives_the_direction(tmp_path: Path):
    assert one(tmp_path, title="Chile: Removed the export tax on copper")["kind"] == "export_tax"
    assert one(tmp_path, evaluation="liberalising")["kind"] == "easing"
    assert one(tmp_path, evaluation="murky", title="Chile: Export tax on copper reduced")["direction"] == "easing"
    assert one(tmp_path, evaluation="murky")["direction"] == "tightening"


def test_an_import_ban_is_filed_under_the_supplier_that_its_title_names(tmp_path: Path):
    ban = {"interventionType": "Import ban", "implementers": ["United States"]}
    row = one(tmp_path, **ban, title="US: Government prohibits copper from Russia")
    assert (row["supplier"], row["targeted_importers"], row["kind"]) == ("RUS", "USA", "sanctions")
    found = tracker(tmp_path, ban | {"title": "US: Ban on copper"})
    assert found.counts == {"left out: import ban that names no supplier": 1}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"dateISO": "0200-01-01"}, "effective"),
        ({"dateISO": "-0044-03-15"}, "effective"),
        ({"dateISO": "2999-01-01"}, "effective"),
        ({"dateISO": "2023-13-01"}, "effective"),
        ({"dateISO": "soon"}, "effective"),
        ({"dateISO": "1989-12-31"}, "effective"),
    ],
)
def test_a_date_that_cannot_be_right_leaves_the_entry_out_and_is_listed(tmp_path: Path, change: dict, field: str):
    found = tracker(tmp_path, {}, change)
    assert found.counts == {"entries taken as measures": 1, "left out: date that cannot be right": 1}
    (listed,) = found.left_out.to_dict("records")
    assert (listed["row"], listed["field"], listed["value"]) == (2, field, change["dateISO"])
    assert len(found.tables["measures"]) == 1


def test_announced_and_removed_are_held_to_the_same_and_the_end_may_be_to_come(tmp_path: Path):
    path = tmp_path / "gta_000.json"
    days = [{"date_announced": "2026-11-26"}, {"date_announced": "1513-01-01"}, {"date_removed": "9999-12-31"}]
    days += [{"date_removed": "2035-07-12"}, {"date_implemented": "2034-01-01"}]
    path.write_text(json.dumps([ANSWER | {"intervention_id": n} | each for n, each in enumerate(days, start=1)]))
    found = read(path)
    assert found.counts == {"entries taken as measures": 2, "left out: date that cannot be right": 3}
    assert found.left_out["field"].tolist() == ["announced", "announced", "removed"]


def test_what_is_only_to_come_into_force_is_left_out_and_a_text_dates_nothing_by_an_impossible_day(tmp_path: Path):
    later = {"dateISO": "2027-02-01", "description": "<p>It will be in force.</p>"}
    reason = "left out: to come into force, and nobody says when it was announced"
    assert tracker(tmp_path, later).counts == {reason: 1}
    told = {"dateISO": "", "description": "<p>On 20 October 1513, the king announced it.</p>"}
    assert tracker(tmp_path, told).counts == {"left out: without a date": 1}


@pytest.mark.parametrize("name", [None, "", "abc", True, 1.5, -3, [1], "\u0661"])
def test_an_entry_without_a_number_as_id_is_left_out(tmp_path: Path, name: object):
    found = tracker(tmp_path, {}, {"id": name})
    assert found.counts["entries taken as measures"] == 1
    assert sum(number for reason, number in found.counts.items() if "id" in reason.split(": ")[-1].split()) == 1
    assert found.left_out["field"].tolist() == ["id"]


def test_a_csv_row_has_products_days_and_its_end(tmp_path: Path):
    path = tmp_path / "gta-restrictions.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS, restval="")
        writer.writeheader()
        writer.writerows([CSV_ROW, CSV_ROW | {"Intervention ID": "8", "Intervention Type": "State loan"}])
    found = read(path)
    table = found.tables["measures"]
    assert set(zip(table["supplier"], table["mineral"], strict=True)) == {
        (supplier, mineral) for supplier in ("CHL", "KOR") for mineral in ("cobalt", "copper")
    }
    assert table["hs_codes"].unique().tolist() == ["260300;282200"]
    assert sorted(table["available_at"].unique()) == [utc("2020-01-11"), utc("2021-03-05")]
    assert found.counts["left out: not about exports (P: Export-related measures)"] == 1


def test_an_answer_of_the_interface_is_read_alike(tmp_path: Path):
    path = tmp_path / "gta_000.json"
    path.write_text(json.dumps([ANSWER]))
    row = read(path).tables["measures"].iloc[0]
    assert (row["supplier"], row["mineral"], row["kind"], row["announced_at"]) == (
        "CHL",
        "copper",
        "easing",
        utc("2024-07-04"),
    )


def test_pages_are_asked_for_until_one_is_not_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = gta.requests("https://api.globaltradealert.org/api/v1/data/", now=NOW, key="secret")[0]
    assert first.headers["Authorization"] == "APIKey secret"
    assert 260300 in first.body["request_data"]["affected_products"]
    path = tmp_path / first.name
    path.write_text(json.dumps([ANSWER, ANSWER]))
    assert gta.follow(first, path) == []
    monkeypatch.setattr(gta, "PAGE", 2)
    (second,) = gta.follow(first, path)
    assert (second.body["offset"], second.name) == (2, "gta_001.json")
    with pytest.raises(ConfigError, match="ORESIGHT_GTA_KEY"):
        gta.requests("https://api.globaltradealert.org/api/v1/data/", now=NOW, key=None)


@pytest.mark.parametrize("text", ["{", '{"error": "no key"}', "[1, 2]"])
def test_what_is_no_list_of_interventions_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "gta-interventions.json"
    path.write_text(text)
    with pytest.raises(BadInput, match="a list of interventions"):
        gta.parse(path)


def test_every_real_intervention_is_accounted_for(real: Harvest, shared: Path):
    assert sum(real.counts.values()) == 292
    assert 25 <= real.counts["entries taken as measures"] <= 32
    assert real.counts["left out: not about exports (Subsidy)"] == 254
    subsidies = read(shared / "payloads" / "global_trade_alert" / "gta-subsidies.csv")
    assert subsidies.counts == {"left out: not about exports (L: Subsidies (excl. export subsidies))": 2253}
    assert subsidies.tables["measures"].empty


def test_known_real_measures_are_there_with_their_days(real: Harvest):
    table = real.tables["measures"].set_index(["event_id", "mineral"])
    graphite = table.loc["GTA-129576", "graphite"]
    assert (graphite["available_at"], graphite["effective_at"]) == (utc("2023-10-21"), utc("2023-12-01"))
    # Judged harmful, though its title speaks of a ban removed: its text sets the ban in force.
    assert table.loc["GTA-143978", "copper"]["direction"] == "tightening"
    assert table.loc["GTA-135454", "nickel"]["supplier"] == "RUS"
    assert pd.isna(table["ended_at"]).all()
