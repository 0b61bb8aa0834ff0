"""Small runs, written as the weekly job writes them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from features.collection.payloads import sha256_of
from features.knowledge_time import iso_week
from ml.contract import COLUMNS, EXPLANATION_COLUMNS, check_forecasts, conform
from ml.drift import record
from ml.drift.measures import as_table
from ml.drift.week import summary
from ml.runs import Run

PAIRS = (("cobalt", "COD"), ("gallium", "CHN"), ("lithium", "CHL"))
HORIZONS = {"current_year": 0, "next_year": 1}


def make_run(
    home: Path, run_id: str, as_of: str, *, made: str = "08:00", probability: float = 0.4, drift: str = "watch"
) -> Run:
    """Write a run of three pairs below a home; `made` is the hour at which it was made, `drift` its worst level."""
    folder = home / "runs" / run_id
    folder.mkdir(parents=True)
    forecasts = forecast_table(run_id, as_of, probability)
    found = as_table(
        [
            _finding(drift, "prices.pink_sheet", 174.0),
            _finding("fine", "trade.baci", 30.0),
        ]
    )
    record.write(folder, found)
    forecasts.to_parquet(folder / "forecasts.parquet", index=False)
    explanation_table(forecasts).to_parquet(folder / "explanations.parquet", index=False)
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    about = {
        "run_id": run_id,
        "as_of": as_of,
        "week": iso_week(pd.Timestamp(as_of)),
        "kind": "live",
        "created_at": f"{as_of}T{made}:00+00:00",
        "model_version": "abc",
        "model_alias": "champion",
        "data_digest": "d1",
        "rows": len(forecasts),
        "pairs": len(PAIRS),
        "abstained": int(forecasts["abstained"].sum()),
        "stale": 0,
        "drift": summary(found),
        "files": files,
    }
    (folder / "run.json").write_text(json.dumps(about))
    return Run(folder)


def _finding(level: str, feature: str, value: float) -> dict[str, Any]:
    return {
        "level": level,
        "kind": "age",
        "signal": feature.partition(".")[0],
        "feature": feature,
        "value": value,
        "bound": 45.0,
        "sentence": f"{feature} is {value:g} days old",
    }


def forecast_table(run_id: str, as_of: str, probability: float) -> pd.DataFrame:
    """Give rows of one target: one pair is in alert, one abstains, one has a text that looks like a formula."""
    return _rows_of_week(as_of, probability).assign(run_id=run_id).astype({"run_id": "str"})


@cache
def _rows_of_week(as_of: str, probability: float) -> pd.DataFrame:
    moment = pd.Timestamp(as_of, tz="UTC")
    rows = []
    for number, (mineral, supplier) in enumerate(PAIRS):
        for horizon, ahead in HORIZONS.items():
            abstains = number == 2
            p = None if abstains else probability + 0.1 * ahead + 0.05 * number
            change = None if abstains else 0.01 * (number + 1) * (-1) ** number
            year = moment.year + ahead
            rows.append(
                {
                    "run_id": "",
                    "as_of": moment,
                    "target": "supply_drop",
                    "horizon": horizon,
                    "window_start": pd.Timestamp(f"{year}-01-01", tz="UTC"),
                    "window_end": pd.Timestamp(f"{year}-12-31", tz="UTC"),
                    "mineral": mineral,
                    "stage": "extraction",
                    "supplier": supplier,
                    "probability": p,
                    "p_low": p and p - 0.02,
                    "p_high": p and p + 0.02,
                    "base_rate": 0.1,
                    "tier": None if abstains else "elevated",
                    "alert": number == 0,
                    "onset": True,
                    "probability_previous": p and p - (change or 0.0),
                    "change": change,
                    "change_data": change,
                    "change_revision": None if abstains else 0.0,
                    "change_model": None if abstains else 0.0,
                    "driver_1": None if abstains else '=HYPERLINK("x"), "quoted", 鈷',
                    "driver_2": None if abstains else "",
                    "driver_3": None,
                    "data_as_of": moment - pd.Timedelta(days=295),
                    "stale": False,
                    "abstained": abstains,
                    "reason": "too little is known" if abstains else None,
                    "model_name": "lightgbm",
                    "model_version": "abc",
                    "data_digest": "d1",
                }
            )
    table = conform(pd.DataFrame(rows), COLUMNS)
    check_forecasts(table)
    return table


def explanation_table(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Give three features of each row: one that weighs, one whose value is missing, one without weight."""
    features = pd.DataFrame(
        {
            "signal": ["trade", "trade", "prices"],
            "feature": ["base", "volatility", "price_change"],
            "value": [1.0, None, 0.3],
            "contribution": [-1.5, 0.25, 0.0],
        }
    )
    key = ["run_id", "target", "horizon", "mineral", "supplier"]
    return conform(forecasts[key].merge(features, how="cross"), EXPLANATION_COLUMNS)
