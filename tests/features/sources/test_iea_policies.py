"""The IEA's tracker: which of its policies are export measures, since when they count, and where the rest went."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.errors import BadInput
from features.sources import iea_policies
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
GOOD = {
    "title": "Export ban on tin ore",
    "description": "<div>The ministry banned it.</div>",
    "status": "In force",
    "year": "2023",
    "jurisdiction": "National",
    "source": "International Energy Agency",
    "datePromulgated": "2023-06-07",
    "yearEnded": "",
    "learnMore": "https://example.org/act",
    "learnMoreLanguage": "",
    "dateModified": "1750778163236",
    "countries": '[{"iso3":"IDN","name":"Indonesia"}]',
    "states": "[]",
    "technologies": "[]",
    "tags": "[]",
    "policyType": '[{"family":"Trade","name":"Export and import ban","category":"Critical minerals"}]',
}
CONTROLS = json.dumps([{"family": "Trade", "name": "Export controls and restrictions"}])


def harvest(folder: Path, *changes: dict[str, str], now: dt.datetime = NOW) -> Harvest:
    path = folder / "IEA_CM_Policies.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(GOOD))
        writer.writeheader()
        writer.writerows({**GOOD, "title": f"Export ban on tin ore {n}", **c} for n, c in enumerate(changes))
    raw = iea_policies.parse(path)
    return iea_policies.harmonise(raw, load_catalog(), file=path.name, lag=None, now=now)


def one(folder: Path, **change: str) -> dict:
    found = harvest(folder, change)
    table = datasets.check("measures", found.tables["measures"], where="test")
    assert len(table) == 1, found.counts
    return table.iloc[0].to_dict()


@pytest.fixture(scope="module")
def real(shared: Path) -> Harvest:
    path = shared / "payloads" / "iea_policies" / "IEA_CM_Policies.csv"
    return iea_policies.harmonise(iea_policies.parse(path), load_catalog(), file=path.name, lag=None, now=NOW)


def test_a_day_in_either_form_is_read_day_first(tmp_path: Path):
    assert one(tmp_path, datePromulgated="2023-06-07")["available_at"] == utc("2023-06-08")
    assert one(tmp_path, datePromulgated="07-06-2023")["announced_at"] == utc("2023-06-07")


def test_only_a_year_counts_from_its_end_with_low_confidence(tmp_path: Path):
    row = one(tmp_path, datePromulgated="")
    assert (row["available_at"], row["confidence"]) == (utc("2024-01-01"), "low")
    assert pd.isna(row["announced_at"])


def test_a_day_that_the_text_gives_for_the_act_counts(tmp_path: Path):
    text = "Announcement No. 3, issued by the ministry on August 15, 2023 and effective from September 1, 2023."
    row = one(tmp_path, datePromulgated="", description=text)
    assert (row["announced_at"], row["effective_at"]) == (utc("2023-08-15"), utc("2023-09-01"))
    assert row["confidence"] == "medium"
    other = one(tmp_path, datePromulgated="", description="It follows a law issued on August 15, 2019.")
    assert pd.isna(other["announced_at"])


def test_a_day_after_the_entry_was_written_is_left_out(tmp_path: Path):
    found = harvest(tmp_path, {"datePromulgated": "2025-12-31"})
    assert found.counts == {"left out: dated after its own modification": 1}


def test_namibia_is_a_country_and_the_union_its_members(tmp_path: Path):
    assert one(tmp_path, countries='[{"iso3":"NAM","name":"Namibia"}]')["supplier"] == "NAM"
    found = harvest(
        tmp_path, {"countries": '[{"iso3":"EUR","name":"European Union"}]', "datePromulgated": "2019-05-01"}
    )
    suppliers = found.tables["measures"]["supplier"]
    assert len(suppliers) == 28
    assert "GBR" in set(suppliers)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "export_ban"),
        ({"title": "Tin quota system for exports", "policyType": CONTROLS}, "export_quota"),
        ({"title": "Export licences for tin", "policyType": CONTROLS}, "licensing"),
        ({"title": "Export tax on tin", "policyType": CONTROLS}, "export_tax"),
        ({"title": "Beneficiation strategy for tin exports", "policyType": CONTROLS}, "processing_requirement"),
        ({"title": "Export ban on tin lifted"}, "easing"),
    ],
)
def test_kinds(tmp_path: Path, change: dict[str, str], kind: str):
    row = one(tmp_path, **change)
    assert row["kind"] == kind
    assert row["direction"] == ("easing" if kind == "easing" else "tightening")


def test_an_import_ban_falls_on_the_supplier_it_names(tmp_path: Path):
    change = {
        "title": "Tin act",
        "description": "It prohibits imports of tin from Myanmar.",
        "countries": '[{"iso3":"USA"}]',
    }
    row = one(tmp_path, **change)
    assert (row["supplier"], row["kind"], row["targeted_importers"]) == ("MMR", "sanctions", "USA")


def test_an_end_by_year_is_its_last_day_and_a_later_fact(tmp_path: Path):
    table = harvest(tmp_path, {"yearEnded": "2024"}).tables["measures"]
    assert table["available_at"].tolist() == [utc("2023-06-08"), utc("2025-01-01")]
    assert table["ended_at"].tolist()[1] == utc("2024-12-31")


@pytest.mark.parametrize(
    ("field", "cell"),
    [
        ("datePromulgated", "0200-01-01"),
        ("datePromulgated", "2999-01-01"),
        ("datePromulgated", "15-03-0044"),
        ("datePromulgated", "last May"),
        ("datePromulgated", "1513"),
        ("year", "1200"),
        ("year", "2027"),
        ("yearEnded", "9999"),
        ("dateModified", "9" * 30),
        ("dateModified", "-5"),
    ],
)
def test_a_date_that_cannot_be_right_leaves_the_entry_out_and_is_listed(tmp_path: Path, field: str, cell: str):
    found = harvest(tmp_path, {}, ({"datePromulgated": ""} if field == "year" else {}) | {field: cell})
    assert found.counts == {"entries taken as measures": 1, "left out: date that cannot be right": 1}
    assert found.left_out[["row", "field", "value"]].to_numpy().tolist() == [[2, field, cell]]
    raw = iea_policies.parse(tmp_path / "IEA_CM_Policies.csv")
    assert iea_policies.released(raw) == dt.datetime(2025, 6, 24, 15, 16, 3, 236000, tzinfo=dt.UTC)


def test_an_end_may_be_planned(tmp_path: Path):
    assert pd.isna(one(tmp_path, yearEnded="2050")["ended_at"])


def test_broken_json_is_told_with_row_and_field(tmp_path: Path):
    with pytest.raises(BadInput, match="row 1, field policyType"):
        harvest(tmp_path, {"policyType": '[{"family":'})


def test_every_real_entry_is_accounted_for(real: Harvest):
    assert sum(real.counts.values()) == 625
    # The exact number moves with the catalogue's words.
    taken = real.counts["entries taken as measures"]
    assert 20 <= taken <= 30
    assert len(real.left_out) == 625 - taken
    datasets.check("measures", real.tables["measures"], where="real")


def test_known_real_measures_are_there_with_their_days(real: Harvest):
    table = real.tables["measures"]
    known = table[table["ended_at"].isna()].groupby(["supplier", "mineral"])["available_at"].agg(list)
    assert utc("2022-12-14") in known["ZWE", "lithium"]
    assert utc("2025-02-23") in known["COD", "cobalt"]
    assert utc("2025-04-05") in known["CHN", "rare_earths"]
    # The ban on nickel ore has a year only.
    assert known["IDN", "nickel"] == [utc("2021-01-01")]
    to_usa = table[table["targeted_importers"].eq("USA") & table["kind"].eq("licensing")]
    assert set(to_usa["mineral"]) == {"antimony", "gallium", "germanium", "graphite"}


def test_the_real_file_is_read_at_its_newest_modification_and_once(shared: Path, tmp_path: Path):
    path = shared / "payloads" / "iea_policies" / "IEA_CM_Policies.csv"
    store = Store(tmp_path / "datasets")
    receipt = ingest(store, "iea_policies", path, now=NOW)
    assert receipt.released is not None
    assert receipt.released.date() == dt.date(2026, 4, 14)
    assert receipt.added["measures"] > 60
    assert ingest(store, "iea_policies", path, now=NOW).added == {"measures": 0}
    listed = pd.read_csv(store.folder / "quarantine" / "iea_policies-left-out.csv")
    assert len(listed) == 625 - receipt.counts["entries taken as measures"]
