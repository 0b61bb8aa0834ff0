"""Examples nobody of this project has labelled: real headlines of which the label is nearly sure for another reason.

A headline of the gold table whose annotators saw a move of the price is price talk, so `none`; so is one of the news
broadcast in which no mineral, no supplier and no word of mining was found. They teach weights what most news are like.
Their text is read where it was laid beside the checkout and goes no further; each counts a fraction of a labelled item.
"""

__all__ = ["BROADCAST_FILE", "GOLD_FILE", "price_and_broadcast", "weak_items"]

import csv
from collections.abc import Iterator
from pathlib import Path

from features.errors import BadInput
from features.text.items import NONE, Item, Link
from features.text.labelled import Labelled

GOLD_FILE, BROADCAST_FILE = "gold-dataset-sinha-khandait.csv", "xwlb-headlines.derived.tsv"

_PRICE_MARKS = ("Price Direction Up", "Price Direction Constant", "Price Direction Down", "Asset Comparision")
_NO_EVENT = Link((), (), NONE, "neutral", "happened", 1.0)


def weak_items(folder: Path, *, most: int) -> list[Labelled]:
    """Read about `most` headlines of each of the two tables, evenly over their length.

    Args:
        folder: holds the two files as their publishers serve them.
        most: how many of each.

    Raises:
        BadInput: a file is missing or has other columns.
    """
    return [each for items in _spread(folder, most=most, first=0).values() for each in items]


def price_and_broadcast(folder: Path, *, most: int = 800) -> dict[str, list[Labelled]]:
    """Read about `most` other headlines of each table, to count what is found where there is nearly never an event."""
    return _spread(folder, most=most, first=1)


def _spread(folder: Path, *, most: int, first: int) -> dict[str, list[Labelled]]:
    rows = _rows(folder / GOLD_FILE, "News")
    gold = [row["News"] for row in rows if any(row[mark] == "1" for mark in _PRICE_MARKS)]
    broadcast = [row["headline"] for row in _rows(folder / BROADCAST_FILE, "headline")]
    # Every second headline may be learned from, the others are kept for counting.
    tables = {"gold prices": (gold[first::2], "en"), "news broadcast": (broadcast[first::2], "zh")}
    return {name: list(_even(titles, name, language, most)) for name, (titles, language) in tables.items()}


def _even(titles: list[str], name: str, language: str, most: int) -> Iterator[Labelled]:
    step = max(1, len(titles) // most)
    for number, title in enumerate(titles[::step]):
        item = Item(f"{name}-{number}", title, "", language)
        yield Labelled(item, _NO_EVENT, "", item.id)


def _rows(path: Path, column: str) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as problem:
        remedy = "Lay the recorded headlines beside the checkout."
        raise BadInput(where=str(path), expected="a table of headlines", found=str(problem), remedy=remedy) from None
    if not rows or column not in rows[0]:
        found = ", ".join(rows[0]) if rows else "no rows"
        raise BadInput(where=str(path), expected=f"the column {column}", found=found, remedy="Check the file.")
    return [row for row in rows if row[column]]
