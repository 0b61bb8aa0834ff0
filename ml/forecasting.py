"""The forecast rows of one week: probabilities, abstentions, changes since last week, reasons.

`change` is split exactly: what new facts moved (`change_data`), what revisions of facts
known last week moved (`change_revision`), what another model moved (`change_model`).
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from features import datasets
from features.knowledge_time import Lag
from features.panel import all_steps, build_panel, datasets_needed, feature_names
from features.signals.declaration import Signal
from features.sources import baci
from ml.contract import EXPLANATION_COLUMNS, tier_of
from ml.knowledge import Knowledge
from ml.registry import Served
from ml.settings import Settings
from models.explanation import context_rows, driver_sentences, explanation_rows
from models.forecaster import Forecaster
from models.targets import MAX_IMPUTED_FRAC

__all__ = [
    "MAX_DISTANCE_FRAC",
    "MAX_STALE_YEARS",
    "NOT_PUBLISHED",
    "abstained_rows",
    "abstention_reasons",
    "alert_of",
    "expected_year",
    "forecast_week",
    "with_revisions_known",
]

# Datasets whose further versions are news, not corrections of what was said before.
EVENTS = (
    "measures",
    "incidents",
    "coverage",
    "news_links",
    "news_coverage",
    "political_events",
    "sanctions",
    "hazards",
)
WEEK = dt.timedelta(days=7)
GRACE = dt.timedelta(days=31)
# What a forecast was made from, and is not part of the published row; calibration_low goes once alerts are given.
NOT_PUBLISHED = ["raw_score", "calibration_high", "distance", "stale_years"]
# An alert needs more than a shaky supplier: the lower end of calibration lies this far above what is normal for it.
ALERT_TIMES_NORMAL = 1.25
# From origins 2006 to 2018 (docs/decisions/0026): from figures this many years older than any learned from, hardly any
# skill over the pair's history is left; and no pair had a larger share of its known features in the tails of training.
MAX_STALE_YEARS = 3
MAX_DISTANCE_FRAC = 1 / 3
KEY = ["target", "mineral", "supplier", "window_start"]


def forecast_week(
    knowledge: Knowledge, served: Served, settings: Settings, issued_before: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the forecast rows (without run_id and data_digest) and explanation rows of one week.

    Args:
        issued_before: the published forecasts of the week before, None when there are none.
    """
    as_of, forecaster, panel = knowledge.as_of, served.forecaster, knowledge.current_panel
    reasons = abstention_reasons(panel, forecaster)
    usable = panel[reasons.isna()].reset_index(drop=True)
    rows = forecaster.predict_with_support(usable).drop(columns=NOT_PUBLISHED)
    rows = rows.merge(_last_week(knowledge, served, issued_before), on=KEY, how="left", validate="one_to_one")
    rows = _with_change(rows, served.version)
    limits = (settings.tier_guarded, settings.tier_elevated, settings.tier_severe)
    rows = rows.assign(
        tier=tier_of(rows["probability"], limits),
        abstained=False,
        reason=pd.Series(None, index=rows.index, dtype="str"),
    )
    rows = rows.merge(usable[["mineral", "supplier", "is_major"]], on=["mineral", "supplier"], validate="many_to_one")
    rows = rows.assign(alert=alert_of(rows)).drop(columns=["is_major", "calibration_low"])
    explanations = _explanations(served, usable)
    rows = rows.merge(_drivers(explanations, usable), on=["target", "horizon", "mineral", "supplier"], how="left")
    changes = ("probability_previous", "change", "change_data", "change_revision", "change_model")
    held = abstained_rows(panel, reasons, forecaster)
    held = held.assign(**dict.fromkeys(changes, np.nan), **dict.fromkeys(("driver_1", "driver_2", "driver_3")))
    rows = pd.concat([rows, held], ignore_index=True)
    facts = panel[["mineral", "supplier", "stage", "trade_known_at", "trade_last_year"]]
    rows = rows.merge(facts, on=["mineral", "supplier"], validate="many_to_one")
    rows = rows.assign(
        stale=rows["trade_last_year"] < expected_year(as_of), model_name=forecaster.name, model_version=served.version
    )
    rows = rows.rename(columns={"trade_known_at": "data_as_of"}).drop(columns="trade_last_year")
    rank = rows["probability"].fillna(-1.0).rank(ascending=False, method="first")
    order = rows.assign(rank=rank).sort_values(["target", "horizon", "rank"], ascending=[False, True, True])
    return order.drop(columns="rank").reset_index(drop=True), explanations


