"""The commands about news: the state of the feeds, the newest stories, linking of items, and how good that is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, print_json, say

__all__ = ["app"]

app = typer.Typer(help="News: feeds, and the stories they were linked to.", no_args_is_help=True)


@app.command()
def feeds(
    every: Annotated[bool, typer.Option("--all", help="Also those that are no longer read.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List the feeds: last answer, failures in a row, next try, items of the last seven days."""
    from ml import news_commands, news_tables

    rows = news_commands.list_feeds(home=home, every=every)
    print_json(rows) if as_json else news_tables.print_feeds(rows)


@app.command("list")
def stories(
    mineral: Annotated[str | None, typer.Option("--mineral", help="Only stories about this mineral.")] = None,
    supplier: Annotated[str | None, typer.Option("--supplier", help="Only stories about this supplier.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only stories of this event type.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="Only stories first known from this day on.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many to show.")] = 20,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show the newest stories that were linked to a mineral or supplier, near-duplicates counted once."""
    from ml import news_commands, news_tables

    rows = news_commands.list_stories(
        mineral=mineral, supplier=supplier, event_type=event_type, since=since, top=top, as_of=as_of, home=home
    )
    print_json(rows) if as_json else news_tables.print_stories(rows)


@app.command()
def link(
    items: Annotated[Path, typer.Argument(help="Items: JSON lines with title, summary, language; - for stdin.")],
    out: Annotated[Path, typer.Option("--out", help="File to write; - for standard output.")],
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Processes side by side (default: the setting).")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Add minerals, suppliers, event type, direction, tense and confidence to items; bad lines are told (exit 3)."""
    from ml import news_linking
    from ml.settings import load_settings

    done = news_linking.link_file(items, out, workers=workers or load_settings(home).workers, say=say)
    if as_json and out == news_linking.STANDARD:
        say(json.dumps(done.as_json(), ensure_ascii=False))
    elif as_json:
        print_json(done.as_json() | {"out": str(out)})
    else:
        told = f"{done.items:,} items linked" + (f", {done.bad_lines:,} bad lines left out" if done.bad_lines else "")
        # Beside items on standard output, what is said about them goes to standard error.
        say(told) if out == news_linking.STANDARD else typer.echo(f"{told}: {out}")
    if done.bad_lines:
        raise typer.Exit(3)


@app.command()
def evaluate(
    items: Annotated[
        Path | None,
        typer.Argument(help="Labelled items as JSON lines; without: those of the package, cross-validated."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write the page and the figures to.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Where to write the page a second time.")] = None,
    headlines: Annotated[
        Path | None, typer.Option("--headlines", help="Folder of recorded real headlines, for weak examples.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how well items are linked: precision, recall and F1 of each part, and every error."""
    from ml import news_study

    measured = news_study.evaluate(items, out=out, page=page, headlines=headlines)
    if as_json:
        print_json(measured.as_json())
    else:
        typer.echo(news_study.short(measured))
