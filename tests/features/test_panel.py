"""The panel: the tracked pairs and no others, each cell the newest one known, in one fixed shape."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog
from features.signals.declaration import Feature, Signal, Steps
from features.signals.trade import TRACKED_SHARE_FRAC
from tests.builders import flow, rows, series, utc

# Five of six indicators, buyers' figures, prices and estimates of one release are not in the embedded data.
NOT_EMBEDDED = (
    "geopolitics_",
    "governance_",
    "hazards_",
    "logistics_",
    "mirror_",
    "news_",
    "prices_",
    "production_estimate_change",
)
MONDAYS = [utc(day) for day in ("2005-01-31", "2005-02-07", "2013-07-01", "2026-11-23")]


@pytest.fixture(scope="module")
def built(bundle_steps, catalog: Catalog) -> pd.DataFrame:
    return panel.build_panel(bundle_steps, catalog, MONDAYS)


def small(records: list[dict], catalog: Catalog, days: list[str], **options) -> pd.DataFrame:
    tables = {name: rows(name, []) for name in panel.datasets_needed()} | {"trade": rows("trade", records)}
    return panel.build_panel(panel.all_steps(tables, catalog), catalog, [utc(day) for day in days], **options)


# --- shape ----------------------------------------------------------------------------------------


def test_the_columns_are_the_keys_the_attributes_and_every_declared_feature(built: pd.DataFrame):
    names = panel.feature_names()
    assert list(built.columns) == [*panel.KEYS, *panel.ATTRIBUTES, *names]
    assert len(set(names)) == len(names)
    assert len(names) > 90
    for name in names:
        assert str(built[name].dtype) == "float64"
        assert built[name].notna().any() or name.startswith(NOT_EMBEDDED), name


def test_no_cell_is_infinite(built: pd.DataFrame):
    assert not np.isinf(built[panel.feature_names()].to_numpy()).any()


def test_ratios_and_shares_stay_in_their_range(built: pd.DataFrame):
    for feature in panel.features_of():
        values = built[feature.name].dropna()
        if feature.unit == "log_ratio":
            assert values.between(-8, 8).all(), feature.name
        elif feature.name == "trade_buyer_spread":
            # One year in five with all the sales, from one buyer: the mean times the root of four.
            assert values.between(0, 2 + 1e-9).all()
        elif feature.unit == "frac" and feature.name != "trade_share_change":
            assert values.between(-1e-9, 1 + 1e-9).all(), feature.name
        elif feature.unit in ("count", "rank", "years", "tonnes_log", "usd_log"):
            assert (values >= 0).all(), feature.name


def test_each_feature_belongs_to_the_signal_that_declares_it():
    for signal in panel.SIGNALS:
        for feature in signal.features:
            assert panel.family_of(feature.name) == signal.name
            assert feature.name.startswith(f"{signal.name.partition('_')[0]}_")
            assert feature.sentence.endswith(".")
    with pytest.raises(KeyError, match="price_of_tea"):
        panel.family_of("price_of_tea")


def test_the_datasets_of_a_choice_of_signals_are_listed_once():
    usual = ["trade", "mirror_trade", "prices", "production", "governance", "measures", "coverage", "incidents"]
    world = ["geopolitics", "political_events", "sanctions", "transits", "hazards"]
    assert panel.datasets_needed() == [*usual, "news_links", "news_coverage", *world]
    assert panel.datasets_needed(panel.SIGNALS[:2]) == ["trade", "mirror_trade"]


# --- which pairs ----------------------------------------------------------------------------------


def test_exactly_the_tracked_pairs_come_each_once_and_sorted(built: pd.DataFrame, bundle_exports: pd.DataFrame):
    assert built[panel.KEYS].equals(built[panel.KEYS].sort_values(panel.KEYS, ignore_index=True))
    assert not built.duplicated(panel.KEYS).any()
    for monday in MONDAYS:
        last = monday.year - 2 if monday >= utc(f"{monday.year}-02-01") else monday.year - 3
        tonnes = bundle_exports[bundle_exports["year"].isin([last - 2, last - 1, last])]
        # A mineral counts once its codes cover three years.
        covered = tonnes.groupby("mineral")["year"].nunique()
        tonnes = tonnes[tonnes["mineral"].isin(covered.index[covered.eq(3)])]
        sold = tonnes.groupby(["mineral", "supplier"])["tonnes"].sum()
        share = sold / sold.groupby(level="mineral").transform("sum")
        close = share[(share - TRACKED_SHARE_FRAC).abs() < 1e-12].index
        assert len(close) == 0
        expected = set(share.index[share >= TRACKED_SHARE_FRAC])
        rows_then = built[built["as_of"].eq(monday)]
        assert set(zip(rows_then["mineral"], rows_then["supplier"], strict=True)) == expected
        found = rows_then.set_index(["mineral", "supplier"])
        np.testing.assert_allclose(found["share"], share.reindex(found.index), rtol=1e-12)
        assert found["is_major"].eq(found["share"] >= 0.05).all()
        assert found["trade_last_year"].eq(last).all()
        assert found["trade_known_at"].eq(utc(f"{last + 2}-02-01")).all()


def test_a_pair_is_tracked_from_one_per_cent(catalog: Catalog):
    world = series("CHN", [990.0] * 3)
    exactly = small([*world, *series("COD", [10.0, 10, 10])], catalog, ["2010-01-04"])
    below = small([*world, *series("COD", [10.0, 10, 9.99])], catalog, ["2010-01-04"])
    assert exactly["supplier"].tolist() == ["CHN", "COD"]
    assert below["supplier"].tolist() == ["CHN"]
    lower = small([*world, *series("COD", [10.0, 10, 9.99])], catalog, ["2010-01-04"], min_share=0.009)
    assert lower["supplier"].tolist() == ["CHN", "COD"]


def test_a_pair_that_lost_its_share_leaves_with_the_release_that_says_so(catalog: Catalog):
    records = [*series("CHN", [100.0] * 7), *series("COD", [50.0, 50, 50, None, None, None, None])]
    found = small(records, catalog, ["2006-01-30", "2007-01-29", "2007-02-05"])
    assert found.loc[found["supplier"].eq("COD"), "as_of"].tolist() == [utc("2006-01-30"), utc("2007-01-29")]


def test_the_order_and_repetition_of_dates_make_no_difference(built: pd.DataFrame, bundle_steps, catalog: Catalog):
    again = panel.build_panel(bundle_steps, catalog, [*MONDAYS[::-1], MONDAYS[1]])
    pd.testing.assert_frame_equal(again, built, check_exact=True)


@pytest.mark.parametrize("days", [[], ["1990-01-01"]])
def test_before_anything_is_known_the_panel_is_empty_with_the_same_columns(
    days: list[str], built: pd.DataFrame, bundle_steps, catalog: Catalog
):
    empty = panel.build_panel(bundle_steps, catalog, [utc(day) for day in days])
    assert len(empty) == 0
    assert list(empty.columns) == list(built.columns)
    names = panel.feature_names()
    assert empty[names].dtypes.eq("float64").all()


def test_without_any_data_the_panel_is_empty_with_the_same_columns(catalog: Catalog, built: pd.DataFrame):
    empty = small([], catalog, ["2010-01-04"])
    assert len(empty) == 0
    assert list(empty.columns) == list(built.columns)
    assert empty[panel.feature_names()].dtypes.eq("float64").all()


# --- transit --------------------------------------------------------------------------------------


def test_a_hub_is_transit_and_a_source_that_stopped_is_not(catalog: Catalog):
    records = [
        *series("COD", [100.0] * 6),
        *[flow(year, "COD", "NLD", 50) for year in range(2000, 2006)],
        *[flow(year, "NLD", "USA", 49) for year in range(2000, 2006)],
        *series("AUS", [100.0] * 5),
    ]
    found = small(records, catalog, ["2007-02-05"]).set_index("supplier")["is_transit"]
    assert found.to_dict() == {"AUS": False, "COD": False, "NLD": True}


def test_who_produces_is_never_transit_and_who_mines_nothing_but_sells_ore_is(built: pd.DataFrame):
    late = built[built["as_of"].eq(MONDAYS[-1])]
    is_known = late["production_is_producer"].notna()
    assert not late.loc[late["production_is_producer"].eq(1.0), "is_transit"].any()
    sells_ore = late["production_is_producer"].eq(0.0) & late["stage"].eq("extraction")
    assert sells_ore.sum() > 5
    assert late.loc[sells_ore, "is_transit"].all()
    assert is_known.mean() > 0.5


# --- the join -------------------------------------------------------------------------------------


def value_slowly(step: Steps, name: str, row: dict) -> float:
    """Walk through a step function's rows for the newest of the same keys that was known."""
    found, newest = math.nan, None
    for keys, moment, value in zip(
        step.frame[list(step.keys)].itertuples(index=False, name=None) if step.keys else [()] * len(step.frame),
        step.frame["available_at"],
        step.frame[name],
        strict=True,
    ):
        is_known = moment <= row["as_of"] and keys == tuple(row[key] for key in step.keys)
        if is_known and (newest is None or moment > newest):
            found, newest = value, moment
    return found


