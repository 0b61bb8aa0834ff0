"""Homes that tests share: the embedded data up to a date, and a champion with a few weeks. Made once a session.

A test that changes a home takes a copy.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from features import datasets
from features.catalog import load_catalog
from features.knowledge_time import UTC, as_moment
from features.store import Store
from ml import cli, registry, tracking
from ml.knowledge import Knowledge, open_store, signals_named
from ml.runs import Run
from ml.settings import Settings
from ml.weekly import run_week
from models.gradient_boosting import Parameters
from tests.conftest import made_once

# The champion is trained for the first week there is: little was known then, so that is quick; it serves all others.
FIRST_WEEK = "2005-01-03"
LATER_WEEK = "2010-06-07"
FEW_MINERALS = (
    *("antimony", "bauxite", "chromium", "cobalt", "copper", "graphite", "lithium", "manganese", "nickel"),
    *("platinum", "rare_earths", "tin", "titanium", "tungsten", "vanadium", "zinc"),
)


@pytest.fixture(scope="session", autouse=True)
def _quiet_environment() -> Iterator[None]:
    """No setting of the machine may reach a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("ORESIGHT_", "MLFLOW_"))]:
            patch.delenv(name)
        # Storing a run takes seconds; tests of publication ask for it.
        patch.setenv("ORESIGHT_PUBLISH_TO", "[]")
        yield


@pytest.fixture(scope="session", autouse=True)
def _mlflow_tables_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home without an MLflow database gets a copy of one with empty tables: to make them takes over a second.

    MLflow itself makes those of the copy, and checks their version in each home as always. A process that a test
    starts makes its own.
    """
    mlflow_at = tracking.mlflow_at

    def make(folder: Path) -> None:
        with mlflow_at(Settings(home=folder / "whole")):
            # What it needs is imported and set, and all of the way is gone once.
            from mlflow.store.db.utils import _initialize_tables
            from sqlalchemy import create_engine

        engine = create_engine(f"sqlite:///{folder / 'mlflow.db'}")
        _initialize_tables(engine)
        engine.dispose()

    def at(settings: Settings) -> AbstractContextManager[Any]:
        database = settings.home / "mlflow.db"
        if settings.tracking_uri.startswith("sqlite:") and not database.exists():
            settings.home.mkdir(parents=True, exist_ok=True)
            aside = database.with_suffix(".copied")
            shutil.copyfile(made_once(tmp_path_factory, "mlflow-tables", make) / "mlflow.db", aside)
            aside.replace(database)
        return mlflow_at(settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking, "mlflow_at", at)
        yield


@pytest.fixture(scope="session")
def cut_home(tmp_path_factory: pytest.TempPathFactory, bundle_home: Path) -> Callable[..., Path]:
    """Give a home whose store ends at a date: what was known later was never ingested. Not to be changed."""

    def at(date: str, whole: Path = bundle_home) -> Path:
        full = open_store(Settings(home=whole), now=dt.datetime.now(UTC))

        def make(home: Path) -> None:
            store = Store(Settings(home=home).datasets)
            for name in datasets.DATASETS:
                store.append(name, full.history(name, as_of=as_moment(date)), where="the full store")

        return made_once(tmp_path_factory, f"{whole.name}-until-{date}", make)

    return at


@pytest.fixture(scope="session")
def small_home(tmp_path_factory: pytest.TempPathFactory, bundle_home: Path) -> Path:
    """A home with the embedded data, of trade only that in `FEW_MINERALS`; not to be changed."""

    def make(home: Path) -> None:
        full, store, now = Store(bundle_home / "datasets"), Store(Settings(home=home).datasets), dt.datetime.now(UTC)
        mineral_of = load_catalog().used_hs_codes().set_index("hs_code")["mineral"]
        codes = mineral_of.index[mineral_of.isin(FEW_MINERALS)]
        for name in datasets.DATASETS:
            known = full.history(name, as_of=now)
            few = known[known["hs_code"].isin(codes)] if name == "trade" else known
            store.append(name, few, where="the full store")

    return made_once(tmp_path_factory, "small-home", make)


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory, bundle_home: Path) -> Path:
    """A home with a champion and two published weeks; not to be changed."""

    def make(home: Path) -> None:
        shutil.copytree(bundle_home / "datasets", home / "datasets")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "Parameters", lambda: Parameters(rounds=40))
            for week in (FIRST_WEEK, LATER_WEEK):
                # Made in their own time, so that all are live.
                now = as_moment(week) + dt.timedelta(days=1)
                run_week(Settings(home=home), as_moment(week), now=now, say=lambda line: None)

    return made_once(tmp_path_factory, "trained-home", make)


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """Give a copy of a home that the test may change; trained models stay where they are."""

    def copy(home: Path, name: str = "home") -> Path:
        return Path(shutil.copytree(home, tmp_path / name, ignore=shutil.ignore_patterns("mlartifacts")))

    return copy


@pytest.fixture(scope="session")
def first_run(trained_home: Path) -> Run:
    """The run of the first week."""
    return next(Run(path) for path in (trained_home / "runs").glob("2005-W01-*"))


@pytest.fixture(scope="session")
def knowledge_at(bundle_home: Path) -> Callable[[str], Knowledge]:
    """Give what was known on a date, with the champion's signals; computed once per date."""
    made: dict[str, Knowledge] = {}

    def at(date: str) -> Knowledge:
        if date not in made:
            store = open_store(Settings(home=bundle_home), now=dt.datetime.now(UTC))
            made[date] = Knowledge(store, as_moment(date), signals_named(None))
        return made[date]

    return at


@pytest.fixture
def oresight(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command as the installed program would; give its exit code and what it wrote to both outputs."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["oresight", *map(str, arguments)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        told = capsys.readouterr()
        # A text for a code is how Python says 1.
        return code if isinstance(code, int) else 1, told.out, told.err

    return run
