"""What events are worth: which rows have one, known beforehand or not, shares by hand, and the page."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from features import datasets
from ml.event_worth import (
    TIMINGS,
    covered_origins,
    event_slices,
    fell_with_and_without,
    having,
    known_events,
    worth_table,
)
from ml.event_worth_report import render_event_worth
from ml.origins import Origin
from tests.builders import event, rows, utc

AS_OF = utc("2020-07-20")


def wanted(**other) -> pd.DataFrame:
    return pd.DataFrame({"mineral": ["tin"], "supplier": ["IDN"], "as_of": [AS_OF], "target_year": [2020]} | other)


def events(*records: dict) -> pd.DataFrame:
    return known_events(rows("measures", records), datasets.empty("incidents"))


@pytest.mark.parametrize(
    ("known", "before", "during"),
    [
        ("2019-07-22", False, False),
        ("2019-07-23", True, False),
        ("2019-12-31", True, False),
        ("2020-07-20", True, True),
        ("2020-07-21", False, True),
        ("2021-01-01", False, False),
    ],
)
def test_an_event_is_known_beforehand_or_falls_into_the_year_itself(known: str, before: bool, during: bool):
    found = events(event("a", "tin", "IDN", known))
    assert having(wanted(), found, "before_same_year").tolist() == [before]
    assert having(wanted(), found, "during").tolist() == [during]


def test_only_tightening_events_of_the_pair_count():
    others = [
        event("a", "tin", "IDN", "2020-02-01", direction="easing"),
        event("b", "lead", "IDN", "2020-02-01"),
        event("c", "tin", "MMR", "2020-02-01"),
    ]
    assert not having(wanted(), events(*others), "before_same_year").any()


def test_an_event_withdrawn_before_the_origin_was_not_known():
    first = event("a", "tin", "IDN", "2020-02-01")
    gone = first | {"available_at": utc("2020-06-01"), "is_retracted": True}
    assert not having(wanted(), events(first, gone), "before_same_year").any()


def test_an_act_of_unknown_day_is_known_from_the_next_year_on_and_falls_into_no_year():
    # Announced some day in 2019, and so known with 2020: it did not become known during 2020.
    undated = event("a", "tin", "IDN", "2020-01-01", announced_at=pd.NaT)
    assert having(wanted(), events(undated), "during").tolist() == [False]
    assert having(wanted(), events(undated), "before_same_year").tolist() == [True]
    # Incidents state no day of announcement, and have one.
    strike = rows("incidents", [event("s", "tin", "IDN", "2020-03-01", kind="strike")])
    both = known_events(rows("measures", [undated]), strike)
    assert dict(zip(both["family"], both["is_dated"], strict=True)) == {"measures": False, "incidents": True}
    assert having(wanted(), both, "during").tolist() == [True]
    alone = known_events(datasets.empty("measures"), strike)
    assert having(wanted(), alone, "during").tolist() == [True]


def test_an_origin_is_covered_where_the_year_before_it_was_known_to_be():
    origins = [Origin(utc(day).to_pydatetime()) for day in ("2009-12-28", "2009-12-31", "2011-07-18", "2012-07-16")]
    bounds = [("from", "2009-01-01", "2009-01-01"), ("from", "2012-01-01", "2012-03-01")]
    coverage = rows(
        "coverage",
        [
            {"dataset": "measures", "bound": which, "bound_at": utc(day), "available_at": utc(known)}
            for which, day, known in bounds
        ],
    )
    assert covered_origins(origins, coverage) == [origins[1], origins[2]]
    assert covered_origins(origins, datasets.empty("coverage")) == []


def test_slices_of_the_pooled_comparison_hold_what_was_known_at_the_forecast():
    own = pd.DataFrame(
        {
            "mineral": ["tin", "tin", "lead", "zinc"],
            "supplier": "IDN",
            "as_of": [AS_OF, utc("2019-07-22"), AS_OF, AS_OF],
            "onset": [True, True, False, True],
            "is_major": [False, True, True, False],
        }
    )
    # Known before the origin; known after it, in the same year; and one of severity 3 in the year before.
    found = events(
        event("a", "tin", "IDN", "2020-06-01"),
        event("b", "lead", "IDN", "2020-09-01"),
        event("c", "zinc", "IDN", "2019-11-01", severity=3),
    )
    assert {name: mask.tolist() for name, mask in event_slices(own, found).items()} == {
        "all": [True, True, True, True],
        "onset": [True, True, False, True],
        "major": [False, True, True, False],
        "with an event beforehand": [True, False, False, True],
        "with one of severity 3": [False, False, False, True],
    }


def toy(n: int = 600) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "mineral": rng.choice(["tin", "lead", "zinc", "cobalt", "nickel"], n),
            "as_of": [utc(f"{year}-07-20") for year in rng.integers(2010, 2024, n)],
        }
    )
    has = pd.Series(rng.random(n) < 0.1)
    return frame.assign(label=(rng.random(n) < np.where(has, 0.5, 0.1)).astype("float64")), has


def test_shares_are_those_of_the_rows_and_the_interval_holds_them():
    frame, has = toy()
    found = fell_with_and_without(frame, has, n_draws=100)
    assert (found["n"], found["events"]) == (len(frame), int(has.sum()))
    assert found["share_with"]["value"] == pytest.approx(frame.loc[has, "label"].mean())
    assert found["share_without"]["value"] == pytest.approx(frame.loc[~has, "label"].mean())
    assert found["fell_with"] + found["fell_without"] == frame["label"].sum()
    difference = found["difference"]
    assert 0 < difference["low"] < difference["value"] < difference["high"]


def test_events_at_random_are_worth_nothing():
    frame, _ = toy()
    has = pd.Series(np.random.default_rng(9).random(len(frame)) < 0.1)
    found = fell_with_and_without(frame, has, n_draws=100)["difference"]
    assert found["low"] < 0 < found["high"]


def test_without_any_event_there_is_no_share_and_the_page_says_so():
    frame, _ = toy()
    frame = frame.assign(supplier="IDN", target_year=frame["as_of"].dt.year, onset=True, is_major=True)
    rows_of = dict.fromkeys(TIMINGS.values(), frame)
    record = event("a", "tin", "IDN", "2015-06-01", severity=2)
    table = worth_table(rows_of, events(record), n_draws=10)
    severe = next(row for row in table if row["severity"] == "3")
    assert (severe["events"], severe["share_with"]["value"]) == (0, None)
    both = [row for row in table if row["family"] == "both" and row["severity"] == "any" and row["slice"] == "all"]
    in_2015 = frame["mineral"].eq("tin") & frame["as_of"].dt.year.eq(2015)
    assert {row["timing"]: row["events"] for row in both}["during"] == int(in_2015.sum())
    cell = {"value": 0.5, "low": 0.4, "high": 0.6}
    pooled = [
        {"slice": "all", "n": 9, "events": 3, "brier": {"value": cell, "change": cell}}
        | {name: cell for metric in ("roc_auc", "when") for name in (metric, f"{metric}_gain")}
    ]
    result = {"about": {"command": "oresight event-worth --out DIR"}, "table": table, "pooled": pooled}
    page = render_event_worth(result)
    assert "Generated by `oresight event-worth --out DIR`" in page
    assert "known beforehand, same year, all rows: – of 0 with an event" in page
    json.dumps(result, allow_nan=False)
