"""The replay law: what was computed from what was known at a date is what the full tables give for that date.

Cutting every table at `available_at <= d` and joining at d must give the same bytes as joining the
full tables at d: for each signal, for the whole panel, on the embedded data and on small tables full of
revisions, ends and withdrawals.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog
from features.exports import yearly_exports
from features.signals.declaration import Signal, Steps
from features.store import Store
from models.targets import label_table
from tests.builders import (
    SUPPLIERS,
    event,
    random_geopolitics,
    random_hazards,
    random_mirror,
    random_news,
    random_prices,
    random_trade,
    random_transits,
    rows,
    utc,
)

DATES = ["2009-11-02", "2012-07-16", "2026-01-26"]
# Two cuts of the small tables for each seed: early, among many revisions, and after most of them.
SMALL_DATES = {0: ("2001-10-08", "2004-05-03"), 1: ("2003-02-03", "2007-02-05")}
MINERALS = ("cobalt", "manganese", "rare_earths", "tin")
BY_NAME = pytest.mark.parametrize("signal", panel.SIGNALS, ids=lambda signal: signal.name)
BY_SIGNAL = {signal.name: signal for signal in panel.SIGNALS}


def cut(tables: dict[str, pd.DataFrame], date: pd.Timestamp) -> dict[str, pd.DataFrame]:
    return {name: table[table["available_at"] <= date].reset_index(drop=True) for name, table in tables.items()}


def every_pair(date: pd.Timestamp, minerals, suppliers) -> pd.DataFrame:
    """Index all pairs at the date, a moment before it, and a half, one and four years before."""
    offsets = ["0D", "1us", "182D", "364D", "1456D"]
    at = [date - pd.Timedelta(offset) for offset in offsets]
    index = pd.MultiIndex.from_product([minerals, suppliers, at], names=panel.KEYS).to_frame(index=False)
    return index.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})


# --- the embedded data ----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=DATES)
def replayed(request, bundle_store: Store, catalog: Catalog):
    """Cut the store itself at a date and compute everything from the cut."""
    date = utc(request.param)
    tables = bundle_store.histories(panel.datasets_needed(), as_of=date.to_pydatetime())
    return date, tables, panel.all_steps(tables, catalog)


def test_the_embedded_data_replay_signal_by_signal(replayed, bundle_tables, bundle_steps, catalog: Catalog):
    date, _tables, steps = replayed
    suppliers = bundle_tables["measures"]["supplier"].unique()
    minerals = sorted({*bundle_tables["measures"]["mineral"], *bundle_tables["incidents"]["mineral"]})
    index = every_pair(date, minerals, suppliers)
    for signal in panel.SIGNALS:
        one = panel.join_steps(index, {signal.name: steps[signal.name]})
        two = panel.join_steps(index, {signal.name: bundle_steps[signal.name]})
        pd.testing.assert_frame_equal(one, two, check_exact=True)
        is_empty = any(bundle_tables[name].empty for name in signal.needs)
        is_too_early = signal.name == "production" and date.year < 2020
        assert one.drop(columns=panel.KEYS).notna().any().any() or is_empty or is_too_early


def test_the_embedded_panel_replays(replayed, bundle_steps, catalog: Catalog):
    date, _, steps = replayed
    dates = [date - pd.Timedelta(weeks=weeks) for weeks in (0, 1, 60)]
    one, two = (panel.build_panel(each, catalog, dates) for each in (steps, bundle_steps))
    assert len(one) > 1000
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_the_embedded_labels_replay(bundle_tables, bundle_exports: pd.DataFrame, catalog: Catalog):
    date = utc("2012-07-16")
    early = label_table(yearly_exports(cut({"trade": bundle_tables["trade"]}, date)["trade"], catalog))
    full = label_table(bundle_exports)
    expected = full[full["resolved_at"] <= date].reset_index(drop=True)
    assert len(expected) > 10_000
    pd.testing.assert_frame_equal(early, expected, check_exact=True)


# --- small tables with revisions ------------------------------------------------------------------


def later(rng: np.random.Generator, moment: pd.Timestamp) -> pd.Timestamp:
    return moment + pd.Timedelta(days=91 * int(rng.integers(1, 10)))


def yearly(rng: np.random.Generator, year: int, month: str, what: dict, value: str, draw) -> list[dict]:
    """Give one fact and perhaps its revisions, of which some withdraw it."""
    moment, found = utc(f"{year}-{month}-01"), []
    for number in range(rng.integers(1, 4)):
        is_retracted = bool(number and rng.random() < 0.4)
        found.append({**what, "year": year, value: draw(), "available_at": moment, "is_retracted": is_retracted})
        moment = later(rng, moment)
    return found


def random_events(rng: np.random.Generator, name: str) -> pd.DataFrame:
    records = []
    for number in range(25):
        known = utc("2001-01-01") + pd.Timedelta(days=int(rng.integers(0, 3000)))
        about = {
            "supplier": str(rng.choice(SUPPLIERS)),
            "kind": str(rng.choice(["export_ban", "export_tax", "licensing", "strike"])),
            "direction": str(rng.choice(["tightening", "tightening", "easing", "neutral"])),
            "severity": int(rng.integers(1, 4)),
        }
        ended, withdrawn = later(rng, known), later(rng, known)
        for mineral in rng.choice(MINERALS, size=rng.integers(1, 4), replace=False):
            first = event(f"event-{number}", str(mineral), known=known, **about)
            records.append(first)
            if number % 2 == 0:
                records.append({**first, "ended_at": ended, "available_at": ended + pd.Timedelta(days=1)})
            if number % 5 == 0:
                records.append({**first, "is_retracted": True, "available_at": withdrawn + pd.Timedelta(hours=7)})
                if number % 10 == 0:
                    records.append({**first, "available_at": withdrawn + pd.Timedelta(days=100)})
    return rows(name, records)


def random_coverage(rng: np.random.Generator) -> pd.DataFrame:
    records = []
    for name in ("measures", "incidents"):
        start, end = utc("2001-06-01"), utc("2005-01-01")
        records.append({"dataset": name, "bound": "from", "bound_at": start, "available_at": start})
        # A later edition reaches further back, and two further ahead.
        records.append({**records[-1], "bound_at": utc("2001-01-01"), "available_at": utc("2004-03-01")})
        for _ in range(3):
            records.append({"dataset": name, "bound": "until", "bound_at": end, "available_at": later(rng, end)})
            end = records[-1]["available_at"]
    return rows("coverage", records)


@functools.cache
def random_tables(seed: int) -> dict[str, pd.DataFrame]:
    """Give small tables of every dataset, made once; signals get copies."""
    rng = np.random.default_rng(seed)
    production, governance = [], []
    for year in range(2000, 2004):
        for supplier in SUPPLIERS:
            for mineral in MINERALS[:3]:
                what = {"mineral": mineral, "supplier": supplier, "is_estimated": False}
                if rng.random() < 0.6:
                    draw = lambda: float(rng.integers(0, 100))  # noqa: E731
                    production += yearly(rng, year, "05", what, "quantity_tonnes", draw)
            what = {"indicator": str(rng.choice(["rule_of_law", "political_stability"])), "supplier": supplier}
            governance += yearly(rng, year, "10", what, "estimate", lambda: float(rng.normal()))
    around = random_geopolitics(seed)
    return {
        **around,
        "trade": random_trade(seed, range(1999, 2005)),
        "prices": random_prices(seed),
        "mirror_trade": random_mirror(seed),
        "production": rows("production", production),
        "governance": rows("governance", governance),
        "measures": random_events(rng, "measures"),
        "incidents": random_events(rng, "incidents"),
        "coverage": pd.concat([random_coverage(rng), around["coverage"]], ignore_index=True),
        **random_news(seed),
        "hazards": random_hazards(seed),
        "transits": random_transits(seed),
    }


@functools.cache
def given(seed: int, name: str, date: str) -> dict[str, pd.DataFrame]:
    """Give copies of what a signal declared, as known at a date or, without one, in full: nobody else's."""
    tables = {needed: random_tables(seed)[needed] for needed in BY_SIGNAL[name].needs}
    return cut(tables, utc(date)) if date else {needed: table.copy(deep=True) for needed, table in tables.items()}


