"""A database of many runs for measuring: one real run, said again every week before it."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, literal, select

from features.knowledge_time import UTC, as_moment, iso_week
from ml.database.connection import engine_for, writing
from ml.database.loading import load_rows
from ml.database.migrating import migrate
from ml.database.tables import current, forecasts, runs
from ml.publish.rows import forecast_rows, run_row
from ml.runs import Run
from ml.settings import Settings

__all__ = ["make_store"]

Made = tuple[dict[str, Any], list[tuple[str, str]]]


def make_store(home: Path, run: Run, *, n_runs: int, n_pairs: int, now: dt.datetime) -> Made:
    """Fill the SQLite of a home with `n_runs` weeks; the newest is the run itself, and it is current.

    Args:
        n_pairs: how many of the run's pairs to keep, those of the highest probability; 0 for all.

    Returns:
        How many runs, rows and pairs there are and the current run's id; and its pairs.
    """
    engine = engine_for(Settings(home=home))
    migrate(engine)
    rows = _pairs(forecast_rows(run), n_pairs)
    row = {**run_row(run.about, now=now), "rows": len(rows)}
    base_id, as_of = str(row["run_id"]), as_moment(run.about["as_of"])
    with writing(engine) as connection:
        connection.execute(insert(runs).values(**row))
        load_rows(connection, forecasts, rows)
        for number in range(n_runs - 1, 0, -1):
            monday = as_of - dt.timedelta(days=7 * number)
            run_id = f"{iso_week(monday)}-{hashlib.sha256(monday.isoformat().encode()).hexdigest()[:10]}"
            _say_again(connection, row, base_id, run_id, monday)
        pointer = {"run_id": base_id, "as_of": row["as_of"], "set_at": now.astimezone(UTC)}
        connection.execute(insert(current).values(number=1, edition=n_runs, **pointer))
    engine.dispose()
    pairs = sorted(rows[["mineral", "supplier"]].drop_duplicates().itertuples(index=False, name=None))
    return {"runs": n_runs, "rows": len(rows) * n_runs, "pairs": len(pairs), "run_id": base_id}, pairs


def _pairs(rows: pd.DataFrame, n_pairs: int) -> pd.DataFrame:
    if n_pairs == 0:
        return rows
    highest = rows.groupby(["mineral", "supplier"])["probability"].max().nlargest(n_pairs).index
    is_kept = pd.MultiIndex.from_frame(rows[["mineral", "supplier"]]).isin(highest)
    return rows[is_kept].reset_index(drop=True)


def _say_again(connection: Connection, row: dict, base_id: str, run_id: str, monday: dt.datetime) -> None:
    same = {"run_id": run_id, "as_of": monday, "week": iso_week(monday), "created_at": monday, "published_at": monday}
    values = {**row, **same}
    if "as_of_date" in values:
        values["as_of_date"] = monday.date()
    connection.execute(insert(runs).values(**values))
    changed = {
        "run_id": literal(run_id, forecasts.c.run_id.type),
        "as_of": literal(monday, forecasts.c.as_of.type),
    }
    columns = [changed.get(column.name, column) for column in forecasts.c]
    copied = select(*columns).where(forecasts.c.run_id == base_id)
    connection.execute(insert(forecasts).from_select([column.name for column in forecasts.c], copied))
