"""Targets with a study of their own, for `oresight backtest --target`: the same files, by that study's rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import ConfigError
from models import restriction_onset

__all__ = ["OWN", "TargetBacktest", "asked_for", "run"]

# target -> the command that has all its options
OWN = {"price_spike": "oresight price-spikes", restriction_onset.TARGET: "oresight restriction-onset"}


@dataclass(frozen=True)
class TargetBacktest:
    """The scores and the page of one target."""

    scores: dict[str, Any]
    table: str


def asked_for(targets: Sequence[str] | None) -> str | None:
    """Give the target among `targets` that has a study of its own; None where none has.

    Raises:
        ConfigError: it is asked for together with others.
    """
    own = [name for name in targets or () if name in OWN]
    if not own:
        return None
    if len(set(targets or ())) > 1:
        raise ConfigError(f"{own[0]} has origins and rows of its own: ask for it alone, or by `{OWN[own[0]]}`")
    return own[0]


def run(
    target: str,
    out: Path,
    *,
    first: int | None,
    last: int | None,
    draws: int | None,
    signals: Sequence[str] | None,
    as_of: str | None,
    log: bool,
    home: Path | None,
    say: Callable[[str], None],
) -> TargetBacktest:
    """Run the study of `target`; what is None is left to it. Writes predictions.parquet, scores.json and report.html.

    Raises:
        ConfigError: an option that the study does not know.
    """
    if last is not None:
        raise ConfigError(f"{target} is forecast up to --as-of; there is no --last")
    options: dict[str, Any] = {"as_of": as_of, "log": log, "home": home, "say": say}
    options |= {name: value for name, value in (("first", first), ("draws", draws)) if value is not None}
    if target == restriction_onset.TARGET:
        from ml import restriction_study

        onset = restriction_study.study(out, signals=signals, **options)
        return TargetBacktest(onset.scores, onset.page)
    if signals is not None:
        raise ConfigError(f"{target} is forecast from prices alone; there is no --signals")
    from ml import price_spike_study

    spikes = price_spike_study.study(out, **options)
    return TargetBacktest(spikes.scores, spikes.report)
