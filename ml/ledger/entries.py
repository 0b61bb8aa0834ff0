"""What the ledger keeps of each forecast, how a row is written as bytes, and the kinds of forecasts.

Canonical form of a row: the JSON array of its cells in the order of `LEDGER_COLUMNS`, without spaces, UTF-8;
moments are whole microseconds since 1970-01-01 UTC, numbers the shortest decimal that reads back the same,
missing cells `null`. The row's hash is the sha256 of that text; a batch's digest is the sha256 of all row hashes
in order. Rows are sorted by `ROW_KEY`.

Kinds, by the clock at which the ledger took the row (never by what a run says of itself):

- `live`: within the week of its `as_of`.
- `late`: after that week, but before the figures that settle its window could be known.
- `backfill`: when those figures could be known already; the outcome may have been known to whoever issued it.
- `shadow`: by a model that did not serve; whatever the clock says.
- `hindcast`: replayed in one go, kept in a ledger of its own.

They are never mixed in one figure.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.errors import ContractError
from features.knowledge_time import Lag
from features.sources import baci

__all__ = ["KINDS", "LEDGER_COLUMNS", "ROW_KEY", "Seal", "entry_rows", "kinds_of", "seal", "settled_from"]

MOMENT = "datetime64[us, UTC]"
LEDGER_COLUMNS: dict[str, str] = {
    "run_id": "str",
    "as_of": MOMENT,
    "issued_at": MOMENT,
    "kind": "str",
    "target": "str",
    "horizon": "str",
    "window_start": MOMENT,
    "window_end": MOMENT,
    "mineral": "str",
    "stage": "str",
    "supplier": "str",
    "probability": "float64",
    "p_low": "float64",
    "p_high": "float64",
    "base_rate": "float64",
    "onset": "bool",
    "tier": "str",
    "alert": "bool",
    "abstained": "bool",
    "reason": "str",
    "stale": "bool",
    "data_as_of": MOMENT,
    "model_version": "str",
    "data_digest": "str",
}
ROW_KEY = ["as_of", "target", "horizon", "mineral", "supplier"]
KINDS = ("live", "late", "backfill", "hindcast", "shadow")
WEEK = pd.Timedelta(days=7)
MARK_BYTES = 4  # of each row's hash are kept in the chain, so that a changed row can be named


@dataclass(frozen=True, slots=True)
class Seal:
    """What binds a batch of rows: a digest of all of them, the start of each row's hash, one hash per column."""

    digest: str
    marks: bytes
    columns: dict[str, str]

    def as_json(self) -> dict[str, object]:
        """Give it as a chain entry keeps it."""
        return {
            "rows_digest": self.digest,
            "marks": base64.b64encode(self.marks).decode("ascii"),
            "columns": self.columns,
        }


def entry_rows(forecasts: pd.DataFrame, *, issued_at: dt.datetime, kind: str | None = None) -> pd.DataFrame:
    """Give the ledger's rows of a forecast table, abstained ones too.

    Args:
        forecasts: rows of the contract (`ml.contract.COLUMNS`).
        issued_at: the clock when the ledger takes them.
        kind: the kind of all rows; by `kinds_of` when None.

    Raises:
        ContractError: a column is missing, or a row is there twice.
    """
    if missing := set(LEDGER_COLUMNS) - {"issued_at", "kind"} - set(forecasts.columns):
        raise ContractError(f"the forecasts lack {', '.join(sorted(missing))}, which the ledger keeps")
    kinds = kinds_of(forecasts, issued_at) if kind is None else kind
    rows = forecasts.assign(issued_at=pd.Timestamp(issued_at).floor("s"), kind=kinds)
    rows = rows[list(LEDGER_COLUMNS)].astype(LEDGER_COLUMNS).sort_values(ROW_KEY, ignore_index=True)
    if rows.duplicated(ROW_KEY).any():
        first = rows.loc[rows.duplicated(ROW_KEY), ROW_KEY].iloc[0]
        raise ContractError(f"a forecast is there twice: {' '.join(str(value) for value in first)}")
    return rows


def settled_from(window_end: pd.Series) -> pd.Series:
    """Give when the figures that settle each window (its last day) can first be known, by the publisher's calendar."""
    lag = baci.SPEC.lag
    if not isinstance(lag, Lag):
        raise ContractError("windows are settled by a source with a yearly lag; see features/sources/baci.py")
    years = window_end.dt.year
    moments = {year: pd.Timestamp(lag.available_at(int(year))) for year in years.unique()}
    return years.map(moments).astype(MOMENT)


def kinds_of(rows: pd.DataFrame, issued_at: dt.datetime) -> pd.Series:
    """Tell `live`, `late` and `backfill` rows apart by the rule of the module.

    Args:
        rows: as_of, window_end.
    """
    clock = pd.Timestamp(issued_at)
    is_live = (clock < rows["as_of"] + WEEK).to_numpy()
    is_open = (clock < settled_from(rows["window_end"])).to_numpy()
    return pd.Series(np.where(is_live, "live", np.where(is_open, "late", "backfill")), index=rows.index, dtype="str")


def seal(rows: pd.DataFrame) -> Seal:
    """Seal rows with exactly `LEDGER_COLUMNS`, in their order."""
    cells = [_cells(rows[name]) for name in LEDGER_COLUMNS]
    hashes = [hashlib.sha256(_canonical(list(row))).digest() for row in zip(*cells, strict=True)]
    columns = {
        name: hashlib.sha256(_canonical(column)).hexdigest()[:16]
        for name, column in zip(LEDGER_COLUMNS, cells, strict=True)
    }
    marks = b"".join(one[:MARK_BYTES] for one in hashes)
    return Seal(hashlib.sha256(b"".join(hashes)).hexdigest(), marks, columns)


def _canonical(cells: list) -> bytes:
    return json.dumps(cells, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _cells(column: pd.Series) -> list:
    # Plain Python values; a missing one is None.
    missing = column.isna().to_numpy()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        values = column.astype(MOMENT).astype("int64").tolist() if not missing.any() else _microseconds(column)
    elif column.dtype == bool:
        values = column.tolist()
    else:
        values = column.astype("object").tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)] if missing.any() else values


def _microseconds(column: pd.Series) -> list:
    return column.astype(MOMENT).to_numpy(dtype="datetime64[us]").astype("int64").tolist()
