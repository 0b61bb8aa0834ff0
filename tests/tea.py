"""A source for tests: monthly tea prices as CSV, which can be told to behave in any way a source may."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from features import collection
from features.catalog import Catalog
from features.datasets import MOMENT
from features.sources.spec import Harvest, Request, SourceSpec, read_table, reject_rows

Prices = dict[str, float | str]
COLUMNS = ("series", "month", "price", "unit")


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def tea_csv(
    path: Path, prices: dict[str, float | str], *, series: str = "green", unit: str = "usd_per_kilogram"
) -> Path:
    """Write prices by month, such as `{"2020-01": 3.5}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tea_bytes(prices, series=series, unit=unit))
    return path


def tea_bytes(prices: Prices, *, series: str = "green", unit: str = "usd_per_kilogram") -> bytes:
    lines = [f"{series},{month},{price},{unit}" for month, price in prices.items()]
    return ("\n".join([",".join(COLUMNS), *lines]) + "\n").encode()


def parse(path: Path) -> pd.DataFrame:
    return read_table(path, [COLUMNS])


def known_on(months: pd.Series) -> pd.Series:
    """The fifth day of the month after."""
    return ((months + pd.offsets.MonthBegin(1)) + pd.Timedelta(days=4)).astype(MOMENT)


def make_harmonise(name: str):
    def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: object, now: dt.datetime) -> Harvest:
        price = pd.to_numeric(raw["price"], errors="coerce")
        months = pd.to_datetime(raw["month"], format="%Y-%m", errors="coerce", utc=True).astype(MOMENT)
        checks = (("month", months.isna(), "not a month"), ("price", ~price.gt(0), "not a price"))
        checks += (("unit", ~raw["unit"].isin(["usd_per_kilogram", "usd_per_tonne"]), "an unknown unit"),)
        rejected, is_bad = reject_rows(raw, checks, file=file)
        rows = pd.DataFrame({"series": raw["series"], "frequency": "month", "starts_on": months, "price": price})
        rows = rows.assign(unit=raw["unit"], available_at=known_on(months), source=name, is_retracted=False)[~is_bad]
        return Harvest({"prices": rows.astype({"price": "float64"})}, rejected)

    return harmonise


def tea_source(
    patch: pytest.MonkeyPatch, name: str = "tea", *, spec: dict[str, Any] | None = None, **extra: Any
) -> ModuleType:
    """Make a source and add it to those there are; `extra` are further names of the module, such as WITHDRAWS."""
    usual = dict.fromkeys(("title", "publisher", "address", "licence", "citation", "cadence", "lag_rule"), "tea")
    usual |= {"name": name, "lag": None, "fills": ("prices",), "takes": "CSV", "requests_per_minute": 60_000}
    module = ModuleType(f"features.sources.{name}")
    module.SPEC = SourceSpec(**(usual | (spec or {})))
    module.parse, module.harmonise = parse, make_harmonise(name)
    for each, value in extra.items():
        setattr(module, each, value)
    patch.setitem(sys.modules, module.__name__, module)
    patch.setattr(collection, "SOURCES", (*collection.SOURCES, name))
    return module


def one_request(endpoint: str, *, now: dt.datetime, key: str | None) -> Sequence[Request]:
    return [Request(endpoint, "tea.csv")]
