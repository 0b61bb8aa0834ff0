"""The written record of a promotion: every gate with its figure, bound and verdict, refused ones too.

`promotions/<date>-<version>/` in the home holds `record.json` and `record.md`. It says what the gates said; whether
the alias was moved is what `promotions.jsonl` says.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features.knowledge_time import UTC
from ml.page_tables import plain, table
from ml.promotion.gates import Bounds, Gate
from ml.results import without_nan

__all__ = ["FOLDER", "Judgement", "record_markdown", "write_record"]

FOLDER = "promotions"
TOLD = {"passed": "passed", "refused": "**refused**", "not_asked": "not asked"}


@dataclass(frozen=True)
class Judgement:
    """What the gates said of one challenger.

    Attributes:
        challenger, champion: registered_as, version, trained_as_of, signals, features and parameters; champion is None
            when there was none.
        about: when, by whom, why, forced, source and dates of the evidence, provenance of the code.
    """

    challenger: dict[str, Any]
    champion: dict[str, Any] | None
    gates: Sequence[Gate]
    bounds: Bounds
    about: dict[str, Any]

    @property
    def refused(self) -> list[str]:
        """The names of the gates that refuse."""
        return [gate.name for gate in self.gates if gate.verdict == "refused"]

    @property
    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it: undefined numbers are null."""
        verdict = "refused" if self.refused else "passed"
        told = {
            "verdict": verdict,
            "refused_by": self.refused,
            **self.about,
            "challenger": self.challenger,
            "champion": self.champion,
            "bounds": asdict(self.bounds),
            "gates": [asdict(gate) for gate in self.gates],
        }
        return without_nan(told)


def write_record(home: Path, judgement: Judgement, *, now: dt.datetime) -> Path:
    """Write the record aside and put it in its place; a second one of the same day and model gets a number.

    Returns:
        Its folder.
    """
    room = home / FOLDER
    room.mkdir(parents=True, exist_ok=True)
    name = f"{now.astimezone(UTC).date().isoformat()}-{judgement.challenger['version']}"
    aside = room / f".{name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    (aside / "record.json").write_text(json.dumps(judgement.as_json, indent=1, ensure_ascii=False) + "\n")
    (aside / "record.md").write_text(record_markdown(judgement))
    number, folder = 1, room / name
    while folder.exists():
        number += 1
        folder = room / f"{name}-{number}"
    return aside.rename(folder)


def record_markdown(judgement: Judgement) -> str:
    """Give the record as a page."""
    told, challenger, champion = judgement.as_json, judgement.challenger, judgement.champion
    verdict = "passed every gate" if not judgement.refused else f"refused by: {', '.join(judgement.refused)}"
    if judgement.about["forced"]:
        verdict += "; **forced**"
    lines = [
        f"# Promotion of model {challenger['version']}",
        "",
        f"On {told['at'][:10]}, by {told['by']}: {verdict}. Why: {told['why'] or '–'}.",
        "",
        "## Models",
        "",
        table(
            ["", "challenger", "champion"],
            [
                [name, _words(challenger[key]), "–" if champion is None else _words(champion[key])]
                for key, name in (
                    ("version", "model"),
                    ("registered_as", "registered as"),
                    ("trained_as_of", "knows what was known on"),
                    ("signals", "feature families"),
                    ("features", "features"),
                )
            ],
        ),
        "## Gates",
        "",
        table(
            ["gate", "asks", "found", "verdict"],
            [[gate.name, gate.asks, gate.found, TOLD[gate.verdict]] for gate in judgement.gates],
        ),
    ]
    for gate in judgement.gates:
        if gate.rows:
            head = list(gate.rows[0])
            lines += [
                f"## {gate.name.capitalize()}",
                "",
                table(head, [[_figure(row[key]) for key in head] for row in gate.rows]),
            ]
    lines += [
        "## Evidence",
        "",
        f"{told['evidence'] or 'None: there was no champion to compare with'}. "
        f"Code {told['git_commit']}, packages {told['lock_hash']}.",
        "",
    ]
    return "\n".join(lines)


def _words(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _figure(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, float):
        return plain(value if value is None or math.isfinite(value) else None, 4)
    return str(value)
