"""How the results of the commands about sources are printed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.collection.rounds import Outcome
from ml.screen import screen

__all__ = [
    "print_folder",
    "print_outcomes",
    "print_plan",
    "print_rebuilt",
    "print_receipts",
    "print_revisions",
    "print_source",
    "print_sources",
    "round_progress",
]


def _day(moment: dt.datetime | None) -> str:
    return moment.strftime("%Y-%m-%d") if moment else "never"


def _outcome_line(outcome: Outcome) -> str:
    if outcome.state in ("failed", "skipped"):
        return f"{outcome.source}: {outcome.state}: {outcome.message}"
    if outcome.state == "unchanged":
        return f"{outcome.source}: unchanged, {outcome.files} file(s)" + (
            f"; {outcome.message}" * bool(outcome.message)
        )
    more = "".join(
        f", {number:,} {what}"
        for number, what in (
            (outcome.revised, "of them revisions"),
            (outcome.rejected, "rejected"),
            (outcome.missing, "stored facts not in it"),
        )
        if number
    )
    told = f"; {outcome.message}" * bool(outcome.message)
    return f"{outcome.source}: {outcome.added:,} rows added from {outcome.files} file(s){more}{told}"


@contextmanager
def round_progress(total: int, say: Callable[[str], None]) -> Iterator[Callable[[Outcome], None]]:
    """Show how far a round is: a bar on a terminal, a line per source elsewhere, on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda outcome: say(_outcome_line(outcome))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("collecting", total=total)

        def told(outcome: Outcome) -> None:
            progress.console.print(_outcome_line(outcome), soft_wrap=True, highlight=False, markup=False)
            progress.advance(task)

        yield told


def print_plan(rows: Sequence[dict[str, Any]]) -> None:
    """Print what would be fetched."""
    console = screen()
    for row in rows:
        if row["skipped_because"]:
            console.print(f"{row['source']}: skipped: {row['skipped_because']}", soft_wrap=True, markup=False)
        for address in row["would_fetch"]:
            console.print(f"{row['source']}: {address}", soft_wrap=True, highlight=False, markup=False)


def print_outcomes(outcomes: Sequence[dict[str, Any]]) -> None:
    """Print the summary of a round; each source was told when it was done."""
    states = [outcome["state"] for outcome in outcomes]
    told = ", ".join(f"{states.count(state)} {state}" for state in ("new", "unchanged", "failed", "skipped"))
    screen().print(f"{len(states)} sources: {told}.")


def print_receipts(receipts: Sequence[dict[str, Any]]) -> None:
    """Print what each file gave."""
    for receipt in receipts:
        added = ", ".join(f"{count:,} rows of {name}" for name, count in receipt["added"].items()) or "nothing"
        revised = sum(receipt["revised"].values())
        left_out = "".join(f"; {count:,} {name}" for name, count in receipt["counts"].items() if count)
        more = "".join(
            f"; {number:,} {what}"
            for number, what in ((revised, "revisions"), (receipt["withdrawn"], "withdrawn"))
            if number
        )
        if receipt["missing"] and not receipt["withdrawn"]:
            more += f"; {receipt['missing']:,} facts of earlier releases not in this one (they stay)"
        of = " ".join(filter(None, (receipt["source"], receipt["released"])))
        line = f"{of} {receipt['file']}: added {added}; {receipt['rejected']} rejected{more}{left_out}"
        screen().print(line, soft_wrap=True, highlight=False, markup=False)


def print_folder(result: dict[str, Any]) -> None:
    """Print what a folder gave: files read, refused, and of no source."""
    console = screen()
    print_receipts(result["receipts"])
    for refused in result["refused"]:
        console.print(f"refused: {refused['reason']}", soft_wrap=True, highlight=False, markup=False)
    if result["unknown"]:
        folders = Counter(str(Path(path).parent) for path in result["unknown"])
        console.print(f"{len(result['unknown'])} file(s) that no source takes (--json lists each):")
        for path, number in folders.items():
            console.print(f"  {number:4} in {path}", soft_wrap=True, highlight=False, markup=False)
    read, refused = len(result["receipts"]), len(result["refused"])
    console.print(f"{read} file(s) read, {refused} refused, {len(result['unknown'])} left out.")


def print_rebuilt(result: dict[str, Any]) -> None:
    """Print the rows per dataset before and after a rebuild."""
    table = Table(box=box.SIMPLE)
    table.add_column("dataset")
    for name in ("rows before", "rows after"):
        table.add_column(name, justify="right")
    for name, after in result["rows_after"].items():
        table.add_row(name, f"{result['rows_before'].get(name, 0):,}", f"{after:,}")
    console = screen()
    console.print(table)
    console.print(f"{result['files']} file(s) read again. The store as it was: {result['old_store']}", soft_wrap=True)


