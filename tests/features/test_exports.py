"""Yearly exports against a plain recount of what was known at each moment, revisions and withdrawals included."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalog import Catalog
from features.exports import EXPORT_COLUMNS, ExportTable, known_exports, snapshot_moments, yearly_exports
from features.store import Store
from tests.builders import HS_CODES, flow, random_trade, rows, series, utc

SEEDS = range(6)
FIRST_YEAR = {"284610": 2000}


def recount(trade: pd.DataFrame, moment: pd.Timestamp) -> dict[tuple, dict[str, float]]:
    """Sum what is known at `moment`, flow by flow."""
    newest = {}
    for row in trade.sort_values("available_at").itertuples():
        if row.available_at <= moment:
            newest[row.year, row.hs_code, row.supplier, row.importer] = row
    sales: dict[tuple, dict[str, list]] = {}
    bought: dict[tuple, float] = {}
    for (year, code, supplier, importer), row in newest.items():
        if row.is_retracted or year < FIRST_YEAR.get(code, 0):
            continue
        mineral = HS_CODES[code]
        sales.setdefault((mineral, supplier, year), {}).setdefault(importer, []).append(row)
        bought[mineral, importer, year] = bought.get((mineral, importer, year), 0.0) + row.quantity_tonnes
    return {key: describe_slowly(key, buyers, sales, bought) for key, buyers in sales.items()}


def describe_slowly(key: tuple, buyers: dict, sales: dict, bought: dict) -> dict[str, float]:
    mineral, supplier, year = key
    value = {buyer: sum(row.value_usd for row in flows) for buyer, flows in buyers.items()}
    total = sum(value.values())
    imputed = sum(row.value_usd for flows in buyers.values() for row in flows if row.is_imputed)
    before = sales.get((mineral, supplier, year - 1))
    lost = math.nan
    if before is not None:
        sold = {buyer: sum(row.value_usd for row in flows) for buyer, flows in before.items()}
        gone = sum(usd for buyer, usd in sold.items() if buyer not in buyers)
        lost = gone / sum(sold.values()) if sum(sold.values()) else 0.0
    return {
        "tonnes": sum(row.quantity_tonnes for flows in buyers.values() for row in flows),
        "value_usd": total,
        "imputed_value_frac": imputed / total if total else 0.0,
        "buyers": len(buyers),
        "buyer_hhi": sum((usd / total) ** 2 for usd in value.values()) if total else math.nan,
        "top_buyer_frac": max(value.values()) / total if total else math.nan,
        "lost_buyer_value_frac": lost,
        "import_tonnes": bought.get(key, 0.0),
        **history_slowly(key, sales),
    }


def history_slowly(key: tuple, sales: dict) -> dict[str, float]:
    mineral, supplier, last = key

    def tonnes(of: str, year: int) -> dict[str, float]:
        return {b: sum(row.quantity_tonnes for row in f) for b, f in sales.get((mineral, of, year), {}).items()}

    traded = {(of, year) for m, of, year in sales if m == mineral}
    covered = {year for of, year in traded if sum(tonnes(of, year).values()) > 0}
    years = [year for year in range(last - 4, last + 1) if year in covered]
    recent = [year for year in years if year > last - 3]
    own = {year: tonnes(supplier, year) for year in years}
    names = {buyer for flows in own.values() for buyer in flows}
    took = {buyer: sum(own[year].get(buyer, 0.0) for year in recent) / max(len(recent), 1) for buyer in names}
    total = sum(took.values())
    found = dict.fromkeys(("effective_buyers", "steady_frac", "regular_frac", "buyer_spread"), math.nan)
    if len(years) < 3 or not total:
        return found
    least = {buyer: min(own[year].get(buyer, 0.0) for year in recent) for buyer in names}
    regular = {buyer for buyer in names if all(own[year].get(buyer, 0.0) > 0 for year in years)}
    spread = sum(statistics.pvariance([own[year].get(buyer, 0.0) for year in years]) for buyer in names)
    usual = sum(sum(flows.values()) for flows in own.values()) / len(years)
    return {
        "effective_buyers": total**2 / sum(amount**2 for amount in took.values()),
        "steady_frac": sum(least.values()) / total,
        "regular_frac": sum(took[buyer] for buyer in regular) / total,
        "buyer_spread": math.sqrt(spread) / usual,
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_exports_known_at_any_moment_equal_a_plain_recount(seed: int, catalog: Catalog):
    trade = random_trade(seed)
    exports = yearly_exports(trade, catalog)
    moments = sorted(trade["available_at"].unique())
    assert len(moments) > 10
    for moment in [*moments, moments[-1] + pd.Timedelta(days=99)]:
        expected = recount(trade, moment)
        found = known_exports(exports, moment).set_index(["mineral", "supplier", "year"])
        assert set(found.index) == set(expected)
        for name in found.columns.drop("available_at"):
            wanted = [expected[key][name] for key in found.index]
            np.testing.assert_allclose(found[name], wanted, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("seed", SEEDS)
def test_exports_of_a_cut_table_are_the_early_rows_of_the_whole(seed: int, catalog: Catalog):
    trade = random_trade(seed)
    exports = yearly_exports(trade, catalog)
    for moment in sorted(trade["available_at"].unique())[::4]:
        cut = yearly_exports(trade[trade["available_at"] <= moment], catalog)
        early = exports[exports["available_at"] <= moment].reset_index(drop=True)
        pd.testing.assert_frame_equal(cut, early, check_exact=True)


def test_the_order_of_the_rows_changes_no_byte(catalog: Catalog):
    trade = random_trade(1)
    # Figures whose sums depend on the order of the terms.
    trade = trade.assign(quantity_tonnes=trade["quantity_tonnes"] / 7, value_usd=trade["value_usd"] / 3)
    expected = yearly_exports(trade, catalog)
    for seed in range(3):
        shuffled = trade.sample(frac=1, random_state=seed, ignore_index=True)
        pd.testing.assert_frame_equal(yearly_exports(shuffled, catalog), expected, check_exact=True)


def test_a_revision_makes_a_snapshot_of_its_year_and_the_four_after_it_only(catalog: Catalog):
    revision = flow(2001, "COD", "JPN", 25, available_at=utc("2008-03-01"))
    exports = yearly_exports(rows("trade", [*series("COD", [10, 20, 30, 40, 50, 60, 70]), revision]), catalog)
    at = exports[exports["available_at"].eq(utc("2008-03-01"))]
    assert at["year"].tolist() == [2001, 2002, 2003, 2004, 2005]
    assert at["tonnes"].tolist() == [25.0, 30.0, 40.0, 50.0, 60.0]
    assert snapshot_moments(exports) == [utc(f"{year}-02-01") for year in range(2002, 2009)] + [utc("2008-03-01")]
    then = known_exports(exports, utc("2008-02-29")).sort_values("year")
    assert then["tonnes"].tolist() == [10, 20, 30, 40, 50, 60, 70]
    then = known_exports(exports, utc("2008-03-01")).sort_values("year")
    assert then["tonnes"].tolist() == [10, 25, 30, 40, 50, 60, 70]


def test_a_revision_of_the_year_before_changes_which_buyers_were_lost(catalog: Catalog):
    late = flow(2000, "COD", "USA", 3, available_at=utc("2006-01-01"))
    trade = rows("trade", [flow(2000, "COD", "JPN", 1), flow(2001, "COD", "USA", 1), late])
    exports = yearly_exports(trade, catalog).query("year == 2001").set_index("available_at")
    assert exports["lost_buyer_value_frac"].to_dict() == {utc("2003-02-01"): 1.0, utc("2006-01-01"): 0.25}


def test_years_outside_a_codes_complete_years_are_left_out(catalog: Catalog):
    trade = rows("trade", [flow(year, "CHN", "JPN", 5, hs_code="284610") for year in (1998, 1999, 2000, 2001)])
    assert yearly_exports(trade, catalog)["year"].tolist() == [2000, 2001]


def test_two_codes_of_one_mineral_are_one_export(catalog: Catalog):
    trade = rows("trade", [flow(2001, "COD", "JPN", 5), flow(2001, "COD", "JPN", 7, hs_code="810510")])
    only = yearly_exports(trade, catalog).iloc[0]
    assert (only["mineral"], only["tonnes"], only["buyers"], only["buyer_hhi"]) == ("cobalt", 12.0, 1.0, 1.0)


def test_no_trade_gives_no_rows_with_the_right_types(catalog: Catalog):
    empty = yearly_exports(rows("trade", []), catalog)
    full = yearly_exports(rows("trade", series("COD", [1])), catalog)
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    assert list(empty) == list(EXPORT_COLUMNS)


def test_the_embedded_exports_have_one_snapshot_a_year(bundle_exports: pd.DataFrame):
    for year, found in bundle_exports.groupby("year")["available_at"].unique().items():
        assert [moment.isoformat() for moment in found] == [f"{year + 2}-02-01T00:00:00+00:00"]
    assert not bundle_exports.duplicated(["mineral", "supplier", "year"]).any()


def test_a_later_release_leaves_the_exports_before_it_as_they_were(tmp_path: Path, catalog: Catalog):
    store = Store(tmp_path)
    store.append("trade", rows("trade", series("COD", [10, 20, 30])), where="x")
    before = yearly_exports(store.history("trade", as_of=utc("2020-01-01")), catalog)
    late = [flow(2001, "COD", "JPN", 99, available_at=utc("2019-01-01"))]
    store.append("trade", rows("trade", late), where="x")
    after = yearly_exports(store.history("trade", as_of=utc("2020-01-01")), catalog)
    early = after[after["available_at"] < utc("2019-01-01")].reset_index(drop=True)
    pd.testing.assert_frame_equal(early, before, check_exact=True)
    assert known_exports(after, utc("2019-01-01")).sort_values("year")["tonnes"].tolist() == [10, 99, 30]


# --- the table of pairs and years -----------------------------------------------------------------


def test_a_year_without_a_row_is_zero_where_the_mineral_is_traded_and_missing_where_it_is_not(catalog: Catalog):
    flows = [
        *series("COD", [10, None, 30, None]),
        *series("AUS", [1, 2, None, None]),
        *series("CHN", [None, None, None, 4], hs_code="260200"),
    ]
    table = ExportTable.of(known_exports(yearly_exports(rows("trade", flows), catalog), utc("2010-01-01")))
    assert table.years.tolist() == [2000, 2001, 2002, 2003]
    assert table.pairs.tolist() == [("cobalt", "AUS"), ("cobalt", "COD"), ("manganese", "CHN")]
    nan = math.nan
    np.testing.assert_array_equal(table["tonnes"], [[1, 2, 0, nan], [10, 0, 30, nan], [nan, nan, nan, 4]])
    world = [[11, 2, 30, nan], [11, 2, 30, nan], [nan, nan, nan, 4]]
    np.testing.assert_array_equal(table.by("mineral", table["tonnes"]), world)
