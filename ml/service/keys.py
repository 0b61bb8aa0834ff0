"""API keys: random, stored as digests only, limited in scope and time, revoked at once.

A key is `ors_`, eight hexadecimal digits that name it, `_`, and 43 characters of 256 random bits. Nobody can guess or
search that, so one SHA-256 is enough to store it by; slow hashes are for passwords that people choose.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, insert, select, update

from features.errors import ConfigError
from ml.database.connection import answering, writing
from ml.database.key_tables import api_keys

__all__ = [
    "SCOPES",
    "Key",
    "create_key",
    "find_key",
    "keys_from",
    "list_keys",
    "note_use",
    "revoke_key",
    "scopes_named",
]

SCOPES = ("read", "explain", "acknowledge", "admin")
PREFIX = "ors_"
NAME_DIGITS = 8


@dataclass(frozen=True)
class Key:
    """What a key may do; `digest` is all that is known of the key itself."""

    key_id: str
    name: str
    digest: str
    scopes: frozenset[str]
    requests_per_minute: int | None
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None

    def allows(self, scope: str) -> bool:
        """Tell whether the key has a scope; `admin` has all."""
        return scope in self.scopes or "admin" in self.scopes

    def refusal(self, now: dt.datetime) -> str | None:
        """Say why the key is not valid at a moment, None when it is."""
        if self.revoked_at is not None:
            return f"the key {self.key_id} was revoked"
        if self.expires_at is not None and now >= self.expires_at:
            return f"the key {self.key_id} expired on {self.expires_at.date().isoformat()}"
        return None


def keys_from(rows: Iterable[Mapping[str, Any]]) -> dict[str, Key]:
    """Give the keys of a table's rows by their ids."""
    names = ("key_id", "name", "digest", "requests_per_minute", "expires_at", "revoked_at")
    keys = [Key(**{name: row[name] for name in names}, scopes=frozenset(row["scopes"].split())) for row in rows]
    return {key.key_id: key for key in keys}


def find_key(text: str, keys: Mapping[str, Key]) -> Key | None:
    """Give the key that a text is, None when it is none; a wrong one takes as long as a right one."""
    key = keys.get(text[len(PREFIX) : len(PREFIX) + NAME_DIGITS]) if text.startswith(PREFIX) else None
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    is_same = hmac.compare_digest(digest, key.digest if key else "0" * 64)
    return key if is_same else None


def scopes_named(names: Collection[str]) -> tuple[str, ...]:
    """Read names of scopes, separated by commas or given one by one.

    Raises:
        ConfigError: one is unknown.
    """
    wanted = {part.strip() for name in names for part in name.split(",") if part.strip()}
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        raise ConfigError(f"--scope {unknown[0] if unknown else '(none)'}: scopes are {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in wanted)


def create_key(
    engine: Engine,
    name: str,
    scopes: Collection[str],
    *,
    expires_at: dt.datetime | None,
    requests_per_minute: int | None,
    now: dt.datetime,
) -> tuple[str, dict[str, Any]]:
    """Make a key and store its digest.

    Returns:
        The key, which is known nowhere else, and its row without the digest.

    Raises:
        ConfigError: the name is empty or taken by a key that still holds, or the date is not in the future.
    """
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise ConfigError("a key needs a name of 1 to 100 printable characters, such as who uses it")
    if expires_at is not None and expires_at <= now:
        raise ConfigError(f"--expires {expires_at.date().isoformat()} is not in the future")
    key_id = secrets.token_hex(NAME_DIGITS // 2)
    text = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    row = {
        "key_id": key_id,
        "name": name,
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "scopes": " ".join(scopes_named(scopes)),
        "requests_per_minute": requests_per_minute,
        "created_at": now,
        "expires_at": expires_at,
        "revoked_at": None,
        "last_used_at": None,
    }
    with answering(engine), writing(engine) as connection:
        same = select(api_keys.c.key_id, api_keys.c.expires_at).where(
            api_keys.c.name == name, api_keys.c.revoked_at.is_(None)
        )
        if any(each.expires_at is None or each.expires_at > now for each in connection.execute(same)):
            raise ConfigError(f"there is a key {name!r} that still holds; revoke it first, or take another name")
        connection.execute(insert(api_keys).values(row))
    return text, _public(row)


def list_keys(engine: Engine) -> list[dict[str, Any]]:
    """Give every key that was ever made, the newest first, without digests."""
    with answering(engine), engine.connect() as connection:
        rows = connection.execute(select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id))
        return [_public(dict(row._mapping)) for row in rows]


def revoke_key(engine: Engine, which: str, *, now: dt.datetime) -> list[dict[str, Any]]:
    """Revoke the key with this id, or all that have this name; one that was revoked before stays as it was.

    Raises:
        ConfigError: there is none.
    """
    with answering(engine), writing(engine) as connection:
        fits = (api_keys.c.key_id == which) | (api_keys.c.name == which)
        if connection.execute(select(api_keys.c.key_id).where(fits)).first() is None:
            raise ConfigError(f"no key has the id or name {which!r}; `oresight keys list` shows them")
        connection.execute(update(api_keys).where(fits, api_keys.c.revoked_at.is_(None)).values(revoked_at=now))
        rows = connection.execute(select(api_keys).where(fits).order_by(api_keys.c.created_at, api_keys.c.key_id))
        return [_public(dict(row._mapping)) for row in rows]


def note_use(engine: Engine, used: Mapping[str, dt.datetime]) -> None:
    """Note when keys were used last."""
    with answering(engine), writing(engine) as connection:
        for key_id, moment in used.items():
            newer = (api_keys.c.last_used_at.is_(None)) | (api_keys.c.last_used_at < moment)
            connection.execute(update(api_keys).where(api_keys.c.key_id == key_id, newer).values(last_used_at=moment))


def _public(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "digest"}
