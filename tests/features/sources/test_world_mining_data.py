"""World Mining Data: units, corrections and refusals."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import BUNDLE, ingest
from features.errors import BadInput
from features.sources import world_mining_data as wmd
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
END = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
HEADER = "commodity,iso3,country,year,quantity,unit,data_kind"
GOOD = [
    "Cobalt,COD,Congo (D.R.),2019,77964,metr. t,r",
    "Cobalt,CHN,China,2019,2500,metr. t,e",
    "Gold,CHN,China,2019,380226,kg,p",
    "Petroleum,CHN,China,2019,1,Mio m3,r",
]


def csv(folder: Path, lines: list[str], name: str = "wmd.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def harvest(path: Path) -> Harvest:
    return wmd.harmonise(wmd.parse(path), load_catalog(), file=path.name, lag=wmd.SPEC.lag, now=NOW)


@pytest.fixture(scope="module")
def bundled() -> Harvest:
    return harvest(BUNDLE / "world_mining_data.parquet")


def test_units_become_tonnes_and_estimates_are_flagged(tmp_path: Path):
    found = harvest(csv(tmp_path, GOOD))
    table = datasets.check("production", found.tables["production"], where="x")
    assert table[["mineral", "supplier", "quantity_tonnes", "is_estimated"]].to_numpy().tolist() == [
        ["cobalt", "COD", 77964.0, False],
        ["cobalt", "CHN", 2500.0, True],
        ["gold", "CHN", 380.226, True],
    ]
    assert table["available_at"].unique().tolist() == [utc("2021-05-01")]
    assert dict(found.counts) == {"other commodities": 1}


def test_french_guiana_is_not_guyana(bundled: Harvest):
    gold = bundled.tables["production"].query("mineral == 'gold'").set_index(["supplier", "year"])["quantity_tonnes"]
    assert gold["GUF"].to_dict() == {
        2018: 1.32,
        2019: 1.157,
        2020: 1.058,
        2021: 1.225,
        2022: 0.916,
        2023: 1.164,
        2024: 1.072,
    }
    assert gold["GUY"].to_dict() == {2018: 19.069, 2019: 19.963, 2020: 18.209, 2021: 15.522, 2022: 15.129}


def test_guyanas_copied_gold_is_quarantined_and_not_zero(bundled: Harvest):
    assert bundled.rejected["field"].tolist() == ["quantity", "quantity"]
    assert bundled.rejected["value"].tolist() == ["1164.0", "1072.0"]
    assert bundled.rejected["reason"].str.contains("repeats French Guiana").all()


def test_guyanas_gold_is_taken_again_once_the_publisher_has_repaired_it(tmp_path: Path):
    guiana = "Gold,GUY,French Guiana,2023,1164,kg,r"
    broken = harvest(csv(tmp_path, [guiana, "Gold,GUY,Guyana,2023,1164,kg,r"]))
    repaired = harvest(csv(tmp_path, [guiana, "Gold,GUY,Guyana,2023,13400,kg,r"]))
    assert broken.tables["production"]["supplier"].tolist() == ["GUF"]
    assert repaired.tables["production"]["supplier"].tolist() == ["GUF", "GUY"]
    assert (len(broken.rejected), len(repaired.rejected)) == (1, 0)


def test_taiwan_and_kosovo_stand_under_their_own_codes(bundled: Harvest):
    table = bundled.tables["production"]
    assert table["supplier"].eq("TWN").sum() > 0
    assert table["supplier"].eq("XKX").sum() > 0
    assert not table["supplier"].isin(["S19", "R20"]).any()
    raw = pd.read_parquet(BUNDLE / "world_mining_data.parquet")
    ours = raw[raw["iso3"].eq("S19") & raw["commodity"].isin(wmd.COMMODITIES)]
    assert table["supplier"].eq("TWN").sum() == len(ours)


def test_every_commodity_of_the_extract_is_taken_or_knowingly_left_out():
    raw = pd.read_parquet(BUNDLE / "world_mining_data.parquet")
    catalog = load_catalog()
    assert set(raw["commodity"]) <= {*wmd.COMMODITIES, *wmd.NOT_IN_CATALOGUE}
    assert not set(wmd.COMMODITIES) & wmd.NOT_IN_CATALOGUE
    assert {catalog.mineral(mineral).id for mineral in wmd.COMMODITIES.values()} == set(wmd.COMMODITIES.values())


def test_the_input_is_not_changed():
    raw = wmd.parse(BUNDLE / "world_mining_data.parquet")
    before = raw.copy(deep=True)
    wmd.harmonise(raw, load_catalog(), file="x", lag=wmd.SPEC.lag, now=NOW)
    pd.testing.assert_frame_equal(raw, before)


BAD_ROWS = {
    "an unknown commodity": ("Unobtainium,COD,Congo,2019,1,metr. t,r", "commodity"),
    "an unknown country": ("Cobalt,ZZZ,Nowhere,2019,1,metr. t,r", "iso3"),
    "a negative quantity": ("Cobalt,AUS,Australia,2019,-1,metr. t,r", "quantity"),
    "an unreadable quantity": ("Cobalt,AUS,Australia,2019,many,metr. t,r", "quantity"),
    "an endless quantity": ("Cobalt,AUS,Australia,2019,inf,metr. t,r", "quantity"),
    "a future year": ("Cobalt,AUS,Australia,2026,1,metr. t,r", "year"),
    "an unreadable year": ("Cobalt,AUS,Australia,last,1,metr. t,r", "year"),
    "a unit of volume": ("Cobalt,AUS,Australia,2019,1,Mio m3,r", "unit"),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_bad_row_is_refused_with_file_row_and_field_and_nothing_is_stored(tmp_path: Path, what: str):
    line, field = BAD_ROWS[what]
    store = Store(tmp_path / "home" / "datasets")
    ingest(store, "world_mining_data", csv(tmp_path, GOOD, "good.csv"), now=NOW)
    before = store.digest(as_of=END)
    with pytest.raises(BadInput, match=f"bad.csv, row 5, field {field}") as caught:
        ingest(store, "world_mining_data", csv(tmp_path, [*GOOD, line], "bad.csv"), now=NOW)
    assert caught.value.exit_code == 3
    assert store.digest(as_of=END) == before
