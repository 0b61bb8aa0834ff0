"""What events are worth: how often exports fell with one and without, and what the families change in pooled scores.

Rows are tracked pairs at a July origin whose target year is resolved; the event is `supply_drop`. A row *has* an event
if one of the pair became known in one of three spans: in the 52 weeks before the origin, looked at in the origin's year
and in the year after (both known beforehand); or in the target year itself, which nobody could know before
it began, and half of it not at the origin. An act of which only the year is known counts as known from the next year
on; it is never *during*, as it would fall into the wrong year. The second part runs the backtest with trade alone and
with measures and incidents added, on the same rows and draws.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.errors import BadInput
from features.knowledge_time import UTC, as_moment
from features.measures import merged
from features.signals.event_windows import first_known
from ml import scores as sc
from ml import tracking
from ml.backtest import default_plan
from ml.comparison import ROW_KEY, compare
from ml.event_worth_report import render_event_worth
from ml.knowledge import Knowledge, open_store, signals_named
from ml.origins import Origin
from ml.results import write_page
from ml.settings import load_settings
from ml.studies import checked_origins, predict
from models.forecaster import labelled_rows
from models.restriction_onset import coverage_from

__all__ = [
    "TIMINGS",
    "EventWorth",
    "covered_origins",
    "event_slices",
    "fell_with_and_without",
    "having",
    "known_events",
    "study",
]

TARGET = "supply_drop"
FAMILIES = ("measures", "incidents")
# name -> the horizon whose year is looked at
TIMINGS = {"before_same_year": "current_year", "before_next_year": "next_year", "during": "current_year"}
YEAR = pd.Timedelta(weeks=52)
PAIR = ["mineral", "supplier"]
PAGE = "event-worth.md"
FIRST = 2010
Floats = np.ndarray


@dataclass(frozen=True)
class EventWorth:
    """The result as JSON would have it, and the page."""

    result: dict[str, Any]
    page: str


def known_events(measures: pd.DataFrame, incidents: pd.DataFrame) -> pd.DataFrame:
    """Give tightening measures (those of several sources once) and incidents as first known.

    Args:
        measures: what `features.measures.merged` gave.
        incidents: every known version of the dataset.

    Returns:
        family, event_id, mineral, supplier, kind, severity, available_at, withdrawn_at, is_dated (false for a measure
        of which only the year is known).
    """
    parts = [
        first_known(table).assign(family=family)
        for family, table in zip(FAMILIES, (measures, incidents), strict=True)
        if len(table)
    ]
    events = pd.concat(parts, ignore_index=True)
    events = events[events["direction"].eq("tightening")]
    # Incidents have a day each, and no column of announcements.
    is_dated = events["announced_at"].notna() if "announced_at" in events else pd.Series(True, index=events.index)
    events = events.assign(is_dated=is_dated | events["family"].ne("measures"))
    return events[["family", "event_id", *PAIR, "kind", "severity", "available_at", "withdrawn_at", "is_dated"]]


def covered_origins(origins: Sequence[Origin], coverage: pd.DataFrame) -> list[Origin]:
    """Give the origins at which the table of measures was known to reach over the 52 weeks before."""
    dates = pd.Series([pd.Timestamp(origin.as_of) for origin in origins], dtype="datetime64[us, UTC]")
    is_covered = dates - YEAR >= coverage_from(coverage, dates)
    return [origin for origin, is_in in zip(origins, is_covered, strict=True) if is_in]


def having(rows: pd.DataFrame, events: pd.DataFrame, timing: str) -> pd.Series:
    """Tell which rows have one of `events` in the span of `timing`.

    Args:
        rows: mineral, supplier, as_of and target_year.
    """
    near = rows[[*PAIR, "as_of", "target_year"]].assign(row=rows.index).merge(events, on=PAIR)
    if timing == "during":
        is_inside = near["available_at"].dt.year.eq(near["target_year"]) & near["is_dated"]
    else:
        since = near["as_of"] - near["available_at"]
        is_gone = near["withdrawn_at"].le(near["as_of"])
        is_inside = since.ge(pd.Timedelta(0)) & since.lt(YEAR) & ~is_gone
    return pd.Series(rows.index.isin(near.loc[is_inside, "row"]), index=rows.index)


def fell_with_and_without(rows: pd.DataFrame, has: pd.Series, *, n_draws: int) -> dict[str, Any]:
    """Compare how often exports fell on rows with an event and on the others.

    Args:
        rows: mineral, as_of, label (0 or 1).
        has: which rows have one, on the index of `rows`.

    Returns:
        n, events (rows that have one), fell_with, fell_without, share_with, share_without and difference (value, low,
        high; the bootstrap draws minerals and years as blocks).
    """
    label, mask = rows["label"].to_numpy(dtype="float64"), has.to_numpy(dtype="float64")
    sums = pd.DataFrame({"with": mask, "fell_with": mask * label, "all": 1.0, "fell": label})
    blocks = sums.groupby([rows["mineral"].to_numpy(), rows["as_of"].dt.year.to_numpy()]).sum()
    mineral, year = blocks.index.get_level_values(0), blocks.index.get_level_values(1)
    weights = sc.block_weights(mineral, year, n_draws=n_draws, seed=0)
    drawn, now = blocks.to_numpy().T @ weights, blocks.to_numpy().sum(axis=0)[:, None]
    (share_with, share_without), (with_draws, without_draws) = _shares(now), _shares(drawn)
    return {
        "n": len(rows),
        "events": int(now[0, 0]),
        "fell_with": int(now[1, 0]),
        "fell_without": int(now[3, 0] - now[1, 0]),
        "share_with": sc.estimate(float(share_with[0]), with_draws).as_json(),
        "share_without": sc.estimate(float(share_without[0]), without_draws).as_json(),
        "difference": sc.estimate(float((share_with - share_without)[0]), with_draws - without_draws).as_json(),
    }


def _shares(sums: Floats) -> tuple[Floats, Floats]:
    n_with, fell_with, n, fell = sums

    def share(top: Floats, bottom: Floats) -> Floats:
        return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)

    return share(fell_with, n_with), share(fell - fell_with, n - n_with)


def worth_table(rows_of: dict[str, pd.DataFrame], events: pd.DataFrame, *, n_draws: int) -> list[dict[str, Any]]:
    """Give one row per timing, slice and group of events: family alone, with each severity, and with each kind.

    Args:
        rows_of: resolved rows by horizon, with onset and is_major.
    """
    groups: list[tuple[str, str, str, pd.DataFrame]] = [
        ("both", "", "3", events[events["severity"].eq(3)]),
        ("both", "", "any", events),
    ]
    for family in FAMILIES:
        own = events[events["family"].eq(family)]
        groups.append((family, "", "any", own))
        groups += [(family, "", str(level), own[own["severity"].eq(level)]) for level in (3, 2, 1)]
        groups += [(family, str(kind), "any", part) for kind, part in own.groupby("kind")]
    table = []
    for timing, horizon in TIMINGS.items():
        rows = rows_of[horizon]
        for family, kind, severity, chosen in groups:
            has = having(rows, chosen, timing)
            about = {"timing": timing, "family": family, "kind": kind, "severity": severity}
            onset, major = rows["onset"].astype("bool"), rows["is_major"].astype("bool")
            for name, mask in (("all", rows["onset"].notna()), ("onset", onset), ("major", major)):
                # Kinds are few, so they are not cut by state.
                if name == "onset" and kind:
                    continue
                found = fell_with_and_without(rows[mask], has[mask], n_draws=n_draws)
                table.append(about | {"slice": name} | found)
    return table


def study(
    out: Path,
    *,
    first: int = FIRST,
    last: int = 2024,
    draws: int = 300,
    as_of: str | None = None,
    page: Path | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> EventWorth:
    """Measure what events are worth for `supply_drop`, and write the page and the figures below `out`.

    Args:
        first: year of the first origin, the Monday after 15 July.
        last: year of the last one.
        as_of: what is known for scoring; now by default.
        page: where to write the page a second time.

    Raises:
        BadInput: the store holds no measures or incidents.
        ConfigError: the origins are too early, or in the future.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = now if as_of is None else as_moment(as_of)
    origins = checked_origins(first, last, min(moment, now))
    store = open_store(settings, now=now, say=say)
    knowledge = Knowledge(store, moment, signals_named(["restrictions", "incidents"]))
    coverage = knowledge.tables["coverage"]
    claimed = coverage_from(coverage, pd.Series([pd.Timestamp(moment)]))
    if knowledge.tables["measures"].empty or claimed.isna().all():
        raise BadInput(
            where=str(store.folder),
            expected="measures and incidents",
            found="none",
            remedy="Take some in: oresight ingest events events.csv",
        )
    events = known_events(merged(knowledge.tables["measures"]), knowledge.tables["incidents"])
    panel = knowledge.panel([origin.as_of for origin in covered_origins(origins, coverage)])
    rows_of = {horizon: _resolved(panel, knowledge.labels, horizon) for horizon in dict.fromkeys(TIMINGS.values())}
    say(f"event worth: {len(rows_of['current_year']):,} pair-years, {len(events):,} events")
    table = worth_table(rows_of, events, n_draws=draws)
    pooled = _pooled(knowledge, origins, events, out, draws=draws, workers=settings.workers)
    result = {"about": _about(knowledge, first, last, draws), "table": table, "pooled": pooled}
    text = render_event_worth(result)
    out.mkdir(parents=True, exist_ok=True)
    (out / "event-worth.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_page(out / PAGE, text, page)
    return EventWorth(result, text)


def _resolved(panel: pd.DataFrame, labels: pd.DataFrame, horizon: str) -> pd.DataFrame:
    rows = labelled_rows(panel, labels, TARGET, horizon)
    columns = [*PAIR, "as_of", "target_year", "label", "onset", "is_major"]
    return rows.loc[rows["label"].notna(), columns].reset_index(drop=True)


def _pooled(
    knowledge: Knowledge, origins: Sequence[Origin], events: pd.DataFrame, out: Path, *, draws: int, workers: int
) -> list[dict[str, Any]]:
    """Give per slice AUC, who, when and Brier with measures and incidents, and how much they change them."""
    forecasts = {}
    for name, added in (("trade", []), ("events", ["restrictions", "incidents"])):
        of = knowledge if added else Knowledge(knowledge.store, knowledge.as_of, signals_named([]))
        plan = default_plan(of, origins, [TARGET], with_baselines=False, horizons=["current_year"])
        forecasts[name] = predict(of, plan, out / "backtests" / name, workers=workers, title=f"event worth: {name}")
    own, base = forecasts["events"], forecasts["trade"]
    slices = event_slices(own, events)
    rows = [{key: _json(value) for key, value in row.items()} for row in compare(own, base, slices, draws=draws)]
    brier = {name: _brier(own[mask], base, draws) for name, mask in slices.items()}
    return [row | {"brier": brier[row["slice"]]} for row in rows]


def event_slices(rows: pd.DataFrame, events: pd.DataFrame) -> dict[str, pd.Series]:
    """Give which forecasts belong to each slice of the pooled comparison, of two what was known at their date.

    Args:
        rows: mineral, supplier, as_of, onset and is_major.
        events: what `known_events` gave.
    """
    years = rows.assign(target_year=rows["as_of"].dt.year)
    return {
        "all": rows["onset"].notna(),
        "onset": rows["onset"].astype("bool"),
        "major": rows["is_major"].astype("bool"),
        "with an event beforehand": having(years, events, "before_same_year"),
        "with one of severity 3": having(years, events[events["severity"].eq(3)], "before_same_year"),
    }


def _json(value: Any) -> Any:
    # A cell of `compare` without an interval, as JSON has it.
    return {name: sc.finite(number) for name, number in value.items()} if isinstance(value, dict) else value


def _brier(own: pd.DataFrame, base: pd.DataFrame, draws: int) -> dict[str, Any]:
    both = own[own["label"].notna()].merge(base[[*ROW_KEY, "probability"]], on=ROW_KEY, suffixes=("", "_base"))
    label = both["label"].to_numpy(dtype="float64")
    mine, theirs = both["probability"].to_numpy(), both["probability_base"].to_numpy()
    year = both["as_of"].dt.year

    def gain(weights: Floats) -> Floats:
        return sc.brier_draws(label, mine, weights) - sc.brier_draws(label, theirs, weights)

    with_events = sc.block_bootstrap(partial(sc.brier_draws, label, mine), both["mineral"], year, n_draws=max(draws, 2))
    found = sc.block_bootstrap(gain, both["mineral"], year, n_draws=max(draws, 2))
    return {"value": with_events.as_json(), "change": found.as_json()}


def _about(knowledge: Knowledge, first: int, last: int, draws: int) -> dict[str, str]:
    return {
        "command": f"oresight event-worth --first {first} --last {last} --draws {draws} "
        f"--as-of {knowledge.as_of.date()} --out DIR",
        "signals": ", ".join(signal.name for signal in knowledge.signals),
        "data_digest": knowledge.digest,
        **tracking.provenance(),
    }
