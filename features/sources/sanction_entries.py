"""From entries of a list of sanctions to rows of `sanctions`; the rules that all of these lists share.

- **Known from** the day after the entry was published, at the latest from the moment of reading: who holds the file
  knows it. An undated entry counts from when it was first seen: the day after that in the file's name (`seen_at`).
- **Withdrawn**: what a list no longer holds is delisted from that release on; a list that shrinks at once by more than
  a tenth is refused (`WITHDRAWS` and `MAX_SHRINK_FRAC` of each module).
- **Country** is that of the entry's programmes, in the order of the entry; the first one counts and the others
  are counted. Programmes about a theme (terrorism, drugs) have none. Nationality is no target.
- **Metals** are told by the entry's own words, for entities only; `features/sources/sanction_metals.py` has the rules.
- A programme that the embedded table lacks gives no country and is counted by its name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from features import datasets
from features.archives import check_xml
from features.catalog.sanctions import load_programmes
from features.datasets import MOMENT
from features.errors import BadInput
from features.sources.sanction_metals import metals_of
from features.sources.spec import Harvest, reading, reject_rows

__all__ = [
    "MAX_SHRINK_FRAC",
    "dated_name",
    "days_of",
    "generated_at",
    "harvest_of",
    "seen_at",
    "text_of",
    "xml_records",
    "xml_root",
]

# A list grows or changes slowly; one that loses a tenth at once was cut off.
MAX_SHRINK_FRAC = 0.1
A_DAY = pd.Timedelta(days=1)
LIST_SEPARATOR = "\n"
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:$|[T+Z-].*)", re.DOTALL)
_DAY_IN_NAME = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
MAX_XML_MEGABYTES = 400


def dated_name(stem: str, suffix: str, now: dt.datetime) -> str:
    """Name a download by its day, such as `sdn-2026-11-27.csv`.

    A download that begins shortly before midnight ends after it, so that its last hour belongs to the next day.
    """
    return f"{stem}-{(now + dt.timedelta(hours=1)).date()}{suffix}"


def seen_at(file: str, now: dt.datetime) -> pd.Timestamp:
    """Give from when the undated entries of a file count.

    Args:
        file: its name; if there is a day in it, the latest of several, they count from the day after.
        now: the moment of reading, which is the latest answer and that for a name without a day.
    """
    moment = pd.Timestamp(now).as_unit("us")
    days = pd.to_datetime(
        pd.Series(_DAY_IN_NAME.findall(file), dtype="str"), format="%Y-%m-%d", errors="coerce", utc=True
    )
    if days.isna().all():
        return moment
    return min(moment, (days.max() + A_DAY).as_unit("us"))


def days_of(cells: pd.Series) -> pd.Series:
    """Read ISO days, with or without a time or zone behind, as moments; what is none is missing."""
    days = cells.str.strip().str.extract(_DAY, expand=False)
    return pd.to_datetime(days, format="%Y-%m-%d", errors="coerce", utc=True).astype(MOMENT)


def generated_at(told: str) -> dt.datetime | None:
    """Read when a file says that it was made; None if it says nothing that is a moment."""
    moment = pd.to_datetime(told or None, errors="coerce", utc=True, format="ISO8601")
    return None if pd.isna(moment) else moment.floor("us").to_pydatetime()


def xml_root(path: Path) -> dict[str, str]:
    """Give the attributes of the first element of an XML file that was read before."""
    _, element = next(iter(ElementTree.iterparse(path, events=("start",))))
    return dict(element.attrib)


def xml_records(path: Path, tags: Sequence[str], *, root: str) -> Iterator[ElementTree.Element]:
    """Read a large XML file one record at a time, with no entities and no names of spaces.

    Args:
        tags: what a record is called.
        root: what the whole must be called.

    Raises:
        BadInput: the file is missing, empty, too large, cut off, declares entities, or is another document.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise _refused(path, "a payload", "nothing")
    if path.stat().st_size > MAX_XML_MEGABYTES * 1e6:
        raise _refused(path, f"at most {MAX_XML_MEGABYTES} MB", f"{path.stat().st_size / 1e6:.0f} MB")
    check_xml(path)
    remedy = "The file is damaged or cut off; download it again."
    with reading(path, expected="whole XML", remedy=remedy, also=(ElementTree.ParseError, ValueError)):
        top: ElementTree.Element | None = None
        for happening, element in ElementTree.iterparse(path, events=("start", "end")):
            element.tag = element.tag.rpartition("}")[2]
            if top is None:
                top = element
                if element.tag != root:
                    raise _refused(path, f"a document <{root}>", f"<{element.tag}>")
            elif happening == "end" and element.tag in tags:
                yield element
                # Else all of them stay in memory.
                element.clear()


