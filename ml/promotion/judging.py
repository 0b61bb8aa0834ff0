"""One challenger before all gates: its contract, the evidence beside the champion, and the canaries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features.store import Store
from ml import tracking
from ml.origins import Origin
from ml.promotion import canaries, evidence, gates
from ml.promotion.record import Judgement
from ml.registry import Served
from ml.settings import Settings
from ml.studies import checked_origins

__all__ = ["Asked", "Candidate", "judge"]

YEARS = 10
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered version, and its forecaster unless `problem` says why it cannot be loaded."""

    found: Any
    served: Served | None
    problem: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What the record says of it."""
        forecaster = None if self.served is None else self.served.forecaster
        return {
            "registered_as": str(self.found.version),
            "version": self.found.tags["version"],
            "trained_as_of": self.found.tags["trained_as_of"],
            "signals": self.found.tags["signals"].split(","),
            "features": None if forecaster is None else len(forecaster.features),
            "parameters": None if forecaster is None else asdict(evidence.parameters_of(forecaster)),
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asked of the evidence: where it is given, or which years and what is known; and the bounds."""

    given: Path | None
    first: int | None
    last: int | None
    as_of: dt.datetime
    bounds: gates.Bounds


def judge(
    settings: Settings,
    store: Store,
    challenger: Candidate,
    champion: Candidate | None,
    asked: Asked,
    *,
    about: dict[str, Any],
    say: Say,
) -> Judgement:
    """Hold a challenger against every gate; without a champion, or a forecaster, only the contract is asked.

    Args:
        about: at, by, why and forced.

    Raises:
        ConfigError: the years asked for cannot be backtested.
        BadInput: the evidence given is incomplete.
    """
    found = [_contract_gate(challenger.problem)]
    source = None
    if challenger.served is not None and champion is not None and champion.served is not None:
        told = _evidence(settings, store, champion.served, challenger.served, asked, say=say)
        source = f"{told.source}; origins {told.origins[0]} to {told.origins[-1]}"
        same = _is_same_recipe(champion.served, challenger.served)
        found += gates.evidence_gates(told, asked.bounds, same_recipe=same)
        say("Trying the canaries")
        newest = Origin(told.rows["as_of"].max().to_pydatetime())
        found += canaries.canary_gates(store, challenger.served, newest, as_of=asked.as_of)
    return Judgement(
        challenger.told,
        None if champion is None else champion.told,
        found,
        asked.bounds,
        {**about, "evidence": source, **tracking.provenance()},
    )


def _evidence(
    settings: Settings, store: Store, champion: Served, challenger: Served, asked: Asked, *, say: Say
) -> evidence.Evidence:
    if asked.given is not None:
        return evidence.given(asked.given)
    # From February on trade is known to two years back: the newest origin whose own year is resolved.
    last = asked.as_of.year - 2 if asked.last is None else asked.last
    first = last - YEARS + 1 if asked.first is None else asked.first
    origins = checked_origins(first, last, asked.as_of)
    return evidence.backtested(settings, store, champion, challenger, origins, as_of=asked.as_of, say=say)


def _contract_gate(problem: str | None) -> gates.Gate:
    asks = "signature, codebook and data contract are the running code's; this gate cannot be forced"
    return gates.Gate("contract", asks, problem or "equal", "refused" if problem else "passed")


def _is_same_recipe(champion: Served, challenger: Served) -> bool:
    one, other = champion.forecaster, challenger.forecaster
    return (
        list(one.features) == list(other.features)
        and evidence.parameters_of(one) == evidence.parameters_of(other)
        and challenger.trained_as_of > champion.trained_as_of
    )
