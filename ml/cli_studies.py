"""The commands of studies: what a kind of data or a choice of method buys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import Home, Json, Out, print_json

__all__ = ["app"]

app = typer.Typer()

Page = Annotated[Path | None, typer.Option("--page", help="Where to write the page a second time.")]


@app.command("fresher-trade")
def fresher_trade(
    out: Out,
    first: Annotated[int, typer.Option("--first", help="First origin year.")] = 2006,
    last: Annotated[int, typer.Option("--last", help="Last origin year.")] = 2024,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Bootstrap draws for the intervals.")] = 300,
    page: Page = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show what trade known earlier, and buyers' own figures, buy at three times of the year."""
    from ml.fresh_trade import fresh_trade

    result = fresh_trade(out, first=first, last=last, draws=draws, page=page, home=home)
    if as_json:
        print_json(result.rows)
    else:
        typer.echo(result.page)


@app.command("lead-time")
def lead_time(out: Out, page: Page = None, home: Home = None, as_json: Json = False) -> None:
    """Replay the year before every severe disruption on record: what was said, and what came."""
    from ml import lead_time_report

    result = lead_time_report.lead_time(out, page=page, home=home)
    if as_json:
        print_json(result.events.to_dict("records"))
    else:
        for sentence in result.sentences:
            typer.echo(sentence)
        typer.echo(f"\nReport: {out / 'report.html'}")


@app.command("monthly-supply")
def monthly_supply(out: Out, page: Page = None, home: Home = None, as_json: Json = False) -> None:
    """Show what suppliers' own months tell of the next 13, 26 and 52 weeks and of the year under way."""
    from ml.monthly_study import monthly_study

    result = monthly_study(out, page=page, home=home)
    if as_json:
        print_json({"windows": result.windows, "years": result.years})
    else:
        typer.echo(result.text)
