"""What the system would have said in the year before past disruptions, misses included.

The disruptions are chosen by rule, not by hand: every tightening measure or incident of the highest severity and
confidence on record, for each mineral and supplier it names; of several within a year, the first. For
each, the forecast of every Monday of the 52 weeks before it became known is made again by a model that was trained
at the start of that Monday's quarter on what was known then. The forecast shown is that of the year which
holds the day half a year after the event takes effect: a measure of November bites in the next year.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import monday_on_or_before, quarter_monday
from features.measures import merged
from features.panel import feature_names
from ml.contract import tier_of
from ml.engine import run_partitions
from ml.forecasting import alert_of
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge
from ml.origins import EARLIEST_WEEK, training_dates
from ml.settings import Settings
from models.forecaster import Forecaster
from models.gradient_boosting import Parameters

__all__ = ["WEEKS", "disruptions", "hindcasts", "verdicts"]

WEEKS = 52
TARGET = "supply_drop"
BITES_AFTER = dt.timedelta(days=183)
WARNED_WEEKS = 4
PAIR = ["mineral", "supplier"]


def disruptions(measures: pd.DataFrame, incidents: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Choose the disruptions: severity 3, high confidence, tightening; the first of a pair within a year.

    Args:
        measures, incidents: every known version of the datasets.

    Returns:
        event_id, mineral, supplier, kind, title, known_at, target_year; in order of known_at. Only minerals with
        trade in the embedded figures are listed.
    """
    events = pd.concat([merged(measures)[incidents.columns], incidents], ignore_index=True)
    events = events.sort_values(["available_at", "event_id", "mineral"])
    events = events[events["severity"].eq(3) & events["confidence"].eq("high") & events["direction"].eq("tightening")]
    events = events.drop_duplicates(["event_id", "mineral"])
    traded = set(catalog.used_hs_codes().query("in_bundle")["mineral"])
    events = events[events["mineral"].isin(traded)]
    begins = events[["available_at", "effective_at"]].max(axis=1)
    events = events.assign(target_year=(begins + BITES_AFTER).dt.year, known_at=events["available_at"])
    chosen: list[pd.Series] = []
    last: dict[tuple[str, str], pd.Timestamp] = {}
    for _, event in events.iterrows():
        pair = (event["mineral"], event["supplier"])
        if pair not in last or event["known_at"] - last[pair] >= pd.Timedelta(days=365):
            chosen.append(event)
            last[pair] = event["known_at"]
    columns = ["event_id", *PAIR, "kind", "title", "known_at", "target_year"]
    return pd.DataFrame(chosen, columns=events.columns)[columns].reset_index(drop=True)


def weeks_before(known_at: pd.Timestamp, *, count: int = WEEKS) -> list[dt.datetime]:
    """Give the `count` Mondays at which the event was not yet known, oldest first."""
    last = monday_on_or_before(known_at.to_pydatetime())
    if last >= known_at:
        last -= dt.timedelta(days=7)
    return [last - dt.timedelta(days=7 * back) for back in reversed(range(count))]


@dataclass(frozen=True)
class Quarter:
    """One model and the weeks it forecasts."""

    cutoff: dt.datetime
    weeks: tuple[dt.datetime, ...]


def quarters_of(weeks: list[dt.datetime]) -> list[Quarter]:
    """Sort weeks by the quarter whose model forecasts them; weeks that can't be replayed are left out."""
    by_cutoff: dict[dt.datetime, list[dt.datetime]] = {}
    for week in sorted({week for week in weeks if week >= EARLIEST_WEEK}):
        by_cutoff.setdefault(max(quarter_monday(week), EARLIEST_WEEK), []).append(week)
    return [Quarter(cutoff, tuple(found)) for cutoff, found in by_cutoff.items()]


