"""The current run in memory, and the book of all runs: what is answered from while the database is busy or away."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from features.errors import OresightError
from features.knowledge_time import iso_week
from ml.service.listing import Listing
from ml.service.reading import Pointer, Reader, forecast_rows, run_rows
from ml.service.shapes import FORECASTS, RUNS

__all__ = ["Book", "Half", "Snapshot", "load_book", "load_run", "make_snapshot"]

Row = dict[str, Any]


class Half(OresightError):
    """A run's rows are not all there: its publication is going on, or it is being taken back."""


@dataclass(frozen=True)
class Book:
    """Every run on record, with what follows from looking at all of them.

    Attributes:
        stamp: changes with every run that is published, made current or taken back.
        listing: rows of shape `RUNS`.
        newest_of: per ISO week the run that was published last and not held back.
        current: the run that the pointer names.
    """

    stamp: str
    rows: Mapping[str, Row]
    listing: Listing
    newest_of: Mapping[str, str]
    current: str | None

    def told(self, *, every: bool = False, until: dt.datetime | None = None) -> list[str]:
        """Give the runs that were ever said to anybody, sorted by id, which is by week.

        Args:
            every: also those that a later run of the same week replaced.
            until: leave out what was published after that moment.
        """
        found = self._every if every else self._newest
        if until is None or self.newest_publication is None or until >= self.newest_publication:
            return found
        return [run_id for run_id in found if self.rows[run_id]["published_at"] <= until]

    @functools.cached_property
    def _every(self) -> list[str]:
        return sorted(run_id for run_id, row in self.rows.items() if not row["held_back"])

    @functools.cached_property
    def _newest(self) -> list[str]:
        return sorted(self.newest_of.values())

    @functools.cached_property
    def newest_publication(self) -> dt.datetime | None:
        """When the last run was published."""
        return max((row["published_at"] for row in self.rows.values()), default=None)


@dataclass(frozen=True)
class Snapshot:
    """One run, whole.

    Attributes:
        edition: counts how often the pointer was moved; larger is later. 0 for runs that are not current.
        run: the run's row.
        forecasts: its rows, encoded.
        pairs: per mineral and supplier its rows as one JSON array.
        tracked: per mineral its suppliers.
    """

    edition: int
    run: Row
    forecasts: Listing
    pairs: Mapping[tuple[str, str], bytes]
    tracked: Mapping[str, tuple[str, ...]]

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run["run_id"]

    @property
    def as_of(self) -> dt.datetime:
        """The Monday whose knowledge the run used."""
        return self.run["as_of"]


def load_book(reader: Reader, at: Pointer) -> Book:
    """Read the book of runs."""
    return make_book(run_rows(reader), at)


def make_book(rows: Iterable[Row], at: Pointer) -> Book:
    """Make the book from rows that are sorted by week and creation."""
    by_id = {row["run_id"]: row for row in rows}
    newest_of = {iso_week(row["as_of"]): run_id for run_id, row in by_id.items() if not row["held_back"]}
    newest = set(newest_of.values())
    listed = [
        {**row, "is_newest_of_week": run_id in newest, "is_current": run_id == at.run_id}
        for run_id, row in by_id.items()
    ]
    listing = Listing.of(RUNS, [tuple(row[name] for name in RUNS.columns) for row in listed])
    return Book(at.stamp, by_id, listing, newest_of, at.run_id)


def load_run(reader: Reader, run: Row, *, edition: int = 0) -> Snapshot:
    """Read one run whole.

    Raises:
        Half: not all of its rows are there.
    """
    rows = forecast_rows(reader, run["run_id"])
    if len(rows) != run["rows"]:
        raise Half(f"run {run['run_id']} has {len(rows)} of {run['rows']} rows in the database")
    return make_snapshot(run, rows, edition=edition)


def make_snapshot(run: Row, rows: list[tuple[Any, ...]], *, edition: int = 0) -> Snapshot:
    """Prepare what is asked most: the bytes of every row and of every pair."""
    listing = Listing.of(FORECASTS, rows, encoded=True)
    encoded = listing.encoded or []
    pairs = {
        (mineral, supplier): b"[" + b",".join(encoded[at] for at in positions) + b"]"
        for (mineral, supplier), positions in listing.positions_by(("mineral", "supplier")).items()
    }
    tracked: dict[str, list[str]] = {}
    for mineral, supplier in sorted(pairs):
        tracked.setdefault(mineral, []).append(supplier)
    return Snapshot(edition, run, listing, pairs, {key: tuple(value) for key, value in tracked.items()})
