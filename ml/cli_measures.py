"""The commands about export measures: list them, count them, and hold the counts against the published picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml import cli_review
from ml.cli_options import AsOf, Home, Json, Out, print_json

__all__ = ["app"]

app = typer.Typer(name="measures", help="Export measures: what is in force, what is new, who says so.")
app.add_typer(cli_review.app)

Top = Annotated[int, typer.Option("--top", min=1, help="How many rows to print.")]


@app.command("list")
def list_measures(
    mineral: Annotated[str | None, typer.Option("--mineral", help="Mineral id, such as cobalt.")] = None,
    supplier: Annotated[str | None, typer.Option("--supplier", help="ISO 3166-1 alpha-3 code, such as COD.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Kind, such as export_ban.")] = None,
    in_force: Annotated[bool, typer.Option("--in-force", help="Only those in force at the date.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="Only those known from this day on.")
    ] = None,
    as_of: AsOf = None,
    top: Top = 30,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List measures as known at a date, newest first, with their sources, days and evidence."""
    from ml import measures_commands

    found = measures_commands.list_measures(
        mineral=mineral, supplier=supplier, kind=kind, in_force=in_force, since=since, as_of=as_of, top=top, home=home
    )
    print_json(found) if as_json else measures_commands.print_measures(found)


@app.command()
def counts(
    by: Annotated[str, typer.Option("--by", help="kind, supplier, mineral or year.")] = "year",
    as_of: AsOf = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="CSV with every year, supplier, mineral and kind; new ones beside it.")
    ] = None,
    top: Top = 30,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Count measures in force, by year or by what, and new ones per week."""
    from ml import measures_commands

    found = measures_commands.count_measures(by=by, as_of=as_of, out=out, home=home)
    print_json(found) if as_json else measures_commands.print_counts(found, top=top)


@app.command()
def coverage(
    out: Out,
    as_of: AsOf = None,
    page: Annotated[Path | None, typer.Option("--page", help="Where to write the page a second time.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Hold the table against what the OECD counted, and show what each source has that the others lack."""
    from ml import measures_coverage

    result = measures_coverage.coverage(out, as_of=as_of, page=page, home=home)
    if as_json:
        print_json(result.figures)
    else:
        typer.echo(result.page)
