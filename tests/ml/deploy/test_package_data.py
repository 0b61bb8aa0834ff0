"""What is installed has every file that operators are given."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path

from ml.deploy import files


def test_every_file_for_operators_is_package_data(repo_root: Path) -> None:
    told = tomllib.loads((repo_root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    names = {path.name for folder in files.FOLDERS for path in (files.HERE / folder).rglob("*") if path.is_file()}
    assert {name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in told)} == set()
