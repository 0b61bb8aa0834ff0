"""Signal `mirror_trade`: hand-made figures, and the real workbook replayed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog, load_catalog
from features.mirror import codes_of_minerals
from features.signals import mirror_trade, trade
from features.signals.declaration import Steps
from features.sources import usitc_dataweb
from tests.builders import flow, mirrored, rows, utc
from tests.once import once

YEARS = (2001, 2002, 2003, 2004)


@once
def steps_of(facts: list[dict]) -> dict[str, list[Steps]]:
    """Give the step functions of the facts, beside a year in which Congo sold to the United States and to Japan."""
    flows = [flow(2002, "COD", "USA", 40.0), flow(2002, "COD", "JPN", 60.0)]
    tables = {"mirror_trade": rows("mirror_trade", facts), "trade": rows("trade", flows)}
    return panel.all_steps(tables, load_catalog(), (mirror_trade.SIGNAL,))


def features_at(date: str, facts: list[dict]) -> pd.DataFrame:
    """Give the signal's features of cobalt from Congo and China at a date, as known then."""
    signals = (mirror_trade.SIGNAL,)
    index = pd.DataFrame({"mineral": "cobalt", "supplier": ["CHN", "COD"], "as_of": utc(date)})
    joined = panel.join_steps(index, steps_of(facts))
    found = joined.join(mirror_trade.combine(joined))
    return found[panel.feature_names(signals)].set_index(index["supplier"])


@pytest.fixture(scope="module")
def facts() -> list[dict]:
    """Three normal years and a fourth in which Congo's sales halve to May; China's grow by half."""
    congo = [mirrored(year, 5, "COD", 50.0 if year < 2004 else 25.0) for year in YEARS]
    china = [mirrored(year, 5, "CHN", 20.0 if year < 2004 else 30.0) for year in YEARS]
    whole = [mirrored(year, 12, "COD", 120.0) for year in YEARS[:3]]
    return [*congo, *china, *whole, *(mirrored(year, 12, "CHN", 48.0) for year in YEARS[:3])]


def close(log: float) -> object:
    # The floor under both sides moves a ratio of a few hundred thousand dollars a little.
    return pytest.approx(log, abs=0.03)


def test_this_year_to_date_is_held_against_the_same_months(facts: list[dict]):
    found = features_at("2004-07-19", facts).loc["COD"]
    assert found["mirror_ytd_vs_3y"] == close(math.log(0.5))
    assert found["mirror_ytd_vs_1y"] == close(math.log(0.5))
    assert found["mirror_projected_vs_3y"] == close(math.log(0.5))
    assert found["mirror_share_change"] == pytest.approx(25 / 55 - 50 / 70)
    assert found["mirror_price_change"] == pytest.approx(0)
    assert found["mirror_reporters_falling"] == 1.0
    assert found["mirror_coverage"] == pytest.approx(0.4)
    assert found["mirror_weighted_change"] == pytest.approx(0.4 * found["mirror_ytd_vs_3y"])
    assert found["mirror_last_vs_3y"] != found["mirror_last_vs_3y"]  # three years before 2003 are not all known
    assert found["mirror_mineral_ytd_vs_1y"] == close(math.log(55 / 70))
    assert found["mirror_world_ytd_vs_1y"] == close(math.log(55 / 70))
    assert found["mirror_months"] == 5
    assert found["mirror_age_months"] == 2


def test_before_a_month_of_the_year_is_out_this_year_is_unknown(facts: list[dict]):
    found = features_at("2004-02-16", facts).loc["COD"]
    now = [name for name in found.index if "ytd" in name or "projected" in name]
    assert found[now].isna().all()
    assert found["mirror_months"] == 0
    assert found["mirror_age_months"] == 2  # December


def test_last_year_as_far_as_known_keeps_its_name_over_new_year(facts: list[dict]):
    # On 2 February 2005 nothing of 2005 is out, and of 2004 only January to May.
    found = features_at("2005-02-02", facts).loc["COD"]
    assert np.isnan(found["mirror_ytd_vs_3y"])
    assert found["mirror_last_vs_3y"] == close(math.log(0.5))
    later = features_at("2006-02-02", facts).loc["COD"]
    assert later[["mirror_ytd_vs_3y", "mirror_last_vs_3y"]].isna().all()


def test_a_stop_is_a_fall_and_a_pair_that_nobody_reports_is_missing():
    facts = [mirrored(year, 5, "COD", 50.0 if year < 2004 else 0.0) for year in YEARS]
    found = features_at("2004-07-19", facts)
    assert found.loc["COD", "mirror_ytd_tonnes_vs_3y"] < -3.5
    assert found.loc["CHN", ["mirror_ytd_vs_3y", "mirror_coverage", "mirror_reporters"]].isna().all()


def test_reporters_weigh_by_what_they_buy():
    large = [mirrored(year, 5, "COD", 900.0 if year < 2004 else 450.0, importer="JPN") for year in YEARS]
    small = [mirrored(year, 5, "COD", 100.0) for year in YEARS]
    found = features_at("2004-07-19", [*large, *small]).loc["COD"]
    assert found["mirror_ytd_vs_1y"] == close(math.log(550 / 1000))
    assert found["mirror_reporters_falling"] == 0.5
    assert found["mirror_reporters"] == 2
    assert found["mirror_coverage"] == pytest.approx(1.0)


