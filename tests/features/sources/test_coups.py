"""Three lists of coups: what is in the real files, whether they agree, and what is no such file."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from types import ModuleType

import openpyxl
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.collection.folders import plan_folder
from features.errors import BadInput
from features.sources import cline_coups, colpus, political_rows, powell_thyne
from features.sources.spec import Harvest
from features.store import Store
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
FILES = {
    powell_thyne: "powell_thyne_coups_final.txt",
    cline_coups: "cline-coup-data-2.1.2.csv",
    colpus: "colpus-1.1-basic.xlsx",
}


def harvest(module: ModuleType, path: Path, now: dt.datetime = NOW) -> Harvest:
    return module.harmonise(module.parse(path), load_catalog(), file=path.name, lag=None, now=now)


@pytest.fixture(scope="module")
def real(shared: Path) -> dict[str, Harvest]:
    return {module.SPEC.name: harvest(module, shared / "payloads/coups" / file) for module, file in FILES.items()}


def kinds(found: Harvest, country: str, day: str) -> list[str]:
    table = found.tables["political_events"]
    return table.loc[table["country"].eq(country) & table["happens_at"].eq(utc(day)), "kind"].tolist()


# --- the real files -------------------------------------------------------------------------------


@pytest.mark.shared
def test_every_row_of_the_real_files_is_an_event(real: dict[str, Harvest]):
    counted = {}
    for name, found in real.items():
        table = datasets.check("political_events", found.tables["political_events"], where=name)
        datasets.check("coverage", found.tables["coverage"], where=name)
        assert found.rejected.empty
        assert (table["available_at"] - table["happens_at"]).eq(pd.Timedelta(days=1)).all()
        assert not table["is_retracted"].any()
        counted[name] = table["kind"].value_counts().to_dict()
    assert counted == {
        "powell_thyne": {"coup": 236, "failed_coup": 237},
        "cline_coups": {"coup": 359, "failed_coup": 349, "coup_plot": 191, "irregular_change": 82},
        "colpus": {"coup": 295, "failed_coup": 298},
    }


# Country, day, what became of it according to Powell and Thyne, Cline and Colpus; None: not in the list.
KNOWN = {
    "Chile 1973": ("CHL", "1973-09-11", "coup", "coup", "coup"),
    "Spain 1981, failed": ("ESP", "1981-02-23", "failed_coup", "failed_coup", "failed_coup"),
    "Niger 2010": ("NER", "2010-02-18", "coup", "coup", "coup"),
    "Turkey 2016, failed": ("TUR", "2016-07-15", None, "failed_coup", "failed_coup"),
    "Mali 2020": ("MLI", "2020-08-18", None, "coup", "coup"),
    "Myanmar 2021": ("MMR", "2021-02-01", None, "coup", "coup"),
    "Guinea 2021, which one list lacks": ("GIN", "2021-09-05", None, None, "coup"),
    "Burkina Faso 2022": ("BFA", "2022-09-30", None, "coup", "coup"),
    "Kabul 2021, taken by rebels": ("AFG", "2021-08-15", None, "irregular_change", None),
    "Gabon 2019, failed": ("GAB", "2019-01-07", None, "failed_coup", "failed_coup"),
}


@pytest.mark.shared
@pytest.mark.parametrize("what", KNOWN)
def test_known_coups_are_what_they_were(real: dict[str, Harvest], what: str):
    country, day, *expected = KNOWN[what]
    found = [kinds(real[name], country, day) for name in ("powell_thyne", "cline_coups", "colpus")]
    assert found == [[kind] if kind else [] for kind in expected]


@pytest.mark.shared
def test_lists_of_one_thing_agree_on_most_of_it(real: dict[str, Harvest]):
    one, other = (real[name].tables["political_events"] for name in ("powell_thyne", "colpus"))
    both = one.merge(other, on=["country", "happens_at"], suffixes=("", "_other"))
    assert len(both) > 300
    assert both["kind"].eq(both["kind_other"]).mean() > 0.97


@pytest.mark.shared
def test_codes_of_no_list_are_read_by_the_name_and_counted(real: dict[str, Harvest]):
    assert real["cline_coups"].counts == {political_rows.FIXED: 3}
    assert kinds(real["cline_coups"], "SRB", "1999-10-07") == ["irregular_change"]
    table = real["cline_coups"].tables["political_events"]
    assert table.loc[table["event_id"].str.startswith("393"), "country"].tolist() == ["RUS", "RUS"]
    germany = table[table["country"].eq("DEU")]
    assert germany["happens_at"].tolist() == [utc("2022-12-08")]


@pytest.mark.shared
def test_coverage_ends_where_each_file_ends(real: dict[str, Harvest]):
    bounds = pd.concat([found.tables["coverage"] for found in real.values()])
    assert not bounds.duplicated(["dataset", "bound"]).any(), "no two sources speak of one bound"
    assert bounds["available_at"].equals(bounds["bound_at"])
    until = bounds[bounds["bound"].eq("until")].set_index("dataset")["bound_at"]
    assert until.to_dict() == {
        "coups_powell_thyne": utc("2015-05-20"),
        "coups_cline": utc("2022-12-31"),
        "coups_colpus": utc("2022-12-31"),
    }


@pytest.mark.shared
def test_the_folder_gives_each_source_its_file_and_the_store_knows_a_coup_the_day_after(shared: Path, tmp_path: Path):
    plan = plan_folder(shared / "payloads/coups", {module.SPEC.name: module for module in FILES})
    assert {name: [file.path.name for file in files] for name, files in plan.files.items()} == {
        module.SPEC.name: [file] for module, file in FILES.items()
    }
    assert not plan.unknown
    store = Store(tmp_path / "home" / "datasets")
    for name, files in plan.files.items():
        ingest(store, name, files[0].path, now=NOW)
        assert set(ingest(store, name, files[0].path, now=NOW).added.values()) == {0}

    def in_myanmar(day: str) -> int:
        table = store.read("political_events", as_of=utc(day).to_pydatetime())
        return int((table["country"].eq("MMR") & table["happens_at"].ge(utc("2021-01-01"))).sum())

    assert (in_myanmar("2021-02-01"), in_myanmar("2021-02-02")) == (0, 2)


# --- built files ----------------------------------------------------------------------------------


def powell(path: Path, *rows: str, version: str = "V2020.06.30") -> Path:
    path.write_text("country\tccode\tyear\tmonth\tday\tcoup\tversion\n")
    with path.open("a") as file:
        file.writelines(f"{row}\t{version}\n".replace(" ", "\t") for row in rows)
    return path


def test_an_open_day_is_the_last_of_its_month(tmp_path: Path):
    found = harvest(powell_thyne, powell(tmp_path / "a.txt", "Mali 432 2012 2 0 2", "Chad 483 2011 4  1"))
    table = found.tables["political_events"]
    assert table["happens_at"].tolist() == [utc("2012-02-29"), utc("2011-04-30")]
    assert table["available_at"].tolist() == [utc("2012-03-01"), utc("2011-05-01")]


BAD = {
    "a state of nobody": ("Atlantis 999 2012 2 1 2", "ccode"),
    "a day that never was": ("Mali 432 2012 2 30 2", "day"),
    "a month that never was": ("Mali 432 2012 0 0 2", "day"),
    "a day after the edition": ("Mali 432 2020 7 1 2", "day"),
    "neither failed nor succeeded": ("Mali 432 2012 2 1 3", "coup"),
    "the same coup twice": ("Mali 432 2012 3 22 1", "day"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_row_is_rejected_with_row_and_field(tmp_path: Path, what: str):
    row, field = BAD[what]
    found = harvest(powell_thyne, powell(tmp_path / "a.txt", "Mali 432 2012 3 22 2", row))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert len(found.tables["political_events"]) == 1


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "country\tccode\tyear\tmonth\tday\tcoup\tversion\n"])
def test_what_is_no_such_list_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"a\.txt"):
        powell_thyne.parse(path)
    with pytest.raises(BadInput, match=r"a\.txt"):
        cline_coups.parse(path)
    with pytest.raises(BadInput, match=r"a\.txt"):
        colpus.parse(path)


def test_a_list_that_mixes_editions_is_refused(tmp_path: Path):
    path = powell(tmp_path / "a.txt", "Mali 432 2012 3 22 2")
    with path.open("a") as file:
        file.write("Mali\t432\t2013\t3\t22\t2\tV2021.01.01\n")
    with pytest.raises(BadInput, match="version"):
        powell_thyne.parse(path)


CLINE = dict.fromkeys(cline_coups.COLUMNS, "0") | {
    "coup_id": "43203222012",
    "cowcode": "432",
    "country": "Mali",
    "year": "2012",
    "month": "3",
    "day": "22",
    "event_type": "coup",
    "realized": "1",
}


def cline(path: Path, *changes: dict[str, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(CLINE))
        writer.writeheader()
        writer.writerows({**CLINE, "coup_id": str(number)} | change for number, change in enumerate(changes))
    return path


def test_who_took_power_tells_a_coup_from_another_irregular_change(tmp_path: Path):
    takers = [{name: "1"} for name in cline_coups.TAKERS]
    others = [{name: "1"} for name in cline_coups.OTHERS]
    both = {"popular": "1", "military": "1"}
    table = harvest(cline_coups, cline(tmp_path / "a.csv", *takers, *others, both)).tables["political_events"]
    assert table["kind"].tolist() == ["coup"] * len(takers) + ["irregular_change"] * len(others) + ["coup"]


def test_a_row_that_contradicts_itself_is_rejected(tmp_path: Path):
    bad = [{"event_type": "attempted"}, {"event_type": "rumour"}, {"military": "2"}, {"year": "2027"}, {"coup_id": ""}]
    found = harvest(cline_coups, cline(tmp_path / "a.csv", {"military": "1"}, *bad))
    assert found.rejected["field"].tolist() == ["coup_id", "day", "event_type", "realized", "military"]
    assert len(found.tables["political_events"]) == 1


def test_a_coup_of_today_is_not_known_before_the_day_is_over(tmp_path: Path):
    path = cline(tmp_path / "a.csv", {"military": "1"})
    assert len(harvest(cline_coups, path, utc("2012-03-22").to_pydatetime()).rejected) == 1
    found = harvest(cline_coups, path, utc("2012-03-23").to_pydatetime())
    assert found.tables["political_events"]["available_at"].tolist() == [utc("2012-03-23")]
    assert found.tables["coverage"]["bound_at"].max() == utc("2012-03-23")


def test_words_and_number_of_colpus_must_say_the_same(tmp_path: Path):
    book = openpyxl.Workbook()
    book.active.append(list(colpus.COLUMNS))
    good = ["432-2012-3-21", 432, dt.date(2012, 3, 21), "Mali", 2012, 1, "successful anti-democratic coup", 1, None]
    book.active.append(good)
    book.active.append([*good[:1], *good[1:5], 2, *good[6:]])
    book.active.append(["x", *good[1:5], 2, *good[6:]])
    book.active.append(["y", 432, "soon", *good[3:]])
    book.save(tmp_path / "colpus.xlsx")
    found = harvest(colpus, tmp_path / "colpus.xlsx")
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, "id"], [4, "date"], [3, "cwc_coding"]]
    assert found.tables["political_events"]["title"].tolist() == [
        "Coup: Mali (successful anti-democratic coup, ambiguous)"
    ]


def test_the_list_is_fetched_from_the_documented_address():
    (request,) = powell_thyne.requests(powell_thyne.SPEC.endpoint, now=NOW, key=None)
    assert request.address.startswith("https://www.uky.edu/")
    assert request.name == FILES[powell_thyne]
