"""Ideas over rolling origins: each learns at every origin from what was resolved by then, on the reference's rows.

The last five origins are kept apart: ideas are compared on the years before, and the final span is looked at once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.errors import ConfigError
from features.exports import ExportTable, known_exports
from features.knowledge_time import UTC
from features.panel import feature_names
from features.signals.trade import TRACKED_SHARE_FRAC, drop_ratio, log_ratio
from ml import registry, tracking
from ml.asked import known_moment
from ml.comparison import ROW_KEY, WITH_PRECISION, compare
from ml.engine import run_partitions
from ml.experiments.cells import cell_columns
from ml.experiments.ideas import ODD_PRICES, REFERENCE, TRUTHS, Idea, ideas_named
from ml.experiments.odd_prices import odd_price_columns
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, open_store, signals_named
from ml.origins import Origin, training_dates
from ml.results import write_table
from ml.scores import block_weights, brier_skill, brier_skill_draws, estimate
from ml.settings import Settings, load_settings
from ml.studies import checked_origins
from models.baselines import PairHistory
from models.forecaster import labelled_rows
from models.targets import TARGETS, resolved_by

__all__ = [
    "FINAL",
    "SPAN",
    "at_origin",
    "experiment",
    "labelled",
    "measure",
    "opened",
    "predictions_of",
    "truths",
    "verdict",
]

# Ideas are chosen on the first span; the second is for one last look.
SPAN, FINAL = (2006, 2018), (2019, 2023)
HORIZON = "current_year"
Known = Callable[[], Sequence[Idea]]
SLICE = "onset"


@dataclass(frozen=True)
class Task:
    """One idea at one origin; workers get it with the folder that holds the rows."""

    idea: str
    target: str
    origin: Origin


def opened(
    settings: Settings,
    signals: Sequence[str] | None,
    as_of: str | None,
    *,
    now: dt.datetime,
    say: Callable[[str], None],
) -> Knowledge:
    """Give what is known for scoring, of the families asked for or the champion's."""
    moment = known_moment(as_of, now=now)
    store = open_store(settings, now=now, say=say)
    families = registry.champion_signals(store, moment) if signals is None else signals
    return Knowledge(store, moment, signals_named(families))


def labelled(knowledge: Knowledge, origins: Sequence[Origin], target: str) -> pd.DataFrame:
    """Give the panel of training dates and origins with `target`'s labels of the current year, `ratio` and `TRUTHS`."""
    dates = sorted({*training_dates(origins[-1].as_of), *(origin.as_of for origin in origins)})
    rows = labelled_rows(knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC), knowledge.labels, target, HORIZON)
    outcome = knowledge.labels.set_index(["mineral", "supplier", "year"])["ratio"]
    at = pd.MultiIndex.from_frame(rows[["mineral", "supplier", "target_year"]])
    rows = rows.assign(ratio=outcome.reindex(at).to_numpy())
    return rows.merge(truths(knowledge.exports), on=["mineral", "supplier", "target_year"], how="left")


def with_additions(knowledge: Knowledge, rows: pd.DataFrame, names: Iterable[str], folder: Path) -> pd.DataFrame:
    """Join to each row what ideas add (`Idea.adds`); additions that are kept in `folder` are not made again."""
    key = ["mineral", "supplier", "as_of"]
    dates = ",".join(sorted(moment.date().isoformat() for moment in rows["as_of"].unique()))
    for name in sorted(names):
        # Those of other dates lack rows, and columns of cells are learned from all dates there are.
        kept = folder / f"added-{name}-{hashlib.sha256(dates.encode()).hexdigest()[:8]}.parquet"
        if not kept.exists():
            if name == ODD_PRICES:
                columns = odd_price_columns(knowledge.exports, rows["as_of"])
            else:
                columns = cell_columns(knowledge.tables["trade"], knowledge.catalog, rows[key], name)
            write_table(kept, columns)
        rows = rows.merge(pd.read_parquet(kept), on=key, how="left", validate="many_to_one")
    return rows


