"""The command about drift: what is wrong with the data or the forecasts of a week."""

from __future__ import annotations

from typing import Annotated

import typer

from features.errors import ConfigError
from ml.cli_options import AsOf, Home, Json, print_json, say

__all__ = ["app"]

app = typer.Typer()


@app.command()
def drift(
    as_of: AsOf = None,
    level: Annotated[
        str, typer.Option("--level", help="The least grave to list: note, watch, stop, or fine for all.")
    ] = "note",
    replay: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--replay", metavar="FROM TO", help="Look at every Monday between two dates instead, and count alarms."
        ),
    ] = None,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Print the week as Prometheus text instead.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 when anything is a watch or a stop.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show what differs from like weeks before in a run's data and forecasts, the gravest first."""
    from ml import drift_commands

    if level not in ("fine", "note", "watch", "stop"):
        raise ConfigError(f"--level is fine, note, watch or stop, not {level!r}")
    if replay is not None:
        if as_of is not None or prometheus:
            raise ConfigError("--replay looks at many weeks; leave out --as-of and --prometheus")
        told = drift_commands.replay(*replay, home=home, say=say)
        print_json(told) if as_json else drift_commands.print_replay(told)
        return
    found = drift_commands.week(as_of, home=home, say=say)
    if prometheus:
        typer.echo("\n".join(found.prometheus))
    elif as_json:
        print_json(found.summary(level))
    else:
        drift_commands.print_week(found, level)
    if strict and found.worst in ("watch", "stop"):
        raise typer.Exit(4)
