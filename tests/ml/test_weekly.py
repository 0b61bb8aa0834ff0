"""The weekly run: whole or not at all, the same every time, one at a time, and only from what was known.

The first part replaces model and forecast by small tables and looks at what is published. The second part
runs everything on the embedded data.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from features import collection
from features.errors import ContractError, OresightError
from features.exports import EXPORT_COLUMNS
from features.knowledge_time import UTC, as_moment
from features.store import Store
from ml import knowledge as knowledge_module
from ml import registry, weekly
from ml.contract import check_forecasts
from ml.drift.measures import as_table, row
from ml.knowledge import Knowledge, open_store, signals_named
from ml.runs import Run, current_run, find_run, previous_run, published
from ml.settings import Settings
from ml.weekly import run_week
from models.gradient_boosting import Parameters
from tests.builders import flow, rows
from tests.ml.test_contract import good_table

A_DAY = dt.timedelta(days=1)
WEEKS = ["2019-05-27", "2019-06-03", "2019-06-10"]
PUBLISHED = ["drift.json", "explanations.parquet", "forecasts.csv", "forecasts.parquet", "report.html", "run.json"]


def quiet(line: str) -> None:
    """Say nothing."""


def bytes_of(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.folder.iterdir()}


class Desk:
    """A home with a tiny store, in which weeks are run with a model that always says the same."""

    def __init__(self, home: Path, **settings: Any) -> None:
        self.settings = Settings(home=home, **settings)
        self.store = Store(self.settings.datasets)
        if self.store.is_empty():
            self.store.append("trade", rows("trade", [flow(2000, "COD", "JPN", 10)]), where="test")
        self.version = "0123456789ab"
        self.logged: list[str] = []
        self.given: list[pd.DataFrame | None] = []
        self.spoil: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table

    def answer(self, patch: pytest.MonkeyPatch) -> None:
        """Be the one whose model answers from now on."""

        def model_for_week(settings: Settings, store: Store, as_of: dt.datetime, **_: Any) -> registry.Served:
            return registry.Served(None, self.version, as_of, ("trade",), "1")  # type: ignore[arg-type]

        patch.setattr(registry, "model_for_week", model_for_week)
        patch.setattr(weekly, "forecast_week", self.forecast)
        patch.setattr(weekly, "_log", lambda settings, run, registered_as: self.logged.append(run.run_id))

    def run(self, week: str, *, now: dt.datetime | None = None, **how: Any) -> tuple[Run, bool]:
        return run_week(self.settings, as_moment(week), now=now or as_moment(week) + A_DAY, say=quiet, **how)

    def current(self) -> str | None:
        run = current_run(self.settings)
        return None if run is None else run.about["as_of"]

    def forecast(
        self, knowledge: Any, served: Any, settings: Settings, issued: pd.DataFrame | None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        self.given.append(issued)
        table = good_table().assign(as_of=knowledge.as_of, model_version=served.version)
        ahead = table["horizon"].eq("next_year") + pd.Timestamp(knowledge.as_of).year
        for name, day in (("window_start", "-01-01"), ("window_end", "-12-31")):
            table[name] = pd.to_datetime(ahead.astype("str") + day, utc=True)
        table["data_as_of"] = table["data_as_of"].clip(upper=knowledge.as_of)
        keys = table.loc[~table["abstained"], ["target", "horizon", "mineral", "supplier"]]
        explanations = keys.assign(signal="trade", feature="trade_share_3y", value=0.1, contribution=-0.2)
        return self.spoil(table.drop(columns=["run_id", "data_digest"])), explanations


def leave_out_what_is_slow(patch: pytest.MonkeyPatch) -> None:
    """Replace what a desk's tables have no use for: knowledge, drift, shadow and the page."""
    exports = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in EXPORT_COLUMNS.items()})
    patch.setattr(
        weekly,
        "Knowledge",
        lambda store, as_of, *_: SimpleNamespace(as_of=as_of, exports=exports, tables={}),
    )
    patch.setattr(weekly, "check_week", lambda *_, **__: as_table([]))
    # It would open MLflow's database in every home.
    patch.setattr(weekly, "run_shadow", lambda *_, **__: None)
    patch.setattr(weekly, "render_weekly_report", lambda forecasts, *_: f"<p>{len(forecasts)} rows</p>")


