"""What the lists of REIGN have in common: the name of a file tells the month of the list, and so when it was out."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd

from features.errors import BadInput
from features.knowledge_time import as_moment

__all__ = ["released", "with_listed_at"]

# Lists came out in the first days of their month.
DAY_OF_RELEASE = 8


def with_listed_at(raw: pd.DataFrame, path: Path, name: str) -> pd.DataFrame:
    """Add `listed_at`, the moment at which this list was out at the latest.

    Args:
        name: how the publisher's file names begin, such as "electionlist".

    Raises:
        BadInput: the file's name does not tell the month of the list.
    """
    named = re.fullmatch(rf"{name}_(\d{{1,2}})_(\d{{2}})\.csv", path.name)
    if named is None or not 1 <= int(named[1]) <= 12:
        raise BadInput(
            where=str(path),
            expected=f"a name {name}_M_YY.csv, which tells the month of the list",
            found=path.name,
            remedy="Give the file the publisher's name.",
        )
    return raw.assign(listed_at=pd.Timestamp(2000 + int(named[2]), int(named[1]), DAY_OF_RELEASE, tz="UTC"))


def released(raw: pd.DataFrame) -> dt.datetime:
    """Give the moment at which the list was out at the latest."""
    return as_moment(raw["listed_at"].iloc[0].to_pydatetime())
