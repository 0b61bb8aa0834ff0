"""The web notice: one folder with the page, a feed per language and the CAP files; made anew from the database each
time.

Every file is written aside and renamed, the page last, so a reader never sees half of one. Nothing in the folder is
a script.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import jinja2
from sqlalchemy import Engine, select

from ml.alerts import record
from ml.alerts.atom import feed
from ml.alerts.cap import cap_message
from ml.alerts.record import Event
from ml.alerts.rules import Rules, Web
from ml.alerts.texts import compose, percent
from ml.alerts.words import LANGUAGES
from ml.database.warning_tables import warning_events, warnings
from ml.pages import template_environment
from ml.results import write_text

__all__ = ["write_web"]

DETAILED, CLEARED = 50, 30
FEEDS = {"en": "warnings.atom", "zh-Hant": "warnings.zh-Hant.atom"}
Line = dict[str, Any]


def write_web(engine: Engine, rules: Rules, out: Path, *, now: dt.datetime) -> dict[str, Any]:
    """Write page, feeds and CAP files of all warnings into a folder.

    Returns:
        Counts of open warnings, feed entries and CAP files, and the files of the page and feeds.
    """
    with engine.connect() as connection:
        told = warning_events.c.told == "single"
        entries = record.events_of(connection, told, limit=rules.web.entries)
        is_open = warnings.c.open_key.is_not(None)
        order = (warnings.c.is_drill, warnings.c.probability.desc(), warnings.c.warning_id)
        standing = connection.execute(select(warnings).where(is_open).order_by(*order)).mappings().all()
        over = select(warnings).where(~is_open).order_by(warnings.c.changed_as_of.desc(), warnings.c.warning_id)
        cleared = connection.execute(over.limit(CLEARED)).mappings().all()
        shown = [*standing[: rules.web.entries], *cleared]
        newest = {f"{row['warning_id']}/{row['number']}" for row in shown}
        events = {each.event_id: each for each in record.events_of(connection, warning_events.c.event_id.in_(newest))}
        ids = {each.warning_id for each in entries if each.warning_id}
        histories: dict[str, list[Event]] = {}
        for each in record.events_of(connection, warning_events.c.warning_id.in_(ids), newest_first=False):
            histories.setdefault(str(each.warning_id), []).append(each)
        trusted = record.newest_run(connection, is_drill=False, trusted=True)
        held = (warning_events.c.kind == "held", warning_events.c.is_drill.is_(False))
        notices = record.events_of(connection, *held, limit=1)
    # What was held back is of the past once a later run could be relied on.
    notice = notices[0] if notices and (trusted is None or notices[0].as_of > trusted["as_of"]) else None
    caps = 0
    for each in entries:
        if each.warning_id is not None:
            before = [other for other in histories[each.warning_id] if other.number < each.number]
            write_text(out / "cap" / f"{each.event_id.replace('/', '-')}.xml", _cap(each, before, rules.web))
            caps += 1
    updated = max((each.created_at for each in entries), default=now)
    for language, name in FEEDS.items():
        write_text(out / name, feed(entries, web=rules.web, updated=updated, language=language))
    lines = [_line(row, events[f"{row['warning_id']}/{row['number']}"], rules.web) for row in shown]
    real = sum(not row["is_drill"] for row in standing)
    page = _page(lines[: len(lines) - len(cleared)], lines[len(lines) - len(cleared) :], real, notice, trusted)
    write_text(out / "index.html", page)
    files = {"page": str(out / "index.html"), **{f"feed {key}": str(out / name) for key, name in FEEDS.items()}}
    return {"open": len(standing), "entries": len(entries), "cap_files": caps, "files": files}


def _cap(event: Event, before: list[Event], web: Web) -> str:
    earlier = [(each.event_id, each.created_at) for each in before]
    message = cap_message(
        event.event_id, event.facts, sent=event.created_at, earlier=earlier, web=web, is_drill=event.is_drill
    )
    return '<?xml version="1.0" encoding="utf-8"?>\n' + message


def _line(row: Any, event: Event, web: Web) -> Line:
    texts = {
        language: compose(
            "", event.event_id, event.facts, language=language, is_drill=event.is_drill, address=web.address
        ).text
        for language in LANGUAGES
    }
    return {**row, "facts": event.facts, "why": LANGUAGES["en"].why[event.why], "texts": texts, "event": event}


def _page(standing: list[Line], cleared: list[Line], count: int, notice: Event | None, trusted: Any) -> str:
    environment = template_environment()
    assert environment.loader is not None
    own = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment.loader = jinja2.ChoiceLoader([environment.loader, own])
    environment.filters |= {"percent": percent, "day": lambda moment: moment.date().isoformat()}
    return environment.get_template("warnings.html.j2").render(
        standing=standing,
        cleared=cleared,
        count=count,
        detailed=DETAILED,
        notice=notice,
        trusted=trusted,
        words=LANGUAGES["en"],
        feeds=FEEDS,
    )
