"""Fixtures that every test may ask for: where the checkout is, and where the recorded payloads are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
