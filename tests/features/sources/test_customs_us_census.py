"""The Census Bureau's months: totals and blocs, doubled headers, empty answers, the size of a yearly revision."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features.catalog import Catalog
from features.errors import BadInput
from features.sources import us_census, usitc_dataweb
from features.sources.customs_places import by_name
from features.sources.us_calendar import newest_month, release_of_month
from tests.builders import utc
from tests.customs_payloads import CENSUS_HEADER, NOW, census, census_row, read


def test_months_and_years_to_date_are_rows_and_the_rest_is_counted(tmp_path: Path):
    found = read(us_census, census(tmp_path))
    rows = found.tables["mirror_trade"].sort_values(["supplier", "first_month"])
    assert rows["supplier"].tolist() == ["CHN", "CHN", "KOR", "KOR"]
    assert rows["first_month"].dt.strftime("%Y-%m").tolist() == ["2025-01", "2025-02"] * 2
    assert rows["value_usd"].tolist() == [300, 100, 400, 200]
    assert rows["quantity_tonnes"].tolist() == pytest.approx([0.03, 0.01, 0.04, 0.02])
    assert set(rows["importer"]) == {"USA"}
    assert set(rows["available_at"]) == {utc("2025-04-08")}
    assert found.counts["sums over countries"] == 4
    assert found.counts["totals, taken as check sums"] == 2


def test_january_to_date_is_january_and_stands_once(tmp_path: Path):
    rows = read(us_census, census(tmp_path, [census_row(time="2025-01", year="100")])).tables["mirror_trade"]
    assert rows["value_usd"].tolist() == [100]


def test_without_years_to_date_and_quantities_the_months_are_read(tmp_path: Path):
    header = ("CTY_CODE", "CTY_NAME", "I_COMMODITY", "GEN_VAL_MO", "time")
    row = ["5700", "CHINA", "811292", "100", "2025-02"]
    rows = read(us_census, census(tmp_path, [row], header)).tables["mirror_trade"]
    assert rows[["basis", "value_usd"]].to_numpy().tolist() == [["none", 100.0]]
    assert rows["quantity_tonnes"].isna().all()


@pytest.mark.parametrize(
    ("unit", "basis", "tonnes"), [("KG", "gross", 0.01), ("T", "gross", 10.0), ("CKG", "content", 0.01)]
)
def test_units_of_the_product_and_of_its_metal(tmp_path: Path, unit: str, basis: str, tonnes: float):
    rows = read(us_census, census(tmp_path, [census_row(unit=unit)])).tables["mirror_trade"]
    month = rows[rows["first_month"].eq(rows["last_month"])].iloc[0]
    assert (month["basis"], month["quantity_tonnes"]) == (basis, pytest.approx(tonnes))


def test_a_country_that_is_missing_from_the_total_refuses_the_file(tmp_path: Path):
    rows = [census_row("-", "TOTAL FOR ALL COUNTRIES", value="300", year="700"), census_row()]
    with pytest.raises(BadInput, match="row 1, field value: expected lines that add up to the total of 300, found 100"):
        read(us_census, census(tmp_path, rows))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (census_row("9999", "ATLANTIS"), "partner"),
        (census_row(unit="BBL"), "unit"),
        (census_row(value="(D)"), "value"),
        (census_row(time="2025-13"), "first"),
        (census_row(hs="81129210X0"), "hs_code"),
    ],
)
def test_a_bad_row_is_rejected_with_its_field(tmp_path: Path, row: list[str], field: str):
    rejected = read(us_census, census(tmp_path, [census_row("5880", "JAPAN"), row])).rejected
    assert set(rejected["row"]) == {2}
    assert field in set(rejected["field"])


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        ([census_row()[:-1]], CENSUS_HEADER, "row 1: expected 12 cells"),
        ([["1", "2"]], ("time", "CTY_CODE"), "no CTY_NAME, I_COMMODITY, GEN_VAL_MO"),
        ([], CENSUS_HEADER, "no rows"),
    ],
)
def test_a_damaged_answer_is_refused(tmp_path: Path, rows: list, header: tuple, says: str):
    with pytest.raises(BadInput, match=says):
        us_census.parse(census(tmp_path, rows, header))


def test_an_error_page_is_refused(tmp_path: Path):
    path = tmp_path / "us_census_8112_2025-01_2025-02.json"
    path.write_text("error: unknown variable 'GEN_VAL'")
    with pytest.raises(BadInput, match="expected a JSON array of arrays"):
        us_census.parse(path)


def test_no_content_means_no_trade_only_where_the_months_were_out(tmp_path: Path):
    path = tmp_path / "us_census_2524_2022-01_2026-09.json"
    path.touch()
    found = read(us_census, path)
    assert found.tables["mirror_trade"].empty
    assert found.counts["queries without trade"] == 1
    with pytest.raises(BadInput, match="months that were out by 2026-11-07, found no content, asked up to 2026-09"):
        read(us_census, path, now=dt.datetime(2026, 11, 7, tzinfo=dt.UTC))
    nameless = tmp_path / "us_census_answer.json"
    nameless.touch()
    with pytest.raises(BadInput, match="an empty file"):
        us_census.parse(nameless)


def test_only_months_that_are_out_are_asked_for():
    plan = us_census.requests(us_census.SPEC.endpoint, now=NOW, key=None)
    assert len(plan) < 500  # a day's calls without a key
    assert all("time=from+2022-01+to+2026-09" in request.address for request in plan)
    assert not any("key=" in request.address for request in plan)
    assert "&key=abc" in us_census.requests(us_census.SPEC.endpoint, now=NOW, key="abc")[0].address
    assert any("I_COMMODITY=8112*" in request.address for request in plan)


def test_both_publishers_of_the_figures_share_one_calendar():
    assert usitc_dataweb.release_of_month is release_of_month
    assert newest_month(utc("2026-11-07")) == (2026, 8)


def test_chapters_are_read_by_month_but_none_is_stored(shared: Path, catalog: Catalog):
    path = shared / "payloads/us_census_hs2/us_imports_hs2_minerals_monthly_2013_202106.csv"
    raw = us_census.parse(path)
    assert (raw["first"].min(), raw["first"].max()) == ("201301", "202106")
    assert raw["first"].nunique() == 102
    lines = raw[raw["kind"].eq("line")]
    assert lines["partner"].nunique() == 30
    assert len(lines) + 1326 == len(raw)
    found = read(us_census, path)
    assert found.tables["mirror_trade"].empty
    assert found.rejected.empty
    assert found.counts["lines of codes that the catalogue does not use"] == len(lines)


def test_every_partner_of_the_recorded_chapters_is_a_known_country(shared: Path, catalog: Catalog):
    raw = us_census.parse(shared / "payloads/us_census_hs2/us_imports_hs2_minerals_monthly_2013_202106.csv")
    look_up = by_name(catalog, "us_census")
    assert not [name for name in raw.loc[raw["kind"].eq("line"), "partner"].unique() if not look_up(name)]


def test_a_yearly_revision_changes_many_months_a_little(shared: Path):
    pairs = pd.read_csv(
        shared / "payloads/us_census_hs2/us_imports_hs2_minerals_revision_pairs.csv", dtype={"cty_code": "str"}
    )
    pairs = pairs[~pairs["cty_code"].isin(us_census.TOTALS) & pairs["time"].lt("2021-01")]
    before, after = pairs["usd_before_annual_revision"], pairs["usd_reset_2021_08_05"]
    change = (after - before).abs() / before.where(before > 0)
    is_changed = (after - before).abs() > 0.5
    # Over a third of the months of 2018 to 2020, by a thousandth in the middle; one in a hundred and fifty by a tenth.
    assert is_changed.mean() == pytest.approx(0.39, abs=0.01)
    assert change[is_changed].median() == pytest.approx(0.001, abs=0.0003)
    assert change.quantile(0.95) < 0.02
    assert 0.004 < (change > 0.1).mean() < 0.01
