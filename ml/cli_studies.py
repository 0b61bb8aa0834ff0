"""The commands of studies: what a kind of data or a choice of method buys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, Out, print_json, say, tell_page

__all__ = ["app"]

app = typer.Typer()

Draws = Annotated[int, typer.Option("--draws", min=0, help="Bootstrap draws for the intervals.")]
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


@app.command("price-spikes")
def price_spikes(
    out: Out,
    first: Annotated[int, typer.Option("--first", help="First year of forecasts.")] = 2006,
    draws: Draws = 300,
    as_of: AsOf = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Log the study to MLflow.")] = True,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Forecast price spikes of minerals for every past month from what was known then, and score them."""
    from ml import price_spike_study

    result = price_spike_study.study(out, first=first, draws=draws, as_of=as_of, log=log, home=home, say=say)
    tell_page(result.scores, result.report, out / "report.md", as_json=as_json, called="Report")


@app.command("production-drops")
def production_drops(
    out: Out,
    first: Annotated[int, typer.Option("--first", help="First origin year.")] = 2006,
    last: Annotated[int, typer.Option("--last", help="Last origin year.")] = 2023,
    draws: Draws = 300,
    page: Page = None,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Hold drops of production against drops of exports, and forecast them from every past year."""
    from ml import production_study

    found = production_study.study(out, first=first, last=last, draws=draws, as_of=as_of, page=page, home=home, say=say)
    tell_page(found.result, found.page, out / "production-drops.md", as_json=as_json)


@app.command("restriction-onset")
def restriction_onset(
    out: Out,
    first: Annotated[int, typer.Option("--first", help="First year of forecasts.")] = 2012,
    draws: Draws = 100,
    signals: Annotated[
        str | None, typer.Option("--signals", help="Feature families, separated by commas (default: the study's).")
    ] = None,
    page: Page = None,
    as_of: AsOf = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Log the study to MLflow.")] = True,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Forecast new export measures for every fourth week from what was known then, and score them."""
    from ml import commands, restriction_study

    result = restriction_study.study(
        out,
        first=first,
        draws=draws,
        signals=commands.signal_names(signals),
        as_of=as_of,
        log=log,
        page=page,
        home=home,
        say=say,
    )
    tell_page(result.scores, result.page, out / restriction_study.PAGE, as_json=as_json)


@app.command("event-worth")
def event_worth(
    out: Out,
    first: Annotated[int, typer.Option("--first", help="First origin year.")] = 2010,
    last: Annotated[int, typer.Option("--last", help="Last origin year.")] = 2024,
    draws: Draws = 300,
    page: Page = None,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show how often exports fell with a measure or an incident and without, and what both change in forecasts."""
    from ml import event_worth as worth

    found = worth.study(out, first=first, last=last, draws=draws, as_of=as_of, page=page, home=home, say=say)
    tell_page(found.result, found.page, out / worth.PAGE, as_json=as_json)


@app.command()
def cases(
    out: Out,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="One case, several if repeated (default: all).")
    ] = None,
    page: Page = None,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Draw known crises: what the signals showed in the weeks before and after."""
    from ml.cases import study as of_cases

    found = of_cases.study(out, cases=case, as_of=as_of, page=page, home=home, say=say)
    tell_page(found.result, found.page, out / of_cases.PAGE, as_json=as_json)
