"""KOMIS, the Korean resources information service: daily prices of minor metals -> `prices`.

Payload: JSON with `updated` and `metals`, each with name, grade, today (with the unit) and history (date, value).
The service has a web page and no file of this kind, so there is nothing to collect: the payload is
taken in. No licence is stated; the figures are for own use.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import UTC
from features.sources.price_rows import RAW_COLUMNS, daily_prices
from features.sources.spec import Harvest, SourceSpec, reading

__all__ = ["FILES", "SPEC", "harmonise", "parse", "released"]

FILES = ("*.json",)

SPEC = SourceSpec(
    name="komis",
    title="KOMIS prices of minor metals",
    publisher="KOMIS, Korea (한국자원정보서비스)",
    address="https://www.komis.or.kr/Komis/RsrcPrice/MinorMetals",
    licence="none stated: own use only",
    citation="KOMIS, prices of minor metals, www.komis.or.kr",
    cadence="daily",
    lag=None,
    lag_rule="a day's price is available when the day is over",
    fills=("prices",),
    takes="JSON with updated and metals (name, grade, today, history)",
    hosts=("www.komis.or.kr",),
    stale_after_days=14,
)

UNITS = {
    "USD/kg": "usd_per_kilogram",
    "USD/mt": "usd_per_tonne",
    "USD/lb": "usd_per_pound",
    "KRW/kg": "krw_per_kilogram",
}


def parse(path: Path) -> pd.DataFrame:
    """Read a payload into row (the number of the price in the file), name, code (the symbol), unit, period, price.

    Raises:
        BadInput: the file is no JSON, or a metal lacks a part.
    """
    expected = "JSON with updated and metals, each with name, grade, today.unit and history of date and value"
    remedy, also = "Is this the right file, and is it whole?", (ValueError, KeyError, TypeError)
    with reading(path, expected=expected, remedy=remedy, also=also):
        payload = json.loads(path.read_text(encoding="utf-8"))
        records = [
            (
                f"{metal['name']}, {metal['grade']}",
                _symbol(metal["name"]),
                metal["today"]["unit"],
                day["date"],
                day["value"],
            )
            for metal in payload["metals"]
            for day in metal["history"]
        ]
        updated = str(payload["updated"])
    raw = pd.DataFrame([(row, *record) for row, record in enumerate(records, start=1)], columns=RAW_COLUMNS)
    raw.attrs["released"] = updated
    return raw


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give the moment of `updated`, taken as UTC: it names no time zone, and Korea's would be nine hours earlier."""
    found = re.fullmatch(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}", raw.attrs.get("released", ""))
    return dt.datetime.fromisoformat(found[0]).replace(tzinfo=UTC) if found else None


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: None, now: dt.datetime) -> Harvest:
    """Turn a raw table into daily rows of `prices`; a series is called by symbol and grade, `nd_99_5_min_fob_china`."""
    grade = raw["name"].str.split(", ", n=1).str[1]
    series = [
        "_".join([symbol.lower(), *re.findall(r"[a-z0-9]+", text.lower())]) if symbol else ""
        for symbol, text in zip(raw["code"], grade, strict=True)
    ]
    raw = raw.assign(
        series=pd.Series(series, index=raw.index, dtype="str"),
        unit_id=raw["unit"].map(UNITS).fillna("").astype("str"),
    )
    return daily_prices(raw, catalog, file=file, source=SPEC.name, form="%Y.%m.%d", now=now)


def _symbol(name: str) -> str:
    found = re.search(r"\(([A-Z][A-Za-z]*)\)", name)
    return found[1] if found else ""
