"""United States Census Bureau: monthly imports by partner and tariff number -> `mirror_trade`.

Payload: the International Trade API's answer for general imports (imports/hs), a JSON array of arrays whose first row
is the header. A column that is both asked for and filtered by stands there twice. Value of the month and of the
year to date, quantity 1 and its unit; the year to date includes what the office corrected in earlier months.

Partner "-" is the total of all countries and a check sum; partners 00xx and nXXX are blocs and continents, never rows.
Status 204, without a body, means "nothing found": no trade where the months asked for were out, and the same
answer where they were not. Such an empty file is read by its name, which tells the months.

A CSV of chapters (HS2), one month per row, is read as well: chapters are too coarse for any mineral, so nothing of it
is stored. The figures are those of `usitc_dataweb`, by month instead of year to date, and for general imports instead
of imports for consumption. Each June the office revises earlier years; such a revision is a new version.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pandas as pd

from features.catalog import Catalog, load_catalog
from features.errors import BadInput
from features.knowledge_time import UTC
from features.sources.customs_places import by_name, outside
from features.sources.customs_rows import MASS, NOTHING, Office, harvest, raw_lines
from features.sources.spec import Harvest, Request, SourceSpec, read_table, reading
from features.sources.us_calendar import newest_month, release_of_month

__all__ = ["FILES", "FOLDERS", "SPEC", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="us_census",
    title="International Trade API: U.S. general imports by month, partner and tariff number",
    publisher="United States Census Bureau",
    address="https://www.census.gov/data/developers/data-sets/international-trade.html",
    licence="US public domain",
    citation="U.S. Census Bureau, International Trade API (timeseries/intltrade/imports/hs)",
    cadence="monthly",
    lag=None,
    lag_rule="month m is out about the 6th of m+2; counted from the 8th (14th before 2013)",
    fills=("mirror_trade",),
    takes="the API's JSON of imports/hs, or CSV time,hs2,cty_code,cty_name,con_val_mo_usd,cal_dut_mo_usd of chapters",
    may_redistribute=True,
    endpoint="https://api.census.gov/data/timeseries/intltrade/imports/hs",
    hosts=("api.census.gov",),
    key_setting="ORESIGHT_CENSUS_KEY",
    key_is_optional=True,
    requests_per_minute=20,
    stale_after_days=75,
    seen_live=False,
)
FILES = ("us_census_*.json", "us_imports_hs2_*monthly*.csv")
FOLDERS = ("us_census", "us_census_hs2")

# Without a key 500 calls a day are free; a call per heading stays far below.
FIRST_YEAR, YEARS_BACK = 2013, 4
ASKED = ("CTY_CODE", "CTY_NAME", "I_COMMODITY", "GEN_VAL_MO", "GEN_VAL_YR", "GEN_QY1_MO", "GEN_QY1_YR", "UNIT_QY1")
NEEDED = ("CTY_CODE", "CTY_NAME", "I_COMMODITY", "GEN_VAL_MO", "time")
CHAPTERS = ("time", "hs2", "cty_code", "cty_name", "con_val_mo_usd", "cal_dut_mo_usd")
EMPTY_NAME = re.compile(r"us_census_\d{4,10}_(\d{4})-(\d{2})_(\d{4})-(\d{2})\.json")
TOTALS = ("-", "TOTAL")
BLOC = re.compile(r"00\d\d|\dXXX")
CONTENT = {"CKG": ("content", 1e-3), "CGM": ("content", 1e-6), "CTN": ("content", 1.0)}
UNITS = {"KG": MASS["kg"], "T": MASS["t"], "GM": MASS["g"], "G": MASS["g"], **CONTENT}
UNITS |= dict.fromkeys(("NO", "DOZ", "LTR", "M", "M2", "M3", "CAR", "X", "-"), NOTHING)


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask, heading by heading, for all tariff numbers and partners from four years ago to the newest month out.

    Only months that were out are asked for. Headings, since a single number may have had no trade at all.
    """
    year, month = newest_month(now)
    first, last = f"{max(FIRST_YEAR, year - YEARS_BACK)}-01", f"{year}-{month:02d}"
    query = f"get={','.join(ASKED)}&COMM_LVL=HS10&SUMMARY_LVL=DET&time=from+{first}+to+{last}"
    login = f"&key={key}" if key else ""
    headings = sorted({code[:4] for code in load_catalog().used_hs_codes()["hs_code"]})
    return [
        Request(
            f"{endpoint}?{query}&I_COMMODITY={heading}*{login}",
            f"us_census_{heading}_{first}_{last}.json",
            may_be_empty=True,
        )
        for heading in headings
    ]


