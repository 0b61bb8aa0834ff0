"""UCDP/PRIO Armed Conflict Dataset: armed conflicts per country and year since 1946 -> `geopolitics`, yearly.

Payload: the CSV (or the zip of it) of one version, one row per conflict and year in which it cost at least 25 lives in
battle. Version V.1 covers the years 1946 to V - 1 and comes out in June of V. Indicators, per country and year:

- `ucdp_conflicts`: how many conflicts were active.
- `ucdp_intensity`: of the worst of them, 1 for 25 to 999 deaths in battle in that year, 2 for 1000 or more; 0 for none.
- `ucdp_interstate`: how many of them were between states.

A conflict counts for every state in `gwno_loc`, codes of Gleditsch and Ward. That is the state whose government or
territory is fought over; between states it is both sides, wherever the battles were (the United States have one in
2024, over Yemen), and the wars of a colony before its independence count for today's country.

The set is complete, so a state that was alive in a year without such a conflict is a true zero. Areas that are no state
in that list (New Caledonia, Hong Kong, Palestine) get no rows: their conflicts stand under the state that holds them. A
file whose years are not 1946 to V - 1 without a gap is refused, since zeros would be false.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features import datasets
from features.catalog import Catalog
from features.catalog.states import load_states
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.political_rows import countries
from features.sources.spec import (
    Harvest,
    Request,
    SourceSpec,
    moment_of_years,
    read_table,
    reject_rows,
)

__all__ = ["FILES", "FOLDERS", "INDICATORS", "SPEC", "harmonise", "parse", "released", "requests"]

SPEC = SourceSpec(
    name="ucdp_prio",
    title="UCDP/PRIO Armed Conflict Dataset",
    publisher="Uppsala Conflict Data Program and Peace Research Institute Oslo",
    address="https://ucdp.uu.se/downloads/",
    licence="CC BY 4.0",
    citation="Gleditsch et al. (2002), Armed Conflict 1946-2001: A New Dataset, Journal of Peace Research 39(5); "
    "Davies et al., Organized violence, Journal of Peace Research, of the version's year",
    cadence="yearly, June",
    lag=Lag(years=1, month=7, day=1),
    lag_rule="year t is available on 1 July of t+1",
    fills=("geopolitics",),
    takes="ucdp-prio-acd-VV1-csv.zip or the CSV inside",
    endpoint="https://ucdp.uu.se/downloads/ucdpprio/",
    hosts=("ucdp.uu.se",),
    max_megabytes=50,
)
FILES = ("*prio*.csv", "*prio*.zip", "*Prio*.csv")
FOLDERS = ("ucdp_prio", "ucdp")

COLUMNS = (
    "conflict_id",
    "location",
    "side_a",
    "side_a_id",
    "side_a_2nd",
    "side_b",
    "side_b_id",
    "side_b_2nd",
    "incompatibility",
    "territory_name",
    "year",
    "intensity_level",
    "cumulative_intensity",
    "type_of_conflict",
    "start_date",
    "start_prec",
    "start_date2",
    "start_prec2",
    "ep_end",
    "ep_end_date",
    "ep_end_prec",
    "gwno_a",
    "gwno_a_2nd",
    "gwno_b",
    "gwno_b_2nd",
    "gwno_loc",
    "region",
    "version",
)
INDICATORS = ("ucdp_conflicts", "ucdp_intensity", "ucdp_interstate")
FIRST_YEAR = 1946
INTERSTATE = "2"


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the newest version that is out by the lag rule."""
    version = SPEC.lag.newest_year(now) + 1 if isinstance(SPEC.lag, Lag) else now.year
    name = f"ucdp-prio-acd-{version % 100}1-csv.zip"
    return [Request(endpoint + name, name)]


