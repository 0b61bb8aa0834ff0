"""Models, promotions and their gates, printed for people."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from ml.model_commands import Promoted
from ml.registry.promotion_log import Promotion
from ml.screen import screen, visible

__all__ = ["print_line", "print_models", "print_promoted"]

VERDICTS = {"passed": "passed", "refused": "[bold]REFUSED[/bold]", "not_asked": "not asked"}


def print_models(told: dict[str, Any]) -> None:
    """Print every version, and where registry and log disagree."""
    console = screen(150)
    if not told["models"]:
        console.print("No model is registered yet; `oresight weekly` or `oresight train` makes one")
    else:
        table = Table(title="Registered models, the newest first", box=box.SIMPLE)
        for name in ("as", "model", "alias", "knows until", "families", "contract", "made champion"):
            table.add_column(name, overflow="fold")
        for row in told["models"]:
            crowned = [f"{line['at'][:10]}{' (forced)' if line['forced'] else ''}" for line in row["promotions"]]
            table.add_row(
                row["registered_as"],
                row["version"] if row["kind"] == "forecaster" else f"pair history of {row['version']}",
                ", ".join(row["aliases"]),
                row["trained_as_of"],
                ", ".join(row["signals"]),
                _contract(row["contract_differences"]),
                ", ".join(crowned),
            )
        console.print(table)
    for each in told["disagreements"]:
        console.print(f"Disagreement: {each['what']}. {each['remedy']}", soft_wrap=True)


def _contract(found: list[str] | None) -> str:
    if found is None:
        return "not kept"
    return "; ".join(found) if found else "equal"


def print_promoted(result: Promoted, *, dry_run: bool) -> None:
    """Print every gate, and what became of the promotion."""
    console, judgement = screen(150), result.judgement
    table = Table(title=f"Model {judgement.challenger['version']} at the gates", box=box.SIMPLE)
    for name in ("gate", "verdict", "found", "asks"):
        table.add_column(name, overflow="fold")
    for gate in judgement.gates:
        table.add_row(gate.name, VERDICTS[gate.verdict], visible(gate.found), visible(gate.asks))
    console.print(table)
    refused = ", ".join(judgement.refused)
    if dry_run:
        console.print(f"It would be refused by: {refused}" if refused else "It would be promoted")
    elif result.line is None:
        console.print(f"Not promoted: refused by {refused}")
    else:
        forced = f", forced past {refused}" if refused else ""
        console.print(f"Model {result.line.version} is champion{forced} (line {result.line.line} of the log)")
    if result.folder is not None:
        console.print(f"  record {result.folder / 'record.md'}", soft_wrap=True, highlight=False)


def print_line(line: Promotion) -> None:
    """Print one change of an alias."""
    console = screen(150)
    to = "nobody" if line.registered_as is None else f"{line.version} (registered as {line.registered_as})"
    before = "nobody" if line.from_registered_as is None else f"{line.from_version} ({line.from_registered_as})"
    console.print(f"The {line.alias} is {to}; it was {before}", soft_wrap=True)
    console.print(visible(f"  line {line.line} of the log, by {line.by}: {line.reason}"), soft_wrap=True)
