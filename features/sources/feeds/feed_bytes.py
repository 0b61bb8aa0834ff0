"""From the bytes of a feed to text that is safe to parse: decoded by us, without entities of its own, and bounded.

Publishers declare wrong encodings, so a declaration is believed only if the bytes agree, and bytes that are valid UTF-8
are UTF-8 whatever is declared (except for the encodings of seven bits, which are valid UTF-8 as well).
"""

from __future__ import annotations

import codecs
import re
from html.entities import name2codepoint

from features.errors import BadInput
from features.sources.feeds.plain_text import whole

__all__ = ["FewerItems", "cut_items", "decode", "prepared"]

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Without a byte order mark: how the first characters of any XML look in two bytes each.
WIDE_STARTS = ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))
# Names that publishers use for less than what they send.
WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "cp1252", "shift_jis": "cp932"}
SEVEN_BITS = ("iso2022_jp", "iso2022_kr", "hz", "utf-7")
FALLBACKS = {"zh": ("gb18030", "big5"), "ja": ("cp932", "euc_jp"), "ko": ("cp949",)}
DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9_.:-]+)["']""")
CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
DOCTYPE_BEGINS = re.compile("<!DOCTYPE", re.IGNORECASE)
DOCTYPE = re.compile(r"<!DOCTYPE[^\[<>]*(\[[^\]]*\]\s*)?>", re.IGNORECASE)
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
NUMBER = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,8})|([0-9]{1,8}));")
ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
XML_ENTITIES = ("amp", "lt", "gt", "quot", "apos")
ITEM_END = re.compile(r"</(?:\w+:)?(?:item|entry)\s*>", re.IGNORECASE)
HEAD_BYTES = 1024
# What is text and not structure: comments and CDATA sections.
ASIDE = (("<!--", "-->"), ("<![CDATA[", "]]>"))


class FewerItems(str):
    """A feed's text of which `left_out` items were cut off."""

    left_out = 0


def decode(raw: bytes, *, content_type: str = "", language: str = "") -> tuple[str, str]:
    """Decode the bytes of a feed or table.

    Args:
        content_type: the header of the answer, if there was one.
        language: of the feed, if known: it says which old encodings are likely.

    Returns:
        The text and the name of the encoding. Bytes that fit no encoding of the language are read as cp1252, where
        a byte without meaning becomes the replacement character.

    Example:
        >>> decode("Minería".encode("latin-1"), content_type="text/xml; charset=utf-8")
        ('Minería', 'cp1252')
    """
    for mark, name in BOMS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace"), name
    for start, name in WIDE_STARTS:
        if raw.startswith(start):
            return raw.decode(name, "replace"), name
    declared = [name for name in map(_known, (*_declared(raw), _charset(content_type))) if name]
    for name in [name for name in declared if name in SEVEN_BITS]:
        if (text := _strictly(raw, name)) is not None:
            return text, name
    # UTF-8 but for halves of surrogate pairs, which some programs write.
    if (text := _strictly(raw, "utf-8", "surrogatepass")) is not None:
        return whole(text), "utf-8"
    for name in (*declared, *_fallbacks(raw, language)):
        if (text := _strictly(raw, name)) is not None:
            return text, name
    return raw.decode("cp1252", "replace"), "cp1252"


def prepared(text: str, *, where: str) -> str:
    """Make decoded XML ready for a parser: no declarations, no characters that XML forbids, named entities resolved.

    Raises:
        BadInput: it declares entities, which a parser would expand, once or a billion times.
    """
    text = NOT_XML.sub("", text)
    if "<!ENTITY" in _outside_of_text(text).upper():
        raise BadInput(
            where=where,
            expected="a feed that declares no entities",
            found="a DOCTYPE with an ENTITY",
            remedy="It was not parsed. Is it what the publisher serves?",
        )
    text = DECLARATION.sub("", text, count=1)
    # One attempt, at the first place: trying at every place would take the square of the length.
    begins = DOCTYPE_BEGINS.search(text)
    if begins and (doctype := DOCTYPE.match(text, begins.start())):
        text = text[: doctype.start()] + text[doctype.end() :]
    # Half a surrogate pair as a number: no character, and parsers stop at it.
    text = NUMBER.sub(_character, text)
    # XML knows five names; a strict parser stops at any other, and feeds are full of &nbsp;.
    return ENTITY.sub(_resolved, text).strip()


def cut_items(text: str, most: int) -> FewerItems:
    """Keep the first `most` items of a feed's text and all that stands outside the items.

    Example:
        >>> short = cut_items("<rss><item>a</item><item>b</item></rss>", 1)
        >>> short, short.left_out
        ('<rss><item>a</item></rss>', 1)
    """
    first = last = found = 0
    for match in ITEM_END.finditer(text):
        found, last = found + 1, match.end()
        if found <= most:
            first = match.end()
    short = FewerItems(text[:first] + text[last:] if found > most else text)
    short.left_out = max(0, found - most)
    return short


def _strictly(raw: bytes, name: str, errors: str = "strict") -> str | None:
    try:
        return raw.decode(name, errors)
    except UnicodeError:
        return None


def _declared(raw: bytes) -> tuple[str, ...]:
    found = DECLARED.search(raw[:HEAD_BYTES])
    return (found[1].decode("ascii"),) if found else ()


def _charset(content_type: str) -> str:
    found = CHARSET.search(content_type)
    return found[1] if found else ""


def _known(name: str) -> str:
    try:
        plain = codecs.lookup(name).name if name else ""
    except LookupError:
        return ""
    # Codecs that give no text ("base64", "zlib") have names as well; wide ones were told by their first bytes.
    is_text = getattr(codecs.lookup(plain or "utf-8"), "_is_text_encoding", True)
    if plain.startswith(("utf-16", "utf-32")) or not is_text:
        return ""
    return WIDER.get(plain, plain)


def _fallbacks(raw: bytes, language: str) -> tuple[str, ...]:
    if language in FALLBACKS:
        return FALLBACKS[language]
    # Accents stand alone between plain letters; characters of East Asia take two high bytes each, mostly.
    high = len(re.findall(rb"[\x80-\xff]", raw))
    alone = len(re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", raw))
    return ("cp1252",) if language or alone * 2 > high else ("gb18030", "big5", "cp932", "cp1252")


def _outside_of_text(text: str) -> str:
    """Give an XML text without its comments and CDATA sections, in one pass whatever they hold."""
    parts: list[str] = []
    at = 0
    while True:
        starts = [(found, end) for mark, end in ASIDE if (found := text.find(mark, at)) >= 0]
        if not starts:
            return "".join([*parts, text[at:]])
        start, mark = min(starts)
        end = text.find(mark, start)
        if end < 0:
            # Never closed: a parser that is lenient reads on, so all of it counts.
            return "".join([*parts, text[at:]])
        parts.append(text[at:start])
        at = end + len(mark)


def _character(number: re.Match[str]) -> str:
    code = int(number[1], 16) if number[1] else int(number[2])
    return "\ufffd" if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF else number[0]


def _resolved(entity: re.Match[str]) -> str:
    name = entity[1]
    if name in XML_ENTITIES or name not in name2codepoint:
        return entity[0]
    return chr(name2codepoint[name])
