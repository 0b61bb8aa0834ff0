"""What each feature family earns: a base alone, with each family more, and with all, on every target."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import BadInput, ConfigError
from features.knowledge_time import UTC
from features.panel import SIGNALS
from ml import price_spike_backtest, production_backtest, tracking
from ml.ablation_families import Asked, Part
from ml.ablation_onsets import restriction_onsets
from ml.ablation_report import held_rows, render_ablation, weeks_of_news
from ml.ablation_spikes import price_spikes
from ml.ablation_yearly import production_drops, supply_drops
from ml.asked import known_moment
from ml.knowledge import Knowledge, open_store, signals_named
from ml.restriction_study import with_facts
from ml.results import write_page
from ml.settings import load_settings
from models import restriction_onset
from models.targets import TARGETS as SUPPLY

__all__ = ["ALL", "PAGE", "TARGETS", "AblationResult", "ablate"]

ALL = "all"
PAGE = "ablation.md"
# target -> what measures it. The two drops of exports are forecast together.
TARGETS: Mapping[str, Callable[[Asked], Part]] = {
    **dict.fromkeys(SUPPLY, supply_drops),
    price_spike_backtest.TARGET: price_spikes,
    restriction_onset.TARGET: restriction_onsets,
    production_backtest.TARGET: production_drops,
}


@dataclass(frozen=True)
class AblationResult:
    """One row per family added, target, horizon and slice; the same with counts and sources as JSON; and the page."""

    rows: list[dict[str, Any]]
    result: dict[str, Any]
    page: str


def ablate(
    out: Path,
    *,
    target: str = ALL,
    first: int | None = None,
    last: int | None = None,
    draws: int = 300,
    as_of: str | None = None,
    page: Path | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> AblationResult:
    """Compare each family with the base, and write `ablation.json` and `ablation.md` below `out`.

    Forecasts are kept there: a stopped ablation goes on where it was.

    Args:
        target: one of `TARGETS`, or all of them. With all, one that the store has no facts for is named on the page.
        first: year of the first forecasts; each target's own by default.
        last: year of the last ones; each target's own by default.
        as_of: what is known for scoring; now by default. Each origin still learns only from its own past.
        page: where to write the page a second time.

    Raises:
        BadInput: the one target asked for has no facts in the store.
        ConfigError: an unknown target, origins that are too early, or what lies in the future.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = known_moment(as_of, now=now)
    if target not in (ALL, *TARGETS):
        raise ConfigError(f"unknown target {target}; there are {ALL}, {', '.join(TARGETS)}")
    store = open_store(settings, now=now, say=say)
    present = with_facts(store, moment)
    no_facts = tuple(signal.name for signal in SIGNALS if signal.name not in present)
    knowledge = Knowledge(store, moment, signals_named(present))
    asked = Asked(knowledge, no_facts, out, first, last, draws, settings.workers, say)
    parts, missing = _measured(asked, target)
    tables = {**knowledge.tables, **store.histories(["news", "news_coverage"], as_of=moment)}
    about = _about(knowledge, target, first, last, draws)
    about |= {"weeks_of_news": weeks_of_news(tables["news_coverage"])}
    held = held_rows(tables)
    text = render_ablation(about, parts, missing, held)
    rows = [row for part in parts for row in part.rows]
    result = {"about": about, "rows": rows, "parts": [_summary(part) for part in parts], "held": held}
    result |= {"missing": missing}
    out.mkdir(parents=True, exist_ok=True)
    (out / "ablation.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_page(out / PAGE, text, page)
    return AblationResult(rows, result, text)


def _measured(asked: Asked, target: str) -> tuple[list[Part], dict[str, str]]:
    parts: list[Part] = []
    missing: dict[str, str] = {}
    for measure in dict.fromkeys(TARGETS.values()):
        own = [name for name, of in TARGETS.items() if of is measure and target in (ALL, name)]
        if not own:
            continue
        try:
            parts.append(_only(measure(asked), own))
        except BadInput as problem:
            if target != ALL:
                raise
            missing |= dict.fromkeys(own, str(problem))
    return parts, missing


def _only(part: Part, targets: list[str]) -> Part:
    rows, figures = ([row for row in rows if row["target"] in targets] for rows in (part.rows, part.figures))
    return Part(tuple(targets), part.base, rows, figures)


def _summary(part: Part) -> dict[str, Any]:
    return {"targets": list(part.targets), "base": part.base, "figures": part.figures}


def _about(knowledge: Knowledge, target: str, first: int | None, last: int | None, draws: int) -> dict[str, str]:
    given = {"first": first, "last": last}
    years = "".join(f" --{name} {year}" for name, year in given.items() if year is not None)
    return {
        "command": f"oresight ablation --target {target}{years} --draws {draws} --as-of {knowledge.as_of.date()} "
        "--out DIR",
        "families_with_facts": ", ".join(signal.name for signal in knowledge.signals),
        "data_digest": knowledge.digest,
        **tracking.provenance(),
    }
