"""Labelled rows as experiments get them, with a known reason for events."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.experiments.cells import LEVELS, cell_features
from ml.experiments.ideas import TRUTHS
from ml.experiments.inputs import KNOWN_PLACES
from ml.experiments.neighbours import LEVEL, VALUE, WORLD
from ml.experiments.odd_prices import COLUMNS

FEATURES = ("trade_volatility_5y", "trade_tonnes", "trade_drop_rate", "trade_growth_1y")
YEARS = range(2000, 2016)


def labelled_pairs() -> pd.DataFrame:
    """Sixty pairs over sixteen years; swings make drops likely, and so does a year of growth."""
    rng = np.random.default_rng(4)
    years, pairs = np.repeat(list(YEARS), 60), np.tile(np.arange(60), len(YEARS))
    n = len(years)
    values = {name: rng.normal(size=n) for name in FEATURES}
    values["trade_volatility_5y"] = rng.normal(size=60)[pairs] + 0.2 * values["trade_volatility_5y"]
    score = 1.4 * values["trade_volatility_5y"] + 0.8 * values["trade_growth_1y"] - 0.6
    ratio = np.exp(0.3 - 0.5 * score + rng.normal(0, 0.4, n))
    as_of = pd.to_datetime([f"{year}-07-20" for year in years], utc=True).astype("datetime64[us, UTC]")
    resolved = pd.to_datetime([f"{year + 2}-02-01" for year in years], utc=True).astype("datetime64[us, UTC]")
    # What cells add up to is missing at first, as it is where nothing could be learned yet.
    cells = {name: np.where(years < 2003, np.nan, score) for level in LEVELS for name in cell_features(level)}
    return pd.DataFrame(
        {
            **values,
            KNOWN_PLACES: np.where(pairs % 2, 0.0, np.nan),
            "mineral": np.array(["cobalt", "nickel", "tin"], dtype=object)[pairs % 3],
            "supplier": [f"S{pair:02d}" for pair in pairs],
            "stage": np.where(pairs % 2, "extraction", "processing"),
            "as_of": as_of,
            "target_year": years,
            "ratio": ratio,
            **dict.fromkeys(TRUTHS, np.log(ratio)),
            **cells,
            **dict.fromkeys(COLUMNS, 0.0),
            LEVEL: values["trade_growth_1y"],
            VALUE: values["trade_tonnes"] + 10,
            WORLD: np.sin(years + pairs % 3),
            "label": (ratio < 0.7).astype("float64"),
            "onset": True,
            "share": np.where(pairs < 50, 0.05, 0.005),
            "resolved_at": resolved,
        }
    )
