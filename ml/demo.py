"""The demonstration: replay one week in a temporary folder and hold it against what happened since."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from features.catalog import load_catalog
from features.knowledge_time import UTC, as_moment
from ml import weekly
from ml.knowledge import Knowledge, open_store
from ml.settings import load_settings
from models.targets import TARGETS, attach_labels

__all__ = ["DEMO_WEEK", "demo", "print_demo"]

DEMO_WEEK = "2021-06-07"


def demo(*, say: Callable[[str], None]) -> dict[str, Any]:
    """Forecast `DEMO_WEEK` from what was known then, and look up what happened in that year."""
    now = dt.datetime.now(UTC)
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(Path(scratch))
        say(f"Replaying {DEMO_WEEK} in a temporary folder")
        run, _ = weekly.run_week(settings, as_moment(DEMO_WEEK), now=now, say=say)
        rows = run.forecasts()
        labels = Knowledge(open_store(settings, now=now), now).labels
    rows = rows[rows["target"].eq("supply_drop") & rows["horizon"].eq("current_year") & ~rows["abstained"]]
    rows = rows.drop(columns=["window_start", "window_end"]).reset_index(drop=True)
    known = attach_labels(rows, labels, TARGETS["supply_drop"], "current_year")
    known = known[known["label"].notna()].sort_values("probability", ascending=False, ignore_index=True)
    tenth = pd.qcut(-known["probability"].rank(method="first"), 10, labels=False)
    groups = known.groupby(tenth).agg(forecast=("probability", "mean"), happened=("label", "mean"), n=("label", "size"))
    columns = ["mineral", "supplier", "probability", "base_rate", "label", "driver_1"]
    return {
        "as_of": DEMO_WEEK,
        "resolved": len(known),
        "base_rate": float(known["label"].mean()),
        "top": known[columns].head(12).to_dict("records"),
        "tenths": groups.to_dict("records"),
    }


def print_demo(result: dict[str, Any]) -> None:
    """Print forecasts beside outcomes."""
    console, catalog = Console(), load_catalog()
    table = Table(title=f"Forecast on {result['as_of']}, and what the year brought", box=box.SIMPLE)
    for name in ("mineral", "supplier", "P", "happened", "main reason"):
        table.add_column(name)
    for row in result["top"]:
        happened = "yes" if row["label"] else "no"
        supplier = catalog.country(row["supplier"]).name_en
        table.add_row(row["mineral"], supplier, f"{row['probability']:.0%}", happened, row["driver_1"])
    console.print(table)
    console.print(f"All {result['resolved']} pairs in tenths, riskiest first: forecast and share that happened")
    for number, group in enumerate(result["tenths"], start=1):
        console.print(f"  {number:2}. {group['forecast']:4.0%}  {group['happened']:4.0%}   ({group['n']} pairs)")
