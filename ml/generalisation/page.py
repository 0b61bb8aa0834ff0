"""The page of what carries over: a table per target, and in words what each kind of line means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.panel import TRANSIT_IMPORTS_PER_EXPORT
from ml.experiments.odd_prices import FACTOR
from ml.generalisation.lines import FOLDS
from ml.generalisation.study import METRICS
from ml.page_tables import cell, made_by, table
from models.targets import TARGETS

__all__ = ["render"]

Row = Mapping[str, Any]
WHAT = (
    "How far the forecasts carry: to minerals and suppliers that nothing was learned of, to crises, to large suppliers "
    "and to those that only pass on. The champion's kind of model (LightGBM, calibrated) on trade alone, yearly "
    "origins {origins}, the year of the forecast, onset rows: pairs of at least 1 % of world exports that were not in "
    "the event in the last known year. Brier skill is over pair history of everything known, which did see the "
    "groups. Intervals of 95 % from {draws} draws of minerals and years as blocks.\n"
)
MEANING = (
    f"- **Never seen**: minerals, or suppliers, are dealt to {FOLDS} groups by a hash of their names; each group is "
    "forecast by a model and a calibration that learned nothing of it. Features of the pair itself are its own past, "
    "known to anyone. Only what is *learned* is new to it.\n"
    "- **Crises**: a forecast of year T learns from target years up to T - 2, as later ones are not resolved by then. "
    "So the forecasts of 2008-2009, 2020 and 2022 never learned from the crisis they are scored on: the ordinary "
    "backtest *is* the crisis left out. Only 2016 could learn from 2014, and has a line without it. Leaving a crisis "
    "out of a model that learns from the years *after* it would be no forecast, and would not leave it out: for three "
    "years it is part of what exports are compared with.\n"
    "- **After a crisis**: the years from which a label of the crisis is known, once with and once without these "
    "labels. The gain is what forgetting the crisis buys; below zero, having learned from it helps.\n"
    "- **One or two years are one or two draws.** Intervals of a crisis show how minerals differ in it, not how crises "
    "differ. *When* needs several years of a pair; where too few draws have any, there is no interval.\n"
    "- **2020 and 2022** lie in the final span of experiments. They are the published backtest's forecasts, fitted "
    "again and told apart; nothing was chosen on them.\n"
    "- **Transit** is told at the date: no producer as far as production figures were known then, and either sells "
    f"what is mined or imports at least {100 * TRANSIT_IMPORTS_PER_EXPORT:.0f} % of what it exports. With embedded "
    "data alone production is known from 2020 on, so that re-exports alone decide before.\n"
    "- **Outcomes**: an outcome turns round where it is another one once tonnes at an odd price are put right, "
    f"{FACTOR} times off the pair's usual one. Many are slips of quantity, others a product that changed: a figure "
    "that is wrong makes a drop of the years after it, and foretells it. How much of the skill that is depends on the "
    "count: the rows that turn round can be left out, or settled at usual prices, which is harsher, as model and pair "
    "history learned the labels as they are. See [label noise](label-noise.md).\n"
)


def render(result: Mapping[str, Any]) -> str:
    """Give the page in Markdown from what `study` gave."""
    parts = ["# What carries over\n", WHAT.format(**result), MEANING]
    for target in TARGETS:
        rows = [row for row in result["lines"] if row["target"] == target]
        parts += [f"## `{target}`\n", _figures(rows), f"### `{target}`, differences\n", _gains(rows)]
    parts.append(made_by("generalisation", result))
    return "\n".join(parts)


def _figures(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        cells = [cell(row[name]) if name in row else "–" for name in METRICS]
        lines.append([row["group"], row["line"], f"{row['n']:,}", f"{row['events']:,}", f"{row['pairs']:,}", *cells])
    return table(["", "rows", "n", "events", "pairs", *METRICS.values()], lines)


def _gains(rows: Sequence[Row]) -> str:
    lines = [
        [row["line"], f"{row['n']:,}", *(cell(row[f"{name}_gain"], sign="+") for name in METRICS)]
        for row in rows
        if "roc_auc_gain" in row
    ]
    return "Against the ordinary forecasts of the same rows.\n\n" + table(["rows", "n", *METRICS.values()], lines)
