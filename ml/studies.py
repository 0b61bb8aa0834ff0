"""Backtests and ablations from start to finish: run, score, write, report, log to MLflow."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from features.errors import ConfigError
from features.knowledge_time import UTC, as_moment
from ml import registry, tracking
from ml.backtest import Plan, default_plan, run_backtest
from ml.backtest_report import render_backtest_report
from ml.charts import precision_recall_chart, reliability_chart, roc_chart, to_svg
from ml.knowledge import Knowledge, open_store, signals_named
from ml.origins import JULY, DayOfYear, Origin, yearly_origins
from ml.results import write_predictions
from ml.score_table import aligned, markdown_table, score_predictions
from ml.scores import brier, roc_auc
from ml.settings import Settings, load_settings
from ml.target_studies import OWN
from models.targets import TARGETS

__all__ = ["BacktestResult", "backtest", "checked_origins", "predict"]


@dataclass(frozen=True)
class BacktestResult:
    """The scores, the compact table and every forecast of a backtest."""

    predictions: pd.DataFrame
    scores: dict[str, Any]
    table: str


def backtest(
    out: Path,
    *,
    targets: Sequence[str] | None = None,
    first: int = 2006,
    last: int = 2024,
    draws: int = 300,
    signals: Sequence[str] | None = None,
    as_of: str | None = None,
    log: bool = True,
    home: Path | None = None,
    title: str = "backtest",
    day: DayOfYear = JULY,
    workers: int | None = None,
) -> BacktestResult:
    """Run a rolling-origin backtest, score it, and write predictions, scores and report below `out`.

    Args:
        as_of: what is known for scoring; today by default. Each origin still learns only from its own past.
        day: origins and training rows are the Mondays after this day.
        workers: how many processes fit; the setting's when None.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    unknown = [name for name in targets or () if name not in TARGETS]
    if unknown:
        known = ", ".join([*TARGETS, *OWN])
        raise ConfigError(f"unknown target(s) {', '.join(unknown)}; there are {known}")
    moment = now if as_of is None else as_moment(as_of)
    store = open_store(settings, now=now)
    names = tuple(signals) if signals is not None else registry.champion_signals(store, moment)
    knowledge = Knowledge(store, moment, signals_named(names))
    plan = default_plan(knowledge, checked_origins(first, last, moment, day=day), targets, day=day)
    predictions = predict(knowledge, plan, out, workers=workers or settings.workers, title=title)
    scores = score_predictions(predictions, n_draws=draws, seed=0)
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    meta = {
        "origins": f"{first} to {last}, the Monday after {day}",
        "data_digest": knowledge.digest,
        "signals": ", ".join(signal.name for signal in knowledge.signals),
        "command": f"oresight backtest --first {first} --last {last} --draws {draws} --signals {','.join(names)}"
        + "".join(f" --target {name}" for name in targets or ())
        + f" --as-of {moment.date()} --out DIR",
        **tracking.provenance(),
    }
    (out / "report.html").write_text(render_backtest_report(predictions, scores, meta))
    if log:
        _log(settings, out, plan, predictions, scores, meta, title)
    return BacktestResult(predictions, scores, markdown_table(scores))


def checked_origins(first: int, last: int, moment: dt.datetime, *, day: DayOfYear = JULY) -> list[Origin]:
    """Give the yearly origins, or raise `ConfigError` where one is too early to learn for or lies after `moment`."""
    origins = yearly_origins(first, last, day=day)
    if first < 2004:
        raise ConfigError(f"origin {first} is too early: five resolved target years are needed, so 2004 is the first")
    if origins[-1].as_of > moment:
        begun = moment.year if day.monday(moment.year) <= moment else moment.year - 1
        raise ConfigError(f"origin {last} is after {moment.date()}; the last one that has begun is {begun}")
    return origins


