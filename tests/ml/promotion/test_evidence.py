"""Evidence: the same rows from both models, or a message that says which are not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from features.errors import BadInput
from features.knowledge_time import as_moment
from ml.origins import yearly_origins
from ml.promotion import evidence
from ml.settings import Settings
from models.gradient_boosting import Parameters


def forecasts(model: str, probability: float, *, suppliers: str = "ABC", label: float | None = 1.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": model,
            "target": "supply_drop",
            "horizon": "current_year",
            "mineral": "cobalt",
            "supplier": list(suppliers),
            "as_of": pd.Timestamp("2015-07-20", tz="UTC"),
            "probability": probability,
            "label": label,
            "onset": True,
            "is_major": False,
            "is_transit": False,
        }
    )


def three(**change: pd.DataFrame) -> pd.DataFrame:
    tables = {
        "champion": forecasts("champion", 0.2),
        "challenger": forecasts("challenger", 0.3),
        "pair_history": forecasts("pair_history", 0.1),
    } | change
    return pd.concat(tables.values(), ignore_index=True)


def test_rows_stand_side_by_side_and_what_one_lacks_is_counted() -> None:
    told = evidence.side_by_side(three(challenger=forecasts("challenger", 0.3, suppliers="BC")), source="here")
    assert told.rows["supplier"].tolist() == ["B", "C"]
    assert told.rows[["champion", "challenger", "pair_history"]].iloc[0].tolist() == [0.2, 0.3, 0.1]
    assert (told.left_out, told.origins) == (1, ["2015-07-20"])


def test_unresolved_rows_are_no_evidence() -> None:
    rows = pd.concat([three(), *(forecasts(name, 0.5, suppliers="D", label=None) for name in evidence.MODELS)])
    told = evidence.side_by_side(rows, source="here")
    assert told.rows["supplier"].tolist() == ["A", "B", "C"]
    assert told.left_out == 0


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (pd.concat([three(), forecasts("champion", 0.2, suppliers="A")]), "found two of champion supply_drop"),
        (three(challenger=forecasts("challenger", 0.3, label=0.0)), "found 3 rows on which they differ"),
        (three(challenger=forecasts("challenger", 0.3, suppliers="XY")), "found none of 5"),
    ],
)
def test_evidence_that_does_not_match_is_bad_input(rows: pd.DataFrame, match: str) -> None:
    with pytest.raises(BadInput, match=match):
        evidence.side_by_side(rows, source="here")


def write(folder: Path, *tables: pd.DataFrame) -> None:
    folder.mkdir(parents=True)
    pd.concat(tables).to_parquet(folder / "predictions.parquet")


def test_given_evidence_is_two_backtests(tmp_path: Path) -> None:
    both = (forecasts("lightgbm", 0.2), forecasts("pair_history", 0.1), forecasts("persistence", 0.9))
    write(tmp_path / "champion", *both)
    with pytest.raises(BadInput, match=r"challenger/predictions.parquet: expected .* Make it: oresight backtest"):
        evidence.given(tmp_path)
    write(tmp_path / "challenger", forecasts("lightgbm", 0.3), forecasts("pair_history", 0.7))
    told = evidence.given(tmp_path)
    # Pair history is taken once, from the champion's.
    assert told.rows[["champion", "challenger", "pair_history"]].to_numpy().tolist() == [[0.2, 0.3, 0.1]] * 3
    assert told.source == f"forecasts given in {tmp_path}"
    forecasts("lightgbm", 0.3).drop(columns="onset").to_parquet(tmp_path / "challenger" / "predictions.parquet")
    with pytest.raises(BadInput, match="found none called onset"):
        evidence.given(tmp_path)


def test_each_recipe_is_backtested_with_its_own_features_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def served(signals: tuple[str, ...], features: list[str], rounds: int) -> Any:
        boosting = SimpleNamespace(parameters=Parameters(rounds=rounds))
        part = SimpleNamespace(parts=lambda: (boosting, None))
        forecaster = SimpleNamespace(
            parts={("supply_drop", 2): part}, features=features, targets=["supply_drop"], name="lightgbm"
        )
        return SimpleNamespace(forecaster=forecaster, signals=signals)

    asked: list[tuple[Any, ...]] = []

    def run_backtest(knowledge: Any, plan: Any, **how: Any) -> pd.DataFrame:
        names = tuple(signal.name for signal in knowledge.signals)
        asked.append((names, plan.features, plan.parameters.rounds, plan.with_baselines, how["folder"]))
        how["on_origin"](plan.origins[0], forecasts("lightgbm", 0.5), False)
        return pd.concat([forecasts("lightgbm", 0.1 * plan.parameters.rounds), forecasts("pair_history", 0.1)])

    monkeypatch.setattr(evidence, "run_backtest", run_backtest)
    monkeypatch.setattr(
        evidence, "Knowledge", lambda store, as_of, signals: SimpleNamespace(signals=signals, digest="d")
    )
    said: list[str] = []
    told = evidence.backtested(
        Settings(home=tmp_path),
        SimpleNamespace(),  # type: ignore[arg-type]
        served(("trade",), ["a"], 2),
        served(("trade", "governance"), ["a", "b"], 3),
        yearly_origins(2015, 2016),
        as_of=as_moment("2020-01-06"),
        say=said.append,
    )
    folder = tmp_path / "promotions" / "backtests"
    assert asked == [
        (("trade",), ("a",), 2, True, folder),
        (("trade", "governance"), ("a", "b"), 3, False, folder),
    ]
    assert told.rows[["champion", "challenger"]].iloc[0].tolist() == pytest.approx([0.2, 0.3])
    assert said[0] == "Backtest of the champion: origin 2015-07-20, 3 forecasts"
