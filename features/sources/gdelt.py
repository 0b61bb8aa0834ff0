"""GDELT's event exports -> weekly shares per country and pair of countries in `geopolitics`.

Payload: a zip of the exports of one or several weeks, a round of collecting, or a single export
(`features/sources/gdelt_payloads.py`, `gdelt_layouts.py`); the figures are made in `gdelt_weeks.py`.

- **Week**: that of `DATEADDED`, when GDELT saw the event, not of the day on which it is said to have happened. A week
  is given if at least `FEWEST_DAYS` of its days are there as a whole; `gdelt_days`, a row of the world, says how many.
- **Country** rows are about where something happened (`ActionGeo_CountryCode`, FIPS): `gdelt_volume`, the share of
  the week's articles that tell of an event there, 0 where none does; `gdelt_tone`, the mean tone of these articles;
  and of the events there the shares of protest (root 14, `gdelt_protest`), of reduced relations, sanctions and coercion
  (roots 16 and 17, `gdelt_coercion`) and of material conflict (quad class 4, `gdelt_material_conflict`).
- **Pair** rows are about who (`Actor1CountryCode`, `Actor2CountryCode`, CAMEO), whichever of the two acted, and are
  written both ways: `gdelt_volume`, `gdelt_tone`, `gdelt_verbal_conflict` (quad class 3), `gdelt_coercion`,
  `gdelt_material_conflict`. The direction is left out: GDELT often codes one sentence in both.
- Shares and tone are given from `gdelt_weeks.LEAST_EVENTS` de-duplicated events on; below they are missing, not zero.
  A pair without a `gdelt_volume` in a week that has `gdelt_days` was in no article.

**Known from**: the end of the week where all its files are of version 2, which are out within minutes; twelve hours
later where one is of version 1, whose file of a day is served in the morning of the next (6 a.m. in New York).
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.datasets import dataset
from features.errors import BadInput
from features.knowledge_time import Lag, monday_on_or_before
from features.sources.gdelt_layouts import Exports
from features.sources.gdelt_payloads import read_payload
from features.sources.gdelt_weeks import covered_days, shares_of_countries, shares_of_pairs
from features.sources.spec import REJECTED_COLUMNS, Harvest, Request, SourceSpec, rejections

__all__ = ["FEWEST_DAYS", "FILES", "PARTS_ARE_INDEPENDENT", "SPEC", "harmonise", "parse", "places", "requests"]

SPEC = SourceSpec(
    name="gdelt",
    title="GDELT event exports, weekly shares",
    publisher="The GDELT Project",
    address="https://www.gdeltproject.org/data.html",
    licence="free for any use, with citation and a link",
    citation="The GDELT Project, https://www.gdeltproject.org/",
    cadence="every 15 minutes (version 2), daily (version 1); read weekly",
    lag=None,
    lag_rule="a week of version 2 is available at its end, one with files of version 1 twelve hours later",
    fills=("geopolitics",),
    takes="a zip of the *.export.CSV.zip files of a week, version 1 (daily) or 2 (15 minutes), or one such file",
    endpoint="https://storage.googleapis.com/data.gdeltproject.org/events/",
    hosts=("storage.googleapis.com", "data.gdeltproject.org"),
    max_megabytes=60,
    stale_after_days=21,
)
FILES = ("*.export.CSV", "*.export.CSV.zip", "gdelt-*.zip", "polls-*.zip")
# A day that is missing must not cost the week; what a round got is one file, since a week's shares need all its days.
PARTS_ARE_INDEPENDENT = True

FEWEST_DAYS = 5
OF_VERSION_1_AFTER = dt.timedelta(hours=12)
A_WEEK = dt.timedelta(days=7)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Days since the epoch, of 5 January 1970.
FIRST_MONDAY = 4
MOST_LISTED = 200


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the seven daily files of version 1 of the newest week whose last file must be out."""
    monday = monday_on_or_before(now - OF_VERSION_1_AFTER) - A_WEEK
    days = [monday + dt.timedelta(days=day) for day in range(7)]
    names = [f"{day:%Y%m%d}.export.CSV.zip" for day in days]
    return [Request(endpoint.rstrip("/") + "/" + name, name) for name in names]


def parse(path: Path) -> Exports:
    """Read the exports of a payload.

    Raises:
        BadInput: the file is missing, damaged, or no export; or too few files of a round came.
    """
    raw = read_payload(path)
    if raw.polls is not None:
        failed = raw.polls[~raw.polls["is_ok"]]
        came = len(raw.polls) - len(failed)
        if len(failed) and came < FEWEST_DAYS:
            # Taken as it is, the next round would not send again the files that did come.
            raise BadInput(
                where=str(path),
                expected=f"at least {FEWEST_DAYS} files of the week",
                found=f"{came}; {failed['feed'].iloc[0]}: {failed['problem'].iloc[0]}",
                remedy="Collect again later; nothing was stored.",
            )
    return raw


