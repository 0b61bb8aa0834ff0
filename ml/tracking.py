"""MLflow: one parent run per batch, children per origin, tables as artefacts; lean and without pickle.

Only this module and `registry` talk to MLflow. The store is SQLite in the home folder
unless `MLFLOW_TRACKING_URI` names a server.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml.settings import Settings

__all__ = ["EXPERIMENT", "git_commit", "lock_hash", "mlflow_at", "parent_run", "provenance"]

EXPERIMENT = "oresight"
ROOT = Path(__file__).parent.parent


def git_commit() -> str:
    """Give the commit of the code, with `+changes` when the tree differs; `unknown` outside a checkout."""
    try:
        head = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head[:12]}+changes" if changed else head[:12]


def lock_hash() -> str:
    """Give the start of the sha256 of requirements.lock; `unknown` where it isn't shipped."""
    path = ROOT / "requirements.lock"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.exists() else "unknown"


def provenance() -> dict[str, str]:
    """Give what a run must be repeatable from: commit, lock and machine."""
    return {
        "git_commit": git_commit(),
        "lock_hash": lock_hash(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }


@contextmanager
def mlflow_at(settings: Settings) -> Iterator[Any]:
    """Give the mlflow module, set to our store and experiment, quiet, with pickle off."""
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        settings.home.mkdir(parents=True, exist_ok=True)
        uri, given = settings.tracking_uri, os.environ.get("MLFLOW_TRACKING_URI")
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        if given is None:
            # MLflow notes the address there, where the next home would take it for the user's server.
            os.environ.pop("MLFLOW_TRACKING_URI", None)
        if mlflow.get_experiment_by_name(EXPERIMENT) is None:
            local = (settings.home / "mlartifacts").resolve().as_uri() if uri.startswith("sqlite:") else None
            mlflow.create_experiment(EXPERIMENT, artifact_location=local)
        mlflow.set_experiment(EXPERIMENT)
        yield mlflow


@contextmanager
def parent_run(mlflow: Any, name: str, params: Mapping[str, object], tags: Mapping[str, str]) -> Iterator[Any]:
    """Open a parent run with parameters and provenance logged in one call each."""
    with mlflow.start_run(run_name=name, tags={**provenance(), **tags}) as run:
        mlflow.log_params({key: str(value)[:500] for key, value in params.items()})
        yield run