@pytest.fixture(scope="module")
def small_steps(catalog: Catalog):
    """Give what a signal makes of `given`, computed once."""

    @functools.cache
    def of(seed: int, name: str, date: str = "") -> list[Steps]:
        return BY_SIGNAL[name].steps(given(seed, name, date), catalog)

    return of


@BY_NAME
@pytest.mark.parametrize("seed", SMALL_DATES)
def test_small_tables_with_revisions_replay(seed: int, signal: Signal, small_steps):
    full = {signal.name: small_steps(seed, signal.name)}
    seen = 0
    for date in SMALL_DATES[seed]:
        index = every_pair(utc(date), MINERALS, SUPPLIERS)
        one = panel.join_steps(index, {signal.name: small_steps(seed, signal.name, date)})
        two = panel.join_steps(index, full)
        pd.testing.assert_frame_equal(one, two, check_exact=True)
        seen += int(two.drop(columns=panel.KEYS).notna().to_numpy().sum())
    assert seen > 100


@pytest.mark.parametrize("seed", [1])
def test_small_panels_with_revisions_replay(seed: int, catalog: Catalog, small_steps):
    steps = {signal.name: small_steps(seed, signal.name) for signal in panel.SIGNALS}
    for date in SMALL_DATES[seed]:
        early = {signal.name: small_steps(seed, signal.name, date) for signal in panel.SIGNALS}
        one, two = (panel.build_panel(each, catalog, [utc(date)]) for each in (early, steps))
        assert len(one) > 2
        pd.testing.assert_frame_equal(one, two, check_exact=True)


@BY_NAME
def test_a_signal_changes_no_table_it_is_given(signal: Signal, small_steps):
    assert small_steps(0, signal.name)
    # No signal was given these themselves.
    tables = random_tables(0)
    for name, table in given(0, signal.name, "").items():
        pd.testing.assert_frame_equal(table, tables[name])


@BY_NAME
def test_a_signal_reads_only_the_datasets_it_declares(signal: Signal, small_steps):
    # It is given no others.
    assert small_steps(0, signal.name)


@BY_NAME
def test_a_signal_has_steps_with_moments_in_one_type_and_no_step_twice(signal: Signal, small_steps):
    for step in small_steps(1, signal.name):
        assert str(step.frame["available_at"].dtype) == "datetime64[us, UTC]"
        assert not step.frame.duplicated([*step.keys, "available_at"]).any()
        assert step.keys in (("mineral", "supplier"), ("mineral",), ("supplier",), ())


@BY_NAME
def test_a_signal_without_any_data_is_missing_and_not_zero(signal: Signal, catalog: Catalog):
    tables = {name: table.head(0) for name, table in random_tables(0).items()}
    index = every_pair(utc("2005-01-03"), MINERALS, SUPPLIERS)
    joined = panel.join_steps(index, {signal.name: signal.steps(tables, catalog)})
    joined = joined.assign(**{name: np.nan for name in ("trade_share_3y",) if name not in joined})
    extra = signal.combine(joined)
    joined = joined.drop(columns=[name for name in extra if name in joined]).join(extra)
    assert joined[signal.columns].isna().all().all()
