"""Many rows into a table: COPY into PostgreSQL, one prepared statement in SQLite; both in the caller's transaction."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

__all__ = ["load_rows"]

# What goes to SQLite in one call.
BATCH = 20_000


def load_rows(connection: Connection, table: Table, rows: pd.DataFrame) -> int:
    """Put rows into a table; missing values of any kind become NULL.

    Args:
        rows: columns of the table, in any order; those that are not there stay NULL.

    Returns:
        How many were put in.

    Raises:
        IntegrityError: one of them is there already.
        OperationalError: the server went away.
    """
    if rows.empty:
        return 0
    arrow = pa.Table.from_pandas(rows, preserve_index=False)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, arrow)
    else:
        _insert(connection, table, arrow)
    return len(rows)


def _insert(connection: Connection, table: Table, arrow: pa.Table) -> None:
    # Past SQLAlchemy's handling of each row's parameters, which takes longer than SQLite does.
    names = arrow.column_names
    quote = connection.dialect.identifier_preparer.quote
    columns, marks = ", ".join(quote(name) for name in names), ", ".join("?" * len(names))
    statement = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks})"
    bind = [table.c[name].type.bind_processor(connection.dialect) for name in names]
    for batch in arrow.to_batches(max_chunksize=BATCH):
        values = [column.to_pylist() for column in batch.columns]
        bound = [each if to is None else [to(value) for value in each] for each, to in zip(values, bind, strict=True)]
        connection.exec_driver_sql(statement, list(zip(*bound, strict=True)))


def _copy(connection: Connection, table: Table, arrow: pa.Table) -> None:
    # Texts are quoted and missing values are not, so that an empty text stays one.
    text = io.BytesIO()
    csv.write_csv(arrow, text, csv.WriteOptions(include_header=False, quoting_style="needed"))
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in arrow.column_names)
    statement = f"COPY {quote(table.name)} ({columns}) FROM STDIN (FORMAT csv)"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(text.getvalue())
    except psycopg.Error as problem:
        # As SQLAlchemy would say it, had it been asked: callers know its errors.
        raise DBAPIError.instance(statement, None, problem, psycopg.Error, dialect=connection.dialect) from problem
