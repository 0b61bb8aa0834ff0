"""Elections of REIGN (One Earth Future), as they were known ahead -> `political_events` of kind `election`.

Payload: `electionlist_M_YY.csv`, one row per step of an election, by state code of the Correlates of War: announced,
held as scheduled or early, delayed, voided, its deadline met or not, still to come. The steps of one election share
`elecnum`. Each election becomes versions of one event, and what the list knows afterwards never tells on what was known
before:

- **Announced**: from the end of the day of the announcement, for the day the list gives next.
- **By the calendar**: a regular election without an announcement counts as known 365 days ahead, for the day on which
  it was due. That is an assumption. It holds as well for elections that were then voided or missed, so a date in the
  calendar does not say that the election took place. A deadline is a date of the calendar too: where an early
  election was announced before it, the announcement moves the date.
- **In place of one that was put off** (of its kind, the one due before it), without an announcement: from the end of
  the day of the delay, or 365 days ahead, whichever is later. If that one was not put off but voided, missed or lost
  with its regime, there is no calendar any more: from the end of its own day.
- **Run-offs** without an announcement: from the end of the latest vote of the state in the 180 days before.
- **Irregular and unannounced**: from the end of its own day; if it was still to come, from the release of the list.
- **Off**: a delay, a failure of the regime or an annulment withdraws the event from the end of its day; a date that
  passed without a vote, from the end of that date. A new date is a new election in the list, announced by itself.

A month without a day is its last day. The list was last released in August 2021 and the one at hand is of March: what
came after is missing, not zero, which `coverage` (`elections_reign`) says. What is to come in it (until 2027) is what
was known in March 2021. `available_at` of anything in the list is at most its release.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import Lag
from features.sources.political_rows import A_DAY, FIXED, countries, coverage_rows, days, event_rows
from features.sources.reign_lists import released, with_listed_at
from features.sources.spec import REJECTED_COLUMNS, Harvest, SourceSpec, read_table, reject_rows

__all__ = ["FILES", "FOLDERS", "SPEC", "harmonise", "parse", "released"]

SPEC = SourceSpec(
    name="reign_elections",
    title="REIGN, elections and referendums",
    publisher="One Earth Future Foundation",
    address="https://oefdatascience.github.io/REIGN.github.io/menu/reign_current.html",
    licence="free with citation",
    citation="Bell (2016), The Rulers, Elections, and Irregular Governance Dataset (REIGN), OEF Research",
    cadence="ended in August 2021",
    lag=None,
    lag_rule="an election is available when the day of its announcement is over, a regular one without an announcement "
    "365 days ahead, any other when its own day is over; nothing later than the list's release",
    fills=("political_events", "coverage"),
    takes="electionlist_M_YY.csv",
    stale_after_days=36_500,
)
FILES = ("electionlist_*.csv",)
FOLDERS = ("reign_elections", "reign")

COLUMNS = (
    "ccode",
    "electionnumber",
    "country",
    "elec_year",
    "elec_month",
    "elec_day",
    "sequence",
    "event",
    "elecnum",
    "type",
    "direct",
    "regular",
    "victory",
    "change",
    "runoff",
)
FIRST = dt.date(1950, 1, 1)
TYPES = {"L": "Legislative election", "X": "Executive election", "R": "Referendum"}
# What a step says; an early vote is one that the calendar did not know.
VOTE, EARLY, ANNOUNCED, TO_COME = "vote", "early vote", "announced", "to come"
DELAYED, FAILED, MISSED, DEADLINE = "delayed", "failed", "missed", "deadline"
STEPS = {
    "vote as scheduled": VOTE,
    "vote early": EARLY,
    "announced": ANNOUNCED,
    "announcement": ANNOUNCED,
    "announcement assumed": ANNOUNCED,
    "delay announced": DELAYED,
    "delay": DELAYED,
    "regime failure": FAILED,
    "voided by regime change": MISSED,
    "voided": MISSED,
    "anulled": MISSED,
    "deadline not met": MISSED,
    "deadline met": DEADLINE,
    "upcoming scheduled": TO_COME,
    "upcoming deadline": TO_COME,
}
CALENDAR, RUN_OFF = pd.Timedelta(days=365), pd.Timedelta(days=180)


@dataclass(slots=True)
class _Election:
    """The steps of one election by what they say, each with its days; `row` is the first in the file."""

    number: str
    country: str
    kind: str
    title: str
    row: int
    word: str
    is_regular: bool = False
    is_run_off: bool = False
    days: dict[str, list[pd.Timestamp]] = field(default_factory=dict)

    @property
    def target(self) -> pd.Timestamp | None:
        """The day on which it was, or was to be."""
        order = (VOTE, EARLY, TO_COME, MISSED, DEADLINE)
        return next((self.days[step][-1] for step in order if step in self.days), None)

    @property
    def is_given_up(self) -> bool:
        """Whether it did not take place."""
        is_held = self.days.keys() & {VOTE, EARLY}
        return bool(self.days.keys() & {DELAYED, FAILED}) or (MISSED in self.days and not is_held)

    def off_at(self, listed: pd.Timestamp) -> pd.Timestamp:
        """Give from when it was known that it would not take place, of one that was given up and has a target."""
        told = [*self.days.get(DELAYED, []), *self.days.get(FAILED, []), self.target]
        return min(min(day for day in told if day is not None) + A_DAY, listed)


class Version(NamedTuple):
    """What was known of one election from one moment on."""

    available_at: pd.Timestamp
    happens_at: pd.Timestamp
    is_retracted: bool = False


def parse(path: Path) -> pd.DataFrame:
    """Read the list as text with `row` and `listed_at`, the moment at which this list was out.

    Raises:
        BadInput: the file is broken, or its name does not tell the month of the list.
    """
    return with_listed_at(read_table(path, [COLUMNS]), path, "electionlist")


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into versions of elections and the coverage, which ends where the list's month begins."""
    country, fixed = countries(raw["ccode"], raw["country"], scheme="cow", catalog=catalog)
    words = raw["event"].str.lower().str.replace(",", " ").str.split().str.join(" ")
    listed: pd.Timestamp = raw["listed_at"].iloc[0]
    steps = raw.assign(
        iso3=country, at=days(raw["elec_year"], raw["elec_month"], raw["elec_day"]), step=words.map(STEPS)
    )
    # An announcement that had not been made yet is a date of an election to come.
    steps["step"] = steps["step"].mask(steps["step"].eq(ANNOUNCED) & (steps["at"] >= listed), TO_COME)
    is_past = steps["step"].isin([VOTE, EARLY, DELAYED, FAILED])
    checks = (
        ("ccode", country.eq(""), "a state code that means no country of the catalogue"),
        ("elec_day", steps["at"].isna(), "not a day"),
        ("event", steps["step"].isna(), "an unknown step"),
        ("type", ~raw["type"].isin(TYPES), "neither L, X nor R"),
        ("elec_day", is_past & (steps["at"] >= listed), "a day after the list came out"),
    )
    rejected, is_bad = reject_rows(steps, checks, file=file)
    steps = steps[~is_bad]
    elections = _elections(steps)
    votes, before = _votes(elections), _predecessors(elections)
    rows, without, counts = [], [], Counter[str]()
    for one in elections:
        versions, rule = _versions(one, votes.get(one.country, []), before.get(one.number), listed)
        counts[rule] += 1
        if not versions:
            without.append((file, one.row, "event", one.word, rule))
        rows += [(one.number, one.country, "election", one.title, *version) for version in versions]
    columns = ["event_id", "country", "kind", "title", *Version._fields]
    events = pd.DataFrame(rows, columns=columns)
    tables = {
        "political_events": event_rows(events, source=SPEC.name),
        "coverage": coverage_rows("elections_reign", FIRST, listed.date().replace(day=1), source=SPEC.name),
    }
    left_out = pd.DataFrame(without, columns=REJECTED_COLUMNS)
    return Harvest(tables, rejected, {**dict(sorted(counts.items())), FIXED: fixed}, left_out)


