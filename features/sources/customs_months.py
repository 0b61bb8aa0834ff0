"""Shared by the customs sources: which months to ask for, and reading an answer in JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from features.catalog import load_catalog
from features.sources.spec import reading

__all__ = ["headings", "month_before", "months_out", "read_json", "used_codes"]


def month_before(year: int, month: int, back: int) -> tuple[int, int]:
    """Give the month that lies `back` months before one.

    Example:
        >>> month_before(2025, 2, 3)
        (2024, 11)
    """
    at = 12 * year + month - 1 - back
    return at // 12, at % 12 + 1


def months_out(known_at: Callable[[int, int], dt.datetime], now: dt.datetime) -> Iterator[tuple[int, int]]:
    """Give the months that are out at `now`, newest first, without end."""
    year, month = now.year, now.month
    while known_at(year, month) > now:
        year, month = month_before(year, month, 1)
    while True:
        yield year, month
        year, month = month_before(year, month, 1)


def used_codes() -> list[str]:
    """List the HS6 codes that the catalogue uses."""
    return sorted(set(load_catalog().used_hs_codes()["hs_code"]))


def headings() -> list[str]:
    """List the headings (four digits) in which the catalogue uses a code."""
    return sorted({code[:4] for code in used_codes()})


def read_json(path: Path) -> Any:
    """Read a file of JSON.

    Raises:
        BadInput: it is missing, empty or no JSON.
    """
    remedy = "Is this the right file, and is it whole? Else download it again."
    with reading(path, expected="an answer in JSON", remedy=remedy, also=(ValueError,)):
        return json.loads(path.read_text(encoding="utf-8-sig"))
