"""Makes `sea_routes.csv` from the ports, the straits and a network of sea lanes; nothing else needs this.

The network is that of the Python package `searoute` (Apache-2.0; lanes after Oak Ridge National Laboratory and
Eurostat), which is no dependency of the project: install it (1.6.0) somewhere else and run this module with it:

    python -m venv /tmp/lanes && /tmp/lanes/bin/pip install searoute==1.6.0 pandas
    PYTHONPATH=$(/tmp/lanes/bin/python -c "import site; print(site.getsitepackages()[0])") \
        python -m features.catalog.route_maker

A route is the shortest between any port of the one country and any of the other, without the Arctic passages and
with tolls for canals. It passes a strait where one of its legs crosses the strait's gate.
"""

from __future__ import annotations

import csv
import importlib
import itertools
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from features.catalog.routes import FOLDER, SEA_ROUTES, land_pairs, load_ports, load_straits
from features.errors import ConfigError

__all__ = ["crosses", "main", "sea_routes"]

# Open for a few weeks a year, and not for ore.
CLOSED = ("northwest", "bering")
# What canals cost, as a detour that costs about the same. Without it bauxite from Guinea would reach China by Suez,
# which saves little and which ore carriers don't do; with much more, Japan's trade with Germany would go by Panama.
TOLLS_KM = {"panama": 500.0, "suez": 2000.0}

Point = tuple[float, float]


def crosses(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Tell whether the leg from `a` to `b` crosses the line from `c` to `d`; points are (longitude, latitude).

    Each end of one must lie on another side of the other. Legs over the 180th meridian cross nothing.

    Example:
        >>> crosses((0, 0), (2, 2), (0, 2), (2, 0)), crosses((0, 0), (1, 0), (0, 2), (2, 2))
        (True, False)
    """

    def side(p: Point, q: Point, r: Point) -> bool:
        return (q[0] - p[0]) * (r[1] - p[1]) > (q[1] - p[1]) * (r[0] - p[0])

    if abs(a[0] - b[0]) > 180:
        return False
    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)


def _lanes() -> list[tuple[Point, Point, float]]:
    # The open lanes: both ends and the length in km.
    try:
        lanes = importlib.import_module("searoute.searoute").setup_M("networkx")
    except ImportError:
        raise ConfigError("the package searoute is not there; this module's description says how to get it") from None
    return [(u, v, data["weight"]) for u, v, data in lanes.edges(data=True) if data.get("passage") not in CLOSED]


def _nearest(nodes: np.ndarray, longitude: float, latitude: float) -> int:
    # A degree of longitude is half as long at 60 degrees; exact enough to find a neighbour.
    east = np.abs(nodes[:, 0] - longitude)
    east = np.minimum(east, 360 - east) * np.cos(np.radians(latitude))
    return int(np.argmin(east**2 + (nodes[:, 1] - latitude) ** 2))


def sea_routes() -> Mapping[tuple[str, str], tuple[float, tuple[str, ...]]]:
    """Find the shortest sea route of every pair of countries that does not trade by land.

    Returns:
        By the two codes in order of the alphabet: length in km with the tolls, and the straits, sorted.

    Raises:
        ConfigError: the network of lanes is not installed.
    """
    lanes = _lanes()
    gates = {
        row.id: ((row.gate_a_longitude, row.gate_a_latitude), (row.gate_b_longitude, row.gate_b_latitude))
        for row in load_straits().itertuples()
    }
    nodes = sorted({point for u, v, _ in lanes for point in (u, v)})
    number = {point: at for at, point in enumerate(nodes)}
    passed = {
        frozenset((number[u], number[v])): tuple(name for name, gate in gates.items() if crosses(u, v, *gate))
        for u, v, _ in lanes
    }
    starts, ends = [number[u] for u, _, _ in lanes], [number[v] for _, v, _ in lanes]
    # A metre more, so that the legs of no length at the 180th meridian are legs.
    km = [length + 0.001 + sum(TOLLS_KM.get(name, 0.0) for name in passed[frozenset((number[u], number[v]))])
          for u, v, length in lanes]  # fmt: skip
    graph = coo_array((km, (starts, ends)), shape=(len(nodes), len(nodes))).tocsr()
    ports: dict[str, set[int]] = {}
    for row in load_ports().itertuples():
        ports.setdefault(row.iso3, set()).add(_nearest(np.array(nodes), row.longitude, row.latitude))
    sources = sorted(set().union(*ports.values()))
    length, before = dijkstra(graph, directed=False, indices=sources, return_predecessors=True)
    line = {source: at for at, source in enumerate(sources)}

    def straits(start: int, end: int) -> tuple[str, ...]:
        found: set[str] = set()
        while end != start:
            last, end = end, int(before[line[start], end])
            found.update(passed[frozenset((last, end))])
        return tuple(sorted(found))

    by_land, routes = land_pairs(), {}
    for pair in itertools.combinations(sorted(ports), 2):
        ways = [(float(length[line[a], b]), a, b) for a in ports[pair[0]] for b in ports[pair[1]]]
        shortest, start, end = min(ways)
        if pair not in by_land and np.isfinite(shortest):
            routes[pair] = (round(shortest, 1), straits(start, end))
    return routes


def main(path: Path = FOLDER / "sea_routes.csv") -> int:
    """Write the file; one row per country and set of straits, each pair once."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for (one, other), (_, straits) in sea_routes().items():
        grouped.setdefault((one, ";".join(straits)), []).append(other)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in SEA_ROUTES.columns])
        writer.writerows([*key, ";".join(sorted(partners))] for key, partners in sorted(grouped.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
