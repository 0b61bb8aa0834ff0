"""A model's contract: every change of a feature's meaning or a dataset's columns is found and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest

from features import datasets
from features.errors import BadInput, ContractError
from features.panel import datasets_needed, feature_names, features_of
from features.signals.declaration import Feature, Signal
from ml import tracking
from ml.knowledge import signals_named
from ml.registry import model_contract, registration
from ml.registry.model_contract import ModelContract, contract_of, differences, require_equal
from ml.settings import Settings
from models.forecaster import Forecaster

SIGNALS = ("trade", "governance")


def with_first_feature(monkeypatch: pytest.MonkeyPatch, **change: object) -> str:
    """Let the code declare the first feature otherwise; give its name."""

    def declared(signals: Sequence[Signal]) -> list[Feature]:
        first, *others = features_of(signals)
        return [replace(first, **change), *others]  # type: ignore[arg-type]

    monkeypatch.setattr(model_contract, "features_of", declared)
    return feature_names(signals_named(SIGNALS))[0]


def test_a_contract_has_every_feature_and_dataset_and_survives_its_file() -> None:
    kept = contract_of(SIGNALS)
    assert list(kept.features) == feature_names(signals_named(SIGNALS))
    assert list(kept.datasets) == datasets_needed(signals_named(SIGNALS))
    assert kept.inputs == ("mineral", "supplier", "as_of", *kept.features)
    again = ModelContract.from_json(kept.to_json(), where="here")
    assert again == kept
    assert again.digest == kept.digest
    assert differences(kept, again) == []
    assert contract_of(("trade",)).digest != kept.digest


@pytest.mark.parametrize("change", [{"unit": "weeks"}, {"sentence": "Another thing."}, {"direction": 1}])
def test_a_feature_that_means_something_else_is_named(
    change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = contract_of(SIGNALS)
    name = with_first_feature(monkeypatch, **change)
    now = contract_of(SIGNALS)
    assert now.digest != kept.digest
    with pytest.raises(
        ContractError, match=rf"model m cannot .*: feature {name} has another .*oresight train --promote"
    ):
        require_equal(kept, now, model="m")


def test_a_feature_that_is_gone_is_named_and_a_new_one_harms_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = contract_of(SIGNALS)
    name = with_first_feature(monkeypatch, name="brand_new")
    assert differences(kept, contract_of(SIGNALS, list(kept.features))) == [f"feature {name} is no longer there"]
    assert f"feature {name} is new" in differences(contract_of(SIGNALS), kept)


@pytest.mark.parametrize("change", ["type", "nullable", "gone", "key"])
def test_a_dataset_with_other_columns_is_named(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = contract_of(SIGNALS)
    spec = datasets.dataset("governance")
    first = next(iter(spec.schema.columns))
    if change == "key":
        other = replace(spec, key=spec.key[:-1])
    elif change == "gone":
        other = replace(spec, schema=spec.schema.remove_columns([first]))
    else:
        how = {"dtype": "int8"} if change == "type" else {"nullable": not spec.schema.columns[first].nullable}
        other = replace(spec, schema=spec.schema.update_column(first, **how))
    real = datasets.dataset
    monkeypatch.setattr(model_contract.datasets, "dataset", lambda name: other if name == "governance" else real(name))
    (told,) = differences(kept, contract_of(SIGNALS))
    assert told == "dataset governance has another key, columns or types than when the model was trained"


def test_a_wider_check_changes_no_column(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = contract_of(SIGNALS)
    spec = datasets.dataset("governance")
    name = next(column for column, part in spec.schema.columns.items() if part.checks)
    wider = replace(spec, schema=spec.schema.update_column(name, checks=[pa.Check.isin(["a", "b"])]))
    monkeypatch.setattr(model_contract.datasets, "dataset", lambda _: wider)
    assert contract_of(SIGNALS).datasets["governance"] == kept.datasets["governance"]


def test_another_order_or_output_is_named() -> None:
    kept = contract_of(SIGNALS)
    turned = replace(kept, inputs=(*kept.inputs[:3], kept.inputs[4], kept.inputs[3], *kept.inputs[5:]))
    assert differences(turned, kept) == [f"the signature has {kept.inputs[4]} as column 4, the code {kept.inputs[3]}"]
    other = replace(kept, outputs={**kept.outputs, "probability": "float32"})
    assert differences(other, kept) == ["output probability has another type than when the model was trained"]


def test_a_contract_file_that_was_changed_is_bad_input() -> None:
    with pytest.raises(BadInput, match=r"here: expected features, datasets, inputs and outputs.*train the model again"):
        ModelContract.from_json("{}", where="here")


@pytest.fixture(scope="module")
def files(trained_home: Path) -> Path:
    with tracking.mlflow_at(Settings(home=trained_home)) as mlflow:
        return Path(mlflow.artifacts.download_artifacts("models:/oresight/1"))


def test_the_outputs_are_what_a_forecaster_gives(files: Path) -> None:
    forecaster = Forecaster.load(files / "artifacts" / "forecaster")
    panel = pd.DataFrame({name: [1.0, 2.0] for name in forecaster.features})
    panel = panel.assign(
        mineral=pd.Series(["cobalt", "tin"], dtype="str"),
        supplier=pd.Series(["COD", "BOL"], dtype="str"),
        as_of=pd.Series([pd.Timestamp("2005-01-03", tz="UTC")] * 2).astype("datetime64[us, UTC]"),
        trade_data_age_years=2.0,
    )
    found = {name: str(kind) for name, kind in forecaster.predict(panel).dtypes.items()}
    assert found == dict(model_contract.OUTPUTS)


def test_a_model_whose_feature_changed_its_meaning_does_not_serve(
    trained_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with tracking.mlflow_at(Settings(home=trained_home)) as mlflow:
        (found,) = registration.versions(mlflow.MlflowClient())
        assert registration.load(mlflow, found, say=said.append).registered_as == "1"
        assert registration.contract_differences(mlflow, found) == []
        name = with_first_feature(monkeypatch, unit="weeks")
        with pytest.raises(ContractError, match=rf"\(oresight 1\) cannot serve here: feature {name}"):
            registration.load(mlflow, found, say=said.append)
        (told,) = registration.contract_differences(mlflow, found) or [""]
        assert name in told
    assert said == []


def test_a_signature_that_is_not_the_contracts_is_refused(files: Path, trained_home: Path) -> None:
    path = model_contract.contract_file(files)
    kept = ModelContract.from_json(path.read_text(), where=str(path))
    with tracking.mlflow_at(Settings(home=trained_home)) as mlflow:
        registration._check_signature(mlflow, files, kept, "m")
        for other in (
            replace(kept, inputs=(*kept.inputs, "one_more")),
            replace(kept, outputs={**kept.outputs, "one_more": "bool"}),
        ):
            with pytest.raises(ContractError, match=r"its MLflow signature and its contract differ in one_more\."):
                registration._check_signature(mlflow, files, other, "m")


def test_a_contract_that_was_changed_on_disk_is_refused(trained_home: Path, files: Path) -> None:
    path = model_contract.contract_file(files)
    kept = path.read_text()
    try:
        path.write_text(kept.replace('"trade"', '"trade_"', 1))
        with tracking.mlflow_at(Settings(home=trained_home)) as mlflow:
            (found,) = registration.versions(mlflow.MlflowClient())
            with pytest.raises(BadInput, match=r"contract.json: expected the contract"):
                registration.load(mlflow, found, say=print)
    finally:
        path.write_text(kept)


def test_a_model_from_before_contracts_serves_and_that_is_said(trained_home: Path) -> None:
    said: list[str] = []
    with tracking.mlflow_at(Settings(home=trained_home)) as mlflow:
        (found,) = registration.versions(mlflow.MlflowClient())
        del found.tags["contract"]
        assert registration.contract_differences(mlflow, found) is None
        registration.load(mlflow, found, say=said.append)
    (line,) = said
    assert "registered before contracts were kept" in line