def predict(knowledge: Knowledge, plan: Plan, out: Path, *, workers: int, title: str) -> pd.DataFrame:
    """Run the origins of `plan`, show how far it is, and keep all forecasts in `out/predictions.parquet`."""
    digest = f"{knowledge.digest}+{knowledge.trade_years_early}"
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=len(plan.origins))

        def on_origin(origin: Origin, table: pd.DataFrame, was_kept: bool) -> None:
            progress.advance(task)
            if not console.is_terminal:
                kept = " (kept from before)" if was_kept else ""
                console.print(f"{title}: origin {origin.as_of.date()}, {len(table):,} forecasts{kept}", soft_wrap=True)

        predictions = run_backtest(
            knowledge, plan, data_digest=digest, folder=out, workers=workers, on_origin=on_origin
        )
    write_predictions(out, predictions)
    return predictions


def _flat_metrics(scores: dict[str, Any]) -> dict[str, float]:
    # MLflow compares runs by flat names: supply_drop.current_year.onset.roc_auc, with _low and _high.
    flat = {}
    for target, horizons in scores["targets"].items():
        for horizon, part in horizons.items():
            for name in ("all", "onset", "continuation"):
                metrics = part["slices"].get(name, {}).get("models", {}).get("lightgbm", {})
                for metric, cell in metrics.items():
                    for suffix, value in (("", "value"), ("_low", "low"), ("_high", "high")):
                        if cell[value] is not None:
                            flat[f"{target}.{horizon}.{name}.{metric}{suffix}"] = cell[value]
    return flat


def _log(
    settings: Settings,
    out: Path,
    plan: Plan,
    predictions: pd.DataFrame,
    scores: dict[str, Any],
    meta: dict[str, str],
    title: str,
) -> None:
    with tracking.mlflow_at(settings) as mlflow:
        params = {**asdict(plan.parameters), "features": len(plan.features), **meta}
        with tracking.parent_run(mlflow, title, params, {"kind": "backtest"}):
            mlflow.log_metrics(_flat_metrics(scores))
            for name in ("scores.json", "report.html", "predictions.parquet"):
                mlflow.log_artifact(str(out / name))
            for name in ("model-card.md", "codebook.md"):
                path = tracking.ROOT / "docs" / name
                if path.exists():
                    mlflow.log_artifact(str(path))
            mlflow.log_text(markdown_table(scores), "scores.md")
            for name, svg in _figures(predictions).items():
                mlflow.log_text(svg, f"figures/{name}.svg")
            champion = predictions[predictions["model"].eq("lightgbm")]
            for as_of, part in champion.groupby("as_of"):
                _log_origin(mlflow, as_of, part)


def _figures(predictions: pd.DataFrame) -> dict[str, str]:
    # The three figures one compares between runs; the report holds all.
    figures = {}
    onset = predictions[predictions["onset"] & predictions["label"].notna()]
    for (target, horizon), part in onset.groupby(["target", "horizon"]):
        facts, probability = aligned(part)
        label = facts["label"].to_numpy()
        for name, chart in (
            ("reliability", reliability_chart),
            ("roc", roc_chart),
            ("precision-recall", precision_recall_chart),
        ):
            title = f"{target}, {horizon}, onset"
            figures[f"{target}-{horizon}-{name}"] = to_svg(chart(label, probability, title=title))
    return figures


def _log_origin(mlflow: Any, as_of: pd.Timestamp, part: pd.DataFrame) -> None:
    with mlflow.start_run(run_name=f"origin {as_of.date()}", nested=True):
        metrics: dict[str, float] = {}
        for (target, horizon), rows in part[part["label"].notna()].groupby(["target", "horizon"]):
            label, probability = rows["label"].to_numpy(), rows["probability"].to_numpy()
            values = {"roc_auc": roc_auc(label, probability), "brier": brier(label, probability), "n": len(rows)}
            metrics |= {f"{target}.{horizon}.{name}": float(value) for name, value in values.items() if value == value}
        mlflow.log_params({"as_of": as_of.date().isoformat()})
        mlflow.log_metrics(metrics)
