"""What every source declares, and that the embedded files are those of the manifest."""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path

import pytest

from features import datasets
from features.collection import BUNDLE, BUNDLE_FILES, SOURCES, source
from features.errors import BadInput, ConfigError
from features.knowledge_time import Lag, MonthLag
from features.sources.spec import read_table


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_declares_itself_completely(name: str):
    module = source(name)
    spec = module.SPEC
    assert spec.name == name
    for text in ("title", "publisher", "address", "licence", "citation", "cadence", "lag_rule", "takes"):
        assert getattr(spec, text)
    assert set(spec.fills) <= set(datasets.DATASETS)
    assert spec.fills
    assert isinstance(spec.lag, Lag) == ("year t is available on" in spec.lag_rule)
    assert isinstance(spec.lag, MonthLag) == ("month m is available on" in spec.lag_rule)
    assert spec.is_embedded == (name in BUNDLE_FILES)
    assert list(inspect.signature(module.parse).parameters) == ["path"]
    assert list(inspect.signature(module.harmonise).parameters) == ["raw", "catalog", "file", "lag", "now"]


def test_each_dataset_is_filled_by_a_source():
    assert {name for each in SOURCES for name in source(each).SPEC.fills} == set(datasets.DATASETS)


def test_an_unknown_source_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="there are baci, wgi, world_mining_data, events"):
        source("oracle")


@pytest.mark.parametrize("name", [*BUNDLE_FILES.values()])
def test_an_embedded_file_is_the_one_in_the_manifest(name: str):
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    assert hashlib.sha256((BUNDLE / name).read_bytes()).hexdigest() == manifest["files"][name]


def test_the_manifest_and_the_attribution_name_exactly_the_embedded_files():
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    assert set(manifest["files"]) == set(BUNDLE_FILES.values())
    attribution = (BUNDLE / "ATTRIBUTION.md").read_text()
    for name in BUNDLE_FILES.values():
        assert f"`{name}`" in attribution
    data = {path.name for path in BUNDLE.iterdir() if path.suffix in (".parquet", ".csv", ".zip", ".db")}
    assert data == set(BUNDLE_FILES.values())


def test_a_table_that_ends_in_mid_row_is_refused_and_empty_cells_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n1,2,3\n4,,\n")
    assert read_table(path, [("a", "b", "c")])["c"].tolist() == ["3", ""]
    path.write_text("a,b,c\n1,2,3\n4,5,6")
    assert len(read_table(path, [("a", "b", "c")])) == 2
    path.write_text("a,b,c\n1,2,3\n4,5")
    with pytest.raises(BadInput, match=r"the last row: expected 3 cells, found 2"):
        read_table(path, [("a", "b", "c")])
