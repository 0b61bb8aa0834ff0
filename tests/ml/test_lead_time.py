"""Lead times: which disruptions, which weeks, which model, and what the page says of misses."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features.catalog import load_catalog
from features.knowledge_time import as_moment, quarter_monday
from features.panel import feature_names
from features.store import Store
from ml import lead_time, lead_time_report
from ml.knowledge import Knowledge, signals_named
from ml.settings import Settings
from models.gradient_boosting import Parameters
from tests.builders import event, rows, utc


def severe(event_id: str, mineral: str, supplier: str, known: str, **other) -> dict:
    return event(event_id, mineral, supplier, known, severity=3, **other)


def chosen(*events: dict) -> pd.DataFrame:
    return lead_time.disruptions(rows("measures", events), rows("incidents", []), load_catalog())


def test_disruptions_are_chosen_by_rule() -> None:
    found = chosen(
        severe("a", "cobalt", "COD", "2015-02-24"),
        severe("again", "cobalt", "COD", "2015-06-21"),
        severe("next", "cobalt", "COD", "2016-02-24"),
        event("mild", "tin", "IDN", "2015-02-24"),
        severe("unsure", "tin", "IDN", "2015-02-24", confidence="medium"),
        severe("eased", "tin", "IDN", "2015-02-24", direction="easing"),
        severe("no trade", "helium", "QAT", "2015-02-24"),
    )
    assert found["event_id"].tolist() == ["a", "next"]


@pytest.mark.parametrize(
    ("known", "effective", "year"),
    [("2014-01-12", "2014-01-12", 2014), ("2010-12-29", "2011-01-01", 2011), ("2015-11-06", "2015-11-05", 2016)],
)
def test_the_year_shown_is_the_one_in_which_it_bites(known: str, effective: str, year: int) -> None:
    assert chosen(severe("a", "cobalt", "COD", known, effective_at=utc(effective)))["target_year"].tolist() == [year]


@pytest.mark.parametrize("known", ["2014-01-13", "2014-01-14", "2014-01-19"])
def test_the_event_is_known_in_none_of_its_weeks(known: str) -> None:
    weeks = lead_time.weeks_before(utc(known))
    assert len(weeks) == 52
    assert all(week.weekday() == 0 and week < utc(known) for week in weeks)
    assert weeks[-1] >= utc(known) - dt.timedelta(days=7)


def test_each_week_is_forecast_by_a_model_of_its_own_quarter() -> None:
    weeks = lead_time.weeks_before(utc("2014-01-12"))
    quarters = lead_time.quarters_of([*weeks, *weeks, as_moment("2004-12-27")])
    assert sum(len(quarter.weeks) for quarter in quarters) == 52
    for quarter in quarters:
        assert {quarter_monday(week) for week in quarter.weeks} == {quarter.cutoff}
        assert quarter.cutoff <= min(quarter.weeks)


@pytest.fixture(scope="module")
def knowledge(small_home: Path) -> Knowledge:
    """What was known of trade, measures and incidents when the exports of 2011 had just come out."""
    return Knowledge(Store(small_home / "datasets"), as_moment("2013-03-04"), signals_named(["trade"]))


@pytest.mark.slow
def test_a_hindcast_does_not_learn_from_what_came_after_its_quarter(
    knowledge: Knowledge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_time, "Parameters", lambda: Parameters(rounds=5))
    (quarter, *_) = lead_time.quarters_of([as_moment("2010-07-19")])
    panel = knowledge.panel(lead_time.training_dates(as_moment("2013-01-01")), min_share=0.01)
    panel.to_parquet(tmp_path / "panel.parquet")
    knowledge.panel(list(quarter.weeks)).to_parquet(tmp_path / f"weeks-{quarter.cutoff.date()}.parquet")
    features = tuple(feature_names(knowledge.signals))
    found = []
    for flip in (False, True):
        labels = knowledge.labels
        later = labels["resolved_at"] > pd.Timestamp(quarter.cutoff)
        assert later.any()
        labels.assign(ratio=labels["ratio"].mask(later & flip, 1.4 - labels["ratio"])).to_parquet(
            tmp_path / "labels.parquet"
        )
        found.append(lead_time._forecast_quarter(quarter, folder=tmp_path, features=features)["probability"])
    pd.testing.assert_series_equal(found[0], found[1])


def forecast(weeks: int, probability: float, *, alert: bool = False, event_id: str = "a") -> dict:
    return {"event_id": event_id, "mineral": "cobalt", "supplier": "COD", "weeks_before": weeks} | {
        "probability": probability, "p_low": probability - 0.02, "p_high": probability + 0.02, "base_rate": 0.2,
        "onset": True, "alert": alert, "as_of": utc("2015-02-23") - pd.Timedelta(weeks=weeks - 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("alerts", "verdict"), [([30, 31], "warned"), ([4], "warned"), ([3, 1], "late"), ([], "missed")]
)
def test_verdicts(alerts: list[int], verdict: str) -> None:
    events = chosen(severe("a", "cobalt", "COD", "2015-02-24"))
    forecasts = pd.DataFrame([forecast(week, 0.01 * week, alert=week in alerts) for week in range(52, 0, -1)])
    labels = pd.DataFrame({"mineral": ["cobalt"], "supplier": ["COD"], "year": [2015], "ratio": [0.6]})
    (row,) = lead_time.verdicts(events, forecasts, labels).itertuples()
    assert row.verdict == verdict
    assert row.dropped is True
    assert (row.p_52, row.p_4) == (pytest.approx(0.52), pytest.approx(0.04))
    assert pd.isna(row.first_alert) if not alerts else row.first_alert == max(alerts)


def test_a_pair_without_forecasts_was_not_tracked_and_an_open_year_is_not_resolved() -> None:
    events = chosen(severe("a", "cobalt", "COD", "2015-02-24"))
    none = pd.DataFrame([forecast(1, 0.1)]).head(0)
    labels = pd.DataFrame({"mineral": [], "supplier": [], "year": [], "ratio": []})
    (row,) = lead_time.verdicts(events, none, labels).itertuples()
    assert row.verdict == "not tracked"
    assert row.dropped is None


def test_the_sentences_count_the_misses() -> None:
    judged = pd.DataFrame(
        {
            "verdict": ["warned", "missed", "missed", "late", "not tracked"],
            "dropped": [True, True, False, None, None],
        }
    )
    _, verdict, outcome = lead_time_report.summary_sentences(judged, 0.12)
    assert verdict.startswith("Before 1 of 4 severe disruptions")
    assert "before 2 never" in verdict
    assert "12% of all major pairs" in verdict
    assert outcome.startswith("Exports of 2 of the 3 pairs")
    assert "1 of those 2 falls had been warned of. The other 1" in outcome


@pytest.mark.slow
def test_the_year_before_chinas_rare_earth_quota_of_2011(
    knowledge: Knowledge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_time, "Parameters", lambda: Parameters(rounds=5))
    tables = knowledge.store.histories(["measures", "incidents"], as_of=knowledge.as_of)
    events = lead_time.disruptions(tables["measures"], tables["incidents"], load_catalog())
    quota = events[events["mineral"].eq("rare_earths") & events["supplier"].eq("CHN") & events["target_year"].eq(2011)]
    forecasts, yardstick = lead_time.hindcasts(knowledge, quota, tmp_path, Settings(home=tmp_path, workers=1))
    assert (forecasts["as_of"] < quota["known_at"].iloc[0]).all()
    assert forecasts["weeks_before"].tolist() == sorted(forecasts["weeks_before"], reverse=True)
    assert forecasts["weeks_before"].iloc[-1] == 1
    assert 0 <= yardstick < 0.5
    judged = lead_time.verdicts(quota, forecasts, knowledge.labels)
    page = lead_time_report.render(judged, forecasts, ["one", "two", "three"], {"Command": "oresight"})
    assert page.count("<svg") == 1
    assert f"{load_catalog().mineral('rare_earths').name_en}, China" in page
    assert "exports of 2011 were" in page
    assert "nan" not in page