def truths(exports: pd.DataFrame) -> pd.DataFrame:
    """Tell of each year what no forecast can know: totals against the mean of the three years before, as logarithms.

    Args:
        exports: what `features.exports.yearly_exports` gave.

    Returns:
        mineral, supplier, target_year, true_world_ratio (tonnes of the mineral), true_supplier_ratio (value of the
        supplier's other minerals); one row per pair and year.
    """
    table = ExportTable.of(known_exports(exports, exports["available_at"].max()))
    world = table.by("mineral", table["tonnes"])
    value = np.nan_to_num(table["value_usd"])
    others = table.by("supplier", value) - value
    rows = table.rows(true_world_ratio=drop_ratio(world), true_supplier_ratio=drop_ratio(others))
    ratios = {name: log_ratio(rows[name].to_numpy(), np.ones(len(rows))) for name in TRUTHS}
    return rows.assign(**ratios).rename(columns={"year": "target_year"})


def at_origin(rows: pd.DataFrame, idea: Idea, features: Sequence[str], target: str, origin: Origin) -> pd.DataFrame:
    """Fit `idea` on what was resolved by the origin and forecast its tracked pairs.

    Returns:
        `ROW_KEY`, label, onset, share, probability, pair_history (that baseline's probability).
    """
    names, table = idea.inputs(features, rows)
    cutoff = pd.Timestamp(origin.as_of)
    learn = table[table["as_of"].lt(cutoff) & resolved_by(table, cutoff)].reset_index(drop=True)
    now = table[table["as_of"].eq(cutoff) & table["share"].ge(TRACKED_SHARE_FRAC)].reset_index(drop=True)
    probability = idea.make(names, target).fit(idea.learn(learn).reset_index(drop=True)).predict(now)
    history = PairHistory().fit(learn).predict(now)
    found = now.assign(target=target, horizon=HORIZON, probability=probability, pair_history=history)
    return found[[*ROW_KEY, "label", "onset", "share", "probability", "pair_history"]]


def _work(task: Task, *, folder: Path, features: tuple[str, ...], known: Known) -> pd.DataFrame:
    rows = pd.read_parquet(folder / f"{task.target}.parquet")
    (idea,) = [idea for idea in known() if idea.name == task.idea]
    return at_origin(rows, idea, features, task.target, task.origin)


def predictions_of(
    knowledge: Knowledge,
    ideas: Sequence[Idea],
    targets: Sequence[str],
    origins: Sequence[Origin],
    *,
    out: Path,
    workers: int,
    say: Callable[[str], None],
    known: Known = ideas_named,
) -> dict[tuple[str, str], pd.DataFrame]:
    """Give the forecasts of each (idea, target) over `origins`; those kept below `out` are not made again.

    Args:
        known: gives all ideas that `ideas` are some of; workers find theirs there by name.
    """
    features = tuple(feature_names(knowledge.signals))
    about = {"data": knowledge.digest, "features": features, "commit": tracking.git_commit()}
    folder = out / hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    tasks = {
        Task(idea.name, target, origin): folder / f"{target}-{idea.name}-{origin.as_of.date()}.parquet"
        for idea in ideas
        for target in targets
        for origin in origins
    }
    todo = [task for task, path in tasks.items() if not path.exists()]
    additions = {idea.adds for idea in ideas if idea.adds}
    for target in {task.target for task in todo}:
        rows = with_additions(knowledge, labelled(knowledge, origins, target), additions, folder)
        rows.to_parquet(folder / f"{target}.parquet")
    done = len(tasks) - len(todo)
    work = partial(_work, folder=folder, features=features, known=known)
    for task, table in run_partitions(work, todo, workers=workers):
        write_table(tasks[task], table)
        done += 1
        say(f"{task.idea}, {task.target}: origin {task.origin.as_of.date()} ({done} of {len(tasks)})")
    found: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for task, path in tasks.items():
        found.setdefault((task.idea, task.target), []).append(pd.read_parquet(path))
    return {key: pd.concat(parts, ignore_index=True) for key, parts in found.items()}


