"""Which run a request means: by id, by week, by date, `current`, or the run its cursor was begun with."""

from __future__ import annotations

import datetime as dt
import re

from features.knowledge_time import iso_week
from ml.service.answers import Service, no_run, read, snapshot_of
from ml.service.problems import Problem
from ml.service.snapshot import Book, Row, Snapshot

__all__ = ["book_of", "chosen_row", "chosen_snapshot", "is_by_id"]

WEEK = re.compile(r"\d{4}-W\d{2}")
_REMEDY = "/v1/runs lists the runs there are."


def book_of(service: Service) -> Book:
    """Give the book of runs.

    Raises:
        Problem: nothing was ever read of it.
    """
    book = service.live.book
    if book is None:
        snapshot_of(service)  # says why there is none
        raise no_run()
    return book


def is_by_id(name: str | None) -> bool:
    """Tell whether a run is addressed by its id, so that what it means can't change."""
    return name is not None and name != "current" and not WEEK.fullmatch(name)


def chosen_row(service: Service, name: str) -> Row:
    """Give the row of a run that was published, by id, week or `current`.

    Raises:
        Problem: there is none, or it was held back.
    """
    if name == "current":
        return snapshot_of(service).run
    book = book_of(service)
    run_id = book.newest_of.get(name) if WEEK.fullmatch(name) else name
    row = book.rows.get(run_id) if run_id is not None else None
    if row is None:
        what = f"no run was published for {name}" if WEEK.fullmatch(name) else "there is no run with this id"
        raise Problem("not-found", what, remedy=_REMEDY)
    return row


async def chosen_snapshot(
    service: Service, name: str | None, as_of: dt.datetime | None = None, *, run_id: str | None = None
) -> Snapshot:
    """Give the run that a request means, whole.

    Args:
        as_of: the Monday of the run, instead of a name.
        run_id: the run that the request's cursor is bound to; it wins.
    """
    if run_id is None and as_of is not None:
        if name is not None:
            raise Problem("bad-query", "run and as_of are both given", remedy="Give one of them.")
        name = iso_week(as_of)
        if chosen_row(service, name)["as_of"] != as_of:
            raise Problem("not-found", "no run has this as_of; runs are of Mondays", remedy=_REMEDY)
    if run_id is None and name in (None, "current"):
        return snapshot_of(service)
    wanted = run_id or name or "current"
    found = service.live.in_memory(wanted)
    if found is not None:
        return found
    row = chosen_row(service, wanted)
    if row["held_back"]:
        raise Problem("not-found", "this run was held back; its forecasts were never published", remedy=_REMEDY)
    found = service.live.in_memory(row["run_id"])
    return found if found is not None else await read(service, lambda: service.live.load(row))
