"""How feeds and stories are printed. What publishers wrote is shown as text: never as markup or control characters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

from ml.screen import screen, visible

__all__ = ["print_feeds", "print_stories"]

WIDTH_WITHOUT_TERMINAL = 140


def _moment(at: dt.datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M") if at else ""


def print_feeds(rows: Sequence[dict[str, Any]]) -> None:
    """Print one line per feed, those in trouble first, and below what is wrong with them."""
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for name in ("feed", "language", "state", "last answer", "next try"):
        table.add_column(name, no_wrap=True)
    for name in ("failures", "items", "last 7 days"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in sorted(rows, key=lambda row: (-row["failures"], row["id"])):
        cells = (row["id"], row["language"], row["state"], _moment(row["last_ok"]), _moment(row["next_try"]))
        numbers = (str(row["failures"] or ""), f"{row['items']:,}", f"{row['items_last_week']:,}")
        table.add_row(*map(visible, cells), *numbers)
    console = screen(WIDTH_WITHOUT_TERMINAL)
    console.print(table)
    for row in rows:
        if row["problem"]:
            console.print(visible(f"{row['id']}: {row['problem']}"), soft_wrap=True)
    states = [row["state"] for row in rows]
    told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    console.print(f"{len(rows)} feeds: {told or 'none'}.")


def print_stories(rows: Sequence[dict[str, Any]]) -> None:
    """Print one line per story, the newest first."""
    if not rows:
        screen(WIDTH_WITHOUT_TERMINAL).print("No story is known that fits. `oresight collect news` reads the feeds.")
        return
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for name in ("first", "title"):
        table.add_column(name, no_wrap=name == "first", overflow="fold", ratio=None if name == "first" else 1)
    for name in ("minerals", "suppliers", "event", "feeds", "items"):
        table.add_column(name, overflow="fold", justify="right" if name in ("feeds", "items") else "left")
    for row in rows:
        event = row["event_type"] if row["tense"] == "happened" else f"{row['event_type']} ({row['tense']})"
        cells = (row["first_at"][:10], row["title"], ", ".join(row["minerals"]), ", ".join(row["suppliers"]), event)
        table.add_row(*map(visible, cells), str(len(row["feeds"])), str(row["items"]))
    screen(WIDTH_WITHOUT_TERMINAL).print(table)
