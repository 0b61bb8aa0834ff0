"""Every past week replayed as if issued then, into a ledger of its own that is never mixed with issued forecasts.

A week is forecast by the model that `oresight weekly --as-of` would train for it in a home without a champion:
one that knew what was known on the Monday that began its quarter (`registry.model_for_week`). Three things make
fifteen years quick, and none changes a byte:

- What was known at a date does not depend on later facts (docs/decisions/0001), so one set of step functions
  gives the panels of all weeks.
- Yearly figures settle outcomes once a year, so most quarters learn from exactly the rows of the quarter before.
  Quarters with the same training rows, outcomes, features and settings share one fit.
- The digests of all weeks come from one pass over each dataset.

A quarter is one batch. Batches that are in the ledger are not made again; fitted models are kept as text.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from features.knowledge_time import iso_week, quarter_monday
from features.panel import feature_names
from features.store import Store
from ml.engine import run_partitions
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, signals_named
from ml.ledger.chain import Ledger
from ml.ledger.digests import digests_at
from ml.ledger.entries import entry_rows
from ml.ledger.replay import forecast_weeks
from ml.origins import training_dates
from ml.registry import champion_signals
from ml.registry.model_contract import contract_of
from ml.settings import Settings
from models.forecaster import Forecaster
from models.gradient_boosting import Parameters

__all__ = ["Hindcast", "hindcast_ledger", "run_hindcast"]

# 2: intervals that adapt, and abstention (docs/decisions/0026); models and batches of before are made again.
FORMAT_VERSION = 2
Say = Callable[[str], None]
Limits = tuple[float, float, float]


@dataclass(frozen=True)
class Quarter:
    """One batch: the weeks of a quarter that are to be replayed, and what tells it apart from any other."""

    cutoff: dt.datetime
    weeks: tuple[dt.datetime, ...]
    digests: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Partition:
    """Quarters that share one fit; what a worker gets, beside the folder."""

    key: str
    quarters: tuple[Quarter, ...]
    features: tuple[str, ...]
    signals: tuple[str, ...]


@dataclass(frozen=True)
class Hindcast:
    """What a replay did."""

    weeks: int
    rows_added: int
    quarters_added: int
    quarters_kept: int
    fits: int


def hindcast_ledger(settings: Settings) -> Ledger:
    """Give the ledger of replayed forecasts, apart from that of issued ones."""
    return Ledger(settings.home / "hindcast")


def run_hindcast(
    settings: Settings,
    store: Store,
    weeks: Sequence[dt.datetime],
    *,
    now: dt.datetime,
    say: Say,
    parameters: Parameters | None = None,
) -> Hindcast:
    """Replay `weeks` (Mondays, oldest first) and add what is not there yet to the hindcast ledger.

    Args:
        now: the clock, for the record only.
        parameters: the model's; its defaults when None.

    Raises:
        OresightError: another process is replaying into this home.
    """
    ledger, parameters = hindcast_ledger(settings), parameters or Parameters()
    with ledger.writing() as writer:
        say(f"Reading what was known in each of {len(weeks)} weeks")
        quarters = _quarters(settings, store, weeks, parameters)
        todo = [quarter for quarter in quarters if quarter.name not in writer.known]
        kept = len(quarters) - len(todo)
        if kept:
            say(f"{kept} of {len(quarters)} quarters are in the ledger already")
        if not todo:
            return Hindcast(len(weeks), 0, 0, kept, 0)
        scratch = ledger.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        for path in (ledger.folder / "models").glob(".*.part"):
            shutil.rmtree(path, ignore_errors=True)
        partitions = _prepare(store, todo, parameters, scratch, say)
        work = partial(_replay, folder=ledger.folder, parameters=parameters, limits=_limits(settings), now=now)
        added = 0
        for quarter, rows in _in_order(partitions, run_partitions(work, partitions, workers=settings.workers)):
            about = {"cutoff": quarter.cutoff.date().isoformat(), "model_version": rows["model_version"].iloc[0]}
            writer.append(quarter.name, rows, recorded_at=now, about=about)
            added += len(rows)
            done = f"{quarter.weeks[0].date()} to {quarter.weeks[-1].date()}"
            say(f"Replayed {done}: {len(quarter.weeks)} weeks, {len(rows):,} forecasts, model {about['model_version']}")
        shutil.rmtree(scratch)
    return Hindcast(len(weeks), added, len(todo), kept, len(partitions))


def _limits(settings: Settings) -> Limits:
    return settings.tier_guarded, settings.tier_elevated, settings.tier_severe


def _quarters(settings: Settings, store: Store, weeks: Sequence[dt.datetime], parameters: Parameters) -> list[Quarter]:
    of_cutoff: dict[dt.datetime, list[dt.datetime]] = {}
    for week in weeks:
        of_cutoff.setdefault(quarter_monday(week), []).append(week)
    digests = digests_at(store, [*weeks, *of_cutoff])
    found = []
    for cutoff, own in of_cutoff.items():
        signals = champion_signals(store, cutoff)
        of_week = tuple(digests[week] for week in own)
        about = [
            [week.isoformat() for week in own],
            of_week,
            digests[cutoff],
            signals,
            # Code that learns from other features makes other forecasts of the same facts.
            contract_of(signals).digest,
            asdict(parameters),
            _limits(settings),
            FORMAT_VERSION,
        ]
        digest = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:10]
        found.append(Quarter(cutoff, tuple(own), of_week, f"hindcast-{cutoff.date()}-{digest}"))
    return found


def _prepare(store: Store, todo: Sequence[Quarter], parameters: Parameters, scratch: Path, say: Say) -> list[Partition]:
    # Panels and outcomes once, for the workers to read; quarters that learn from the same rows go together.
    newest = todo[-1].weeks[-1]
    knowledge = Knowledge(store, newest, signals_named(champion_signals(store, newest)))
    say("Building the panels")
    training = knowledge.panel(training_dates(todo[-1].cutoff), min_share=TRAINING_SHARE_FRAC)
    training.to_parquet(scratch / "training.parquet")
    knowledge.labels.to_parquet(scratch / "labels.parquet")
    together: dict[tuple[str, tuple[str, ...]], list[Quarter]] = {}
    for quarter in todo:
        knowledge.panel(quarter.weeks).to_parquet(scratch / f"{quarter.name}.parquet")
        signals = champion_signals(store, quarter.cutoff)
        key = _training_key(training, knowledge.labels, quarter.cutoff, signals, parameters)
        together.setdefault((key, signals), []).append(quarter)
    return [
        Partition(key, tuple(quarters), tuple(feature_names(signals_named(signals))), signals)
        for (key, signals), quarters in together.items()
    ]


def _training_key(
    training: pd.DataFrame,
    labels: pd.DataFrame,
    cutoff: dt.datetime,
    signals: Sequence[str],
    parameters: Parameters,
) -> str:
    # A digest of all that a fit at `cutoff` sees: rows of years with an outcome, the outcomes, features, settings.
    moment = pd.Timestamp(cutoff)
    settled = labels[labels["resolved_at"] <= moment]
    is_learned = (training["as_of"] < moment) & (training["as_of"].dt.year <= settled["year"].max())
    rows = training.loc[is_learned, ["mineral", "supplier", "as_of", *feature_names(signals_named(signals))]]
    digest = hashlib.sha256(json.dumps([list(signals), asdict(parameters), FORMAT_VERSION]).encode())
    for table in (rows, settled):
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def _replay(
    partition: Partition, *, folder: Path, parameters: Parameters, limits: Limits, now: dt.datetime
) -> list[pd.DataFrame]:
    # In a worker: one fit, then every quarter's rows.
    scratch = folder / "scratch"
    fitted = _fitted(partition, folder / "models" / partition.key, scratch, parameters)
    tables = []
    for quarter in partition.quarters:
        # The date is part of what is saved, and so of the version.
        moment = pd.Timestamp(quarter.cutoff)
        forecaster = Forecaster(fitted.parts, fitted.histories, moment, fitted.features)
        with tempfile.TemporaryDirectory(prefix="oresight-model-") as once:
            version = forecaster.save(Path(once))
        panel = pd.read_parquet(scratch / f"{quarter.name}.parquet")
        rows = forecast_weeks(panel, forecaster, limits=limits)
        digests = dict(zip(map(pd.Timestamp, quarter.weeks), quarter.digests, strict=True))
        names = {pd.Timestamp(week): f"hindcast-{iso_week(week)}-{quarter.name[-10:]}" for week in quarter.weeks}
        rows = rows.assign(
            run_id=rows["as_of"].map(names), data_digest=rows["as_of"].map(digests), model_version=version
        )
        tables.append(entry_rows(rows, issued_at=now, kind="hindcast"))
    return tables


def _fitted(partition: Partition, kept: Path, scratch: Path, parameters: Parameters) -> Forecaster:
    if kept.exists():
        return Forecaster.load(kept)
    cutoff = pd.Timestamp(partition.quarters[0].cutoff)
    training = pd.read_parquet(scratch / "training.parquet")
    fitted = Forecaster.fit(
        training[training["as_of"] < cutoff].reset_index(drop=True),
        pd.read_parquet(scratch / "labels.parquet"),
        trained_as_of=cutoff,
        features=list(partition.features),
        parameters=parameters,
    )
    kept.parent.mkdir(parents=True, exist_ok=True)
    # A worker of a replay that was killed may still be at work on the same model.
    aside = kept.with_name(f".{kept.name}.{os.getpid()}.part")
    fitted.save(aside)
    try:
        aside.replace(kept)
    except OSError:
        if not kept.exists():
            raise
        shutil.rmtree(aside)
    # Read back, so that a kept model and a new one are the same also in what text does not keep.
    return Forecaster.load(kept)


def _in_order(
    partitions: Sequence[Partition], done: Iterator[tuple[Partition, list[pd.DataFrame]]]
) -> Iterator[tuple[Quarter, pd.DataFrame]]:
    # The chain is the same for any number of workers: what is ready early waits for its turn.
    ready: dict[str, list[pd.DataFrame]] = {}
    waiting = list(partitions)
    for partition, tables in done:
        ready[partition.key] = tables
        while waiting and waiting[0].key in ready:
            first = waiting.pop(0)
            yield from zip(first.quarters, ready.pop(first.key), strict=True)
