"""Messages as people read them: subject and long text (e-mail, page), and the short one for SMS; in their language."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from ml.alerts.drivers import driver_in
from ml.alerts.sms import short_text
from ml.alerts.words import LANGUAGES

__all__ = ["Message", "compose", "headline"]

Json = Mapping[str, Any]
NO_BREAK = "\u00a0"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient: `key` is the same however often it is sent; `facts` are for machines."""

    key: str
    event_id: str
    subject: str
    text: str
    short: str
    is_drill: bool
    facts: Json
    cap: str = ""


def compose(
    key: str,
    event_id: str,
    facts: Json,
    *,
    language: str,
    is_drill: bool,
    importer: str = "",
    address: str = "",
    cap: str = "",
) -> Message:
    """Word an event's facts for one recipient.

    Args:
        importer: ISO3 code of the reader's own country; without one, all importers of the facts are named.
        address: the page of all warnings; links go to the warning in it.
        cap: the same event as CAP XML, for those who take that.
    """
    words = LANGUAGES[language]
    link = address and (f"{address}#{facts['warning_id']}" if "warning_id" in facts else address)
    importers = [each for each in facts.get("importers", ()) if not importer or each["importer"] == importer]
    context = {
        "f": facts,
        "words": words,
        "is_drill": is_drill,
        "importers": importers,
        "address": link,
        "headline": headline(facts, language),
        "drivers": [driver_in(language, each) for each in facts.get("drivers", ())],
    }
    text = _environment().get_template(f"long.{language}.txt.j2").render(context)
    subject = (words.drill if is_drill else "") + headline(facts, language)
    short = short_text(facts, language, is_drill=is_drill, address=link)
    return Message(key, event_id, subject, text, short, is_drill, facts, cap)


def headline(facts: Json, language: str) -> str:
    """Give one line: what, where, how likely."""
    words = LANGUAGES[language]
    if facts["kind"] in ("digest", "held"):
        return getattr(words, facts["kind"]).format(**facts)
    names = {"kind": words.kinds[facts["kind"]], "target": words.targets[facts["target"]]}
    return words.headline.format(**{**facts, **names, "probability": percent(facts["probability"])})


def percent(share: float | None) -> str:
    """Give a share as whole percent: what is above 0 or below 1 never rounds to it."""
    if share is None:
        return "–"
    rounded = "<1" if 0 < share < 0.005 else ">99" if 0.995 <= share < 1 else f"{100 * share:.0f}"
    return f"{rounded}{NO_BREAK}%"


def _points(change: float) -> str:
    return f"{100 * change:+.1f}".replace("-", "\u2212") if abs(change) >= 0.0005 else "0"


def _times(ratio: float) -> str:
    return f"{ratio:.1f}{NO_BREAK}×"


def _tonnes(tonnes: float) -> str:
    return f"{tonnes:,.0f}{NO_BREAK}t" if tonnes >= 1 else f"<1{NO_BREAK}t"


@functools.cache
def _environment() -> jinja2.Environment:
    # Plain text: nothing is escaped. The page has an environment of its own.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters |= {"percent": percent, "points": _points, "times": _times, "tonnes": _tonnes}
    return environment