def test_only_what_is_known_on_both_sides_is_compared():
    steady = [mirrored(year, 5, "COD", 500.0) for year in YEARS]
    withheld = [mirrored(year, 5, "COD", 900.0, importer="JPN") for year in YEARS]
    withheld[-1] |= {"value_usd": np.nan, "quantity_tonnes": np.nan}
    beginner = [mirrored(year, 5, "COD", 900.0, importer="DEU") for year in YEARS[2:]]
    found = features_at("2004-07-19", [*steady, *withheld, *beginner]).loc["COD"]
    assert found["mirror_ytd_vs_3y"] == pytest.approx(0.0, abs=1e-9)
    assert found["mirror_ytd_vs_1y"] == pytest.approx(0.0, abs=1e-9)
    assert found["mirror_price_change"] == pytest.approx(0.0, abs=1e-9)


def test_the_price_is_of_what_has_value_and_weight():
    both = [mirrored(year, 5, "COD", 500.0) for year in YEARS]
    weight_only = [mirrored(year, 5, "COD", 50.0 * year, importer="JPN") | {"value_usd": np.nan} for year in YEARS]
    found = features_at("2004-07-19", [*both, *weight_only]).loc["COD"]
    assert found["mirror_price_change"] == pytest.approx(0.0, abs=1e-9)


def test_own_declarations_are_kept_apart():
    own = {"reported_by": "supplier", "importer": "JPN", "source": "comexstat"}
    facts = [mirrored(year, 5, "COD", 5000.0 if year < 2004 else 500.0, **own) for year in YEARS]
    facts += [mirrored(year, 5, "COD", 50.0) for year in YEARS]
    found = features_at("2004-07-19", facts).loc["COD"]
    assert found["mirror_own_ytd_vs_3y"] == close(math.log(0.1))
    assert found["mirror_ytd_vs_3y"] == close(0.0)


def test_a_pair_whose_figures_were_withdrawn_is_missing_again(facts: list[dict]):
    gone = [{**fact, "is_retracted": True, "available_at": "2004-09-01"} for fact in facts if fact["supplier"] == "COD"]
    before, after = (features_at(date, [*facts, *gone]).loc["COD"] for date in ("2004-08-30", "2004-09-06"))
    assert before.notna()["mirror_ytd_vs_3y"]
    assert after[["mirror_ytd_vs_3y", "mirror_mineral_ytd_vs_3y"]].isna().tolist() == [True, False]


@pytest.fixture(scope="module")
def real_tables(shared: Path, catalog: Catalog, bundle_tables) -> dict[str, pd.DataFrame]:
    path = shared / "payloads/usitc_dataweb/2026-07-10/us_imports_for_consumption_1993-2026.xlsx"
    harvest = usitc_dataweb.harmonise(
        usitc_dataweb.parse(path), catalog, file=path.name, lag=None, now=utc("2026-11-23").to_pydatetime()
    )
    # What is asked about, and one more to be compared with.
    some = ["cobalt", "copper", "nickel", "tungsten"]
    trade, mirrored_, used = bundle_tables["trade"], harvest.tables["mirror_trade"], catalog.used_hs_codes()
    codes = codes_of_minerals(catalog, mirrored_["hs_code"])
    return {
        "trade": trade[trade["hs_code"].isin(used.loc[used["mineral"].isin(some), "hs_code"])],
        "mirror_trade": mirrored_[mirrored_["hs_code"].isin(codes.loc[codes["mineral"].isin(some), "hs_code"])],
    }


@pytest.fixture(scope="module")
def real_steps(real_tables: dict[str, pd.DataFrame], catalog: Catalog) -> list[Steps]:
    return mirror_trade.steps(real_tables, catalog)


@pytest.mark.parametrize("date", ["2009-02-02", "2014-07-21", "2022-12-05"])
def test_the_real_figures_replay(real_tables, real_steps, catalog: Catalog, date: str):
    moment = utc(date)
    cut = {name: table[table["available_at"] <= moment] for name, table in real_tables.items()}
    suppliers = real_tables["mirror_trade"]["supplier"].unique()
    index = pd.MultiIndex.from_product([["cobalt", "nickel", "tungsten"], suppliers], names=["mineral", "supplier"])
    index = index.to_frame(index=False).assign(as_of=moment)
    found = [
        mirror_trade.combine(panel.join_steps(index, {"mirror_trade": steps}))
        for steps in (mirror_trade.steps(cut, catalog), real_steps)
    ]
    pd.testing.assert_frame_equal(found[0], found[1], check_exact=True)
    assert found[0]["mirror_last_vs_3y"].notna().sum() > 20


def test_the_real_figures_show_chinas_tungsten_licences(real_steps):
    # Licences since February 2025: in the first five months of 2026 the United States got less than half the tonnes
    # of a year before, at more than twice the price.
    index = pd.DataFrame({"mineral": "tungsten", "supplier": "CHN", "as_of": [utc("2026-07-20")]})
    row = mirror_trade.combine(panel.join_steps(index, {"mirror_trade": real_steps})).iloc[0]
    assert row["mirror_ytd_tonnes_vs_1y"] < math.log(0.5)
    assert row["mirror_price_change"] > math.log(2)


def test_its_features_are_named_in_the_panel_and_directed():
    names = panel.feature_names([mirror_trade.SIGNAL])
    assert len(names) == len(set(names)) == 26
    directions = dict(zip(names, panel.directions_of(names), strict=True))
    assert directions["mirror_ytd_vs_3y"] == -1
    assert directions["mirror_price_change"] == directions["mirror_coverage"] == 0
    assert panel.directions_of([trade.SIGNAL.columns[0], "no such feature"]) == [0, 0]