def alert_of(rows: pd.DataFrame) -> pd.Series:
    """Tell which rows are alerts: a major pair, elevated or severe, clearly above what is normal for it.

    Clearly is by the lower end of calibration's own interval, not of the published one: that one is as wide as whole
    years stray, which says nothing of this pair against its normal (docs/decisions/0026).

    Args:
        rows: is_major, tier, base_rate, and calibration_low; p_low where a table has no such column.
    """
    low = rows["calibration_low"] if "calibration_low" in rows else rows["p_low"]
    is_raised = low > ALERT_TIMES_NORMAL * rows["base_rate"]
    return rows["is_major"] & rows["tier"].isin(["elevated", "severe"]) & is_raised


def expected_year(as_of: dt.datetime) -> int:
    """Give the newest year of trade that should be known at `as_of`; rows that know less are stale."""
    lag = baci.SPEC.lag
    return lag.newest_year(as_of - GRACE) if isinstance(lag, Lag) else 0


def abstention_reasons(panel: pd.DataFrame, forecaster: Forecaster) -> pd.Series:
    """Say per row why no forecast is given; missing where one is."""
    reasons = pd.Series(None, index=panel.index, dtype="str")
    imputed = panel["trade_imputed"] > MAX_IMPUTED_FRAC
    reasons = reasons.mask(imputed, "more than half of the last known year's value has an imputed quantity")
    gaps = panel[forecaster.never_missing].isna()
    for name in gaps.columns[gaps.any()]:
        reasons = reasons.mask(gaps[name] & reasons.isna(), f"{name} is unknown, which it never was in training")
    support = forecaster.support_of(panel).set_index(panel.index)
    stale, distance = support["stale_years"], support["distance"]
    age = panel["trade_data_age_years"]
    reasons = _masked(reasons, stale > MAX_STALE_YEARS, age, "the last known trade year is {:.0f} years back, too old")
    words = "{:.0%} of what is known about the pair lies outside of what the model learned from"
    return _masked(reasons, distance > MAX_DISTANCE_FRAC, distance, words)


def _masked(reasons: pd.Series, where: pd.Series, value: pd.Series, words: str) -> pd.Series:
    at = where & reasons.isna()
    if not at.any():
        return reasons
    return reasons.mask(at, value[at].map(words.format).reindex(reasons.index))


def with_revisions_known(table: pd.DataFrame, key: list[str], *, since: pd.Timestamp) -> tuple[pd.DataFrame, int]:
    """Give what was known at `since`, with later revisions of those facts as if they had been known then.

    Returns:
        The rows, and how many of them are revisions.
    """
    known = table[table["available_at"] <= since]
    later = table[table["available_at"] > since]
    is_revision = pd.MultiIndex.from_frame(later[key]).isin(pd.MultiIndex.from_frame(known[key]))
    revised = later[is_revision].sort_values("available_at").drop_duplicates(key, keep="last")
    if revised.empty:
        return known, 0
    untouched = ~pd.MultiIndex.from_frame(known[key]).isin(pd.MultiIndex.from_frame(revised[key]))
    first = known[~untouched].groupby(key, sort=False)["available_at"].max().rename("moment").reset_index()
    revised = revised.merge(first, on=key).assign(available_at=lambda rows: rows["moment"]).drop(columns="moment")
    return pd.concat([known[untouched], revised], ignore_index=True), len(revised)


def _last_week(knowledge: Knowledge, served: Served, issued_before: pd.DataFrame | None) -> pd.DataFrame:
    """Give per pair and window: last week by this model, the same with revisions, and what was issued."""
    before = knowledge.as_of - WEEK
    signals = _signals_of(knowledge, served)
    then = _predict(knowledge.panel([before], signals=signals), served).rename(columns={"probability": "p_before"})
    revised = _revised_panel(knowledge, served, before)
    if revised is None:
        then = then.assign(p_revised=then["p_before"])
    else:
        again = _predict(revised, served).rename(columns={"probability": "p_revised"})
        then = then.merge(again, on=KEY, how="left").assign(
            p_revised=lambda rows: rows["p_revised"].fillna(rows["p_before"])
        )
    issued = pd.DataFrame(columns=[*KEY, "p_issued", "version_before"])
    if issued_before is not None:
        issued = issued_before[[*KEY, "probability", "model_version"]]
        issued = issued.rename(columns={"probability": "p_issued", "model_version": "version_before"})
    issued = issued.astype({"window_start": "datetime64[us, UTC]", "p_issued": "float64"})
    # What was issued counts also where this model or later data would no longer give it.
    known = then.merge(issued, on=KEY, how="outer")
    known = known.assign(p_before=known["p_before"].fillna(known["p_issued"]))
    return known.assign(p_revised=known["p_revised"].fillna(known["p_before"]))


