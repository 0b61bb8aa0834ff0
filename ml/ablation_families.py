"""What every ablation shares: families added one by one, forecasts that are kept, and how much a family had to say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.comparison import WITH_PRECISION, compare
from ml.engine import run_partitions
from ml.knowledge import Knowledge
from ml.results import without_nan, write_predictions
from models.calibrated import CalibratedBoosting, can_calibrate
from models.coherence import raise_longer
from models.ended import without_ended
from models.gradient_boosting import Parameters
from models.leakage import check_leakage

__all__ = [
    "COLUMNS",
    "EVENTS",
    "NO_FACTS",
    "NO_FIGURE",
    "WORLD",
    "Addition",
    "Asked",
    "Part",
    "absent_families",
    "additions",
    "at_every_origin",
    "compare_families",
    "fit_and_forecast",
    "folder_of",
    "had_figures",
    "keep",
    "kept",
    "over_horizons",
]

NO_FACTS = "no facts in this store"
NO_FIGURE = "no figure on any row"
# The families that tell of dated events; they are added together, too.
EVENTS = ("restrictions", "incidents", "news")
# The families that tell of the world around a supplier.
WORLD = ("geopolitics", "hazards", "logistics")
ROW = ["mineral", "supplier", "as_of"]
COLUMNS = ["target", "horizon", *ROW, "probability", "p_low", "p_high", "label", "onset"]
Forecast = Callable[[str, tuple[str, ...]], pd.DataFrame]


@dataclass(frozen=True)
class Asked:
    """What an ablation was asked for, and all it may know.

    Attributes:
        knowledge: everything known for scoring, of every family that has facts.
        no_facts: families that have none.
        out: where forecasts are kept.
        first: year of the first forecasts; None for the target's own.
        last: year of the last ones; None for the target's own.
    """

    knowledge: Knowledge
    no_facts: tuple[str, ...]
    out: Path
    first: int | None
    last: int | None
    draws: int
    workers: int
    say: Callable[[str], None] = field(default=lambda line: None)


@dataclass(frozen=True)
class Part:
    """What was measured on targets that share their rows.

    Attributes:
        targets: what they are called in `rows`.
        base: what everything is added to, in words.
        rows: what `compare_families` gave.
        figures: what `had_figures` gave.
    """

    targets: tuple[str, ...]
    base: str
    rows: list[dict[str, Any]]
    figures: list[dict[str, Any]]


@dataclass(frozen=True)
class Addition:
    """Families added together under one name; `absent` says why they cannot be."""

    name: str
    members: tuple[str, ...]
    absent: str = ""


def additions(singles: Sequence[str], absent: Mapping[str, str]) -> list[Addition]:
    """Give each family alone, those on events together, and all together; the last two where they are something new.

    Args:
        absent: family -> why it cannot be added. Such a family is in no combination.
    """
    alone = [Addition(name, (name,), absent.get(name, "")) for name in singles]
    told = tuple(name for name in singles if not absent.get(name))
    events = tuple(name for name in told if name in EVENTS)
    together = [Addition(" + ".join(events), events)] if len(events) > 1 else []
    if len(told) > max(len(events), 1):
        together.append(Addition("all", told))
    return [*alone, *together]


def absent_families(
    no_facts: Iterable[str], table: pd.DataFrame, columns: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Say which families have no facts, or no figure on any row to forecast: adding them can change nothing.

    Args:
        table: the rows to forecast, with every feature.
        columns: family -> its features.
    """
    silent = {name: NO_FIGURE for name, own in columns.items() if not table[list(own)].notna().any(axis=None)}
    return silent | dict.fromkeys(no_facts, NO_FACTS)


