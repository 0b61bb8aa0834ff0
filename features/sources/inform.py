"""INFORM Risk Index, trends: yearly risk of humanitarian crises per country -> `geopolitics`.

Payloads: the trends as CSV (inform_risk_index_trends.csv: CountryName, Iso3, GNAYear, IndicatorId, FullName,
IndicatorScore), as the Humanitarian Data Exchange offers them, or as JSON of the publisher's interface, with the same
names. Taken are the index and its three dimensions, from 0 to 10, **more is worse**, one decimal: `inform_risk`
(INFORM), `inform_hazard` (HA, hazard and exposure), `inform_vulnerability` (VU) and `inform_coping` (CC, the
**lack** of coping capacity). The interface's other, finer indicators are left out and counted, and so are entries of
GNAYear 0, which are of no year.

**A trend file is no history.** The past years in it are recomputed with today's method and today's series, so that they
can be compared with each other; what was published in those years was another number. As everywhere, the
first file that is read counts as if it had never been revised, and for this source that is a weak
assumption: what the file says of 2015 was in this form known to nobody in 2016. Files that are collected from now on
are releases, and change the past only from their own day.

**GNAYear** names the year of the analysis. Neither file nor interface says when a year came out. The edition called t
is published in the autumn of t-1 and revised in the spring of t; the trends read in 2025 ended with 2024, so that a
GNAYear may lie one year behind its edition. Year t therefore counts from 1 January of t+1: after its publication
whichever of the two holds, up to 15 months late, and never early.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.spec import Harvest, Request, SourceSpec, moment_of_years, read_table, reading, reject_rows

__all__ = ["FILES", "INDICATORS", "SPEC", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="inform",
    title="INFORM Risk Index, trends",
    publisher="European Commission, Joint Research Centre, for the INFORM partnership",
    address="https://drmkc.jrc.ec.europa.eu/inform-index/INFORM-Risk",
    licence="CC BY 4.0",
    citation="European Commission, Joint Research Centre, INFORM Risk Index, https://drmkc.jrc.ec.europa.eu/inform-index",
    cadence="twice a year, autumn and spring",
    lag=Lag(years=1, month=1, day=1),
    lag_rule="year t is available on 1 January of t+1; a release recomputes past years, and they count anew from it",
    fills=("geopolitics",),
    takes="inform_risk_index_trends.csv, or JSON of the interface's trends",
    # WorkflowId 0 is the newest release.
    endpoint="https://drmkc.jrc.ec.europa.eu/inform-index/api/informapi/countries/trends/?WorkflowId=0",
    hosts=("drmkc.jrc.ec.europa.eu",),
    requests_per_minute=6,
    max_megabytes=50,
    stale_after_days=800,
)
FILES = ("inform*trends*.csv", "inform*trends*.json")

INDICATORS = {"INFORM": "inform_risk", "HA": "inform_hazard", "VU": "inform_vulnerability", "CC": "inform_coping"}
WANTED = ("Iso3", "GNAYear", "IndicatorId", "IndicatorScore")
COLUMNS = ("CountryName", "Iso3", "GNAYear", "IndicatorId", "FullName", "IndicatorScore")
# A file of 2025 had these, too.
LONGER = (*COLUMNS, "WorkflowId", "MethodologyId")


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the trends of the newest release."""
    return [Request(endpoint, "inform_trends.json", headers={"Accept": "application/json"})]


def parse(path: Path) -> pd.DataFrame:
    """Read a file into row (counted from 1), Iso3, GNAYear, IndicatorId and IndicatorScore, all text but the first.

    Raises:
        BadInput: the file is broken, has another header, or its entries lack one of the fields.
    """
    if path.suffix == ".csv":
        return read_table(path, [COLUMNS, LONGER])[["row", *WANTED]]
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    with reading(path, expected="readable JSON", remedy="Download it again.", also=(ValueError, RecursionError)):
        entries = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list) or not entries or not all(_has_all(entry) for entry in entries):
        raise BadInput(
            where=str(path),
            expected=f"a list of entries with {', '.join(WANTED)}",
            found="another answer, or none",
            remedy="Has the interface changed?",
        )
    records = [{name: "" if entry[name] is None else str(entry[name]) for name in WANTED} for entry in entries]
    return pd.DataFrame(records, columns=list(WANTED), dtype="str").assign(row=range(1, len(records) + 1))


def _has_all(entry: Any) -> bool:
    return isinstance(entry, dict) and set(WANTED) <= set(entry)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into yearly rows of `geopolitics`."""
    is_ours, is_dated = raw["IndicatorId"].isin(INDICATORS), raw["GNAYear"].ne("0")
    counts = {
        "values of other indicators left out": int((~is_ours).sum()),
        "values of no year left out": int((is_ours & ~is_dated).sum()),
    }
    raw = raw[is_ours & is_dated]
    year = pd.to_numeric(raw["GNAYear"].where(raw["GNAYear"].str.fullmatch(r"\d{4}")), errors="coerce")
    score = pd.to_numeric(raw["IndicatorScore"], errors="coerce").astype("float64")
    checks = (
        ("Iso3", ~raw["Iso3"].isin(list(catalog.countries)), "no country of the catalogue"),
        ("GNAYear", ~year.between(1990, now.year), f"not a year before {now.year + 1}"),
        ("IndicatorScore", ~score.between(0, 10), "not a score between 0 and 10"),
        ("GNAYear", raw.duplicated(["Iso3", "GNAYear", "IndicatorId"]), "the country has this year twice"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    good, years = raw[~is_bad], year[~is_bad].astype("int64")
    rows = pd.DataFrame(
        {
            "indicator": good["IndicatorId"].map(INDICATORS).astype("str"),
            "country": good["Iso3"].astype("str"),
            "partner": "",
            "frequency": "year",
            "starts_on": pd.to_datetime(years.astype("str"), format="%Y", utc=True).astype(MOMENT),
            "value": score[~is_bad],
            "available_at": moment_of_years(years, lag),
            "source": SPEC.name,
            "is_retracted": False,
        }
    )
    return Harvest({"geopolitics": rows.reset_index(drop=True)}, rejected, counts)
