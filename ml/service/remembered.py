"""Answers that took a query, kept by their entity tag: the same dashboard asks the same thing every few minutes.

A tag changes with whatever the answer rests on, so nothing here ever has to be taken back; the oldest go.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

__all__ = ["Remembered"]

MOST_BYTES = 64_000_000
MOST_OF_ONE = 8_000_000


class Remembered:
    """Bodies and headers by entity tag, up to a number of bytes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._size = most_bytes, 0
        self._answers: OrderedDict[str, tuple[bytes, Mapping[str, str]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, tag: str) -> tuple[bytes, Mapping[str, str]] | None:
        """Give what was answered under a tag."""
        with self._lock:
            found = self._answers.get(tag)
            if found is not None:
                self._answers.move_to_end(tag)
            return found

    def put(self, tag: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Keep an answer."""
        if len(body) > min(MOST_OF_ONE, self._most):
            return
        with self._lock:
            before = self._answers.pop(tag, None)
            self._size += len(body) - (len(before[0]) if before else 0)
            self._answers[tag] = (body, headers)
            while self._size > self._most:
                _, (oldest, _) = self._answers.popitem(last=False)
                self._size -= len(oldest)
