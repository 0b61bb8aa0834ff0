"""What a reader asks of a table: which rows, in which order. One description, for tables in memory and for SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, func

from ml.service.problems import Problem
from ml.service.shapes import Shape

__all__ = ["Order", "Where", "columns_of", "conditions", "order_by", "order_of"]

# Column and whether the largest comes first; `|column|` goes by size whatever the sign, in memory only.
Order = tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Where:
    """Conditions that all must hold.

    Attributes:
        among: a column is one of some values.
        at_least: a column reaches a bound; rows without a figure don't.
        between: a time lies between two moments, both inclusive, either may be None.
        sizes: columns of `at_least` whose sign doesn't matter.
    """

    among: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    at_least: tuple[tuple[str, float], ...] = ()
    between: tuple[tuple[str, dt.datetime | None, dt.datetime | None], ...] = ()
    sizes: tuple[str, ...] = ()


def columns_of(shape: Shape, fields: str | None) -> list[str]:
    """Give the columns that `fields` names, in the shape's order whatever the order asked for; all when it is None.

    Raises:
        Problem: a column is unknown.
    """
    if fields is None:
        return list(shape.columns)
    names = {name.strip() for name in fields.split(",") if name.strip()}
    _refuse_unknown("fields", names, shape)
    return [name for name in shape.columns if name in names]


def order_of(shape: Shape, sort: str | None) -> Order:
    """Read `-probability,mineral`: a minus puts the largest first; missing values come last either way.

    Raises:
        Problem: a column is unknown or named twice.
    """
    if sort is None:
        return ()
    parts = [part.strip() for part in sort.split(",") if part.strip()]
    order = tuple((part.removeprefix("-"), part.startswith("-")) for part in parts)
    names = [name for name, _ in order]
    _refuse_unknown("sort", set(names), shape)
    if len(set(names)) < len(names):
        raise Problem("bad-query", f"sort names a column twice: {sort}", remedy="Name each column once.")
    return order


def _refuse_unknown(parameter: str, names: set[str], shape: Shape) -> None:
    unknown = sorted(names - set(shape.columns))
    if unknown or not names:
        what = f"no column is called {unknown[0]!r}" if unknown else "no column is named"
        raise Problem("bad-query", f"{parameter}: {what}", remedy=f"Columns are {', '.join(shape.columns)}.")


def conditions(table: Table, where: Where) -> list[ColumnElement[bool]]:
    """Give the same conditions for SQL."""
    found: list[ColumnElement[bool]] = []
    for name, wanted in where.among:
        column = table.c[name]
        found.append(column == wanted[0] if len(wanted) == 1 else column.in_(wanted))
    for name, least in where.at_least:
        found.append((func.abs(table.c[name]) if name in where.sizes else table.c[name]) >= least)
    for name, first, last in where.between:
        if first is not None:
            found.append(table.c[name] >= first)
        if last is not None:
            found.append(table.c[name] <= last)
    return found


def order_by(table: Table, order: Order, key: Sequence[str]) -> list[ColumnElement[Any]]:
    """Give the same order for SQL, made whole by the key."""
    asked = {name for name, _ in order}
    found: list[ColumnElement[Any]] = []
    for name, falls in order:
        column = table.c[name]
        # Databases differ in where they put missing values.
        found += [column.is_(None), column.desc() if falls else column.asc()]
    return found + [table.c[name] for name in key if name not in asked]
