"""What the commands about the record do: check the ledger, replay past weeks, and say how good the forecasts were."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from features.errors import ConfigError, OresightError
from features.knowledge_time import UTC
from ml.asked import asked_moment
from ml.contract import check_forecasts
from ml.knowledge import Knowledge, open_store, signals_named
from ml.ledger.chain import GENESIS, Ledger
from ml.ledger.check import Fault, check_chain, check_head, check_published
from ml.ledger.hindcast import hindcast_ledger, run_hindcast
from ml.ledger.issued import issued_ledger, record_runs
from ml.ledger.kept_record import FOLDER, as_table
from ml.ledger.record_page import render_record
from ml.ledger.resolution import count_outcomes, once_each, resolve
from ml.ledger.track_record import NEEDED, build_record
from ml.origins import mondays, weekly_date
from ml.results import write_page
from ml.runs import is_held_back, published
from ml.screen import screen
from ml.settings import Settings, load_settings

__all__ = ["hindcast", "print_verify", "track_record", "verify"]

Say = Callable[[str], None]
Json = dict[str, Any]
RESOLVED_BY = [name for name in NEEDED if name not in ("base_rate", "onset", "data_as_of")]


def verify(
    *, as_of: str | None, replayed: bool = False, record: bool = False, head: str | None = None, home: Path | None
) -> Json:
    """Check a ledger, hold published runs against it, and count what became of its forecasts by `as_of`.

    Args:
        replayed: the ledger of hindcasts instead of that of issued forecasts.
        record: take published runs into the ledger that it does not have.
        head: the hash of an entry, or its beginning, as noted earlier: the chain must still hold it.

    Returns:
        The ledger's state, faults (empty when all is as it was put in; with any, nothing is counted), and outcomes.

    Raises:
        OresightError: nothing has been issued or replayed yet.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = asked_moment(as_of, now=now)
    runs = [] if replayed else published(settings)
    ledger = hindcast_ledger(settings) if replayed else issued_ledger(settings)
    lines = len(ledger.lines())
    if not lines and not runs:
        command = "oresight hindcast" if replayed else "oresight weekly"
        raise OresightError(f"nothing is on record below {ledger.folder}; run `{command}` first")
    faults = check_chain(ledger) + check_head(ledger, head)
    if record and not faults:
        record_runs(settings, runs, now=now)
        lines = len(ledger.lines())
    by_name = {run.run_id: run for run in runs}
    issued = [run for run in runs if not is_held_back(run.about)]
    faults += check_published(ledger, by_name)
    faults += [
        Fault(f"runs/{run.run_id}/{name}", run.run_id, "", "", "the bytes that were published", "others")
        for run in runs
        for name in run.broken_files()
    ]
    entries = [] if faults else ledger.entries()
    known = {entry["batch"] for entry in entries}
    # Outcomes of a ledger that can't be trusted would only look like some.
    outcomes = [] if faults or not entries else _outcomes(settings, ledger, moment, now)
    for run in [] if faults else runs[-1:]:
        check_forecasts(run.forecasts())
    return {
        "as_of": moment.date().isoformat(),
        "ledger": str(ledger.path),
        "batches": lines,
        "rows": sum(entry["rows"] for entry in entries),
        "head": entries[-1]["hash"] if entries else GENESIS,
        "faults": [{"message": str(fault), **fault.as_json()} for fault in faults],
        "runs_published": len(runs),
        "runs_not_recorded": [] if faults else [run.run_id for run in issued if run.run_id not in known],
        "runs_held_back": len(runs) - len(issued),
        "runs_not_on_disk": 0 if replayed else len(known - set(by_name)),
        "files_without_entry": _strangers(ledger, entries) if not faults else [],
        "outcomes": outcomes,
    }


def _outcomes(settings: Settings, ledger: Ledger, moment: dt.datetime, now: dt.datetime) -> list[Json]:
    knowledge = Knowledge(open_store(settings, now=now), moment, signals_named(["trade"]))
    return count_outcomes(resolve(once_each(ledger.rows(RESOLVED_BY)), knowledge))


def _strangers(ledger: Ledger, entries: list[Json]) -> list[str]:
    # A killed write leaves one, and so does who cuts the last line off.
    known = {entry["file"] for entry in entries}
    files = (f"rows/{path.name}" for path in (ledger.folder / "rows").glob("*.parquet"))
    return sorted(name for name in files if name not in known)


