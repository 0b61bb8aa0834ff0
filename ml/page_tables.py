"""What pages of studies are made of: tables in Markdown, numbers with intervals, and the same page as HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ml.pages import template_environment

__all__ = ["cell", "made_by", "page_as_html", "percent", "plain", "table"]


def table(head: Sequence[str], lines: Sequence[Sequence[str]], *, words: int | None = None) -> str:
    """Give a Markdown table, with a line break at its end; columns after the first `words` stand to the right."""
    left = len(head) if words is None else words
    rows = [head, ["---"] * left + ["---:"] * (len(head) - left), *lines]
    return "\n".join("| " + " | ".join(text.replace("|", "/") for text in row) + " |" for row in rows) + "\n"


def plain(value: float | None, digits: int = 3) -> str:
    """Give a number, a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """Give a share in percent, a dash where there is none."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def cell(metric: Mapping[str, float | None], digits: int = 3, *, sign: str = "") -> str:
    """Give a metric with its interval, where it has one; with `sign="+"` a difference, whose sign is always said."""
    value, low, high = metric["value"], metric["low"], metric["high"]
    if value is None:
        return plain(value)
    interval = "" if low is None or high is None else f" [{low:{sign}.{digits}f} to {high:{sign}.{digits}f}]"
    return f"{value:{sign}.{digits}f}{interval}"


def made_by(command: str, about: Mapping[str, Any]) -> str:
    """Give a page's last sentence: the command that made it, and what it knew (`draws`, `as_of`, `data_digest`)."""
    return (
        f"Made by `oresight {command} --out DIR --draws {about['draws']} --page FILE` from what was known on "
        f"{about['as_of']} (data {about['data_digest'][:12]}); edit nothing here by hand.\n"
    )


def page_as_html(text: str) -> str:
    """Give a page as HTML: what pages of studies use of Markdown (headings, tables, lists, bold, italics, code).

    Everything else in the text is escaped.

    Example:
        >>> "<h2>A &lt;b&gt;</h2>" in page_as_html("# Title" + chr(10) * 2 + "## A <b>")
        True
    """
    blocks = [block for block in re.split(r"\n\s*\n|\n(?=#)|(?<=\|)\n(?!\|)", text) if block.strip()]
    title = next((block.strip()[2:] for block in blocks if block.strip().startswith("# ")), "oresight")
    body = "\n".join(_block(block.strip()) for block in blocks if not block.strip().startswith("# "))
    template = template_environment().get_template("study.html.j2")
    return template.render(title=title, body=Markup(body))


def _block(block: str) -> str:
    lines = block.splitlines()
    if block.startswith("#"):
        level = len(block) - len(block.lstrip("#"))
        return f"<h{level}>{_words(block.lstrip('# '))}</h{level}>"
    if block.startswith("|"):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        top = "".join(f'<th scope="col">{_words(cell)}</th>' for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{_words(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
        return f'<div class="scroll"><table><thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>'
    if block.startswith("- "):
        items = re.split(r"\n- ", block[2:])
        return "<ul>" + "".join(f"<li>{_words(item)}</li>" for item in items) + "</ul>"
    return f"<p>{_words(block)}</p>"


def _words(text: str) -> str:
    told = html.escape(text, quote=False)
    for mark, name in ((r"\*\*", "strong"), (r"\*", "em"), ("`", "code")):
        told = re.sub(rf"{mark}(.+?){mark}", rf"<{name}>\1</{name}>", told)
    return told