def test_cells_equal_a_slow_as_of_join(bundle_steps):
    rng = np.random.default_rng(5)
    steps = [step for parts in bundle_steps.values() for step in parts]
    columns = [(step, name) for step in steps for name in step.frame.columns.difference([*step.keys, "available_at"])]
    pairs = bundle_steps["trade"][0].frame[["mineral", "supplier"]].drop_duplicates()
    index = pairs.sample(400, random_state=5).assign(
        as_of=[utc("1998-01-05") + pd.Timedelta(weeks=int(week)) for week in rng.integers(0, 1500, 400)]
    )
    index = index.sort_values(panel.KEYS, ignore_index=True)
    joined = panel.join_steps(index, bundle_steps)
    assert joined[panel.KEYS].equals(index)
    # Only the rows of one key, so that a walk through them stays short.
    for number, row in enumerate(joined.to_dict("records")):
        step, name = columns[int(rng.integers(0, len(columns)))]
        frame = step.frame
        for key in step.keys:
            frame = frame[frame[key].eq(row[key])]
        expected = value_slowly(Steps(step.keys, frame), name, row)
        np.testing.assert_equal(row[name], expected, err_msg=f"row {number}, {name}")
    embedded = [name for _, name in columns if not name.startswith(NOT_EMBEDDED)]
    assert joined[embedded].notna().to_numpy().mean() > 0.15


