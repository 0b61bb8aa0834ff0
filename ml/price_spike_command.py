"""The command `oresight price-spikes`; heavy libraries are imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, Out, print_json, say

__all__ = ["price_spikes"]


def price_spikes(
    out: Out,
    first: Annotated[int, typer.Option("--first", help="First year of forecasts.")] = 2006,
    draws: Annotated[int, typer.Option("--draws", min=0, help="Bootstrap draws for the intervals.")] = 300,
    as_of: AsOf = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Log the study to MLflow.")] = True,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Forecast price spikes of minerals for every past month from what was known then, and score them."""
    from ml.price_spike_study import study

    result = study(out, first=first, draws=draws, as_of=as_of, log=log, home=home, say=say)
    if as_json:
        print_json(result.scores)
    else:
        typer.echo(result.report)
        typer.echo(f"Report: {out / 'report.md'}")
