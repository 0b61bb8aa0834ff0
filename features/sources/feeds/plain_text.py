"""What a feed's strings become before they are stored: plain, short text, and links that lead to the web.

Everything here takes time in proportion to the length of what it is given, whatever that is.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from urllib.parse import parse_qs, urljoin, urlsplit

__all__ = [
    "MOST_SUMMARY",
    "MOST_TITLE",
    "digest",
    "language_of",
    "plain_language",
    "plain_link",
    "plain_text",
    "slug",
    "split_publisher",
    "whole",
]

MOST_TITLE, MOST_SUMMARY, MOST_LINK = 400, 2000, 2000
# Markup is longer than what it says; what lies beyond this is cut before it is looked at.
RAW_FACTOR = 10
INLINE = "a|abbr|b|big|cite|code|em|font|i|mark|q|s|small|span|strike|strong|sub|sup|tt|u|wbr"
HIDDEN = re.compile(r"<(script|style|iframe|object)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
INLINE_TAG = re.compile(rf"</?(?:{INLINE})(?:[\s/][^<>]*)?>", re.IGNORECASE)
TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
JOINERS = "\u200c\u200d"
HALVES = re.compile("[\ud800-\udfff]")
GOOGLE = ("news.google.com",)
LANGUAGE = re.compile(r"[a-z]{2,3}")
SCRIPTS = (("ja", r"[\u3040-\u30ff]"), ("ko", r"[\uac00-\ud7af]"), ("zh", r"[\u4e00-\u9fff]"))


def plain_text(text: str, *, most: int, is_html: bool = True) -> str:
    """Give text without markup, control and direction marks, on one line, cut at `most` characters with a mark.

    Example:
        >>> plain_text("<b>Gold</b>&nbsp;&amp; silver<br>fall\\u202e", most=400)
        'Gold & silver fall'
    """
    text = text[: most * RAW_FACTOR]
    if is_html and "<" in text:
        text = TAG.sub(" ", INLINE_TAG.sub("", COMMENT.sub(" ", HIDDEN.sub(" ", text))))
    if is_html and "&" in text:
        text = html.unescape(text)
    text = " ".join("".join(map(_printable, text)).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def whole(text: str) -> str:
    """Give text that can be encoded: halves of surrogate pairs, which are no characters, become the replacement mark.

    Example:
        >>> whole("a" + chr(0xD83D)) == "a" + chr(0xFFFD)
        True
    """
    return HALVES.sub("\ufffd", text)


def plain_link(link: str, *, base: str = "") -> str:
    """Give an absolute http or https address, "" if it is none: scripts, mail addresses and the like are dropped.

    A redirect of Google's alerts gives its target.

    Example:
        >>> plain_link("../a?b=1", base="https://example.org/feeds/all.xml"), plain_link("javascript:alert(1)")
        ('https://example.org/a?b=1', '')
    """
    link = "".join(link.split())
    if not link or len(link) > MOST_LINK or any(unicodedata.category(letter)[0] == "C" for letter in link):
        return ""
    try:
        full = urljoin(base, link)
        parts = urlsplit(full)
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            return ""
        if parts.hostname == "www.google.com" and parts.path == "/url":
            return plain_link(parse_qs(parts.query).get("url", [""])[0])
    except ValueError:
        return ""
    return parts.scheme.lower() + full[len(parts.scheme) :]


def split_publisher(title: str, publisher: str, link: str) -> tuple[str, str]:
    """Take the publisher off the end of a title, where collectors of news put it.

    Args:
        publisher: what the item itself names as its source, "" if nothing.

    Example:
        >>> split_publisher("Cobalt quota cut - again - Reuters", "Reuters", "")
        ('Cobalt quota cut - again', 'Reuters')
    """
    if publisher and title.endswith(f" - {publisher}"):
        return title[: -len(publisher) - 3].rstrip(), publisher
    if not publisher and (urlsplit(link).hostname or "") in GOOGLE and " - " in title:
        title, _, publisher = title.rpartition(" - ")
    return title.rstrip(), publisher


def plain_language(tag: str) -> str:
    """Give the primary language of a tag, "" if it is none: `en` for `en-US`."""
    found = LANGUAGE.match(tag.strip().lower())
    return found[0] if found and len(re.split(r"[-_]", tag.strip())[0]) == len(found[0]) else ""


def language_of(text: str) -> str:
    """Tell Chinese, Japanese and Korean by their script, "" for everything else."""
    return next((language for language, script in SCRIPTS if re.search(script, text)), "")


def slug(text: str) -> str:
    """Give a name as an id: small letters, digits and underscores.

    Example:
        >>> slug("google-news.100 Items")
        'google_news_100_items'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "_".join(re.findall(r"[a-z0-9]+", plain)) or f"feed_{digest(text)[:8]}"


def digest(*parts: str) -> str:
    """Give sixteen hexadecimal digits that stand for some texts."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _printable(letter: str) -> str:
    if letter.isalnum() or letter == " ":
        return letter
    category = unicodedata.category(letter)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    # Direction marks, invisible characters, halves of characters; private ones are somebody's icons.
    return "" if category[0] == "C" and letter not in JOINERS else letter
