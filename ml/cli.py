"""The command line. Imports of heavy libraries stay inside the commands, so that help is instant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from features.errors import OresightError
from ml import (
    cli_alerts,
    cli_deploy,
    cli_drift,
    cli_experiments,
    cli_generalisation,
    cli_intervals,
    cli_measures,
    cli_models,
    cli_news,
    cli_publish,
    cli_record,
    cli_scorecard,
    cli_serve,
    cli_sources,
    cli_studies,
)
from ml.cli_options import AsOf, Home, Json, Out, print_json, say

__all__ = ["app", "main"]

STOPPED = "oresight: stopped; nothing half-done was published"

app = typer.Typer(
    name="oresight",
    help="Weekly, calibrated and scored probabilities that a supplier of a critical mineral is disrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(cli_sources.app)
app.add_typer(cli_studies.app)
app.add_typer(cli_experiments.app)
app.add_typer(cli_generalisation.app)
app.add_typer(cli_intervals.app)
app.add_typer(cli_scorecard.app)
app.add_typer(cli_drift.app)
app.add_typer(cli_models.app)
app.add_typer(cli_record.app)
app.add_typer(cli_news.app, name="news")
app.add_typer(cli_measures.app)
app.add_typer(cli_publish.app)
app.add_typer(cli_serve.app)
app.add_typer(cli_alerts.app, name="alerts")
app.add_typer(cli_deploy.app)

# Written out: the schemas take a second to load, and help is instant. A test holds it against them.
DATASETS_HELP = (
    "trade, mirror_trade, prices, production, production_monthly, governance, measures, incidents, reviews, coverage, "
    "news, news_links, news_coverage, geopolitics, political_events, sanctions, hazards or transits."
)
Signals = Annotated[
    str | None, typer.Option("--signals", help="Feature families, separated by commas (default: the champion's).")
]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Take the options of every command; `main` reads --debug itself."""


