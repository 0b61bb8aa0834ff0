"""Is an answer what was promised? Judged by its declared type, its first bytes and its length, never parsed.

Publishers answer 200 with a page that says "down for maintenance" or "accept the terms", where a workbook was promised.
Such an answer must not become a payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from features.errors import BadInput

__all__ = ["FetchFailed", "check_encoding", "check_name", "check_start", "check_type"]

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
STARTS: Mapping[str, tuple[bytes, ...]] = {
    ".xlsx": ZIP,
    ".zip": ZIP,
    ".xls": (b"\xd0\xcf\x11\xe0",),
    ".gz": (b"\x1f\x8b",),
    ".parquet": (b"PAR1",),
    ".json": (b"{", b"["),
    ".xml": (b"<",),
    ".pdf": (b"%PDF",),
}
PAGES = (".html", ".htm")
# Many publishers call their feed a page; whether it is one, its reader tells.
CALLED_PAGES = (".feed",)
PAGE_TYPES = ("text/html", "application/xhtml+xml")
# Two encodings on top of each other multiply how much a small answer unpacks to.
ENCODINGS = ("", "identity", "gzip", "deflate")
BLANKS = b"\xef\xbb\xbf \t\r\n"


class FetchFailed(BadInput):
    """A publisher could not be reached, refused, or did not serve what it promised; nothing was stored."""


def check_name(name: str) -> None:
    """Refuse a name for a download that is more than the name of a file."""
    if not name or PurePosixPath(name).name != name or name.startswith(".") or "\\" in name:
        raise FetchFailed(
            where=repr(name), expected="a plain file name", found="a path", remedy="Correct the source's requests()."
        )


def check_encoding(encoding: str, *, where: str) -> None:
    """Refuse an answer that is packed in a way we did not ask for."""
    if encoding.strip().lower() not in ENCODINGS:
        raise FetchFailed(
            where=where, expected="an answer packed with gzip or not at all", found=encoding, remedy="Try again later."
        )


def check_type(content_type: str, name: str, *, where: str) -> None:
    """Refuse a web page where a data file was promised, by what the answer says of itself."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in PAGE_TYPES and PurePosixPath(name).suffix.lower() not in (*PAGES, *CALLED_PAGES):
        raise _not_as_promised(name, f"a web page ({kind})", where)


def check_start(start: bytes, name: str, *, where: str) -> None:
    """Refuse an answer whose first bytes are not those of the kind of file that was promised."""
    suffix = PurePosixPath(name).suffix.lower()
    text = start.lstrip(BLANKS)
    if suffix not in PAGES and text[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise _not_as_promised(name, "a web page", where)
    starts = STARTS.get(suffix)
    if starts is not None and not (text if suffix in (".json", ".xml") else start).startswith(starts):
        raise _not_as_promised(name, f"something that begins with {bytes(start[:12])!r}", where)


def _not_as_promised(name: str, found: str, where: str) -> FetchFailed:
    kind = PurePosixPath(name).suffix.lstrip(".") or "data"
    return FetchFailed(
        where=where,
        expected=f"a {kind} file",
        found=found,
        remedy="Open the address in a browser: it may have moved (setting endpoints), or want its terms accepted.",
    )
