"""IEA Critical Minerals Policy Tracker: what governments put in force about minerals -> `measures`.

Payload: the tracker's CSV, one row per policy, with HTML in `description` and JSON in `countries`, `policyType` and
others. Most of it is strategies, permits and money; taken are export restrictions, import bans that fall on a named
supplier (filed under it, as sanctions), and what makes suppliers process at home. Everything else is counted by
reason and listed.

- `datePromulgated` is a day in two forms (2024-01-30, 29-12-2009), sometimes a year, mostly empty; then a day that
  the text gives for the act itself counts ("announced on 15 August 2024", of the entry's year or the one before),
  with medium confidence. Else only `year` is known: the act counts from the end of that year.
- Texts are rewritten as acts are amended, under the old date. So only their beginning dates an act, and an export ban
  that the text of a strategy or a mining law mentions gives no row: it is listed.
- `yearEnded` is a year: an act that ended in it counts as ended on its last day.
- `status` Announced is a plan: severity 1.
- A date or year before 1990 or after the day of reading (an end: more than 50 years after it) cannot be right; such an
  entry is left out.
- `dateModified` is in milliseconds. A day after it is a slip; such an entry is left out.
- Minerals are those that the title names, else those of the text.
- The tracker gives no list of products and no ids: an entry's id is made of its title, year and countries.

It is no complete list of export restrictions and claims no span: it adds measures, it does not widen what is covered.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.measure_acts import (
    EARLIEST,
    Account,
    Act,
    WrongDate,
    farthest,
    measure_rows,
    read_acts,
    severity_of,
)
from features.sources.measure_words import (
    act_text,
    dates_in,
    eu_members,
    hs_codes_in,
    is_easing,
    minerals_in,
    origins_in,
    plain,
    targets_in,
)
from features.sources.spec import Harvest, SourceSpec, read_table

__all__ = ["FILES", "SPEC", "harmonise", "parse", "released"]

SPEC = SourceSpec(
    name="iea_policies",
    title="Critical Minerals Policy Tracker",
    publisher="International Energy Agency",
    address="https://www.iea.org/data-and-statistics/data-tools/critical-minerals-policy-tracker",
    licence="IEA terms of use; CC BY 4.0 where the page says so",
    citation="International Energy Agency, Critical Minerals Policy Tracker",
    cadence="irregular, several times a year",
    lag=None,
    lag_rule="a measure is available the day after its promulgation; where only the year is known, with the next year",
    fills=("measures",),
    takes="the tracker's CSV export",
    max_megabytes=50,
)
FILES = ("IEA_CM_Policies*.csv", "iea_policies*.csv")

COLUMNS = (
    *("title", "description", "status", "year", "jurisdiction", "source", "datePromulgated", "yearEnded"),
    *("learnMore", "learnMoreLanguage", "dateModified", "countries", "states", "technologies", "tags", "policyType"),
)
BAN, CONTROLS, IMPORTS = "Export and import ban", "Export controls and restrictions", "Import controls and restrictions"
EUROPEAN_UNION = "EUR"
DAY_FORMS = ("%Y-%m-%d", "%d-%m-%Y")
# Milliseconds of 1990 and 2100.
STAMPS = (631_152_000_000, 4_102_444_800_000)
# Said in entries of other families; often added by a later edit, so that the entry's date is not the ban's.
PLAIN_BAN = re.compile(
    r"\b(?:prohibit(?:s|ed|ing)?|ban(?:s|ned|ning)?) (?:on )?(?:the )?exports? of (?:raw|unprocessed|ores?)",
    re.IGNORECASE,
)
EXPORT = re.compile(r"\bexport", re.IGNORECASE)
IMPORT_BAN = re.compile(r"\bimport", re.IGNORECASE)
# What a title, then a text says the act is; the first that fits.
KIND_WORDS = (
    (r"\bexport (?:ban|prohibition)|\bban\b|prohibit|suspen(?:d|sion)", "export_ban"),
    (r"\bquota", "export_quota"),
    (r"export (?:tax|dut|tariff|lev)|subject to export dut", "export_tax"),
    (r"beneficiation|domestic processing|value.addition", "processing_requirement"),
    (r"export (?:control|licen|permit)|licen[cs]|permit", "licensing"),
    (r"(?:benchmark|minimum|floor) price|price regulation", "price_floor_or_quota"),
)
ANNOUNCED = re.compile(r"\b(?:issued|announced|adopted|published|imposed|promulgated|presented|released)\b[^.]{0,160}$")


def parse(path: Path) -> pd.DataFrame:
    """Read the CSV as text with a `row` column; only the header is judged here."""
    return read_table(path, [COLUMNS], encoding="utf-8-sig")


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give when the newest entry was modified: the file cannot be older."""
    stamps = pd.to_numeric(raw["dateModified"], errors="coerce")
    # A stamp of another century says nothing about the file; its entry is left out.
    stamps = stamps[stamps.between(*STAMPS)]
    return None if stamps.empty else pd.Timestamp(int(stamps.max()), unit="ms", tz="UTC").to_pydatetime()


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `measures` and an account of the entries that gave none.

    Raises:
        BadInput: a cell that holds JSON is broken.
    """
    account = Account(file)
    acts = read_acts(raw, lambda entry: _act(entry, catalog, account, now=now), account, called_by="title")
    return account.harvest(measure_rows(acts, source=SPEC.name, now=now))


def _act(entry: Mapping[str, Any], catalog: Catalog, account: Account, *, now: dt.datetime) -> Act | None:
    title = plain(entry["title"])

    def without(field: str, reason: str) -> Act | None:
        account.leave_out(entry["row"], field, title, reason)
        return None

    text = f"{title}. {act_text(plain(entry['description']))}"
    trade = {item["name"] for item in _json(entry, "policyType", account) if item.get("family") == "Trade"}
    kind, reason = _kind(title, text, trade)
    if kind is None:
        return without("policyType", reason)
    minerals = minerals_in(title) or minerals_in(text)
    if not minerals:
        return without("description", "names no mineral of the catalogue")
    announced, year, confidence = _announced(entry, text, until=now.date())
    if announced is None and year is None:
        return without("year", "without a year")
    modified = _modified(entry)
    if announced is not None and modified is not None and announced > modified:
        return without("datePromulgated", "dated after its own modification")
    suppliers = _suppliers(entry, account, catalog, on=announced or dt.date(year or 0, 12, 31))
    targets = targets_in(title, catalog)
    if kind == "sanctions":
        suppliers, targets = origins_in(text[:1200], catalog), suppliers
        suppliers = tuple(iso3 for iso3 in suppliers if iso3 not in targets)
    if not suppliers:
        return without("countries", "names no supplier")
    is_plan = entry["status"] == "Announced"
    return Act(
        event_id=_id(entry),
        suppliers=suppliers,
        minerals=minerals,
        kind=kind,
        title=title,
        severity=severity_of(kind, is_plan=is_plan),
        announced=announced,
        year=year,
        effective=None if is_plan else _effective(text, announced, until=farthest(now)),
        ended=_ended(entry, until=farthest(now)),
        confidence=confidence,
        targets=targets,
        hs_codes=hs_codes_in(text),
        evidence=entry["learnMore"] if entry["learnMore"].startswith("http") else "",
    )


def _kind(title: str, text: str, trade: set[str]) -> tuple[str | None, str]:
    """Give the kind of measure, or None and why the entry is none."""
    if not trade:
        speaks = PLAIN_BAN.search(text) is not None
        return None, "not a trade policy, but its text speaks of an export ban" if speaks else "not a trade policy"
    if trade == {"Foreign direct investment (FDI)"}:
        return None, "about foreign investment"
    if re.search(r"\bwastes?\b", title, re.IGNORECASE):
        return None, "about waste"
    about = title if EXPORT.search(title) or IMPORT_BAN.search(title) else text[:600]
    if not EXPORT.search(text):
        is_ban = trade & {BAN, IMPORTS} and re.search(r"prohibit|\bban", text, re.IGNORECASE)
        return ("sanctions", "") if is_ban else (None, "about imports or the home market")
    if BAN in trade and not EXPORT.search(about) and IMPORT_BAN.search(text[:1200]):
        return "sanctions", ""
    if not trade & {BAN, CONTROLS} and not EXPORT.search(about):
        return None, "about imports or the home market"
    if is_easing(title):
        return "easing", ""
    if BAN in trade and CONTROLS not in trade:
        return "export_ban", ""
    for part in (title, text[:600]):
        for words, kind in KIND_WORDS:
            if re.search(words, part, re.IGNORECASE):
                return kind, ""
    return "other", ""


def _json(entry: Mapping[str, Any], column: str, account: Account) -> list[dict[str, Any]]:
    try:
        found = json.loads(entry[column] or "[]")
    except json.JSONDecodeError as problem:
        raise BadInput(
            where=f"{account.file}, row {entry['row']}, field {column}",
            expected="a list in JSON",
            found=str(problem),
            remedy="Is the file cut off? Download it again.",
        ) from None
    return [item for item in found if isinstance(item, dict)]


def _suppliers(entry: Mapping[str, Any], account: Account, catalog: Catalog, *, on: dt.date) -> tuple[str, ...]:
    found: set[str] = set()
    for country in _json(entry, "countries", account):
        iso3 = country.get("iso3", "")
        found |= set(eu_members(on, catalog)) if iso3 == EUROPEAN_UNION else {iso3} & set(catalog.countries)
    return tuple(sorted(found))


def _announced(entry: Mapping[str, Any], text: str, *, until: dt.date) -> tuple[dt.date | None, int | None, str]:
    """Give the day (or None), the year where there is no day, and how sure that is."""
    told = entry["datePromulgated"].strip()
    for form in DAY_FORMS:
        try:
            day = dt.datetime.strptime(told, form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
        if not EARLIEST <= day <= until:
            raise WrongDate("datePromulgated", told)
        return day, None, "high"
    field = "datePromulgated" if told else "year"
    if not entry[field].strip():
        return None, None, "low"
    year = _year(entry, field, until=until.year)
    for at, day in dates_in(text):
        if not EARLIEST <= day <= until:
            continue
        begins_sentence = re.search(r"(?:^|[.:] )On $", text[max(0, at - 5) : at])
        if day.year in (year, year - 1) and (begins_sentence or ANNOUNCED.search(text[max(0, at - 200) : at])):
            return day, None, "medium"
    return None, year, "low"


def _effective(text: str, announced: dt.date | None, *, until: dt.date) -> dt.date | None:
    # Only near the beginning: what stands further down was often added when the act was amended.
    for at, day in dates_in(text[:500]):
        before = text[max(0, at - 40) : at].lower()
        if re.search(r"(?:effective|from|starting|as of|force|effect)(?: from| on| as of| since)* $", before):
            near = announced is None or abs((day - announced).days) < 1100
            return day if near and EARLIEST <= day <= until else None
    return None


def _ended(entry: Mapping[str, Any], *, until: dt.date) -> dt.date | None:
    return dt.date(_year(entry, "yearEnded", until=until.year), 12, 31) if entry["yearEnded"].strip() else None


def _year(entry: Mapping[str, Any], field: str, *, until: int) -> int:
    cell = entry[field].strip()
    if not re.fullmatch(r"[0-9]{4}", cell) or not EARLIEST.year <= int(cell) <= until:
        raise WrongDate(field, cell)
    return int(cell)


def _modified(entry: Mapping[str, Any]) -> dt.date | None:
    stamp = entry["dateModified"].strip()
    if not stamp:
        return None
    if not re.fullmatch(r"[0-9]{1,16}", stamp) or not STAMPS[0] <= int(stamp) <= STAMPS[1]:
        raise WrongDate("dateModified", stamp)
    return dt.datetime.fromtimestamp(int(stamp) / 1000, tz=dt.UTC).date()


def _id(entry: Mapping[str, Any]) -> str:
    told = "|".join((entry["title"].strip(), entry["year"], entry["countries"]))
    return f"IEA-{hashlib.sha256(told.encode()).hexdigest()[:10]}"