def compare_families(
    targets: Sequence[str], base: str, forecast: Forecast, added: Sequence[Addition], *, draws: int
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Forecast with the base alone and with each addition, and compare each with the base, by onset and continuation.

    Args:
        base: the base's name in the table.
        forecast: name and families -> forecasts (`COLUMNS`).

    Returns:
        The base's forecasts, and rows of `ml.comparison.compare` with `added`; numbers that are undefined are None.
        An addition that cannot be has one row per target with `absent`.
    """
    alone = forecast(base, ())
    rows = compare(alone, None, _states(alone), draws=draws, metrics=tuple(WITH_PRECISION), added=base)
    for each in added:
        if each.absent:
            about = {"added": each.name, "horizon": "", "slice": "", "absent": each.absent}
            rows += [about | {"target": target} for target in targets]
            continue
        own = forecast(each.name, each.members)
        rows += compare(own, alone, _states(own), draws=draws, metrics=tuple(WITH_PRECISION), added=each.name)
    return alone, [without_nan(row) for row in rows]


def _states(own: pd.DataFrame) -> dict[str, pd.Series]:
    onset = own["onset"].astype("bool")
    return {"onset": onset, "continuation": ~onset}


def had_figures(
    scored: pd.DataFrame, table: pd.DataFrame, columns: Mapping[str, Sequence[str]], no_facts: Iterable[str]
) -> list[dict[str, Any]]:
    """Count on how many scored rows each family had anything to say.

    Args:
        scored: forecasts (`COLUMNS`); those without a label are no scored rows.
        table: mineral, supplier, as_of and every feature.
        columns: family -> its features.

    Returns:
        target, family, scored, with_figure (rows on which any feature is known), with_event (any is known and not 0).
    """
    rows = []
    for target, part in scored[scored["label"].notna()].groupby("target", sort=False):
        own = part[ROW].drop_duplicates().merge(table, on=ROW, validate="one_to_one")
        about = {"target": str(target), "scored": len(own)}
        for name, features in columns.items():
            values = own[list(features)]
            known, event = values.notna().any(axis=1), values.fillna(0.0).ne(0.0).any(axis=1)
            rows.append(about | {"family": name, "with_figure": int(known.sum()), "with_event": int(event.sum())})
        rows += [about | {"family": name, "with_figure": 0, "with_event": 0} for name in no_facts]
    return rows


def keep(folder: Path, about: Mapping[str, Any], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Give the forecasts kept below `folder` for exactly `about`, or make and keep them."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:12]
    path = folder / digest / "predictions.parquet"
    if not path.exists():
        write_predictions(path.parent, make())
    return pd.read_parquet(path)


def kept(
    asked: Asked,
    target: str,
    name: str,
    make: Callable[[], pd.DataFrame],
    *,
    features: Sequence[str],
    parameters: Parameters,
    **more: Any,
) -> pd.DataFrame:
    """Give the forecasts of one addition as kept below `asked.out`, or make and keep them.

    Args:
        more: what else they follow from, such as the origins.
    """
    about = {
        "data": asked.knowledge.digest,
        "moment": asked.knowledge.as_of.date(),
        "features": features,
        "parameters": asdict(parameters),
        **more,
    }
    return keep(asked.out / target / folder_of(name), about, make)


def folder_of(name: str) -> str:
    """Give the name of an addition as that of a folder."""
    return name.replace(" ", "")


def over_horizons(tables: Sequence[pd.DataFrame], horizons: Iterable[str], *, key: Sequence[str]) -> pd.DataFrame:
    """Join the forecasts of one origin by horizon, none of them perhaps, and raise longer windows to shorter ones."""
    together = pd.concat([table for table in tables if len(table)] or [pd.DataFrame(columns=COLUMNS)])
    return raise_longer(together.reset_index(drop=True), horizons, key=key)


def at_every_origin(work: Callable[[Any], pd.DataFrame], origins: Sequence[Any], *, workers: int) -> pd.DataFrame:
    """Apply `work` to each origin, in processes, and give all forecasts, sorted."""
    # The longest fits first, so that no worker is left with one at the end.
    found = [table for _, table in run_partitions(work, sorted(origins, reverse=True), workers=workers)]
    tables = [table for table in found if len(table)]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(tables).sort_values(["target", "horizon", "as_of", *ROW[:2]], ignore_index=True)


def fit_and_forecast(
    learn: pd.DataFrame, now: pd.DataFrame, features: Sequence[str], parameters: Parameters
) -> pd.DataFrame:
    """Fit the calibrated booster on resolved rows and forecast others; none where the record is too short.

    A feature whose source has ended is not used; rows that lack another which no training row lacked are left out.

    Args:
        learn: features, label, as_of, target_year, resolved_at, share.
        now: features, target, horizon, mineral, supplier, as_of, label, onset.

    Returns:
        `COLUMNS`.

    Raises:
        LeakageError: a feature tells the label.
    """
    if now.empty or learn["label"].nunique() < 2 or not can_calibrate(learn):
        return pd.DataFrame(columns=COLUMNS)
    features = without_ended(features, learn, now)
    check_leakage(learn, features)
    model = CalibratedBoosting(features, parameters).fit(learn)
    now = now[now[list(model.parts()[0].never_missing)].notna().all(axis=1)].reset_index(drop=True)
    numbers = model.predict_with_interval(now, np.zeros(len(now)))[["probability", "p_low", "p_high"]]
    return now.join(numbers)[COLUMNS]
