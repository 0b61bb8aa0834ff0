"""Partitions give the same results in one process and in several, and an error reaches the caller."""

from __future__ import annotations

import os
import time
from pathlib import Path

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
def test_after_an_error_what_has_not_begun_does_not_begin(tmp_path: Path) -> None:
    paths = [tmp_path / "bad", *(tmp_path / f"good{number:02}" for number in range(40))]
    with pytest.raises(ValueError, match="bad is wrong"):
        list(run_partitions(leave_a_mark, paths, workers=2))
    assert len(list(tmp_path.iterdir())) < 20
