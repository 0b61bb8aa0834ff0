"""New export measures: which acts count and when, windows, void and replay; baselines; longer windows."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from features import datasets
from models.coherence import raise_longer
from models.restriction_baselines import DidItBefore, OverallRate, Wave, rate_before
from models.restriction_onset import (
    HISTORY,
    HORIZONS_WEEKS,
    KINDS,
    announcements,
    attach_onsets,
    coverage_from,
    with_history,
)
from tests.builders import event, rows, utc

LATER = utc("2030-01-07")
AS_OF = utc("2020-01-06")
OPEN = [("from", "2009-01-01", "2009-01-01")]


def act(event_id: str, mineral: str, supplier: str, day: str, **other) -> dict:
    """An act announced on `day`, known when that day is over."""
    known = utc(day) + pd.Timedelta(days=1)
    return event(event_id, mineral, supplier, known) | {"announced_at": utc(day)} | other


def coverage(bounds: list[tuple[str, str, str]] = OPEN, **other) -> pd.DataFrame:
    """Bounds as (which, day, known on)."""
    return rows(
        "coverage",
        [
            {"dataset": "measures", "bound": which, "bound_at": utc(day), "available_at": utc(known)} | other
            for which, day, known in bounds
        ],
    )


def asked(*dates: pd.Timestamp, mineral: str = "cobalt", supplier: str = "COD") -> pd.DataFrame:
    return pd.DataFrame({"mineral": mineral, "supplier": supplier, "as_of": list(dates or (AS_OF,))})


def resolved(records: list[dict], horizon: str = "13w", bounds: list | None = None, moment: pd.Timestamp = LATER):
    table = rows("measures", records) if records else datasets.empty("measures")
    found = attach_onsets(asked(), announcements(table), coverage(bounds or OPEN), horizon, moment=moment)
    return found.iloc[0]


# --- which acts count -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_restriction_counts(kind: str):
    assert resolved([act("a", "cobalt", "COD", "2020-02-01", kind=kind)])["label"] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "sanctions"},
        {"direction": "easing", "kind": "easing"},
        {"direction": "neutral"},
        {"mineral": "copper"},
        {"supplier": "ZMB"},
    ],
)
def test_sanctions_easings_and_other_pairs_do_not(other: dict):
    assert resolved([act("a", "cobalt", "COD", "2020-02-01") | other])["label"] == 0


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "label"), [("2020-01-05", 0), ("2020-01-06", 1), ("2020-04-05", 1), ("2020-04-06", 0)])
def test_a_window_holds_its_first_day_and_not_the_day_it_ends_on(day: str, label: int):
    found = resolved([act("a", "cobalt", "COD", day)])
    assert found["label"] == label
    assert (found["window_start"], found["window_end"]) == (AS_OF, utc("2020-04-06"))


def test_a_label_is_resolved_at_the_end_of_its_window_though_the_act_came_early():
    records = [act("a", "cobalt", "COD", "2020-01-07")]
    assert resolved(records)["resolved_at"] == utc("2020-04-06")
    early = resolved(records, moment=utc("2020-04-05"))
    assert np.isnan(early["label"])
    assert pd.isna(early["resolved_at"])
    assert pd.isna(early["void_reason"])


def test_what_was_announced_before_and_only_became_known_inside_is_not_new():
    late = act("a", "cobalt", "COD", "2019-12-01") | {"available_at": utc("2020-02-01")}
    assert resolved([late])["label"] == 0


def test_what_becomes_known_after_the_resolution_changes_no_label():
    late = act("a", "cobalt", "COD", "2020-02-01") | {"available_at": utc("2020-06-01")}
    assert resolved([late])["label"] == 0


def test_an_act_withdrawn_before_the_resolution_is_none():
    first = act("a", "cobalt", "COD", "2020-02-01")
    gone = first | {"available_at": utc("2020-03-01"), "is_retracted": True}
    assert resolved([first, gone])["label"] == 0
    assert resolved([first, gone | {"available_at": utc("2020-05-01")}])["label"] == 1


def test_an_act_told_by_two_sources_is_one():
    one = act("a", "cobalt", "COD", "2020-02-01")
    other = one | {"event_id": "x-1", "source": "another", "available_at": utc("2020-02-20")}
    acts = announcements(rows("measures", [one, other]))
    assert acts["event_id"].tolist() == ["a"]


# --- void -----------------------------------------------------------------------------------------


def test_a_window_beyond_the_coverage_is_void_and_not_calm():
    bounds = [*OPEN, ("until", "2020-04-05", "2020-04-05")]
    assert resolved([], bounds=bounds)["label"] == 0
    short = resolved([], bounds=[*OPEN, ("until", "2020-04-04", "2020-04-04")])
    assert np.isnan(short["label"])
    assert "beyond" in short["void_reason"]
    # Not even an act makes it an event: the windows without one would be missing.
    seen = [act("a", "cobalt", "COD", "2020-02-01")]
    assert np.isnan(resolved(seen, bounds=[*OPEN, ("until", "2020-04-04", "2020-04-04")])["label"])


def test_a_window_before_the_coverage_is_void():
    found = resolved([], bounds=[("from", "2020-01-07", "2009-01-01")])
    assert np.isnan(found["label"])
    assert "before" in found["void_reason"]


def test_a_table_brought_up_to_date_later_resolves_the_window_then():
    bounds = [*OPEN, ("until", "2020-03-01", "2020-03-01"), ("until", "2021-01-01", "2021-01-02")]
    found = resolved([act("a", "cobalt", "COD", "2020-03-20") | {"available_at": utc("2021-01-02")}], bounds=bounds)
    assert found["label"] == 1
    assert found["resolved_at"] == utc("2021-01-02")
    assert np.isnan(resolved([], bounds=bounds, moment=utc("2021-01-01"))["label"])


def test_a_window_that_may_hold_an_act_of_unknown_day_is_void():
    undated = event("a", "cobalt", "COD", "2020-12-31") | {"announced_at": pd.NaT}
    assert "no known day" in resolved([undated], "52w")["void_reason"]
    # The window of 13 weeks was resolved before anybody heard of it.
    assert resolved([undated])["label"] == 0


def test_without_a_beginning_nothing_is_covered():
    assert coverage_from(datasets.empty("coverage"), asked()["as_of"]).isna().all()
    found = attach_onsets(
        asked(), announcements(datasets.empty("measures")), datasets.empty("coverage"), "13w", moment=LATER
    )
    assert found["label"].isna().all()


def test_the_beginning_of_the_table_is_what_it_was_known_to_be_at_each_date():
    bounds = coverage(
        [
            ("from", "2009-01-01", "2010-01-01"),
            ("until", "2011-01-01", "2012-01-01"),
            ("from", "2000-01-01", "2020-01-06"),
        ]
    )
    gone = coverage([("from", "2000-01-01", "2022-01-03")], is_retracted=True)
    other = coverage([("from", "1990-01-01", "2010-01-01")], dataset="incidents")
    bounds = pd.concat([gone, bounds, other], ignore_index=True)
    days = ("2020-01-06", "2009-12-31", "2022-01-03", "2010-01-01", "2020-01-05")
    dates = pd.Series([utc(day) for day in days], index=[7, 3, 5, 1, 0])
    found = coverage_from(bounds, dates)
    assert found.index.tolist() == [7, 3, 5, 1, 0]
    told = [None if pd.isna(moment) else str(moment.date()) for moment in found]
    assert told == ["2000-01-01", None, None, "2009-01-01", "2009-01-01"]


# --- state and history ----------------------------------------------------------------------------


def history(records: list[dict], *dates: str, **pair: str) -> pd.DataFrame:
    return with_history(asked(*map(utc, dates), **pair), announcements(rows("measures", records)))


def test_a_pair_is_free_until_known_and_again_once_it_ended_and_three_years_passed():
    first = act("a", "cobalt", "COD", "2015-01-05")
    ended = first | {"available_at": utc("2016-01-04"), "ended_at": utc("2016-01-03")}
    found = history([first, ended], "2015-01-05", "2015-01-06", "2016-06-06", "2018-01-01", "2018-01-02")
    assert found["onset"].tolist() == [True, False, False, False, True]
    never_ended = history([first], "2024-01-01")
    assert never_ended["onset"].tolist() == [False]


def test_history_counts_acts_once_each():
    two = [act("a", mineral, "COD", "2019-06-01") for mineral in ("cobalt", "copper")]
    records = [*two, act("b", "cobalt", "COD", "2017-06-01"), act("c", "cobalt", "ZMB", "2019-07-01")]
    found = history(records, "2020-01-06").iloc[0]
    assert found[list(HISTORY)].tolist() == [2, 2, 1, 1, 2]
    assert history(records, "2019-06-01").iloc[0]["before_pair"] == 1


def random_acts(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    records = []
    for number in range(60):
        day = utc("2015-01-01") + pd.Timedelta(days=int(rng.integers(0, 2000)))
        known = day + pd.Timedelta(days=1 if rng.random() < 0.8 else int(rng.integers(30, 400)))
        base = event(str(number), str(rng.choice(["cobalt", "tin"])), str(rng.choice(["COD", "CHN"])), known)
        base |= {"announced_at": day if rng.random() < 0.9 else pd.NaT, "kind": str(rng.choice([*KINDS, "sanctions"]))}
        records.append(base)
        if rng.random() < 0.3:
            records.append(base | {"available_at": known + pd.Timedelta(days=300), "ended_at": day})
        if rng.random() < 0.2:
            records.append(base | {"available_at": known + pd.Timedelta(days=500), "is_retracted": True})
    bounds = [*OPEN, ("until", "2017-03-01", "2017-03-01"), ("until", "2018-09-01", "2018-11-01")]
    dates = [utc("2015-01-05") + pd.Timedelta(weeks=5 * n) for n in range(50)]
    pairs = [asked(*dates, mineral=m, supplier=s) for m in ("cobalt", "tin") for s in ("COD", "CHN")]
    return rows("measures", records), coverage(bounds), pd.concat(pairs, ignore_index=True)


@pytest.mark.parametrize("seed", range(2))
def test_what_was_known_at_a_date_is_the_same_from_what_was_stored_then(seed: int):
    measures, bounds, wanted = random_acts(seed)
    full_acts = announcements(measures)
    compared = 0
    for day in ("2016-05-02", "2017-09-04", "2018-12-03"):
        date = utc(day)
        early = announcements(measures[measures["available_at"] <= date])
        early_bounds = bounds[bounds["available_at"] <= date]
        past = wanted[wanted["as_of"] <= date].reset_index(drop=True)
        pd.testing.assert_frame_equal(with_history(past, early), with_history(past, full_acts))
        for horizon in HORIZONS_WEEKS:
            then = attach_onsets(past, early, early_bounds, horizon, moment=date)
            full = attach_onsets(past, full_acts, bounds, horizon, moment=LATER)
            settled = full["resolved_at"].le(date)
            columns = ["label", "resolved_at", "window_end"]
            pd.testing.assert_frame_equal(then.loc[settled, columns], full.loc[settled, columns])
            assert then.loc[~settled, "label"].isna().all()
            compared += int(full.loc[settled, "label"].sum())
    assert compared > 30


@pytest.mark.parametrize("seed", range(2))
def test_longer_windows_hold_every_act_of_shorter_ones(seed: int):
    measures, bounds, wanted = random_acts(seed)
    labels = [attach_onsets(wanted, announcements(measures), bounds, h, moment=LATER)["label"] for h in HORIZONS_WEEKS]
    for short, long in itertools.pairwise(labels):
        both = short.notna() & long.notna()
        # A withdrawal between the two resolutions can take one away.
        assert (short[both] <= long[both]).mean() > 0.95


# --- baselines and coherence ----------------------------------------------------------------------


def toy(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"supplier": ["CHN", "COD"] * (n // 2), "as_of": np.repeat([AS_OF, utc("2020-04-06")], n // 2)}
    )
    frame = frame.assign(
        before_pair=np.where(frame["supplier"].eq("CHN"), 4, 0), anywhere_52w=6, mineral_52w=[0, 3] * (n // 2)
    )
    frame = frame.assign(label=(rng.random(n) < np.where(frame["supplier"].eq("CHN"), 0.3, 0.02)).astype("float64"))
    rate = rate_before(frame, pd.Series(10.0, index=frame.index), pd.Series(True, index=frame.index))
    return frame.assign(rate_before=rate)


def test_baselines_are_right_on_average_and_tell_who_did_it_before():
    frame = toy()
    for model in (OverallRate(), DidItBefore("26w"), Wave()):
        probability = model.fit(frame).predict(frame)
        assert probability.mean() == pytest.approx(
            frame["label"].mean(), rel=0.35 if model.name == "persistence" else 1e-9
        )
        assert ((probability >= 0) & (probability <= 1)).all()
    chance = DidItBefore("26w").fit(frame).predict(frame)
    assert chance[frame["supplier"].eq("CHN")].min() > 3 * chance[frame["supplier"].eq("COD")].max()


def test_a_supplier_that_did_it_before_pulls_its_other_pairs_and_all_pull_the_rest():
    frame = pd.DataFrame({"supplier": ["CHN", "CHN", "COD"], "as_of": AS_OF, "before_pair": [9, 0, 0]})
    years, tracked = pd.Series(10.0, index=frame.index), pd.Series(True, index=frame.index)
    own, other, stranger = rate_before(frame, years, tracked)
    assert own > other > stranger > 0
    # By hand: all 0.3 a year, China (9 + 5 x 2 x 0.3) / (2 x 15) = 0.4, the pair (9 + 5 x 0.4) / 15.
    assert own == pytest.approx(11 / 15)


def test_longer_windows_are_raised_and_nothing_is_lowered():
    frame = pd.DataFrame(
        {
            "horizon": ["13w", "26w", "52w", "13w", "52w", "26w"],
            "mineral": ["tin"] * 3 + ["zinc"] * 2 + ["lead"],
            "probability": [0.3, 0.1, 0.2, 0.5, 0.4, 0.1],
            "p_low": [0.2, 0.1, 0.1, np.nan, 0.3, 0.0],
            "p_high": [0.4, 0.5, 0.3, 0.6, 0.5, 0.2],
        }
    )
    raised = raise_longer(frame, HORIZONS_WEEKS, key=["mineral"])
    assert raised["probability"].tolist() == [0.3, 0.3, 0.3, 0.5, 0.5, 0.1]
    assert raised["p_high"].tolist() == [0.4, 0.5, 0.5, 0.6, 0.6, 0.2]
    assert raised["horizon"].tolist() == frame["horizon"].tolist()
