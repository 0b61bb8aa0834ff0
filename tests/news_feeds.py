"""For tests about news: small feeds, a list of a few feeds, and a linker that needs to have learned nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from features.sources import news
from features.text.items import Item, Link

MINERALS = ("cobalt", "copper", "gold", "nickel")
COUNTRIES = {"congo": "COD", "chile": "CHL", "indonesia": "IDN"}


def rss(*items: str, head: str = '<?xml version="1.0" encoding="utf-8"?>', channel: str = "") -> bytes:
    """Write RSS 2.0 of items that are titles or, beginning with `<`, what stands inside an item."""
    inner = [item if item.startswith("<") else f"<title>{item}</title><guid>{item}</guid>" for item in items]
    body = "".join(f"<item>{each}</item>" for each in inner)
    return f'{head}<rss version="2.0"><channel><title>Feed</title>{channel}{body}</channel></rss>'.encode()


def dated(title: str, date: str, *, guid: str = "", link: str = "") -> str:
    parts = f"<title>{title}</title><pubDate>{date}</pubDate>"
    return parts + (f"<guid>{guid}</guid>" if guid else "") + (f"<link>{link}</link>" if link else "")


def list_of_feeds(patch: pytest.MonkeyPatch, *ids: str, language: str = "en") -> None:
    """Let the catalogue's list be these feeds, and requests follow each other at once."""
    usual = {"publisher": "Somebody", "language": language, "more_hosts": "", "is_active": True}
    feeds = {name: usual | {"id": name, "address": f"https://{name}.example.org/feed"} for name in ids}
    patch.setattr(news, "_listed", lambda: feeds)
    patch.setattr(news, "SPEC", replace(news.SPEC, requests_per_minute=60_000))


def link_many(items: Iterable[Item], workers: int = 1) -> Iterator[Link]:
    """Link by plain words: `ban` is an export ban, `strike` a strike, everything else nothing."""
    for item in items:
        words = item.title.lower()
        event = next((kind for word, kind in (("ban", "export_ban"), ("strike", "strike")) if word in words), "none")
        minerals = tuple(name for name in MINERALS if name in words)
        suppliers = tuple(code for name, code in COUNTRIES.items() if name in words)
        yield Link(minerals, suppliers, event, "tightening" if event != "none" else "neutral", "happened", 0.9)


def plain_linker(patch: pytest.MonkeyPatch) -> None:
    module = ModuleType("features.text.linking")
    module.link_many, module.LINKER = link_many, "plain"
    patch.setitem(sys.modules, module.__name__, module)


def archive(path: Path, body: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path
