"""UN Comtrade: what customs offices declared, by month or year -> `mirror_trade`.

`comtrade_layouts` reads the three forms. A flow M is the importer's declaration, X the supplier's; other flows
(re-exports) are left out. Only whole-trade rows count: without `partner2Code=0, customsCode=C00,
motCode=0` each flow would stand there again by second partner, customs procedure and mode of transport.
World rows (partner 0) are check sums, never rows: `gaps` holds the sum of the partners
against them. A partner that is no country (areas not specified, free zones) is left out, and so is the
reporter itself (goods that come back). A code counts if it is part of, or holds, a used code of the catalogue.

A weight of zero beside a value is unknown, not zero. Months count from 120 days after their end,
years from 1 August of the next; the interface knows real release dates (`getLiveUpdate`), its answers do not.
The terms forbid redistribution in bulk, so payloads and tables stay where they were collected.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalog import Catalog, load_catalog
from features.errors import ConfigError, UnknownCode
from features.knowledge_time import Lag, MonthLag
from features.sources.comtrade_layouts import read_payload
from features.sources.spec import Harvest, Request, SourceSpec, reject_rows

__all__ = ["FILES", "FOLDERS", "SPEC", "YEAR_LAG", "gaps", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="comtrade",
    title="UN Comtrade, monthly and yearly trade by partner and HS code",
    publisher="United Nations Statistics Division",
    address="https://comtradeplus.un.org",
    licence="UN Comtrade terms of use: internal use, no bulk redistribution",
    citation="United Nations Statistics Division, UN Comtrade",
    cadence="daily loads, by reporter",
    lag=MonthLag.after_end(120),
    lag_rule="month m is available on the 120th day after its end, year t on 1 August of t+1",
    fills=("mirror_trade",),
    takes="the API's JSON, a CSV of its yearly rows, or CSV period_dt,partner_name,hs6,val,qty,uv of China's exports",
    endpoint="https://comtradeapi.un.org/data/v1/get/C",
    hosts=("comtradeapi.un.org",),
    key_setting="ORESIGHT_COMTRADE_KEY",
    requests_per_minute=12,
    stale_after_days=200,
)
FOLDERS = ("comtrade", "comtrade_monthly_china")
# Answers kept by year lie in a folder of their own, beside notes about them that are no answers.
FILES = ("comtrade_*.json", "*hs6_monthly.csv", "UN_*_trade.csv", "*/[12][0-9][0-9][0-9].json")
YEAR_LAG = Lag(years=1, month=8, day=1)

CODES_PER_CALL, MONTHS_BACK, YEARS_BACK = 8, 12, 3
# A free key allows this many calls a day; the plan of one collection stays below.
MOST_CALLS = 450
REPORTED_BY = {"M": "importer", "X": "supplier"}
WORLD = "0"
# By the publisher's number: partners that are no country, sums of others, and territories outside the catalogue.
NO_COUNTRY = {
    *("97", "129", "221", "290", "471", "472", "473", "492", "527", "536", "568", "577", "636", "637", "697"),
    *("711", "837", "838", "839", "849", "879", "899"),
    *("234", "336", "438", "744", "831", "832", "833"),
}
# A sum of partners this far from the world row is a gap; the publisher's rows agree to a dollar.
TOLERANCE_FRAC = 0.001


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the newest months that are out and the newest years, all reporters and partners, both flows.

    Codes go `CODES_PER_CALL` at a time, so that no answer reaches the record limit.

    Raises:
        ConfigError: there is no key, or the plan is longer than a day's quota.
    """
    if not key:
        raise ConfigError(f"UN Comtrade needs a key; set {SPEC.key_setting} (free at https://comtradedeveloper.un.org)")
    codes = sorted(set(load_catalog().used_hs_codes()["hs_code"]))
    chunks = [codes[at : at + CODES_PER_CALL] for at in range(0, len(codes), CODES_PER_CALL)]
    periods = [("M", month) for month in _months(now)] + [("A", year) for year in _years(now)]
    plan = [
        Request(
            _address(endpoint, freq, period, chunk), f"comtrade_{freq}_{period}_{number:02d}.json", headers=_login(key)
        )
        for freq, period in periods
        for number, chunk in enumerate(chunks)
    ]
    if len(plan) > MOST_CALLS:
        raise ConfigError(f"{len(plan)} calls to UN Comtrade, but a day's quota is {MOST_CALLS}; raise CODES_PER_CALL")
    return plan


def _login(key: str) -> dict[str, str]:
    return {"Ocp-Apim-Subscription-Key": key}


def _address(endpoint: str, freq: str, period: str, codes: list[str]) -> str:
    query = f"period={period}&cmdCode={','.join(codes)}&flowCode=M,X&partner2Code=0&customsCode=C00&motCode=0"
    return f"{endpoint}/{freq}/HS?{query}&includeDesc=false"


