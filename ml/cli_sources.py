"""The commands about sources: collect, ingest, rebuild, list, and what was revised."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import Home, Json, print_json, say

__all__ = ["app"]

app = typer.Typer()

AcceptJumps = Annotated[
    bool,
    typer.Option("--accept-jumps", help="Take figures although a series jumped a thousandfold or a list shrank."),
]


@app.command()
def collect(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Which sources; all that can be collected by default.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be fetched, and fetch nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 when a source failed or had no key.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Download what publishers have put out and take it into the store; one that fails does not stop the others."""
    from ml import source_commands, source_tables

    if dry_run:
        plan = source_commands.plan_collection(sources or (), home=home)
        print_json(plan) if as_json else source_tables.print_plan(plan)
        return
    total = len(source_commands.plan_collection(sources or (), home=home))
    with source_tables.round_progress(total, say) as told:
        outcomes = source_commands.collect(sources or (), home=home, say=say, told=told)
    print_json(outcomes) if as_json else source_tables.print_outcomes(outcomes)
    tried = [outcome["state"] for outcome in outcomes if outcome["state"] != "skipped"]
    failed = tried.count("failed")
    if failed and failed == len(tried):
        raise typer.Exit(3)
    if strict and (failed or len(tried) < len(outcomes)):
        raise typer.Exit(4)


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="Which source the files come from; see `oresight sources`.")],
    files: Annotated[list[Path], typer.Argument(help="Payloads that were downloaded elsewhere.")],
    released: Annotated[
        str | None, typer.Option("--released", metavar="YYYY-MM-DD", help="When the publisher put the files out.")
    ] = None,
    accept_jumps: AcceptJumps = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take payload files into the store, or refuse them whole and say why."""
    from ml import source_commands, source_tables

    receipts = source_commands.ingest(source, files, released=released, accept_jumps=accept_jumps, home=home)
    print_json(receipts) if as_json else source_tables.print_receipts(receipts)


@app.command("ingest-dir")
def ingest_dir(
    folder: Annotated[Path, typer.Argument(help="A folder laid out as SOURCE/[YYYY-MM-DD/]FILE.")],
    accept_jumps: AcceptJumps = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take a folder of payloads of many sources into the store, oldest release first; list what no source takes."""
    from ml import source_commands, source_tables

    result = source_commands.ingest_folder(folder, accept_jumps=accept_jumps, home=home, say=say)
    print_json(result) if as_json else source_tables.print_folder(result)
    if result["refused"]:
        raise typer.Exit(3)


@app.command()
def rebuild(
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="A kept file, by name or beginning of its digest, to take out first."),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Read the embedded data and all kept payloads again, oldest release first: this undoes a bad ingest."""
    from ml import source_commands, source_tables

    result = source_commands.rebuild(without=without or (), home=home, say=say)
    print_json(result) if as_json else source_tables.print_rebuilt(result)


@app.command()
def revisions(
    dataset: Annotated[str, typer.Argument(help="Which dataset, such as trade, prices or production.")],
    source: Annotated[str | None, typer.Option("--source", help="Only figures of this source.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="Only revisions known from this day on.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many to show.")] = 20,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show which figures later releases changed, and by how much."""
    from ml import source_commands, source_tables

    total, rows = source_commands.revisions(dataset, source=source, since=since, top=top, home=home)
    if as_json:
        print_json({"dataset": dataset, "revisions": total, "largest": source_commands.as_records(rows)})
    else:
        source_tables.print_revisions(dataset, total, rows)


@app.command()
def sources(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which sources, shown in full; all in a table by default.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List every source: how fresh its data are by three clocks, what went wrong, its licence and its lag."""
    from ml import source_commands, source_tables

    rows = source_commands.list_sources(names or (), home=home)
    if as_json:
        print_json(rows)
    elif names:
        for row in rows:
            source_tables.print_source(row)
    else:
        source_tables.print_sources(rows)
