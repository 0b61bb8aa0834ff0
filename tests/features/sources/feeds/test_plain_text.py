"""What is stored of a title, a summary and a link, whatever the feed sent."""

from __future__ import annotations

import time

import pytest

from features.sources.feeds.plain_text import plain_language, plain_link, plain_text, slug, split_publisher


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<b>Gold</b> falls", "Gold falls"),
        ("auto<b>motive</b>", "automotive"),
        ("one<br/>two<p>three</p>", "one two three"),
        ("AT&amp;T &#38; R&#x26;D", "AT&T & R&D"),
        ("a < b and 3 > 2", "a < b and 3 > 2"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("Copper<script>alert('x')</script> up", "Copper up"),
        ("Copper<style>p{}</style><!-- c --> up", "Copper up"),
        ("Copper<script>never closed", "Copper"),
        ("  Two \n\t lines\u2028and\x85more ", "Two lines and more"),
        ("gold\u202egnitset\u202c \u2066x\u2069 \u200bzero\ufeff", "goldgnitset x zero"),
        ("esc\x1b[31mred\x07", "esc [31mred"),
        ("稀土<em>管制</em>", "稀土管制"),
        ("\ud800half", "half"),
    ],
)
def test_titles_are_plain_text(sent: str, kept: str):
    assert plain_text(sent, most=400) == kept


def test_markup_that_is_meant_as_text_stays():
    assert plain_text("How <b> works &amp; why", most=400, is_html=False) == "How <b> works &amp; why"


def test_a_long_title_is_cut_with_a_mark():
    cut = plain_text("word " * 3_000_000, most=400)
    assert len(cut) <= 400
    assert cut.endswith("word…")
    assert plain_text("x" * 400, most=400) == "x" * 400


@pytest.mark.parametrize(
    "evil", ["<" * 20_000, "<!" * 20_000, "<a " * 20_000, "<script>" * 20_000, "<!--" * 20_000, "&" * 20_000]
)
def test_hostile_markup_takes_no_longer_than_its_length(evil: str):
    began = time.process_time()
    plain_text(evil, most=2000)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("/news/1", "https://example.org/news/1"),
        ("?p=2", "https://example.org/feeds/all.xml?p=2"),
        ("//cdn.example.org/a", "https://cdn.example.org/a"),
        (" https://x.org/a\n b ", "https://x.org/ab"),
        ("HTTP://X.org/a", "http://X.org/a"),
        ("javascript:alert(1)", ""),
        ("JaVa\tScript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("mailto:a@b.c", ""),
        ("file:///etc/passwd", ""),
        ("https://[broken", ""),
        ("https://x.org/\u202eevil", ""),
        ("https://x.org/" + "a" * 3000, ""),
        ("", ""),
        ("https://www.google.com/url?rct=j&url=https://mine.org/a%3Fb&ct=ga", "https://mine.org/a?b"),
        ("https://www.google.com/url?url=javascript:alert(1)", ""),
    ],
)
def test_links_lead_to_the_web_or_nowhere(sent: str, kept: str):
    assert plain_link(sent, base="https://example.org/feeds/all.xml") == kept


def test_the_publisher_comes_off_where_it_is_named_or_google_put_it():
    google = "https://news.google.com/rss/articles/x"
    assert split_publisher("Quota cut - again - Reuters", "Reuters", google) == ("Quota cut - again", "Reuters")
    assert split_publisher("Quota cut - again - Reuters", "", google) == ("Quota cut - again", "Reuters")
    assert split_publisher("Quota cut - again", "", "https://reuters.com/a") == ("Quota cut - again", "")
    assert split_publisher("Quota cut - again", "Reuters", google) == ("Quota cut - again", "Reuters")


def test_languages_are_primary_tags():
    told = ("en-US", "ZH_cn", "id", "", "english", "x", "pt-BR")
    assert [plain_language(tag) for tag in told] == ["en", "zh", "id", "", "", "", "pt"]


def test_names_become_ids():
    assert slug("Minería-2024.derived") == "mineria_2024_derived"
    assert slug("新闻联播") != slug("新闻")
