"""Files that others read while they are written: one writer, and every file whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ml.locks import only_one

__all__ = ["only_writer", "write_whole"]


def only_writer(folder: Path) -> AbstractContextManager[None]:
    """Be the only one who publishes into a folder.

    Raises:
        OresightError: another process is.
    """
    busy = f"another publisher is writing to {folder}; run `oresight publish` again when it has ended"
    return only_one(folder / ".publishing", otherwise=busy)


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file aside, wait for the disk, and rename it: a reader meets the old one or the new one.

    Args:
        write: writes to the path it is given, which begins with a dot: readers of a folder pass over it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f".{path.name}.part"
    write(aside)
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(path)