def hindcasts(
    knowledge: Knowledge, events: pd.DataFrame, folder: Path, settings: Settings
) -> tuple[pd.DataFrame, float]:
    """Forecast every event's pair in each of its weeks, with what was known then.

    Args:
        folder: intermediate tables lie here; it must exist.

    Returns:
        event_id, mineral, supplier, as_of, weeks_before, probability, p_low, p_high, base_rate, onset, tier, alert;
        no row for a week in which the pair was not tracked, or in which the target year was two years ahead. And the
        yardstick: the share of all major pairs that stood under an alert in those weeks.
    """
    quarters = quarters_of([week for known_at in events["known_at"] for week in weeks_before(known_at)])
    dates = training_dates(max(quarter.cutoff for quarter in quarters))
    knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC).to_parquet(folder / "panel.parquet")
    knowledge.labels.to_parquet(folder / "labels.parquet")
    for quarter in quarters:
        knowledge.panel(list(quarter.weeks)).to_parquet(folder / f"weeks-{quarter.cutoff.date()}.parquet")
    work = partial(_forecast_quarter, folder=folder, features=tuple(feature_names(knowledge.signals)))
    tables = [table for _, table in run_partitions(work, quarters, workers=settings.workers)]
    rows = pd.concat(tables, ignore_index=True)
    limits = (settings.tier_guarded, settings.tier_elevated, settings.tier_severe)
    rows = rows.assign(tier=tier_of(rows["probability"], limits))
    rows = rows.assign(alert=alert_of(rows))
    parts = []
    for event in events.itertuples():
        weeks = weeks_before(event.known_at)
        own = rows[rows["mineral"].eq(event.mineral) & rows["supplier"].eq(event.supplier)]
        own = own[own["as_of"].isin(weeks) & own["window_start"].dt.year.eq(event.target_year)]
        ahead = (pd.Timestamp(weeks[-1]) - own["as_of"]).dt.days // 7 + 1
        parts.append(own.assign(event_id=event.event_id, weeks_before=ahead).sort_values("as_of"))
    columns = ["event_id", *PAIR, "as_of", "weeks_before", "probability", "p_low", "p_high", "base_rate"]
    yardstick = float(rows.loc[rows["is_major"], "alert"].mean())
    return pd.concat(parts, ignore_index=True)[[*columns, "onset", "tier", "alert"]], yardstick


def _forecast_quarter(quarter: Quarter, *, folder: Path, features: tuple[str, ...]) -> pd.DataFrame:
    cutoff = pd.Timestamp(quarter.cutoff)
    panel = pd.read_parquet(folder / "panel.parquet")
    weeks = pd.read_parquet(folder / f"weeks-{quarter.cutoff.date()}.parquet")
    forecaster = Forecaster.fit(
        panel[panel["as_of"] < cutoff],
        pd.read_parquet(folder / "labels.parquet"),
        trained_as_of=cutoff,
        features=features,
        parameters=Parameters(),
        targets=[TARGET],
    )
    usable = weeks[weeks[forecaster.never_missing].notna().all(axis=1)].reset_index(drop=True)
    if usable.empty:
        return pd.DataFrame()
    rows = forecaster.predict_with_support(usable)
    return rows.merge(usable[[*PAIR, "as_of", "is_major"]], on=[*PAIR, "as_of"], validate="many_to_one")


def verdicts(events: pd.DataFrame, forecasts: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Say of each event what was forecast, and what came.

    Args:
        labels: every pair-year that is resolved today.

    Returns:
        `events` with ratio (exports of the target year over the mean of three years; missing while unresolved) and
        dropped; base_rate and onset of the last week; p_52, p_26, p_13, p_4, p_1 and first_alert (weeks before);
        verdict: "warned" (an alert four weeks before or earlier), "late" (only later), "missed" or "not tracked".
    """
    rows = []
    ratio = labels.set_index([*PAIR, "year"])["ratio"]
    for event in events.itertuples():
        own = forecasts[forecasts["event_id"].eq(event.event_id) & forecasts["mineral"].eq(event.mineral)]
        by_week = own.set_index("weeks_before")["probability"]
        alerts = own.loc[own["alert"], "weeks_before"]
        first = alerts.max() if len(alerts) else None
        found = ratio.get((event.mineral, event.supplier, event.target_year))
        row = {
            "ratio": found,
            "dropped": None if found is None else bool(found < 0.7),
            "base_rate": own["base_rate"].iloc[-1] if len(own) else None,
            "onset": bool(own["onset"].iloc[-1]) if len(own) else None,
            **{f"p_{weeks}": by_week.get(weeks) for weeks in (52, 26, 13, 4, 1)},
            "first_alert": first,
        }
        row["verdict"] = _verdict(len(own) > 0, first)
        rows.append(row)
    return events.reset_index(drop=True).join(pd.DataFrame(rows))


def _verdict(is_tracked: bool, first_alert: int | None) -> str:
    if not is_tracked:
        return "not tracked"
    if first_alert is None:
        return "missed"
    return "warned" if first_alert >= WARNED_WEEKS else "late"
