"""What a model takes for granted: its features as the codebook has them, its datasets' columns, its signature.

The three are kept with the model when it is trained. A model serves only where the running code says the same:
a feature that now means something else, or a column that has another type, would be read without an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features import datasets
from features.errors import BadInput, ContractError
from features.panel import datasets_needed, features_of
from features.signals.declaration import Feature
from ml.knowledge import signals_named

__all__ = [
    "INPUT_KEYS",
    "OUTPUTS",
    "ModelContract",
    "contract_file",
    "contract_of",
    "differences",
    "kept_contract",
    "require_equal",
]

CONTRACT_FILE = "contract.json"
MOMENT = "datetime64[us, UTC]"
INPUT_KEYS = ("mineral", "supplier", "as_of")
# What a forecaster answers, column by column; a test holds it against what one gives.
OUTPUTS: Mapping[str, str] = {
    "mineral": "str",
    "supplier": "str",
    "as_of": MOMENT,
    "target": "str",
    "horizon": "str",
    "window_start": MOMENT,
    "window_end": MOMENT,
    "onset": "bool",
    "base_rate": "float64",
    "raw_score": "float64",
    "probability": "float64",
    "p_low": "float64",
    "p_high": "float64",
}


@dataclass(frozen=True)
class ModelContract:
    """Digests by name: of each feature's entry in the codebook, and of each dataset's columns; and the signature.

    Attributes:
        features: name -> digest of name, unit, sentence and direction, in the model's order.
        datasets: name -> digest of key, columns, types and which may be missing. What a check lets in is left out: a
            longer list of kinds changes no column.
        inputs, outputs: the columns that the model takes and gives.
    """

    features: Mapping[str, str]
    datasets: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]

    @property
    def digest(self) -> str:
        """A digest of everything, 12 hex digits."""
        return _digest(json.loads(self.to_json()))

    @property
    def codebook_digest(self) -> str:
        """A digest of the features, 12 hex digits."""
        return _digest(list(self.features.items()))

    @property
    def data_digest(self) -> str:
        """A digest of the datasets' columns, 12 hex digits."""
        return _digest(dict(self.datasets))

    def to_json(self) -> str:
        """Give it as text."""
        return json.dumps(asdict(self) | {"inputs": list(self.inputs)}, indent=1)

    @classmethod
    def from_json(cls, text: str, *, where: str) -> ModelContract:
        """Read what `to_json` gave.

        Raises:
            BadInput: it is not of that form.
        """
        try:
            told = json.loads(text)
            return cls(told["features"], told["datasets"], tuple(told["inputs"]), told["outputs"])
        except (ValueError, KeyError, TypeError) as problem:
            raise BadInput(
                where=where,
                expected="features, datasets, inputs and outputs as JSON",
                found=repr(problem),
                remedy="The model's files were changed; train the model again: oresight train --promote",
            ) from None


def contract_of(signals: Sequence[str], features: Sequence[str] | None = None) -> ModelContract:
    """Give the contract of a model of these signals, as the running code has it.

    Args:
        features: those the model uses; all of the signals by default.

    Raises:
        ConfigError: there is no such signal.
    """
    chosen = signals_named(signals)
    declared = {feature.name: feature for feature in features_of(chosen)}
    names = list(declared) if features is None else [name for name in features if name in declared]
    return ModelContract(
        {name: _feature_digest(declared[name]) for name in names},
        {name: _dataset_digest(name) for name in datasets_needed(chosen)},
        (*INPUT_KEYS, *names),
        dict(OUTPUTS),
    )


def differences(kept: ModelContract, now: ModelContract) -> list[str]:
    """Say what differs between the contract a model was trained under and the running code's, one line each."""
    return [
        *_named("feature", kept.features, now.features, "unit, sentence or direction in the codebook"),
        *_named("dataset", kept.datasets, now.datasets, "key, columns or types"),
        *_order(kept.inputs, now.inputs),
        *_named("output", kept.outputs, now.outputs, "type"),
    ]


def require_equal(kept: ModelContract, now: ModelContract, *, model: str) -> None:
    """Raise unless a model's contract is the running code's.

    Raises:
        ContractError: it is not; every difference is named.
    """
    found = differences(kept, now)
    if found:
        raise ContractError(
            f"model {model} cannot serve here: {'; '.join(found)}. Train one that fits: oresight train --promote"
        )


def _named(kind: str, kept: Mapping[str, str], now: Mapping[str, str], what: str) -> Iterable[str]:
    for name, digest in kept.items():
        if name not in now:
            yield f"{kind} {name} is no longer there"
        elif now[name] != digest:
            yield f"{kind} {name} has another {what} than when the model was trained"
    yield from (f"{kind} {name} is new" for name in now if name not in kept)


def _order(kept: Sequence[str], now: Sequence[str]) -> Iterable[str]:
    # What is missing or new was named as a feature; only another order of the same is left to say.
    if kept != now and set(kept) == set(now):
        first = next(number for number, pair in enumerate(zip(kept, now, strict=True)) if pair[0] != pair[1])
        yield f"the signature has {kept[first]} as column {first + 1}, the code {now[first]}"


def _feature_digest(feature: Feature) -> str:
    return _digest([feature.name, feature.unit, feature.sentence, feature.direction])


def _dataset_digest(name: str) -> str:
    spec = datasets.dataset(name)
    columns = [[column, str(part.dtype), bool(part.nullable)] for column, part in spec.schema.columns.items()]
    return _digest([name, list(spec.key), columns])


def _digest(about: Any) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]


def contract_file(folder: Path) -> Path:
    """Give where a downloaded model has its contract."""
    return folder / "artifacts" / CONTRACT_FILE


def kept_contract(folder: Path) -> ModelContract:
    """Read the contract of a downloaded model.

    Raises:
        BadInput: it has none, or one of another form.
    """
    path = contract_file(folder)
    return ModelContract.from_json(path.read_text() if path.exists() else "", where=str(path))