def print_revisions(name: str, total: int, rows: pd.DataFrame) -> None:
    """Print what later releases changed."""
    table = Table(title=f"{total:,} revised figures of {name}, the largest changes first", box=box.SIMPLE)
    for column in ("source", "fact", "column"):
        table.add_column(column, overflow="fold")
    for column in ("old", "new", "change", "known", "revised"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows.itertuples():
        change = "" if pd.isna(row.relative_change) else f"{row.relative_change:+.1%}"
        old, new = (_number(value) for value in (row.old, row.new))
        what = "withdrawn" if row.is_withdrawn else row.column
        dates = (f"{row.old_known_at:%Y-%m-%d}", f"{row.new_known_at:%Y-%m-%d}")
        table.add_row(row.source, row.fact, what, old, new, change, *dates)
    screen().print(table)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}"
    return value.date().isoformat() if isinstance(value, pd.Timestamp) and not pd.isna(value) else str(value)[:30]


def print_sources(rows: Sequence[dict[str, Any]]) -> None:
    """Print one line per source, and below it what is wrong with any of them."""
    table = Table(box=box.SIMPLE, padding=(0, 1))
    for name in ("source", "fetched", "newest", "covers", "state"):
        table.add_column(name, no_wrap=name != "state", overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("known on", no_wrap=True)
    for row in rows:
        covers = "" if row["covers"] is None else f"{row['covers']}"
        covers += f" of {row['usually_covers']}" if row["usually_covers"] else ""
        fetched = "embedded" if row["is_embedded"] and row["fetched_at"] is None else _day(row["fetched_at"])
        table.add_row(
            row["name"],
            fetched,
            row["newest_observation"] or "",
            covers,
            "; ".join(_states(row)) or ("fine" if row["rows"] else "nothing yet"),
            f"{row['rows']:,}",
            row["newest_known_on"] or "",
        )
    console = screen()
    console.print(table)
    for row in rows:
        if row["last_error"]:
            console.print(f"{row['name']}: {row['last_error']}", soft_wrap=True, highlight=False, markup=False)
    console.print("`oresight sources NAME` shows one in full: licence, address, lag, key, clocks, errors.")


def _states(row: dict[str, Any]) -> Iterator[str]:
    if row["rows"] and row["is_stale"]:
        yield f"stale ({row['age_days']} days)"
    if row["last_error"]:
        yield "last attempt failed"
    if row["needs_key"] and not row["has_key"]:
        yield f"needs {row['key_setting']}"
    if row["quarantined_files"]:
        yield f"{row['quarantined_files']} file(s) refused"
    if row["quarantined_rows"]:
        yield f"{row['quarantined_rows']} row(s) refused"
    if not row["seen_live"]:
        yield "not yet seen live"


def print_source(row: dict[str, Any]) -> None:
    """Print one source in full."""
    key = "none needed"
    if row["needs_key"]:
        key = f"{row['key_setting']} ({'set' if row['has_key'] else 'not set'})"
    coverage = "unknown" if row["covers"] is None else f"{row['covers']}, the period before {row['usually_covers']}"
    lines = {
        "title": row["title"],
        "publisher": row["publisher"],
        "address": row["address"],
        "downloaded from": row["endpoint"] or "nowhere; bring its files with `oresight ingest`",
        "fills": ", ".join(row["fills"]),
        "takes": row["takes"],
        "licence": row["licence"],
        "may be passed on": "yes" if row["may_redistribute"] else "no",
        "cite": row["citation"],
        "published": row["cadence"],
        "known from": row["lag_rule"],
        "key": key,
        "seen live": "yes" if row["seen_live"] else "not yet seen live: built from the publisher's documentation",
        "clock 1, fetched": _day(row["fetched_at"]),
        "clock 2, newest observation": f"{row['newest_observation'] or 'none'}, known on {row['observation_known_on']}",
        "clock 3, coverage": coverage,
        "stale": f"{'yes' if row['is_stale'] else 'no'} (after {row['stale_after_days']} days; now {row['age_days']})",
        "rows": f"{row['rows']:,}, the newest known on {row['newest_known_on']}",
        "files kept": str(row["files"]),
        "in quarantine": f"{row['quarantined_files']} file(s), {row['quarantined_rows']} row(s)",
        "last attempt": _day(row["last_attempt"]),
        "last success": _day(row["last_success"]),
        "last error": row["last_error"] or "none",
    }
    table = Table(title=row["name"], box=box.SIMPLE, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines.items():
        table.add_row(name, text)
    screen().print(table)
