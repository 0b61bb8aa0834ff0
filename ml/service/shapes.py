"""The shapes of what the service answers: per resource its columns, their order and types, the same with no rows.

The forecast row is the contract's (`ml.contract`). Under `/v1` a column is never renamed, moved or retyped; new ones
come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ml.contract import COLUMNS, EXPLANATION_COLUMNS, MOMENT
from ml.database.tables import EXPLANATION_KEY, FORECAST_KEY, MAY_BE_MISSING

__all__ = ["CODEBOOK", "EXPLANATIONS", "FORECASTS", "HISTORY", "MEASURES", "MINERALS", "RUNS", "SHAPES", "Shape"]
__all__ += ["SOURCES", "SUPPLIERS", "TRACK_RECORD"]

ARROW = {
    "str": pa.string(),
    MOMENT: pa.timestamp("us", tz="UTC"),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
}
JSON_TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    MOMENT: {"type": "string", "format": "date-time"},
    "float64": {"type": "number"},
    "int64": {"type": "integer"},
    "bool": {"type": "boolean"},
}


@dataclass(frozen=True)
class Shape:
    """One kind of row: a name for the OpenAPI document, columns with types, the key, and what may be missing."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    missing: frozenset[str]

    def arrow(self, names: Sequence[str] | None = None) -> pa.Schema:
        """Give the Arrow schema of some columns, all by default."""
        chosen = self.columns if names is None else names
        return pa.schema([pa.field(name, ARROW[self.columns[name]], name in self.missing) for name in chosen])

    def json_schema(self) -> dict[str, Any]:
        """Give the JSON schema of a row; a row may have fewer columns, never others."""
        properties = {}
        for name, kind in self.columns.items():
            about = dict(JSON_TYPES[kind])
            if name in self.missing:
                about["type"] = [about["type"], "null"]
            properties[name] = about
        return {"type": "object", "title": self.name, "properties": properties, "additionalProperties": False}


def _shape(name: str, columns: dict[str, str], key: Sequence[str], missing: Sequence[str] = ()) -> Shape:
    return Shape(name, columns, tuple(key), frozenset(missing))


FORECASTS = _shape("ForecastRow", dict(COLUMNS), FORECAST_KEY, sorted(MAY_BE_MISSING & set(COLUMNS)))
EXPLANATIONS = _shape("ExplanationRow", dict(EXPLANATION_COLUMNS), EXPLANATION_KEY, ["value"])
_HISTORY = [
    "as_of",
    "run_id",
    "target",
    "horizon",
    "window_start",
    "window_end",
    "mineral",
    "supplier",
    "probability",
    "p_low",
    "p_high",
    "base_rate",
    "tier",
    "alert",
    "onset",
    "stale",
    "abstained",
    "model_version",
]
HISTORY = _shape("HistoryRow", {name: COLUMNS[name] for name in _HISTORY}, FORECAST_KEY, sorted(MAY_BE_MISSING))
RUNS = _shape(
    "RunRow",
    {
        "run_id": "str",
        "as_of": MOMENT,
        "week": "str",
        "kind": "str",
        "created_at": MOMENT,
        "published_at": MOMENT,
        "valid_until": MOMENT,
        "model_version": "str",
        "model_alias": "str",
        "data_digest": "str",
        "rows": "int64",
        "pairs": "int64",
        "abstained": "int64",
        "stale": "int64",
        "drift_worst": "str",
        "held_back": "bool",
        "is_newest_of_week": "bool",
        "is_current": "bool",
    },
    ["run_id"],
    ["model_alias", "drift_worst"],
)
SOURCES = _shape(
    "SourceRow",
    {
        "run_id": "str",
        "as_of": MOMENT,
        "source": "str",
        "dataset": "str",
        "fetched_at": MOMENT,
        "newest_observation": "str",
        "known_at": MOMENT,
        "age_days": "int64",
        "rows": "int64",
        "state": "str",
        "allowed_days": "int64",
        "title": "str",
        "publisher": "str",
        "licence": "str",
    },
    ["run_id", "source", "dataset"],
    ["fetched_at", "newest_observation", "known_at", "age_days", "allowed_days", "title", "publisher", "licence"],
)
TRACK_RECORD = _shape(
    "TrackRecordRow",
    {
        "run_id": "str",
        "as_of": MOMENT,
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
        "n": "int64",
        "events": "int64",
        "insufficient": "bool",
    },
    ["run_id", "number"],
    ["value", "low", "high", "n", "events"],
)
CODEBOOK = _shape(
    "CodebookRow",
    {"kind": "str", "signal": "str", "name": "str", "unit": "str", "direction": "int64", "sentence": "str"},
    ["kind", "name"],
    ["signal", "direction"],
)
MINERALS = _shape(
    "MineralRow",
    {
        "mineral": "str",
        "name_en": "str",
        "name_zh_tw": "str",
        "stage": "str",
        "symbol": "str",
        "by_product_of": "str",
        "eol_rir_frac": "float64",
        "hs_codes": "str",
        "lists": "str",
        "note": "str",
    },
    ["mineral"],
    ["eol_rir_frac"],
)
SUPPLIERS = _shape(
    "SupplierRow",
    {
        "run_id": "str",
        "as_of": MOMENT,
        "supplier": "str",
        "iso2": "str",
        "name_en": "str",
        "name_zh_tw": "str",
        "region": "str",
        "minerals": "int64",
        "alerts": "int64",
        "highest_probability": "float64",
    },
    ["supplier"],
    ["highest_probability", "iso2"],
)
MEASURES = _shape(
    "MeasureRow",
    {
        "event_id": "str",
        "mineral": "str",
        "supplier": "str",
        "kind": "str",
        "direction": "str",
        "severity": "int64",
        "announced_at": MOMENT,
        "effective_at": MOMENT,
        "ended_at": MOMENT,
        "title": "str",
        "confidence": "str",
        "targeted_importers": "str",
        "hs_codes": "str",
        "evidence": "str",
        "source": "str",
        "available_at": MOMENT,
    },
    ["source", "event_id", "mineral"],
    ["severity", "effective_at", "ended_at", "title", "confidence", "targeted_importers", "hs_codes", "evidence"],
)
SHAPES = (
    FORECASTS,
    EXPLANATIONS,
    HISTORY,
    RUNS,
    SOURCES,
    TRACK_RECORD,
    CODEBOOK,
    MINERALS,
    SUPPLIERS,
    MEASURES,
)
