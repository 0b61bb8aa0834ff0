"""The scorecard's figures, taken from what each part measured, and its tables in Markdown.

A card is plain JSON, so that a test can hold README and model card against it::

    about            as_of, data_digest, git_commit, seconds by part
    record           one row per kind of forecast, target and horizon, July lead
    drift            one row per replayed span: weeks, and weeks with a stop, a watch, a note
    generalisation   one row per line and target
    coverage         one row per group of forecasts
    abstention       one row per rule of keeping and share of forecasts kept
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml.page_tables import cell, plain, table

__all__ = [
    "abstention_rows",
    "coverage_rows",
    "drift_rows",
    "generalisation_rows",
    "record_rows",
    "tables",
]

Json = dict[str, Any]
Cell = Mapping[str, float | None]


def record_rows(record: Mapping[str, Any]) -> list[Json]:
    """Give the headline figures of a track record (`ml.ledger.track_record.build_record`).

    Returns:
        kind, target, horizon, counts of outcomes, void_rate, and where something was scored: n, events, brier,
        skill over pair history, precision and recall of alerts as issued, false alarms per hit.
    """
    rows = []
    for kind, targets in record["kinds"].items():
        for target, part in targets.items():
            for horizon, of in part["horizons"].items():
                counts = of["outcomes"]
                row = {"kind": kind, "target": target, "horizon": horizon, "void_rate": counts["void_rate"]}
                row |= {name: counts[name] for name in ("issued", "matured", "resolved", "scored", "void", "pending")}
                rows.append(row | (_scored(of["scores"]["all"]) if of["scores"] else {"n": 0}))
    return rows


def _scored(figures: Mapping[str, Any]) -> Json:
    alerts = figures["alerts"]
    return {
        "n": figures["n"],
        "events": figures["events"],
        "brier": figures["brier"],
        "skill": _cell(figures["skill"]["pair_history"]),
        "auc": figures["auc"],
        "precision": alerts["precision"],
        "recall": alerts["recall"],
        "false_per_hit": alerts["false_per_hit"],
    }


def _cell(figure: Cell) -> Json:
    return {name: figure[name] for name in ("value", "low", "high")}


def drift_rows(replays: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Give per replayed span (`ml.drift_commands.replay`) how many Mondays there were, and how many had an alarm."""
    return [{name: replay[name] for name in ("first", "last", "weeks", "weeks_with")} for replay in replays]


def generalisation_rows(lines: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Give the figures of each line of `ml.generalisation`, without those of the differences."""
    metrics = ("roc_auc", "average_precision", "when", "brier_skill", "calibration_error")
    names = ("target", "group", "line", "n", "events", "pairs")
    return [{name: line[name] for name in (*names, *metrics) if name in line} for line in lines]


def coverage_rows(intervals: Mapping[str, Any]) -> list[Json]:
    """Give coverage over all origins per event, then of drops in the current year per target year and slice."""
    names = ("n", "events", "cells", "interval_covered", "calibration_covered", "mean_width")
    every = [line for line in intervals["coverage"] if line["span"] == "all"]
    rows = [{"by": "event", "group": f"{line['target']}, {line['horizon']}", **_some(line, names)} for line in every]
    rows += [{"by": "year", "group": line["group"], **_some(line, names)} for line in intervals["by_year"]]
    return rows + [{"by": "slice", "group": line["group"], **_some(line, names)} for line in intervals["by_slice"]]


def abstention_rows(intervals: Mapping[str, Any]) -> list[Json]:
    """Give what is gained by withholding the least supported forecasts, per order, at each share kept."""
    found = intervals["risk_coverage"]
    names = ("kept", "n", "brier", "auc", "skill", "missed_frac")
    return [
        {"order": order, "words": of["words"], **_some(point, names)}
        for order, of in found["orders"].items()
        for point in of["points"]
    ]


def _some(line: Mapping[str, Any], names: Sequence[str]) -> Json:
    return {name: line[name] for name in names}


def tables(card: Mapping[str, Any]) -> dict[str, str]:
    """Give the card's tables in Markdown, by part; parts that were not measured are missing."""
    return {name: _markdown(*TABLES[name](card[name])) for name in TABLES if card.get(name)}


def _markdown(head: list[str], lines: list[list[str]], words: int) -> str:
    return table(head, lines, words=words).rstrip()


def _record(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]], int]:
    head = ["forecasts", "event", "windows scored", "events", "void", "Brier", "skill vs pair history", "AUC"]
    head += ["alerts that came true", "events alerted"]
    return head, [_record_cells(row) for row in rows if row["n"]], 2


def _record_cells(row: Mapping[str, Any]) -> list[str]:
    event = f"{row['target']}, {row['horizon']}".replace("_", " ")
    counts = [f"{row['n']:,}", f"{row['events']:,}", f"{row['void_rate']:.1%}"]
    scores = [cell(row[name]) for name in ("brier", "skill", "auc")]
    return [row["kind"], event, *counts, *scores, *(cell(row[name], 2) for name in ("precision", "recall"))]


def _drift(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]], int]:
    head = ["Mondays replayed", "number", "with a stop", "with a watch", "with a note"]
    levels = ("stop", "watch", "note")
    cells = [
        [f"{row['first']} to {row['last']}", f"{row['weeks']}", *(f"{row['weeks_with'][level]}" for level in levels)]
        for row in rows
    ]
    return head, cells, 1


def _generalisation(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]], int]:
    head = ["event, onset", "rows", "n", "events", "AUC", "*when*", "Brier skill", "calibration error"]
    metrics = ("roc_auc", "when", "brier_skill", "calibration_error")
    cells = [
        [
            row["target"].replace("_", " "),
            row["line"],
            f"{row['n']:,}",
            f"{row['events']:,}",
            *(cell(row[name]) if name in row else plain(None) for name in metrics),
        ]
        for row in rows
    ]
    return head, cells, 2


def _coverage(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]], int]:
    head = ["by", "group", "forecasts", "events", "groups of like forecasts", "held", "by calibration alone", "width"]
    cells = [
        [
            row["by"],
            row["group"].replace("_", " "),
            *(f"{row[name]:,}" for name in ("n", "events", "cells")),
            *(f"{row[name]:.0%}" for name in ("interval_covered", "calibration_covered")),
            f"{row['mean_width']:.3f}",
        ]
        for row in rows
    ]
    return head, cells, 2


def _abstention(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]], int]:
    head = ["withheld first", "kept", "n", "Brier", "AUC", "Brier skill", "events withheld"]
    cells = [
        [
            row["words"],
            f"{row['kept']:.0%}",
            f"{row['n']:,}",
            *(plain(row[name]) for name in ("brier", "auc", "skill")),
            f"{row['missed_frac']:.1%}",
        ]
        for row in rows
    ]
    return head, cells, 1


TABLES: dict[str, Callable[[Any], tuple[list[str], list[list[str]], int]]] = {
    "record": _record,
    "generalisation": _generalisation,
    "coverage": _coverage,
    "abstention": _abstention,
    "drift": _drift,
}
