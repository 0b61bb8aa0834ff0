"""The commands that look for skill: ideas against the reference, and the search of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, Out, print_json, say

__all__ = ["app"]

app = typer.Typer()


@app.command("experiment")
def experiment(
    out: Out,
    names: Annotated[list[str] | None, typer.Argument(help="Ideas to try; all by default.")] = None,
    target: Annotated[list[str] | None, typer.Option("--target", help="supply_drop or severe_supply_drop.")] = None,
    final: Annotated[bool, typer.Option("--final", help="Look at the last five origins instead, once.")] = False,
    again: Annotated[
        str | None, typer.Option("--again", metavar="WHY", help="Look at the final span once more, and why.")
    ] = None,
    signals: Annotated[
        str | None, typer.Option("--signals", help="Families to learn from, separated by commas (the champion's).")
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Bootstrap draws for the intervals.")] = 300,
    log: Annotated[
        Path | None, typer.Option("--log", help="JSON lines to append the results to; the page shows all of them.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Where to write the page.")] = None,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Try ideas for better forecasts of export drops on the origins 2006 to 2018, each against the reference."""
    from ml import commands
    from ml.experiments.record import add_to_record, check_first_look, read_record, render_record
    from ml.experiments.trial import experiment

    record = log or out / "experiments.jsonl"
    if final:
        check_first_look(record, again=again)
    rows = experiment(
        out,
        names,
        targets=target,
        final=final,
        draws=draws,
        signals=commands.signal_names(signals),
        as_of=as_of,
        home=home,
        say=say,
    )
    add_to_record(record, rows, again=again)
    command = f"oresight experiment --out DIR --log {log or 'FILE'} --page {page or 'FILE'}"
    text = render_record(read_record(record), command=command)
    (page or out / "experiments.md").write_text(text)
    if as_json:
        print_json(rows)
    else:
        typer.echo(render_record(rows, command="oresight experiment --out DIR"))
        typer.echo(f"Record: {record}")


@app.command("search")
def search(
    target: Annotated[str, typer.Option("--target", help="supply_drop or severe_supply_drop.")] = "supply_drop",
    trials: Annotated[int, typer.Option("--trials", min=1, help="How many settings to have tried in the end.")] = 30,
    signals: Annotated[
        str | None, typer.Option("--signals", help="Families to learn from, separated by commas (the champion's).")
    ] = None,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Search the booster's settings on the origins 2006 to 2018; the same command goes on where it was stopped."""
    from ml import commands
    from ml.experiments.search import search

    result = search(
        target=target, trials=trials, signals=commands.signal_names(signals), as_of=as_of, home=home, say=say
    )
    if as_json:
        print_json(result)
        return
    typer.echo(
        f"{result['trials']} settings tried, {result['stopped']} of them stopped early (study {result['study']})"
    )
    typer.echo(f"Log loss in use {result['loss_in_use']:.5f}, best {result['best_loss']:.5f}")
    for name, value in result["best_parameters"].items():
        typer.echo(f"  {name} = {value:.4g}")
