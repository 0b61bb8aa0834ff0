"""A fitted forecaster goes into MLflow's registry with its contract and signature, and comes out checked."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput, ContractError, OresightError
from features.knowledge_time import as_moment
from features.panel import feature_names
from ml import tracking
from ml.registry.aliases import MODEL_NAME
from ml.registry.model_contract import (
    ModelContract,
    contract_file,
    contract_of,
    differences,
    kept_contract,
    require_equal,
)
from ml.settings import Settings
from models.forecaster import Forecaster, version_of
from models.gradient_boosting import Parameters

__all__ = [
    "PAIR_HISTORY",
    "Served",
    "contract_differences",
    "load",
    "log_forecaster",
    "register",
    "register_pair_history",
    "versions",
]

REQUIREMENTS = ("lightgbm", "pandas", "numpy", "scikit-learn", "venn-abers", "pyarrow", "duckdb")
ROOM = Path(__file__).parent.parent
# The tag `kind` of a version that is the baseline; a model that can serve has none.
PAIR_HISTORY = "pair_history"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Served:
    """A forecaster and what it is.

    Attributes:
        alias: the alias by which it was found, None for a model trained for a past week.
        promotion_line: the line of `promotions.jsonl` that put it there.
    """

    forecaster: Forecaster
    version: str
    trained_as_of: dt.datetime
    signals: tuple[str, ...]
    registered_as: str
    alias: str | None = None
    promotion_line: int | None = None


def register(
    settings: Settings, forecaster: Forecaster, sample: pd.DataFrame, tags: dict[str, str], parameters: Parameters
) -> tuple[str, str]:
    """Save a forecaster as text with its contract, log it and register it.

    Args:
        sample: the panel it learned from.
        tags: trained_as_of, data_digest, fingerprint and signals.

    Returns:
        The model's digest and the number under which it is registered.
    """
    contract = contract_of(tags["signals"].split(","), forecaster.features)
    with tempfile.TemporaryDirectory() as scratch, tracking.mlflow_at(settings):
        folder = Path(scratch) / "forecaster"
        version = forecaster.save(folder)
        own = {
            "version": version,
            "contract": contract.digest,
            "codebook": contract.codebook_digest,
            "schemas": contract.data_digest,
        }
        numbers = {"rows": len(sample), "features": len(forecaster.features)}
        return version, log_forecaster(
            settings,
            folder,
            contract,
            signature=_signature(sample.tail(5), forecaster),
            tags={**tags, **own},
            params=asdict(parameters),
            metrics=numbers,
        )


def log_forecaster(
    settings: Settings,
    folder: Path,
    contract: ModelContract,
    *,
    signature: Any,
    tags: dict[str, str],
    params: dict[str, Any],
    metrics: Mapping[str, float] | None = None,
    code: str = "serving.py",
) -> str:
    """Log a saved forecaster as a model whose code is `ml/<code>`, register it, and give its number."""
    contract_path = folder.parent / "contract.json"
    contract_path.write_text(contract.to_json())
    with tracking.mlflow_at(settings) as mlflow:
        # Signature and requirements are given: letting MLflow infer them takes half a minute.
        requirements = [f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS]
        with tracking.parent_run(mlflow, f"train {tags['trained_as_of']}", params, tags):
            mlflow.log_metrics(dict(metrics or {}))
            logged = mlflow.pyfunc.log_model(
                name="forecaster",
                python_model=str(ROOM / code),
                artifacts={"forecaster": str(folder), "contract": str(contract_path)},
                signature=signature,
                pip_requirements=requirements,
            )
        return str(mlflow.register_model(logged.model_uri, MODEL_NAME, tags=tags).version)


def _signature(sample: pd.DataFrame, forecaster: Forecaster) -> Any:
    # Inferred from a few rows it would refuse gaps they happen not to have, and moments with a time zone.
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    keys = [ColSpec(DataType.string, "mineral"), ColSpec(DataType.string, "supplier"), ColSpec(AnyType(), "as_of")]
    features = [ColSpec(DataType.double, name, required=False) for name in forecaster.features]
    outputs = infer_signature(sample, forecaster.predict(sample)).outputs
    return ModelSignature(inputs=Schema([*keys, *features]), outputs=outputs)


def versions(client: Any) -> list[Any]:
    """Give every version there is, in no fixed order."""
    return list(client.search_model_versions(f"name = '{MODEL_NAME}'"))


def load(mlflow: Any, found: Any, *, say: Say, alias: str | None = None, promotion_line: int | None = None) -> Served:
    """Load a registered model, and hold its files and its contract against what they must be.

    Raises:
        BadInput: its files were changed.
        ContractError: its signature, codebook or data contract is not the running code's.
    """
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL_NAME}/{found.version}"))
    files = folder / "artifacts" / "forecaster"
    forecaster = Forecaster.load(files)
    if version_of(files) != found.tags["version"]:
        raise BadInput(
            where=str(files),
            expected=f"the model registered as {MODEL_NAME} {found.version}, version {found.tags['version']}",
            found=version_of(files),
            remedy="The model's files were changed; train the model again.",
        )
    signals = tuple(found.tags["signals"].split(","))
    _check_contract(mlflow, folder, found, forecaster, signals, say=say)
    return Served(
        forecaster,
        found.tags["version"],
        as_moment(found.tags["trained_as_of"]),
        signals,
        str(found.version),
        alias,
        promotion_line,
    )


def _check_contract(
    mlflow: Any, folder: Path, found: Any, forecaster: Forecaster, signals: tuple[str, ...], *, say: Say
) -> None:
    model = f"{found.tags['version']} ({MODEL_NAME} {found.version})"
    if "contract" not in found.tags:
        unknown = sorted(set(forecaster.features) - set(feature_names()))
        if unknown:
            raise ContractError(
                f"model {model} cannot serve here: feature(s) {', '.join(unknown)} are no longer there. "
                "Train one that fits: oresight train --promote"
            )
        say(
            f"Model {model} was registered before contracts were kept: only the names of its features were checked; "
            "`oresight train --promote` ends that"
        )
        return
    kept = kept_contract(folder)
    if kept.digest != found.tags["contract"]:
        raise BadInput(
            where=str(contract_file(folder)),
            expected=f"the contract {found.tags['contract']}",
            found=kept.digest,
            remedy="The model's files were changed; train the model again.",
        )
    require_equal(kept, contract_of(signals, forecaster.features), model=model)
    _check_signature(mlflow, folder, kept, model)


def contract_differences(mlflow: Any, found: Any) -> list[str] | None:
    """Say what differs between a registered model's contract and the running code's; None where it keeps none."""
    if "contract" not in found.tags:
        return None
    signals = found.tags["signals"].split(",")
    try:
        if contract_of(signals).digest == found.tags["contract"]:
            return []
        folder = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL_NAME}/{found.version}"))
        kept = kept_contract(folder)
        return differences(kept, contract_of(signals, list(kept.features)))
    except OresightError as problem:
        return [str(problem)]


def _check_signature(mlflow: Any, folder: Path, kept: ModelContract, model: str) -> None:
    signature = mlflow.models.Model.load(str(folder)).signature
    inputs = tuple(signature.inputs.input_names())
    outputs = set(signature.outputs.input_names())
    if inputs != kept.inputs or outputs != set(kept.outputs):
        names = sorted({*inputs} ^ {*kept.inputs} | outputs ^ {*kept.outputs}) or ["the order of columns"]
        raise ContractError(
            f"model {model} cannot serve here: its MLflow signature and its contract differ in {', '.join(names)}. "
            "Train one that fits: oresight train --promote"
        )


def register_pair_history(settings: Settings, served: Served, *, now: dt.datetime) -> str:
    """Register the pair history that a model learned beside, as a model with the same interface; give its number.

    One that was registered already is taken again.
    """
    tags = {
        "kind": PAIR_HISTORY,
        "trained_as_of": served.trained_as_of.date().isoformat(),
        "fingerprint": f"{PAIR_HISTORY}:{served.version}",
        "signals": ",".join(served.signals),
        "version": served.version,
        "registered_on": now.date().isoformat(),
    }
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        for found in versions(client):
            if found.tags.get("fingerprint") == tags["fingerprint"]:
                return str(found.version)
        own = mlflow.artifacts.download_artifacts(f"models:/{MODEL_NAME}/{served.registered_as}")
        signature = mlflow.models.Model.load(own).signature
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "forecaster"
        served.forecaster.save(folder)
        contract = contract_of(served.signals, served.forecaster.features)
        tags |= {"contract": contract.digest}
        return log_forecaster(
            settings, folder, contract, signature=signature, tags=tags, params={}, code="serving_baseline.py"
        )
