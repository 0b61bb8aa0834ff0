"""Which model serves a week: never one trained later, the champion from its training on, and only from whole files."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import BadInput, ConfigError, ContractError
from features.knowledge_time import UTC, as_moment
from features.signals.declaration import Signal
from features.store import Store
from ml import registry, tracking
from ml.knowledge import Knowledge, open_store, signals_named
from ml.registry import aliases, model_contract
from ml.runs import Run
from ml.settings import Settings
from models.forecaster import Forecaster
from models.gradient_boosting import Parameters
from tests.builders import flow, mirrored, rows

pytestmark = pytest.mark.slow
A_DAY = dt.timedelta(days=1)
MUCH_LATER = as_moment("2006-06-05")


@pytest.fixture(scope="module", autouse=True)
def _quick_training() -> Iterator[None]:
    """Few rounds, and what was known at a date is worked out once: all homes here hold the same data."""
    known: dict[dt.datetime, Knowledge] = {}

    def knowledge(store: Store, as_of: dt.datetime, signals: tuple[Signal, ...]) -> Knowledge:
        return known.setdefault(as_of, Knowledge(store, as_of, signals))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "Parameters", lambda: Parameters(rounds=3))
        patch.setattr(registry, "Knowledge", knowledge)
        yield


class Desk:
    """Asks for models in one home, and counts how many had to be trained."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.store: Store = open_store(self.settings, now=dt.datetime.now(UTC))
        self.said: list[str] = []

    def ask(self, week: str, *, now: dt.datetime) -> registry.Served:
        return registry.model_for_week(self.settings, self.store, as_moment(week), now=now, say=self.said.append)

    def live(self, week: str) -> registry.Served:
        return self.ask(week, now=as_moment(week) + A_DAY)

    def hindcast(self, week: str) -> registry.Served:
        return self.ask(week, now=MUCH_LATER)

    @property
    def trained(self) -> int:
        return sum(line.startswith("Fitting") for line in self.said)

    @property
    def champion(self) -> str | None:
        with tracking.mlflow_at(self.settings) as mlflow:
            found = aliases.version_at(mlflow.MlflowClient(), "champion")
        return None if found is None else str(found.version)

    @property
    def promotions(self) -> list[dict[str, Any]]:
        path = self.settings.home / "promotions.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def replayed_home(cut_home: Callable[..., Path], small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which one past week of early 2005 was replayed, and nothing was ever live."""
    home = tmp_path_factory.mktemp("replayed")
    shutil.copytree(cut_home("2006-06-05", small_home) / "datasets", home / "datasets")
    Desk(home).hindcast("2005-02-07")
    return home


@pytest.fixture
def desk(replayed_home: Path, copy_of: Callable[[Path], Path]) -> Desk:
    return Desk(copy_of(replayed_home))


def test_a_replay_trains_at_the_start_of_its_quarter_and_sets_no_champion(desk: Desk) -> None:
    served = desk.hindcast("2005-02-07")
    assert served.trained_as_of == as_moment("2005-01-03")
    assert served.forecaster.trained_as_of == pd.Timestamp("2005-01-03", tz="UTC")
    assert (desk.trained, desk.champion, desk.promotions) == (0, None, [])


def test_another_week_of_the_quarter_takes_the_same_model(desk: Desk) -> None:
    first, last = desk.hindcast("2005-01-03"), desk.hindcast("2005-03-28")
    assert first.registered_as == last.registered_as == "1"
    assert first.version == last.version
    assert desk.trained == 0


def test_the_first_live_week_makes_a_champion_also_of_a_model_that_is_there_already(desk: Desk) -> None:
    served = desk.live("2005-02-14")
    assert desk.trained == 0
    assert desk.champion == served.registered_as == "1"
    assert (served.alias, served.promotion_line) == ("champion", 1)
    assert desk.promotions == [
        {
            "at": "2005-02-15T00:00:00+00:00",
            "alias": "champion",
            "action": "promoted",
            "registered_as": "1",
            "version": served.version,
            "from_registered_as": None,
            "from_version": None,
            "by": "oresight",
            "reason": "no champion yet",
            "evidence": None,
            "forced": False,
        }
    ]
    desk.live("2005-02-21")
    assert len(desk.promotions) == 1


def test_a_champion_serves_from_its_training_on_and_never_a_week_before_it(desk: Desk) -> None:
    champion = desk.live("2005-04-11")
    assert champion.trained_as_of == as_moment("2005-04-04")
    assert (desk.trained, desk.champion) == (1, champion.registered_as)
    before, on_the_day, later = (desk.hindcast(week) for week in ("2005-03-28", "2005-04-04", "2006-05-29"))
    assert before.trained_as_of == as_moment("2005-01-03")
    assert before.version != champion.version
    assert on_the_day.version == later.version == champion.version
    assert desk.trained == 1
    assert len(desk.promotions) == 1