def _months(now: dt.datetime) -> Iterator[str]:
    at = now.year * 12 + now.month - 1
    lag = MonthLag.after_end(120)
    while lag.available_at(at // 12, at % 12 + 1) > now:
        at -= 1
    for number in range(at, at - MONTHS_BACK, -1):
        yield f"{number // 12}{number % 12 + 1:02d}"


def _years(now: dt.datetime) -> Iterator[str]:
    newest = YEAR_LAG.newest_year(now)
    for year in range(newest, newest - YEARS_BACK, -1):
        yield str(year)


def parse(path: Path) -> pd.DataFrame:
    """Read a payload of any form as the raw table of `comtrade_layouts`."""
    return read_payload(path)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`, tonnes and US dollars; see the module for what is left out."""
    iso3 = {place: _iso3(place, catalog) for place in {*raw["reporter"], *raw["partner"]} - NO_COUNTRY - {WORLD}}
    reporter, partner = raw["reporter"].map(iso3), raw["partner"].map(iso3)
    is_world = raw["partner"].eq(WORLD)
    is_outside = raw["partner"].isin(NO_COUNTRY) | raw["reporter"].isin(NO_COUNTRY)
    is_own, is_flow = reporter.eq(partner), raw["flow"].isin(REPORTED_BY)
    is_used = raw["hs_code"].isin({code for code in set(raw["hs_code"]) if catalog.minerals_of_product(code)})
    first = pd.to_datetime(
        raw["period"].where(raw["freq"].eq("M"), raw["period"] + "01"), format="%Y%m", errors="coerce"
    )
    last = first.where(raw["freq"].eq("M"), first + pd.DateOffset(months=11))
    is_ours = raw["is_total"] & is_flow & is_used & ~is_world & ~is_outside & ~is_own
    about = raw.assign(
        reporter=reporter, partner=partner, first=first.dt.tz_localize("UTC"), last=last.dt.tz_localize("UTC")
    )
    key = ["reporter", "partner", "flow", "hs_code", "first", "last"]
    is_twice = about[is_ours].duplicated(key).reindex(raw.index, fill_value=False)
    checks = (
        ("freq", ~raw["freq"].isin(["M", "A"]), "neither monthly nor yearly"),
        (
            "period",
            first.isna() | (about["last"] + pd.DateOffset(months=1) > pd.Timestamp(now)),
            f"not a period that has ended by {now.date()}",
        ),
        ("reporter", is_ours & reporter.eq(""), "an unknown reporter"),
        ("partner", is_ours & partner.eq(""), "an unknown partner"),
        (
            "value",
            is_ours & ~raw["value"].between(0, float("inf"), inclusive="left"),
            "no readable value, or below zero",
        ),
        ("weight_kg", is_ours & raw["weight_kg"].lt(0), "a weight below zero"),
        ("partner", is_twice, "the same flow a second time"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    counts = {
        "rows of codes that the catalogue does not use": int((~is_used).sum()),
        "world rows": int(is_world.sum()),
        "rows of places outside the catalogue": int(is_outside.sum()),
        "goods that come back": int((is_own & is_flow).sum()),
        "rows of a breakdown or another flow": int((~raw["is_total"] | ~is_flow).sum()),
        "sums of partners off the world total": len(gaps(raw)),
    }
    return Harvest({"mirror_trade": _facts(about[is_ours & ~is_bad], lag)}, rejected, counts)


def _facts(rows: pd.DataFrame, lag: MonthLag) -> pd.DataFrame:
    by_importer = rows["flow"].eq("M")
    known = [
        lag.available_at(last.year, last.month) if freq == "M" else YEAR_LAG.available_at(last.year)
        for freq, last in zip(rows["freq"], rows["last"], strict=True)
    ]
    weight = rows["weight_kg"].mask(rows["weight_kg"].eq(0) & rows["value"].gt(0))
    return pd.DataFrame(
        {
            "reported_by": rows["flow"].map(REPORTED_BY).astype("str"),
            "importer": rows["reporter"].where(by_importer, rows["partner"]).astype("str"),
            "supplier": rows["partner"].where(by_importer, rows["reporter"]).astype("str"),
            "hs_code": rows["hs_code"].astype("str"),
            "basis": "gross",
            "first_month": rows["first"].astype("datetime64[us, UTC]"),
            "last_month": rows["last"].astype("datetime64[us, UTC]"),
            "value_usd": rows["value"].astype("float64"),
            "quantity_tonnes": (weight * 1e-3).astype("float64"),
            "is_estimated": rows["is_estimated"].astype("bool"),
            "available_at": pd.Series(known, index=rows.index, dtype="datetime64[us, UTC]"),
            "source": SPEC.name,
            "is_retracted": False,
        }
    )


def _iso3(place: str, catalog: Catalog) -> str:
    """Give the country of a number or name of the publisher, empty when it is unknown."""
    try:
        return (catalog.iso3_of_baci(int(place)) or "") if place.isdigit() else catalog.iso3_of_name(place)
    except UnknownCode:
        return ""


def gaps(raw: pd.DataFrame) -> pd.DataFrame:
    """List the flows whose partners do not add up to the publisher's world row.

    Args:
        raw: what `parse` gave.

    Returns:
        freq, period, reporter, flow, hs_code, value_world, value_sum, weight_world, weight_sum; those more than
        `TOLERANCE_FRAC` apart in value, or in weight where both are known. Empty without world rows.
    """
    key = ["freq", "period", "reporter", "flow", "hs_code"]
    rows = raw[raw["is_total"]]
    is_world = rows["partner"].eq(WORLD)
    figures = {"value": "value", "weight": "weight_kg"}
    sums = rows[~is_world].groupby(key)[list(figures.values())].sum(min_count=1)
    # A world weight of zero beside a value is unknown.
    figures_known = rows["weight_kg"].mask(rows["weight_kg"].eq(0) & rows["value"].gt(0))
    rows = rows.assign(weight_kg=figures_known)
    both = (
        rows[is_world].drop_duplicates(key).set_index(key)[list(figures.values())].join(sums.add_suffix("_of_partners"))
    )
    is_off = pd.Series(False, index=both.index)
    for column in figures.values():
        world, parts = both[column], both[f"{column}_of_partners"]
        is_off |= (world - parts).abs().gt(np.maximum(1.0, TOLERANCE_FRAC * world.abs()))
    names = {column: f"{name}_world" for name, column in figures.items()}
    names |= {f"{column}_of_partners": f"{name}_sum" for name, column in figures.items()}
    return both[is_off].rename(columns=names).reset_index()
