"""How candidates are printed, and how an analyst walks through them on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from features.errors import ConfigError, OresightError
from ml.review_commands import list_candidates, reports_of, review
from ml.screen import screen, visible

__all__ = ["as_records", "print_candidates", "print_decision", "walk_through"]

ASK = "[c]onfirm, [r]eject, [s]kip or [q]uit?"


def as_records(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Give candidates as records for JSON: moments in ISO form, None where there is none."""
    return json.loads(found.to_json(orient="records", date_format="iso", date_unit="s"))


def print_candidates(found: pd.DataFrame, top: int) -> None:
    """Print candidates as a table, and how many there are."""
    if found.empty:
        typer.echo("No such candidate.")
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in (
        "candidate",
        "first seen",
        "supplier",
        "minerals",
        "kind",
        "reports",
        "feeds",
        "title",
        "on record as",
    ):
        # An id that is broken over lines cannot be copied.
        is_whole = name in ("candidate", "first seen", "supplier")
        table.add_column(
            name, overflow="fold", no_wrap=is_whole, justify="right" if name in ("reports", "feeds") else "left"
        )
    for row in found.head(top).to_dict("records"):
        table.add_row(
            Text(row["candidate_id"]),
            f"{row['first_seen']:%Y-%m-%d}",
            row["supplier"],
            row["minerals"].replace(";", ", ") or "none named",
            row["kind"],
            str(row["reports"]),
            str(row["feeds"]),
            visible(row["title"]),
            Text(row["known_as"]),
        )
    screen(150).print(table)
    typer.echo(f"{min(top, len(found))} of {len(found)} candidate(s); decide with: oresight measures review CANDIDATE")


def print_decision(told: Mapping[str, Any]) -> None:
    """Print a decision in one line, and the measure that came of it."""
    screen().print(
        visible(f"{told['candidate_id']}: {told['decision']} by {told['reviewed_by']}, because: {told['why']}")
    )
    if told["measure"]:
        measure = told["measure"]
        screen().print(
            visible(
                f"In `measures` from now on: {measure['supplier']}, {', '.join(measure['minerals'])}, "
                f"{measure['kind']}, announced {measure['announced_on']}, severity {measure['severity']}: "
                f"{measure['title']}"
            )
        )


def walk_through(candidate: str | None, *, by: str, home: Path | None, say: Callable[[str], None]) -> None:
    """Show open candidates one by one and ask what they are.

    Raises:
        ConfigError: there is no terminal to ask on, or no such candidate.
    """
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask on; name a candidate and --confirm, --reject or --reopen, --why")
    found = list_candidates(state="open" if candidate is None else "all", home=home)
    if candidate is not None:
        found = found[found["candidate_id"].str.startswith(candidate)]
        if found.empty:
            raise ConfigError(f"no candidate is called {candidate!r}; list them with: oresight measures candidates")
    for number, row in enumerate(found.to_dict("records"), start=1):
        _show(row, reports_of(row, home=home), f"{number} of {len(found)}")
        answer = typer.prompt(ASK, default="s").strip().lower()[:1]
        if answer == "q":
            return
        if answer in ("c", "r"):
            _decide(row, "confirm" if answer == "c" else "reject", by=by, home=home, say=say)
    if found.empty:
        typer.echo("No candidate is open.")


def _decide(row: Mapping[str, Any], action: str, *, by: str, home: Path | None, say: Callable[[str], None]) -> None:
    changes: dict[str, Any] = {}
    if action == "confirm":
        minerals = typer.prompt("Minerals", default=row["minerals"].replace(";", " "))
        changes["minerals"] = minerals.replace(",", " ").split()
        changes["kind"] = typer.prompt("Kind", default=row["kind"])
        changes["announced_on"] = typer.prompt("Announced", default=f"{row['first_seen']:%Y-%m-%d}")
        changes["severity"] = typer.prompt("Severity (1-3)", default=2, type=int)
    why = typer.prompt("Why")
    try:
        told = review(row["candidate_id"], action, why=why, by=by, changes=changes, home=home)
    except OresightError as problem:
        # One slip of the pen must not end the walk.
        say(f"Not recorded: {problem}")
        return
    print_decision(told)


def _show(row: Mapping[str, Any], reports: pd.DataFrame, where: str) -> None:
    out = screen()
    out.print(visible(f"\n{where}: {row['candidate_id']} ({row['state']})"), style="bold")
    out.print(
        visible(
            f"{row['supplier']}, {row['minerals'].replace(';', ', ') or 'no mineral named'}, {row['kind']}; first seen "
            f"{row['first_seen']:%Y-%m-%d}, confidence {row['confidence']:.2f}"
        )
    )
    if row["known_as"]:
        out.print(visible(f"Perhaps on record already as {row['known_as']}"))
    for report in reports.head(10).to_dict("records"):
        out.print(visible(f"  {report['available_at']:%Y-%m-%d} {report['feed']}: {report['title']}"), soft_wrap=True)
        if report["link"]:
            out.print(visible(f"    {report['link']}"), soft_wrap=True)
    if len(reports) > 10:
        out.print(f"  and {len(reports) - 10} more")
