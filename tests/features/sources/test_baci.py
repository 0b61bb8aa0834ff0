"""BACI: what is read, what is imputed, and what is refused with file and row while the store stays as it was."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import BUNDLE, ingest
from features.errors import BadInput
from features.sources import baci
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
END = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
HEADER = "t,i,j,k,v,q"
# Codes of BACI: 180 Congo (Kinshasa), 156 China, 842 United States, 56 and 58 Belgium, 490 Taiwan.
GOOD = ["2019,180,156,282200,1000.5,100.25", "2019,180,842,282200,30,NA", "2020,156,490,260200,7, 70 "]


def csv(folder: Path, lines: list[str], name: str = "BACI_test.csv", header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def harvest(path: Path, now: dt.datetime = NOW) -> Harvest:
    return baci.harmonise(baci.parse(path), load_catalog(), file=path.name, lag=baci.SPEC.lag, now=now)


def trade(path: Path, now: dt.datetime = NOW) -> pd.DataFrame:
    found = harvest(path, now)
    assert found.rejected.empty
    return datasets.check("trade", found.tables["trade"], where=str(path))


# --- reading --------------------------------------------------------------------------------------


def test_thousand_usd_become_usd_and_codes_become_countries(tmp_path: Path):
    table = trade(csv(tmp_path, GOOD))
    first, last = table.iloc[0], table.iloc[2]
    assert (first["supplier"], first["importer"], first["hs_code"]) == ("COD", "CHN", "282200")
    assert (first["value_usd"], first["quantity_tonnes"]) == (1_000_500.0, 100.25)
    assert (last["supplier"], last["importer"], last["quantity_tonnes"]) == ("CHN", "TWN", 70.0)
    assert table["is_imputed"].tolist() == [False, True, False]


def test_a_year_is_known_on_1_february_two_years_later(tmp_path: Path):
    known = trade(csv(tmp_path, GOOD)).set_index("year")["available_at"]
    assert known[2019].unique().tolist() == [utc("2021-02-01")]
    assert known[2020] == utc("2022-02-01")


def test_the_embedded_columns_give_the_same_as_the_publishers(tmp_path: Path):
    raw = pd.DataFrame(
        {
            "t": [2019, 2019, 2020],
            "i": [180, 180, 156],
            "j": [156, 842, 490],
            "k": [282200, 282200, 260200],
            "v_usd": pd.array([1_000_500, 30_000, 7_000], "Int64"),
            "q_kg": pd.array([100_250, None, 70_000], "Int64"),
        }
    )
    raw.to_parquet(tmp_path / "small.parquet")
    pd.testing.assert_frame_equal(trade(tmp_path / "small.parquet"), trade(csv(tmp_path, GOOD)))


def test_a_zip_of_two_years_gives_the_same_as_one_file(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "BACI.zip", "w") as archive:
        archive.writestr("BACI_Y2019.csv", "\n".join([HEADER, *GOOD[:2]]))
        archive.writestr("BACI_Y2020.csv", "\n".join([HEADER, *GOOD[2:]]))
        archive.writestr("country_codes.txt", "not a table")
    pd.testing.assert_frame_equal(trade(tmp_path / "BACI.zip"), trade(csv(tmp_path, GOOD)))


def release(path: Path, revision: str = "HS92", *, others: int = 0) -> Path:
    """Write a release as the publisher packs it: years, and tables of codes beside them."""
    noise = [f"2019,180,156,{10100 + at},5,5" for at in range(others)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"BACI_{revision}_Y2019_V202601.csv", "\n".join([HEADER, *noise, *GOOD[:2]]))
        archive.writestr(f"BACI_{revision}_Y2020_V202601.csv", "\n".join([HEADER, *GOOD[2:]]))
        archive.writestr("country_codes_V202601.csv", "country_code,country_name\n4,Afghanistan\n")
        archive.writestr(f"product_codes_{revision}_V202601.csv", "code,description\n010121,Horses\n")
    return path


def test_a_whole_release_is_read_in_pieces_and_keeps_what_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("features.sources.spec.PIECE_ROWS", 7)
    raw = baci.parse(release(tmp_path / "BACI_HS92_V202601.zip", others=50))
    assert len(raw) == 3
    assert raw["row"].tolist() == [51, 52, 53]
    found = harvest(tmp_path / "BACI_HS92_V202601.zip")
    assert found.counts["other products"] == 50
    whole = trade(csv(tmp_path, GOOD))
    pd.testing.assert_frame_equal(datasets.check("trade", found.tables["trade"], where="x"), whole)


def test_a_release_in_another_revision_is_refused(tmp_path: Path, store: Store):
    assert "expected the release in HS92, found HS17" in str(refused(store, release(tmp_path / "new.zip", "HS17")))


def test_a_bad_row_among_many_is_named_by_its_row_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("features.sources.spec.PIECE_ROWS", 5)
    lines = [f"2019,180,156,{10100 + at},5,5" for at in range(20)] + ["2019,180,156,horses,5,5"]
    (row,) = harvest(csv(tmp_path, [*lines, *GOOD])).rejected.itertuples()
    assert (row.row, row.field) == (21, "k")


def test_other_products_and_places_that_are_no_country_are_left_out_and_counted(tmp_path: Path):
    ignored = next(code for code, iso3 in load_catalog()._iso3_of_baci.items() if iso3 is None)
    found = harvest(csv(tmp_path, [*GOOD, "2019,180,156,10121,5,5", f"2019,{ignored},156,282200,5,5"]))
    assert len(found.tables["trade"]) == 3
    assert found.rejected.empty
    assert dict(found.counts) == {"other products": 1, "no country": 1}


def test_a_file_without_any_of_our_products_gives_no_rows_and_counts_them(tmp_path: Path):
    found = harvest(csv(tmp_path, ["2019,180,156,10121,5,5"]))
    assert len(datasets.check("trade", found.tables["trade"], where="x")) == 0
    assert found.counts["other products"] == 1


def test_two_codes_of_one_country_are_one_flow(tmp_path: Path):
    table = trade(csv(tmp_path, ["2019,180,56,282200,10,1", "2019,180,58,282200,20,2"]))
    assert table[["importer", "value_usd", "quantity_tonnes"]].to_numpy().tolist() == [["BEL", 30_000.0, 3.0]]


def test_the_input_is_not_changed(tmp_path: Path):
    raw = baci.parse(csv(tmp_path, GOOD))
    before = raw.copy(deep=True)
    baci.harmonise(raw, load_catalog(), file="x", lag=baci.SPEC.lag, now=NOW)
    pd.testing.assert_frame_equal(raw, before)


# --- imputation -----------------------------------------------------------------------------------


def impute_slowly(records: list[tuple]) -> list[tuple[float, bool]]:
    """Give tonnes and flag of (code, year, usd, tonnes) one by one: at the price of the year, else of all so far."""

    def price(code: str, years: list[int]) -> float | None:
        known = [r for r in records if r[0] == code and r[1] in years and not lacks(r)]
        tonnes, usd = sum(r[3] for r in known), sum(r[2] for r in known)
        return usd / tonnes if tonnes and usd else None

    def lacks(record: tuple) -> bool:
        return record[3] != record[3] or (record[3] == 0 and record[2] > 0)

    result = []
    for record in records:
        code, year, usd, tonnes = record
        if not lacks(record):
            result.append((tonnes, False))
            continue
        found = price(code, [year]) or price(code, list(range(1990, year + 1)))
        result.append((usd / found if found else 0.0, True))
    return result


@pytest.mark.parametrize("seed", range(12))
def test_missing_quantities_get_the_world_unit_value(seed: int):
    rng = np.random.default_rng(seed)
    records = [
        (
            str(rng.choice(["282200", "810510"])),
            int(rng.integers(2000, 2005)),
            float(rng.choice([0.0, rng.integers(1, 1000)])),
            float(rng.choice([np.nan, 0.0, rng.integers(1, 50)])),
        )
        for _ in range(rng.integers(1, 15))
    ]
    table = pd.DataFrame(records, columns=["hs_code", "year", "value_usd", "quantity_tonnes"])
    found = baci.impute_quantities(table)
    expected = impute_slowly(records)
    assert found["is_imputed"].tolist() == [flag for _, flag in expected]
    np.testing.assert_allclose(found["quantity_tonnes"], [tonnes for tonnes, _ in expected], rtol=1e-12)


def test_a_price_of_a_later_year_is_never_used():
    table = pd.DataFrame(
        [("282200", 2001, 100.0, np.nan), ("282200", 2002, 50.0, 5.0)],
        columns=["hs_code", "year", "value_usd", "quantity_tonnes"],
    )
    found = baci.impute_quantities(table)
    assert found["quantity_tonnes"].tolist() == [0.0, 5.0]
    assert found["is_imputed"].tolist() == [True, False]


# --- refusing -------------------------------------------------------------------------------------

BAD_ROWS = {
    "an exporter the code table lacks": ("2019,999,156,282200,1,1", "field i", "unknown country"),
    "an importer the code table lacks": ("2019,180,999,282200,1,1", "field j", "unknown country"),
    "an exporter that is no number": ("2019,COD,156,282200,1,1", "field i", "unknown country"),
    "negative tonnes": ("2019,180,392,282200,1,-1", "field quantity_tonnes", "negative"),
    "unreadable tonnes": ("2019,180,392,282200,1,1.0.0", "field quantity_tonnes", "unreadable"),
    "endless tonnes": ("2019,180,392,282200,1,inf", "field quantity_tonnes", "unreadable"),
    "a negative value": ("2019,180,392,282200,-1,1", "field value_usd", "negative value"),
    "a missing value": ("2019,180,392,282200,,1", "field value_usd", "no readable value"),
    "an endless value": ("2019,180,392,282200,inf,1", "field value_usd", "no readable value"),
    "a future year": ("2031,180,392,282200,1,1", "field t", "not ended by 2026-11-25"),
    "this year": ("2026,180,392,282200,1,1", "field t", "not ended by 2026-11-25"),
    "a year that is no number": ("19,180,392,282200,1,1", "field t", "not a year"),
    "a broken year": ("2019.5,180,392,282200,1,1", "field t", "not a year"),
    "a code that is no number": ("2019,180,392,28220x,1,1", "field k", "not an HS code"),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "baci", csv(tmp_path, GOOD, "good.csv"), now=NOW)
    return store


def refused(store: Store, path: Path) -> BadInput:
    """Ingest what must be refused, and hold that nothing in the store moved."""
    before = store.digest(as_of=END), sorted(store.folder.rglob("*"))
    with pytest.raises(BadInput) as caught:
        ingest(store, "baci", path, now=NOW)
    assert (store.digest(as_of=END), sorted(store.folder.rglob("*"))) == before
    assert caught.value.exit_code == 3
    assert path.name in str(caught.value)
    return caught.value


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_bad_row_is_refused_with_file_row_and_field(tmp_path: Path, store: Store, what: str):
    line, field, reason = BAD_ROWS[what]
    message = str(refused(store, csv(tmp_path, [*GOOD, line], "bad.csv")))
    assert f"bad.csv, row 4, {field}" in message
    assert reason in message


def test_one_flow_given_twice_is_refused_with_its_row(tmp_path: Path, store: Store):
    twice = ["2018,180,392,282200,1,1", "2018,180,392,282200,1,1"]
    message = str(refused(store, csv(tmp_path, [*GOOD, *twice], "bad.csv")))
    assert "bad.csv, row 5, field k" in message
    assert "twice" in message


def test_another_figure_for_a_stored_flow_is_refused_without_a_release_date(tmp_path: Path, store: Store):
    changed = [line.replace("1000.5", "7") for line in GOOD]
    assert "--released YYYY-MM-DD" in str(refused(store, csv(tmp_path, changed, "bad.csv")))


@pytest.mark.parametrize("header", ["t,i,j,k,v", "t,i,j,k,v,q,w", "year,i,j,k,v,q", "t;i;j;k;v;q"])
def test_another_header_is_refused_with_the_wanted_one(tmp_path: Path, store: Store, header: str):
    line = ",".join("1" * len(header.split(","))) if "," in header else "1"
    assert "header: expected t,i,j,k,v,q" in str(refused(store, csv(tmp_path, [line], "bad.csv", header)))


def test_a_truncated_parquet_is_refused(tmp_path: Path, store: Store):
    whole = (BUNDLE / "baci.parquet").read_bytes()
    for size in (len(whole) // 2, len(whole) - 5, 100):
        path = tmp_path / "cut.parquet"
        path.write_bytes(whole[:size])
        assert "damaged or cut off" in str(refused(store, path))


def test_a_parquet_with_a_broken_middle_is_refused(tmp_path: Path, store: Store):
    whole = bytearray((BUNDLE / "baci.parquet").read_bytes())
    whole[1_000_000:1_200_000] = bytes(200_000)
    path = tmp_path / "holed.parquet"
    path.write_bytes(whole)
    assert "damaged or cut off" in str(refused(store, path))


@pytest.mark.parametrize("name", ["empty.csv", "empty.zip", "empty.parquet"])
def test_an_empty_file_is_refused(tmp_path: Path, store: Store, name: str):
    (tmp_path / name).touch()
    assert "an empty file" in str(refused(store, tmp_path / name))


def test_a_header_without_rows_is_refused(tmp_path: Path, store: Store):
    assert "a header only" in str(refused(store, csv(tmp_path, [], "bare.csv")))


def test_blank_lines_alone_are_refused(tmp_path: Path, store: Store):
    path = tmp_path / "blank.csv"
    path.write_text("\n\n")
    assert "expected a header, found none" in str(refused(store, path))


def test_a_missing_file_is_refused(tmp_path: Path, store: Store):
    assert "expected a file, found nothing" in str(refused(store, tmp_path / "nowhere.csv"))


def test_a_folder_is_refused(tmp_path: Path, store: Store):
    (tmp_path / "BACI.csv").mkdir()
    assert "readable" in str(refused(store, tmp_path / "BACI.csv"))


def test_a_broken_zip_is_refused(tmp_path: Path, store: Store):
    path = tmp_path / "BACI.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BACI_Y2019.csv", "\n".join([HEADER, *(GOOD * 500)]))
    whole = path.read_bytes()
    holed = whole[:100] + bytes(50) + whole[150:]
    for damaged in (whole[:-30], whole[: len(whole) // 2], b"no zip at all", holed):
        path.write_bytes(damaged)
        assert "damaged or cut off" in str(refused(store, path))


def test_a_zip_without_csv_is_refused(tmp_path: Path, store: Store):
    with zipfile.ZipFile(tmp_path / "BACI.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "inside, found none" in str(refused(store, tmp_path / "BACI.zip"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path, store: Store):
    (tmp_path / "odd.csv").write_bytes(HEADER.encode() + b"\n\xff\xfe\x00,1,1,1,1,1\n")
    assert "damaged" in str(refused(store, tmp_path / "odd.csv"))
