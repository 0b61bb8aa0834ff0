"""Cumulations: the same months of several years, whoever published them and however."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import mirror
from features.catalog import Catalog
from tests.builders import flow, mirrored, rows


def cumulated(records: list[dict], years_before: int = 0, reported_by: str = "importer") -> pd.DataFrame:
    """Give the cumulations of the last moment, by supplier."""
    chunks = list(mirror.known_at_moments(rows("mirror_trade", records), reported_by))
    table = mirror.cumulations(pd.concat(chunks), years_before)
    last = table[table["moment"].eq(table["moment"].max())]
    return last.set_index("supplier")


def values(table: pd.DataFrame, supplier: str, what: str = "value") -> list[float]:
    return table.loc[supplier, [f"{what}_{back}" for back in mirror.BACK]].astype("float64").tolist()


def test_years_to_date_are_compared_with_the_same_months():
    records = [mirrored(year, 5, "COD", 10.0 * (year - 2000)) for year in (2001, 2002, 2003, 2004)]
    records += [mirrored(year, 12, "COD", 1000.0) for year in (2001, 2002, 2003)]
    table = cumulated(records)
    assert table["months"].tolist() == [5]
    assert values(table, "COD", "tonnes") == [40.0, 30.0, 20.0, 10.0]
    full = cumulated(records, years_before=1)
    assert full["months"].tolist() == [12]
    assert values(full, "COD", "tonnes") == [1000.0, 1000.0, 1000.0, pytest.approx(np.nan, nan_ok=True)]


def test_months_are_summed_up_to_the_last_without_a_gap():
    records = [mirrored(2004, month, "COD", 1.0, first=month) for month in (1, 2, 3, 5)]
    records += [mirrored(2003, month, "COD", 2.0, first=month) for month in range(1, 13)]
    table = cumulated(records)
    assert table["months"].tolist() == [3]
    assert values(table, "COD", "tonnes")[:2] == [3.0, 6.0]


def test_silence_in_a_published_month_is_no_trade_and_before_the_first_publication_unknown():
    records = [mirrored(year, 5, "COD", 10.0) for year in (2002, 2003, 2004)]
    records += [mirrored(2003, 5, "CHN", 4.0)]
    table = cumulated(records)
    assert values(table, "CHN")[:3] == [0.0, 40_000.0, 0.0]
    assert np.isnan(values(table, "CHN")[3])


def test_a_withheld_figure_is_unknown_and_so_is_every_sum_with_it():
    records = [mirrored(2004, month, "COD", 1.0, first=month) for month in (1, 2, 3)]
    records[1] |= {"value_usd": np.nan, "quantity_tonnes": np.nan}
    records += [mirrored(2003, month, "COD", 1.0, first=month) for month in range(1, 13)]
    found = values(cumulated(records), "COD")
    assert np.isnan(found[0])
    assert found[1] == 30_000.0
    withheld = mirrored(2004, 5, "CHN", 1.0) | {"value_usd": np.nan}
    table = cumulated([withheld, mirrored(2004, 5, "COD", 1.0), mirrored(2003, 5, "CHN", 1.0)])
    assert np.isnan(values(table, "CHN")[0])
    assert values(table, "COD")[:2] == [10_000.0, 0.0]


def test_a_product_weighed_in_two_ways_is_compared_by_value_only():
    records = [mirrored(2003, 5, "COD", 10.0), mirrored(2004, 5, "COD", 3.0, basis="content")]
    table = cumulated(records)
    assert table["tonnes_0"].isna().all()
    assert table["value_0"].notna().all()


def test_of_two_publishers_of_one_office_one_is_taken():
    records = [mirrored(year, 5, "COD", 10.0) for year in (2001, 2002, 2003, 2004)]
    records += [mirrored(2004, 8, "COD", 99.0, source="other")]
    assert values(cumulated(records), "COD", "tonnes") == [10.0, 10.0, 10.0, 10.0]


def test_at_each_moment_the_newest_version_counts_and_a_withdrawn_one_does_not():
    first = mirrored(2004, 5, "COD", 10.0, available_at="2004-07-08")
    second = {**first, "quantity_tonnes": 7.0, "available_at": "2004-09-01"}
    gone = {**second, "is_retracted": True, "available_at": "2004-10-01"}
    other = mirrored(2004, 5, "CHN", 1.0, available_at="2004-07-08")
    known = pd.concat(mirror.known_at_moments(rows("mirror_trade", [first, second, gone, other]), "importer"))
    table = mirror.cumulations(known, 0)
    congo = table[table["supplier"].eq("COD")].set_index("moment")["tonnes_0"]
    assert congo.tolist() == [10.0, 7.0]
    assert len(known[known["moment"].eq(known["moment"].max())]) == 1


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch):
    table = rows("mirror_trade", [mirrored(year, 5, "COD", float(year)) for year in range(2001, 2008)])
    whole = pd.concat(mirror.known_at_moments(table, "importer"), ignore_index=True)
    monkeypatch.setattr(mirror, "CHUNK_ROWS", 3)
    parts = list(mirror.known_at_moments(table, "importer"))
    assert len(parts) > 2
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


def test_codes_finer_and_coarser_than_six_digits_find_their_minerals(catalog: Catalog):
    codes = mirror.codes_of_minerals(catalog, pd.Series(["8112", "2822000000", "282200", "99", "0101"]))
    by_code = codes.groupby("hs_code")["mineral"].agg(list).to_dict()
    assert by_code["282200"] == by_code["2822000000"] == ["cobalt"]
    assert {"gallium", "germanium", "beryllium"} <= set(by_code["8112"])
    assert set(by_code) == {"8112", "282200", "2822000000"}
    assert codes.set_index("hs_code").loc["8112", "is_heading"].all()


def test_a_heading_counts_only_where_its_reporter_has_no_finer_code(catalog: Catalog):
    records = [mirrored(2004, 5, "COD", 10.0, hs_code="2822"), mirrored(2004, 5, "COD", 6.0, hs_code="28220000")]
    records += [mirrored(2004, 5, "COD", 8.0, hs_code="2822", importer="JPN")]
    table = cumulated(records).reset_index()
    codes = mirror.codes_of_minerals(catalog, table["hs_code"])
    kept = mirror.with_minerals(table, codes).query("mineral == 'cobalt'")
    assert sorted(zip(kept["reporter"], kept["hs_code"], strict=True)) == [("JPN", "2822"), ("USA", "28220000")]


def test_coverage_is_the_share_of_exports_that_reporting_buyers_took(catalog: Catalog):
    trade = [flow(2002, "COD", "USA", 30.0), flow(2002, "COD", "JPN", 70.0), flow(2002, "CHN", "JPN", 5.0)]
    trade += [flow(2003, "COD", "USA", 50.0), flow(2003, "COD", "JPN", 50.0)]
    facts = [mirrored(2003, 12, "COD", 30.0), mirrored(2003, 12, "CHN", 0.0)]
    table = mirror.coverage(rows("mirror_trade", facts), rows("trade", trade), catalog)
    cobalt = table[table["mineral"].eq("cobalt")]
    cobalt = {name: own.sort_values("available_at")["mirror_coverage"] for name, own in cobalt.groupby("supplier")}
    assert cobalt["COD"].tolist() == [pytest.approx(0.3), pytest.approx(0.5)]
    assert cobalt["CHN"].tolist() == [0.0, 0.0]
