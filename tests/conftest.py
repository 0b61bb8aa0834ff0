"""Fixtures that every test may ask for: the checkout, the recorded payloads, and a home with the embedded data.

The workers of a parallel run share homes: the first one makes a home, the others wait for it. A test that changes
a home takes a copy.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Tests run side by side: threads of linear algebra that wait for each other on busy cores cost up to ten times what
# they save. NumPy reads this when it is loaded, which is later; so do processes that tests start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# One moment for every home: what the embedded data say of later days must not change what tests find in them.
FILLED_AT = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
# The files that take longest, by `--durations`. A worker takes a file as a whole: with these first, small ones are left
# for the end and no worker waits long for another. Those that share a prepared home don't follow each other.
LONGEST = (
    "ml/test_weekly.py",
    "models/test_leakage.py",
    "features/signals/test_replay.py",
    "ml/test_forecasting.py",
    "ml/test_cli.py",
    "ml/test_backtest.py",
    "ml/test_readme.py",
    "ml/test_studies.py",
    "ml/test_registry.py",
    "ml/test_price_spikes.py",
    "ml/test_cases.py",
    "ml/test_lead_time.py",
    "ml/test_production_drops.py",
    "features/collection/test_faults.py",
    "features/signals/test_geopolitics.py",
    "models/test_targets.py",
    "features/collection/test_streams.py",
    "features/signals/test_production.py",
    "ml/drift/test_drift_real.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put notebooks first, then the files of `LONGEST`, then the others in the order in which they were found."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, -1 if item.path.suffix == ".ipynb" else len(places)))


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Give the folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def shared(repo_root: Path) -> Path:
    """Give the folder of recorded payloads beside the checkout.

    They are other publishers' files and never part of the project. Where they are
    missing the test is skipped, but on the build machine that is a failure: there a
    skip would hide that nothing real was read.
    """
    folder = repo_root.parent / "shared" / "data"
    if not folder.is_dir():
        reason = f"the recorded payloads are not at {folder}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; lay the folder shared beside the checkout", pytrace=False)
        pytest.skip(reason)
    return folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Give the folder `name` that `make` fills, made by whichever worker comes first."""
    base = factory.getbasetemp()
    # Under xdist each worker has a folder of its own below that of the session.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            # MLflow notes absolute addresses, so a home is made where it stays.
            folder.mkdir()
            try:
                make(folder)
            except BaseException:
                shutil.rmtree(folder)
                raise
    return folder


@pytest.fixture(scope="session")
def bundle_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the embedded data and nothing else; not to be changed."""

    def make(home: Path) -> None:
        # Not for tests that need no store: what it imports takes a second.
        from ml.knowledge import open_store
        from ml.settings import Settings

        open_store(Settings(home=home), now=FILLED_AT)

    return made_once(tmp_path_factory, "bundle-home", make)
