"""Warnings on the console."""

from __future__ import annotations

import datetime as dt
from typing import Any

from rich import box
from rich.table import Table

from ml.screen import screen, visible

__all__ = [
    "as_plain",
    "print_ack",
    "print_check",
    "print_deliveries",
    "print_drill",
    "print_feed",
    "print_list",
    "print_run",
    "print_warning",
]

Json = dict[str, Any]
OUTCOMES = {
    "acknowledged": "acknowledged; later steps of its plan are withdrawn",
    "already": "was acknowledged before",
    "cleared": "was over already; noted",
    "superseded": "noted, but a graver event came after the one that was read: the warning still waits",
}


def as_plain(value: Any) -> Any:
    """Give a result with moments as ISO text, as JSON holds it."""
    if isinstance(value, dict):
        return {key: as_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _table(title: str, rows: list[list[Any]], names: str) -> None:
    if not rows:
        return
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for name in names.split("|"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(visible("" if cell is None else str(cell)) for cell in row))
    screen(150).print(table)


def _line(text: str) -> None:
    screen(150).print(visible(text), soft_wrap=True, highlight=False)


def _percent(row: Json) -> str:
    return f"{row['probability']:.0%} ({row['p_low']:.0%}-{row['p_high']:.0%})"


def _normal(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def print_run(about: Json) -> None:
    """Print what a run changed and what was sent."""
    if about["skipped"] or about["held_why"]:
        _line(about["skipped"] or f"{len(about['held'])} warnings stand unchanged: {about['held_why']}")
    names = ("event_id", "kind", "told", "mineral", "supplier", "window", "tier")
    rows = [
        [*(each[name] for name in names), _percent(each), _normal(each["base_rate"]), each["why"]]
        for each in about["events"]
    ]
    mark = "DRILL: " if about["is_drill"] else ""
    title = f"{mark}Changes as of {about['as_of']} ({about['run_id']})"
    _table(title, rows, "event|kind|told|mineral|supplier|window|tier|P|normal|why")
    if "deliveries" in about:
        print_deliveries(about)
        _line(f"Page: {about['web']['files']['page']}")


def print_deliveries(about: Json) -> None:
    """Print what came of the queue."""
    told = ", ".join(f"{n} {name}" for name, n in about["deliveries"].items() if n) or "nothing was due"
    _line(f"Deliveries: {told}; {about['dead']} given up in all")
    for channel, states in about.get("queue", {}).items():
        _line(f"  {channel}: " + ", ".join(f"{n} {state}" for state, n in states.items()))


def print_drill(about: Json) -> None:
    """Print which drill was called."""
    pair = f"{about['mineral']} {about['supplier']} ({about['tier']})"
    _line(f"Drill {about['warning_id']}: {pair}, {about['queued']} deliveries queued")
    print_deliveries(about)


def print_list(about: Json) -> None:
    """Print warnings and mutes."""
    keys = ("state", "mineral", "supplier", "target", "event_window", "tier")
    rows = [
        [
            each["warning_id"] + (" DRILL" if each["is_drill"] else ""),
            *(each[key] for key in keys),
            _percent(each),
            each["raised_as_of"].date(),
            each["changed_as_of"].date(),
            each["acknowledged_by"],
        ]
        for each in about["warnings"]
    ]
    names = "warning|state|mineral|supplier|event|window|tier|P|since|changed|by"
    _table(f"{len(rows)} warnings", rows, names)
    if not rows:
        _line("No warnings.")
    muted = [
        [each["mute_id"], each["pattern"], each["until"].date(), each["by"], each["why"]] for each in about["mutes"]
    ]
    _table("Muted", muted, "number|pattern|until|by|why")


def print_warning(about: Json) -> None:
    """Print one warning."""
    for line in about["text"].splitlines():
        _line(line)
    names = ("event_id", "kind", "why", "told")
    _table(
        "What happened",
        [[f"{e['at']:%Y-%m-%d %H:%M}", *(e[n] for n in names)] for e in about["events"]],
        "at|event|kind|why|told",
    )
    sent = ("event_id", "recipient", "channel", "step", "state", "attempts", "last_error")
    _table(
        "What was sent",
        [[e[n] for n in sent] for e in about["deliveries"]],
        "event|to|channel|step|state|attempts|error",
    )


def print_ack(about: Json) -> None:
    """Print what an acknowledgement did."""
    _line(f"{about['warning_id']} {OUTCOMES[about['outcome']]} ({about['by']}); state {about['state']}")


def print_check(about: Json) -> None:
    """Print what the rules say and what is wrong with them."""
    _line(f"{about['file'] or 'packaged defaults'}: {len(about['rules'])} rules, {len(about['groups'])} groups")
    for rule in about["rules"]:
        limits = f"raised at {rule['raise_at']:g}, cleared at {rule['clear_at']:g}"
        _line(f"  rule {rule['id']}: {', '.join(rule['targets'])}, {limits}")
    for group, channels in about["groups"].items():
        _line(f"  group {group}: {', '.join(channels)}")
    for tier, steps in about["plans"].items():
        _line(f"  plan {tier}: {'; then '.join(steps) or 'page and feed only'}")
    for kind in ("problems", "notes"):
        for told in about[kind]:
            _line(f"{'PROBLEM' if kind == 'problems' else 'note'}: {told}")


def print_feed(about: Json) -> None:
    """Print what was written."""
    _line(f"{about['open']} open warnings, {about['entries']} feed entries, {about['cap_files']} CAP files")
    for name, path in about["files"].items():
        _line(f"  {name:12} {path}")
