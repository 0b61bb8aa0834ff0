"""The forecast row: its closed column list, its types, and the checks that gate publication.

Each check is a pure function, table in -> offending rows out. A run is published only
when every check comes back empty.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from features.errors import ContractError
from models.targets import HORIZONS

__all__ = ["CHECKS", "COLUMNS", "EXPLANATION_COLUMNS", "MOMENT", "TIERS", "check_forecasts", "conform", "tier_of"]

MOMENT = "datetime64[us, UTC]"
COLUMNS: dict[str, str] = {
    "run_id": "str",
    "as_of": MOMENT,
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
    "tier": "str",
    "alert": "bool",
    "onset": "bool",
    "probability_previous": "float64",
    "change": "float64",
    "change_data": "float64",
    "change_revision": "float64",
    "change_model": "float64",
    "driver_1": "str",
    "driver_2": "str",
    "driver_3": "str",
    "data_as_of": MOMENT,
    "stale": "bool",
    "abstained": "bool",
    "reason": "str",
    "model_name": "str",
    "model_version": "str",
    "data_digest": "str",
}
EXPLANATION_COLUMNS: dict[str, str] = {
    "run_id": "str",
    "target": "str",
    "horizon": "str",
    "mineral": "str",
    "supplier": "str",
    "signal": "str",
    "feature": "str",
    "value": "float64",
    "contribution": "float64",
}
TIERS = ("low", "guarded", "elevated", "severe")
KEY = ["target", "horizon", "mineral", "supplier"]
TOLERANCE = 1e-9


def tier_of(probability: pd.Series, limits: tuple[float, float, float]) -> pd.Series:
    """Give each probability's tier; missing probabilities have none.

    Args:
        limits: where guarded, elevated and severe begin, each inclusive.
    """
    at = np.searchsorted(np.array(limits), probability.fillna(0.0).to_numpy(), side="right")
    return pd.Series(np.array(TIERS)[at], index=probability.index, dtype="str").where(probability.notna())


def conform(rows: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Give `rows` exactly `columns`, in order and with their types, also when there are none.

    Raises:
        ContractError: a column is missing or too many.
    """
    if set(rows.columns) != set(columns):
        missing, extra = set(columns) - set(rows.columns), set(rows.columns) - set(columns)
        raise ContractError(f"the table lacks {sorted(missing)} and has too much {sorted(extra)}; see ml/contract.py")
    return rows[list(columns)].astype(columns)


def _duplicated(rows: pd.DataFrame) -> pd.Series:
    return rows.duplicated(KEY, keep=False)


def _outside_unit_interval(rows: pd.DataFrame) -> pd.Series:
    given = rows[~rows["abstained"]]
    bad = ~given[["probability", "p_low", "p_high", "base_rate"]].apply(lambda column: column.between(0, 1))
    return bad.any(axis=1).reindex(rows.index, fill_value=False)


def _interval_misses_point(rows: pd.DataFrame) -> pd.Series:
    return (rows["p_low"] > rows["probability"]) | (rows["probability"] > rows["p_high"])


def _severe_above_drop(rows: pd.DataFrame) -> pd.Series:
    key = ["horizon", "mineral", "supplier"]
    drop = rows[rows["target"].eq("supply_drop")].set_index(key)["probability"]
    limit = drop.reindex(pd.MultiIndex.from_frame(rows[key])).to_numpy()
    return rows["target"].eq("severe_supply_drop") & (rows["probability"] > limit)


def _falls_with_the_horizon(rows: pd.DataFrame) -> pd.Series:
    key = ["target", "mineral", "supplier"]
    sooner = rows[rows["horizon"].eq("current_year")].set_index(key)["probability"]
    limit = sooner.reindex(pd.MultiIndex.from_frame(rows[key])).to_numpy()
    return rows["horizon"].eq("next_year") & (rows["probability"] < limit)


def _change_does_not_add_up(rows: pd.DataFrame) -> pd.Series:
    parts = rows[["change_data", "change_revision", "change_model"]].sum(axis=1)
    moved = rows["probability"] - rows["probability_previous"]
    known = rows["change"].notna()
    return known & (((rows["change"] - parts).abs() > TOLERANCE) | ((rows["change"] - moved).abs() > TOLERANCE))


def _change_half_given(rows: pd.DataFrame) -> pd.Series:
    parts = rows[["probability_previous", "change", "change_data", "change_revision", "change_model"]].isna()
    return parts.any(axis=1) & ~parts.all(axis=1)


def _window_is_not_the_horizons(rows: pd.DataFrame) -> pd.Series:
    ahead = rows["horizon"].map(HORIZONS).astype("float64")
    year = rows["as_of"].dt.year + ahead
    return ~(rows["window_start"].dt.year.eq(year) & rows["window_end"].dt.year.eq(year))


def _abstained_with_a_number_or_without_reason(rows: pd.DataFrame) -> pd.Series:
    says_why = rows["reason"].notna() & rows["reason"].ne("")
    has_number = rows[["probability", "p_low", "p_high", "tier"]].notna().any(axis=1)
    return rows["abstained"] & (has_number | rows["alert"] | ~says_why)


def _given_without_number_or_reason(rows: pd.DataFrame) -> pd.Series:
    given = ~rows["abstained"]
    return given & (rows[["probability", "p_low", "p_high", "tier", "driver_1"]].isna().any(axis=1))


def _unknown_tier(rows: pd.DataFrame) -> pd.Series:
    return rows["tier"].notna() & ~rows["tier"].isin(TIERS)


def _data_from_the_future(rows: pd.DataFrame) -> pd.Series:
    return rows["data_as_of"] > rows["as_of"]


CHECKS: tuple[tuple[str, Callable[[pd.DataFrame], pd.Series]], ...] = (
    ("one row per target, horizon and pair", _duplicated),
    ("probabilities between 0 and 1", _outside_unit_interval),
    ("p_low <= probability <= p_high", _interval_misses_point),
    ("P(severe) <= P(drop)", _severe_above_drop),
    ("probabilities do not fall with the horizon", _falls_with_the_horizon),
    ("change is the sum of its parts and of the move", _change_does_not_add_up),
    ("change is given whole or not at all", _change_half_given),
    ("the window is the horizon's year", _window_is_not_the_horizons),
    ("who abstains gives no number and says why", _abstained_with_a_number_or_without_reason),
    ("who forecasts gives a number, a tier and a reason", _given_without_number_or_reason),
    ("tiers are known ones", _unknown_tier),
    ("no data from after as_of", _data_from_the_future),
)


def check_forecasts(rows: pd.DataFrame) -> None:
    """Hold a conformed table against every check.

    Raises:
        ContractError: the first broken check with its first offending row and their number.
    """
    for sentence, check in CHECKS:
        bad = rows[check(rows).to_numpy(dtype=bool)]
        if len(bad):
            first = bad.iloc[0]
            where = " ".join(str(first[name]) for name in KEY)
            values = first[["probability", "p_low", "p_high", "change"]].to_dict()
            raise ContractError(f"broken in {len(bad)} row(s): {sentence}; first {where}, {values}. Nothing published.")