@pytest.fixture
def new_desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Desk]:
    """Make desks; the last one made is the one whose model answers."""

    def make(name: str = "home", **settings: Any) -> Desk:
        desk = Desk(tmp_path / name, **settings)
        desk.answer(monkeypatch)
        return desk

    leave_out_what_is_slow(monkeypatch)
    return make


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    return new_desk()


# ---- what is held back ----------------------------------------------------------------------------

SPOILT = row("stop", "jump", "trade", "trade.baci.quantity_tonnes", 1000.0, 3.0, "The newest figures are 1,000 times.")


def test_a_run_on_spoilt_data_is_written_and_the_one_before_stays_current(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run("2019-06-03")
    monkeypatch.setattr(weekly, "check_week", lambda *_, **__: as_table([SPOILT]))
    run, is_new = desk.run("2019-06-10")
    assert is_new
    assert run.about["drift"]["stops"] == ["The newest figures are 1,000 times."]
    assert desk.current() == "2019-06-03"
    # What was never said to anybody is no week before.
    assert previous_run(desk.settings, as_moment("2019-06-17")) is None
    again, is_new = desk.run("2019-06-10")
    assert (again.folder, is_new) == (run.folder, False)
    assert desk.current() == "2019-06-03"
    passed, _ = desk.run("2019-06-10", accept=("BACI counts kilograms now", "ada"))
    assert desk.current() == "2019-06-10"
    assert passed.about["drift"]["accepted"]["why"] == "BACI counts kilograms now"
    assert not passed.broken_files()


def test_a_first_run_that_is_held_back_leaves_no_current_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weekly, "check_week", lambda *_, **__: as_table([SPOILT]))
    desk.run("2019-06-03")
    assert desk.current() is None


# ---- what is published ---------------------------------------------------------------------------


def test_a_run_holds_tables_page_and_what_they_are_made_of(desk: Desk) -> None:
    run, is_new = desk.run("2019-06-03")
    assert is_new
    assert sorted(path.name for path in run.folder.iterdir()) == PUBLISHED
    assert run.folder.parent == desk.settings.runs
    about = run.about
    assert about["run_id"] == run.run_id == run.folder.name
    assert about["run_id"].startswith("2019-W23-")
    facts = {"as_of": "2019-06-03", "week": "2019-W23", "rows": 12, "pairs": 3, "abstained": 4, "stale": 0}
    assert facts.items() <= about.items()
    assert about["tiers"] == {"elevated": 2}
    assert about["data_digest"] == desk.store.digest(as_of=as_moment("2019-06-03"))
    assert about["model_version"] == desk.version
    assert about["files"] == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.folder.iterdir()
        if path.name != "run.json"
    }
    assert run.broken_files() == []
    assert current_run(desk.settings) == run
    assert desk.logged == [run.run_id]


def test_parquet_and_csv_say_the_same(desk: Desk) -> None:
    run, _ = desk.run("2019-06-03")
    table = run.forecasts()
    assert set(table["run_id"]) == {run.run_id}
    text = pd.read_csv(run.folder / "forecasts.csv")
    assert list(text.columns) == list(table.columns)
    assert len(text) == len(table)
    assert text["probability"].tolist() == pytest.approx(table["probability"].tolist(), nan_ok=True)
    assert text["window_start"].tolist() == table["window_start"].dt.strftime("%Y-%m-%d").tolist()
    assert set(run.explanations()["run_id"]) == {run.run_id}


