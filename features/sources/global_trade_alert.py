"""Global Trade Alert: interventions of governments that touch minerals -> `measures`.

Payloads, all of them lists of interventions:

- JSON of a tracker (`interventions`): mineral names, implementers by name, a link, a text; its `date` is the day in
  force.
- CSV as the site exports it: no text, but products (HS6), sector and the days of announcement, force and removal.
- JSON of the interface: the same facts as the CSV, countries with their ISO codes.

Taken are interventions against exports, and import bans that fall on a supplier which the title names: those are
filed under that supplier, as sanctions are. Subsidies, tariffs and the rest are counted by their kind and listed.

- **Minerals** are those that the title names, else those of the text, else those of the products. The tracker's own
  tags come from baskets of products (rare earths are tagged lithium), so they count only where the text speaks of
  minerals or ores and names none, with low confidence.
- **Announced**: the day of the interface or the CSV; in the tracker's JSON the day with which its text begins ("On 20
  October 2023, ..."), else the day in force, with medium confidence.
- **Direction**: what the database judges harmful tightens, what it judges liberalising eases, and where it is unsure
  the title's words decide.
- Affected countries are those with trade in the product, not targets: whom an act is aimed at stands in its title.

The files at hand are extracts and no complete list of export restrictions: they add measures and widen no coverage.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import Catalog, load_catalog
from features.errors import BadInput, ConfigError, UnknownCode
from features.knowledge_time import Lag
from features.sources.global_trade_layouts import answers, from_csv, from_json
from features.sources.measure_acts import (
    EARLIEST,
    Account,
    Act,
    farthest,
    measure_rows,
    read_acts,
    read_day,
    severity_of,
)
from features.sources.measure_words import (
    act_text,
    dates_in,
    hs_codes_in,
    is_easing,
    minerals_in,
    origins_in,
    plain,
    targets_in,
)
from features.sources.spec import Harvest, Request, SourceSpec

__all__ = ["FILES", "SPEC", "follow", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="global_trade_alert",
    title="Global Trade Alert, interventions",
    publisher="St.Gallen Endowment for Prosperity through Trade",
    address="https://www.globaltradealert.org/",
    licence="Global Trade Alert terms of use; attribution",
    citation="Global Trade Alert, https://www.globaltradealert.org",
    cadence="daily; many interventions are entered months after their announcement",
    lag=None,
    lag_rule="a measure is available the day after its announcement; where only the day in force is known, after that",
    fills=("measures",),
    takes="gta-interventions.json of a tracker, the site's CSV export, or answers of the interface's data endpoint",
    endpoint="https://api.globaltradealert.org/api/v1/data/",
    hosts=("api.globaltradealert.org",),
    key_setting="ORESIGHT_GTA_KEY",
    requests_per_minute=10,
    max_megabytes=100,
    stale_after_days=90,
    seen_live=False,
)
FILES = ("gta-*.json", "gta-*.csv", "gta_*.json", "interventions*.csv")

PAGE = 1000
KINDS = {
    "Export ban": "export_ban",
    "Export quota": "export_quota",
    "Export tariff quota": "export_quota",
    "Export tax": "export_tax",
    "Export licensing requirement": "licensing",
    "Export price benchmark": "price_floor_or_quota",
    "Local supply requirement for exports": "processing_requirement",
    "Export-related non-tariff measure, nes": "other",
}
IMPORT_BAN = "Import ban"
MURKY, LIBERALISING = ("murky", "amber"), ("liberalising", "green")
ABOUT_MINERALS = re.compile(r"\b(?:minerals?|ores?|metals?)\b", re.IGNORECASE)
# The site's own names, where the catalogue has none like them.
COUNTRIES = {"DR Congo": "COD", "Turkiye": "TUR", "Ivory Coast": "CIV", "Cape Verde": "CPV", "Swaziland": "SWZ"}


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the first page of everything that touches a product of the catalogue, oldest announcement first.

    Raises:
        ConfigError: there is no key.
    """
    if not key:
        raise ConfigError(f"Global Trade Alert needs a key; set {SPEC.key_setting} (ask at {SPEC.address})")
    return [_page(endpoint, 0, {"Authorization": f"APIKey {key}"})]


def follow(request: Request, path: Path) -> list[Request]:
    """Ask for the next page, as long as a page came full.

    Raises:
        BadInput: the answer is no list, or the first page is empty: there are interventions, so it is an error.
    """
    found, offset = len(answers(path)), int((request.body or {}).get("offset", 0))
    if not found and not offset:
        raise BadInput(
            where=path.name,
            expected="interventions on the products of the catalogue",
            found="an empty list",
            remedy="The interface answers a wrong query so; try again later, or look for a new version of it.",
        )
    return [_page(request.address, offset + PAGE, request.headers)] if found >= PAGE else []


