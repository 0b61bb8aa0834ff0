"""The gates on evidence: each lets a better model pass, and refuses one that is not, with the figure that says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml.promotion.evidence import Evidence, side_by_side
from ml.promotion.gates import Bounds, Gate, calibration_slope, evidence_gates

# About two thousand made-up rows per target have a calibration error of 0.02 by chance alone.
BOUNDS = Bounds(draws=200, max_ece=0.03)


def expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def evidence(*, better: float = 1.0, years: int = 8, seed: int = 0) -> Evidence:
    """Calibrated forecasts of 8 years x 30 minerals x 8 suppliers: the challenger knows `better` more than the other.

    The log-odds are the sum of a part that pair history knows, one the champion knows, and one only the challenger may.
    """
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [["supply_drop", "severe_supply_drop"], ["current_year"], range(30), range(8), range(2010, 2010 + years)],
        names=["target", "horizon", "mineral", "supplier", "year"],
    ).to_frame(index=False)
    n = len(index)
    history, known, hidden = rng.normal(0, 0.4, n), rng.normal(0, 0.6, n), rng.normal(0, 1.0, n)
    truth = expit(-1.0 + history + known + better * hidden)
    old = expit((-1.0 + history + known) / np.sqrt(1 + 0.346 * better**2))
    base = expit((-1.0 + history) / np.sqrt(1 + 0.346 * (0.36 + better**2)))
    facts = index.assign(
        mineral="m" + index["mineral"].astype(str),
        supplier="s" + index["supplier"].astype(str),
        as_of=pd.to_datetime(index["year"].astype(str) + "-07-16", utc=True),
        label=(rng.random(n) < truth).astype(float),
        onset=index["supplier"] % 4 != 0,
        is_major=index["supplier"] < 4,
        is_transit=index["supplier"] == 7,
    ).drop(columns="year")
    tables = [
        facts.assign(model=name, probability=p)
        for name, p in (("champion", old), ("challenger", truth), ("pair_history", base))
    ]
    return side_by_side(pd.concat(tables, ignore_index=True), source="made up")


@pytest.fixture(scope="module")
def good() -> Evidence:
    return evidence()


def gate(name: str, told: Evidence, bounds: Bounds = BOUNDS, *, same_recipe: bool = False) -> Gate:
    if name != "gain":
        bounds = replace(bounds, draws=2)  # no other gate draws
    return next(each for each in evidence_gates(told, bounds, same_recipe=same_recipe) if each.name == name)


def test_a_better_and_calibrated_challenger_passes_every_gate(good: Evidence) -> None:
    gates = evidence_gates(good, BOUNDS, same_recipe=False)
    assert {each.name: each.verdict for each in gates} == dict.fromkeys(
        ("origins", "gain", "slices", "calibration"), "passed"
    )


def test_the_interval_of_the_gain_is_what_decides(good: Evidence) -> None:
    found = gate("gain", good)
    skill, auc = found.rows
    assert skill["metric"] == "brier_skill"
    assert 0 < skill["gain_low"] < skill["gain_value"] < skill["gain_high"]
    assert 0.05 < auc["gain_low"] < auc["gain_value"] < 0.3
    assert f"{auc['gain_value']:+.4f} [{auc['gain_low']:+.4f} to {auc['gain_high']:+.4f}]" in found.found


def swapped(told: Evidence) -> Evidence:
    rows = told.rows.assign(champion=told.rows["challenger"], challenger=told.rows["champion"])
    return replace(told, rows=rows)


def test_a_worse_challenger_is_refused_by_gain_and_slices(good: Evidence) -> None:
    worse = swapped(good)
    assert gate("gain", worse).verdict == "refused"
    found = gate("slices", worse)
    assert found.verdict == "refused"
    assert "supply_drop current_year onset: AUC -0." in found.found


def test_an_equal_challenger_gains_nothing_and_loses_nothing(good: Evidence) -> None:
    equal = replace(good, rows=good.rows.assign(challenger=good.rows["champion"]))
    assert gate("gain", equal).verdict == "refused"
    assert gate("slices", equal).verdict == "passed"
    # Trained anew on later data: a backtest of the recipe can't tell the two apart, so a gain is not asked.
    assert gate("gain", equal, same_recipe=True).verdict == "not_asked"


def test_a_gain_within_its_interval_is_refused(good: Evidence) -> None:
    rows = good.rows
    noise = np.random.default_rng(3).normal(0, 0.03, len(rows))
    champion = rows["champion"].to_numpy()
    near = replace(good, rows=rows.assign(challenger=expit(np.log(champion / (1 - champion)) + noise)))
    found = gate("gain", near)
    if all(row["gain_value"] < 0 for row in found.rows):
        found = gate("gain", swapped(near))
    assert any(row["gain_value"] > 0 for row in found.rows)
    assert all(row["gain_low"] < 0 for row in found.rows if row["gain_value"] > 0)
    assert found.verdict == "refused"


def test_a_gain_on_continuation_alone_is_no_gain(good: Evidence) -> None:
    rows = good.rows
    only = replace(good, rows=rows.assign(challenger=rows["challenger"].where(~rows["onset"], rows["champion"])))
    assert gate("gain", only).verdict == "refused"


@pytest.mark.parametrize(("name", "column"), [("major", "is_major"), ("transit", "is_transit")])
def test_one_slice_that_loses_refuses_by_name(good: Evidence, name: str, column: str) -> None:
    rows = good.rows
    noise = pd.Series(np.random.default_rng(1).random(len(rows)), index=rows.index)
    lost = rows[column] & rows["target"].eq("severe_supply_drop")
    found = gate("slices", replace(good, rows=rows.assign(challenger=rows["challenger"].mask(lost, noise))))
    assert found.verdict == "refused"
    assert f"severe_supply_drop current_year {name}: AUC -0." in found.found
    assert "; supply_drop" not in found.found
    assert gate("slices", replace(good, rows=rows), Bounds(margin=0.0)).verdict == "passed"


def test_the_margin_is_what_a_slice_may_lose(good: Evidence) -> None:
    worse = swapped(good)
    assert gate("slices", worse, Bounds(margin=1.0)).verdict == "passed"


def test_a_slice_too_small_is_shown_and_not_judged(good: Evidence) -> None:
    rows = good.rows
    first = rows[rows["is_transit"]].groupby(["target", "horizon"]).head(12).index
    rows = rows.assign(is_transit=rows.index.isin(first))
    noise = rows["challenger"].where(~rows["is_transit"], 1 - rows["challenger"])
    found = gate("slices", replace(good, rows=rows.assign(challenger=noise)))
    small = [row for row in found.rows if row["slice"] == "transit"]
    assert [(row["n"], row["is_judged"], row["roc_auc_gain"]) for row in small] == [(12, False, None)] * 2
    assert found.verdict == "passed"
    assert "2 too small" in found.found


def test_too_few_origins_prove_nothing() -> None:
    found = gate("origins", evidence(years=4))
    assert found.verdict == "refused"
    assert found.found.startswith("4, 2010-07-16 to 2013-07-16; 1,920 rows")
    assert gate("origins", evidence(years=4), Bounds(min_origins=4)).verdict == "passed"


@pytest.mark.parametrize("spoil", [lambda p: p * 0.8, lambda p: expit(2.0 * np.log(p / (1 - p)))])
def test_a_challenger_that_is_not_calibrated_is_refused(good: Evidence, spoil) -> None:
    # Both keep the ranking: only calibration can tell.
    spoilt = replace(good, rows=good.rows.assign(challenger=spoil(good.rows["challenger"])))
    found = gate("calibration", spoilt)
    assert found.verdict == "refused"
    assert all(row["challenger_ece"] > row["champion_ece"] for row in found.rows)


def test_the_slope_is_one_where_calibrated_and_below_where_too_sure() -> None:
    rng = np.random.default_rng(0)
    log_odds = rng.normal(-1, 1, 20_000)
    label = (rng.random(20_000) < expit(log_odds)).astype(float)
    slopes = [calibration_slope(label, expit(times * log_odds)) for times in (1.0, 2.0, 0.5)]
    assert slopes == pytest.approx([1.0, 0.5, 2.0], rel=0.05)
    assert calibration_slope(np.zeros(5), np.full(5, 0.2)) is None
