"""What each feature family earns: a backtest with trade alone, one with each family more, and one with all."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.knowledge_time import UTC
from features.panel import SIGNALS
from ml.backtest import default_plan
from ml.comparison import compare, markdown_rows
from ml.knowledge import Knowledge, open_store, signals_named
from ml.settings import load_settings
from ml.studies import checked_origins, predict

__all__ = ["FAMILIES", "AblationResult", "ablate", "ablation_table"]

BASE = "trade"
# What is added to trade each time, by its name in the table. Measures and incidents come from one table of events.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    BASE: (),
    "mirror_trade": ("mirror_trade",),
    "prices": ("prices",),
    "production": ("production",),
    "governance": ("governance",),
    "restrictions + incidents": ("restrictions", "incidents"),
    "all": tuple(signal.name for signal in SIGNALS if signal.name != BASE),
}


@dataclass(frozen=True)
class AblationResult:
    """One row per family added, target, horizon and slice; and the same as a Markdown table."""

    rows: list[dict[str, Any]]
    table: str


def ablate(out: Path, *, first: int, last: int, draws: int, home: Path | None) -> AblationResult:
    """Run one backtest per entry of `FAMILIES` and compare each with trade alone, onset and continuation apart.

    Only the current year is forecast: there fresh figures can say most.

    Differences are on the same rows and the same bootstrap draws. Results go to `out/ablation.json` and `.md`.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    store = open_store(settings, now=now)
    origins = checked_origins(first, last, now)
    rows: list[dict[str, Any]] = []
    base: pd.DataFrame | None = None
    for name, added in FAMILIES.items():
        knowledge = Knowledge(store, now, signals_named([BASE, *added]))
        plan = default_plan(knowledge, origins, with_baselines=False, horizons=["current_year"])
        folder = out / name.replace(" ", "")
        own = predict(knowledge, plan, folder, workers=settings.workers, title=f"ablation: {name}")
        slices = {"onset": own["onset"], "continuation": ~own["onset"]}
        rows += compare(own, base, slices, draws=draws, added=name)
        base = own if base is None else base
    table = ablation_table(rows)
    out.mkdir(parents=True, exist_ok=True)
    (out / "ablation.json").write_text(json.dumps(rows, indent=1) + "\n")
    (out / "ablation.md").write_text(table + "\n")
    return AblationResult(rows, table)


def ablation_table(rows: list[dict[str, Any]]) -> str:
    """Give the rows as a Markdown table."""
    return markdown_rows(rows, ["added", "target", "horizon", "slice"])
