"""Replayed weeks are the weeks that `oresight weekly` publishes, to the byte; digests, killed replays, order."""

from __future__ import annotations

import datetime as dt
import shutil
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from features.knowledge_time import UTC, as_moment
from features.store import Store
from ml.knowledge import open_store
from ml.ledger import hindcast
from ml.ledger.chain import Ledger
from ml.ledger.check import check_chain
from ml.ledger.digests import digests_at
from ml.ledger.entries import LEDGER_COLUMNS, ROW_KEY
from ml.ledger.hindcast import hindcast_ledger, run_hindcast
from ml.origins import mondays
from ml.runs import Run
from ml.settings import Settings
from models.forecaster import Forecaster
from models.gradient_boosting import Parameters
from tests.builders import price, rows, series
from tests.ml.conftest import FIRST_WEEK

# The same as of the trained home, whose champion learned on the Monday that began the quarter of its first week.
QUICK = Parameters(rounds=40)
NOW = dt.datetime(2026, 11, 25, tzinfo=UTC)
# Two weeks of a quarter, and one each of two further ones, which learn from the same rows.
WEEKS = [as_moment(week) for week in (FIRST_WEEK, "2005-01-10", "2005-04-04", "2005-07-04")]


def quiet(line: str) -> None:
    """Say nothing."""


def replay(home: Path, weeks: list[dt.datetime]) -> hindcast.Hindcast:
    settings = Settings(home=home, workers=1)
    return run_hindcast(settings, open_store(settings, now=NOW), weeks, now=NOW, say=quiet, parameters=QUICK)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bundle_home: Path) -> Path:
    """Four weeks of three quarters, replayed; not to be changed."""
    home = tmp_path_factory.mktemp("hindcast")
    (home / "datasets").symlink_to(bundle_home / "datasets")
    done = replay(home, WEEKS)
    assert (done.weeks, done.quarters_added, done.quarters_kept, done.fits) == (4, 3, 0, 2)
    return home


@pytest.fixture(scope="module")
def ledger(home: Path) -> Ledger:
    """Its ledger."""
    return hindcast_ledger(Settings(home=home))


def test_the_rows_of_a_week_are_those_of_the_weekly_run_to_the_byte(ledger: Ledger, first_run: Run) -> None:
    every = ledger.rows()
    week = every[every["as_of"].eq(pd.Timestamp(as_moment(FIRST_WEEK)))]
    own = ["run_id", "issued_at", "kind"]
    columns = [name for name in LEDGER_COLUMNS if name not in own]
    published = first_run.forecasts()[columns].sort_values(ROW_KEY, ignore_index=True)
    replayed = week[columns].sort_values(ROW_KEY, ignore_index=True)
    pd.testing.assert_frame_equal(replayed, published, check_exact=True, check_dtype=False)
    assert replayed["probability"].to_numpy().tobytes() == published["probability"].to_numpy().tobytes()
    assert len(published) > 1000
    assert set(every["kind"]) == {"hindcast"}


def test_every_week_is_there_once_and_the_model_changes_with_the_quarter(ledger: Ledger) -> None:
    every = ledger.rows()
    assert sorted(every["as_of"].unique()) == [pd.Timestamp(week) for week in WEEKS]
    assert not every.duplicated(ROW_KEY).any()
    versions = every.groupby("as_of")["model_version"].unique()
    assert all(len(of) == 1 for of in versions)
    # A model's version holds the date it was trained at, also where two dates share a fit.
    assert every.groupby("number")["model_version"].nunique().tolist() == [1, 1, 1]
    assert every["model_version"].nunique() == 3
    assert [entry["cutoff"] for entry in ledger.entries()] == ["2005-01-03", "2005-04-04", "2005-07-04"]
    assert check_chain(ledger) == []
    assert len(set(every.groupby("run_id")["as_of"].nunique())) == 1


