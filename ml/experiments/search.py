"""The search of the booster's settings: Optuna on the earlier origins only, resumable, with hopeless trials stopped.

Each trial fits at one origin after the other and reports the mean log loss of tracked rows so far; the median of the
others at the same origin decides whether it goes on. The study lies in the home folder under a name that follows from
the data, the features and the span, and is one parent run of MLflow with a child per finished trial: the same command
goes on where it was stopped.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.metrics import log_loss

from features.errors import ConfigError
from features.knowledge_time import UTC
from features.panel import feature_names
from features.signals.trade import TRACKED_SHARE_FRAC
from ml import tracking
from ml.experiments.trial import SPAN, labelled, opened
from ml.settings import Settings, load_settings
from ml.studies import checked_origins
from models.alternatives import Boosted
from models.gradient_boosting import Parameters
from models.targets import TARGETS, resolved_by

__all__ = ["propose", "search", "study_for"]

Fold = tuple[pd.DataFrame, pd.DataFrame]
# Origins that every trial sees before it may be stopped, and trials that are never stopped.
FEWEST_ORIGINS, FEWEST_TRIALS = 4, 5


def propose(trial: optuna.Trial) -> Parameters:
    """Draw settings: fewer or more, larger or smaller trees, and how strongly each is held back."""
    return replace(
        Parameters(),
        rounds=trial.suggest_int("rounds", 60, 400, log=True),
        learning_rate=trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        num_leaves=trial.suggest_int("num_leaves", 4, 48, log=True),
        min_data_in_leaf=trial.suggest_int("min_data_in_leaf", 10, 300, log=True),
        feature_fraction=trial.suggest_float("feature_fraction", 0.1, 0.9),
        bagging_fraction=trial.suggest_float("bagging_fraction", 0.4, 1.0),
        lambda_l2=trial.suggest_float("lambda_l2", 0.1, 100.0, log=True),
    )


def loss_so_far(trial: optuna.Trial, parameters: Parameters, features: Sequence[str], folds: Sequence[Fold]) -> float:
    """Fit and score `parameters` fold by fold, and give the mean log loss.

    Raises:
        optuna.TrialPruned: the trial is worse than most at the same origin.
    """
    losses = []
    for number, (learn, held) in enumerate(folds):
        model = Boosted(features, parameters).fit(learn)
        losses.append(log_loss(held["label"].to_numpy(), model.predict(held), labels=[0.0, 1.0]))
        trial.report(float(np.mean(losses)), step=number)
        if trial.should_prune():
            raise optuna.TrialPruned
    return float(np.mean(losses))


def folds_of(rows: pd.DataFrame, origins: Sequence[Any]) -> list[Fold]:
    """Give per origin the rows resolved by then and the tracked rows to forecast whose outcome is known today."""
    found = []
    for origin in origins:
        cutoff = pd.Timestamp(origin.as_of)
        learn = rows[rows["as_of"].lt(cutoff) & resolved_by(rows, cutoff)].reset_index(drop=True)
        is_held = rows["as_of"].eq(cutoff) & rows["share"].ge(TRACKED_SHARE_FRAC) & rows["label"].notna()
        found.append((learn, rows[is_held].reset_index(drop=True)))
    return found


def study_for(settings: Settings, about: dict[str, Any]) -> optuna.Study:
    """Open or begin the study of `about` in the home folder; the settings in use are its first trial."""
    settings.home.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
    study = optuna.create_study(
        storage=f"sqlite:///{settings.home / 'search.db'}",
        study_name=f"{about['target']}-{name}",
        sampler=optuna.samplers.TPESampler(seed=20),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FEWEST_TRIALS, n_warmup_steps=FEWEST_ORIGINS),
        direction="minimize",
        load_if_exists=True,
    )
    if not study.trials:
        known = set(propose_names())
        study.enqueue_trial({key: value for key, value in asdict(Parameters()).items() if key in known})
    return study


def propose_names() -> list[str]:
    """List the settings that are searched."""
    trial = optuna.trial.FixedTrial(asdict(Parameters()))
    propose(trial)  # type: ignore[arg-type]
    return list(trial.params)


def search(
    *,
    target: str = "supply_drop",
    trials: int = 30,
    signals: Sequence[str] | None = None,
    as_of: str | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run trials until the study holds `trials` of them, and log it to MLflow.

    Returns:
        study, trials, stopped (how many early), loss_in_use, best_loss, gain (of the log loss), best_parameters.

    Raises:
        ConfigError: an unknown target, or no trial is asked for.
    """
    if target not in TARGETS:
        raise ConfigError(f"unknown target {target}; there are {', '.join(TARGETS)}")
    settings = load_settings(home)
    knowledge = opened(settings, signals, as_of, now=dt.datetime.now(UTC), say=say)
    features = tuple(feature_names(knowledge.signals))
    origins = checked_origins(*SPAN, knowledge.as_of)
    folds = folds_of(labelled(knowledge, origins, target), origins)
    about = {"target": target, "data": knowledge.digest, "features": features, "origins": f"{SPAN[0]}-{SPAN[1]}"}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = study_for(settings, about)
    done = [trial for trial in study.trials if trial.state.is_finished()]
    if done:
        say(f"Going on with study {study.study_name}: {len(done)} trial(s) are done")

    def tell(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        told = "stopped early" if trial.value is None else f"log loss {trial.value:.5f}"
        say(f"trial {trial.number + 1} of {trials}: {told}")

    def objective(trial: optuna.Trial) -> float:
        return loss_so_far(trial, propose(trial), features, folds)

    study.optimize(objective, n_trials=max(trials - len(done), 0), callbacks=[tell])
    result = _result(study)
    _log(settings, study, result, about)
    return result


def _result(study: optuna.Study) -> dict[str, Any]:
    in_use = study.trials[0].value
    pruned = optuna.trial.TrialState.PRUNED
    return {
        "study": study.study_name,
        "trials": len(study.trials),
        "stopped": sum(trial.state == pruned for trial in study.trials),
        "loss_in_use": in_use,
        "best_loss": study.best_value,
        "gain": None if in_use is None else in_use - study.best_value,
        "best_parameters": study.best_params,
    }


def _log(settings: Settings, study: optuna.Study, result: dict[str, Any], about: dict[str, Any]) -> None:
    # The parent's id is kept with the study, so that a search that goes on is the same run.
    with tracking.mlflow_at(settings) as mlflow:
        known = study.user_attrs.get("mlflow_run")
        tags = {"kind": "search", **tracking.provenance()}
        with mlflow.start_run(run_id=known, run_name=f"search {study.study_name}", tags=None if known else tags) as run:
            if known is None:
                study.set_user_attr("mlflow_run", run.info.run_id)
                mlflow.log_params({key: str(value)[:500] for key, value in about.items()})
            logged = set(study.user_attrs.get("logged", []))
            for trial in study.trials:
                if trial.value is None or trial.number in logged:
                    continue
                with mlflow.start_run(run_name=f"trial {trial.number}", nested=True):
                    mlflow.log_params(trial.params)
                    mlflow.log_metric("log_loss", trial.value)
                logged.add(trial.number)
            study.set_user_attr("logged", sorted(logged))
            mlflow.log_metrics({"best_loss": result["best_loss"], "trials": result["trials"]})
            mlflow.log_dict(result, "search.json")
