"""Warnings as CAP 1.2 messages (OASIS Common Alerting Protocol, 1 July 2010) for agencies that take in that form.

The elements stand in the order of the schema, section 3.4 of the standard. An update or a cancellation refers to
every earlier message of its warning (`sender,identifier,sent`); a drill has the status Exercise. A message expires
when the next weekly run, with its grace, should have renewed it: a silent system leaves no standing alarm.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from features.knowledge_time import UTC
from ml.alerts.rules import Web
from ml.alerts.texts import compose
from ml.alerts.words import LANGUAGES

__all__ = ["NAMESPACE", "cap_message"]

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MESSAGE_TYPES = {"raised": "Alert", "updated": "Update", "acknowledged": "Update", "cleared": "Cancel"}
SEVERITY = {"severe": "Severe", "elevated": "Moderate", "guarded": "Minor", "low": "Minor"}
Json = Mapping[str, Any]


def cap_message(
    event_id: str,
    facts: Json,
    *,
    sent: dt.datetime,
    earlier: Sequence[tuple[str, dt.datetime]],
    web: Web,
    is_drill: bool,
) -> str:
    """Give the XML of one change of a warning.

    Args:
        facts: of a change, not of a digest or notice.
        sent: when the change was put on record.
        earlier: id and moment of the warning's earlier changes, the oldest first.
    """
    ElementTree.register_namespace("", NAMESPACE)
    alert = ElementTree.Element(f"{{{NAMESPACE}}}alert")
    _add(alert, "identifier", _identifier(event_id))
    _add(alert, "sender", web.sender)
    _add(alert, "sent", _time(sent))
    _add(alert, "status", "Exercise" if is_drill else "Actual")
    _add(alert, "msgType", MESSAGE_TYPES[facts["kind"]] if earlier else "Alert")
    _add(alert, "scope", "Public")
    if is_drill:
        _add(alert, "note", "Drill: nothing has happened.")
    if earlier:
        _add(alert, "references", " ".join(f"{web.sender},{_identifier(name)},{_time(at)}" for name, at in earlier))
    for language in LANGUAGES:
        _add_info(alert, language, event_id, facts, sent=sent, web=web, is_drill=is_drill)
    ElementTree.indent(alert)
    return ElementTree.tostring(alert, encoding="unicode", xml_declaration=False) + "\n"


def _add_info(
    alert: ElementTree.Element,
    language: str,
    event_id: str,
    facts: Json,
    *,
    sent: dt.datetime,
    web: Web,
    is_drill: bool,
) -> None:
    words = LANGUAGES[language]
    message = compose("", event_id, facts, language=language, is_drill=is_drill, address=web.address)
    is_over = facts["kind"] == "cleared"
    info = _add(alert, "info")
    _add(info, "language", "zh-TW" if language == "zh-Hant" else "en")
    _add(info, "category", "Other")
    _add(info, "event", words.targets[facts["target"]])
    _add(info, "responseType", "AllClear" if is_over else "Prepare" if facts["tier"] == "severe" else "Monitor")
    _add(info, "urgency", "Past" if is_over else "Expected" if facts["horizon"] == "current_year" else "Future")
    _add(info, "severity", SEVERITY[facts["tier"]])
    # "Likely" is more than half by the standard (section 3.2.2).
    _add(info, "certainty", "Likely" if facts["probability"] > 0.5 else "Possible")
    _add(info, "effective", _time(sent))
    _add(info, "expires", _time(_expires(facts, sent, web)))
    _add(info, "senderName", "oresight")
    _add(info, "headline", message.subject)
    _add(info, "description", message.text)
    if web.address:
        _add(info, "web", f"{web.address}#{facts['warning_id']}")
    for name in ("mineral", "supplier", "target", "window", "as_of", "data_as_of", "run_id"):
        _add_value(info, "parameter", name, facts[name])
    for name in ("probability", "p_low", "p_high", "base_rate"):
        _add_value(info, "parameter", name, None if facts[name] is None else f"{facts[name]:.4f}")
    area = _add(info, "area")
    _add(area, "areaDesc", facts["supplier_zh" if language == "zh-Hant" else "supplier_en"])
    _add_value(area, "geocode", "ISO 3166-1 alpha-3", facts["supplier"])


def _expires(facts: Json, sent: dt.datetime, web: Web) -> dt.datetime:
    # The next run is due a week after the as_of of this one. What is put on record later still holds for a while.
    due = dt.datetime.fromisoformat(facts["as_of"]).replace(tzinfo=UTC) + dt.timedelta(days=7)
    return max(due, sent) + dt.timedelta(hours=max(1, web.expires_grace_hours))


def _identifier(event_id: str) -> str:
    # No spaces, commas, < or & (section 3.2.1).
    return event_id.replace("/", "-")


def _time(moment: dt.datetime) -> str:
    # The schema wants an offset, and the standard -00:00 for UTC.
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")


def _add(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
    found = ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    found.text = text
    return found


def _add_value(parent: ElementTree.Element, name: str, key: str, value: Any) -> None:
    if value is not None:
        pair = _add(parent, name)
        _add(pair, "valueName", key)
        _add(pair, "value", str(value))
