"""The study of new export measures from start to finish: read measures, forecast, score, write, log to MLflow."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features import panel
from features.catalog import load_catalog
from features.errors import BadInput, ConfigError
from features.knowledge_time import UTC
from features.store import Store
from ml import restriction_backtest as backtest
from ml import tracking
from ml.asked import known_moment
from ml.knowledge import Knowledge, open_store, signals_named
from ml.page_tables import page_as_html
from ml.restriction_report import render_onset_report
from ml.restriction_scores import CHAMPION, score_onsets
from ml.results import write_page, write_predictions
from ml.settings import Settings, load_settings
from models.gradient_boosting import GradientBoosting
from models.restriction_onset import HORIZONS_WEEKS, TARGET, coverage_from
from models.restriction_phrases import onset_phrase

__all__ = ["PAGE", "SIGNALS", "OnsetStudy", "study"]

# Chosen on forecasts of 2012 to 2016 (docs/decisions/0019); `ml.restriction_scores.HELD_OUT_FROM` follows from it.
SIGNALS = ("governance", "restrictions")
FIRST_POSSIBLE = 2010
PAGE = "restriction-onset.md"
SHOWN, REASONS = 10, 3


@dataclass(frozen=True)
class OnsetStudy:
    """Every forecast, the scores, and the page as Markdown."""

    predictions: pd.DataFrame
    scores: dict[str, Any]
    page: str


def study(
    out: Path,
    *,
    first: int = 2012,
    draws: int = 100,
    signals: Sequence[str] | None = None,
    as_of: str | None = None,
    log: bool = True,
    page: Path | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> OnsetStudy:
    """Forecast new export measures since the first Monday of year `first`, score them, and write all below `out`.

    Args:
        signals: feature families of the champion; `SIGNALS` by default. The second booster has all with facts.
        as_of: what is known for scoring; now by default. Each origin still learns only from its own past.
        page: where to write the page a second time.

    Raises:
        BadInput: the store holds no measures, or nothing tells from when on they are complete.
        ConfigError: `first` leaves nothing to learn from, `as_of` is in the future, or an unknown signal.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = known_moment(as_of, now=now)
    if not FIRST_POSSIBLE <= first <= moment.year:
        raise ConfigError(f"the first year {first} is not between {FIRST_POSSIBLE} and {moment.year}")
    names = SIGNALS if signals is None else tuple(signals)
    store = open_store(settings, now=now, say=say)
    knowledge = Knowledge(store, moment, signals_named([*names, *with_facts(store, moment)]))
    claimed = coverage_from(knowledge.tables["coverage"], pd.Series([pd.Timestamp(moment)]))
    if knowledge.tables["measures"].empty or claimed.isna().all():
        raise BadInput(
            where=str(store.folder),
            expected="measures, and from when on their table is complete",
            found="none",
            remedy="Take some in: oresight ingest events events.csv",
        )
    facts = backtest.gather(knowledge, backtest.forecast_dates(first, moment))
    dates, plan = backtest.origins(first, moment), backtest.plan_for(knowledge, names)
    say(f"restriction onset: {len(dates)} origins, {int(facts.rows['is_forecast'].sum()):,} rows to forecast")
    with tempfile.TemporaryDirectory() as scratch:
        predictions = backtest.run(
            facts, dates, plan, moment=pd.Timestamp(moment), folder=Path(scratch), workers=settings.workers
        )
    if predictions["label"].notna().sum() == 0:
        raise ConfigError(f"no forecast since {first} can be scored by {moment.date()}; choose an earlier first year")
    limits = (settings.tier_guarded, settings.tier_elevated, settings.tier_severe)
    scores = score_onsets(predictions, facts.acts, limits=limits, n_draws=draws)
    meta = _about(knowledge, names, first=first, draws=draws, given=signals)
    text = render_onset_report(scores, meta, newest_reasons(facts, dates, plan, predictions))
    _write(out, predictions, scores, text, page)
    if log:
        _log(settings, out, scores, meta)
    return OnsetStudy(predictions, scores, text)


def with_facts(store: Store, moment: dt.datetime) -> list[str]:
    """Name the feature families all of whose datasets hold anything known at `moment`."""
    return [
        signal.name
        for signal in panel.SIGNALS
        if all(store.newest(name, as_of=moment) is not None for name in signal.needs)
    ]


