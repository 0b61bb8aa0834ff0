"""What every page is worded and rendered with: plain names for ids, figures with their intervals, the templates.

Charts are elsewhere (`ml.charts`): who only renders a page doesn't wait for what draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

__all__ = [
    "HORIZON_NAMES",
    "MODEL_NAMES",
    "SLICE_NAMES",
    "TARGET_NAMES",
    "against",
    "counts",
    "hundred",
    "is_above",
    "name_of",
    "number",
    "template_environment",
    "value_range",
    "with_range",
]

Json = Mapping[str, Any]
MISSING = "–"
TARGET_NAMES = {"supply_drop": "Supply drop", "severe_supply_drop": "Severe supply drop"}
HORIZON_NAMES = {"current_year": "in the year of the forecast", "next_year": "in the year after the forecast"}
MODEL_NAMES = {
    "lightgbm": "oresight",
    "pair_history": "Pair history",
    "climatology": "Climatology",
    "persistence": "Persistence",
    "logistic_regression": "Logistic regression",
}
SLICE_NAMES = {
    "all": "All pairs",
    "onset": "New drops",
    "continuation": "Continued drops",
    "major": "Major suppliers",
    "onset_major": "New drops, major",
    "transit": "Transit countries",
}


def name_of(identifier: str, names: Mapping[str, str]) -> str:
    """Give the plain words for an id, or the id itself with spaces."""
    return names.get(identifier, identifier.replace("_", " ").capitalize())


def template_environment() -> jinja2.Environment:
    """Give the template environment of all reports: escaping on, unknown names refused."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "range": value_range, "against": against, "counts": counts}
    environment.filters |= {"plain": lambda name, names=MODEL_NAMES: name_of(name, names)}
    return environment


def against(metric: Json, nothing: float) -> str:
    """Word what the interval of a difference says: `nothing` is the value without a difference."""
    if metric["low"] is None or metric["high"] is None:
        return "not tested against"
    if is_above(metric, nothing):
        return "better than"
    return "worse than" if metric["high"] < nothing else "not shown to be better than"


def is_above(metric: Json, nothing: float) -> bool:
    """Tell whether the whole interval lies above `nothing`, the value without a difference."""
    return metric["low"] is not None and metric["low"] > nothing


def number(metric: Json, digits: int, *, key: str = "value", times: float = 1) -> str:
    """Give one number of a metric with a true minus sign, a dash where there is none."""
    return MISSING if metric[key] is None else f"{times * metric[key]:,.{digits}f}".replace("-", "\u2212")


def hundred(metric: Json) -> str:
    """Give a share as a whole number out of a hundred."""
    return number(metric, 0, times=100)


def value_range(metric: Json, digits: int, *, times: float = 1) -> str:
    """Give an interval as "low to high"; empty where there is none."""
    low, high = (number(metric, digits, key=key, times=times) for key in ("low", "high"))
    return "" if MISSING in (low, high) else f"{low} to {high}"


def with_range(metric: Json, digits: int) -> str:
    """Give a number and, in brackets, its 95 % interval."""
    found = value_range(metric, digits)
    return number(metric, digits) + (f" (95 % interval {found})" if found else "")


def counts(part: Json) -> str:
    """Word how many cases there were, and how many of them were drops."""
    rate = MISSING if part["base_rate"] is None else f"{100 * part['base_rate']:.1f} %"
    return f"{part['events']:,} drops in {part['n']:,} cases ({rate})"
