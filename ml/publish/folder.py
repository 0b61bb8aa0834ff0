"""Files that others read while they are written: one writer, and every file whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from features.errors import OresightError

__all__ = ["only_writer", "write_whole"]


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Be the only one who publishes into a folder.

    Raises:
        OresightError: another process is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".publishing").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OresightError(
                f"another publisher is writing to {folder}; run `oresight publish` again when it has ended"
            ) from None
        yield


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
