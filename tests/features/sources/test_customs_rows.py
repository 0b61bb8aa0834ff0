"""What all customs sources have in common: what becomes a row, what is a check sum, what is rejected and where."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import Catalog
from features.collection import SOURCES, ingest, source
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.customs_months import month_before, months_out
from features.sources.customs_places import by_iso2, by_name, place_table
from features.sources.customs_rows import MASS, NOTHING, Office, harvest, raw_lines
from features.store import Store
from tests import customs_payloads as payloads
from tests.builders import utc
from tests.customs_payloads import NOW

PAYLOADS: dict[str, Callable[[Path], Path]] = {
    "us_census": payloads.census,
    "taiwan_customs": payloads.taiwan,
    "comexstat": payloads.brazil,
    "comext": payloads.comext,
    "uk_hmrc": payloads.hmrc,
    "korea_customs": payloads.korea,
    "estat_japan": payloads.japan,
    "india_meidb": payloads.india,
}
# Sources of the same table that are not read through the shared rules, and have tests of their own.
OTHERS = {"comtrade", "usitc_dataweb"}


def office(catalog: Catalog, **changes) -> Office:
    usual = {
        "source": "test",
        "country": by_iso2(catalog, {}),
        "known_at": MonthLag.after_end(60).available_at,
        "units": {"kg": MASS["kg"], "pieces": NOTHING},
        "usd_per_value": 1.0,
        "outside": frozenset({"QZ"}),
    }
    return Office(**usual | changes)


def line(**changes) -> dict:
    usual = {"row": 1, "flow": "import", "first": "202505", "last": "202505", "reporter": "JP", "partner": "CN"}
    return usual | {"hs_code": "811292", "value": "700", "quantity": "1,000", "unit": "kg"} | changes


def taken(catalog: Catalog, *lines: dict, **changes):
    raw = raw_lines(pd.DataFrame([each | {"row": number} for number, each in enumerate(lines, start=1)]))
    return harvest(raw, catalog, office(catalog, **changes), file="x", now=NOW)


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_source_stores_totals_or_groups_of_countries(name: str, tmp_path: Path, catalog: Catalog):
    module = source(name)
    path = PAYLOADS[name](tmp_path)
    raw, found = module.parse(path), payloads.read(module, path)
    rows = datasets.check("mirror_trade", found.tables["mirror_trade"], where=name)
    assert not rows.empty
    assert found.rejected.empty
    assert set(rows["importer"]) | set(rows["supplier"]) <= set(catalog.countries)
    assert not (rows["importer"] == rows["supplier"]).any()
    # What each stored figure sums is lines only: a total, if there is one, is as large as all of them.
    lines = raw[raw["kind"].isin(("line", "hidden"))]
    assert len(rows) <= len(lines)
    assert lines["partner"].ne("").all()


def test_every_customs_source_is_among_those_tested_here():
    fills = {name for name in SOURCES if "mirror_trade" in source(name).SPEC.fills}
    assert fills == set(PAYLOADS) | OTHERS


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_source_built_from_documentation_says_so(name: str):
    spec = source(name).SPEC
    assert not spec.seen_live
    assert spec.hosts
    assert spec.stale_after_days < 200
    if hasattr(source(name), "requests"):
        assert spec.endpoint.startswith(f"https://{spec.hosts[0]}/")


@pytest.mark.parametrize("name", [name for name in PAYLOADS if hasattr(source(name), "requests")])
def test_requests_are_few_named_once_and_of_files_the_source_takes(name: str):
    module = source(name)
    plan = module.requests(module.SPEC.endpoint, now=NOW, key="secret")
    names = [request.name for request in plan]
    assert len(set(names)) == len(names)
    assert len(plan) <= 300
    patterns = [pattern.replace("*", "") for pattern in module.FILES]
    assert all(any(pattern.split(".")[0] in name for pattern in patterns) for name in names)
    assert all(request.address.startswith("https://") for request in plan)


@pytest.mark.parametrize("name", PAYLOADS)
def test_reading_a_file_twice_adds_nothing(name: str, tmp_path: Path):
    store = Store(tmp_path / "home" / "datasets")
    path = PAYLOADS[name](tmp_path)
    first = ingest(store, name, path, now=NOW)
    again = ingest(store, name, path, now=NOW + dt.timedelta(days=7))
    assert sum(first.added.values()) > 0
    assert sum(again.added.values()) == 0


@pytest.mark.parametrize("path", sorted(Path("features/sources").glob("*_countries.csv")), ids=lambda path: path.stem)
def test_tables_of_places_name_each_once_and_only_countries_of_the_catalogue(path: Path, catalog: Catalog):
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    places = [row["place"] for row in rows]
    assert len(set(places)) == len(places)
    assert {row["iso3"] for row in rows} - {""} <= set(catalog.countries)
    assert path.stem.removesuffix("_countries") in SOURCES


def test_a_name_of_no_country_and_an_unknown_one_are_told_apart(catalog: Catalog):
    assert by_name(catalog, "us_census")("KOREA, SOUTH") == "KOR"
    assert by_name(catalog, "us_census")("CHINA") == "CHN"
    assert by_name(catalog, "us_census")("ATLANTIS") == ""
    assert place_table("us_census")["UNIDENTIFIED COUNTRIES"] == ""


def test_a_line_becomes_a_row_in_tonnes_and_dollars(catalog: Catalog):
    row = taken(catalog, line()).tables["mirror_trade"].iloc[0]
    assert (row["reported_by"], row["importer"], row["supplier"]) == ("importer", "JPN", "CHN")
    assert (row["value_usd"], row["quantity_tonnes"], row["basis"]) == (700.0, 1.0, "gross")
    assert row["first_month"] == row["last_month"] == utc("2025-05-01")
    assert row["available_at"] == utc("2025-07-31")


def test_exports_are_the_suppliers_own_figures(catalog: Catalog):
    row = taken(catalog, line(flow="export")).tables["mirror_trade"].iloc[0]
    assert (row["reported_by"], row["importer"], row["supplier"]) == ("supplier", "CHN", "JPN")


def test_without_a_rate_the_value_is_missing_and_the_weight_stays(catalog: Catalog):
    row = taken(catalog, line(), usd_per_value=None).tables["mirror_trade"].iloc[0]
    assert pd.isna(row["value_usd"])
    assert row["quantity_tonnes"] == 1.0


def test_weight_zero_beside_a_value_is_unknown_and_so_is_a_sum_with_it(catalog: Catalog):
    both = taken(catalog, line(), line(quantity="0"), is_split=True).tables["mirror_trade"]
    assert both["value_usd"].tolist() == [1400.0]
    assert both["quantity_tonnes"].isna().all()
    nothing = taken(catalog, line(value="0", quantity="0")).tables["mirror_trade"]
    assert nothing["quantity_tonnes"].tolist() == [0.0]


def test_a_hidden_line_is_a_row_without_figures(catalog: Catalog):
    found = taken(catalog, line(kind="hidden", value="1"))
    assert found.tables["mirror_trade"][["value_usd", "quantity_tonnes"]].isna().all(axis=None)
    assert found.counts["lines whose figures are withheld"] == 1


def test_units_that_weigh_nothing_are_kept_apart(catalog: Catalog):
    rows = taken(catalog, line(), line(unit="pieces")).tables["mirror_trade"].set_index("basis")
    assert rows["quantity_tonnes"].dropna().to_dict() == {"gross": 1.0}


@pytest.mark.parametrize("code", ["25", "81", "7601", "760110", "76011000", "7601100090"])
def test_codes_that_hold_or_are_part_of_a_used_code_count_but_chapters_do_not(catalog: Catalog, code: str):
    assert len(taken(catalog, line(hs_code=code)).tables["mirror_trade"]) == int(len(code) > 2)


def test_a_code_that_the_same_file_has_in_finer_codes_is_a_sum(catalog: Catalog):
    found = taken(catalog, line(), line(hs_code="8112921000"), line(hs_code="8112"), line(hs_code="720241"))
    assert set(found.tables["mirror_trade"]["hs_code"]) == {"8112921000", "720241"}
    assert found.counts["lines that are sums of finer codes"] == 2


def test_other_codes_places_outside_and_goods_that_come_back_are_counted(catalog: Catalog):
    found = taken(catalog, line(), line(hs_code="010121"), line(partner="QZ"), line(partner="JP"))
    assert len(found.tables["mirror_trade"]) == 1
    assert found.rejected.empty
    for words in (
        "lines of codes that the catalogue does not use",
        "lines of places outside the catalogue",
        "goods that come back",
    ):
        assert found.counts[words] == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"flow": "transit"}, "flow"),
        ({"first": "202513"}, "first"),
        ({"last": "202611"}, "last"),  # not over by then
        ({"first": "202506"}, "last"),
        ({"reporter": "XX"}, "reporter"),
        ({"partner": "XX"}, "partner"),
        ({"unit": "barrels"}, "unit"),
        ({"value": "-1"}, "value"),
        ({"value": "n.a."}, "value"),
        ({"value": "inf"}, "value"),
        ({"quantity": "-5"}, "quantity"),
        ({"value": "", "quantity": ""}, "value"),
        ({"hs_code": "8112.92"}, "hs_code"),
        ({"kind": "odd"}, "kind"),
    ],
)
def test_a_bad_line_is_rejected_with_its_row_and_field(catalog: Catalog, changes: dict, field: str):
    found = taken(catalog, line(partner="KR"), line(**changes))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, field]]
    assert found.tables["mirror_trade"]["supplier"].tolist() == ["KOR"]


def test_the_same_flow_twice_is_rejected_where_flows_are_not_split(catalog: Catalog):
    found = taken(catalog, line(), line(value="800"))
    assert found.rejected[["row", "field"]].to_numpy().tolist() == [[2, "partner"]]
    assert found.tables["mirror_trade"]["value_usd"].tolist() == [700.0]


@pytest.mark.parametrize("total", ["1400", "1402"])
def test_a_total_that_the_lines_reach_passes(catalog: Catalog, total: str):
    sums = line(kind="total", partner="", value=total, quantity="2,000")
    assert len(taken(catalog, sums, line(), line(partner="KR")).tables["mirror_trade"]) == 2


@pytest.mark.parametrize(("field", "total"), [("value", "1500"), ("value", "1300"), ("quantity", "2,100")])
def test_a_total_that_the_lines_do_not_reach_refuses_the_file(catalog: Catalog, field: str, total: str):
    sums = line(kind="total", partner="", value="1400", quantity="2,000") | {field: total}
    with pytest.raises(BadInput, match=f"x, row 1, field {field}: expected lines that add up to the total"):
        taken(catalog, sums, line(), line(partner="KR"))


def test_a_total_without_any_line_refuses_the_file(catalog: Catalog):
    with pytest.raises(BadInput, match="found 0 in 0 lines"):
        taken(catalog, line(kind="total", partner=""))


def test_a_hidden_part_excuses_the_sum(catalog: Catalog):
    sums = line(kind="total", partner="", value="9000", quantity="9,000")
    assert len(taken(catalog, sums, line(), line(partner="KR", kind="hidden", value="", quantity="")).rejected) == 0


def test_months_that_are_out():
    out = months_out(MonthLag.after_end(60).available_at, dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
    assert [next(out) for _ in range(2)] == [(2025, 12), (2025, 11)]
    assert month_before(2025, 1, 1) == (2024, 12)
