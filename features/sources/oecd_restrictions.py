"""OECD Inventory of Export Restrictions on Industrial Raw Materials -> `measures`.

Payload: SDMX-CSV of the OECD Data Explorer, with codes or with codes and labels: STRUCTURE columns, REF_AREA (ISO3),
a product column (six-digit HS 2007), a measure column, TIME_PERIOD (a year), OBS_VALUE, and attributes. One row says
that a country had a measure of one type on one product in one year. Built from the documentation (the SDMX-CSV layout
and the inventory's methodological note of December 2020): no answer has been seen, so the columns are found by
several names, and a header or a type of measure that is unknown is refused with what was expected.

- The rows of consecutive years of one country, type and product are one spell. Spells of one country, type and
  mineral that begin in one year and were introduced on one day are one act, whose `hs_codes` are its products: the
  OECD counts those. Those without a day are one more.
- **Known from**: the day of introduction where an attribute gives it, else the end of the first year, with low
  confidence. What stands in the first year of the whole file may be much older, so it has no announcement date.
- A year before 1990 or after that of reading, and a day of introduction that is none, lies before 1900 or to come,
  cannot be right: such an observation is left out and counted. An act that is truly older than 1990 has its years only.
- **Ended** with the last year of its longest spell, if the file goes on after that.
- A product that several minerals share gives a row for each; one that the catalogue does not follow (wood, steel,
  scrap of others) is counted and listed.

The inventory claims completeness for its countries and products by year, but the weeks of our targets need days: it
widens no coverage.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.measure_acts import EARLIEST, WRONG_DATE, Account, Act, WrongDate, measure_rows, severity_of
from features.sources.spec import Harvest, Request, SourceSpec, reading

__all__ = ["FILES", "MEASURE_TYPES", "SPEC", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="oecd_restrictions",
    title="Inventory of Export Restrictions on Industrial Raw Materials",
    publisher="OECD, Trade and Agriculture Directorate",
    address="https://www.oecd.org/en/topics/export-restrictions-on-critical-raw-materials.html",
    licence="OECD terms and conditions; CC BY 4.0 for data since July 2024",
    citation="OECD, Inventory of Export Restrictions on Industrial Raw Materials",
    cadence="yearly, about eighteen months after the last year covered",
    lag=None,
    lag_rule="a measure is available the day after its introduction; where only the year is known, with the next year",
    fills=("measures",),
    takes="SDMX-CSV of the OECD Data Explorer, with or without labels",
    # The flow's identifier stands in no documentation at hand; the setting `endpoints` takes the data query.
    endpoint="",
    hosts=("sdmx.oecd.org",),
    requests_per_minute=10,
    max_megabytes=400,
    stale_after_days=800,
    seen_live=False,
)
FILES = ("oecd_restrictions*.csv", "OECD*EXPORT*RESTR*.csv")

# By role, the names a column may have, in capitals and without blanks.
COLUMNS = {
    "supplier": ("REF_AREA", "REPORTER", "COUNTRY"),
    "product": ("PRODUCT", "COMMODITY", "HS", "HS2007", "HS_CODE", "HS_PRODUCT", "PRODUCT_CODE"),
    "measure": ("MEASURE", "MEASURE_TYPE", "RESTRICTION", "RESTRICTION_TYPE", "TYPE_MEASURE"),
    "year": ("TIME_PERIOD", "YEAR"),
}
OPTIONAL = {
    "value": ("OBS_VALUE",),
    "introduced": ("INTRODUCTION_DATE", "DATE_INTRODUCED", "START_DATE", "INTRODUCED"),
    "targets": ("TARGET_COUNTRY", "PARTNER", "COUNTERPART_AREA"),
    "evidence": ("SOURCE_LINK", "LEGAL_SOURCE", "URL"),
}
# The inventory's types in its own words, in small letters; codes shorten them.
MEASURE_TYPES = {
    "export prohibition": "export_ban",
    "export ban": "export_ban",
    "export quota": "export_quota",
    "export tax": "export_tax",
    "export surtax": "export_tax",
    "fiscal tax on exports": "export_tax",
    "fiscal tax": "export_tax",
    "export duty": "export_tax",
    "licensing requirement": "licensing",
    "licencing requirement": "licensing",
    "non-automatic licensing": "licensing",
    "non-automatic export licensing": "licensing",
    "minimum export price": "price_floor_or_quota",
    "minimum export price/price reference for exports": "price_floor_or_quota",
    "vat tax rebate reduction/withdrawal": "export_tax",
    "vat rebate reduction or withdrawal": "export_tax",
    "vat tax rebate reduction or withdrawal": "export_tax",
    "domestic market obligation": "other",
    "captive mining": "other",
    "dual pricing scheme": "other",
    "restriction on customs clearance point for exports": "other",
    "qualified exporters list": "other",
    "other export measures": "other",
    "other measures": "other",
    "other": "other",
}
MEASURE_CODES = {
    **dict.fromkeys(("EP", "PROH"), "export_ban"),
    **dict.fromkeys(("EQ", "QUO"), "export_quota"),
    **dict.fromkeys(("ET", "TAX", "FTE", "VAT"), "export_tax"),
    **dict.fromkeys(("LR", "LIC"), "licensing"),
    **dict.fromkeys(("DMO", "CM", "OTH", "QEL", "RCC"), "other"),
    "MEP": "price_floor_or_quota",
}
# Laws of that age are still in force; nothing older is meant.
OLDEST = dt.date(1900, 1, 1)
NO_RESTRICTION = ("no restriction", "no restrictions", "not researched", "none")


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the whole inventory as SDMX-CSV with labels."""
    joint = "&" if "?" in endpoint else "?"
    query = "startPeriod=2009&dimensionAtObservation=AllDimensions&format=csvfilewithlabels"
    return [Request(f"{endpoint}{joint}{query}", "oecd_restrictions.csv")]


