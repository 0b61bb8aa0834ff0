"""One at a time: a file that a process holds locked while it works, and lets go of however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.errors import OresightError

__all__ = ["only_one"]


@contextmanager
def only_one(path: Path, *, otherwise: str) -> Iterator[None]:
    """Hold the lock `path`, whose folder is made; nobody waits for it.

    Raises:
        OresightError: another process holds it; `otherwise` says what that means and what to do.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OresightError(otherwise) from None
        yield
