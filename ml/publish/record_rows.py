"""The track record as rows of one shape, a figure each: so that a chart needs no column it has not seen before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from features.knowledge_time import as_moment
from ml.ledger.kept_record import as_table, damaged, read_record
from ml.settings import Settings

__all__ = ["RECORD_COLUMNS", "flat_record", "record_of"]

Json = dict[str, Any]
RECORD_COLUMNS = {
    "as_of": "datetime64[us, UTC]",
    "number": "int64",
    "kind": "str",
    "target": "str",
    "horizon": "str",
    "slice": "str",
    "slice_value": "str",
    "name": "str",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "n": "Int64",
    "events": "Int64",
    "insufficient": "bool",
}
WHERE = ("kind", "target", "horizon", "slice")
# What every row says beside its figure.
BESIDE = ("n", "events", "insufficient")


def record_of(settings: Settings) -> pd.DataFrame | None:
    """Read the record that `oresight track-record` last built in the home, flat; None where none was built.

    Raises:
        BadInput: the file is damaged.
    """
    record = read_record(settings.home)
    if record is None:
        return None
    try:
        return flat_record(record)
    except (ValueError, KeyError, TypeError) as problem:
        raise damaged(settings.home, problem) from None


def flat_record(record: Json) -> pd.DataFrame:
    """Give a record's figures with RECORD_COLUMNS, in the record's order.

    `slice` is `outcomes` for the counts of forecasts (issued, matured, scored, void, …), `all` for the headline lead,
    or what forecasts are split by. `low` and `high` are the 95 % interval, where there is one.
    """
    rows = [*_outcomes(record), *_figures(record)]
    table = pd.DataFrame(rows, columns=[name for name in RECORD_COLUMNS if name not in ("as_of", "number")])
    table = table.assign(as_of=as_moment(record["as_of"]), number=range(1, len(table) + 1))
    return table[list(RECORD_COLUMNS)].astype(RECORD_COLUMNS)


def _outcomes(record: Json) -> Iterator[Json]:
    for kind, targets in record["kinds"].items():
        for target, of_target in targets.items():
            for horizon, part in of_target["horizons"].items():
                where = {"kind": kind, "target": target, "horizon": horizon, "slice": "outcomes", "slice_value": "all"}
                for name, value in _counts(part["outcomes"]):
                    yield where | {"name": name, "value": value, "insufficient": False}


def _counts(outcomes: Json, before: str = "") -> Iterator[tuple[str, float]]:
    for name, value in outcomes.items():
        if isinstance(value, dict):
            yield from _counts(value, f"{before}{name}_")
        elif isinstance(value, int | float):
            yield f"{before}{name}", value


def _figures(record: Json) -> Iterator[Json]:
    for row in as_table(record).to_dict("records"):
        where = {name: row[name] for name in WHERE} | {"slice_value": str(row["value"])}
        beside = {name: row[name] for name in BESIDE}
        figures = [name for name in row if name not in (*WHERE, "value", *BESIDE)]
        for name in figures:
            if name.endswith(("_low", "_high", "_n")):
                continue
            own = {"n": row.get(f"{name}_n", row["n"]), "low": row.get(f"{name}_low"), "high": row.get(f"{name}_high")}
            yield where | beside | own | {"name": str(name), "value": row[name]}
