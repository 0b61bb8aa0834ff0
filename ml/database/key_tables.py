"""The table of API keys: who may read what, until when. A key itself is never stored, only its digest."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from ml.database.metadata import Moment, metadata

__all__ = ["api_keys"]

api_keys = Table(
    "api_keys",
    metadata,
    # Public: it stands in the key, in lists and in logs.
    Column("key_id", String, primary_key=True),
    Column("name", String, nullable=False),
    # SHA-256 of the whole key, as hexadecimal digits. The key is 256 random bits, so nothing slower is needed.
    Column("digest", String, nullable=False, unique=True),
    # Separated by spaces, in the order of `ml.service.keys.SCOPES`.
    Column("scopes", String, nullable=False),
    Column("requests_per_minute", Integer),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
)