@app.command()
def weekly(
    as_of: AsOf = None,
    home: Home = None,
    top: Annotated[int, typer.Option("--top", min=0, help="How many rows to print.")] = 15,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 4 when rows rest on stale data, or a sink failed.")
    ] = False,
    accept_drift: Annotated[
        str | None,
        typer.Option("--accept-drift", metavar="WHY", help="Make a run current although its data look wrong, and why."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Forecast one week (a Monday, this week's by default) and publish it as one run."""
    from ml import commands

    result = commands.weekly(as_of, home=home, say=say, accept_drift=accept_drift)
    if as_json:
        print_json(result.summary)
    else:
        commands.print_weekly(result, top=top)
    if result.is_held_back:
        for line in commands.held_back_lines(result):
            say(line)
    if result.is_held_back or (strict and result.is_degraded):
        raise typer.Exit(4)


@app.command()
def backtest(
    out: Out,
    target: Annotated[
        list[str] | None, typer.Option("--target", help="Target to score; supply drops by default.")
    ] = None,
    first: Annotated[
        int | None, typer.Option("--first", help="First origin year (default: 2006, or the target's).")
    ] = None,
    last: Annotated[int | None, typer.Option("--last", help="Last origin year (default: 2024).")] = None,
    draws: Annotated[
        int | None, typer.Option("--draws", min=0, help="Bootstrap draws (default: 300, or the target's).")
    ] = None,
    signals: Signals = None,
    as_of: AsOf = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Log the backtest to MLflow.")] = True,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Forecast every past year from what was known then, and score it beside the baselines."""
    from ml import commands, studies, target_studies

    names = commands.signal_names(signals)
    result: studies.BacktestResult | target_studies.TargetBacktest
    if own := target_studies.asked_for(target):
        result = target_studies.run(
            own, out, first=first, last=last, draws=draws, signals=names, as_of=as_of, log=log, home=home, say=say
        )
    else:
        result = studies.backtest(
            out,
            targets=target,
            first=2006 if first is None else first,
            last=2024 if last is None else last,
            draws=300 if draws is None else draws,
            signals=names,
            as_of=as_of,
            log=log,
            home=home,
        )
    if as_json:
        print_json(result.scores)
    else:
        typer.echo(result.table)
        typer.echo(f"\nReport: {out / 'report.html'}")


@app.command()
def ablation(
    out: Out,
    target: Annotated[str, typer.Option("--target", help="One target, or all.")] = "all",
    first: Annotated[
        int | None, typer.Option("--first", help="First year of forecasts (default: each target's own).")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", help="Last year of forecasts (default: each target's own).")
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=0, help="Bootstrap draws for the intervals.")] = 300,
    as_of: AsOf = None,
    page: Annotated[Path | None, typer.Option("--page", help="Where to write the page a second time.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Add the feature families one by one and show what each earns on each target, losses included."""
    from ml.ablation import ablate

    result = ablate(out, target=target, first=first, last=last, draws=draws, as_of=as_of, page=page, home=home, say=say)
    if as_json:
        print_json(result.result)
    else:
        typer.echo(result.page)


@app.command()
def train(
    as_of: AsOf = None,
    promote: Annotated[bool, typer.Option("--promote", help="Make the new model champion.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the promotion log.")] = "trained by hand",
    signals: Signals = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Train and register a model on what was known at a date (the start of this quarter by default)."""
    from ml import commands

    about = commands.train(as_of, promote=promote, reason=reason, signals=signals, home=home, say=say)
    if as_json:
        print_json(about)
    else:
        typer.echo(f"Model {about['version']}, trained on what was known on {about['trained_as_of']}")
        typer.echo(f"registered as {about['registered_as']}" + (", now champion" if promote else ""))


@app.command()
def explain(
    mineral: Annotated[str, typer.Argument(help="Mineral id, such as cobalt.")],
    supplier: Annotated[str, typer.Argument(help="ISO 3166-1 alpha-3 code, such as COD.")],
    target: Annotated[str, typer.Option("--target", help="Which event.")] = "supply_drop",
    horizon: Annotated[str, typer.Option("--horizon", help="current_year or next_year.")] = "current_year",
    as_of: AsOf = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many features to print.")] = 12,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say why a published forecast is what it is: reasons, families and features, in log-odds."""
    from ml import commands

    result = commands.explain(mineral, supplier, target=target, horizon=horizon, as_of=as_of, home=home)
    if as_json:
        print_json(result)
    else:
        commands.print_explanation(result, top=top)


@app.command()
def supplier(
    code: Annotated[str, typer.Argument(metavar="SUPPLIER", help="ISO 3166-1 alpha-3 code, such as CHL.")],
    mineral: Annotated[
        str | None, typer.Option("--mineral", help="Hold disasters against the places of one mineral only.")
    ] = None,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many entries of each list.")] = 8,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show what is known around a supplier: risk, politics, sanctions, disasters near its mines, and its straits."""
    from ml import country_sheet, country_sheet_page

    sheet = country_sheet.country_sheet(code, mineral=mineral, as_of=as_of, top=top, home=home)
    print_json(sheet) if as_json else country_sheet_page.print_sheet(sheet)


@app.command()
def panel(out: Out, as_of: AsOf = None, home: Home = None, as_json: Json = False) -> None:
    """Write the feature matrix of one date as Parquet."""
    from ml import commands

    about = commands.write_panel(out, as_of=as_of, home=home)
    if as_json:
        print_json(about)
    else:
        typer.echo(f"{about['rows']} pairs x {about['features']} features as of {about['as_of']}: {out}")


@app.command()
def dataset(
    name: Annotated[str, typer.Argument(help=DATASETS_HELP)],
    out: Out,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Write a dataset as it was known at a date, as Parquet."""
    from ml import commands

    about = commands.write_dataset(name, out, as_of=as_of, home=home)
    if as_json:
        print_json(about)
    else:
        typer.echo(f"{about['rows']} rows of {name} as known on {about['as_of']}: {out}")


@app.command()
def demo(as_json: Json = False) -> None:
    """Replay one June in a temporary folder, then compare with what happened; changes nothing of yours."""
    from ml import demo as demonstration

    result = demonstration.demo(say=say)
    if as_json:
        print_json(result)
    else:
        demonstration.print_demo(result)


def main() -> None:
    """Run the command line; errors a user can act on become one line and an exit code."""
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except SystemExit as ended:
        # An interrupt that typer has seen is no exception any more.
        if ended.code == 130:
            typer.echo(STOPPED, err=True)
        raise
    except OresightError as problem:
        if debug:
            raise
        typer.echo(f"oresight: {problem}", err=True)
        sys.exit(problem.exit_code)
    except (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError) as problem:
        if debug:
            raise
        where = problem.filename or "a path"
        typer.echo(
            f"oresight: {where}: {problem.strerror}; name another file or folder, or change its rights", err=True
        )
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo(STOPPED, err=True)
        sys.exit(130)
    except Exception as problem:
        if debug:
            raise
        typer.echo(f"oresight: {type(problem).__name__}: {problem}; the same command with --debug says more", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