@pytest.mark.parametrize("keys", [("mineral", "supplier"), ("mineral",), ("supplier",), ()])
def test_the_moment_itself_counts_and_a_microsecond_before_does_not(keys: tuple[str, ...]):
    moment = utc("2010-03-01")
    about = {"mineral": "cobalt", "supplier": "COD"}
    step = Steps(keys, pd.DataFrame([{**{k: about[k] for k in keys}, "available_at": moment, "x": 7.0}]))
    moments = [moment - pd.Timedelta("1us"), moment, moment + pd.Timedelta("1us")]
    index = pd.DataFrame([{**about, "as_of": at} for at in moments])
    found = panel.join_steps(index, {"s": [step]})
    np.testing.assert_array_equal(found["x"], [math.nan, 7.0, 7.0])


def test_rows_come_back_in_their_order_also_where_nothing_is_known():
    step = Steps(
        ("mineral", "supplier"),
        pd.DataFrame([{"mineral": "cobalt", "supplier": "COD", "available_at": utc("2010-01-04"), "x": 1.0}]),
    )
    index = pd.DataFrame(
        [("tin", "BOL"), ("cobalt", "COD"), ("cobalt", "AUS"), ("cobalt", "COD")], columns=["mineral", "supplier"]
    ).assign(as_of=[utc("2011-01-03"), utc("2011-01-03"), utc("2011-01-03"), utc("2009-01-05")])
    found = panel.join_steps(index, {"s": [step]})
    pd.testing.assert_frame_equal(found[panel.KEYS], index)
    np.testing.assert_array_equal(found["x"], [math.nan, 1.0, math.nan, math.nan])


def test_an_empty_step_function_gives_missing_cells():
    step = Steps(("supplier",), pd.DataFrame(columns=["supplier", "available_at", "x"]))
    index = pd.DataFrame({"mineral": ["cobalt"], "supplier": ["COD"], "as_of": [utc("2011-01-03")]})
    assert panel.join_steps(index, {"s": [step]})["x"].isna().all()


def test_a_choice_of_signals_gives_their_features_only(bundle_steps, built: pd.DataFrame, catalog: Catalog):
    chosen = [signal for signal in panel.SIGNALS if signal.name in ("trade", "governance")]
    steps = {signal.name: bundle_steps[signal.name] for signal in chosen}
    found = panel.build_panel(steps, catalog, MONDAYS[:1], chosen)
    assert list(found.columns) == [*panel.KEYS, *panel.ATTRIBUTES, *panel.feature_names(chosen)]
    same = built[built["as_of"].eq(MONDAYS[0])].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[panel.feature_names(chosen)], same[panel.feature_names(chosen)])


def test_a_signal_of_ones_own_can_be_added(bundle_steps, catalog: Catalog):
    frame = pd.DataFrame({"available_at": [utc("2000-01-01")], "mine_x": [3]})
    own = Signal("mine", (), (Feature("mine_x", "count", "Three."),), lambda tables, catalog: [Steps((), frame)])
    steps = {"trade": bundle_steps["trade"], "mine": own.steps({}, catalog)}
    found = panel.build_panel(steps, catalog, MONDAYS[:1], [panel.SIGNALS[0], own])
    assert found["mine_x"].eq(3.0).all()
    assert str(found["mine_x"].dtype) == "float64"
    assert len(found) > 300
