"""Runs made for tests: rows with the contract's columns, and what `run.json` says of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from features.knowledge_time import UTC
from ml.alerts.rules import Rules, read_rules
from ml.contract import COLUMNS, conform

MONDAY = dt.datetime(2026, 11, 23, tzinfo=UTC)
NOW = dt.datetime(2026, 11, 23, 6, tzinfo=UTC)
HOOK_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
TIERS = (("severe", 0.5), ("elevated", 0.3), ("guarded", 0.15), ("low", 0.0))
DRIVERS = (
    "exports fell 12 % between 2023 and 2024 (raises the risk)",
    "sales as concentrated as with a single buyer (raises the risk)",
    "holds 63 % of world exports (lowers the risk)",
)


def forecast(
    mineral: str = "cobalt", supplier: str = "COD", probability: float | None = 0.6, **other: Any
) -> dict[str, Any]:
    """Give one forecast row; `other` replaces columns."""
    p = 0.0 if probability is None else probability
    year = int(other.get("window", MONDAY.year))
    row = {
        "as_of": MONDAY,
        "target": "supply_drop",
        "horizon": "current_year" if year == MONDAY.year else "next_year",
        "window_start": dt.datetime(year, 1, 1, tzinfo=UTC),
        "window_end": dt.datetime(year, 12, 31, tzinfo=UTC),
        "mineral": mineral,
        "stage": "processing",
        "supplier": supplier,
        "probability": probability,
        "p_low": max(0.0, p - 0.05),
        "p_high": min(1.0, p + 0.05),
        "base_rate": 0.2,
        "tier": next(tier for tier, begin in TIERS if p >= begin),
        "alert": probability is not None,
        "onset": True,
        "probability_previous": p,
        "change": 0.0,
        **dict.fromkeys(("change_data", "change_revision", "change_model"), 0.0),
        **{f"driver_{number}": driver for number, driver in enumerate(DRIVERS, 1)},
        "data_as_of": dt.datetime(2026, 2, 1, tzinfo=UTC),
        "stale": False,
        "abstained": probability is None,
        "reason": "no exports" if probability is None else None,
        "model_name": "lightgbm",
        "model_version": "abc",
        "data_digest": "d",
        "run_id": "",
    }
    return row | {key: value for key, value in other.items() if key != "window"}


@dataclass(frozen=True)
class MadeRun:
    """A run as `ml.weekly.Run` gives it."""

    about: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def forecasts(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows, columns=list(COLUMNS)) if self.rows else pd.DataFrame(columns=list(COLUMNS))
        return conform(table, COLUMNS)


def made_run(*rows: dict[str, Any], week: int = 0, kind: str = "live", stop: str = "", name: str = "") -> MadeRun:
    """Give a run of the week that lies `week` weeks after `MONDAY`; `stop` says why it was held back."""
    as_of = MONDAY + dt.timedelta(days=7 * week)
    about = {
        "run_id": name or f"run-{week}",
        "as_of": as_of.date().isoformat(),
        "kind": kind,
        "drift": {"worst": "stop", "stops": [stop], "accepted": None} if stop else {"worst": "fine", "stops": []},
    }
    return MadeRun(about, [{**row, "as_of": as_of, "run_id": about["run_id"]} for row in rows])


def made_rules(text: str = "") -> Rules:
    """Give rules over the packaged defaults."""
    return read_rules(text, where="alerts.toml")


def one_hook(url: str, *, plans: str = "severe = [{groups = ['desk']}]\nelevated = [{groups = ['desk']}]") -> str:
    """Give TOML of one group with one webhook."""
    return f"""
[[groups]]
id = "desk"
channels = [{{id = "hook", kind = "webhook", url = "{url}", secret = "{HOOK_SECRET}"}}]

[plans]
{plans}
"""
