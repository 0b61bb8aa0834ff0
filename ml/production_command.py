"""The command `oresight production-drops`; heavy libraries are imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, Out, print_json, say

__all__ = ["production_drops"]


def production_drops(
    out: Out,
    first: Annotated[int, typer.Option("--first", help="First origin year.")] = 2006,
    last: Annotated[int, typer.Option("--last", help="Last origin year.")] = 2023,
    draws: Annotated[int, typer.Option("--draws", min=0, help="Bootstrap draws for the intervals.")] = 300,
    page: Annotated[Path | None, typer.Option("--page", help="Where to write the page a second time.")] = None,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Hold drops of production against drops of exports, and forecast them from every past year."""
    from ml.production_study import study

    found = study(out, first=first, last=last, draws=draws, as_of=as_of, page=page, home=home, say=say)
    if as_json:
        print_json(found.result)
    else:
        typer.echo(found.page)
        typer.echo(f"Page: {out / 'production-drops.md'}")
