"""The study of fresher trade: its scenarios, what is covered, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import BadInput
from features.knowledge_time import as_moment
from features.store import Store
from ml import fresh_trade as study
from ml.knowledge import Knowledge, signals_named
from tests.builders import flow, mirrored, rows
from tests.ml.test_comparison import forecasts


def test_every_date_starts_from_plain_trade_known_to_two_years_before() -> None:
    by_day: dict[study.DayOfYear, list[study.Scenario]] = {}
    for scenario in study.SCENARIOS:
        by_day.setdefault(scenario.day, []).append(scenario)
    assert [str(day) for day in by_day] == ["15 July", "1 February", "1 December"]
    assert [len(scenarios) for scenarios in by_day.values()] == [4, 2, 4]
    assert len({scenario.folder for scenario in study.SCENARIOS}) == len(study.SCENARIOS)
    assert {scenarios[0].name for scenarios in by_day.values()} == {"trade to two years before"}
    assert {scenarios[1].name for scenarios in by_day.values()} == {"trade to two years before + mirror trade"}


def test_without_mirror_trade_it_says_how_to_get_it(bundle_home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="oresight ingest usitc_dataweb"):
        study.fresh_trade(tmp_path / "out", home=bundle_home)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "datasets")
    trade = [flow(year, supplier, "USA", 50.0) for year in range(2000, 2004) for supplier in ("COD", "CHN")]
    store.append("trade", rows("trade", trade), where="test")
    sales = [mirrored(year, 5, "COD", 50.0) for year in range(2002, 2006)]
    store.append("mirror_trade", rows("mirror_trade", sales), where="test")
    return store


def test_trade_known_a_year_early_is_the_same_trade(store: Store) -> None:
    real = Knowledge(store, as_moment("2005-07-18"), signals_named(["trade"]))
    early = Knowledge(store, as_moment("2004-07-18"), signals_named(["trade"]), 1)
    assert real.exports["year"].max() == early.exports["year"].max() == 2003
    columns = [name for name in real.exports if name != "available_at"]
    pd.testing.assert_frame_equal(real.exports[columns], early.exports[columns])
    shifted = real.exports["available_at"] - pd.DateOffset(years=1)
    assert early.exports["available_at"].tolist() == shifted.tolist()
    # What is known later than a year after is not known early either.
    assert Knowledge(store, as_moment("2003-12-01"), signals_named(["trade"]), 1).exports["year"].max() == 2002


def test_pairs_are_covered_whose_exports_the_reporters_bought(store: Store) -> None:
    knowledge = Knowledge(store, as_moment("2005-12-05"), signals_named(["trade", "mirror_trade"]))
    covered = study.coverage_of(knowledge, [as_moment("2005-07-18")])
    assert covered[["mineral", "supplier"]].to_numpy().tolist() == [["cobalt", "COD"]]
    assert covered["mirror_coverage"].tolist() == [1.0]


def test_scenarios_are_compared_on_the_same_rows_and_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "open_store", lambda settings, now: store)
    covered = forecasts(0.0)[["mineral", "supplier", "as_of"]].iloc[::2].assign(mirror_coverage=0.03)
    covered.loc[covered["supplier"].eq("S02"), "mirror_coverage"] = 0.5
    monkeypatch.setattr(study, "coverage_of", lambda knowledge, dates: covered)
    asked: list[tuple[Any, ...]] = []

    def fake(knowledge: Any, plan: Any, out: Path, *, workers: int, title: str) -> pd.DataFrame:
        with_mirror = len(knowledge.signals) == 2
        asked.append((plan.day, knowledge.trade_years_early, with_mirror))
        assert plan.horizons == ("current_year",)
        assert {origin.as_of.month for origin in plan.origins} == {plan.day.month}
        skill = 0.2 + 0.3 * with_mirror + 0.3 * knowledge.trade_years_early
        # The scenario that knows more calls other rows onset; the base decides.
        onset = forecasts(0.0)["supplier"].gt("S05" if knowledge.trade_years_early == 0 else "S15")
        (tmp_path / "out").mkdir(exist_ok=True)
        return forecasts(skill).assign(onset=onset)

    monkeypatch.setattr(study, "predict", fake)
    result = study.fresh_trade(tmp_path / "out", draws=20, page=tmp_path / "again.md", home=tmp_path, log=False)
    assert asked == [(s.day, s.trade_years_early, s.with_mirror) for s in study.SCENARIOS]
    july = pd.DataFrame(result.rows).query("on == '15 July' and slice == 'onset'")
    assert july["n"].tolist() == [280] * 4
    assert july["roc_auc_gain"].isna().tolist() == [True, False, False, False]
    gains = [cell["value"] for cell in july["when_gain"][1:]]
    assert gains == sorted(gains)
    assert gains[0] > 0
    slices = pd.DataFrame(result.rows).query("on == '15 July' and known == 'trade to two years before'")
    # S02 alone is covered from 5 %, and it is in the event at every date: a slice without rows has no line.
    counts = {"onset": 280, "onset as it knows it": 280, "onset, covered": 140}
    counts |= {"continuation": 120, "continuation, covered": 60}
    assert slices.set_index("slice")["n"].to_dict() == counts
    assert json.loads((tmp_path / "out" / "fresh_trade.json").read_text()) == result.rows
    assert (tmp_path / "out" / "fresher-trade.md").read_text() == result.page == (tmp_path / "again.md").read_text()
    assert result.page.count("\n- ") == 2 * 7  # two headline slices have rows, in seven scenarios with a base
    assert f"*when* {july['when'].iloc[1]['value']:.3f}, {gains[0]:+.3f} [" in result.page