def test_the_same_week_again_is_the_same_run_and_nothing_is_written(desk: Desk) -> None:
    first, _ = desk.run("2019-06-03")
    kept, times = bytes_of(first), {path: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    again, is_new = desk.run("2019-06-03", now=as_moment("2024-01-01"))
    assert not is_new
    assert again == first
    assert bytes_of(again) == kept
    assert {path: path.stat().st_mtime_ns for path in again.folder.iterdir()} == times
    assert desk.logged == [first.run_id]
    assert len(desk.given) == 1


def test_another_home_and_another_hour_give_the_same_bytes(new_desk: Callable[..., Desk]) -> None:
    first, _ = new_desk("one").run("2019-06-03", now=as_moment("2019-06-03") + dt.timedelta(hours=6))
    second, _ = new_desk("two").run("2019-06-03", now=as_moment("2019-06-03") + dt.timedelta(hours=30))
    one, two = bytes_of(first), bytes_of(second)
    abouts = [json.loads(files.pop("run.json")) for files in (one, two)]
    assert one == two
    assert [about.pop("created_at") for about in abouts] == ["2019-06-03T06:00:00+00:00", "2019-06-04T06:00:00+00:00"]
    assert abouts[0] == abouts[1]


def test_the_run_id_changes_with_data_model_limits_and_the_run_before_and_with_nothing_else(
    new_desk: Callable[..., Desk],
) -> None:
    def run_id(desk: Desk, week: str = "2019-06-03", **options: Any) -> str:
        return desk.run(week, **options)[0].run_id

    ids = [run_id(new_desk("usual"))]
    desk = new_desk("other-model")
    desk.version = "ba9876543210"
    ids.append(run_id(desk))
    ids.append(run_id(new_desk("other-limits", tier_severe=0.6)))
    desk = new_desk("other-data")
    desk.store.append("trade", rows("trade", [flow(2000, "CHN", "JPN", 1)]), where="test")
    ids.append(run_id(desk))
    desk = new_desk("with-a-run-before")
    desk.run("2019-05-27")
    ids.append(run_id(desk))
    ids.append(run_id(new_desk("other-week"), "2019-06-10"))
    assert len(set(ids)) == 6
    desk = new_desk("usual-again", workers=1, memory_limit="1GB")
    desk.store.append("trade", rows("trade", [flow(2018, "CHN", "JPN", 1)]), where="known only from 2020")
    desk.run("2019-05-20")
    assert run_id(desk, now=as_moment("2030-01-01")) == ids[0]


def test_a_run_gets_the_forecasts_of_the_week_before_and_of_no_other(desk: Desk) -> None:
    for week in ("2019-05-20", "2019-06-03", "2019-05-27", "2019-06-10"):
        desk.run(week)
    # 3 June had none when it ran; 27 May had 20 May, 10 June has 3 June.
    assert [None if issued is None else issued["as_of"].iloc[0].date().isoformat() for issued in desk.given] == [
        None,
        None,
        "2019-05-20",
        "2019-06-03",
    ]
    run = previous_run(desk.settings, as_moment("2019-06-10"))
    assert run is not None
    assert run.about["as_of"] == "2019-06-03"
    assert previous_run(desk.settings, as_moment("2019-05-20")) is None


@pytest.mark.parametrize(("days", "kind"), [(0.0, "live"), (6.99, "live"), (7.0, "hindcast"), (700.0, "hindcast")])
def test_a_run_is_live_only_within_its_week(desk: Desk, days: float, kind: str) -> None:
    run, _ = desk.run("2019-06-03", now=as_moment("2019-06-03") + dt.timedelta(days=days))
    assert run.about["kind"] == kind


# ---- which run is current ------------------------------------------------------------------------


def test_current_stays_the_newest_week_when_an_old_one_is_replayed(desk: Desk) -> None:
    for week in ("2019-06-03", "2019-06-10"):
        desk.run(week)
    old, is_new = desk.run("2005-01-03", now=as_moment("2019-06-12"))
    assert is_new
    assert desk.current() == "2019-06-10"
    assert find_run(desk.settings, None).about["as_of"] == "2019-06-10"
    assert find_run(desk.settings, as_moment("2005-01-03")) == old
    assert [run.about["as_of"] for run in published(desk.settings)] == ["2005-01-03", "2019-06-03", "2019-06-10"]


def test_new_data_give_the_week_a_second_run_beside_the_first_and_current_is_the_second(desk: Desk) -> None:
    first, _ = desk.run("2019-06-03", now=as_moment("2019-06-03"))
    desk.store.append("trade", rows("trade", [flow(2000, "CHN", "JPN", 1)]), where="test")
    second, is_new = desk.run("2019-06-03", now=as_moment("2019-06-04"))
    assert is_new
    assert first.run_id != second.run_id
    assert current_run(desk.settings) == find_run(desk.settings, as_moment("2019-06-03")) == second
    assert first.broken_files() == second.broken_files() == []
    later, _ = desk.run("2019-06-10")
    assert desk.given[-1]["run_id"].iloc[0] == second.run_id  # type: ignore[index]
    assert current_run(desk.settings) == later


def test_what_is_not_there_is_said(desk: Desk) -> None:
    with pytest.raises(OresightError, match=r"no run has been published below .*runs; run `oresight weekly` first"):
        find_run(desk.settings, None)
    assert current_run(desk.settings) is None
    assert published(desk.settings) == []
    desk.run("2019-06-03")
    with pytest.raises(OresightError, match="no run for 2019-06-10; run `oresight weekly --as-of 2019-06-10` first"):
        find_run(desk.settings, as_moment("2019-06-10"))


def test_a_changed_and_a_missing_file_are_noticed(desk: Desk) -> None:
    run, _ = desk.run("2019-06-03")
    page = run.folder / "report.html"
    page.write_text(page.read_text() + " ")
    assert run.broken_files() == ["report.html"]
    (run.folder / "forecasts.csv").unlink()
    assert run.broken_files() == ["forecasts.csv", "report.html"]


# ---- whole or not at all -------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


@contextmanager
def killed_at(number: int | None) -> Iterator[list[str]]:
    """Count what is written or moved below `runs/`, and stop in the middle of operation `number`."""
    done: list[str] = []
    originals = {
        (owner, name): getattr(owner, name)
        for owner, name in (
            (pd.DataFrame, "to_parquet"),
            (pd.DataFrame, "to_csv"),
            (Path, "write_text"),
            (Path, "replace"),
            (Path, "mkdir"),
        )
    }

    def watched(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def operation(self: Any, *arguments: Any, **options: Any) -> Any:
            target = self if isinstance(self, Path) else arguments[0]
            if "runs" not in Path(target).parts:
                return original(self, *arguments, **options)
            if len(done) == number:
                # A write stops half-way; a rename either happened or not.
                if name in ("to_parquet", "to_csv", "write_text"):
                    Path(target).write_bytes(b"PAR1 half of it")
                raise Killed(name)
            done.append(f"{name} {Path(target).name}")
            return original(self, *arguments, **options)

        return operation

    with pytest.MonkeyPatch.context() as patch:
        for (owner, name), original in originals.items():
            patch.setattr(owner, name, watched(name, original))
        yield done


def test_a_run_that_is_killed_at_any_step_changes_nothing_and_the_next_call_finishes(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk("clean")
    desk.run("2019-05-27")
    with killed_at(None) as steps:
        clean, _ = desk.run("2019-06-03")
    # The folder aside, drift and three tables, the page, run.json, the rename, current.json written aside and renamed.
    assert len(steps) == 10
    for number in range(len(steps)):
        desk = new_desk(f"killed-{number}")
        before, _ = desk.run("2019-05-27")
        kept = bytes_of(before)
        with pytest.raises(Killed), killed_at(number):
            desk.run("2019-06-03")
        # Readers see whole runs only, and current is one of them.
        names = [run.about["as_of"] for run in published(desk.settings)]
        assert names in (["2019-05-27"], ["2019-05-27", "2019-06-03"])
        assert all(run.broken_files() == [] for run in published(desk.settings))
        assert desk.current() == "2019-05-27"
        assert bytes_of(before) == kept
        run, is_new = desk.run("2019-06-03")
        assert is_new == (names == ["2019-05-27"])
        assert bytes_of(run) == bytes_of(clean)
        assert desk.current() == "2019-06-03"
        assert sorted(path.name for path in desk.settings.runs.iterdir()) == sorted(
            [before.run_id, run.run_id, "current.json"]
        )


CHILD = """
import os, signal, sys
from pathlib import Path
from features import collection
from features.knowledge_time import as_moment
from ml import knowledge
from ml.settings import Settings

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

home, week, step = sys.argv[1:]
settings = Settings(home=Path(home))
if step == "rename":
    import pytest
    from tests.ml.test_weekly import Desk, leave_out_what_is_slow
    patch, desk = pytest.MonkeyPatch(), Desk(settings.home)
    leave_out_what_is_slow(patch)
    desk.answer(patch)
    replace = Path.replace
    is_run = lambda path: path.name.endswith(".part") and path.is_dir()
    Path.replace = lambda self, target: die() if is_run(self) else replace(self, target)
    desk.run(week)
if step == "filling":
    # A small source first: what counts is that one is stored and the next is not.
    collection.BUNDLE_FILES = {name: collection.BUNDLE_FILES[name] for name in ("events", "wgi")}
    ingest = collection.ingest
    collection.ingest = lambda store, name, *a, **k: die() if name == "wgi" else ingest(store, name, *a, **k)
    knowledge.open_store(settings, now=as_moment("2026-11-01"))
"""


def die_at(step: str, home: Path, week: str, root: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(home), week, step]
    env = {**os.environ, "PYTHONPATH": str(root)}
    answer = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == -signal.SIGKILL, answer.stderr


def test_a_job_that_is_really_killed_leaves_the_lock_free_and_the_week_to_the_next(desk: Desk, repo_root: Path) -> None:
    desk.run("2019-05-27")
    settings = desk.settings
    before = current_run(settings)
    die_at("rename", settings.home, "2019-06-03", repo_root)
    assert current_run(settings) == before
    (leftover,) = settings.runs.glob(".*.part")
    assert sorted(path.name for path in leftover.iterdir()) == PUBLISHED
    run, is_new = desk.run("2019-06-03")
    assert is_new
    assert run.broken_files() == []
    assert not list(settings.runs.glob(".*.part"))
    # What the killed job had written aside was the whole of it.
    assert f".{run.run_id}.part" == leftover.name


def test_what_breaks_the_contract_is_not_published(desk: Desk) -> None:
    desk.run("2019-05-27")
    desk.spoil = lambda table: table.assign(p_high=table["p_high"].mask(table["supplier"].eq("COD"), 1.2))
    with pytest.raises(ContractError, match=r"probabilities between 0 and 1; .* Nothing published"):
        desk.run("2019-06-03")
    assert desk.current() == "2019-05-27"
    assert len(list(desk.settings.runs.iterdir())) == 2
    desk.spoil = lambda table: table.rename(columns={"tier": "level"})
    with pytest.raises(ContractError, match=r"lacks \['tier'\]"):
        desk.run("2019-06-03")
    desk.spoil = lambda table: table
    assert desk.run("2019-06-03")[1]


def test_a_run_that_mlflow_could_not_log_is_published_all_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ConnectionError("the server does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(weekly, "_log", fail)
        with pytest.raises(ConnectionError):
            desk.run("2019-06-03")
    assert desk.current() == "2019-06-03"
    assert not desk.run("2019-06-03")[1]


# ---- one at a time -------------------------------------------------------------------------------


def test_a_second_job_is_refused_while_one_runs_and_goes_on_after_it(desk: Desk) -> None:
    desk.run("2019-05-27")
    before = sorted(desk.settings.runs.rglob("*"))
    with (desk.settings.home / ".weekly").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OresightError, match=r"another weekly job is using .*home; wait for it to end"):
            desk.run("2019-06-03")
        assert sorted(desk.settings.runs.rglob("*")) == before
    assert desk.run("2019-06-03")[1]


def test_a_job_inside_a_job_is_refused(desk: Desk) -> None:
    def again(table: pd.DataFrame) -> pd.DataFrame:
        with pytest.raises(OresightError, match="another weekly job"):
            desk.run("2019-05-27")
        return table

    desk.spoil = again
    assert desk.run("2019-06-03")[1]


def test_a_scheduler_that_holds_a_lock_of_its_own_does_not_stop_the_job(desk: Desk) -> None:
    desk.settings.home.mkdir(exist_ok=True)
    with (desk.settings.home / "weekly.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert desk.run("2019-06-03")[1]


def test_a_job_in_another_home_is_no_hindrance(new_desk: Callable[..., Desk]) -> None:
    one = new_desk("one")
    one.run("2019-06-03")
    with (one.settings.home / ".weekly").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert new_desk("two").run("2019-06-03")[1]


# ---- everything, on the embedded data ------------------------------------------------------------


@pytest.mark.slow
def test_the_first_week_can_be_run_and_its_explanations_add_up_to_the_scores(
    first_run: Run, trained_home: Path
) -> None:
    table = first_run.forecasts()
    check_forecasts(table)
    assert first_run.about["kind"] == "live"
    assert table["as_of"].eq(pd.Timestamp("2005-01-03", tz="UTC")).all()
    assert len(table) == 4 * first_run.about["pairs"] > 2000
    assert (~table["abstained"]).mean() > 0.95
    # Known in January 2005: trade up to 2002.
    assert table["data_as_of"].eq(pd.Timestamp("2004-02-01", tz="UTC")).all()
    assert not table["stale"].any()
    key = ["target", "horizon", "mineral", "supplier"]
    told = table[~table["abstained"]].set_index(key).sort_index()
    drop, severe = told.loc["supply_drop", "probability"], told.loc["severe_supply_drop", "probability"]
    assert (severe <= drop.reindex(severe.index)).all()
    settings = Settings(home=trained_home)
    store, monday = Store(settings.datasets), as_moment("2005-01-03")
    served = registry.model_for_week(settings, store, monday, now=dt.datetime.now(UTC), say=quiet)
    assert set(table["model_version"]) == {served.version}
    panel = Knowledge(store, monday, signals_named(served.signals)).panel([monday])
    usable = panel.merge(told.reset_index()[["mineral", "supplier"]].drop_duplicates(), on=["mineral", "supplier"])
    raw = served.forecaster.predict(usable).set_index(key)["raw_score"]
    explained = first_run.explanations().groupby(key)["contribution"].sum()
    assert set(explained.index) == set(raw.index) == set(told.index)
    assert (explained - raw.reindex(explained.index)).abs().max() < 1e-6


@pytest.mark.slow
def test_a_published_week_is_found_again_with_everything_real(
    trained_home: Path, first_run: Run, copy_of: Callable[[Path], Path]
) -> None:
    settings = Settings(home=copy_of(trained_home))
    said: list[str] = []
    run, is_new = run_week(settings, as_moment("2005-01-03"), now=dt.datetime.now(UTC), say=said.append)
    assert not is_new
    assert run.run_id == first_run.run_id
    assert bytes_of(run) == bytes_of(first_run)
    assert said == ["Week 2005-W01 with the same data and model is published already"]
    current = current_run(settings)
    assert current is not None
    assert current.about["as_of"] == "2010-06-07"


@pytest.mark.slow
def test_a_replay_from_a_store_that_ends_at_the_week_gives_the_same_bytes_with_a_model_of_its_own(
    small_home: Path, cut_home: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An early week: less to learn from, and a home that ends there is needed by other tests too.
    week = "2006-06-05"
    # Fewer trees, the rest of the way unchanged.
    monkeypatch.setattr(registry, "Parameters", lambda: Parameters(rounds=10))
    runs = []
    homes = (("full", small_home, "2026-01-01"), ("cut", cut_home(week, small_home), "2006-07-01"))
    for name, home, now in homes:
        shutil.copytree(home / "datasets", tmp_path / name / "datasets")
        run, is_new = run_week(Settings(home=tmp_path / name), as_moment(week), now=as_moment(now), say=quiet)
        assert is_new
        assert run.about["kind"] == "hindcast"
        runs.append(run)
    full, cut = (Store(tmp_path / name / "datasets") for name in ("full", "cut"))
    later = as_moment("2026-01-01")
    assert len(full.history("trade", as_of=later)) > len(cut.history("trade", as_of=later))
    files, others = (bytes_of(run) for run in runs)
    abouts = [json.loads(of.pop("run.json")) for of in (files, others)]
    assert files.keys() == others.keys()
    assert [name for name in files if files[name] != others[name]] == []
    for about in abouts:
        del about["created_at"]
    assert abouts[0] == abouts[1]
    assert abouts[0]["trained_as_of"] == "2006-04-03"
    check_forecasts(runs[0].forecasts())
    assert not (tmp_path / "full" / "promotions.jsonl").exists()


@pytest.mark.slow
def test_a_first_start_that_is_killed_leaves_no_store_that_lacks_a_dataset(
    bundle_home: Path, tmp_path: Path, repo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_at("filling", tmp_path, "2005-01-03", repo_root)
    settings, now = Settings(home=tmp_path), dt.datetime.now(UTC)
    filled: list[Path] = []

    def fill(store: Store, *, now: dt.datetime) -> list[collection.Receipt]:
        filled.append(store.folder)
        shutil.copytree(bundle_home / "datasets", store.folder)
        return []

    monkeypatch.setattr(knowledge_module.collection, "ingest_bundle", fill)
    store = open_store(settings, now=now)
    assert len(filled) == 1
    assert store.digest(as_of=now) == Store(bundle_home / "datasets").digest(as_of=now)
    assert open_store(settings, now=now).batches("trade")
    assert len(filled) == 1
