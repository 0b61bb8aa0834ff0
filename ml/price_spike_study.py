"""The price-spike study from start to finish: read prices, forecast, score, write, log to MLflow."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import load_catalog
from features.collection.vintages import read_vintages
from features.errors import BadInput, ConfigError
from features.knowledge_time import UTC
from features.store import Store
from ml import price_spike_backtest as backtest
from ml import tracking
from ml.asked import known_moment
from ml.charts import reliability_chart, to_svg
from ml.knowledge import open_store
from ml.page_tables import page_as_html
from ml.price_spike_report import render_spike_report
from ml.price_spike_scores import METRICS, aligned_spikes, score_spikes
from ml.results import write_predictions
from ml.settings import Settings, load_settings
from models.price_spikes import HORIZONS_WEEKS

__all__ = ["SpikeStudy", "study"]

FIRST_POSSIBLE = 1990


@dataclass(frozen=True)
class SpikeStudy:
    """Every forecast, the scores, and the report as Markdown."""

    predictions: pd.DataFrame
    scores: dict[str, Any]
    report: str


def study(
    out: Path,
    *,
    first: int = 2006,
    draws: int = 300,
    as_of: str | None = None,
    log: bool = True,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> SpikeStudy:
    """Forecast price spikes from every month since January of `first`, score them, and write all below `out`.

    Args:
        as_of: what is known for scoring; now by default. Each origin still learns only from its own past.

    Raises:
        BadInput: the store holds no prices.
        ConfigError: `first` leaves too little to learn from, or `as_of` is in the future.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = known_moment(as_of, now=now)
    if not FIRST_POSSIBLE <= first <= moment.year:
        raise ConfigError(f"the first year {first} is not between {FIRST_POSSIBLE} and {moment.year}")
    store = open_store(settings, now=now)
    table = store.history("prices", as_of=moment)
    if table.empty:
        raise BadInput(
            where=str(store.folder),
            expected="prices",
            found="none",
            remedy="Take some in: oresight ingest pink_sheet CMO-Historical-Data-Monthly.xlsx",
        )
    dates = [date for date in backtest.forecast_dates(backtest.FIRST_TRAINING_YEAR, moment.year) if date <= moment]
    rows = backtest.spike_rows(table, load_catalog(), dates)
    chosen = backtest.origins(first, moment)
    say(
        f"price spikes: {len(chosen)} origins, {len(rows['13w']):,} rows of {rows['13w']['mineral'].nunique()} minerals"
    )
    with tempfile.TemporaryDirectory() as scratch:
        predictions = backtest.run(rows, chosen, folder=Path(scratch), workers=settings.workers)
    scores = score_spikes(predictions, n_draws=draws)
    meta = _about(store, table, first=first, draws=draws, moment=moment)
    report = render_spike_report(scores, meta)
    _write(out, predictions, scores, report)
    if log:
        _log(settings, out, scores, meta)
    return SpikeStudy(predictions, scores, report)


def _about(store: Store, table: pd.DataFrame, *, first: int, draws: int, moment: dt.datetime) -> dict[str, str]:
    about = {"command": f"oresight price-spikes --first {first} --draws {draws} --as-of {moment.date()} --out DIR"}
    for source, newest in table.groupby("source")["starts_on"].max().items():
        releases = [each.released for each in read_vintages(store, str(source)) if each.released]
        dates = ", ".join(str(released.date()) for released in releases if released <= moment)
        about[f"prices of {source}"] = f"to {newest:%Y-%m}, releases {dates or 'of unknown date'}"
    return about | {
        "data_digest": store.digest(as_of=moment),
        "settings": ", ".join(f"{key}={value}" for key, value in asdict(backtest.PARAMETERS).items()),
        **tracking.provenance(),
    }


def _write(out: Path, predictions: pd.DataFrame, scores: dict[str, Any], report: str) -> None:
    write_predictions(out, predictions)
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    (out / "report.md").write_text(report)
    (out / "report.html").write_text(page_as_html(report))
    for horizon in HORIZONS_WEEKS:
        facts, probability = aligned_spikes(predictions, horizon)
        if facts.empty:
            continue
        chart = reliability_chart(facts["label"].to_numpy(), probability, title=f"Price spike within {horizon}")
        (out / f"reliability-{horizon}.svg").write_text(to_svg(chart))


def _log(settings: Settings, out: Path, scores: dict[str, Any], meta: dict[str, str]) -> None:
    metrics = {}
    for horizon, of in scores["horizons"].items():
        for metric in METRICS:
            for suffix, value in of["slices"]["all"]["models"]["lightgbm"][metric].items():
                if value is not None:
                    metrics[f"price_spike.{horizon}.all.{metric}" + ("" if suffix == "value" else f"_{suffix}")] = value
    about = {"kind": "price_spikes"}
    with tracking.mlflow_at(settings) as mlflow, tracking.parent_run(mlflow, "price spikes", meta, about):
        mlflow.log_metrics(metrics)
        for path in sorted(out.iterdir()):
            mlflow.log_artifact(str(path))
