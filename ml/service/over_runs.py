"""Pages of rows of many runs: the list of runs comes from memory, the rows from the database, in bounded pieces.

A listing is bound to the moment it was begun at: a run that is published between two of its pages belongs to the next.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ml.database.tables import forecasts
from ml.service.answers import Page, begin, bound, read, remembered_answer, service_of, table_answer
from ml.service.choosing import book_of
from ml.service.conditional import Stamp
from ml.service.queries import ForecastQuery, HistoryQuery
from ml.service.reading import Reader, page_in_order, page_of_pair, page_of_runs
from ml.service.shapes import Shape
from ml.service.snapshot import Book
from ml.service.wanted import Order, Where, columns_of, order_of

__all__ = ["answer_over_runs"]

Rows = list[tuple[Any, ...]]


async def answer_over_runs(
    request: Request, query: ForecastQuery | HistoryQuery, shape: Shape, where: Where
) -> tuple[Response, int]:
    """Answer with rows of every run between two dates, the oldest run first unless another order is asked for.

    Returns:
        The answer and how many rows it has; -1 where the reader has it already.
    """
    service = service_of(request)
    book, signer, memory = book_of(service), service.signer, service.live.in_memory
    state: dict[str, Any] = {} if query.cursor is None else signer.open(bound(request), query.cursor)
    until = dt.datetime.fromisoformat(state["t"]) if "t" in state else book.newest_publication
    run_ids = _between(book, query, until)
    stamp = Stamp(f"{book.stamp}.{len(run_ids)}")
    form = begin(request, stamp, query.format, envelope=query.envelope)
    if isinstance(form, Response):
        return form, -1
    if (known := remembered_answer(request, stamp, form)) is not None:
        return known, -1
    names, order = columns_of(shape, query.fields), order_of(shape, query.sort)
    if order in ((("as_of", True),), (("as_of", False),)):
        run_ids, order = sorted(run_ids, reverse=order[0][1]), ()
    # The week that is asked for most is in memory, with or without the database.
    alone = memory(run_ids[0]) if len(run_ids) == 1 else None
    by_offset = bool(order) or "o" in state or (alone is not None and "a" not in state)
    offset = int(state.get("o", 0))
    columns = [*names, *shape.key]
    if not run_ids:
        rows: Rows = []
    elif alone is not None and by_offset:
        at = alone.forecasts.select(where, order)[offset : offset + query.limit + 1]
        rows = _picked(alone.forecasts.rows(at, list(dict.fromkeys(columns))), columns)
    else:
        ask = _Ask(service.live.reader, columns, shape.key, run_ids, where, query.limit + 1)
        rows = await read(
            service, (lambda: ask.by_offset(order, offset)) if by_offset else lambda: ask.after(state.get("a"))
        )
    is_more, rows = len(rows) > query.limit, rows[: query.limit]
    cursor = None
    if is_more and until is not None:
        place = {"o": offset + query.limit} if by_offset else {"a": list(rows[-1][len(names) :])}
        cursor = signer.seal(bound(request), {"t": until.isoformat(), **place})
    page = Page(names, [row[: len(names)] for row in rows], None, cursor)
    keep = len(rows) > 0 and alone is None
    return table_answer(request, stamp, form, shape, page, envelope=query.envelope, keep=keep), len(rows)


def _between(book: Book, query: ForecastQuery | HistoryQuery, until: dt.datetime | None) -> list[str]:
    found = book.told(every=query.every_run, until=until)

    def as_of(run_id: str) -> dt.datetime:
        return book.rows[run_id]["as_of"]

    # An id begins with its week, so ids in order are weeks in order.
    begin_at = 0 if query.from_ is None else bisect_left(found, query.from_, key=as_of)
    end_at = len(found) if query.to is None else bisect_right(found, query.to, key=as_of)
    return found[begin_at:end_at]


def _picked(rows: Rows, columns: list[str]) -> Rows:
    # The same column may be asked for and be part of the key.
    at = {name: number for number, name in enumerate(dict.fromkeys(columns))}
    places = [at[name] for name in columns]
    return [tuple(row[place] for place in places) for row in rows]


class _Ask:
    def __init__(
        self, reader: Reader, columns: list[str], key: tuple[str, ...], run_ids: list[str], where: Where, limit: int
    ) -> None:
        self.reader, self.columns, self.key = reader, columns, key
        self.run_ids, self.where, self.limit = run_ids, where, limit
        self.distinct = list(dict.fromkeys(columns))

    def by_offset(self, order: Order, offset: int) -> Rows:
        rows = page_in_order(
            self.reader,
            forecasts,
            self.distinct,
            self.key,
            self.run_ids,
            self.where,
            order,
            offset=offset,
            limit=self.limit,
        )
        return _picked(rows, self.columns)

    def after(self, last: list[Any] | None) -> Rows:
        filtered = {name for name, wanted in self.where.among if len(wanted) == 1}
        last = last if last and last[0] in self.run_ids else None
        given = (self.reader, forecasts, self.distinct, self.key, self.run_ids, self.where)
        if {"mineral", "supplier"} <= filtered:
            rows = page_of_pair(*given, after=last, limit=self.limit)
        else:
            # A mineral has some dozens of rows in a run, which has thousands.
            chunk = 16 if {name for name, _ in self.where.among} & {"mineral", "supplier"} else 1
            rows = page_of_runs(*given, after=last, limit=self.limit, first_chunk=chunk)
        return _picked(rows, self.columns)
