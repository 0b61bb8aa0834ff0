"""The scorecard in words: the part of the README, and the sections of the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.scorecard.tables import tables

__all__ = ["COMMAND", "card_sections", "readme_part"]

COMMAND = "make scorecard"
BEGIN, END = "<!-- scorecard: begin -->", "<!-- scorecard: end -->"
TITLES = {
    "record": (
        "Every week replayed",
        "Each Monday from 2010 to 2024 forecast with the model and the facts of its time. Each window is scored once, "
        "as forecast in July. It is a hindcast: features were chosen later. *Void*: outcomes that rest on imputed "
        "figures. *Alerts* are those the weekly page would have shown.",
    ),
    "generalisation": (
        "What carries over",
        "Onset forecasts of the year under way on what the model never learned from, in crises, and by kind of "
        "supplier; what each line leaves out is in [what carries over](docs/measured/generalisation.md).",
    ),
    "coverage": (
        "Do the intervals hold?",
        "Forecasts of one year with like probabilities form a group; an interval of 90 % should hold the observed rate "
        "of nine groups in ten, sampling allowed for: [how it is counted](docs/measured/intervals.md).",
    ),
    "abstention": (
        "What abstaining would cost and gain",
        "Forecasts with the least support withheld first (drops, the year under way); the skill of the rest, and the "
        "share of events nobody would have been told of.",
    ),
    "drift": (
        "False alarms about the data",
        "Mondays of years in which nothing was wrong with the data. A stop would have held the run back.",
    ),
}
# What the README shows of a part; the model card shows all.
SHORT = {
    "coverage": lambda row: row["by"] == "event",
    "abstention": lambda row: row["order"] == "distance" and row["kept"] in (1.0, 0.9, 0.8),
    "generalisation": lambda row: row["target"] == "supply_drop",
}


def readme_part(card: Mapping[str, Any]) -> str:
    """Give the README's part of a scorecard, with the command that makes it."""
    short = dict(card) | {name: [row for row in card[name] if keep(row)] for name, keep in SHORT.items()}
    lines = [BEGIN, ""]
    for name, table in tables(short).items():
        title, words = TITLES[name]
        mark = "" if title.endswith("?") else "."
        lines += [f"**{title}{mark}** {words}", "", table, ""]
    lines += [f"Made by `{COMMAND}`; all rows are in the [model card](docs/model-card.md).", "", END]
    return "\n".join(lines)


def card_sections(card: Mapping[str, Any]) -> str:
    """Give all tables of a scorecard as sections of the model card."""
    lines: list[str] = []
    for name, table in tables(card).items():
        title, words = TITLES[name]
        lines += [f"### {title}", "", words.replace("docs/", ""), "", table, ""]
    return "\n".join(lines).strip()