def _page(endpoint: str, offset: int, headers: Mapping[str, str]) -> Request:
    codes = sorted({int(code) for code in load_catalog().used_hs_codes()["hs_code"]})
    body = {
        "limit": PAGE,
        "offset": offset,
        "sorting": "date_announced",
        "request_data": {"affected_products": codes, "keep_affected_products": True},
    }
    return Request(endpoint, f"gta_{offset // PAGE:03d}.json", method="POST", body=body, headers=headers)


def parse(path: Path) -> pd.DataFrame:
    """Read any of the layouts as text, one row per intervention.

    Raises:
        BadInput: the file is missing, damaged, or none of the layouts.
    """
    return from_csv(path) if path.suffix == ".csv" else from_json(path)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `measures` and an account of the interventions that gave none."""
    account = Account(file)
    acts = read_acts(raw, lambda entry: _act(entry, catalog, account, now=now), account, called_by="id")
    return account.harvest(measure_rows(acts, source=SPEC.name, now=now))


def _act(entry: Mapping[str, Any], catalog: Catalog, account: Account, *, now: dt.datetime) -> Act | None:
    title, text = plain(entry["title"]), act_text(plain(entry["text"]))

    def without(field: str, reason: str) -> Act | None:
        account.leave_out(entry["row"], field, title, reason)
        return None

    if not re.fullmatch(r"[0-9]+", entry["id"]):
        return without("id", "id that is no number" if entry["id"] else "without an id")
    kind = KINDS.get(entry["type"])
    suppliers = _countries(entry["implementers"], catalog)
    targets = targets_in(title, catalog)
    if entry["type"] == IMPORT_BAN:
        kind, targets = "sanctions", suppliers
        suppliers = tuple(iso3 for iso3 in origins_in(title, catalog) if iso3 not in targets)
        if not suppliers:
            return without("title", "import ban that names no supplier")
    if kind is None:
        return without("type", f"not about exports ({entry['group'] or entry['type']})")
    if not suppliers:
        return without("implementers", "names no supplier of the catalogue")
    codes = tuple(sorted({*filter(None, entry["products"].split(";")), *hs_codes_in(text)}))
    minerals, is_sure = _minerals(entry, title, text, codes, catalog)
    if not minerals:
        return without("minerals", "its text names no mineral")
    announced, effective, is_told = _dates(entry, text, now=now)
    if announced is None:
        return without("date", "without a date")
    if announced > now.date():
        return without("effective", "to come into force, and nobody says when it was announced")
    if _is_easing(entry["evaluation"], title):
        kind = "easing"
    is_murky = entry["evaluation"].lower() in MURKY
    return Act(
        event_id=f"GTA-{entry['id']}",
        suppliers=suppliers,
        minerals=minerals,
        kind=kind,
        title=title,
        severity=severity_of(kind),
        announced=announced,
        effective=effective,
        ended=read_day(entry["removed"], "removed", until=farthest(now)),
        confidence="low" if is_murky or not is_sure else "high" if is_told else "medium",
        targets=targets,
        hs_codes=codes,
        evidence=entry["link"] if entry["link"].startswith("http") else "",
    )


def _minerals(
    entry: Mapping[str, Any], title: str, text: str, codes: tuple[str, ...], catalog: Catalog
) -> tuple[tuple[str, ...], bool]:
    """Give the minerals of an intervention, and whether they are its own words or products."""
    if found := minerals_in(title) or minerals_in(text):
        return found, True
    if of_codes := {mineral for code in codes for mineral in catalog.minerals_of_product(code[:6])}:
        return tuple(sorted(of_codes)), True
    if not ABOUT_MINERALS.search(f"{title}. {text}"):
        return (), False
    return minerals_in(entry["tags"].replace(";", ", ")), False


def _dates(entry: Mapping[str, Any], text: str, *, now: dt.datetime) -> tuple[dt.date | None, dt.date | None, bool]:
    """Give announcement, day in force, and whether the announcement is told rather than taken from the latter."""
    announced = read_day(entry["announced"], "announced", until=now.date())
    effective = read_day(entry["effective"], "effective", until=farthest(now))
    if announced is not None:
        return announced, effective, True
    for at, day in dates_in(text[:400]):
        is_near = effective is None or -3 * 366 < (day - effective).days < 366
        is_near = is_near and EARLIEST <= day <= now.date()
        if is_near and re.search(r"(?:^|[.] )On (?:the )?$", text[max(0, at - 8) : at]):
            return day, effective, True
    return effective, effective, False


def _is_easing(evaluation: str, title: str) -> bool:
    verdict = evaluation.lower()
    return verdict in LIBERALISING or (verdict in MURKY and is_easing(title))


def _countries(names: str, catalog: Catalog) -> tuple[str, ...]:
    found = set()
    for name in filter(None, names.split(";")):
        try:
            found.add(COUNTRIES.get(name) or catalog.iso3_of_name(name))
        except UnknownCode:
            continue
    return tuple(sorted(found))
