"""The track record: how good the forecasts of a ledger turned out to be, per kind, event and slice.

Kinds are never mixed: each has a section of its own, and only `live` forecasts make a headline. What is scored
is said in `ml.ledger.leads` (each window once per lead), the figures in `ml.ledger.record_scores`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ml.knowledge import Knowledge
from ml.ledger.entries import KINDS
from ml.ledger.kept_record import HEADLINE_LEAD
from ml.ledger.leads import LEADS, at_leads, with_baselines
from ml.ledger.record_scores import Sample, figures, reliability
from ml.ledger.resolution import count_outcomes
from ml.score_table import ALERT_BUDGET_FRAC, MIN_OF_EACH_CLASS

__all__ = ["NEEDED", "build_record", "warning_times"]

Json = dict[str, Any]
# What is read of the ledger: weekly rows are many.
NEEDED = [
    "kind",
    "as_of",
    "issued_at",
    "target",
    "horizon",
    "window_end",
    "mineral",
    "supplier",
    "probability",
    "base_rate",
    "onset",
    "alert",
    "abstained",
    "data_as_of",
]
AGES = {0: "under 3 months", 3: "3 to 5 months", 6: "6 to 8 months", 9: "9 to 11 months", 12: "a year or more"}
A_MONTH = pd.Timedelta(days=30.4375)


def build_record(resolved: pd.DataFrame, knowledge: Knowledge, *, n_draws: int = 300) -> Json:
    """Give the record of resolved ledger rows as plain JSON.

    Args:
        resolved: what `resolve` gave for `once_each` rows with the columns `NEEDED`.
        knowledge: with the signal `trade`.
        n_draws: bootstrap draws for the intervals.

    Returns:
        as_of, rules (in words), and kinds: {kind: {target: {warnings, horizons: {horizon: {outcomes, scores}}}}};
        scores are None where nothing is scored yet.
    """
    led = at_leads(resolved[~resolved["abstained"]])
    scored = led[led["state"].eq("scored")]
    scored = with_baselines(scored, knowledge) if len(scored) else scored
    kinds: Json = {}
    for count in count_outcomes(resolved):
        key = {name: count[name] for name in ("kind", "target", "horizon")}
        own = scored[_is(scored, key)]
        of_target = kinds.setdefault(key["kind"], {}).setdefault(key["target"], {"horizons": {}})
        of_target["horizons"][key["horizon"]] = {
            "outcomes": {**count, "void_rate": _void_rate(led[_is(led, key)])},
            "scores": _scores(own, n_draws=n_draws) if len(own) else None,
        }
    for kind, targets in kinds.items():
        for target, part in targets.items():
            part["warnings"] = warning_times(resolved[_is(resolved, {"kind": kind, "target": target})])
    return {
        "as_of": knowledge.as_of.date().isoformat(),
        "rules": {
            "scored": f"each window once per lead: the forecast of the Monday after 15 {', '.join(LEADS)} (or, if "
            f"missing, of the next); the {HEADLINE_LEAD} lead unless said otherwise",
            "insufficient": f"fewer than {MIN_OF_EACH_CLASS} events or {MIN_OF_EACH_CLASS} others: too few to be read",
            "interval": f"95 %, {n_draws} draws of a bootstrap over minerals and target years as blocks",
            "alert_budget": f"the {ALERT_BUDGET_FRAC:.0%} of each date's forecasts with the highest probability",
            "outcome": "on the first release of a year's figures; the latest figures are counted beside it",
        },
        "kinds": {kind: kinds[kind] for kind in KINDS if kind in kinds},
    }


def _is(rows: pd.DataFrame, key: dict[str, str]) -> pd.Series:
    found = pd.Series(True, index=rows.index)
    for name, value in key.items():
        found &= rows[name].eq(value)
    return found


def _scores(rows: pd.DataFrame, *, n_draws: int) -> Json:
    every = Sample.of(rows, n_draws=n_draws)
    first = every.take(every.rows["lead"].eq(HEADLINE_LEAD))
    label, p = (first.rows[name].to_numpy(dtype="float64") for name in ("label", "probability"))
    slices = [
        {"slice": name, "value": value, **figures(part)} for name, value, part in _slices(first, every, n_draws=n_draws)
    ]
    windows = {"lead": HEADLINE_LEAD, "reliability": reliability(label, p)}
    base = first.rows["base_rate"].to_numpy(dtype="float64")
    return {**windows, "reliability_pair_history": reliability(label, base), "all": figures(first), "slices": slices}


def _slices(first: Sample, every: Sample, *, n_draws: int) -> Iterator[tuple[str, str, Sample]]:
    onset = first.rows["onset"].astype(bool)
    yield "state", "onset", first.take(onset)
    yield "state", "continuation", first.take(~onset)
    for lead in LEADS:
        if (at := every.rows["lead"].eq(lead)).any():
            yield "lead", lead, every.take(at)
    ages = _ages(every.rows)
    for age in AGES.values():
        if (at := ages.eq(age)).any():
            yield "age_of_data", age, every.take(at)
    groups = {"year": first.rows["window_end"].dt.year.astype("str")}
    groups |= {name: first.rows[name] for name in ("mineral", "supplier")}
    for name, values in groups.items():
        for value in sorted(values.unique()):
            # Of one mineral or one year there is one block: it is drawn always, and the other kind of block varies.
            yield name, str(value), Sample.of(first.rows[values.eq(value)], n_draws=n_draws)


def _ages(rows: pd.DataFrame) -> pd.Series:
    months = ((rows["as_of"] - rows["data_as_of"]) / A_MONTH).to_numpy()
    at = np.searchsorted(list(AGES), months, side="right") - 1
    return pd.Series(np.array(list(AGES.values()))[at.clip(0)], index=rows.index)


def _void_rate(rows: pd.DataFrame) -> float | None:
    # Of the windows of the headline lead for which a probability was given and the figures are out.
    resolved = rows[rows["lead"].eq(HEADLINE_LEAD) & rows["is_resolved"]]
    return float(resolved["state"].eq("void").mean()) if len(resolved) else None


def warning_times(resolved: pd.DataFrame) -> Json:
    """Say how early the first alert of a window came, over all weekly forecasts of one kind and target, both horizons.

    Returns:
        windows scored, with the event, of these ever alerted, and of those without the event ever alerted; false
        windows per hit; over the hits, days (quartiles) from the first alert to the end of the window and to the
        figures that confirmed the event, and the share that was alerted before the window began.
    """
    rows = resolved[resolved["state"].eq("scored")]
    key = ["mineral", "supplier", "window_end"]
    windows = rows.groupby(key, as_index=False).agg(label=("label", "first"), resolved_at=("resolved_at", "first"))
    alerts = rows[rows["alert"].astype(bool)].groupby(key, as_index=False).agg(first_alert=("as_of", "min"))
    windows = windows.merge(alerts, on=key, how="left")
    came, alerted = windows["label"].eq(1), windows["first_alert"].notna()
    hits, false = windows[came & alerted], int((~came & alerted).sum())
    starts = pd.to_datetime(hits["window_end"].dt.year.astype("str") + "-01-01", utc=True)
    return {
        "windows": len(windows),
        "events": int(came.sum()),
        "events_alerted": len(hits),
        "false_windows": false,
        "false_windows_per_hit": false / len(hits) if len(hits) else None,
        "days_to_window_end": _quartiles(hits["window_end"] - hits["first_alert"]),
        "days_to_figures": _quartiles(hits["resolved_at"] - hits["first_alert"]),
        "before_window_frac": float((hits["first_alert"] < starts).mean()) if len(hits) else None,
    }


def _quartiles(spans: pd.Series) -> Json | None:
    if spans.empty:
        return None
    low, middle, high = np.percentile(spans.dt.days, [25, 50, 75])
    return {"lower_quartile": float(low), "median": float(middle), "upper_quartile": float(high)}
