"""What Grafana does to a query before it sends it, as its documentation says: macros of time, and variables.

Read at grafana.com/docs: PostgreSQL query editor (macros), global variables, and advanced variable format options.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["expand_sql", "expand_url", "left_over", "variables_of"]

Chosen = Mapping[str, str | Sequence[str]]
# $name, ${name} or ${name:format}.
VARIABLE = re.compile(r"\$\{(\w+)(?::([\w:.-]+))?\}|\$(\w+)")


def _iso(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _sqlstring(value: str | Sequence[str]) -> str:
    parts = [value] if isinstance(value, str) else value
    return ",".join("'" + part.replace("'", "''") + "'" for part in parts)


def expand_sql(query: str, chosen: Chosen, since: dt.datetime, until: dt.datetime) -> str:
    """Expand a query of the PostgreSQL data source."""
    first, last = since.strftime("%Y-%m-%dT%H:%M:%SZ"), until.strftime("%Y-%m-%dT%H:%M:%SZ")
    query = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN '{first}' AND '{last}'", query)
    query = query.replace("$__timeFrom()", f"'{first}'").replace("$__timeTo()", f"'{last}'")

    def value(match: re.Match[str]) -> str:
        name, form = match[1] or match[3], match[2]
        assert form == "sqlstring", f"{match[0]}: only :sqlstring is safe against a value with a quote"
        return _sqlstring(chosen[name])

    return VARIABLE.sub(value, query)


def expand_url(text: str, chosen: Chosen, since: dt.datetime, until: dt.datetime) -> str:
    """Expand a path or a parameter of Infinity."""

    def value(match: re.Match[str]) -> str:
        name, form = match[1] or match[3], match[2]
        if name in ("__from", "__to"):
            assert form == "date:iso", f"{match[0]}: other formats are in the browser's zone"
            return _iso(since if name == "__from" else until)
        found = chosen[name]
        assert isinstance(found, str), f"{name} has many values, and an address takes one"
        return found

    return VARIABLE.sub(value, text)


def left_over(text: str) -> list[str]:
    """Give what looks like a variable or a macro and was not expanded."""
    return re.findall(r"\$\{?_*\w+", text)


def variables_of(page: Mapping[str, Any], ask: Callable[[str], list[str]]) -> dict[str, str | list[str]]:
    """Choose as Grafana does when a page is opened: what is stored as current, and all where that is `$__all`.

    Args:
        ask: runs an expanded query and gives its first column.
    """
    chosen: dict[str, str | list[str]] = {}
    zero = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    for each in page["templating"]["list"]:
        if each["type"] == "datasource":
            chosen[each["name"]] = each["current"]["value"]
        elif each["type"] == "query":
            options = ask(expand_sql(each["query"], chosen, zero, zero))
            current = each["current"]["value"]
            chosen[each["name"]] = options if current == ["$__all"] else (current or options[0])
        else:
            chosen[each["name"]] = each["current"]["value"]
    assert json.dumps(chosen)
    return chosen
