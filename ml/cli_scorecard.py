"""The command that measures all the README and the model card say of the forecasts."""

from __future__ import annotations

from typing import Annotated

import typer

from ml.cli_options import AsOf, Home, Json, Out, say, tell_page

__all__ = ["app"]

app = typer.Typer()


@app.command("scorecard")
def scorecard(
    out: Out,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Bootstrap draws for the intervals.")] = 300,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Measure everything in nine minutes on two cores: backtest, intervals, what carries over, replay, drift."""
    from ml.scorecard.page import card_sections
    from ml.scorecard.parts import CARD
    from ml.scorecard.parts import scorecard as measure

    card = measure(out, draws=draws, as_of=as_of, home=home, say=say)
    tell_page(card, card_sections(card), out / CARD, as_json=as_json, called="Scorecard")
