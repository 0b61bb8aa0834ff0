"""The embedded data, read into a store once per session, and what the signals make of them."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pandas as pd
import pytest

from features import panel
from features.catalog import Catalog, load_catalog
from features.exports import yearly_exports
from features.store import Store

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def bundle_store(tmp_path_factory: pytest.TempPathFactory, bundle_home: Path) -> Store:
    # A copy of its own: that nothing is added by reading the bundle again is tested on it.
    return Store(Path(shutil.copytree(bundle_home / "datasets", tmp_path_factory.mktemp("home") / "datasets")))


@pytest.fixture(scope="session")
def bundle_tables(bundle_store: Store) -> dict[str, pd.DataFrame]:
    return bundle_store.histories(panel.datasets_needed(), as_of=NOW)


@pytest.fixture(scope="session")
def bundle_steps(bundle_tables: dict[str, pd.DataFrame], catalog: Catalog) -> panel.StepTables:
    return panel.all_steps(bundle_tables, catalog)


@pytest.fixture(scope="session")
def bundle_exports(bundle_tables: dict[str, pd.DataFrame], catalog: Catalog) -> pd.DataFrame:
    return yearly_exports(bundle_tables["trade"], catalog)