@functools.cache
def places(scheme: str) -> Mapping[str, str]:
    """Read the table of a scheme's codes, fips or cameo: code -> ISO code, "" for what is no country.

    Of CAMEO's only those stand in it that are not ISO's own.
    """
    with (Path(__file__).parent / "gdelt_codes.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["iso3"] for row in csv.DictReader(file) if row["scheme"] == scheme}


def harmonise(raw: Exports, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn events into rows of `geopolitics` for the weeks that are covered; the others are listed."""
    countries = sorted(catalog.countries)
    late = raw.events["day"] > (now - EPOCH).days
    events, unknown = _numbered(raw.events[~late], catalog, countries)
    names = [file if member == file else f"{file}, {member}" for member in raw.broken["file"]]
    rejected = [raw.broken.assign(file=names), _dated_late(raw.events[late], file, now)]
    left_out = [(file, 0, field, code, f"{why}: {times} time(s)") for (field, code, why), times in unknown.items()]
    if raw.polls is not None:
        missing = raw.polls[~raw.polls["is_ok"]]
        left_out += [(file, 0, "file", poll.feed, poll.problem) for poll in missing.itertuples()]
    tables, days, used = [], covered_days(events), 0
    for monday, of_week in days.groupby((days.index - FIRST_MONDAY) // 7 * 7 + FIRST_MONDAY):
        start = EPOCH + dt.timedelta(days=int(monday))
        whole = of_week.index[of_week]
        told = events[events["day"].isin(whole)]
        known = start + A_WEEK + (OF_VERSION_1_AFTER if told["slot"].lt(0).any() else dt.timedelta())
        if len(whole) < FEWEST_DAYS:
            why = f"{len(whole)} of its 7 days are there as a whole, {FEWEST_DAYS} are needed"
        elif known > now:
            why = f"can be known only from {known:%Y-%m-%d %H:%M}; give it again then"
        else:
            tables.append(_week(told, countries, catalog, start=start, known=known))
            used += len(told)
            continue
        left_out.append((file, 0, "DATEADDED", f"{start:%Y-%m-%d}", f"week left out: {why}"))
    counts = {
        "events read": len(raw.events),
        "events in weeks or days that are not covered": len(raw.events) - int(late.sum()) - used,
        "events without an article": raw.without_article,
        "weeks": len(tables),
        "files in the archive that are no export": len(raw.strange_members),
    }
    rows = pd.concat(tables, ignore_index=True) if tables else _no_rows()
    listed = pd.DataFrame(left_out, columns=REJECTED_COLUMNS).astype({"row": "int64"})
    return Harvest({"geopolitics": rows}, rejections(rejected), counts, left_out=listed, polls=raw.polls)


def _numbered(
    events: pd.DataFrame, catalog: Catalog, countries: list[str]
) -> tuple[pd.DataFrame, dict[tuple[str, str, str], int]]:
    """Give the events with countries as numbers, -1 for none, and how often which code meant none, and why."""
    number = {iso3: at for at, iso3 in enumerate(countries)}
    cameo = {iso3: iso3 for iso3 in countries} | dict(places("cameo"))
    found, unknown = {}, {}
    for column, table in (("actor1", cameo), ("actor2", cameo), ("place", places("fips"))):
        codes = events[column].cat.categories
        # The last entry is for -1, no code.
        numbers = np.array([*(number.get(table.get(code, ""), -1) for code in codes), -1], dtype="int16")
        found[column] = numbers[events[column].cat.codes]
        strange = events[column][(found[column] < 0) & events[column].notna()].value_counts()
        for code, times in strange[strange > 0].items():
            unknown[column, str(code), "known to be no country" if code in table else "in no table"] = int(times)
    return events.assign(**found), dict(sorted(unknown.items(), key=lambda each: -each[1])[:MOST_LISTED])


def _dated_late(events: pd.DataFrame, file: str, now: dt.datetime) -> pd.DataFrame:
    day = pd.to_datetime(events["day"], unit="D").dt.strftime("%Y-%m-%d")
    names = [file if member == file else f"{file}, {member}" for member in events["file"]]
    told = events.assign(file=names, field="DATEADDED", value=day, reason=f"after {now.date()}")
    return told[REJECTED_COLUMNS].astype({"row": "int64"})


def _week(
    events: pd.DataFrame, countries: list[str], catalog: Catalog, *, start: dt.datetime, known: dt.datetime
) -> pd.DataFrame:
    """Give all rows of one week."""
    alone = shares_of_countries(events)
    silent = [at for at, iso3 in enumerate(countries) if catalog.countries[iso3].is_current]
    silent = sorted(set(silent) - set(alone["country"]))
    nothing = pd.DataFrame({"country": silent, "indicator": "gdelt_volume", "value": 0.0})
    pairs = shares_of_pairs(events)
    named = pd.Series(countries)
    days = pd.DataFrame({"indicator": ["gdelt_days"], "country": "", "value": float(events["day"].nunique())})
    parts = [alone.assign(country=alone["country"].map(named)), nothing.assign(country=nothing["country"].map(named))]
    rows = pd.concat([days, *parts, pairs.assign(**{name: pairs[name].map(named) for name in ("country", "partner")})])
    rows = rows.assign(
        partner=rows["partner"].fillna(""),
        frequency="week",
        starts_on=pd.Timestamp(start),
        available_at=pd.Timestamp(known),
        source=SPEC.name,
        is_retracted=False,
    )
    types = dataset("geopolitics").types
    return rows[list(types)].astype(types).sort_values(["indicator", "country", "partner"], ignore_index=True)


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in dataset("geopolitics").types.items()})
