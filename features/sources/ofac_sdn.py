"""US Treasury, OFAC: the list of Specially Designated Nationals -> `sanctions`.

Payload: the legacy `sdn.csv`, plain or packed with gzip: twelve columns without a header (number, name, type,
programmes, title, call sign, vessel type, tonnage, gross tonnage, flag, owner, remarks), `-0-` for empty, a last line
with the end mark of old systems. A copy that somebody gave a header is read as well.

- Several programmes of an entry stand in one cell, `UKRAINE-EO13661] [RUSSIA-EO14024`; the country is that of the first
  programme that has one.
- A type that is empty is an entity.
- Remarks hold what else is known, `;` between: further names (a.k.a.), the organisation's type, nationality, and whom
  it is linked to. Only names and the organisation's type tell whether it is a business of metals.
- **Known from**: the list has no dates. An entry counts from when it was first seen: the day after the day in the
  file's name, as `oresight collect` names it (`sdn-2026-11-27.csv`), else the moment of reading. An older file should
  be named so before it is ingested with `--released`.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import re
from pathlib import Path

import pandas as pd

from features.archives import check_archive
from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.sanction_entries import LIST_SEPARATOR, MAX_SHRINK_FRAC, dated_name, harvest_of, seen_at
from features.sources.spec import Harvest, Request, SourceSpec, reading

__all__ = ["FILES", "FOLDERS", "MAX_SHRINK_FRAC", "SPEC", "WITHDRAWS", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="ofac_sdn",
    title="Specially Designated Nationals and Blocked Persons List",
    publisher="US Department of the Treasury, Office of Foreign Assets Control",
    address="https://sanctionslist.ofac.treas.gov/",
    licence="public domain (work of the US government)",
    citation="US Department of the Treasury, OFAC, Specially Designated Nationals and Blocked Persons List",
    cadence="several times a week",
    lag=None,
    lag_rule="an entry is available when it was first seen, as the list has no dates; a delisting with the release "
    "that lacks it",
    fills=("sanctions",),
    takes="the legacy sdn.csv, or sdn.csv.gz",
    endpoint="https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/SDN.CSV",
    # The service sends each asker on to its storage.
    hosts=(
        "sanctionslistservice.ofac.treas.gov",
        "wc2h-sls-prod-public-published.s3.us-gov-west-1.amazonaws.com",
    ),
    max_megabytes=50,
    stale_after_days=45,
)
FILES = ("sdn*.csv", "sdn*.csv.gz", "SDN*.CSV")
FOLDERS = ("ofac_sdn", "ofac")
WITHDRAWS = True

IMPOSED_BY = "USA"
COLUMNS = 12
GZIP = b"\x1f\x8b"
END_MARK = "\x1a"
KINDS = {"": "entity", "entity": "entity", "individual": "person", "vessel": "vessel", "aircraft": "aircraft"}
_TAGS = re.compile(r"[\[\];]+")
_FURTHER_NAMES = re.compile(r"\b[afn]\.k\.a\.,? '([^']+)'|\b[afn]\.k\.a\.,? \"([^\"]+)\"")
_PURPOSE = re.compile(r"\bOrganization Type:?\s*([^;]+)")


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the whole list."""
    return [Request(endpoint, dated_name("sdn", ".csv", now))]


def parse(path: Path) -> pd.DataFrame:
    """Read the list as text: row, entry_id, name, kind, programmes and remarks; `-0-` is empty.

    Raises:
        BadInput: the file is missing, damaged, cut off inside an entry, or no such list.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise _refused(path, "a payload", "nothing")
    check_archive(path)
    with reading(path, expected="a readable CSV", remedy="Download it again.", also=(csv.Error, EOFError)):
        lines = list(csv.reader(io.StringIO(_text(path), newline=""), strict=True))
    lines = [cells for cells in lines if any(cell.strip(f"{END_MARK} ") for cell in cells)]
    has_header = bool(lines) and lines[0][0].strip().lower() in ("id", "ent_num")
    lines = lines[1:] if has_header else lines
    if not lines:
        raise _refused(path, "entries", "none")
    for number, cells in enumerate(lines, start=1):
        if len(cells) != COLUMNS:
            raise _refused(f"{path}, row {number}", f"{COLUMNS} columns", f"{len(cells)}")
    table = pd.DataFrame(
        [[" ".join(cell.split()).removeprefix("-0-") for cell in cells] for cells in lines], dtype="str"
    )
    table = table.rename(columns={0: "entry_id", 1: "name", 2: "kind", 3: "programmes", 11: "remarks"})
    table["row"] = range(1, len(table) + 1)
    return table[["row", "entry_id", "name", "kind", "programmes", "remarks"]]


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `sanctions`, one per entry."""
    is_number = raw["entry_id"].str.fullmatch("[0-9]+")
    entries = raw.assign(
        entry_id=raw["entry_id"].where(is_number, ""),
        kind=raw["kind"].str.lower(),
        programme=raw["programmes"].map(_programmes),
        names=raw["remarks"].map(_further_names),
        purpose=raw["remarks"].map(lambda text: "; ".join(_PURPOSE.findall(text))),
        published="",
        listed="",
    )
    return harvest_of(
        entries,
        source=SPEC.name,
        imposed_by=IMPOSED_BY,
        kinds=KINDS,
        file=file,
        now=now,
        undated_from=seen_at(file, now),
        may_be_undated=True,
    )


def _text(path: Path) -> str:
    content = path.read_bytes()
    if content[:2] == GZIP:
        content = gzip.decompress(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Older releases are in the code page of Windows.
        return content.decode("cp1252")


def _programmes(cell: str) -> str:
    return LIST_SEPARATOR.join(dict.fromkeys(filter(None, (tag.strip() for tag in _TAGS.split(cell)))))


def _further_names(remarks: str) -> str:
    return LIST_SEPARATOR.join(single or double for single, double in _FURTHER_NAMES.findall(remarks))


def _refused(where: Path | str, expected: str, found: str) -> BadInput:
    return BadInput(
        where=str(where),
        expected=expected,
        found=found,
        remedy="Is the file cut off, or another list? Download it again.",
    )
