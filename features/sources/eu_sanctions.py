"""European Union: the consolidated list of financial sanctions -> `sanctions`.

Payload: the full list as XML 1.1 of the Financial Sanctions Database: `export` with `generationDate`, in it
`sanctionEntity` with euReferenceNumber and logicalId, `subjectType` (person, enterprise), `nameAlias` (wholeName,
strong, function), `regulation` (programme, numberTitle, publicationDate, entryIntoForceDate) and `remark`. Built from
descriptions of the format; no whole file has been seen. The address wants a token, which the Commission gives to
those who register.

- An entry's id is its reference number ("EU.27.28"), else its logical id.
- **Known from** the day after publication in the Official Journal. An entry that several regulations name counts from
  the earliest. Where the list names a later amendment only, the entry counts from that: later than true, never
  earlier. In force (`listed_at`) from the day that the same regulation gives.
- An entry without any regulation's day is rejected.
- The file says itself when it was made; that is its release.
- The name is the first strong one; names and the function of an enterprise tell whether it is of metals. Both may
  have been amended since the listing.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput, ConfigError
from features.knowledge_time import Lag
from features.sources.sanction_entries import (
    LIST_SEPARATOR,
    MAX_SHRINK_FRAC,
    generated_at,
    harvest_of,
    seen_at,
    xml_records,
    xml_root,
)
from features.sources.spec import Harvest, Request, SourceSpec

__all__ = ["FILES", "MAX_SHRINK_FRAC", "SPEC", "WITHDRAWS", "harmonise", "parse", "released", "requests"]

SPEC = SourceSpec(
    name="eu_sanctions",
    title="Consolidated list of persons, groups and entities subject to EU financial sanctions",
    publisher="European Commission, Service for Foreign Policy Instruments",
    address="https://data.europa.eu/data/datasets/"
    "consolidated-list-of-persons-groups-and-entities-subject-to-eu-financial-sanctions",
    licence="CC BY 4.0 (European Commission, reuse of documents)",
    citation="European Commission, consolidated list of persons, groups and entities subject to EU financial sanctions",
    cadence="with each act, several times a month",
    lag=None,
    lag_rule="an entry is available the day after the publication of its regulation; a delisting with the release that "
    "lacks it",
    fills=("sanctions",),
    takes="the full list as XML, version 1.1",
    endpoint="https://webgate.ec.europa.eu/fsd/fsf/public/files/xmlFullSanctionsList_1_1/content",
    hosts=("webgate.ec.europa.eu",),
    key_setting="ORESIGHT_EU_SANCTIONS_TOKEN",
    max_megabytes=200,
    stale_after_days=90,
    seen_live=False,
)
FILES = ("eu_sanctions*.xml", "*FULL*1_1*.xml", "*FullSanctionsList*.xml")
WITHDRAWS = True

IMPOSED_BY = "EUU"
ROOT = "export"
KINDS = {"person": "person", "enterprise": "entity"}


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the whole list.

    Raises:
        ConfigError: there is no token.
    """
    if not key:
        raise ConfigError(f"the list of the European Union needs a token; set {SPEC.key_setting} (see {SPEC.address})")
    return [Request(f"{endpoint}?token={quote(key, safe='')}", "eu_sanctions.xml")]


def parse(path: Path) -> pd.DataFrame:
    """Read the list as text: row, entry_id, kind, names, programme and days; `attrs` has `generated`.

    Raises:
        BadInput: the file is missing, damaged, cut off, or no such list.
    """
    entries = [_entry(record) for record in xml_records(path, ("sanctionEntity",), root=ROOT)]
    if not entries:
        raise BadInput(where=str(path), expected="entries", found="none", remedy="Download it again.")
    table = pd.DataFrame(entries).astype("str").assign(row=range(1, len(entries) + 1))
    table.attrs["generated"] = xml_root(path).get("generationDate", "")
    return table


def _entry(record: ElementTree.Element) -> dict[str, str]:
    names = [(alias.get("wholeName", ""), alias.get("strong", "")) for alias in _parts(record, "nameAlias")]
    strong = [" ".join(name.split()) for name, is_strong in names if name and is_strong != "false"]
    every = [" ".join(name.split()) for name, _ in names if name]
    functions = [alias.get("function", "") for alias in _parts(record, "nameAlias")]
    regulations = _parts(record, "regulation")
    # Days are ISO, so that the earliest is the smallest text; a regulation without a day of publication has its own.
    dated = sorted(
        (act.get("publicationDate", "") or act.get("entryIntoForceDate", ""), act.get("entryIntoForceDate", ""))
        for act in regulations
        if act.get("publicationDate") or act.get("entryIntoForceDate")
    )
    published, in_force = dated[0] if dated else ("", "")
    kind = next((part.get("code", "") for part in _parts(record, "subjectType")), "")
    logical = record.get("logicalId", "")
    return {
        "entry_id": record.get("euReferenceNumber", "") or (f"logical-{logical}" if logical else ""),
        "kind": kind.lower(),
        "name": next(iter(strong or every), ""),
        "names": LIST_SEPARATOR.join(dict.fromkeys(every)),
        "purpose": "; ".join(dict.fromkeys(filter(None, functions))),
        "programme": LIST_SEPARATOR.join(
            dict.fromkeys(filter(None, (act.get("programme", "") for act in regulations)))
        ),
        "published": published,
        "listed": in_force,
    }


def _parts(record: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    return [part for part in record if part.tag == tag]


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give when the file was made, by its own word."""
    return generated_at(raw.attrs.get("generated", ""))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `sanctions`, one per entry."""
    return harvest_of(
        raw,
        source=SPEC.name,
        imposed_by=IMPOSED_BY,
        kinds=KINDS,
        file=file,
        now=now,
        undated_from=seen_at(file, now),
    )
