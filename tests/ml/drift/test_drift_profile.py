"""Features against like weeks: what moves every year is no alarm, what never did is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.knowledge_time import as_moment
from ml.drift.measures import as_table, findings
from ml.drift.profile import Profile, check, like_dates, profile

GROWTH, LEVEL, OTHER = "trade_growth_1y", "trade_tonnes", "governance_rule_of_law"
FEATURES = (GROWTH, LEVEL, OTHER)
PAIRS = 300


def week(year: int, *, common: float = 0.0) -> pd.DataFrame:
    """One date: growth about `common`, levels over several orders of magnitude."""
    rng = np.random.default_rng(year)
    return pd.DataFrame(
        {
            "as_of": pd.Timestamp(f"{year}-06-04", tz="UTC"),
            GROWTH: rng.normal(common, 0.4, PAIRS),
            LEVEL: rng.normal(9, 2, PAIRS),
            OTHER: rng.normal(0, 1, PAIRS),
        }
    )


@pytest.fixture(scope="module")
def before() -> Profile:
    # One year of crisis among them, as there was one.
    years = [week(year, common=-0.5 if year == 2004 else 0.1) for year in range(2000, 2010)]
    return profile(pd.concat(years, ignore_index=True), FEATURES)


def levels(before: Profile, now: pd.DataFrame) -> dict[tuple[str, str], str]:
    told = findings(as_table(check(before, now, weighted=(GROWTH, LEVEL))))
    return {(line.kind, line.feature): line.level for line in told.itertuples()}


def test_a_quiet_week_tells_nothing(before: Profile) -> None:
    assert levels(before, week(2010, common=0.1)) == {}


def test_a_crisis_like_one_before_is_no_alarm(before: Profile) -> None:
    assert set(levels(before, week(2010, common=-0.6)).values()) <= {"note"}


def test_kilograms_for_tonnes_stop_the_run(before: Profile) -> None:
    spoilt = week(2010).assign(**{GROWTH: lambda rows: rows[GROWTH] + np.log(1000)})
    found = levels(before, spoilt)
    assert found["shift", GROWTH] == "stop"
    assert found["population", GROWTH] == "note"
    # One of two weighted features of the family; when both are spread otherwise, somebody should look.
    assert found["family", ""] == "note"
    assert levels(before, spoilt.assign(**{LEVEL: 9.0}))["family", ""] == "watch"


def test_what_has_no_weight_is_a_note_at_most(before: Profile) -> None:
    found = levels(before, week(2010, common=0.1).assign(**{OTHER: 99.0}))
    assert found == {("shift", OTHER): "note", ("population", OTHER): "note"}


def test_missing_values_are_graded_by_how_many_more_than_ever_before(before: Profile) -> None:
    now = week(2010, common=0.1)
    for share, level in ((0.05, None), (0.15, "note"), (0.3, "watch"), (0.6, "stop")):
        gaps = now.assign(**{GROWTH: now[GROWTH].where(np.arange(PAIRS) >= share * PAIRS)})
        assert levels(before, gaps).get(("missing", GROWTH)) == level


def test_a_finding_says_value_bound_and_years_in_words(before: Profile) -> None:
    gaps = week(2010, common=0.1).assign(**{GROWTH: np.nan})
    line = as_table(check(before, gaps, weighted=(GROWTH,))).iloc[0]
    assert (line["level"], line["kind"], line["signal"], line["value"]) == ("stop", "missing", "trade", 1.0)
    assert line["bound"] == pytest.approx(0.10)
    wanted = f"{GROWTH} is missing for 100% of the pairs; in like weeks of 2000-2009 never for more than 0%."
    assert line["sentence"] == wanted


def test_few_years_are_no_measure() -> None:
    short = profile(pd.concat([week(year) for year in (2000, 2001, 2002)]), FEATURES)
    assert check(short, week(2010).assign(**{GROWTH: np.nan}), weighted=FEATURES) == []


def test_a_profile_is_the_same_read_from_its_text_and_in_any_order_of_rows(before: Profile) -> None:
    assert Profile.from_json(before.to_json()) == before
    years = pd.concat([week(year, common=-0.5 if year == 2004 else 0.1) for year in range(2000, 2010)])
    shuffled = profile(years.sample(frac=1, random_state=1), FEATURES)
    assert shuffled.features[LEVEL].counts == before.features[LEVEL].counts
    assert shuffled.to_json() == before.to_json()


def test_like_weeks_are_those_of_the_training_years_and_never_later() -> None:
    at, trained = as_moment("2012-02-06"), as_moment("2011-01-03")
    dates = like_dates(at, trained)
    assert [date.date().isoformat() for date in dates[-2:]] == ["2009-02-02", "2010-02-08"]
    assert {date.isocalendar().week for date in dates} == {6}
    assert len(dates) == 10
    assert all(date < trained for date in dates)
    # A long year's last week has no namesake in most years.
    assert len(like_dates(as_moment("2009-12-28"), as_moment("2009-10-05"))) == 10