def parse(path: Path) -> pd.DataFrame:
    """Read the CSV as text with a `row` column and `edition`, the year of the version.

    Raises:
        BadInput: the file is broken, mixes versions, or lacks years that its version covers.
    """
    raw = read_table(path, [COLUMNS])
    version = raw["version"].unique()
    if len(version) != 1 or not str(version[0]).partition(".")[0].isdigit():
        raise BadInput(
            where=f"{path}, version",
            expected="one version such as 25.1 in all rows",
            found=", ".join(map(str, version[:3])),
            remedy="Is this one version's file?",
        )
    edition = 2000 + int(str(version[0]).partition(".")[0])
    years, due = set(raw["year"]), {str(year) for year in range(FIRST_YEAR, edition)}
    if years != due:
        raise BadInput(
            where=f"{path}, year",
            expected=f"each of the years {FIRST_YEAR} to {edition - 1}",
            found=f"missing {sorted(due - years)[:5]}, extra {sorted(years - due)[:5]}",
            remedy="The file is cut off or filtered; take the whole one.",
        )
    return raw.assign(edition=edition)


def released(raw: pd.DataFrame) -> dt.datetime:
    """Give when the version was out at the latest: 1 July of its year."""
    return Lag(years=0, month=7, day=1).available_at(int(raw["edition"].iloc[0]))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `geopolitics`, zeros included."""
    states = load_states()
    checks = (
        ("conflict_id", raw["conflict_id"].eq(""), "empty"),
        ("conflict_id", raw.duplicated(["conflict_id", "year"]), "a second row of the conflict and year"),
        ("intensity_level", ~raw["intensity_level"].isin(["1", "2"]), "neither 1 nor 2"),
        ("type_of_conflict", ~raw["type_of_conflict"].isin(["1", "2", "3", "4"]), "not 1, 2, 3 or 4"),
        ("gwno_loc", ~raw["gwno_loc"].map(_is_known), "a state code of no list"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    places = raw[~is_bad].assign(code=raw["gwno_loc"].str.split(r"\s*,\s*")).explode("code")
    places["country"], _ = countries(places["code"], places["code"], scheme="gw", catalog=catalog)
    is_nowhere = places["country"].eq("")
    nowhere, _ = reject_rows(
        places.drop(columns="gwno_loc").rename(columns={"code": "gwno_loc"}),
        [("gwno_loc", is_nowhere, "no country of the catalogue")],
        file=file,
    )
    places = places[~is_nowhere].astype({"year": "int64", "intensity_level": "int64"})
    # One conflict counts once for a country of two states (Vietnam, Yemen).
    places = places.drop_duplicates(["country", "year", "conflict_id"])
    places["is_interstate"] = places["type_of_conflict"].eq(INTERSTATE).astype("int64")
    found = places.groupby(["country", "year"]).agg(
        ucdp_conflicts=("conflict_id", "nunique"),
        ucdp_intensity=("intensity_level", "max"),
        ucdp_interstate=("is_interstate", "sum"),
    )
    years = range(FIRST_YEAR, int(raw["edition"].iloc[0]))
    alive = [(country, year) for year in years for country in states.alive(year)]
    wanted = found.index.union(pd.MultiIndex.from_tuples(alive, names=["country", "year"]))
    # Of the countries of a rejected row not all is known in its year: neither a zero nor a count.
    wanted = wanted.difference(_unread(raw[is_bad], catalog))
    rows = found.reindex(wanted, fill_value=0).reset_index().melt(["country", "year"], list(INDICATORS), "indicator")
    starts = pd.to_datetime({"year": rows["year"], "month": 1, "day": 1}, utc=True)
    rows = rows.assign(
        partner="",
        frequency="year",
        starts_on=starts,
        available_at=moment_of_years(rows["year"], lag),
        source=SPEC.name,
        is_retracted=False,
    )
    spec = datasets.dataset("geopolitics")
    table = rows[spec.columns].astype(spec.types)
    counts = {"countries and years without a conflict": len(wanted) - len(found)}
    return Harvest({"geopolitics": table}, rejected, counts, nowhere)


def _unread(rejected: pd.DataFrame, catalog: Catalog) -> pd.MultiIndex:
    # The countries and years that rejected rows speak of.
    told = rejected.assign(code=rejected["gwno_loc"].str.split(r"\s*,\s*")).explode("code")
    told = told[told["year"].str.fullmatch(r"\d{4}")]
    country, _ = countries(told["code"], told["code"], scheme="gw", catalog=catalog)
    return pd.MultiIndex.from_arrays([country, told["year"].astype("int64")], names=["country", "year"])


def _is_known(codes: str) -> bool:
    known = load_states().countries
    parts = [code.strip() for code in codes.split(",")]
    return all(code.isdigit() and ("gw", int(code)) in known for code in parts)