def measure(own: pd.DataFrame, base: pd.DataFrame | None, *, draws: int) -> dict[str, Any]:
    """Score onset rows: AUC, who, when, AP and Brier skill over pair history, each with the gain over `base`.

    Returns:
        n, events, and per metric a cell {value, low, high} and `<metric>_gain`.
    """
    onset = own["onset"].astype("bool")
    (row,) = compare(own, base, {SLICE: onset}, draws=draws, metrics=tuple(WITH_PRECISION))
    part = own[onset & own["label"].notna()].reset_index(drop=True).sort_values(ROW_KEY)
    weights = block_weights(part["mineral"].to_numpy(), part["as_of"].dt.year.to_numpy(), n_draws=max(draws, 2), seed=0)
    label, history = part["label"].to_numpy(), part["pair_history"].to_numpy()

    def skill(probability: np.ndarray) -> tuple[float, np.ndarray]:
        value = brier_skill(label, probability, history)
        return float(value), brier_skill_draws(label, probability, history, weights)

    value, drawn = skill(part["probability"].to_numpy())
    row["brier_skill"] = asdict(estimate(value, drawn))
    if base is not None:
        at = pd.MultiIndex.from_frame(part[ROW_KEY])
        theirs, drawn_theirs = skill(base.set_index(ROW_KEY)["probability"].reindex(at).to_numpy())
        row["brier_skill_gain"] = asdict(estimate(value - theirs, drawn - drawn_theirs))
    return row


def verdict(row: Mapping[str, Any]) -> str:
    """Say what a row of `measure` shows: better, worse, mixed, or nothing that can be told from chance."""
    gains = [row[f"{name}_gain"] for name in ("roc_auc", "average_precision", "brier_skill", "when")]
    known = [gain for gain in gains if gain["low"] is not None]
    is_better, is_worse = any(gain["low"] > 0 for gain in known), any(gain["high"] < 0 for gain in known)
    return {(True, False): "better", (False, True): "worse", (True, True): "mixed"}.get(
        (is_better, is_worse), "no difference"
    )


def experiment(
    out: Path,
    names: Sequence[str] | None = None,
    *,
    targets: Sequence[str] | None = None,
    final: bool = False,
    draws: int = 300,
    signals: Sequence[str] | None = None,
    as_of: str | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Compare ideas with the reference on onset rows of the current year.

    Args:
        names: ideas; all when None. Those whose facts the store lacks are left out and said.
        final: the last five origins instead of the years before.
        signals: the families all ideas learn from; those of the champion by default.

    Returns:
        One row per idea and target: date, idea, sentence, span, target, verdict, what it follows from, and `measure`.

    Raises:
        ConfigError: an unknown idea or target, or nothing is left.
    """
    chosen = [name for name in TARGETS if not targets or name in targets]
    if unknown := set(targets or ()) - set(TARGETS):
        raise ConfigError(f"unknown target(s) {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    ideas = ideas_named(names)
    settings, now = load_settings(home), dt.datetime.now(UTC)
    knowledge = opened(settings, signals, as_of, now=now, say=say)
    families, present = [signal.name for signal in knowledge.signals], set(feature_names(knowledge.signals))
    for idea in ideas:
        if idea.needs and idea.needs not in present:
            say(f"{idea.name} is left out: {idea.needs} is none of the features of {', '.join(families)}")
    ideas = tuple(idea for idea in ideas if not idea.needs or idea.needs in present)
    span = FINAL if final else SPAN
    origins = checked_origins(*span, knowledge.as_of)
    found = predictions_of(knowledge, ideas, chosen, origins, out=out, workers=settings.workers, say=say)
    about = {
        "date": now.date().isoformat(),
        "span": "final" if final else "earlier",
        "origins": f"{span[0]}-{span[1]}",
        "signals": ",".join(families),
        "data_digest": knowledge.digest,
        "as_of": knowledge.as_of.date().isoformat(),
        "draws": draws,
        "git_commit": tracking.git_commit(),
    }
    rows = []
    for target in chosen:
        base = found[REFERENCE.name, target]
        for idea in ideas:
            row = measure(found[idea.name, target], None if idea is REFERENCE else base, draws=draws)
            told = "reference" if idea is REFERENCE else verdict(row)
            rows.append({**about, "idea": idea.name, "sentence": idea.sentence, **row, "verdict": told})
    return rows
