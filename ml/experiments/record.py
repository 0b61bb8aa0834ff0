"""The record of experiments: an append-only file of JSON lines, and the page made from it, failures included."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from features.errors import BadInput, ConfigError
from ml.experiments.ideas import REFERENCE
from ml.page_tables import table

__all__ = ["add_to_record", "check_first_look", "read_record", "render_record"]

METRICS = {
    "roc_auc": "AUC",
    "when": "*when*",
    "average_precision": "AP",
    "brier_skill": "Brier skill over pair history",
}
WHAT = (
    "What was tried to forecast drops of exports better, and what it gave, failures included. Every idea learns "
    "at each yearly origin only from what was resolved by then, and is compared with the reference on the same "
    "onset rows of the current year (pairs of at least 1 % of world exports, not in the event in the last known "
    "year) and the same bootstrap draws of minerals and years. Probabilities are uncalibrated here; the "
    "champion's are calibrated on top."
    "\n"
)
WHEN = (
    "*When* is concordance within one pair. **It is below 0.5 for an honest forecast that knows nothing of "
    "timing**: whoever learns from a pair's own record raises the probability after an event, so that over any "
    "span the years with the event had the lower one. Pair history alone has about 0.25. A gain counts, the level"
    " hardly does."
    "\n"
)
# Of intervals of 95 % around nothing, that many lie above zero.
CHANCE = 0.025
Row = Mapping[str, Any]


def read_record(path: Path) -> list[dict[str, Any]]:
    """Read every row ever written; none where there is no file.

    Raises:
        BadInput: a line is no JSON.
    """
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            raise BadInput(
                where=f"{path}, line {number}",
                expected="one experiment as JSON",
                found=repr(line[:80]),
                remedy="Take the file from the repository again.",
            ) from None
    return rows


def check_first_look(path: Path, *, again: str | None) -> None:
    """Refuse a second look at the final span.

    Raises:
        ConfigError: it was looked at before, and no reason is given to look again.
    """
    looks = sorted({row["date"] for row in read_record(path) if row["span"] == "final"})
    if looks and not again:
        raise ConfigError(
            f"the final span was looked at on {', '.join(looks)}; a second look makes it a span like any other. "
            "To look all the same, say why with --again"
        )


def add_to_record(path: Path, rows: Sequence[Row], *, again: str | None = None) -> None:
    """Append rows; what was measured before on the same data and code is not written twice."""
    known = {_key(row) for row in read_record(path)}
    new = [dict(row) | ({"again": again} if again else {}) for row in rows if _key(row) not in known]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(row, sort_keys=True) + "\n" for row in new)


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("idea", "target", "origins", "signals", "data_digest", "git_commit", "draws"))


def render_record(rows: Sequence[Row], *, command: str) -> str:
    """Give the page: per span, target and families a table, the best gain in AUC first."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in ("span", "target", "signals", "origins")), []).append(row)
    dates = sorted({row["date"] for row in rows if row["span"] == "final"})
    seen = f"looked at on {', '.join(dates)}" if dates else "not looked at yet"
    looks = sum(f"{metric}_gain" in row for row in rows for metric in METRICS)
    sections = ["# Experiments\n", WHAT, WHEN]
    sections += [
        f"{looks} intervals of gains were looked at; if nothing were worth anything, about {CHANCE * looks:.0f} of "
        "them would lie above zero by chance and as many below. One narrow gain is no reason to keep an idea.\n",
        f"Ideas are chosen on the earlier origins. The final span, the last five origins, was {seen}.\n",
        f"Made by `{command}` from the record beside it; edit nothing here by hand.\n",
    ]
    for (span, target, signals, origins), own in groups.items():
        sections += [f"## `{target}`, {span} origins {origins}, on {signals.replace(',', ' + ')}\n", _table(own) + "\n"]
    return "\n".join(sections)


def _table(rows: Sequence[Row]) -> str:
    heads = ["date", "idea", "what changes", "n", *METRICS.values(), "verdict"]
    # Measured again with newer code or facts: the newest counts, the record keeps all.
    newest = {row["idea"]: row for row in rows}
    ordered = sorted(
        newest.values(), key=lambda row: (row["idea"] != REFERENCE.name, -_value(row, "roc_auc_gain"), row["date"])
    )
    lines = [
        [
            row["date"],
            f"`{row['idea']}`",
            row["sentence"],
            f"{row['n']:,}",
            *(_cell(row, metric) for metric in METRICS),
            row["verdict"] + (f" (looked again: {row['again']})" if row.get("again") else ""),
        ]
        for row in ordered
    ]
    return table(heads, lines)


def _value(row: Row, name: str) -> float:
    return float(row[name]["value"]) if name in row else 0.0


def _cell(row: Row, metric: str) -> str:
    gain = row.get(f"{metric}_gain")
    if gain is None:
        own = row[metric]
        interval = "" if own["low"] is None else f" [{own['low']:.3f}, {own['high']:.3f}]"
        return f"{own['value']:.3f}{interval}"
    interval = "" if gain["low"] is None else f" [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    return f"{row[metric]['value']:.3f} ({gain['value']:+.3f}{interval})"
