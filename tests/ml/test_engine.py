"""Partitions give the same results in one process and in several, and an error reaches the caller."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from ml.engine import run_partitions


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def threads(size: int) -> int:
    np.ones((size, size)) @ np.ones((size, size))
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


def fail_on_two(number: int) -> int:
    if number == 2:
        raise ValueError("two is wrong")
    return number


def leave_a_mark(path: Path) -> str:
    if path.name == "bad":
        raise ValueError("bad is wrong")
    time.sleep(0.2)
    path.touch()
    return path.name


def wait_for_ever(mark: Path) -> None:
    aside = mark.with_suffix(".part")
    aside.write_text(str(os.getpid()))
    aside.replace(mark)
    time.sleep(600)


def until(told: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := told()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
    return found


def test_one_worker_works_in_this_process_and_in_order() -> None:
    found = list(run_partitions(square, [3, 1, 2], workers=1))
    assert found == [(3, (9, os.getpid())), (1, (1, os.getpid())), (2, (4, os.getpid()))]


def test_one_item_needs_no_other_process_and_none_gives_nothing() -> None:
    assert list(run_partitions(square, [5], workers=4)) == [(5, (25, os.getpid()))]
    assert list(run_partitions(square, [], workers=4)) == []


@pytest.mark.slow
def test_two_workers_are_other_processes_with_the_same_results() -> None:
    found = dict(run_partitions(square, [1, 2, 3, 4], workers=2))
    assert {number: result for number, (result, _) in found.items()} == {1: 1, 2: 4, 3: 9, 4: 16}
    assert os.getpid() not in {process for _, process in found.values()}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_partition_has_one_thread_so_that_no_number_of_cores_changes_a_digit(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests have one anyway.
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with threadpool_limits(2, user_api="blas"):
        assert threads(2) == 2
        assert dict(run_partitions(threads, [2, 3], workers=workers)) == {2: 1, 3: 1}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_reaches_the_caller(workers: int) -> None:
    with pytest.raises(ValueError, match="two is wrong"):
        list(run_partitions(fail_on_two, [1, 2, 3], workers=workers))


@pytest.mark.slow
def test_after_an_error_nothing_more_begins(tmp_path: Path) -> None:
    paths = [tmp_path / "bad", *(tmp_path / f"good{number}" for number in range(4))]
    with pytest.raises(ValueError, match="bad is wrong"):
        list(run_partitions(leave_a_mark, paths, workers=2))
    # The one that was at work beside it.
    assert [path.name for path in tmp_path.iterdir()] == ["good0"]


@pytest.mark.slow
def test_when_the_caller_stops_nothing_more_begins(tmp_path: Path) -> None:
    found = run_partitions(leave_a_mark, [tmp_path / f"good{number}" for number in range(8)], workers=2)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert len(list(tmp_path.iterdir())) <= 4


@pytest.mark.slow
def test_workers_end_with_a_process_that_is_killed(tmp_path: Path, repo_root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ml.engine import run_partitions\n"
        "from tests.ml.test_engine import wait_for_ever\n"
        "if __name__ == '__main__':\n"
        "    list(run_partitions(wait_for_ever, [Path(name) for name in sys.argv[1:]], workers=2))\n"
    )
    (tmp_path / "main.py").write_text(code)
    marks = [tmp_path / "one", tmp_path / "two"]
    command = [sys.executable, str(tmp_path / "main.py"), *map(str, marks)]
    parent = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(repo_root)})
    try:
        processes = [int(until(lambda mark=mark: mark.exists() and mark.read_text())) for mark in marks]
    finally:
        parent.kill()
        parent.wait()
    assert until(lambda: not any(Path(f"/proc/{process}").exists() for process in processes))
