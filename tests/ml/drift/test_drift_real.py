"""On the embedded data: quiet where it was quiet, loud in the first week of another unit, and the same in a replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.errors import ConfigError
from features.knowledge_time import as_moment
from features.store import Store
from ml import cli_drift, drift_commands
from ml.drift.measures import as_table
from ml.drift.replay import summarise
from ml.drift.week import check_facts
from ml.origins import mondays
from ml.settings import Settings
from tests.ml.conftest import LATER_WEEK

CHAMPION = ("trade", "mirror_trade")
OF_DATA = {"missing", "population", "shift", "family", "jump", "group_jump", "revision", "age"}


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def trade(bundle_home: Path) -> pd.DataFrame:
    store = Store(Settings(home=bundle_home).datasets)
    table = store.history("trade", as_of=as_moment("2014-02-10"))
    return table[table["year"] >= 2008]


def worst(trade: pd.DataFrame, date: str) -> dict[str, str]:
    at = as_moment(date)
    known = trade[trade["available_at"] <= pd.Timestamp(at)]
    told = as_table(check_facts({"trade": known}, at, signals=CHAMPION))
    return dict(zip(told["feature"], told["level"], strict=True))


def test_kilograms_in_the_last_year_stop_the_first_run_that_sees_them(trade: pd.DataFrame) -> None:
    is_last = trade["year"].eq(2012)
    spoilt = trade.assign(quantity_tonnes=trade["quantity_tonnes"].where(~is_last, trade["quantity_tonnes"] * 1000))
    place = "trade.baci.quantity_tonnes"
    # Published on 1 February 2014, a Saturday.
    assert set(worst(spoilt, "2014-01-27").values()) == {"fine"}
    found = worst(spoilt, "2014-02-03")
    assert found[place] == "stop"
    assert found["trade.baci.value_usd"] == "fine"
    assert set(worst(trade, "2014-02-03").values()) == {"fine"}


@pytest.fixture(scope="module")
def told(trained_home: Path) -> dict:
    """What the command says of a run that was made without measuring drift."""
    result = CliRunner().invoke(cli_drift.app, ["--as-of", LATER_WEEK, "--json", "--home", str(trained_home)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_quiet_week_is_measured_whole_and_raises_no_alarm(told: dict) -> None:
    assert told["as_of"] == LATER_WEEK
    assert told["measured"] > 300
    assert told["counts"]["stop"] == told["counts"]["watch"] == 0
    assert told["held_back"] is False
    assert {line["level"] for line in told["findings"]} == {"note"}
    assert all(line["sentence"] for line in told["findings"])


def test_a_replay_finds_the_same_of_the_data_as_the_week_did(
    told: dict, trained_home: Path, copy_of: Callable[[Path], Path]
) -> None:
    replayed = drift_commands.replay(LATER_WEEK, LATER_WEEK, home=copy_of(trained_home), say=quiet)
    assert replayed["weeks"] == 1
    assert (replayed["weeks_with"]["stop"], replayed["weeks_with"]["watch"]) == (0, 0)

    def of_data(lines: list[dict], value: str) -> dict[tuple[str, str], float]:
        return {(x["kind"], x["feature"]): abs(x[value]) for x in lines if x["kind"] in OF_DATA}

    assert of_data(replayed["found"], "most") == pytest.approx(of_data(told["findings"], "value"))
    assert of_data(replayed["found"], "most")


def test_a_replay_needs_mondays_in_order(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a Monday"):
        drift_commands.replay("2012-01-03", "2012-02-06", home=tmp_path, say=quiet)
    with pytest.raises(ConfigError, match="before it begins"):
        drift_commands.replay("2012-02-06", "2012-01-02", home=tmp_path, say=quiet)
    first, last = as_moment("2012-01-02"), as_moment("2012-01-17")
    assert [date.date().isoformat() for date in mondays(first, last)] == ["2012-01-02", "2012-01-09", "2012-01-16"]


def test_a_summary_counts_weeks_and_keeps_the_most_extreme_value() -> None:
    lines = pd.DataFrame(
        {
            "as_of": pd.to_datetime(["2012-01-02", "2012-01-09", "2012-01-09"], utc=True),
            "level": ["note", "note", "watch"],
            "kind": "shift",
            "signal": "trade",
            "feature": ["a", "a", "b"],
            "value": [1.0, -3.0, 2.0],
        }
    )
    found = summarise(lines)
    assert found["feature"].tolist() == ["b", "a"]
    assert found["weeks"].tolist() == [1, 2]
    assert found["most"].tolist() == [2.0, 3.0]
