"""Which forecaster serves a week: the champion, or for a past week one that knew no more than that week.

Models live in MLflow's registry under one name; the champion serves new weeks. A model may serve a week only if it
was trained by then. Who is champion is what our own append-only `promotions.jsonl` says last; the registry's alias
is a copy of that (`ml.registry.aliases`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import pandas as pd

from features.errors import ConfigError
from features.knowledge_time import as_moment, quarter_monday
from features.panel import feature_names
from features.store import Store
from ml import tracking
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, signals_named
from ml.origins import EARLIEST_WEEK, training_dates
from ml.registry import aliases
from ml.registry.aliases import MODEL_NAME
from ml.registry.model_contract import contract_of
from ml.registry.registration import Served, load, register, versions
from ml.settings import Settings
from models.forecaster import Forecaster
from models.gradient_boosting import Parameters

__all__ = ["CHAMPION_SIGNALS", "MODEL_NAME", "Served", "champion_signals", "model_for_week", "train"]

# Families that earned their place in the ablation (docs/model-card.md); the others are shown without weight. Those
# whose data are not embedded count once their facts have been collected or ingested.
CHAMPION_SIGNALS = ("trade", "mirror_trade")

Say = Callable[[str], None]


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

    Raises:
        ContractError: the champion's signature, codebook or data contract is not the running code's.
        BadInput: the promotion log or a model's files are not what was written.
    """
    is_live = as_of + dt.timedelta(days=7) > now
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        aliases.repair(client, settings.home, now=now, say=say)
        champion = aliases.standing(client, settings.home, "champion")
        if champion is not None and as_moment(champion[0].tags["trained_as_of"][:10]) <= as_of:
            found, line = champion
            lacks = set(champion_signals(store, as_of)) - set(found.tags["signals"].split(","))
            if lacks:
                names = ", ".join(sorted(lacks))
                say(f"The champion was trained without {names}; `oresight train --promote` takes it in")
            return load(mlflow, found, say=say, alias="champion", promotion_line=line.line)
        cutoff = quarter_monday(as_of)
        signals = champion_signals(store, cutoff)
        wanted = {
            "trained_as_of": cutoff.date().isoformat(),
            "data_digest": store.digest(as_of=cutoff),
            "fingerprint": _fingerprint(signals, Parameters()),
            "contract": contract_of(signals).digest,
        }
        for found in versions(client):
            if all(found.tags.get(key) == value for key, value in wanted.items()):
                served = load(mlflow, found, say=say)
                if champion is None and is_live:
                    return _crown(settings, served, reason="no champion yet", now=now, say=say, expected=None)
                return served
    say(f"No model may serve {as_of.date()}: training one on what was known on {cutoff.date()}")
    promote = champion is None and is_live
    return train(settings, store, cutoff, promote=promote, now=now, say=say, expected=None if promote else False)


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
    by: str = "oresight",
    expected: str | bool | None = False,
) -> Served:
    """Train on what was known at `trained_as_of`, register the model, and make it champion if `promote`.

    Args:
        by: who makes it champion, for the log.
        expected: the champion that it follows, None for none; False follows any.

    Raises:
        ConfigError: too early to train for.
        OresightError: another champion than the expected one stands there now; the model is registered all the same.
    """
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
    version, registered = register(settings, forecaster, panel, tags, parameters)
    served = Served(forecaster, version, trained_as_of, tuple(signals), registered)
    return _crown(settings, served, reason=reason, now=now, say=say, by=by, expected=expected) if promote else served


def _crown(
    settings: Settings,
    served: Served,
    *,
    reason: str,
    now: dt.datetime,
    say: Say,
    by: str = "oresight",
    expected: str | bool | None = False,
) -> Served:
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        line = aliases.move(
            client,
            settings.home,
            "champion",
            aliases.version_numbered(client, served.registered_as),
            action="promoted",
            reason=reason,
            by=by,
            now=now,
            say=say,
            expected=expected,
        )
    return replace(served, alias="champion", promotion_line=line.line)
