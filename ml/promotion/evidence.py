"""Forecasts of champion and challenger on the same past rows, from backtests made here or given.

A backtest refits each model's recipe (its features and parameters) at every origin on what was resolved by then:
the fitted model itself has seen the outcomes. Origins that are made are kept in the home and taken again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.errors import BadInput
from features.store import Store
from ml.backtest import Plan, run_backtest
from ml.knowledge import Knowledge, signals_named
from ml.origins import Origin
from ml.registry import Served
from ml.settings import Settings
from models.forecaster import Forecaster
from models.gradient_boosting import Parameters
from models.targets import HORIZONS

__all__ = ["BACKTESTS", "MODELS", "ROW_KEY", "Evidence", "backtested", "given", "parameters_of", "side_by_side"]

MODELS = ("champion", "challenger", "pair_history")
ROW_KEY = ["target", "horizon", "mineral", "supplier", "as_of"]
FACTS = ["label", "onset", "is_major", "is_transit"]
# Below the home: forecasts of finished origins, by recipe and data.
BACKTESTS = Path("promotions") / "backtests"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Evidence:
    """What both models forecast for resolved rows.

    Attributes:
        rows: `ROW_KEY`, label, onset, is_major, is_transit, and a probability per name of `MODELS`; sorted.
        source: where the forecasts are from, in words.
        left_out: resolved rows that only one of the two forecast; no gate sees them.
    """

    rows: pd.DataFrame
    source: str
    left_out: int

    @property
    def origins(self) -> list[str]:
        """The dates of the forecasts, ISO, the earliest first."""
        return [moment.date().isoformat() for moment in sorted(self.rows["as_of"].unique())]


def parameters_of(forecaster: Forecaster) -> Parameters:
    """Give the settings of a forecaster's boosters, which are the same for all."""
    return next(iter(forecaster.parts.values())).parts()[0].parameters


def backtested(
    settings: Settings,
    store: Store,
    champion: Served,
    challenger: Served,
    origins: list[Origin],
    *,
    as_of: dt.datetime,
    say: Say,
) -> Evidence:
    """Run both recipes over `origins` and give their forecasts side by side.

    Args:
        as_of: what is known for scoring; each origin still learns only from its own past.
    """
    tables = []
    for name, served in (("champion", champion), ("challenger", challenger)):
        forecaster = served.forecaster
        knowledge = Knowledge(store, as_of, signals_named(served.signals))
        plan = Plan(
            tuple(origins),
            tuple(forecaster.targets),
            tuple(forecaster.features),
            parameters_of(forecaster),
            with_baselines=name == "champion",
            horizons=tuple(HORIZONS),
        )

        def on_origin(origin: Origin, table: pd.DataFrame, was_kept: bool, who: str = name) -> None:
            kept = " (kept from before)" if was_kept else ""
            say(f"Backtest of the {who}: origin {origin.as_of.date()}, {len(table):,} forecasts{kept}")

        made = run_backtest(
            knowledge,
            plan,
            data_digest=knowledge.digest,
            folder=settings.home / BACKTESTS,
            workers=settings.workers,
            on_origin=on_origin,
        )
        tables.append(_renamed(made, forecaster.name, name))
    source = f"backtests of both recipes on what was known on {as_of.date()}"
    return side_by_side(pd.concat(tables, ignore_index=True), source=source)


def given(folder: Path) -> Evidence:
    """Read forecasts of both that `oresight backtest` wrote to `folder`/champion and `folder`/challenger.

    Raises:
        BadInput: a file or column is missing, or both do not forecast the same rows.
    """
    tables = []
    for name in ("champion", "challenger"):
        path = folder / name / "predictions.parquet"
        if not path.exists():
            raise BadInput(
                where=str(path),
                expected="the forecasts of a backtest",
                found="no such file",
                remedy=f"Make it: oresight backtest --signals ... --out {folder / name}",
            )
        rows = pd.read_parquet(path)
        missing = [column for column in ["model", *ROW_KEY, *FACTS, "probability"] if column not in rows.columns]
        if missing:
            raise BadInput(
                where=str(path),
                expected="the columns of a backtest's forecasts",
                found=f"none called {', '.join(missing)}",
                remedy="Give what `oresight backtest` wrote.",
            )
        tables.append(_renamed(rows, "lightgbm", name))
    return side_by_side(pd.concat(tables, ignore_index=True), source=f"forecasts given in {folder}")


def _renamed(rows: pd.DataFrame, own: str, name: str) -> pd.DataFrame:
    # The baseline is taken once, from the champion's run.
    rows = rows.reset_index(drop=True)
    keep = rows["model"].eq(own) | (rows["model"].eq("pair_history") & (name == "champion"))
    return rows[keep].assign(model=rows["model"].replace({own: name}))


def side_by_side(rows: pd.DataFrame, *, source: str) -> Evidence:
    """Give one row per resolved forecast with a column per model.

    Args:
        rows: `ROW_KEY`, `FACTS`, model (one of `MODELS`) and probability.

    Raises:
        BadInput: a row is there twice, the two disagree on an outcome, or they share no row.
    """
    rows = rows[rows["label"].notna()]
    where = f"evidence ({source})"
    if rows.duplicated([*ROW_KEY, "model"]).any():
        first = rows[rows.duplicated([*ROW_KEY, "model"])].iloc[0]
        raise BadInput(
            where=where,
            expected="one forecast per model, target, horizon, pair and date",
            found=f"two of {' '.join(str(first[name]) for name in ['model', *ROW_KEY])}",
            remedy="Make the backtest again.",
        )
    stated = rows.groupby(ROW_KEY)[FACTS]
    torn = (stated.max() != stated.min()).any(axis=1)
    if torn.any():
        raise BadInput(
            where=where,
            expected="the same outcome and slices of a row from both models",
            found=f"{int(torn.sum())} rows on which they differ, first {torn.index[torn][0]}",
            remedy="Make both backtests from the same data.",
        )
    wide = rows.pivot(index=ROW_KEY, columns="model", values="probability")  # noqa: PD010 — never aggregate
    wide = wide.reindex(columns=list(MODELS))
    shared = wide.notna().all(axis=1)
    if not shared.any():
        raise BadInput(
            where=where,
            expected="resolved rows that champion, challenger and pair history all forecast",
            found=f"none of {len(wide)}",
            remedy="Choose origins whose years are resolved, and backtest both models on them.",
        )
    facts = rows.drop_duplicates(ROW_KEY).set_index(ROW_KEY)[FACTS]
    table = wide[shared].join(facts).reset_index().sort_values(ROW_KEY, ignore_index=True)
    return Evidence(table.astype(dict.fromkeys(FACTS[1:], "bool")), source, int((~shared).sum()))