def print_verify(about: Json) -> None:
    """Print the faults, or what became of the forecasts."""
    console = screen(150)
    for fault in about["faults"]:
        console.print(fault["message"], soft_wrap=True, highlight=False)
    if about["faults"]:
        console.print(f"{len(about['faults'])} fault(s) in {about['ledger']}; restore it from a copy.", soft_wrap=True)
        return
    console.print(
        f"{about['batches']} batches with {about['rows']:,} forecasts are as they were put in; head {about['head']}",
        soft_wrap=True,
        highlight=False,
    )
    console.print(f"{about['runs_published']} published runs are as they were published", highlight=False)
    if about["runs_not_recorded"]:
        names = ", ".join(about["runs_not_recorded"])
        console.print(f"Not in the ledger: {names}; `oresight verify --record` takes them in", soft_wrap=True)
    for name in about["files_without_entry"]:
        console.print(f"{name} has no entry: a write was killed, or the last entry was cut off", soft_wrap=True)
    for kind in dict.fromkeys(row["kind"] for row in about["outcomes"]):
        console.print(_outcome_table(kind, [row for row in about["outcomes"] if row["kind"] == kind], about["as_of"]))


def _outcome_table(kind: str, rows: list[Json], as_of: str) -> Table:
    title = f"{kind} forecasts: what had become of them by {as_of} (first release / latest figures)"
    table = Table(title=title, box=box.SIMPLE)
    table.add_column("event", no_wrap=True)
    names = ("issued", "matured", "resolved", "scored", "void", "pending", "hit", "miss", "false alarm", "all-clear")
    for name in names:
        table.add_column(name, justify="right")
    for row in rows:
        cells = [f"{row[name]:,}" for name in ("issued", "matured", "resolved", "scored", "void", "pending")]
        first, latest = row["first_release"], row["latest_figures"]
        cells += [f"{first[name]:,} / {latest[name]:,}" for name in ("hit", "miss", "false_alarm", "all_clear")]
        table.add_row(f"{row['target']} {row['horizon']}", *cells)
    return table


def hindcast(*, first: str, last: str, home: Path | None, say: Say, workers: int | None = None) -> Json:
    """Replay every week from `first` to `last`, both Mondays, into the hindcast ledger.

    Raises:
        ConfigError: a date is no Monday, too early, in the future, or the last is before the first.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    settings = settings.model_copy(update={"workers": workers or settings.workers})
    begin, end = weekly_date(first, now=now), weekly_date(last, now=now)
    if end < begin:
        raise ConfigError(f"--to {last} is before --from {first}")
    store = open_store(settings, now=now, say=say)
    done = run_hindcast(settings, store, mondays(begin, end), now=now, say=say)
    return {
        "from": first,
        "to": last,
        "weeks": done.weeks,
        "forecasts_added": done.rows_added,
        "quarters_added": done.quarters_added,
        "quarters_kept": done.quarters_kept,
        "fits": done.fits,
        "ledger": str(hindcast_ledger(settings).path),
    }


def track_record(out: Path | None, *, as_of: str | None, draws: int, home: Path | None, say: Say) -> Json:
    """Score all that issued and replayed forecasts have come to by `as_of`; write JSON, CSV and the page.

    Returns:
        The record, with `files`.

    Raises:
        OresightError: nothing has been issued or replayed yet.
        BadInput: a ledger is broken.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = asked_moment(as_of, now=now)
    ledgers = [ledger for ledger in (issued_ledger(settings), hindcast_ledger(settings)) if ledger.lines()]
    if not ledgers:
        raise OresightError(
            f"nothing is on record below {settings.home}; run `oresight weekly` or `oresight hindcast` first"
        )
    say("Reading the ledgers")
    rows = pd.concat([once_each(ledger.rows(NEEDED)) for ledger in ledgers], ignore_index=True)
    knowledge = Knowledge(open_store(settings, now=now, say=say), moment, signals_named(["trade"]))
    say(f"Resolving {len(rows):,} forecasts")
    record = build_record(resolve(rows, knowledge), knowledge, n_draws=draws)
    record["ledgers"] = [{"path": str(ledger.path), "head": ledger.entries()[-1]["hash"]} for ledger in ledgers]
    folder = out or settings.home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    say("Writing the tables and the page")
    aside = folder / "track-record.csv.part"
    as_table(record).to_csv(aside, index=False)
    aside.replace(folder / "track-record.csv")
    write_page(folder / "track-record.json", json.dumps(record, indent=1) + "\n", None)
    write_page(folder / "track-record.html", render_record(record), None)
    return {**record, "files": {name: str(folder / f"track-record.{name}") for name in ("json", "csv", "html")}}
