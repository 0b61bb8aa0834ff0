"""Counts of events in windows, in force, elsewhere and at others: recounted event by event from the CSV."""

from __future__ import annotations

import csv
import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog
from features.collection import BUNDLE
from features.signals import event_windows, incidents, restrictions
from features.signals.declaration import Signal, Steps
from features.sources.events import COVERED_FROM, COVERED_UNTIL, INCIDENT_KINDS, MEASURE_KINDS
from tests.builders import event, rows, utc
from tests.once import once

A_DAY = dt.timedelta(days=1)
WINDOWS = (13, 26, 52, 156)


@dataclass(frozen=True)
class Event:
    known: dt.datetime
    over: dt.datetime | None
    supplier: str
    minerals: frozenset[str]
    kind: str
    direction: str
    severity: int


def midnight(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def listed(catalog: Catalog) -> list[Event]:
    found = []
    with (BUNDLE / "events.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            known = midnight(row["announced_on"]) + A_DAY
            over = midnight(row["ended_on"]) + A_DAY if row["ended_on"] else None
            if over == known:
                over += A_DAY  # announced and ended on one day: the end is the later fact
            minerals = {catalog.mineral_of_word(word.strip()) for word in row["minerals"].split(";") if word.strip()}
            about = row["country_iso3"], frozenset(minerals), row["kind"], row["direction"], int(row["severity"])
            found.append(Event(known, over, *about))
    return found


def covered(weeks: int, as_of: dt.datetime) -> bool:
    """Tell whether the middle of the window lies in the span that the compilation covers."""
    start, end = midnight(str(COVERED_FROM)), midnight(str(COVERED_UNTIL))
    return start <= as_of - dt.timedelta(weeks=weeks) / 2 < end


def choose(listed: list[Event], level: str, mineral: str, supplier: str) -> list[Event]:
    """Give the events of a level; an event counts once however many minerals it touches."""
    if level == "pair":
        return [e for e in listed if e.supplier == supplier and mineral in e.minerals]
    if level == "elsewhere":
        return [e for e in listed if e.supplier != supplier and mineral in e.minerals]
    return [e for e in listed if e.supplier == supplier and mineral not in e.minerals]


def measures_slowly(chosen: list[Event], count: str, as_of: dt.datetime) -> float:
    known = [e for e in chosen if e.kind in MEASURE_KINDS and e.known <= as_of]
    tight = [e for e in known if e.direction == "tightening"]
    in_force = [e for e in tight if e.over is None or e.over > as_of]
    if count.startswith("new_"):
        return sum(as_of < e.known + dt.timedelta(weeks=int(count[4:-1])) for e in tight)
    if count == "eased_52w":
        return sum(e.direction == "easing" and as_of < e.known + dt.timedelta(weeks=52) for e in known)
    if count == "in_force":
        return len(in_force)
    if count == "severity_in_force":
        return sum(e.severity for e in in_force)
    kinds = {
        "ban_or_quota": {"export_ban", "export_quota", "price_floor_or_quota"},
        "tax": {"export_tax"},
        "licensing": {"licensing"},
        "processing": {"domestic_processing_requirement", "processing_requirement"},
        "sanctions": {"sanction_import_ban", "sanctions"},
    }[count.removesuffix("_in_force")]
    return sum(e.kind in kinds for e in in_force)


def incidents_slowly(chosen: list[Event], count: str, as_of: dt.datetime) -> float:
    tight = [e for e in chosen if e.kind in INCIDENT_KINDS and e.direction == "tightening" and e.known <= as_of]
    ages = [((as_of - e.known) / dt.timedelta(weeks=1), e.severity) for e in tight]
    if count.startswith("new_"):
        return sum(age < int(count[4:-1]) for age, _ in ages)
    weight = lambda age: 1 if age < 13 else 0.5 if age < 26 else 0.25 if age < 52 else 0.125 if age < 104 else 0  # noqa: E731
    return sum(severity * weight(age) for age, severity in ages)


def window_of(count: str, otherwise: int) -> int:
    return int(count.split("_")[-1][:-1]) if count.endswith("w") else otherwise


CASES = [(restrictions.SIGNAL, measures_slowly, 156), (incidents.SIGNAL, incidents_slowly, 52)]


@pytest.mark.parametrize(("signal", "slowly", "otherwise"), CASES, ids=["restrictions", "incidents"])
def test_counts_equal_a_recount_at_random_weeks_and_pairs(
    signal: Signal, slowly, otherwise: int, listed: list[Event], bundle_steps, catalog: Catalog
):
    rng = np.random.default_rng(11)
    # Half of the pairs have events of their own, half are any.
    own = [(mineral, e.supplier) for e in listed for mineral in sorted(e.minerals)]
    chosen = [own[int(at)] for at in rng.integers(0, len(own), 150)]
    minerals, suppliers = sorted({m for m, _ in own}), sorted({s for _, s in own})
    chosen += [(str(rng.choice(minerals)), str(rng.choice(suppliers))) for _ in range(100)]
    mondays = [utc("2008-01-07") + pd.Timedelta(weeks=int(week)) for week in rng.integers(0, 985, len(chosen))]
    index = pd.DataFrame(chosen, columns=["mineral", "supplier"]).assign(as_of=mondays)
    found = signal.combine(panel.join_steps(index, {signal.name: bundle_steps[signal.name]}))
    seen = dict.fromkeys(signal.columns, 0)
    for (mineral, supplier), as_of, row in zip(chosen, mondays, found.to_dict("records"), strict=True):
        for name in signal.columns:
            _, level, count = name.split("_", 2)
            if not covered(window_of(count, otherwise), as_of):
                assert math.isnan(row[name]), (name, mineral, supplier, as_of)
                continue
            expected = slowly(choose(listed, level, mineral, supplier), count, as_of)
            assert row[name] == pytest.approx(expected, abs=1e-9), (name, mineral, supplier, as_of)
            seen[name] += expected > 0
    assert [name for name, times in seen.items() if times == 0] == []


@pytest.mark.parametrize("signal", [restrictions.SIGNAL, incidents.SIGNAL], ids=lambda signal: signal.name)
def test_outside_the_coverage_a_window_is_missing_and_inside_it_is_zero(signal: Signal, bundle_steps):
    found = {}
    for day in ("2008-12-29", "2009-02-09", "2009-02-16", "2010-07-05", "2026-08-17", "2026-08-24", "2028-01-03"):
        index = pd.DataFrame({"mineral": ["helium"], "supplier": ["ISL"], "as_of": [utc(day)]})
        row = signal.combine(panel.join_steps(index, {signal.name: bundle_steps[signal.name]})).iloc[0]
        found[day] = [row[f"{signal.name}_pair_new_{weeks}w"] for weeks in WINDOWS]
    nan = math.nan
    # 13 weeks are half covered from 2009-02-15 12:00 to 2026-08-19 12:00; 156 weeks from mid 2010 to the end of 2027.
    expected = {
        "2008-12-29": [nan] * 4,
        "2009-02-09": [nan] * 4,
        "2009-02-16": [0, nan, nan, nan],
        "2010-07-05": [0, 0, 0, 0],
        "2026-08-17": [0, 0, 0, 0],
        "2026-08-24": [nan, 0, 0, 0],
        "2028-01-03": [nan] * 4,
    }
    assert list(found) == list(expected)
    for day, values in expected.items():
        np.testing.assert_array_equal(found[day], values, err_msg=day)


# --- small tables ---------------------------------------------------------------------------------

COVERAGE = rows(
    "coverage",
    [
        {"dataset": name, "bound": "from", "bound_at": utc("1990-01-01"), "available_at": utc("1990-01-01")}
        for name in ("measures", "incidents")
    ],
)


@once
def steps_of(signal: str, records: list[dict]) -> list[Steps]:
    chosen = {"restrictions": restrictions.SIGNAL, "incidents": incidents.SIGNAL}[signal]
    name = chosen.needs[0]
    return chosen.steps({name: rows(name, records), "coverage": COVERAGE}, None)


def at(signal: Signal, records: list[dict], day: str, mineral: str = "cobalt", supplier: str = "COD") -> pd.Series:
    steps = steps_of(signal.name, records)
    index = pd.DataFrame({"mineral": [mineral], "supplier": [supplier], "as_of": [utc(day)]})
    return signal.combine(panel.join_steps(index, {signal.name: steps})).iloc[0]


@pytest.mark.parametrize("weeks", WINDOWS)
def test_a_window_begins_with_the_knowledge_and_ends_just_before_its_length(weeks: int):
    known = utc("2010-01-04")
    table = rows("measures", [event("a", "cobalt", "COD", known=known)])
    steps = restrictions.SIGNAL.steps({"measures": table, "coverage": COVERAGE}, None)
    step, an_instant = pd.Timedelta(weeks=weeks), pd.Timedelta("1us")
    moments = [known - an_instant, known, known + step - an_instant, known + step]
    index = pd.DataFrame({"mineral": "cobalt", "supplier": "COD", "as_of": moments})
    found = restrictions.SIGNAL.combine(panel.join_steps(index, {"restrictions": steps}))
    assert found[f"restrictions_pair_new_{weeks}w"].tolist() == [0, 1, 1, 0]


def test_a_measure_is_in_force_until_its_end_is_known_and_no_shorter():
    first = event("a", "cobalt", "COD", "2010-01-04", severity=3)
    known = [first, {**first, "ended_at": utc("2012-05-01"), "available_at": utc("2012-05-02")}]
    found = {day: at(restrictions.SIGNAL, known, day) for day in ("2012-05-01", "2012-05-02")}
    assert found["2012-05-01"]["restrictions_pair_severity_in_force"] == 3
    assert found["2012-05-01"]["restrictions_pair_ban_or_quota_in_force"] == 1
    assert found["2012-05-02"]["restrictions_pair_severity_in_force"] == 0
    assert found["2012-05-02"]["restrictions_pair_ban_or_quota_in_force"] == 0
    assert found["2012-05-02"]["restrictions_pair_new_156w"] == 1


def test_an_act_that_two_sources_tell_counts_once():
    one = event("a", "cobalt", "COD", "2010-01-04", severity=3)
    other = event("b", "cobalt", "COD", "2010-01-06", severity=2, source="another")
    row = at(restrictions.SIGNAL, [one, other], "2010-01-11")
    assert row["restrictions_pair_new_13w"] == row["restrictions_pair_in_force"] == 1
    assert row["restrictions_pair_severity_in_force"] == 3
    # Two acts of one source are two.
    assert at(restrictions.SIGNAL, [one, {**other, "source": "test"}], "2010-01-11")["restrictions_pair_in_force"] == 2


def test_an_act_without_a_day_is_in_force_and_never_new():
    row = at(restrictions.SIGNAL, [event("a", "cobalt", "COD", "2010-01-01", announced_at=pd.NaT)], "2010-01-11")
    assert row["restrictions_pair_in_force"] == 1
    assert row[[name for name in row.index if "_new_" in name]].sum() == 0


@pytest.mark.parametrize("signal", [restrictions.SIGNAL, incidents.SIGNAL], ids=lambda signal: signal.name)
def test_a_withdrawn_event_counts_until_its_withdrawal_only(signal: Signal):
    first = event("a", "cobalt", "COD", "2010-01-04", kind="strike" if signal.name == "incidents" else "export_ban")
    records = [first, {**first, "is_retracted": True, "available_at": utc("2010-02-03")}]
    before, after = (at(signal, records, day) for day in ("2010-02-02", "2010-02-03"))
    assert before[f"{signal.name}_pair_new_13w"] == 1
    assert before.drop([name for name in before.index if "_pair_" in name]).sum() == 0
    assert after.sum() == 0
    assert at(signal, records, "2010-08-01").sum() == 0


@pytest.mark.parametrize("signal", [restrictions.SIGNAL, incidents.SIGNAL], ids=lambda signal: signal.name)
def test_an_event_told_again_after_its_withdrawal_counts_again_from_then_on(signal: Signal):
    first = event("a", "cobalt", "COD", "2010-01-04", kind="strike" if signal.name == "incidents" else "export_ban")
    gone = {**first, "is_retracted": True, "available_at": utc("2010-02-01")}
    again = {**first, "available_at": utc("2010-03-01")}
    records = [first, gone, again, {**gone, "available_at": utc("2010-04-05")}]
    days = ("2010-01-11", "2010-02-01", "2010-02-22", "2010-03-01", "2010-04-04", "2010-04-05", "2011-01-10")
    found = [at(signal, records, day)[f"{signal.name}_pair_new_52w"] for day in days]
    assert found == [1, 0, 0, 1, 1, 0, 0]
    # What is known later changes nothing before.
    assert [at(signal, records[:3], day)[f"{signal.name}_pair_new_52w"] for day in days[:5]] == found[:5]
    if signal.name == "restrictions":
        ended = {**again, "ended_at": utc("2010-03-14"), "available_at": utc("2010-03-15")}
        in_force = [at(signal, [*records[:3], ended], day)["restrictions_pair_in_force"] for day in days[:5]]
        assert in_force == [1, 0, 0, 1, 0]


def test_an_event_on_two_minerals_is_one_event_of_the_supplier():
    both = [event("a", mineral, "COD", "2010-01-04") for mineral in ("cobalt", "copper")]
    copper_only = [event("b", "copper", "COD", "2010-01-04")]
    other_supplier = [event("c", "cobalt", "CHN", "2010-01-04")]
    row = at(restrictions.SIGNAL, both + copper_only + other_supplier, "2010-01-11")
    assert row["restrictions_pair_new_13w"] == 1
    assert row["restrictions_others_new_13w"] == 1
    assert row["restrictions_elsewhere_new_13w"] == 1
    tin = at(restrictions.SIGNAL, both + copper_only + other_supplier, "2010-01-11", mineral="tin")
    assert (tin["restrictions_pair_new_13w"], tin["restrictions_others_new_13w"]) == (0, 2)


def test_easings_and_neutral_events_are_no_tightening():
    records = [
        event("a", "cobalt", "COD", "2010-01-04", direction="easing", kind="easing"),
        event("b", "cobalt", "COD", "2010-01-04", direction="neutral"),
    ]
    row = at(restrictions.SIGNAL, records, "2010-01-11")
    assert row["restrictions_pair_eased_52w"] == 1
    assert row.drop("restrictions_pair_eased_52w").sum() == 0
    strikes = [event("a", "cobalt", "COD", "2010-01-04", direction=way, kind="strike") for way in ("easing", "neutral")]
    assert at(incidents.SIGNAL, strikes[:1], "2010-01-11").sum() == 0
    assert at(incidents.SIGNAL, strikes[1:], "2010-01-11").sum() == 0


def test_an_end_of_coverage_that_was_withdrawn_is_none():
    end = {"dataset": "measures", "bound": "until", "bound_at": utc("2012-01-02"), "available_at": utc("2012-01-02")}
    begin = {**end, "bound": "from", "bound_at": utc("2009-01-01"), "available_at": utc("2009-01-01")}
    gone = {**end, "is_retracted": True, "available_at": utc("2013-01-07")}
    frame = event_windows.coverage_steps(rows("coverage", [begin, end, gone]), "measures", "x")
    covered = frame.set_index("available_at")["x_covered_52w"].sort_index()
    found = [covered[:day].iloc[-1] for day in (utc("2012-06-25"), utc("2012-07-02"), utc("2013-01-07"))]
    np.testing.assert_array_equal(found, [1.0, math.nan, 1.0])


def test_coverage_that_was_extended_later_was_open_only_when_that_was_known():
    def bound(kind: str, at_: str, known: str) -> dict:
        return {"dataset": "measures", "bound": kind, "bound_at": utc(at_), "available_at": utc(known)}

    table = rows(
        "coverage",
        [
            bound("from", "2009-01-01", "2009-01-01"),
            bound("until", "2012-01-02", "2012-01-02"),
            bound("until", "2014-01-06", "2014-01-06"),
            bound("from", "2005-01-03", "2014-01-06"),
        ],
    )
    frame = event_windows.coverage_steps(table, "measures", "x").set_index("available_at")["x_covered_52w"]
    days = [
        "2006-01-02",
        "2009-06-29",
        "2009-07-06",
        "2012-06-25",
        "2012-07-02",
        "2014-01-05",
        "2014-01-06",
        "2014-07-06",
        "2014-07-07",
    ]
    found = [frame.loc[: utc(day)].iloc[-1] if len(frame.loc[: utc(day)]) else math.nan for day in days]
    nan = math.nan
    np.testing.assert_array_equal(found, [nan, nan, 1, 1, nan, nan, 1, 1, nan])


def test_no_event_table_with_a_coverage_gives_zeros():
    row = at(restrictions.SIGNAL, [], "2010-01-11")
    assert row.eq(0).all()
    assert len(row) == len(restrictions.FEATURES)
