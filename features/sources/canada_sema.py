"""Global Affairs Canada: the consolidated list of autonomous sanctions (SEMA, JVCFOR) -> `sanctions`.

Payload: `sema-lmes.xml`, one `record` per entry with Country in two languages ("Russia / Russie"), EntityOrShip or
LastName and GivenName, Aliases, TitleOrShip and ShipIMONumber of ships, Schedule, Item and DateOfListing.

- The list has no numbers: an entry's id is its regulations, schedule and item. Where two entries share these, the
  name tells them apart; an entry that is put under another item becomes another one.
- A record with a number of a ship is a vessel.
- Some regulations are about a theme (corrupt officials, Hamas) and name no country.
- **Known from** the day after DateOfListing, as amendments are announced on the day on which they are made. A record
  without a day counts from when it was first seen (the day in the file's name, else the moment of reading).
- Text and aliases may have been amended since the listing; the file does not say when.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.sanction_entries import (
    LIST_SEPARATOR,
    MAX_SHRINK_FRAC,
    dated_name,
    harvest_of,
    seen_at,
    text_of,
    xml_records,
)
from features.sources.spec import Harvest, Request, SourceSpec

__all__ = ["FILES", "FOLDERS", "MAX_SHRINK_FRAC", "SPEC", "WITHDRAWS", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="canada_sema",
    title="Consolidated Canadian Autonomous Sanctions List",
    publisher="Global Affairs Canada",
    address="https://www.international.gc.ca/world-monde/international_relations-relations_internationales/sanctions/"
    "consolidated-consolide.aspx",
    licence="Open Government Licence - Canada",
    citation="Global Affairs Canada, Consolidated Canadian Autonomous Sanctions List",
    cadence="with each amendment of the regulations, several times a month",
    lag=None,
    lag_rule="an entry is available five days after its date of listing; a delisting with the release that lacks it",
    fills=("sanctions",),
    takes="sema-lmes.xml",
    endpoint="https://www.international.gc.ca/world-monde/assets/office_docs/"
    "international_relations-relations_internationales/sanctions/sema-lmes.xml",
    hosts=("www.international.gc.ca",),
    max_megabytes=50,
    stale_after_days=90,
)
FILES = ("sema*.xml",)
FOLDERS = ("canada_sema", "sema")
WITHDRAWS = True

IMPOSED_BY = "CAN"
KINDS = {"entity": "entity", "person": "person", "vessel": "vessel"}
FIELDS = ("Country", "EntityOrShip", "LastName", "GivenName", "Aliases", "ShipIMONumber", "Schedule", "Item")
# The list's words and the tags of the embedded table of programmes.
TAGS = {
    "MYANMAR": "BURMA",
    "BURMA (MYANMAR)": "BURMA",
    "MYANMAR (BURMA)": "BURMA",
    "PEOPLE'S REPUBLIC OF CHINA": "CHINA",
    "DEMOCRATIC PEOPLE'S REPUBLIC OF KOREA": "NORTH KOREA",
    "DPRK": "NORTH KOREA",
    "JUSTICE FOR VICTIMS OF CORRUPT FOREIGN OFFICIALS REGULATIONS (JVCFOR)": "JVCFOR",
}


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the whole list."""
    return [Request(endpoint, dated_name("sema-lmes", ".xml", now))]


# The list tells when an entry was made. Of our programmes' acts, ten of eighteen were published one to four days later.
KNOWN_AFTER = pd.Timedelta(days=5)


def parse(path: Path) -> pd.DataFrame:
    """Read the list as text, one row per record, with the fields under their own names.

    Raises:
        BadInput: the file is missing, damaged, cut off, or no such list.
    """
    entries = [
        {"row": number, "published": text_of(record, "DateOfListing")}
        | {name: text_of(record, name) for name in FIELDS}
        for number, record in enumerate(xml_records(path, ("record",), root="data-set"), start=1)
    ]
    if not entries:
        raise BadInput(where=str(path), expected="records", found="none", remedy="Download it again.")
    return pd.DataFrame(entries).astype(dict.fromkeys((*FIELDS, "published"), "str"))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `sanctions`, one per record."""
    is_person = raw["EntityOrShip"].eq("")
    person = (raw["GivenName"] + " " + raw["LastName"]).str.strip()
    kind = pd.Series("entity", index=raw.index).mask(raw["ShipIMONumber"].ne(""), "vessel").mask(is_person, "person")
    entries = raw.assign(
        kind=kind,
        name=raw["EntityOrShip"].mask(is_person, person),
        names=raw["Aliases"].str.replace(r"\s*[,;]\s*", LIST_SEPARATOR, regex=True),
        purpose="",
        programme=raw["Country"].map(_tag),
        listed="",
    )
    entries["entry_id"] = _ids(entries)
    return harvest_of(
        entries,
        source=SPEC.name,
        imposed_by=IMPOSED_BY,
        kinds=KINDS,
        file=file,
        now=now,
        undated_from=seen_at(file, now),
        may_be_undated=True,
        known_after=KNOWN_AFTER,
    )


def _tag(country: str) -> str:
    english = re.split(r"\s+/\s+", country)[0].strip().replace("’", "'").upper()
    return TAGS.get(english, english)


def _ids(entries: pd.DataFrame) -> pd.Series:
    place = entries["programme"] + "|" + entries["Schedule"].str.replace(" ", "") + "|" + entries["Item"]
    digest = entries["name"].map(lambda name: hashlib.sha256(name.lower().encode()).hexdigest()[:8])
    is_shared = place.duplicated(keep=False) | entries["Item"].eq("")
    return place.where(~is_shared, place + "|" + digest)
