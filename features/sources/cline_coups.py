"""Coup d'État Project of the Cline Center: coups, attempts and plots -> `political_events`.

Payload: the CSV of the Illinois Data Bank, one row per event from 1945 on, with the state's code of the Correlates of
War, the day, an `event_type` (coup, attempted, conspiracy) and flags that tell who did it. The set is wide: it counts
popular revolts, victories of rebels, forced resignations and foreign interventions among its coups.

- `coup` is a realised event by the military, by dissidents of the elite or from within the palace, and a seizure of
  further power by the ruler himself (`auto`).
- `irregular_change` is a realised event that carries none of these flags: power changed outside the rules, and no part
  of the state's own elite took it (Afghanistan 2021, Sri Lanka 2022, Ukraine 2014).
- `failed_coup` is an attempt, `coup_plot` a conspiracy that was stopped before it began.

Coded afterwards: an event counts from the end of its day. The day of a plot is the one under which the project files
it, usually that of its discovery; some became public later. Version 2.1.2 ends with 2022 and is not complete: it lacks
the coup of 5 September 2021 in Guinea, which Colpus has. No list makes the others needless.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import Lag
from features.sources.political_rows import FIXED, countries, coverage_rows, days, event_rows
from features.sources.spec import Harvest, SourceSpec, read_table, reject_rows

__all__ = ["FILES", "FOLDERS", "SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="cline_coups",
    title="Cline Center Coup d'État Project Dataset",
    publisher="Cline Center for Advanced Social Research, University of Illinois Urbana-Champaign",
    address="https://databank.illinois.edu/datasets/IDB-3143201",
    licence="Open Data Commons Attribution or CC BY, as the data bank says for the version",
    citation="Peyton, Bajjalieh, Shalmon, Martin and Bonaguro, Cline Center Coup d'État Project Dataset, "
    "University of Illinois Urbana-Champaign",
    cadence="about once a year",
    lag=None,
    lag_rule="an event is available when its day is over, or its month where the list leaves the day open",
    fills=("political_events", "coverage"),
    takes="the data bank's CSV, Coup Data v2.1.2",
    stale_after_days=800,
)
FILES = ("cline*.csv", "[Cc]oup*[Dd]ata*.csv")
FOLDERS = ("cline_coups", "coups")

TAKERS = ("military", "dissident", "palace", "auto")
OTHERS = ("rebel", "foreign", "resign", "popular", "counter", "other")
COLUMNS = (
    "coup_id",
    "cowcode",
    "country",
    "year",
    "month",
    "day",
    "event_type",
    "unrealized",
    "realized",
    "conspiracy",
    "attempt",
    "military",
    "dissident",
    "rebel",
    "palace",
    "foreign",
    "auto",
    "resign",
    "popular",
    "counter",
    "other",
    "noharm",
    "injured",
    "killed",
    "harrest",
    "jailed",
    "tried",
    "fled",
    "exile",
)
KINDS = {"coup": "coup", "attempted": "failed_coup", "conspiracy": "coup_plot"}
WORDS = {
    "coup": "Coup",
    "failed_coup": "Failed coup",
    "coup_plot": "Coup plot",
    "irregular_change": "Irregular change of power",
}
FIRST = dt.date(1945, 1, 1)


def parse(path: Path) -> pd.DataFrame:
    """Read the CSV as text with a `row` column; only the header is judged here."""
    return read_table(path, [COLUMNS])


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `political_events` and `coverage`, which ends with the newest year of the file."""
    country, fixed = countries(raw["cowcode"], raw["country"], scheme="cow", catalog=catalog)
    happened = days(raw["year"], raw["month"], raw["day"])
    flags = raw[[*TAKERS, *OTHERS]]
    is_realised = raw["event_type"].eq("coup")
    checks = (
        ("coup_id", raw["coup_id"].eq("") | raw["coup_id"].duplicated(), "empty, or used twice"),
        ("cowcode", country.eq(""), "a state code that means no country of the catalogue"),
        ("day", happened.isna(), "not a day"),
        ("day", happened >= now, f"a day after {now.date()}"),
        ("event_type", ~raw["event_type"].isin(KINDS), "an unknown type of event"),
        ("realized", raw["realized"].ne(is_realised.map({True: "1", False: "0"})), "contradicts the type of event"),
        *((name, ~flags[name].isin(["0", "1"]), "neither 0 nor 1") for name in flags),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    is_of_others = is_realised & raw[list(TAKERS)].eq("0").all(axis=1)
    kind = raw["event_type"].map(KINDS).mask(is_of_others, "irregular_change")
    events = pd.DataFrame(
        {
            "event_id": raw["coup_id"],
            "country": country,
            "kind": kind,
            "happens_at": happened,
            "title": kind.map(WORDS) + ": " + raw["country"].str.strip(),
        }
    )[~is_bad]
    tables = {"political_events": event_rows(events, source=SPEC.name)}
    if len(events):
        until = dt.date(events["happens_at"].max().year, 12, 31)
        tables["coverage"] = coverage_rows("coups_cline", FIRST, min(until, now.date()), source=SPEC.name)
    return Harvest(tables, rejected, {FIXED: fixed})