def parse(path: Path) -> pd.DataFrame:
    """Read SDMX-CSV as text: row, supplier, product, measure (label where there is one), year and the attributes.

    Raises:
        BadInput: the file is damaged, or a column it needs is missing.
    """
    with reading(path, expected="a readable CSV", remedy="Download it again.", also=(ValueError,)):
        table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    # Codes stand before their labels, which may differ from them in case only.
    names = {column.upper().replace(" ", "_"): column for column in reversed(table.columns)}
    found = {role: _column(names, wanted) for role, wanted in (COLUMNS | OPTIONAL).items()}
    if missing := [role for role in COLUMNS if found[role] is None]:
        raise BadInput(
            where=f"{path}, header",
            expected="; ".join(f"{role} as {' or '.join(COLUMNS[role])}" for role in missing),
            found=", ".join(table.columns)[:300],
            remedy="Is it the inventory as SDMX-CSV? If so, its layout has changed.",
        )
    raw = pd.DataFrame({role: table[column] if column else "" for role, column in found.items()}, index=table.index)
    if (label := _label_of(table, found["measure"])) is not None:
        raw["measure"] = table[label].where(table[label].ne(""), raw["measure"])
    return raw.assign(row=range(1, len(raw) + 1)).reset_index(drop=True)


def _column(names: Mapping[str, str], wanted: tuple[str, ...]) -> str | None:
    return next((names[name] for name in wanted if name in names), None)