def test_digests_of_many_dates_are_those_of_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "datasets")
    store.append("trade", rows("trade", series("COD", [100.0] * 5, first=2000)), where="test")
    store.append("prices", rows("prices", [price("Tin", "2001-03", 5000.0)]), where="test")
    revised = series("COD", [90.0], first=2001, available_at=as_moment("2004-06-01"))
    store.append("trade", rows("trade", revised), where="test")
    dates = ("1999-12-31", "2001-04-04", "2002-02-01", "2003-01-31", "2004-05-31", "2004-06-01", "2030-01-01")
    moments = [as_moment(date) for date in dates]
    found = digests_at(store, reversed(moments))
    assert [found[moment] for moment in moments] == [store.digest(as_of=moment) for moment in moments]
    assert len(set(found.values())) == 6  # between February 2002 and January 2003 nothing became known
    assert digests_at(store, []) == {}


def test_what_is_there_is_not_made_again_and_a_killed_replay_goes_on(
    home: Path, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "home"
    copy.mkdir()
    (copy / "datasets").symlink_to((home / "datasets").resolve())
    shutil.copytree(ledger.folder, copy / "hindcast")
    whole = ledger.path.read_bytes()
    # Killed while the third line was written: the model is kept, the rows are made again.
    lines = whole.splitlines(keepends=True)
    (copy / "hindcast" / "chain.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:99])

    def refuse(*_: object, **__: object) -> Forecaster:
        raise AssertionError("a kept model is fitted again")

    monkeypatch.setattr(Forecaster, "fit", refuse)
    done = replay(copy, WEEKS)
    assert (done.quarters_added, done.quarters_kept) == (1, 2)
    again = Ledger(copy / "hindcast")
    assert again.path.read_bytes() == whole
    assert check_chain(again) == []
    assert not (copy / "hindcast" / "scratch").exists()


def test_quarters_with_the_same_training_share_a_fit_and_others_do_not() -> None:
    training = pd.DataFrame(
        {
            "mineral": "cobalt",
            "supplier": "COD",
            "as_of": [pd.Timestamp(f"{year}-07-22", tz="UTC") for year in (2002, 2003, 2004)],
        }
    )
    training = training.reindex(columns=[*training.columns, *hindcast.feature_names(hindcast.signals_named(["trade"]))])
    labels = pd.DataFrame(
        {"year": [2002, 2003], "resolved_at": [pd.Timestamp(f"{year}-02-01", tz="UTC") for year in (2004, 2005)]}
    )
    key = partial(hindcast._training_key, training, labels, signals=("trade",), parameters=QUICK)
    april, july, january, next_april = (
        key(as_moment(date)) for date in ("2004-04-05", "2004-07-05", "2005-01-03", "2005-04-04")
    )
    assert april == july == january
    assert next_april != january
    assert key(as_moment("2004-04-05"), parameters=Parameters(rounds=41)) != april
    # A row that is learned from, with another value.
    training.loc[0, "trade_share_3y"] = 0.5
    assert key(as_moment("2004-04-05")) != april


def test_partitions_that_are_ready_early_wait_for_their_turn() -> None:
    def partition(key: str, *names: str) -> hindcast.Partition:
        quarters = tuple(hindcast.Quarter(NOW, (), (), name) for name in names)
        return hindcast.Partition(key, quarters, (), ())

    first, second, third = partition("a", "q1", "q2"), partition("b", "q3"), partition("c", "q4")

    def tables(of: hindcast.Partition) -> list[pd.DataFrame]:
        return [pd.DataFrame()] * len(of.quarters)

    done = iter([(third, tables(third)), (first, tables(first)), (second, tables(second))])
    order = [quarter.name for quarter, _ in hindcast._in_order([first, second, third], done)]
    assert order == ["q1", "q2", "q3", "q4"]


def test_weeks_are_the_mondays_from_the_first_to_the_last() -> None:
    weeks = mondays(as_moment("2010-01-04"), as_moment("2024-12-30"))
    assert len(weeks) == 783
    assert (weeks[0], weeks[-1]) == (as_moment("2010-01-04"), as_moment("2024-12-30"))
