"""How many requests a second the service answers with a thousand stored runs, beside Datasette on the same file.

    python -m ml.service.bench

Both are driven by the same load generator in the same run, one after the other: `wrk` where it is on the PATH, else a
generator of this module, which takes more of the machine for itself. Absolute figures are of this machine; the ratio to
Datasette travels better. Nothing is asserted here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich import box
from rich.console import Console
from rich.table import Table

from features.knowledge_time import UTC
from ml.origins import weekly_date
from ml.runs import Run, current_run
from ml.service.bench_load import by_hand, by_wrk
from ml.service.bench_store import make_store
from ml.settings import Settings, load_settings
from ml.weekly import run_week

__all__ = ["main"]

SERVE = "from ml.cli_serve import app; app()"


def base_run(home: Path | None, scratch: Path) -> Run:
    """Give the current run of a home, or make one from the embedded data, which takes some minutes."""
    run = current_run(load_settings(home))
    if run is not None:
        return run
    now = dt.datetime.now(UTC)
    settings = Settings(home=scratch / "weekly")
    return run_week(settings, weekly_date(None, now=now), now=now, say=lambda line: Console(stderr=True).print(line))[0]


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], ready: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; wait up to a minute until `ready` answers 200."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(ready, timeout=5) as answer:
                if answer.status == 200:
                    break
            if time.monotonic() > end or server.poll() is not None:
                raise RuntimeError(f"{' '.join(command[:4])} did not begin to answer at {ready}")
            time.sleep(0.2)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()


def measure(server: int, base: str, paths: list[str], *, seconds: int, connections: int) -> dict[str, float]:
    """Ask for some paths in turn.

    Args:
        server: the server's process.

    Returns:
        Requests per second, latencies in ms, answers that were not 200, the bytes of one, and the processor time that
        one took in ms: the one figure that other work on the machine does not spoil.
    """
    with urllib.request.urlopen(base + paths[0], timeout=60) as answer:
        size = len(answer.read())
    before, begun = _processor_seconds(server), time.perf_counter()
    if shutil.which("wrk"):
        found = by_wrk(base, paths, seconds, connections)
    else:
        found = asyncio.run(by_hand(base, paths, seconds, connections))
    count = found["per_second"] * (time.perf_counter() - begun)
    used = _processor_seconds(server) - before
    return {**found, "bytes": size, "cpu_ms": 1000 * used / count if count else float("nan")}


def settle(server: int, *, most_seconds: float = 60) -> None:
    """Wait until a server has done what it prepares after its start."""
    end, last = time.monotonic() + most_seconds, _processor_seconds(server)
    while time.monotonic() < end:
        time.sleep(2)
        now = _processor_seconds(server)
        if not now - last > 0.2:
            return
        last = now


def _processor_seconds(server: int) -> float:
    # Of a process and those it started, as Linux tells it; elsewhere unknown.
    parents: dict[int, tuple[int, float]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = file.read_text().rpartition(")")[2].split()
            parents[int(file.parent.name)] = (
                int(words[1]),
                (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"),
            )
    family, size = {server}, 0
    while len(family) > size:
        size = len(family)
        family |= {each for each, (parent, _) in parents.items() if parent in family}
    return sum(parents[each][1] for each in family if each in parents) if parents else float("nan")


def requests_of(store: dict[str, Any], pairs: list[tuple[str, str]]) -> list[tuple[str, list[str], list[str]]]:
    """Give what is asked: a name, the service's paths, and what comes closest to them in Datasette.

    Each kind has many different requests that are asked in turn, so that no cache of whole answers decides.
    """
    newest = dt.date.fromisocalendar(int(str(store["run_id"])[:4]), int(str(store["run_id"])[6:8]), 1)
    # Far more than are asked in the time, so that nothing is asked twice.
    many = range(10_000)
    least = [f"{number / 100_000:.5f}" for number in many]
    run = {"run_id": str(store["run_id"])}

    def rows(**given: str) -> str:
        return f"/oresight/forecasts.json?{urlencode({**given, '_shape': 'array', '_nofacet': '1', '_nocount': '1'})}"

    def page(**given: str) -> str:
        return f"/v1/forecasts?{urlencode(given)}"

    minerals = sorted({mineral for mineral, _ in pairs})
    in_turn = [
        (
            minerals[number % len(minerals)],
            (newest - dt.timedelta(days=364 + 7 * (number % 200))).isoformat(),
            least[number],
        )
        for number in many
    ]
    ours, theirs = (
        [page(min_probability=each, sort="-probability", limit="100") for each in least],
        [rows(**run, probability__gte=each, _sort_desc="probability", _size="100") for each in least],
    )
    dated, dated_there = (
        [
            page(**{"mineral": mineral, "from": day, "min_probability": p, "limit": "100"})
            for mineral, day, p in in_turn
        ],
        [
            rows(mineral=mineral, as_of__gte=day, probability__gte=p, _sort="as_of", _size="100")
            for mineral, day, p in in_turn
        ],
    )
    return [
        (
            "one pair, current run",
            [f"/v1/forecasts/{mineral}/{supplier}" for mineral, supplier in pairs],
            [rows(**run, mineral=mineral, supplier=supplier) for mineral, supplier in pairs],
        ),
        ("filtered page of 100 rows, current run", ours, theirs),
        ("100 rows of a mineral, a year or more of runs", dated, dated_there),
    ]


def compare(
    home: Path, store: dict[str, Any], pairs: list[tuple[str, str]], *, seconds: int, connections: int, workers: int
) -> list[dict[str, Any]]:
    """Measure both servers, one after the other."""
    asked = requests_of(store, pairs)
    port = free_port()
    results: list[dict[str, Any]] = []
    environment = {**os.environ, "ORESIGHT_READY_DAYS": "366"}
    serve = [sys.executable, "-c", SERVE, "serve", "--home", str(home), "--port", str(port), "--workers", str(workers)]
    base = f"http://127.0.0.1:{port}"
    with running(serve, f"{base}/readyz", environment) as server:
        settle(server.pid)
        for name, paths, _ in asked:
            found = measure(server.pid, base, paths, seconds=seconds, connections=connections)
            results.append({"request": name, "service": found})
    if importlib.util.find_spec("datasette") is None:
        return results
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    other = [sys.executable, "-m", "datasette", "serve", "-i", str(home / "oresight.db"), "-p", str(port)]
    limits = ["--setting", "sql_time_limit_ms", "20000", "--setting", "num_sql_threads", "3"]
    with running([*other, *limits], f"{base}/-/versions.json", environment) as server:
        settle(server.pid)
        for result, (_, _, paths) in zip(results, asked, strict=True):
            result["datasette"] = measure(server.pid, base, paths, seconds=seconds, connections=connections)
            result["ratio"] = result["service"]["per_second"] / max(result["datasette"]["per_second"], 1e-9)
    return results


def main() -> None:
    """Fill a database, measure, print lines and, when asked, JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="home whose current run is said again (default: the settings' own)")
    parser.add_argument("--runs", type=int, default=1000, help="stored runs (default: 1000)")
    parser.add_argument("--pairs", type=int, default=150, help="pairs per run, 0 for all, which takes minutes and 2 GB")
    parser.add_argument("--seconds", type=int, default=8, help="how long each address is driven (default: 8)")
    parser.add_argument("--connections", type=int, default=16, help="readers at the same time (default: 16)")
    parser.add_argument("--workers", type=int, default=1, help="processes of the service (default: 1)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home, now = Path(scratch) / "home", dt.datetime.now(UTC)
        run = base_run(given.home, Path(scratch))
        store, pairs = make_store(home, run, n_runs=given.runs, n_pairs=given.pairs, now=now)
        megabytes = (home / "oresight.db").stat().st_size / 1e6
        load = os.getloadavg()[0]
        results = compare(
            home, store, pairs, seconds=given.seconds, connections=given.connections, workers=given.workers
        )
    about = {
        **store,
        "megabytes": round(megabytes),
        "cpus": os.cpu_count(),
        "load_before": round(load, 1),
        "load_generator": "wrk" if shutil.which("wrk") else "asyncio",
        "connections": given.connections,
        "workers": given.workers,
        "results": results,
    }
    if given.json:
        sys.stdout.write(json.dumps(about, indent=2) + "\n")
    else:
        _print(about)


def _print(about: dict[str, Any]) -> None:
    title = (
        f"{about['runs']} runs, {about['rows']:,} rows, {about['megabytes']} MB; {about['cpus']} CPUs, "
        f"load {about['load_before']} before; {about['load_generator']}, {about['connections']} connections, "
        f"{about['workers']} process(es)"
    )
    table = Table(box=box.SIMPLE, title=title)
    for name in ("request", "server", "per second", "p50, ms", "p99, ms", "not 200", "bytes", "CPU, ms", "ratio"):
        table.add_column(name, justify="left" if name in ("request", "server") else "right")
    for row in about["results"]:
        for server in ("service", "datasette"):
            if server in row:
                found = row[server]
                cells = [f"{found['per_second']:,.0f}", f"{found['p50_ms']:.1f}", f"{found['p99_ms']:.1f}"]
                cells += [f"{found['not_200']:.0f}", f"{found['bytes']:,}", f"{found['cpu_ms']:.2f}"]
                ratio = f"{row['ratio']:.1f}" if server == "service" and "ratio" in row else ""
                table.add_row(row["request"], server, *cells, ratio)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
