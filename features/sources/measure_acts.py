"""From one entry of a policy database to rows of `measures`, and the account of the entries that gave none.

The rules that all of these databases share:

- **Known from**: the day after the announcement. Where only a year is known, the first day of the next year, with low
  confidence and without an announcement date: nobody can say that such an act is new this week.
- **An end is a later fact**, as in decision 0008: until the day after it, the act has none.
- **Severity** where the database has no judgement of its own: a ban 3; a quota, a tax, licensing, a processing
  requirement or sanctions 2; anything else 1; and 1 for what is only planned. An easing 1.
- **Suppliers**: the European Union stands for its members on the day of the act; each has an event id of its own.
- **Dates** are believed from 1990 on: an announcement until the day of reading, a day in force or an end until 50 years
  after it. An entry with any other is left out and counted, as its other dates are worth no more.
- Nothing is dropped silently: `Account` holds every entry that gave no row, with the reason, and its counts add up to
  the number of entries.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from features import datasets
from features.datasets import MOMENT
from features.sources.spec import REJECTED_COLUMNS, Harvest, rejections

__all__ = [
    "EARLIEST",
    "SEVERITY",
    "WRONG_DATE",
    "Account",
    "Act",
    "WrongDate",
    "farthest",
    "measure_rows",
    "read_acts",
    "read_day",
    "severity_of",
]

SEVERITY = {
    "export_ban": 3,
    "export_quota": 2,
    "export_tax": 2,
    "licensing": 2,
    "processing_requirement": 2,
    "sanctions": 2,
    "price_floor_or_quota": 1,
    "easing": 1,
    "other": 1,
}
TAKEN = "entries taken as measures"
WRONG_DATE = "date that cannot be right"
EARLIEST = dt.date(1990, 1, 1)
# Some acts end with a treaty or a plan, decades ahead.
YEARS_AHEAD = 50
_ISO_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].*)?", re.DOTALL)


class WrongDate(ValueError):
    """A date of an entry is none, or lies where it cannot be; the entry gives no row."""

    def __init__(self, field_: str, cell: str) -> None:
        super().__init__(f"{field_}: {cell!r}")
        self.field, self.cell = field_, cell


def farthest(now: dt.datetime) -> dt.date:
    """Give the last day on which an act known at `now` may take effect or end."""
    return dt.date(now.year + YEARS_AHEAD, 12, 31)


def read_day(cell: str, field_: str, *, until: dt.date) -> dt.date | None:
    """Read an ISO day, with or without a time of day; None where the cell is empty.

    Args:
        field_: what the cell is, for the account.
        until: the last day that can be right; the first is `EARLIEST`.

    Raises:
        WrongDate: it is no day, or none of those.

    Example:
        >>> read_day("2023-12-01T00:00:00", "effective", until=dt.date(2030, 1, 1))
        datetime.date(2023, 12, 1)
    """
    if not cell.strip():
        return None
    found = _ISO_DAY.fullmatch(cell.strip())
    try:
        day = dt.date.fromisoformat(found[1]) if found else None
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day <= until:
        raise WrongDate(field_, cell)
    return day


@dataclass(frozen=True, slots=True)
class Act:
    """One policy act as a database tells it; `year` where its announcement has no day."""

    event_id: str
    suppliers: tuple[str, ...]
    minerals: tuple[str, ...]
    kind: str
    title: str
    severity: int
    announced: dt.date | None = None
    year: int | None = None
    effective: dt.date | None = None
    ended: dt.date | None = None
    confidence: str = "high"
    targets: tuple[str, ...] = ()
    hs_codes: tuple[str, ...] = ()
    evidence: str = ""

    @property
    def known_on(self) -> dt.date:
        """The day from which the act counts as known."""
        if self.announced is not None:
            return self.announced + dt.timedelta(days=1)
        if self.year is None:
            raise ValueError(f"{self.event_id} has neither a day nor a year")
        return dt.date(self.year + 1, 1, 1)


@dataclass
class Account:
    """Where every entry of a payload went: a measure, or a reason why it is none."""

    file: str
    counts: Counter[str] = field(default_factory=Counter)
    told: list[tuple[int, str, str, str]] = field(default_factory=list)

    def take(self) -> None:
        """Count an entry that gave a measure."""
        self.counts[TAKEN] += 1

    def leave_out(self, row: int, field_: str, value: str, reason: str) -> None:
        """Count an entry that gave none under its reason, and list it."""
        self.counts[f"left out: {reason}"] += 1
        self.told.append((row, field_, value, reason))

    @property
    def entries(self) -> int:
        """How many entries went somewhere."""
        return sum(self.counts.values())

    def listed(self) -> pd.DataFrame:
        """Give the entries left out, in the columns of rejected rows."""
        rows = [(self.file, *told) for told in self.told]
        return pd.DataFrame(rows, columns=REJECTED_COLUMNS).astype({"row": "int64"})

    def harvest(self, measures: pd.DataFrame) -> Harvest:
        """Give what the payload gave: rows of `measures`, the counts, and the entries left out."""
        return Harvest({"measures": measures}, rejections([]), dict(self.counts), self.listed())


def read_acts(
    raw: pd.DataFrame, read: Callable[[Mapping[str, Any]], Act | None], account: Account, *, called_by: str
) -> list[Act]:
    """Read every entry of a raw table, and tell the account of those that give no act.

    Args:
        raw: a table with row and title.
        read: one entry -> its act, or None, when it told the account why; it may raise `WrongDate`.
        called_by: the column by which an entry is known to be listed twice.
    """
    acts: dict[str, Act] = {}
    for entry in raw.to_dict("records"):
        try:
            act = read(entry)
        except WrongDate as problem:
            account.leave_out(entry["row"], problem.field, problem.cell, WRONG_DATE)
            continue
        if act is None:
            continue
        if act.event_id in acts:
            account.leave_out(entry["row"], called_by, entry["title"], "listed twice")
            continue
        account.take()
        acts[act.event_id] = act
    return list(acts.values())


def severity_of(kind: str, *, is_plan: bool = False) -> int:
    """Give the severity of a kind by the rule above."""
    return 1 if is_plan else SEVERITY[kind]


def measure_rows(acts: Sequence[Act], *, source: str, now: dt.datetime) -> pd.DataFrame:
    """Give acts as rows of `measures`: one per supplier and mineral, and a second version once an act has ended.

    What can be known only after `now` gives no row.
    """
    versions = []
    for act in acts:
        known = pd.Timestamp(act.known_on, tz="UTC")
        if known > now:
            continue
        versions.append(_version(act, known, ended=None))
        if act.ended is not None:
            over = max(known, pd.Timestamp(act.ended, tz="UTC")) + pd.Timedelta(days=1)
            if over <= now:
                versions.append(_version(act, over, ended=act.ended))
    if not versions:
        return datasets.empty("measures")
    frame = pd.DataFrame(versions).explode("supplier").explode("mineral", ignore_index=True)
    several = frame["several"].astype("bool")
    frame["event_id"] = frame["event_id"].where(~several, frame["event_id"] + "-" + frame["supplier"])
    types = datasets.dataset("measures").types
    for name in (name for name, dtype in types.items() if dtype == MOMENT):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame.assign(source=source, is_retracted=False)[list(types)].astype(types)


def _version(act: Act, known: pd.Timestamp, *, ended: dt.date | None) -> dict[str, object]:
    return {
        "event_id": act.event_id,
        "several": len(act.suppliers) > 1,
        "mineral": list(act.minerals),
        "supplier": list(act.suppliers),
        "kind": act.kind,
        "direction": "easing" if act.kind == "easing" else "tightening",
        "severity": act.severity,
        "effective_at": act.effective,
        "ended_at": ended,
        "title": act.title,
        "confidence": act.confidence,
        "announced_at": act.announced,
        "targeted_importers": ";".join(act.targets),
        "hs_codes": ";".join(act.hs_codes),
        "evidence": act.evidence,
        "available_at": known,
    }
