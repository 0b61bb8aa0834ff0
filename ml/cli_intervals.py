"""The command about intervals: their coverage, and what abstaining would cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, Out, say, tell_page

__all__ = ["app"]

app = typer.Typer()


@app.command()
def intervals(
    out: Out,
    first: Annotated[int, typer.Option("--first", help="First origin year.")] = 2006,
    last: Annotated[int, typer.Option("--last", help="Last origin year.")] = 2024,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Bootstrap draws for what abstaining gains.")] = 300,
    page: Annotated[Path | None, typer.Option("--page", help="Where to write the page a second time.")] = None,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Measure how often intervals held what they should, per year and slice, and what abstaining would cost."""
    from ml.intervals import study as of_intervals

    found = of_intervals.study(out, first=first, last=last, draws=draws, as_of=as_of, page=page, home=home, say=say)
    tell_page(found.result, found.page, out / of_intervals.PAGE, as_json=as_json)