def _elections(steps: pd.DataFrame) -> list[_Election]:
    found: dict[str, _Election] = {}
    for row in steps.itertuples(index=False):
        title = f"{TYPES[row.type]}{', run-off' if row.runoff == '2' else ''}: {row.country.strip()}"
        new = _Election(str(row.elecnum), row.iso3, row.type, title, row.row, row.event)
        one = found.setdefault(row.elecnum, new)
        one.title = title
        one.is_regular |= row.regular == "Y"
        one.is_run_off |= row.runoff == "2"
        one.days.setdefault(row.step, []).append(row.at)
    return list(found.values())


def _votes(elections: list[_Election]) -> dict[str, list[pd.Timestamp]]:
    """Give the days of all votes of each country, in order."""
    votes: dict[str, list[pd.Timestamp]] = {}
    for one in elections:
        votes.setdefault(one.country, []).extend([*one.days.get(VOTE, []), *one.days.get(EARLY, [])])
    return {country: sorted(of) for country, of in votes.items()}


def _predecessors(elections: list[_Election]) -> dict[str, _Election]:
    """Give for each election that of its country and kind which was due before it."""
    groups: dict[tuple[str, str], list[tuple[pd.Timestamp, int, _Election]]] = {}
    for one in elections:
        if one.target is not None:
            groups.setdefault((one.country, one.kind), []).append((one.target, one.row, one))
    ordered = [[one for *_, one in sorted(group, key=lambda entry: entry[:2])] for group in groups.values()]
    return {late.number: early for group in ordered for early, late in itertools.pairwise(group)}


def _versions(
    one: _Election, votes: list[pd.Timestamp], before: _Election | None, listed: pd.Timestamp
) -> tuple[list[Version], str]:
    """Give what was known of one election, by moment, and the rule that dates it in words.

    Args:
        votes: all days of votes of its country, in order.
        before: the election of its kind that was due before it.
        listed: when the list was out.
    """
    target = one.target
    if target is None:
        return [], "announced, and the list has no date" if ANNOUNCED in one.days else "without a date"
    over = target + A_DAY
    if ANNOUNCED in one.days:
        rule, known = "announced", min(one.days[ANNOUNCED]) + A_DAY
    elif one.is_run_off:
        rounds = [day for day in votes if target - RUN_OFF <= day < target]
        rule, known = "run-off", rounds[-1] + A_DAY if rounds else over
    elif not one.is_regular or EARLY in one.days:
        rule, known = "neither announced nor in the calendar", over
    elif before is None or not before.is_given_up:
        rule, known = "by the calendar", target - CALENDAR
    elif DELAYED in before.days:
        rule, known = "in place of one put off", max(before.off_at(listed), target - CALENDAR)
    else:
        rule, known = "after one that was not held", over
    versions = [Version(min(known, over, listed), target)]
    if EARLY in one.days and one.is_regular and DEADLINE in one.days:
        due = max(one.days[DEADLINE])
        if due != target and due - CALENDAR < versions[0].available_at:
            versions = [Version(due - CALENDAR, due), *versions]
    if one.is_given_up:
        off = one.off_at(listed)
        if off <= versions[0].available_at:
            return [], "given up before it could be known"
        versions = [version for version in versions if version.available_at < off] + [Version(off, target, True)]
    return versions, rule