def text_of(element: ElementTree.Element, path: str) -> str:
    """Give the text of one part of a record with single blanks, empty if there is none."""
    return " ".join((element.findtext(path) or "").split())


def harvest_of(
    raw: pd.DataFrame,
    *,
    source: str,
    imposed_by: str,
    kinds: dict[str, str],
    file: str,
    now: dt.datetime,
    undated_from: pd.Timestamp,
    may_be_undated: bool = False,
    known_after: pd.Timedelta = A_DAY,
    counts: dict[str, int] | None = None,
) -> Harvest:
    """Turn entries into rows of `sanctions`.

    Args:
        raw: one row per entry with row, entry_id, kind, name, names and programme (several by line), purpose,
            published (the day on which it was made public) and listed (from when it is in force), as text.
        kinds: the list's kinds and ours.
        undated_from: when undated entries count from.
        may_be_undated: whether an entry may be without a day.
        known_after: how long after the day that it has an entry was public at the latest.
        counts: what was counted before.

    Returns:
        The rows, the rejected entries, and counts of what is not in the rows.
    """
    published, listed = days_of(raw["published"]), days_of(raw["listed"])
    is_empty = raw["published"].str.strip().eq("")
    raw = raw.assign(day=raw["published"])
    checks = (
        ("entry_id", raw["entry_id"].eq(""), "empty"),
        ("entry_id", raw["entry_id"].duplicated(), "used twice"),
        ("name", raw["name"].eq(""), "empty"),
        ("kind", ~raw["kind"].isin(set(kinds)), "an unknown kind"),
        ("day", is_empty & (not may_be_undated), "without a day"),
        ("day", published.isna() & ~is_empty, "not a day"),
        ("day", published.lt(pd.Timestamp("1940-01-01", tz="UTC")), "a day before 1940"),
        ("day", published > pd.Timestamp(now), f"a day after {now.date()}"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    entries = raw.assign(published=published, listed_at=listed.fillna(published))[~is_bad]
    known = (entries["published"] + known_after).clip(upper=pd.Timestamp(now)).fillna(undated_from)
    found, told = _countries(entries["programme"], imposed_by)
    kind = entries["kind"].map(kinds)
    metals = [
        metals_of([name, *names.split(LIST_SEPARATOR)], purpose) if each == "entity" else (False, "")
        for each, name, names, purpose in zip(kind, entries["name"], entries["names"], entries["purpose"], strict=True)
    ]
    rows = entries.assign(
        imposed_by=imposed_by,
        country=found,
        kind=kind,
        programme=entries["programme"].str.replace(LIST_SEPARATOR, ";"),
        is_metals=[is_metals for is_metals, _ in metals],
        minerals=[minerals for _, minerals in metals],
        available_at=known.astype(MOMENT),
        source=source,
        is_retracted=False,
    )
    spec = datasets.dataset("sanctions")
    rows = rows[spec.columns].astype(spec.types).reset_index(drop=True)
    told["entries without a country of their own"] = int(rows["country"].eq("").sum())
    told["undated entries, counted from when they were first seen"] = int(rows["listed_at"].isna().sum())
    told = (counts or {}) | {what: number for what, number in told.items() if number}
    return Harvest({"sanctions": rows}, rejected, told)


def _countries(programmes: pd.Series, imposed_by: str) -> tuple[list[str], dict[str, int]]:
    """Give the country of each entry, and counts of unknown programmes and of entries about several countries."""
    known = load_programmes()
    unknown: Counter[str] = Counter()
    found, several = [], 0
    for cell in programmes:
        countries: dict[str, None] = {}
        for tag in filter(None, cell.split(LIST_SEPARATOR)):
            programme = known.get((imposed_by, tag.upper()))
            if programme is None:
                unknown[tag] += 1
            elif programme.country:
                countries[programme.country] = None
        several += len(countries) > 1
        found.append(next(iter(countries), ""))
    told = {f"unknown programme {tag}": number for tag, number in sorted(unknown.items())}
    return found, told | {"entries about several countries, of which the first counts": several}


def _refused(path: Path, expected: str, found: str) -> BadInput:
    return BadInput(where=str(path), expected=expected, found=found, remedy="Download it again, or check the source.")