def parse(path: Path) -> pd.DataFrame:
    """Read a payload into `customs_rows.RAW_COLUMNS`; `row` counts the rows below the header.

    Raises:
        BadInput: missing, not such an answer, a row of another width, or empty under a name that tells no months.
    """
    if path.suffix == ".csv":
        return _chapters(read_table(path, [CHAPTERS]))
    if path.is_file() and path.stat().st_size == 0:
        return _nothing(path)
    table = _table(path)
    text = {name: table[name].astype("str").str.strip() for name in table}
    place, month = text["CTY_CODE"], text["time"].str.replace("-", "")
    kind = pd.Series("line", index=table.index).mask(place.str.fullmatch(BLOC), "bloc")
    kind = kind.mask(place.isin(TOTALS), "total")
    if "SUMMARY_LVL" in text:
        kind = kind.mask(text["SUMMARY_LVL"].eq("CGP") & kind.eq("line"), "bloc")
    common = pd.DataFrame(
        {
            "row": range(1, len(table) + 1),
            "kind": kind,
            "flow": "import",
            "last": month,
            "reporter": "USA",
            "partner": text["CTY_NAME"].mask(kind.eq("total"), ""),
            "hs_code": text["I_COMMODITY"],
            "unit": text.get("UNIT_QY1", ""),
        }
    )
    monthly = common.assign(first=month, value=text["GEN_VAL_MO"], quantity=text.get("GEN_QY1_MO", ""))
    if "GEN_VAL_YR" not in text:
        return raw_lines(monthly)
    # January to date is January itself.
    year = common.assign(first=month.str[:4] + "01", value=text["GEN_VAL_YR"], quantity=text.get("GEN_QY1_YR", ""))
    return raw_lines(pd.concat([monthly, year[month.str[4:].ne("01")]]))


def _table(path: Path) -> pd.DataFrame:
    expected = "a JSON array of arrays that begins with a header"
    remedy = "Is this an answer of the API? Else download it again."
    with reading(path, expected=expected, remedy=remedy, also=(ValueError, TypeError)):
        header, *body = json.loads(path.read_text(encoding="utf-8"))
        names = [str(name) for name in header]
    for number, row in enumerate(body, start=1):
        if not isinstance(row, list) or len(row) != len(names):
            raise BadInput(
                where=f"{path}, row {number}",
                expected=f"{len(names)} cells",
                found=repr(row)[:80],
                remedy="The answer is damaged or cut off; download it again.",
            )
    missing = [name for name in NEEDED if name not in names]
    if missing or not body:
        raise BadInput(
            where=f"{path}, header",
            expected=f"rows with the columns {', '.join(NEEDED)}",
            found=f"no {', '.join(missing) or 'rows'}",
            remedy="Ask for these columns by month.",
        )
    kept = {name: at for at, name in reversed(list(enumerate(names)))}
    return pd.DataFrame({name: [row[at] if row[at] is not None else "" for row in body] for name, at in kept.items()})


def _chapters(table: pd.DataFrame) -> pd.DataFrame:
    month = table["time"].str.replace("-", "")
    return raw_lines(
        table.assign(
            kind=table["cty_code"].isin(TOTALS).map({True: "total", False: "line"}),
            flow="import",
            first=month,
            last=month,
            reporter="USA",
            partner=table["cty_name"],
            hs_code=table["hs2"],
            value=table["con_val_mo_usd"],
        )
    )


def _nothing(path: Path) -> pd.DataFrame:
    asked = EMPTY_NAME.fullmatch(path.name)
    if asked is None:
        raise BadInput(
            where=str(path),
            expected="an answer, or an empty one whose name tells the months: us_census_CODE_YYYY-MM_YYYY-MM.json",
            found="an empty file",
            remedy="It may be a lost answer or one without trade; name it so, or download it again.",
        )
    raw = raw_lines(pd.DataFrame())
    raw.attrs["asked_to"] = (int(asked[3]), int(asked[4]))
    return raw


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`, one month or a year to date each.

    Raises:
        BadInput: the countries do not add up to the total, or an empty answer is about months not yet out.
    """
    asked_to = raw.attrs.get("asked_to")
    if asked_to is not None and release_of_month(*asked_to) > now.astimezone(UTC):
        raise BadInput(
            where=file,
            expected=f"an answer about months that were out by {now.date()}",
            found=f"no content, asked up to {asked_to[0]}-{asked_to[1]:02d}",
            remedy="That says nothing about trade; ask again when the month is out.",
        )
    office = Office(SPEC.name, by_name(catalog, SPEC.name), release_of_month, UNITS, 1.0, outside(SPEC.name))
    found = harvest(raw, catalog, office, file=file, now=now)
    return Harvest(found.tables, found.rejected, {**found.counts, "queries without trade": int(asked_to is not None)})
