"""What all commands share: options of one meaning, and how a command speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["AsOf", "Home", "Json", "Out", "print_json", "say", "tell_page"]

Home = Annotated[Path | None, typer.Option("--home", help="State folder (default: ORESIGHT_HOME, or .oresight here).")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="Date whose knowledge is used.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Out = Annotated[Path, typer.Option("--out", help="File or folder to write.")]


def say(line: str) -> None:
    """Report progress, on standard error, so that --json and tables stay clean."""
    typer.echo(line, err=True)


def print_json(value: Any) -> None:
    """Print a result on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def tell_page(result: Any, text: str, path: Path, *, as_json: bool, called: str = "Page") -> None:
    """Print a page and where it lies; or, for --json, what it was made from."""
    if as_json:
        print_json(result)
    else:
        typer.echo(text)
        typer.echo(f"{called}: {path}")
