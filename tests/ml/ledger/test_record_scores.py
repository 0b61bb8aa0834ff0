"""Which rows are scored, and their figures, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml import scores as sc
from ml.ledger.leads import at_leads
from ml.ledger.record_scores import Sample, brier_parts, figures
from ml.ledger.resolution import once_each


def rows_of(weeks: list[str], **columns: object) -> pd.DataFrame:
    usual = {"kind": "live", "target": "supply_drop", "horizon": "current_year", "mineral": "cobalt", "supplier": "COD"}
    moments = pd.to_datetime(weeks, utc=True).as_unit("us")
    return pd.DataFrame({"as_of": moments}).assign(**(usual | columns))


def sample(n: int, seed: int = 0) -> Sample:
    """Rows of six minerals in six years whose probabilities are right on average."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, n).round(2)
    rows = pd.DataFrame(
        {
            "label": (rng.random(n) < p).astype(float),
            "probability": p,
            "alert": p > 0.4,
            "mineral": rng.choice(list("abcdef"), n),
            "as_of": pd.Timestamp("2015-07-20", tz="UTC").as_unit("us"),
            "window_end": [pd.Timestamp(f"{year}-12-31", tz="UTC") for year in rng.integers(2010, 2016, n)],
        }
    )
    base = rows["label"].mean()
    return Sample.of(rows.assign(pair_history=base, climatology=base, persistence=np.nan), n_draws=100)


def test_a_window_is_scored_once_per_lead_by_the_first_week_from_its_monday_on() -> None:
    weeks = [
        "2019-01-14",
        "2019-01-21",
        "2019-04-15",
        "2019-04-22",
        "2019-07-29",
        "2019-08-05",
        "2019-12-30",
        "2020-01-06",
    ]
    led = at_leads(rows_of(weeks))
    found = dict(zip(led["lead"] + led["as_of"].dt.strftime(" %Y"), led["as_of"].dt.strftime("%m-%d"), strict=True))
    # The 14th is before January's lead; the week of July's is missing; 30 December is too late for October's.
    assert found == {"January 2019": "01-21", "April 2019": "04-22", "July 2019": "07-29"}


def test_leads_are_kept_apart_by_kind_event_and_pair() -> None:
    both = pd.concat(
        [
            rows_of(["2019-07-22", "2019-07-29"], **{name: value})
            for name, value in (("kind", "late"), ("kind", "live"), ("supplier", "ZMB"), ("horizon", "next_year"))
        ]
    )
    assert len(at_leads(both)) == 4
    assert at_leads(both.head(0)).empty


def test_of_issued_weeks_the_first_run_counts_and_of_replayed_ones_the_last() -> None:
    rows = pd.concat([rows_of(["2019-07-22"], p=1), rows_of(["2019-07-22"], p=2)])
    assert once_each(rows)["p"].tolist() == [1]
    assert once_each(rows.assign(kind="hindcast"))["p"].tolist() == [2]


def test_murphys_parts_of_a_case_worked_out_by_hand() -> None:
    # Two bins without spread: 0.2 came in 1 of 5, 0.6 in 3 of 5.
    label = np.array([1, 0, 0, 0, 0, 1, 1, 1, 0, 0], dtype=float)
    p = np.repeat([0.2, 0.8], 5)
    parts = brier_parts(label, p)
    assert parts is not None
    assert parts["reliability"] == pytest.approx((0**2 + 0.2**2) / 2)
    assert parts["resolution"] == pytest.approx(0.2**2)
    assert parts["uncertainty"] == pytest.approx(0.4 * 0.6)
    assert parts["within_bins"] == pytest.approx(0)


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_add_up_to_the_score_over_the_tenths_of_the_reliability_table(seed: int) -> None:
    rows = sample(237, seed).rows
    label, p = rows["label"].to_numpy(), rows["probability"].to_numpy()
    parts = brier_parts(label, p)
    assert parts is not None
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within_bins"]
    assert total == pytest.approx(sc.brier(label, p), abs=1e-12)
    table = sc.reliability_table(label, p)
    gaps = (table["mean_probability"] - table["observed_frac"]) ** 2
    assert parts["reliability"] == pytest.approx(float((gaps * table["n"]).sum() / len(p)))
    assert abs(parts["within_bins"]) > 1e-6


def test_figures_of_a_large_group_have_intervals_around_them() -> None:
    found = figures(sample(600))
    assert not found["insufficient"]
    for score in (found["brier"], found["auc"], found["skill"]["pair_history"], found["alerts"]["precision"]):
        assert score["low"] < score["value"] < score["high"]
    # A baseline that says nothing is compared on no rows.
    assert found["skill"]["persistence"] == {"value": None, "low": None, "high": None, "n": 0}


def test_alerts_are_counted_as_issued_and_at_the_budget() -> None:
    drawn = sample(600)
    rows = drawn.rows
    hits = int((rows["alert"] & rows["label"].eq(1)).sum())
    found = figures(drawn)
    assert (found["alerts"]["alerts"], found["alerts"]["hits"]) == (rows["alert"].sum(), hits)
    assert found["alerts"]["precision"]["value"] == pytest.approx(hits / rows["alert"].sum())
    assert found["alerts"]["recall"]["value"] == pytest.approx(hits / rows["label"].sum())
    assert found["alerts"]["false_per_hit"]["value"] == pytest.approx((rows["alert"].sum() - hits) / hits)
    assert found["budget"]["alerts"] == pytest.approx(60)


def test_fewer_than_ten_events_are_shown_without_interval() -> None:
    drawn = sample(600)
    few = drawn.take(drawn.rows["label"].eq(0) | (drawn.rows["label"].cumsum() <= 9))
    found = figures(few)
    assert (found["events"], found["insufficient"]) == (9, True)
    assert found["brier"]["value"] is not None
    assert found["brier"]["low"] is None
    assert not figures(drawn.take(drawn.rows["label"].eq(0) | (drawn.rows["label"].cumsum() <= 10)))["insufficient"]
