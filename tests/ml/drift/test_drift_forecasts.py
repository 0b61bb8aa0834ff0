"""What comes out: sudden moves between weeks, distance from normal, and what has resolved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.drift.forecasts import check_calibration, check_predictions, resolved
from ml.drift.measures import as_table
from tests.builders import utc

PAIRS = 200


def table(now: float, before: float | None, normal: float = 0.2) -> pd.DataFrame:
    spread = np.linspace(0.5, 1.5, PAIRS)
    return pd.DataFrame(
        {
            "target": "supply_drop",
            "horizon": "current_year",
            "probability": now * spread,
            "probability_previous": np.nan if before is None else before * spread,
            "base_rate": normal,
        }
    )


def level_by_kind(rows: list[dict]) -> dict[str, str]:
    found = as_table(rows)
    return dict(zip(found["kind"], found["level"], strict=True))


def test_weeks_that_agree_are_fine() -> None:
    told = level_by_kind(check_predictions(table(0.2, 0.2)))
    assert told == {"mean_change": "fine", "week_psi": "fine", "against_normal": "fine"}


def test_a_jump_between_weeks_is_graded() -> None:
    assert level_by_kind(check_predictions(table(0.23, 0.2)))["mean_change"] == "note"
    assert level_by_kind(check_predictions(table(0.30, 0.2)))["mean_change"] == "watch"
    doubled = level_by_kind(check_predictions(table(0.45, 0.2)))
    assert doubled["mean_change"] == "stop"
    assert doubled["week_psi"] == "stop"
    assert doubled["against_normal"] == "watch"


def test_without_a_week_before_only_what_is_normal_is_compared() -> None:
    assert level_by_kind(check_predictions(table(0.2, None))) == {"against_normal": "fine"}
    assert check_predictions(table(0.2, 0.2).head(10)) == []
    assert check_predictions(table(0.2, 0.2).head(0)) == []


def issued(probability: float, years: range) -> pd.DataFrame:
    records = [
        {
            "target": "supply_drop",
            "horizon": "current_year",
            "mineral": f"m{pair % 20}",
            "supplier": f"S{pair}",
            "as_of": utc(f"{year}-{month}-03"),
            "window_start": utc(f"{year}-01-01"),
            "probability": probability,
        }
        for year in years
        for pair in range(60)
        for month in ("02", "06")
    ]
    return pd.DataFrame(records)


def labels(share: float, years: range) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    records = [
        {
            "mineral": f"m{pair % 20}",
            "supplier": f"S{pair}",
            "year": year,
            "ratio": 0.5 if rng.random() < share else 1.0,
            "imputed_value_frac": 0.0,
        }
        for year in years
        for pair in range(60)
    ]
    return pd.DataFrame(records)


def test_a_pair_and_year_counts_once_however_often_it_was_forecast() -> None:
    joined = resolved(issued(0.2, range(2000, 2003)), labels(0.2, range(2000, 2002)))
    assert len(joined) == 120
    assert set(joined["year"]) == {2000, 2001}
    void = labels(0.2, range(2000, 2002)).assign(imputed_value_frac=0.9)
    assert resolved(issued(0.2, range(2000, 2003)), void).empty


def test_forecasts_that_come_true_as_often_as_said_are_fine_and_others_are_told_with_the_interval() -> None:
    years = range(2000, 2005)
    good = check_calibration(issued(0.2, years), labels(0.2, years))
    assert [line["level"] for line in good] == ["fine"]
    bad = check_calibration(issued(0.2, years), labels(0.6, years))
    assert bad[0]["level"] == "watch"
    assert bad[0]["value"] == pytest.approx(0.4, abs=0.06)
    assert "in 2002-2004 where 20.0% was forecast" in bad[0]["sentence"]


def test_one_resolved_year_is_too_little_for_more_than_a_note() -> None:
    one = range(2000, 2001)
    assert check_calibration(issued(0.2, one), labels(0.6, one))[0]["level"] == "note"
    assert check_calibration(issued(0.2, one), labels(0.6, range(2005, 2006))) == []
