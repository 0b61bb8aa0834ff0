"""Caching by the run: an ETag that changes with run, edition and representation, and how long an answer may be kept."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from features.knowledge_time import UTC

__all__ = ["FOREVER", "REVALIDATE", "Stamp", "headers_for", "http_date", "tag_of", "unchanged"]

# Changes with what the service makes of the same rows.
REPRESENTATION = "1"
# A run never changes, so what is addressed by its id may be kept for a week; anything else is asked for again.
FOREVER = "max-age=604800, immutable"
REVALIDATE = "max-age=15, must-revalidate"


@dataclass(frozen=True)
class Stamp:
    """What an answer rests on.

    Attributes:
        tag: changes whenever the rows could.
        headers: which run it is, for readers that want to know.
        is_fixed: the rows can never change.
    """

    tag: str
    headers: Mapping[str, str] = field(default_factory=dict)
    is_fixed: bool = False


def tag_of(stamp: Stamp, request: Request, form: str) -> str:
    """Give the entity tag of one representation."""
    query = request.scope.get("query_string", b"")
    path = request.scope["path"].encode("utf-8", "surrogateescape")
    asked = hashlib.blake2b(path + b"?" + query + b"#" + form.encode(), digest_size=8).hexdigest()
    return f'"{stamp.tag}.{asked}.{REPRESENTATION}"'


def headers_for(stamp: Stamp, request: Request, tag: str) -> dict[str, str]:
    """Give the headers of an answer; what was read with a key is for its reader alone."""
    private = "private" if request.scope.get("oresight.key") is not None else "public"
    return {
        "ETag": tag,
        "Cache-Control": f"{private}, {FOREVER if stamp.is_fixed else REVALIDATE}",
        "Vary": "Accept, Authorization, X-API-Key",
        **stamp.headers,
    }


def unchanged(stamp: Stamp, request: Request, form: str) -> Response | None:
    """Give 304 when the reader has this very representation, else None."""
    given = request.headers.get("if-none-match")
    if given is None:
        return None
    tag = tag_of(stamp, request, form)
    # Weakly compared, as RFC 9110 asks for here: a proxy that compresses marks the tag.
    tags = {part.strip().removeprefix("W/") for part in given.split(",")}
    if tag not in tags and "*" not in tags:
        return None
    return Response(status_code=304, headers=headers_for(stamp, request, tag))


def http_date(moment: dt.datetime) -> str:
    """Give a moment as HTTP has it."""
    return moment.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
