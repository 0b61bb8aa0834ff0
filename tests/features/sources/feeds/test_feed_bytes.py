"""Bytes to text: the encodings that publishers send, whatever they declare, and nothing that a parser would expand."""

from __future__ import annotations

import time

import pytest

from features.errors import BadInput
from features.sources.feeds.feed_bytes import cut_items, decode, prepared

CHINESE, JAPANESE, KOREAN, SPANISH = "中国稀土出口管制", "レアアースの輸出規制", "희토류 수출 통제", "Minería año"


def declared(encoding: str, text: str) -> bytes:
    return f'<?xml version="1.0" encoding="{encoding}"?><rss>{text}</rss>'.encode(encoding)


def lying(said: str, text: str, really: str) -> bytes:
    return f'<?xml version="1.0" encoding="{said}"?><rss>{text}</rss>'.encode(really)


@pytest.mark.parametrize(
    ("raw", "hints", "text", "encoding"),
    [
        (declared("utf-8", CHINESE), {}, CHINESE, "utf-8"),
        (b"\xef\xbb\xbf" + declared("utf-8", CHINESE), {}, CHINESE, "utf-8"),
        (declared("utf-16", CHINESE), {}, CHINESE, "utf-16-le"),
        (f"<rss>{CHINESE}</rss>".encode("utf-16-be"), {}, CHINESE, "utf-16-be"),
        (declared("gb2312", CHINESE), {}, CHINESE, "gb18030"),
        (declared("big5", "中國稀土"), {}, "中國稀土", "big5"),
        (declared("euc-jp", JAPANESE), {}, JAPANESE, "euc_jp"),
        (declared("iso-2022-jp", JAPANESE), {}, JAPANESE, "iso2022_jp"),
        (declared("iso-8859-1", SPANISH), {}, SPANISH, "cp1252"),
        # Declared as one thing and sent as another.
        (lying("utf-8", CHINESE, "gb18030"), {}, CHINESE, "gb18030"),
        (lying("utf-8", CHINESE, "gb18030"), {"language": "zh"}, CHINESE, "gb18030"),
        (lying("utf-8", JAPANESE, "shift_jis"), {"language": "ja"}, JAPANESE, "cp932"),
        (lying("utf-8", KOREAN, "euc-kr"), {"language": "ko"}, KOREAN, "cp949"),
        (lying("utf-8", SPANISH, "latin-1"), {}, SPANISH, "cp1252"),
        (lying("utf-8", SPANISH, "latin-1"), {"language": "es"}, SPANISH, "cp1252"),
        (lying("gb2312", CHINESE, "utf-8"), {}, CHINESE, "utf-8"),
        (lying("iso-8859-1", SPANISH, "utf-8"), {}, SPANISH, "utf-8"),
        (lying("no-such-encoding", SPANISH, "utf-8"), {}, SPANISH, "utf-8"),
        (lying("base64", SPANISH, "latin-1"), {}, SPANISH, "cp1252"),
        # Only the header of the answer says it.
        (f"<rss>{CHINESE}</rss>".encode("gbk"), {"content_type": 'text/xml; charset="GBK"'}, CHINESE, "gb18030"),
    ],
)
def test_text_is_what_the_publisher_meant(raw: bytes, hints: dict[str, str], text: str, encoding: str):
    found, name = decode(raw, **hints)
    assert text in found
    assert name == encoding


def test_bytes_of_no_encoding_are_read_all_the_same():
    text, _ = decode(b"<rss>gold \x81\x8d\xff falls</rss>", language="en")
    assert text.startswith("<rss>gold ")
    assert text.endswith(" falls</rss>")


BOMBS = [
    '<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><rss>&b;</rss>',
    '<!DOCTYPE rss [<!ENTITY file SYSTEM "file:///etc/passwd">]><rss>&file;</rss>',
    '<!-- <rss> --><!DOCTYPE rss [ <!entity a "x"> ]><rss/>',
    'junk <!DOCTYPE rss [<!ENTITY a "x">]><rss/>',
    '<!-- never closed <!DOCTYPE rss [<!ENTITY a "x">]><rss/>',
]


@pytest.mark.parametrize("text", BOMBS)
def test_a_feed_that_declares_entities_is_refused(text: str):
    with pytest.raises(BadInput, match="declares no entities"):
        prepared(text, where="a feed")


def test_a_doctype_alone_goes_and_talk_about_entities_stays():
    old = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://example.org/rss.dtd"><rss version="0.91"/>'
    assert prepared(f'<?xml version="1.0"?>{old}', where="") == '<rss version="0.91"/>'
    talk = "<rss><![CDATA[how <!ENTITY works]]><!-- <!ENTITY --></rss>"
    assert prepared(talk, where="") == talk


def test_names_of_html_are_resolved_and_those_of_xml_are_not():
    assert (
        prepared("<t>a&nbsp;&eacute; &amp;lt; &unknown; &lt;</t>", where="") == "<t>a\xa0é &amp;lt; &unknown; &lt;</t>"
    )


def test_characters_that_xml_forbids_go():
    assert prepared("<t>go\x00ld\x0b\x1f\n</t>", where="") == "<t>gold\n</t>"


def test_a_feed_of_a_hundred_thousand_items_is_cut_and_says_so():
    items = "".join(f"<item><title>{n}</title></item>" for n in range(100_000))
    short = cut_items(f"<rss><channel>{items}</channel></rss>", 3)
    assert short.left_out == 99_997
    assert short.endswith("<item><title>2</title></item></channel></rss>")
    entries = "<feed><a:entry>1</a:entry><a:entry>2</a:entry><a:entry>3</a:entry></feed>"
    assert cut_items(entries, 2) == "<feed><a:entry>1</a:entry><a:entry>2</a:entry></feed>"
    assert (cut_items(entries, 3), cut_items(entries, 3).left_out) == (entries, 0)


@pytest.mark.parametrize("evil", ["<!--" * 500_000, "<![CDATA[" * 300_000, "&" * 3_000_000, "<!DOCTYPE [" * 300_000])
def test_hostile_text_takes_no_longer_than_its_length(evil: str):
    began = time.process_time()
    prepared(f"<rss>{evil}</rss>", where="")
    assert time.process_time() - began < 3
