"""The forms in which UN Comtrade's figures arrive, read into one raw table.

- **JSON** of the API, monthly or yearly: `{"count", "data": [...], "error"}` with codes and flags of estimation.
- **CSV, yearly**: the API's columns chosen by whoever downloaded it, without the flags.
- **CSV, monthly**: China's exports, `period_dt,partner_name,hs6,val,qty,uv`, partners by name; kilograms.

The API cuts an answer at its record limit without a word, so an answer with exactly as many
records as a limit is refused, and so is one with fewer records than it counts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.errors import BadInput
from features.sources.spec import read_table

__all__ = ["RAW_COLUMNS", "RECORD_LIMITS", "read_payload"]

# Records per answer: without a key, with a free key in older plans, with a key.
RECORD_LIMITS = (500, 100_000, 250_000)
# `reporter` and `partner` are the publisher's numbers or names, as text; `weight_kg` is the net weight.
RAW_COLUMNS = ["row", "freq", "period", "reporter", "partner", "flow", "hs_code", "value", "weight_kg"]
RAW_COLUMNS += ["is_estimated", "is_total"]
WANTED = ("freqCode", "period", "reporterCode", "partnerCode", "flowCode", "cmdCode", "primaryValue", "netWgt")
TOTALS = {"partner2Code": "0", "customsCode": "C00", "motCode": "0"}
YEARLY_COLUMNS = (
    *("mineral", "stage", "hs_code_queried", "hs_description", "period", "reporterCode", "reporterISO"),
    *("reporterDesc", "partnerCode", "partnerISO", "partnerDesc", "flowCode", "flowDesc", "cmdCode", "cmdDesc"),
    *("primaryValue", "netWgt", "grossWgt", "qty", "qtyUnitAbbr", "cifvalue", "fobvalue"),
)
CHINA_COLUMNS = ("period_dt", "partner_name", "hs6", "val", "qty", "uv")
CHINA = "156"


def read_payload(path: Path) -> pd.DataFrame:
    """Read a payload of any form as `RAW_COLUMNS`; unreadable numbers become NaN.

    Raises:
        BadInput: the file is missing, damaged, of no known form, an error message, or cut off.
    """
    if path.suffix == ".json":
        return _json(path)
    table = read_table(path, [YEARLY_COLUMNS, CHINA_COLUMNS])
    return _china(table) if "partner_name" in table else _yearly(table)


def _json(path: Path) -> pd.DataFrame:
    records = _records(path)
    table = pd.DataFrame(records)
    missing = [name for name in (*WANTED, *TOTALS) if name not in table]
    if missing:
        raise BadInput(
            where=f"{path}, data",
            expected=f"the fields {', '.join((*WANTED, *TOTALS))}",
            found=f"{', '.join(missing)} missing",
            remedy="Has the interface changed?",
        )
    text = {name: _code(table[name]) for name in (*WANTED[:6], *TOTALS)}
    weight = _number(table["netWgt"])
    quantity = _number(table["qty"]).where(table["qtyUnitAbbr"].eq("kg")) if "qty" in table else weight
    flags = [table[name].eq(True) for name in ("isNetWgtEstimated", "isQtyEstimated") if name in table]
    is_total = np.logical_and.reduce([text[name].eq(value) for name, value in TOTALS.items()])
    return pd.DataFrame(
        {
            "row": range(1, len(table) + 1),
            "freq": text["freqCode"],
            "period": text["period"],
            "reporter": text["reporterCode"],
            "partner": text["partnerCode"],
            "flow": text["flowCode"],
            "hs_code": text["cmdCode"],
            "value": _number(table["primaryValue"]),
            "weight_kg": weight.fillna(quantity),
            "is_estimated": np.logical_or.reduce(flags) if flags else False,
            "is_total": is_total,
        }
    )[RAW_COLUMNS]


def _records(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        records, promised, error = told["data"], told["count"], told.get("error")
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BadInput(
            where=str(path),
            expected="an answer of the API: JSON with count and data",
            found=f"{type(problem).__name__}: {problem}".splitlines()[0],
            remedy="Is this the right file? Else download it again.",
        ) from None
    if error:
        raise BadInput(where=str(path), expected="figures", found=f"the error {error!r}", remedy="Correct the query.")
    if not records:
        raise BadInput(
            where=str(path),
            expected="records",
            found="none, and no error",
            remedy="A wrong period or code looks just like this, and so does a month that is not out yet.",
        )
    if len(records) != promised or len(records) in RECORD_LIMITS:
        raise BadInput(
            where=str(path),
            expected="every record of the query",
            found=f"{len(records)} of {promised}, which is cut off",
            remedy="Ask for fewer periods, codes or partners at a time.",
        )
    return list(records)


def _yearly(table: pd.DataFrame) -> pd.DataFrame:
    weight = _number(table["netWgt"])
    quantity = _number(table["qty"]).where(table["qtyUnitAbbr"].eq("kg"))
    return pd.DataFrame(
        {
            "row": table["row"],
            "freq": "A",
            "period": table["period"],
            "reporter": table["reporterCode"],
            "partner": table["partnerCode"],
            "flow": table["flowCode"],
            "hs_code": table["cmdCode"],
            "value": _number(table["primaryValue"]),
            "weight_kg": weight.fillna(quantity),
            # The flags were not downloaded, so nothing can be told about single figures.
            "is_estimated": False,
            "is_total": True,
        }
    )[RAW_COLUMNS]


def _china(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": table["row"],
            "freq": "M",
            "period": table["period_dt"].str.slice(0, 4) + table["period_dt"].str.slice(5, 7),
            "reporter": CHINA,
            "partner": table["partner_name"],
            "flow": "X",
            "hs_code": table["hs6"],
            "value": _number(table["val"]),
            "weight_kg": _number(table["qty"]),
            "is_estimated": False,
            "is_total": True,
        }
    )[RAW_COLUMNS]


def _code(column: pd.Series) -> pd.Series:
    # One missing number makes a column of codes floats: 180 would read 180.0.
    return column.astype("str").fillna("").str.strip().str.removesuffix(".0")


def _number(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce").astype("float64")
