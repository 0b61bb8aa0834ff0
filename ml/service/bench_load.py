"""The load of a measurement: many readers who ask for different things in turn, by `wrk` or without it."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import subprocess
import tempfile
import time
from urllib.parse import urlsplit

__all__ = ["by_hand", "by_wrk"]

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
WRK_SCRIPT = """
local paths, at = {%s}, 0
request = function()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at])
end
"""


def by_wrk(base: str, paths: list[str], seconds: int, connections: int) -> dict[str, float]:
    """Let `wrk` ask: hardly any processor time of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK_SCRIPT % ", ".join(json.dumps(path) for path in paths))
        script.flush()
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
            "--timeout",
            "30s",
            "-s",
            script.name,
        ]
        out = subprocess.run([*command, base], capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = sum(int(each) for each in re.findall(r"(?:connect|read|write|timeout) (\d+)", out))
    found = {"per_second": float(rate[1]) if rate else 0.0, "not_200": float(bad[1] if bad else 0) + errors}
    for part in ("50", "99"):
        line = re.search(rf"^\s+{part}%\s+([\d.]+)(us|ms|s|m)\s*$", out, re.MULTILINE)
        found[f"p{part}_ms"] = float(line[1]) * UNITS[line[2]] if line else float("nan")
    return found


async def by_hand(base: str, paths: list[str], seconds: int, connections: int) -> dict[str, float]:
    """Ask from this process; it takes more of the machine for itself than the server that it drives."""
    parts = urlsplit(base)
    in_turn = itertools.cycle(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode() for path in paths)
    times: list[float] = []
    bad = 0
    end = time.perf_counter() + seconds

    async def reader() -> None:
        nonlocal bad
        incoming, outgoing = await asyncio.open_connection(parts.hostname, parts.port, limit=2**24)
        while (begun := time.perf_counter()) < end:
            outgoing.write(next(in_turn))
            head = await incoming.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            if length is None:  # in pieces, the last one empty
                while (piece := int((await incoming.readline()).strip(), 16)) > 0:
                    await incoming.readexactly(piece + 2)
                await incoming.readexactly(2)
            else:
                await incoming.readexactly(int(length[1]))
            times.append(time.perf_counter() - begun)
            bad += not head.startswith(b"HTTP/1.1 200")
        outgoing.close()

    begun = time.perf_counter()
    await asyncio.gather(*(reader() for _ in range(connections)))
    times.sort()
    at = {part: times[min(int(len(times) * part / 100), len(times) - 1)] * 1000 for part in (50, 99)}
    rate = len(times) / (time.perf_counter() - begun)
    return {"per_second": rate, "not_200": float(bad), "p50_ms": at[50], "p99_ms": at[99]}
