"""Which forecaster serves a week: the champion, or for a past week one that knew no more than that week.

Models live in MLflow's registry under one name; the alias `champion` is the one that
serves new weeks. A model may serve a week only if it was trained by then. Every
promotion is also a line in our own append-only `promotions.jsonl`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput, ConfigError
from features.knowledge_time import UTC, as_moment, quarter_monday
from features.panel import feature_names
from features.store import Store
from ml import tracking
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, signals_named
from ml.origins import EARLIEST_WEEK, training_dates
from ml.settings import Settings
from models.forecaster import Forecaster, version_of
from models.gradient_boosting import Parameters

__all__ = ["CHAMPION_SIGNALS", "MODEL_NAME", "Served", "champion_signals", "model_for_week", "train"]

MODEL_NAME = "oresight"
ALIAS = "champion"
# Families that earned their place in the ablation (docs/model-card.md); the others are shown without weight. Those
# whose data are not embedded count once their facts have been collected or ingested.
CHAMPION_SIGNALS = ("trade", "mirror_trade")
REQUIREMENTS = ("lightgbm", "pandas", "numpy", "scikit-learn", "venn-abers", "pyarrow", "duckdb")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Served:
    """A forecaster and what it is."""

    forecaster: Forecaster
    version: str
    trained_as_of: dt.datetime
    signals: tuple[str, ...]
    registered_as: str


def champion_signals(store: Store, as_of: dt.datetime) -> tuple[str, ...]:
    """Give the families of `CHAMPION_SIGNALS` for which anything was known at `as_of`."""
    needs = {signal.name: signal.needs for signal in signals_named(CHAMPION_SIGNALS)}
    return tuple(
        name
        for name in CHAMPION_SIGNALS
        if name == "trade" or all(store.newest(dataset, as_of=as_of) is not None for dataset in needs[name])
    )


def _fingerprint(signals: Sequence[str], parameters: Parameters) -> str:
    about = {"signals": list(signals), "parameters": asdict(parameters), "version": 2}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def model_for_week(settings: Settings, store: Store, as_of: dt.datetime, *, now: dt.datetime, say: Say) -> Served:
    """Give the forecaster that serves `as_of`; train and register one where there is none.

    The champion serves every week from its training on. For an earlier week a model is trained that knew
    only what was known at the start of that week's quarter; it gets no alias.
    """
    is_live = as_of + dt.timedelta(days=7) > now
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        champion = _by_alias(client)
        if champion is not None and as_moment(champion.tags["trained_as_of"][:10]) <= as_of:
            lacks = set(champion_signals(store, as_of)) - set(champion.tags["signals"].split(","))
            if lacks:
                names = ", ".join(sorted(lacks))
                say(f"The champion was trained without {names}; `oresight train --promote` takes it in")
            return _load(mlflow, champion)
        cutoff = quarter_monday(as_of)
        digest = store.digest(as_of=cutoff)
        wanted = {
            "trained_as_of": cutoff.date().isoformat(),
            "data_digest": digest,
            "fingerprint": _fingerprint(champion_signals(store, cutoff), Parameters()),
        }
        for found in _versions(client):
            if all(found.tags.get(key) == value for key, value in wanted.items()):
                served = _load(mlflow, found)
                if champion is None and is_live:
                    _promote(settings, served.registered_as, served.version, reason="no champion yet", now=now)
                return served
    say(f"No model may serve {as_of.date()}: training one on what was known on {cutoff.date()}")
    return train(settings, store, cutoff, promote=champion is None and is_live, now=now, say=say)


def train(
    settings: Settings,
    store: Store,
    trained_as_of: dt.datetime,
    *,
    promote: bool,
    now: dt.datetime,
    say: Say,
    signals: Sequence[str] | None = None,
    reason: str = "no champion yet",
) -> Served:
    """Train on what was known at `trained_as_of`, register the model, and make it champion if `promote`."""
    signals = champion_signals(store, trained_as_of) if signals is None else signals
    knowledge = Knowledge(store, trained_as_of, signals_named(signals))
    dates = training_dates(trained_as_of)
    if trained_as_of < EARLIEST_WEEK:
        raise ConfigError(f"{trained_as_of.date()} is too early to train for; the first week is {EARLIEST_WEEK.date()}")
    say(f"Building the panel of {len(dates)} training dates")
    panel = knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC)
    features = feature_names(knowledge.signals)
    say(f"Fitting on {len(panel):,} rows and {len(features)} features")
    parameters = Parameters()
    forecaster = Forecaster.fit(
        panel,
        knowledge.labels,
        trained_as_of=pd.Timestamp(trained_as_of),
        features=features,
        parameters=parameters,
    )
    tags = {
        "trained_as_of": trained_as_of.date().isoformat(),
        "data_digest": knowledge.digest,
        "fingerprint": _fingerprint(signals, parameters),
        "signals": ",".join(signals),
    }
    say("Registering the model")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "forecaster"
        version = forecaster.save(folder)
        registered = _register(settings, folder, panel, forecaster, {**tags, "version": version}, parameters)
    if promote:
        _promote(settings, registered, version, reason=reason, now=now)
    return Served(forecaster, version, trained_as_of, tuple(signals), registered)


def _register(
    settings: Settings,
    folder: Path,
    panel: pd.DataFrame,
    forecaster: Forecaster,
    tags: dict[str, str],
    parameters: Parameters,
) -> str:
    with tracking.mlflow_at(settings) as mlflow:
        # Signature and requirements are given: letting MLflow infer them takes half a minute.
        signature = _signature(panel.tail(5), forecaster)
        requirements = [f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS]
        with tracking.parent_run(mlflow, f"train {tags['trained_as_of']}", asdict(parameters), tags):
            mlflow.log_metrics({"rows": len(panel), "features": len(forecaster.features)})
            logged = mlflow.pyfunc.log_model(
                name="forecaster",
                python_model=str(Path(__file__).parent / "serving.py"),
                artifacts={"forecaster": str(folder)},
                signature=signature,
                pip_requirements=requirements,
            )
        registered = mlflow.register_model(logged.model_uri, MODEL_NAME, tags=tags)
        return str(registered.version)


def _signature(sample: pd.DataFrame, forecaster: Forecaster) -> Any:
    # Inferred from a few rows it would refuse gaps they happen not to have, and moments with a time zone.
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    keys = [ColSpec(DataType.string, "mineral"), ColSpec(DataType.string, "supplier"), ColSpec(AnyType(), "as_of")]
    features = [ColSpec(DataType.double, name, required=False) for name in forecaster.features]
    outputs = infer_signature(sample, forecaster.predict(sample)).outputs
    return ModelSignature(inputs=Schema([*keys, *features]), outputs=outputs)


def _promote(settings: Settings, registered: str, version: str, *, reason: str, now: dt.datetime) -> None:
    with tracking.mlflow_at(settings) as mlflow:
        mlflow.MlflowClient().set_registered_model_alias(MODEL_NAME, ALIAS, registered)
    line = {
        "at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "alias": ALIAS,
        "registered_as": registered,
        "version": version,
        "reason": reason,
    }
    with (settings.home / "promotions.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")


def _by_alias(client: Any) -> Any | None:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(MODEL_NAME, ALIAS)
    except MlflowException as problem:
        if problem.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None  # no such model or alias yet


def _versions(client: Any) -> list[Any]:
    return list(client.search_model_versions(f"name = '{MODEL_NAME}'"))


def _load(mlflow: Any, found: Any) -> Served:
    folder = mlflow.artifacts.download_artifacts(f"models:/{MODEL_NAME}/{found.version}")
    files = Path(folder) / "artifacts" / "forecaster"
    forecaster = Forecaster.load(files)
    if version_of(files) != found.tags["version"]:
        raise BadInput(
            where=str(files),
            expected=f"the model registered as {MODEL_NAME} {found.version}, version {found.tags['version']}",
            found=version_of(files),
            remedy="The model's files were changed; train the model again.",
        )
    return Served(
        forecaster,
        found.tags["version"],
        as_moment(found.tags["trained_as_of"]),
        tuple(found.tags["signals"].split(",")),
        str(found.version),
    )
