"""The feed of warnings (Atom, RFC 4287): one entry per change, ids that never change, plain text only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from xml.etree import ElementTree

from features.knowledge_time import UTC
from ml.alerts.record import Event
from ml.alerts.rules import Web
from ml.alerts.texts import compose

__all__ = ["feed"]

NAMESPACE = "http://www.w3.org/2005/Atom"
CAP_TYPE = "application/cap+xml"


def feed(
    events: Iterable[Event], *, web: Web, updated: dt.datetime, language: str = "en", with_cap: bool = True
) -> str:
    """Give the feed as XML, the newest entry first.

    Args:
        events: the newest first.
        updated: the moment of the last change; the same for the same events.
        with_cap: link each entry to its CAP file beside the feed.
    """
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.Element(f"{{{NAMESPACE}}}feed", {"xml:lang": language})
    _add(root, "id", f"{_tag(web)}:warnings")
    _add(root, "title", "oresight warnings" if language == "en" else "oresight 警示")
    _add(root, "updated", _time(updated))
    author = _add(root, "author")
    _add(author, "name", "oresight")
    if web.address:
        _add(root, "link", rel="alternate", type="text/html", href=web.address)
    for event in events:
        message = compose(
            "", event.event_id, event.facts, language=language, is_drill=event.is_drill, address=web.address
        )
        entry = _add(root, "entry")
        _add(entry, "id", f"{_tag(web)}:{event.event_id}")
        _add(entry, "title", message.subject)
        _add(entry, "updated", _time(event.created_at))
        _add(entry, "published", _time(event.created_at))
        if web.address and event.warning_id:
            _add(entry, "link", rel="alternate", type="text/html", href=f"{web.address}#{event.warning_id}")
        if with_cap and event.warning_id:
            _add(entry, "link", rel="enclosure", type=CAP_TYPE, href=f"cap/{event.event_id.replace('/', '-')}.xml")
        _add(entry, "category", term="drill" if event.is_drill else event.kind)
        _add(entry, "content", message.text, type="text")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _tag(web: Web) -> str:
    # A tag URI (RFC 4151) stays the same when the page moves to another host.
    return f"tag:{web.sender.rpartition('@')[2]},2026:oresight"


def _time(moment: dt.datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add(parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    found = ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    found.text = text
    return found