def newest_reasons(
    facts: backtest.Facts,
    origins: Sequence[backtest.OnsetOrigin],
    plan: backtest.OnsetPlan,
    predictions: pd.DataFrame,
) -> list[dict[str, str]]:
    """Give the highest forecasts of the newest date at the longest window, with what speaks for each most."""
    horizon = list(HORIZONS_WEEKS)[-1]
    own = predictions[predictions["model"].eq(CHAMPION) & predictions["horizon"].eq(horizon)]
    if own.empty:
        return []
    date = own["as_of"].max()
    top = own[own["as_of"].eq(date)].nlargest(SHOWN, "probability", keep="first")
    origin = max(origin for origin in origins if pd.Timestamp(origin.as_of) <= date)
    learn = backtest.learned_from(facts, pd.Timestamp(origin.as_of), horizon)
    booster, _ = backtest.fit_champion(learn, plan).parts()
    rows = facts.rows[facts.rows["is_forecast"] & facts.rows["as_of"].eq(date)]
    rows = top[["mineral", "supplier"]].merge(rows, on=["mineral", "supplier"], validate="one_to_one")
    catalog = load_catalog()
    return [
        {
            "as_of": str(date.date()),
            "mineral": catalog.mineral(row["mineral"]).name_en,
            "supplier": catalog.country(row["supplier"]).name_en,
            "probability": f"{100 * row['probability']:.1f} %",
            "state": "free" if row["onset"] else "restricted",
            "reasons": "; ".join(onset_phrase(name, value) for name, value in strongest),
        }
        for row, strongest in zip(top.to_dict("records"), _strongest(booster, rows), strict=True)
    ]


def _strongest(booster: GradientBoosting, rows: pd.DataFrame) -> list[list[tuple[str, float]]]:
    # Per row the features that raise its score most, with their values.
    contributions, _ = booster.contributions(rows)
    names = list(booster.features)
    found = []
    for (_, row), parts in zip(rows.iterrows(), contributions, strict=True):
        order = np.argsort(-parts, kind="stable")[:REASONS]
        found.append([(names[at], float(row[names[at]])) for at in order if parts[at] > 0])
    return found


def _about(
    knowledge: Knowledge, champion: Sequence[str], *, first: int, draws: int, given: Sequence[str] | None
) -> dict[str, str]:
    coverage = knowledge.tables["coverage"]
    bounds = (
        coverage[coverage["dataset"].eq("measures")].sort_values("available_at").drop_duplicates("bound", keep="last")
    )
    spans = ", ".join(f"{row.bound} {row.bound_at.date()}" for row in bounds.itertuples())
    sources = knowledge.tables["measures"].groupby("source")["event_id"].nunique()
    chosen = f" --signals {','.join(given)}" if given else ""
    return {
        "command": f"oresight restriction-onset --first {first} --draws {draws}{chosen} "
        f"--as-of {knowledge.as_of.date()} --out DIR",
        "table of measures": f"{spans}; " + ", ".join(f"{n:,} acts of {name}" for name, n in sources.items()),
        "families of oresight": ", ".join(champion),
        "families of the second booster": ", ".join(signal.name for signal in knowledge.signals),
        "settings": ", ".join(f"{key}={value}" for key, value in asdict(backtest.PARAMETERS).items()),
        "data_digest": knowledge.digest,
        **tracking.provenance(),
    }


def _write(out: Path, predictions: pd.DataFrame, scores: dict[str, Any], text: str, page: Path | None) -> None:
    write_predictions(out, predictions)
    (out / "scores.json").write_text(json.dumps(scores, indent=1, allow_nan=False) + "\n")
    (out / "report.html").write_text(page_as_html(text))
    write_page(out / PAGE, text, page)


def _log(settings: Settings, out: Path, scores: dict[str, Any], meta: dict[str, str]) -> None:
    metrics = {}
    for horizon, of in scores["table"]["targets"][TARGET].items():
        for name in ("all", "onset", "continuation"):
            for metric, found in of["slices"][name]["models"][CHAMPION].items():
                for suffix, value in (("", "value"), ("_low", "low"), ("_high", "high")):
                    if found[value] is not None and np.isfinite(found[value]):
                        metrics[f"{TARGET}.{horizon}.{name}.{metric}{suffix}"] = found[value]
    about = {"kind": "restriction_onset"}
    with tracking.mlflow_at(settings) as mlflow, tracking.parent_run(mlflow, "restriction onset", meta, about):
        mlflow.log_metrics(metrics)
        for path in sorted(out.iterdir()):
            mlflow.log_artifact(str(path))
