"""Windows of weeks on monthly supply: which months count, against what, and when that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from models import supply_windows
from tests.builders import mirrored, rows, utc

OWN = {"reported_by": "supplier", "importer": "JPN", "source": "comtrade"}


def months(tonnes: dict[int, list[float]], **other) -> list[dict]:
    """One declared month each: year -> tonnes from January on."""
    return [
        mirrored(year, month, "CHN", figure, first=month, **(OWN | other))
        for year, figures in tonnes.items()
        for month, figure in enumerate(figures, start=1)
    ]


def supply_of(records: list[dict], production: list[dict] | None = None) -> pd.DataFrame:
    made = rows("production_monthly", production or [])
    return supply_windows.monthly_supply(rows("mirror_trade", records), made, load_catalog())


def number(year: int, month: int) -> int:
    return year * 12 + month - 1


NORMAL = {year: [10.0] * 12 for year in (2001, 2002, 2003)}


def test_months_are_summed_over_buyers_and_codes_and_silence_is_zero() -> None:
    records = months({2001: [10.0, 20.0]}) + months({2001: [1.0]}, importer="USA", hs_code="810510")
    records += months({2001: [5.0, 5.0, 7.0]}, hs_code="260200")
    supply = supply_of(records)
    cobalt = supply[supply["mineral"].eq("cobalt")]
    assert cobalt["month"].tolist() == [number(2001, month) for month in (1, 2, 3)]
    assert cobalt["tonnes"].tolist() == [11.0, 20.0, 0.0]
    assert set(supply["basis"]) == {"exports"}


def test_first_releases_count_and_headings_years_to_date_and_buyers_do_not() -> None:
    (first,) = months({2001: [10.0]})
    revised = {**first, "quantity_tonnes": 99.0, "available_at": "2001-09-01"}
    others = [mirrored(2001, 5, "CHN", 50.0, **OWN), mirrored(2001, 1, "CHN", 5.0, first=1)]
    heading = mirrored(2001, 1, "CHN", 7.0, first=1, **(OWN | {"hs_code": "2822"}))
    assert supply_of([first, revised, heading, *others])["tonnes"].tolist() == [10.0]


def test_production_is_a_series_of_its_own() -> None:
    made = {"mineral": "copper", "supplier": "CHL", "quantity_tonnes": 5.0, "is_estimated": False}
    made |= {"month": utc("2001-01-01"), "available_at": utc("2001-03-01")}
    both = [made, {**made, "mineral": "cobalt", "supplier": "CHN"}]
    supply = supply_of(months({2001: [10.0]}), both)
    found = sorted(zip(supply["mineral"], supply["basis"], supply["tonnes"], strict=True))
    assert found == [("cobalt", "exports", 10.0), ("cobalt", "production", 5.0), ("copper", "production", 5.0)]


def test_a_month_is_what_was_first_said_of_it_and_a_late_buyer_does_not_move_it() -> None:
    (first,) = months({2001: [10.0]})
    late = {**first, "importer": "USA", "available_at": first["available_at"] + pd.Timedelta(days=400)}
    supply = supply_of([first, late])
    assert supply["tonnes"].tolist() == [10.0]
    assert supply["available_at"].tolist() == [first["available_at"]]


def test_a_withheld_part_makes_the_month_unknown() -> None:
    known, hidden = months({2001: [10.0]})[0], months({2001: [1.0]}, importer="USA")[0]
    supply = supply_of([known, hidden | {"quantity_tonnes": np.nan, "value_usd": np.nan}])
    assert supply["tonnes"].isna().tolist() == [True]
    record = months({**NORMAL, 2004: [1.0, 4.0, 8.0, 1.0, 1.0]})
    record[-3] |= {"quantity_tonnes": np.nan}  # March 2004
    assert supply_windows.window_labels(supply_of(record), [utc("2004-01-12")]).empty


def test_of_two_publishers_of_one_supplier_the_one_that_began_first_is_taken() -> None:
    first = months({2001: [10.0], 2002: [10.0]})
    other = months({2002: [7.0]}, source="comexstat")
    assert supply_of([*first, *other])["tonnes"].tolist() == [10.0, 10.0]


def test_what_was_known_replays_from_the_raw_tables() -> None:
    rng = np.random.default_rng(3)
    records = months({year: list(rng.integers(1, 90, 12).astype(float)) for year in range(2001, 2006)})
    late = [{**record, "importer": "USA"} for record in records[::5]]
    late = [{**record, "available_at": record["available_at"] + pd.Timedelta(days=300)} for record in late]
    date = utc("2004-12-06")
    table = rows("mirror_trade", [*records, *late])
    empty, catalog = datasets.empty("production_monthly"), load_catalog()
    full = supply_windows.monthly_supply(table, empty, catalog)
    cut = supply_windows.monthly_supply(table[table["available_at"] <= date], empty, catalog)
    pd.testing.assert_frame_equal(full[full["available_at"] <= date].reset_index(drop=True), cut)
    dates = [utc("2004-01-12"), utc("2004-06-14"), utc("2004-10-11")]
    every, early = (supply_windows.window_labels(supply, dates) for supply in (full, cut))
    pd.testing.assert_frame_equal(every[every["resolved_at"] <= date].reset_index(drop=True), early)
    assert len(early) >= 2


def test_a_window_holds_the_months_that_lie_wholly_inside_it() -> None:
    # From Monday 12 January 2004 on, 13 weeks end on 12 April: February and March.
    supply = supply_of(months({**NORMAL, 2004: [1.0, 4.0, 8.0, 1.0, 1.0]}))
    labels = supply_windows.window_labels(supply, [utc("2004-01-12")])
    assert labels["weeks"].tolist() == [13]
    assert labels["ratio"].tolist() == [pytest.approx(12 / 20)]
    assert labels["window_end"].tolist() == [utc("2004-04-12")]


def test_a_window_is_resolved_when_its_last_month_is_known() -> None:
    supply = supply_of(months({**NORMAL, 2004: [0.0, 0.0, 0.0]}))
    (resolved,) = supply_windows.window_labels(supply, [utc("2004-01-12")])["resolved_at"]
    assert resolved == supply.loc[supply["month"].eq(number(2004, 3)), "available_at"].iloc[0]


def test_without_three_years_before_or_all_months_there_is_no_label() -> None:
    dates = [utc("2004-01-12")]
    assert supply_windows.window_labels(supply_of(months({2002: [10.0] * 12, 2003: [10.0] * 12})), dates).empty
    assert supply_windows.window_labels(supply_of(months({**NORMAL, 2004: [1.0, 1.0]})), dates).empty


def test_the_state_knows_only_what_was_out() -> None:
    supply = supply_of(months({**NORMAL, 2004: [2.0] * 12}))
    # On 10 July 2004 the months to May are out: December to May, five of them at a fifth of normal.
    early, late = (supply_windows.state_at(supply, utc(date))["state"].iloc[0] for date in ("2004-07-10", "2005-03-01"))
    assert np.isnan(early)  # December 2000 is not known, so there is nothing to hold December 2003 against
    assert late == pytest.approx(0.2)
    cut = supply[supply["available_at"] <= utc("2004-12-01")]
    pd.testing.assert_frame_equal(
        supply_windows.state_at(cut, utc("2004-12-01")), supply_windows.state_at(supply, utc("2004-12-01"))
    )


def test_no_months_give_an_empty_table_with_the_same_columns() -> None:
    empty = supply_windows.monthly_supply(
        datasets.empty("mirror_trade"), datasets.empty("production_monthly"), load_catalog()
    )
    assert empty.empty
    assert {"mineral", "supplier", "month", "tonnes", "available_at", "basis"} <= set(empty.columns)
