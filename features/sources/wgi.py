"""Worldwide Governance Indicators: six yearly country scores -> `governance`.

Payloads: the embedded Parquet (iso3, country, year, indicator, estimate; political
stability only), and the World Bank's workbook with one sheet per indicator, whose header is
found by its content. Years before 2002 are two apart; gaps stay gaps.

Each update recomputes the whole history, so a workbook is a release. It tells the year of its update ("2023 Update", on
the sheet Introduction) and no day. Updates up to that of 2023 came by the end of September and count from 1 October;
that of 2024 came in November, so that later ones count from the end of their year: late, never early. A date given by
hand is better. After the embedded extract, which reaches to 2024, an older workbook comes out of order: it is
kept, and `oresight rebuild` reads it first.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd
import python_calamine

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import UTC, Lag
from features.sources.spec import Harvest, SourceSpec, moment_of_years, read_table, reading, reject_rows

__all__ = ["INDICATORS", "SPEC", "harmonise", "parse", "released"]

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
UNREADABLE_BOOK = (ValueError, KeyError, python_calamine.CalamineError)
TITLE_SHEET, UPDATE = "Introduction", re.compile(r"\b((?:19|20)\d{2}) Update\b", re.IGNORECASE)
# The last update that came, as all before it, in September.
LAST_IN_SEPTEMBER = 2023
FIXED_CODES = {"ADO": "AND", "ROM": "ROU", "ZAR": "COD", "TMP": "TLS", "WBG": "PSE", "KSV": "XKX"}
# Rows of the extract that belong to codes of country groups; Taiwan and Liechtenstein have rows of their own.
LEFT_OUT = ("R20", "S19")
LONG = ("iso3", "country", "year", "indicator", "estimate")


def parse(path: Path) -> pd.DataFrame:
    """Read a payload into row (of the sheet, in a workbook), iso3, country, year, indicator, estimate.

    `attrs["update"]` is the year of a workbook's update, None where it tells none.

    Raises:
        BadInput: the file is broken, or a sheet or its header is not where the publisher puts it.
    """
    if path.suffix != ".xlsx":
        raw = read_table(path, [LONG])
        for column in ("year", "estimate"):
            raw[column] = pd.to_numeric(raw[column], errors="coerce")
        return raw
    with reading(path, expected="an xlsx workbook", remedy="Download it again.", also=UNREADABLE_BOOK):
        sheets = pd.read_excel(path, sheet_name=None, header=None, engine="calamine")
    raw = pd.concat([_parse_sheet(sheets, sheet, path) for sheet in SHEETS], ignore_index=True)
    raw.attrs["update"] = _update(sheets.get(TITLE_SHEET, pd.DataFrame()))
    return raw


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give when the update that a workbook names was out for certain, None where it names none."""
    year = raw.attrs.get("update")
    if year is None:
        return None
    month = (year, 10) if year <= LAST_IN_SEPTEMBER else (year + 1, 1)
    return dt.datetime(*month, 1, tzinfo=UTC)


def _update(cells: pd.DataFrame) -> int | None:
    found = {int(told[1]) for cell in cells.to_numpy().ravel() if (told := UPDATE.search(str(cell)))}
    # Two years would be somebody's note; then nobody knows.
    return found.pop() if len(found) == 1 else None


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
