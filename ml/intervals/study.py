"""The study of intervals from start to finish: forecasts from every origin, coverage, abstention, alerts, a page."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import UTC
from ml import tracking
from ml.asked import asked_moment
from ml.backtest import default_plan
from ml.forecasting import MAX_DISTANCE_FRAC, MAX_STALE_YEARS
from ml.intervals import ages
from ml.intervals.alert_bounds import alert_table
from ml.intervals.coverage import coverage_table, slices_of
from ml.intervals.page import CHART, render_page, risk_chart
from ml.intervals.risk_coverage import ORDERS, area, curve, gain_over_random, support_scores
from ml.knowledge import Knowledge, open_store, signals_named
from ml.registry import champion_signals
from ml.results import without_nan, write_page, write_text
from ml.settings import load_settings
from ml.studies import checked_origins, predict

__all__ = ["CHOSEN_UNTIL", "PAGE", "IntervalStudy", "measured", "study"]

PAGE = "intervals.md"
# Settings were chosen on origins up to this one; those after it were looked at once.
CHOSEN_UNTIL = 2018
MAIN = ("supply_drop", "current_year")


@dataclass(frozen=True)
class IntervalStudy:
    """Everything measured, as JSON would have it, and the page."""

    result: dict[str, Any]
    page: str


def study(
    out: Path,
    *,
    first: int = 2006,
    last: int = 2024,
    draws: int = 300,
    as_of: str | None = None,
    page: Path | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> IntervalStudy:
    """Forecast from each yearly origin, measure intervals, and write predictions, JSON, page and chart to `out`.

    Origins that were finished there before are taken again.

    Args:
        draws: bootstrap draws for what abstaining gains.
        as_of: what is known for scoring; now by default. Each origin still learns only from its own past.
        page: where to write the page a second time, with its chart beside it.

    Raises:
        ConfigError: the origins are too early, or after the date of knowledge.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = asked_moment(as_of, now=now)
    origins = checked_origins(first, last, moment)
    store = open_store(settings, now=now, say=say)
    names = champion_signals(store, moment)
    knowledge = Knowledge(store, moment, signals_named(names))
    plan = default_plan(knowledge, origins, with_baselines=False)
    predictions = predict(knowledge, plan, out, workers=settings.workers, title="intervals")
    say("intervals: forecasts from older figures")
    aged = ages.aged_forecasts(knowledge, origins, plan.features, workers=settings.workers)
    about = {
        "command": f"oresight intervals --first {first} --last {last} --draws {draws} --as-of {moment.date()} "
        "--out DIR",
        "origins": f"{first} to {last}, the Monday after {plan.day}",
        "signals": ", ".join(names),
        "data_digest": knowledge.digest,
        "chosen_until": CHOSEN_UNTIL,
        **tracking.provenance(),
    }
    result = without_nan({"about": about, **measured(predictions, aged, knowledge.catalog, n_draws=draws)})
    text = render_page(result)
    write_text(out / "intervals.json", json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_page(out / PAGE, text, page)
    write_page(out / CHART, risk_chart(result["risk_coverage"]["orders"]), page.parent / CHART if page else None)
    return IntervalStudy(result, text)


def measured(predictions: pd.DataFrame, aged: pd.DataFrame, catalog: Catalog, *, n_draws: int) -> dict[str, Any]:
    """Give every table of the study from forecasts of the champion and from those made from older figures.

    Args:
        predictions: what `run_backtest` gave.
        aged: what `ages.aged_forecasts` gave.
    """
    rows = scored(predictions, catalog)
    parts = {(target, horizon): part for (target, horizon), part in rows.groupby(["target", "horizon"])}
    main = parts[MAIN]
    early, late = main[main["origin"] <= CHOSEN_UNTIL], main[main["origin"] > CHOSEN_UNTIL]
    spans = {f"origins to {CHOSEN_UNTIL}": early, f"origins after {CHOSEN_UNTIL}": late, "all": main}
    return {
        "coverage": [
            {"target": target, "horizon": horizon, "span": name, **coverage_table(part[own])[0]}
            for (target, horizon), part in parts.items()
            for name, own in (
                (f"to {CHOSEN_UNTIL}", part["origin"] <= CHOSEN_UNTIL),
                (f"after {CHOSEN_UNTIL}", part["origin"] > CHOSEN_UNTIL),
                ("all", part["origin"] > 0),
            )
            if own.any()
        ],
        "by_year": coverage_table(main, main["year"]),
        "by_slice": [coverage_table(part)[0] | {"group": name} for name, part in slices_of(main).items() if len(part)],
        "by_mineral": coverage_table(main, main["mineral"]),
        "by_age": {name: ages.age_table(part) for name, part in _spans(aged).items() if len(part)},
        "risk_coverage": {
            "orders": {name: _order(main, name) for name in ORDERS},
            "gains": {
                span: {name: gain_over_random(part, support_scores(part)[name], n_draws=n_draws) for name in ORDERS}
                for span, part in spans.items()
                if len(part)
            },
        },
        "abstained": {
            "max_stale_years": MAX_STALE_YEARS,
            "max_distance_frac": MAX_DISTANCE_FRAC,
            "rows": len(main),
            "withheld": int((main["distance"] > MAX_DISTANCE_FRAC).sum()),
            "largest_distance": {span: float(part["distance"].max()) for span, part in spans.items() if len(part)},
        },
        "alerts": {span: alert_table(part) for span, part in _spans(rows).items() if len(part)},
    }


def scored(predictions: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Give the champion's forecasts that have an outcome, with year (of the target), origin and stage."""
    rows = predictions[predictions["label"].notna() & predictions["distance"].notna()]
    stage = {mineral: catalog.mineral(mineral).stage for mineral in rows["mineral"].unique()}
    return rows.assign(
        year=rows["window_start"].dt.year, origin=rows["as_of"].dt.year, stage=rows["mineral"].map(stage)
    ).reset_index(drop=True)


def _spans(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    is_early = rows["as_of"].dt.year <= CHOSEN_UNTIL
    return {f"origins to {CHOSEN_UNTIL}": rows[is_early], f"origins after {CHOSEN_UNTIL}": rows[~is_early]}


def _order(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    points = curve(rows, support_scores(rows)[name])
    return {"words": ORDERS[name], "points": points, "area": {each: area(points, each) for each in ("brier", "skill")}}