def _signals_of(knowledge: Knowledge, served: Served) -> list[Signal]:
    # Only what the model sees can move its forecast.
    return [signal for signal in knowledge.signals if signal.name in ("trade", *served.signals)]


def _predict(panel: pd.DataFrame, served: Served) -> pd.DataFrame:
    usable = panel[abstention_reasons(panel, served.forecaster).isna()].reset_index(drop=True)
    return served.forecaster.predict(usable)[[*KEY, "probability"]]


def _revised_panel(knowledge: Knowledge, served: Served, before: dt.datetime) -> pd.DataFrame | None:
    signals = _signals_of(knowledge, served)
    tables, revisions = {}, 0
    for name in datasets_needed(signals):
        table = knowledge.tables[name]
        key = list(datasets.dataset(name).key)
        # An event's end is news about it; so are a further report and a stronger storm.
        if name in EVENTS:
            tables[name] = table[table["available_at"] <= pd.Timestamp(before)]
            continue
        tables[name], count = with_revisions_known(table, key, since=pd.Timestamp(before))
        revisions += count
    if not revisions:
        return None
    return build_panel(all_steps(tables, knowledge.catalog, signals), knowledge.catalog, [before], signals)


def _with_change(rows: pd.DataFrame, version: str) -> pd.DataFrame:
    # Issued by this very model: what differs from the recomputation is late data, not the model.
    was_issued = rows["p_issued"].notna()
    same_model = rows["version_before"].eq(version)
    previous = rows["p_issued"].where(was_issued, rows["p_before"])
    change_model = (rows["p_before"] - previous).where(~same_model, 0.0)
    change_revision = rows["p_revised"] - rows["p_before"]
    change = rows["probability"] - previous
    change_data = change - change_revision - change_model
    known = previous.notna()
    return rows.assign(
        probability_previous=previous,
        change=change,
        change_data=change_data,
        change_revision=change_revision.where(known),
        change_model=change_model.where(known),
    ).drop(columns=["p_before", "p_revised", "p_issued", "version_before"])


def _explanations(served: Served, usable: pd.DataFrame) -> pd.DataFrame:
    used = set(served.forecaster.features)
    others = [name for name in feature_names() if name in usable.columns and name not in used]
    # A family without facts here has nothing to say about any pair.
    others = [name for name in others if usable[name].notna().any()]
    tables = []
    for target, horizon in served.forecaster.forecasts:
        for booster, rows in served.forecaster.boosters_for(usable, target, horizon):
            parts = [explanation_rows(booster, rows), context_rows(others, rows)]
            both = pd.concat(parts, ignore_index=True).sort_values(["mineral", "supplier"], kind="stable")
            tables.append(both.assign(target=target, horizon=horizon))
    # Where every pair abstains there is nothing to explain.
    return pd.concat(tables, ignore_index=True) if tables else _nothing(EXPLANATION_COLUMNS).drop(columns="run_id")


def _drivers(explanations: pd.DataFrame, usable: pd.DataFrame) -> pd.DataFrame:
    tables = [
        driver_sentences(part.drop(columns=["target", "horizon"]), usable).assign(target=target, horizon=horizon)
        for (target, horizon), part in explanations.groupby(["target", "horizon"], sort=False)
    ]
    names = ["target", "horizon", "mineral", "supplier", "driver_1", "driver_2", "driver_3"]
    return pd.concat(tables, ignore_index=True) if tables else _nothing(dict.fromkeys(names, "str"))


def _nothing(columns: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def abstained_rows(panel: pd.DataFrame, reasons: pd.Series, forecaster: Forecaster) -> pd.DataFrame:
    """Give the rows of the pairs of `panel` that have a reason: window, onset and base rate, and no probability."""
    held = panel[reasons.notna()].reset_index(drop=True)
    why = reasons[reasons.notna()].reset_index(drop=True)
    rows = forecaster.frame_of(held)
    times = len(rows) // max(len(held), 1)
    return rows.assign(
        **dict.fromkeys(["probability", "p_low", "p_high"], np.nan),
        tier=pd.Series(None, index=rows.index, dtype="str"),
        alert=False,
        abstained=True,
        reason=np.tile(why.to_numpy(), times),
    )
