"""The ablation of `restriction_onset`: trade and the record of announcements, and each family more.

Rows, dates and settings are those of `ml.restriction_backtest`; of the forecasts every third date is made, a quarter
apart, as those are what is scored. What a pair's and a supplier's own record of announcements is worth, from which
every model of this target learns, is shown by taking it away.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from features.errors import BadInput
from features.knowledge_time import as_moment
from ml import restriction_backtest as backtest
from ml.ablation_families import (
    Addition,
    Asked,
    Part,
    absent_families,
    additions,
    at_every_origin,
    compare_families,
    fit_and_forecast,
    had_figures,
    kept,
    over_horizons,
)
from ml.ablation_yearly import BASE, FAMILIES
from ml.restriction_scores import EVERY
from models.restriction_onset import HORIZONS_WEEKS, TARGET, attach_onsets

__all__ = ["NO_RECORD", "restriction_onsets"]

FIRST = 2012
RECORD = backtest.OWN
NO_RECORD = "trade without the record"
WITH_RECORD = "trade + record"
KEYS = ["mineral", "supplier", "as_of"]


def restriction_onsets(asked: Asked) -> Part:
    """Fit the booster of `restriction_onset` with trade and the record, without the record, and with each addition.

    Raises:
        BadInput: the store holds no measures, or nothing tells from when on they are complete.
    """
    knowledge = asked.knowledge
    until = knowledge.as_of if asked.last is None else min(knowledge.as_of, as_moment(f"{asked.last}-12-31"))
    first = max(asked.first or FIRST, FIRST)
    dates = backtest.forecast_dates(first, until)[::EVERY]
    known = "restrictions" not in asked.no_facts
    facts = backtest.gather(knowledge, dates) if known and dates else None
    if facts is None or facts.rows.empty:
        raise BadInput(
            where=str(knowledge.store.folder),
            expected=f"measures, from when on their table is complete, and a first year before {until.date()}",
            found="none",
            remedy="Take some in: oresight ingest events events.csv",
        )
    origins = [origin for origin in backtest.origins(first, until) if origin.as_of <= until]
    columns = {signal.name: signal.columns for signal in knowledge.signals if signal.name in FAMILIES}
    trade = next(signal for signal in knowledge.signals if signal.name == BASE).columns
    now = facts.rows[facts.rows["is_forecast"]]
    no_facts = [name for name in asked.no_facts if name in FAMILIES]

    def forecast(name: str, members: tuple[str, ...]) -> pd.DataFrame:
        record = () if name == NO_RECORD else RECORD
        features = (*trade, *record, *(column for member in members for column in columns[member]))
        asked.say(f"ablation of new export measures: {name}, {len(origins)} origins")
        make = partial(_forecast, facts, origins, features, pd.Timestamp(knowledge.as_of), asked.workers)
        return kept(asked, TARGET, name, make, features=features, parameters=backtest.PARAMETERS, dates=dates)

    added = [Addition(NO_RECORD, ()), *additions(FAMILIES, absent_families(no_facts, now, columns))]
    alone, rows = compare_families((TARGET,), WITH_RECORD, forecast, added, draws=asked.draws)
    base = "trade and the record of announcements"
    return Part((TARGET,), base, rows, had_figures(alone, now, columns, no_facts))


def _forecast(
    facts: backtest.Facts,
    origins: list[backtest.OnsetOrigin],
    features: tuple[str, ...],
    moment: pd.Timestamp,
    workers: int,
) -> pd.DataFrame:
    columns = [*KEYS, "share", "onset", "is_forecast", *features]
    with tempfile.TemporaryDirectory() as scratch:
        replace(facts, rows=facts.rows[list(dict.fromkeys(columns))]).save(Path(scratch))
        work = partial(_one_origin, folder=Path(scratch), features=features, moment=moment)
        return at_every_origin(work, origins, workers=workers)


def _one_origin(
    origin: backtest.OnsetOrigin, *, folder: Path, features: tuple[str, ...], moment: pd.Timestamp
) -> pd.DataFrame:
    facts, cutoff = backtest.Facts.load(folder), pd.Timestamp(origin.as_of)
    now = facts.rows[facts.rows["is_forecast"] & facts.rows["as_of"].between(cutoff, origin.until, inclusive="left")]
    tables = []
    for horizon in HORIZONS_WEEKS:
        rows = attach_onsets(now, facts.acts, facts.coverage, horizon, moment=moment)
        learn = backtest.learned_from(facts, cutoff, horizon)
        rows = rows.assign(target=TARGET, horizon=horizon)
        tables.append(fit_and_forecast(learn, rows, features, backtest.PARAMETERS))
    return over_horizons(tables, HORIZONS_WEEKS, key=KEYS)
