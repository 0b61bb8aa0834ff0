"""What is printed for people: the console, and text of strangers made harmless."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

__all__ = ["plain", "screen"]


def screen(otherwise: int = 120) -> Console:
    """Give the console to print on: as wide as the terminal, or `otherwise` columns in a file or pipe."""
    found = Console()
    return found if found.is_terminal else Console(width=otherwise)


def plain(text: str) -> Text:
    """Give text of a stranger without markup, and without what moves a cursor or turns the direction of writing.

    Example:
        >>> str(plain("[bold]a\\x1b[2Jb"))
        '[bold]a [2Jb'
    """
    return Text("".join(character if character.isprintable() else " " for character in text))
