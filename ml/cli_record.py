"""The commands about the record: verify the ledger, replay past weeks, score what was said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, print_json, say

__all__ = ["app"]

app = typer.Typer()


@app.command()
def verify(
    as_of: AsOf = None,
    replayed: Annotated[
        bool, typer.Option("--hindcast", help="Check the ledger of replayed forecasts (default: of issued ones).")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Take published runs into the ledger that it does not have.")
    ] = False,
    head: Annotated[
        str | None, typer.Option("--head", help="A head noted earlier: an entry with this hash must still be there.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Check that no issued forecast was changed, and count hits, misses, void and pending ones; exit code 3 if one was.

    With --as-of, outcomes are those known by that date (default: today).
    """
    from ml import record_commands

    about = record_commands.verify(as_of=as_of, replayed=replayed, record=record, head=head, home=home)
    print_json(about) if as_json else record_commands.print_verify(about)
    if about["faults"]:
        raise typer.Exit(3)


@app.command()
def hindcast(
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First week, a Monday.")] = "2010-01-04",
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last week, a Monday.")] = "2024-12-30",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Replay every past week with the model and the facts of its time, into a ledger apart from issued forecasts."""
    from ml import record_commands

    about = record_commands.hindcast(first=first, last=last, home=home, say=say)
    if as_json:
        print_json(about)
    else:
        typer.echo(
            f"{about['weeks']} weeks on record: {about['forecasts_added']:,} forecasts added, {about['fits']} fits; "
            f"{about['quarters_kept']} quarters were there"
        )
        typer.echo(f"Ledger: {about['ledger']}")


@app.command(name="track-record")
def track_record(
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write (default: track-record in the home folder).")
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=0, help="Bootstrap draws for the intervals.")] = 300,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Score what was forecast against what happened, per kind of forecast: JSON, CSV and a page."""
    from ml import record_commands

    about = record_commands.track_record(out, as_of=as_of, draws=draws, home=home, say=say)
    if as_json:
        print_json(about)
    else:
        typer.echo("\n".join(f"  {name:5} {path}" for name, path in about["files"].items()))
