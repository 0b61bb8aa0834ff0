"""The commands that measure how far forecasts carry and what their labels are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, Out, say, tell_page

__all__ = ["app"]

app = typer.Typer()

Draws = Annotated[int, typer.Option("--draws", min=2, help="Bootstrap draws for the intervals.")]
Page = Annotated[Path | None, typer.Option("--page", help="Where to write the page a second time.")]


@app.command("generalisation")
def generalisation(
    out: Out, draws: Draws = 300, page: Page = None, as_of: AsOf = None, home: Home = None, as_json: Json = False
) -> None:
    """Show how forecasts do on minerals and suppliers never seen, in crises, on large suppliers and on re-exporters."""
    from ml.generalisation.page import render
    from ml.generalisation.study import study
    from ml.results import write_page

    result = study(out, draws=draws, as_of=as_of, home=home, say=say)
    path, text = out / "generalisation.md", render(result)
    write_page(path, text, page)
    tell_page(result, text, path, as_json=as_json)


@app.command("label-noise")
def label_noise(
    out: Out, draws: Draws = 300, page: Page = None, as_of: AsOf = None, home: Home = None, as_json: Json = False
) -> None:
    """Show how often other figures settle an outcome otherwise, and the highest AUC that leaves."""
    from ml.label_noise_page import render
    from ml.label_noise_study import study
    from ml.results import write_page

    result = study(draws=draws, as_of=as_of, home=home, say=say)
    path, text = out / "label-noise.md", render(result)
    write_page(path, text, page)
    tell_page(result, text, path, as_json=as_json)


@app.command("learning-curves")
def learning_curves(
    out: Out, draws: Draws = 300, page: Page = None, as_of: AsOf = None, home: Home = None, as_json: Json = False
) -> None:
    """Show what more years of record and more minerals to learn from are worth."""
    from ml.generalisation.curves import study
    from ml.generalisation.curves_page import CHARTS, render
    from ml.results import write_page

    result = study(out, draws=draws, as_of=as_of, home=home, say=say)
    path, text = out / "learning-curves.md", render(result)
    write_page(path, text, page)
    for folder in {path.parent, *([page.parent] if page else [])}:
        for name, chart in CHARTS.items():
            write_page(folder / "learning-curves" / f"{name}.svg", chart(result), None)
    tell_page(result, text, path, as_json=as_json)
