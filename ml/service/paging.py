"""Cursors: where the next page of one listing begins, bound to the query and to the run it was begun with.

A cursor is opaque and signed. The signature finds cursors that were cut or typed; a forged one could ask for nothing
that a query can't ask for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson

from ml.service.problems import Problem

__all__ = ["CursorSigner"]

SIGNATURE_BYTES = 12
_BAD = "Begin again without `cursor`, and take the cursor from the answer as it stands."


class CursorSigner:
    """Makes and reads cursors.

    Args:
        secret: the same in every process that answers the same readers.
    """

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"oresight cursor 1\0" + secret.encode()).digest()

    def seal(self, query: str, state: dict[str, Any]) -> str:
        """Give the cursor of a listing's state; `query` is what must be the same on the next page."""
        body = orjson.dumps(state)
        return base64.urlsafe_b64encode(self._signature(query, body) + body).decode().rstrip("=")

    def open(self, query: str, cursor: str) -> dict[str, Any]:
        """Read a cursor's state.

        Raises:
            Problem: it is none, or of another query.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(query, body)) or not body:
            detail = "the cursor was changed, or belongs to another query, filter or order"
            raise Problem("bad-cursor", detail, remedy=_BAD)
        state: dict[str, Any] = orjson.loads(body)
        return state

    def _signature(self, query: str, body: bytes) -> bytes:
        return hmac.new(self._key, query.encode("utf-8", "replace") + b"\0" + body, "sha256").digest()[:SIGNATURE_BYTES]
