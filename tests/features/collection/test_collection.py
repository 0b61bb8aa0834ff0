"""Ingestion as a whole: all or nothing, the quarantine, releases, and what can only be known later."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features.catalog import load_catalog
from features.collection import BUNDLE, BUNDLE_FILES, ingest, ingest_bundle
from features.collection.payloads import kept
from features.datasets import DATASETS
from features.errors import BadInput, ConfigError
from features.store import Store

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
END = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "datasets")


def baci_csv(folder: Path, lines: list[str], name: str = "baci.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(["t,i,j,k,v,q", *lines]) + "\n")
    return path


def many(bad: list[str], rows: int = 1000) -> list[str]:
    """Give `rows` good flows between different countries and products, then the bad ones."""
    catalog = load_catalog()
    codes = [code for code, iso3 in catalog._iso3_of_baci.items() if iso3 and code not in (58, 56)][:30]
    flows = [f"{year},{i},{j},282200,1,1" for year in (2018, 2019) for i in codes for j in codes if i != j]
    assert len(flows) >= rows
    return [*flows[:rows], *bad]


def quarantine(store: Store, name: str = "baci") -> list[dict[str, str]]:
    with (store.folder / "quarantine" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# --- quarantine -----------------------------------------------------------------------------------


def test_a_thousandth_of_bad_rows_goes_to_the_quarantine_and_is_counted(tmp_path: Path, store: Store):
    receipt = ingest(store, "baci", baci_csv(tmp_path, many(["2019,999,156,282200,1,1"], 999)), now=NOW)
    assert (receipt.source, receipt.file, receipt.rejected) == ("baci", "baci.csv", 1)
    assert receipt.added == {"trade": 999}
    assert quarantine(store) == [
        {
            "file": "baci.csv",
            "row": "1000",
            "field": "i",
            "value": "999.0",
            "reason": "an unknown country code",
            "source": "baci",
        }
    ]


def test_more_than_a_thousandth_refuses_the_file(tmp_path: Path, store: Store):
    path = baci_csv(tmp_path, many(["2019,999,156,282200,1,1", "2019,180,999,282200,1,1"], 1000))
    with pytest.raises(BadInput, match=r"2 row\(s\) rejected, more than 0.1%; nothing was stored") as caught:
        ingest(store, "baci", path, now=NOW)
    assert f"{path}, row 1001, field i" in str(caught.value)
    assert not store.folder.exists()


def test_the_quarantine_names_each_row_once_however_often_the_file_comes(tmp_path: Path, store: Store):
    good = [{"event_id": f"event-{number}"} for number in range(400)]
    # Namibia's two letters, nothing at all, and a word: each must come back as it was.
    for number, value in enumerate(["NA", "", "Chile"]):
        path = events_csv(tmp_path, *good, {"event_id": "bad", "country_iso3": value})
        for _ in range(2):
            assert ingest(store, "events", path, now=NOW).rejected == 1
            assert [row["value"] for row in quarantine(store, "events")] == ["NA", "", "Chile"][: number + 1]


# --- all or nothing -------------------------------------------------------------------------------


def events_csv(folder: Path, *changes: dict[str, str]) -> Path:
    with (BUNDLE / "events.csv").open(encoding="utf-8", newline="") as file:
        good = next(csv.DictReader(file))
    path = folder / "events.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(good))
        writer.writeheader()
        writer.writerows({**good, **change} for change in changes)
    return path


def test_a_contradiction_in_the_second_dataset_leaves_the_first_unchanged_too(tmp_path: Path, store: Store):
    strike = {"event_id": "strike", "kind": "strike"}
    ingest(store, "events", events_csv(tmp_path, {"event_id": "ban"}, strike), now=NOW)
    before = store.digest(as_of=END)
    changed = events_csv(tmp_path, {"event_id": "ban"}, {"event_id": "tax"}, {**strike, "title": "Another title"})
    with pytest.raises(BadInput, match=r"incidents .*strike.*--released"):
        ingest(store, "events", changed, now=NOW)
    assert store.digest(as_of=END) == before
    receipt = ingest(store, "events", changed, now=NOW, released=moment("2026-09-01"))
    assert receipt.added["measures"] > 0
    assert receipt.added["incidents"] > 0


# --- knowledge time -------------------------------------------------------------------------------


def test_a_revision_counts_from_its_release(tmp_path: Path, store: Store):
    ingest(store, "baci", baci_csv(tmp_path, ["2019,180,156,282200,10,1", "2020,180,156,282200,20,2"]), now=NOW)
    revised = baci_csv(tmp_path, ["2019,180,156,282200,10,1.5", "2020,180,156,282200,20,2"], "v2.csv")
    receipt = ingest(store, "baci", revised, now=NOW, released=moment("2023-02-14"))
    assert receipt.added == {"trade": 1}

    def tonnes(day: str) -> list[float]:
        return store.read("trade", as_of=moment(day))["quantity_tonnes"].tolist()

    assert tonnes("2021-01-31") == []
    assert tonnes("2021-02-01") == [1.0]
    assert tonnes("2022-02-01") == [1.0, 2.0]
    assert tonnes("2023-02-13T23:59:59") == [1.0, 2.0]
    assert tonnes("2023-02-14") == [1.5, 2.0]


def test_a_figure_that_is_out_before_it_was_due_counts_from_its_release(tmp_path: Path, store: Store):
    path = baci_csv(tmp_path, ["2019,180,156,282200,10,1"])
    ingest(store, "baci", path, now=NOW, released=moment("2021-01-20"))
    assert store.read("trade", as_of=moment("2021-01-19")).empty
    assert len(store.read("trade", as_of=moment("2021-01-20"))) == 1


def test_facts_that_can_only_be_known_later_are_refused(tmp_path: Path, store: Store):
    path = baci_csv(tmp_path, ["2019,180,156,282200,10,1"])
    with pytest.raises(BadInput, match=r"known by 2020-06-01, found 1 row\(s\) .* only from 2021-02-01") as caught:
        ingest(store, "baci", path, now=moment("2020-06-01"))
    assert caught.value.exit_code == 3
    assert store.is_empty()
    with pytest.raises(BadInput, match="only from 2021-02-01"):
        ingest(store, "baci", path, now=moment("2021-01-31"))
    assert ingest(store, "baci", path, now=moment("2021-02-01")).added == {"trade": 1}


def test_a_release_after_today_is_refused(tmp_path: Path, store: Store):
    with pytest.raises(BadInput, match="only from 2027-01-01"):
        ingest(store, "baci", baci_csv(tmp_path, ["2019,180,156,282200,10,1"]), now=NOW, released=moment("2027-01-01"))


# --- the payload and the bundle -------------------------------------------------------------------


def test_the_payload_is_kept_byte_for_byte_and_can_be_read_from_there_again(tmp_path: Path, store: Store):
    path = baci_csv(tmp_path, ["2019,180,156,282200,10,1"])
    ingest(store, "baci", path, now=NOW)
    (payload,) = kept(store.folder.parent / "payloads", "baci")
    assert payload.path.name == path.name
    assert payload.path.read_bytes() == path.read_bytes()
    again = ingest(store, "baci", payload.path, now=NOW)
    assert again.added == {"trade": 0}
    assert payload.path.read_bytes() == path.read_bytes()
    assert kept(store.folder.parent / "payloads", "baci") == [payload]


def test_an_unknown_source_is_refused(tmp_path: Path, store: Store):
    with pytest.raises(ConfigError, match="no source is called 'tea'") as caught:
        ingest(store, "tea", tmp_path / "x.csv", now=NOW)
    assert caught.value.exit_code == 2


def test_reading_the_bundle_again_adds_nothing(bundle_store: Store):
    # Byte by byte: what the store says at any date follows from these files.
    files = {path: path.read_bytes() for name in DATASETS for path in bundle_store.batches(name)}
    assert {path.parent.name for path in files} > {"trade", "governance", "production", "measures"}
    receipts = ingest_bundle(bundle_store, now=NOW)
    assert [receipt.source for receipt in receipts] == list(BUNDLE_FILES)
    assert {count for receipt in receipts for count in receipt.added.values()} == {0}
    assert {path: path.read_bytes() for name in DATASETS for path in bundle_store.batches(name)} == files
    assert not (bundle_store.folder.parent / "payloads").exists()


def test_the_bundle_quarantines_only_guyanas_copied_gold(bundle_store: Store):
    folder = bundle_store.folder / "quarantine"
    assert [path.name for path in folder.iterdir()] == ["world_mining_data.csv"]
    rows = pd.read_csv(folder / "world_mining_data.csv")
    assert rows["reason"].str.contains("Guyana").tolist() == [True, True]
