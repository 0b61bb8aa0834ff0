"""United Nations Security Council: the consolidated list -> `sanctions`.

Payload: `consolidated.xml`, CONSOLIDATED_LIST with `dateGenerated`, in it INDIVIDUAL and ENTITY with FIRST_NAME to
FOURTH_NAME (an entity has the first only), UN_LIST_TYPE (the regime), REFERENCE_NUMBER ("KPe.001"), LISTED_ON, aliases
and COMMENTS1. Built from descriptions of the format; no whole file has been seen.

- An entry's id is its reference number, which the committees keep for good.
- Ships stand among the entities and are told by a number of the International Maritime Organization in the comments.
- **Known from** the day after LISTED_ON: a committee announces a listing on the day of its decision. Without a
  day an entry is rejected.
- The file says itself when it was made, at night; that is its release.
- Comments are amended without a day, so they tell nothing but whether an entity is a ship.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.sanction_entries import (
    LIST_SEPARATOR,
    MAX_SHRINK_FRAC,
    generated_at,
    harvest_of,
    seen_at,
    text_of,
    xml_records,
    xml_root,
)
from features.sources.spec import Harvest, Request, SourceSpec

__all__ = ["FILES", "MAX_SHRINK_FRAC", "SPEC", "WITHDRAWS", "harmonise", "parse", "released", "requests"]

SPEC = SourceSpec(
    name="un_sanctions",
    title="United Nations Security Council Consolidated List",
    publisher="United Nations Security Council",
    address="https://main.un.org/securitycouncil/en/content/un-sc-consolidated-list",
    licence="United Nations terms of use; attribution",
    citation="United Nations Security Council, Consolidated List",
    cadence="with each decision of a committee, several times a month",
    lag=None,
    lag_rule="an entry is available the day after its listing; a delisting with the release that lacks it",
    fills=("sanctions",),
    takes="consolidated.xml",
    endpoint="https://scsanctions.un.org/resources/xml/en/consolidated.xml",
    hosts=("scsanctions.un.org", "unsolprodfiles.blob.core.windows.net"),
    max_megabytes=50,
    stale_after_days=90,
    seen_live=False,
)
FILES = ("un_consolidated*.xml", "consolidated*.xml")
WITHDRAWS = True

IMPOSED_BY = "UNO"
ROOT = "CONSOLIDATED_LIST"
KINDS = {"INDIVIDUAL": "person", "ENTITY": "entity", "VESSEL": "vessel"}
NAMES = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_SHIP = re.compile(r"\bIMO\b[^0-9]{0,20}[0-9]{7}\b")


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the whole list."""
    return [Request(endpoint, "un_consolidated.xml")]


def parse(path: Path) -> pd.DataFrame:
    """Read the list as text: row, entry_id, kind, name, names, programme and published; `attrs` has `generated`.

    Raises:
        BadInput: the file is missing, damaged, cut off, or no such list.
    """
    entries = [_entry(record) for record in xml_records(path, ("INDIVIDUAL", "ENTITY"), root=ROOT)]
    if not entries:
        raise BadInput(where=str(path), expected="entries", found="none", remedy="Download it again.")
    table = pd.DataFrame(entries).astype("str").assign(row=range(1, len(entries) + 1))
    table.attrs["generated"] = xml_root(path).get("dateGenerated", "")
    return table


def _entry(record: ElementTree.Element) -> dict[str, str]:
    aliases = [text_of(alias, "ALIAS_NAME") for alias in record if alias.tag.endswith("_ALIAS")]
    is_ship = record.tag == "ENTITY" and _SHIP.search(text_of(record, "COMMENTS1")) is not None
    return {
        "entry_id": text_of(record, "REFERENCE_NUMBER").rstrip("."),
        "kind": "VESSEL" if is_ship else record.tag,
        "name": " ".join(filter(None, (text_of(record, name) for name in NAMES))),
        "names": LIST_SEPARATOR.join(filter(None, aliases)),
        "programme": text_of(record, "UN_LIST_TYPE").upper(),
        "published": text_of(record, "LISTED_ON"),
    }


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give when the file was made, by its own word."""
    return generated_at(raw.attrs.get("generated", ""))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `sanctions`, one per entry."""
    return harvest_of(
        raw.assign(purpose="", listed=""),
        source=SPEC.name,
        imposed_by=IMPOSED_BY,
        kinds=KINDS,
        file=file,
        now=now,
        undated_from=seen_at(file, now),
    )
