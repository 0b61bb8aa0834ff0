"""The weekly batch: one as_of in, one published run out; whole or not at all.

A run is written into a folder aside and renamed into `runs/`; then `current.json` is
swapped. The run's id comes from the week, the data, the model, the settings and the
run before, so the same inputs give the same run, byte for byte.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from features.exports import known_exports
from features.knowledge_time import UTC, iso_week
from ml import registry, tracking
from ml.contract import COLUMNS, EXPLANATION_COLUMNS, check_forecasts, conform
from ml.drift import record
from ml.drift.publish import html_section, metrics
from ml.drift.week import check_week, issued_before, summary
from ml.forecasting import forecast_week
from ml.knowledge import Knowledge, open_store
from ml.ledger.issued import record_run
from ml.locks import only_one
from ml.publish.weekly_report import render_weekly_report
from ml.runs import Run, is_held_back, point_current, previous_run, published, sha256_of
from ml.settings import Settings
from ml.shadow import run_shadow

__all__ = ["MEASURED", "run_week"]

FORMAT_VERSION = 2
# Written by ml.model_card from a backtest; the page quotes it.
MEASURED = Path(__file__).parent / "measured_skill.json"
Say = Callable[[str], None]


def run_week(
    settings: Settings,
    as_of: dt.datetime,
    *,
    now: dt.datetime,
    say: Say,
    accept: tuple[str, str] | None = None,
) -> tuple[Run, bool]:
    """Forecast the week of `as_of` and publish it.

    A run whose data look wrong (`ml.drift`) is written, but does not become current.

    Args:
        accept: why a run that would be held back may pass, and who says so.

    Returns:
        The run, and whether it was made now (False: the same run had been published before).

    Raises:
        ContractError: the tables break the contract; nothing was published.
        OresightError: another weekly job is running.
    """
    # Not `weekly.lock`, which schedulers hold with flock(1) while they start this job.
    busy = f"another weekly job is using {settings.home}; wait for it to end"
    with only_one(settings.home / ".weekly", otherwise=busy):
        _clear_leftovers(settings)
        store = open_store(settings, now=now, say=say)
        served = registry.model_for_week(settings, store, as_of, now=now, say=say)
        before = previous_run(settings, as_of)
        digest = store.digest(as_of=as_of)
        run_id = _run_id(settings, as_of, digest, served.version, before)
        run = Run(settings.runs / run_id)
        if (run.folder / "run.json").exists():
            say(f"Week {iso_week(as_of)} with the same data and model is published already")
            _accept(run, accept, now=now)
            point_current(settings)
            record_run(settings, run, now=now)  # unless it is there: a kill may have come between the two
            return run, False
        say(f"Forecasting {iso_week(as_of)} ({as_of.date()}) with model {served.version}")
        # Every family is shown, also those the model gives no weight.
        knowledge = Knowledge(store, as_of)
        forecasts, explanations = forecast_week(knowledge, served, settings, before.forecasts() if before else None)
        forecasts = conform(forecasts.assign(run_id=run_id, data_digest=digest), COLUMNS)
        explanations = conform(explanations.assign(run_id=run_id), EXPLANATION_COLUMNS)
        check_forecasts(forecasts)
        drift = check_week(
            knowledge,
            forecasts,
            signals=served.signals,
            trained_as_of=served.trained_as_of,
            issued_before=issued_before(published(settings), as_of),
        )
        is_live = as_of + dt.timedelta(days=7) > now
        about = _about(run_id, as_of, now, served, digest, forecasts, is_live=is_live)
        about["drift"] = summary(drift)
        aside = settings.runs / f".{run_id}.part"
        aside.mkdir(parents=True)
        say("Writing tables and report")
        _write(settings, aside, forecasts, explanations, about, knowledge, drift)
        aside.replace(run.folder)
        _accept(run, accept, now=now)
        if is_held_back(run.about):
            say(f"Held back, the run before stays current: {about['drift']['stops'][0]}")
        point_current(settings)
        record_run(settings, run, now=now)
        if is_live:
            ids = {"run_id": run_id, "data_digest": digest, "champion": served.version}
            run_shadow(settings, knowledge, as_of, **ids, now=now, say=say)
    say("Logging the run to MLflow")
    _log(settings, run, served.registered_as)
    return run, True


def _accept(run: Run, accept: tuple[str, str] | None, *, now: dt.datetime) -> None:
    if accept is not None:
        why, by = accept
        record.accept(run.folder, why=why, by=by, now=now)


def _run_id(settings: Settings, as_of: dt.datetime, digest: str, version: str, before: Run | None) -> str:
    limits = (settings.tier_guarded, settings.tier_elevated, settings.tier_severe)
    about = [as_of.isoformat(), digest, version, limits, before.run_id if before else None, FORMAT_VERSION]
    return f"{iso_week(as_of)}-{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:10]}"


def _about(
    run_id: str,
    as_of: dt.datetime,
    now: dt.datetime,
    served: registry.Served,
    digest: str,
    forecasts: pd.DataFrame,
    *,
    is_live: bool,
) -> dict:
    drop = forecasts[forecasts["target"].eq("supply_drop") & forecasts["horizon"].eq("current_year")]
    return {
        "run_id": run_id,
        "as_of": as_of.date().isoformat(),
        "week": iso_week(as_of),
        "kind": "live" if is_live else "hindcast",
        "created_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "model_version": served.version,
        "registered_as": served.registered_as,
        "model_alias": served.alias,
        "promotion_line": served.promotion_line,
        "trained_as_of": served.trained_as_of.date().isoformat(),
        "signals": list(served.signals),
        "data_digest": digest,
        "rows": len(forecasts),
        "pairs": len(drop),
        "abstained": int(forecasts["abstained"].sum()),
        "stale": int(forecasts["stale"].sum()),
        "tiers": {str(key): int(value) for key, value in drop["tier"].value_counts().items()},
    }


def _write(
    settings: Settings,
    folder: Path,
    forecasts: pd.DataFrame,
    explanations: pd.DataFrame,
    about: dict,
    knowledge: Knowledge,
    drift: pd.DataFrame,
) -> None:
    record.write(folder, drift)
    forecasts.to_parquet(folder / "forecasts.parquet", index=False, compression="zstd")
    forecasts.to_csv(folder / "forecasts.csv", index=False, date_format="%Y-%m-%d")
    explanations.to_parquet(folder / "explanations.parquet", index=False, compression="zstd")
    history = known_exports(knowledge.exports, pd.Timestamp(knowledge.as_of))
    data_as_of = {
        name: table["available_at"].max().date().isoformat() for name, table in knowledge.tables.items() if len(table)
    }
    # The page says nothing of the clock, so that it too is the same for the same run.
    meta = {key: value for key, value in about.items() if key != "created_at"} | {"data_as_of": data_as_of}
    meta["drift"] = html_section(drift)
    meta["scores"] = json.loads(MEASURED.read_text()) if MEASURED.exists() else None
    meta["tier_limits"] = {
        "guarded": settings.tier_guarded,
        "elevated": settings.tier_elevated,
        "severe": settings.tier_severe,
    }
    page = render_weekly_report(forecasts, explanations, meta, history[["mineral", "supplier", "year", "tonnes"]])
    (folder / "report.html").write_text(page)
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    (folder / "run.json").write_text(json.dumps({**about, "files": files}, indent=2) + "\n")


def _log(settings: Settings, run: Run, registered_as: str) -> None:
    about = run.about
    with tracking.mlflow_at(settings) as mlflow:
        params = {key: about[key] for key in ("as_of", "kind", "model_version", "data_digest", "trained_as_of")}
        tags = {"run_id": run.run_id, "registered_as": registered_as}
        with tracking.parent_run(mlflow, f"weekly {about['week']}", params, tags):
            counts = {f"tier_{tier}": count for tier, count in about["tiers"].items()}
            mlflow.log_metrics({"pairs": about["pairs"], "abstained": about["abstained"], **counts})
            drift = record.load(run.folder)
            mlflow.log_metrics({} if drift is None else metrics(drift))
            for name in ("forecasts.csv", "report.html", "run.json", record.FILE):
                mlflow.log_artifact(str(run.folder / name))


def _clear_leftovers(settings: Settings) -> None:
    # What a killed run left aside was never published; it goes.
    for path in settings.runs.glob(".*.part"):
        shutil.rmtree(path)
