"""ComexStat: the interface's year and the bulk file, own exports and imports."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput
from features.sources import comexstat
from tests.builders import utc
from tests.customs_payloads import NOW, brazil, read, write_csv

HEADER = ["CO_ANO", "CO_MES", "CO_NCM", "CO_UNID", "CO_PAIS", "SG_UF_NCM", "CO_VIA", "CO_URF", "QT_ESTAT", "KG_LIQUIDO"]


def bulk(folder: Path, *rows: tuple, name: str = "EXP_2025.csv") -> Path:
    rows = rows or (("160", "MG", 2000, 5000), ("160", "GO", 500, 1000), ("249", "MG", 10, 30))
    lines = [
        ["2025", "05", "26159000", "10", place, state, "01", "0817800", kg, kg, usd] for place, state, kg, usd in rows
    ]
    return write_csv(folder / name, [[*HEADER, "VL_FOB"], *lines], sep=";")


def test_an_answer_of_exports_is_the_suppliers_own_figures(tmp_path: Path):
    rows = read(comexstat, brazil(tmp_path)).tables["mirror_trade"]
    assert set(rows["supplier"]) == {"BRA"}
    assert set(rows["reported_by"]) == {"supplier"}
    assert rows["importer"].tolist() == ["CHN", "NLD"]
    assert rows["value_usd"].tolist() == [5000, 700]
    assert rows["quantity_tonnes"].tolist() == [2, 0.3]
    assert set(rows["available_at"]) == {utc("2025-06-10")}


def test_states_and_ports_of_the_bulk_file_are_summed(tmp_path: Path):
    rows = read(comexstat, bulk(tmp_path)).tables["mirror_trade"].set_index("importer")
    assert rows["value_usd"].to_dict() == {"CHN": 6000, "USA": 30}
    assert rows["quantity_tonnes"].to_dict() == {"CHN": 2.5, "USA": 0.01}


def test_the_bulk_file_of_imports_is_the_importers(tmp_path: Path):
    rows = read(comexstat, bulk(tmp_path, name="IMP_2025.csv")).tables["mirror_trade"]
    assert set(rows["importer"]) == {"BRA"}
    assert set(rows["reported_by"]) == {"importer"}


def test_ships_stores_and_undeclared_places_are_counted_and_an_unknown_number_rejected(tmp_path: Path):
    found = read(
        comexstat, bulk(tmp_path, ("990", "MG", 1, 1), ("105", "MG", 1, 1), ("160", "MG", 1, 1), ("777", "MG", 1, 1))
    )
    assert found.counts["lines of places outside the catalogue"] == 1
    assert found.counts["goods that come back"] == 1
    assert found.rejected[["row", "field", "value"]].to_numpy().tolist() == [[4, "partner", "777"]]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"records": []}, "found no rows"),
        ({"success": False, "message": "Filtro inválido"}, "Filtro inválido"),
        ({"records": [{"coNcm": "26159000"}]}, "year, monthNumber, country, metricFOB, metricKG missing"),
    ],
)
def test_an_empty_or_failed_answer_is_refused(tmp_path: Path, changes: dict, says: str):
    with pytest.raises(BadInput, match=says):
        comexstat.parse(brazil(tmp_path, **changes))


def test_rows_of_another_year_than_was_asked_for_are_rejected(tmp_path: Path):
    record = {"coNcm": "26159000", "year": "2024", "monthNumber": "05", "country": "China"}
    found = read(comexstat, brazil(tmp_path, [record | {"metricFOB": "1", "metricKG": "1"}]))
    assert found.rejected["field"].tolist() == ["first"]


def test_a_name_that_does_not_tell_the_direction_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="a name without direction"):
        comexstat.parse(brazil(tmp_path).rename(tmp_path / "answer.json"))
    with pytest.raises(BadInput, match="a name that begins with EXP or IMP"):
        comexstat.parse(bulk(tmp_path, name="trade.csv"))
    with pytest.raises(BadInput, match="a CSV with ; and the columns CO_ANO"):
        comexstat.parse(write_csv(tmp_path / "EXP_2024.csv", [HEADER, ["1"] * 10]))


def test_a_calendar_year_is_asked_for_by_itself():
    plan = comexstat.requests(comexstat.SPEC.endpoint, now=dt.datetime(2026, 2, 9, tzinfo=dt.UTC), key=None)
    periods = [request.body["period"] for request in plan if request.body]
    assert all(each["from"][:4] == each["to"][:4] for each in periods)
    assert {each["to"] for each in periods} == {"2025-12", "2024-12", "2023-12", "2022-12"}
    assert {request.method for request in plan} == {"POST"}
    newest = comexstat.requests(comexstat.SPEC.endpoint, now=NOW, key=None)[0]
    assert newest.body is not None
    assert newest.body["period"] == {"from": "2026-01", "to": "2026-10"}


def test_each_number_of_a_place_is_read_as_text(tmp_path: Path):
    # 023 is Germany and 23 would be nobody.
    rows = read(comexstat, bulk(tmp_path, ("023", "MG", 1000, 1))).tables["mirror_trade"]
    assert rows["importer"].tolist() == ["DEU"]
    assert not pd.isna(rows["quantity_tonnes"]).any()