def test_a_week_after_a_kill_between_log_and_alias_puts_the_alias_back(desk: Desk) -> None:
    served = desk.live("2005-02-14")
    with tracking.mlflow_at(desk.settings) as mlflow:
        mlflow.MlflowClient().delete_registered_model_alias("oresight", "champion")
    again = desk.live("2005-02-21")
    assert (again.version, again.alias, again.promotion_line) == (served.version, "champion", 1)
    assert desk.champion == served.registered_as
    (told,) = [line for line in desk.said if "put back" in line]
    assert told.startswith("The alias champion stands nowhere in the registry, and line 1 of promotions.jsonl says 1")
    assert len(desk.promotions) == 1


@pytest.fixture
def other_units(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give what makes the code declare every feature in another unit."""
    real = model_contract.features_of

    def change() -> None:
        monkeypatch.setattr(
            model_contract, "features_of", lambda signals: [replace(each, unit="other") for each in real(signals)]
        )

    return change


def test_a_champion_whose_features_mean_something_else_is_refused(desk: Desk, other_units: Callable[[], None]) -> None:
    desk.live("2005-02-14")
    other_units()
    with pytest.raises(ContractError, match=r"\(oresight 1\) cannot .*: feature trade_.*oresight train --promote"):
        desk.live("2005-02-21")
    assert desk.trained == 0


def test_a_replay_takes_no_model_whose_features_meant_something_else(
    desk: Desk, asked: list[tuple[dt.datetime, bool]], other_units: Callable[[], None]
) -> None:
    desk.hindcast("2005-02-07")
    assert asked == []
    other_units()
    desk.hindcast("2005-02-07")
    assert asked == [(as_moment("2005-01-03"), False)]


def test_a_live_week_before_the_champion_gets_its_own_model_and_takes_no_alias(desk: Desk) -> None:
    champion = desk.live("2005-04-11")
    assert desk.live("2005-02-14").version != champion.version
    assert desk.champion == champion.registered_as
    assert len(desk.promotions) == 1


@pytest.fixture
def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[dt.datetime, bool]]]:
    """Instead of training: note for when, and whether to promote."""
    calls: list[tuple[dt.datetime, bool]] = []

    def train(settings: Settings, store: Store, trained_as_of: dt.datetime, *, promote: bool, **_: Any) -> None:
        calls.append((trained_as_of, promote))

    monkeypatch.setattr(registry, "train", train)
    return calls


@pytest.mark.parametrize(
    ("week", "quarter"),
    [
        ("2011-01-03", "2011-01-03"),
        ("2011-04-04", "2011-04-04"),
        ("2011-03-28", "2011-01-03"),
        ("2012-01-02", "2012-01-02"),
        ("2016-01-04", "2016-01-04"),
        ("2015-12-28", "2015-10-05"),
        ("2019-07-01", "2019-07-01"),
    ],
)
def test_a_model_knows_only_what_was_known_at_the_start_of_the_quarter(
    desk: Desk, asked: list[tuple[dt.datetime, bool]], week: str, quarter: str
) -> None:
    desk.ask(week, now=dt.datetime.now(UTC))
    desk.live(week)
    assert asked == [(as_moment(quarter), False), (as_moment(quarter), True)]


def test_other_data_or_other_settings_ask_for_another_model(
    desk: Desk, asked: list[tuple[dt.datetime, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.hindcast("2005-02-07")
    assert asked == []
    monkeypatch.setattr(registry, "Parameters", lambda: Parameters(rounds=4))
    desk.hindcast("2005-02-07")
    assert len(asked) == 1
    monkeypatch.setattr(registry, "Parameters", lambda: Parameters(rounds=3))
    trade = desk.store.read("trade", as_of=as_moment("2004-06-01")).head(1)
    late = trade.assign(quantity_tonnes=trade["quantity_tonnes"] + 1, available_at=pd.Timestamp("2004-07-01", tz="UTC"))
    desk.store.append("trade", late.astype(trade.dtypes.to_dict()), where="test")
    desk.hindcast("2005-02-07")
    assert len(asked) == 2


def test_a_model_can_be_promoted_by_hand_and_the_log_only_grows(desk: Desk) -> None:
    first = desk.live("2005-02-14")
    second = registry.train(
        desk.settings,
        desk.store,
        as_moment("2005-04-04"),
        promote=True,
        now=MUCH_LATER,
        say=desk.said.append,
        reason="a better one",
    )
    assert desk.champion == second.registered_as
    assert [line["registered_as"] for line in desk.promotions] == [first.registered_as, second.registered_as]
    assert desk.promotions[1]["reason"] == "a better one"
    assert desk.hindcast("2006-05-29").version == second.version


def test_training_before_the_first_week_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="2004-10-04 is too early to train for; the first week is 2005-01-03"):
        registry.train(desk.settings, desk.store, as_moment("2004-10-04"), promote=False, now=MUCH_LATER, say=print)


# ---- the files -------------------------------------------------------------------------------------


def files_of(home: Path) -> Path:
    with tracking.mlflow_at(Settings(home=home)) as mlflow:
        return Path(mlflow.artifacts.download_artifacts("models:/oresight/1")) / "artifacts" / "forecaster"


@pytest.fixture
def tampered(replayed_home: Path) -> Iterator[Path]:
    """The files of the registered model, put back afterwards."""
    files = files_of(replayed_home)
    kept = {path: path.read_bytes() for path in files.iterdir()}
    yield files
    for path, data in kept.items():
        path.write_bytes(data)


def test_a_model_file_that_was_changed_is_refused(replayed_home: Path, tampered: Path) -> None:
    booster = next(tampered.glob("supply_drop-*-booster.txt"))
    booster.write_text(booster.read_text().replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(BadInput, match=r"booster.txt: expected sha256 .* train the model again"):
        Desk(replayed_home).hindcast("2005-02-07")


def test_a_model_file_that_is_gone_is_refused(replayed_home: Path, tampered: Path) -> None:
    next(tampered.glob("*-history.json")).unlink()
    with pytest.raises(BadInput, match=r"history.json: expected sha256"):
        Desk(replayed_home).hindcast("2005-02-07")


def test_a_changed_file_with_a_manifest_to_match_is_refused(replayed_home: Path, tampered: Path) -> None:
    forecaster = Forecaster.load(tampered)
    part = next(iter(forecaster.parts.values()))
    part.parts()[1].intercept += 0.5
    version = forecaster.save(tampered)
    with pytest.raises(BadInput, match=rf"the model registered as oresight 1, version .* found {version}"):
        Desk(replayed_home).hindcast("2005-02-07")


def test_nothing_is_pickled(replayed_home: Path) -> None:
    files = [path for path in (replayed_home / "mlartifacts").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert {path.suffix for path in files} <= {".txt", ".json", ".py", ".yaml", ""}
    for path in files:
        path.read_text(encoding="utf-8")
    abouts = [path.read_text() for path in files if path.name == "MLmodel"]
    assert abouts
    # MLflow's loader that runs a file of code; its other one unpickles.
    assert all("loader_module: mlflow.pyfunc.loaders.code_model" in about for about in abouts)


def test_mlflow_loads_the_champion_without_pickle_and_it_predicts_what_was_published(
    trained_home: Path, first_run: Run
) -> None:
    rows = first_run.forecasts()
    rows = rows[~rows["abstained"]]
    store, monday = Store(trained_home / "datasets"), as_moment("2005-01-03")
    panel = Knowledge(store, monday, signals_named(first_run.about["signals"])).panel([monday])
    kept = panel.merge(rows[["mineral", "supplier"]].drop_duplicates(), on=["mineral", "supplier"])
    with tracking.mlflow_at(Settings(home=trained_home)) as mlflow:
        assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
        loaded = mlflow.pyfunc.load_model(f"models:/{registry.MODEL_NAME}@champion")
        found = loaded.predict(kept)
    key = ["target", "horizon", "mineral", "supplier"]
    numbers = ["probability", "p_low", "p_high", "base_rate"]
    both = found.merge(rows, on=key, suffixes=("", "_published"), validate="one_to_one")
    assert len(both) == len(found) == len(rows)
    for name in numbers:
        assert both[name].equals(both[f"{name}_published"]), name


def test_mlflow_says_what_a_model_was_learned_from_and_with(replayed_home: Path) -> None:
    desk = Desk(replayed_home)
    with tracking.mlflow_at(desk.settings) as mlflow:
        (version,) = mlflow.MlflowClient().search_model_versions("name = 'oresight'")
        run = mlflow.get_run(version.run_id)
    assert version.tags["trained_as_of"] == run.data.tags["trained_as_of"] == "2005-01-03"
    assert version.tags["data_digest"] == desk.store.digest(as_of=as_moment("2005-01-03"))
    assert version.tags["signals"] == "trade"  # nothing else is embedded of what earned its place
    assert run.data.params["rounds"] == "3"
    assert run.data.metrics["rows"] > 1000
    for name in ("git_commit", "lock_hash", "machine", "python"):
        assert run.data.tags[name]


def test_a_registry_that_does_not_answer_is_no_missing_champion(desk: Desk) -> None:
    desk.live("2005-02-14")
    with sqlite3.connect(desk.settings.home / "mlflow.db") as database:
        database.execute("DROP TABLE registered_model_aliases")
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="registered_model_aliases"):
        desk.live("2005-02-21")
    assert desk.trained == 0


def test_the_champion_uses_families_whose_facts_were_known_by_then(tmp_path: Path) -> None:
    store = Store(tmp_path / "datasets")
    store.append("trade", rows("trade", [flow(2000, "COD", "JPN", 10.0)]), where="test")
    store.append("mirror_trade", rows("mirror_trade", [mirrored(2004, 5, "COD", 10.0)]), where="test")
    known = mirrored(2004, 5, "COD", 10.0)["available_at"]
    before, after = known - pd.Timedelta(1, "us"), known
    assert registry.champion_signals(store, before.to_pydatetime()) == ("trade",)
    assert registry.champion_signals(store, after.to_pydatetime()) == ("trade", "mirror_trade")
