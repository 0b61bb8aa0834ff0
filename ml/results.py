"""Files that studies leave: forecasts that are whole or not there, and a page in one or two places."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

__all__ = ["write_page", "write_predictions"]


def write_predictions(out: Path, predictions: pd.DataFrame) -> None:
    """Write `out/predictions.parquet` aside and put it in its place when it is whole."""
    out.mkdir(parents=True, exist_ok=True)
    aside = out / "predictions.part"
    predictions.to_parquet(aside, index=False, compression="zstd")
    aside.replace(out / "predictions.parquet")


def write_page(path: Path, text: str, again: Path | None) -> None:
    """Write a page, and once more to `again` where one is given; folders are made."""
    for each in (path, *([again] if again else [])):
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text(text)
