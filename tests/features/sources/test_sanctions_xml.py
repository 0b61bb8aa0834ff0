"""Lists of sanctions in XML: Canada's real slice, and those of the Union and the United Nations as described."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.errors import BadInput, ConfigError
from features.sources import canada_sema, eu_sanctions, un_sanctions
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, 9, tzinfo=dt.UTC)


def harvest(module: ModuleType, path: Path, *, now: dt.datetime = NOW) -> Harvest:
    found = module.harmonise(module.parse(path), load_catalog(), file=path.name, lag=None, now=now)
    datasets.check("sanctions", found.tables["sanctions"], where="test")
    return found


def sema(*records: dict[str, str]) -> str:
    usual = {"Country": "Russia / Russie", "Schedule": "1, Part 2", "DateOfListing": "2022-02-24"}
    parts = (
        "".join(f"<{tag}>{text}</{tag}>" for tag, text in ({**usual, "Item": str(n)} | record).items())
        for n, record in enumerate(records, start=1)
    )
    return f"<data-set>{''.join(f'<record>{part}</record>' for part in parts)}</data-set>"


def eu(*entities: str, made: str = "2023-05-23T15:14:57.000+02:00") -> str:
    space = 'xmlns="http://eu.europa.ec/fpi/fsd/export"'
    return f'<?xml version="1.0" encoding="UTF-8"?><export {space} generationDate="{made}">{"".join(entities)}</export>'


def eu_entity(
    number: str = "EU.1.1",
    *,
    code: str = "enterprise",
    name: str = "X",
    published: str = "2014-07-25",
    force: str = "2014-07-26",
    programme: str = "UKR",
    more: str = "",
) -> str:
    return (
        f'<sanctionEntity designationDetails="" euReferenceNumber="{number}" logicalId="13">{more}'
        f'<regulation regulationType="amendment" programme="{programme}" publicationDate="{published}" '
        f'entryIntoForceDate="{force}" numberTitle="810/2014 (OJ L221)"><publicationUrl>https://x</publicationUrl>'
        f'</regulation><subjectType code="{code}" classificationCode="E"/>'
        f'<nameAlias wholeName="weak" strong="false"/><nameAlias wholeName="{name}" strong="true" function=""/>'
        "</sanctionEntity>"
    )


def un(*entries: str, made: str = "2024-03-01T23:00:03.428Z") -> str:
    return f'<CONSOLIDATED_LIST dateGenerated="{made}"><ENTITIES>{"".join(entries)}</ENTITIES></CONSOLIDATED_LIST>'


def un_entry(number: str = "KPe.001", *, tag: str = "ENTITY", listed: str = "2009-04-24", more: str = "") -> str:
    return (
        f"<{tag}><DATAID>1</DATAID><FIRST_NAME>KOREA MINING</FIRST_NAME><SECOND_NAME/><UN_LIST_TYPE>DPRK</UN_LIST_TYPE>"
        f"<REFERENCE_NUMBER>{number}</REFERENCE_NUMBER><LISTED_ON>{listed}</LISTED_ON>{more}</{tag}>"
    )


def written(folder: Path, text: str, name: str = "list.xml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


GOOD = {
    canada_sema: sema({"EntityOrShip": "A"}),
    eu_sanctions: eu(eu_entity()),
    un_sanctions: un(un_entry()),
}
EVERY = pytest.mark.parametrize("module", list(GOOD), ids=lambda module: module.SPEC.name)


# --- what all of them refuse ----------------------------------------------------------------------


@EVERY
def test_a_file_that_is_cut_off_is_refused(module: ModuleType, tmp_path: Path):
    with pytest.raises(BadInput, match="whole XML, found ParseError"):
        module.parse(written(tmp_path, GOOD[module][:-30]))


@EVERY
def test_entities_are_not_expanded(module: ModuleType, tmp_path: Path):
    head, sep, rest = GOOD[module].rpartition("?>")
    bomb = f'{head}{sep}<!DOCTYPE x [<!ENTITY a "boom">]>{rest}'
    with pytest.raises(BadInput, match="declares no entities"):
        module.parse(written(tmp_path, bomb))


@EVERY
def test_another_document_an_empty_list_and_an_empty_file_are_refused(module: ModuleType, tmp_path: Path):
    with pytest.raises(BadInput, match="found <html>"):
        module.parse(written(tmp_path, "<html><body>down</body></html>"))
    with pytest.raises(BadInput, match="found nothing"):
        module.parse(written(tmp_path, ""))
    root = {canada_sema: "data-set", eu_sanctions: "export", un_sanctions: "CONSOLIDATED_LIST"}[module]
    with pytest.raises(BadInput, match="found none"):
        module.parse(written(tmp_path, f"<{root}></{root}>"))


@EVERY
def test_a_file_larger_than_any_list_is_not_read(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("features.sources.sanction_entries.MAX_XML_MEGABYTES", 0.0001)
    with pytest.raises(BadInput, match=r"at most 0.0001 MB"):
        module.parse(written(tmp_path, GOOD[module]))


@EVERY
def test_an_entry_of_today_is_known_now_and_one_of_tomorrow_is_rejected(module: ModuleType, tmp_path: Path):
    make = {
        canada_sema: lambda day: sema({"EntityOrShip": "A", "DateOfListing": day}),
        eu_sanctions: lambda day: eu(eu_entity(published=day)),
        un_sanctions: lambda day: un(un_entry(listed=day)),
    }[module]
    assert harvest(module, written(tmp_path, make("2026-11-25"))).tables["sanctions"]["available_at"].tolist() == [NOW]
    yesterday = harvest(module, written(tmp_path, make("2026-11-24"))).tables["sanctions"]["available_at"]
    # Canada's act may be published days later.
    assert yesterday.tolist() == [NOW if module is canada_sema else utc("2026-11-25")]
    for day, reason in (
        ("2026-11-26", "a day after 2026-11-25"),
        ("1912-01-01", "a day before 1940"),
        ("soon", "not a"),
    ):
        found = harvest(module, written(tmp_path, make(day)))
        assert len(found.tables["sanctions"]) == 0
        assert reason in found.rejected["reason"].iloc[0]
        assert found.rejected["value"].tolist() == [day]


# --- Canada ---------------------------------------------------------------------------------------


def test_canadas_real_slice(shared: Path):
    found = harvest(canada_sema, shared / "payloads" / "sema" / "sema-lmes-slice.xml")
    rows = found.tables["sanctions"]
    assert len(rows) == 12
    assert len(found.rejected) == 0
    assert rows["kind"].value_counts().to_dict() == {"person": 7, "entity": 3, "vessel": 2}
    assert rows["country"].tolist() == [*["BLR"] * 2, "RUS", "BLR", "RUS", "BLR", "BLR", "RUS", "RUS", "", "", ""]
    assert found.counts == {"entries without a country of their own": 3}
    first = rows.iloc[0]
    assert (first["name"], first["entry_id"]) == ("Aleksey Oleksin", "BELARUS|1,Part1|56")
    assert (first["listed_at"], first["available_at"]) == (utc("2021-06-17"), utc("2021-06-22"))
    assert (rows["available_at"] - rows["listed_at"]).unique() == [pd.Timedelta(days=5)]


def test_canadian_ids_hold_without_an_item_and_when_two_share_one(tmp_path: Path):
    records = [
        {"EntityOrShip": "A", "Item": "7"},
        {"EntityOrShip": "B", "Item": "7"},
        {"EntityOrShip": "C", "Item": ""},
        {"EntityOrShip": "D", "Item": "9"},
    ]
    first = harvest(canada_sema, written(tmp_path, sema(*records))).tables["sanctions"]
    assert first["entry_id"].is_unique
    turned = harvest(canada_sema, written(tmp_path, sema(*reversed(records)))).tables["sanctions"]
    assert set(zip(first["entry_id"], first["name"], strict=True)) == set(
        zip(turned["entry_id"], turned["name"], strict=True)
    )
    assert first["entry_id"].iloc[3] == "RUSSIA|1,Part2|9"


def test_a_canadian_business_is_told_by_name_or_alias(tmp_path: Path):
    records = [{"EntityOrShip": "PJSC Mechel"}, {"EntityOrShip": "X", "Aliases": "Y, Nord Gold plc; Z"}]
    rows = harvest(canada_sema, written(tmp_path, sema(*records))).tables["sanctions"]
    assert rows["minerals"].tolist() == ["coking_coal;iron", "gold"]


def test_a_canadian_record_without_a_day_counts_from_when_it_was_first_seen(tmp_path: Path):
    record = {"EntityOrShip": "A", "DateOfListing": ""}
    path = written(tmp_path, sema(record), "sema-lmes-2024-05-06.xml")
    row = harvest(canada_sema, path).tables["sanctions"].iloc[0]
    assert row["available_at"] == utc("2024-05-07")
    assert pd.isna(row["listed_at"])
    (request,) = canada_sema.requests(canada_sema.SPEC.endpoint, now=NOW, key=None)
    assert request.name == "sema-lmes-2026-11-25.xml"


def test_an_unknown_regime_is_counted_by_its_name(tmp_path: Path):
    found = harvest(canada_sema, written(tmp_path, sema({"EntityOrShip": "A", "Country": "Atlantis / Atlantide"})))
    assert found.counts["unknown programme ATLANTIS"] == 1


# --- European Union -------------------------------------------------------------------------------


def test_an_entry_of_the_union_is_known_the_day_after_its_publication(tmp_path: Path):
    found = harvest(
        eu_sanctions, written(tmp_path, eu(eu_entity(name="PJSC  Severstal"), eu_entity("EU.1.2", code="person")))
    )
    rows = found.tables["sanctions"]
    first = rows.iloc[0]
    assert first[["entry_id", "imposed_by", "country", "programme", "name", "kind"]].tolist() == [
        *("EU.1.1", "EUU", "RUS", "UKR", "PJSC Severstal", "entity"),
    ]
    assert (first["available_at"], first["listed_at"]) == (utc("2014-07-26"), utc("2014-07-26"))
    assert (first["is_metals"], first["minerals"]) == (True, "iron")
    assert rows["kind"].tolist() == ["entity", "person"]


def test_of_several_regulations_the_earliest_counts(tmp_path: Path):
    later = '<regulation programme="BLR" publicationDate="2022-03-02" entryIntoForceDate="2022-03-02"/>'
    (row,) = harvest(eu_sanctions, written(tmp_path, eu(eu_entity(more=later)))).tables["sanctions"].to_dict("records")
    assert row["available_at"] == utc("2014-07-26")
    assert (row["programme"], row["country"]) == ("BLR;UKR", "BLR")
    only_force = harvest(eu_sanctions, written(tmp_path, eu(eu_entity(published="", force="2015-01-02"))))
    assert only_force.tables["sanctions"]["available_at"].tolist() == [utc("2015-01-03")]


def test_an_entry_of_the_union_without_a_day_kind_or_name_is_rejected(tmp_path: Path):
    bad = [eu_entity("EU.2", published="", force=""), eu_entity("EU.3", code="ghost"), eu_entity("EU.1.1")]
    found = harvest(eu_sanctions, written(tmp_path, eu(eu_entity(), *bad)))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[4, "entry_id"], [3, "kind"], [2, "day"]]


def test_the_union_wants_a_token(tmp_path: Path):
    with pytest.raises(ConfigError, match="ORESIGHT_EU_SANCTIONS_TOKEN"):
        eu_sanctions.requests(eu_sanctions.SPEC.endpoint, now=NOW, key=None)
    (request,) = eu_sanctions.requests(eu_sanctions.SPEC.endpoint, now=NOW, key="a b&c")
    assert request.address.endswith("/xmlFullSanctionsList_1_1/content?token=a%20b%26c")


# --- United Nations -------------------------------------------------------------------------------


def test_an_entry_of_the_united_nations(tmp_path: Path):
    ship = un_entry("KPe.9", more="<COMMENTS1>General cargo ship. IMO number: 8412473</COMMENTS1>")
    alias = "<ENTITY_ALIAS><QUALITY>a.k.a.</QUALITY><ALIAS_NAME>KOREA ZINC</ALIAS_NAME></ENTITY_ALIAS>"
    person = un_entry("KPi.1", tag="INDIVIDUAL").replace("<SECOND_NAME/>", "<SECOND_NAME>HO</SECOND_NAME>")
    rows = harvest(un_sanctions, written(tmp_path, un(un_entry(more=alias), ship, person))).tables["sanctions"]
    assert rows["kind"].tolist() == ["entity", "vessel", "person"]
    assert rows["name"].tolist() == ["KOREA MINING", "KOREA MINING", "KOREA MINING HO"]
    assert rows["is_metals"].tolist() == [True, False, False]
    assert rows.iloc[0][["minerals", "country", "imposed_by"]].tolist() == ["zinc", "PRK", "UNO"]
    assert rows["available_at"].unique().tolist() == [utc("2009-04-25")]


def test_a_day_of_the_united_nations_may_have_a_zone(tmp_path: Path):
    rows = harvest(un_sanctions, written(tmp_path, un(un_entry(listed="2012-10-05-04:00")))).tables["sanctions"]
    assert rows["listed_at"].tolist() == [utc("2012-10-05")]


# --- releases -------------------------------------------------------------------------------------

LISTS = {
    eu_sanctions: (eu, eu_entity, "2023-05-23T15:14:57+02:00", "2023-06-23T15:14:57+02:00", "2014-07-26"),
    un_sanctions: (un, un_entry, "2023-05-23T13:14:57Z", "2023-06-23T13:14:57Z", "2009-04-25"),
}


@pytest.mark.parametrize("module", list(LISTS), ids=lambda module: module.SPEC.name)
def test_a_delisting_and_an_addition_count_from_the_release_that_tells_them(module: ModuleType, tmp_path: Path):
    whole, one, may, june, known = LISTS[module]
    store = Store(tmp_path / "home" / "datasets")
    first = written(tmp_path, whole(*(one(f"R.{n}") for n in range(20)), made=may), "may.xml")
    second = written(tmp_path, whole(*(one(f"R.{n}") for n in range(1, 21)), made=june), "june.xml")
    assert ingest(store, module.SPEC.name, first, now=NOW).released == pd.Timestamp(may)
    receipt = ingest(store, module.SPEC.name, second, now=NOW)
    assert (receipt.withdrawn, receipt.added) == (1, {"sanctions": 1})
    assert len(store.read("sanctions", as_of=utc(known))) == 20
    before = store.read("sanctions", as_of=pd.Timestamp(june) - pd.Timedelta(seconds=1))
    after = store.read("sanctions", as_of=pd.Timestamp(june))
    assert set(before["entry_id"]) - set(after["entry_id"]) == {"R.0"}
    assert set(after["entry_id"]) - set(before["entry_id"]) == {"R.20"}
    shrunk = written(tmp_path, whole(*(one(f"R.{n}") for n in range(1, 10)), made="2023-07-01T00:00:00Z"), "july.xml")
    with pytest.raises(BadInput, match="a list that still holds at least 90%"):
        ingest(store, module.SPEC.name, shrunk, now=NOW)
    assert module.released(pd.DataFrame()) is None
