"""Files that studies leave: forecasts that are whole or not there, a page in one or two places, numbers for JSON."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["without_nan", "write_page", "write_predictions", "write_table", "write_text"]


def write_predictions(out: Path, predictions: pd.DataFrame) -> None:
    """Write `out/predictions.parquet` aside and put it in its place when it is whole."""
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "predictions.parquet", predictions)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a Parquet file aside and put it in its place when it is whole; without the index."""
    aside = path.with_suffix(".part")
    table.to_parquet(aside, index=False, compression="zstd")
    aside.replace(path)


def without_nan(value: Any) -> Any:
    """Give a value as JSON can hold it: undefined numbers are None, also inside dicts and lists."""
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_page(path: Path, text: str, again: Path | None) -> None:
    """Write a page, and once more to `again` where one is given; folders are made."""
    for each in (path, *([again] if again else [])):
        write_text(each, text)


def write_text(path: Path, text: str) -> None:
    """Write a file aside and put it in its place when it is whole; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
