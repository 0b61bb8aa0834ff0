"""Bad payloads through the command line: a clear message with file and row, exit code 3, the store unchanged."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from features.collection import BUNDLE
from features.knowledge_time import UTC
from features.store import Store
from ml.settings import Settings

HEADER = "t,i,j,k,v,q\n"
GOOD = "2023,152,156,283691,100.5,20.1\n"
NOW = dt.datetime.now(UTC)


@pytest.fixture(scope="module")
def home(bundle_home: Path) -> Path:
    """A refused payload changes nothing, so the shared home will do; the digest proves it."""
    return bundle_home


def ingest(home: Path, source: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ml.cli", "ingest", source, str(path), "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def truncated_parquet(path: Path) -> Path:
    path = path.with_suffix(".parquet")
    path.write_bytes((BUNDLE / "baci.parquet").read_bytes()[:100_000])
    return path


def text_file(text: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_text(text)
        return path

    return write


CASES = {
    "truncated Parquet": (truncated_parquet, "damaged or cut off"),
    "wrong header": (text_file("year,exporter,value\n2023,152,1\n"), "header"),
    "negative tonnes": (text_file(HEADER + GOOD + "2023,152,410,283691,5.0,-3\n"), "row 2, field quantity_tonnes"),
    "unknown country": (text_file(HEADER + GOOD + GOOD.replace("156", "999")), "row 2, field j"),
    "future date": (text_file(HEADER + GOOD + GOOD.replace("2023", str(NOW.year + 1))), "row 2, field t"),
    "empty file": (text_file(""), "an empty file"),
    "header only": (text_file(HEADER), "a header only"),
    "unreadable year": (text_file(HEADER + GOOD.replace("2023", "MMXX")), "row 1, field t"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_payload_is_refused_with_its_place_and_changes_nothing(name: str, tmp_path: Path, home: Path) -> None:
    make, expected = CASES[name]
    store = Store(Settings(home=home).datasets)
    before = store.digest(as_of=NOW)
    path = make(tmp_path / "payload.csv")
    done = ingest(home, "baci", path)
    assert done.returncode == 3, done.stderr
    assert path.name in done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert store.digest(as_of=NOW) == before


def test_unknown_source_is_wrong_use(tmp_path: Path, home: Path) -> None:
    path = text_file(HEADER + GOOD)(tmp_path / "payload.csv")
    done = ingest(home, "nosuch", path)
    assert done.returncode == 2
    assert "baci" in done.stderr
