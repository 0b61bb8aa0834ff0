"""The commands about publication: runs into the database and into files, and the database's schema."""

from __future__ import annotations

from typing import Annotated

import typer

from ml.cli_options import Home, Json, print_json, say

__all__ = ["app"]

app = typer.Typer()
database = typer.Typer(help="Look after the database's schema.", no_args_is_help=True)
app.add_typer(database, name="database")


@app.command()
def publish(
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="This run only (default: all that is missing).")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The newest run of this week only.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every run, also those that are there: stored rows are made anew.")
    ] = False,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="database, parquet or csv; several times (default: the settings').")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Publish runs to the database, as Parquet and as CSV: what is missing there; twice is the same as once.

    Exit code 1 when a sink took not all, 3 when a run was changed since it was made; the runs stay in their folders,
    and the next call goes on.
    """
    from ml import publish_commands

    result = publish_commands.publish_chosen(run_id=run, as_of=as_of, every=every, to=to, home=home, say=say)
    print_json(result) if as_json else publish_commands.print_published(result)
    if code := max((sink["exit_code"] for sink in result["sinks"]), default=0):
        raise typer.Exit(code)


@database.command()
def status(home: Home = None, as_json: Json = False) -> None:
    """Say which schema the database has, which run is current in it, and which runs it lacks."""
    from ml import publish_commands

    about = publish_commands.status(home=home)
    print_json(about) if as_json else publish_commands.print_status(about)


@database.command()
def upgrade(
    to: Annotated[str, typer.Option("--to", metavar="SCHEMA", help="Up to this schema.")] = "head",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Bring the database's schema up to date; data stay. All steps are taken, or none."""
    from ml import publish_commands

    about = publish_commands.upgrade(to=to, home=home)
    print_json(about) if as_json else typer.echo(f"{about['address']}: schema {about['before']} -> {about['after']}")


@database.command()
def downgrade(
    schema: Annotated[str, typer.Argument(help="Go back to this schema; base is the empty database.")],
    drop_data: Annotated[
        bool, typer.Option("--drop-data", help="Agree that what is in later tables is dropped.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Undo steps of the schema, with the data of the tables that they made."""
    from ml import publish_commands

    about = publish_commands.downgrade(schema, may_drop=drop_data, home=home)
    print_json(about) if as_json else typer.echo(f"{about['address']}: schema {about['before']} -> {about['after']}")
