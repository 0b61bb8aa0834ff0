"""oresight's own table of programmes of sanctions: who imposed them on whom, since when, by which act -> `sanctions`.

Payload: CSV, one row per programme of the United States, the European Union, Canada and the United Nations, written
from knowledge of the acts, each of which is named. `confidence` is low or medium where a day, a number or a list's tag
is not certain.

- **Known from** the day after the act was made public: an order of the President the day after it was announced, a
  regulation the day after its publication, a resolution the day after its adoption.
- **Ended**: a programme that ended is withdrawn from the day after its end.
- An entry's id is the programme's tag with that of who imposed it ("USA/ZIMBABWE"). `listed_at` is the day of the act.
- The country is the state over whose acts the programme was made: programmes about Ukraine are filed under Russia.
- No programme is a business, so none is of metals, though some name metals among their sectors (`note`).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features import datasets
from features.catalog import Catalog
from features.catalog.sanctions import PROGRAMME_COLUMNS
from features.knowledge_time import Lag
from features.sources.sanction_entries import A_DAY, days_of
from features.sources.spec import Harvest, SourceSpec, read_table, reject_rows

__all__ = ["SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="sanction_programmes",
    title="Programmes of sanctions since 1963",
    publisher="oresight",
    address="features/bundle/sanction_programmes.csv",
    licence="Apache-2.0",
    citation="oresight, programmes of sanctions; each row names its act",
    cadence="with each release of oresight",
    lag=None,
    lag_rule="a programme is available the day after its act was made public, its end the day after that",
    fills=("sanctions",),
    takes="CSV with the columns of the embedded sanction_programmes.csv",
    is_embedded=True,
    may_redistribute=True,
)


def parse(path: Path) -> pd.DataFrame:
    """Read a payload as text with a `row` column; only the header is judged here."""
    return read_table(path, [PROGRAMME_COLUMNS])


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `sanctions`: one per programme, and one more that withdraws it if it ended."""
    since, public, ended = (days_of(raw[name]) for name in ("since", "published_on", "ended_on"))
    key = raw["imposed_by"] + "/" + raw["programme"]
    checks = (
        ("programme", raw["programme"].eq("") | key.duplicated(), "empty, or used twice"),
        ("imposed_by", ~raw["imposed_by"].str.fullmatch("[A-Z]{3}"), "not three capitals"),
        ("title", raw["title"].eq(""), "empty"),
        ("country", ~raw["country"].isin({"", *catalog.countries}), "an unknown country code"),
        ("since", since.isna(), "not a day"),
        ("published_on", public.isna() | (public < since), "not a day, or before the act"),
        ("published_on", public > pd.Timestamp(now), f"a day after {now.date()}"),
        ("ended_on", raw["ended_on"].ne("") & ~(ended > public), "not a day after the publication"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    began = raw.assign(
        entry_id=key,
        kind="programme",
        name=raw["title"],
        is_metals=False,
        minerals="",
        listed_at=since,
        available_at=(public + A_DAY).clip(upper=pd.Timestamp(now)),
        source=SPEC.name,
        is_retracted=False,
        ended=ended,
    )[~is_bad]
    # An end to come is nobody's knowledge yet.
    over = began[began["ended"] + A_DAY <= pd.Timestamp(now)]
    over = over.assign(available_at=over["ended"] + A_DAY, is_retracted=True)
    spec = datasets.dataset("sanctions")
    rows = pd.concat([began, over])[spec.columns].astype(spec.types).reset_index(drop=True)
    return Harvest({"sanctions": rows}, rejected)
