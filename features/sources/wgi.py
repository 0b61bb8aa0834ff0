"""Worldwide Governance Indicators: six yearly country scores -> `governance`.

Payloads: the embedded Parquet (iso3, country, year, indicator, estimate; political
stability only), and the World Bank's workbook with one sheet per indicator, whose header is
found by its content. Years before 2002 are two apart; gaps stay gaps.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.spec import Harvest, SourceSpec, moment_of_years, read_table, reading, reject_rows

__all__ = ["INDICATORS", "SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="wgi",
    title="Worldwide Governance Indicators",
    publisher="World Bank",
    address="https://www.worldbank.org/en/publication/worldwide-governance-indicators",
    licence="CC BY 4.0",
    citation="Kaufmann and Kraay, Worldwide Governance Indicators, www.govindicators.org",
    cadence="yearly, September",
    lag=Lag(years=1, month=10, day=1),
    lag_rule="year t is available on 1 October of t+1",
    fills=("governance",),
    takes="the publisher's workbook wgidataset.xlsx, or CSV iso3,country,year,indicator,estimate",
    is_embedded=True,
    may_redistribute=True,
)

INDICATORS = (
    "voice_and_accountability",
    "political_stability",
    "government_effectiveness",
    "regulatory_quality",
    "rule_of_law",
    "control_of_corruption",
)
SHEETS = {
    "VoiceandAccountability": "voice_and_accountability",
    "Political StabilityNoViolence": "political_stability",
    "GovernmentEffectiveness": "government_effectiveness",
    "RegulatoryQuality": "regulatory_quality",
    "RuleofLaw": "rule_of_law",
    "ControlofCorruption": "control_of_corruption",
}
FIXED_CODES = {"ADO": "AND", "ROM": "ROU", "ZAR": "COD", "TMP": "TLS", "WBG": "PSE", "KSV": "XKX"}
# Rows of the extract that belong to codes of country groups; Taiwan and Liechtenstein have rows of their own.
LEFT_OUT = ("R20", "S19")
LONG = ("iso3", "country", "year", "indicator", "estimate")


def parse(path: Path) -> pd.DataFrame:
    """Read a payload into row (of the sheet, in a workbook), iso3, country, year, indicator, estimate.

    Raises:
        BadInput: the file is broken, or a sheet or its header is not where the publisher puts it.
    """
    if path.suffix != ".xlsx":
        raw = read_table(path, [LONG])
        for column in ("year", "estimate"):
            raw[column] = pd.to_numeric(raw[column], errors="coerce")
        return raw
    with reading(path, expected="an xlsx workbook", remedy="Download it again.", also=(ValueError, KeyError)):
        sheets = pd.read_excel(path, sheet_name=None, header=None)
    return pd.concat([_parse_sheet(sheets, sheet, path) for sheet in SHEETS], ignore_index=True)


def _parse_sheet(sheets: dict[str, pd.DataFrame], sheet: str, path: Path) -> pd.DataFrame:
    where = f"{path}, sheet {sheet}"
    if sheet not in sheets:
        raise BadInput(where=where, expected="this sheet", found=", ".join(sheets), remedy="Has the layout changed?")
    cells = sheets[sheet]
    header = cells.index[cells[0].eq("Country/Territory") & cells[1].eq("Code")]
    statistics = cells.loc[header[-1]] if len(header) else cells.iloc[0]
    estimates = [column for column in cells.columns if statistics[column] == "Estimate"]
    years = pd.to_numeric(cells.shift(1).loc[statistics.name, estimates], errors="coerce")
    if header.empty or not estimates or years.isna().any():
        raise BadInput(
            where=where,
            expected="a row Country/Territory, Code, Estimate, ... below a row of years",
            found=f"{len(header)} such rows, {len(estimates)} columns Estimate, {years.isna().sum()} without a year",
            remedy="Has the layout changed?",
        )
    body = cells.loc[header[-1] + 1 :].dropna(subset=[1])
    names = pd.DataFrame({"row": body.index + 1, "iso3": body[1], "country": body[0]})
    parts = [names.assign(year=int(years[column]), text=body[column]) for column in estimates]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["text"].notna() & rows["text"].ne("#N/A")]
    # Text that is no number stays as a missing estimate, so that it is rejected and not overlooked.
    estimate = pd.to_numeric(rows["text"], errors="coerce").astype("float64")
    return rows.drop(columns="text").assign(estimate=estimate, indicator=SHEETS[sheet])


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `governance`; territories that the catalogue lacks are left out and counted."""
    iso3 = raw["iso3"].replace(FIXED_CODES)
    known = iso3.isin(set(catalog.countries))
    left_out = iso3.isin(LEFT_OUT)
    checks = (
        ("iso3", ~iso3.astype("str").str.fullmatch("[A-Z]{3}") & ~left_out, "not a country code"),
        ("year", raw["year"].isna() | (raw["year"] > now.year), f"not a year before {now.year + 1}"),
        ("indicator", ~raw["indicator"].isin(INDICATORS), "an unknown indicator"),
        ("estimate", raw["estimate"].isna() | raw["estimate"].abs().gt(5), "not an estimate between -5 and 5"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    keep = known & ~is_bad
    rows = pd.DataFrame(
        {
            "year": raw.loc[keep, "year"].astype("int16"),
            "indicator": raw.loc[keep, "indicator"].astype("str"),
            "supplier": iso3[keep].astype("str"),
            "estimate": raw.loc[keep, "estimate"].astype("float64"),
        }
    )
    rows = rows.assign(available_at=moment_of_years(rows["year"], lag), source=SPEC.name, is_retracted=False)
    return Harvest({"governance": rows}, rejected, {"territories left out": int((~known).sum())})
