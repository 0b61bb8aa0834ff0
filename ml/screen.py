"""What is printed for people: the console, and text of strangers made harmless."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

__all__ = ["screen", "visible"]

# Python calls these unprintable; they only keep a number and its unit on one line.
SPACES = "\u00a0\u202f"


def screen(otherwise: int = 120) -> Console:
    """Give the console to print on: as wide as the terminal, or `otherwise` columns in a file or pipe."""
    found = Console()
    return found if found.is_terminal else Console(width=otherwise)


def visible(text: str) -> Text:
    """Give text of strangers for a terminal: no markup, and what cannot be printed as its code, so it does nothing.

    Example:
        >>> visible("[bold]Gold\\x1b[2J \\u202efall").plain
        '[bold]Gold\\\\x1b[2J \\\\u202efall'
    """
    return Text("".join(letter if letter.isprintable() or letter in SPACES else repr(letter)[1:-1] for letter in text))