def _label_of(table: pd.DataFrame, column: str | None) -> str | None:
    # With labels, each column of codes is followed by one of names with the same word in ordinary letters.
    if column is None:
        return None
    following = list(table.columns)[list(table.columns).index(column) + 1 :][:1]
    return next((name for name in following if name != name.upper()), None)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn observations into spells, spells into acts, and account for every observation.

    Raises:
        BadInput: a type of measure or a year is unknown.
    """
    account = Account(file)
    lines = pd.DataFrame(_lines(raw, catalog, account, until=now.date()))
    acts = [] if lines.empty else list(_acts(lines, first=int(lines["year"].min()), last=int(lines["year"].max())))
    return account.harvest(measure_rows(acts, source=SPEC.name, now=now))


def _lines(raw: pd.DataFrame, catalog: Catalog, account: Account, *, until: dt.date) -> Iterator[dict[str, Any]]:
    for entry in raw.to_dict("records"):
        told = f"{entry['supplier']} {entry['product']} {entry['measure']} {entry['year']}"
        if entry["measure"].strip().lower() in NO_RESTRICTION or entry["value"] in ("0", "0.0"):
            account.leave_out(entry["row"], "measure", told, "no restriction in that year")
            continue
        code = re.sub(r"\D", "", entry["product"])[:6]
        minerals = catalog.minerals_of_product(code) if len(code) == 6 else ()
        if not minerals:
            account.leave_out(entry["row"], "product", told, "no mineral of the catalogue")
        elif entry["supplier"] not in catalog.countries:
            account.leave_out(entry["row"], "supplier", told, "no country of the catalogue")
        else:
            kind = _kind(entry, account)
            try:
                year, introduced = (
                    _year(entry, account, until=until.year),
                    _introduced(entry["introduced"], until=until),
                )
            except WrongDate as problem:
                account.leave_out(entry["row"], problem.field, problem.cell, WRONG_DATE)
                continue
            account.take()
            for mineral in minerals:
                yield {
                    **entry,
                    "code": code,
                    "mineral": mineral,
                    "kind": kind,
                    "year": year,
                    "introduced": introduced,
                }


def _kind(entry: Mapping[str, Any], account: Account) -> str:
    words = " ".join(entry["measure"].split())
    if kind := MEASURE_TYPES.get(words.lower()) or MEASURE_CODES.get(words.upper()):
        return kind
    raise BadInput(
        where=f"{account.file}, row {entry['row']}, field measure",
        expected=f"a type of the inventory: {', '.join(MEASURE_TYPES)}",
        found=repr(entry["measure"]),
        remedy="Add the new type to MEASURE_TYPES in features/sources/oecd_restrictions.py.",
    )


def _year(entry: Mapping[str, Any], account: Account, *, until: int) -> int:
    if re.fullmatch(r"[0-9]{4}", entry["year"]):
        if not EARLIEST.year <= int(entry["year"]) <= until:
            raise WrongDate("year", entry["year"])
        return int(entry["year"])
    raise BadInput(
        where=f"{account.file}, row {entry['row']}, field year",
        expected="a year",
        found=repr(entry["year"]),
        remedy="Is it the inventory as SDMX-CSV?",
    )


def _acts(lines: pd.DataFrame, *, first: int, last: int) -> Iterator[Act]:
    spell = ["supplier", "measure", "mineral", "code"]
    lines = lines.sort_values([*spell, "year"]).drop_duplicates([*spell, "year"])
    begins = lines.groupby(spell)["year"].diff().ne(1)
    lines = lines.assign(spell=begins.cumsum())
    spells = lines.groupby("spell").agg(
        **{name: (name, "first") for name in [*spell, "kind", "introduced", "targets", "evidence"]},
        start=("year", "min"),
        stop=("year", "max"),
    )
    days = [_day(cell) for cell in spells["introduced"]]
    # A day outside the first year is that of an older act that the inventory found still in force.
    dates = [
        day.isoformat() if day is not None and (day.year == start or start == first) else ""
        for day, start in zip(days, spells["start"], strict=True)
    ]
    spells = spells.assign(date=dates, day=[day.isoformat() if day else "" for day in days])
    for key, part in spells.groupby(["supplier", "measure", "mineral", "start", "date"], sort=True):
        supplier, measure, mineral, start, date = key
        kind, told = part["kind"].iloc[0], part["day"].unique()
        yield Act(
            event_id=f"OECD-{supplier}-{_slug(measure)}-{date or start}",
            suppliers=(supplier,),
            minerals=(mineral,),
            kind=kind,
            title=f"{measure} on {mineral.replace('_', ' ')}, {len(part)} product(s)",
            severity=severity_of(kind),
            announced=_day(date),
            year=None if date else int(start),
            effective=_day(told[0]) if len(told) == 1 else None,
            ended=dt.date(int(part["stop"].max()), 12, 31) if part["stop"].max() < last else None,
            confidence="high" if date else "low",
            targets=tuple(sorted(set(re.findall(r"\b[A-Z]{3}\b", ";".join(part["targets"]))) - {"WLD", "ALL"})),
            hs_codes=tuple(sorted(set(part["code"]))),
            evidence=next((link for link in part["evidence"] if link.startswith("http")), ""),
        )


def _introduced(cell: str, *, until: dt.date) -> str:
    """Give a day of introduction as ISO text, "" where only a year or nothing is told, or the day is before 1990.

    Raises:
        WrongDate: it is neither a day nor a year, or lies before 1900 or after `until`.
    """
    told = cell.strip()
    if not told:
        return ""
    found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?(?:T.*)?", told)
    try:
        day = dt.date(int(found[1]), int(found[2] or 1), int(found[3] or 1)) if found else None
    except ValueError:
        day = None
    if found is None or day is None or not OLDEST <= day <= until:
        raise WrongDate("introduced", told)
    return day.isoformat() if found[3] and day >= EARLIEST else ""


def _day(cell: str) -> dt.date | None:
    return dt.date.fromisoformat(cell) if cell else None


def _slug(measure: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", measure.lower()))
