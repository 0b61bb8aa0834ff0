"""The commands about models: which there are, which serves, and how another takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from features.errors import ConfigError
from ml.cli_options import AsOf, Home, Json, print_json, say

__all__ = ["app"]

app = typer.Typer()
Why = Annotated[str, typer.Option("--why", help="The reason, kept in the promotion log.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides (default: ORESIGHT_ANALYST, or the user).")]
REFUSED = 1


@app.command()
def models(home: Home = None, as_json: Json = False) -> None:
    """List the registered models: aliases, what they know, contract, and when each was promoted."""
    from ml import model_commands, model_tables

    told = model_commands.list_models(home=home)
    print_json(told) if as_json else model_tables.print_models(told)


@app.command()
def promote(
    model: Annotated[str, typer.Argument(metavar="VERSION|challenger", help="A number, a digest, or challenger.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what the gates say; change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Promote past gates that refuse; needs --why.")] = False,
    why: Annotated[str | None, typer.Option("--why", help="The reason, kept in the log and the record.")] = None,
    by: By = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            metavar="DIR",
            help="Backtests of both, in DIR/champion and DIR/challenger (default: they are made here and kept).",
        ),
    ] = None,
    first: Annotated[
        int | None, typer.Option("--first", help="First origin year (default: nine before the last).")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", help="Last origin year (default: the last whose year is resolved).")
    ] = None,
    margin: Annotated[
        float, typer.Option("--margin", min=0, max=1, help="AUC or Brier skill that a slice may lose.")
    ] = 0.02,
    max_ece: Annotated[
        float, typer.Option("--max-ece", min=0, max=1, help="Largest mean expected calibration error.")
    ] = 0.02,
    draws: Annotated[int, typer.Option("--draws", min=100, help="Bootstrap draws.")] = 1000,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a model champion if it gains on the present one, loses nowhere and is calibrated; exit with 1 if refused."""
    if force and not why:
        raise ConfigError("--force overrules gates: say why with --why, it is written down")
    if force and dry_run:
        raise ConfigError("--force and --dry-run exclude each other; give one")
    from ml import model_commands, model_tables
    from ml.promotion.gates import Bounds

    result = model_commands.promote(
        model,
        dry_run=dry_run,
        force=force,
        why=why,
        by=by,
        given=evidence,
        first=first,
        last=last,
        as_of=as_of,
        bounds=Bounds(margin=margin, max_ece=max_ece, draws=draws),
        home=home,
        say=say,
    )
    print_json(result.summary) if as_json else model_tables.print_promoted(result, dry_run=dry_run)
    if result.judgement.refused if dry_run else result.line is None:
        raise typer.Exit(REFUSED)


@app.command()
def challenge(
    why: Why,
    model: Annotated[str | None, typer.Argument(metavar="[VERSION]", help="A number or digest.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="There is no challenger any longer.")] = False,
    by: By = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Name the challenger: it forecasts every week in the champion's shadow, and nothing of it is published."""
    if (model is None) != nobody:
        raise ConfigError("name one version, or --nobody; `oresight models` lists them")
    from dataclasses import asdict

    from ml import model_commands, model_tables

    line = model_commands.challenge(model, why=why, by=by, home=home, say=say)
    print_json(asdict(line)) if as_json else model_tables.print_line(line)


@app.command()
def rollback(
    why: Why,
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="An earlier champion (default: the one before).")
    ] = None,
    by: By = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make the previous champion champion again, as the promotion log has it."""
    from dataclasses import asdict

    from ml import model_commands, model_tables

    line = model_commands.rollback(to, why=why, by=by, home=home, say=say)
    print_json(asdict(line)) if as_json else model_tables.print_line(line)
